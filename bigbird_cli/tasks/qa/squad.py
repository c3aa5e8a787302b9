"""Question-answering examples from SQuAD v1/v2 JSON and from flat rows, checked character by character."""

import re
from array import array
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any, NamedTuple

import numpy as np

from bigbird_cli.choices import OnBad
from bigbird_cli.data.rows import FILL, EmptyValue, Row, is_empty, read_rows
from bigbird_cli.errors import DataError, Report
from bigbird_cli.files.json import json_kind
from bigbird_cli.tasks.base import warn_of_empty

SHAPE_HINT = 'give SQuAD JSON ({"data": [{"paragraphs": [...]}]}) or rows of {"context", "question", "answers", "id"}'

_ROW = '{"context": ..., "question": ..., "answers": [...], "id": ...}'


class GoldAnswer(NamedTuple):
    """An annotated answer: `context[start : start + len(text)] == text`."""

    text: str
    start: int


@dataclass(frozen=True)
class Columns:
    """Where in a flat row the text, the question and its answers stand."""

    context: str = "context"
    question: str = "question"
    answers: str = "answers"

    def usual(self, row: Row) -> Row:
        """The row with these under their usual names; DataError where it lacks one that is called otherwise."""
        renamed = {usual: getattr(self, usual) for usual in ("context", "question", "answers")}
        fields = {
            usual: row.value(name, setting=f"task.{usual}_column") for usual, name in renamed.items() if name != usual
        }
        return replace(row, fields=row.fields | fields) if fields else row


USUAL = Columns()


@dataclass(frozen=True, eq=False)
class QAExample:
    """A question on a text, and its gold answers.

    Attributes:
        id: unique in its file.
        question, context: the texts as given.
        answers: the gold answers; none when the text does not answer the question.
        where: the file and the line or row in it, for messages.
    """

    id: str
    question: str
    context: str
    answers: tuple[GoldAnswer, ...] = ()
    where: str = ""

    @property
    def has_answer(self) -> bool:
        return bool(self.answers)


def read_examples(
    source: str | Path,
    columns: Columns = USUAL,
    *,
    on_bad_answer: OnBad = "error",
    on_empty: OnBad = "error",
    offline: bool = False,
) -> tuple[list[QAExample], int]:
    """Read every question at once, see `iterate_examples`; gives the examples and how many were left out."""
    examples: list[QAExample] = []
    reading = iterate_examples(source, columns, on_bad_answer=on_bad_answer, on_empty=on_empty, offline=offline)
    while True:
        try:
            examples.append(next(reading))
        except StopIteration as end:
            return examples, end.value


def iterate_examples(
    source: str | Path,
    columns: Columns = USUAL,
    *,
    on_bad_answer: OnBad = "error",
    on_empty: OnBad = "error",
    offline: bool = False,
    report: Report | None = None,
) -> Generator[QAExample, None, int]:
    """Read questions one after the other; of a file of any size one row is held, of SQuAD JSON one article.

    Args:
        source: SQuAD v1 or v2 JSON, or flat rows in any form that `read_rows` takes. A flat row has context, question,
            answers (SQuAD's list, or Hugging Face's {"text": [...], "answer_start": [...]}; a bare text, with its
            offset in answer_start, or found by search if it stands in the context once), and may have id and
            is_impossible.
        columns: what flat rows call the first three.
        on_bad_answer: "skip" leaves out questions of which an answer is not where it is said to be.
        on_empty: "skip" leaves out questions that are empty, or on an empty context, and warns of their number.
        offline: a name of the hub is an error, and nothing is looked up.
        report: takes the errors of questions that cannot be used; ids are then not compared.

    Yields:
        The examples in order.

    Returns:
        How many were left out for their answers.

    Raises:
        DataError: a file is missing, not UTF-8, not JSON, of another shape, or holds no questions; or, unless they are
            skipped, an answer does not stand at its offset. An id that stands twice is reported when all is read.
    """
    seen = array("q")  # a number for each id: of millions of ids, these take little memory
    n_bad = 0
    n_empty = 0
    first_bad: BadAnswer | None = None
    n_read = 0
    for row in _rows(source, columns, offline=offline, report=report):
        n_read += 1
        if isinstance(row, EmptyValue) and on_empty == "skip":
            n_empty += 1
            continue
        try:
            if isinstance(row, DataError):
                raise row
            answers = _answers(row.fields, row.context, row.where)
        except DataError as error:
            if isinstance(error, BadAnswer) and (report is None or on_bad_answer == "skip"):
                n_bad += 1
                first_bad = first_bad or error
            elif report is None:
                raise
            else:
                if isinstance(error, BadAnswer) and isinstance(row, _Row):
                    error.mended = _mended(row)
                report(error)
            continue
        if first_bad is None or on_bad_answer == "skip":  # after an error the others are only counted
            seen.append(hash(row.id))
            yield QAExample(row.id, row.question, row.context, answers, row.where)
    if report is not None and n_read:
        return n_bad
    if first_bad is not None and on_bad_answer == "error":
        more = f" ({n_bad - 1} more questions of this file have such answers)" if n_bad > 1 else ""
        raise DataError(first_bad.problem + more, where=first_bad.where, fix=first_bad.fix)
    if not seen:
        raise DataError("the file holds no questions", where=str(source), fix=SHAPE_HINT)
    _reject_twice(seen, source, columns, on_bad_answer=on_bad_answer, offline=offline)
    warn_of_empty(n_empty, source)
    return n_bad


