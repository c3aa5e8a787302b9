"""`bigbird plan`: how long a recipe's documents are, and what training on them costs on this machine."""

from typing import TYPE_CHECKING

import typer

from bigbird_cli.cli import options
from bigbird_cli.cli.recipe import Shared, takes_recipe
from bigbird_cli.messages import counted

if TYPE_CHECKING:
    from bigbird_cli.cli.scores import Scores
    from bigbird_cli.training.plan import Plan
    from bigbird_cli.training.plan_costs import Trial
    from bigbird_cli.training.plan_settings import Setting

BAR = 24
"""Characters of the longest bar of a histogram."""


@takes_recipe
def plan(recipe: options.RecipeFile, *, shared: Shared) -> None:
    """Tell what training would cost here, before it does: memory, time and disk; write nothing.

    It shows how long the documents are, what would be lost if they were cut at 512, 1,024 or 4,096 tokens (other tools
    do that; this one reads them whole, in windows), and how much of each batch is padding. A few real steps are taken,
    and the time and memory of windows, batches and gradient checkpointing predicted from them. The quickest setting
    that memory suffices for stands last, to be given to bigbird finetune or pretrain. Exit code 5 if there is none.

    \b
    Examples:
      bigbird plan recipes/squad.yaml
      bigbird plan recipes/squad.yaml --set optim.batch_size=64
      bigbird plan reviews.csv --json | jq -r .set
    """
    from bigbird_cli import api
    from bigbird_cli.cli.console import say, write_json
    from bigbird_cli.errors import ResourceError

    def tell_trial(trial: "Trial") -> None:
        say(_measured(trial), quiet=shared.quiet)

    found = api.plan(recipe, on_trial=tell_trial, **shared.settings())
    if shared.as_json:
        write_json(found.to_dict())
    else:
        show(found)
    if found.cheapest is None:
        raise typer.Exit(ResourceError.exit_code)


def show(plan: "Plan") -> None:
    """Draw a plan on standard output."""
    from rich.text import Text

    from bigbird_cli.cli.scores import Scores
    from bigbird_cli.messages import visible

    draw = Scores()
    draw.out.print(Text(f"{plan.task} · {plan.n_parameters:,} parameters", style="bold"))
    draw.out.print(Text(visible(" · ".join(_machine(plan))), style="dim"))
    _show_documents(plan, draw)
    _show_cuts(plan, draw)
    _show_settings(plan, draw)
    if any(each.fits is False for each in plan.settings):
        draw.out.print("✗ needs more memory than is free")
    draw.out.print()
    disk = f"disk: {_size(plan.disk_bytes)} at most, {_size(plan.prepared_bytes)} of it prepared data"
    draw.out.print(Text(f"{disk}; {_size(plan.free_disk_bytes)} are free"))
    draw.out.print(Text(_advice(plan), style="bold"))


def _machine(plan: "Plan") -> list[str]:
    machine = plan.machine
    facts = [machine.processor, f"{machine.cores} cores"]
    if machine.free_bytes is not None:
        facts.append(f"{_size(machine.free_bytes)} free")
    if machine.accelerator is not None:
        gpu = machine.accelerator
        facts.append(f"{gpu.count} x {gpu.name}, {_size(gpu.free_bytes)} of {_size(gpu.total_bytes)} free")
    return [*facts, f"measured on {machine.device}"]


