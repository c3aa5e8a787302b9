"""The one way from requests to results: whole documents, windows, a model's outputs, predictions.

Windows of several requests are read together, which changes no result, and each result is given as soon as it is ready.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any, Generic, Protocol, TypeVar, cast

import numpy as np

from bigbird_cli.api.options import as_arguments, data_error
from bigbird_cli.api.reading.prefetch import prefetched
from bigbird_cli.api.reading.reader import Reader, T
from bigbird_cli.api.reading.requests import Receipt, Request, Result
from bigbird_cli.errors import BigBirdError, BigBirdWarning, DataError, ModelError, UsageError
from bigbird_cli.events import ReadingEvent, Tokenizing, WindowRead
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.windowed import Coverage
from bigbird_cli.text.documents import EncodedDocument, FailedDocument, encode_document, why_empty
from bigbird_cli.text.windows import Window, owned_sums

_COSTLY = 2.0
"""A warning tells when windows together hold so many times the tokens of their document."""

_TOKENS_TOGETHER = 16_384
"""Requests are gathered up to so many tokens before the model reads them: more would delay the first result."""

_LONG = 4 * _TOKENS_TOGETHER
"""Characters of a document that is gathered with none before it, since it has about as many tokens by itself."""


class Prediction(Protocol):
    """What a task's decoder makes of a request."""

    @property
    def coverage(self) -> Coverage: ...


P = TypeVar("P", bound=Prediction)
P_co = TypeVar("P_co", bound=Prediction, covariant=True)
R = TypeVar("R", bound=Result[Any, Any])


