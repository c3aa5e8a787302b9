"""Attention kernels: different ways to the same numbers, and the choice between them.

A kernel is called as `kernel(q_BNSH, k_BNSH, v_BNSH, is_token_BS, pattern, *, dropout)` and returns what the queries
read, (B, N, S, H):

- `is_token_BS` is False where a key must not be read; None says that every key may be.
- `pattern` names the key blocks of each query block; None is full attention. S is then any length, with a pattern
  exactly `pattern.n_blocks` blocks.
- `dropout` is the probability of dropping an attention weight.
- `is_causal`, of `full` alone, makes it causal; for a sparse kernel the pattern says so.
- `is_global_BS`, of sparse kernels, marks tokens that read every token and are read by every query, once, whatever
  the pattern says. Under full attention every token is global.

`reference` takes all of these.

What stands at positions that are no tokens is unspecified, but finite.

Two more functions serve what a kernel cannot: `recent` reads for the last tokens of a text whose keys are kept, and
`sparse_weights` returns the weights themselves.

Shape letters: B documents, N heads, S sequence, H head width.
"""

from collections.abc import Callable

from torch import Tensor

from bigbird_cli.pytorch.model.kernels.flex import flex
from bigbird_cli.pytorch.model.kernels.full import full
from bigbird_cli.pytorch.model.kernels.fused import fused
from bigbird_cli.pytorch.model.kernels.gather import gather
from bigbird_cli.pytorch.model.kernels.reference import reference

Kernel = Callable[..., Tensor]

KERNELS: dict[str, Kernel] = {"reference": reference, "full": full, "gather": gather, "flex": flex, "fused": fused}


def choose(*, n_tokens: int, full_attention_limit: int, attention_type: str, sparse: str = "gather") -> str:
    """Name the kernel for documents of `n_tokens`. Asked at every call, so that no document decides for the next.

    Args:
        n_tokens: length of the documents.
        full_attention_limit: longest length, in tokens, at which block-sparse attention gives way to full.
        attention_type: the config's, `block_sparse` or `original_full`.
        sparse: the kernel of block-sparse attention.
    """
    if attention_type == "original_full" or n_tokens <= full_attention_limit:
        return "full"
    return sparse
