"""What is done token by token, for some tokens after the others.

Shape letters: B documents, S sequence, D width.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from bigbird_cli.pytorch.model.tracing import is_transformed

CHUNK_TOKENS = 1024
"""With 768-wide layers at 16,384 tokens, 4,096 took 1.1 times as long, all at once 1.15 times; 256 at 4,096 tokens 1.05
times."""


def chunk_size(x_BSD: Tensor) -> int:
    """How many tokens to take at once of what is done token by token.

    All, but on a processor where no gradient is wanted: there, what stands between two products stays in the cache, and
    memory that is used again need not be fetched from the system. A program that torch writes is chunked by others.
    """
    if x_BSD.device.type == "cpu" and not torch.is_grad_enabled() and not is_transformed():
        return CHUNK_TOKENS
    return max(1, x_BSD.shape[1])


def chunked(function: Callable[..., Tensor], *xs_BSD: Tensor, n_tokens: int = 0) -> Tensor:
    """Call what is done token by token for some tokens after the others.

    Args:
        function: of tensors (B, S, D) that returns one.
        xs_BSD: its arguments, as long as each other.
        n_tokens: at once; 0 as `chunk_size` has it.
    """
    n_tokens = n_tokens or chunk_size(xs_BSD[0])
    if n_tokens >= xs_BSD[0].shape[1]:
        return function(*xs_BSD)
    n_chunks = -(-xs_BSD[0].shape[1] // n_tokens)  # of like size: a chunk of one token would be rounded otherwise
    chunks = zip(*(x_BSD.tensor_split(n_chunks, dim=1) for x_BSD in xs_BSD), strict=True)
    return torch.cat([function(*chunk) for chunk in chunks], dim=1)
