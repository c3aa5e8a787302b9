"""The encoder: blocks in a row over a batch of documents; as a decoder, over texts and the cache of what stands before.

Shape letters: B documents, S sequence, D width, T tokens of another encoder's text.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.pattern import BlockPattern, block_pattern, causal_pattern
from bigbird_cli.errors import ModelError
from bigbird_cli.pytorch.model.activations import activation
from bigbird_cli.pytorch.model.attention import Attention, Context, CrossAttention, SelfAttention, Weights, WeightsForm
from bigbird_cli.pytorch.model.cache import KeyValueCache, LayerCache
from bigbird_cli.pytorch.model.documents import Group, group_documents
from bigbird_cli.pytorch.model.feed_forward import FeedForwardUp, feed_forward
from bigbird_cli.pytorch.model.kernels import is_sparse
from bigbird_cli.pytorch.model.layers import OutputProjection
from bigbird_cli.pytorch.model.layouts import Layout, PackedRow, PaddedRows, fixed_length
from bigbird_cli.pytorch.model.tracing import has_fixed_shapes


class BlockOutput(NamedTuple):
    """What a block returns: the states, and what else was asked for."""

    states: Tensor
    weights: Weights | None
    cross_weights: Weights | None
    cached: LayerCache | None


class EncoderBlock(nn.Module):
    """Attention, in a decoder attention to an encoder, then feed-forward; each is added to its input and normalised."""

    def __init__(
        self,
        *,
        attention: Attention,
        crossattention: Attention | None,
        intermediate: FeedForwardUp,
        output: OutputProjection,
        chunk_tokens: int,
    ) -> None:
        """Take the parts.

        Args:
            attention: to the text itself.
            crossattention: to an encoder's states.
            intermediate: the feed-forward network's way up.
            output: its way down.
            chunk_tokens: tokens that the feed-forward network takes at once; 0 as `chunk_size` has it.
        """
        super().__init__()
        self.attention = attention
        self.crossattention = crossattention
        self.intermediate = intermediate
        self.output = output
        self.chunk_tokens = chunk_tokens

    def forward(
        self, x_BSD: Tensor, context: Context, head_mask_N: Tensor | None, past: LayerCache | None
    ) -> BlockOutput:
        x_BSD, weights, cached = self.attention(x_BSD, context, head_mask_N=head_mask_N, past=past)
        cross_weights = None
        if self.crossattention is not None and (context.encoder_BTD is not None or (past and past.cross)):
            x_BSD, cross_weights, crossed = self.crossattention(x_BSD, context, head_mask_N=head_mask_N, past=past)
            if cached is not None:
                cached = LayerCache(cached.store, cached.n_tokens, (crossed.k_BNSH, crossed.v_BNSH))
        x_BSD = feed_forward(x_BSD, up=self.intermediate, down=self.output, n_tokens=self.chunk_tokens)
        return BlockOutput(x_BSD, weights, cross_weights, cached)


@dataclass(frozen=True)
class EncoderOutput:
    """What the encoder returns."""

    last_BSD: Tensor
    """The hidden states that leave the last block."""
    states: tuple[Tensor, ...] | None
    """Those that enter the first block and those that leave each, (B, S, D), where asked for."""
    weights: tuple[Weights, ...] | None
    """Attention weights of each block, where asked for."""
    cross_weights: tuple[Weights, ...] | None
    """Those over an encoder's states."""
    cache: KeyValueCache | None
    """Keys and values of each block, where asked for."""


