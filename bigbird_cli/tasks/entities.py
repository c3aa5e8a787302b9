"""Texts with named entities as character spans: from CoNLL files, rows, and brat folders, checked.

Entities of a text share no character: of those that overlap or are nested the longest is kept, and one in several
pieces is taken from its first character to its last. How often that was done is said in a warning.
"""

import re
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from bigbird_cli.data import conll
from bigbird_cli.data.files import files_in
from bigbird_cli.data.hub import is_hub
from bigbird_cli.data.rows import Row, read_rows
from bigbird_cli.errors import BigBirdWarning, DataError
from bigbird_cli.tasks.tags import TagHabits, spans_of
from bigbird_cli.text.documents import json_kind, read_text, walk

ROW_EXAMPLE = '{"tokens": ["Ada", "left"], "tags": ["B-PER", "O"]}'
SPAN_EXAMPLE = '{"text": "Ada left", "entities": [{"start": 0, "end": 3, "type": "PER"}]}'

ROW_SUFFIXES = (".json", ".jsonl", ".ndjson", ".parquet")
"""Files of rows; any other file is read as CoNLL, .tsv and .txt included."""

WORDS_COLUMNS = ("tokens", "words")
TAGS_COLUMNS = ("tags", "ner_tags", "labels")
ENTITIES_COLUMNS = ("entities", "spans")


class GoldEntity(NamedTuple):
    """An annotated entity: characters start..end of the text."""

    type: str
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class NERExample:
    """A text and its gold entities.

    Attributes:
        id: its row's own, or its place in its file.
        text: as given; words of CoNLL files and of rows stand with a space between them, sentences with a newline.
        entities: in reading order; no two share a character.
        where: the file and the place in it, for messages.
    """

    id: str
    text: str
    entities: tuple[GoldEntity, ...] = ()
    where: str = ""


@dataclass(frozen=True)
class Columns:
    """Where the words, tags, text and entities stand: names for rows, numbers for CoNLL; None for the usual ones."""

    words: str | int | None = None
    tags: str | int | None = None
    text: str = "text"
    entities: str | None = None


@dataclass
class _Notes:
    """What is told of a source when it has been read."""

    n_overlapping: int = 0
    n_in_pieces: int = 0
    habits: TagHabits = field(default_factory=TagHabits)

    def warn(self, source: str) -> None:
        told = []
        if self.n_overlapping:
            told.append(f"{self.n_overlapping} entities are left out because a longer one holds some of their text")
        if self.n_in_pieces:
            told.append(f"{self.n_in_pieces} entities in several pieces are taken from their first to their last")
        if self.habits.n_illegal:
            told.append(
                f"{self.habits.n_illegal} of {self.habits.n_tags} tags break {self.habits.scheme.upper()} and are read"
                " as conlleval reads them"
            )
        if told:
            warnings.warn(BigBirdWarning(f"{source}: {'; '.join(told)}"), stacklevel=3)


def read_examples(source: str | Path, columns: Columns, *, offline: bool = False) -> Iterator[NERExample]:
    """Read texts with entities, one after the other.

    Args:
        source: CoNLL (a document up to the next -DOCSTART- or `# newdoc`, else the whole file); rows as JSON, JSON
            lines, CSV, Parquet or `hub:NAME`, with tokens and tags, or with a text and its entities
            ({"start", "end", "type" or "label"}, or [start, end, type]); a folder of such files; a folder of brat's
            .txt and .ann files. Compressed files are unpacked.
        columns: where in a row or line to look.
        offline: never ask the network.

    Raises:
        DataError: something is not as it should be; the error names the place.
    """
    notes = _Notes()
    for example, entities in _examples(source, columns, notes, offline=offline):
        kept = outermost(entities)
        notes.n_overlapping += len(entities) - len(kept)
        yield NERExample(example.id, example.text, tuple(kept), example.where)
    notes.warn(str(source))


def outermost(entities: Iterable[GoldEntity]) -> list[GoldEntity]:
    """The entities without those that share a character with a longer one, the first given one of equals."""
    kept: list[GoldEntity] = []
    ends: dict[int, int] = {}  # start -> end of those that were kept
    starts: list[int] = []
    for entity in sorted(entities, key=lambda entity: (entity.start - entity.end, entity.start)):
        at = bisect_right(starts, entity.start)
        if (at and ends[starts[at - 1]] > entity.start) or (at < len(starts) and starts[at] < entity.end):
            continue
        starts.insert(at, entity.start)
        ends[entity.start] = entity.end
        kept.append(entity)
    return sorted(kept, key=lambda entity: entity.start)


