"""Texts with named entities as character spans: from CoNLL files, rows, and brat folders, checked.

Entities of a text share no character: of those that overlap or are nested the longest is kept, and one in several
pieces is taken from its first character to its last. A warning counts how often that was done.
"""

import re
import warnings
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, groupby, islice
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeGuard, TypeVar

from bigbird_cli.choices import OnBad
from bigbird_cli.data import conll
from bigbird_cli.data.hub import is_hub
from bigbird_cli.data.rows import FILL, EmptyValue, Row, file_rows, is_empty, read_rows
from bigbird_cli.errors import BigBirdWarning, DataError, Report
from bigbird_cli.files.json import json_kind, parse_json
from bigbird_cli.files.packed import File, files_in
from bigbird_cli.files.streams import decode_bytes, text_lines
from bigbird_cli.files.surrogates import check_values
from bigbird_cli.tasks.base import Tolerated, examples_of, warn_of_empty
from bigbird_cli.tasks.ner.tags import OUTSIDE, TagHabits, read_tag, spans_of, unusual_tag

T = TypeVar("T")

ROW_EXAMPLE = '{"tokens": ["Ada", "left"], "tags": ["B-PER", "O"]}'
SPAN_EXAMPLE = '{"text": "Ada left", "entities": [{"start": 0, "end": 3, "type": "PER"}]}'

ROW_SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".parquet")
"""Files of rows; any other file is read as CoNLL, .txt included, and .tsv unless it holds lists."""

BRAT = ".ann"

WORDS_COLUMNS = ("tokens", "words", "token", "word")
TAGS_COLUMNS = ("tags", "ner_tags", "labels", "ner_tag", "tag", "ner", "label")
ENTITIES_COLUMNS = ("entities", "spans", "ents", "label", "labels")
SENTENCE_COLUMNS = ("sentence", "sentence_id", "sentence_idx", "sentence_number", "sent_id", "sent")
"""The usual names of columns, however they are capitalised and with whatever signs between their letters."""


class GoldEntity(NamedTuple):
    """An annotated entity: characters start..end of the text."""

    type: str
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class NERExample:
    """A text and its gold entities.

    Attributes:
        id: its row's own, or where it stands in its file.
        text: as given; words of CoNLL files and of rows stand with a space between them, sentences with a newline.
        entities: in reading order; no two share a character.
        where: the file and the line or row in it, for messages.
        types: those that the text is annotated with: of others it is no evidence; None for all.
        unsure: characters start..end of which nobody says whether they name something.
    """

    id: str
    text: str
    entities: tuple[GoldEntity, ...] = ()
    where: str = ""
    types: frozenset[str] | None = None
    unsure: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Columns:
    """Where the words, tags, text and entities stand: names for rows, numbers for CoNLL; None for the usual ones.

    `names` are those of tags that are written as numbers, in their order. With `partial`, rows of texts may leave
    things open.
    """

    words: str | int | None = None
    tags: str | int | None = None
    text: str = "text"
    entities: str | None = None
    names: tuple[str, ...] | None = None
    partial: bool = False


@dataclass
class _Notes:
    """What a warning says of a source when it has been read."""

    n_overlapping: int = 0
    n_in_pieces: int = 0
    n_trimmed: int = 0
    n_blank: int = 0
    n_unannotated: int = 0
    habits: TagHabits = field(default_factory=TagHabits)

    def warn(self, source: str) -> None:
        notes = []
        if self.n_overlapping:
            notes.append(f"{self.n_overlapping} entities are left out because a longer one holds some of their text")
        if self.n_in_pieces:
            notes.append(f"{self.n_in_pieces} entities in several pieces are taken from their first to their last")
        if self.n_trimmed:
            notes.append(f"{self.n_trimmed} entities are taken without the white space at their ends")
        if self.n_blank:
            notes.append(f"{self.n_blank} entities are left out because they hold nothing but white space")
        if self.n_unannotated:
            notes.append(f"{self.n_unannotated} texts are left out because no .ann file is beside them")
        if self.habits.n_illegal:
            notes.append(
                f"{self.habits.n_illegal} of {self.habits.n_tags} tags break {self.habits.scheme.upper()} and are read"
                " as conlleval reads them"
            )
        if notes:
            warnings.warn(BigBirdWarning(f"{source}: {'; '.join(notes)}"), stacklevel=3)


