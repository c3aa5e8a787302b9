"""What commands share that take a recipe: their options, and what of them goes to the api's calls."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bigbird_cli.cli import options
from bigbird_cli.cli.shared import takes

if TYPE_CHECKING:
    from bigbird_cli.api.recipes.drafting import Draft
    from bigbird_cli.api.recipes.naming import RecipeOptions


@dataclass(frozen=True)
class Shared:
    """What was given of the shared options; in the order in which help shows them."""

    overrides: options.Overrides = None
    out: options.RunFolder = None
    device: options.Device = "auto"
    threads: options.Threads = None
    offline: options.Offline = False
    as_json: options.Json = False
    quiet: options.Quiet = False
    debug: options.Debug = False  # the boundary reads it

    def settings(self) -> "RecipeOptions":
        """The options of an api's call, which tells what is changed in a recipe, and what is written for data."""
        return {
            "overrides": self.overrides or [],
            "out": self.out,
            "device": self.device,
            "threads": self.threads,
            "offline": self.offline,
            "on_change": self._tell_change,
            "on_draft": self._tell_draft,
        }

    def _tell_change(self, change: str) -> None:
        from bigbird_cli.cli.console import say

        say(f"--set {change}", quiet=self.quiet)

    def _tell_draft(self, draft: "Draft") -> None:
        from bigbird_cli.cli.commands.init import tell_draft

        tell_draft(draft, quiet=self.quiet)


takes_recipe = takes(Shared)
