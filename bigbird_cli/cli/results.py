"""Results drawn for reading: answers in their sentence, names by their types, labels by their scores."""

import io
import re
import sys
import zlib
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from rich.padding import Padding
from rich.text import Text

from bigbird_cli.cli.console import Output
from bigbird_cli.messages import called, counted, shortened, visible
from bigbird_cli.report.writer import SURE, Writer
from bigbird_cli.text.sentences import sentence_around

if TYPE_CHECKING:
    from bigbird_cli.api import (
        ClassifyResult,
        NERResult,
        QAResult,
        RankedResult,
        Receipt,
        Result,
        SelectResult,
        ZeroShotResult,
    )
    from bigbird_cli.api.reading.classify import ClassifyRecord
    from bigbird_cli.api.reading.ner import EntityRecord, MentionRecord, NameRecord
    from bigbird_cli.api.reading.select import SentenceRecord
    from bigbird_cli.report.writer import Stream
    from bigbird_cli.tasks.qa.spans import Span

CLOSE = 0.5
"""A runner-up that is at least this times as likely as the best is shown beside it."""


R = TypeVar("R", bound="Result[Any, Any]")


def output(file: io.StringIO | None = None) -> Output:
    """Standard output, or a text without colours; long lines are broken on a terminal only."""
    on_terminal = file is None and sys.stdout.isatty()
    return Output(file=file, highlight=False, markup=False, emoji=False, soft_wrap=not on_terminal)


class Drawing(Writer[R]):
    """Draws results: a heading each, lines below it, and what of the document was read.

    Args:
        stream: where to; None for standard output.
        is_begun: others stand there already.
    """

    def __init__(self, stream: "Stream | None" = None, is_begun: bool = False) -> None:
        self._stream = stream
        self.out = output(None if stream is None else io.StringIO())
        self.in_colour = bool(self.out.is_terminal and self.out.color_system and not self.out.no_color)
        self.on_terminal = self.out.is_terminal
        self.n_shown = int(is_begun)

    def write(self, result: R) -> None:
        """Draw a result; of a failed one the error is told elsewhere."""
        if result.error is None:
            self.show(result)
        if self._stream is not None:
            self._stream.write(self.out.file.getvalue())  # type: ignore[attr-defined]  # a text of our own
            self.out.file = io.StringIO()
            self._stream.flush()

    @abstractmethod
    def show(self, result: R) -> None:
        """Draw a result that has a prediction."""

    def finish(self) -> None:
        """Do nothing: each drawing is whole by itself."""

    def _heading(self, heading: str) -> None:
        if self.n_shown:
            self.out.print()
        self.n_shown += 1
        self.out.print(Text(shortened(called(heading)), style="bold"))

    def _print(self, line: Text) -> None:
        """Print a line below the heading, indented; on a terminal its continuations are too."""
        if self.out.is_terminal:
            self.out.print(Padding(line, (0, 0, 0, 2), expand=False))
        else:
            self.out.print(Text("  ").append_text(line))

    def _print_facts(self, *facts: str) -> None:
        self._print(Text(visible(" · ".join(facts)), style="dim"))

    def _print_receipt(self, receipt: "Receipt") -> None:
        self._print_facts(*_facts(receipt))
        self.out.file.flush()


