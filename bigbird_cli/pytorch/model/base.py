"""The bare encoder, and what every model takes.

Arguments and outputs have the names of the Hugging Face documentation (v4.44); parameters have the names of its
checkpoints. Shape letters: B documents, S sequence, D width.
"""

import functools
from collections.abc import Callable, Sequence
from inspect import Parameter, Signature, get_annotations
from typing import Any, ClassVar, Literal, TypedDict, TypeVar, Unpack, cast

import torch
from torch import Tensor

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import ModelError, nearest
from bigbird_cli.pytorch.model.cache import KeyValueCache
from bigbird_cli.pytorch.model.embeddings import Embeddings
from bigbird_cli.pytorch.model.encoder import build_encoder
from bigbird_cli.pytorch.model.layers import Linear
from bigbird_cli.pytorch.model.outputs import BaseModelOutputWithPoolingAndCrossAttentions, ModelOutput
from bigbird_cli.pytorch.model.pretrained import PretrainedModel


class EncoderInputs(TypedDict, total=False):
    """What every model takes besides `input_ids` and `attention_mask`; declared here and nowhere else."""

    token_type_ids: Tensor | None
    """(B, S): 0 for the first part of a pair, 1 for the second; default 0."""
    position_ids: Tensor | None
    """(B, S) below max_position_embeddings; by default those that follow the tokens in past_key_values."""
    head_mask: Tensor | None
    """(N,) or (layers, N): factor of each head, 0 to silence it."""
    inputs_embeds: Tensor | None
    """(B, S, D): word vectors, in place of input_ids."""
    global_attention_mask: Tensor | None
    """(B, S), 1 or True at tokens that read all tokens and are read by all, such as a question's; encoders only. Ours:
    the documentation knows the first and the last block alone."""
    encoder_hidden_states: Tensor | None
    """(B, T, D): states that a decoder with cross-attention reads."""
    encoder_attention_mask: Tensor | None
    """(B, T), 0 or False where nothing of them may be read."""
    past_key_values: Sequence[Sequence[Tensor]] | None
    """What a decoder kept of the tokens before these: its own last output, or tuples of tensors, a tuple a layer."""
    use_cache: bool | None
    """Keep keys and values for the tokens that follow; a decoder's default outside training is config.use_cache."""
    output_attentions: bool | Literal["sparse"] | None
    """Return attention weights too: True for (B, N, S, S) a layer, "sparse" for a SparseAttention a document and layer,
    which takes no S x S matrix."""
    output_hidden_states: bool | None
    """Return the states between the blocks too."""


FIRST = ("input_ids", "attention_mask", "token_type_ids", "position_ids", "head_mask", "inputs_embeds")
ACROSS = ("encoder_hidden_states", "encoder_attention_mask")
LAST = ("output_attentions", "output_hidden_states", "return_dict")
"""Names of arguments as the documentation orders them: those that stand first, in the middle, and last."""


_Forward = TypeVar("_Forward", bound=Callable[..., Any])


