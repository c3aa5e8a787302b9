"""`bigbird ner` as plain Python calls: the names in documents of any length."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack

from bigbird_cli.api.items import RowItem, TextItem, documents_of, failed_text, is_table, items_of, texts_of
from bigbird_cli.api.reading import (
    DEFAULT_NER_MODEL,
    FailedItem,
    Reader,
    ReadingOptions,
    failed_record,
    open_reader,
    read_items,
)
from bigbird_cli.errors import UsageError, nearest
from bigbird_cli.tasks.ner.decoding import NERPrediction
from bigbird_cli.tasks.ner.entity_types import DESCRIPTIONS
from bigbird_cli.tasks.ner.task import NamedEntities
from bigbird_cli.text.documents import Document


def ner(
    text: str | Path | Document | Sequence[str | Path | Document],
    *,
    model: str | Path = DEFAULT_NER_MODEL,
    **options: Any,
) -> dict[str, Any] | list[dict[str, Any]]:
    """Find the named entities of one document, or of several.

    Args:
        text: a text; a Path to a file, a folder, or a file of rows such as *.jsonl or *.csv; a Document; or a list of
            these. A string is always a text.
        model: a model folder, or a name on the Hugging Face hub.
        **options: as in `entities`: types, min_score, group, window, device, ...

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
    model: str | Path = DEFAULT_NER_MODEL,
    text_column: str | None = None,
    types: Sequence[str] | None = None,
    min_score: float = 0.0,
    group: bool = False,
    **options: Unpack[ReadingOptions],
) -> Iterator[dict[str, Any]]:
    """Find the named entities of documents one after the other, each read whole.

    Args:
        items: read lazily. A row's text stands in the column that the model was trained on, else in "text". None among
            them says that the next may be long in coming: what was gathered is read.
        types: of entities that are wanted, such as PERSON; None for all that the model knows, see `entity_types`.
        min_score: entities less likely than this are left out.
        group: give the mentions of each name together.
        model: a model folder, a shipped model's name, or a name on the Hugging Face hub.
        text_column: the column of a row's text; None for that of training.
        options: see ReadingOptions.

    Returns:
        One record for each item, in their order, as soon as it is ready: entities (a list of {text, type, start, end,
        score}, in reading order; start and end count the document's characters, and text is what stands there; score
        is the mean probability of its words' tags), source, id, and receipt {tokens, read, unknown, windows,
        truncated, model, attention, device}. With group there is names in the place of entities: a list of {text,
        type, count, score, mentions}, the most frequent first; text is the fullest form that is met most, score the
        mean over the mentions, each of these {text, start, end, score}, in reading order. An item that failed gives
        error {problem, where, fix, exit_code}, source, id.

    Raises:
        UsageError: an option has an impossible value.
        ModelError: the model cannot be used.
        ResourceError: memory did not suffice.
    """
    results = _results(
        items, model=model, text_column=text_column, types=types, min_score=min_score, group=group, **options
    )
    return map(_record, results)


def entity_types(model: str | Path = DEFAULT_NER_MODEL, **options: Unpack[ReadingOptions]) -> dict[str, str]:
    """The types of entities that a model finds, and what each is for; empty where nobody knows.

    Raises:
        ModelError: there is no such model, or it finds no entities.
    """
    return {type_: DESCRIPTIONS.get(type_, "") for type_ in _open(model, options).task.labels or ()}


def _open(model: str | Path, options: ReadingOptions) -> Reader[NamedEntities]:
    return open_reader(NamedEntities, model, what="named entities", options=options)