class Encoder(nn.Module):
    """Blocks in a row. Each call sorts the batch's documents anew; nothing of it stays."""

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
            full_attention_limit: longest document, in tokens, that runs dense attention in a block-sparse model.
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
        self.checkpointing_options: dict[str, Any] = {"use_reentrant": False}
        self.sparse_kernel = "fused"

    def forward(
        self,
        x_BSD: Tensor,
        is_token: Tensor | None,
        *,
        is_global_BS: Tensor | None = None,
        head_mask: Tensor | None = None,
        encoder_BTD: Tensor | None = None,
        is_encoder_token_BT: Tensor | None = None,
        past: KeyValueCache | None = None,
        use_cache: bool = False,
        weights: WeightsForm | None = None,
        all_states: bool = False,
    ) -> EncoderOutput:
        """Encode a batch, as one packed row unless documents must lie apart.

        Args:
            x_BSD: embedded tokens.
            is_token: (B, S) bool, or (B, tokens cached + S); False where nothing may be attended to; None: all are
                tokens.
            is_global_BS: bool, True at tokens chosen to be global.
            head_mask: (layers, N) factors of the heads.
            encoder_BTD: states of an encoder, for cross-attention.
            is_encoder_token_BT: bool, False where nothing of it may be attended to.
            past: keys and values of the tokens before these.
            use_cache: return keys and values of all tokens.
            weights: form in which attention weights are returned.
            all_states: return the states between the blocks too.
        """
        n_tokens = x_BSD.shape[1]
        layout = self._layout(
            x_BSD,
            is_token,
            is_global_BS,
            n_past=past.n_tokens if past else 0,
            has_weights=weights is not None,
            apart=self.documents_alike or use_cache or weights is not None or encoder_BTD is not None,
        )
        context = Context(
            layout=layout,
            n_tokens=n_tokens,
            weights=weights,
            use_cache=use_cache,
            encoder_BTD=encoder_BTD,
            is_encoder_token_BT=is_encoder_token_BT,
        )
        x = layout.lay_out(x_BSD)
        states = [x]
        attentions: list[Weights] = []
        cross_attentions: list[Weights] = []
        cached: list[LayerCache] = []
        for number in range(len(self.layer)):
            output = self._block(number, x, context, head_mask, past.layers[number] if past else None)
            x = output.states
            states = [*states, x] if all_states else [x]
            attentions += [] if output.weights is None else [output.weights]
            cross_attentions += [] if output.cross_weights is None else [output.cross_weights]
            cached += [] if output.cached is None else [output.cached]
        states_BSD = tuple(map(layout.restore, states))
        return EncoderOutput(
            states_BSD[-1],
            states_BSD if all_states else None,
            weights=tuple(attentions) or None,
            cross_weights=tuple(cross_attentions) or None,
            cache=KeyValueCache(cached) if cached else None,
        )

    def _block(
        self, number: int, x: Tensor, context: Context, head_mask: Tensor | None, past: LayerCache | None
    ) -> BlockOutput:
        inputs = (x, context, None if head_mask is None else head_mask[number], past)
        if self.gradient_checkpointing and torch.is_grad_enabled():
            return cast(BlockOutput, checkpoint(self.layer[number], *inputs, **self.checkpointing_options))
        return cast(BlockOutput, self.layer[number](*inputs))

    def _layout(
        self,
        x_BSD: Tensor,
        is_token: Tensor | None,
        is_global_BS: Tensor | None,
        *,
        n_past: int,
        has_weights: bool,
        apart: bool,
    ) -> Layout:
        """Lay the batch out in one packed row, unless documents must lie apart or shapes be fixed.

        Raises:
            ModelError: torch.export or torch.func meets what no fixed shape could hold.
        """
        B, S, _ = x_BSD.shape
        if n_past:
            return self._after_past(is_token, shape=(B, S), n_all=n_past + S)
        if has_fixed_shapes() and (is_token is not None or not has_weights):
            if is_global_BS is not None or has_weights:
                raise ModelError(
                    "torch.export and torch.func can take neither global_attention_mask, nor output_attentions "
                    "together with an attention_mask: the shapes would depend on what the masks hold",
                    fix="leave them out",
                )
            return fixed_length(
                x_BSD,
                is_token,
                block_size=self.block_size,
                full_attention_limit=self.full_attention_limit,
                attention_type=self.attention_type,
                alike=self.documents_alike,
            )
        groups = group_documents(
            is_token,
            is_global_BS=is_global_BS,
            batch_size=B,
            n_tokens=S,
            block_size=self.block_size,
            full_attention_limit=self.full_attention_limit,
            attention_type=self.attention_type,
            sparse_kernel=self.sparse_kernel,
            alike=self.documents_alike,
            dense_step=S if apart else 1 if attends_exactly(x_BSD) else self.block_size,
            device=x_BSD.device,
        )
        if apart:
            return PaddedRows(groups, (B, S), max(S, *(group.n_tokens for group in groups)))
        return PackedRow.of(groups, (B, S), x_BSD.device)

    def _after_past(self, is_token: Tensor | None, *, shape: tuple[int, int], n_all: int) -> PaddedRows:
        """Lay out the last tokens of texts that have `n_all` by now: one group, for the kernel of the whole text."""
        sparse = is_sparse(
            n_tokens=n_all, full_attention_limit=self.full_attention_limit, attention_type=self.attention_type
        )
        group = Group(
            kernel="decode" if sparse else "dense",
            is_sparse=sparse,
            n_tokens=n_all,
            lengths=[n_all] * shape[0],
            is_token=is_token,
        )
        return PaddedRows([group], shape, shape[1])