def read_examples(
    source: str | Path,
    columns: Columns,
    *,
    on_empty: OnBad = "error",
    offline: bool = False,
    report: Report | None = None,
) -> Iterator[NERExample]:
    """Read texts with entities, one after the other.

    Args:
        source: CoNLL (a document up to the next -DOCSTART- or `# newdoc`, else the whole file); rows as JSON, JSON
            lines, CSV, Parquet or `hub:NAME`, with tokens and tags, or with a text and its entities
            ({"start", "end", "type" or "label"}, or [start, end, type]), lists being JSON in CSV; rows of one word and
            its tag, a sentence number beside them; brat's .txt and .ann files; a folder of any of these. Compressed
            files are unpacked.
        columns: where in a row or line to look. With `partial`, a row of a text may have "types", those that it is
            annotated with, and "unsure", a list of [start, end].
        on_empty: "skip" leaves out rows without a text, words or tags, and warns of their number.
        offline: never ask the network.
        report: takes the errors of rows, lines and documents that cannot be used.

    Raises:
        DataError: something is not as it should be; the error says where.
    """
    notes = _Notes()
    for example, given in _examples(source, columns, notes, on_empty, report, offline=offline):
        entities = _trimmed(given, example.text, notes)
        kept = outermost(entities)
        notes.n_overlapping += len(entities) - len(kept)
        if report is not None:
            for error in _tolerated(example, given, kept):
                report(error)
        yield replace(example, entities=tuple(kept))
    if report is not None and notes.habits.n_illegal:
        scheme = notes.habits.scheme.upper()
        report(
            Tolerated(f"{notes.habits.n_illegal:,} tags break {scheme}", where=str(source), fix="begin names with B-")
        )
    notes.warn(str(source))


def _tolerated(example: NERExample, given: Sequence[GoldEntity], kept: Sequence[GoldEntity]) -> Iterator[Tolerated]:
    """What is done about entities that are not taken as they were given."""
    standing = set(kept)
    for entity in given:
        if entity in standing:
            continue
        covered = example.text[entity.start : entity.end]
        where = f"{example.where or example.id}, {entity.type} at {entity.start} to {entity.end}"
        if not covered.strip():
            yield Tolerated("an entity holds nothing but white space", where=where, fix="take it out")
        elif covered != covered.strip():
            yield Tolerated(
                f"the entity {covered!r} has white space at its ends", where=where, fix="correct its offsets"
            )
        else:
            yield Tolerated(
                f"the entity {covered!r} shares text with a longer one", where=where, fix="keep one of them"
            )


def _trimmed(entities: Iterable[GoldEntity], text: str, notes: _Notes) -> list[GoldEntity]:
    """The entities without white space at their ends, where no word is, and without those of nothing else."""
    found = []
    for entity in entities:
        covered = text[entity.start : entity.end]
        start, end = entity.end - len(covered.lstrip()), entity.start + len(covered.rstrip())
        if start >= end:
            notes.n_blank += 1
            continue
        notes.n_trimmed += (start, end) != (entity.start, entity.end)
        found.append(GoldEntity(entity.type, start, end))
    return found


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


def _examples(
    source: str | Path, columns: Columns, notes: _Notes, on_empty: OnBad, report: Report | None, *, offline: bool
) -> Iterator[_Read]:
    if is_hub(source):
        rows = read_rows(source, offline=offline, example=ROW_EXAMPLE, report=report)
        yield from _from_rows(rows, source, columns, notes, on_empty, report)
        return
    files = list(files_in(source, (*ROW_SUFFIXES, *conll.SUFFIXES, BRAT)))
    annotated = {_text_beside(file) for file in files if file.suffix == BRAT}
    for file in files:
        if file.suffix == BRAT:
            yield _brat(file, notes, report)
        elif file.suffix == ".txt" and annotated:
            notes.n_unannotated += file not in annotated
        elif file.suffix in ROW_SUFFIXES or (file.suffix == ".tsv" and _holds_lists(file)):
            rows = file_rows(file, ROW_EXAMPLE, source=source, report=report)
            yield from _from_rows(rows, source, columns, notes, on_empty, report)
        else:
            yield from _from_conll(file, columns, notes, on_empty, report)


# rows


def _holds_lists(file: File) -> bool:
    """Whether the second line of tab-separated columns has a list in JSON, which no tag is."""
    with file.open() as stream:
        lines = list(islice(text_lines(stream, file.name), 2))
    return any(cell.lstrip('"').startswith("[") for line in lines[1:] for cell in line.split("\t")[1:])


def _from_rows(
    rows: Iterable[Row],
    source: str | Path,
    columns: Columns,
    notes: _Notes,
    on_empty: OnBad,
    report: Report | None,
) -> Iterator[_Read]:
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return
    found = chain([first], rows)
    word, tag = _word_and_tag(first, columns)
    if word is None or tag is None:
        make = partial(_row, columns=columns, notes=notes)
        yield from examples_of(found, make, source=source, on_empty=on_empty, report=report)
    else:
        join = partial(_sentence, word=word, tag=tag, notes=notes)
        sentences = _sentences(found, _column(first, None, SENTENCE_COLUMNS))
        yield from examples_of(sentences, join, source=source, on_empty=on_empty, report=report)


