"""A module with a config: what users of every model ask of it, by the names that transformers gives.

Shape letters: V vocabulary, D width.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.heads import HEADS, head_of_class
from bigbird_cli.bigbird.names import PREFIX
from bigbird_cli.errors import ModelError
from bigbird_cli.pytorch.model.encoder import Encoder
from bigbird_cli.pytorch.model.heads import LMPredictionHead
from bigbird_cli.pytorch.model.kernels import SPARSE_KERNELS
from bigbird_cli.pytorch.model.layers import Embedding, Linear

NOISE = 3e-5
"""Deviation of a new word vector from the mean of the old, in old deviations: transformers scales variances by 1e-9."""


class ConfiguredModel(nn.Module):
    """A module with a config."""

    prefix: ClassVar[str] = PREFIX
    """What stands before the encoder's parameter names."""
    base_model_prefix: ClassVar[str] = "bert"
    main_input_name: ClassVar[str] = "input_ids"
    config_class: ClassVar[type] = BigBirdConfig
    supports_gradient_checkpointing: ClassVar[bool] = True

    def __init__(self, config: BigBirdConfig) -> None:
        super().__init__()
        self.config = config.replace(architectures=[type(self).__name__])
        self._input_grads_hook: RemovableHandle | None = None

    @property
    def label_parameters(self) -> tuple[str, ...]:
        """Names of the parameters that have a row a label."""
        heads = (head for kind in type(self).__mro__ if (head := head_of_class(kind.__name__)))
        return HEADS[next(heads, "none")].label_parameters

    @property
    def base_model(self) -> "ConfiguredModel":
        """The bare encoder or decoder in this model."""
        return cast(ConfiguredModel, self.get_submodule(self.prefix.removesuffix(".")))

    @property
    def device(self) -> torch.device:
        """Where the parameters lie."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The parameters' type."""
        return next(self.parameters()).dtype

    def num_parameters(self, only_trainable: bool = False, exclude_embeddings: bool = False) -> int:
        """Count the parameters' numbers; those that are tied count once."""
        tables = (module.weight for module in self.modules() if isinstance(module, nn.Embedding))
        left_out = set(map(id, tables)) if exclude_embeddings else set()
        return sum(
            parameter.numel()
            for parameter in self.parameters()
            if id(parameter) not in left_out and (parameter.requires_grad or not only_trainable)
        )

    def get_memory_footprint(self, return_buffers: bool = True) -> int:
        """Bytes of the parameters, and of the buffers."""
        tensors: list[Tensor] = [*self.parameters(), *(self.buffers() if return_buffers else ())]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    @classmethod
    def can_generate(cls) -> bool:
        """Whether this class continues texts."""
        return hasattr(cls, "generate")

    # how it is computed

    def gradient_checkpointing_enable(self, gradient_checkpointing_kwargs: Mapping[str, Any] | None = None) -> None:
        """Keep only each block's input for the backward pass and compute the rest again, dropout alike.

        Args:
            gradient_checkpointing_kwargs: settings of torch.utils.checkpoint.checkpoint; use_reentrant is False
                whatever they say: the gradients are the same, and those of an encoder's states are not lost.
        """
        self._encoder().gradient_checkpointing = True
        self._encoder().checkpointing_options = {**(gradient_checkpointing_kwargs or {}), "use_reentrant": False}

    def gradient_checkpointing_disable(self) -> None:
        """Keep every intermediate result for the backward pass."""
        self._encoder().gradient_checkpointing = False

    @property
    def is_gradient_checkpointing(self) -> bool:
        """Whether blocks are computed again for the backward pass."""
        return self._encoder().gradient_checkpointing

    def enable_input_require_grads(self) -> None:
        """Give the word vectors a gradient even where their table is frozen, as adapters under checkpointing need."""
        self.disable_input_require_grads()
        words = self.get_input_embeddings()
        self._input_grads_hook = words.register_forward_hook(lambda _words, _ids, x_BSD: x_BSD.requires_grad_())

    def disable_input_require_grads(self) -> None:
        """Take that back."""
        if self._input_grads_hook is not None:
            self._input_grads_hook.remove()
            self._input_grads_hook = None

    def use_sparse_kernel(self, name: str) -> None:
        """Let block-sparse attention be computed by another kernel: fused (the default), gather, flex or reference.

        Raises:
            ValueError: there is no such kernel of block-sparse attention.
        """
        if name not in SPARSE_KERNELS:
            raise ValueError(f"{name!r} is not one of {', '.join(SPARSE_KERNELS)}")
        self._encoder().sparse_kernel = name

    def _encoder(self) -> Encoder:
        return cast(Encoder, self.get_submodule(f"{self.prefix}encoder"))

    # the vocabulary's tables

    def get_input_embeddings(self) -> nn.Embedding:
        """The table of word vectors, (V, D)."""
        return cast(nn.Embedding, self.get_submodule(f"{self.prefix}embeddings.word_embeddings"))

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Take another table of word vectors, and tied output scores with it."""
        self.get_submodule(f"{self.prefix}embeddings").word_embeddings = value

    def get_output_embeddings(self) -> nn.Linear | None:
        """What scores the vocabulary, V by D with a bias; None in a model that does not.

        Its parameters are the model's own, whether they are tied to the word vectors or not.
        """
        predictions = self._predictions()
        if predictions is None:
            return None
        weight_VD = (self.get_input_embeddings() if predictions.decoder is None else predictions.decoder).weight
        output = Linear(weight_VD.shape[1], weight_VD.shape[0], device="meta")
        output.weight, output.bias = weight_VD, predictions.bias
        return output

    def set_output_embeddings(self, new_embeddings: nn.Linear) -> None:
        """Take the weight and the bias of another layer; where they are tied, the weight is the word vectors' too.

        Raises:
            ModelError: this model does not score the vocabulary.
        """
        predictions = self._predictions()
        if predictions is None:
            raise ModelError(f"a {type(self).__name__} has no output embeddings", fix="use a model that scores words")
        table = self.get_input_embeddings() if predictions.decoder is None else predictions.decoder
        table.weight = new_embeddings.weight
        if new_embeddings.bias is not None:
            predictions.bias = new_embeddings.bias

    def tie_weights(self) -> None:
        """Let the word vectors score the vocabulary, where the config says so; models are built that way."""
        predictions = self._predictions()
        if predictions is not None and self.config.tie_word_embeddings:
            predictions.decoder = None

    def resize_token_embeddings(
        self, new_num_tokens: int | None = None, pad_to_multiple_of: int | None = None, mean_resizing: bool = True
    ) -> nn.Embedding:
        """Give the vocabulary another size: word vectors, output scores and config.vocab_size.

        Args:
            new_num_tokens: such as `len(tokenizer)` after `add_tokens`; by default the size that it has.
            pad_to_multiple_of: the size is rounded up to a multiple of this.
            mean_resizing: start new rows near the mean of the old, which leaves the other scores nearly as they
                were (Hewitt, 2021); otherwise like a new model's.

        Returns:
            The table of word vectors.

        Raises:
            ModelError: no room for the padding token, or no size at all.
        """
        old = self.get_input_embeddings()
        n_tokens = old.num_embeddings if new_num_tokens is None else new_num_tokens
        if pad_to_multiple_of is not None:
            n_tokens = -(-n_tokens // pad_to_multiple_of) * pad_to_multiple_of
        # checks the size, and that it goes with the rest; the model's parts share the config
        self.config.vocab_size = self.config.replace(vocab_size=n_tokens).vocab_size
        if n_tokens == old.num_embeddings:
            return old

        def resized(module: nn.Module, name: str = "weight") -> nn.Parameter:
            return _resized(module, name, n_tokens, std=None if mean_resizing else self.config.initializer_range)

        new = Embedding(n_tokens, old.embedding_dim, padding_idx=old.padding_idx, device="meta").train(old.training)
        new.weight = resized(old)
        self.set_input_embeddings(new)
        predictions = self._predictions()
        if predictions is not None:
            predictions.bias = resized(predictions, "bias")
            if predictions.decoder is not None:
                predictions.decoder.weight = resized(predictions.decoder)
                predictions.decoder.out_features = n_tokens
        return new

    def _predictions(self) -> LMPredictionHead | None:
        head = getattr(self, "cls", None)
        return None if head is None else cast(LMPredictionHead, head.predictions)


@torch.no_grad()
def _resized(module: nn.Module, name: str, n_rows: int, *, std: float | None) -> nn.Parameter:
    """A parameter of a module with fewer rows, or with new ones near the mean; with std as in a new model."""
    old = module.get_parameter(name)
    n_kept = min(n_rows, len(old))
    new = nn.Parameter(old.new_empty(n_rows, *old.shape[1:]), requires_grad=old.requires_grad)
    if n_rows > n_kept and std is None:
        deviation, mean = torch.std_mean(old.float(), dim=0, correction=0)
        new[n_kept:] = (mean + NOISE * deviation * torch.randn(new[n_kept:].shape, device=old.device)).to(old.dtype)
    elif n_rows > n_kept and old.dim() == 2:
        nn.init.normal_(new[n_kept:], std=std or 0.0)
    elif n_rows > n_kept:
        nn.init.zeros_(new[n_kept:])
    new[:n_kept] = old[:n_kept]
    return new
