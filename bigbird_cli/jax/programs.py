"""Functions that XLA compiles, counted: one program for each shape of their arguments."""

import functools
import logging
from collections.abc import Callable
from typing import Any

import jax

_log = logging.getLogger(__name__)


class Programs:
    """Makes compiled functions, and counts the programs that came of them.

    Attributes:
        n_compiled: so far.
    """

    def __init__(self) -> None:
        self.n_compiled = 0

    def compiled(self, function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        """The function, compiled when it first meets arguments of new shapes; options are jax.jit's."""

        @functools.wraps(function)
        def traced(*args: Any, **kwargs: Any) -> Any:  # Python runs it once for each program
            self.n_compiled += 1
            _log.debug("compiling program %d: %s", self.n_compiled, function.__name__)
            return function(*args, **kwargs)

        return jax.jit(traced, **options)
