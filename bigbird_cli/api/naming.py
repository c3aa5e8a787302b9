"""`bigbird ner` as plain Python calls: the names in documents of any length."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bigbird_cli.api.items import TextItem, failed_text, items_of
from bigbird_cli.api.reading import (
    FailedItem,
    Reader,
    documents_of,
    failed_record,
    open_reader,
    options_of,
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
        text: a text; a Path to a file or a folder; a Document; or a list of these. A string is always a text.
        model: a model folder, or a name on the Hugging Face hub.
        **options: as in `entities`: min_score, window, device, ...

    Returns:
        The record of `entities`; for several documents a list of them.

    Raises:
        BigBirdError: a single document failed; among several, the failed ones are records with an "error".
    """
    single = isinstance(text, str | Path | Document)
    texts = [text] if isinstance(text, str | Path | Document) else list(text)
    results = list(_results(items_of(documents_of(texts, what="text")), model=model, **options))
    if single and len(results) == 1:
        if isinstance(results[0], FailedItem):
            raise results[0].error
        return results[0]
    return [_record(result) for result in results]


def entities(
    items: Iterable[TextItem | FailedItem | None],
    *,
    model: str | Path,
    min_score: float = 0.0,
    window: int | None = None,
    overlap: int | None = None,
    on_long: str = "window",
    newline: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    batch_size: int = 8,
    offline: bool = False,
    revision: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Find the named entities of documents one after the other, each read whole.

    Args:
        items: read lazily. None among them says that the next may be long in coming: what was gathered is read.
        min_score: entities less likely than this are left out.
        model: a model folder, or a name on the Hugging Face hub.
        window: tokens of one model input at most; None for the model's own setting, as in the next.
        overlap: tokens that neighbouring windows share at least.
        on_long: what to do with a document that does not fit into one window: "window" reads all of it in several,
            "error" refuses it, "truncate" reads its beginning and says so in the receipt.
        newline: "space" or "keep", the tokenizer's rule for line breaks; None for the one its vocabulary wants.
        device: auto, cpu, cuda:N or mps.
        threads: processor threads; None leaves the framework's choice.
        batch_size: windows read together at most; changes no result.
        offline: never ask the network.
        revision: branch, tag or commit of a hub model.

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
    results = _results(
        items,
        model=model,
        min_score=min_score,
        window=window,
        overlap=overlap,
        on_long=on_long,
        newline=newline,
        device=device,
        threads=threads,
        batch_size=batch_size,
        offline=offline,
        revision=revision,
    )
    return map(_record, results)


def _results(
    items: Iterable[TextItem | FailedItem | None],
    *,
    model: str | Path,
    min_score: float = 0.0,
    window: int | None = None,
    overlap: int | None = None,
    on_long: str = "window",
    newline: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    batch_size: int = 8,
    offline: bool = False,
    revision: str | None = None,
) -> Iterator[dict[str, Any] | FailedItem]:
    if not 0 <= min_score <= 1:
        raise UsageError(f"{min_score} is no probability", where="min_score", fix="give a number from 0 to 1")
    options = options_of(on_long=on_long, newline=newline, batch_size=batch_size)
    reader = open_reader(
        NamedEntities,
        model,
        head=NamedEntities.head,
        what="named entities",
        device=device,
        threads=threads,
        offline=offline,
        revision=revision,
        window=window,
        overlap=overlap,
    )
    results = read_items(
        items,
        reader,
        options,
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
