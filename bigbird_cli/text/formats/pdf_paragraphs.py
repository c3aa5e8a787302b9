"""The text of a PDF from its lines: without running heads, in paragraphs, with pages and sections."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from bigbird_cli.text.formats.paged import TextBuilder
from bigbird_cli.text.formats.pdf_layout import Line, mean_size

_LETTERS: Final = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
_CLEAN: Final = {**_LETTERS, 0xA0: " ", 0xAD: "", **dict.fromkeys((*range(9), *range(11, 32), 127))}
_UNKNOWN = re.compile("[\ufffd\ue000-\uf8ff\x00-\x08\x0e-\x1f]")
_MOST_UNKNOWN = 0.3
"""Of a page's characters: with more, its fonts do not say which letters they draw."""

_SOFT_HYPHENS: Final = ("\u2010", "\xad")
_SPACED_LETTERS = 6
"""Letters by themselves in a line, at least, to be words that are set with spaces between their letters."""

_RARELY = 0.025
"""Share of lines with a hyphen at the end below which a document breaks lines at hyphens alone; where words are broken
it is 0.05 to 0.3."""

_ONE_IN = 20
"""Lines of a short document of which one may end so."""

_ALONE = re.compile(r"^(?:page )?[^\w]*|[^\w]*(?: of \d+| / \d+)?$", re.IGNORECASE)
"""What stands around the number of a page: "Page 3", "- 3 -", "3 / 12"."""

_DIGITS = re.compile(r"\d+")
_EDGE_LINES = 2
_OFTEN = 3
"""Pages on which a line stands at the same height, to be a running head."""

_SENTENCE_END = re.compile(r"""[.!?:;…][)\]"'”’»]*$""")
_BULLET = re.compile(r"^[•▪◦‣·●○■□➢✓*–—-]\s")
_LABEL = re.compile(r"^(?:\(?\d{1,3}[.)]|\(?[a-zA-Z][.)]|\(?[ivx]{1,5}[.)])\s")
_NOTE = re.compile(r"^\^\d{1,3}\s")  # its raised number is marked by `pdf_lines`
_WORD = re.compile(r"\w+(?:-\w+)*")
_HEADING = 1.15
"""Times the size of the body's letters, from which a line is a heading."""

_LONGEST_HEADING = 200


class Page(NamedTuple):
    """A page by its label, its lines in any order until `reading_order`, and whether it shows pictures."""

    label: str
    lines: list[Line]
    has_images: bool


def clean_line(segments: list[tuple[str, float, float]], bottom: float, top: float, turn: int, hyphen: bool) -> Line:
    """A line as `pdf_lines` tells it, without what its letters do not say: ligatures, control characters, wide spacing.

    Args:
        segments: pieces of text that wide gaps part, each with its left and right edge.
        bottom: of the line, in points from the page's lower edge.
        top: likewise.
        turn: degrees.
        hyphen: PDFium took one from the line's end.
    """
    last = segments[-1][0]
    if last.endswith(_SOFT_HYPHENS):  # those of programs that hyphenate, which PDFium takes for letters
        segments = [*segments[:-1], (last[:-1], *segments[-1][1:])]
        hyphen = True
    parts = [(text.translate(_CLEAN).strip(), left, right) for text, left, right in segments]
    parts = [part for part in parts if part[0]]
    words = " ".join(text for text, _, _ in parts).split(" ")
    if len(words) >= _SPACED_LETTERS and sum(len(word) == 1 for word in words) > 0.8 * len(words):
        text = " ".join(text.replace(" ", "") for text, _, _ in parts)
        parts = [(text, parts[0][1], parts[-1][2])]
    return Line(tuple(parts), bottom, top, turn, hyphen)


def is_unknown(lines: Sequence[Line]) -> bool:
    """Whether the page's fonts do not say which letters they draw."""
    n = sum(len(line.text) for line in lines)
    return n > 0 and sum(len(_UNKNOWN.findall(line.text)) for line in lines) > _MOST_UNKNOWN * n


def without_running_heads(pages: list[Page]) -> list[Page]:
    """Drop lines at the edges that say the same on many pages, but for the first, and those that count the pages.

    Where nothing else stands on any page, they are the text, and are kept.
    """
    dropped: set[tuple[int, int]] = set()
    standing: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for i, page in enumerate(pages):
        by_height = sorted(enumerate(page.lines), key=lambda numbered: numbered[1].bottom)
        for j, line in {*by_height[:_EDGE_LINES], *by_height[-_EDGE_LINES:]}:
            if (j, line) in (by_height[0], by_height[-1]) and _ALONE.sub("", line.text) == page.label:
                dropped.add((i, j))
            standing[_DIGITS.sub("#", line.text), round(line.bottom)].append((i, j))
    for lines in standing.values():
        if len(lines) < _OFTEN:
            continue
        numbers = [[int(digits) for digits in _DIGITS.findall(pages[i].lines[j].text)[:2]] for i, j in lines]
        steps = {number[0] - i for number, (i, _) in zip(numbers, lines, strict=True) if number}
        if len({pages[i].lines[j].text for i, j in lines}) == 1:
            dropped.update(lines[1:])
        elif len(steps) == 1:
            dropped.update(lines)
    kept = [
        page._replace(lines=[line for j, line in enumerate(page.lines) if (i, j) not in dropped])
        for i, page in enumerate(pages)
    ]
    return kept if any(page.lines for page in kept) else pages


