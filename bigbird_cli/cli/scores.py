"""Evaluations drawn for reading: scores with their intervals, tables, bars, and a confusion matrix."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from bigbird_cli.cli.console import Output
from bigbird_cli.cli.plots import sparkline
from bigbird_cli.messages import counted, shortened, visible

if TYPE_CHECKING:
    from bigbird_cli.api.gold.calibrating import Calibrated
    from bigbird_cli.api.gold.comparing import ComparedModels
    from bigbird_cli.api.gold.evaluating import Evaluation, Part
    from bigbird_cli.api.gold.needles import FoundNeedle
    from bigbird_cli.api.recipes.runs import RunCurves, RunRecord
    from bigbird_cli.scoring import Reliability
    from bigbird_cli.tasks.outcomes import Confusion, NameScores

BAR = 20
"""Characters of a bar of 100 %."""

PIPE = 1_000
"""Characters of a line where nobody sees where it ends."""

MOST_NAMES = 40
"""Labels or types in a table; of more, the most frequent ones."""

LEAST = 8
"""Characters that a column is cut to at most."""

WIDEST_MATRIX = 12
"""Labels of a confusion matrix that is drawn; of more, the pairs that are confused most are listed."""

MOST_PAIRS = 8

HOW = {
    "labels": "labels",
    "strict": "entities, strictly: of the type, at the same characters",
    "partial": "entities, partly: of the type, sharing a character",
}
"""Titles of the tables by label or type."""

COUNTS = frozenset({"total", "predicted", "unalignable", "seam_errors"})
"""Scores that count something."""

MOST_MISSED = 10

PLOT = 40
"""Characters of a small plot at most."""


class Scores:
    """Draws on standard output; in a pipe without colour, and no line is cut or broken."""

    def __init__(self) -> None:
        self.out = Output(highlight=False, markup=False, emoji=False)
        if not self.out.is_terminal:
            self.out.width = PIPE

    def heading(self, text: str) -> None:
        """Begin a part."""
        self.out.print()
        self.out.print(Text(visible(text), style="bold"))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
        """Draw rows, one line each.

        Args:
            columns: their names. One that begins with < stands to the left, and is cut where the terminal is narrow;
                one that begins with ? is left out then, the last of them first.
            rows: their cells.
        """
        cells = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
        names = [name.lstrip("<?") for name in columns]
        widths = [max([cell_len(name), *(row[i].cell_len for row in cells)]) for i, name in enumerate(names)]
        shown = list(range(len(columns)))
        optional = [i for i in shown if "?" in columns[i][:2]]
        while optional and self._excess(widths, shown) > 0:
            shown.remove(optional.pop())
        cut = [i for i in shown if columns[i].startswith("<")]
        while cut and self._excess(widths, shown) > 0 and widths[widest := max(cut, key=lambda i: widths[i])] > LEAST:
            widths[widest] -= 1
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_header=any(names))
        table.add_column()
        for i in shown:
            justify: Literal["left", "right"] = "left" if "<" in columns[i][:2] else "right"
            table.add_column(names[i], justify=justify, no_wrap=True, overflow="ellipsis", max_width=widths[i])
        for row in cells:
            table.add_row("", *(row[i] for i in shown))
        self.out.print(table)

    def _excess(self, widths: Sequence[int], shown: Sequence[int]) -> int:
        """By how many characters columns are wider than the terminal."""
        return 2 + sum(widths[i] + 2 for i in shown) - self.out.width


def show_evaluation(evaluation: "Evaluation") -> None:
    """Draw all that an evaluation tells."""
    draw = Scores()
    counts = [counted(evaluation["examples"], "example")]
    if evaluation["documents"] < evaluation["examples"]:
        counts.append(counted(evaluation["documents"], "document"))
    counts.append(counted(evaluation["tokens"], "token"))
    draw.out.print(Text(shortened(f"{evaluation['model']} on {evaluation['data']}"), style="bold"))
    draw.out.print(Text(f"{evaluation['task']} · {' · '.join(counts)}", style="dim"))
    _show_scores(draw, evaluation)
    _show_parts(draw, "by length of the document", evaluation["by_length"])
    _show_parts(draw, "by position in the document", evaluation["by_position"])
    for how, names in evaluation["by_name"].items():
        _show_names(draw, how, names)
    if "confusion" in evaluation:
        _show_confusion(draw, evaluation["confusion"])
    for what, table in evaluation["calibration"].items():
        show_reliability(draw, what, table)
    if evaluation["mistakes"]:
        draw.heading("surest mistakes")
        rows = [
            [f"{each['score']:.2f}", *map(shortened, (each["predicted"], each["gold"], each["id"]))]
            for each in evaluation["mistakes"]
        ]
        draw.table(("score", "<predicted", "<gold", "?<id"), rows)


def show_comparison(compared: "ComparedModels", *, most: int) -> None:
    """Draw how two models differ, and the examples that changed most."""
    draw = Scores()
    draw.out.print(Text.assemble(("A  ", "bold"), shortened(compared["a"])))
    draw.out.print(Text.assemble(("B  ", "bold"), shortened(compared["b"])))
    counts = f"{counted(compared['examples'], 'example')} · {counted(compared['documents'], 'document')}"
    draw.out.print(Text(f"{counts} · {shortened(compared['data'])}" if compared["data"] else counts, style="dim"))
    draw.out.print()
    rows = [
        (
            each["name"].replace("_", " "),
            f"{each['a']:.2f}",
            f"{each['b']:.2f}",
            Text(f"{each['difference']:+.2f}", style="bold" if each["significant"] else ""),
            f"{each['low']:+.1f} – {each['high']:+.1f}",
            f"{each['p']:.4f}",
            Text("significant" if each["significant"] else "", style="green"),
        )
        for each in compared["scores"]
    ]
    draw.table(("<", "A", "B", "B - A", "?95 %", "p", "?<"), rows)
    n_same = compared["examples"] - compared["better_a"] - compared["better_b"]
    draw.heading(
        f"A is better on {counted(compared['better_a'], 'example')}, B on {compared['better_b']:,}; on {n_same:,} they"
        " are equal"
    )
    shown = sorted(compared["changes"], key=lambda change: -abs(change["difference"]))[:most]
    changed = [
        [change["better"].upper(), *map(shortened, (change["a"], change["b"], change["gold"], change["id"]))]
        for change in shown
    ]
    if changed:
        draw.table(("<better", "<A", "<B", "<gold", "?<id"), changed)
    if len(compared["changes"]) > len(shown):
        draw.out.print(Text(f"  and {len(compared['changes']) - len(shown):,} more; --json lists all", style="dim"))


def show_calibration(calibrated: "Calibrated") -> None:
    """Draw the calibration errors before and after, and the settings that changed."""
    draw = Scores()
    draw.out.print(Text(shortened(f"{calibrated['model']} on {', '.join(calibrated['data'])}"), style="bold"))
    counts = f"{counted(calibrated['examples'], 'example')} · {counted(calibrated['documents'], 'document')}"
    draw.out.print(Text(f"{calibrated['task']} · {counts}", style="dim"))
    draw.heading("expected calibration error, in percent; after it on documents that it was not fitted to")
    rows = [
        (
            what,
            f"{before['error']:.1f}",
            Text(f"{after['error']:.1f}", style="green" if after["error"] < before["error"] else "yellow"),
            f"{after['count']:,}",
            f"{before['confidence']:.2f}",
            f"{after['confidence']:.2f}",
            f"{after['right']:.2f}",
        )
        for what, before in calibrated["before"].items()
        for after in [calibrated["after"][what]]
    ]
    draw.table(("<", "before", "after", "?number", "?mean score before", "?after", "?right"), rows)
    metric = calibrated["metric"]
    scores = [f"{each[metric]:.2f}" for each in (calibrated["scores_before"], calibrated["scores_after"])]
    draw.out.print(Text(f"  {metric.replace('_', ' ')} {scores[0]} before, {scores[1]} after"))
    changed = calibrated["settings"]
    draw.heading("settings" if changed else "no setting changes")
    if changed:
        draw.table(("<", ""), [(name, f"{value:g}") for name, value in changed.items()])
    written = f"written to {calibrated['out']}/task.json" if calibrated["out"] else "nothing was written"
    draw.out.print()
    draw.out.print(Text(visible(written), style="dim"))


def show_run(run: "RunCurves") -> None:
    """Draw how a run went: a small plot for each thing that was measured, and its best scores."""
    draw = Scores()
    show_runs([run])
    rows = [
        (
            name.replace("_", " "),
            sparkline([point["value"] for point in points], PLOT),
            f"{points[0]['value']:.4g}",
            f"{points[-1]['value']:.4g}",
        )
        for name, points in run["curves"].items()
        if points
    ]
    draw.out.print()
    draw.table(("<", "<", "first", "last"), rows)


def show_runs(runs: "Sequence[RunRecord]") -> None:
    """Draw a line for each run."""
    draw = Scores()
    rows: list[list[str | Text]] = []
    for run in runs:
        style = {"finished": "", "unfinished": "yellow", "diverged": "red"}[run["state"]]
        steps = f"{run['steps']:,}" if run["state"] == "finished" else f"{run['steps']:,} of {run['n_steps']:,}"
        metric = run.get("metric", "")
        test = run.get("test", {}).get(metric)
        rows.append(
            [
                shortened(run["run"]),
                run["task"] or "",
                Text(run["state"], style=style),
                steps,
                metric.replace("_", " "),
                Text(f"{run['best']:.2f}" if "best" in run else "", style="bold"),
                f"{run['best_step']:,}" if "best_step" in run else "",
                "" if test is None else f"{test:.2f}",
                f"{run['loss']:.4f}" if "loss" in run else "",
            ]
        )
    draw.table(("<run", "?<task", "<state", "steps", "<score", "best", "?at step", "test", "?loss"), rows)


def show_needles(found: "Sequence[FoundNeedle]") -> None:
    """Draw a map: a row for each length, a column for each depth."""
    draw = Scores()
    lengths, depths = sorted({each["tokens"] for each in found}), sorted({each["depth"] for each in found})
    names = [f"{length:,}" for length in lengths]
    margin = max(map(len, names))
    cell = 2 if draw.out.width >= margin + 2 * len(depths) + 10 else 1
    ends = "0 %".ljust(cell * len(depths) - len("100 %")) + "100 %"
    draw.out.print(Text(f"{'tokens':>{margin}}  {ends}  found", style="dim"))
    at = {(each["tokens"], each["depth"]): each for each in found}
    for name, length in zip(names, lengths, strict=True):
        row = [at[length, depth] for depth in depths]
        line = Text(f"{name:>{margin}}  ")
        for each in row:
            sign, style = ("█", "green") if each["found"] else ("▒", "yellow") if each["refused"] else ("·", "red")
            line.append(sign * cell, style=style)
        draw.out.print(line.append(f"  {sum(each['found'] for each in row)} of {len(row)}"))
    draw.out.print(Text("█ found   ▒ best answer, but refused   · missed", style="dim"))
    if missed := [each for each in found if not each["found"]][:MOST_MISSED]:
        draw.heading("not found")
        rows = [
            (
                f"{each['tokens']:,}",
                f"{each['depth']} %",
                each["wanted"],
                shortened("no answer" if each["answer"] is None else each["answer"]),
                each["question"],
            )
            for each in missed
        ]
        draw.table(("tokens", "depth", "<wanted", "<answer", "?<question"), rows)


def _show_scores(draw: Scores, evaluation: "Evaluation") -> None:
    """The scores, the task's own first; what is given by length or name stands in tables of its own."""
    scores, spans, first = evaluation["scores"], evaluation["intervals"], evaluation["metric"]
    shown = [name for name in scores if name in spans or not _stands_elsewhere(name, first)]
    rows = []
    for name in sorted(shown, key=lambda name: (name != first, name not in spans)):
        low, high = spans.get(name, (None, None))
        value = f"{scores[name]:,.0f}" if name in COUNTS or name.endswith("_total") else f"{scores[name]:.2f}"
        rows.append((Text(name.replace("_", " "), style="bold" if name == first else ""), value, interval(low, high)))
    draw.out.print()
    draw.table(("<", "", "?95 %" if spans else ""), rows)


