"""`bigbird ner` as plain Python calls: the names in documents of any length."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack

from bigbird_cli.api.items import RowItem, TextItem, documents_of, failed_text, is_table, items_of, texts_of
from bigbird_cli.api.reading import (
    FailedItem,
    Reader,
    ReadingOptions,
    failed_record,
    open_reader,
    read_items,
)
from bigbird_cli.errors import UsageError
from bigbird_cli.tasks.ner import NamedEntities, NERPrediction
from bigbird_cli.text.documents import Document


def ner(
    text: str | Path | Document | Sequence[str | Path | Document], *, model: str | Path, **options: Any
) -> dict[str, Any] | list[dict[str, Any]]:
    """Find the named entities of one document, or of several.

    Args:
        text: a text; a Path to a file, a folder, or a file of rows such as *.jsonl or *.csv; a Document; or a list of
            these. A string is always a text.
        model: a model folder, or a name on the Hugging Face hub.
        **options: as in `entities`: min_score, window, device, ...

    Returns:
        The record of `entities`; for several documents, and for rows, a list of them.

    Raises:
        BigBirdError: a single document failed; among several, the failed ones are records with an "error".
    """
    texts = [text] if isinstance(text, str | Path | Document) else list(text)
    single = isinstance(text, str | Document) or (isinstance(text, Path) and not is_table(text))
    results = list(_results(items_of(documents_of(texts, what="text")), model=model, **options))
    if single and len(results) == 1:
        if isinstance(results[0], FailedItem):
            raise results[0].error
        return results[0]
    return [_record(result) for result in results]


def entities(
    items: Iterable[TextItem | RowItem | FailedItem | None],
    *,
    model: str | Path,
    text_column: str | None = None,
    min_score: float = 0.0,
    **options: Unpack[ReadingOptions],
) -> Iterator[dict[str, Any]]:
    """Find the named entities of documents one after the other, each read whole.

    Args:
        items: read lazily. A row's text stands in the column that the model was trained on, else in "text". None among
            them says that the next may be long in coming: what was gathered is read.
        min_score: entities less likely than this are left out.
        model: a model folder, or a name on the Hugging Face hub.
        text_column: the column of a row's text; None for that of training.
        options: see ReadingOptions.

    Returns:
        One record for each item, in their order, as soon as it is ready: entities (a list of {text, type, start, end,
        score}, in reading order; start and end count the document's characters, and text is what stands there; score
        is the mean probability of its words' tags), source, id, and receipt {tokens, read, unknown, windows,
        truncated, model, attention, device}. An item that failed gives error {problem, where, fix, exit_code},
        source, id.

    Raises:
        UsageError: an option has an impossible value.
        ModelError: the model cannot be used.
        ResourceError: memory did not suffice.
    """
    return map(_record, _results(items, model=model, text_column=text_column, min_score=min_score, **options))


def _results(
    items: Iterable[TextItem | RowItem | FailedItem | None],
    *,
    model: str | Path,
    text_column: str | None = None,
    min_score: float = 0.0,
    **options: Unpack[ReadingOptions],
) -> Iterator[dict[str, Any] | FailedItem]:
    """Check the options, open the model folder, and read lazily."""
    if not 0 <= min_score <= 1:
        raise UsageError(f"{min_score} is no probability", where="min_score", fix="give a number from 0 to 1")
    reader = open_reader(NamedEntities, model, head=NamedEntities.head, what="named entities", options=options)
    results = read_items(
        texts_of(items, text=(text_column,) if text_column else (reader.task.text_column, "text")),
        reader,
        beside=lambda _: None,
        decoder=lambda name: reader.task.decoder_for([name]),
        failed=failed_text,
    )
    return (
        result if isinstance(result, FailedItem) else _as_record(*result, reader, min_score=min_score)
        for result in results
    )


def _as_record(
    item: TextItem, prediction: NERPrediction, reader: Reader[NamedEntities], *, min_score: float
) -> dict[str, Any]:
    return {
        "entities": [
            {
                "text": entity.text,
                "type": entity.type,
                "start": entity.start,
                "end": entity.end,
                "score": entity.score,
            }
            for entity in prediction.entities
            if entity.score >= min_score
        ],
        "source": item.name,
        "id": item.id,
        "receipt": reader.receipt(prediction),
    }


def _record(result: dict[str, Any] | FailedItem) -> dict[str, Any]:
    return failed_record(result, source=result.name) if isinstance(result, FailedItem) else result
