"""`bigbird classify` as plain Python calls: labels, or a number, for documents of any length."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NotRequired, TypedDict, Unpack, overload

import numpy as np

from bigbird_cli.api.options import column_of
from bigbird_cli.api.reading.inputs import Input, Several, Source, inputs_of, is_single, requests_of
from bigbird_cli.api.reading.labels import labels_of
from bigbird_cli.api.reading.reader import DEFAULT_LABELS_MODEL, ReadingOptions, open_reader
from bigbird_cli.api.reading.reading import check_asked, read, reject_second
from bigbird_cli.api.reading.requests import FailedRecord, Names, Receipt, Request, Result
from bigbird_cli.choices import Combine
from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.tasks.classify.decoding import ClassPrediction
from bigbird_cli.tasks.classify.task import Classification
from bigbird_cli.tasks.zero_shot import Match, ZeroShot
from bigbird_cli.text.documents import Document

LABELS_TOGETHER = 64
"""Labels embedded in one pass: they are far shorter than windows."""

Labels = str | Path | Sequence[str] | Mapping[str, str]
"""Names with commas between, a file of labels, names, or names with their descriptions."""

_TRAINED_WITHOUT = "the model was trained without second texts"
_NO_PAIR = "leave it out, or name a model of pairs"
_BESIDE_LABELS = "beside labels of your own there is no second text"


class Evidence(TypedDict):
    """The passage that speaks most for the likeliest label: characters of the document, and the label's score there."""

    start: int
    end: int
    page: NotRequired[str]
    """On which it begins, by the document's own label; of a document with pages."""
    score: float


class ClassifyRecord(TypedDict):
    """The record of a document."""

    label: str | None
    """The likeliest; None where none of the given labels is right, where a model of several labels gives none, and for
    numbers."""
    score: float
    """Probability of the likeliest label; a regression's number."""
    scores: dict[str, float]
    """Of every label."""
    none_score: NotRequired[float]
    """With given labels: the probability that none of them is right."""
    combine: str
    """How the windows were made one."""
    evidence: NotRequired[Evidence]
    """With given labels."""
    source: str
    """Where the document came from."""
    id: Any
    fields: NotRequired[dict[str, Any]]
    """The other columns of its row, as everywhere."""
    receipt: Receipt
    labels: NotRequired[list[str]]
    """Where several may be right: all that are given."""


class ClassifyOptions(ReadingOptions, total=False):
    """What the calls for classification take."""

    labels: Labels | None
    """What a document may be, for a model that knows no labels of its own: names, or "name: description"; a mapping of
    names to descriptions; or a Path to a file of them. None for a model that was trained with labels of its own."""
    pair: str | None
    """A second text beside each document that has none of its own, for a model that was trained on pairs."""
    column: str | None
    """The column of a row's text; None for that of training, else "text"."""
    multi: bool
    """Any number of the given labels may be right, rather than one of them."""
    closed: bool
    """One of the given labels is right: never say that none is."""
    top_k: int | None
    """Of the given labels, scores of so many, the likeliest first; None for all, as they were given."""
    threshold: float | None
    """Of several labels: those at least so likely are given; None for the model's own setting, as in the next."""
    combine: Combine | None
    """How a document's windows are made one."""


@dataclass(frozen=True)
class ClassifyResult(Result[ClassPrediction, ClassifyRecord]):
    """What came of a document, with a model's own labels.

    Attributes:
        is_multi: several labels may be right, and the record gives them.
        labels: the model's; none of one that gives a number.
    """

    is_multi: bool = False
    labels: tuple[str, ...] = ()

    def names(self) -> Names:
        """The source."""
        return {"source": self.request.name}

    def record(self) -> ClassifyRecord:
        """The record that `--json` writes of a prediction; raises the error of a document that failed."""
        prediction = self.prediction
        record: ClassifyRecord = {
            "label": prediction.label,
            "score": prediction.score,
            "scores": prediction.scores,
            "combine": prediction.combine,
            "source": self.request.name,
            "id": self.request.id,
            **self.fields(),  # type: ignore[typeddict-item]  # they hold no other key
            "receipt": self.receipt,
        }
        if self.is_multi:
            record["labels"] = list(prediction.labels)
        return record