def _stands_elsewhere(name: str, first: str) -> bool:
    """Whether a score is of one length, type or label."""
    kind, _, of_one = name.partition("_")
    return name.endswith("_tokens") or (
        kind in ("precision", "recall", "f1", "total") and bool(of_one) and name != first
    )


def interval(low: float | None, high: float | None, *, digits: str = ".1f") -> str:
    """An interval to read; nothing where there is none."""
    return "" if low is None or high is None else f"{low:{digits}} – {high:{digits}}"


def _show_parts(draw: Scores, title: str, parts: "Sequence[Part]") -> None:
    if not parts:
        return
    draw.heading(title)
    metric = parts[0]["metric"].replace("_", " ")
    is_share = metric != "mse"
    rows = [
        (
            part["name"],
            f"{part['examples']:,}",
            f"{part['score']:.1f}" if is_share else f"{part['score']:.4g}",
            interval(part["low"], part["high"], digits=".1f" if is_share else ".4g"),
            bar(part["score"]) if is_share else "",
        )
        for part in parts
    ]
    draw.table(("<", "?number", metric, "95 %", "?<"), rows)


def _show_names(draw: Scores, how: str, names: "Sequence[NameScores]") -> None:
    draw.heading(HOW[how])
    shown = sorted(names, key=lambda each: -each["total"])[:MOST_NAMES]
    rows: list[list[str | Text]] = [
        [
            shortened(each["name"]),
            *(f"{value:.1f}" for value in (each["precision"], each["recall"], each["f1"])),
            f"{each['total']:,}",
            f"{each['predicted']:,}",
            bar(each["f1"]),
        ]
        for each in sorted(shown, key=lambda each: each["name"])
    ]
    draw.table(("<", "precision", "recall", "f1", "?gold", "?predicted", "?<"), rows)
    if len(names) > len(shown):
        draw.out.print(Text(f"  and {len(names) - len(shown):,} more, less frequent", style="dim"))


