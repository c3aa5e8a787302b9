"""The bricks that encoders and heads are built of. Parameter names are those of Hugging Face's checkpoints.

Shape letters: B documents, S sequence, D width, F width of what comes in.
"""

from torch import Tensor, nn

from bigbird_cli.pytorch.model.activations import Activation
from bigbird_cli.pytorch.model.dropout import Dropout
from bigbird_cli.pytorch.model.linear import linear


class Linear(nn.Linear):
    """PyTorch's through the quicker library, and without a start of its own: `initialise` or a checkpoint gives one.

    On the meta device, where checkpoints are opened, PyTorch's own start would import its compiler: over two seconds.
    """

    def reset_parameters(self) -> None:
        """Leave the parameters as they are."""

    def forward(self, input: Tensor, *, act: Activation | None = None, plus: Tensor | None = None) -> Tensor:
        """Return act(input Wᵀ + b) + plus, of which one may be given."""
        return linear(input, self.weight, self.bias, act=act, plus=plus)


class Embedding(nn.Embedding):
    """PyTorch's, without a start of its own, for the same reason."""

    def reset_parameters(self) -> None:
        """Leave the parameters as they are."""


class OutputProjection(nn.Module):
    """Linear, dropout, sum with a residual, LayerNorm: how attention and the feed-forward network end."""

    def __init__(self, *, in_width: int, width: int, dropout: float, norm_eps: float) -> None:
        super().__init__()
        self.dense = Linear(in_width, width)
        self.LayerNorm = nn.LayerNorm(width, eps=norm_eps)
        self.dropout = Dropout(dropout)

    def forward(self, x_BSF: Tensor, residual_BSD: Tensor) -> Tensor:
        """Return LayerNorm(residual + dropout(x Wᵀ + b)), (B, S, D)."""
        if self.training and self.dropout.p > 0.0:
            sum_BSD = self.dropout(self.dense(x_BSF), plus=residual_BSD)
        else:
            sum_BSD = self.dense(x_BSF, plus=residual_BSD)
        normed_BSD: Tensor = self.LayerNorm(sum_BSD)
        return normed_BSD
