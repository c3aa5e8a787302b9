"""The lines of a PDF's pages and where they stand, by PDFium; run as a program, in a process of its own.

PDFium is native code that reads whatever the file says: it may crash, hang, or take all memory, and it may not be used
by two threads. A process for each document keeps all of that away from the documents beside it, for about 0.1 s.

Arguments: the seconds that a page may take, before the process ends itself, and those of computing that it may take in
the mean of all pages, besides. Input: the file, as standard input. Output: a line of JSON for each of these, in order.

    {"pages": 12, "outline": [["Title", 0, 710.5], ...]}   the page's index and the height on it, or null
    {"label": "iv", "lines": [[[["text", left, right], ...], bottom, top, angle, hyphen], ...], "images": true}
    {"done": true}

or {"error": "password" | "damaged"} instead of the first.
"""

import ctypes
import faulthandler
import json
import math
import mmap
import os
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pypdfium2.raw as pdfium

_MEMORY = 2 << 30
"""Bytes of memory for a document besides its own size."""

_MOST_OUTLINE = 10_000
_FARTHEST = 1e6  # points
_HYPHENS = ("\ufffe", "\x02")  # what PDFium gives for a hyphen at a line's end, and for the line's end with it
_LINE = re.compile("[^\r\n\ufffe\x02]+")
_WORD = re.compile(r"\S+")
_WIDE_GAP = 1.5
"""Line heights between two words of a line that are cells of a table."""
_GAP = 0.8
"""As many are enough, where the gap is twice those beside it."""

_NOTE_AFTER = re.compile(r"(.*\D)(\d{1,3})")
_NOTE_BEFORE = re.compile(r"(\d{1,3})(\D.*)")
_RAISED = 0.15
"""Letter heights above the line, from which a number is a note's."""
_WIDEST = 3.0
"""Letter heights that a line is spaced out to at most, to fill a column."""

_EVEN = 1.4
"""Times the narrowest gap of a line, up to which its gaps are alike."""


def main() -> None:
    """Read standard input, write to standard output."""
    seconds, seconds_in_mean = map(float, sys.argv[1:])
    _limit_memory()
    with open(os.devnull, "w") as silent, open(1, "wb") as output:  # noqa: PTH123

        def tell(value: object) -> None:
            output.write(json.dumps(value).encode("ascii") + b"\n")
            output.flush()
            # the clock starts anew; at its end it stops native code too
            faulthandler.dump_traceback_later(seconds, file=silent, exit=True)

        faulthandler.dump_traceback_later(seconds, file=silent, exit=True)
        data = mmap.mmap(0, 0, access=mmap.ACCESS_COPY)
        buffer = (ctypes.c_char * len(data)).from_buffer(data)
        pdfium.FPDF_InitLibrary()
        document = pdfium.FPDF_LoadMemDocument64(buffer, len(data), None)
        if not document:
            locked = pdfium.FPDF_GetLastError() == pdfium.FPDF_ERR_PASSWORD
            tell({"error": "password" if locked else "damaged"})
        else:
            n_pages = pdfium.FPDF_GetPageCount(document)
            _limit_time(seconds + seconds_in_mean * n_pages)
            tell({"pages": n_pages, "outline": list(_outline(document))})
            for i in range(n_pages):
                tell(_page(document, i))
            tell({"done": True})
        os._exit(0)  # what is native need not be taken apart


