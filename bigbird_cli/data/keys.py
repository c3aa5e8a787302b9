"""A name for what training features are made of: another name, other features."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bigbird_cli.data import hub
from bigbird_cli.errors import DataError
from bigbird_cli.text.documents import file_errors

FORMAT = 1
"""Raised whenever the same data, tokenizer and settings give other features, or they are written otherwise."""

_TOKENIZER = (
    "spiece.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
)


def content_key(
    sources: Iterable[str | Path], *, settings: Mapping[str, Any], tokenizer: Path, offline: bool = False
) -> str:
    """Name the features that these sources, settings and tokenizer give.

    Args:
        sources: in order, as `read_rows` takes them. Of files and folders every byte and every name below the folder
            counts, not where they stand; of a data set of the hub its name and commit.
        settings: all else that features depend on, as JSON can write it; the order of its keys does not count.
        tokenizer: the folder whose tokenizer files count.
        offline: a name of the hub without @REVISION is an error, since its commit would have to be looked up.

    Returns:
        64 hexadecimal digits.

    Raises:
        DataError: a file is missing or cannot be read.
    """
    digest = hashlib.sha256()

    def add(*parts: str | bytes) -> None:
        for part in parts:
            data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
            digest.update(len(data).to_bytes(8, "little"))  # so that no two lists of parts give the same bytes
            digest.update(data)

    add("format", str(FORMAT), "settings", json.dumps(settings, sort_keys=True, ensure_ascii=True))
    for name in _TOKENIZER:
        if (tokenizer / name).is_file():
            add("tokenizer", name, _file_digest(tokenizer / name))
    for source in sources:
        if hub.is_hub(source):
            add("hub", str(source), hub.revision_of(str(source), offline=offline))
            continue
        path = Path(source)
        add("source", path.suffix.lower())
        for file in _files(path):
            add(str(file.relative_to(path)) if file != path else "", _file_digest(file))
    return digest.hexdigest()


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
        return [path]

    def refuse(error: OSError) -> None:
        raise DataError(f"the folder cannot be read: {error.strerror or error}", where=error.filename) from None

    found = [Path(parent, name) for parent, _, names in os.walk(path, onerror=refuse) for name in names]
    return sorted(file for file in found if file.is_file())


def _file_digest(path: Path) -> bytes:
    with file_errors(path), path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
