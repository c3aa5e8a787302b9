"""Fit what the scores of a question-answering model mean, on questions kept for it.

    python benchmarks/qa_calibrate.py --model runs/qa-mini --dev data/qa-mini/dev.json data/qa-mini/dev-long.json

Every window is read once. Then, each time with the others as they are:

    length_penalty        gives the best spans the highest F1
    temperature, answer_scale, answer_bias, window_prior
                          make two statements as likely as they turn out true: "the best answer is right" (by an F1 of
                          0.8 or more), with its score, and "there is no answer", with no_answer_score
    no_answer_threshold   refuses as much as costs the questions with an answer at most --loss points of F1

Files count alike, whatever their number of questions. With --write the settings go into the model's task.json; without
it they are only shown.
"""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bigbird_cli.backend import open_backend
from bigbird_cli.files.names import TASK
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.qa.scores import token_f1
from bigbird_cli.tasks.qa.squad import QAExample
from bigbird_cli.tasks.qa.task import QuestionAnswering
from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer
from bigbird_cli.weights.store import open_folder

LENGTH_PENALTIES = (0.0, 0.15, 0.3, 0.45, 0.6, 0.9)
TEMPERATURES = (0.5, 0.65, 0.8, 1.0, 1.25, 1.6, 2.0)
SCALES = (0.3, 0.45, 0.6, 0.8, 1.0, 1.25, 1.6)
BIASES = tuple(np.arange(-4.0, 4.01, 0.25).tolist())
PRIORS = tuple(np.arange(0.0, 1.01, 0.1).round(1).tolist())
RIGHT = 0.8
LEAST = 1e-6  # a probability below it is taken as this


@dataclass(frozen=True)
class Part:
    """A file's questions, and what the model said of every window."""

    name: str
    examples: list[QAExample]
    windows: list[tuple[Feature, dict[str, np.ndarray]]]


@dataclass(frozen=True)
class Decoded:
    """A file's questions, decoded: arrays (Q,) of the log odds of all answers and of the best, and what they are."""

    total: np.ndarray
    best: np.ndarray
    n_windows: np.ndarray
    f1: np.ndarray
    has_answer: np.ndarray

    def scores(self, *, scale: float, bias: float, prior: float) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (Q,) of the best answer and of none."""
        scaled = scale * (self.total - prior * np.log(self.n_windows)) + bias
        total = np.logaddexp(0.0, scaled)
        return np.exp(self.best - self.total + scaled - total), np.exp(-total)

    def scores_of(self, task: QuestionAnswering) -> tuple[np.ndarray, np.ndarray]:
        """The same by a task's settings."""
        return self.scores(scale=task.answer_scale, bias=task.answer_bias, prior=task.window_prior)


def read(name: Path, model: str, task: QuestionAnswering, *, limit: int | None, batch_size: int, device: str) -> Part:
    folder = open_folder(model)
    tokenizer = load_tokenizer(folder.path)
    predictor = open_backend().open_predictor(folder, head=task.head, device=device)
    examples = list(itertools.islice(task.read(name), limit))
    features = task.encode(examples, tokenizer)
    windows = list(predictor.predict(features, batch_size=batch_size))
    return Part(name.stem, examples, windows)


def decode(part: Part, task: QuestionAnswering) -> Decoded:
    """Decode a file with scale, bias and prior left out: they change all odds of a question alike."""
    plain = {"answer_scale": 1.0, "answer_bias": 0.0, "window_prior": 0.0, "no_answer_threshold": 1.0}
    task = task.model_copy(update=plain)
    decoder = task.decoder_for([example.id for example in part.examples])
    for feature, outputs in part.windows:
        decoder.add(feature, outputs)
    predictions = decoder.finish()
    none = np.array([max(p.no_answer_score, 1e-300) for p in predictions])
    return Decoded(
        total=np.log(np.maximum(1 - none, 1e-12)) - np.log(none),
        best=np.log([max(p.score, 1e-300) for p in predictions]) - np.log(none),
        n_windows=np.array([p.coverage.n_windows for p in predictions], dtype=np.float64),
        f1=np.array(
            [
                token_f1(p.spans[0].text if p.spans else "", [a.text for a in example.answers])
                if example.answers
                else 0.0
                for p, example in zip(predictions, part.examples, strict=True)
            ]
        ),
        has_answer=np.array([example.has_answer for example in part.examples]),
    )


def best_f1(decoded: Sequence[Decoded]) -> float:
    return float(np.mean([100 * d.f1[d.has_answer].mean() for d in decoded if d.has_answer.any()]))


def surprise(decoded: Decoded, *, scale: float, bias: float, prior: float) -> float:
    """Mean negative log likelihood of what is so, by both probabilities."""
    best, none = decoded.scores(scale=scale, bias=bias, prior=prior)
    right = decoded.has_answer & (decoded.f1 >= RIGHT)
    return float(_log_loss(best, right) + _log_loss(none, ~decoded.has_answer))


def _log_loss(probability: np.ndarray, happened: np.ndarray) -> Any:
    p = np.clip(probability, LEAST, 1 - LEAST)
    return -np.where(happened, np.log(p), np.log(1 - p)).mean()


def calibration_error(probability: np.ndarray, happened: np.ndarray, *, n_bins: int = 10) -> float:
    """Expected calibration error: how far bins of equal width are off, weighted by how much is in them."""
    bins = np.minimum((probability * n_bins).astype(int), n_bins - 1)
    gaps = [abs(probability[bins == b].sum() - happened[bins == b].sum()) for b in range(n_bins)]
    return float(sum(gaps) / len(probability))


