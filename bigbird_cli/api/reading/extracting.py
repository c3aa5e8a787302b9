"""The texts of documents as files: what the offsets of records refer to, for whoever wants to look there."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import NotRequired, TypedDict

from bigbird_cli.api.reading.inputs import Input, read_inputs
from bigbird_cli.api.reading.requests import FailedRecord
from bigbird_cli.errors import UsageError
from bigbird_cli.files.folders import disk_errors
from bigbird_cli.files.paths import local_path
from bigbird_cli.files.whole import replace_file
from bigbird_cli.text.documents import Document, FailedDocument

_STDIN = "standard-input"
_LONGEST_NAME = 255
"""Bytes of a file's name, on most systems."""


class ExtractedRecord(TypedDict):
    """The record of a document whose text was written."""

    source: str
    """Where the document came from."""
    text: str
    """The file with its text, in UTF-8."""
    characters: int
    pages: NotRequired[int]
    """How many it has; of a document with pages."""
    unread: NotRequired[list[str]]
    """What else the document's file holds, as in a receipt."""


def extract_text(
    paths: str | Path | Sequence[str | Path], out: str | Path, *, encoding: str | None = None
) -> list[ExtractedRecord | FailedRecord]:
    """Write the text of each document into a folder, as `TextFolder` does.

    Args:
        paths: files, folders and archives of documents; files of rows among them are passed over.
        out: the folder; made if missing.
        encoding: of plain text and HTML; None for UTF-8.

    Returns:
        A record for each document, in their order.

    Raises:
        UsageError: the folder lies among the documents, or there is no such encoding.
        ResourceError: the disk is full, or cannot be written.
    """
    sources = [paths] if isinstance(paths, str | Path) else list(paths)
    folder = TextFolder(out, sources)
    records: list[ExtractedRecord | FailedRecord] = []
    for found in read_inputs(sources, encoding=encoding):
        if isinstance(found, FailedDocument):
            records.append({"error": found.error.to_dict(), "source": found.name, "id": None})
        elif isinstance(found, Document):
            records.append(_record(found, folder.write(found)))
    return records


def _record(document: Document, file: Path) -> ExtractedRecord:
    record: ExtractedRecord = {"source": document.name, "text": str(file), "characters": len(document.text)}
    if document.pages:
        record["pages"] = len(document.pages)
    if document.unread:
        record["unread"] = list(document.unread)
    return record


class TextFolder:
    """A folder of the texts of documents, every character kept, line ends too.

    A document's text has its name and place below the folder that all sources have in common, with the suffix .txt
    behind its own: deeds/1820.pdf becomes OUT/deeds/1820.pdf.txt. A file that is there already is replaced whole.

    Args:
        out: the folder; made with the first text.
        sources: what documents are read of.

    Raises:
        UsageError: a source lies in the folder, or the folder in a source, so that a text could take a source's place.
    """

    def __init__(self, out: str | Path, sources: Iterable[str | Path]) -> None:
        self._out = local_path(out).resolve()
        named = [Path(os.path.abspath(source)) for source in sources if str(source) != "-"]  # noqa: PTH100 - of a link its own
        for source in map(Path.resolve, named):
            if source.is_relative_to(self._out) or (source.is_dir() and self._out.is_relative_to(source)):
                raise UsageError(
                    "the texts would be written among the documents",
                    where="extract_text",
                    fix="name a folder of their own, outside of what is read",
                )
        homes = [source if source.is_dir() else source.parent for source in named]
        self._base = os.path.commonpath(homes) if homes else ""
        self._sources: dict[str, str] = {}  # of each text's name, as systems that fold cases see it

    def write(self, document: Document) -> Path:
        """Write a document's text; gives the file. ResourceError where the disk is full or cannot be written."""
        content = document.text.encode("utf-8")
        path = self._out / self._name(document.name)
        with disk_errors(path.parent, n_bytes=len(content)):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, content)
        return path

    def _name(self, source: str) -> PurePath:
        """A name below the folder that no other source has."""
        place = PurePath(_STDIN if source == "-" else os.path.relpath(source, self._base or None))
        # what an archive calls its members may lead anywhere
        *folders, name = (part for part in place.parts if part not in (os.pardir, place.anchor))
        stem, n = name.removesuffix(".txt"), 1
        while True:
            ending = ".txt" if n == 1 else f"-{n}.txt"
            found = PurePath(*folders, _cut(stem, _LONGEST_NAME - len(ending)) + ending)
            if self._sources.setdefault(str(found).casefold(), source) == source:
                return found
            n += 1


def _cut(name: str, n_bytes: int) -> str:
    """A name of at most so many bytes."""
    data = os.fsencode(name)
    return name if len(data) <= n_bytes else data[:n_bytes].decode("utf-8", "ignore")


def extracted(inputs: Iterable[Input | None], folder: TextFolder) -> Iterator[Input | None]:
    """The same, when the text of each document has been written; those of rows stand in their files as they are."""
    for each in inputs:
        if isinstance(each, Document):
            folder.write(each)
        yield each
