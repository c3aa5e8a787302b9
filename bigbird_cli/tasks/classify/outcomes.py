"""What became of labelled documents: the gold labels or number, and what was said instead."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from bigbird_cli.scoring import Metric, Tally, mean_of, share
from bigbird_cli.tasks.outcomes import NameScores, Outcome, Outcomes, macro_f1, name_scores, numbers_of


class LabelsOutcome(Outcome):
    """Any number of labels were to be found."""

    gold: list[str]
    predicted: list[str]
    scores: dict[str, float]
    """A probability of each label."""


class LabelsOutcomes(Outcomes[LabelsOutcome]):
    """Any number of labels an example."""

    kind = "labels"
    record = LabelsOutcome
    metric = "f1_micro"

    def names(self) -> list[str]:
        """All labels of the model."""
        return sorted({name for record in self.records for name in record["scores"]})

    def tally(self, names: Sequence[str] | None = None) -> Tally:
        """Scores exact, f1_micro and f1_macro, from what is right, gold and predicted of each label."""
        names = names or self.names()
        n_names = len(names)
        counts = np.zeros((len(self.records), 2 + 3 * n_names))
        counts[:, 0] = 1
        for row, record in zip(counts, self.records, strict=True):
            gold, predicted = set(record["gold"]), set(record["predicted"])
            row[1] = record["right"]
            row[2:] = [name in each for each in (gold & predicted, gold, predicted) for name in names]

        def f1_micro(sums: np.ndarray) -> np.ndarray:
            right = sums[..., 2 : 2 + n_names].sum(axis=-1)
            return share(2 * right, sums[..., 2 + n_names :].sum(axis=-1))

        macro = macro_f1(n_names, first=2, absent="0")
        return Tally(counts, {"f1_micro": f1_micro, "f1_macro": macro, "exact": mean_of(1)})

    def confidences(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Of each label of each document, given or not."""
        pairs = [(score, name in record["gold"]) for record in self.records for name, score in record["scores"].items()]
        return {"each label": (numbers_of(score for score, _ in pairs), np.array([is_so for _, is_so in pairs]))}

    def by_name(self) -> dict[str, list[NameScores]]:
        """Scores of each label."""
        gold = Counter(name for record in self.records for name in record["gold"])
        predicted = Counter(name for record in self.records for name in record["predicted"])
        right = Counter(name for record in self.records for name in set(record["gold"]) & set(record["predicted"]))
        return {
            "labels": [
                name_scores(name, right=right[name], total=gold[name], predicted=predicted[name])
                for name in self.names()
            ]
        }

    def gold(self, record: LabelsOutcome) -> str:
        return ", ".join(record["gold"]) or "none"

    def predicted(self, record: LabelsOutcome) -> str:
        return ", ".join(record["predicted"]) or "none"

    def quality(self) -> np.ndarray:
        """F1 of each document; 100 where there is no label and none is given."""
        both = numbers_of(len(each["gold"]) + len(each["predicted"]) for each in self.records)
        right = numbers_of(len(set(each["gold"]) & set(each["predicted"])) for each in self.records)
        return np.where(both == 0, 100.0, share(2 * right, both))


class NumberOutcome(Outcome):
    """A number was to be found; `right` says nothing of it."""

    gold: float
    predicted: float


class NumberOutcomes(Outcomes[NumberOutcome]):
    """A number an example."""

    kind = "number"
    record = NumberOutcome
    metric = "mse"

    def tally(self, names: Sequence[str] | None = None) -> Tally:
        """Scores pearson, mse and mean_absolute_error, from sums of powers."""
        del names
        gold = numbers_of(record["gold"] for record in self.records)
        predicted = numbers_of(record["predicted"] for record in self.records)
        x, y, error = gold - gold.mean(), predicted - gold.mean(), predicted - gold  # no difference of large numbers
        counts = np.column_stack([np.ones(len(x)), x, y, x * x, y * y, x * y, error * error, np.abs(error)])
        return Tally(counts, {"pearson": _pearson, "mse": _mean(6), "mean_absolute_error": _mean(7)})

    def gold(self, record: NumberOutcome) -> str:
        return f"{record['gold']:.4g}"

    def predicted(self, record: NumberOutcome) -> str:
        return f"{record['predicted']:.4g}"

    def quality(self) -> np.ndarray:
        """How near each number is to its gold: 0 at best."""
        return numbers_of(-abs(record["predicted"] - record["gold"]) for record in self.records)


def _pearson(sums: np.ndarray) -> np.ndarray:
    """Pearson's coefficient times 100."""
    n, x, y, xx, yy, xy = np.moveaxis(sums[..., :6], -1, 0)
    return share(n * xy - x * y, np.sqrt(np.maximum(0, (n * xx - x * x) * (n * yy - y * y))))


def _mean(column: int) -> Metric:
    return lambda sums: np.asarray(sums[..., column] / sums[..., 0])