_Read = tuple[NERExample, list[GoldEntity]]


def _examples(source: str | Path, columns: Columns, notes: _Notes, *, offline: bool) -> Iterator[_Read]:
    path = Path(source)
    if is_hub(source):
        yield from _from_rows(source, columns, notes, offline=offline)
    elif path.suffix == ".ann":
        yield _brat(path, notes)
    elif path.is_dir() and (annotations := sorted(file for file in walk(path) if file.suffix == ".ann")):
        yield from (_brat(file, notes) for file in annotations)
    elif any(file.suffix in ROW_SUFFIXES for file in files_in(path, (*ROW_SUFFIXES, *conll.SUFFIXES))):
        yield from _from_rows(path, columns, notes, offline=offline)
    else:
        yield from _from_conll(path, columns, notes)


# rows


def _from_rows(source: str | Path, columns: Columns, notes: _Notes, *, offline: bool) -> Iterator[_Read]:
    for row in read_rows(source, offline=offline, example=ROW_EXAMPLE):
        yield _row(row, columns, notes)


def _row(row: Row, columns: Columns, notes: _Notes) -> _Read:
    entities = _column(row, columns.entities, ENTITIES_COLUMNS)
    words = _column(row, columns.words, WORDS_COLUMNS)
    tags = _column(row, columns.tags, TAGS_COLUMNS)
    id_ = row.fields.get("id")
    id_ = row.place if id_ is None else str(id_)
    if columns.text in row.fields and entities is not None:
        text = row.text(columns.text)
        given = row.fields[entities]
        if not isinstance(given, list):
            raise DataError(f'"{entities}" is {json_kind(given)}, not a list', where=row.where, fix=SPAN_FIX)
        found = [_span(value, text, f"{row.where}, {entities}[{k}]") for k, value in enumerate(given)]
        return NERExample(id_, text, where=row.where), found
    if words is not None and tags is not None:
        pair = _strings(row, words), _strings(row, tags)
        if len(pair[0]) != len(pair[1]):
            raise DataError(
                f'"{words}" has {len(pair[0])} words and "{tags}" {len(pair[1])} tags',
                where=row.where,
                fix="give each word one tag",
            )
        return _joined([pair], id_, row.where, notes)
    named = ", ".join(list(row.fields)[:6]) or "nothing"
    raise DataError(
        f"a row with names needs words and tags, or a text and its entities; here is {named}",
        where=row.where,
        fix=f"write {ROW_EXAMPLE} or {SPAN_EXAMPLE}, or name the columns: task.words_column and the like",
    )


SPAN_FIX = f"write {SPAN_EXAMPLE}"


def _column(row: Row, wanted: str | int | None, usual: Sequence[str]) -> str | None:
    names = usual if wanted is None else (str(wanted),)
    return next((name for name in names if row.fields.get(name) is not None), None)


def _strings(row: Row, column: str) -> list[str]:
    values = row.fields[column]
    if not isinstance(values, list):
        raise DataError(f'"{column}" is {json_kind(values)}, not a list', where=row.where, fix=f"write {ROW_EXAMPLE}")
    for k, value in enumerate(values):
        where = f"{row.where}, {column}[{k}]"
        if not isinstance(value, str):
            raise DataError(f"this is {json_kind(value)}, not a string", where=where, fix=f"write {ROW_EXAMPLE}")
        if not value:
            raise DataError("this is empty", where=where, fix=f"write {ROW_EXAMPLE}")
    return values


