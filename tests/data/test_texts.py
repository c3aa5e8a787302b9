"""Documents come whole, in pieces of bounded size, whatever their file's size and kind."""

import gzip
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigbird_cli.data import texts
from bigbird_cli.data.texts import read_texts
from bigbird_cli.errors import BigBirdWarning, DataError

POEM = "\ufeffone\r\ntwo \n\n \t\nthree\n\n\nfour\nfive"


def taken(source: str | Path, **options: Any) -> list[tuple[str, str]]:
    """Names, below the source, and whole texts."""
    return [(text.name.removeprefix(str(source)), "".join(text.parts)) for text in read_texts(source, **options)]


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ("file", [("", POEM.removeprefix("\ufeff"))]),
        ("line", [(":1", "one"), (":2", "two "), (":5", "three"), (":8", "four"), (":9", "five")]),
        ("paragraph", [(":1", "one\r\ntwo \n"), (":5", "three\n"), (":8", "four\nfive")]),
    ],
)
def test_a_document_is_a_file_a_line_or_a_paragraph(tmp_path: Path, documents: str, expected: list[Any]) -> None:
    (tmp_path / "poem.txt").write_bytes(POEM.encode())
    assert taken(tmp_path / "poem.txt", documents=documents) == expected


@given(text=st.text(alphabet="ab \n\r\u2028\u00e9", max_size=60), size=st.integers(1, 9))
def test_pieces_are_bounded_and_together_the_text(
    text: str, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("texts") / "a.txt"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "PIECE", size)
        patch.setattr("bigbird_cli.files.streams._BLOCK", 3)
        pieces = [list(document.parts) for document in read_texts(path)]
        lines = [list(document.parts) for document in read_texts(path, documents="line")]
        paragraphs = ["".join(document.parts) for document in read_texts(path, documents="paragraph")]
    assert all(0 < len(piece) <= size for parts in pieces + lines for piece in parts)
    assert sum(len(parts) > 0 for parts in pieces) == bool(text.strip())
    assert text.endswith("".join(map("".join, pieces)))
    stripped = [line.strip() for line in re.split(r"\r\n|\n|\r", text)]
    assert ["".join(parts).strip() for parts in lines] == [line for line in stripped if line]
    assert "".join("".join(paragraphs).split()) == "".join(text.split())


def test_a_piece_ends_behind_a_line_or_a_space_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "PIECE", 8)
    cut = [piece for piece, _ in texts._pieces(["ada\nbel cora dov\nGATTACAGATTACA"])]
    assert cut == ["ada\n", "bel ", "cora ", "dov\n", "GATTACAG", "ATTACA"]


def test_what_is_left_of_a_document_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n\nthree\nfour\n", encoding="utf-8")
    found = [next(text.parts) for text in read_texts(tmp_path / "a.txt", documents="paragraph")]
    assert found == ["one\ntwo\n", "three\nfour\n"]
    assert len(list(read_texts(tmp_path / "a.txt", documents="line"))) == 4


def test_a_folder_may_hold_texts_rows_and_packed_ones(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("first", encoding="utf-8")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"second"))
    (tmp_path / "c.jsonl").write_text(json.dumps({"text": "third"}) + '\n{"text": " "}\n', encoding="utf-8")
    (tmp_path / "d.csv").write_text("text,n\nfourth,1\n", encoding="utf-8")
    (tmp_path / "e.txt").write_text("", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as archive:
        archive.writestr("x/fifth.txt", "fifth")
    with pytest.warns(BigBirdWarning, match=r": 1 skipped: picture\.png"):
        found = taken(tmp_path)
    assert found == [
        ("/a.md", "first"),
        ("/b.txt.gz", "second"),
        ("/c.jsonl:1", "third"),
        ("/d.csv:2", "fourth"),
        ("/f.zip/x/fifth.txt", "fifth"),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 1 << 20])
def test_lines_end_with_a_carriage_return_too(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bigbird_cli.files.streams._BLOCK", size)
    (tmp_path / "a.txt").write_bytes(b"one\rtwo\r\nthree\x0b\xc2\x85\n\r\rfour\r")
    whole = [text for _, text in taken(tmp_path / "a.txt", documents="line")]
    assert whole == ["one", "two", "three\x0b\x85", "four"]


def test_any_other_suffix_is_plain_text(tmp_path: Path) -> None:
    (tmp_path / "genome.dna").write_text("GATTACA", encoding="utf-8")
    assert taken(tmp_path / "genome.dna") == [("", "GATTACA")]


def test_the_column_is_named_and_must_hold_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"body": "lamp"}\n{"body": 3}', encoding="utf-8")
    found = read_texts(path, column="body")
    assert "".join(next(found).parts) == "lamp"
    with pytest.raises(DataError, match=r'a\.jsonl:2: "body" is a number, not a string'):
        next(found)
    with pytest.raises(DataError, match=r'a\.jsonl:1: there is no "text" here, only body'):
        list(read_texts(path))


def test_wrong_bytes_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\ntwo \xe9")
    with pytest.raises(DataError, match=r"a\.txt: the byte 0xe9 at offset 8 \(line 2\) is not UTF-8"):
        taken(tmp_path / "a.txt")
    with pytest.raises(DataError, match="there is no such file"):
        taken(tmp_path / "b.txt")


def test_nothing_is_looked_up_offline() -> None:
    with pytest.raises(DataError, match="nothing may be looked up"):
        taken("hub:wikitext", offline=True)