def _show_confusion(draw: Scores, confusion: "Confusion") -> None:
    labels, counts = confusion["labels"], confusion["counts"]
    if len(labels) > WIDEST_MATRIX:
        pairs = {
            (gold, predicted): count
            for gold, row in zip(labels, counts, strict=True)
            for predicted, count in zip(labels, row, strict=True)
            if count and gold != predicted
        }
        draw.heading("confused most")
        most = sorted(pairs, key=lambda pair: -pairs[pair])[:MOST_PAIRS]
        draw.table(("times", "<gold", "<predicted"), [[f"{pairs[pair]:,}", *map(shortened, pair)] for pair in most])
        return
    draw.heading("confusion matrix: a row for each gold label, a column for each predicted one")
    rows: list[list[str | Text]] = []
    for i, (label, row) in enumerate(zip(labels, counts, strict=True)):
        total = max(1, sum(row))
        cells = [
            Text(
                f"{count:,}",
                style="bold green" if i == j else "red" if count / total >= 0.1 else "dim" if not count else "",
            )
            for j, count in enumerate(row)
        ]
        rows.append([f"{i + 1}", shortened(label), *cells])
    draw.table(("", "<", *(f"{i + 1}" for i in range(len(labels)))), rows)


def show_reliability(draw: Scores, what: str, table: "Reliability") -> None:
    """Draw a reliability table, with the calibration error above it."""
    draw.heading(f"calibration of the {what}: expected error {table['error']:.1f} %")
    rows = [
        (
            f"{each['low']:.1f} – {each['high']:.1f}",
            f"{each['count']:,}",
            f"{each['confidence']:.2f}",
            f"{each['right']:.2f}",
            _compared(each["confidence"], each["right"]),
        )
        for each in table["bins"]
    ]
    draw.table(("score", "number", "mean score", "right", "?<"), rows)


def _compared(confidence: float, right: float) -> Text:
    """A bar of what is right, in which a stroke stands at the mean score."""
    filled, at = round(BAR * right), min(BAR - 1, int(BAR * confidence))
    line = Text(("█" * filled).ljust(BAR, "·"), style="green" if abs(confidence - right) < 0.1 else "yellow")
    return line[:at] + Text("│", style="bold") + line[at + 1 :]


def bar(value: float) -> Text:
    """A bar of a share in percent."""
    return Text("█" * round(BAR * max(0.0, value) / 100), style="cyan")
