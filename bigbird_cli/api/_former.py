"""Former names of calls and of what they take, for one release; each warns and leads to what it is called now."""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Unpack

from bigbird_cli.api.reading.classify import ClassifyOptions, ClassifyRecord, classify_all
from bigbird_cli.api.reading.inputs import Input
from bigbird_cli.api.reading.ner import NEROptions, NERRecord, ner_all
from bigbird_cli.api.reading.qa import QAOptions, QARecord, answer_all
from bigbird_cli.api.reading.reader import DEFAULT_NER_MODEL, DEFAULT_QA_MODEL
from bigbird_cli.api.reading.requests import FailedRecord, Request
from bigbird_cli.api.tokenizing import tokenize_all
from bigbird_cli.data.rows import Row
from bigbird_cli.errors import BigBirdError
from bigbird_cli.text.documents import Document, FailedDocument
from bigbird_cli.text.vocabulary.report import Report


def answers(
    items: Iterable[Request | None],
    *,
    model: str | Path = DEFAULT_QA_MODEL,
    asked: Mapping[str, str] | None = None,
    **options: Unpack[QAOptions],
) -> Iterator[QARecord | FailedRecord]:
    """Deprecated: the records of `answer_all`."""
    _warn("answers", "answer_all, whose results have to_dict()")
    return (result.to_dict() for result in answer_all(items, model=model, asked=asked, **options))


def entities(
    items: Iterable[Input | None], *, model: str | Path = DEFAULT_NER_MODEL, **options: Unpack[NEROptions]
) -> Iterator[NERRecord | FailedRecord]:
    """Deprecated: the records of `ner_all`."""
    _warn("entities", "ner_all, whose results have to_dict()")
    return (result.to_dict() for result in ner_all(items, model=model, **options))


def classes(
    items: Iterable[Input | None], *, model: str | Path | None = None, **options: Unpack[ClassifyOptions]
) -> Iterator[ClassifyRecord | FailedRecord]:
    """Deprecated: the records of `classify_all`."""
    _warn("classes", "classify_all, whose results have to_dict()")
    return (result.to_dict() for result in classify_all(items, model=model, **options))


def tokenize_documents(
    documents: Iterable[Document | FailedDocument], **options: Any
) -> Iterator[tuple[Document, Report] | FailedDocument]:
    """Deprecated: `tokenize_all`."""
    _warn("tokenize_documents", "tokenize_all")
    return tokenize_all(documents, **options)


def QAItem(context: str, question: str, name: str = "text", id: Any = None) -> Request:
    """Deprecated: a Request with a question."""
    _warn("QAItem", "Request(Document(name, context), question, id)")
    return Request(Document(name, context), question, id)


def TextItem(text: str, name: str = "text", id: Any = None, pair: str | None = None) -> Request:
    """Deprecated: a Request."""
    _warn("TextItem", "Request(Document(name, text), pair, id)")
    return Request(Document(name, text), pair, id)


def RowItem(fields: dict[str, Any], name: str = "row", table: str | None = None) -> Row:
    """Deprecated: a Row."""
    _warn("RowItem", "Row(fields, name)")
    return Row(fields, name, table or "")


def FailedItem(error: BigBirdError, name: str = "", question: str | None = None, id: Any = None) -> Request:
    """Deprecated: a Request whose document could not be had."""
    _warn("FailedItem", "Request(FailedDocument(name, error), question, id)")
    return Request(FailedDocument(name, error), question, id)


def _warn(former: str, now: str) -> None:
    warnings.warn(
        DeprecationWarning(f"{former} is called {now}; the former name goes with the next release"), stacklevel=3
    )
