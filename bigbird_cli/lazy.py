"""Names of a package that are imported when they are first used (PEP 562), so that importing it costs nothing."""

from __future__ import annotations

import importlib
import sys

TYPE_CHECKING = False  # typing is slow to import, and this comes before signals are listened to
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def lazy_names(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's `__getattr__` and `__dir__` for names that stand in the modules that `homes` gives.

    No name may be that of a module in the package: importing the module would put it in the name's place.
    """
    if clashes := [name for name, home in homes.items() if home == f"{package}.{name}"]:
        raise ValueError(f"{clashes[0]!r} is a module of {package}")

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, names
