"""What the scores of a question-answering model mean, fitted on questions kept for it.

Each time with the others as they are:

    length_penalty        gives the best spans the highest F1
    temperature, answer_scale, answer_bias, window_prior
                          make two statements as likely as they turn out true: "the best answer is right", word for
                          word, with its score, and "there is no answer", with no_answer_score
    no_answer_threshold   refuses as much as costs the questions with an answer at most `loss` points of F1

Where all questions have an answer, or none has, nothing tells the two apart, and only the first two are fitted.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from bigbird_cli.scoring import log_loss
from bigbird_cli.tasks.calibration import Calibration, Observed
from bigbird_cli.tasks.qa.scores import exact_match, token_f1
from bigbird_cli.tasks.qa.task import QuestionAnswering

LENGTH_PENALTIES: Final = (0.0, 0.15, 0.3, 0.45, 0.6, 0.9)
TEMPERATURES: Final = (0.5, 0.65, 0.8, 1.0, 1.25, 1.6, 2.0)
SCALES: Final = (0.3, 0.45, 0.6, 0.8, 1.0, 1.25, 1.6)
BIASES: Final = tuple(np.arange(-4.0, 4.01, 0.25).tolist())
PRIORS: Final = tuple(np.arange(0.0, 2.01, 0.25).tolist())
THRESHOLDS: Final = tuple(np.arange(0.05, 1.0, 0.05).round(2).tolist())

LOSS: Final = 2.5
"""Points of F1 that refusing may cost the questions with an answer."""


@dataclass(frozen=True)
class Decoded:
    """Questions, decoded: arrays (Q,) of the log odds of all answers and of the best, and what the best is worth."""

    total: np.ndarray
    best: np.ndarray
    n_windows: np.ndarray
    f1: np.ndarray
    exact: np.ndarray
    has_answer: np.ndarray

    def of(self, rows: Sequence[int]) -> "Decoded":
        """The same of some questions."""
        some = list(rows)
        return Decoded(**{name: values[some] for name, values in vars(self).items()})

    def scores(self, *, scale: float, bias: float, prior: float) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (Q,) of the best answer and of none."""
        scaled = scale * (self.total - prior * np.log(self.n_windows)) + bias
        total = np.logaddexp(0.0, scaled)
        return np.exp(self.best - self.total + scaled - total), np.exp(-total)

    def surprise(self, weights: np.ndarray, *, scale: float, bias: float, prior: float) -> float:
        """Mean negative log likelihood of what is so, by both probabilities; weights (Q,) add up to 1."""
        best, none = self.scores(scale=scale, bias=bias, prior=prior)
        return log_loss(best, self.exact, weights) + log_loss(none, ~self.has_answer, weights)


def decode(observed: Observed, task: QuestionAnswering) -> Decoded:
    """Decode questions with scale, bias and prior left out: they change all odds of a question alike."""
    plain = {"answer_scale": 1.0, "answer_bias": 0.0, "window_prior": 0.0, "no_answer_threshold": 1.0}
    predictions = observed.decoded(task.model_copy(update=plain))
    none = np.array([max(p.no_answer_score, 1e-300) for p in predictions])
    pairs = [
        (prediction.spans[0].text if prediction.spans else "", [answer.text for answer in example.answers])
        for prediction, example in zip(predictions, observed.examples, strict=True)
    ]
    return Decoded(
        total=np.log(np.maximum(1 - none, 1e-12)) - np.log(none),
        best=np.log([max(p.score, 1e-300) for p in predictions]) - np.log(none),
        n_windows=np.array([p.coverage.n_windows for p in predictions], dtype=np.float64),
        f1=np.array([token_f1(text, gold) if gold else 0.0 for text, gold in pairs]),
        exact=np.array([bool(gold) and bool(exact_match(text, gold)) for text, gold in pairs]),
        has_answer=np.array([example.has_answer for example in observed.examples]),
    )


class QACalibration(Calibration[QuestionAnswering]):
    """Fits all that is named above.

    Args:
        task, observed: see `Calibration`.
        loss: points of F1 that refusing may cost the questions with an answer.
    """

    def __init__(self, task: QuestionAnswering, observed: Observed, *, loss: float = LOSS) -> None:
        super().__init__(task, observed)
        self._loss = loss

    def fitted(self, rows: Sequence[int]) -> QuestionAnswering:
        """The task with settings fitted to some of the questions; the length penalty to all of them."""
        weights = self.observed.weights(rows)
        by_temperature = {temperature: (task, each.of(rows)) for temperature, (task, each) in self._decoded.items()}
        has = next(iter(by_temperature.values()))[1].has_answer
        tells = has.any() and not has.all()
        task = self.task
        grid = itertools.product(
            TEMPERATURES,
            SCALES if tells else (task.answer_scale,),
            BIASES if tells else (task.answer_bias,),
            PRIORS if tells else (task.window_prior,),
        )

        def surprise(settings: tuple[float, float, float, float]) -> float:
            temperature, scale, bias, prior = settings
            return by_temperature[temperature][1].surprise(weights, scale=scale, bias=bias, prior=prior)

        temperature, scale, bias, prior = min(grid, key=surprise)
        task, decoded = by_temperature[temperature]
        task = task.model_copy(update={"answer_scale": scale, "answer_bias": bias, "window_prior": prior})
        if not tells:
            return task
        _, none = decoded.scores(scale=scale, bias=bias, prior=prior)
        least = threshold(decoded, none, weights, loss=self._loss)
        return task.model_copy(update={"no_answer_threshold": least})

    @cached_property
    def _decoded(self) -> dict[float, tuple[QuestionAnswering, Decoded]]:
        """By temperature; the penalty is in log odds: as the scores shrink, so must it."""
        plain = self.task.model_copy(update={"temperature": 1.0})
        weights = self.observed.weights(range(len(self.observed.examples)))
        f1 = {}
        for penalty in LENGTH_PENALTIES:
            decoded = decode(self.observed, plain.model_copy(update={"length_penalty": penalty}))
            f1[penalty] = round(float((weights * decoded.f1).sum()), 4)
        best = max(f1, key=lambda penalty: (f1[penalty], -penalty))
        tasks = {
            temperature: self.task.model_copy(
                update={"temperature": temperature, "length_penalty": round(best / temperature, 3)}
            )
            for temperature in TEMPERATURES
        }
        return {temperature: (task, decode(self.observed, task)) for temperature, task in tasks.items()}


def threshold(decoded: Decoded, none: np.ndarray, weights: np.ndarray, *, loss: float) -> float:
    """The lowest no-answer threshold that costs the questions with an answer at most `loss` points of F1.

    Args:
        decoded: the questions.
        none: probabilities of no answer (Q,).
        weights: of the questions (Q,).
        loss: in percent.
    """
    weights = weights * decoded.has_answer
    most = (weights * decoded.f1).sum()
    for candidate in THRESHOLDS:
        kept = (weights * np.where(none <= candidate, decoded.f1, 0.0)).sum()
        if 100 * (most - kept) / weights.sum() <= loss:
            return float(candidate)
    return 1.0
