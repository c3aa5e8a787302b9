"""Texts and requests that the tests of several calls read."""

from collections.abc import Iterable, Iterator
from typing import Any

from bigbird_cli.api import QARecord, Request, answer, answer_all
from bigbird_cli.errors import DataError
from bigbird_cli.text.documents import Document, FailedDocument

SHORT = "Ada kept the lamp.\r\nBel lit it in 1820 \U0001f525."
LONG = "the keeper of the north tower lit the lamp by the sea, and when a storm was on it a ship " * 60
RECEIPT = ["tokens", "read", "unknown", "windows", "truncated", "model", "attention", "device"]


def ask(text: str, question: str, *, name: str = "text", id: Any = None) -> Request:
    return Request(Document(name, text), question, id)


def failed(problem: str, *, name: str, id: Any = None) -> Request:
    return Request(FailedDocument(name, DataError(problem, where=name)), id=id)


def answers(requests: Iterable[Request | None], **options: Any) -> Iterator[dict[str, Any]]:
    return (dict(result.to_dict()) for result in answer_all(requests, **options))


def one(context: str, question: str, **options: Any) -> QARecord:
    record = answer(context, question, **options)
    assert isinstance(record, dict)
    return record
