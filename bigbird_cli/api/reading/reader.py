"""An open model with its task, and how it is to read: what every reading call opens first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypedDict, TypeVar, get_args

from pydantic import ValidationError

from bigbird_cli.api.options import choice, newline_of, to_usage_error
from bigbird_cli.api.reading.requests import Receipt
from bigbird_cli.backend import Predictor, choose_backend, open_backend
from bigbird_cli.choices import Newline, OnLong, Quantize
from bigbird_cli.errors import ModelError, UsageError
from bigbird_cli.events import ReadingEvent
from bigbird_cli.files.names import CONFIG, TASK
from bigbird_cli.files.paths import local_path, model_file_errors
from bigbird_cli.section import complaint
from bigbird_cli.tasks.windowed import Coverage, ReadingTask
from bigbird_cli.text.documents import EncodedDocument
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, load_tokenizer
from bigbird_cli.weights.store import ModelFolder, check_vocabulary, open_folder

DEFAULT_QA_MODEL = "qa-mini"
DEFAULT_NER_MODEL = "ner-mini"
DEFAULT_LABELS_MODEL = "classify-mini"

T = TypeVar("T", bound=ReadingTask)


class ReadingOptions(TypedDict, total=False):
    """What every reading call takes besides its own options."""

    window: int | None
    """Tokens of one model input at most; None for the model's own setting, as in the next."""
    overlap: int | None
    """Tokens that neighbouring windows share at least."""
    on_long: OnLong
    """What to do with a document that does not fit into one window: "window" (the default) reads all of it in several,
    "error" refuses it, "truncate" reads its beginning and says so in the receipt."""
    newline: Newline | None
    """"space" or "keep", the tokenizer's rule for line breaks; None for the one its vocabulary wants."""
    batch_size: int
    """Windows read together at most, 8 by default; changes no result."""
    backend: str
    """The framework that computes, one of backend.BACKENDS, or "auto", as `backend.choose_backend` has it; "pytorch" by
    default, which a program that goes on imports once."""
    device: str
    """auto (the default), cpu, cuda:N or mps."""
    threads: int | None
    """Processor threads; None leaves the framework's choice."""
    quantize: Quantize | None
    """"int8" computes the encoder's products in 8 bits, on a processor: quicker, and a little less exact."""
    offline: bool
    """Never ask the network."""
    read_ahead: bool
    """Read and tokenise what comes next in a thread while the model computes. Your iterable is then read in that
    thread; False by default, the command line does so."""
    revision: str | None
    """Branch, tag or commit of a hub model."""
    on_progress: Callable[[ReadingEvent], None] | None
    """Called with how far reading has come, now and then, from another thread too where there is one."""


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
        on_progress: called with how far reading has come.
    """

    opened: "_Opened"
    task: T
    on_long: OnLong
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

    def receipt(self, coverage: Coverage, unread: Sequence[str] = (), *, chosen: int | None = None) -> Receipt:
        """What was read of a document, and by what; `chosen` is how many windows were to be, if not all."""
        config = self.opened.folder.config
        is_full = self.predictor.attention != "block_sparse" or coverage.longest_input <= config.full_attention_limit
        receipt: Receipt = {
            "tokens": coverage.n_tokens,
            "read": coverage.n_read,
            "unknown": coverage.n_unknown,
            "windows": coverage.n_windows,
            "truncated": coverage.n_read < coverage.n_tokens if chosen is None else coverage.n_windows < chosen,
            "model": self.opened.name,
            "attention": "full" if is_full else "block_sparse",
            "device": self.predictor.device,
        }
        if chosen is not None:
            receipt["skimmed"] = True
        if unread:
            receipt["unread"] = list(unread)
        return receipt


def open_reader(
    kind: type[T],
    model: str | Path,
    *,
    what: str,
    options: ReadingOptions,
    longest_window: int | None = None,
    **settings: Any,
) -> Reader[T]:
    """Check the options and open a model for a task.

    Args:
        kind: the task.
        model: a model folder, a shipped model's name, or a name on the Hugging Face hub.
        what: the task in words, for errors.
        options: the caller's.
        longest_window: tokens of a window at most, unless the caller names a window; None for as many as trained.
        settings: of the task, besides window and overlap; None leaves the model's own.

    Raises:
        TypeError: there is no such option.
        UsageError: an option has an impossible value.
        ModelError: the model cannot be used, or was trained for another task.
    """
    if unknown := options.keys() - ReadingOptions.__annotations__.keys():
        raise TypeError(f"there is no option {min(unknown)!r}")
    batch_size = options.get("batch_size", 8)
    if batch_size < 1:
        raise UsageError(f"{batch_size} is too few", where="batch_size", fix="give 1 or more")
    on_long: OnLong = choice(options.get("on_long", "window"), get_args(OnLong), "on_long")
    newline = newline_of(options.get("newline"))
    backend = choose_backend(options.get("backend", "pytorch"), device=options.get("device", "auto"))
    open_backend(backend)  # which imports no framework yet
    opened = _opened(
        str(model),
        isinstance(model, Path),
        backend,
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
    window = given.get("window", min(stored["window"], limit, longest_window or limit))
    if window != stored["window"]:
        third = {name: min(stored[name], window // 3) for name in ("overlap", "max_answer_tokens") if name in stored}
        stored |= {"window": window} | third
    try:
        task = kind.model_validate(stored | given)
    except ValidationError as error:
        raise to_usage_error(error) from None
    on_progress = options.get("on_progress") or (lambda _: None)
    return Reader(opened, task, on_long, newline, batch_size, options.get("read_ahead", False), on_progress)


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
    """A model folder and its tokenizer, and its weights when they are first needed.

    Attributes:
        last_document: what was tokenised last, and by which rule for line breaks: often it is asked again.
    """

    def __init__(self, folder: ModelFolder, name: str, backend: str, **settings: Any) -> None:
        self.folder, self.name = folder, name
        self._backend = backend
        self._settings = settings
        self._predictors: dict[str, Predictor] = {}
        self.last_document: tuple[Newline | None, EncodedDocument] | None = None
        self.tokenizer = load_tokenizer(folder.path)
        check_vocabulary(self.tokenizer.vocab_size, folder.config.vocab_size, where=name)

    def predictor(self, head: str) -> Predictor:
        """The model with the head that a task needs."""
        if head not in self._predictors:
            self._predictors[head] = open_backend(self._backend).open_predictor(
                self.folder, head=head, **self._settings
            )
        return self._predictors[head]


@lru_cache(maxsize=2)  # a model that reads, and the encoder that chooses what it reads
def _opened(
    model: str,
    is_path: bool,
    backend: str,
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
    return _Opened(folder, model, backend, device=device, threads=threads, quantize=quantize)


@model_file_errors()
def stamps(model: str | Path) -> tuple[tuple[str, int], ...]:
    """What tells a folder that was written anew from the one that is open; nothing for a name that is no folder."""
    folder = local_path(model)
    if not folder.is_dir():
        return ()
    # an editor's lock is a link to nowhere
    return tuple(sorted((file.name, file.stat().st_mtime_ns) for file in folder.glob("*.*") if file.exists()))
