"""`bigbird select` as plain Python calls: the sentences of documents that support a query best."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NotRequired, TypedDict, Unpack, overload

import numpy as np

from bigbird_cli.api.options import column_of
from bigbird_cli.api.reading.inputs import Input, Several, Source, inputs_of, is_single, requests_of
from bigbird_cli.api.reading.reader import DEFAULT_LABELS_MODEL, Reader, ReadingOptions, open_reader
from bigbird_cli.api.reading.reading import read, reject_second
from bigbird_cli.api.reading.requests import FailedRecord, Names, Receipt, Result
from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.tasks.select import Selection, SentenceSelection
from bigbird_cli.tasks.zero_shot import ZeroShot
from bigbird_cli.text.documents import Document


class SentenceRecord(TypedDict):
    """A sentence: start and end count the document's characters, and text is what stands there."""

    text: str
    start: int
    end: int
    page: NotRequired[str]
    """On which it begins, by the document's own label; of a document with pages."""
    score: float
    """Its share of the support: those of all sentences of the document add up to 1."""


class SelectRecord(TypedDict):
    """The record of a document."""

    sentences: list[SentenceRecord]
    """The best supporting first."""
    query: str
    source: str
    """Where the document came from."""
    id: Any
    fields: NotRequired[dict[str, Any]]
    """The other columns of its row, as everywhere."""
    receipt: Receipt


class SelectOptions(ReadingOptions, total=False):
    """What the calls for sentences take."""

    top_k: int
    """Sentences to give, 3 by default."""
    column: str | None
    """The column of a row's text; None for "text"."""


@dataclass(frozen=True)
class SelectResult(Result[Selection, SelectRecord]):
    """What came of a document.

    Attributes:
        query: what its sentences were compared with.
    """

    query: str = ""

    def names(self) -> Names:
        """The source."""
        return {"source": self.request.name}

    def record(self) -> SelectRecord:
        """The record that `--json` writes of a prediction; raises the error of a document that failed."""
        return {
            "sentences": [
                {
                    "text": found.text,
                    "start": found.start,
                    "end": found.end,
                    **self.location(found.start),
                    "score": found.score,
                }
                for found in self.prediction.sentences
            ],
            "query": self.query,
            "source": self.request.name,
            "id": self.request.id,
            **self.fields(),
            "receipt": self.receipt,
        }


@overload
def select(
    text: str | Document,
    query: str,
    *,
    model: str | Path = ...,
    encoding: str | None = ...,
    **options: Unpack[SelectOptions],
) -> SelectRecord: ...
@overload
def select(
    text: Path, query: str, *, model: str | Path = ..., encoding: str | None = ..., **options: Unpack[SelectOptions]
) -> SelectRecord | list[SelectRecord | FailedRecord]: ...
@overload
def select(
    text: Several, query: str, *, model: str | Path = ..., encoding: str | None = ..., **options: Unpack[SelectOptions]
) -> list[SelectRecord | FailedRecord]: ...
def select(
    text: Source | Several,
    query: str,
    *,
    model: str | Path = DEFAULT_LABELS_MODEL,
    encoding: str | None = None,
    **options: Unpack[SelectOptions],
) -> SelectRecord | list[SelectRecord | FailedRecord]:
    """Select the sentences of one document, or of several, that support a question or a statement best.

    Args:
        text: a text; a Path to a file, a folder, or a file of rows such as *.jsonl or *.csv; a Document; or a list of
            these. A string is always a text.
        query: the question or statement.
        model: a sentence encoder: a model folder, a shipped model's name, or a name on the Hugging Face hub.
        encoding: of files of plain text, HTML and rows, such as "cp1252"; None for UTF-8.
        **options: see SelectOptions and ReadingOptions.

    Returns:
        A record; for several documents, and for rows, a list of them.

    Raises:
        BigBirdError: a single document failed; among several, the failed ones are records with an "error".
    """
    results = list(select_all(inputs_of(text, argument="text", encoding=encoding), query, model=model, **options))
    if len(results) == 1 and is_single(text):
        return results[0].record()
    return [result.to_dict() for result in results]


def select_all(
    inputs: Iterable[Input | None],
    query: str,
    *,
    model: str | Path = DEFAULT_LABELS_MODEL,
    **options: Unpack[SelectOptions],
) -> Iterator[SelectResult]:
    """Select the sentences of documents one after the other, each read whole.

    Args:
        inputs: documents, rows or requests, read lazily. None among them says that the next may be long in coming:
            what was gathered is read.
        query: the question or statement.
        model: a sentence encoder: a model folder, a shipped model's name, or a name on the Hugging Face hub.
        **options: see SelectOptions and ReadingOptions.

    Returns:
        One result for each document, in their order, as soon as it is ready.

    Raises:
        UsageError: an option has an impossible value, or the query is empty or too long.
        ModelError: the model cannot be used.
        ResourceError: memory did not suffice.
    """
    top_k, column = options.pop("top_k", 3), column_of(options)
    if top_k < 1:
        raise UsageError(f"{top_k} is too few", where="top_k", fix="give 1 or more")
    if options.get("on_long", "window") != "window":
        raise UsageError("sentences are read one by one, all of them", where="on_long", fix="leave it out")
    encoder = open_reader(ZeroShot, model, what="sentences", options=options)  # which is what its models are
    task = SentenceSelection(window=encoder.task.window, overlap=encoder.task.overlap)
    try:
        feature = task.query_feature(query, encoder.tokenizer)
    except DataError as error:  # the mistake is none of the documents'
        raise UsageError(error.problem, where="query", fix=error.fix) from None

    @cache
    def embedding() -> np.ndarray:
        """Of the query, once, when the first document is there."""
        [(_, outputs)] = encoder.predictor.predict([feature], batch_size=1)
        return outputs["embedding"]

    reader = Reader(
        encoder.opened,
        task,
        encoder.on_long,
        encoder.newline,
        encoder.batch_size,
        encoder.read_ahead,
        encoder.on_progress,
    )
    return read(
        reader,
        requests_of(inputs, text=(column,) if column else (encoder.task.text_column, "text")),
        decoder=lambda names: task.decoder_for(names, query, embedding(), n_best=top_k),
        result=partial(SelectResult, query=query),
        encode_second=reject_second,
    )
