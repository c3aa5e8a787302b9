"""Files that are no plain text are known by their first bytes, and plain text is not taken for one."""

import io
import zipfile

import pytest

from bigbird_cli.errors import DataError
from bigbird_cli.files.file_types import file_type, text_makers
from bigbird_cli.files.streams import read_stream


def zipped(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, "application/epub+zip" if name == "mimetype" else "text")
    return data.getvalue()


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"%PDF-1.4\n% all of it ASCII\n", "a PDF document"),
        ("\ufeff%PDF-1.7\n".encode(), "a PDF document"),
        (b"{\\rtf1\\ansi Who signed?}", "an RTF document"),
        (zipped("[Content_Types].xml", "word/document.xml"), "a Word document (.docx)"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook (.xlsx)"),
        (zipped("mimetype", "META-INF/container.xml"), "an e-book (.epub)"),
        (zipped("a.txt"), "a zip archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document (.doc, .xls, .ppt)"),
        (b"\x1f\x8b\x08", "a file packed by gzip"),
        (b"BZh91AY&SY", "a file packed by bzip2"),
        (b"\xfd7zXZ\0", "a file packed by xz"),
        (b"\x28\xb5\x2f\xfd", "a file packed by zstd"),
        (b"\x89PNG\r\n", "an image"),
        (b"\xff\xd8\xff\xe0", "an image"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"\x7fELF\x02", "a program"),
        (b"a.txt".ljust(257, b"\0") + b"ustar\0", "a tar archive"),
        (b"\0" * 100, "nothing but NUL bytes"),
    ],
)
def test_a_file_is_known_by_its_first_bytes(start: bytes, name: str) -> None:
    kind = file_type(start)
    assert kind is not None
    assert kind.name == name
    with pytest.raises(DataError, match="not a text in UTF-8") as caught:
        read_stream(io.BytesIO(start), "x")
    assert caught.value.fix == kind.fix


@pytest.mark.parametrize("text", ["Who signed?\n", "Привет, мир", "שלום עולם", "Grüße", "Γειά σου"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_known_with_and_without_their_mark(text: str, encoding: str) -> None:
    kind = file_type(text.encode(encoding))
    assert kind is not None
    assert encoding.upper().replace("-LE", "LE").replace("-BE", "BE") in kind.name
    assert "iconv -f" in kind.fix


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a\0b",
        "one\0two\0three",
        "PK is short for a public key.",
        "PAR1 is a gene.",
        "%PDF is what PDF files begin with",
        "BZh is a sound.",
        "\ufeffMy text",
        "\x01\x02 control characters",
        "ID3 tags",
        '{"rtf": 1}',
        "MZ",
        "Привет",
        "日本語",
    ],
)
def test_plain_text_is_no_other_kind(text: str) -> None:
    assert file_type(text.encode()) is None
    assert read_stream(io.BytesIO(text.encode()), "x") == text


def test_programs_that_make_text_are_named_once() -> None:
    assert text_makers(["a.odt", "b.RTF", "c.doc", "d.png"]) == [
        "*.odt with pandoc",
        "*.rtf with pandoc",
        "*.doc with antiword",
    ]
