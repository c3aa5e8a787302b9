"""Gold and predictions side by side, as plain records, and what can be counted of them.

A task makes outcomes of its predictions; they can be written to a file and read back, and are all that scores need, so
that two models can be compared when neither is at hand any more.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Generic, Literal, NamedTuple, TypeVar

import numpy as np
from typing_extensions import TypedDict  # pydantic reads typing.TypedDict from Python 3.12 on only

from bigbird_cli.scoring import Metric, Tally, mean_of, share

N_POSITIONS = 5
"""Parts of a document, of one length, for which scores are given apart."""

MOST_LABELS = 200
"""Labels of which a confusion matrix is made at most."""


class Outcome(TypedDict):
    """What became of an example."""

    id: str
    document: int
    """The index of the first example with the same document: what is drawn together."""
    tokens: int
    """Of the document."""
    windows: int
    right: bool


class Wrong(NamedTuple):
    """Something that a model said, and that is wrong.

    Attributes:
        example: its index.
        score: how probable the model thought it.
        gold, predicted: what it should have been and what was said, in a few words.
        place: the character of the document at which to look.
    """

    example: int
    score: float
    gold: str
    predicted: str
    place: int = 0


class NameScores(TypedDict):
    """Scores of one label or one type of entities, in percent, and counts."""

    name: str
    precision: float
    recall: float
    f1: float
    total: int
    """Of the gold."""
    predicted: int


class Confusion(TypedDict):
    """How often which label was taken for which."""

    labels: list[str]
    counts: list[list[int]]
    """A row for each label of the gold, a column for each that was predicted."""


O = TypeVar("O", bound=Outcome)  # noqa: E741 - as the other rooms name theirs


class Outcomes(ABC, Generic[O]):
    """What became of the examples of a task.

    Args:
        records: one an example, in the examples' order.
    """

    kind: ClassVar[str]
    """Which sort of outcomes these are, in a file of them."""

    record: ClassVar[Any]
    """The type of a record."""

    metric: ClassVar[str]
    """The score that is given by length and position too."""

    def __init__(self, records: Sequence[O]) -> None:
        self.records = list(records)

    def names(self) -> list[str]:
        """Labels or types that occur, sorted; nothing where scores need none."""
        return []

    @abstractmethod
    def tally(self, names: Sequence[str] | None = None) -> Tally:
        """What is counted of each example, and the scores that are made of it.

        Args:
            names: of another model's outcomes too, so that both count the same.
        """

    def confidences(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """By what they say, probabilities (M,) that were given, and bool (M,) whether it is so."""
        return {}

    def by_position(self) -> list[tuple[str, int, Tally]]:
        """Parts of documents, how much was to be found there, and its tally, whose first score is meant.

        Nothing where what is to be found stands nowhere.
        """
        return []

    def by_name(self) -> dict[str, list[NameScores]]:
        """Scores of each label or type, by how they are counted."""
        return {}

    def confusion(self) -> Confusion | None:
        """How often which label was taken for which; None where there is no one label."""
        return None

    @abstractmethod
    def gold(self, record: O) -> str:
        """What was to be found, in a few words."""

    @abstractmethod
    def predicted(self, record: O) -> str:
        """What was found, in a few words."""

    def wrong(self) -> list[Wrong]:
        """What is wrong, with how sure the model was of it; nothing where it says no such thing."""
        return []

    @abstractmethod
    def quality(self) -> np.ndarray:
        """How good each example's prediction is (N,), larger better: by this, two models differ on an example."""


def position_names() -> list[str]:
    """How the parts of a document are called: "0-20 %", ..."""
    ends = [round(100 * i / N_POSITIONS) for i in range(N_POSITIONS + 1)]
    return [f"{low}-{high} %" for low, high in pairwise(ends)]


