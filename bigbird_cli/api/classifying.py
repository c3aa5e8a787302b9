"""`bigbird classify` as plain Python calls: what documents of any length are."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from bigbird_cli.api.items import RowItem, TextItem, documents_of, failed_text, is_table, items_of, texts_of
from bigbird_cli.api.labels import labels_of
from bigbird_cli.api.reading import (
    DEFAULT_LABELS_MODEL,
    FailedItem,
    Reader,
    ReadingOptions,
    failed_record,
    open_reader,
    read_items,
    refuse_beside,
)
from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.tasks.classify.decoding import ClassPrediction
from bigbird_cli.tasks.classify.task import Classification
from bigbird_cli.tasks.zero_shot import Match, ZeroShot
from bigbird_cli.text.documents import Document

LABELS_TOGETHER = 64
"""Labels embedded in one pass: they are far shorter than windows."""

Labels = str | Path | Sequence[str] | Mapping[str, str]
"""Names with commas between, a file of labels, names, or names with their descriptions."""


def classify(
    text: str | Path | Document | Sequence[str | Path | Document],
    *,
    labels: Labels | None = None,
    model: str | Path | None = None,
    pair: str | None = None,
    **options: Any,
) -> dict[str, Any] | list[dict[str, Any]]:
    """Tell what one document is, or several.

    Args:
        text: a text; a Path to a file, a folder, or a file of rows such as *.jsonl or *.csv; a Document; or a list of
            these. A string is always a text.
        labels: what it may be, for a model that knows no labels of its own: names, or "name: description"; a mapping of
            names to descriptions; or a Path to a file of them.
        model: a model folder, a shipped model's name, or a name on the Hugging Face hub; with labels, None is
            classify-mini.
        pair: a second text to stand beside each, for a model that was trained on pairs.
        **options: as in `classes`: multi, top_k, threshold, combine, window, device, ...

    Returns:
        The record of `classes`; for several documents, and for rows, a list of them.

    Raises:
        BigBirdError: a single document failed; among several, the failed ones are records with an "error".
    """
    texts = [text] if isinstance(text, str | Path | Document) else list(text)
    single = isinstance(text, str | Document) or (isinstance(text, Path) and not is_table(text))
    items = items_of(documents_of(texts, what="text"))
    results = list(_results(items, labels=labels, model=model, pair=pair, **options))
    if single and len(results) == 1:
        if isinstance(results[0], FailedItem):
            raise results[0].error
        return results[0]
    return [_record(result) for result in results]


def classes(
    items: Iterable[TextItem | RowItem | FailedItem | None],
    *,
    labels: Labels | None = None,
    model: str | Path | None = None,
    pair: str | None = None,
    text_column: str | None = None,
    multi: bool = False,
    closed: bool = False,
    top_k: int | None = None,
    threshold: float | None = None,
    combine: str | None = None,
    **options: Unpack[ReadingOptions],
) -> Iterator[dict[str, Any]]:
    """Tell what documents are, one after the other, each read whole.

    Args:
        items: read lazily. A row's texts stand in the columns that the model was trained on, else in "text" and "pair".
            None among them says that the next may be long in coming: what was gathered is read.
        labels: what they may be, see `classify`; None for a model that was trained with labels of its own.
        pair: a second text to stand beside each item that has none of its own. A model that was trained without pairs
            refuses it, and reads no item's.
        multi: any number of the given labels may be right, rather than one of them.
        closed: one of the given labels is right: never say that none is.
        top_k: of the given labels, scores of so many, the likeliest first; None for all, as they were given.
        threshold: of several labels: those at least so likely are given; None for the model's own setting.
        combine: mean, max or first: how a document's windows are made one; None for the model's own setting.
        model: a model folder, a shipped model's name, or a name on the Hugging Face hub; with labels, None is
            classify-mini.
        text_column: the column of a row's text; None for that of training.
        options: see ReadingOptions.

    Returns:
        One record for each item, in their order, as soon as it is ready: label (the likeliest; None where a model of
        several labels gives none, and for numbers), score (its probability; a regression's number), scores (of every
        label), labels (of several labels: all that are given), combine, source, id, and receipt {tokens, read, unknown,
        windows, truncated, model, attention, device}. With given labels also none_score (the probability that none of
        them is right; label is None where it is the highest) and evidence {start, end, score}: the passage that speaks
        most for the likeliest label. An item that failed gives error {problem, where, fix, exit_code}, source, id.

    Raises:
        UsageError: an option has an impossible value.
        ModelError: the model cannot be used.
        ResourceError: memory did not suffice.
    """
    return map(
        _record,
        _results(
            items,
            labels=labels,
            model=model,
            pair=pair,
            text_column=text_column,
            multi=multi,
            closed=closed,
            top_k=top_k,
            threshold=threshold,
            combine=combine,
            **options,
        ),
    )


def _results(
    items: Iterable[TextItem | RowItem | FailedItem | None],
    *,
    labels: Labels | None = None,
    model: str | Path | None = None,
    pair: str | None = None,
    text_column: str | None = None,
    multi: bool = False,
    closed: bool = False,
    top_k: int | None = None,
    threshold: float | None = None,
    combine: str | None = None,
    **options: Unpack[ReadingOptions],
) -> Iterator[dict[str, Any] | FailedItem]:
    """Choose between labels that are given and those of a model."""
    if labels is None:
        for name, value in (("multi", multi), ("closed", closed), ("top_k", top_k)):
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
        return _with_own_labels(
            items, model=model, pair=pair, text_column=text_column, threshold=threshold, combine=combine, **options
        )
    if pair is not None:
        raise UsageError("beside labels of your own there is no second text", where="pair", fix="leave it out")
    return _with_labels(
        items,
        labels_of(labels),
        model=model or DEFAULT_LABELS_MODEL,
        text_column=text_column,
        multi=multi,
        closed=closed,
        top_k=top_k,
        threshold=threshold,
        combine=combine,
        **options,
    )


def _with_labels(
    items: Iterable[TextItem | RowItem | FailedItem | None],
    labels: Mapping[str, str],
    *,
    model: str | Path,
    text_column: str | None,
    multi: bool,
    closed: bool,
    top_k: int | None,
    threshold: float | None,
    combine: str | None,
    **options: Unpack[ReadingOptions],
) -> Iterator[dict[str, Any] | FailedItem]:
    """Read documents, and compare them with labels that are embedded once."""
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
    def places() -> dict[str, np.ndarray]:
        """Of the labels, once, when the first document is there."""
        predicted = reader.predictor.predict(features, batch_size=LABELS_TOGETHER)
        return {name: outputs["embedding"] for name, (_, outputs) in zip(labels, predicted, strict=True)}

    results = read_items(
        texts_of(items, text=(text_column,) if text_column else (task.text_column, "text"), id_=task.id_column),
        reader,
        beside=lambda _: None,
        decoder=lambda name: task.decoder_for([name], places()),
        failed=failed_text,
    )
    return (
        result if isinstance(result, FailedItem) else _matched(*result, list(labels), task, reader, top_k=top_k)
        for result in results
    )


def _matched(
    item: TextItem, found: Match, names: Sequence[str], task: ZeroShot, reader: Reader[ZeroShot], *, top_k: int | None
) -> dict[str, Any]:
    order = range(len(names)) if top_k is None else sorted(range(len(names)), key=lambda i: -found.scores[i])[:top_k]
    start, end, score = found.evidence
    record: dict[str, Any] = {
        "label": names[found.labels[0]] if found.labels else None,
        "score": max(found.scores),
        "scores": {names[i]: found.scores[i] for i in order},
        "none_score": found.none_score,
        "combine": task.combine,
        "evidence": {"start": start, "end": end, "score": score},
        "source": item.name,
        "id": item.id,
        "receipt": reader.receipt(found.coverage),
    }
    if task.multi:
        record["labels"] = [names[i] for i in found.labels]
    return record


def _with_own_labels(
    items: Iterable[TextItem | RowItem | FailedItem | None],
    *,
    model: str | Path,
    pair: str | None,
    text_column: str | None,
    threshold: float | None,
    combine: str | None,
    **options: Unpack[ReadingOptions],
) -> Iterator[dict[str, Any] | FailedItem]:
    """Check the options, open the model folder, and read lazily."""
    reader = open_reader(
        Classification,
        model,
        what="classification without given labels",
        options=options,
        threshold=threshold,
        combine=combine,
    )
    task = reader.task
    # a folder of another program does not say whether it knows pairs
    pairs = "pair" if reader.opened.folder.task is None else task.pair_column
    if pair is not None and pairs is None:
        raise UsageError(
            "the model was trained without second texts", where="pair", fix="leave it out, or name a model of pairs"
        )
    if pair is not None:
        if not pair.strip():
            raise UsageError("the second text is empty", where="pair", fix="give it a text, or leave it out")
        refuse_beside({pair: "pair"}, reader, lambda text: task.encode_pair(text, reader.tokenizer))

    def second(item: TextItem) -> np.ndarray | None:
        text = pair if item.pair is None else item.pair
        if pairs is None:
            return None
        if text is None:
            if task.pair_column is not None:
                raise DataError(
                    "the model was trained on pairs, and there is no second text",
                    where=item.name,
                    fix='give {"text": ..., "pair": ...}, or pair=TEXT',
                )
            return None
        return task.encode_pair(text, reader.tokenizer)

    results = read_items(
        texts_of(
            items, text=(text_column,) if text_column else (task.text_column, "text"), pair=pairs, id_=task.id_column
        ),
        reader,
        beside=second,
        decoder=lambda name: task.decoder_for([name]),
        failed=failed_text,
    )
    return (result if isinstance(result, FailedItem) else _as_record(*result, reader) for result in results)


def _as_record(item: TextItem, prediction: ClassPrediction, reader: Reader[Classification]) -> dict[str, Any]:
    record: dict[str, Any] = {
        "label": prediction.label,
        "score": prediction.score,
        "scores": prediction.scores,
        "combine": prediction.combine,
        "source": item.name,
        "id": item.id,
        "receipt": reader.receipt(prediction.coverage),
    }
    if reader.task.kind.has_threshold:
        record["labels"] = list(prediction.labels)
    return record


def _record(result: dict[str, Any] | FailedItem) -> dict[str, Any]:
    return failed_record(result, source=result.name) if isinstance(result, FailedItem) else result
