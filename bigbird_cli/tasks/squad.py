"""Question-answering examples from SQuAD v1/v2 JSON and from flat rows, checked character by character."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from bigbird_cli.errors import DataError
from bigbird_cli.text.documents import decode_bytes, json_kind, parse_json, read_bytes, read_jsonl, refuse_surrogates

SHAPE_HINT = 'give SQuAD JSON ({"data": [{"paragraphs": [...]}]}) or rows of {"context", "question", "answers", "id"}'


PARQUET_MAGIC = b"PAR1"


class GoldAnswer(NamedTuple):
    """An annotated answer: `context[start : start + len(text)] == text`."""

    text: str
    start: int


@dataclass(frozen=True, eq=False)
class QAExample:
    """A question on a text, and its gold answers.

    Attributes:
        id: unique in its file.
        question, context: the texts as given.
        answers: the gold answers; none when the text does not answer the question.
        where: the file and the place in it, for messages.
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
    path: str | Path, *, on_bad_answer: Literal["error", "skip"] = "error"
) -> tuple[list[QAExample], int]:
    """Read every question of a file.

    Args:
        path: SQuAD v1 or v2 JSON; a JSON list of flat rows; JSON lines, one flat row a line; or Parquet with flat rows,
            as the Hugging Face hub keeps SQuAD. A flat row has context, question, answers (SQuAD's list, or Hugging
            Face's {"text": [...], "answer_start": [...]}; a bare text is found by search if it stands in the context
            once), and may have id and is_impossible.
        on_bad_answer: "skip" leaves out questions of which an answer is not where it is said to be.

    Returns:
        The examples in the file's order, and how many were left out.

    Raises:
        DataError: the file is missing, not UTF-8, not JSON, of another shape, names an id twice, or, unless they are
            skipped, has an answer that does not stand at its place.
    """
    examples: list[QAExample] = []
    bad: list[DataError] = []
    for row in _rows(path):
        try:
            answers = _answers(row.fields, row.context, row.where)
        except _BadAnswer as error:
            bad.append(error)
            continue
        examples.append(QAExample(row.id, row.question, row.context, answers, row.where))
    if bad and on_bad_answer == "error":
        first = bad[0]
        more = f" ({len(bad) - 1} more questions of this file have such answers)" if len(bad) > 1 else ""
        raise DataError(first.problem + more, where=first.where, fix=first.fix)
    if not examples:
        raise DataError("the file holds no questions", where=str(path), fix=SHAPE_HINT)
    counts = Counter(example.id for example in examples)
    twice = [id_ for id_, count in counts.items() if count > 1]
    if twice:
        named = ", ".join(repr(id_) for id_ in twice[:3]) + (", ..." if len(twice) > 3 else "")
        raise DataError(
            f"{len(twice)} question ids stand more than once: {named}", where=str(path), fix="make ids unique"
        )
    return examples, len(bad)


class _BadAnswer(DataError):
    """An answer that is not where it is said to be: the one error that may be skipped."""


@dataclass(frozen=True, eq=False)
class _Row:
    id: str
    question: str
    context: str
    fields: Mapping[str, Any]
    where: str


def _rows(path: str | Path) -> Iterator[_Row]:
    data = read_bytes(path)
    name = str(path)
    if data.startswith(PARQUET_MAGIC):
        yield from _parquet(path, name)
        return
    text = decode_bytes(data, name).removeprefix("\ufeff")  # the file's mark; one inside a context is text
    if not text.strip():
        raise DataError("the file is empty", where=name, fix=SHAPE_HINT)
    try:
        value = parse_json(text)
    except json.JSONDecodeError as error:
        if Path(path).suffix.lower() == ".jsonl" or error.msg == "Extra data":
            yield from _lines(data, name)
            return
        raise DataError(
            f"this is not JSON: {error.msg}", where=f"{name}:{error.lineno}:{error.colno}", fix=SHAPE_HINT
        ) from None
    except ValueError as error:
        if Path(path).suffix.lower() == ".jsonl":
            yield from _lines(data, name)  # which names the line
            return
        raise DataError(str(error), where=name, fix="write it in quotes") from None
    except RecursionError:
        raise DataError("this JSON is nested too deeply", where=name, fix=SHAPE_HINT) from None
    if isinstance(value, dict) and "data" in value:
        value = value["data"]
    elif isinstance(value, dict) and ("context" in value or "question" in value):
        value = [value]
    if not isinstance(value, list):
        raise DataError(f'{json_kind(value)} without "data" is not a set of questions', where=name, fix=SHAPE_HINT)
    for number, entry in enumerate(value):
        yield from _entry(entry, name, f"data[{number}]")


