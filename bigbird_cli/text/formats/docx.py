"""Word documents (.docx): the body as a reader sees it, with its headings, numbering, tables and notes."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, Final, NamedTuple

from bigbird_cli.errors import DataError
from bigbird_cli.files.copies import seekable
from bigbird_cli.text.formats.archive import Archive, part_of
from bigbird_cli.text.formats.blocks import Block, Blocks
from bigbird_cli.text.formats.paged import PagedText, TextBuilder
from bigbird_cli.text.formats.source import reject_other_kinds
from bigbird_cli.text.formats.xml import parse_xml

_WORD: Final = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
)
"""The name space of Word's elements: as Word saves them, and as "Strict Open XML"."""

_OLD_OFFICE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_NO: Final = frozenset({"0", "false", "off", "none"})
_SKIPPED: Final = frozenset(
    {"w:del", "w:moveFrom", "w:instrText", "w:pPrChange", "w:rPrChange", "w:rubyPr", "w:rt", "Fallback"}
)
"""What is deleted, or moved elsewhere, or no text: the code of a field, formats as they were, how to say
a word, and what else would do for programs that do not know the element before it."""

_CHARACTERS: Final = {"w:tab": "\t", "w:ptab": "\t", "w:br": "\n", "w:cr": "\n", "w:noBreakHyphen": "-"}
_DEEPEST_STYLE = 20
_BODY_LEVEL = 9  # of an outline: no heading


def read_docx(stream: BinaryIO, name: str, /) -> PagedText:
    """Read a Word document's body, then its footnotes and endnotes.

    Paragraphs are blocks; items of lists carry their bullet or number as Word counts it ("2.1", "(a)", "iv."),
    headings with theirs are sections; the rows of a table are lines with a tab between cells. Notes are marked "[1]"
    and "[i]" where they stand and follow the text. What changes deleted, hidden text, comments, and the running heads
    and feet of pages are left out. Where pages begin is not in the file: Word decides it each time it shows a document.

    Args:
        stream: binary; one that goes forward only is copied.
        name: what to call it in errors.

    Raises:
        DataError: it is no Word document, or is damaged, locked with a password, or beyond all bounds.
    """
    with seekable(stream, name) as file:
        _reject_old(file, name)
        reject_other_kinds(file, name, wanted="a Word document", starts=(b"PK\x03\x04",))
        archive = Archive(file, name)
        main = _main_part(archive, name)
        related = _related(archive, main, name)
        styles, numbering = _Styles(), _Numbering()
        for kind, listener in (("styles", styles), ("numbering", numbering)):
            for part in related.get(kind, ())[:1]:
                _parse(archive, part, name, listener)
        builder = TextBuilder(name)
        body = _Body(builder, styles, numbering)
        _parse(archive, main, name, body)
        body.finish()
        for kind, order, label in (("footnotes", body.footnotes, str), ("endnotes", body.endnotes, _roman)):
            for part in related.get(kind, ())[:1] if order else ():
                notes = _Notes()
                _parse(archive, part, name, notes)
                for number, note in enumerate(order, start=1):
                    builder.add(f"[{label(number)}] {' '.join(notes.texts.get(note, ()))}".rstrip())
    if not builder.length:
        raise DataError("the document has no text", where=name, fix="give a file with text in it")
    for part in related.get("aFChunk", ()):
        builder.unread(f"the part {part}")
    return builder.build()


def _reject_old(file: BinaryIO, name: str) -> None:
    """Word documents of before 2007, and those that a password locks, stand in the same kind of file."""
    start = file.read(1 << 20)
    file.seek(0)
    if not start.startswith(_OLD_OFFICE):
        return
    file.seek(0, 2)
    file.seek(max(0, file.tell() - (1 << 20)))  # its list of parts stands anywhere, mostly at one of the ends
    is_locked = _ENCRYPTED in start or _ENCRYPTED in file.read()
    file.seek(0)
    if is_locked:
        raise DataError("it is locked with a password", where=name, fix="open it in Word and save it without one")


