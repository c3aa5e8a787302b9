"""Mail messages (.eml): who wrote to whom and when, then what they wrote, then what is attached."""

import re
from collections.abc import Iterator
from contextlib import suppress
from email import message_from_bytes
from email.header import decode_header
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import BinaryIO, Final

from bigbird_cli.errors import DataError
from bigbird_cli.files.file_types import START, check_plain_text
from bigbird_cli.messages import sized
from bigbird_cli.text.formats.encodings import charset
from bigbird_cli.text.formats.html import decode_html, extract_html
from bigbird_cli.text.formats.paged import PagedText, TextBuilder
from bigbird_cli.text.formats.source import read_whole

_HEAD: Final = ("Subject", "From", "To", "Cc", "Date")
_MOST_PARTS: Final = 10_000
_LONGEST_HEAD: Final = 1 << 16
"""Characters of a field whose encoded words are decoded: the time of that grows with the square of their number."""

_LONG_FIELD = re.compile(rb"^content-(?:type|disposition):(?:[^\r\n]|\r?\n[ \t]){10000}", re.IGNORECASE | re.MULTILINE)
"""Whose parameters the library of mails would take minutes for: that time, too, grows with their square."""

_DEEPEST: Final = 100
"""Parts within parts, at most: forwards of forwards stay far below."""


def read_eml(stream: BinaryIO, name: str, /) -> PagedText:
    """Read a message: its subject, sender, receivers and date as a head, its text, names of attachments.

    Of a text that stands there plain and as HTML, the plain one is read. Lines that the sender's program broke
    ("format=flowed") are joined again. A message that is forwarded inside is read in its place, as a section of its
    subject. A text that is not in the encoding it names is read as UTF-8, or else as Windows-1252, as mail programs do.
    Attachments are named, in the text and among what was not read.

    Args:
        stream: binary, of at most LONGEST bytes.
        name: what to call it in errors.

    Raises:
        DataError: it is no message, or is beyond all bounds; or it is in HTML alone, and the library for that is not
            installed.
    """
    data = read_whole(stream, name)
    if not data.strip():
        raise DataError("the file is empty", where=name, fix="give a file with text in it")
    check_plain_text(data[:START], name)
    if _LONG_FIELD.search(data):
        fix = "save what is in it as files"
        raise DataError("a field about one of its parts has more than 10,000 characters", where=name, fix=fix)
    try:
        message = message_from_bytes(data)
    except RecursionError:
        raise _too_deep(name) from None
    if not any(field in message for field in (*_HEAD, "Received", "Message-ID", "MIME-Version")):
        raise DataError("this is no mail message: it has no head", where=name, fix="give it the suffix .txt")
    builder = TextBuilder(name)
    _Reader(builder, name).read(message)
    return builder.build()


def _too_deep(name: str) -> DataError:
    return DataError(
        f"its parts are nested more than {_DEEPEST} deep", where=name, fix="save the message inside on its own"
    )


class _Reader:
    def __init__(self, builder: TextBuilder, name: str) -> None:
        self._builder = builder
        self._name = name
        self._n_parts = 0

    def read(self, message: Message, *, depth: int = 0, is_inner: bool = False) -> None:
        """Add a message to the text; the parts of all kinds that it holds are read through this one."""
        head = [f"{field}: {text}" for field in _HEAD if (text := _header(message, field))]
        if head:
            start = self._builder.add("\n".join(head))
            if is_inner:
                self._builder.section(_header(message, "Subject") or "forwarded message", start)
        attached = list(self._parts(message, depth))
        if attached:
            self._builder.add("\n".join(f"Attachment: {what}" for what in attached))
        for what in attached:
            self._builder.unread(f"attachment {what}")

    def _parts(self, part: Message, depth: int) -> Iterator[str]:
        """Add the text of a part and of those in it; gives what is attached."""
        self._n_parts += 1
        if depth > _DEEPEST:
            raise _too_deep(self._name)
        if self._n_parts > _MOST_PARTS:
            raise DataError(f"it has more than {_MOST_PARTS:,} parts", where=self._name, fix="save its parts as files")
        kind = part.get_content_type()
        parts = part.get_payload()
        file_name = _file_name(part)
        if kind == "message/rfc822" and isinstance(parts, list) and parts and isinstance(parts[0], Message):
            self.read(parts[0], depth=depth + 1, is_inner=True)
        elif isinstance(parts, list):
            inner = [child for child in parts if isinstance(child, Message)]
            if kind == "multipart/alternative":
                inner = _best(inner)
            for child in inner:
                yield from self._parts(child, depth + 1)
        elif file_name or part.get_content_disposition() == "attachment" or not kind.startswith("text/"):
            size = len(_payload(part))
            if kind != "message/rfc822" and (file_name or size):
                yield f"{file_name or 'without a name'} ({kind}, {sized(size)})"
        else:
            self._text(part, kind)

    def _text(self, part: Message, kind: str) -> None:
        data = _payload(part)
        named = part.get_content_charset()
        if kind == "text/html":
            if data.strip():
                extract_html(_decode_page(data, named, self._name), self._builder, self._name)
            return
        text = _decode(data, named).replace("\r\n", "\n").replace("\r", "\n")
        if str(part.get_param("format", "")).lower() == "flowed":
            text = _unflowed(text, deletes_space=str(part.get_param("delsp", "")).lower() == "yes")
        if text := text.strip("\n"):
            self._builder.add(text)


