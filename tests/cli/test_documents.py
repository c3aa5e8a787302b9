"""Documents of every kind: packed or not, in folders and archives, and on standard input."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

import bigbird_cli as bb
from bigbird_cli.api import read_inputs
from bigbird_cli.data.rows import Row
from bigbird_cli.errors import BigBirdWarning
from bigbird_cli.text.documents import Document, read_standard_input
from bigbird_cli.text.readers import suffix_of
from tests.made import DOCUMENTS, PACKED, write, write_zip
from tests.text.formats.test_pdf import pdf_bytes

TEXT = "In 1820 Ada lit the lamp at the harbour."


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("packing", ["", *PACKED])
@pytest.mark.parametrize("suffix", DOCUMENTS)
def test_every_kind_is_read_packed_too_and_whatever_its_suffix_where_it_has_none(
    suffix: str, packing: str, tmp_path: Path
) -> None:
    path = write(tmp_path / f"a{suffix}{packing}", TEXT)
    [named] = read_inputs([path])
    [unnamed] = read_inputs([path.rename(tmp_path / f"a{packing}")])
    for found in (named, unnamed):
        assert isinstance(found, Document)
        assert TEXT in found.text
    assert named.pages == unnamed.pages  # type: ignore[union-attr]


def test_a_folder_of_every_kind_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for suffix in DOCUMENTS:
        for packing in ("", ".gz"):
            write(tmp_path / "docs" / f"a{suffix}{packing}", TEXT)
    write_zip(tmp_path / "docs" / "b.zip", TEXT, list(DOCUMENTS))
    (tmp_path / "docs" / "c.csv").write_text(f"day,text\n1,{TEXT}\n2,{TEXT}\n")
    (tmp_path / "docs" / "d.exe").write_bytes(b"MZ")
    with pytest.warns(BigBirdWarning, match=r"1 skipped: d\.exe"):
        found = list(read_inputs([tmp_path / "docs"]))
    assert len(found) == 3 * len(DOCUMENTS) + 2
    texts = [each.fields["text"] if isinstance(each, Row) else getattr(each, "text", "") for each in found]
    assert all(TEXT in text for text in texts)
    names = [each.where if isinstance(each, Row) else each.name for each in found]
    assert names == sorted(names)
    assert names[-2:] == [f"{tmp_path}/docs/c.csv:2", f"{tmp_path}/docs/c.csv:3"]
    assert f"{tmp_path}/docs/b.zip/a.pdf" in names


@pytest.mark.parametrize("suffix", [each for each in DOCUMENTS if each != ".txt"])
def test_standard_input_is_read_as_what_it_begins_as(
    suffix: str, invoke: Any, tiny_qa_model: Path, tiny_ner_model: Path
) -> None:
    data = DOCUMENTS[suffix](TEXT)
    assert suffix_of(data) == suffix
    asked = ("qa", "-q", "who?", "-m", tiny_qa_model, "--json")
    result = invoke(*asked, stdin=data)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == invoke(*asked, "-", stdin=data).stdout
    result = invoke("ner", "-m", tiny_ner_model, "--json", stdin=data)
    assert (result.exit_code, result.stderr) == (0, "")
    [record] = records(result.stdout)
    assert record["source"] == "-"
    result = invoke("qa", "-m", tiny_qa_model, stdin=data)
    assert (result.exit_code, "this is a document, not rows of JSON" in result.stderr) == (2, True)


def test_a_document_on_standard_input_has_pages(tmp_path: Path) -> None:
    with write(tmp_path / "a.pdf", TEXT).open("rb") as stream:
        found = read_standard_input(stream)
    assert isinstance(found, Document)
    assert [page.label for page in found.pages] == ["1"]


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"From here on the lease is void.\nDate: none\n\n",
        b"Subject: a letter\nTo whom it may concern\n\n",
        b"Note: this\nis no mail\n\n",
        b"<p>An essay about <html> and its tags</p>",
        b"html is a language",
        b"From: a\nDate: b\nno head ends so",
    ],
)
def test_a_text_is_no_document_of_another_kind(start: bytes) -> None:
    assert suffix_of(start) == ""


@pytest.mark.parametrize(
    ("start", "suffix"),
    [
        (b"\xef\xbb\xbf\r\n<!-- saved from url -->\n<!doctype HTML>", ".html"),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0">', ".html"),
        (b"<HTML>", ".html"),
        (b"Received: from a\r\n\tby b; Mon\r\nSubject: c\r\n\r\ntext", ".eml"),
        (b"Date: Mon, 1 May\nFrom: bel@example.org\n\ntext", ".eml"),
        (b"\xef\xbb\xbf%PDF-1.4\n", ".pdf"),
    ],
)
def test_a_document_is_known_by_its_beginning(start: bytes, suffix: str) -> None:
    assert suffix_of(start) == suffix


def test_tables_are_read_packed_too(tiny_ner_model: Path, tmp_path: Path) -> None:
    from pyarrow import Table, parquet

    parquet.write_table(Table.from_pylist([{"text": TEXT, "day": 1}]), tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text(f"text,day\n{TEXT},1\n")
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": TEXT, "day": "1"}))
    for name in ("a.parquet", "a.csv", "a.jsonl"):
        for packing, pack in PACKED.items():
            path = tmp_path / f"{name}{packing}"
            path.write_bytes(pack((tmp_path / name).read_bytes()))
            [record] = bb.ner(path, model=tiny_ner_model)
            assert (str(record["fields"]["day"]), "error" in record) == ("1", False)


@pytest.mark.parametrize("command", ["qa", "ner", "classify", "select", "tokenize"])
def test_offsets_hold_in_the_text_that_is_extracted(
    command: str, invoke: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    write(tmp_path / "deed.pdf", TEXT)
    kind = {"ner": "tiny_ner_model", "classify": "tiny_label_model", "select": "tiny_label_model"}
    model = request.getfixturevalue(kind.get(command, "tiny_qa_model"))
    asked = {"qa": ("-q", "who?"), "classify": ("--labels", "lamp,sea"), "select": ("-q", "who?")}.get(command, ())
    result = invoke(command, "deed.pdf", "-m", model, *asked, "--json", "--extract-text", "out")
    assert result.exit_code == 0, result.stderr
    text = (tmp_path / "out" / "deed.pdf.txt").read_bytes().decode()
    assert TEXT in text
    [record] = records(result.stdout)
    for span in record.get("entities", record.get("sentences", [record])):
        if found := span.get("answer", span.get("text")):
            assert text[span["start"] : span["end"]] == found


def test_standard_input_is_extracted_too_and_a_folder_among_the_documents_refused(
    invoke: Any, tiny_qa_model: Path, tmp_path: Path
) -> None:
    args = ("qa", "-q", "who?", "-m", tiny_qa_model, "--extract-text")
    assert invoke(*args, "out", stdin=DOCUMENTS[".docx"](TEXT)).exit_code == 0
    assert (tmp_path / "out" / "standard-input.txt").read_text() == TEXT
    refused = invoke(*args, "out", "out")
    assert (refused.exit_code, refused.stderr.startswith("\u2717 --extract-text  the texts")) == (2, True)


def damaged(folder: Path) -> None:
    """A file of each kind of damage."""
    pdf, docx, eml = (DOCUMENTS[suffix](TEXT) for suffix in (".pdf", ".docx", ".eml"))
    bad = {
        "cut.pdf": pdf[:200],
        "head.pdf": b"%PDF-1.7\n",
        "blank.pdf": pdf_bytes([""]),
        "text.pdf": TEXT.encode(),
        "cut.docx": docx[:-100],
        "pdf.docx": pdf,
        "zip.docx": PACKED[".gz"](docx),
        "entities.docx": docx_of("&x;", '<!DOCTYPE x [<!ENTITY x "x">]>'),
        "zip.epub": docx,
        "head.eml": b"no head",
        "deep.eml": b"Subject: x\nContent-Type: message/rfc822\n\n" * 200 + eml,
        "deep.html": b"<div>" * 1_000_000,
        "other.html": b'<meta charset="utf-8">caf\xe9',
        "empty.txt": b"",
        "white.txt": b" \r\n\t",
        "other.txt": "caf\u00e9".encode("cp1252"),
        "wide.txt": TEXT.encode("utf-16"),
        "image.txt": b"\x89PNG\r\n\x1a\n",
        "cut.txt.gz": PACKED[".gz"](TEXT.encode() * 9)[:-9],
        "not.txt.xz": TEXT.encode(),
        "not.zip": TEXT.encode(),
        "not.parquet": b"PAR1PAR1",
        "column.csv": b"day,number\n1,2\n",
        "row.jsonl": b'{"text": 7}\n',
    }
    for name, content in bad.items():
        (folder / name).write_bytes(content)
    (folder / "gone.txt").symlink_to("nowhere")


def docx_of(text: str, before: str) -> bytes:
    """A Word document with a document type of its own."""
    buffer = io.BytesIO()
    whole = zipfile.ZipFile(io.BytesIO(DOCUMENTS[".docx"](text)))
    with whole, zipfile.ZipFile(buffer, "w") as archive:
        for name in whole.namelist():
            content = whole.read(name)
            archive.writestr(name, before.encode() + content.partition(b"?>")[2] if b"?>" in content else content)
    return buffer.getvalue()


def test_in_a_folder_of_every_damage_each_good_document_is_read_and_each_bad_one_a_record(
    invoke: Any, tiny_ner_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "docs").mkdir()
    damaged(tmp_path / "docs")
    n_bad = len([*(tmp_path / "docs").iterdir()])
    good = [write(tmp_path / "docs" / f"good{suffix}", TEXT) for suffix in DOCUMENTS]
    result = invoke("ner", "docs", "-m", tiny_ner_model, "--json")
    found = records(result.stdout)
    assert result.exit_code == 1
    assert {record["source"] for record in found if "error" not in record} == {f"docs/{path.name}" for path in good}
    failed = [record for record in found if "error" in record]
    assert (len(failed), n_bad) == (25, 25)
    assert all(record["error"]["exit_code"] == 3 and record["error"]["problem"] for record in failed)
    assert [record["source"].rsplit(":", 1)[0] for record in found] == sorted(
        record["source"].rsplit(":", 1)[0] for record in found
    )
    assert "Traceback" not in result.stderr