class Hyphens:
    """Whether a hyphen at a line's end belongs to the word.

    It is as the document writes the word elsewhere. For a word that stands nowhere else: a document whose lines rarely
    end with a hyphen breaks no words, so that it belongs to it; in others it does between two words of the document.
    """

    def __init__(self, lines: Iterator[Line]) -> None:
        self._words: set[str] = set()
        self._heads: Counter[str] = Counter()
        n_lines = n_hyphens = 0
        for line in lines:
            n_lines += 1
            n_hyphens += line.hyphen
            words = [word.casefold() for word in _WORD.findall(line.text)]
            self._words.update(words[1 : -1 if line.hyphen else None] or words[:0])
            self._heads.update(word.split("-", 1)[0] for word in words if "-" in word)
        self._are_rare = n_hyphens < _RARELY * n_lines or (n_hyphens == 1 and n_lines >= _ONE_IN)

    def knows(self, text: str) -> bool:
        """Whether the first word of a text stands within a line elsewhere."""
        return text.split(" ", 1)[0].casefold() in self._words

    def stays(self, before: str, after: str) -> bool:
        """Whether it stays between the line before and the line after."""
        heads, tails = _WORD.findall(before), _WORD.findall(after)
        if not heads or not tails:
            return True
        head, tail = heads[-1], tails[0]
        if not tail[0].islower() and not (head.isupper() and tail.isupper()):
            return True  # "Anglo-Saxon", "COVID-19"
        head, tail = head.casefold(), tail.casefold()
        if head + tail in self._words:
            return False
        if f"{head}-{tail}" in self._words:
            return True
        if self._are_rare:
            return True
        return tail in self._words and (self._heads[head] > 0 or (head in self._words and len(head) > 3 < len(tail)))


class Writer:
    """Puts the lines of pages together as paragraphs."""

    def __init__(self, builder: TextBuilder, hyphens: Hyphens) -> None:
        self.builder = builder
        self._hyphens = hyphens
        self._starts: dict[int, list[tuple[int, Line]]] = defaultdict(list)
        self._headings: list[tuple[str, int, float]] = []

    def write(self, pages: list[Page], outline: list[tuple[str, int, float | None]]) -> None:
        """Write all pages, and the sections by the outline's titles, pages (from 0) and heights."""
        lines = [line for page in pages for line in page.lines]
        body = mean_size(lines)
        last: Line | None = None
        for i, page in enumerate(pages):
            shape = _Shape(page.lines)
            is_first = True
            for j, line in enumerate(page.lines):
                separator = "" if last is None else self._separator(last, line, shape, j)
                start = self.builder.add(line.text, separator=separator)
                if is_first:
                    self.builder.page(page.label, start)
                    is_first = False
                self._starts[i].append((start, line))
                self._heading(line, start, body, is_new="\n" in separator or last is None)
                last = line
            if is_first:
                self.builder.page(page.label, self.builder.length)
        sections = list(self._by_outline(outline))
        if not sections:
            sections = [(title, start) for title, start, _ in self._headings if len(title) <= _LONGEST_HEADING]
        for title, start in sorted(sections, key=lambda section: section[1]):
            self.builder.section(title, start)

    def _separator(self, last: Line, line: Line, shape: "_Shape", index: int) -> str:
        """What stands between two lines: nothing or a hyphen within a word, a space, a line break, a blank line."""
        broken = shape.break_before(last, line, index)
        if broken and not _is_large_first(last, line):
            return broken
        if _is_large_first(last, line):
            # "O" and "nce", but "A" and "long"
            return "" if last.text not in ("A", "I") or not self._hyphens.knows(line.text) else " "
        if last.hyphen:
            return "-" if self._hyphens.stays(last.text, line.text) else ""
        return "" if last.text.endswith(("-", "/")) and not last.text.endswith((" -", " /")) else " "

    def _heading(self, line: Line, start: int, body: float, *, is_new: bool) -> None:
        if line.size < _HEADING * body or line.turn or len(line.segments) > 1:
            return
        if not is_new and self._headings and self._headings[-1][2] == line.size:
            title, begun, size = self._headings.pop()
            self._headings.append((f"{title} {line.text}", begun, size))
        elif is_new and any(character.isalpha() for character in line.text):
            self._headings.append((line.text, start, line.size))

    def _by_outline(self, outline: list[tuple[str, int, float | None]]) -> Iterator[tuple[str, int]]:
        """The sections of the outline: where a line of the page has the title, else at the height where it leads."""
        titles: dict[int, list[str]] = {}
        for title, page, height in outline:
            lines = self._starts.get(page)
            if not lines:
                continue
            if page not in titles:
                titles[page] = [_plain(line.text) for _, line in lines]
            wanted = _plain(title)[:60]
            plain = zip(lines, titles[page], strict=True)
            same = [start for (start, _), text in plain if wanted and text.startswith(wanted)]
            below = [start for start, line in lines if height is not None and line.bottom < height]
            yield title, (same or below or [lines[0][0]])[0]


