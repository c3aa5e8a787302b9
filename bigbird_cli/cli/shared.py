"""The options that every command which reads documents takes, declared once."""

import functools
import inspect
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from bigbird_cli.cli import options
from bigbird_cli.errors import BigBirdWarning, UsageError
from bigbird_cli.files.encodings import check_encoding

if TYPE_CHECKING:
    from bigbird_cli.api import ReadingOptions
    from bigbird_cli.cli.hints import SkimHint
    from bigbird_cli.cli.progress import ReadingProgress

_SHORT = 40_000
"""Bytes of files, some 9,000 tokens, up to which starting sooner is worth more than reading quicker."""

_OWN = frozenset(
    {"column", "text_column", "encoding", "extract_text", "as_json", "quiet", "debug", "own"}
    | {"format", "html", "out", "resume", "overwrite", "shard", "engine", "address", "details", "bom"}
)
"""Options of what is read and shown; the others are those of all of the api's calls, by the same names."""


@dataclass(frozen=True)
class Shared:
    """What was given of the shared options; in the order in which help shows them."""

    column: options.Column = None
    text_column: options.TextColumn = None
    encoding: options.Encoding = None
    extract_text: options.ExtractText = None
    window: options.Window = None
    overlap: options.Overlap = None
    on_long: options.OnLong = "window"
    newline: options.Newline = None
    batch_size: options.BatchSize = 8
    backend: options.ReadingBackend = "auto"
    device: options.Device = "auto"
    threads: options.Threads = None
    quantize: options.Quantize = None
    as_json: options.Json = False
    html: options.Html = None
    format: options.Format = None
    out: options.Out = None
    resume: options.GoOn = False
    overwrite: options.Overwrite = False
    shard: options.Part = None
    engine: options.Engine = None
    address: options.Address = None
    details: options.Details = False
    bom: options.Bom = False
    offline: options.Offline = False
    quiet: options.Quiet = False
    debug: options.Debug = False  # the boundary reads it
    own: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    """What was given of the command's own options, which are none of these."""

    def reading(self, progress: "ReadingProgress | SkimHint") -> "ReadingOptions":
        """The options of an api's call, which tells the progress how far it has come."""
        given = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in _OWN}
        return {**given, "read_ahead": True, "on_progress": progress.show}  # type: ignore[typeddict-item]


def reads_documents(*, without: frozenset[str] = frozenset()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the shared options, but for some; it takes what was given of them as its argument `shared`."""
    names = [each.name for each in fields(Shared) if each.name not in without and not each.kw_only]

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**values: Any) -> None:
            if values["engine"] is not None:
                from bigbird_cli.cli.engine import read_on_engine

                return read_on_engine(run, values)
            if values["address"] is not None:
                raise UsageError("no engine is named", where="--address", fix="add --engine ray, or leave it out")
            given = {name: values.pop(name) for name in names}
            if given.get("text_column") is not None:
                message = "--text-column is called --column; the former name goes with the next release"
                warnings.warn(BigBirdWarning(message), stacklevel=2)
                given["column"] = given["column"] or given["text_column"]
            check_encoding(given["encoding"])
            if given["backend"] == "auto":
                from bigbird_cli.backend import choose_backend

                given["backend"] = choose_backend("auto", device=given["device"], is_short=_is_short(values))
            command(**values, shared=Shared(**given, own=values))

        declare(run, command, Shared, names)
        return run

    return with_options


def _is_short(values: Mapping[str, Any]) -> bool:
    """Whether what a command is to read is little, and known: files, and for each of them one question at most."""
    paths = [*(values["files"] or []), *(values.get("context") or [])]
    if not paths or len(values.get("question", ("one",)) or ()) != 1 or values.get("questions") is not None:
        return False
    return all(map(os.path.isfile, paths)) and sum(map(os.path.getsize, paths)) <= _SHORT


def takes(kind: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options that a class declares; it takes what was given of them as its argument `shared`."""
    names = [each.name for each in fields(kind)]

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**values: Any) -> None:
            given = {name: values.pop(name) for name in names}
            command(**values, shared=kind(**given))

        declare(run, command, kind, names)
        return run

    return with_options


def declare(run: Callable[..., None], command: Callable[..., None], kind: type, names: Sequence[str]) -> None:
    """Let a function have the parameters of a command, and in place of `shared` fields of the options' class."""
    own = [each for each in inspect.signature(command).parameters.values() if each.name != "shared"]
    options_ = [inspect.signature(kind).parameters[name] for name in names]
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *options_)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
