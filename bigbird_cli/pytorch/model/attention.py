"""Attention: project, attend in each group of documents by its kernel, put the heads together again.

Shape letters: B documents, S sequence, D width, N heads, H head width, T keys, G documents in a group.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bigbird_cli.bigbird.pattern import BlockPattern
from bigbird_cli.pytorch.model.cache import LayerCache
from bigbird_cli.pytorch.model.chunking import chunk_size, chunked
from bigbird_cli.pytorch.model.documents import Group
from bigbird_cli.pytorch.model.kernels import KERNELS
from bigbird_cli.pytorch.model.kernels.bucketed import bucketed
from bigbird_cli.pytorch.model.kernels.dense import dense
from bigbird_cli.pytorch.model.kernels.reference import attention_weights
from bigbird_cli.pytorch.model.kernels.sparse_weights import SparseAttention, dense_document, sparse_weights
from bigbird_cli.pytorch.model.layers import Linear, OutputProjection
from bigbird_cli.pytorch.model.layouts import Layout

Weights = Tensor | tuple[SparseAttention, ...]
"""Attention weights of a batch: (B, N, S, T), or one sparse form a document."""

WeightsForm = Literal["dense", "sparse"]


@dataclass(frozen=True, kw_only=True)
class Context:
    """What every layer of one call shares, besides the states."""

    layout: Layout
    """Where the batch's documents lie, and by which kernel to attend in them."""
    n_tokens: int
    """Tokens of the input, without the padding that the encoder may have added."""
    weights: WeightsForm | None = None
    """The form in which attention weights are returned; None: they are not."""
    use_cache: bool = False
    """Return keys and values, for the tokens that follow."""
    encoder_BTD: Tensor | None = None
    """States of an encoder, for cross-attention."""
    is_encoder_token_BT: Tensor | None = None


class AttentionOutput(NamedTuple):
    """What attention returns."""

    states: Tensor
    """(B, S, D)"""
    weights: Weights | None
    cached: LayerCache | None


