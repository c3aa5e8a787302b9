"""Self-attention: project, let each group of documents read through its kernel, put the heads together again.

Shape letters: B documents, S sequence, D width, N heads, H head width, G documents in a group.
"""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from bigbird_cli.bigbird.pattern import BlockPattern
from bigbird_cli.pytorch.documents import Group
from bigbird_cli.pytorch.kernels import KERNELS
from bigbird_cli.pytorch.layers import AddAndNorm, Linear


class SelfAttention(nn.Module):
    """Multi-head self-attention whose kernel is named by the caller, group by group.

    Dropout on attention weights exists in full attention only: the block-sparse checkpoints were trained without.
    """

    def __init__(
        self, *, width: int, n_heads: int, bias: bool, dropout: float, pattern_of: Callable[[int], BlockPattern]
    ) -> None:
        """Build the projections.

        Args:
            width: of the hidden states; a multiple of n_heads.
            n_heads: attention heads.
            bias: whether the three projections have one.
            dropout: probability of dropping an attention weight under full attention, in training.
            pattern_of: this layer's block pattern for a length in tokens, a multiple of the block size.
        """
        super().__init__()
        self.query = Linear(width, width, bias=bias)
        self.key = Linear(width, width, bias=bias)
        self.value = Linear(width, width, bias=bias)
        self.n_heads = n_heads
        self.dropout = dropout
        self.pattern_of = pattern_of

    def forward(self, x_BSD: Tensor, groups: Sequence[Group]) -> Tensor:
        q_BNSH, k_BNSH, v_BNSH = (self._heads(project(x_BSD)) for project in (self.query, self.key, self.value))
        if len(groups) == 1 and groups[0].rows is None and groups[0].n_tokens == x_BSD.shape[1]:
            out_BNSH = self._read(groups[0], q_BNSH, k_BNSH, v_BNSH)
        else:
            out_BNSH = q_BNSH.new_zeros(q_BNSH.shape)
            for group in groups:
                documents = slice(None) if group.rows is None else group.rows
                tokens = slice(group.n_tokens)
                q, k, v = (x[documents, :, tokens] for x in (q_BNSH, k_BNSH, v_BNSH))
                out_BNSH[documents, :, tokens] = self._read(group, q, k, v)
        return out_BNSH.transpose(1, 2).flatten(2)

    def _heads(self, x_BSD: Tensor) -> Tensor:
        return x_BSD.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)

    def _read(self, group: Group, q_GNSH: Tensor, k_GNSH: Tensor, v_GNSH: Tensor) -> Tensor:
        kernel = KERNELS[group.kernel]
        if group.kernel == "full":
            dropout = self.dropout if self.training else 0.0
            return kernel(q_GNSH, k_GNSH, v_GNSH, group.is_token, None, dropout=dropout)
        pattern = self.pattern_of(group.n_tokens)
        return kernel(q_GNSH, k_GNSH, v_GNSH, group.is_token, pattern)


class Attention(nn.Module):
    """Self-attention and the sum with its input."""

    def __init__(self, *, attention: SelfAttention, output: AddAndNorm) -> None:
        super().__init__()
        self.self = attention
        self.output = output

    def forward(self, x_BSD: Tensor, groups: Sequence[Group]) -> Tensor:
        return self.output(self.self(x_BSD, groups), x_BSD)
