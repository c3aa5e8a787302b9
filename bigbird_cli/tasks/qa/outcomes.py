"""What became of questions: their gold answers, what was answered, and how far it agrees by SQuAD's measures."""

from collections.abc import Sequence

import numpy as np
from typing_extensions import TypedDict  # pydantic reads typing.TypedDict from Python 3.12 on only

from bigbird_cli.scoring import Tally, mean_of
from bigbird_cli.tasks.outcomes import (
    Outcome,
    Outcomes,
    Wrong,
    about,
    first_with,
    numbers_of,
    position_names,
    position_of,
)
from bigbird_cli.tasks.qa.scores import exact_match, token_f1
from bigbird_cli.tasks.qa.spans import QAPrediction
from bigbird_cli.tasks.qa.squad import QAExample


class GoldSpan(TypedDict):
    """An annotated answer."""

    text: str
    start: int


class QAOutcome(Outcome):
    """What became of a question."""

    question: str
    gold: list[GoldSpan]
    """None where the document does not answer the question."""
    predicted: str | None
    start: int | None
    end: int | None
    score: float
    """Probability of the best answer, given or not."""
    best_right: bool
    """Whether the best answer, given or not, is a gold one."""
    no_answer_score: float
    exact_match: int
    f1: float
    """From 0 to 1, like the exact match."""
    characters: int
    """Of the document."""


class QAOutcomes(Outcomes[QAOutcome]):
    """Answers to questions."""

    kind = "answer"
    record = QAOutcome
    metric = "f1"

    def tally(self, names: Sequence[str] | None = None) -> Tally:
        """Scores exact_match and f1; where questions have no answer, also those of questions that have, and that not.

        Args:
            names: not needed.
        """
        del names
        exact = numbers_of(record["exact_match"] for record in self.records)
        f1 = numbers_of(record["f1"] for record in self.records)
        has = self._has_answer().astype(np.float64)
        counts = np.column_stack([np.ones(len(f1)), exact, f1, has, exact * has, f1 * has, 1 - has, exact * (1 - has)])
        metrics = {"f1": mean_of(2), "exact_match": mean_of(1)}
        if not has.all():
            metrics |= {
                "has_answer_exact_match": mean_of(4, of=3),
                "has_answer_f1": mean_of(5, of=3),
                "no_answer_accuracy": mean_of(7, of=6),
            }
        return Tally(counts, metrics)

    def confidences(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Of the best answer; and of there being none, where that is so of some questions."""
        found = {
            "best answer": (
                numbers_of(record["score"] for record in self.records),
                np.array([record["best_right"] for record in self.records]),
            )
        }
        has = self._has_answer()
        if not has.all():
            found["no answer"] = (numbers_of(record["no_answer_score"] for record in self.records), ~has)
        return found

    def by_position(self) -> list[tuple[str, int, Tally]]:
        """Questions by where their first gold answer begins in the document; those without one are in none."""
        tally = self.tally()
        rows: list[list[int]] = [[] for _ in position_names()]
        for i, record in enumerate(self.records):
            if record["gold"]:
                rows[position_of(min(each["start"] for each in record["gold"]), record["characters"])].append(i)
        return [
            (name, len(found), tally.of(found).by([self.records[i]["document"] for i in found]))
            for name, found in zip(position_names(), rows, strict=True)
            if found
        ]

    def gold(self, record: QAOutcome) -> str:
        return record["gold"][0]["text"] if record["gold"] else "no answer"

    def predicted(self, record: QAOutcome) -> str:
        return "no answer" if record["predicted"] is None else record["predicted"]

    def wrong(self) -> list[Wrong]:
        """Answers that are no gold ones, and questions that were left unanswered, each at the first gold answer."""
        return [
            Wrong(
                i,
                record["no_answer_score"] if record["predicted"] is None else record["score"],
                self.gold(record),
                self.predicted(record),
                record["gold"][0]["start"] if record["gold"] else record["start"] or 0,
            )
            for i, record in enumerate(self.records)
            if not record["right"]
        ]

    def quality(self) -> np.ndarray:
        return numbers_of(record["f1"] for record in self.records)

    def _has_answer(self) -> np.ndarray:
        return np.array([bool(record["gold"]) for record in self.records])


def outcomes(predictions: Sequence[QAPrediction], examples: Sequence[QAExample]) -> QAOutcomes:
    """Put predictions beside the gold of their examples."""
    documents = first_with([example.context for example in examples])
    return QAOutcomes(list(map(_outcome, predictions, examples, documents)))


def _outcome(prediction: QAPrediction, example: QAExample, document: int) -> QAOutcome:
    gold = [answer.text for answer in example.answers]
    answer = prediction.answer
    text = "" if answer is None else answer.text
    is_exact = exact_match(text, gold)
    return {
        **about(prediction, document=document, right=bool(is_exact)),
        "question": example.question,
        "gold": [{"text": each.text, "start": each.start} for each in example.answers],
        "predicted": None if answer is None else answer.text,
        "start": None if answer is None else answer.start,
        "end": None if answer is None else answer.end,
        "score": prediction.score,
        "no_answer_score": prediction.no_answer_score,
        "best_right": bool(gold and prediction.spans and exact_match(prediction.spans[0].text, gold)),
        "exact_match": is_exact,
        "f1": token_f1(text, gold),
        "characters": len(example.context),
    }
