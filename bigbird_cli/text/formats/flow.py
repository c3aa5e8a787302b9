"""The text of a marked-up page as blocks, from its elements and text in their order: HTML, and the XHTML of e-books."""

import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Final

from bigbird_cli.text.formats.blocks import Block, Blocks
from bigbird_cli.text.formats.paged import TextBuilder

_NOT_TEXT: Final = frozenset(
    {
        *("head", "script", "style", "noscript", "template", "svg", "iframe", "object", "audio", "video", "canvas"),
        *("select", "datalist", "textarea", "button", "nav", "rp", "rt", "annotation", "annotation-xml"),
    }
)
"""Elements that are never shown as text, controls, and ways to other pages."""

_BLOCKS: Final = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "caption", "center", "details", "dialog", "dd", "div"),
        *("dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hgroup", "hr", "html", "legend"),
        *("li", "main", "ol", "p", "pre", "search", "section", "summary", "table", "tbody", "td", "tfoot", "th"),
        *("thead", "tr", "ul", "menu"),
    }
)
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_LISTS: Final = frozenset({"ol", "ul", "menu"})
_UNSEEN = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_WHITE = re.compile(r"[ \t\n\r\f]+")
_PAGE = "\0"  # stands in no text: XML forbids it, and HTML's parser replaces it
_AROUND_PAGE = re.compile(f" ?{_PAGE} ?")
_DEEPEST_INDENT: Final = 20
"""Of items of lists in lists, in steps."""


class Flow:
    """Takes elements and text as a browser would lay them out, and gives blocks to a TextBuilder.

    Paragraphs are blocks of their own; items of lists begin with "- " or their number and stand on a line each; for
    tables see `Blocks`. What is hidden, and navigation, is left out. White space is as a browser shows it, no-break
    spaces are spaces, soft hyphens are dropped. A raised number keeps apart from what it follows: "10^5", "lease^1".
    """

    def __init__(self, builder: TextBuilder) -> None:
        self._blocks = Blocks(builder)
        self._pieces: list[str] = []
        self._pages: list[str] = []
        self._heading = False
        self._pre = 0
        self._is_raised = False
        self._lists: list[int | None] = []
        self._marker: str | None = None
        self._begins_list = False

    def start(self, tag: str, attributes: Mapping[str, str | None]) -> bool:
        """An element begins; gives whether it is read: of one that is not, neither content nor end is to be given."""
        if tag in _NOT_TEXT or _is_hidden(attributes):
            return False
        if "pagebreak" in (attributes.get("epub:type") or "") or attributes.get("role") == "doc-pagebreak":
            self._page_break(attributes)
            return False
        if tag in _BLOCKS or tag in _HEADINGS:
            self._flush()
        if tag == "br":
            self._pieces.append("\n")
        elif tag in _HEADINGS:
            self._heading = True
        elif tag == "pre":
            self._pre += 1
        elif tag == "sup" or "noteref" in (attributes.get("epub:type") or attributes.get("role") or ""):
            self._is_raised = True
        elif tag in _LISTS:
            self._begins_list = not self._lists
            self._lists.append(_first_number(attributes) if tag == "ol" else None)
        elif tag == "li":
            self._item()
        elif tag == "table":
            self._blocks.start_table()
        elif tag == "tr":
            self._blocks.start_row()
        elif tag in ("td", "th"):
            self._blocks.start_cell()
        return True

    def end(self, tag: str) -> None:
        """An element ends that `start` took."""
        if tag in _BLOCKS or tag in _HEADINGS:
            self._flush()
        if tag == "pre":
            self._pre -= 1
        elif tag in _LISTS:
            self._lists.pop()
        elif tag == "table":
            self._blocks.end_table()

    def text(self, text: str) -> None:
        text = text.replace("\xad", "")
        if not self._pre:
            text = _WHITE.sub(" ", text)
        if self._is_raised and text.strip().isdigit() and self._pieces and not self._pieces[-1][-1:].isspace():
            text = f"^{text}"
        self._is_raised = False
        if text:
            self._pieces.append(text)

    def finish(self) -> None:
        """The page ends."""
        self._flush()
        self._blocks.finish()

    def _flush(self) -> None:
        """End the block that has begun."""
        text = "".join(self._pieces)
        if self._pre:
            text = text.strip("\n")
        else:
            text = re.sub(r" *\n[ \n]*", lambda match: "\n\n" if match[0].count("\n") > 1 else "\n", text)
            text = re.sub(r"  +", " ", text).strip(" \n")
        text = text.replace("\xa0", " ")
        pages: list[tuple[str, int]] = []
        if self._pages:
            text = _AROUND_PAGE.sub(lambda match: f" {_PAGE}" if " " in match[0] else _PAGE, text).lstrip(" ")
            parts = text.split(_PAGE)
            pages = list(zip(self._pages, accumulate(map(len, parts[:-1])), strict=True))
            text = "".join(parts)
        if text.strip() or pages:
            marker = self._marker or "" if text.strip() else ""
            self._blocks.add(
                Block(
                    marker + text,
                    tuple((label, start + len(marker) if start else 0) for label, start in pages),
                    is_heading=self._heading,
                    is_tight=self._marker is not None and not self._begins_list,
                )
            )
            self._marker, self._begins_list = None, False
        self._pieces, self._pages, self._heading = [], [], False

    def _page_break(self, attributes: Mapping[str, str | None]) -> None:
        label = attributes.get("aria-label") or attributes.get("title")
        if label:
            self._pages.append(label.strip(" ."))
            self._pieces.append(_PAGE)

    def _item(self) -> None:
        number = self._lists[-1] if self._lists else None
        indent = "  " * min(len(self._lists) - 1, _DEEPEST_INDENT)
        self._marker = f"{indent}- " if number is None else f"{indent}{number}. "
        if number is not None:
            self._lists[-1] = number + 1


def _is_hidden(attributes: Mapping[str, str | None]) -> bool:
    return (
        "hidden" in attributes
        or attributes.get("role") == "navigation"
        or _UNSEEN.search(attributes.get("style") or "") is not None
    )


def _first_number(attributes: Mapping[str, str | None]) -> int:
    start = attributes.get("start") or ""
    return int(start) if start.isascii() and start.isdecimal() and len(start) < 7 else 1
