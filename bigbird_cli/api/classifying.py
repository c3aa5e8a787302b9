"""`bigbird classify` as plain Python calls: what documents of any length are."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from bigbird_cli.api.items import TextItem, failed_text, items_of
from bigbird_cli.api.reading import (
    FailedItem,
    Reader,
    ReadingOptions,
    documents_of,
    failed_record,
    open_reader,
    read_items,
)
from bigbird_cli.errors import DataError
from bigbird_cli.tasks.classify import Classification, ClassPrediction
from bigbird_cli.text.documents import Document


def classify(
    text: str | Path | Document | Sequence[str | Path | Document],
    *,
    model: str | Path,
    pair: str | None = None,
    **options: Any,
) -> dict[str, Any] | list[dict[str, Any]]:
    """Tell what one document is, or several.

    Args:
        text: a text; a Path to a file or a folder; a Document; or a list of these. A string is always a text.
        model: a model folder, or a name on the Hugging Face hub.
        pair: a second text to stand beside each, for a model of pairs.
        **options: as in `classes`: threshold, combine, window, device, ...

    Returns:
        The record of `classes`; for several documents a list of them.

    Raises:
        BigBirdError: a single document failed; among several, the failed ones are records with an "error".
    """
    single = isinstance(text, str | Path | Document)
    texts = [text] if isinstance(text, str | Path | Document) else list(text)
    items = (
        TextItem(item.text, item.name, item.id, pair) if isinstance(item, TextItem) else item
        for item in items_of(documents_of(texts, what="text"))
    )
    results = list(_results(items, model=model, **options))
    if single and len(results) == 1:
        if isinstance(results[0], FailedItem):
            raise results[0].error
        return results[0]
    return [_record(result) for result in results]


def classes(
    items: Iterable[TextItem | FailedItem | None],
    *,
    model: str | Path,
    threshold: float | None = None,
    combine: str | None = None,
    **options: Unpack[ReadingOptions],
) -> Iterator[dict[str, Any]]:
    """Tell what documents are, one after the other, each read whole.

    Args:
        items: read lazily. None among them says that the next may be long in coming: what was gathered is read.
        threshold: of a model of several labels: those at least so likely are given; None for its own setting.
        combine: mean, max or first: how a document's windows are made one; None for the model's own setting.
        model: a model folder, or a name on the Hugging Face hub.
        options: see ReadingOptions.

    Returns:
        One record for each item, in their order, as soon as it is ready: label (the likeliest; None where a model of
        several labels gives none, and for numbers), score (its probability; a regression's number), scores (of every
        label), labels (of a model of several labels: all that are given), combine, source, id, and receipt {tokens,
        read, unknown, windows, truncated, model, attention, device}. An item that failed gives error {problem,
        where, fix, exit_code}, source, id.

    Raises:
        UsageError: an option has an impossible value.
        ModelError: the model cannot be used.
        ResourceError: memory did not suffice.
    """
    return map(_record, _results(items, model=model, threshold=threshold, combine=combine, **options))


def _results(
    items: Iterable[TextItem | FailedItem | None],
    *,
    model: str | Path,
    threshold: float | None = None,
    combine: str | None = None,
    **options: Unpack[ReadingOptions],
) -> Iterator[dict[str, Any] | FailedItem]:
    """Check the options, open the model folder, and read lazily."""
    reader = open_reader(
        Classification,
        model,
        head=Classification.head,
        what="classification",
        options=options,
        threshold=threshold,
        combine=combine,
    )
    task = reader.task

    def pair(item: TextItem) -> np.ndarray | None:
        if item.pair is None:
            if task.pair_column is not None:
                raise DataError(
                    "the model was trained on pairs, and there is no second text",
                    where=item.name,
                    fix='give {"text": ..., "pair": ...}, or pair=TEXT',
                )
            return None
        return task.encode_pair(item.pair, reader.tokenizer)

    results = read_items(
        items,
        reader,
        beside=pair,
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
        "receipt": reader.receipt(prediction),
    }
    if reader.task.problem == "multi":
        record["labels"] = list(prediction.labels)
    return record


def _record(result: dict[str, Any] | FailedItem) -> dict[str, Any]:
    return failed_record(result, source=result.name) if isinstance(result, FailedItem) else result
