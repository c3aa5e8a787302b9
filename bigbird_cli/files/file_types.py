"""Files that hold no plain text, known by their first bytes or their names, and how to make text of each."""

import codecs
from collections.abc import Iterable
from pathlib import PurePath
from typing import NamedTuple

from bigbird_cli.errors import DataError
from bigbird_cli.files.encodings import EncodingError

START = 1 << 16
"""Bytes at the beginning of a file that tell its kind."""


class FileType(NamedTuple):
    """A kind of file that is no plain text.

    Attributes:
        name: what to call it: "a PDF document".
        fix: how to make text of it.
        encoding: of a text that is not in UTF-8; empty where it is none.
        suffix: of documents that are read; empty of others.
    """

    name: str
    fix: str
    encoding: str = ""
    suffix: str = ""


_PANDOC = "make text of it, for instance with pandoc -t plain FILE -o FILE.txt"
_GIVE_TEXT = "give a text"
_PDF = FileType("a PDF document", "give it the suffix .pdf", suffix=".pdf")
_WORD = FileType("a Word document (.docx)", "give it the suffix .docx", suffix=".docx")
_OLD_OFFICE = FileType("an old Office document (.doc, .xls, .ppt)", "save it as .txt, for instance with antiword FILE")
_IMAGE_FIX = "recognise its text first, for instance with tesseract FILE FILE"
_OPEN_DOCUMENT = FileType("an OpenDocument file", _PANDOC)
_WORKBOOK = FileType("an Excel workbook (.xlsx)", "save it as .csv")
_SLIDES = FileType("a PowerPoint file (.pptx)", "save it as .txt")
_EPUB = FileType("an e-book (.epub)", "give it the suffix .epub", suffix=".epub")
_ZIP = FileType("a zip archive", "unpack it with unzip FILE, and name its texts")
_RTF = FileType("an RTF document", _PANDOC)
_PARQUET = FileType("a Parquet file", "name it *.parquet where rows are read, or give the text of one of its columns")
_IMAGE = FileType("an image", _IMAGE_FIX)
_SOUND = FileType("a sound or video file", _GIVE_TEXT)
_ROWS = "save it as .csv or .jsonl"
_TAR = FileType("a tar archive", "unpack it with tar -xf FILE, and name its texts")


def _packed(name: str, command: str) -> FileType:
    return FileType(f"a file packed by {name}", f"unpack it with {command} FILE")


_MAGIC: tuple[tuple[bytes, FileType], ...] = (
    (b"%PDF-1", _PDF),
    (b"%PDF-2", _PDF),
    (b"%!PS-Adobe", FileType("a PostScript document", "make text of it, for instance with ps2ascii FILE FILE.txt")),
    (b"{\\rtf", _RTF),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OLD_OFFICE),
    (b"PK\x05\x06", _ZIP),
    (b"\x1f\x8b", _packed("gzip", "gunzip")),
    *((b"BZh%d1AY&SY" % level, _packed("bzip2", "bunzip2")) for level in range(1, 10)),
    (b"\xfd7zXZ\0", _packed("xz", "unxz")),
    (b"\x28\xb5\x2f\xfd", _packed("zstd", "unzstd")),
    (b"\x04\x22\x4d\x18", _packed("lz4", "unlz4")),
    (b"7z\xbc\xaf\x27\x1c", FileType("a 7z archive", "unpack it with 7z x FILE, and name its texts")),
    (b"Rar!\x1a\x07", FileType("a RAR archive", "unpack it with unrar x FILE, and name its texts")),
    (b"\x89PNG", _IMAGE),
    (b"\xff\xd8\xff", _IMAGE),
    (b"GIF87a", _IMAGE),
    (b"GIF89a", _IMAGE),
    (b"II*\0", _IMAGE),
    (b"MM\0*", _IMAGE),
    (b"AT&TFORM", FileType("a DjVu document", "make text of it, for instance with djvutxt FILE FILE.txt")),
    (b"OggS\0", _SOUND),
    (b"fLaC\0", _SOUND),
    (b"ID3\x02", _SOUND),
    (b"ID3\x03", _SOUND),
    (b"ID3\x04", _SOUND),
    (b"\x1a\x45\xdf\xa3", _SOUND),
    (b"PAR1\x15", _PARQUET),
    (b"ARROW1\0", FileType("an Arrow file", _ROWS)),
    (b"Obj\x01", FileType("an Avro file", _ROWS)),
    (b"SQLite format 3\0", FileType("an SQLite database", "write its text out, for instance with sqlite3 FILE .dump")),
    (b"\x89HDF\r\n\x1a\n", FileType("an HDF5 file", _GIVE_TEXT)),
    (b"\x93NUMPY", FileType("an array of NumPy", _GIVE_TEXT)),
    (b"\x7fELF", FileType("a program", _GIVE_TEXT)),
    (b"MZ\x90\0", FileType("a program", _GIVE_TEXT)),
    (b"\xca\xfe\xba\xbe", FileType("a program", _GIVE_TEXT)),
    (b"\xcf\xfa\xed\xfe", FileType("a program", _GIVE_TEXT)),
    (b"\0asm", FileType("a program", _GIVE_TEXT)),
    (b"bplist00", FileType("a binary property list", _GIVE_TEXT)),
)
"""What the files of a kind begin with."""

