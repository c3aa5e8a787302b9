"""What all commands that read documents share: from items to whole documents, windows, a model's outputs, predictions.

Windows of several items are read together, which changes no result, and each record is given as soon as it is ready.
"""

import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Event
from typing import Any, Generic, Protocol, TypedDict, TypeVar

import numpy as np
from pydantic import ValidationError

from bigbird_cli.api.ahead import one_ahead
from bigbird_cli.api.options import ON_LONG, as_arguments, known, newline_of, usage_error
from bigbird_cli.backend import Predictor, open_backend
from bigbird_cli.errors import BigBirdError, BigBirdWarning, DataError, ModelError, UsageError
from bigbird_cli.events import ReadingEvent, Tokenizing, WindowRead
from bigbird_cli.files.names import CONFIG, TASK
from bigbird_cli.files.paths import local_path, model_file_errors
from bigbird_cli.section import complaint
from bigbird_cli.tasks.base import Decoder, Feature
from bigbird_cli.tasks.windowed import Coverage, ReadingTask
from bigbird_cli.text.documents import EncodedDocument, encode_document, why_empty
from bigbird_cli.text.tokenizers.tokenizer import Newline, Tokenizer, load_tokenizer
from bigbird_cli.text.windows import Window, owned_sums
from bigbird_cli.weights.store import ModelFolder, check_vocabulary, open_folder

DEFAULT_QA_MODEL = "qa-mini"
DEFAULT_NER_MODEL = "ner-mini"
DEFAULT_LABELS_MODEL = "classify-mini"

_COSTLY = 2.0
"""A warning tells when windows together hold so many times the tokens of their document."""

_TOKENS_TOGETHER = 16_384
"""Items are gathered up to so many tokens before the model reads them: more would delay the first record."""

_LONG = 4 * _TOKENS_TOGETHER
"""Characters of a document that is gathered with none before it, since it has about as many tokens by itself."""


