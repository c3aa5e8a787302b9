"""A module with its parameters: what users of every class ask of it, by the names that transformers gives.

Shape letters: B documents, S sequence.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.core import unfreeze
from flax.traverse_util import flatten_dict, unflatten_dict
from jax import Array

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.heads import HEADS, head_of_class
from bigbird_cli.bigbird.names import PREFIX
from bigbird_cli.errors import ModelError
from bigbird_cli.files.hub import hub_options
from bigbird_cli.jax.model.initialisation import key_of, new_weights
from bigbird_cli.jax.model.inputs import as_arrays, check_inputs, check_room, filled, fills_rows, most_globals
from bigbird_cli.jax.model.loading import load_arrays, save_arrays
from bigbird_cli.weights.store import CONVERTIBLE, SAFETENSORS, find_folder

Params = dict[str, Any]
"""A tree of parameters, as flax.linen has it."""

_FLAX_FILES = CONVERTIBLE[2]
"""Patterns of the weights that Hugging Face's Flax classes write."""

SETTLED = ("force_download", "resume_download", "trust_remote_code")
"""Arguments of transformers that leave no choice here."""


class FlaxBigBirdPreTrainedModel:
    """A module with its parameters."""

    module_class: ClassVar[Callable[..., nn.Module]]
    """Makes the module from config, dtype and gradient_checkpointing; a subclass may name another."""
    prefix: ClassVar[str] = PREFIX
    """What stands before the encoder's parameter names."""
    base_model_prefix: ClassVar[str] = "bert"
    main_input_name: ClassVar[str] = "input_ids"
    config_class: ClassVar[type] = BigBirdConfig
    framework: ClassVar[str] = "flax"
    n_dims: ClassVar[int] = 2
    """Dimensions of input_ids."""
    new_parameters: tuple[str, ...] = ()
    """Those that the folder lacked which the model was opened from, by transformers' names."""
    role: ClassVar[Literal["encoder", "decoder", "either"]] = "encoder"
    """What the config must describe, or is made to."""

    def __init__(
        self,
        config: BigBirdConfig,
        input_shape: tuple[int, ...] | None = None,
        seed: int = 0,
        dtype: Any = jnp.float32,
        _do_init: bool = True,
        gradient_checkpointing: bool = False,
        **module_options: Any,
    ) -> None:
        """Build a new model.

        Args:
            config: its settings; the model has a copy.
            input_shape: of no effect: parameters have the same shapes for inputs of any.
            seed: of new weights.
            dtype: of the computation, such as jnp.bfloat16; parameters stay float32, see `to_bf16`.
            _do_init: make parameters; else `init_weights` makes them, and they are given to each call.
            gradient_checkpointing: keep only each block's input for the backward pass and compute the rest again.
            module_options: fields of the module besides, such as `add_pooling_layer`.

        Raises:
            ModelError: the config describes a decoder, and the class is of an encoder.
        """
        if self.role == "encoder" and config.is_decoder:
            raise ModelError(
                "the config describes a decoder (is_decoder), but this head needs tokens that attend to later ones too",
                fix="set is_decoder and add_cross_attention to false to use it as an encoder",
            )
        self.config = config.replace(
            architectures=[type(self).__name__.removeprefix("Flax")],
            is_decoder=config.is_decoder or self.role == "decoder",
        )
        self.input_shape = input_shape or (1, 1)
        self.key = key_of(seed)
        self.dtype = dtype
        self._is_initialized = _do_init
        self._params: Params | None = None
        self._build(
            gradient_checkpointing=gradient_checkpointing or self.config.gradient_checkpointing, **module_options
        )
        if _do_init:
            self._params = self.init_weights(self.key)

    def _build(self, **options: Any) -> None:
        self.module: nn.Module = self.module_class(config=self.config, dtype=self.dtype, **options)
        self._run = jax.jit(self._apply, static_argnames="static")
        # a user's own module may return anything, from which padding could not be cut off again
        self._fills_blocks = type(self.module).__module__.startswith("bigbird_cli.")

    # parameters

    @property
    def params(self) -> Params:
        """The parameters, a tree of arrays."""
        if self._params is None:
            raise ValueError("the model was made with _do_init=False: make parameters with init_weights and keep them")
        return self._params

    @params.setter
    def params(self, params: Mapping[str, Any]) -> None:
        if not self._is_initialized:
            raise ValueError("the model was made with _do_init=False: give parameters to each call")
        tree = _tree(params)
        if missing := sorted(self.required_params - flatten_dict(tree).keys()):
            raise ValueError(f"the parameters lack {'/'.join(missing[0])}, of {len(missing)} that are missing")
        self._params = tree

    @cached_property
    def params_shape_tree(self) -> Params:
        """The tree of parameters, with a shape and a type in the place of each."""
        ids = jnp.zeros((1, 1) if self.n_dims == 2 else (1, 1, 1), jnp.int32)
        options: dict[str, Any] = {}
        if self.config.add_cross_attention:
            options["encoder_hidden_states"] = jnp.zeros((1, 1, self.config.hidden_size), self.dtype)
        shapes: Params = jax.eval_shape(lambda key: self.module.init(key, ids, **options), self.key)["params"]
        return unfreeze(shapes)

    @property
    def required_params(self) -> set[tuple[str, ...]]:
        """The path of each parameter in the tree."""
        return set(flatten_dict(self.params_shape_tree))

    def init_weights(
        self, rng: Array, input_shape: tuple[int, ...] | None = None, params: Mapping[str, Any] | None = None
    ) -> Params:
        """Make new parameters, or those that `params` lacks.

        Args:
            rng: randomness.
            input_shape: of no effect.
            params: a tree that is kept.
        """
        del input_shape
        given = {} if params is None else flatten_dict(_tree(params))
        lacking = {path: shape for path, shape in flatten_dict(self.params_shape_tree).items() if path not in given}
        new = new_weights(lacking, rng, std=self.config.initializer_range, padding_id=self.config.pad_token_id)
        return unflatten_dict({**new, **given})

    def to_bf16(self, params: Mapping[str, Any], mask: Any = None) -> Params:
        """The parameters in bfloat16; where a tree `mask` says False they stay."""
        return _cast(params, jnp.bfloat16, mask)

    def to_fp16(self, params: Mapping[str, Any], mask: Any = None) -> Params:
        """The parameters in float16; where a tree `mask` says False they stay."""
        return _cast(params, jnp.float16, mask)

    def to_fp32(self, params: Mapping[str, Any], mask: Any = None) -> Params:
        """The parameters in float32; where a tree `mask` says False they stay."""
        return _cast(params, jnp.float32, mask)

    def enable_gradient_checkpointing(self) -> None:
        """Keep only each block's input for the backward pass and compute the rest again."""
        self.module = self.module.clone(gradient_checkpointing=True)
        self._run = jax.jit(self._apply, static_argnames="static")

    # calls

    def __call__(
        self,
        input_ids: Any,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        head_mask: Any = None,
        encoder_hidden_states: Any = None,
        encoder_attention_mask: Any = None,
        params: Mapping[str, Any] | None = None,
        dropout_rng: Array | None = None,
        indices_rng: Array | None = None,
        train: bool = False,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        past_key_values: Any = None,
        *,
        global_attention_mask: Any = None,
    ) -> Any:
        """Call the module, compiled; inputs are filled up to whole blocks, so that few lengths are compiled.

        Args:
            input_ids, attention_mask, token_type_ids, position_ids, head_mask, encoder_hidden_states,
                encoder_attention_mask, global_attention_mask: see `modules`; arrays of NumPy or JAX.
            params: in place of the model's own.
            dropout_rng: randomness of dropout, in training.
            indices_rng: where the config's pattern is "transformers", randomness that random blocks are drawn from in
                training; else of no effect: they are those of the pretraining, which no call draws.
            train: with dropout.
            output_attentions: return attention weights too.
            output_hidden_states: return the states between the blocks too.
            return_dict: return an output with names, not a tuple.
            past_key_values: a cache, from `init_cache` or an earlier output.

        Raises:
            ModelError: an id is out of range, or the input longer than the model has positions.
            ValueError: an input of another shape than the batch, or no randomness for dropout.
        """
        return self._call(
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            head_mask=head_mask,
            encoder_hidden_states=encoder_hidden_states,
            encoder_attention_mask=encoder_attention_mask,
            params=params,
            dropout_rng=dropout_rng,
            indices_rng=indices_rng,
            train=train,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
            past_key_values=past_key_values,
            global_attention_mask=global_attention_mask,
        )

    def _call(
        self,
        *,
        params: Mapping[str, Any] | None,
        dropout_rng: Array | None,
        indices_rng: Array | None,
        train: bool,
        output_attentions: bool | None,
        output_hidden_states: bool | None,
        return_dict: bool | None,
        past_key_values: Any = None,
        **given: Any,
    ) -> Any:
        config, inputs = self.config, as_arrays(given)
        check_inputs(inputs, config, n_dims=self.n_dims, has_cache=past_key_values is not None)
        rates = (config.hidden_dropout_prob, config.attention_probs_dropout_prob, config.sparse_attention_dropout_prob)
        if train and dropout_rng is None and any(rates):
            raise ValueError("training has dropout: give a dropout_rng, such as jax.random.key(0)")
        weights, states = output_attentions, output_hidden_states
        options: dict[str, Any] = {
            "deterministic": not train,
            "output_attentions": bool(config.output_attentions if weights is None else weights),
            "output_hidden_states": bool(config.output_hidden_states if states is None else states),
        }
        as_dict = config.use_return_dict if return_dict is None else return_dict
        n_tokens, fills = inputs["input_ids"].shape[-1], self._fills_blocks and past_key_values is None
        if past_key_values is not None:
            cached = flatten_dict(unfreeze(past_key_values))
            check_room(cached, n_tokens, max_positions=config.max_position_embeddings)
        if fills:
            options["fills_rows"] = fills_rows(inputs, block_size=config.block_size)
            most = config.max_position_embeddings
            inputs = filled(inputs, block_size=config.block_size, max_positions=most)
        if not self._fills_blocks:
            options["return_dict"] = as_dict
        if "global_attention_mask" in inputs:
            options["most_globals"] = most_globals(inputs["global_attention_mask"])
        variables = {"params": self.params if params is None else _tree(params)}
        rngs = {"dropout": dropout_rng}
        if train and config.pattern == "transformers":
            rngs["indices"] = indices_rng
        given_rngs = {name: key for name, key in rngs.items() if key is not None}
        output, cache = self._run(variables, inputs, given_rngs, past_key_values, static=tuple(options.items()))
        if not self._fills_blocks:
            return output
        output = output.cut(n_tokens) if fills else output.replace(past_key_values=cache)
        return output if as_dict else output.to_tuple()

    def _apply(
        self,
        variables: dict[str, Any],
        inputs: dict[str, Any],
        rngs: dict[str, Array],
        cache: Any,
        *,
        static: tuple[tuple[str, Any], ...],
    ) -> tuple[Any, Any]:
        if cache is None:
            return self.module.apply(variables, **inputs, **dict(static), rngs=rngs), None
        output, changed = self.module.apply(
            {**variables, "cache": cache}, **inputs, **dict(static), rngs=rngs, mutable=["cache"]
        )
        return output, unfreeze(changed["cache"])

    def init_cache(self, batch_size: int, max_length: int) -> dict[str, Any]:
        """Make an empty cache, for `past_key_values` of a call.

        Args:
            batch_size: documents.
            max_length: tokens that it is to hold.

        Raises:
            ValueError: the model is no decoder.
        """
        if not self.config.is_decoder:
            raise ValueError("a cache is for decoders: the config must say is_decoder")
        ids = jnp.zeros((batch_size, max_length), jnp.int32)
        shapes = jax.eval_shape(lambda key: self.module.init(key, ids, init_cache=True), self.key)
        return unfreeze(jax.tree.map(lambda like: jnp.zeros(like.shape, like.dtype), shapes["cache"]))

    # folders

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        dtype: Any = jnp.float32,
        *,
        config: BigBirdConfig | None = None,
        from_pt: bool = False,
        pattern: str | None = None,
        trained: bool = False,
        ignore_mismatched_sizes: bool = False,
        _do_init: bool = True,
        **changes: Any,
    ) -> Any:
        """Open a model folder, a shipped model or a hub name, with weights of Flax or of PyTorch.

        Args:
            pretrained_model_name_or_path: folder, or name; a name that starts with `.`, `/` or `~` or exists on disk
                is never looked up.
            dtype: of the computation.
            config: in place of the folder's own.
            from_pt: read PyTorch's weights (safetensors) even where Flax's stand beside them.
            pattern: variant of the random blocks, in place of the config's; see BigBirdConfig.
            trained: refuse a checkpoint that lacks a tensor, instead of starting it anew.
            ignore_mismatched_sizes: start a tensor of the head anew where its shape is not what the config asks for.
            _do_init: where False, return the model and its parameters apart.
            changes: `seed`, `gradient_checkpointing`, `add_pooling_layer`, and what
                `BigBirdForMaskedLM.from_pretrained` takes: config fields to change, and where to look for a hub name.

        Returns:
            The model; with _do_init=False a pair, the model and its parameters.

        Raises:
            ModelError: no such model, an encoder tensor that is missing, or one of the wrong shape.
        """
        for name in SETTLED:
            changes.pop(name, None)
        hub = hub_options(changes)
        options = {
            name: changes.pop(name)
            for name in ("input_shape", "seed", "gradient_checkpointing", "add_pooling_layer")
            if name in changes
        }
        folder = find_folder(
            pretrained_model_name_or_path, weights=(SAFETENSORS,) if from_pt else (SAFETENSORS, _FLAX_FILES), **hub
        )
        saved = BigBirdConfig.from_file(folder)
        settings = (config or saved).replace(**(changes if pattern is None else {**changes, "pattern": pattern}))
        model = cls(settings, dtype=dtype, _do_init=False, **options)
        params = model._load(
            folder, saved, from_pt=from_pt, trained=trained, ignore_mismatched_sizes=ignore_mismatched_sizes
        )
        if not _do_init:
            return model, params
        model._is_initialized, model._params = True, params
        return model

    def _load(self, folder: Path, saved_config: BigBirdConfig, **options: bool) -> Params:
        shapes = flatten_dict(self.params_shape_tree, sep="/")
        head = head_of_class(self.config.architectures[0]) if self.config.architectures else None
        loaded = load_arrays(
            folder,
            {name: like.shape for name, like in shapes.items()},
            config=self.config,
            saved_config=saved_config,
            prefix=self.prefix,
            label_parameters=HEADS[head or "none"].label_parameters,
            **options,
        )
        self.new_parameters = tuple(loaded.new)
        found = {name: jnp.asarray(array, jnp.float32) for name, array in loaded.arrays.items()}
        return self.init_weights(self.key, params=unflatten_dict(found, sep="/"))

    def save_pretrained(
        self,
        save_directory: str | Path,
        params: Mapping[str, Any] | None = None,
        *,
        safe_serialization: bool = True,
    ) -> None:
        """Write config.json and the weights.

        Args:
            save_directory: a folder; it is made where it is missing.
            params: in place of the model's own.
            safe_serialization: write model.safetensors with the names of Hugging Face's PyTorch classes, which every
                class here and in transformers opens; else flax_model.msgpack.
        """
        flat = flatten_dict(_tree(self.params if params is None else params), sep="/")
        arrays = {name: np.asarray(x, np.float32) for name, x in flat.items()}
        save_arrays(Path(save_directory), arrays, self.config, as_flax=not safe_serialization)


def _tree(params: Mapping[str, Any]) -> Params:
    """Parameters as plain dictionaries; Flax's frozen ones are accepted."""
    return unfreeze(dict(params))


def _cast(params: Mapping[str, Any], dtype: Any, mask: Any) -> Params:
    """Give the floating-point parameters another type, but those of which a mask says False."""
    flat, chosen = flatten_dict(_tree(params)), {} if mask is None else flatten_dict(_tree(mask))
    return unflatten_dict(
        {
            path: x.astype(dtype) if chosen.get(path, True) and jnp.issubdtype(x.dtype, jnp.floating) else x
            for path, x in flat.items()
        }
    )