class Answers(Drawing["QAResult"]):
    """Draws the results of `bigbird qa`.

    Args:
        most: answers to show of a question; one more is shown where it is nearly as likely as the only one.
        with_question: write the question above them.
    """

    def __init__(
        self, stream: "Stream | None" = None, is_begun: bool = False, *, most: int = 1, with_question: bool = True
    ) -> None:
        super().__init__(stream, is_begun)
        self.most, self._with_question = most, with_question

    def show(self, result: "QAResult") -> None:
        """Write one result: question, answer in its sentence, score, location, and what of the document was read."""
        prediction, request = result.prediction, result.request
        if self._with_question:
            self._heading(self._title(result))
        if prediction.answer is None:
            self._print(Text("no answer", style="yellow"))
            no_answer = f"no answer {prediction.no_answer_score:.2f}"
            self._print_facts(f"best score {prediction.score:.2f}", no_answer, called(request.name))
        for rank in range(len(self.shown(result))):
            self.show_answer(result, rank)
        self._print_receipt(result.receipt)

    def _title(self, result: "QAResult") -> str:
        return result.request.second or ""

    def show_answer(self, result: "QAResult", rank: int) -> None:
        """Write one of a result's answers, from 0 for the best: in its sentence, with its score and location."""
        prediction, request = result.prediction, result.request
        span = prediction.spans[rank]
        self._print(self._in_sentence(request.text, span.start, span.end, span.score))
        page = result.location(span.start).get("page")
        at = f"{_on_page(page)}characters {span.start}-{span.end} of {called(request.name)}"
        n_others = len(span.mentions) - 1
        others = [f"said {n_others:,} more time{'s' * (n_others > 1)}"] if n_others else []
        is_unsure = not rank and span.score < SURE
        what = "runner-up, " if rank >= self.most else "unsure, " if is_unsure else ""
        no_answer = [] if rank else [f"no answer {prediction.no_answer_score:.2f}"]
        self._print_facts(f"{what}score {span.score:.2f}", *no_answer, at, *others)

    def shown(self, result: "QAResult") -> Sequence["Span"]:
        """The answers of a result that are shown, best first; none where none is given."""
        if result.prediction.answer is None:
            return []
        spans = result.prediction.spans
        is_close = self.most == 1 and len(spans) > 1 and spans[1].score >= CLOSE * spans[0].score
        return spans[: 2 if is_close else self.most]

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


class RankedDocuments(Answers):
    """Draws the results of `bigbird qa --rank`: a document each, with its place and its answer."""

    def _title(self, result: "QAResult") -> str:
        ranked = cast("RankedResult", result)
        of = f"{ranked.rank} of {ranked.n_documents:,} documents ({ranked.n_read:,} read)"
        return f"{of} · {called(result.request.name)}"


COLOURS = ("cyan", "green", "magenta", "blue", "bright_red", "bright_cyan", "bright_green", "bright_magenta")


def _colour(type_: str) -> str:
    """The colour of a type, the same in all documents."""
    return COLOURS[zlib.crc32(type_.encode()) % len(COLOURS)]


def show_types(descriptions: Mapping[str, str]) -> None:
    """Write the types of names that a model finds, a line each."""
    out = output()
    width = max(map(len, descriptions), default=0)
    for type_, description in descriptions.items():
        line = Text(f"{visible(type_):{width}}  ", style=_colour(type_))
        out.print(line.append(description, style="default"))