class SelfAttention(nn.Module):
    """Multi-head self-attention whose kernel is named by the caller, group by group."""

    def __init__(
        self,
        *,
        width: int,
        n_heads: int,
        bias: bool,
        dropout: float,
        sparse_dropout: float,
        is_causal: bool,
        block_size: int,
        pattern_of: Callable[..., BlockPattern],
    ) -> None:
        """Build the projections.

        Args:
            width: of the hidden states; a multiple of n_heads.
            n_heads: attention heads.
            bias: whether the three projections have one.
            dropout: probability of dropping an attention weight under dense attention, in training.
            sparse_dropout: the same under block-sparse attention.
            is_causal: whether no token attends to what stands behind it.
            block_size: tokens per block.
            pattern_of: this layer's block pattern, called with `n_blocks`.
        """
        super().__init__()
        self.query = Linear(width, width, bias=bias)
        self.key = Linear(width, width, bias=bias)
        self.value = Linear(width, width, bias=bias)
        self.n_heads = n_heads
        self.dropout = dropout
        self.sparse_dropout = sparse_dropout
        self.is_causal = is_causal
        self.block_size = block_size
        self.pattern_of = pattern_of

    def forward(
        self, x_BSD: Tensor, context: Context, *, head_mask_N: Tensor | None = None, past: LayerCache | None = None
    ) -> AttentionOutput:
        q_BNSH, k_BNSH, v_BNSH = (project_heads(project, x_BSD, self.n_heads) for project in self._projections())
        cached = None
        if past is not None:
            cached = past.extended(k_BNSH, v_BNSH)
            k_BNSH, v_BNSH = cached.k_BNSH, cached.v_BNSH
        elif context.use_cache:
            cached = LayerCache.of(k_BNSH[:, :, : context.n_tokens], v_BNSH[:, :, : context.n_tokens])
        layout = context.layout
        parts = zip(layout.groups, *(layout.split(x) for x in (q_BNSH, k_BNSH, v_BNSH)), strict=True)
        out_BNSH = layout.join([self._attend(group, *qkv) for group, *qkv in parts])
        weights = None
        if context.weights is not None:
            weights = self._weights(context, q_BNSH, k_BNSH)
        out_BNSH, weights = _by_head(out_BNSH, weights, head_mask_N)
        return AttentionOutput(join_heads(out_BNSH), weights, cached if context.use_cache else None)

    def _projections(self) -> tuple[Linear, Linear, Linear]:
        return self.query, self.key, self.value

    def _pattern(self, group: Group) -> BlockPattern | None:
        return self.pattern_of(n_blocks=-(-group.n_tokens // self.block_size)) if group.is_sparse else None

    def _attend(self, group: Group, q_GNSH: Tensor, k_GNTH: Tensor, v_GNTH: Tensor) -> Tensor:
        dropout = self.sparse_dropout if group.is_sparse else self.dropout
        dropout = dropout if self.training else 0.0
        if group.n_blocks_B is not None and group.is_token is not None:
            whole = group.n_tokens // self.block_size
            fewest = whole if self.is_causal else group.fewest_blocks  # a decoder's rows depend on no length
            patterns = [self.pattern_of(n_blocks=n) for n in range(fewest, whole + 1)]
            return bucketed(q_GNSH, k_GNTH, v_GNTH, group.is_token, group.n_blocks_B, patterns, dropout=dropout)
        return KERNELS[group.kernel](
            q_GNSH,
            k_GNTH,
            v_GNTH,
            group.is_token,
            self._pattern(group),
            dropout=dropout,
            is_causal=self.is_causal,
            is_global_BS=group.is_global,
        )

    def _weights(self, context: Context, q_BNSH: Tensor, k_BNTH: Tensor) -> Weights:
        """Compute the weights apart from the kernels, which never write them down."""
        layout = context.layout
        parts = list(zip(layout.groups, layout.split(q_BNSH), layout.split(k_BNTH), strict=True))
        if context.weights == "sparse":
            return self._sparse_weights(parts)
        n_queries, n_keys = context.n_tokens, context.n_tokens + k_BNTH.shape[2] - q_BNSH.shape[2]
        found_GNST = []
        for group, q, k in parts:
            weights = attention_weights(
                q, k, group.is_token, self._pattern(group), is_causal=self.is_causal, is_global_BS=group.is_global
            )
            if group.is_token is not None:
                queries = slice(weights.shape[3] - weights.shape[2], weights.shape[3])
                weights = weights * group.is_token[:, None, queries, None]
            found_GNST.append(F.pad(weights, (0, n_keys - weights.shape[3])))
        return layout.join(found_GNST)[:, :, :n_queries]

    def _sparse_weights(self, parts: Sequence[tuple[Group, Tensor, Tensor]]) -> tuple[SparseAttention, ...]:
        documents: dict[int, SparseAttention] = {}
        for group, q, k in parts:
            rows = range(len(group.lengths)) if group.rows is None else group.rows
            pattern = self._pattern(group)
            if pattern is None:
                weights = attention_weights(q, k, group.is_token, None, is_causal=self.is_causal)
                found = [dense_document(w[:, :n, :n]) for w, n in zip(weights, group.lengths, strict=True)]
            else:
                found = sparse_weights(
                    q, k, group.is_token, pattern, lengths=group.lengths, is_global_BS=group.is_global
                )
            documents |= zip(rows, found, strict=True)
        return tuple(documents[row] for row in sorted(documents))


class CrossAttention(nn.Module):
    """A decoder's attention to the states of an encoder: dense, at every length."""

    def __init__(self, *, width: int, n_heads: int, bias: bool, dropout: float) -> None:
        super().__init__()
        self.query = Linear(width, width, bias=bias)
        self.key = Linear(width, width, bias=bias)
        self.value = Linear(width, width, bias=bias)
        self.n_heads = n_heads
        self.dropout = dropout

    def forward(
        self, x_BSD: Tensor, context: Context, *, head_mask_N: Tensor | None = None, past: LayerCache | None = None
    ) -> AttentionOutput:
        q_BNSH = split_heads(self.query(x_BSD), self.n_heads)
        if past is not None and past.cross is not None:
            k_BNTH, v_BNTH = past.cross
        else:
            k_BNTH, v_BNTH = (
                split_heads(project(context.encoder_BTD), self.n_heads) for project in (self.key, self.value)
            )
        is_token_BT = context.is_encoder_token_BT
        dropout = self.dropout if self.training else 0.0
        out_BNSH = dense(q_BNSH, k_BNTH, v_BNTH, is_token_BT, dropout=dropout)
        weights: Weights | None = None
        if context.weights is not None:
            weights = attention_weights(q_BNSH[:, :, : context.n_tokens], k_BNTH, is_token_BT, None)
        out_BNSH, weights = _by_head(out_BNSH, weights, head_mask_N)
        return AttentionOutput(join_heads(out_BNSH), weights, LayerCache.of(k_BNTH, v_BNTH))


def project_heads(project: Linear, x_BSD: Tensor, n_heads: int) -> Tensor:
    """Project to heads, (B, N, S, H); a long text's, where no gradient is wanted, in the order that kernels want."""
    n_tokens = chunk_size(x_BSD)
    if n_tokens >= x_BSD.shape[1]:
        return split_heads(project(x_BSD), n_heads)
    heads_BNSH, first = x_BSD.new_empty(0), 0
    for part_BSD in x_BSD.tensor_split(-(-x_BSD.shape[1] // n_tokens), dim=1):
        part_BNSH = split_heads(project(part_BSD), n_heads)
        if first == 0:
            B, N, _, H = part_BNSH.shape
            heads_BNSH = part_BNSH.new_empty(B, N, x_BSD.shape[1], H)
        heads_BNSH[:, :, first : first + part_BSD.shape[1]] = part_BNSH
        first += part_BSD.shape[1]
    return heads_BNSH


def split_heads(x_BSD: Tensor, n_heads: int) -> Tensor:
    """(B, S, D) to (B, N, S, H)."""
    return torch.unflatten(x_BSD, -1, (n_heads, -1)).transpose(1, 2)


def join_heads(x_BNSH: Tensor) -> Tensor:
    """(B, N, S, H) to (B, S, D)."""
    return x_BNSH.transpose(1, 2).flatten(2)


def _by_head(out_BNSH: Tensor, weights: Weights | None, head_mask_N: Tensor | None) -> tuple[Tensor, Weights | None]:
    """Multiply each head by its factor. What a head returns is linear in its weights, so that one is as good."""
    if head_mask_N is None:
        return out_BNSH, weights
    if isinstance(weights, Tensor):
        weights = weights * head_mask_N[:, None, None]
    elif weights is not None:
        weights = tuple(document.scaled(head_mask_N) for document in weights)
    return out_BNSH * head_mask_N[:, None, None], weights


class Attention(nn.Module):
    """Attention and the sum with its input."""

    def __init__(self, *, attention: SelfAttention | CrossAttention, output: OutputProjection) -> None:
        super().__init__()
        self.self = attention
        self.output = output

    def forward(
        self, x_BSD: Tensor, context: Context, *, head_mask_N: Tensor | None = None, past: LayerCache | None = None
    ) -> AttentionOutput:
        output: AttentionOutput = self.self(x_BSD, context, head_mask_N=head_mask_N, past=past)
        return output._replace(states=chunked(self.output, output.states, x_BSD))
