"""The feed-forward network: at every position D → F → D, added to its input and normalised.

    y = LayerNorm(x + dropout(W₂ act(W₁ x + b₁) + b₂))

In Hugging Face's checkpoints its two layers are two modules, `intermediate` and `output`, of whatever holds the
network: an encoder block, or the question-answering head. Each is a class, and the network a function of them.

Shape letters: B documents, S sequence, D width, F feed-forward width. Source: Vaswani et al., 2017, §3.3.
"""

from torch import Tensor, nn

from bigbird_cli.pytorch.model.activations import Activation
from bigbird_cli.pytorch.model.chunking import chunked
from bigbird_cli.pytorch.model.layers import Linear, OutputProjection


class FeedForwardUp(nn.Module):
    """Linear and activation, D → F. The way down, F → D, is an OutputProjection."""

    def __init__(self, *, width: int, inner_width: int, act: Activation) -> None:
        super().__init__()
        self.dense = Linear(width, inner_width)
        self.act = act

    def forward(self, x_BSD: Tensor) -> Tensor:
        """Return act(x Wᵀ + b), (B, S, F)."""
        widened_BSF: Tensor = self.dense(x_BSD, act=self.act)
        return widened_BSF


def feed_forward(x_BSD: Tensor, *, up: FeedForwardUp, down: OutputProjection, n_tokens: int = 0) -> Tensor:
    """Apply the network, (B, S, D), to `n_tokens` of each document at once; 0 as `chunk_size` has it."""

    def network(x_BSD: Tensor) -> Tensor:
        y_BSD: Tensor = down(up(x_BSD), x_BSD)
        return y_BSD

    return chunked(network, x_BSD, n_tokens=n_tokens)