def _reject_twice(
    seen: "array[int]", source: str | Path, columns: Columns, *, on_bad_answer: str, offline: bool
) -> None:
    """Raise DataError if an id was read twice; what was read is read again to say which."""
    numbers, counts = np.unique(np.frombuffer(seen, dtype=np.int64), return_counts=True)
    if len(numbers) == len(seen):
        return
    suspects = set(numbers[counts > 1].tolist())
    found: Counter[str] = Counter()
    for row in _rows(source, columns, offline=offline):
        if isinstance(row, _Row) and hash(row.id) in suspects and (on_bad_answer == "error" or _is_good(row)):
            found[row.id] += 1
    twice = [id_ for id_, count in found.items() if count > 1]
    if twice:
        named = ", ".join(repr(id_) for id_ in twice[:3]) + (", ..." if len(twice) > 3 else "")
        raise DataError(
            f"{len(twice)} question ids stand more than once: {named}", where=str(source), fix="make ids unique"
        )


def _is_good(row: "_Row") -> bool:
    try:
        _answers(row.fields, row.context, row.where)
    except BadAnswer:
        return False
    return True


class BadAnswer(DataError):
    """An answer that is not where it is said to be: the one error that may be skipped.

    Attributes:
        mended: the question with its answers where they can only be meant to stand; None where that is open.
    """

    mended: QAExample | None = None


@dataclass(frozen=True, eq=False)
class _Row:
    id: str
    question: str
    context: str
    fields: Mapping[str, Any]
    where: str


def _rows(
    source: str | Path, columns: Columns, *, offline: bool, report: Report | None = None
) -> Iterator[_Row | DataError]:
    """Questions; or, in their turn, the errors of those that cannot be used."""
    for row in read_rows(source, offline=offline, example=_ROW, report=report):
        if "paragraphs" in row.fields:
            yield from _article(row)
        elif row.where == row.file and not row.fields.keys() & {columns.context, columns.question}:
            raise DataError('an object without "data" is not a set of questions', where=row.where, fix=SHAPE_HINT)
        else:
            try:
                flat = columns.usual(row)
            except DataError as error:
                yield error
            else:
                yield _row_or_error(flat.fields, flat.fields, row.file, row.where, row.key)


def _article(row: Row) -> Iterator[_Row | DataError]:
    """The questions of an entry of SQuAD's JSON."""
    try:
        paragraphs = _field(row.fields, "paragraphs", list, row.where)
    except DataError as error:
        yield error
        return
    for p, paragraph in enumerate(paragraphs):
        where = f"{row.where}.paragraphs[{p}]"
        try:
            if not isinstance(paragraph, dict):
                raise DataError(f"this is {json_kind(paragraph)}, not an object", where=where, fix=SHAPE_HINT)
            _field(paragraph, "context", str | None, where)
            asked = _field(paragraph, "qas", list, where)
        except DataError as error:
            yield error
            continue
        for q, qa in enumerate(asked):
            inner = f"{where}.qas[{q}]"
            if isinstance(qa, dict):
                yield _row_or_error(qa, paragraph, row.file, inner, f"{row.key}.paragraphs[{p}].qas[{q}]")
            else:
                yield DataError(f"this is {json_kind(qa)}, not an object", where=inner, fix=SHAPE_HINT)


def _row_or_error(*of_row: Any) -> _Row | DataError:
    try:
        return _row(*of_row)
    except DataError as error:
        return error


def _row(
    fields: Mapping[str, Any], around: Mapping[str, Any], name: str, where: str, default_id: str
) -> _Row | EmptyValue:
    """A question, its context in `around`; or the error that one of the two is empty."""
    id_ = fields.get("id")
    if id_ is not None:
        if isinstance(id_, bool) or not isinstance(id_, str | int):
            raise DataError(f'"id" is {json_kind(id_)}, not a string', where=where)
        where = f"{where if fields is around else name}, question {id_}"
    texts = []
    for key, at in (("context", around), ("question", fields)):
        if is_empty(at.get(key, "?")):
            return EmptyValue(f"the {key} is empty", where=where, fix=FILL)
        texts.append(_field(at, key, str, where))
    return _Row(default_id if id_ is None else str(id_), texts[1], texts[0], fields, where)


def _field(value: Mapping[str, Any], key: str, kind: type | UnionType, where: str) -> Any:
    if key not in value:
        named = ", ".join(str(known) for known in list(value)[:6]) or "nothing"
        raise DataError(f'there is no "{key}" here, only {named}', where=where, fix=SHAPE_HINT)
    if not isinstance(value[key], kind):
        wanted = "a list" if kind is list else "a string"
        raise DataError(f'"{key}" is {json_kind(value[key])}, not {wanted}', where=where, fix=SHAPE_HINT)
    return value[key]


