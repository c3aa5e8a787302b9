"""The encoder: blocks in a row over groups of documents.

Shape letters: B documents, S sequence, D width.
"""

import functools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.pattern import BlockPattern, block_pattern
from bigbird_cli.errors import ModelError
from bigbird_cli.pytorch.attention import Attention, SelfAttention
from bigbird_cli.pytorch.documents import Group, group_documents
from bigbird_cli.pytorch.layers import AddAndNorm, Widen, activation


class EncoderBlock(nn.Module):
    """Attention, then feed-forward; each is added to its input and normalised afterwards."""

    def __init__(self, *, attention: Attention, intermediate: Widen, output: AddAndNorm) -> None:
        super().__init__()
        self.attention = attention
        self.intermediate = intermediate
        self.output = output

    def forward(self, x_BSD: Tensor, groups: Sequence[Group]) -> Tensor:
        x_BSD = self.attention(x_BSD, groups)
        return self.output(self.intermediate(x_BSD), x_BSD)


class Encoder(nn.Module):
    """Blocks in a row. Each call sorts the batch's documents anew and keeps nothing of it."""

    def __init__(
        self,
        *,
        layer: nn.ModuleList,
        block_size: int,
        full_attention_limit: int,
        attention_type: str,
        documents_alike: bool,
    ) -> None:
        """Take the blocks.

        Args:
            layer: the blocks, nearest the embeddings first.
            block_size: tokens per block.
            full_attention_limit: longest document, in tokens, that runs full attention in a block-sparse model.
            attention_type: `block_sparse` or `original_full`.
            documents_alike: give all documents of a batch the batch's physical length, as `transformers` does.
        """
        super().__init__()
        self.layer = layer
        self.block_size = block_size
        self.full_attention_limit = full_attention_limit
        self.attention_type = attention_type
        self.documents_alike = documents_alike
        self.gradient_checkpointing = False

    def forward(self, x_BSD: Tensor, is_token_BS: Tensor | None) -> list[Tensor]:
        """Return the hidden states that enter the first block and those that leave each, all (B, S, D).

        Args:
            x_BSD: embedded tokens.
            is_token_BS: bool, False where nothing may be read; None: all are tokens.
        """
        batch_size, n_tokens, _ = x_BSD.shape
        groups = group_documents(
            is_token_BS,
            batch_size=batch_size,
            n_tokens=n_tokens,
            block_size=self.block_size,
            full_attention_limit=self.full_attention_limit,
            attention_type=self.attention_type,
            alike=self.documents_alike,
            device=x_BSD.device,
        )
        # The last block of the longest document may reach beyond the batch: carry its padding through all blocks
        # rather than add it and cut it off in each.
        surplus = max(group.n_tokens for group in groups) - n_tokens
        if surplus > 0:
            x_BSD = F.pad(x_BSD, (0, 0, 0, surplus))
        states = [x_BSD]
        for block in self.layer:
            if self.gradient_checkpointing and torch.is_grad_enabled():
                x_BSD = checkpoint(block, x_BSD, groups, use_reentrant=False)
            else:
                x_BSD = block(x_BSD, groups)
            states.append(x_BSD)
        return [state[:, :n_tokens] for state in states] if surplus > 0 else states


def _layer_pattern(
    n_tokens: int, *, layer: int, block_size: int, n_heads: int, n_random: int, variant: str, max_tokens: int
) -> BlockPattern:
    return block_pattern(
        n_blocks=n_tokens // block_size,
        block_size=block_size,
        n_heads=n_heads,
        n_random=n_random,
        layer=layer,
        variant=variant,
        max_tokens=max_tokens,
    )


def build_encoder(config: BigBirdConfig) -> Encoder:
    """Assemble the encoder that a config describes.

    Raises:
        ModelError: the config describes a decoder, or an activation that is not known.
    """
    if config.is_decoder or config.add_cross_attention:
        raise ModelError(
            "the config describes a decoder (is_decoder or add_cross_attention), whose tokens must not read ahead",
            fix="set both to false to read with it as an encoder",
        )
    width, eps, dropout = config.hidden_size, config.layer_norm_eps, config.hidden_dropout_prob

    def build_block(layer: int) -> EncoderBlock:
        pattern_of = functools.partial(
            _layer_pattern,
            layer=layer,
            block_size=config.block_size,
            n_heads=config.num_attention_heads,
            n_random=config.num_random_blocks,
            variant=config.pattern,
            max_tokens=config.max_position_embeddings,
        )
        attention = SelfAttention(
            width=width,
            n_heads=config.num_attention_heads,
            bias=config.use_bias,
            dropout=config.attention_probs_dropout_prob,
            pattern_of=pattern_of,
        )
        return EncoderBlock(
            attention=Attention(
                attention=attention,
                output=AddAndNorm(in_width=width, width=width, dropout=dropout, norm_eps=eps),
            ),
            intermediate=Widen(width=width, inner_width=config.intermediate_size, act=activation(config.hidden_act)),
            output=AddAndNorm(in_width=config.intermediate_size, width=width, dropout=dropout, norm_eps=eps),
        )

    return Encoder(
        layer=nn.ModuleList(build_block(layer) for layer in range(config.num_hidden_layers)),
        block_size=config.block_size,
        full_attention_limit=config.full_attention_limit,
        attention_type=config.attention_type,
        documents_alike=config.pattern != "original",
    )
