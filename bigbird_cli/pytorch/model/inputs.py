"""What every model takes: declared here and nowhere else, and how a call's arguments become it.

Names are those of the Hugging Face documentation (v4.44). Shape letters: B documents, S sequence, D width, N heads,
T tokens of the text that is attended to across.
"""

import functools
from collections.abc import Callable, Sequence
from inspect import Parameter, Signature, get_annotations
from typing import Any, Literal, TypedDict, TypeVar, cast

from torch import Tensor

from bigbird_cli.errors import nearest


class EncoderInputs(TypedDict, total=False):
    """What every model takes besides `input_ids` and `attention_mask`."""

    token_type_ids: Tensor | None
    """(B, S): 0 for the first part of a pair, 1 for the second; default 0."""
    position_ids: Tensor | None
    """(B, S) below max_position_embeddings; by default those that follow the tokens in past_key_values."""
    head_mask: Tensor | None
    """(N,) or (layers, N): factor of each head, 0 to silence it."""
    inputs_embeds: Tensor | None
    """(B, S, D): word vectors, in place of input_ids."""
    global_attention_mask: Tensor | None
    """(B, S), 1 or True at tokens that attend to all and are attended to by all, such as a question's; encoders only.
    Ours:
    the documentation knows the first and the last block alone."""
    encoder_hidden_states: Tensor | None
    """(B, T, D): states that a decoder with cross-attention attends to."""
    encoder_attention_mask: Tensor | None
    """(B, T), 0 or False where nothing of them may be attended to."""
    past_key_values: Sequence[Sequence[Tensor]] | None
    """What a decoder cached of the tokens before these: its own last output, or tuples of tensors, a tuple a layer."""
    use_cache: bool | None
    """Return keys and values for the tokens that follow; a decoder's default outside training is config.use_cache."""
    output_attentions: bool | Literal["sparse"] | None
    """Return attention weights too: True for (B, N, S, S) a layer, "sparse" for a SparseAttention a document and layer,
    which takes no S x S matrix."""
    output_hidden_states: bool | None
    """Return the states between the blocks too."""


class ModelInputs(EncoderInputs, total=False):
    """What every model takes."""

    input_ids: Tensor | None
    """(B, S) token ids; `inputs_embeds` may be given instead. With past_key_values, the new tokens."""
    attention_mask: Tensor | None
    """(B, S), 0 or False where nothing may be attended to; with past_key_values it has a column for each earlier token
    too. Documents end after their last token."""


FIRST = ("input_ids", "attention_mask", "token_type_ids", "position_ids", "head_mask", "inputs_embeds")
ACROSS = ("encoder_hidden_states", "encoder_attention_mask")
LAST = ("output_attentions", "output_hidden_states", "return_dict")
"""Names of arguments as the documentation orders them: those that stand first, in the middle, and last."""

_Forward = TypeVar("_Forward", bound=Callable[..., Any])


def documented(*names: str) -> Callable[[_Forward], _Forward]:
    """Let a forward be called with these arguments, by position in this order or by name.

    The rest of ModelInputs can be given by name. Each is None by default, `inspect.signature` and `help` show all of
    them, and any other name is an error. `return_dict` is dealt with here: where it, or else the config, says False,
    the call returns a tuple of the output's fields.
    """

    def decorate(forward: _Forward) -> _Forward:
        kinds = {**get_annotations(ModelInputs), **get_annotations(forward), "return_dict": bool | None}
        by_name = [name for name in get_annotations(ModelInputs) if name not in names]
        parameters = [
            Parameter("self", Parameter.POSITIONAL_OR_KEYWORD),
            *(Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=kinds[name]) for name in names),
            *(Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=kinds[name]) for name in by_name),
        ]
        known = frozenset((*names, *by_name))

        @functools.wraps(forward)
        def called(self: Any, *values: Any, **arguments: Any) -> Any:
            if len(values) > len(names):
                raise TypeError(f"{type(self).__name__} takes {len(names)} arguments by position, not {len(values)}")
            given = dict(zip(names, values, strict=False))
            for name in arguments:
                if name in given:
                    raise TypeError(f"{type(self).__name__} is given {name!r} twice, by position and by name")
                if name not in known:
                    near = nearest(name, known)
                    hint = f"; did you mean {near!r}?" if near else ""
                    raise TypeError(f"{type(self).__name__} takes no argument {name!r}{hint}")
            given |= arguments
            return_dict = given.pop("return_dict", None)
            if return_dict is None:
                return_dict = self.config.use_return_dict
            output = forward(self, **given)
            return output if return_dict else output.to_tuple()

        called.__signature__ = Signature(parameters, return_annotation=kinds["return"])  # type: ignore[attr-defined]
        return cast(_Forward, called)

    return decorate


def input_shape(inputs: ModelInputs) -> tuple[int, int]:
    """Return (B, S) of a batch given as ids or as word vectors.

    Raises:
        ValueError: neither or both are given, or it is no batch of rows with a token or more.
    """
    input_ids, inputs_embeds = inputs.get("input_ids"), inputs.get("inputs_embeds")
    given = [x for x in (input_ids, inputs_embeds) if x is not None]
    if len(given) != 1:
        raise ValueError("give either input_ids or inputs_embeds")
    n_dims = 2 if input_ids is not None else 3
    if given[0].dim() != n_dims:
        raise ValueError(
            f"{'input_ids' if n_dims == 2 else 'inputs_embeds'} has shape {list(given[0].shape)}; it takes {n_dims} "
            f"dimensions, the first for the batch"
        )
    if not given[0].shape[1]:
        raise ValueError("the input has no tokens; a document without text is [CLS] [SEP]")
    return given[0].shape[0], given[0].shape[1]


def input_mask(inputs: ModelInputs) -> Tensor | None:
    """Return the attention mask of a batch as bool, (B, S); None where there is none.

    Raises:
        ValueError: it has another shape than the batch, or the batch is none.
    """
    return token_mask(inputs.get("attention_mask"), input_shape(inputs))


def token_mask(attention_mask: Tensor | None, shape: tuple[int, int], *, name: str = "attention_mask") -> Tensor | None:
    """Take a mask of any type, int, float or bool, as bool of a shape, such as (B, S); None stays None.

    Raises:
        ValueError: it has another shape than the batch.
    """
    if attention_mask is None:
        return None
    if tuple(attention_mask.shape) != shape:
        raise ValueError(f"{name} has shape {list(attention_mask.shape)}, the input {list(shape)}")
    return attention_mask.bool()
