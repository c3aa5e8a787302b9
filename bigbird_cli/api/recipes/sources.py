"""Which files of a data set are for training, for dev and for test, by their names."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from bigbird_cli.data import conll
from bigbird_cli.data.hub import is_hub
from bigbird_cli.data.rows import SUFFIXES
from bigbird_cli.errors import UsageError
from bigbird_cli.files.find import is_left_out, listed, walk
from bigbird_cli.files.packed import ARCHIVE, PACKED, files_in
from bigbird_cli.tasks.classify.data import label_folders
from bigbird_cli.tasks.ner.brat import BRAT
from bigbird_cli.text.readers import READERS

TRAIN_NAMES, DEV_NAMES, TEST_NAMES = (
    ("train", "training"),
    ("dev", "devel", "valid", "validation", "val", "eval"),
    ("test", "testing"),
)


@dataclass(frozen=True)
class Sources:
    """The files, folders or hub splits of a data set; None for what is not there."""

    train: str
    dev: str | None = None
    test: str | None = None


def sources_of(data: str) -> Sources:
    """Find the parts of a data set: of a folder by their names, of a file by those that stand beside it.

    train.csv, dev.csv and test.csv, train/, valid/ and test/, or wnut17.train.conll beside wnut17.dev.conll. A folder
    that has none of these, but one subfolder that does, is that subfolder.

    Raises:
        UsageError: several are for training, or what is called dev or test would be learnt from.
    """
    path = Path(data)
    if is_hub(data):
        return Sources(data)
    if path.is_dir():
        path = _holder(path)
        inside = sorted(each for each in path.iterdir() if not is_left_out(each.name))
        train = _train_of(inside, path)
        if train is None:
            _check_names((each for each in inside if _is_rows(each)), path)
            return Sources(str(path))
    else:
        if path.suffix.lower() == ARCHIVE and path.is_file():
            _check_names((PurePath(file.name) for file in files_in(path, _KINDS)), path)
        inside = sorted(path.parent.iterdir()) if _is_called(path, TRAIN_NAMES) else []
        train = path
    others = [each for each in inside if each.suffix == train.suffix and each != train]
    dev, test = (_mate(train, others, names) for names in (DEV_NAMES, TEST_NAMES))
    return Sources(str(train), dev, test)


def _train_of(inside: Sequence[Path], folder: Path) -> Path | None:
    """What in a folder is called train; rows before texts."""
    called = [each for each in inside if _is_called(each, TRAIN_NAMES) and _may_be_data(each)]
    train = min(called, key=lambda each: (not each.is_dir(), not _is_rows(each)), default=None)
    alike = [each for each in called if train is not None and _kind(each) == _kind(train) != ""]
    if len(alike) > 1:
        raise UsageError(
            f"{len(alike)} files are called train: {listed([each.name for each in alike])}",
            where=str(folder),
            fix="name the one to learn from, or put those that belong together into a folder called train",
        )
    return train


def _mate(train: Path, others: Iterable[Path], names: Sequence[str]) -> str | None:
    """The file for dev or for test: the one that is called as the training data but for that word, else the first."""
    called = [each for each in others if _is_called(each, names)]
    rest = [word for word in _words(train) if word not in TRAIN_NAMES]
    found = min(called, key=lambda each: [word for word in _words(each) if word not in names] != rest, default=None)
    return None if found is None else str(found)


def _holder(folder: Path) -> Path:
    """The folder itself, or the one below it that holds files called train.

    Raises:
        UsageError: there are several: whose, is for the user to say.
    """
    if any(_is_called(each, TRAIN_NAMES) and _may_be_data(each) for each in folder.iterdir()):
        return folder
    holders: dict[Path, None] = {}
    for file in walk(folder):
        parts = file.relative_to(folder).parts
        k = next((k for k, part in enumerate(parts[:-1]) if part.lower() in TRAIN_NAMES), len(parts) - 1)
        if k < len(parts) - 1 or (_is_rows(file) and _is_called(file, TRAIN_NAMES)):
            holders[folder.joinpath(*parts[:k])] = None
    if len(holders) > 1:
        names = sorted(str(each.relative_to(folder)) for each in holders)
        raise UsageError(
            f"the folder holds {len(holders)} data sets: {listed(names)}",
            where=str(folder),
            fix=f"name one of them, as in {folder / names[0]}",
        )
    found = next(iter(holders), folder)
    return found if found == folder or _is_split(found) else folder


def _is_split(folder: Path) -> bool:
    """Whether what is called train in it is a part of a data set, rather than a corpus's folder on training."""
    inside = list(folder.iterdir())
    trains = [each for each in inside if each.is_dir() and each.name.lower() in TRAIN_NAMES]
    return (
        not trains
        or any(_is_called(each, (*DEV_NAMES, *TEST_NAMES)) for each in inside)
        or any(len(label_folders(each)) > 1 or any(map(_is_rows, walk(each))) for each in trains)
    )


def _check_names(files: Iterable[PurePath], source: Path) -> None:
    """UsageError where files that are to be read as one are called dev or test, and others are not."""
    found = list(files)
    kept = [file for file in found if file.name.lower().partition(".")[0] in (*DEV_NAMES, *TEST_NAMES)]
    if kept and len(found) > 1:
        raise UsageError(
            f"what would be learnt from holds {listed(sorted(file.name for file in kept))}, for scoring by the name",
            where=str(source),
            fix="unpack it, and name the folder" if source.is_file() else "name the file to learn from",
        )


_KINDS = (*SUFFIXES, *conll.SUFFIXES, *READERS, BRAT)


def _may_be_data(path: Path) -> bool:
    return path.is_dir() or _kind(path) in (*_KINDS, ARCHIVE)


def _is_rows(path: Path) -> bool:
    """Whether a file's name says that it holds rows, or words and tags, rather than text."""
    return _kind(path) in (*SUFFIXES, *conll.SUFFIXES) and _kind(path) not in READERS and path.is_file()


def _kind(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return suffixes[-2] if suffixes[-1:] and suffixes[-1] in PACKED and len(suffixes) > 1 else path.suffix.lower()


def _is_called(path: Path, names: Sequence[str]) -> bool:
    """Whether a name says so: train_docs/ and a.train.csv, but not data-by-train-split/."""
    words = _words(path)
    return any(word in names for word in (words[:1] + words[-1:] if path.is_dir() else words))


def _words(path: Path) -> list[str]:
    return re.findall(r"[a-z]+|[0-9]+", path.name.lower())