def _main_part(archive: Archive, name: str) -> str:
    related = _related(archive, "", name) if "_rels/.rels" in archive else {}
    main = next(iter(related.get("officeDocument", ())), "word/document.xml")
    if main not in archive:
        raise DataError("this is a zip archive, not a Word document", where=name, fix="give the suffix of what it is")
    return main


def _related(archive: Archive, part: str, name: str) -> dict[str, list[str]]:
    """The parts that a part refers to, by the kind of their relation, the last word of its address."""
    folder, _, base = part.rpartition("/")
    path = f"{folder}/_rels/{base}.rels".lstrip("/")
    found: dict[str, list[str]] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag.endswith("Relationship") and attributes.get("TargetMode") != "External" and "Target" in attributes:
            kind = attributes.get("Type", "").rsplit("/", 1)[-1]
            found.setdefault(kind, []).append(part_of(attributes["Target"], relative_to=part))

    if path in archive:
        with archive.open(path) as stream:
            parse_xml(stream, where=f"{name}, {path}", start=start)
    return found


class _Listener:
    """Called with a part's elements, those of Word named "w:…" and others by their local name."""

    def start(self, tag: str, attributes: dict[str, str]) -> None: ...

    def end(self, tag: str) -> None: ...

    def text(self, text: str) -> None: ...


def _parse(archive: Archive, part: str, name: str, listener: _Listener) -> None:
    def short(full: str) -> str:
        space, _, local = full.rpartition(" ")
        return f"w:{local}" if space in _WORD else f"m:{local}" if space.endswith("/math") else local

    def start(tag: str, attributes: dict[str, str]) -> None:
        listener.start(short(tag), {key.rpartition(" ")[2]: value for key, value in attributes.items()})

    with archive.open(part) as stream:
        parse_xml(
            stream,
            where=f"{name}, {part}",
            start=start,
            end=lambda tag: listener.end(short(tag)),
            data=listener.text,
            namespaces=True,
        )


class _Level(NamedTuple):
    """How the items of a list are numbered at a level: "%1.%2" in decimals, from 1."""

    kind: str = "decimal"
    pattern: str = ""
    first: int = 1


class _Numbering(_Listener):
    """The lists of a document: their levels, and how far each has counted."""

    def __init__(self) -> None:
        self._levels: dict[tuple[str, int], _Level] = {}
        self._lists: dict[str, str] = {}
        self._counts: dict[str, list[int]] = {}
        self._definition = self._list = ""
        self._level: int | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        value = attributes.get("val", "")
        if tag == "w:abstractNum":
            self._definition = attributes.get("abstractNumId", "")
        elif tag == "w:num":
            self._list = attributes.get("numId", "")
        elif tag == "w:abstractNumId":
            self._lists[self._list] = value
        elif tag == "w:lvl":
            self._level = _number(attributes.get("ilvl"))
        elif (
            self._level is not None and not self._list
        ):  # a list's own changes of its definition are rare, and not read
            key = (self._definition, self._level)
            level = self._levels.get(key, _Level())
            if tag == "w:start":
                self._levels[key] = level._replace(first=_number(value) or 0)
            elif tag == "w:numFmt":
                self._levels[key] = level._replace(kind=value)
            elif tag == "w:lvlText":
                self._levels[key] = level._replace(pattern=value)

    def end(self, tag: str) -> None:
        if tag == "w:lvl":
            self._level = None

    def next_label(self, number: str, level: int) -> str | None:
        """Count an item of a list, and give its label, such as "2.1", or "-" for a bullet; None for no such list."""
        definition = self._lists.get(number)
        if definition is None or (definition, level) not in self._levels:
            return None
        counts = self._counts.setdefault(definition, [])
        del counts[level + 1 :]  # a new 2 begins anew with 2.1
        while len(counts) < level:  # an item may stand two levels below the one before it
            counts.append(self._levels.get((definition, len(counts)), _Level()).first)
        if len(counts) == level:
            counts.append(self._levels[definition, level].first)
        else:
            counts[level] += 1
        kind, pattern, _ = self._levels[definition, level]
        if kind == "bullet":
            return "-"

        def count(match: re.Match[str]) -> str:
            i = int(match[1]) - 1
            if i >= len(counts):
                return ""
            return _LABELS.get(self._levels.get((definition, i), _Level()).kind, str)(counts[i])

        return re.sub("%([1-9])", count, pattern).strip()