def attends_exactly(x: Tensor) -> bool:
    """Whether a document is encoded as if it were alone, to the last bit: on a processor, where no gradient is wanted.

    Padding would change the rounding of dense attention, so that only documents of one length share a call there. The
    rest of an encoder computes token by token, and rounds a token alike whatever stands beside it.
    """
    return x.device.type == "cpu" and not torch.is_grad_enabled()


def _pattern_of(config: BigBirdConfig, layer: int) -> Callable[..., BlockPattern]:
    """One layer's block pattern, as a function of `n_blocks`."""
    settings = {
        "block_size": config.block_size,
        "n_heads": config.num_attention_heads,
        "n_random": config.num_random_blocks,
        "n_window": config.num_window_blocks,
        "layer": layer,
    }
    if config.is_decoder:
        return functools.partial(causal_pattern, **settings)
    return functools.partial(
        block_pattern, **settings, variant=config.pattern, max_tokens=config.max_position_embeddings
    )


def build_encoder(config: BigBirdConfig) -> Encoder:
    """Assemble the encoder, or the decoder, that a config describes.

    A decoder with cross-attention runs dense self-attention, as in transformers: such models were never trained sparse.

    Raises:
        ModelError: cross-attention in a model that is no decoder, or an activation that is not known.
    """
    if config.add_cross_attention and not config.is_decoder:
        raise ModelError(
            "the config says add_cross_attention, but not is_decoder",
            fix="set is_decoder too, or add_cross_attention to false",
        )
    width, eps, dropout = config.hidden_size, config.layer_norm_eps, config.hidden_dropout_prob
    inner_width, act = config.intermediate_size, activation(config.hidden_act)

    def and_norm(attention: SelfAttention | CrossAttention) -> Attention:
        output = OutputProjection(in_width=width, width=width, dropout=dropout, norm_eps=eps)
        return Attention(attention=attention, output=output)

    def build_block(layer: int) -> EncoderBlock:
        attention = SelfAttention(
            width=width,
            n_heads=config.num_attention_heads,
            bias=config.use_bias,
            dropout=config.attention_probs_dropout_prob,
            sparse_dropout=config.sparse_attention_dropout_prob,
            is_causal=config.is_decoder,
            block_size=config.block_size,
            pattern_of=_pattern_of(config, layer),
        )
        across = None
        if config.add_cross_attention:
            across = CrossAttention(
                width=width,
                n_heads=config.num_attention_heads,
                bias=config.use_bias,
                dropout=config.attention_probs_dropout_prob,
            )
        return EncoderBlock(
            attention=and_norm(attention),
            crossattention=None if across is None else and_norm(across),
            intermediate=FeedForwardUp(width=width, inner_width=inner_width, act=act),
            output=OutputProjection(in_width=inner_width, width=width, dropout=dropout, norm_eps=eps),
            chunk_tokens=config.chunk_size_feed_forward,
        )

    return Encoder(
        layer=nn.ModuleList(build_block(layer) for layer in range(config.num_hidden_layers)),
        block_size=config.block_size,
        full_attention_limit=config.full_attention_limit,
        attention_type="original_full" if config.add_cross_attention else config.attention_type,
        documents_alike=config.pattern != "original" and not config.is_decoder,
    )
