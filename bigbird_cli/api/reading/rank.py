"""`bigbird qa --rank` as plain Python calls: the documents among many that answer a question best."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Unpack, cast, get_args

import numpy as np

from bigbird_cli.api.options import choice, data_error
from bigbird_cli.api.reading.inputs import Several, Source, inputs_of
from bigbird_cli.api.reading.qa import QAOptions, QARecord, QAResult, answer_all, questions_on
from bigbird_cli.api.reading.reader import DEFAULT_QA_MODEL, Reader, ReadingOptions, open_reader
from bigbird_cli.api.reading.reading import check_asked
from bigbird_cli.api.reading.requests import FailedRecord, Request
from bigbird_cli.api.reading.sentences import SentenceEncoder
from bigbird_cli.choices import SkimBy
from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.events import Tokenizing
from bigbird_cli.search.ranking import best, fused
from bigbird_cli.search.words import WordIndex
from bigbird_cli.tasks.qa.task import QuestionAnswering
from bigbird_cli.text.documents import FailedDocument, encode_document, why_empty

N_DOCUMENTS = 5
"""Documents that are given by default."""

N_WINDOWS = 8
"""Windows of a document that are read by default."""

_CANDIDATES = 4
"""Documents that are read for each that is given."""


class RankedRecord(QARecord):
    """The record of a document that was ranked: of its answer, and its place."""

    rank: int
    """From 1 for the best."""
    documents: int
    """How many were ranked by the first stage."""
    documents_read: int
    """How many of them were read, the best by the first stage."""


@dataclass(frozen=True)
class RankedResult(QAResult):
    """What came of a document that was read for its place among others.

    Attributes:
        rank: from 1 for the best.
        n_documents: how many were ranked.
        n_read: how many of them were read.
    """

    rank: int = 0
    n_documents: int = 0
    n_read: int = 0

    def record(self) -> RankedRecord:
        """The record that `--json` writes; raises the error of a document that failed."""
        places = {"rank": self.rank, "documents": self.n_documents, "documents_read": self.n_read}
        return {**super().record(), **places}  # type: ignore[typeddict-item]


def rank(
    context: Source | Several, question: str, *, model: str | Path = DEFAULT_QA_MODEL, **options: Unpack[QAOptions]
) -> list[RankedRecord | FailedRecord]:
    """Rank documents by how well they answer a question.

    Args:
        context: as `answer` takes it: a folder, a file of rows, a list of texts ...
        question: asked of each document.
        model: a model folder, a shipped model's name, or a name on the Hugging Face hub.
        **options: as of `answer`; top_k is how many documents to give, 5 by default, and skim how many windows of a
            document are read, 8 by default.

    Returns:
        The failed documents' records, then those of the best documents, best first.
    """
    requests = questions_on(inputs_of(context, argument="context"), [question])
    return [result.to_dict() for result in rank_all(requests, question, model=model, **options)]  # type: ignore[misc]


def rank_all(
    requests: Iterable[Request | None],
    question: str,
    *,
    model: str | Path = DEFAULT_QA_MODEL,
    **options: Unpack[QAOptions],
) -> Iterator[RankedResult]:
    """Rank documents by how well they answer a question: all by a first stage, the best of them by reading.

    A document's score in the first stage is that of its best window, or sentence. Four times as many documents as are
    given are read, eight windows of each unless `skim` says otherwise, and are ranked by the probability that they
    answer the question. All texts are in memory meanwhile.

    Args:
        requests: documents, each of which is asked the question.
        question: asked of each document.
        model: a model folder, a shipped model's name, or a name on the Hugging Face hub.
        **options: see `rank`.

    Returns:
        The failed documents first, then the best, best first.

    Raises:
        UsageError: an option has an impossible value.
        ModelError: the model cannot be used.
        ResourceError: memory did not suffice.
    """
    top_k = options.pop("top_k", N_DOCUMENTS)
    if top_k < 1:
        raise UsageError(f"{top_k} is too few", where="top_k", fix="give 1 or more")
    if options.get("skim") is None:
        options["skim"] = N_WINDOWS
    by = choice(options.get("skim_by", "bm25"), get_args(SkimBy), "skim_by")
    shared = {name: value for name, value in options.items() if name in ReadingOptions.__annotations__}
    reading = cast(ReadingOptions, shared)
    reader = open_reader(QuestionAnswering, model, what="question answering", options=reading)
    check_asked({question: "question"}, reader, partial(_encoded, reader=reader))
    encoder = None if by == "bm25" else SentenceEncoder(reading)
    found = _FirstStage(reader, question, encoder)

    def ranked() -> Iterator[RankedResult]:
        for request in requests:
            failed = None if request is None else found.add(replace(request, second=question))
            if failed is not None:
                yield failed
        scores = found.scores(by)
        if not len(scores):
            return
        chosen = best(scores, _CANDIDATES * top_k)
        results = list(answer_all([found.requests[i] for i in chosen], model=model, **options))
        yield from (result for result in map(_unranked, results) if result.error is not None)
        read = [(result, scores[i]) for result, i in zip(results, chosen, strict=True) if result.error is None]
        nothing = [result.prediction.no_answer_score for result, _ in read]
        order = np.lexsort(([-score for _, score in read], nothing))  # of equals the better by the first stage
        for place, i in enumerate(order[:top_k].tolist(), start=1):
            result = read[i][0]
            yield RankedResult(result.request, result.outcome, rank=place, n_documents=len(scores), n_read=len(read))

    return ranked()


def _encoded(question: str, *, reader: Reader[QuestionAnswering]) -> np.ndarray:
    return reader.task.encode_question(question, reader.tokenizer)


def _unranked(result: QAResult) -> RankedResult:
    return RankedResult(result.request, result.outcome)


class _FirstStage:
    """Documents and how well each fits a question, by its words and, where there is an encoder, by its sentences."""

    def __init__(self, reader: Reader[QuestionAnswering], question: str, encoder: SentenceEncoder | None) -> None:
        self._reader, self._encoder = reader, encoder
        self._ids = _encoded(question, reader=reader)
        self._vector = None if encoder is None else encoder.question(question)
        self.requests: list[Request] = []
        self._passages: list[np.ndarray] = []
        self._firsts: list[int] = []  # of each document among the passages
        self._cosines: list[float] = []

    def add(self, request: Request) -> RankedResult | None:
        """Take a document; the result of one that cannot be read."""
        if isinstance(request.document, FailedDocument):
            return RankedResult(request, request.document.error)
        document = encode_document(
            request.text,
            self._reader.tokenizer,
            name=request.name,
            newline=self._reader.newline,
            on_progress=lambda n: self._reader.on_progress(Tokenizing(request.name, n, len(request.text))),
        )
        try:
            if not len(document):
                raise DataError(f"the document {why_empty(document)}", fix="give a document with text in it")
            plan = self._reader.task.plan(document, len(self._ids))
        except DataError as error:
            return RankedResult(request, data_error(error, where=request.name))
        self.requests.append(request)
        self._firsts.append(len(self._passages))
        self._passages += [document.tokens.ids[start:stop] for start, stop in plan]
        if self._encoder is not None and self._vector is not None:
            whole = np.array([(0, len(request.text))])
            [cosine] = self._encoder.sentences(document).scores(self._vector, whole)
            self._cosines.append(cosine)
        return None

    def scores(self, by: SkimBy) -> np.ndarray:
        """How well each document fits: (documents,), the best highest."""
        if not self.requests:
            return np.empty(0)
        words: np.ndarray = np.maximum.reduceat(WordIndex(self._passages).scores(self._ids), self._firsts)
        if by == "bm25":
            return words
        meaning = np.array(self._cosines)
        return meaning if by == "sentences" else fused([words, meaning])
