"""Questions and their documents as model inputs: all windows, built when they are asked for, or those to learn from."""

import math
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bigbird_cli.errors import BigBirdWarning, DataError
from bigbird_cli.messages import counted
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.qa.squad import QAExample
from bigbird_cli.text.documents import EncodedDocument, encode_document, why_empty
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer
from bigbird_cli.text.windows import Window, owned_sums

if TYPE_CHECKING:
    from bigbird_cli.tasks.qa.task import QuestionAnswering


def training_features(
    task: "QuestionAnswering", examples: Iterable[QAExample], tokenizer: Tokenizer
) -> Iterator[Feature]:
    """Turn examples into model inputs with labels, see `QuestionAnswering.training_features`."""
    encoder = _Encoder(task, tokenizer, hold=_HELD)
    for index, example in enumerate(examples):
        yield from encoder.training(index, example)
    encoder.warn()


def encode(task: "QuestionAnswering", examples: Sequence[QAExample], tokenizer: Tokenizer) -> "QAFeatures":
    """Turn examples into all their windows, see `QuestionAnswering.encode`."""
    encoder = _Encoder(task, tokenizer)
    documents: list[EncodedDocument] = []
    questions: list[np.ndarray] = []
    rows: list[tuple[int, ...]] = []
    for index, example in enumerate(examples):
        document, question, where = encoder.tokenize(example)
        documents.append(document)
        questions.append(question)
        plan = task.plan_windows(len(document), len(question), where=where)
        rows += ((index, *window, own.start, own.stop) for window, own in zip(plan, owned_sums(plan), strict=True))
    return QAFeatures(task, tokenizer, documents, questions, np.array(rows, dtype=np.int64).reshape(-1, 5))


class QAFeatures:
    """The model inputs of a set of examples, each built when it is asked for.

    Only the tokens of the documents and questions are held, and a few numbers for each window, so that a million
    windows take little memory.
    """

    def __init__(
        self,
        task: "QuestionAnswering",
        tokenizer: Tokenizer,
        documents: list[EncodedDocument],
        questions: list[np.ndarray],
        rows: np.ndarray,
    ) -> None:
        self._task, self._tokenizer = task, tokenizer
        self._documents = documents
        self._questions = questions
        self._rows = rows  # int64 (n, 5): example, window start and stop, owned sums low and high
        sizes = np.array([len(question) for question in questions], dtype=np.int64)
        self.lengths: np.ndarray = (sizes[rows[:, 0]] + task.n_special + rows[:, 2] - rows[:, 1]).astype(np.int32)
        """int32 (n,): tokens of each input."""

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Feature:
        example, start, stop, low, high = self._rows[index].tolist()
        return self._task.window_feature(
            self._documents[example],
            Window(start, stop),
            range(low, high),
            self._tokenizer,
            example=example,
            second=self._questions[example],
        )

    def __iter__(self) -> Iterator[Feature]:
        return (self[i] for i in range(len(self)))


_HELD = 1 << 22
"""Tokens of documents that training holds, so that a text is tokenised once if its questions stand together."""