class Item(Protocol):
    """A document, and whatever is asked of it."""

    @property
    def text(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def id(self) -> Any: ...


I = TypeVar("I", bound=Item)  # noqa: E741 - an item
T = TypeVar("T", bound=ReadingTask)


@dataclass(frozen=True)
class FailedItem:
    """An item that cannot be read, because its document or its row was not readable.

    Attributes:
        error: why.
        name: where it came from.
        question: what was asked of it, if anything.
        id: its owner's name for it.
    """

    error: BigBirdError
    name: str | None = None
    question: str | None = None
    id: Any = None


class ReadingOptions(TypedDict, total=False):
    """What every reading call takes besides its own options."""

    window: int | None
    """Tokens of one model input at most; None for the model's own setting, as in the next."""
    overlap: int | None
    """Tokens that neighbouring windows share at least."""
    on_long: str
    """What to do with a document that does not fit into one window: "window" (the default) reads all of it in several,
    "error" refuses it, "truncate" reads its beginning and says so in the receipt."""
    newline: str | None
    """"space" or "keep", the tokenizer's rule for line breaks; None for the one its vocabulary wants."""
    batch_size: int
    """Windows read together at most, 8 by default; changes no result."""
    device: str
    """auto (the default), cpu, cuda:N or mps."""
    threads: int | None
    """Processor threads; None leaves the framework's choice."""
    quantize: str | None
    """"int8" computes the encoder's products in 8 bits, on a processor: quicker, and a little less exact."""
    offline: bool
    """Never ask the network."""
    read_ahead: bool
    """Read and tokenise what comes next in a thread while the model computes. Your iterable is then read in that
    thread; False by default, the command line does so."""
    revision: str | None
    """Branch, tag or commit of a hub model."""
    on_progress: Callable[[ReadingEvent], None] | None
    """Is told how far reading has come, now and then, from another thread too where there is one."""


@dataclass(frozen=True, eq=False)
class Reader(Generic[T]):
    """An open model with its task, and how it is to read.

    Attributes:
        opened: folder and tokenizer at once, weights when they are first needed.
        task: with the settings that the model was trained with, and the caller's.
        on_long: what to do with a document that does not fit into one window.
        newline: the tokenizer's rule for line breaks.
        batch_size: windows read together at most.
        read_ahead: whether a thread reads and tokenises what comes next while the model computes.
        on_progress: is told how far reading has come.
    """

    opened: "_Opened"
    task: T
    on_long: str
    newline: Newline | None
    batch_size: int
    read_ahead: bool
    on_progress: Callable[[ReadingEvent], None]

    @property
    def tokenizer(self) -> Tokenizer:
        return self.opened.tokenizer

    @property
    def predictor(self) -> Predictor:
        return self.opened.predictor(self.task.head)

    def receipt(self, coverage: Coverage) -> dict[str, Any]:
        """What was read of a document, and by what."""
        config = self.opened.folder.config
        is_full = self.predictor.attention != "block_sparse" or coverage.longest_input <= config.full_attention_limit
        return {
            "tokens": coverage.n_tokens,
            "read": coverage.n_read,
            "unknown": coverage.n_unknown,
            "windows": coverage.n_windows,
            "truncated": coverage.n_read < coverage.n_tokens,
            "model": self.opened.name,
            "attention": "full" if is_full else "block_sparse",
            "device": self.predictor.device,
        }


def open_reader(kind: type[T], model: str | Path, *, what: str, options: ReadingOptions, **settings: Any) -> Reader[T]:
    """Check the options and open a model for a task.

    Args:
        kind: the task.
        model: a model folder, a shipped model's name, or a name on the Hugging Face hub.
        what: the task in words, for errors.
        options: the caller's.
        settings: of the task, besides window and overlap; None leaves the model's own.

    Raises:
        TypeError: there is no such option.
        UsageError: an option has an impossible value.
        ModelError: the model cannot be used, or was trained for another task.
    """
    if unknown := options.keys() - ReadingOptions.__annotations__.keys():
        raise TypeError(f"there is no option {min(unknown)!r}")
    batch_size, on_long = options.get("batch_size", 8), options.get("on_long", "window")
    if batch_size < 1:
        raise UsageError(f"{batch_size} is too few", where="batch_size", fix="give 1 or more")
    known(on_long, ON_LONG, "on_long")
    newline = newline_of(options.get("newline"))
    opened = _opened(
        str(model),
        isinstance(model, Path),
        options.get("device", "auto"),
        options.get("threads"),
        options.get("quantize"),
        options.get("offline", False),
        options.get("revision"),
        stamps(model),
    )
    limit = opened.folder.config.max_position_embeddings
    settings |= {"window": options.get("window"), "overlap": options.get("overlap")}
    given = {name: value for name, value in settings.items() if value is not None}
    if given.get("window", 0) > limit:
        raise UsageError(
            f"a window of {given['window']} tokens is longer than the model's {limit} positions",
            where="window",
            fix=f"give {limit} or less",
        )
    stored = _stored(kind, opened.folder, what)
    window = given.get("window", min(stored["window"], limit))
    if window != stored["window"]:
        stored |= {"window": window, "overlap": min(stored["overlap"], window // 3)}
    try:
        task = kind.model_validate(stored | given)
    except ValidationError as error:
        raise usage_error(error) from None
    on_progress = options.get("on_progress") or (lambda _: None)
    return Reader(opened, task, on_long, newline, batch_size, options.get("read_ahead", False), on_progress)


def read_items(
    items: Iterable[I | FailedItem | None],
    reader: Reader[Any],
    *,
    beside: Callable[[I], np.ndarray | None],
    decoder: Callable[[str], Decoder],
    failed: Callable[[I, BigBirdError], FailedItem],
) -> Iterator[tuple[I, Any] | FailedItem]:
    """Read items lazily, each from its whole document, and give their predictions in their order.

    A document that stands in items one after the other is tokenised once.

    Args:
        items: None among them says that the next may be long in coming: what was gathered is read.
        reader: the model, and how it is to read.
        beside: ids of what stands beside the document in each window, such as a question's; None for nothing.
        decoder: opens a decoder for one document of this name.
        failed: what becomes of an item that cannot be read.

    If the user interrupts it, the prediction comes from what has been read of a document so far, and the interrupt
    after it.

    Raises:
        ModelError: the model cannot be used.
        ResourceError: memory did not suffice.
    """
    count = _Count(reader.on_progress)
    groups = _groups(items, reader, beside, failed, count)
    try:
        for group in one_ahead(groups) if reader.read_ahead else groups:
            yield from _read_group(group, reader, decoder, failed, count)
    finally:
        count.is_over.set()


class _Count:
    """How far reading has come, over all documents."""

    def __init__(self, told: Callable[[ReadingEvent], None]) -> None:
        self.told = told
        self.n_windows = 0
        self.n_done = 0
        self.n_tokens = 0
        self.is_over = Event()

    def tokenizing(self, item: Item) -> Callable[[int], None]:
        """What to call with the characters of a document that have been tokenised."""

        def on_progress(n_done: int) -> None:
            if self.is_over.is_set():
                raise _OverError  # nobody waits for the thread that tokenises ahead, but the process does to end
            self.told(Tokenizing(item.name, n_done, len(item.text)))

        return on_progress

    def read(self, entry: "_Ready[Any]", feature: Feature, n_done: int) -> None:
        """Count a window of an item of which n_done have been read."""
        self.n_done += 1
        self.n_tokens += len(feature)
        self.told(
            WindowRead(
                entry.item.name, n_done, len(entry.plan), self.n_done, max(self.n_done, self.n_windows), self.n_tokens
            )
        )


class _OverError(Exception):
    """Reading has ended before this was needed."""


def _groups(
    items: Iterable[I | FailedItem | None],
    reader: Reader[Any],
    beside: Callable[[I], np.ndarray | None],
    failed: Callable[[I, BigBirdError], FailedItem],
    count: _Count,
) -> Iterator[list["_Ready[I] | FailedItem"]]:
    """Tokenise items, and gather those that are read together."""
    group: list[_Ready[I] | FailedItem] = []
    n_windows = n_tokens = 0
    document: EncodedDocument | None = None
    warned: list[str] = []

    def prepared(item: I) -> _Ready[I]:
        nonlocal document
        if document is None or document.text != item.text:
            document = None  # lets the one before go while this one is read
            document = encode_document(
                item.text,
                reader.tokenizer,
                name=item.name,
                newline=reader.newline,
                on_progress=count.tokenizing(item),
            )
        if not len(document):
            raise DataError(
                f"the document {why_empty(document)}", where=item.name, fix="give a document with text in it"
            )
        ids = beside(item)
        ready = _Ready(item, document, ids, _plan(reader, len(document), 0 if ids is None else len(ids)))
        times = ready.n_read / len(document)
        if len(ready.plan) > 1 and times >= _COSTLY and not warned:
            warned.append(item.name)
            _warn_of_cost(ready, times, reader.task.window)
        return ready

    for item in items:
        if group and not isinstance(item, FailedItem | None) and len(item.text) >= _LONG:
            yield group  # a long document delays no other
            group, n_windows, n_tokens = [], 0, 0
        if isinstance(item, FailedItem):
            group.append(item)
        elif item is not None:
            try:
                ready = prepared(item)
                group.append(ready)
                count.n_windows += len(ready.plan)
                n_windows += len(ready.plan)
                n_tokens += ready.n_read
            except DataError as error:
                told = DataError(
                    as_arguments(error.problem),
                    where=error.where or item.name,
                    fix=as_arguments(error.fix or "") or None,
                )
                group.append(failed(item, told))
        if item is None or not n_windows or n_windows >= 4 * reader.batch_size or n_tokens >= _TOKENS_TOGETHER:
            yield group
            group, n_windows, n_tokens = [], 0, 0
    yield group


@dataclass(frozen=True, eq=False)
class _Ready(Generic[I]):
    """An item whose windows are planned."""

    item: I
    document: EncodedDocument
    beside: np.ndarray | None
    plan: list[Window]

    @property
    def n_beside(self) -> int:
        return 0 if self.beside is None else len(self.beside)

    @property
    def n_read(self) -> int:
        """Tokens of all windows, and of what stands beside each."""
        return sum(window.stop - window.start + self.n_beside for window in self.plan)


def _warn_of_cost(ready: _Ready[Any], times: float, window: int) -> None:
    held = ready.plan[0].stop - ready.plan[0].start
    beside = f" beside {ready.n_beside} others" if ready.n_beside else ""
    remedy = " or a shorter question" if ready.n_beside else " or a smaller overlap"
    warnings.warn(
        BigBirdWarning(
            f"{ready.item.name}: a window of {window} tokens holds {held} of the document{beside}, so"
            f" {len(ready.plan):,} windows read {times:.1f} times its {len(ready.document):,} tokens; a larger"
            f" window{remedy} costs less"
        ),
        stacklevel=2,
    )


def _plan(reader: Reader[Any], n_tokens: int, n_beside: int) -> list[Window]:
    task: ReadingTask = reader.task
    room = task.capacity(n_beside)
    if reader.on_long == "window" or n_tokens <= room:
        return task.plan_windows(n_tokens, n_beside)
    if reader.on_long == "error":
        others = f" beside the {n_beside} others" if n_beside else ""
        raise DataError(
            f"the document has {n_tokens} tokens, and one window has room for {max(room, 0)}{others}",
            fix='read it in several windows: on_long="window"',
        )
    task.plan_windows(min(n_tokens, room), n_beside)  # refuses what leaves no room at all
    return [Window(0, room)]


def _read_group(
    group: Sequence["_Ready[I] | FailedItem"],
    reader: Reader[Any],
    decoder: Callable[[str], Decoder],
    failed: Callable[[I, BigBirdError], FailedItem],
    count: _Count,
) -> Iterator[tuple[I, Any] | FailedItem]:
    """Predict the items of a group; one of which the model makes no finite numbers fails alone."""
    ready = [entry for entry in group if isinstance(entry, _Ready)]
    given_up: set[_Ready[I]] = set()
    in_flight: deque[_Ready[I]] = deque()  # whose each is: the predictor takes features ahead of its outputs

    def features() -> Iterator[Feature]:
        task: ReadingTask = reader.task
        for entry in ready:
            for window, owned in zip(entry.plan, owned_sums(entry.plan), strict=True):
                if entry in given_up:
                    break
                in_flight.append(entry)
                yield task.window_feature(
                    entry.document, window, owned, reader.tokenizer, example=0, second=entry.beside
                )

    def outputs_of(entry: _Ready[I]) -> Iterator[tuple[Feature, Mapping[str, np.ndarray]]]:
        for _ in entry.plan:
            found = next(predicted)
            while in_flight[0] in given_up:
                in_flight.popleft()
                found = next(predicted)
            in_flight.popleft()
            yield found

    predicted = reader.predictor.predict(features(), batch_size=reader.batch_size) if ready else iter(())
    for entry in group:
        if isinstance(entry, FailedItem):
            yield entry
            continue
        gathered = decoder(str(entry.item.id if entry.item.id is not None else entry.item.name))
        coming, n_done = outputs_of(entry), 0
        while True:
            try:
                found = next(coming, None)
            except KeyboardInterrupt:
                if n_done:
                    yield entry.item, gathered.finish()[0]
                raise
            if found is None:
                yield entry.item, gathered.finish()[0]
                break
            try:
                gathered.add(*found)
            except ModelError as error:
                given_up.add(entry)
                count.n_done += len(entry.plan) - n_done
                yield failed(entry.item, error)
                break
            n_done += 1
            count.read(entry, found[0], n_done)


def _stored(kind: type[T], folder: ModelFolder, what: str) -> dict[str, Any]:
    """The settings of a task that the model was trained with."""
    where = str(folder.path / TASK)
    if folder.task is None:
        try:
            task = kind.for_model(folder.config)
        except ModelError as error:
            raise ModelError(error.problem, where=str(folder.path / CONFIG), fix=error.fix) from None
        return task.model_dump()
    wanted = kind.model_fields["type"].default
    if folder.task.get("type") != wanted:
        raise ModelError(
            f"the model was trained for the task {folder.task.get('type')!r}, not for {what}",
            where=where,
            fix=f"name a model for {what}",
        )
    try:
        trained = kind.model_validate(folder.task)
        n_named = len(trained.config_updates().get("id2label", range(folder.config.num_labels or 0)))
    except ValidationError as error:
        raise ModelError(complaint(error), where=where, fix="restore the file") from None
    except ValueError:  # of a task that is yet to see its training data
        raise ModelError("it names no labels", where=where, fix="restore the file") from None
    if n_named != folder.config.num_labels:
        raise ModelError(
            f"it has names for {n_named} outputs of the model, which has {folder.config.num_labels}",
            where=where,
            fix="restore the file",
        )
    return trained.model_dump()


class _Opened:
    """A model folder and its tokenizer, and its weights when they are first needed."""

    def __init__(self, folder: ModelFolder, name: str, **settings: Any) -> None:
        self.folder, self.name = folder, name
        self._settings = settings
        self._predictors: dict[str, Predictor] = {}
        self.tokenizer = load_tokenizer(folder.path)
        check_vocabulary(self.tokenizer.vocab_size, folder.config.vocab_size, where=name)

    def predictor(self, head: str) -> Predictor:
        """The model with the head that a task needs."""
        if head not in self._predictors:
            self._predictors[head] = open_backend().open_predictor(self.folder, head=head, **self._settings)
        return self._predictors[head]


@lru_cache(maxsize=1)
def _opened(
    model: str,
    is_path: bool,
    device: str,
    threads: int | None,
    quantize: str | None,
    offline: bool,
    revision: str | None,
    stamps: tuple[tuple[str, int], ...],
) -> _Opened:
    """Open a model, or find it open from the call before: a notebook asks again and again."""
    del stamps
    folder = open_folder(Path(model) if is_path else model, offline=offline, revision=revision)
    return _Opened(folder, model, device=device, threads=threads, quantize=quantize)


@model_file_errors()
def stamps(model: str | Path) -> tuple[tuple[str, int], ...]:
    """What tells a folder that was written anew from the one that is open; nothing for a name that is no folder."""
    folder = local_path(model)
    if not folder.is_dir():
        return ()
    # an editor's lock is a link to nowhere
    return tuple(sorted((file.name, file.stat().st_mtime_ns) for file in folder.glob("*.*") if file.exists()))


def refuse_beside(texts: Mapping[str, str], reader: Reader[Any], encode: Callable[[str], np.ndarray]) -> None:
    """Raise UsageError for a text that can stand beside no document, each with what to call it in errors.

    What is asked of every document is checked before the first is read: the mistake is none of the documents'.
    """
    task: ReadingTask = reader.task
    for text, where in texts.items():
        try:
            task.plan_windows(1, len(encode(text)))
        except DataError as error:
            raise UsageError(error.problem, where=where, fix=as_arguments(error.fix or "") or None) from None


def failed_record(failed: FailedItem, **fields: Any) -> dict[str, Any]:
    """What stands in an item's place that could not be read."""
    return {"error": failed.error.to_dict(), **fields, "id": failed.id}
