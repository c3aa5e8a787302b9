"""The JAX backend: the only room that imports jax, flax and optax, which the extra `bigbird-cli[jax]` brings.

Raises:
    UsageError: on import, where one of them is not installed.
"""

from importlib.util import find_spec

from bigbird_cli.errors import needs_extra
from bigbird_cli.lazy import lazy_names

with needs_extra("jax", where="JAX"):
    for _library in ("jax", "flax", "optax"):
        if find_spec(_library) is None:  # a look alone: importing them takes a second
            raise ModuleNotFoundError(name=_library)

_HOMES = {
    "accelerator": "bigbird_cli.jax.devices",
    "connect": "bigbird_cli.jax.devices",
    "open_engine": "bigbird_cli.jax.engine",
    "open_predictor": "bigbird_cli.jax.predict",
    "probe": "bigbird_cli.jax.probing",
}
"""What `Backend` asks for."""

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
