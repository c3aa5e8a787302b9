"""A recipe as text with a remark behind its settings."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bigbird_cli.recipe.yaml12 import dump


class Setting(NamedTuple):
    """A setting's value, and what to say of it."""

    value: Any
    remark: str = ""


def write_draft(head: Sequence[str], sections: Mapping[str, Mapping[str, Setting]]) -> str:
    """Write a recipe.

    Args:
        head: lines above it, each a comment.
        sections: settings by section, in order.
    """
    lines = [f"# {line}".rstrip() for line in head]
    for name, settings in sections.items():
        lines += ["", f"{name}:"] if len(lines) > len(head) else [f"{name}:"]
        for key, (value, remark) in settings.items():
            first, *others = dump({key: value}).rstrip("\n").split("\n")
            lines += [f"  {first}  # {remark}" if remark else f"  {first}", *(f"  {line}" for line in others)]
    return "\n".join(lines) + "\n"