def _limit_memory() -> None:
    if sys.platform in ("win32", "darwin"):  # the one has no such limits, the other does not hold this one
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = _MEMORY + os.fstat(0).st_size
    resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _limit_time(seconds: float) -> None:
    """End the process when it has computed so long: pages of which each takes long must not add up to days."""
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    most = math.ceil(seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # whoever ends so leaves no image of its memory


def _page(document: Any, index: int) -> dict[str, object]:
    label = _string(lambda buffer, size: pdfium.FPDF_GetPageLabel(document, index, buffer, size))
    found: dict[str, object] = {"label": label or str(index + 1), "lines": [], "images": False}
    page = pdfium.FPDF_LoadPage(document, index)
    if not page:
        return found | {"images": True}  # something is there that cannot be read
    if _has_fields(page):
        # what people wrote into a form stands beside the page, until it is made a part of it
        pdfium.FPDFPage_Flatten(page, pdfium.FLAT_NORMALDISPLAY)
        pdfium.FPDF_ClosePage(page)
        page = pdfium.FPDF_LoadPage(document, index)
    text_page = pdfium.FPDFText_LoadPage(page)
    if text_page:
        found["lines"] = list(_lines(text_page))
        pdfium.FPDFText_ClosePage(text_page)
    if not found["lines"]:
        found["images"] = pdfium.FPDFPage_CountObjects(page) > 0
    pdfium.FPDF_ClosePage(page)
    return found


def _has_fields(page: Any) -> bool:
    for i in range(min(pdfium.FPDFPage_GetAnnotCount(page), 10_000)):
        annotation = pdfium.FPDFPage_GetAnnot(page, i)
        kind = pdfium.FPDFAnnot_GetSubtype(annotation)
        pdfium.FPDFPage_CloseAnnot(annotation)
        if kind in (pdfium.FPDF_ANNOT_WIDGET, pdfium.FPDF_ANNOT_FREETEXT):
            return True
    return False


def _lines(text_page: Any) -> Iterator[list[object]]:
    """The lines of a page as PDFium finds them, in the order in which the page draws them."""
    n = pdfium.FPDFText_CountChars(text_page)
    if n <= 0:
        return
    buffer = ctypes.create_string_buffer(2 * n + 2)
    written = pdfium.FPDFText_GetText(text_page, 0, n, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)))
    text = buffer.raw[: 2 * max(0, written - 1)].decode("utf-16-le", "replace")
    is_shifted = len(text) != n  # a character of the page may be none, or two, of the text

    def index_of(position: int) -> int:
        return pdfium.FPDFText_GetCharIndexFromTextIndex(text_page, position) if is_shifted else position

    box = pdfium.FS_RECTF()
    pointer = ctypes.byref(box)

    def box_of(position: int) -> tuple[float, float, float, float]:
        pdfium.FPDFText_GetLooseCharBox(text_page, index_of(position), pointer)
        edges = box.left, box.right, box.bottom, box.top
        # a damaged font or matrix gives numbers that are none, or beyond all paper
        return edges if all(-_FARTHEST < edge < _FARTHEST for edge in edges) else (0.0, 0.0, 0.0, 0.0)

    left, right, bottom, top = (ctypes.c_double() for _ in range(4))

    def apart(word: str, first: int, last: int) -> str:
        """A word apart from the raised number of a note at its end or beginning: "lease^1", "^1 See"."""
        after = _NOTE_AFTER.fullmatch(word)
        match = after or _NOTE_BEFORE.fullmatch(word)
        if match is None:
            return word
        letter, digit = (first, last - 1) if after else (last - 1, first)
        pdfium.FPDFText_GetCharOrigin(text_page, index_of(letter), left, bottom)
        base = bottom.value
        pdfium.FPDFText_GetCharBox(text_page, index_of(digit), left, right, bottom, top)
        _, _, low, high = box_of(letter)
        is_raised = bottom.value - base > _RAISED * (high - low)
        if not is_raised:
            return word
        return f"{match[1]}^{match[2]}" if after else f"^{match[1]} {match[2]}"

    for line in _LINE.finditer(text):
        words = [match.span() for match in _WORD.finditer(text, *line.span())]
        if not words:
            continue
        boxes = [(*box_of(first), *box_of(last - 1)) for first, last in words]
        angle = pdfium.FPDFText_GetCharAngle(text_page, index_of(words[0][0]))
        turn = round(math.degrees(angle)) % 360
        texts = [text[first:last] for first, last in words]
        if turn == 0:
            texts = [apart(word, *ends) for word, ends in zip(texts, words, strict=True)]
        hyphen = text[line.end() : line.end() + 1] in _HYPHENS
        yield [*_segments(texts, boxes, turn), turn, hyphen]