class _Encoder:
    """Tokenises examples and makes training features of them.

    Args:
        task, tokenizer: whose examples these are.
        hold: tokens of documents to hold at most; by default all documents are held.
    """

    def __init__(self, task: "QuestionAnswering", tokenizer: Tokenizer, *, hold: float = math.inf) -> None:
        self._task, self._tokenizer = task, tokenizer
        self._documents: dict[str, EncodedDocument] = {}  # by their text, the one read last at the end
        self._n_free = hold
        self._unreachable = _LeftOut()
        self._too_long = _LeftOut()

    def tokenize(self, example: QAExample) -> tuple[EncodedDocument, np.ndarray, str]:
        """Tokenise an example: its document, its question (n,), and where both stand."""
        where = example.where or f"question {example.id}"
        document = self._documents.pop(example.context, None)
        if document is None:
            document = encode_document(example.context, self._tokenizer, name=where)
            self._n_free -= len(document)
            while self._n_free < 0 and self._documents:
                self._n_free += len(self._documents.pop(next(iter(self._documents))))
        self._documents[example.context] = document
        if not len(document):
            raise DataError(
                f"the context {why_empty(document)}", where=where, fix="give it a text, or take the question out"
            )
        return document, self._task.encode_question(example.question, self._tokenizer, where=where), where

    def training(self, index: int, example: QAExample) -> Iterator[Feature]:
        """Make the training features of an example, of which the index is given."""
        document, question, where = self.tokenize(example)
        if len(question) > self._task.max_question_tokens:
            self._leave_out(example, len(question), where)
            return
        plan = self._task.plan_windows(len(document), len(question), where=where)
        for window, owned, label in self._chosen(example, document, plan, first=len(question) + 2):
            yield self._task.window_feature(
                document,
                window,
                owned,
                self._tokenizer,
                example=index,
                second=question,
                labels={"start_positions": label[0], "end_positions": label[1]},
                name=where,
            )

    def warn(self) -> None:
        """Warn of what was left out."""
        if self._too_long.count:
            warnings.warn(
                BigBirdWarning(
                    f"{counted(self._too_long.count, 'question')} left out of training for having more than"
                    f" {self._task.max_question_tokens} tokens (the first is {self._too_long.first!r}); a larger"
                    " task.max_question_tokens keeps them"
                ),
                stacklevel=3,
            )
        if self._unreachable.count:
            warnings.warn(
                BigBirdWarning(
                    f"{counted(self._unreachable.count, 'question')} left out of training because no window holds"
                    f" a whole answer (the first is {self._unreachable.first!r}); a larger task.overlap keeps them"
                ),
                stacklevel=3,
            )

    def _leave_out(self, example: QAExample, n_tokens: int, where: str) -> None:
        if self._task.on_bad_answer == "error":
            raise DataError(
                f"the question {example.question!r} has {n_tokens} tokens, more than task.max_question_tokens"
                f" {self._task.max_question_tokens}",
                where=where,
                fix="shorten it, raise the setting, or set task.on_bad_answer: skip to leave such questions out",
            )
        self._too_long.add(example)

    def _chosen(
        self, example: QAExample, document: EncodedDocument, plan: list[Window], *, first: int
    ) -> Iterator[tuple[Window, range, tuple[int, int]]]:
        golds = [document.tokens_of(answer.start, answer.start + len(answer.text)) for answer in example.answers]
        labels = [_label(window, golds, first) for window in plan]
        if example.has_answer and not any(labels):
            self._unreachable.add(example)
            return
        negatives = [k for k, label in enumerate(labels) if label is None]
        rng = np.random.default_rng([zlib.crc32(example.id.encode()), len(plan)])  # by its id: no neighbour changes it
        kept = {
            k
            for k, draw in zip(negatives, rng.random(len(negatives)), strict=True)
            if draw < self._task.negative_windows
        }
        if not example.has_answer and not kept:
            kept = {negatives[int(rng.integers(len(negatives)))]}
        for window, owned, label, k in zip(plan, owned_sums(plan), labels, range(len(plan)), strict=True):
            if label is not None or k in kept:
                yield window, owned, label or (0, 0)


@dataclass
class _LeftOut:
    """How many questions were left out, and the id of the first."""

    count: int = 0
    first: str = ""

    def add(self, example: QAExample) -> None:
        self.first = self.first if self.count else example.id
        self.count += 1


def _label(window: Window, golds: Sequence[tuple[int, int] | None], first: int) -> tuple[int, int] | None:
    """Where in the input the first gold answer stands that the window holds whole."""
    for gold in golds:
        if gold is not None and window.start <= gold[0] and gold[1] < window.stop:
            return gold[0] - window.start + first, gold[1] - window.start + first
    return None