def documented(*names: str) -> Callable[[_Forward], _Forward]:
    """Let a forward be called with these arguments, by position in this order or by name.

    The rest of EncoderInputs can be given by name. Each is None by default, `inspect.signature` and `help` show all of
    them, and any other name is an error.
    """

    def decorate(forward: _Forward) -> _Forward:
        kinds = {**get_annotations(EncoderInputs), **get_annotations(forward)}
        by_name = [name for name in get_annotations(EncoderInputs) if name not in names]
        parameters = [
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
            return forward(self, **given, **arguments)

        itself = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
        called.__signature__ = Signature([itself, *parameters])  # type: ignore[attr-defined]
        return cast(_Forward, called)

    return decorate


def pack(output: ModelOutput, return_dict: bool | None, config: BigBirdConfig) -> Any:
    """Return the output as it is, or as a tuple where `return_dict`, or else the config, says False."""
    if return_dict is None:
        return_dict = config.use_return_dict
    return output if return_dict else output.to_tuple()


class BigBirdModel(PretrainedModel):
    """The bare encoder; a decoder, where the config says so."""

    prefix: ClassVar[str] = ""

    def __init__(self, config: BigBirdConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = Embeddings(
            vocab_size=config.vocab_size,
            max_positions=config.max_position_embeddings,
            n_types=config.type_vocab_size,
            width=config.hidden_size,
            padding_id=config.pad_token_id,
            rescale=config.rescale_embeddings,
            dropout=config.hidden_dropout_prob,
            norm_eps=config.layer_norm_eps,
        )
        self.encoder = build_encoder(config)
        self.pooler = Linear(config.hidden_size, config.hidden_size) if add_pooling_layer else None
        self._initialise_all()

    @documented(*FIRST, *ACROSS, "past_key_values", "use_cache", *LAST)
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        return_dict: bool | None = None,
        **inputs: Unpack[EncoderInputs],
    ) -> Any:
        """Read a padded batch; a document's states do not depend on what it is padded with or stands beside.

        Args:
            input_ids: (B, S) token ids; `inputs_embeds` may be given instead. With past_key_values, the new tokens.
            attention_mask: (B, S), 0 or False where nothing may be read; with past_key_values it has a column for each
                earlier token too. Documents end after their last token.
            return_dict: False gives a tuple.
            inputs: see EncoderInputs.

        Returns:
            BaseModelOutputWithPoolingAndCrossAttentions. What stands at masked positions is unspecified, but finite.

        Raises:
            ModelError: a document is longer than the model has positions.
            ValueError: neither or both of input_ids and inputs_embeds, a tensor of the wrong shape, or an input for
                decoders given to an encoder or the reverse.
            TypeError: an argument that is not known.
        """
        if torch.jit.is_tracing():
            raise ModelError(
                "torch.jit.trace would write this input's lengths down for all others",
                fix="use torch.export.export(model, (input_ids,)), whose program checks the length",
            )
        self._refuse_misplaced(inputs)
        words_BSD = inputs.get("inputs_embeds")
        B, S = batch_shape(input_ids, words_BSD)
        past = self._past(inputs.get("past_key_values"), batch_size=B)
        n_before = past.n_tokens if past else 0
        encoder_BTD, encoder_mask_BT = inputs.get("encoder_hidden_states"), inputs.get("encoder_attention_mask")
        form = self._setting(inputs, "output_attentions")
        x_BSD = self.embeddings(
            input_ids, inputs.get("token_type_ids"), inputs.get("position_ids"), words_BSD, n_before=n_before
        )
        read = self.encoder(
            x_BSD,
            token_mask(attention_mask, (B, n_before + S)),
            is_global_BS=token_mask(inputs.get("global_attention_mask"), (B, S), name="global_attention_mask"),
            head_mask=self._head_mask(inputs.get("head_mask")),
            encoder_BTD=encoder_BTD,
            is_encoder_token_BT=token_mask(
                encoder_mask_BT,
                (B, S) if encoder_BTD is None else (B, encoder_BTD.shape[1]),
                name="encoder_attention_mask",
            ),
            past=past,
            use_cache=self._keeps(inputs.get("use_cache")),
            weights="sparse" if form == "sparse" else "dense" if form else None,
            all_states=bool(self._setting(inputs, "output_hidden_states")),
        )
        output = BaseModelOutputWithPoolingAndCrossAttentions(
            last_hidden_state=read.last_BSD,
            pooler_output=None if self.pooler is None else torch.tanh(self.pooler(read.last_BSD[:, 0])),
            hidden_states=read.states,
            past_key_values=read.cache,
            attentions=read.weights,
            cross_attentions=read.cross_weights,
        )
        return pack(output, return_dict, self.config)

    def _setting(self, inputs: EncoderInputs, name: Literal["output_attentions", "output_hidden_states"]) -> Any:
        """What the call says, else what the checkpoint's config.json says."""
        asked = inputs.get(name)
        return getattr(self.config, name) if asked is None else asked

    def _keeps(self, use_cache: bool | None) -> bool:
        if not self.config.is_decoder:
            return False
        return self.config.use_cache and not self.training if use_cache is None else use_cache

    def _past(self, given: Sequence[Sequence[Tensor]] | None, *, batch_size: int) -> KeyValueCache | None:
        if given is None or len(given) == 0:
            return None
        past = KeyValueCache.of(given)
        n_layers, rows = len(self.encoder.layer), past[0][0].shape[0]
        if len(past) != n_layers or rows != batch_size:
            raise ValueError(
                f"past_key_values has {len(past)} layers of {rows} documents, the model {n_layers} layers and the "
                f"input {batch_size} documents"
            )
        return past if past.n_tokens else None

    def _head_mask(self, given: Tensor | None) -> Tensor | None:
        if given is None:
            return None
        shape = (len(self.encoder.layer), self.config.num_attention_heads)
        if tuple(given.shape) not in (shape, shape[1:]):
            raise ValueError(f"head_mask has shape {list(given.shape)}, not {list(shape[1:])} or {list(shape)}")
        return given.to(self.embeddings.word_embeddings.weight.dtype).expand(shape)

    def _refuse_misplaced(self, inputs: EncoderInputs) -> None:
        """Refuse what this model would have to ignore."""
        config = self.config
        for name in ("past_key_values", "use_cache", "encoder_hidden_states"):
            given = inputs.get(name)
            if given is not None and given is not False and not config.is_decoder:
                raise ValueError(f"{name} is for decoders: the config must say is_decoder")
        if inputs.get("encoder_hidden_states") is not None and not config.add_cross_attention:
            raise ValueError("encoder_hidden_states is for cross-attention: the config must say add_cross_attention")
        if inputs.get("global_attention_mask") is not None and config.is_decoder:
            raise ValueError("global_attention_mask is for encoders: a decoder's token cannot be read before it comes")


def batch_shape(input_ids: Tensor | None, inputs_embeds: Tensor | None) -> tuple[int, int]:
    """Return (B, S) of a batch given as ids or as word vectors.

    Raises:
        ValueError: neither or both are given, or it is no batch of rows with a token or more.
    """
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


def token_mask(attention_mask: Tensor | None, shape: tuple[int, int], *, name: str = "attention_mask") -> Tensor | None:
    """Read a mask of any type, int, float or bool, as bool of a shape, such as (B, S); None stays None.

    Raises:
        ValueError: it has another shape than the batch.
    """
    if attention_mask is None:
        return None
    if tuple(attention_mask.shape) != shape:
        raise ValueError(f"{name} has shape {list(attention_mask.shape)}, the input {list(shape)}")
    return attention_mask.bool()
