"""`bigbird check` as a plain Python call: everything about a recipe that can go wrong, before it costs anything."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from bigbird_cli.api.recipes.naming import RecipeOptions, open_named
from bigbird_cli.events import Checked
from bigbird_cli.files.paths import local_path
from bigbird_cli.training.check import check as check_step
from bigbird_cli.training.findings import PLACES, Finding, look_through
from bigbird_cli.training.job import require_sources
from bigbird_cli.training.repair import repair


@dataclass(frozen=True, eq=False)
class CheckReport:
    """What a check found.

    Attributes:
        n_examples: of each part that has data of its own.
        counts: findings by their kind.
        findings: the first few of each kind.
        checked: what the step told; None where rows stop training, or were all that was asked for.
        repaired: files with mended rows.
        mended: how often what was done in them.
    """

    n_examples: dict[str, int]
    counts: dict[str, int]
    findings: tuple[Finding, ...]
    checked: Checked | None
    repaired: tuple[Path, ...]
    mended: dict[str, int]

    @property
    def n_errors(self) -> int:
        """Findings at which training would stop."""
        return self.counts.get("errors", 0)


def check(
    recipe: str | Path,
    *,
    fix: str | Path | None = None,
    data_only: bool = False,
    on_finding: Callable[[Finding], None] | None = None,
    **options: Unpack[RecipeOptions],
) -> CheckReport:
    """Check a recipe, every row of its data, and one optimiser step; write nothing but what `fix` asks for.

    Args:
        recipe: a recipe file, or the name of a shipped one; a run folder; or data, for which a recipe is written as
            `init` does.
        fix: a folder for copies of the data, in which what can only be meant in one way is mended.
        data_only: look at recipe and rows alone, without a model.
        on_finding: is called with all that is found, as it is found.
        **options: see RecipeOptions; the run folder's disk must have room for the whole run.

    Raises:
        RecipeError: the recipe is missing or wrong.
        BigBirdError: a file cannot be read at all; or as of `finetune`.
    """
    named = open_named(recipe, **options)
    settings, offline = named.recipe, named.compute.offline
    counts: Counter[str] = Counter()
    told: Counter[tuple[str, str]] = Counter()
    first: list[Finding] = []

    def note(finding: Finding) -> None:
        counts[finding.kind] += 1
        counts["errors"] += finding.is_error
        told[finding.kind, finding.part] += 1
        if told[finding.kind, finding.part] <= PLACES:
            first.append(finding)
        if on_finding is not None:
            on_finding(finding)

    repaired: list[Path] = []
    mended: Counter[str] = Counter()
    checked = None
    with named.places.named():
        require_sources(settings.data)
        parts = {} if settings.data.streaming else look_through(settings, note, offline=offline)
        if fix is not None:
            repaired, mended = repair(settings, parts, local_path(fix), offline=offline)
        if not data_only and not counts["errors"]:
            checked = check_step(settings, named.out, compute=named.compute)
    return CheckReport(
        n_examples={name: len(part) for name, part in parts.items()},
        counts=dict(+counts),
        findings=tuple(first),
        checked=checked,
        repaired=tuple(repaired),
        mended=dict(+mended),
    )