def _row(row: Row, columns: Columns, notes: _Notes) -> _Read:
    words = _column(row, columns.words, WORDS_COLUMNS)
    tags = _column(row, columns.tags, TAGS_COLUMNS)
    # labels beside words are tags
    entities = _column(row, columns.entities, [name for name in ENTITIES_COLUMNS if words is None or name != tags])
    id_ = row.fields.get("id")
    id_ = row.key if id_ is None else str(id_)
    if columns.text in row.fields and entities is not None:
        text = row.text(columns.text)
        given = _list(row, entities)
        found = [_span(value, text, f"{row.where}, {entities}[{k}]") for k, value in enumerate(given)]
        types, unsure = _left_open(row, text) if columns.partial else (None, ())
        return NERExample(id_, text, where=row.where, types=types, unsure=unsure), found
    if words is not None and tags is not None:
        pair = _strings(row, words), _tags(row, tags, columns.names)
        if len(pair[0]) != len(pair[1]):
            raise DataError(
                f'"{words}" has {len(pair[0])} words and "{tags}" {len(pair[1])} tags',
                where=row.where,
                fix="give each word one tag",
            )
        return _joined([pair], id_, row.where, notes)
    usual = (*WORDS_COLUMNS, *TAGS_COLUMNS, *ENTITIES_COLUMNS)
    wanted = [str(name) for name in (columns.words, columns.tags, columns.entities, *usual) if name is not None]
    if null := [name for name in wanted if name in row.fields and row.fields[name] is None]:
        raise EmptyValue(f'"{null[0]}" is null', where=row.where, fix=FILL)
    named = ", ".join(list(row.fields)[:6]) or "nothing"
    raise DataError(
        f"a row with names needs words and tags, or a text and its entities; here is {named}",
        where=row.where,
        fix=f"write {ROW_EXAMPLE} or {SPAN_EXAMPLE}, or name the columns: task.words_column and the like",
    )


UNUSUAL_FIX = "write a mark, a dash and the type, as in B-PER, I-PER and O"
SPAN_FIX = f"write {SPAN_EXAMPLE}"


def _column(row: Row, wanted: str | int | None, usual: Sequence[str]) -> str | None:
    """The column wanted, else the first usual one, if the row has it and it is not null."""
    names = usual if wanted is None else (str(wanted),)
    found = next((name for name in names if row.fields.get(name) is not None), None)
    if found is not None or wanted is not None:
        return found
    called = {_letters(name): name for name, value in row.fields.items() if value is not None}
    return next((called[_letters(name)] for name in names if _letters(name) in called), None)


def _letters(name: str) -> str:
    return "".join(filter(str.isalpha, name.lower()))


def _list(row: Row, column: str) -> list[Any]:
    """The list of a column; in a string, as CSV has it, it is JSON."""
    value = row.fields[column]
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = parse_json(value)
        except (ValueError, RecursionError):
            fix = 'write it as JSON, with double quotes: ["Ada", "left"]'
            raise DataError(f'"{column}" is a list that is not JSON', where=row.where, fix=fix) from None
        check_values({column: value}, row.where)
    if not isinstance(value, list):
        raise DataError(f'"{column}" is {json_kind(value)}, not a list', where=row.where, fix=f"write {ROW_EXAMPLE}")
    return value


def _strings(row: Row, column: str) -> list[str]:
    values = _list(row, column)
    for k, value in enumerate(values):
        where = f"{row.where}, {column}[{k}]"
        if not isinstance(value, str):
            raise DataError(f"this is {json_kind(value)}, not a string", where=where, fix=f"write {ROW_EXAMPLE}")
        if not value:
            raise DataError("this is empty", where=where, fix=f"write {ROW_EXAMPLE}")
    return values


def _tags(row: Row, column: str, names: Sequence[str] | None) -> list[str]:
    """The tags of a row; those that are numbers by their names."""
    values = _list(row, column)
    if not any(map(_whole, values)):
        return _strings(row, column)
    if names is None:
        raise DataError(
            f'"{column}" holds numbers, not tags',
            where=row.where,
            fix="say what they stand for, in their order: task.tags: [O, B-PER, I-PER, ...]",
        )
    for k, value in enumerate(values):
        if not _whole(value) or not 0 <= value < len(names):
            problem = f"the tag {value!r} is no number from 0 to {len(names) - 1}, as task.tags has names"
            raise DataError(problem, where=f"{row.where}, {column}[{k}]", fix="correct it, or name more tags")
    return [names[value] for value in values]


