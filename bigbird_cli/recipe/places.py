"""Where a recipe says what turned out wrong only when what it names was opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bigbird_cli.errors import BigBirdError
from bigbird_cli.recipe.explain import fields_at
from bigbird_cli.recipe.schema import Recipe
from bigbird_cli.recipe.yaml12 import Location, Text

_INSTEAD = {"epochs": "steps", "batch_size": "batch_tokens", "micro_batch_size": "max_tokens_per_micro_batch"}
"""Settings of optim that are not used where another one is given."""


@dataclass(frozen=True, eq=False)
class Places:
    """A recipe, and the text that it was read from.

    Attributes:
        recipe: with what was changed.
        text: positions of its settings, or the overrides that set them.
        is_file: the text stands in a file; else the overrides alone are places that anybody can look at.
    """

    recipe: Recipe
    text: Text
    is_file: bool = True

    def unused(self) -> Iterator[str]:
        """What the file says that other settings of it leave unused; those that an override gives are told anyway."""
        for name, other in _INSTEAD.items():
            places = [self.text.at.get(("optim", each), "--set") for each in (name, other)]
            is_given = getattr(self.recipe.optim, other) is not None
            if is_given and self.is_file and not any(place.startswith("--set") for place in places):
                yield f"{places[0]}  optim.{name} is not used, for optim.{other} is given: remove one of the two"

    @contextmanager
    def named(self) -> Iterator[None]:
        """Have errors about a setting, or about a file or a model that a setting names, say where it stands."""
        try:
            yield
        except BigBirdError as error:
            location = self._location(error.where or "")
            if location is not None:
                self._place(error, location)
            raise

    def _place(self, error: BigBirdError, location: Location) -> None:
        place = self.text.where(location)
        is_override = place.startswith("--set ")
        if not is_override and not self.is_file:
            return
        setting, problem = ".".join(part for part in location if isinstance(part, str)), error.problem
        if setting != error.where and not place.endswith(f"={error.where}"):
            problem = f"{setting} is {error.where}: {problem}"
        elif not is_override and setting not in problem:
            problem = f"{setting}: {problem}"
        error.problem, error.where = problem, place
        error.args = (problem, place, error.fix)

    def _location(self, where: str) -> Location | None:
        """The setting of this name, or the one that names this source or model."""
        section, _, name = where.partition(".")
        if name in (fields_at(type(self.recipe), (section,)) or ()):
            return section, name
        data, model = self.recipe.data, self.recipe.model
        named: dict[str | None, Location] = {
            model.start: ("model", "start"),
            model.tokenizer: ("model", "tokenizer"),
            data.test: ("data", "test"),
            data.dev: ("data", "dev"),
        }
        for number, source in enumerate(data.train):
            named[source] = ("data", "train", number)
        return named.get(where)