class _Style(NamedTuple):
    """What a paragraph has of its style: None where the style that it is based on says."""

    based_on: str = ""
    outline: int | None = None
    number: str | None = None
    level: int | None = None


class _Styles(_Listener):
    """The styles of paragraphs, by their names in the file."""

    def __init__(self) -> None:
        self._styles: dict[str, _Style] = {}
        self._name = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        value = attributes.get("val", "")
        if tag == "w:style":
            self._name = attributes.get("styleId", "")
            self._styles[self._name] = _Style()
            return
        style = self._styles.get(self._name, _Style())
        if tag == "w:name":
            heading = re.fullmatch(r"heading ([1-9])", value.lower())
            outline = int(heading[1]) - 1 if heading else 0 if value.lower() == "title" else None
            style = style._replace(outline=outline)
        elif tag == "w:basedOn":
            style = style._replace(based_on=value)
        elif tag == "w:outlineLvl":
            style = style._replace(outline=_number(value))
        elif tag == "w:numId":
            style = style._replace(number=value)
        elif tag == "w:ilvl":
            style = style._replace(level=_number(value))
        self._styles[self._name] = style

    def resolved(self, name: str) -> _Style:
        """A style with what those that it is based on say."""
        found = _Style()
        for _ in range(_DEEPEST_STYLE):
            style = self._styles.get(name)
            if style is None:
                break
            found = _Style(
                outline=style.outline if found.outline is None else found.outline,
                number=style.number if found.number is None else found.number,
                level=style.level if found.level is None else found.level,
            )
            name = style.based_on
        return found


@dataclass
class _Paragraph:
    pieces: list[str] = field(default_factory=list)
    style: str = ""
    outline: int | None = None
    number: str | None = None
    level: int | None = None


