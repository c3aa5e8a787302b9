"""E-books as text."""

import io
import zipfile

import pytest

from bigbird_cli.errors import DataError
from bigbird_cli.text.formats.epub import read_epub
from bigbird_cli.text.formats.paged import PagedText

CONTAINER = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'


def xhtml(body: str, *, doctype: str = "<!DOCTYPE html>") -> str:
    space = 'xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"'
    return f'<?xml version="1.0"?>{doctype}<html {space}><head><title>no text</title></head><body>{body}</body></html>'


def epub(
    *chapters: str, order: list[int] | None = None, nav: str = "", ncx: str = "", extra: dict[str, str] | None = None
) -> bytes:
    """An e-book of chapters' files, named c0.xhtml, c1.xhtml, ...; nav and ncx are tables of contents."""
    items = "".join(
        f'<item id="c{i}" href="text/c{i}.xhtml" media-type="application/xhtml+xml"/>' for i in range(len(chapters))
    )
    items += '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>' if nav else ""
    items += '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>' if ncx else ""
    items += '<item id="picture" href="a.svg" media-type="image/svg+xml"/>'
    refs = "".join(f'<itemref idref="c{i}"/>' for i in (order or range(len(chapters))))
    package = f'<package><manifest>{items}</manifest><spine toc="ncx">{refs}</spine></package>'
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("OEBPS/book.opf", package)
        for i, chapter in enumerate(chapters):
            archive.writestr(f"OEBPS/text/c{i}.xhtml", chapter)
        for path, content in {"OEBPS/nav.xhtml": nav, "OEBPS/toc.ncx": ncx, **(extra or {})}.items():
            if content:
                archive.writestr(path, content)
    return buffer.getvalue()


def read(*chapters: str, **more: object) -> PagedText:
    return read_epub(io.BytesIO(epub(*chapters, **more)), "a.epub")  # type: ignore[arg-type]


def test_chapters_are_read_in_the_order_of_the_spine_each_once() -> None:
    chapters = [xhtml(f"<p>chapter {word}</p>") for word in ("one", "two", "three")]
    assert read(*chapters, order=[2, 0, 1, 0]).text == "chapter three\n\nchapter one\n\nchapter two"


def test_headings_are_sections() -> None:
    found = read(xhtml("<h1>One</h1><p>a</p><h2>Half</h2><p>b</p>"), xhtml("<h1>Two</h1>"))
    assert [(section.title, found.text[section.start :].split("\n")[0]) for section in found.sections] == [
        ("One", "One"),
        ("Half", "Half"),
        ("Two", "Two"),
    ]


@pytest.mark.parametrize(
    "contents",
    [
        {"nav": xhtml('<nav epub:type="toc"><ol><li><a href="text/c0.xhtml#top">The\n <i>sea</i></a></li></ol></nav>')},
        {
            "ncx": "<ncx><navMap><navPoint><navLabel><text>The sea</text></navLabel>"
            '<content src="text/c0.xhtml"/></navPoint></navMap></ncx>'
        },
    ],
)
def test_a_chapter_without_heading_has_its_title_in_the_contents(contents: dict[str, str]) -> None:
    found = read(xhtml("<p>waves</p>"), xhtml("<p>untitled</p>"), **contents)
    assert found.text == "waves\n\nuntitled"
    assert [(section.title, section.start) for section in found.sections] == [("The sea", 0)]


def test_pages_of_the_printed_book_begin_within_paragraphs() -> None:
    page = '<span epub:type="pagebreak" id="p{0}" title="{0}"/>'
    first = xhtml(
        f"{page.format('ix')}<p>A sentence that {page.format('10')} goes on, and a wo{page.format('11')}rd.</p>"
    )
    second = xhtml(
        '<p>more</p><div role="doc-pagebreak" aria-label=" 12. "></div>'
        f"<p>end</p><ul><li>{page.format('13')}x</li></ul>"
    )
    found = read(first, second)
    assert found.text == "A sentence that goes on, and a word.\n\nmore\n\nend\n\n- x"
    assert [(page.label, found.text[page.start :][:5]) for page in found.pages] == [
        ("ix", "A sen"),
        ("10", "goes "),
        ("11", "rd.\n\n"),
        ("12", "end\n\n"),
        ("13", "- x"),
    ]


@pytest.mark.parametrize(
    "doctype",
    [
        "",
        "<!DOCTYPE html>",
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">',
    ],
)
def test_the_names_of_entities_are_known(doctype: str) -> None:
    assert read(xhtml("<p>caf&eacute;&nbsp;&amp; &#8220;x&#8221;</p>", doctype=doctype)).text == "café & “x”"


def test_a_chapter_that_is_no_xml_is_read_as_html() -> None:
    assert read(xhtml("<p>one<br>two</p><p>three")).text == "one\ntwo\n\nthree"


def test_hidden_parts_and_navigation_are_left_out() -> None:
    assert read(xhtml('<nav><ol><li>1</li></ol></nav><script>2</script><p hidden="">3</p><p>4</p>')).text == "4"


def test_a_chapter_that_shows_pictures_alone_is_told_of() -> None:
    found = read(xhtml('<img src="cover.jpg"/>'), xhtml("<p>text</p>"))
    assert found.unread == ("the part OEBPS/text/c0.xhtml",)


def test_a_protected_chapter_is_an_error_and_an_obfuscated_font_none() -> None:
    def encrypted(part: str) -> dict[str, str]:
        data = f'<enc:EncryptedData><enc:CipherReference URI="{part}"/></enc:EncryptedData>'
        return {"META-INF/encryption.xml": f'<encryption xmlns:enc="x">{data}</encryption>'}

    assert read(xhtml("<p>text</p>"), extra=encrypted("OEBPS/font.otf")).text == "text"
    with pytest.raises(DataError, match="encrypted: the book is protected against copying"):
        read(xhtml("<p>text</p>"), extra=encrypted("OEBPS/text/c0.xhtml"))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7", r"this is a PDF document, not an e-book \(\.epub\)"),
        (epub(xhtml("<p>text</p>"))[:-100], "the file is damaged"),
        (epub(xhtml("")), "the book has no text"),
        (epub(), "the book has no text"),
        (epub(xhtml("<p>&a;</p>", doctype='<!DOCTYPE x [<!ENTITY a "ha">]>')), "document type definition inside"),
    ],
)
def test_what_is_no_book_is_an_error(data: bytes, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_epub(io.BytesIO(data), "a.epub")


def test_another_zip_archive_is_named() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("word/document.xml", "x")
    with pytest.raises(DataError, match="a zip archive, not an e-book"):
        read_epub(buffer, "a.epub")


def test_elements_nested_without_end_are_read() -> None:
    depth = 50_000
    assert read(xhtml("<div>" * depth + "deep" + "</div>" * depth)).text == "deep"
