"""A name for what training features are made of: another name, other features."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bigbird_cli.data import hub
from bigbird_cli.errors import DataError
from bigbird_cli.files.find import check_regular, walk
from bigbird_cli.files.names import TOKENIZER_FILES
from bigbird_cli.files.streams import file_errors

FORMAT = 2
"""Raised whenever the same data, tokenizer and settings give other features, or they are written otherwise."""

_TOKENIZER = (*TOKENIZER_FILES, "tokenizer.model")


def content_key(source: str, *, settings: Mapping[str, Any], tokenizer: Path) -> str:
    """Name the features that sources, settings and a tokenizer give.

    Args:
        source: from `source_key`.
        settings: all else that features depend on, as JSON can write it; the order of its keys does not count.
        tokenizer: the folder whose tokenizer files count.

    Returns:
        64 hexadecimal digits.

    Raises:
        DataError: a file cannot be read.
    """
    digest = _Digest()
    digest.add("format", str(FORMAT), "settings", json.dumps(settings, sort_keys=True, ensure_ascii=True))
    for name in _TOKENIZER:
        if (tokenizer / name).is_file():
            digest.add("tokenizer", name, _file_digest(tokenizer / name))
    digest.add("sources", source)
    return digest.name


def source_key(sources: Iterable[str | Path], *, offline: bool = False) -> str:
    """Name what sources hold.

    Args:
        sources: in order, as `read_rows` takes them. Of files and folders every byte and every name below the folder
            counts, but for what `is_left_out`, not where they stand; of a data set of the hub its name and commit.
        offline: a name of the hub without @REVISION is an error, since its commit would have to be looked up.

    Returns:
        64 hexadecimal digits.

    Raises:
        DataError: a file is missing or cannot be read.
    """
    digest = _Digest()
    for source in sources:
        if hub.is_hub(source):
            digest.add("hub", str(source), hub.revision_of(str(source), offline=offline))
            continue
        path = Path(source)
        digest.add("source", path.suffix.lower())
        for file in _files(path):
            digest.add(str(file.relative_to(path)) if file != path else "", _file_digest(file))
    return digest.name


class _Digest:
    """A sha256 of a list of parts."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def add(self, *parts: str | bytes) -> None:
        for part in parts:
            data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
            self._sha256.update(len(data).to_bytes(8, "little"))  # so that no two lists of parts give the same bytes
            self._sha256.update(data)

    @property
    def name(self) -> str:
        return self._sha256.hexdigest()


def check_unchanged(sources: Iterable[str | Path], key: str, *, offline: bool = False) -> None:
    """Refuse sources that were read and do not hold now what they held before.

    Args:
        sources: as of `source_key`.
        key: what that gave before they were read.
        offline: as of `source_key`.

    Raises:
        DataError: they hold something else.
    """
    named = [str(source) for source in sources]
    if source_key(named, offline=offline) != key:
        raise DataError(
            "it was written to while it was read", where=", ".join(named), fix="start again when nobody writes to it"
        )


def size_key(sources: Iterable[str | Path]) -> str:
    """Name sources by their files' names and sizes, for data too large to be read for a name; of the hub by theirs.

    Raises:
        DataError: a folder cannot be read.
    """
    digest = hashlib.sha256()
    for source in sources:
        path = Path(source)
        files = [] if hub.is_hub(source) or not path.exists() else _files(path)
        stamps = [(str(file.relative_to(path)) if file != path else "", file.stat().st_size) for file in files]
        digest.update(json.dumps([str(source) if not files else "", stamps]).encode())
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        check_regular(path)
        return [path]
    return sorted(file for file in walk(path) if file.is_file())


def _file_digest(path: Path) -> bytes:
    with file_errors(path), path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
