"""A corpus is read whole, in short passages, whatever it comes in; a sample of it is fair and fits."""

import io
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from bigbird_cli.errors import BigBirdWarning, DataError
from bigbird_cli.text.documents import Document
from bigbird_cli.text.vocabulary.corpus import PASSAGE, Corpus, Sample, Source


def read(sources: Iterable[Source], *, stdin: bytes = b"", text_field: str | None = None) -> tuple[list[str], Corpus]:
    corpus = Corpus(sources, text_field=text_field, stdin=io.BytesIO(stdin))
    return list(corpus), corpus


def letters(text: str) -> str:
    return "".join(text.split())


def test_passages_are_short_and_together_the_whole_text() -> None:
    text = "one two\n\nthree\r\n" + "word " * 5000 + "\n" + "ACGT" * 2000 + "\n" + "漢字" * 3000
    passages, corpus = read(["-"], stdin=text.encode())
    assert letters("".join(passages)) == letters(text)
    assert max(map(len, passages)) <= PASSAGE
    assert (corpus.n_lines, corpus.n_bytes) == (6, len(text.encode()))


def test_a_passage_ends_at_a_line_end_or_a_space_where_there_is_one() -> None:
    text = "line of words\n" * 1000 + "words " * 3000
    passages, _ = read([Document("a", text)])
    assert {word for passage in passages for word in passage.split()} == {"line", "of", "words"}
    assert {line for line in "\n".join(passages[:-20]).split("\n") if line.startswith("line")} == {"line of words"}


@pytest.mark.parametrize("at", [(1 << 20) - 1, (1 << 20) - 2, 3])
def test_characters_that_two_blocks_share_stay_whole(at: int) -> None:
    text = "a" * at + "漢" + "b" * 10
    passages, _ = read(["-"], stdin=text.encode())
    assert "".join(passages) == text


def test_what_sentencepiece_leaves_lines_out_for_ends_a_line() -> None:
    passages, _ = read(["-"], stdin="left\u2585right\0end".encode())
    assert passages == ["left\nright end"]


def test_the_byte_order_mark_of_a_file_is_no_text() -> None:
    assert read(["-"], stdin="\ufeffa \ufeffb".encode())[0] == ["a \ufeffb"]


def test_empty_files_and_white_space_give_no_passage(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "white.txt").write_text(" \n\t\n" * 1000)
    assert read([tmp_path])[0] == []


def test_folders_give_their_texts_and_jsonl_rows_give_a_field(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.md").write_text("a\n")
    (tmp_path / "b.jsonl").write_text('{"text": "b\\nb"}\n\n{"id": 1, "text": ""}\n')
    (tmp_path / "c.txt").write_text('{"text": "c"}')
    (tmp_path / "d.csv").write_text("d")
    with pytest.warns(BigBirdWarning, match=r": 1 skipped: d\.csv; only \*\.txt, .*, \*\.jsonl, \*\.zip are read"):
        passages, corpus = read([tmp_path])
    assert passages == ["b\nb", '{"text": "c"}', "a\n"]
    assert corpus.n_lines == 4
    assert corpus.n_bytes == len('b\nb{"text": "c"}a\n')


def test_a_named_field_makes_everything_json_lines(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"body": "a", "text": "other"}\n')
    assert read([tmp_path / "a.json", "-"], stdin=b'{"body": "b"}', text_field="body")[0] == ["a", "b"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"body": "x", "id": 1}', "no field 'text'; it has body, id"),
        ('{"text": null}', "'text' is null, not a text; fill it in or take the row out"),
        ('{"text": "\\ud800"}', "half a character"),
        ("[1]", 'write {"text": ...}'),
        ("{", "not JSON"),
    ],
)
def test_a_bad_row_is_an_error_with_its_line(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"text": "good"}) + "\n" + row)
    with pytest.raises(DataError) as caught:
        read([path])
    assert message in str(caught.value)
    assert caught.value.where == f"{path}:2"


@pytest.mark.parametrize("n_before", [0, 5, 3 << 20])
def test_a_byte_that_is_no_utf8_is_named_with_its_offset_and_line(tmp_path: Path, n_before: int) -> None:
    (tmp_path / "a.txt").write_bytes(b"a\n" * n_before + b"\xc3(")
    with pytest.raises(DataError, match=rf"0xc3 at offset {2 * n_before} \(line {n_before + 1}\)"):
        read([tmp_path / "a.txt"])


def test_a_character_cut_off_at_the_end_is_an_error() -> None:
    with pytest.raises(DataError, match="offset 1 "):
        read(["-"], stdin=b"a" + "漢".encode()[:2])


@pytest.mark.parametrize("name", ["missing.txt", "folder"])
def test_what_cannot_be_read_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=name):
        read([tmp_path / name])


def test_a_sample_holds_everything_that_fits() -> None:
    sample = Sample(1000)
    for number in range(100):
        sample.add(f"{number:010}")
    assert sorted(sample.passages()) == [b"%010d" % number for number in range(100)]


def test_a_sample_keeps_to_its_budget_and_prefers_no_place() -> None:
    sample = Sample(10_000)
    for number in range(20_000):
        sample.add(f"{number:010}")
    kept = [int(passage) for passage in sample.passages()]
    assert sample.n_bytes == 10 * len(kept) == 10_000
    assert 8_500 < sum(kept) / len(kept) < 11_500  # the mean of 1,000 draws has a deviation of 183
    again = Sample(10_000)
    for number in range(20_000):
        again.add(f"{number:010}")
    assert again.passages() == sample.passages()
