"""Labels that a caller names: from a list, a mapping, a line of the shell or a file."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from bigbird_cli.errors import UsageError
from bigbird_cli.files.streams import read_text

YAML = (".yaml", ".yml")


def labels_of(given: str | Path | Iterable[str] | Mapping[str, str], *, where: str = "labels") -> dict[str, str]:
    """Labels by their names, each with its description, or "".

    Args:
        given: names with commas between; a file of them, see `labels_in`; names, or "name: description", one by one; or
            a mapping of names to descriptions.
        where: what to call them in errors.

    Raises:
        UsageError: there are none, one is empty, or one is named twice.
        DataError: the file cannot be read.
        RecipeError: it is no YAML.
    """
    if isinstance(given, Path):
        return labels_in(given)
    if isinstance(given, Mapping):
        pairs = [(name, description) for name, description in given.items()]
    else:
        names = given.split(",") if isinstance(given, str) else given
        pairs = [(name, description) for name, _, description in (each.partition(": ") for each in names)]
    return _checked(pairs, where)


def labels_in(file: Path) -> dict[str, str]:
    """Labels of a file: a line each, `name` or `name: description`; a file *.yaml holds a list or a mapping of them.

    Raises:
        UsageError: it holds none, or one twice.
        DataError: it cannot be read.
        RecipeError: it is no YAML.
    """
    text = read_text(file)
    if file.suffix.lower() in YAML:
        from bigbird_cli.recipe import parse_labels  # every task's settings come with it

        parsed = parse_labels(text.removeprefix("\ufeff"), str(file))
        return labels_of(
            [f"{name}: {description}" if description else name for name, description in parsed.items()], where=str(file)
        )
    lines = [line for line in text.removeprefix("\ufeff").splitlines() if line.strip()]
    return labels_of(lines, where=str(file))


def _checked(pairs: list[tuple[str, str]], where: str) -> dict[str, str]:
    labels: dict[str, str] = {}
    for name, description in ((" ".join(name.split()), " ".join(text.split())) for name, text in pairs):
        if not name:
            raise UsageError("a label is empty", where=where, fix='name labels such as "invoice,contract,letter"')
        if name in labels:
            raise UsageError(f"the label {name!r} is named twice", where=where, fix="leave one of the two out")
        labels[name] = description
    if not labels:
        raise UsageError("there is no label", where=where, fix='name labels such as "invoice,contract,letter"')
    return labels
