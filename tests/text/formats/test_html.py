"""HTML pages as text: what a browser shows, block by block."""

import io
import sys
import time

import pytest

from bigbird_cli.errors import DataError
from bigbird_cli.text.formats.html import read_html
from bigbird_cli.text.formats.paged import PagedText


def read(page: str | bytes, *, encoding: str | None = None) -> PagedText:
    return read_html(io.BytesIO(page.encode() if isinstance(page, str) else page), "a.html", encoding=encoding)


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>one\n   two</p><p>three</p>", "one two\n\nthree"),
        ("<p>w<b>or</b>d <i>next</i></p>", "word next"),
        ("before<div>inside<p>deeper</p>after</div>", "before\n\ninside\n\ndeeper\n\nafter"),
        ("<p>a<br>b<br><br>c", "a\nb\n\nc"),
        ("<p>&lt;b&gt; &amp;&nbsp;&eacute;&#8212;&#x1F426; &unknown;", "<b> & é—\U0001f426 &unknown;"),
        ("<p>ex&shy;ample", "example"),
        ("<p>10<sup>5</sup> m<sup>2</sup>, the 1<sup>st</sup> <sup>3</sup>", "10^5 m^2, the 1st 3"),
        ("<ul><li>a<li>b<ul><li>c</ul></ul><p>d", "- a\n- b\n  - c\n\nd"),
        ("<ol><li>a<li>b</ol><ol start=7><li>c</ol>", "1. a\n2. b\n\n7. c"),
        ("<table><tr><th>A<th>B<tr><td>1<td><p>2<p>3</table>", "A\tB\n1\t2 3"),
        ("<table><tr><td>A</td><td></td><td>C</td></tr></table>", "A\t\tC"),
        ("<table><tr><td><p>one<p>two</table>", "one\n\ntwo"),
        ("<table><tr><td>left<td><table><tr><td>A<td>B</table></table>", "left\n\nA\tB"),
        ("<p>x<pre>\n  a\tb\n\n    c  \n</pre>y", "x\n\n  a\tb\n\n    c  \n\ny"),
        ("<head><title>T</title><style>p{}</style></head><script>1</script><noscript>2</noscript>3", "3"),
        ("<p hidden>1<p style='color:red; DISPLAY : none'>2</p><nav>3</nav><button>4</button><!-- 5 -->6", "6"),
        ("<svg><text>1</text></svg><template><p>2</template><select><option>3</select>4", "4"),
        ("<p>字<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>", "字漢"),
        ("plain text without any element", "plain text without any element"),
    ],
)
def test_a_page_reads_as_it_is_shown(page: str, text: str) -> None:
    assert read(page).text == text


def test_headings_are_sections() -> None:
    found = read("<h1>The  <em>house</em></h1><p>text</p><h2>Its\nroof</h2><p>more</p><h3> </h3>")
    assert [section.title for section in found.sections] == ["The house", "Its roof"]
    assert [found.text[section.start :].split("\n")[0] for section in found.sections] == ["The house", "Its roof"]


def test_headings_in_a_table_that_arranges_the_page_are_sections() -> None:
    found = read("<table><tr><td>menu<td><h1>Title</h1><p>text</table>")
    assert found.text == "menu\n\nTitle\n\ntext"
    assert [section.start for section in found.sections] == [6]


@pytest.mark.parametrize(
    ("page", "word"),
    [
        ('<meta charset="windows-1252"><p>caf\xe9'.encode("cp1252"), "café"),
        ("<meta http-equiv='Content-Type' content='text/html; charset=iso-8859-1'><p>“x”".encode("cp1252"), "“x”"),
        ('<meta charset="shift_jis"><p>漁協'.encode("shift_jis"), "漁協"),
        ('<?xml version="1.0" encoding="iso-8859-5"?><p>мир'.encode("iso-8859-5"), "мир"),
        ("\ufeff<meta charset=latin1><p>café".encode(), "café"),
        ("\ufeff<p>café".encode("utf-16-le"), "café"),
        ("\ufeff<p>café".encode("utf-16-be"), "café"),
        ("<p>café".encode(), "café"),
        ('<meta charset="rot13"><p>café'.encode(), "café"),
        ('<meta charset="no-such"><p>café'.encode(), "café"),
    ],
)
def test_a_page_is_decoded_as_it_says(page: bytes, word: str) -> None:
    assert read(page).text == word


def test_a_given_encoding_wins_over_the_head() -> None:
    assert read('<meta charset="utf-8"><p>caf\xe9'.encode("cp1252"), encoding="cp1252").text == "café"


def test_a_wrong_byte_is_an_error_that_names_the_remedy() -> None:
    with pytest.raises(DataError, match="the byte 0xe9 at offset 6 is not UTF-8 text") as error:
        read(b"<p>caf\xe9")
    assert "iconv -f WINDOWS-1252" in str(error.value.fix)


@pytest.mark.parametrize(("page", "problem"), [(b" \n", "is empty"), (b"%PDF-1.4 x", "this is a PDF document")])
def test_what_is_no_page_is_an_error(page: bytes, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read(page)


@pytest.mark.parametrize("tag", ["div", "ul><li", "table><tr><td", "b", "span", "x-y"])
def test_pages_nested_without_end_are_errors(tag: str) -> None:
    with pytest.raises(DataError, match="nested more than 2,000 deep"):
        read(f"<{tag}>" * 100_000 + "text")


@pytest.mark.parametrize("tag", ["p", "div", "table><tr><td"])
def test_pages_nested_as_deep_as_may_be_are_read(tag: str) -> None:
    assert read(f"<{tag}>" * 1_900 + "text").text == "text"


def test_an_element_of_too_many_attributes_is_an_error() -> None:
    with pytest.raises(DataError, match="more than 1,000 attributes"):
        read("<p " + " ".join(f"a{i}='>'" for i in range(100_000)) + ">text")


@pytest.mark.parametrize("page", ["<" * 300_000, "&" * 300_000, "<!--" * 100_000, "</p>" * 100_000, "<a x='" * 50_000])
def test_odd_pages_take_no_time(page: str) -> None:
    started = time.monotonic()
    read(page)
    assert time.monotonic() - started < 20


def test_without_the_library_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "selectolax.lexbor", None)
    with pytest.raises(DataError, match="selectolax is not installed") as error:
        read("<p>text")
    assert error.value.fix == "pip install 'bigbird-cli[documents]'"


def test_lists_in_lists_are_indented_so_far_and_no_farther() -> None:
    lines = read("<ul><li>x" * 500).text.split("\n")
    assert [len(line) - len(line.lstrip()) for line in lines[:4]] == [0, 2, 4, 6]
    assert len(lines[-1]) == len("- x") + 40