_ZIPPED: tuple[tuple[bytes, FileType], ...] = (
    (b"mimetypeapplication/epub+zip", _EPUB),
    (b"mimetypeapplication/vnd.oasis.opendocument", _OPEN_DOCUMENT),
    (b"META-INF/container.xml", _EPUB),
    (b"word/", _WORD),
    (b"xl/", _WORKBOOK),
    (b"ppt/", _SLIDES),
    (b"[Content_Types].xml", FileType("an Office document (.docx, .xlsx or .pptx)", "save it as .txt")),
)
"""What the names in a zip archive say of it, the surest first."""

_SUFFIXES = {
    ".odt": "pandoc",
    ".rtf": "pandoc",
    ".doc": "antiword",
}
"""What makes text of the files that people keep texts in, and that are not read."""


def file_type(start: bytes) -> FileType | None:
    """What a file is that begins with these bytes (START of them, or all); None for plain text in UTF-8."""
    # a mark of UTF-8 before it, as some mailers put there, makes a PDF no text
    start = start.removeprefix(codecs.BOM_UTF8)
    if start.startswith(b"PK\x03\x04"):
        return next((kind for name, kind in _ZIPPED if name in start), _ZIP)
    for magic, kind in _MAGIC:
        if start.startswith(magic):
            return kind
    if start[:4] == b"RIFF" and start[8:12] in (b"WEBP", b"WAVE", b"AVI "):
        return _IMAGE if start[8:12] == b"WEBP" else _SOUND
    if start[:3] == b"\0\0\0" and start[4:8] == b"ftyp":
        return _SOUND
    if start[257:263] in (b"ustar\0", b"ustar "):
        return _TAR
    if encoding := _wide_encoding(start):
        fix = f"convert it with iconv -f {encoding} -t UTF-8 FILE > FILE.txt"
        return FileType(f"text in {encoding}", fix, encoding.lower())
    if len(start) >= _ALL_NUL and not start.strip(b"\0"):
        return FileType("nothing but NUL bytes", _GIVE_TEXT)
    return None


def check_plain_text(start: bytes, name: str) -> None:
    """Raise DataError if a file that begins with these bytes is known to be no plain text in UTF-8."""
    check_any_text(start, name)
    if kind := file_type(start):
        raise EncodingError(_not_text(kind), where=name, fix=kind.fix, likely=kind.encoding)


def check_any_text(start: bytes, name: str) -> None:
    """Raise DataError if a file that begins with these bytes is known to be no plain text in any encoding."""
    if (kind := file_type(start)) and not kind.encoding:
        raise DataError(_not_text(kind), where=name, fix=kind.fix)


def _not_text(kind: FileType) -> str:
    return f"this is {kind.name}, not a text in UTF-8"


def text_makers(names: Iterable[str]) -> list[str]:
    """What makes text of files with these names, by their kinds: "*.doc with antiword"."""
    suffixes = dict.fromkeys(PurePath(name).suffix.lower() for name in names)
    return [f"*{suffix} with {_SUFFIXES[suffix]}" for suffix in suffixes if suffix in _SUFFIXES]


_ALL_NUL = 64
_SEEN = 4096
_UPPER = frozenset(range(9))
"""Upper halves of UTF-16 in Latin, Greek, Cyrillic, Hebrew and Arabic; in UTF-8 they are control characters."""


def _wide_encoding(start: bytes) -> str | None:
    """UTF-16 or UTF-32, which write most scripts with a byte of 0 to 8 in every unit, always at the same offset."""
    for mark, encoding in (
        (codecs.BOM_UTF32_LE, "UTF-32"),
        (codecs.BOM_UTF32_BE, "UTF-32"),
        (codecs.BOM_UTF16_LE, "UTF-16"),
        (codecs.BOM_UTF16_BE, "UTF-16"),
    ):
        if start.startswith(mark):
            return encoding
    seen = start[:_SEEN]
    if not set(seen[:64]) & _UPPER:  # by far the most texts: any of UTF-16 or UTF-32 shows in its first characters
        return None
    if len(seen) >= 8 and not any(seen[3::4]) and max(seen[2::4]) <= 16 and any(seen[0::4]):
        return "UTF-32LE"
    if len(seen) >= 8 and not any(seen[0::4]) and max(seen[1::4]) <= 16 and any(seen[3::4]):
        return "UTF-32BE"
    if len(seen) < 6:
        return None
    even, odd = (sum(byte in _UPPER for byte in half) / len(half) for half in (seen[0::2], seen[1::2]))
    if odd > 0.9 and even < 0.1:
        return "UTF-16LE"
    if even > 0.9 and odd < 0.1:
        return "UTF-16BE"
    return None