def fit(parts: Sequence[Part], task: QuestionAnswering, *, loss: float) -> QuestionAnswering:
    """The task with settings fitted to the parts."""
    plain = task.model_copy(update={"temperature": 1.0})
    penalties = {
        penalty: best_f1([decode(part, _with(plain, length_penalty=penalty)) for part in parts])
        for penalty in LENGTH_PENALTIES
    }
    penalty = max(penalties, key=lambda p: (round(penalties[p], 2), -p))
    tell("F1 by length_penalty: " + ", ".join(f"{p}: {f1:.1f}" for p, f1 in penalties.items()))

    found: tuple[float, QuestionAnswering, list[Decoded]] | None = None
    for temperature in TEMPERATURES:
        # the penalty is in log odds: as the scores shrink, so must it
        tried = _with(plain, temperature=temperature, length_penalty=round(penalty / temperature, 3))
        decoded = [decode(part, tried) for part in parts]
        for scale, bias, prior in itertools.product(SCALES, BIASES, PRIORS):
            value = float(np.mean([surprise(d, scale=scale, bias=bias, prior=prior) for d in decoded]))
            if found is None or value < found[0]:
                found = value, _with(tried, answer_scale=scale, answer_bias=bias, window_prior=prior), decoded
    assert found is not None
    value, fitted, decoded = found
    tell(f"surprise {value:.3f}")
    return _with(fitted, no_answer_threshold=threshold(decoded, fitted, loss=loss))


def threshold(decoded: Sequence[Decoded], task: QuestionAnswering, *, loss: float) -> float:
    """The lowest no-answer threshold that costs the questions with an answer at most `loss` points of F1."""
    for candidate in np.arange(0.05, 1.0, 0.05):
        kept = [_f1_as_answered(d, task, float(candidate)) for d in decoded if d.has_answer.any()]
        if best_f1(decoded) - float(np.mean(kept)) <= loss:
            return round(float(candidate), 2)
    return 1.0


def _f1_as_answered(decoded: Decoded, task: QuestionAnswering, threshold: float) -> float:
    _, none = decoded.scores_of(task)
    given = np.where(none <= threshold, decoded.f1, 0.0)
    return float(100 * given[decoded.has_answer].mean())


def table(parts: Sequence[Part], decoded: Sequence[Decoded], task: QuestionAnswering) -> str:
    lines = [
        "| part | questions | F1 | as answered | unanswerable left so | calibration error, best answer | no answer |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for part, d in zip(parts, decoded, strict=True):
        best, none = d.scores_of(task)
        refused = (
            100 * (none[~d.has_answer] > task.no_answer_threshold).mean() if (~d.has_answer).any() else float("nan")
        )
        right = d.has_answer & (d.f1 >= RIGHT)
        cells = (
            best_f1([d]),
            _f1_as_answered(d, task, task.no_answer_threshold),
            refused,
            100 * calibration_error(best, right),
            100 * calibration_error(none, ~d.has_answer),
        )
        lines.append(f"| {part.name} | {len(part.examples):,} | {' | '.join(f'{cell:.1f}' for cell in cells)} |")
    return "\n".join(lines)


def _with(task: QuestionAnswering, **settings: float) -> QuestionAnswering:
    return task.model_copy(update=settings)


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", required=True, help="model folder or name")
    parser.add_argument("--dev", type=Path, nargs="+", required=True, help="files of questions to fit on")
    parser.add_argument("--show", type=Path, nargs="+", default=[], help="files to show scores of, not to fit on")
    parser.add_argument("--window", type=int, default=None, help="tokens of a model input (the model's own)")
    parser.add_argument("--max-answer-tokens", type=int, default=None, help="of a predicted answer (the model's own)")
    parser.add_argument("--loss", type=float, default=2.5, help="points of F1 that refusing may cost (2.5)")
    parser.add_argument("--limit", type=int, default=None, help="questions of each file")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--write", action="store_true", help="write the settings into the model's task.json")
    settings = parser.parse_args(argv)

    folder = open_folder(settings.model)
    task = QuestionAnswering.model_validate(folder.task or QuestionAnswering.for_model(folder.config).model_dump())
    given = {"window": settings.window, "max_answer_tokens": settings.max_answer_tokens}
    task = QuestionAnswering.model_validate(task.model_dump() | {k: v for k, v in given.items() if v is not None})
    parts: list[Part] = []
    for name in [*settings.dev, *settings.show]:
        start = time.perf_counter()
        parts.append(
            read(
                name, settings.model, task, limit=settings.limit, batch_size=settings.batch_size, device=settings.device
            )
        )
        tell(f"{name}: {len(parts[-1].windows):,} windows in {time.perf_counter() - start:.0f} s")
    before = [decode(part, task) for part in parts]
    print(f"as it is\n\n{table(parts, before, task)}\n")
    fitted = fit(parts[: len(settings.dev)], task, loss=settings.loss)
    decoded = [decode(part, fitted) for part in parts]
    print(f"fitted\n\n{table(parts, decoded, fitted)}\n")
    changed = {key: value for key, value in fitted.model_dump().items() if value != task.model_dump()[key]}
    print(json.dumps(changed))
    if settings.write:
        path = folder.path / TASK
        path.write_text(
            json.dumps(fitted.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
