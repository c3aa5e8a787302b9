"""Rows with named entities: of words and tags, of a text and its entities, or of one word and its tag."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any

from bigbird_cli.choices import OnBad
from bigbird_cli.data.rows import FILL, EmptyValue, Row, is_empty
from bigbird_cli.errors import DataError, Report
from bigbird_cli.files.json import json_kind, parse_json
from bigbird_cli.files.packed import File
from bigbird_cli.files.streams import text_lines
from bigbird_cli.files.surrogates import check_values
from bigbird_cli.messages import counted
from bigbird_cli.tasks.base import examples_of
from bigbird_cli.tasks.ner.gold import SPAN_EXAMPLE, Columns, NERExample, Notes, Read, gold_entity, is_whole
from bigbird_cli.tasks.ner.tagged import joined

ROW_EXAMPLE = '{"tokens": ["Ada", "left"], "tags": ["B-PER", "O"]}'

WORDS_COLUMNS = ("tokens", "words", "token", "word")
TAGS_COLUMNS = ("tags", "ner_tags", "labels", "ner_tag", "tag", "ner", "label")
ENTITIES_COLUMNS = ("entities", "spans", "ents", "label", "labels")
SENTENCE_COLUMNS = ("sentence", "sentence_id", "sentence_idx", "sentence_number", "sent_id", "sent")
"""The usual names of columns, however they are capitalised and with whatever signs between their letters."""


def holds_lists(file: File) -> bool:
    """Whether the second line of tab-separated columns has a list in JSON, which no tag is."""
    with file.open() as stream:
        lines = list(islice(text_lines(stream, file.name), 2))
    return any(cell.lstrip('"').startswith("[") for line in lines[1:] for cell in line.split("\t")[1:])


def from_rows(
    rows: Iterable[Row],
    source: str | Path,
    columns: Columns,
    notes: Notes,
    on_empty: OnBad,
    report: Report | None,
) -> Iterator[Read]:
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


def _row(row: Row, columns: Columns, notes: Notes) -> Read:
    words = _column(row, columns.words, WORDS_COLUMNS)
    tags = _column(row, columns.tags, TAGS_COLUMNS)
    # labels beside words are tags
    entities = _column(row, columns.entities, [name for name in ENTITIES_COLUMNS if words is None or name != tags])
    id_ = row.fields.get("id")
    id_ = row.key if id_ is None else str(id_)
    if columns.text in row.fields and entities is not None:
        text = row.text(columns.text)
        given = _list(row, entities)
        found = [gold_entity(value, text, f"{row.where}, {entities}[{k}]") for k, value in enumerate(given)]
        types, unsure = _left_open(row, text) if columns.partial else (None, ())
        return NERExample(id_, text, where=row.where, types=types, unsure=unsure), found
    if words is not None and tags is not None:
        pair = _strings(row, words), _tags(row, tags, columns.names)
        if len(pair[0]) != len(pair[1]):
            raise DataError(
                f'"{words}" has {counted(len(pair[0]), "word")} and "{tags}" {counted(len(pair[1]), "tag")}',
                where=row.where,
                fix="give each word one tag",
            )
        return joined([pair], id_, row.where, notes)
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
    if not any(map(is_whole, values)):
        return _strings(row, column)
    if names is None:
        raise DataError(
            f'"{column}" holds numbers, not tags',
            where=row.where,
            fix="say what they stand for, in their order: task.tags: [O, B-PER, I-PER, ...]",
        )
    for k, value in enumerate(values):
        if not is_whole(value) or not 0 <= value < len(names):
            problem = f"the tag {value!r} is no number from 0 to {len(names) - 1}, as task.tags has names"
            raise DataError(problem, where=f"{row.where}, {column}[{k}]", fix="correct it, or name more tags")
    return [names[value] for value in values]


def _left_open(row: Row, text: str) -> tuple[frozenset[str] | None, tuple[tuple[int, int], ...]]:
    """The types that a row is annotated with, and the characters of which it is unsure."""
    types = None if row.fields.get("types") is None else frozenset(_strings(row, "types"))
    unsure = [] if row.fields.get("unsure") is None else _list(row, "unsure")
    for k, value in enumerate(unsure):
        is_pair = isinstance(value, list) and len(value) == 2 and all(map(is_whole, value))
        if not is_pair or not 0 <= value[0] < value[1] <= len(text):
            raise DataError(
                f"this is {value!r}, no characters of a text of {len(text)}",
                where=f"{row.where}, unsure[{k}]",
                fix="write the first character and the one after the last, counted from 0: [0, 3]",
            )
    return types, tuple((start, end) for start, end in unsure)


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


def _sentence(rows: Sequence[Row], word: str, tag: str, notes: Notes) -> Read:
    words, tags = zip(*((row.filled_text(word), row.filled_text(tag)) for row in rows), strict=True)
    return joined([(words, tags)], rows[0].key, rows[0].where, notes)