def _lines(data: bytes, name: str) -> Iterator[_Row]:
    for number, row in read_jsonl(data.splitlines(keepends=True), name):
        if isinstance(row, DataError):
            raise row
        yield _flat(row, f"{name}:{number}", f"{number}")


def _parquet(path: str | Path, name: str) -> Iterator[_Row]:
    from datasets import load_dataset  # takes seconds to import, and few files need it

    try:
        rows = load_dataset("parquet", data_files=str(path), split="train", streaming=True)
        for number, row in enumerate(rows):
            yield _flat(row, f"{name}, row {number}", f"{number}")
    except DataError:
        raise
    except Exception as error:  # pyarrow's and datasets' own kinds have no common root
        raise DataError(f"this Parquet file cannot be read: {error}", where=name, fix="fetch it again") from error


def _entry(entry: Any, name: str, place: str) -> Iterator[_Row]:
    where = f"{name}, {place}"
    if not isinstance(entry, dict):
        raise DataError(f"this is {json_kind(entry)}, not an object", where=where, fix=SHAPE_HINT)
    if "paragraphs" not in entry:
        yield _flat(entry, where, place)
        return
    for p, paragraph in enumerate(_field(entry, "paragraphs", list, where)):
        where = f"{name}, {place}.paragraphs[{p}]"
        if not isinstance(paragraph, dict):
            raise DataError(f"this is {json_kind(paragraph)}, not an object", where=where, fix=SHAPE_HINT)
        context = _field(paragraph, "context", str, where)
        refuse_surrogates(context, "the context", where)
        for q, qa in enumerate(_field(paragraph, "qas", list, where)):
            inner = f"{where}.qas[{q}]"
            if not isinstance(qa, dict):
                raise DataError(f"this is {json_kind(qa)}, not an object", where=inner, fix=SHAPE_HINT)
            yield _row(qa, context, name, inner, f"{place}.paragraphs[{p}].qas[{q}]")


def _flat(row: Mapping[str, Any], where: str, place: str) -> _Row:
    context = _field(row, "context", str, where)
    refuse_surrogates(context, "the context", where)
    return _row(row, context, where, where, place)


def _row(fields: Mapping[str, Any], context: str, name: str, where: str, place: str) -> _Row:
    id_ = fields.get("id")
    if id_ is not None:
        if isinstance(id_, bool) or not isinstance(id_, str | int):
            raise DataError(f'"id" is {json_kind(id_)}, not a string', where=where)
        where = f"{name}, question {id_}"
    question = _field(fields, "question", str, where)
    refuse_surrogates(question, "the question", where)
    if not question.strip():
        raise DataError("the question is empty", where=where)
    return _Row(place if id_ is None else str(id_), question, context, fields, where)


def _field(value: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
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
    if value is None:
        return []
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


def _answer(text: Any, start: Any, context: str, where: str) -> GoldAnswer:
    if not isinstance(text, str):
        raise DataError(f"an answer is {json_kind(text)}, not a string", where=where, fix=SHAPE_HINT)
    if start is not None and (isinstance(start, bool) or not isinstance(start, int)):
        raise DataError(f'"answer_start" is {json_kind(start)}, not a whole number', where=where, fix=SHAPE_HINT)
    refuse_surrogates(text, "an answer", where)
    if not text.strip():
        raise _BadAnswer("an answer has no text", where=where, fix="leave it out" + _OR_SKIP)
    if start is None:
        return _found(text, context, where)
    if start >= 0 and context.startswith(text, start):
        return GoldAnswer(text, start)
    there = context[start : start + len(text)] if 0 <= start < len(context) else ""
    said = f"{there!r} stands there" if there else f"the context has {len(context)} characters"
    place = _nearest_place(text, context, start)
    if place is None:
        fix = "the answer stands nowhere in the context: correct its text"
    else:
        fix = f"correct answer_start: the nearest place where it stands is {place}"
    raise _BadAnswer(
        f"the answer {text!r} is not at character {start} of its context; {said}", where=where, fix=fix + _OR_SKIP
    )


_OR_SKIP = ", or set task.on_bad_answer: skip to leave such questions out"


def _found(text: str, context: str, where: str) -> GoldAnswer:
    """An answer without a place: good when there is only one place that it can mean."""
    count = context.count(text)
    if count != 1:
        how_often = "nowhere" if not count else f"{count} times"
        raise _BadAnswer(
            f"the answer {text!r} has no answer_start and stands {how_often} in its context",
            where=where,
            fix="add answer_start" + _OR_SKIP,
        )
    return GoldAnswer(text, context.index(text))


def _nearest_place(text: str, context: str, start: int) -> int | None:
    start = min(max(start, 0), len(context))
    after = context.find(text, start)
    before = context.rfind(text, 0, start + len(text))
    places = [place for place in (before, after) if place >= 0]
    return min(places, key=lambda place: (abs(place - start), place)) if places else None