# rows of one word each, as tables have them


def _word_and_tag(row: Row, columns: Columns) -> tuple[str, str] | tuple[None, None]:
    """The columns of a row that has one word and its tag, not lists of them or a text."""
    word = _column(row, columns.words, WORDS_COLUMNS)
    tag = _column(row, columns.tags, TAGS_COLUMNS)
    if word is None or tag is None or columns.text in row.fields:
        return None, None
    values = row.fields[word], row.fields[tag]
    is_one = all(isinstance(value, str) for value in values) and not values[1].lstrip().startswith("[")
    return (word, tag) if is_one else (None, None)


def _sentences(rows: Iterable[Row], column: str | None) -> Iterator[tuple[Row, ...]]:
    """Rows of one sentence number each, which may stand in a sentence's first row alone, or between empty rows."""
    last: Any = None
    n_breaks = 0

    def sentence_of(row: Row) -> tuple[Any, int]:
        nonlocal last, n_breaks
        if column is not None and not is_empty(row.fields.get(column)):
            last = row.fields[column]
        n_breaks += _is_blank(row)
        return last, n_breaks

    for _, group in groupby(rows, key=sentence_of):
        sentence = tuple(row for row in group if not _is_blank(row))
        if sentence:
            yield sentence


def _is_blank(row: Row) -> bool:
    return all(map(is_empty, row.fields.values()))


def _sentence(rows: Sequence[Row], word: str, tag: str, notes: _Notes) -> _Read:
    words, tags = zip(*((row.filled_text(word), row.filled_text(tag)) for row in rows), strict=True)
    return _joined([(words, tags)], rows[0].key, rows[0].where, notes)


def _span(value: Any, text: str, where: str) -> GoldEntity:
    if isinstance(value, Mapping):
        start, end = value.get("start", value.get("start_offset")), value.get("end", value.get("end_offset"))
        type_ = value.get("type", value.get("label", value.get("labels")))
        if isinstance(type_, list) and len(type_) == 1:  # as Label Studio has it
            [type_] = type_
        quoted = value.get("text")
    elif isinstance(value, list) and len(value) == 3:
        (start, end, type_), quoted = value, None
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
            fix="correct its offsets: characters are counted from 0, and the end is the one after the last",
        )
    if quoted is not None and quoted != text[start:end]:
        raise _elsewhere(quoted, text, start, end, where)
    return GoldEntity(type_, start, end)


def _left_open(row: Row, text: str) -> tuple[frozenset[str] | None, tuple[tuple[int, int], ...]]:
    """The types that a row is annotated with, and the characters of which it is unsure."""
    types = None if row.fields.get("types") is None else frozenset(_strings(row, "types"))
    unsure = [] if row.fields.get("unsure") is None else _list(row, "unsure")
    for k, value in enumerate(unsure):
        is_pair = isinstance(value, list) and len(value) == 2 and all(map(_whole, value))
        if not is_pair or not 0 <= value[0] < value[1] <= len(text):
            raise DataError(
                f"this is {value!r}, no characters of a text of {len(text)}",
                where=f"{row.where}, unsure[{k}]",
                fix="write the first character and the one after the last, counted from 0: [0, 3]",
            )
    return types, tuple((start, end) for start, end in unsure)


def _whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _elsewhere(quoted: Any, text: str, start: int, end: int, where: str) -> DataError:
    return DataError(
        f"the entity {quoted!r} is not at characters {start} to {end} of its text; {text[start:end]!r} stands there",
        where=where,
        fix="correct its offsets: characters are counted, not bytes, and a line end as it is in the file",
    )


# words with tags


def _from_conll(file: File, columns: Columns, notes: _Notes, on_empty: OnBad, report: Report | None) -> Iterator[_Read]:
    word = _number(columns.words, "words_column")
    tag = _number(columns.tags, "tags_column")
    first: conll.Token | None = None
    tags: Counter[str] = Counter()
    empty: list[DataError] = []
    skip = None if on_empty == "error" else empty.append
    for document in conll.file_sentences(file, word=word, tag=tag, on_empty=skip, report=report):
        sentences = [
            tuple(zip(*((token.word, token.tag) for token in each), strict=True)) for each in document.sentences
        ]
        if all(words == tuple(map(str, range(1, len(words) + 1))) for words, _ in sentences):
            raise DataError(
                f"the words in column {word or 0} only count: 1, 2, 3",
                where=document.where,
                fix="say where words and tags stand, as in task.words_column: 1 and task.tags_column: 2",
            )
        first = first or document.sentences[0][0]
        for _, found in sentences:
            tags.update(found)
        yield from _reported(
            report, partial(_joined, [(words, tags) for words, tags in sentences], document.name, document.where, notes)
        )
    warn_of_empty(len(empty), file.name)
    if first is not None:
        _reject_header(first, tags, file)


