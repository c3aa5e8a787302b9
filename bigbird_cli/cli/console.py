"""What a reader sees: answers in their sentence, the events of a run, reports of conversions.

Standard output carries data, standard error everything else. Colour and moving lines appear on a terminal only;
NO_COLOR and TERM=dumb are honoured (by Rich).
"""

import os
import re
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from bigbird_cli.cli.visible import json_parts
from bigbird_cli.events import (
    Checked,
    Evaluated,
    Event,
    Finished,
    ReadingEvent,
    Saved,
    Started,
    Step,
    Tokenizing,
    WindowRead,
)
from bigbird_cli.messages import shortened, visible
from bigbird_cli.text.sentences import sentence_around

SURE = 0.5
"""From this probability on, what was found is likelier than everything else together; below, it is shown as unsure."""

CLOSE = 0.5
"""A runner-up that is at least this times as likely as the best is shown beside it."""


def write_json(record: object) -> None:
    """Put one record on standard output at once."""
    for part in json_parts(record):
        sys.stdout.write(part)
    sys.stdout.write("\n")
    sys.stdout.flush()


class _Output(Console):
    """Standard output, whose reader may leave early: Rich would end the program with a code of its own."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class _Errors(Console):
    """Standard error: a run whose progress nobody hears any more goes on."""

    def __init__(self) -> None:
        super().__init__(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


class Reading:
    """Shows records for reading: a heading each, lines below it, and what of the document was read."""

    def __init__(self) -> None:
        self.out = _Output(highlight=False, markup=False, emoji=False, soft_wrap=not sys.stdout.isatty())
        self.in_colour = bool(self.out.is_terminal and self.out.color_system and not self.out.no_color)
        self.on_terminal = self.out.is_terminal
        self.n_shown = 0

    def _heading(self, heading: str) -> None:
        if self.n_shown:
            self.out.print()
        self.n_shown += 1
        self.out.print(Text(shortened(heading), style="bold"))

    def _print(self, line: Text) -> None:
        """Print a line below the heading, indented; on a terminal its continuations are too."""
        if self.out.is_terminal:
            self.out.print(Padding(line, (0, 0, 0, 2), expand=False))
        else:
            self.out.print(Text("  ").append_text(line))

    def _print_facts(self, *facts: str) -> None:
        self._print(Text(visible(" · ".join(facts)), style="dim"))

    def _receipt(self, record: Mapping[str, Any]) -> None:
        self._print_facts(*_receipt(record["receipt"]))
        self.out.file.flush()


class Answers(Reading):
    """Shows the answers of `bigbird qa`.

    Args:
        most: answers to show of a record; one more is shown where it is nearly as likely as the only one.
    """

    def __init__(self, *, most: int = 1) -> None:
        super().__init__()
        self.most = most

    def show(self, record: Mapping[str, Any], text: str) -> None:
        """Write one record: question, answer in its sentence, score, place, and what of the document was read."""
        self._heading(record["question"])
        no_answer = f"no answer {record['no_answer_score']:.2f}"
        if record["answer"] is None:
            self._print(Text("no answer", style="yellow"))
            self._print_facts(f"best score {record['score']:.2f}", no_answer, record["context"])
        else:
            answers = record.get("answers") or [record]
            shown = answers[: self.most]
            if self.most == 1 and len(answers) > 1 and answers[1]["score"] >= CLOSE * answers[0]["score"]:
                shown = answers[:2]
            for place, answer in enumerate(shown):
                self._print(self._in_sentence(text, answer["start"], answer["end"], answer["score"]))
                at = f"characters {answer['start']}-{answer['end']} of {record['context']}"
                n_others = len(answer["mentions"]) - 1
                others = [f"said {n_others:,} more time{'s' * (n_others > 1)}"] if n_others else []
                is_unsure = not place and answer["score"] < SURE
                what = "runner-up, " if place >= self.most else "unsure, " if is_unsure else ""
                self._print_facts(f"{what}score {answer['score']:.2f}", *([] if place else [no_answer]), at, *others)
        self._receipt(record)

    def _in_sentence(self, text: str, start: int, end: int, score: float) -> Text:
        excerpt = sentence_around(text, start, end)
        answer = shortened(_flat(text[start:end]))
        line = Text("… " if excerpt.cut_before else "")
        line.append(_flat(text[excerpt.start : start]))
        if self.in_colour:
            line.append(answer, style="bold black on bright_yellow" if score >= SURE else "bold yellow")
        else:
            line.append(f"[{answer}]")
        line.append(_flat(text[end : excerpt.stop]))
        line.append(" …" if excerpt.cut_after else "")
        return line


COLOURS = ("cyan", "green", "magenta", "blue", "bright_red", "bright_cyan", "bright_green", "bright_magenta")


def _colour(type_: str) -> str:
    """The colour of a type, the same in all documents."""
    return COLOURS[zlib.crc32(type_.encode()) % len(COLOURS)]


class EntityTypes(Reading):
    """Shows the types of names that a model finds."""

    def show(self, descriptions: Mapping[str, str]) -> None:
        """Write a line for each type."""
        width = max(map(len, descriptions), default=0)
        for type_, description in descriptions.items():
            line = Text(f"{visible(type_):{width}}  ", style=_colour(type_))
            self.out.print(line.append(description, style="default"))


class Entities(Reading):
    """Shows the names that `bigbird ner` found."""

    MOST = 4
    """Places of a name that are shown."""

    def show(self, record: Mapping[str, Any]) -> None:
        """Write one record: the document, a line for each name or mention, and what of the document was read."""
        self._heading(record["source"])
        found = record.get("names", record.get("entities", []))
        lines = self._names(found) if "names" in record else self._mentions(found)
        for line in lines:
            self._print(line)
        if not found:
            self._print(Text("no names", style="yellow"))
        counts = Counter(entity["type"] for entity in found)
        if counts:
            self._print_facts(", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items())))
        self._receipt(record)

    @staticmethod
    def _mentions(found: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
        kinds = max((len(entity["type"]) for entity in found), default=0)
        places = max((len(_place(entity)) for entity in found), default=0)
        for entity in found:
            is_sure = entity["score"] >= SURE
            line = Text(f"{visible(entity['type']):{kinds}}  ", style=_colour(entity["type"]))
            line.append(_place(entity).ljust(places), style="dim")
            line.append(f"  {entity['score']:.2f}  ", style="dim")
            line.append(shortened(_flat(entity["text"])), style="bold" if is_sure else "yellow")
            yield line.append("" if is_sure else "  unsure", style="dim")

    def _names(self, found: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
        """The names by their types, those of one type the most frequent first."""
        kinds = max((len(name["type"]) for name in found), default=0)
        most = max((len(f"{name['count']:,}") for name in found), default=0)
        for name in sorted(found, key=lambda name: str(name["type"])):
            is_sure = name["score"] >= SURE
            line = Text(f"{visible(name['type']):{kinds}}  ", style=_colour(name["type"]))
            line.append(f"{name['count']:>{most},}×  ", style="dim")
            line.append(shortened(_flat(name["text"])), style="bold" if is_sure else "yellow")
            shown = ", ".join(_place(mention) for mention in name["mentions"][: self.MOST])
            n_more = name["count"] - self.MOST
            more = f" and {n_more:,} more" if n_more > 0 else ""
            yield line.append(f"  {name['score']:.2f}  {shown}{more}" + ("" if is_sure else "  unsure"), style="dim")


def _place(mention: Mapping[str, Any]) -> str:
    return f"{mention['start']}-{mention['end']}"


class Labels(Reading):
    """Shows what `bigbird classify` made of documents."""

    MOST = 5
    """Labels shown of a model that has many."""

    def show(self, record: Mapping[str, Any]) -> None:
        """Write one record: the document, its label with the likeliest others, and what of the document was read."""
        self._heading(record["source"])
        scores, given = record["scores"], record.get("labels", [record["label"]])
        if "none_score" in record and record["label"] is None:
            given = []
        if record["label"] is None and given:
            self._print(Text(f"{record['score']:.4g}", style="bold"))
        else:
            if not given:
                none = f"none of these  {record['none_score']:6.1%}" if record.get("none_score") else "no label"
                self._print(Text(none, style="yellow"))
            best = sorted(scores, key=lambda name: -scores[name])
            is_close = "labels" not in record and len(best) > 1 and scores[best[1]] >= CLOSE * scores[best[0]]
            is_sure = scores[best[0]] >= SURE and not is_close
            shown = [name for i, name in enumerate(best) if name in given or i < self.MOST]
            width = max(len(shortened(name)) for name in shown)
            for name in shown:
                line = Text(f"{shortened(name):{width}}", style="bold" if name in given else "")
                line.append(f"  {scores[name]:6.1%}  ", style="dim")
                colour = "green" if is_sure else "yellow"
                line.append("█" * round(20 * scores[name]), style=colour if name in given else "dim")
                if name == record["label"] and not is_sure:
                    line.append("  unsure", style="dim")
                self._print(line)
        if record["receipt"]["windows"] > 1:
            facts = [f"{record['combine']} of {record['receipt']['windows']:,} windows"]
            if evidence := record.get("evidence"):
                facts.append(f"most at characters {evidence['start']}-{evidence['end']}")
            self._print_facts(*facts)
        self._receipt(record)


class Waiting:
    """A moving sign on standard error while a document is read; on a terminal only."""

    def __init__(self, *, quiet: bool) -> None:
        err = Console(stderr=True, highlight=False, markup=False, emoji=False)
        moves = err.is_terminal and not err.is_dumb_terminal and not quiet
        self.sign = err.status("reading") if moves else None

    def __enter__(self) -> "Waiting":
        if self.sign is not None:
            self.sign.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.sign is not None:
            self.sign.stop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the sign away while something is shown."""
        if self.sign is not None:
            self.sign.stop()
        yield
        if self.sign is not None:
            self.sign.start()


