"""The texts that offsets refer to are written as they are, each under a name of its own, and nowhere else."""

import zipfile
from pathlib import Path

import pytest

import bigbird_cli as bb
from bigbird_cli.api.reading.extracting import TextFolder
from bigbird_cli.errors import ResourceError, UsageError
from bigbird_cli.text.documents import Document
from tests.made import write, write_zip

TEXT = "In 1820 Ada lit the lamp."


def written(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes().decode() for path in files}


def test_every_document_has_its_text_in_the_structure_of_the_folder(tmp_path: Path) -> None:
    for place in ("a/deed.pdf", "a/deed.docx", "a/b/deed.pdf.gz", "note.txt"):
        write(tmp_path / "in" / place, TEXT)
    write_zip(tmp_path / "in" / "c.zip", TEXT, [".eml"])
    (tmp_path / "in" / "bad.pdf").write_bytes(b"%PDF-1.4")
    (tmp_path / "in" / "d.csv").write_text("text\nrows stand in their file\n")
    records = bb.extract_text(tmp_path / "in", tmp_path / "out")
    found = written(tmp_path / "out")
    names = ["a/b/deed.pdf.gz.txt", "a/deed.docx.txt", "a/deed.pdf.txt", "c.zip/a.eml.txt", "note.txt"]
    assert [*found] == names
    assert all(TEXT in text for text in found.values())
    assert [record.get("text") for record in records if "error" not in record] == [
        str(tmp_path / "out" / name) for name in names
    ]
    assert [record["source"] for record in records if "error" in record] == [str(tmp_path / "in" / "bad.pdf")]


def test_every_character_is_kept(tmp_path: Path) -> None:
    text = "\ufeffA\r\nb\u2028c\0d \U0001f469\u200d\U0001f680 e\u0301\r"
    (tmp_path / "a.txt").write_bytes(text.encode())
    bb.extract_text(str(tmp_path / "a.txt"), tmp_path / "out")
    assert written(tmp_path / "out") == {"a.txt": text}


@pytest.mark.parametrize(
    ("sources", "out"),
    [(["in"], "in"), (["in"], "in/deep"), (["in"], "."), (["in/a.txt"], "in"), (["link"], "in"), (["in"], "link/x")],
)
def test_a_folder_among_the_documents_is_refused(
    sources: list[str], out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in" / "a.txt", TEXT)
    (tmp_path / "link").symlink_to("in")
    with pytest.raises(UsageError, match="extract_text: the texts would be written among the documents"):
        bb.extract_text([Path(source) for source in sources], out)
    assert written(tmp_path / "in") == {"a.txt": TEXT}


def test_members_of_an_archive_stay_below_the_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("/etc/root.txt", TEXT)
    bb.extract_text(tmp_path / "a.zip", tmp_path / "out")
    TextFolder(tmp_path / "out", [tmp_path / "a.zip"]).write(Document(f"{tmp_path}/a.zip/../../../up.txt", TEXT))
    assert written(tmp_path / "out") == {"a.zip/etc/root.txt": TEXT, "up.txt": TEXT}


def test_names_that_only_differ_in_case_or_are_too_long_are_each_others_no_more(tmp_path: Path) -> None:
    folder = TextFolder(tmp_path / "out", [])
    long = "\u00e9" * 127
    for n, name in enumerate(["Deed.pdf", "deed.PDF", "deed.pdf", long, f"{long}x", "deed.pdf"]):
        folder.write(Document(name, f"{n}"))
    found = written(tmp_path / "out")
    assert [found[name] for name in ("Deed.pdf.txt", "deed.PDF-2.txt", "deed.pdf-3.txt")] == ["0", "1", "5"]
    assert sorted(len(name.encode()) for name in found)[-2:] == [254, 254]


def test_what_stood_there_is_replaced_whole_and_a_link_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.pdf", TEXT)
    (tmp_path / "out").mkdir()
    (tmp_path / "victim").write_text("kept")
    (tmp_path / "out" / "a.pdf.txt").symlink_to(tmp_path / "victim")
    bb.extract_text(tmp_path / "in", tmp_path / "out")
    assert (tmp_path / "victim").read_text() == "kept"
    assert written(tmp_path / "out") == {"a.pdf.txt": TEXT}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", TEXT)
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ResourceError, match="cannot be written"):
        bb.extract_text(tmp_path / "a.txt", tmp_path / "out")
