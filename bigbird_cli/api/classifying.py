"""`bigbird classify` as plain Python calls: what documents of any length are."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from bigbird_cli.api.items import RowItem, TextItem, documents_of, failed_text, is_table, items_of, texts_of
from bigbird_cli.api.reading import (
    FailedItem,
    Reader,
    ReadingOptions,
    failed_record,
    open_reader,
    read_items,
    refuse_beside,
)
from bigbird_cli.errors import DataError, UsageError
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
        text: a text; a Path to a file, a folder, or a file of rows such as *.jsonl or *.csv; a Document; or a list of
            these. A string is always a text.
        model: a model folder, or a name on the Hugging Face hub.
        pair: a second text to stand beside each, for a model that was trained on pairs.
        **options: as in `classes`: threshold, combine, window, device, ...

    Returns:
        The record of `classes`; for several documents, and for rows, a list of them.

    Raises:
        BigBirdError: a single document failed; among several, the failed ones are records with an "error".
    """
    texts = [text] if isinstance(text, str | Path | Document) else list(text)
    single = isinstance(text, str | Document) or (isinstance(text, Path) and not is_table(text))
    results = list(_results(items_of(documents_of(texts, what="text")), model=model, pair=pair, **options))
    if single and len(results) == 1:
        if isinstance(results[0], FailedItem):
            raise results[0].error
        return results[0]
    return [_record(result) for result in results]


def classes(
    items: Iterable[TextItem | RowItem | FailedItem | None],
    *,
    model: str | Path,
    pair: str | None = None,
    text_column: str | None = None,
    threshold: float | None = None,
    combine: str | None = None,
    **options: Unpack[ReadingOptions],
) -> Iterator[dict[str, Any]]:
    """Tell what documents are, one after the other, each read whole.

    Args:
        items: read lazily. A row's texts stand in the columns that the model was trained on, else in "text" and "pair".
            None among them says that the next may be long in coming: what was gathered is read.
        pair: a second text to stand beside each item that has none of its own. A model that was trained without pairs
            refuses it, and reads no item's.
        threshold: of a model of several labels: those at least so likely are given; None for its own setting.
        combine: mean, max or first: how a document's windows are made one; None for the model's own setting.
        model: a model folder, or a name on the Hugging Face hub.
        text_column: the column of a row's text; None for that of training.
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
    return map(
        _record,
        _results(
            items, model=model, pair=pair, text_column=text_column, threshold=threshold, combine=combine, **options
        ),
    )


def _results(
    items: Iterable[TextItem | RowItem | FailedItem | None],
    *,
    model: str | Path,
    pair: str | None = None,
    text_column: str | None = None,
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
        "receipt": reader.receipt(prediction),
    }
    if reader.task.problem == "multi":
        record["labels"] = list(prediction.labels)
    return record


def _record(result: dict[str, Any] | FailedItem) -> dict[str, Any]:
    return failed_record(result, source=result.name) if isinstance(result, FailedItem) else result