class _Text(_Listener):
    """The paragraphs of a part; what becomes of each is for `paragraph` to say."""

    def __init__(self) -> None:
        self._skipped = 0
        self._is_text = False
        self._is_hidden = self._is_raised = False
        self._paragraphs: list[_Paragraph] = []  # one stands in another where it has a box of text

    def paragraph(self, paragraph: _Paragraph) -> None:
        """A paragraph has ended."""

    def element(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins that is none of a paragraph."""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._skipped or tag in _SKIPPED:
            self._skipped += 1
            return
        value = attributes.get("val", "")
        if tag == "w:p":
            self._paragraphs.append(_Paragraph())
        elif not self._paragraphs:
            self.element(tag, attributes)
        elif tag == "w:r":
            self._is_hidden = self._is_raised = False
        elif tag == "w:vanish":
            self._is_hidden = value not in _NO
        elif tag == "w:vertAlign":
            self._is_raised = value == "superscript"
        elif tag in ("w:t", "m:t"):
            self._is_text = True
        elif tag in _CHARACTERS:
            self._put(_CHARACTERS[tag])
        elif tag == "w:pStyle":
            self._paragraphs[-1].style = value
        elif tag == "w:outlineLvl":
            self._paragraphs[-1].outline = _number(value)
        elif tag == "w:numId":
            self._paragraphs[-1].number = value
        elif tag == "w:ilvl":
            self._paragraphs[-1].level = _number(value)
        else:
            self.element(tag, attributes)

    def end(self, tag: str) -> None:
        if self._skipped:
            self._skipped -= 1
        elif tag == "w:p" and self._paragraphs:
            self.paragraph(self._paragraphs.pop())
        elif tag in ("w:t", "m:t"):
            self._is_text = False

    def text(self, text: str) -> None:
        if self._is_text and not self._skipped:
            before = self._paragraphs[-1].pieces[-1:] if self._paragraphs else []
            raised = self._is_raised and text.strip().isdigit() and before and not before[0][-1:].isspace()
            self._put(f"^{text}" if raised else text)

    def _put(self, text: str) -> None:
        if self._paragraphs and not self._is_hidden:
            self._paragraphs[-1].pieces.append(text)


class _Body(_Text):
    """The body: its blocks go into the text, the ids of its notes are kept in their order."""

    def __init__(self, builder: TextBuilder, styles: _Styles, numbering: _Numbering) -> None:
        super().__init__()
        self.footnotes: list[str] = []
        self.endnotes: list[str] = []
        self._blocks = Blocks(builder)
        self._styles = styles
        self._numbering = numbering
        self._last_list: str | None = None

    def element(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "w:tbl":
            self._blocks.start_table()
        elif tag == "w:tr":
            self._blocks.start_row()
        elif tag == "w:tc":
            self._blocks.start_cell()
        elif tag == "w:footnoteReference":
            self.footnotes.append(attributes.get("id", ""))
            self._put(f"[{len(self.footnotes)}]")
        elif tag == "w:endnoteReference":
            self.endnotes.append(attributes.get("id", ""))
            self._put(f"[{_roman(len(self.endnotes))}]")

    def end(self, tag: str) -> None:
        if tag == "w:tbl" and not self._skipped:
            self._blocks.end_table()
        super().end(tag)

    def paragraph(self, paragraph: _Paragraph) -> None:
        style = self._styles.resolved(paragraph.style)
        number = paragraph.number or style.number
        level = paragraph.level if paragraph.level is not None else style.level or 0
        outline = paragraph.outline if paragraph.outline is not None else style.outline
        text = _clean(paragraph.pieces)
        if not text:
            return
        label = self._numbering.next_label(number, level) if number is not None else None
        is_heading = outline is not None and outline < _BODY_LEVEL
        if label == "-":
            label = "  " * level + label
        self._blocks.add(
            Block(
                f"{label} {text}" if label else text,
                is_heading=is_heading,
                is_tight=label is not None and not is_heading and number == self._last_list,
            )
        )
        self._last_list = number if label is not None and not is_heading else None

    def finish(self) -> None:
        self._blocks.finish()


class _Notes(_Text):
    """The notes of a part, by their ids."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {}
        self._id = ""

    def element(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in ("w:footnote", "w:endnote"):
            self._id = attributes.get("id", "")

    def paragraph(self, paragraph: _Paragraph) -> None:
        if text := _clean(paragraph.pieces):
            self.texts.setdefault(self._id, []).append(text)


def _clean(pieces: list[str]) -> str:
    return "".join(pieces).replace("\xa0", " ").replace("\xad", "").strip()


def _number(value: str | None) -> int | None:
    """A small number; None for anything else."""
    return int(value) if value and value.isascii() and value.isdecimal() and len(value) < 7 else None


def _roman(number: int) -> str:
    if not 0 < number < 4000:
        return str(number)
    digits = zip((1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1), _ROMAN, strict=True)
    text = ""
    for value, digit in digits:
        text += digit * (number // value)
        number %= value
    return text


def _letter(number: int) -> str:
    """a, b, ... z, aa, bb, ..., as Word counts."""
    return chr(ord("a") + (number - 1) % 26) * min(1 + (number - 1) // 26, 40)


_ROMAN: Final = ("m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i")
_LABELS: Final[dict[str, Callable[[int], str]]] = {
    "decimal": str,
    "decimalZero": lambda number: f"{number:02d}",
    "lowerLetter": _letter,
    "upperLetter": lambda number: _letter(number).upper(),
    "lowerRoman": _roman,
    "upperRoman": lambda number: _roman(number).upper(),
    "none": lambda _: "",
}
