"""Which documents a model has learnt from: a small file in its folder, by which an evaluation tells them again."""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from bigbird_cli.errors import ModelError
from bigbird_cli.files.json import json_object
from bigbird_cli.files.names import LEARNT
from bigbird_cli.files.streams import read_text
from bigbird_cli.files.whole import replace_file
from bigbird_cli.training.parts import number_of

MOST = 1 << 15
"""Numbers that are kept at most: 350 kB."""

_ALL = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, eq=False)
class Learnt:
    """Documents by their numbers, all of them or a sample: of many, those with the smallest numbers are known.

    Attributes:
        numbers: int64, sorted.
        bound: whatever document has no larger number than this is known.
    """

    numbers: np.ndarray
    bound: int = _ALL

    @classmethod
    def of(cls, documents: Iterable[str]) -> Self:
        """Know documents; white space does not count, so that rows and files of one text are one document."""
        return cls(_numbers(documents))._cut()

    def with_(self, other: "Learnt | None") -> "Learnt":
        """Know the documents of both."""
        if other is None:
            return self
        bound = min(self.bound, other.bound)
        numbers = np.union1d(self.numbers, other.numbers)
        return Learnt(numbers[numbers <= bound], bound)._cut()

    def count(self, documents: Iterable[str]) -> int:
        """How many of different documents were learnt from; of a sample, an estimate."""
        asked = _numbers(documents)
        known = asked[asked <= self.bound]
        found = int(np.isin(known, self.numbers).sum())
        return round(found * len(asked) / max(1, len(known)))

    def write(self, folder: Path) -> None:
        """Keep them in a model's folder."""
        numbers = base64.b64encode(self.numbers.astype("<i8").tobytes()).decode()
        replace_file(folder / LEARNT, json.dumps({"bound": self.bound, "numbers": numbers}).encode())

    def _cut(self) -> Self:
        if len(self.numbers) <= MOST:
            return self
        return type(self)(self.numbers[:MOST], int(self.numbers[MOST - 1]))


def read_learnt(folder: Path) -> Learnt | None:
    """What a model's folder tells of the documents that it has learnt from; None where it tells nothing.

    Raises:
        ModelError: the file is broken.
    """
    path = folder / LEARNT
    if not path.is_file():
        return None
    held: Any = json_object(read_text(path), str(path))
    try:
        return Learnt(np.frombuffer(base64.b64decode(held["numbers"]), dtype="<i8"), int(held["bound"]))
    except (KeyError, TypeError, ValueError):
        raise ModelError(
            "it does not tell which documents were learnt from", where=str(path), fix="remove the file"
        ) from None


def _numbers(documents: Iterable[str]) -> np.ndarray:
    """int64, sorted: a number for each different document."""
    return np.unique(np.fromiter((number_of(" ".join(each.split()), 0) for each in documents), dtype=np.int64))