def _span(value: Any, text: str, where: str) -> GoldEntity:
    if isinstance(value, Mapping):
        type_ = value.get("type", value.get("label"))
        start, end = value.get("start"), value.get("end")
        said = value.get("text")
    elif isinstance(value, list) and len(value) == 3:
        (start, end, type_), said = value, None
    else:
        raise DataError(f"this is {json_kind(value)}, not an entity", where=where, fix=SPAN_FIX)
    if not isinstance(type_, str) or not type_:
        raise DataError("the entity has no type", where=where, fix=SPAN_FIX)
    if not _whole(start) or not _whole(end):
        raise DataError('"start" and "end" are not whole numbers', where=where, fix=SPAN_FIX)
    if not 0 <= start < end <= len(text):
        raise DataError(
            f"the entity is at characters {start} to {end} of a text of {len(text)}",
            where=where,
            fix="correct its place: characters are counted from 0, and the end is the one after the last",
        )
    if said is not None and said != text[start:end]:
        raise _elsewhere(said, text, start, end, where)
    return GoldEntity(type_, start, end)


def _whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _elsewhere(said: Any, text: str, start: int, end: int, where: str) -> DataError:
    return DataError(
        f"the entity {said!r} is not at characters {start} to {end} of its text; {text[start:end]!r} stands there",
        where=where,
        fix="correct its place: characters are counted, not bytes, and a line end as it is in the file",
    )


# words with tags


def _from_conll(source: Path, columns: Columns, notes: _Notes) -> Iterator[_Read]:
    word = _number(columns.words, 0, "words_column")
    tag = _number(columns.tags, -1, "tags_column")
    for document in conll.read_sentences(source, word=word, tag=tag):
        sentences = [
            tuple(zip(*((token.word, token.tag) for token in each), strict=True)) for each in document.sentences
        ]
        if all(words == tuple(map(str, range(1, len(words) + 1))) for words, _ in sentences):
            raise DataError(
                f"the words in column {word} only count: 1, 2, 3",
                where=document.where,
                fix="say where words and tags stand, as in task.words_column: 1 and task.tags_column: 2",
            )
        yield _joined([(words, tags) for words, tags in sentences], document.name, document.where, notes)


def _number(column: str | int | None, usual: int, name: str) -> int:
    if column is None or isinstance(column, int):
        return usual if column is None else column
    raise DataError(
        f"task.{name} is {column!r}, but CoNLL columns have numbers", fix="count from 0, or from the right: -1, -2, ..."
    )


def _joined(sentences: Sequence[tuple[Sequence[str], Sequence[str]]], id_: str, where: str, notes: _Notes) -> _Read:
    """One text of sentences of (words, tags), and its entities."""
    pieces: list[str] = []
    entities: list[GoldEntity] = []
    place = 0
    for words, tags in sentences:
        notes.habits.add(tags)
        starts: list[int] = []
        for k, word in enumerate(words):
            if pieces:
                pieces.append(" " if k else "\n")
                place += 1
            starts.append(place)
            pieces.append(word)
            place += len(word)
        for span in spans_of(tags):
            last = span.stop - 1
            entities.append(GoldEntity(span.type, starts[span.first], starts[last] + len(words[last])))
    return NERExample(id_, "".join(pieces), where=where), entities


# brat

_FRAGMENTS = re.compile(r"(\S+) (\d+ \d+(?:;\d+ \d+)*)")


def _brat(annotations: Path, notes: _Notes) -> _Read:
    """A text and the entities (lines T...) of the .ann file beside it."""
    text = read_text(annotations.with_suffix(".txt"))
    entities: list[GoldEntity] = []
    for number, line in enumerate(read_text(annotations).split("\n"), start=1):
        if not line.startswith("T"):
            continue  # relations, events, attributes, notes
        where = f"{annotations}:{number}"
        cells = line.rstrip("\r").split("\t")
        match = _FRAGMENTS.fullmatch(cells[1]) if len(cells) > 1 else None
        if match is None:
            raise DataError("this is no entity", where=where, fix="write T1<tab>PER 0 3<tab>Ada")
        bounds = [int(number) for number in re.findall(r"\d+", match[2])]
        entity = _span([min(bounds), max(bounds), match[1]], text, where)
        if len(bounds) > 2:
            notes.n_in_pieces += 1
        elif len(cells) > 2 and _flat(cells[2]) != _flat(text[entity.start : entity.end]):
            raise _elsewhere(cells[2], text, entity.start, entity.end, where)
        entities.append(entity)
    return NERExample(annotations.stem, text, where=str(annotations)), entities


def _flat(text: str) -> str:
    """brat writes an entity over a line's end in one line."""
    return " ".join(text.split())
