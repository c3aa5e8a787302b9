"""BigBird in JAX: the only room that imports jax, flax and optax, which the extra `bigbird-cli[jax]` brings.

Raises:
    UsageError: on import, where they are not installed.
"""

from bigbird_cli.errors import needs_extra

with needs_extra("jax", where="the Flax classes"):
    import flax
    import jax

__all__ = ["flax", "jax"]
