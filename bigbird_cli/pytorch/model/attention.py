"""Attention: project, let each group of documents read through its kernel, put the heads together again.

Shape letters: B documents, S sequence, D width, N heads, H head width, T keys, G documents in a group.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from bigbird_cli.bigbird.pattern import BlockPattern
from bigbird_cli.pytorch.model.cache import KeptLayer
from bigbird_cli.pytorch.model.documents import Group
from bigbird_cli.pytorch.model.kernels import KERNELS
from bigbird_cli.pytorch.model.kernels.full import full
from bigbird_cli.pytorch.model.kernels.recent import recent
from bigbird_cli.pytorch.model.kernels.reference import attention_weights
from bigbird_cli.pytorch.model.kernels.sparse_weights import SparseAttention, full_weights, sparse_weights
from bigbird_cli.pytorch.model.layers import AddAndNorm, Linear, by_parts, tokens_at_once
from bigbird_cli.pytorch.model.packing import PackedGroup

Weights = Tensor | tuple[SparseAttention, ...]
"""Attention weights of a batch: (B, N, S, T), or one sparse form a document."""

WeightsForm = Literal["dense", "sparse"]


@dataclass(frozen=True)
class Request:
    """What every layer of one call is told, besides the states that it reads."""

    groups: Sequence[Group]
    """The batch's documents by kernel; with kept tokens one group of all, for the kernel of the whole text. Packed
    groups, where the batch is one packed row."""
    n_tokens: int
    """Tokens of the input, without the padding that the encoder may have added."""
    weights: WeightsForm | None = None
    """The form in which attention weights are returned; None: they are not."""
    keep: bool = False
    """Return keys and values, for the tokens that follow."""
    encoder_BTD: Tensor | None = None
    """States of an encoder, for cross-attention."""
    is_encoder_token_BT: Tensor | None = None


class Reading(NamedTuple):
    """What attention returns."""

    states: Tensor
    """(B, S, D)"""
    weights: Weights | None
    kept: KeptLayer | None


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
            dropout: probability of dropping an attention weight under full attention, in training.
            sparse_dropout: the same under block-sparse attention.
            is_causal: whether a token reads nothing behind itself.
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
        self, x_BSD: Tensor, request: Request, *, head_mask_N: Tensor | None = None, past: KeptLayer | None = None
    ) -> Reading:
        q_BNSH, k_BNSH, v_BNSH = (project_heads(project, x_BSD, self.n_heads) for project in self._projections())
        kept = None
        if past is not None:
            kept = past.extended(k_BNSH, v_BNSH)
            k_BNSH, v_BNSH = kept.k_BNSH, kept.v_BNSH
        elif request.keep:
            kept = KeptLayer.of(k_BNSH[:, :, : request.n_tokens], v_BNSH[:, :, : request.n_tokens])
        groups = request.groups
        if isinstance(groups[0], PackedGroup):
            out_BNSH = self._read_packed(cast(Sequence[PackedGroup], groups), q_BNSH, k_BNSH, v_BNSH)
        elif len(groups) == 1 and groups[0].rows is None and groups[0].n_tokens == k_BNSH.shape[2]:
            out_BNSH = self._read(groups[0], q_BNSH, k_BNSH, v_BNSH)
        else:
            out_BNSH = q_BNSH.new_zeros(q_BNSH.shape)
            for group in groups:
                q, k, v = (group.take(x) for x in (q_BNSH, k_BNSH, v_BNSH))
                group.put(out_BNSH, self._read(group, q, k, v))
        weights = None
        if request.weights is not None:
            weights = self._weights(request, q_BNSH, k_BNSH)
        out_BNSH, weights = _by_head(out_BNSH, weights, head_mask_N)
        return Reading(join_heads(out_BNSH), weights, kept if request.keep else None)

    def _projections(self) -> tuple[Linear, Linear, Linear]:
        return self.query, self.key, self.value

    def _pattern(self, group: Group) -> BlockPattern:
        return self.pattern_of(n_blocks=-(-group.n_tokens // self.block_size))

    def _read_packed(self, groups: Sequence[PackedGroup], q_1NTH: Tensor, k_1NTH: Tensor, v_1NTH: Tensor) -> Tensor:
        if len(groups) == 1:
            out_TNH = self._read_one(groups[0], q_1NTH, k_1NTH, v_1NTH)
        else:
            sizes = [group.n_packed for group in groups]
            parts = zip(groups, *(x.split(sizes, dim=2) for x in (q_1NTH, k_1NTH, v_1NTH)), strict=True)
            out_TNH = torch.cat([self._read_one(group, *qkv) for group, *qkv in parts])
        return out_TNH.transpose(0, 1)[None]

    def _read_one(self, group: PackedGroup, *qkv_1NTH: Tensor) -> Tensor:
        if group.kernel == "full" and group.spread_index is not None and reads_exactly(qkv_1NTH[0]):
            return self._read_apart(group, *qkv_1NTH)
        return group.collect(self._read(group, *(group.spread(x) for x in qkv_1NTH)))

    def _read_apart(self, group: PackedGroup, *qkv_1NTH: Tensor) -> Tensor:
        """Read documents of different lengths by themselves, (tokens, N, H): padding would change the rounding."""
        outs_TNH = []
        parts = zip(*(x.split(group.lengths, dim=2) for x in qkv_1NTH), strict=True)
        for row, (q, k, v) in enumerate(parts):
            is_token_1T = None if group.is_token is None else group.is_token[row : row + 1, : q.shape[2]]
            if is_token_1T is not None and bool(is_token_1T.all()):
                is_token_1T = None
            outs_TNH.append(full(q, k, v, is_token_1T, is_causal=self.is_causal).squeeze(0).transpose(0, 1))
        return torch.cat(outs_TNH)

    def _read(self, group: Group, q_GNSH: Tensor, k_GNTH: Tensor, v_GNTH: Tensor) -> Tensor:
        if group.kernel == "full":
            dropout = self.dropout if self.training else 0.0
            return full(q_GNSH, k_GNTH, v_GNTH, group.is_token, dropout=dropout, is_causal=self.is_causal)
        dropout = self.sparse_dropout if self.training else 0.0
        pattern = self._pattern(group)
        if q_GNSH.shape[2] < k_GNTH.shape[2]:
            return recent(q_GNSH, k_GNTH, v_GNTH, group.is_token, pattern, dropout=dropout)
        kernel = KERNELS[group.kernel]
        return kernel(q_GNSH, k_GNTH, v_GNTH, group.is_token, pattern, dropout=dropout, is_global_BS=group.is_global)

    def _weights(self, request: Request, q_BNSH: Tensor, k_BNTH: Tensor) -> Weights:
        """Compute the weights apart from the kernels, which never write them down."""
        if request.weights == "sparse":
            return self._sparse_weights(request, q_BNSH, k_BNTH)
        n_queries, n_keys = request.n_tokens, request.n_tokens + k_BNTH.shape[2] - q_BNSH.shape[2]
        dense_BNST = q_BNSH.new_zeros(*q_BNSH.shape[:2], n_queries, n_keys)
        for group in request.groups:
            q, k = group.take(q_BNSH), group.take(k_BNTH)
            pattern = None if group.kernel == "full" else self._pattern(group)
            found = attention_weights(
                q, k, group.is_token, pattern, is_causal=self.is_causal, is_global_BS=group.is_global
            )[:, :, :n_queries, :n_keys]
            if group.is_token is not None:
                queries = slice(found.shape[3] - found.shape[2], found.shape[3])
                found = found * group.is_token[:, None, queries, None]
            group.put(dense_BNST, found)
        return dense_BNST

    def _sparse_weights(self, request: Request, q_BNSH: Tensor, k_BNSH: Tensor) -> tuple[SparseAttention, ...]:
        documents: dict[int, SparseAttention] = {}
        for group in request.groups:
            q, k = group.take(q_BNSH), group.take(k_BNSH)
            rows = range(len(q_BNSH)) if group.rows is None else group.rows
            if group.kernel == "full":
                dense = attention_weights(q, k, group.is_token, None, is_causal=self.is_causal)
                found = [full_weights(w[:, :n, :n]) for w, n in zip(dense, group.lengths, strict=True)]
            else:
                found = sparse_weights(
                    q, k, group.is_token, self._pattern(group), lengths=group.lengths, is_global_BS=group.is_global
                )
            documents |= zip(rows, found, strict=True)
        return tuple(documents[row] for row in range(len(q_BNSH)))


class CrossAttention(nn.Module):
    """A decoder's attention to the states of an encoder: full, at every length."""

    def __init__(self, *, width: int, n_heads: int, bias: bool, dropout: float) -> None:
        super().__init__()
        self.query = Linear(width, width, bias=bias)
        self.key = Linear(width, width, bias=bias)
        self.value = Linear(width, width, bias=bias)
        self.n_heads = n_heads
        self.dropout = dropout

    def forward(
        self, x_BSD: Tensor, request: Request, *, head_mask_N: Tensor | None = None, past: KeptLayer | None = None
    ) -> Reading:
        q_BNSH = split_heads(self.query(x_BSD), self.n_heads)
        if past is not None and past.cross is not None:
            k_BNTH, v_BNTH = past.cross
        else:
            k_BNTH, v_BNTH = (
                split_heads(project(request.encoder_BTD), self.n_heads) for project in (self.key, self.value)
            )
        is_token_BT = request.is_encoder_token_BT
        dropout = self.dropout if self.training else 0.0
        out_BNSH = full(q_BNSH, k_BNTH, v_BNTH, is_token_BT, dropout=dropout)
        weights: Weights | None = None
        if request.weights is not None:
            weights = attention_weights(q_BNSH[:, :, : request.n_tokens], k_BNTH, is_token_BT, None)
        out_BNSH, weights = _by_head(out_BNSH, weights, head_mask_N)
        return Reading(join_heads(out_BNSH), weights, KeptLayer.of(k_BNTH, v_BNTH))


def reads_exactly(x: Tensor) -> bool:
    """Whether a document is read as if it were alone, to the last bit: on a processor, where no gradient is wanted.

    The rest of an encoder computes token by token, and rounds a token alike whatever stands beside it.
    """
    return x.device.type == "cpu" and not torch.is_grad_enabled()


def project_heads(project: Linear, x_BSD: Tensor, n_heads: int) -> Tensor:
    """Project to heads, (B, N, S, H); a long text's, where no gradient is wanted, in the order that kernels read."""
    n_tokens = tokens_at_once(x_BSD)
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
    return x_BSD.unflatten(-1, (n_heads, -1)).transpose(1, 2)


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

    def __init__(self, *, attention: SelfAttention | CrossAttention, output: AddAndNorm) -> None:
        super().__init__()
        self.self = attention
        self.output = output

    def forward(
        self, x_BSD: Tensor, request: Request, *, head_mask_N: Tensor | None = None, past: KeptLayer | None = None
    ) -> Reading:
        reading: Reading = self.self(x_BSD, request, head_mask_N=head_mask_N, past=past)
        return reading._replace(states=by_parts(self.output, reading.states, x_BSD))
