"""Streams of UTF-8 come in as they are, whole or by line, and what is none is named with its place."""

import io
from typing import BinaryIO, cast

import pytest

from bigbird_cli.errors import DataError
from bigbird_cli.files import streams
from bigbird_cli.files.streams import byte_lines, decode_bytes, read_stream


def test_wrong_bytes_are_named_with_their_place() -> None:
    with pytest.raises(DataError, match=r"a\.txt: the byte 0xff at offset 5 \(line 2\) is not UTF-8") as caught:
        decode_bytes(b"ab\ncd\xff", "a.txt")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("data", "hint"),
    [("hällo".encode("utf-16"), "UTF-16"), (b"\x7fOLF\0\0\xff", "binary"), ("ä".encode("latin-1"), "WINDOWS-1252")],
)
def test_the_likely_encoding_is_offered(data: bytes, hint: str) -> None:
    with pytest.raises(DataError) as caught:
        read_stream(io.BytesIO(data), "x")
    assert caught.value.fix is not None
    assert hint in caught.value.fix


class Endless(io.RawIOBase):
    """The same two bytes again and again."""

    def __init__(self, unit: bytes) -> None:
        self.unit = unit

    def read(self, size: int = -1) -> bytes:
        return self.unit * (size // 2)


def endless(unit: bytes) -> BinaryIO:
    return cast(BinaryIO, Endless(unit))


def test_a_text_or_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LONGEST", 1 << 22)
    with pytest.raises(DataError, match="the text goes on beyond 4 MB"):
        read_stream(endless(b"y\n"), "endless")
    with pytest.raises(DataError, match="a line goes on beyond 4 MB"):
        next(byte_lines(endless(b"yy"), "endless"))
    assert next(byte_lines(endless(b"y\n"), "endless")) == b"y\n"


def test_lines_end_where_files_end_them_and_nowhere_else() -> None:
    text = "a\vb\fc\x85d\u2028e\x1c\r\r\nf\n\ng"
    wanted = ["a\vb\fc\x85d\u2028e\x1c\r", "\r\n", "f\n", "\n", "g"]
    assert [line.decode() for line in byte_lines(io.BytesIO(text.encode()), "x")] == wanted
