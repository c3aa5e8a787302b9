"""BigBird in JAX: the only room that imports jax and flax, which the extra `bigbird-cli[jax]` brings.

Raises:
    UsageError: on import, where one of them is not installed.
"""

from bigbird_cli.errors import needs_extra

with needs_extra("jax", where="the Flax classes"):
    import flax.linen  # noqa: F401
