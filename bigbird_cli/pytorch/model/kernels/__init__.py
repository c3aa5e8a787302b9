"""Attention kernels: different ways to the same numbers, and the choice between them.

A kernel is a function in a file of its own, called as `Attend` has it, and a line in KERNELS that says what it can do:
tests, benchmarks and the model go by these flags. What stands at positions that are no tokens is unspecified, but
finite.

Two more functions serve what a kernel cannot: `sparse_weights` returns the weights themselves, and `bucketed` attends
in documents of different lengths at once, by operations that torch.export can write down.

Shape letters: B documents, N heads, S queries, T keys, H head width.
"""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from bigbird_cli.bigbird.pattern import BlockPattern
from bigbird_cli.pytorch.model.kernels.decode import decode
from bigbird_cli.pytorch.model.kernels.dense import dense
from bigbird_cli.pytorch.model.kernels.flex import flex
from bigbird_cli.pytorch.model.kernels.fused import fused
from bigbird_cli.pytorch.model.kernels.gather import gather
from bigbird_cli.pytorch.model.kernels.reference import reference


class Attend(Protocol):
    """How every kernel is called."""

    def __call__(
        self,
        q_BNSH: Tensor,
        k_BNTH: Tensor,
        v_BNTH: Tensor,
        is_token_BT: Tensor | None,
        pattern: BlockPattern | None,
        /,
        *,
        dropout: float = 0.0,
        is_causal: bool = False,
        is_global_BS: Tensor | None = None,
    ) -> Tensor:
        """Return what the queries take from the values, (B, N, S, H).

        Args:
            q_BNSH: queries.
            k_BNTH: keys; as many as there are queries, but for a kernel that is incremental.
            v_BNTH: values.
            is_token_BT: False where a key must not be attended to; None: every key may be.
            pattern: the key blocks of each query block, with S exactly `pattern.n_blocks` blocks; None is dense
                attention, of any length.
            dropout: probability of dropping an attention weight.
            is_causal: no query attends to what stands behind it; a pattern must say the same.
            is_global_BS: tokens that attend to every token and are attended to by every query, once, whatever the
                pattern says; under dense attention all are. Not in a causal pattern.
        """


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """An attention kernel and what it can do."""

    attend: Attend
    is_dense: bool = False
    """Attends without a pattern."""
    is_sparse: bool = False
    """Attends by a pattern."""
    is_incremental: bool = False
    """The queries are the last tokens of a text, whose earlier keys are cached."""
    trains_on_cpu: bool = True
    """Computes gradients on a processor by itself, rather than by another kernel."""
    needs_cuda: bool = False
    """Its own programs run on a GPU alone; elsewhere another kernel stands in."""

    def __call__(
        self,
        q_BNSH: Tensor,
        k_BNTH: Tensor,
        v_BNTH: Tensor,
        is_token_BT: Tensor | None,
        pattern: BlockPattern | None = None,
        /,
        *,
        dropout: float = 0.0,
        is_causal: bool = False,
        is_global_BS: Tensor | None = None,
    ) -> Tensor:
        return self.attend(
            q_BNSH,
            k_BNTH,
            v_BNTH,
            is_token_BT,
            pattern,
            dropout=dropout,
            is_causal=is_causal,
            is_global_BS=is_global_BS,
        )


KERNELS = {
    "reference": Kernel(attend=reference, is_dense=True, is_sparse=True),
    "dense": Kernel(attend=dense, is_dense=True),
    "gather": Kernel(attend=gather, is_sparse=True),
    "flex": Kernel(attend=flex, is_sparse=True, trains_on_cpu=False),
    "fused": Kernel(attend=fused, is_sparse=True, trains_on_cpu=False, needs_cuda=True),
    "decode": Kernel(attend=decode, is_sparse=True, is_incremental=True),
}

SPARSE_KERNELS = tuple(
    sorted(name for name, kernel in KERNELS.items() if kernel.is_sparse and not kernel.is_incremental)
)
"""Those that a model's block-sparse attention may be computed by."""


def is_sparse(*, n_tokens: int, full_attention_limit: int, attention_type: str) -> bool:
    """Whether documents of `n_tokens` run block-sparse attention. Asked at every call, so that no document decides
    for the next.

    Args:
        n_tokens: length of the documents.
        full_attention_limit: longest length, in tokens, at which block-sparse attention gives way to dense.
        attention_type: the config's, `block_sparse` or `original_full`.
    """
    return attention_type != "original_full" and n_tokens > full_attention_limit