def _reject_header(first: conll.Token, tags: Mapping[str, int], file: File) -> None:
    """DataError where the first tag of a file stands there alone, unmarked, and all others are marked."""
    others = [read_tag(tag) for tag in tags if tag not in (OUTSIDE, first.tag)]
    is_odd = first.tag != OUTSIDE and tags[first.tag] == 1 and not read_tag(first.tag).marked
    if is_odd and others and all(tag.marked for tag in others):
        raise DataError(
            f"the first word {first.word!r} has the tag {first.tag!r}, and all other tags have marks as B- and I-",
            where=f"{file.name}:{first.line}",
            fix="take the line out if it names the columns, or correct the tag",
        )


def _number(column: str | int | None, name: str) -> int | None:
    if column is None or isinstance(column, int):
        return column
    raise DataError(
        f"task.{name} is {column!r}, but CoNLL columns have numbers", fix="count from 0, or from the right: -1, -2, ..."
    )


def _joined(sentences: Sequence[tuple[Sequence[str], Sequence[str]]], id_: str, where: str, notes: _Notes) -> _Read:
    """One text of sentences of (words, tags), and its entities."""
    pieces: list[str] = []
    entities: list[GoldEntity] = []
    offset = 0
    unusual = unusual_tag(tag for _, tags in sentences for tag in tags)
    if unusual is not None:
        raise DataError(f"the tag {unusual!r} has its mark where none is looked for", where=where, fix=UNUSUAL_FIX)
    for words, tags in sentences:
        notes.habits.add(tags)
        starts: list[int] = []
        for k, word in enumerate(words):
            if pieces:
                pieces.append(" " if k else "\n")
                offset += 1
            starts.append(offset)
            pieces.append(word)
            offset += len(word)
        for span in spans_of(tags):
            last = span.stop - 1
            entities.append(GoldEntity(span.type, starts[span.first], starts[last] + len(words[last])))
    return NERExample(id_, "".join(pieces), where=where), entities


# brat

_FRAGMENTS = re.compile(r"(\S+) (\d+ \d+(?:;\d+ \d+)*)")


def _brat(annotations: File, notes: _Notes, report: Report | None) -> _Read:
    """A text and the entities (lines T...) of the .ann file beside it."""
    text = _text_of(_text_beside(annotations))
    entities: list[GoldEntity] = []
    for number, line in enumerate(_text_of(annotations).split("\n"), start=1):
        if not line.startswith("T"):
            continue  # relations, events, attributes, notes
        entities += _reported(report, partial(_brat_entity, line, text, f"{annotations.name}:{number}", notes))
    return NERExample(Path(annotations.name).stem, text, where=annotations.name), entities


def _brat_entity(line: str, text: str, where: str, notes: _Notes) -> GoldEntity:
    cells = line.rstrip("\r").split("\t")
    match = _FRAGMENTS.fullmatch(cells[1]) if len(cells) > 1 else None
    if match is None:
        raise DataError("this is no entity", where=where, fix="write T1<tab>PER 0 3<tab>Ada")
    bounds = [int(number[:20]) for number in re.findall(r"\d+", match[2])]  # far beyond any text all the same
    entity = _span([min(bounds), max(bounds), match[1]], text, where)
    if len(bounds) > 2:
        notes.n_in_pieces += 1
    elif len(cells) > 2 and _flat(cells[2]) != _flat(text[entity.start : entity.end]):
        raise _elsewhere(cells[2], text, entity.start, entity.end, where)
    return entity


def _reported(report: Report | None, make: Callable[[], T]) -> list[T]:
    """What is made, as a list of one; none where it cannot be, and `report` takes the error."""
    try:
        return [make()]
    except DataError as error:
        if report is None:
            raise
        report(error)
        return []


def _text_beside(annotations: File) -> File:
    """The text of an .ann file."""
    if annotations.member is None:
        return File(annotations.path.with_suffix(".txt"))
    return File(annotations.path, str(PurePosixPath(annotations.member).with_suffix(".txt")))


def _text_of(file: File) -> str:
    with file.open() as stream:
        return decode_bytes(stream.read(), file.name)


def _flat(text: str) -> str:
    """brat writes an entity over a line's end in one line."""
    return " ".join(text.split())