def _is_large_first(last: Line, line: Line) -> bool:
    """Whether a line is the large first letter of the next."""
    return len(last.text) == 1 and last.text.isupper() and last.size > 1.5 * line.size and line.text[:1].islower()


def _plain(text: str) -> str:
    """A title without its number, spaces and punctuation."""
    return re.sub(r"\W+", "", re.sub(r"^[\d.]+\s", "", text)).casefold()


class _Shape:
    """How the lines of a page are set: how far apart, and how wide."""

    _NEAR = 8

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        steps: dict[int, list[float]] = defaultdict(list)
        for last, line in pairwise(lines):
            if (
                abs(line.size - last.size) < 0.1 * last.size
                and 0.5 * last.size < last.bottom - line.bottom < 4 * last.size
            ):
                steps[round(line.size)].append(last.bottom - line.bottom)
        # the lower quarter: steps within paragraphs, where many paragraphs are short
        self._steps = {size: sorted(found)[len(found) // 4] for size, found in steps.items()}

    def break_before(self, last: Line, line: Line, index: int) -> str:
        """How a line is kept apart from the one before it: by a blank line, a line break, or not at all ("")."""
        size = max(1.0, last.size)
        if last.turn != line.turn or abs(line.size - last.size) > 0.12 * size:
            return "\n\n"
        step = last.bottom - line.bottom
        is_row = len(line.segments) > 1
        was_row = len(last.segments) > 1
        if index == 0 or step < -0.5 * size:
            return "" if not is_row and not was_row and self._goes_on(last, line, index) else "\n\n"
        if abs(step) < 0.3 * size:
            return "" if last.hyphen else "\t" if line.left - last.right > size else ""
        usual = self._steps.get(round(line.size), 1.2 * size)
        if step > max(1.25 * usual, usual + 0.15 * size):
            return "\n" if is_row and was_row and step < 2.5 * usual else "\n\n"
        if is_row or was_row:
            return "\n"
        if last.hyphen:
            return ""
        has_ended = _SENTENCE_END.search(last.text) is not None
        is_full = self._is_full(last, line, index)
        indent = line.left - self._margin(line, index)
        if _BULLET.match(line.text) or _NOTE.match(line.text):
            return "\n"
        if _LABEL.match(line.text) and (has_ended or not is_full or self._is_in_list(line, index)):
            return "\n"
        if not is_full:
            return "\n\n" if has_ended or indent > 0.8 * size else "\n"
        is_centred = abs(line.left + line.right - last.left - last.right) < size and line.left != last.left
        if 0.8 * size < indent < 5 * size and not is_centred and has_ended and not line.text[:1].islower():
            return "\n\n"
        return ""

    def _is_in_list(self, line: Line, index: int) -> bool:
        """Whether a line before it begins with a label too, above its own."""
        before = self._lines[max(0, index - self._NEAR) : index]
        return any(_LABEL.match(other.text) and abs(other.left - line.left) < 0.5 * line.size for other in before)

    def _margin(self, line: Line, index: int) -> float:
        """Where most lines around a line begin, of its column."""
        near = self._lines[max(0, index - self._NEAR) : index + self._NEAR]
        lefts = Counter(round(other.left) for other in near if other.left <= line.right and other.right >= line.left)
        return lefts.most_common(1)[0][0]

    def _is_full(self, last: Line, line: Line, index: int) -> bool:
        """Whether the first word of a line would not have stood on the line before it any more."""
        near = self._lines[max(0, index - self._NEAR) : index + self._NEAR]
        right = max(
            (
                other.right
                for other in near
                if abs(other.size - last.size) < 0.12 * last.size
                and other.left < last.right
                and other.right > last.left
                if len(other.segments) == 1
            ),
            default=last.right,
        )
        word = line.text.split(" ", 1)[0]
        width = (line.right - line.left) / max(1, len(line.text))
        return last.right + (len(word) + 1) * width > right - 0.3 * last.size

    def _goes_on(self, last: Line, line: Line, index: int) -> bool:
        """Whether a sentence goes on in the next column or on the next page."""
        if last.hyphen:
            return True
        if _SENTENCE_END.search(last.text):
            return False
        return line.text[:1].islower() or self._is_full(last, line, index)
