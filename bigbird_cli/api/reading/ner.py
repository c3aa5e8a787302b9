"""`bigbird ner` as plain Python calls: the names in documents of any length."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NotRequired, TypedDict, Unpack, cast, overload

from bigbird_cli.api.options import column_of
from bigbird_cli.api.reading.inputs import Input, Several, Source, inputs_of, is_single, requests_of
from bigbird_cli.api.reading.reader import DEFAULT_NER_MODEL, Reader, ReadingOptions, open_reader
from bigbird_cli.api.reading.reading import read, reject_second
from bigbird_cli.api.reading.requests import FailedRecord, Names, Receipt, Result
from bigbird_cli.errors import UsageError, nearest
from bigbird_cli.tasks.ner.decoding import NERPrediction
from bigbird_cli.tasks.ner.entity_types import DESCRIPTIONS
from bigbird_cli.tasks.ner.names import plain_name
from bigbird_cli.tasks.ner.task import NamedEntities
from bigbird_cli.text.documents import Document


class MentionRecord(TypedDict):
    """Where a name stands: start and end count the document's characters, and text is what stands there."""

    text: str
    start: int
    end: int
    page: NotRequired[str]
    """On which it begins, by the document's own label; of a document with pages."""
    score: float
    """Mean probability of its words' tags."""


class EntityRecord(TypedDict):
    """A named entity; as of a mention, with its type."""

    text: str
    type: str
    start: int
    end: int
    page: NotRequired[str]
    score: float


class NameRecord(TypedDict):
    """A name and all its mentions."""

    text: str
    """The fullest form that is met most."""
    type: str
    count: int
    score: float
    """The mean over the mentions."""
    mentions: list[MentionRecord]
    """In reading order."""


class NERRecord(TypedDict, total=False):
    """The record of a document."""

    entities: list[EntityRecord]
    """In reading order; without `group`."""
    names: list[NameRecord]
    """With `group`, the most frequent first."""
    source: str
    """Where the document came from."""
    id: Any
    fields: dict[str, Any]
    """The other columns of its row, as everywhere."""
    receipt: Receipt


class NEROptions(ReadingOptions, total=False):
    """What the calls for named entities take."""

    column: str | None
    """The column of a row's text; None for that of training, else "text"."""
    types: Sequence[str] | None
    """Of entities that are wanted, such as PERSON; None for all that the model knows, see `entity_types`."""
    min_score: float | None
    """Entities less likely than this are left out; None for what the model was calibrated to, else 0."""
    group: bool
    """Give the mentions of each name together."""


@dataclass(frozen=True)
class NERResult(Result[NERPrediction, NERRecord]):
    """What came of a document: its prediction has every entity, its record those that are wanted.

    Attributes:
        types: of entities that the record gives; None for all.
        min_score: entities less likely than this are left out of it.
        group: it gives the mentions of each name together.
    """

    types: frozenset[str] | None = None
    min_score: float = 0.0
    group: bool = False

    def names(self) -> Names:
        """The source."""
        return {"source": self.request.name}

    def entities(self) -> list[EntityRecord]:
        """The entities that are wanted, in reading order."""
        return [
            {
                "text": entity.text,
                "type": entity.type,
                "start": entity.start,
                "end": entity.end,
                **self.location(entity.start),
                "score": entity.score,
            }
            for entity in self.prediction.entities
            if entity.score >= self.min_score and (self.types is None or entity.type in self.types)
        ]

    def record(self) -> NERRecord:
        """The record that `--json` writes of a prediction; raises the error of a document that failed."""
        found = self.entities()
        record: NERRecord = {"names": together(found)} if self.group else {"entities": found}
        return {**record, "source": self.request.name, "id": self.request.id, **self.fields(), "receipt": self.receipt}


@overload
def ner(
    text: str | Document, *, model: str | Path = ..., encoding: str | None = ..., **options: Unpack[NEROptions]
) -> NERRecord: ...
@overload
def ner(
    text: Path, *, model: str | Path = ..., encoding: str | None = ..., **options: Unpack[NEROptions]
) -> NERRecord | list[NERRecord | FailedRecord]: ...
@overload
def ner(
    text: Several, *, model: str | Path = ..., encoding: str | None = ..., **options: Unpack[NEROptions]
) -> list[NERRecord | FailedRecord]: ...
def ner(
    text: Source | Several,
    *,
    model: str | Path = DEFAULT_NER_MODEL,
    encoding: str | None = None,
    **options: Unpack[NEROptions],
) -> NERRecord | list[NERRecord | FailedRecord]:
    """Find the named entities of one document, or of several.

    Args:
        text: a text; a Path to a file, a folder, or a file of rows such as *.jsonl or *.csv; a Document; or a list of
            these. A string is always a text.
        model: a model folder, a shipped model's name, or a name on the Hugging Face hub.
        encoding: of files of plain text, HTML and rows, such as "cp1252"; None for UTF-8.
        **options: see NEROptions and ReadingOptions.

    Returns:
        A record; for several documents, and for rows, a list of them.

    Raises:
        BigBirdError: a single document failed; among several, the failed ones are records with an "error".
    """
    results = list(ner_all(inputs_of(text, argument="text", encoding=encoding), model=model, **options))
    if len(results) == 1 and is_single(text):
        return results[0].record()
    return [result.to_dict() for result in results]