def _answers(fields: Mapping[str, Any], context: str, where: str) -> tuple[GoldAnswer, ...]:
    """The checked gold answers of a question; `plausible_answers` are no answers and are not looked at."""
    impossible = fields.get("is_impossible")
    if impossible is not None and not isinstance(impossible, bool):
        raise DataError(f'"is_impossible" is {json_kind(impossible)}, not true or false', where=where)
    listed = [_answer(text, start, context, where) for text, start in _listed(fields, where)]
    if impossible and listed:
        raise DataError(
            f"the question is marked impossible but has the answer {listed[0].text!r}",
            where=where,
            fix="empty its answers, or set is_impossible to false",
        )
    if impossible is False and not listed:
        raise DataError(
            "the question is marked possible but has no answers",
            where=where,
            fix="add answers, or set is_impossible to true",
        )
    return tuple(listed)


def _listed(fields: Mapping[str, Any], where: str) -> list[tuple[Any, Any]]:
    """(text, answer_start or None) pairs, whatever form they were written in."""
    if "answers" not in fields and "is_impossible" not in fields:
        raise DataError(
            'there is no "answers" here',
            where=where,
            fix='add "answers"; an empty list says that the text has no answer',
        )
    value = fields.get("answers")
    if value is None or value == "":  # as a CSV row writes that there is none
        return []
    if isinstance(value, str):
        return [(value, _number(fields.get("answer_start")))]
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        starts = value.get("answer_start")
        if starts is None:
            starts = [None] * len(value["text"])
        if not isinstance(starts, list) or len(starts) != len(value["text"]):
            raise DataError('"text" and "answer_start" are not lists of one length', where=where, fix=SHAPE_HINT)
        return list(zip(value["text"], starts, strict=True))
    pairs = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            if "text" not in item:
                raise DataError('an answer has no "text"', where=where, fix=SHAPE_HINT)
            pairs.append((item["text"], item.get("answer_start")))
        else:
            pairs.append((item, None))
    return pairs


def _number(start: Any) -> Any:
    """An offset as CSV writes it, in digits or not at all, as a number or None; anything else as it is."""
    if not isinstance(start, str):
        return start
    is_number = start.isascii() and start.isdigit() and len(start) < 10  # no context is as long as that
    return int(start) if is_number else start or None


def _answer(text: Any, start: Any, context: str, where: str) -> GoldAnswer:
    if not isinstance(text, str):
        raise DataError(f"an answer is {json_kind(text)}, not a string", where=where, fix=SHAPE_HINT)
    if start is not None and (isinstance(start, bool) or not isinstance(start, int)):
        raise DataError(f'"answer_start" is {json_kind(start)}, not a whole number', where=where, fix=SHAPE_HINT)
    if not text.strip():
        raise BadAnswer("an answer has no text", where=where, fix="leave it out" + _OR_SKIP)
    if start is None:
        return _found(text, context, where)
    if start >= 0 and context.startswith(text, start):
        return GoldAnswer(text, start)
    there = context[start : start + len(text)] if 0 <= start < len(context) else ""
    found = f"{there!r} stands there" if there else f"the context has {len(context)} characters"
    nearest = _nearest_offset(text, context, start)
    if nearest is None:
        fix = "the answer stands nowhere in the context: correct its text"
    else:
        fix = f"correct answer_start: the nearest place where it stands is {nearest}"
    raise BadAnswer(
        f"the answer {text!r} is not at character {start} of its context; {found}", where=where, fix=fix + _OR_SKIP
    )


_OR_SKIP = ", or set task.on_bad_answer: skip to leave such questions out"


def _mended(row: _Row) -> QAExample | None:
    """A question whose answers are taken where they stand: without the white space at their ends, and only once in the
    context, or once near where they are said to be."""
    answers: list[GoldAnswer] = []
    for text, start in _listed(row.fields, row.where):
        text = text.strip() if isinstance(text, str) else ""
        places = [found.start() for found in re.finditer(re.escape(text), row.context)] if text else []
        if isinstance(start, int) and len(places) > 1:
            places = [place for place in places if abs(place - start) <= NEAR]
        if len(places) != 1:
            return None
        answers.append(GoldAnswer(text, places[0]))
    return QAExample(row.id, row.question, row.context, tuple(answers), row.where)


NEAR = 5
"""Characters that an answer's offset may be wrong by, where the answer stands in its context several times."""


def _found(text: str, context: str, where: str) -> GoldAnswer:
    """An answer without an offset: good when there is only one that it can mean."""
    count = context.count(text)
    if count != 1:
        how_often = "nowhere" if not count else f"{count} times"
        raise BadAnswer(
            f"the answer {text!r} has no answer_start and stands {how_often} in its context",
            where=where,
            fix="add answer_start" + _OR_SKIP,
        )
    return GoldAnswer(text, context.index(text))


def _nearest_offset(text: str, context: str, start: int) -> int | None:
    start = min(max(start, 0), len(context))
    after = context.find(text, start)
    before = context.rfind(text, 0, start + len(text))
    offsets = [offset for offset in (before, after) if offset >= 0]
    return min(offsets, key=lambda offset: (abs(offset - start), offset)) if offsets else None
