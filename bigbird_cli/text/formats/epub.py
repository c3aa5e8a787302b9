"""E-books (.epub): their chapters in reading order, with titles as sections and the pages of the printed book."""

from typing import BinaryIO, Final, NamedTuple

from bigbird_cli.errors import DataError
from bigbird_cli.files.copies import seekable
from bigbird_cli.text.formats.archive import Archive, part_of
from bigbird_cli.text.formats.flow import Flow
from bigbird_cli.text.formats.html import decode_html, extract_html
from bigbird_cli.text.formats.paged import PagedText, TextBuilder
from bigbird_cli.text.formats.source import reject_other_kinds
from bigbird_cli.text.formats.xml import NotWellFormedError, parse_xml

_CONTAINER: Final = "META-INF/container.xml"
_ENCRYPTION: Final = "META-INF/encryption.xml"
_PAGES_OF_TEXT: Final = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml"})


class _Item(NamedTuple):
    part: str
    media_type: str
    properties: str


def read_epub(stream: BinaryIO, name: str, /) -> PagedText:
    """Read the chapters of an e-book in the order of its spine; see `Flow` for how.

    Headings are sections; a chapter that begins without one is a section by its title in the table of contents. Pages
    are those of the printed book, where the e-book marks them. The table of contents itself is left out.

    Args:
        stream: binary; one that goes forward only is copied.
        name: what to call it in errors.

    Raises:
        DataError: it is no e-book, or is damaged, protected against copying, or beyond all bounds; or a
            chapter is no XML, and the library for HTML is not installed.
    """
    with seekable(stream, name) as file:
        reject_other_kinds(file, name, wanted="an e-book (.epub)", starts=(b"PK\x03\x04",))
        archive = Archive(file, name)
        if _CONTAINER not in archive:
            raise DataError("this is a zip archive, not an e-book", where=name, fix="give the suffix of what it is")
        package = _package(archive, name)
        items, spine, contents = _spine(archive, package, name)
        titles = _titles(archive, items, contents, name)
        locked = _locked(archive, name)
        builder = TextBuilder(name)
        for item in dict.fromkeys(spine):  # a chapter that is named twice is read once
            if item.media_type not in _PAGES_OF_TEXT:
                builder.unread(f"the part {item.part} ({item.media_type})")
            elif item.part in locked:
                raise DataError(
                    f"its part {item.part} is encrypted: the book is protected against copying",
                    where=name,
                    fix="give a copy without protection",
                )
            else:
                _read_chapter(archive, item, builder, title=titles.get(item.part), name=name)
    extracted = builder.build()
    if not extracted.text:
        raise DataError("the book has no text", where=name, fix="give a file with text in it")
    return extracted


def _read_chapter(archive: Archive, item: _Item, builder: TextBuilder, *, title: str | None, name: str) -> None:
    """Add a chapter to the text."""
    chapter = TextBuilder(name)
    try:
        with archive.open(item.part) as stream:
            _extract_xhtml(stream, chapter, where=f"{name}, {item.part}")
    except NotWellFormedError:  # as browsers and many readers of books, take it for HTML
        chapter = TextBuilder(name)
        with archive.open(item.part) as stream:
            page = stream.read()
        extract_html(decode_html(page, f"{name}, {item.part}"), chapter, f"{name}, {item.part}")
    read = chapter.build()
    if not read.text:
        if item.media_type and not read.pages:
            builder.unread(f"the part {item.part}")
        return
    start = builder.add(read.text)
    if title and not any(section.start == 0 for section in read.sections):
        builder.section(title, start)
    for section in read.sections:
        builder.section(section.title, start + section.start)
    for page_ in read.pages:
        builder.page(page_.label, start + page_.start)


def _extract_xhtml(stream: BinaryIO, builder: TextBuilder, *, where: str) -> None:
    flow = Flow(builder)
    skipped = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal skipped
        if skipped or not flow.start(_local(tag), attributes):
            skipped += 1

    def end(tag: str) -> None:
        nonlocal skipped
        if skipped:
            skipped -= 1
        else:
            flow.end(_local(tag))

    def data(text: str) -> None:
        if not skipped:
            flow.text(text)

    parse_xml(stream, where=where, start=start, end=end, data=data)
    flow.finish()


def _package(archive: Archive, name: str) -> str:
    """The part that lists the others."""
    found: list[str] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if _local(tag) == "rootfile" and "full-path" in attributes:
            found.append(part_of(attributes["full-path"], relative_to=""))

    with archive.open(_CONTAINER) as stream:
        parse_xml(stream, where=f"{name}, {_CONTAINER}", start=start)
    if not found:
        raise DataError("it does not say where its parts are listed", where=f"{name}, {_CONTAINER}")
    return found[0]


def _spine(archive: Archive, package: str, name: str) -> tuple[dict[str, _Item], list[_Item], str]:
    """The parts by their ids, those to read in their order, and the id of an older book's table of contents."""
    items: dict[str, _Item] = {}
    order: list[str] = []
    contents = ""

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal contents
        match _local(tag):
            case "item":
                part = part_of(attributes.get("href", ""), relative_to=package)
                item = _Item(part, attributes.get("media-type", ""), attributes.get("properties", ""))
                items[attributes.get("id", "")] = item
            case "spine":
                contents = attributes.get("toc", "")
            case "itemref":
                order.append(attributes.get("idref", ""))

    with archive.open(package) as stream:
        parse_xml(stream, where=f"{name}, {package}", start=start)
    return items, [items[id_] for id_ in order if id_ in items and items[id_].part in archive], contents


def _titles(archive: Archive, items: dict[str, _Item], contents: str, name: str) -> dict[str, str]:
    """What the table of contents calls each part, the first of several entries."""
    nav = next((item for item in items.values() if "nav" in item.properties.split()), items.get(contents))
    if nav is None or nav.part not in archive:
        return {}
    titles: dict[str, str] = {}
    pieces: list[str] = []
    is_label = False

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal is_label
        match _local(tag):
            case "a" | "text":  # of today's contents, and of older books'
                pieces.clear()
                is_label = True
        target = attributes.get("href" if _local(tag) == "a" else "src")
        if target and _local(tag) in ("a", "content"):
            targets.append(part_of(target, relative_to=nav.part))

    def end(tag: str) -> None:
        nonlocal is_label
        if _local(tag) in ("a", "text"):
            is_label = False
        if _local(tag) in ("a", "content") and targets:
            title = " ".join("".join(pieces).split())
            part = targets.pop()
            if title:
                titles.setdefault(part, title)

    def data(text: str) -> None:
        if is_label:
            pieces.append(text)

    targets: list[str] = []
    try:
        with archive.open(nav.part) as stream:
            parse_xml(stream, where=f"{name}, {nav.part}", start=start, end=end, data=data)
    except NotWellFormedError:
        return titles  # a help, and no part of the text
    return titles


def _locked(archive: Archive, name: str) -> set[str]:
    """The parts that are encrypted; fonts often are, in books that anybody may read."""
    locked: set[str] = set()

    def start(tag: str, attributes: dict[str, str]) -> None:
        if _local(tag) == "cipherreference":
            locked.add(part_of(attributes.get("URI", ""), relative_to=""))

    if _ENCRYPTION in archive:
        with archive.open(_ENCRYPTION) as stream:
            parse_xml(stream, where=f"{name}, {_ENCRYPTION}", start=start)
    return locked


def _local(tag: str) -> str:
    return tag.rpartition(":")[2].lower()