@dataclass(frozen=True)
class ZeroShotResult(Result[Match, ClassifyRecord]):
    """What came of a document, with labels that were given.

    Attributes:
        labels: those that were given; the prediction knows them by their numbers.
        combine: how the windows were made one.
        is_multi: several labels may be right, and the record gives them.
        top_k: scores that the record gives, the likeliest first; None for all, as the labels were given.
    """

    labels: tuple[str, ...] = ()
    combine: str = "mean"
    is_multi: bool = False
    top_k: int | None = None

    def names(self) -> Names:
        """The source."""
        return {"source": self.request.name}

    def record(self) -> ClassifyRecord:
        """The record that `--json` writes of a prediction; raises the error of a document that failed."""
        found = self.prediction
        order = list(range(len(self.labels)))
        if self.top_k is not None:
            order = sorted(order, key=lambda i: -found.scores[i])[: self.top_k]
        start, end, score = found.evidence
        given = [self.labels[i] for i in found.labels]
        record: ClassifyRecord = {
            "label": given[0] if given else None,
            "score": max(found.scores),
            "scores": {self.labels[i]: found.scores[i] for i in order},
            "none_score": found.none_score,
            "combine": self.combine,
            "evidence": {"start": start, "end": end, **self.location(start), "score": score},
            "source": self.request.name,
            "id": self.request.id,
            **self.fields(),  # type: ignore[typeddict-item]  # they hold no other key
            "receipt": self.receipt,
        }
        if self.is_multi:
            record["labels"] = given
        return record


@overload
def classify(
    text: str | Document,
    *,
    model: str | Path | None = ...,
    encoding: str | None = ...,
    **options: Unpack[ClassifyOptions],
) -> ClassifyRecord: ...
@overload
def classify(
    text: Path, *, model: str | Path | None = ..., encoding: str | None = ..., **options: Unpack[ClassifyOptions]
) -> ClassifyRecord | list[ClassifyRecord | FailedRecord]: ...
@overload
def classify(
    text: Several, *, model: str | Path | None = ..., encoding: str | None = ..., **options: Unpack[ClassifyOptions]
) -> list[ClassifyRecord | FailedRecord]: ...
def classify(
    text: Source | Several,
    *,
    model: str | Path | None = None,
    encoding: str | None = None,
    **options: Unpack[ClassifyOptions],
) -> ClassifyRecord | list[ClassifyRecord | FailedRecord]:
    """Classify one document, or several.

    Args:
        text: a text; a Path to a file, a folder, or a file of rows such as *.jsonl or *.csv; a Document; or a list of
            these. A string is always a text.
        model: a model folder, a shipped model's name, or a name on the Hugging Face hub; with labels, None is
            classify-mini.
        encoding: of files of plain text, HTML and rows, such as "cp1252"; None for UTF-8.
        **options: see ClassifyOptions and ReadingOptions.

    Returns:
        A record; for several documents, and for rows, a list of them.

    Raises:
        BigBirdError: a single document failed; among several, the failed ones are records with an "error".
    """
    results: list[ClassifyResult | ZeroShotResult] = [
        *classify_all(inputs_of(text, argument="text", encoding=encoding), model=model, **options)
    ]
    if len(results) == 1 and is_single(text):
        return results[0].record()
    return [result.to_dict() for result in results]


def classify_all(
    inputs: Iterable[Input | None], *, model: str | Path | None = None, **options: Unpack[ClassifyOptions]
) -> Iterator[ClassifyResult | ZeroShotResult]:
    """Classify documents one after the other, each read whole.

    Args:
        inputs: documents, rows or requests, read lazily. A row's texts stand in the columns that the model was trained
            on, else in "text" and "pair". None among them says that the next may be long in coming: what was gathered
            is read.
        model: a model folder, a shipped model's name, or a name on the Hugging Face hub; with labels, None is
            classify-mini.
        **options: see ClassifyOptions and ReadingOptions.

    Returns:
        One result for each document, in their order, as soon as it is ready.

    Raises:
        UsageError: an option has an impossible value, or would change nothing.
        ModelError: the model cannot be used.
        ResourceError: memory did not suffice.
    """
    labels, threshold = options.pop("labels", None), options.get("threshold")
    if threshold is not None and not 0 < threshold < 1:
        problem = f"{threshold} is no threshold: it would give all labels, or none"
        raise UsageError(problem, where="threshold", fix="give a number above 0 and below 1")
    if labels is not None:
        return _with_labels(inputs, labels_of(labels), model or DEFAULT_LABELS_MODEL, options)
    for name, value in (
        ("multi", options.pop("multi", False)),
        ("closed", options.pop("closed", False)),
        ("top_k", options.pop("top_k", None)),
    ):
        if value:
            raise UsageError("this is for labels of your own", where=name, fix="give labels, or leave it out")
    if model is None:
        raise UsageError(
            "neither labels nor a model are named",
            where="labels",
            fix=(
                'say what the documents may be, such as "invoice,contract,letter"; or train a model on examples'
                " (bigbird finetune classify-imdb) and name its folder: model=runs/classify-imdb"
            ),
        )
    return _with_own_labels(inputs, model, options)


