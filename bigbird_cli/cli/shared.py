"""The options that every command which reads documents takes, declared once."""

import functools
import inspect
import shlex
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from bigbird_cli.cli import options
from bigbird_cli.errors import BigBirdWarning
from bigbird_cli.files.encodings import check_encoding

if TYPE_CHECKING:
    from bigbird_cli.api import ReadingOptions, Result
    from bigbird_cli.cli.hints import SkimHint
    from bigbird_cli.cli.progress import ReadingProgress
    from bigbird_cli.report.writer import Writer

R = TypeVar("R", bound="Result[Any, Any]")

_OWN = frozenset({"column", "text_column", "encoding", "extract_text", "as_json", "html", "quiet", "debug"})
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
    device: options.Device = "auto"
    threads: options.Threads = None
    quantize: options.Quantize = None
    as_json: options.Json = False
    html: options.Html = None
    offline: options.Offline = False
    quiet: options.Quiet = False
    debug: options.Debug = False  # the boundary reads it

    def reading(self, progress: "ReadingProgress | SkimHint") -> "ReadingOptions":
        """The options of an api's call, which tells the progress how far it has come."""
        given = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _OWN}
        return {**given, "read_ahead": True, "on_progress": progress.show}  # type: ignore[typeddict-item]

    def writers(self, drawing: "Writer[R]") -> "list[Writer[R]]":
        """What takes the results: lines of JSON and a page where they are asked for, else the drawing."""
        from bigbird_cli.report.json_lines import JsonLines

        writers: list[Writer[R]] = [JsonLines(sys.stdout)] if self.as_json else []
        if self.html is not None:
            from bigbird_cli.report.pages import PageWriter

            writers.append(PageWriter(self.html, command=shlex.join(["bigbird", *sys.argv[1:]])))
        return writers or [drawing]


def reads_documents(*, without: frozenset[str] = frozenset()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the shared options, but for some; it takes what was given of them as its argument `shared`."""
    names = [field.name for field in fields(Shared) if field.name not in without]

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**values: Any) -> None:
            given = {name: values.pop(name) for name in names}
            if given.get("text_column") is not None:
                message = "--text-column is called --column; the former name goes with the next release"
                warnings.warn(BigBirdWarning(message), stacklevel=2)
                given["column"] = given["column"] or given["text_column"]
            check_encoding(given["encoding"])
            command(**values, shared=Shared(**given))

        own = [each for each in inspect.signature(command).parameters.values() if each.name != "shared"]
        options_ = [inspect.signature(Shared).parameters[name] for name in names]
        parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *options_)]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return with_options
