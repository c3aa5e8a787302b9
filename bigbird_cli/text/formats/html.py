"""HTML pages: what a browser shows of them, as text with headings."""

import codecs
import re
from typing import TYPE_CHECKING, BinaryIO, Final

from bigbird_cli.errors import DataError, needs_extra
from bigbird_cli.files.encodings import TO_UTF8, EncodingError
from bigbird_cli.files.file_types import START, check_any_text, check_plain_text
from bigbird_cli.text.formats.encodings import charset
from bigbird_cli.text.formats.flow import Flow
from bigbird_cli.text.formats.paged import PagedText, TextBuilder
from bigbird_cli.text.formats.source import read_whole

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

_HEAD = 1 << 13
"""Bytes in which a page names its encoding. The standard has 1,024; scripts before it are common."""

_CHARSET = re.compile(rb"""<meta[^>]{0,500}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})""")
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16's, which it begins with
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_UNCLOSED: Final = frozenset(
    {
        *(
            "area",
            "base",
            "br",
            "col",
            "embed",
            "hr",
            "img",
            "input",
            "link",
            "meta",
            "param",
            "source",
            "track",
            "wbr",
        ),
        *("html", "head", "body", "p", "li", "dt", "dd", "rt", "rp", "option", "optgroup", "a"),
        *("thead", "tbody", "tfoot", "tr", "td", "th", "colgroup", "caption"),
    }
)
"""Elements without an end, or that another of their kind ends."""

_DEEPEST: Final = 2000
"""Open elements, at most: the parser looks through all of them at many a tag, so 100,000 would take minutes. Browsers
stop at 512."""

_MANY_ATTRIBUTES = re.compile(
    r"""<[a-zA-Z][^\s/>]*+(?:[\s/]++[^\s=>/"']++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"']++))?+){1000}"""
)
"""Of one element: the parser compares each with all before it."""


def read_html(stream: BinaryIO, name: str, /, *, encoding: str | None = None) -> PagedText:
    """Read what a page shows; see `Flow` for how.

    Args:
        stream: binary, of at most LONGEST bytes.
        name: what to call it in errors.
        encoding: of the page; None for what its byte order mark or its head says, else UTF-8.

    Raises:
        DataError: it is empty, beyond all bounds, or not in its encoding; or the library for HTML is not installed.
    """
    data = read_whole(stream, name)
    if not data.strip():
        raise DataError("the file is empty", where=name, fix="give a file with text in it")
    builder = TextBuilder(name)
    extract_html(decode_html(data, name, encoding=encoding), builder, name)
    return builder.build()


def extract_html(page: str, builder: TextBuilder, name: str) -> None:
    """Add what a page shows to a text.

    Raises:
        DataError: its elements are nested too deeply; or the library for HTML is not installed.
    """
    _check_bounds(page, name)
    flow = Flow(builder)
    # level by level along the tree's own links: a page nested 100,000 deep takes no stack
    root = node = _parser()(page).root
    while node is not None and root is not None:
        tag = node.tag or ""
        if tag == "-text":
            flow.text(node.text_content or "")
            is_read = False
        elif tag.startswith(("-", "!", "#")):  # a comment, the document type
            is_read = False
        else:
            is_read = flow.start(tag, node.attributes)
        child = node.first_child if is_read else None
        if child is not None:
            node = child
            continue
        if is_read:
            flow.end(tag)
        while node is not None and node.mem_id != root.mem_id and (following := node.next) is None:
            node = node.parent
            if node is not None:
                flow.end(node.tag or "")
        node = None if node is None or node.mem_id == root.mem_id else following
    flow.finish()


def decode_html(data: bytes, name: str, *, encoding: str | None = None) -> str:
    """Decode a page by its byte order mark, a given encoding, what its head says, or else as UTF-8.

    Raises:
        DataError: it is in none of them, or no text at all.
    """
    marked = next(((mark, known) for mark, known in _MARKS if data.startswith(mark)), None)
    if marked is not None:
        mark, encoding = marked
        data = data[len(mark) :] if encoding == "utf-8" else data
    else:
        (check_any_text if encoding else check_plain_text)(data[:START], name)
        encoding = encoding or _declared(data[:_HEAD]) or "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise EncodingError(
            f"the byte 0x{data[error.start]:02x} at offset {error.start} is not {encoding.upper()} text",
            where=name,
            fix=TO_UTF8 if encoding == "utf-8" else "let its head name the encoding that it is in",
        ) from None


def _declared(head: bytes) -> str | None:
    match = _XML_ENCODING.search(head) or _CHARSET.search(head)
    if match is None:
        return None
    known = charset(match[1].decode("ascii"))
    # the name would not have been found in UTF-16, see https://encoding.spec.whatwg.org
    return "utf-8" if known is not None and known.startswith("utf-16") else known


def _check_bounds(page: str, name: str) -> None:
    if _MANY_ATTRIBUTES.search(page):
        raise DataError("an element of it has more than 1,000 attributes", where=name, fix="give it as plain text")
    depth = 0
    for match in _TAG.finditer(page):
        if match[2].lower() not in _UNCLOSED:
            depth = max(0, depth - 1) if match[1] else depth + 1
            if depth > _DEEPEST:
                raise DataError(
                    f"its elements are nested more than {_DEEPEST:,} deep", where=name, fix="give it as plain text"
                )


def _parser() -> "type[LexborHTMLParser]":
    with needs_extra("documents", kind=DataError):
        from selectolax.lexbor import LexborHTMLParser
    return LexborHTMLParser