def _show_documents(plan: "Plan", draw: "Scores") -> None:
    counted = "a stream"
    if plan.n_documents is not None:
        counted = f"{plan.n_documents:,} documents, {plan.n_examples:,} examples, {plan.n_inputs:,} inputs an epoch"
    seen = "" if plan.n_sampled == plan.n_documents else f"; {plan.n_sampled:,} documents were measured"
    draw.heading("Documents by their tokens")
    most = max(each.n_documents for each in plan.histogram)
    rows = [
        [f"up to {each.up_to:,}", "█" * -(-each.n_documents * BAR // most), f"{each.n_documents:,}"]
        for each in plan.histogram
    ]
    draw.table(["", "<", ""], rows)
    draw.out.print(f"  {counted}{seen}")
    draw.out.print("  " + ", ".join(f"{share} % have {n:,} at most" for share, n in plan.longest.items()))


def _show_cuts(plan: "Plan", draw: "Scores") -> None:
    draw.heading("Lost if documents were cut there, as other tools do; here they are read whole, in windows")
    rows = [[f"{each.n_tokens:,}", f"{each.lost:.1%}", f"{each.tokens:.1%}"] for each in plan.cuts]
    draw.table(["tokens", f"{plan.what} not whole", "tokens lost"], rows)


def _show_settings(plan: "Plan", draw: "Scores") -> None:
    own = plan.own
    if not own.n_steps:
        draw.heading(f"Costs of the run, which takes no steps, predicted from {counted(len(plan.trials), 'real step')}")
        draw.table(["memory at most", "the run"], [[_size(own.peak_bytes), _time(own.seconds)]])
        return
    at_once = "windows" if own.micro_batch < own.window else "tokens"
    columns = ["<", "at once", "memory", "the run", "?a step", "?padding"]
    draw.heading(
        f"Costs of {at_once} at once, window {own.window:,}, predicted from {counted(len(plan.trials), 'real step')}"
    )
    for checkpointing, title in ((False, None), (True, "With gradient checkpointing")):
        if title is not None:
            draw.heading(title)
        shown = [
            each
            for each in plan.settings
            if (each.window, each.processes, each.checkpointing) == (own.window, 1, checkpointing)
        ]
        shown.sort(key=lambda each: each.micro_batch)
        draw.table(columns, [[_mark(each, plan), *_costs(each)] for each in shown])
    if others := _others(plan):
        draw.heading("Other windows, which learn from other inputs: the quickest that fits of each")
        columns = ["window", *columns[1:], "?<checkpointing"]
        rows = [[f"{each.window:,}", *_costs(each), "yes" if each.checkpointing else "no"] for each in others]
        draw.table(columns, rows)
    draw.heading("In several processes (--nproc-per-node): not measured, and without what they exchange")
    alike = [each for each in plan.settings if each.processes > 1 and each.changes == own.changes]
    rows = [
        [f"{each.processes}", _size(each.peak_bytes), _time(each.seconds), _time(each.seconds_per_step)]
        for each in alike
    ]
    draw.table(["processes", "memory of each", "the run", "?a step"], rows)
    each_has = "a GPU" if plan.machine.accelerator is not None else "as many cores as this one"
    draw.out.print(f"  if each of them has {each_has}")


def _mark(setting: "Setting", plan: "Plan") -> str:
    """What to say of a setting; of the recipe's own nothing else where it is the cheapest, too."""
    if setting == plan.own:
        return "recipe"
    return "cheapest" if setting == plan.cheapest else ""


def _costs(setting: "Setting") -> list[str]:
    return [
        f"{setting.micro_batch:,}",
        ("✗ " if setting.fits is False else "") + _size(setting.peak_bytes),
        _time(setting.seconds),
        _time(setting.seconds_per_step),
        f"{setting.padding:.0%}",
    ]


def _others(plan: "Plan") -> "list[Setting]":
    """The cheapest setting of each other window; where none fits, that of the least memory."""
    from bigbird_cli.training.plan_settings import cheapest

    found = []
    for window in sorted({each.window for each in plan.settings} - {plan.own.window}):
        own = [each for each in plan.settings if each.window == window]
        found.append(cheapest(own, window=window) or min(own, key=lambda each: each.peak_bytes))
    return found


def _advice(plan: "Plan") -> str:
    if plan.set_line is None:
        return "✗ no setting fits into the memory that is free: start from a smaller model, or use another machine"
    if not plan.set_line:
        return "cheapest: the recipe as it is"
    return f"cheapest: {plan.set_line}"


def _measured(trial: "Trial") -> str:
    part = max(trial.parts, key=sum)
    inputs = f"{len(trial.parts)} x " * (len(trial.parts) > 1) + f"{len(part)} x {max(part):,} tokens"
    kept = ", gradient checkpointing" if trial.checkpointing else ""
    return f"measured a step of {inputs}{kept}: {_time(trial.seconds)}, {_size(trial.peak_bytes)}"


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:,.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:,.0f} MB"


def _time(seconds: float) -> str:
    from bigbird_cli.cli.console import duration

    return duration(seconds) if seconds >= 10 else f"{seconds:.2f} s"
