"""JSON lines are read one by one: what is wrong in one is named with its place, and spoils no other."""

import io

import pytest

from bigbird_cli.errors import DataError
from bigbird_cli.files.json import read_jsonl


def test_one_bad_line_spoils_no_other() -> None:
    lines = b'\xef\xbb\xbf{"a": 1}\r\n\nnot json\n[1]\n"\xff"\n{"a": "\\u2028 \xe2\x80\xa8"}'
    rows = list(read_jsonl(io.BytesIO(lines), "rows"))
    assert [number for number, _ in rows] == [1, 3, 4, 5, 6]
    assert rows[0][1] == {"a": 1}
    assert rows[4][1] == {"a": "\u2028 \u2028"}
    assert [str(row).split(":")[:2] for _, row in rows[1:4]] == [["rows", "3"], ["rows", "4"], ["rows", "5"]]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"a": "A", "b": "B"\n', "this is not JSON: it breaks off at column 20"),
        (b'{"a": "A", "b": "B', "this is not JSON: it breaks off at column 19, in the string that begins at column 17"),
        (b'{"a": "A" "b"}\n', "this is not JSON: Expecting ',' delimiter at column 11"),
        (b'{"a": "A\tB"}\n', "this is not JSON: Invalid control character at column 9"),
        (b'{"a": "\\x"}\n', "this is not JSON: Invalid \\escape at column 8"),
        ('{"é": "é\udcff"}'.encode("utf-8", "surrogateescape"), "the byte 0xff at column 9 is not UTF-8 text"),
    ],
)
def test_a_bad_line_is_told_with_the_place_where_it_breaks(line: bytes, problem: str) -> None:
    [(number, _), (second, error)] = read_jsonl([b"{}\n", line], "rows")
    assert (number, second) == (1, 2)
    assert isinstance(error, DataError)
    assert (error.where, error.problem) == ("rows:2", problem)


def test_rows_may_end_with_a_carriage_return() -> None:
    assert [row for _, row in read_jsonl(io.BytesIO(b'{"a": 1}\r{"a": 2}\r'), "rows")] == [{"a": 1}, {"a": 2}]


def test_what_is_no_text_at_all_is_one_error_and_not_one_a_line() -> None:
    [(_, error)] = read_jsonl(io.BytesIO(b"%PDF-1.4\n1 0 obj\n<< >>\nendobj\n"), "rows")
    assert isinstance(error, DataError)
    assert "a PDF document" in error.problem


def test_deeply_nested_json_is_an_error_row() -> None:
    [(_, row)] = read_jsonl([b'{"a":' + b"[" * 100_000], "rows")
    assert isinstance(row, DataError)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "-1" + "0" * 400 + ".0", "9" * 5000])
def test_a_number_that_no_json_can_hold_is_an_error_row(number: str) -> None:
    rows = list(read_jsonl([f'{{"id": {number}}}'.encode(), b'{"id": 1.5e300}'], "rows"))
    assert isinstance(rows[0][1], DataError)
    assert "write null where a value is missing" in str(rows[0][1])
    assert len(str(rows[0][1])) < 300
    assert rows[1] == (2, {"id": 1.5e300})