def _results(
    items: Iterable[TextItem | RowItem | FailedItem | None],
    *,
    model: str | Path = DEFAULT_NER_MODEL,
    text_column: str | None = None,
    types: Sequence[str] | None = None,
    min_score: float = 0.0,
    group: bool = False,
    **options: Unpack[ReadingOptions],
) -> Iterator[dict[str, Any] | FailedItem]:
    """Check the options, open the model folder, and read lazily."""
    if not 0 <= min_score <= 1:
        raise UsageError(f"{min_score} is no probability", where="min_score", fix="give a number from 0 to 1")
    reader = _open(model, options)
    wanted = None if types is None else _known_types(types, reader.task.labels or ())
    results = read_items(
        texts_of(items, text=(text_column,) if text_column else (reader.task.text_column, "text")),
        reader,
        beside=lambda _: None,
        decoder=lambda name: reader.task.decoder_for([name]),
        failed=failed_text,
    )
    return (
        result
        if isinstance(result, FailedItem)
        else _as_record(*result, reader, types=wanted, min_score=min_score, group=group)
        for result in results
    )


def _known_types(types: Sequence[str], known: Sequence[str]) -> frozenset[str]:
    """The types that are wanted.

    Raises:
        UsageError: there is none, or the model does not know one of them.
    """
    if not types:
        raise UsageError("no type is named", where="types", fix=f"name some of {', '.join(known)}")
    for type_ in types:
        if type_ not in known:
            near = nearest(type_, known)
            fix = f"did you mean {near!r}?" if near else f"the types are {', '.join(known)}"
            raise UsageError(f"the model finds nothing of the type {type_!r}", where="types", fix=fix)
    return frozenset(types)


def _as_record(
    item: TextItem,
    prediction: NERPrediction,
    reader: Reader[NamedEntities],
    *,
    types: frozenset[str] | None,
    min_score: float,
    group: bool,
) -> dict[str, Any]:
    found = [
        {"text": entity.text, "type": entity.type, "start": entity.start, "end": entity.end, "score": entity.score}
        for entity in prediction.entities
        if entity.score >= min_score and (types is None or entity.type in types)
    ]
    return {
        **({"names": together(found)} if group else {"entities": found}),
        "source": item.name,
        "id": item.id,
        "receipt": reader.receipt(prediction.coverage),
    }


_BESIDE = re.compile(r"^(?:the|an?) (?=.)|['\u2019]s?$")
"""What stands beside a name and is none of it: an article before it, a possessive behind."""


def together(entities: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Names, each with its mentions: entities of one type that read alike.

    A person's bare name goes with the only fuller one that ends or begins with it: "Yost" with "Shelly Yost".

    Args:
        entities: of one document, in reading order.

    Returns:
        As `entities` gives them with group.
    """
    mentions: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for entity in entities:
        plain = _BESIDE.sub("", " ".join(entity["text"].split()).casefold())
        mentions.setdefault((entity["type"], plain), []).append(entity)
    fuller: dict[str, set[str]] = {}
    for type_, plain in mentions:
        if type_ == "PERSON" and len(words := plain.split()) > 1:
            for word in {words[0], words[-1]}:
                fuller.setdefault(word, set()).add(plain)
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for (type_, plain), found in mentions.items():
        [*whole] = fuller.get(plain, ()) if type_ == "PERSON" else ()
        groups.setdefault((type_, whole[0] if len(whole) == 1 else plain), []).extend(found)
    names = [_name(sorted(found, key=lambda entity: int(entity["start"]))) for found in groups.values()]
    return sorted(names, key=lambda name: (-name["count"], name["mentions"][0]["start"]))


def _name(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One name of its mentions."""
    forms = Counter(" ".join(entity["text"].split()) for entity in found)
    most_words = max(len(form.split()) for form in forms)
    return {
        "text": max((form for form in forms if len(form.split()) == most_words), key=forms.__getitem__),
        "type": found[0]["type"],
        "count": len(found),
        "score": sum(entity["score"] for entity in found) / len(found),
        "mentions": [{name: entity[name] for name in ("text", "start", "end", "score")} for entity in found],
    }


def _record(result: dict[str, Any] | FailedItem) -> dict[str, Any]:
    return failed_record(result, source=result.name) if isinstance(result, FailedItem) else result