class Entities(Drawing["NERResult"]):
    """Draws the results of `bigbird ner`."""

    MOST = 4
    """Mentions of a name that are shown."""

    def show(self, result: "NERResult") -> None:
        """Write one result: the document, a line for each name or mention, and what of the document was read."""
        record = result.record()
        self._heading(record["source"])
        names, entities = record.get("names", []), record.get("entities", [])
        found: Sequence[NameRecord | EntityRecord] = names or entities
        for line in self._names(names) if names else self._entities(entities):
            self._print(line)
        if not found:
            self._print(Text("no names", style="yellow"))
        counts = Counter(entity["type"] for entity in found)
        if counts:
            self._print_facts(", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items())))
        self._print_receipt(record["receipt"])

    @staticmethod
    def _entities(found: Sequence["EntityRecord"]) -> Iterator[Text]:
        kinds = max((len(entity["type"]) for entity in found), default=0)
        spans = max((len(_characters(entity)) for entity in found), default=0)
        for entity in found:
            is_sure = entity["score"] >= SURE
            line = Text(f"{visible(entity['type']):{kinds}}  ", style=_colour(entity["type"]))
            line.append(_characters(entity).ljust(spans), style="dim")
            line.append(f"  {entity['score']:.2f}  ", style="dim")
            line.append(shortened(_flat(entity["text"])), style="bold" if is_sure else "yellow")
            yield line.append("" if is_sure else "  unsure", style="dim")

    def _names(self, found: Sequence["NameRecord"]) -> Iterator[Text]:
        """The names by their types, those of one type the most frequent first."""
        kinds = max((len(name["type"]) for name in found), default=0)
        most = max((len(f"{name['count']:,}") for name in found), default=0)
        for name in sorted(found, key=lambda name: name["type"]):
            is_sure = name["score"] >= SURE
            line = Text(f"{visible(name['type']):{kinds}}  ", style=_colour(name["type"]))
            line.append(f"{name['count']:>{most},}×  ", style="dim")
            line.append(shortened(_flat(name["text"])), style="bold" if is_sure else "yellow")
            shown = ", ".join(_characters(mention) for mention in name["mentions"][: self.MOST])
            n_more = name["count"] - self.MOST
            more = f" and {n_more:,} more" if n_more > 0 else ""
            yield line.append(f"  {name['score']:.2f}  {shown}{more}" + ("" if is_sure else "  unsure"), style="dim")


def _characters(found: "EntityRecord | MentionRecord | SentenceRecord") -> str:
    return f"{_on_page(found.get('page'))}{found['start']}-{found['end']}"


def _on_page(page: str | None) -> str:
    return "" if page is None else f"page {visible(page)}, "


class Labels(Drawing["ClassifyResult | ZeroShotResult"]):
    """Draws the results of `bigbird classify`."""

    MOST = 5
    """Labels shown of a model that has many."""

    def show(self, result: "ClassifyResult | ZeroShotResult") -> None:
        """Write one result: the document, its label with the likeliest others, and what of the document was read."""
        record = result.record()
        self._heading(record["source"])
        if record["label"] is None and not {"labels", "none_score"} & record.keys():  # a regression's number
            self._print(Text(f"{record['score']:.4g}", style="bold"))
        else:
            self._print_labels(record)
        if record["receipt"]["windows"] > 1:
            facts = [f"{record['combine']} of {counted(record['receipt']['windows'], 'window')}"]
            if evidence := record.get("evidence"):
                facts.append(
                    f"most at {_on_page(evidence.get('page'))}characters {evidence['start']}-{evidence['end']}"
                )
            self._print_facts(*facts)
        self._print_receipt(record["receipt"])

    def _print_labels(self, record: "ClassifyRecord") -> None:
        """A line for each label that is given or among the likeliest; first, where none is given, that."""
        label, scores = record["label"], record["scores"]
        given = record.get("labels", [] if label is None else [label])
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
            if name == label and not is_sure:
                line.append("  unsure", style="dim")
            self._print(line)


class Sentences(Drawing["SelectResult"]):
    """Draws the results of `bigbird select`."""

    def show(self, result: "SelectResult") -> None:
        """Write one result: the document, its sentences with their scores, and what of the document was read."""
        record = result.record()
        self._heading(record["source"])
        for sentence in record["sentences"]:
            line = Text(f"{sentence['score']:6.1%}  ", style="dim")
            line.append(shortened(_flat(sentence["text"])), style="bold" if sentence["score"] >= SURE else "default")
            self._print(line.append(f"  {_characters(sentence)}", style="dim"))
        self._print_receipt(record["receipt"])


def _flat(text: str) -> str:
    return visible(re.sub(r"\s+", " ", text))


_UNREAD = 3
"""Parts of a document that were not read and are named."""


def _shortened(unread: Sequence[str]) -> str:
    n_more = len(unread) - _UNREAD
    named = ", ".join(map(shortened, unread[:_UNREAD]))
    return named + (f" and {n_more:,} more" if n_more > 0 else "")


def _facts(receipt: "Receipt") -> list[str]:
    windows = receipt["windows"]
    parts = [f"read {receipt['read']:,} of {receipt['tokens']:,} tokens in {counted(windows, 'window')}"]
    if receipt.get("skimmed"):
        parts.append("skimmed")
    if receipt["truncated"]:
        parts.append("truncated")
    if unread := receipt.get("unread"):
        parts.append(f"not read: {_shortened(unread)}")
    if receipt["unknown"]:
        parts.append(f"{receipt['unknown']:,} unknown to the vocabulary")
    parts.append(f"{receipt['attention']} attention on {receipt['device']}")
    return [*parts, receipt["model"]]