def _best(parts: list[Message]) -> list[Message]:
    """Of several forms of the same text: plain text, else what holds HTML, else the last one, which is the richest."""

    def holds(part: Message, kind: str) -> bool:
        return any(inner.get_content_type() == kind for inner in _shallow(part))

    plain = [part for part in parts if part.get_content_type() == "text/plain" and _payload(part).strip()]
    pages = [part for part in parts if holds(part, "text/html")]
    return (plain or pages or parts)[:1] if plain or pages else parts[-1:]


def _shallow(part: Message) -> Iterator[Message]:
    """A part, and those in it down to two levels."""
    yield part
    for _ in range(2):
        payload = part.get_payload()
        if not isinstance(payload, list) or not payload or not isinstance(payload[0], Message):
            return
        part = payload[0]
        yield part


def _header(message: Message, field: str) -> str:
    """A field of the head, decoded, on one line."""
    return _words(next((str(value) for key, value in message.raw_items() if key.lower() == field.lower()), ""))


def _file_name(part: Message) -> str:
    name = part.get_param("filename", None, "content-disposition") or part.get_param("name", None)
    return _words(collapse_rfc2231_value(name)) if isinstance(name, str | tuple) else ""


def _words(text: str) -> str:
    """Text of a head: its encoded words decoded, and bytes beyond ASCII, which the parser keeps as lone surrogates."""
    pieces: list[tuple[bytes | str, str | None]] = [(text, None)]
    if len(text) < _LONGEST_HEAD:
        with suppress(ValueError, LookupError):  # of base64 that is none, and the like
            pieces = decode_header(text)
    words = (
        _decode(piece if isinstance(piece, bytes) else piece.encode("utf-8", "surrogateescape"), name)
        for piece, name in pieces
    )
    return " ".join("".join(words).split())


def _payload(part: Message) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _decode(data: bytes, name: str | None) -> str:
    """Bytes in the character set that they name, or else in UTF-8, or else in Windows-1252."""
    named = charset(name)
    for encoding in ("utf-8" if named == "cp1252" else named, "utf-8"):
        if encoding is not None:
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                continue
    return data.decode("cp1252", "replace")


def _decode_page(data: bytes, named: str | None, name: str) -> str:
    if charset(named) is not None:
        return _decode(data, named)
    try:
        return decode_html(data, name)
    except DataError:
        return _decode(data, None)


def _unflowed(text: str, *, deletes_space: bool) -> str:
    """Join lines that end with a space to the next of the same depth of quotes (RFC 3676)."""
    joined: list[list[str]] = []
    depth_before, is_open = -1, False
    for line in text.split("\n"):
        quotes = re.match(">*", line)
        depth = len(quotes[0]) if quotes else 0
        content = line[depth:].removeprefix(" ")
        if is_open and depth == depth_before:
            joined[-1].append(content)
        else:
            joined.append(["> " * depth, content])
        is_open = content.endswith(" ") and content != "-- "
        if is_open and deletes_space:
            joined[-1][-1] = content[:-1]
        depth_before = depth
    return "\n".join("".join(pieces).rstrip(" ") for pieces in joined)
