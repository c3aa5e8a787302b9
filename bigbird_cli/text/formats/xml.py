"""XML from outside, as events: no tree in memory, no entities of its own, nothing fetched, no depth too great."""

from collections.abc import Callable
from html.entities import html5
from typing import BinaryIO
from xml.parsers import expat

from bigbird_cli.errors import DataError

OnStart = Callable[[str, dict[str, str]], None]
OnEnd = Callable[[str], None]
OnData = Callable[[str], None]


class NotWellFormedError(DataError):
    """A part is no well-formed XML."""


def parse_xml(
    stream: BinaryIO,
    *,
    where: str,
    start: OnStart,
    end: OnEnd | None = None,
    data: OnData | None = None,
    namespaces: bool = False,
) -> None:
    """Tell of a document's elements and text in their order.

    The names of HTML's entities, such as &nbsp;, stand for their characters. A document type may be named but not
    defined: entities that a document defines for itself could grow beyond all bounds, or name files of this machine.

    Args:
        stream: the document's bytes.
        where: what to call it in errors.
        start: called with the name and attributes of each element that begins.
        end: called with the name of each that ends.
        data: called with text.
        namespaces: give names as "namespace local", for formats whose programs choose their prefixes.

    Raises:
        NotWellFormedError: it is not well-formed.
        DataError: it defines entities or other things in a document type of its own.
    """
    parser = expat.ParserCreate(namespace_separator=" " if namespaces else None)
    parser.buffer_text = True
    parser.UseForeignDTD(True)  # as if one stood elsewhere: entities that are not known are told of, not refused
    parser.StartElementHandler = start
    if end is not None:
        parser.EndElementHandler = end
    if data is not None:
        to_data = data
        parser.CharacterDataHandler = to_data
        parser.SkippedEntityHandler = lambda name, _: to_data(html5.get(f"{name};", f"&{name};"))

    def doctype(_name: str, _system: str | None, _public: str | None, has_subset: int) -> None:
        if has_subset:
            raise DataError(
                "its XML has a document type definition inside, which is not read",
                where=where,
                fix="save the document anew with the program it was made with",
            )

    def declaration(_version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and not _is_known(encoding):
            raise NotWellFormedError(f"its XML is in an encoding that is not read, {encoding!r}", where=where)

    parser.XmlDeclHandler = declaration
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.ParseFile(stream)
    except expat.ExpatError as error:
        raise NotWellFormedError(
            f"its XML is damaged: {expat.ErrorString(error.code)} at line {error.lineno}, column {error.offset + 1}",
            where=where,
            fix="save the document anew with the program it was made with",
        ) from None


def _is_known(encoding: str) -> bool:
    """Whether expat reads an encoding: its own, or one of Python's with a character a byte."""
    if encoding.lower() in ("utf-8", "utf-16", "iso-8859-1", "us-ascii"):
        return True
    try:
        return len(bytes(range(256)).decode(encoding, "replace")) == 256
    except (LookupError, ValueError):
        return False
