"""`bigbird evaluate` as a plain Python call: how good a model is on data with gold, and how sure that is."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NotRequired, Unpack

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic reads typing.TypedDict from Python 3.12 on only

from bigbird_cli.api.gold.gold import GoldOptions, text_of, try_model
from bigbird_cli.api.gold.outcome_files import write_outcomes
from bigbird_cli.errors import DataError
from bigbird_cli.files.json import json_object
from bigbird_cli.files.paths import local_path
from bigbird_cli.files.streams import read_text
from bigbird_cli.scoring import Reliability, Tally, intervals, reliability
from bigbird_cli.section import complaint
from bigbird_cli.tasks.metrics import length_groups
from bigbird_cli.tasks.outcomes import Confusion, NameScores, Outcomes

MOST_MISTAKES = 10

_BEFORE, _AROUND = 100, 300
"""Characters that are shown before a place of a document, and in all."""


class Part(TypedDict):
    """The score of some of the examples, or of what stands in a part of their documents."""

    name: str
    examples: int
    """Or entities."""
    metric: str
    score: float
    low: float | None
    high: float | None
    """The middle 95 % of the bootstrap's samples, as everywhere; None where there is one document."""


class Mistake(TypedDict):
    """What the model got wrong, though it was sure."""

    id: str
    score: float
    gold: str
    predicted: str
    text: str
    """What of the document stands around it."""


class Evaluation(TypedDict):
    """How good a model is on data with gold."""

    model: str
    data: str
    task: str
    metric: str
    """The score by which models of the task are chosen."""
    examples: int
    documents: int
    tokens: int
    """Of all documents, each counted once."""
    scores: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    """Of those scores of which there is one: documents are drawn anew, with all their examples; two at least."""
    by_length: list[Part]
    by_position: list[Part]
    by_name: dict[str, list[NameScores]]
    """Of each label; of each type of entities, "strict" and "partial"."""
    confusion: NotRequired[Confusion]
    calibration: dict[str, Reliability]
    """By what is said: the best answer, the label, ..."""
    mistakes: list[Mistake]
    """The surest ones."""
    learnt: NotRequired[int]
    """Of the documents, those that the model was trained on; missing where its folder does not tell."""


def evaluate(
    model: str | Path, data: str | Path, *, predictions: str | Path | None = None, **options: Unpack[GoldOptions]
) -> Evaluation:
    """Score a model on data with gold, each document read whole.

    Args:
        model: a run folder, a shipped model's name, a model folder, or a name on the Hugging Face hub.
        data: as a recipe's data.dev: a file, a folder or hub:NAME, in any form that the model's task reads.
        predictions: a file to write predictions and gold to, a JSON line an example, which `compare` reads.
        **options: see GoldOptions.

    Raises:
        UsageError: an option has an impossible value.
        DataError: the data cannot be used, or names a label that the model has not.
        ModelError: the model cannot be used, or has no task with gold.
        ResourceError: memory or disk did not suffice.
    """
    tried = try_model(model, data, options)
    if predictions is not None:
        write_outcomes(predictions, tried.outcomes)
    evaluation = evaluation_of(
        tried.outcomes,
        tried.scores(),
        texts=list(map(text_of, tried.examples)),
        model=str(model),
        data=str(data),
        task=tried.reader.task.type,
        metric=tried.reader.task.main_metric,
    )
    if tried.n_learnt is not None:
        evaluation["learnt"] = tried.n_learnt
    return evaluation


def read_evaluation(path: str | Path) -> Evaluation:
    """Read an evaluation that was written as JSON.

    Raises:
        DataError: the file holds none.
    """
    file = local_path(path)
    value = json_object(read_text(file), str(file), example='{"model": ..., "scores": ...}, as evaluate gives it')
    try:
        return TypeAdapter(Evaluation).validate_python(value)
    except ValidationError as error:
        raise DataError(complaint(error), where=str(file), fix="write it with bigbird evaluate --json") from None


def evaluation_of(
    outcomes: Outcomes[Any],
    scores: dict[str, float],
    *,
    texts: Sequence[str],
    model: str,
    data: str,
    task: str,
    metric: str,
) -> Evaluation:
    """Count everything that outcomes of examples tell, whose texts are given."""
    records = outcomes.records
    documents = [record["document"] for record in records]
    tokens = dict(zip(documents, (record["tokens"] for record in records), strict=True))
    tally = outcomes.tally()
    evaluation: Evaluation = {
        "model": model,
        "data": data,
        "task": task,
        "metric": metric,
        "examples": len(records),
        "documents": len(tokens),
        "tokens": sum(tokens.values()),
        "scores": scores,
        "intervals": intervals(tally.by(documents)),
        "by_length": list(_by_length(outcomes, tally, documents)),
        "by_position": [_part(name, part, next(iter(part.metrics)), n) for name, n, part in outcomes.by_position()],
        "by_name": outcomes.by_name(),
        "calibration": {
            what: reliability(probabilities, happened)
            for what, (probabilities, happened) in outcomes.confidences().items()
            if len(probabilities)
        },
        "mistakes": _mistakes(outcomes, texts),
    }
    if (confusion := outcomes.confusion()) is not None:
        evaluation["confusion"] = confusion
    return evaluation


def _by_length(outcomes: Outcomes[Any], tally: Tally, documents: Sequence[int]) -> Iterator[Part]:
    for name, members in length_groups([record["tokens"] for record in outcomes.records]):
        together = tally.of(members).by([documents[i] for i in members])
        yield _part(name.replace("_", " "), together, outcomes.metric, len(members))


def _part(name: str, tally: Tally, metric: str, n: int) -> Part:
    low, high = intervals(tally).get(metric, (None, None))
    return {
        "name": name,
        "examples": n,
        "metric": metric,
        "score": tally.scores()[metric],
        "low": low,
        "high": high,
    }


def _mistakes(outcomes: Outcomes[Any], texts: Sequence[str]) -> list[Mistake]:
    """The wrong ones of the highest scores."""
    return [
        {
            "id": outcomes.records[wrong.example]["id"],
            "score": wrong.score,
            "gold": wrong.gold,
            "predicted": wrong.predicted,
            "text": _around(texts[wrong.example], wrong.place),
        }
        for wrong in sorted(outcomes.wrong(), key=lambda wrong: -wrong.score)[:MOST_MISTAKES]
    ]


def _around(text: str, place: int) -> str:
    """What stands around a place, on one line."""
    start = max(0, place - _BEFORE)
    excerpt = " ".join(text[start : start + _AROUND].split())
    return f"{'… ' if start else ''}{excerpt}{' …' if start + _AROUND < len(text) else ''}"
