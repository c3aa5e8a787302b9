"""Zip archives from outside: bounded, and only in memory."""

import contextlib
import io
import os
import zipfile
from pathlib import Path

import pytest

from bigbird_cli.errors import DataError
from bigbird_cli.text.formats import archive
from bigbird_cli.text.formats.archive import Archive, part_of


def zipped(**parts: bytes) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return buffer


def content(file: Archive, part: str) -> bytes:
    with file.open(part) as stream:
        return stream.read()


def test_a_part_is_read() -> None:
    assert content(Archive(zipped(a=b"one", b=b"two"), "x.zip"), "b") == b"two"


def test_a_bomb_is_an_error() -> None:
    with pytest.raises(DataError, match=r"its part a unpacks from 0\.0 MB to 20\.0 MB, as no document does"):
        content(Archive(zipped(a=bytes(20_000_000)), "x.zip"), "a")


def test_parts_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_MOST_BYTES", 1000)
    file = Archive(zipped(a=os.urandom(600), b=os.urandom(600)), "x.zip")
    content(file, "a")
    with pytest.raises(DataError, match="its part b unpacks"):
        content(file, "b")


def test_a_part_never_gives_more_than_the_archive_says() -> None:
    buffer = zipped(a=bytes(5_000_000))
    data = bytearray(buffer.getvalue())
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (100).to_bytes(4, "little")  # the size that the directory gives
    with pytest.raises(DataError, match="its part a is damaged"):
        content(Archive(io.BytesIO(bytes(data)), "x.zip"), "a")


def test_a_locked_part_is_named() -> None:
    data = bytearray(zipped(a=b"text").getvalue())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(DataError, match="locked with a password"):
        content(Archive(io.BytesIO(bytes(data)), "x.zip"), "a")


def test_a_missing_part_is_named() -> None:
    with pytest.raises(DataError, match="its part b is missing"):
        content(Archive(zipped(a=b"text"), "x.zip"), "b")


@pytest.mark.parametrize("position", range(0, 120, 3))
def test_a_damaged_archive_is_read_or_an_error(position: int) -> None:
    data = bytearray(zipped(a=b"some text that is packed, some text that is packed").getvalue())
    data[position % len(data)] ^= 0xFF
    with contextlib.suppress(DataError):  # and nothing else
        assert content(Archive(io.BytesIO(bytes(data)), "x.zip"), "a").startswith(b"some text")


def test_nothing_is_written_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert content(Archive(zipped(**{"../out": b"x", "/abs": b"y"}), "x.zip"), "../out") == b"x"
    assert not list(tmp_path.rglob("*"))
    assert not (tmp_path.parent / "out").exists()


@pytest.mark.parametrize(
    ("href", "beside", "part"),
    [
        ("b.xml", "a/x.xml", "a/b.xml"),
        ("../b.xml#here", "a/x.xml", "b.xml"),
        ("/c/b.xml", "a/x.xml", "c/b.xml"),
        ("a%20b.xml", "", "a b.xml"),
    ],
)
def test_references_name_parts(href: str, beside: str, part: str) -> None:
    assert part_of(href, relative_to=beside) == part
