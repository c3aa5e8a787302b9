"""The keys and values of the tokens before, so that a decoder computes them once.

Shape letters: B documents, N heads, S tokens cached, T tokens of an encoder, H head width.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import overload

import torch
import torch.utils._pytree as pytree
from torch import Tensor

GROWTH = 1.5
"""Spare capacity taken when a store is full, so that caching n tokens one by one copies O(n) in all, not O(n²)."""


@dataclass
class _Store:
    """Memory for keys and values, of which the first `filled` tokens are taken."""

    k_BNCH: Tensor
    v_BNCH: Tensor
    filled: int


@dataclass(frozen=True)
class LayerCache:
    """One layer's keys and values: the first `n_tokens` of a store that later ones may share."""

    store: _Store = field(repr=False)
    n_tokens: int
    cross: tuple[Tensor, Tensor] | None = None
    """The encoder's keys and values, (B, N, T, H) each; computed once a text."""

    @classmethod
    def of(cls, k_BNSH: Tensor, v_BNSH: Tensor, cross: tuple[Tensor, Tensor] | None = None) -> "LayerCache":
        return cls(_Store(k_BNSH, v_BNSH, k_BNSH.shape[2]), k_BNSH.shape[2], cross)

    @property
    def k_BNSH(self) -> Tensor:
        return self.store.k_BNCH[:, :, : self.n_tokens]

    @property
    def v_BNSH(self) -> Tensor:
        return self.store.v_BNCH[:, :, : self.n_tokens]

    def extended(self, k_BNSH: Tensor, v_BNSH: Tensor) -> "LayerCache":
        """Return a layer with more tokens. This one stays as it is, and can be continued another way later."""
        end = self.n_tokens + k_BNSH.shape[2]
        if torch.is_grad_enabled() and (k_BNSH.requires_grad or self.store.k_BNCH.requires_grad):
            return LayerCache.of(
                torch.cat((self.k_BNSH, k_BNSH), dim=2), torch.cat((self.v_BNSH, v_BNSH), dim=2), self.cross
            )
        store = self.store
        is_taken = store.filled != self.n_tokens  # another continuation stands there already
        is_closed = store.k_BNCH.is_inference() and not torch.is_inference_mode_enabled()
        if is_taken or is_closed or end > store.k_BNCH.shape[2]:
            store = _Store(_grown(self.k_BNSH, end), _grown(self.v_BNSH, end), self.n_tokens)
        store.k_BNCH[:, :, self.n_tokens : end] = k_BNSH
        store.v_BNCH[:, :, self.n_tokens : end] = v_BNSH
        store.filled = end
        return LayerCache(store, end, self.cross)

    def tensors(self) -> tuple[Tensor, ...]:
        return (self.k_BNSH, self.v_BNSH, *(self.cross or ()))


def _layer_of(tensors: Sequence[Tensor]) -> LayerCache:
    if len(tensors) not in (2, 4):
        raise ValueError(f"a layer of past_key_values has {len(tensors)} tensors, not 2, or 4 with an encoder's")
    k_BNSH, v_BNSH, *cross = tensors
    return LayerCache.of(k_BNSH, v_BNSH, (cross[0], cross[1]) if cross else None)


def _grown(x_BNSH: Tensor, n_tokens: int) -> Tensor:
    B, N, S, H = x_BNSH.shape
    grown = x_BNSH.new_empty(B, N, int(n_tokens * GROWTH), H)
    grown[:, :, :S] = x_BNSH
    return grown


class KeyValueCache(Sequence[tuple[Tensor, ...]]):
    """Hugging Face's `past_key_values`: of each layer (k, v), (B, N, S, H) each, and with cross-attention its (k, v).

    It is never changed: a model returns a longer one, which shares the memory. The same cache can be continued
    several times.
    """

    def __init__(self, layers: Iterable[LayerCache | Sequence[Tensor]]) -> None:
        """Take layers, each as it is cached or as its tensors: torch.nn.DataParallel gathers caches in that way.

        Raises:
            ValueError: a layer has neither two nor four tensors.
        """
        self.layers = tuple(layer if isinstance(layer, LayerCache) else _layer_of(layer) for layer in layers)

    @classmethod
    def of(cls, past: Sequence[Sequence[Tensor]]) -> "KeyValueCache":
        """Take a cache as it is, and tuples of tensors as one.

        Raises:
            ValueError: a layer has neither two nor four tensors.
        """
        return past if isinstance(past, KeyValueCache) else cls(past)

    @property
    def n_tokens(self) -> int:
        """Tokens cached."""
        return self.layers[0].n_tokens

    def reordered(self, rows: Tensor) -> "KeyValueCache":
        """Return the cache of a batch whose documents are these rows of the present one, (new B,) indices."""
        return KeyValueCache.of([[x.index_select(0, rows) for x in tensors] for tensors in self])

    @overload
    def __getitem__(self, index: int) -> tuple[Tensor, ...]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[tuple[Tensor, ...], ...]: ...
    def __getitem__(self, index: int | slice) -> tuple[Tensor, ...] | tuple[tuple[Tensor, ...], ...]:
        if isinstance(index, slice):
            return tuple(layer.tensors() for layer in self.layers[index])
        return self.layers[index].tensors()

    def __len__(self) -> int:
        return len(self.layers)


# Tuples come back, which models take as well: what torch's tools put in the tensors' place need not be tensors.
pytree.register_pytree_node(
    KeyValueCache,
    lambda cache: (list(cache), None),
    lambda layers, _: tuple(layers),
    serialized_type_name=f"{KeyValueCache.__module__}.{KeyValueCache.__qualname__}",
)
