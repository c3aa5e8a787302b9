"""Frozen dataclasses that JAX looks inside."""

from typing import Any, TypeVar, dataclass_transform

import flax.struct

_Class = TypeVar("_Class")


@dataclass_transform(frozen_default=True)
def struct(kind: type[_Class]) -> type[_Class]:
    """Make a class a frozen dataclass and a pytree: flax.struct.dataclass, in words that type checkers read."""
    made: type[_Class] = flax.struct.dataclass(kind)
    return made


def static() -> Any:
    """A field that decides what is compiled, and is no array."""
    return flax.struct.field(pytree_node=False)