class RequestDecoder(Protocol[P_co]):
    """Gathers what a model says of the windows of several requests; `Feature.example` is the index of a request."""

    def add(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> None:
        """Take the outputs of one window; ModelError where they are no finite numbers."""

    def prediction(self, example: int) -> P_co:
        """Give the prediction of a request from its windows so far, one at least."""


ResultOf = Callable[[Request, tuple[P, Receipt] | BigBirdError], R]
"""Makes a result of a request and its outcome."""

EncodeSecond = Callable[[str | None], np.ndarray | None]
"""Ids of a second text, None for none; DataError where there may be none, or must be one."""

Choose = Callable[[Request, EncodedDocument, np.ndarray | None, list[Window]], list[Window]]
"""Chooses the windows to read, in reading order, among those of a request's document beside its second text's ids."""


def read(
    reader: Reader[T],
    requests: Iterable[Request | None],
    *,
    decoder: Callable[[Sequence[str]], RequestDecoder[P]],
    result: ResultOf[P, R],
    encode_second: EncodeSecond,
    choose: Choose | None = None,
) -> Iterator[R]:
    """Read requests lazily, each document whole, and give their results in their order.

    A document that stands in requests one after the other is tokenised once. If the user interrupts it, the prediction
    comes from what has been read of a document so far, and the interrupt after it.

    Args:
        reader: the model with its task, and how it is to read.
        requests: None among them says that the next may be long in coming: what was gathered is read.
        decoder: opens a decoder for requests of these names.
        result: makes a result of a request, and of its prediction and receipt, or its error.
        encode_second: ids of a request's second text.
        choose: chooses the windows that are read where a document is not to be read whole.

    Raises:
        ModelError: the model cannot be used.
        ResourceError: memory did not suffice.
    """
    progress = _Progress(reader.on_progress)
    planner = _Planner(reader, encode_second, progress, choose)
    groups = _groups(requests, reader, planner, result, progress)
    try:
        for group in prefetched(groups) if reader.read_ahead else groups:
            yield from _read_group(group, reader, decoder, result, progress)
    finally:
        progress.is_over.set()


def reject_second(second: str | None) -> None:
    """The `encode_second` of a task that reads one text.

    Raises:
        DataError: there is a second one.
    """
    if second is not None:
        raise DataError("there is a second text, and one is read", fix="leave it out")


class _Progress:
    """How far reading has come, over all documents."""

    def __init__(self, on_progress: Callable[[ReadingEvent], None]) -> None:
        self.on_progress = on_progress
        self.n_windows = 0
        self.n_done = 0
        self.n_tokens = 0
        self.is_over = Event()

    def tokenizing(self, request: Request) -> Callable[[int], None]:
        """What to call with the characters of a document that have been tokenised."""

        def on_progress(n_done: int) -> None:
            if self.is_over.is_set():
                raise _OverError  # nobody waits for the thread that tokenises ahead, but the process does to end
            self.on_progress(Tokenizing(request.name, n_done, len(request.text)))

        return on_progress

    def window_read(self, entry: "_Planned", feature: Feature, n_done: int) -> None:
        """Count a window of a document of which n_done have been read."""
        self.n_done += 1
        self.n_tokens += len(feature)
        n_in_all = max(self.n_done, self.n_windows)
        self.on_progress(WindowRead(entry.request.name, n_done, len(entry.plan), self.n_done, n_in_all, self.n_tokens))


class _OverError(Exception):
    """Reading has ended before this was needed."""


@dataclass(frozen=True, eq=False)
class _Planned:
    """A request whose document is tokenised and whose windows are planned."""

    request: Request
    document: EncodedDocument
    second: np.ndarray | None
    plan: list[Window]
    is_skimmed: bool = False

    @property
    def n_second(self) -> int:
        return 0 if self.second is None else len(self.second)

    @property
    def n_tokens(self) -> int:
        """Tokens of all windows, and of what stands beside each."""
        return sum(window.stop - window.start + self.n_second for window in self.plan)


def _groups(
    requests: Iterable[Request | None],
    reader: Reader[T],
    planner: "_Planner[T]",
    result: ResultOf[P, R],
    progress: _Progress,
) -> Iterator[list[_Planned | R]]:
    """Tokenise documents, and gather the requests that are read together; one that cannot be read is a result."""
    group: list[_Planned | R] = []
    n_windows = n_tokens = 0
    for request in requests:
        if group and request is not None and len(request.text) >= _LONG:
            yield group  # a long document delays no other
            group, n_windows, n_tokens = [], 0, 0
        if request is not None and isinstance(request.document, FailedDocument):
            group.append(result(request, request.document.error))
        elif request is not None:
            try:
                planned = planner.plan(request)
                group.append(planned)
                progress.n_windows += len(planned.plan)
                n_windows += len(planned.plan)
                n_tokens += planned.n_tokens
            except DataError as error:
                group.append(result(request, data_error(error, where=request.name)))
        if request is None or not n_windows or n_windows >= 4 * reader.batch_size or n_tokens >= _TOKENS_TOGETHER:
            yield group
            group, n_windows, n_tokens = [], 0, 0
    yield group


class _Planner(Generic[T]):
    """Tokenises the documents of requests and plans their windows; the last is kept for the next request or call."""

    def __init__(
        self, reader: Reader[T], encode_second: EncodeSecond, progress: _Progress, choose: Choose | None
    ) -> None:
        self._reader, self._encode_second, self._progress, self._choose = reader, encode_second, progress, choose
        self._has_warned = False

    def plan(self, request: Request) -> _Planned:
        """Make a request ready; DataError where it cannot be read."""
        document = self._tokenized(request)
        second = self._encode_second(request.second)
        plan = self._windows(document, 0 if second is None else len(second))
        chosen = plan if self._choose is None else self._choose(request, document, second, plan)
        planned = _Planned(request, document, second, chosen, is_skimmed=len(chosen) < len(plan))
        self._warn_of_cost(planned)
        return planned

    def _tokenized(self, request: Request) -> EncodedDocument:
        opened, newline = self._reader.opened, self._reader.newline
        if opened.last_document is not None:
            rule, document = opened.last_document
            if (rule, document.text, document.pages) == (newline, request.text, request.pages):
                return document
            del document
        opened.last_document = None  # lets the one before go while this one is read
        document = encode_document(
            request.text,
            self._reader.tokenizer,
            name=request.name,
            pages=request.pages,
            newline=newline,
            on_progress=self._progress.tokenizing(request),
        )
        if not len(document):
            raise DataError(f"the document {why_empty(document)}", fix="give a document with text in it")
        opened.last_document = newline, document
        return document

    def _windows(self, document: EncodedDocument, n_second: int) -> list[Window]:
        task, n_tokens = self._reader.task, len(document)
        capacity = task.capacity(n_second)
        if self._reader.on_long == "window" or n_tokens <= capacity:
            return task.plan(document, n_second)
        if self._reader.on_long == "error":
            others = f" beside the {n_second} others" if n_second else ""
            raise DataError(
                f"the document has {n_tokens} tokens, and one window has room for {max(capacity, 0)}{others}",
                fix='read it in several windows: on_long="window"',
            )
        task.plan_windows(min(n_tokens, capacity), n_second)  # refuses what leaves no room at all
        return [Window(0, capacity)]

    def _warn_of_cost(self, planned: _Planned) -> None:
        n_tokens, n_windows = len(planned.document), len(planned.plan)
        times = planned.n_tokens / n_tokens
        if self._has_warned or n_windows == 1 or times < _COSTLY:
            return
        self._has_warned = True
        held = planned.plan[0].stop - planned.plan[0].start
        beside = f" beside {planned.n_second} others" if planned.n_second else ""
        remedy = " or a shorter question" if planned.n_second else " or a smaller overlap"
        warnings.warn(
            BigBirdWarning(
                f"{planned.request.name}: a window of {self._reader.task.window} tokens holds {held} of the"
                f" document{beside}, so {n_windows:,} windows read {times:.1f} times its {n_tokens:,} tokens; a larger"
                f" window{remedy} costs less"
            ),
            stacklevel=2,
        )


def _read_group(
    group: Sequence[_Planned | R],
    reader: Reader[T],
    decoder: Callable[[Sequence[str]], RequestDecoder[P]],
    result: ResultOf[P, R],
    progress: _Progress,
) -> Iterator[R]:
    """Predict the requests of a group; one of which the model makes no finite numbers fails alone."""
    if not any(isinstance(entry, _Planned) for entry in group):
        yield from cast(Sequence[R], group)  # no model is opened for them
        return
    failed: set[int] = set()

    def features() -> Iterator[Feature]:
        for index, entry in enumerate(group):
            if not isinstance(entry, _Planned):
                continue
            for window, owned in zip(entry.plan, owned_sums(entry.plan), strict=True):
                if index in failed:
                    break
                yield reader.task.window_feature(
                    entry.document, window, owned, reader.tokenizer, example=index, second=entry.second
                )

    def finished(index: int, entry: _Planned) -> R:
        prediction, request = gathered.prediction(index), entry.request
        chosen = len(entry.plan) if entry.is_skimmed else None
        receipt = reader.receipt(prediction.coverage, request.unread, chosen=chosen)
        return result(request, (prediction, receipt))

    requests = [entry.request for entry in group]
    gathered = decoder([str(request.name if request.id is None else request.id) for request in requests])
    predicted = reader.predictor.predict(features(), batch_size=reader.batch_size)
    for index, entry in enumerate(group):
        if not isinstance(entry, _Planned):
            yield entry
            continue
        n_done = 0
        while n_done < len(entry.plan):
            try:
                feature, outputs = next(predicted)
            except KeyboardInterrupt:
                if n_done:
                    yield finished(index, entry)
                raise
            if feature.example != index:
                continue  # of a request that failed after this window was read ahead
            try:
                gathered.add(feature, outputs)
            except ModelError as error:
                failed.add(index)
                progress.n_done += len(entry.plan) - n_done
                yield result(entry.request, error)
                break
            n_done += 1
            progress.window_read(entry, feature, n_done)
        else:
            yield finished(index, entry)


def check_asked(texts: Mapping[str, str], reader: Reader[T], encode: Callable[[str], np.ndarray]) -> None:
    """Raise UsageError for a second text that fits beside no document, each with what to call it in errors.

    What is asked of every document is checked before the first is read: the mistake is none of the documents'.
    """
    task = reader.task
    for text, where in texts.items():
        try:
            task.plan_windows(1, len(encode(text)))
        except DataError as error:
            raise UsageError(error.problem, where=where, fix=as_arguments(error.fix or "") or None) from None