def _with_labels(
    inputs: Iterable[Input | None], labels: Mapping[str, str], model: str | Path, options: ClassifyOptions
) -> Iterator[ZeroShotResult]:
    """Compare documents with labels that are embedded once."""
    column, combine = column_of(options), options.pop("combine", None)
    multi, closed, top_k = options.pop("multi", False), options.pop("closed", False), options.pop("top_k", None)
    threshold = options.pop("threshold", None)
    if options.pop("pair", None) is not None:
        raise UsageError(_BESIDE_LABELS, where="pair", fix="leave it out")
    if threshold is not None and not multi:
        problem = "a threshold is for several labels, and one of these is right"
        raise UsageError(problem, where="threshold", fix="leave it out, or let any number be right: multi=True")
    if top_k is not None and top_k < 1:
        raise UsageError(f"{top_k} is too few", where="top_k", fix="give 1 or more")
    if closed and (multi or len(labels) < 2):
        problem = "any number of labels may be right" if multi else "there is one label only"
        raise UsageError(problem, where="closed", fix="leave it out")
    reader = open_reader(
        ZeroShot,
        model,
        what="labels of your own",
        options=options,
        multi=multi,
        threshold=threshold,
        combine=combine,
    )
    task = reader.task.closed() if closed else reader.task
    worded = [f"{name}: {description}" if description else name for name, description in labels.items()]
    try:
        features = [task.label_feature(label, reader.tokenizer, where="labels") for label in worded]
    except DataError as error:  # the mistake is none of the documents'
        raise UsageError(error.problem, where="labels", fix=error.fix) from None

    @cache
    def embeddings() -> dict[str, np.ndarray]:
        """Of the labels, once, when the first document is there."""
        predicted = reader.predictor.predict(features, batch_size=LABELS_TOGETHER)
        return {name: outputs["embedding"] for name, (_, outputs) in zip(labels, predicted, strict=True)}

    columns = (column,) if column else (task.text_column, "text")
    return read(
        reader,
        requests_of(inputs, text=columns, id_=task.id_column, no_pair=(_BESIDE_LABELS, "leave it out")),
        decoder=lambda names: task.decoder_for(names, embeddings()),
        result=partial(ZeroShotResult, labels=tuple(labels), combine=task.combine, is_multi=task.multi, top_k=top_k),
        encode_second=reject_second,
    )


def _with_own_labels(
    inputs: Iterable[Input | None], model: str | Path, options: ClassifyOptions
) -> Iterator[ClassifyResult]:
    """Classify documents with the labels that a model was trained on."""
    column, pair = column_of(options), options.pop("pair", None)
    threshold, combine = options.pop("threshold", None), options.pop("combine", None)
    reader = open_reader(
        Classification,
        model,
        what="classification without given labels",
        options=options,
        threshold=threshold,
        combine=combine,
    )
    task = reader.task
    if threshold is not None and not task.kind.has_threshold:
        problem = f"a threshold is for several labels, and the model gives {task.kind.gives}"
        raise UsageError(problem, where="threshold", fix="leave it out")
    # a folder of another program does not say whether it knows pairs
    takes_pairs = task.pair_column is not None or reader.opened.folder.task is None
    if pair is not None and not takes_pairs:
        raise UsageError(_TRAINED_WITHOUT, where="pair", fix=_NO_PAIR)
    if pair is not None and not pair.strip():
        raise UsageError("the second text is empty", where="pair", fix="give it a text, or leave it out")

    def encode(second: str | None) -> np.ndarray | None:
        if second is not None and not takes_pairs:
            raise DataError(_TRAINED_WITHOUT, fix=_NO_PAIR)
        if second is None and task.pair_column is not None:
            raise DataError(
                "the model was trained on pairs, and there is no second text",
                fix='give {"text": ..., "pair": ...}, or pair=TEXT',
            )
        return None if second is None else task.encode_pair(second, reader.tokenizer)

    if pair is not None:
        check_asked({pair: "pair"}, reader, lambda text: task.encode_pair(text, reader.tokenizer))
    requests = requests_of(
        inputs,
        text=(column,) if column else (task.text_column, "text"),
        second=(task.pair_column or "pair", "pair") if takes_pairs else (),
        id_=task.id_column,
        no_pair=None if takes_pairs else (_TRAINED_WITHOUT, _NO_PAIR),
    )
    return read(
        reader,
        requests if pair is None else _with_pair(requests, pair),
        decoder=task.decoder_for,
        result=partial(
            ClassifyResult,
            is_multi=task.kind.has_threshold,
            labels=() if task.kind.fixed_names else task.labels or (),
        ),
        encode_second=encode,
    )


def _with_pair(requests: Iterable[Request | None], pair: str) -> Iterator[Request | None]:
    """Put a second text beside each document that has none of its own."""
    for request in requests:
        yield request if request is None or request.second is not None else replace(request, second=pair)