def ner_all(
    inputs: Iterable[Input | None], *, model: str | Path = DEFAULT_NER_MODEL, **options: Unpack[NEROptions]
) -> Iterator[NERResult]:
    """Find the named entities of documents one after the other, each read whole.

    Args:
        inputs: documents, rows or requests, read lazily. None among them says that the next may be long in coming:
            what was gathered is read.
        model: a model folder, a shipped model's name, or a name on the Hugging Face hub.
        **options: see NEROptions and ReadingOptions.

    Returns:
        One result for each document, in their order, as soon as it is ready.

    Raises:
        UsageError: an option has an impossible value.
        ModelError: the model cannot be used.
        ResourceError: memory did not suffice.
    """
    column, types = column_of(options), options.pop("types", None)
    min_score, group = options.pop("min_score", None), options.pop("group", False)
    if min_score is not None and not 0 <= min_score <= 1:
        raise UsageError(f"{min_score} is no probability", where="min_score", fix="give a number from 0 to 1")
    reader = _open(model, options)
    if min_score is None:
        min_score = reader.task.min_score
    task = reader.task.model_copy(update={"min_score": 0.0})  # a prediction has every entity
    wanted = None if types is None else _checked_types(types, task.labels or ())
    return read(
        reader,
        requests_of(inputs, text=(column,) if column else (task.text_column, "text")),
        decoder=task.decoder_for,
        result=partial(NERResult, types=wanted, min_score=min_score, group=group),
        encode_second=reject_second,
    )


def entity_types(model: str | Path = DEFAULT_NER_MODEL, **options: Unpack[ReadingOptions]) -> dict[str, str]:
    """The types of entities that a model finds, and what each is for; empty where it is not known.

    Raises:
        ModelError: there is no such model, or it finds no entities.
    """
    return {type_: DESCRIPTIONS.get(type_, "") for type_ in _open(model, options).task.labels or ()}


def _open(model: str | Path, options: ReadingOptions) -> Reader[NamedEntities]:
    return open_reader(NamedEntities, model, what="named entities", options=options)


def _checked_types(types: Sequence[str], of_model: Sequence[str]) -> frozenset[str]:
    """The types that are wanted.

    Raises:
        UsageError: there is none, or the model does not know one of them.
    """
    if not types:
        raise UsageError("no type is named", where="types", fix=f"name some of {', '.join(of_model)}")
    for type_ in types:
        if type_ not in of_model:
            near = nearest(type_, of_model)
            fix = f"did you mean {near!r}?" if near else f"the types are {', '.join(of_model)}"
            raise UsageError(f"the model finds nothing of the type {type_!r}", where="types", fix=fix)
    return frozenset(types)


def together(entities: Sequence[EntityRecord]) -> list[NameRecord]:
    """Names, each with its mentions: entities of one type that read alike.

    A person's bare name goes with the only fuller one that ends or begins with it: "Yost" with "Shelly Yost".

    Args:
        entities: of one document, in reading order.

    Returns:
        The names, the most frequent first.
    """
    mentions: dict[tuple[str, str], list[EntityRecord]] = {}
    for entity in entities:
        plain = plain_name(entity["text"])
        mentions.setdefault((entity["type"], plain), []).append(entity)
    fuller: dict[str, set[str]] = {}
    for type_, plain in mentions:
        if type_ == "PERSON" and len(words := plain.split()) > 1:
            for word in {words[0], words[-1]}:
                fuller.setdefault(word, set()).add(plain)
    groups: dict[tuple[str, str], list[EntityRecord]] = {}
    for (type_, plain), found in mentions.items():
        [*whole] = fuller.get(plain, ()) if type_ == "PERSON" else ()
        groups.setdefault((type_, whole[0] if len(whole) == 1 else plain), []).extend(found)
    names = [_name(sorted(found, key=lambda entity: entity["start"])) for found in groups.values()]
    return sorted(names, key=lambda name: (-name["count"], name["mentions"][0]["start"]))


def _name(found: Sequence[EntityRecord]) -> NameRecord:
    """One name of its mentions."""
    forms = Counter(" ".join(entity["text"].split()) for entity in found)
    most_words = max(len(form.split()) for form in forms)
    return {
        "text": max((form for form in forms if len(form.split()) == most_words), key=forms.__getitem__),
        "type": found[0]["type"],
        "count": len(found),
        "score": sum(entity["score"] for entity in found) / len(found),
        "mentions": [_mention(entity) for entity in found],
    }


def _mention(entity: EntityRecord) -> MentionRecord:
    """An entity without its type, which its name has."""
    mention = entity.copy()
    del mention["type"]  # type: ignore[misc]
    return cast(MentionRecord, mention)
