"""`bigbird check`: what is wrong with a recipe and its data, before it costs anything."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bigbird_cli.cli import options
from bigbird_cli.cli.recipe import Shared, takes_recipe

if TYPE_CHECKING:
    from bigbird_cli.api.recipes.checking import CheckReport
    from bigbird_cli.training.findings import Finding


@takes_recipe
def check(
    recipe: options.RecipeFile,
    fix: Annotated[
        Path | None,
        typer.Option(
            "--fix",
            metavar="DIR",
            parser=options.path,
            help="Write copies of the data in which what can only be meant in one way is mended.",
            **options.OUTPUT,
        ),
    ] = None,
    data_only: Annotated[
        bool, typer.Option("--data-only", help="Look at recipe and rows alone, without a model.", **options.RUNNING)
    ] = False,
    *,
    shared: Shared,
) -> None:
    """Check a recipe, every row of its data, and one step of training at its longest; write nothing.

    Rows that cannot be used, and what may not be meant, come as file:line and reason: answers that are not at their
    offsets, labels that differ by case, repetitions, documents of training that are evaluated on, and more. Then the
    model takes a step, a checkpoint is written and read, and the disk is looked at. Exit code 3 if training would stop.
    What training would cost, bigbird plan tells.

    \b
    Examples:
      bigbird check recipes/squad.yaml
      bigbird check recipes/squad.yaml --data-only --json
      bigbird check recipes/squad.yaml --fix mended/
      bigbird check reviews.csv
    """
    check_recipe(recipe, shared, fix=fix, data_only=data_only)


def check_recipe(recipe: str, shared: Shared, *, fix: Path | None = None, data_only: bool = False) -> None:
    """Check a recipe and show what was found; typer.Exit(3) if training would stop at it."""
    from bigbird_cli import api
    from bigbird_cli.cli.console import say, say_all, write_json
    from bigbird_cli.cli.run_progress import RunProgress
    from bigbird_cli.errors import DataError
    from bigbird_cli.messages import counted

    def tell(finding: "Finding") -> None:
        write_json(
            {
                "kind": finding.kind,
                "part": finding.part,
                "where": finding.where,
                "problem": finding.problem,
                "fix": finding.fix,
                "error": finding.is_error,
            }
        )

    as_json, quiet = shared.as_json, shared.quiet
    on_finding = tell if as_json else None
    report = api.check(recipe, fix=fix, data_only=data_only, on_finding=on_finding, **shared.settings())
    if not as_json:
        show(report)
    if report.n_examples:
        looked = " · ".join(f"{name} {count:,}" for name, count in report.n_examples.items())
        n_doubts = sum(report.counts.values()) - 2 * report.n_errors
        said = [counted(n, kind) for n, kind in ((report.n_errors, "error"), (n_doubts, "doubt")) if n]
        say(f"rows looked through: {looked}; {' and '.join(said) or 'nothing is wrong'}", quiet=quiet)
    if report.repaired:
        from bigbird_cli.training.repair import MENDED

        for kind, count in report.mended.items():
            say(f"  {MENDED[kind]}: {count:,}", quiet=quiet)
        changes = " ".join(f"--set data.{path.stem}={path}" for path in report.repaired)
        say(f"go on with: bigbird check {recipe} {changes}", quiet=quiet)
    if report.checked is not None:
        with RunProgress(quiet=quiet, as_json=as_json) as shown:
            shown.show(report.checked)
        say_all((f"! {odd}" for odd in report.checked.odd), quiet=quiet)
    if report.n_errors:
        raise typer.Exit(DataError.exit_code)


def show(report: "CheckReport") -> None:
    """Write what was found, kind by kind: the errors first, with the first places of each."""
    from bigbird_cli.messages import visible
    from bigbird_cli.training.findings import DOUBTS, ERRORS

    for kind, title in {**ERRORS, **DOUBTS}.items():
        found = [finding for finding in report.findings if finding.kind == kind]
        if not found:
            continue
        mark = "✗" if any(finding.is_error for finding in found) else "!"
        print(f"{mark} {title}: {report.counts[kind]:,}")
        for finding in found:
            remedy = f"; {finding.fix}" if finding.fix else ""
            print(visible(f"    {finding.where}  {finding.problem}{remedy}"))
        if report.counts[kind] > len(found):
            print(f"    and {report.counts[kind] - len(found):,} more (--json gives all)")
