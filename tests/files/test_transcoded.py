"""Text in any encoding comes as UTF-8, and what is not in its encoding is found in its place."""

import codecs
import io

import pytest

from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.files.encodings import EncodingError, check_encoding, codec_of, encodings
from bigbird_cli.files.streams import byte_lines, read_stream, text_lines
from bigbird_cli.files.transcoded import Transcoder, transcoded

TEXT = "Caf\u00e9 \u2013 \u201clease\u201d\r\nsecond line\rthird\n" * 3


def utf8_of(data: bytes, encoding: str) -> str:
    return read_stream(transcoded(io.BytesIO(data), encoding, "x"), "x")


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "utf-32", "gb18030", "UTF8", "mac-roman"])
def test_every_character_is_kept(encoding: str) -> None:
    assert utf8_of(TEXT.encode(encoding), encoding) == TEXT


@pytest.mark.parametrize("encoding", ["utf-16", "shift_jis", "gb18030", "iso2022_jp"])
def test_a_character_may_be_cut_in_two(encoding: str) -> None:
    text = "\u5951\u7d04\u66f8\u306f\u4e00\u516b\u4e8c\u3007\u5e74\n" * 5
    transcoder = Transcoder(encoding, "x")
    blocks = [text.encode(encoding)[i : i + 3] for i in range(0, len(text.encode(encoding)), 3)]
    assert b"".join(map(transcoder.utf8, [*blocks, b""])).decode() == text


@pytest.mark.parametrize(
    ("data", "encoding", "problem"),
    [
        (b"ab\ncd\x81", "cp1252", "the byte 0x81 in line 2 is not CP1252 text"),
        (b"ab\n\xa0\xffcd", "shift_jis", "the byte 0xa0 in line 2 is not SHIFT_JIS text"),
        ("ab\n".encode("utf-16-le") + b"c", "utf-16-le", "the byte 0x63 in line 2 is not UTF-16-LE text"),
        (b"caf\xe9", "ascii", "the byte 0xe9 in line 1 is not ASCII text"),
    ],
)
def test_a_byte_that_is_none_of_a_characters_is_named(data: bytes, encoding: str, problem: str) -> None:
    with pytest.raises(EncodingError) as caught:
        utf8_of(data, encoding)
    error = caught.value.in_call(encoding)
    assert (error.problem, error.where, error.exit_code) == (problem, "x", 3)


def test_text_in_another_encoding_names_the_likely_one() -> None:
    for data, likely in ((b"caf\xe9", "cp1252"), (codecs.BOM_UTF16_LE + "caf\xe9".encode("utf-16-le"), "utf-16")):
        with pytest.raises(EncodingError, match="iconv") as caught:
            read_stream(io.BytesIO(data), "x")
        assert caught.value.in_call(None).fix == f'name its encoding, such as encoding="{likely}"'


def test_what_is_no_text_in_any_encoding_is_refused() -> None:
    with pytest.raises(DataError, match="this is a PDF document"):
        utf8_of(b"%PDF-1.7\n", "cp1252")


def test_a_wrong_byte_spoils_no_other_line() -> None:
    lines = list(text_lines(transcoded(io.BytesIO(b"a\n\x81\nb\xe9\n"), "cp1252", "x"), "x", errors="surrogateescape"))
    assert [lines[0], lines[2]] == ["a\n", "b\u00e9\n"]
    assert len(list(byte_lines(transcoded(io.BytesIO(b"a\n\x81\nb"), "cp1252", "x"), "x"))) == 3


@pytest.mark.parametrize("name", ["rot13", "hex", "idna", "unicode_escape", "undefined", "", "a\0b"])
def test_what_is_no_encoding_of_text_has_no_codec(name: str) -> None:
    assert codec_of(name) is None


def test_an_unknown_encoding_names_the_nearest() -> None:
    check_encoding(None)
    check_encoding("Windows-1252")
    for name, fix in (("cp1253x", "did you mean cp1253?"), ("utf-61", "did you mean utf-16?"), ("?", "name one such")):
        with pytest.raises(UsageError, match="there is no encoding") as caught:
            check_encoding(name)
        assert (caught.value.fix or "").startswith(fix), caught.value.fix
    assert {"cp1252", "utf-16", "shift-jis", "latin-1", "koi8-r"} <= set(encodings())