def position_of(start: int, n_characters: int) -> int:
    """The part of a document of n_characters in which the character at `start` stands."""
    return min(N_POSITIONS - 1, N_POSITIONS * start // max(1, n_characters))


def name_scores(name: str, *, right: int, total: int, predicted: int) -> NameScores:
    """Scores of a name from its counts."""
    return {
        "name": name,
        "precision": 100 * right / predicted if predicted else 0.0,
        "recall": 100 * right / total if total else 0.0,
        "f1": 200 * right / (total + predicted) if total + predicted else 0.0,
        "total": total,
        "predicted": predicted,
    }


def macro_f1(n_names: int, *, first: int = 0, absent: Literal["left out", "0"] = "left out") -> Metric:
    """The mean F1 of names whose counts are columns: right ones of each name, then gold ones, then predicted ones.

    Args:
        n_names: how many.
        first: the first of the columns.
        absent: what becomes of a name of which there is neither gold nor a prediction.
    """

    def metric(sums: np.ndarray) -> np.ndarray:
        counts = sums[..., first : first + 3 * n_names].reshape(*sums.shape[:-1], 3, n_names)
        right, both = counts[..., 0, :], counts[..., 1, :] + counts[..., 2, :]
        n_present = (both > 0).sum(axis=-1) if absent == "left out" else np.full(sums.shape[:-1], n_names)
        return np.asarray(share(2 * right, both).sum(axis=-1) / np.maximum(1, n_present))

    return metric


class LabelOutcome(Outcome):
    """One label, or one choice, was to be found."""

    gold: str
    predicted: str | None
    """None where none of them was said to be right."""
    score: float
    """Probability of the likeliest."""


class LabelOutcomes(Outcomes[LabelOutcome]):
    """One label an example."""

    kind = "label"
    record = LabelOutcome
    metric = "accuracy"

    def names(self) -> list[str]:
        found = {record["gold"] for record in self.records}
        found |= {record["predicted"] for record in self.records if record["predicted"] is not None}
        return sorted(found)

    def tally(self, names: Sequence[str] | None = None) -> Tally:
        """Scores accuracy, f1_macro and mcc, from what is right, gold and predicted of each label."""
        names = names or self.names()
        numbers = {name: i for i, name in enumerate(names)}
        n_names = len(names)
        counts = np.zeros((len(self.records), 2 + 3 * n_names))
        counts[:, 0] = 1
        for row, record in zip(counts, self.records, strict=True):
            row[1] = record["right"]
            gold = numbers[record["gold"]]
            row[2 + n_names + gold] += 1
            if record["predicted"] is not None:
                row[2 + 2 * n_names + numbers[record["predicted"]]] += 1
                row[2 + gold] += record["right"]
        metrics = {"accuracy": mean_of(1), "f1_macro": macro_f1(n_names, first=2), "mcc": _mcc(n_names)}
        return Tally(counts, metrics)

    def confidences(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Of the label that was given."""
        given = [record for record in self.records if record["predicted"] is not None]
        return {"label": (numbers_of(record["score"] for record in given), np.array([each["right"] for each in given]))}

    def by_name(self) -> dict[str, list[NameScores]]:
        """Scores of each label."""
        gold = Counter(record["gold"] for record in self.records)
        predicted = Counter(record["predicted"] for record in self.records)
        right = Counter(record["gold"] for record in self.records if record["right"])
        return {
            "labels": [
                name_scores(name, right=right[name], total=gold[name], predicted=predicted[name])
                for name in self.names()
            ]
        }

    def confusion(self) -> Confusion | None:
        """How often which label was taken for which; None of more labels than anybody reads."""
        names = self.names()
        if len(names) > MOST_LABELS:
            return None
        pairs = Counter((record["gold"], record["predicted"]) for record in self.records)
        return {"labels": names, "counts": [[pairs[gold, predicted] for predicted in names] for gold in names]}

    def wrong(self) -> list[Wrong]:
        """Labels that are wrong."""
        return [
            Wrong(i, record["score"], self.gold(record), self.predicted(record))
            for i, record in enumerate(self.records)
            if not record["right"]
        ]

    def gold(self, record: LabelOutcome) -> str:
        return record["gold"]

    def predicted(self, record: LabelOutcome) -> str:
        return "none of them" if record["predicted"] is None else record["predicted"]

    def quality(self) -> np.ndarray:
        return numbers_of(record["right"] for record in self.records)


def numbers_of(values: Iterable[float]) -> np.ndarray:
    """float64 (N,) of N numbers."""
    return np.array(list(values), dtype=np.float64)


def _mcc(n_names: int) -> Metric:
    """Matthews's coefficient of several labels (Gorodkin, 2004), times 100; 0 where it is not defined."""

    def metric(sums: np.ndarray) -> np.ndarray:
        n, right = sums[..., 0], sums[..., 1]
        counts = sums[..., 2:].reshape(*sums.shape[:-1], 3, n_names)
        gold, predicted = counts[..., 1, :], counts[..., 2, :]
        together = right * n - (gold * predicted).sum(axis=-1)
        apart = (n**2 - (gold**2).sum(axis=-1)) * (n**2 - (predicted**2).sum(axis=-1))
        return share(together, np.sqrt(apart))

    return metric


def about(prediction: Any, *, document: int, right: bool) -> Outcome:
    """What all outcomes say.

    Args:
        prediction: with an id and a coverage.
        document: see `first_with`.
        right: whether it is what the gold is.
    """
    coverage = prediction.coverage
    return {
        "id": prediction.id,
        "right": right,
        "document": document,
        "tokens": coverage.n_tokens,
        "windows": coverage.n_windows,
    }


def first_with(documents: Sequence[str]) -> list[int]:
    """For each document the index of the first that is the same."""
    first: dict[str, int] = {}
    return [first.setdefault(document, i) for i, document in enumerate(documents)]