def _segments(words: list[str], boxes: Sequence[tuple[float, ...]], turn: int) -> tuple[list[list[Any]], float, float]:
    """A line's words, together but for wide gaps, with their left and right; and the line's bottom and top.

    The latter are of most words. Lines that run upwards, downwards or upside down are turned into the horizontal first.
    """
    placed = [_placed(box, turn) for box in boxes]
    middle = len(placed) // 2  # most words are of the line's own size, and not raised
    bottom = sorted(box[2] for box in placed)[middle]
    height = sorted(box[3] - box[2] for box in placed)[middle] or 1.0
    gaps = [after[0] - before[1] for before, after in pairwise(placed)]
    usual = sorted(gaps)[len(gaps) // 2] if len(gaps) > 2 else math.inf
    if len(gaps) > 1 and max(gaps) < min(_EVEN * min(gaps), _WIDEST * height):
        gaps = [0.0] * len(gaps)  # a line that is spaced out to its column's width
    segments: list[list[Any]] = [[words[0], placed[0][0], placed[0][1]]]
    for word, box, gap in zip(words[1:], placed[1:], gaps, strict=True):
        if gap > _WIDE_GAP * height or (gap > _GAP * height and gap > 2 * usual):
            segments.append([word, box[0], box[1]])
        else:
            text, left, right = segments[-1]
            # to the left where the text runs from right to left
            segments[-1] = [f"{text} {word}", min(left, box[0]), max(right, box[1])]
    return segments, bottom, bottom + height


def _placed(box: tuple[float, ...], turn: int) -> tuple[float, float, float, float]:
    """The left, right, bottom and top of a word, of its first and last characters' boxes, as if it ran to the right."""
    left, right = min(box[0], box[4]), max(box[1], box[5])
    bottom, top = min(box[2], box[6]), max(box[3], box[7])
    match turn:
        case 90:
            return -top, -bottom, left, right
        case 180:
            return -right, -left, -top, -bottom
        case 270:
            return bottom, top, -right, -left
    return left, right, bottom, top


def _outline(document: Any) -> Iterator[tuple[str, int, float | None]]:
    """Titles of the outline, in order, with the page and the height on it where each leads."""
    stack = [pdfium.FPDFBookmark_GetFirstChild(document, None)]
    seen: set[int] = set()
    while stack and len(seen) < _MOST_OUTLINE:
        mark = stack.pop()
        if not mark:
            continue
        address = ctypes.addressof(mark.contents)
        if address in seen:  # an outline may lead in circles
            continue
        seen.add(address)
        title = _string(lambda buffer, size, mark=mark: pdfium.FPDFBookmark_GetTitle(mark, buffer, size))
        target = pdfium.FPDFBookmark_GetDest(document, mark)
        page = pdfium.FPDFDest_GetDestPageIndex(document, target) if target else -1
        if title.strip() and page >= 0:
            yield title.strip(), page, _height(target)
        stack.append(pdfium.FPDFBookmark_GetNextSibling(document, mark))
        stack.append(pdfium.FPDFBookmark_GetFirstChild(document, mark))


def _height(target: Any) -> float | None:
    has_x, has_y, has_zoom = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    x, y, zoom = ctypes.c_float(), ctypes.c_float(), ctypes.c_float()
    found = pdfium.FPDFDest_GetLocationInPage(target, has_x, has_y, has_zoom, x, y, zoom)
    return y.value if found and has_y.value and math.isfinite(y.value) else None


def _string(read: Any) -> str:
    """A string that PDFium gives as UTF-16 by a function of a buffer and its size."""
    size = read(None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    read(buffer, size)
    return buffer.raw[: size - 2].decode("utf-16-le", "replace")


if __name__ == "__main__":
    main()