class ReadingProgress:
    """Shows on standard error how far reading has come: a bar on a terminal, else a line every so often.

    Args:
        quiet: show nothing.
        every: seconds between two lines, where there is no terminal.
    """

    def __init__(self, *, quiet: bool, every: float = 10.0) -> None:
        self._err = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self.quiet = quiet
        self._every = every
        self._last_line = time.monotonic()
        self._first: tuple[float, WindowRead] | None = None  # when the first window was read, to reckon speed from
        self._is_reading = False  # what is tokenised meanwhile is of no interest
        self._bar: Progress | None = None
        if self._err.is_terminal and not self._err.is_dumb_terminal and not quiet:
            text = TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1))
            self._bar = Progress(BarColumn(bar_width=16), text, console=self._err, transient=True, expand=True)
            self._bar.add_task("reading", total=None)

    def __enter__(self) -> "ReadingProgress":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar away while something is shown."""
        if self._bar is not None:
            self._bar.stop()
        yield
        if self._bar is not None:
            self._bar.start()

    def show(self, event: ReadingEvent) -> None:
        """Take in how far reading has come; from any thread."""
        if self.quiet:
            return
        now = time.monotonic()
        if isinstance(event, WindowRead):
            self._is_reading = event.n_done < event.n_windows
            self._first = self._first or (now, event)
        elif self._is_reading:
            return
        if self._bar is not None:
            done, of = (event.n_done_in_all, event.n_windows_in_all) if isinstance(event, WindowRead) else (0, None)
            self._bar.update(
                self._bar.task_ids[0], completed=done, total=of, description=visible(self._line(event, now))
            )
        elif now - self._last_line >= self._every:
            self._last_line = now
            say(self._line(event, now))

    def _line(self, event: ReadingEvent, now: float) -> str:
        if isinstance(event, Tokenizing):
            share = event.n_done / event.n_characters if event.n_characters else 1.0
            return f"tokenising · {share:.0%} of {event.n_characters:,} characters · {event.name}"
        parts = [f"{event.n_done:,}/{event.n_windows:,} window{'s' * (event.n_windows > 1)}"]
        if event.n_windows_in_all > event.n_windows:
            parts.append(f"{event.n_done_in_all:,}/{event.n_windows_in_all:,} in all")
        begun, first = self._first or (now, event)
        seconds = now - begun
        if seconds >= 1 and event.n_done_in_all > first.n_done_in_all:
            n_left = event.n_windows_in_all - event.n_done_in_all
            parts.append(f"{(event.n_tokens_in_all - first.n_tokens_in_all) / seconds:,.0f} tokens/s")
            parts.append(f"{_duration(n_left * seconds / (event.n_done_in_all - first.n_done_in_all))} left")
        return " · ".join([*parts, event.name])  # its name may be longer than a line of the terminal


class Run:
    """Shows the events of a training run on standard error: a bar on a terminal, else a line every so often.

    Args:
        quiet: show nothing.
        as_json: write every event as a JSON line on standard output too.
        every: seconds between two lines about steps, where there is no terminal.
    """

    def __init__(self, *, quiet: bool, as_json: bool = False, every: float = 10.0) -> None:
        self.err = _Errors()
        self.quiet = quiet
        self.as_json = as_json
        self.every = every
        self.last_line = 0.0
        self.last_score = ""
        self.saved = False
        self.bar: Progress | None = None
        self.task: TaskID | None = None

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def show(self, event: Event | Checked) -> None:
        self.saved = self.saved or isinstance(event, Saved)
        if self.as_json:
            write_json({"event": type(event).__name__.lower(), **_plain(asdict(event))})
        if self.quiet:
            return
        if isinstance(event, Started):
            self._say(
                f"{event.run}  {event.n_parameters:,} parameters on {event.device} · {_windows(event.n_features)} · "
                f"{event.n_steps:,} steps"
            )
            if event.new_head:
                self._say(f"a new head for {event.new_head}")
            if event.resumed_from:
                self._say(f"resumed from {event.resumed_from}")
            self._open_bar(event.n_steps)
        elif isinstance(event, Step):
            self._step(event)
        elif isinstance(event, Evaluated):
            best = " · the best so far, kept" if event.best else ""
            self.last_score = f" · {event.metric} {event.scores[event.metric]:.4g}"
            scores = _scores(event.scores, event.metric)
            self._say(f"step {event.step:,}: {scores} ({_duration(event.seconds)}){best}")
        elif isinstance(event, Saved):
            self._say(f"step {event.step:,}: saved {event.path}")
        elif isinstance(event, Finished):
            if self.bar is not None:
                self.bar.stop()
            best = f" · best {_scores(event.best_scores, event.metric)}" if event.best_scores else ""
            early = ", stopped early as the scores rose no more" if event.stopped_early else ""
            self._say(f"done: {event.step:,} steps in {_duration(event.seconds)}{early}{best} · model in {event.run}")
        elif isinstance(event, Checked):
            data = "a stream"
            if event.n_examples is not None and event.n_tokens is not None:
                data = f"{event.n_examples:,} examples in {event.n_features:,} windows"
                data += f" ({event.n_tokens:,} tokens an epoch)"
            pace = f"{event.seconds_per_step:.2f} s a step, {event.n_steps:,} steps"
            whole = _duration(event.seconds_per_step * event.n_steps)
            self._say(f"recipe, data and one step hold: {data}, loss {event.loss:.4f}, {pace}, about {whole}")

    def _open_bar(self, n_steps: int) -> None:
        if not self.err.is_terminal or self.err.is_dumb_terminal:
            return
        columns = (
            BarColumn(bar_width=16),
            TextColumn("{task.completed}/{task.total}", table_column=Column(min_width=2 * len(str(n_steps)) + 1)),
            TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
        )
        self.bar = Progress(*columns, console=self.err, transient=True, expand=True)
        self.task = self.bar.add_task("", total=n_steps)
        self.bar.start()

    def _step(self, event: Step) -> None:
        facts = (
            f"loss {event.loss:.4f} · {_duration(event.eta_seconds)} left{self.last_score} · "
            f"{event.tokens_per_second:,.0f} tokens/s · lr {event.lr:.2e} · padding {event.padding:.0%} · "
            f"{event.memory_mb:,.0f} MB"  # what matters most comes first: a narrow terminal shows no more
        )
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, completed=event.step, description=facts)
            return
        now = time.monotonic()
        if not self.last_line or now - self.last_line >= self.every or event.step >= event.n_steps:
            self.last_line = now
            self._say(f"step {event.step:,}/{event.n_steps:,} · epoch {event.epoch:.2f} · {facts}")

    def _say(self, line: str) -> None:
        self.err.print(Text(visible(line)))


def say(line: str, *, quiet: bool = False) -> None:
    """Write one remark to standard error."""
    if not quiet:
        with suppress(OSError):  # where nobody can hear it, what is done is done all the same
            print(visible(line), file=sys.stderr, flush=True)


def say_all(lines: Iterable[str], *, quiet: bool = False) -> None:
    """Write remarks to standard error, one a line."""
    for line in lines:
        say(line, quiet=quiet)


def _flat(text: str) -> str:
    return visible(re.sub(r"\s+", " ", text))


def _receipt(receipt: Mapping[str, Any]) -> list[str]:
    windows = receipt["windows"]
    parts = [
        f"read {receipt['read']:,} of {receipt['tokens']:,} tokens in {windows:,} window{'' if windows == 1 else 's'}"
    ]
    if receipt["truncated"]:
        parts.append("truncated")
    if receipt["unknown"]:
        parts.append(f"{receipt['unknown']:,} unknown to the vocabulary")
    parts.append(f"{receipt['attention']} attention on {receipt['device']}")
    return [*parts, str(receipt["model"])]


def _scores(scores: Mapping[str, float], metric: str | None, most: int = 5) -> str:
    """The score that counts, and a few more."""
    names = sorted(scores, key=lambda name: name != metric)
    more = f" · {len(names) - most} more in metrics.jsonl" if len(names) > most else ""
    return " · ".join(f"{name} {scores[name]:.4g}" for name in names[:most]) + more


def _windows(count: int | None) -> str:
    return "a stream of windows" if count is None else f"{count:,} windows an epoch"


def _duration(seconds: float) -> str:
    whole = round(max(0.0, seconds))
    if whole < 100:
        return f"{whole} s"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def _plain(value: Any) -> Any:
    """A value as JSON has it: paths as text, numbers that JSON lacks as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
