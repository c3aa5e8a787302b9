"""The reading tasks by their names, each with the options that a Reader takes for it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, Required, TypedDict

from bigbird_cli.api import Result, answer_all, classify_all, ner_all, select_all
from bigbird_cli.api.reading.classify import ClassifyOptions
from bigbird_cli.api.reading.inputs import Input
from bigbird_cli.api.reading.ner import NEROptions
from bigbird_cli.api.reading.qa import QAOptions
from bigbird_cli.api.reading.select import SelectOptions

Task = Literal["qa", "ner", "classify", "select"]


class TableOptions(TypedDict, total=False):
    """What a Reader takes for every task besides the options of its call, whose `column` is "text" by default."""

    path_column: str | None
    """A column of paths in the place of texts: of files, a document each, which the worker reads."""
    encoding: str | None
    """Of the plain text and HTML among those files, such as "cp1252"; None for UTF-8."""


class QATableOptions(QAOptions, TableOptions, total=False):
    """What a Reader takes for questions."""

    column: str | None
    """The column of the texts; None for "text"."""
    question: str | list[str]
    """Asked of each row, or several; of each row that has no "question" of its own, where the table has such."""


class NERTableOptions(NEROptions, TableOptions, total=False):
    """What a Reader takes for named entities."""


class ClassifyTableOptions(ClassifyOptions, TableOptions, total=False):
    """What a Reader takes for classification."""


class SelectTableOptions(SelectOptions, TableOptions, total=False):
    """What a Reader takes for sentences."""

    query: Required[str]
    """A question or a statement."""


Results = Iterator[Result[Any, Any]]
Call = Callable[[Iterable[Input | None], dict[str, Any]], Results]
"""Gives the results of inputs; takes what its TypedDict says but for `path_column`, `question` as a list."""


def _qa(inputs: Iterable[Input | None], options: dict[str, Any]) -> Results:
    asked = dict.fromkeys(options.pop("question"), "question")
    del options["column"]  # the inputs are requests
    return answer_all(inputs, asked=asked, **options)  # type: ignore[arg-type]


def _ner(inputs: Iterable[Input | None], options: dict[str, Any]) -> Results:
    return ner_all(inputs, **options)


def _classify(inputs: Iterable[Input | None], options: dict[str, Any]) -> Results:
    return classify_all(inputs, **options)


def _select(inputs: Iterable[Input | None], options: dict[str, Any]) -> Results:
    return select_all(inputs, options.pop("query", ""), **options)


CALLS: dict[Task, Call] = {"qa": _qa, "ner": _ner, "classify": _classify, "select": _select}
