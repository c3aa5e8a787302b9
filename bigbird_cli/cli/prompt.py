"""The prompt of `bigbird qa FILE`: one question after the other about a document that stays open."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from bigbird_cli.cli import signals
from bigbird_cli.cli.boundary import show_error
from bigbird_cli.cli.console import say
from bigbird_cli.cli.signals import Terminated
from bigbird_cli.errors import BigBirdError, UsageError

if TYPE_CHECKING:
    from bigbird_cli.api import QAResult
    from bigbird_cli.cli.results import Answers
    from bigbird_cli.cli.shared import Shared

N_ANSWERS = 10
"""Answers to a question that can be shown, one after the other."""

HELP = """\
a question   answer it
:n           the next answer to the last question
:page        where the answer stands
:skim N      read only the N windows likeliest to hold an answer; :skim off reads all
:q           end, as Ctrl-D does; Ctrl-C stops an answer"""


def run_prompt(
    path: str, answer_all: Callable[..., "Iterator[QAResult]"], *, shared: "Shared", skim: int | None, top_k: int
) -> None:
    """Open a document and answer questions about it until the user ends.

    Args:
        path: of the document.
        answer_all: the api's call, with the model and what else stays.
        shared: options.
        skim: windows to read, to begin with.
        top_k: answers to show at once.

    Raises:
        DataError: the document cannot be read.
    """
    from bigbird_cli.api import Request, read_inputs
    from bigbird_cli.cli.hints import N_SKIM, SkimHint
    from bigbird_cli.cli.progress import ReadingProgress
    from bigbird_cli.cli.results import Answers
    from bigbird_cli.text.documents import Document, FailedDocument

    [found] = read_inputs([path], encoding=shared.encoding)
    if isinstance(found, FailedDocument):
        raise found.error
    document = cast(Document, found)  # a file of rows opens no prompt

    def ask(question: str, skim: int | None) -> "Iterator[QAResult]":
        progress = ReadingProgress(quiet=shared.quiet)
        hint = SkimHint(progress, n_questions=1, remedy=f":skim {N_SKIM}")
        options = {**shared.reading(progress if skim else hint), "read_ahead": False}
        results = answer_all([Request(document, question)], top_k=max(N_ANSWERS, top_k), skim=skim, **options)
        with progress:
            for result in results:
                if result.error is not None:
                    raise result.error
                with progress.paused():
                    yield result

    Prompt(path, ask, Answers(most=top_k, with_question=False), skim).run()


@dataclass
class Prompt:
    """Reads questions and commands from a terminal until the user ends it.

    Attributes:
        name: the document's.
        ask: answers a question, reading so many windows, or all; stopped, it gives what it has before it ends.
        answers: draws answers.
        skim: windows to read; None reads all.
    """

    name: str
    ask: Callable[[str, int | None], "Iterator[QAResult]"]
    answers: "Answers"
    skim: int | None = None
    _last: "QAResult | None" = field(default=None, init=False)
    _rank: int = field(default=0, init=False)

    def run(self) -> None:
        """Ask for questions until the end; Ctrl-C stops what is under way alone."""
        with suppress(ImportError):  # Windows has none
            import readline  # noqa: F401 - the line can be edited, and those before it come back
        say(f"{self.name} is open: ask something, or :help")
        while True:
            try:
                line = input("? ").strip()
                if line in (":q", ":quit"):
                    return
                self._do(line)
            except EOFError:
                print()
                return
            except BigBirdError as error:
                show_error(error)
            except Terminated:
                raise
            except KeyboardInterrupt:
                signals.forget()
                print()
                say("stopped: :q ends")

    def _do(self, line: str) -> None:
        command, _, rest = line.partition(" ")
        if not line:
            return
        if not line.startswith(":"):
            self._last = None
            for result in self.ask(line, self.skim):
                self.answers.show(result)
                self._last = result
                self._rank = len(self.answers.shown(result)) - 1
        elif command == ":n":
            self._next()
        elif command == ":page":
            self._where()
        elif command == ":skim":
            self._set_skim(rest.strip())
        elif command == ":help":
            print(HELP)
        else:
            raise UsageError(
                f"there is no {command}", fix="write :help for what there is, or a question without a colon"
            )

    def _answered(self) -> "QAResult":
        if self._last is None:
            raise UsageError("nothing was asked yet", fix="ask something")
        return self._last

    def _next(self) -> None:
        result = self._answered()
        if self._rank + 1 >= len(result.prediction.spans):
            raise UsageError("there are no more answers", fix="ask in other words")
        self._rank += 1
        self.answers.show_answer(result, self._rank)

    def _where(self) -> None:
        result = self._answered()
        if self._rank < 0:
            raise UsageError("there is no answer", fix=":n shows what comes nearest")
        span = result.prediction.spans[self._rank]
        share = span.start / len(result.request.text)
        at = f"characters {span.start:,}-{span.end:,}, {share:.0%} into {self.name}"
        page = result.location(span.start).get("page")
        print(f"page {page}, {at}" if page else at)

    def _set_skim(self, given: str) -> None:
        if given == "off":
            self.skim = None
        elif given.isdecimal() and int(given):
            self.skim = int(given)
        else:
            raise UsageError(f":skim {given} says nothing", fix=":skim 8, or :skim off")
        say(f"reading {self.skim} windows for a question" if self.skim else "reading all for each question")
