"""What a block-sparse kernel asks of its pattern."""

from torch import Tensor

from bigbird_cli.bigbird.pattern import BlockPattern


def checked(pattern: BlockPattern | None, *, is_causal: bool, is_global_BS: Tensor | None) -> BlockPattern:
    """Return the pattern, which says by itself whether attention is causal.

    Raises:
        ValueError: there is none; causal attention by a pattern that is not causal; or global tokens, which tokens
            before them attend to as well, in a causal one.
    """
    if pattern is None:
        raise ValueError("a block-sparse kernel needs a pattern")
    if is_causal and not pattern.is_causal:
        raise ValueError("causal attention needs a causal pattern")
    if pattern.is_causal and is_global_BS is not None:
        raise ValueError("all tokens attend to global ones, also those before them: not in a causal pattern")
    return pattern
