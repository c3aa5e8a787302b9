"""The encoder: blocks in a row over a batch of documents; as a decoder, over texts and the cache of what stands before.

Shape letters: B documents, S sequence, D width, N heads.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
from jax import Array

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import ModelError
from bigbird_cli.jax.model.attention import Attention, Context, CrossAttention, SelfAttention
from bigbird_cli.jax.model.layers import Bricks, FeedForwardUp, OutputProjection, activation
from bigbird_cli.jax.model.plans import PatternSettings

Weights = tuple[Array, ...] | None
"""Attention weights of each block, where asked for."""


class EncoderOutput(NamedTuple):
    """What the encoder returns."""

    states: tuple[Array, ...]
    """Those that enter the first block and those that leave each, (B, S, D)."""
    weights: Weights
    cross_weights: Weights
    """Those over an encoder's states."""


class EncoderBlock(nn.Module):
    """Attention, in a decoder attention to an encoder, then feed-forward; each is added to its input and normalised."""

    make_attention: Callable[..., nn.Module]
    make_crossattention: Callable[..., nn.Module] | None
    make_up: Callable[..., nn.Module]
    make_down: Callable[..., nn.Module]

    @nn.compact
    def __call__(
        self, x_BSD: Array, context: Context, head_mask_N: Array | None
    ) -> tuple[Array, Array | None, Array | None]:
        x_BSD, weights = self.make_attention(name="attention")(x_BSD, context, head_mask_N)
        cross_weights = None
        if self.make_crossattention is not None and context.encoder_BTD is not None:
            x_BSD, cross_weights = self.make_crossattention(name="crossattention")(x_BSD, context, head_mask_N)
        inner_BSF = self.make_up(name="intermediate")(x_BSD)
        x_BSD = self.make_down(name="output")(inner_BSF, x_BSD, deterministic=context.deterministic)
        return x_BSD, weights, cross_weights


class Blocks(nn.Module):
    """The blocks, nearest the embeddings first."""

    make_blocks: tuple[Callable[..., nn.Module], ...]

    @nn.compact
    def __call__(self, x_BSD: Array, context: Context, head_mask: Array | None) -> EncoderOutput:
        states, weights, cross_weights = [x_BSD], [], []
        for number, make_block in enumerate(self.make_blocks):
            head_mask_N = None if head_mask is None else head_mask[number]
            x_BSD, found, found_across = make_block(name=str(number))(x_BSD, context, head_mask_N)
            states.append(x_BSD)
            weights += [] if found is None else [found]
            cross_weights += [] if found_across is None else [found_across]
        return EncoderOutput(tuple(states), tuple(weights) or None, tuple(cross_weights) or None)


class Encoder(nn.Module):
    """Blocks in a row."""

    make_blocks: tuple[Callable[..., nn.Module], ...]

    @nn.compact
    def __call__(self, x_BSD: Array, context: Context, head_mask: Array | None) -> EncoderOutput:
        encoded: EncoderOutput = Blocks(self.make_blocks, name="layer")(x_BSD, context, head_mask)
        return encoded


def pattern_settings(config: BigBirdConfig, layer: int) -> PatternSettings:
    """What the pattern of one layer depends on."""
    return PatternSettings(
        block_size=config.block_size,
        n_heads=config.num_attention_heads,
        n_random=config.num_random_blocks,
        layer=layer,
        n_window=config.num_window_blocks,
        variant=config.pattern,
        max_tokens=config.max_position_embeddings,
        is_causal=config.is_decoder,
    )


def build_encoder(config: BigBirdConfig, *, bricks: Bricks, gradient_checkpointing: bool) -> Encoder:
    """Assemble the encoder, or the decoder, that a config describes.

    Args:
        config: the model's settings.
        bricks: makes layers.
        gradient_checkpointing: keep only each block's input for the backward pass and compute the rest again.

    Raises:
        ModelError: cross-attention in a model that is no decoder, or an activation that is not known.
    """
    if config.add_cross_attention and not config.is_decoder:
        raise ModelError(
            "the config says add_cross_attention, but not is_decoder",
            fix="set is_decoder too, or add_cross_attention to false",
        )
    heads: dict[str, Any] = {
        "width": config.hidden_size,
        "n_heads": config.num_attention_heads,
        "bias": config.use_bias,
        "dropout": config.attention_probs_dropout_prob,
        "bricks": bricks,
    }
    output = partial(OutputProjection, config.hidden_size, config.hidden_dropout_prob, bricks)

    def block(layer: int) -> Callable[..., nn.Module]:
        attention = partial(
            SelfAttention,
            **heads,
            sparse_dropout=config.sparse_attention_dropout_prob,
            full_attention_limit=config.full_attention_limit,
            pattern=pattern_settings(config, layer),
        )
        across = partial(Attention, partial(CrossAttention, **heads), output) if config.add_cross_attention else None
        return partial(
            nn.remat(EncoderBlock) if gradient_checkpointing else EncoderBlock,
            make_attention=partial(Attention, attention, output),
            make_crossattention=across,
            make_up=partial(FeedForwardUp, config.intermediate_size, activation(config.hidden_act), bricks),
            make_down=output,
        )

    return Encoder(tuple(block(layer) for layer in range(config.num_hidden_layers)))
