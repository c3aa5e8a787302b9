"""The flax.linen modules: an encoder, or a decoder, and a head; pure functions of parameters and inputs.

`module.apply({"params": params}, input_ids, attention_mask)` runs under jit, grad, vmap and over several devices. Names
of arguments are those of the Hugging Face documentation (v4.44), names of parameters those of its checkpoints, so that
modules can be subclassed and checkpoints opened as they are.

Shape letters: B documents, S sequence, D width, E tokens of an encoder's text, C choices.
"""

from typing import Any, TypedDict, Unpack

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.jax.model.attention import Context
from bigbird_cli.jax.model.documents import find_documents
from bigbird_cli.jax.model.embeddings import Embeddings
from bigbird_cli.jax.model.encoder import build_encoder
from bigbird_cli.jax.model.heads import (
    MASKED_SCORE,
    LanguageModelHead,
    PretrainingHead,
    QuestionAnsweringHead,
    SequenceClassificationHead,
    masked_from_answers,
    question_mask,
)
from bigbird_cli.jax.model.inputs import most_globals
from bigbird_cli.jax.model.layers import Bricks, activation
from bigbird_cli.jax.model.outputs import (
    FlaxBaseModelOutputWithPooling,
    FlaxBigBirdForPreTrainingOutput,
    FlaxBigBirdForQuestionAnsweringModelOutput,
    FlaxCausalLMOutputWithCrossAttentions,
    FlaxMaskedLMOutput,
    FlaxModelOutput,
    FlaxMultipleChoiceModelOutput,
    FlaxSequenceClassifierOutput,
    FlaxTokenClassifierOutput,
)


class Options(TypedDict, total=False):
    """What every module takes besides ids and the masks over them."""

    encoder_hidden_states: Array | None
    """(B, E, D): states that a decoder with cross-attention attends to."""
    encoder_attention_mask: Array | None
    """(B, E), 0 or False where nothing of them may be attended to."""
    init_cache: bool
    """Make a cache for as many tokens as the input has, in the collection "cache"."""
    deterministic: bool
    """No dropout; True by default. Else the rng "dropout" is drawn from."""
    output_attentions: bool
    """Return attention weights too, which take an S x S matrix a head."""
    output_hidden_states: bool
    """Return the states between the blocks too."""
    are_long: bool
    """Promise that every document is longer than full attention reaches: none is attended to densely besides."""
    fills_rows: bool
    """Promise that every document reaches into the batch's last block, as without a mask: half of the attention that a
    mask of unknown content asks for is left out."""
    global_attention_mask: Array | None
    """(B, S), 1 or True at tokens that attend to all and are attended to by all, such as a question's; encoders only.
    Ours: the documentation knows the first and the last block alone."""
    most_globals: int
    """How many tokens of a document `global_attention_mask` chooses at most; those beyond are not global. Needed under
    jit, where no values are known."""


class FlaxBigBirdModule(nn.Module):
    """The bare encoder; a decoder, where the config says so.

    With the collection "cache" among its variables a decoder goes on from the tokens that are cached.
    """

    config: BigBirdConfig
    dtype: Any = jnp.float32
    add_pooling_layer: bool = True
    gradient_checkpointing: bool = False

    def setup(self) -> None:
        config, bricks = self.config, bricks_of(self.config, self.dtype)
        self.embeddings = Embeddings(
            vocab_size=config.vocab_size,
            max_positions=config.max_position_embeddings,
            n_types=config.type_vocab_size,
            width=config.hidden_size,
            padding_id=config.pad_token_id,
            rescale=config.rescale_embeddings,
            dropout=config.hidden_dropout_prob,
            bricks=bricks,
        )
        self.encoder = build_encoder(config, bricks=bricks, gradient_checkpointing=self.gradient_checkpointing)
        self.pooler = bricks.dense(config.hidden_size) if self.add_pooling_layer else None

    def __call__(
        self,
        input_ids: Array,
        attention_mask: Array | None = None,
        token_type_ids: Array | None = None,
        position_ids: Array | None = None,
        head_mask: Array | None = None,
        *,
        return_dict: bool = True,
        **options: Unpack[Options],
    ) -> Any:
        """Encode a batch; a document's states do not depend on what it is padded with or stands beside.

        Args:
            input_ids: (B, S).
            attention_mask: (B, S), 0 or False where nothing may be attended to; with a cache it covers the cached
                tokens too, and may cover those to come. None: all are tokens.
            token_type_ids: (B, S), by default 0.
            position_ids: (B, S), by default those that follow the cached tokens.
            head_mask: (heads,) or (layers, heads), factor of each head.
            return_dict: return an output with names, not a tuple.
            options: see Options.

        Returns:
            What stands at masked positions is unspecified, but finite.

        Raises:
            ModelError: the input is longer than the model has positions.
            ValueError: global tokens in a decoder, or how many there are is not known.
        """
        config, (B, n_tokens) = self.config, input_ids.shape
        if config.is_decoder and options.get("global_attention_mask") is not None:
            raise ValueError("global_attention_mask is for encoders: a decoder attends to no token before it comes")
        start = self._advance(n_tokens) if self.has_variable("cache", "cache_index") else None
        fill = -n_tokens % config.block_size if start is None else 0
        types_BS, positions_BS = (
            x if x is None else jnp.pad(x, ((0, 0), (0, fill))) for x in (token_type_ids, position_ids)
        )
        x_BSD = self.embeddings(
            jnp.pad(input_ids, ((0, 0), (0, fill))),
            types_BS,
            positions_BS,
            n_tokens=n_tokens,
            first_position=start,
            deterministic=options.get("deterministic", True),
        )
        n_all = n_tokens + fill if start is None else self._cache_tokens()
        cache_tokens = n_all if options.get("init_cache") else 0
        if cache_tokens:
            self.put_variable("cache", "cache_index", jnp.zeros((), jnp.int32))
        if start is None:
            is_token_BS = _whole_mask(attention_mask, (B, n_all), n_tokens)
        else:
            is_token_BS = _mask_of_cache(attention_mask, (B, n_all))
        is_alike = config.pattern != "original" or config.is_decoder  # each row of a decoder depends on no length
        context = Context(
            documents=find_documents(
                is_token_BS,
                **_globals(options, n_all),
                block_size=config.block_size,
                full_attention_limit=config.full_attention_limit,
                attention_type="original_full" if config.add_cross_attention else config.attention_type,
                fills_rows=options.get("fills_rows", False) or attention_mask is None or is_alike,
                are_long=options.get("are_long", False),
            ),
            encoder_BTD=options.get("encoder_hidden_states"),
            is_encoder_token_BT=_encoder_mask(options),
            first_position=start,
            cache_tokens=cache_tokens,
            deterministic=options.get("deterministic", True),
            wants_weights=options.get("output_attentions", False),
        )
        encoded = self.encoder(x_BSD, context, self._head_mask(head_mask))
        last_BSD = encoded.states[-1]
        output = FlaxBaseModelOutputWithPooling(
            last_hidden_state=last_BSD,
            pooler_output=None if self.pooler is None else jnp.tanh(self.pooler(last_BSD[:, 0])),
            hidden_states=encoded.states if options.get("output_hidden_states") else None,
            attentions=encoded.weights,
            cross_attentions=encoded.cross_weights,
        )
        return _returned(output.cut(n_tokens) if fill else output, return_dict)

    def words(self) -> Array:
        """The table of word vectors, (V, D)."""
        return self.embeddings.words()

    def _advance(self, n_tokens: int) -> Array:
        """Count the tokens of this call as cached; return how many were before."""
        start: Array = self.get_variable("cache", "cache_index")
        self.put_variable("cache", "cache_index", start + n_tokens)
        return start

    def _cache_tokens(self) -> int:
        """How many tokens the cache has room for."""
        first_layer = self.variables["cache"]["encoder"]["layer"]["0"]
        return int(first_layer["attention"]["self"]["cached_key"].shape[2])

    def _head_mask(self, given: Array | None) -> Array | None:
        shape = (self.config.num_hidden_layers, self.config.num_attention_heads)
        if given is None:
            return None
        if given.shape not in (shape, shape[1:]):
            raise ValueError(f"head_mask has shape {list(given.shape)}, not {list(shape[1:])} or {list(shape)}")
        return jnp.broadcast_to(given, shape)


def bricks_of(config: BigBirdConfig, dtype: Any) -> Bricks:
    """Makes a model's layers."""
    return Bricks(dtype, config.initializer_range, config.layer_norm_eps)


def _whole_mask(attention_mask: Array | None, shape: tuple[int, int], n_tokens: int) -> Array:
    """The mask as bool, (B, S) of whole blocks: of a batch without a cache, which takes `n_tokens` of S.

    Raises:
        ValueError: it has another shape than the batch.
    """
    B, S = shape
    if attention_mask is None:
        return jnp.broadcast_to(jnp.arange(S) < n_tokens, shape)
    if attention_mask.shape != (B, n_tokens):
        raise ValueError(f"attention_mask has shape {list(attention_mask.shape)}, the input {[B, n_tokens]}")
    return jnp.pad(attention_mask.astype(bool), ((0, 0), (0, S - n_tokens)))


def _mask_of_cache(attention_mask: Array | None, shape: tuple[int, int]) -> Array:
    """The mask over all that a cache has room for, as bool, (B, S); what it does not reach are tokens to come."""
    B, S = shape
    if attention_mask is None:
        return jnp.ones(shape, bool)
    given = attention_mask.shape[1]
    if len(attention_mask) != B or given > S:
        raise ValueError(f"attention_mask has shape {list(attention_mask.shape)}, the cache {[B, S]}")
    return jnp.pad(attention_mask.astype(bool), ((0, 0), (0, S - given)), constant_values=True)


def _globals(options: Options, n_tokens: int) -> dict[str, Any]:
    """What `find_documents` takes of the tokens chosen to be global, in a batch filled up to `n_tokens`."""
    mask = options.get("global_attention_mask")
    if mask is None:
        return {}
    most = options["most_globals"] if "most_globals" in options else most_globals(mask)
    filled_BS = jnp.pad(mask.astype(bool), ((0, 0), (0, n_tokens - mask.shape[1])))
    return {"is_global_BS": filled_BS, "most_globals": most}


def _encoder_mask(options: Options) -> Array | None:
    states, mask = options.get("encoder_hidden_states"), options.get("encoder_attention_mask")
    if states is None:
        return None
    return jnp.ones(states.shape[:2], bool) if mask is None else mask.astype(bool)


def _returned(output: FlaxModelOutput, return_dict: bool) -> Any:
    return output if return_dict else output.to_tuple()


class FlaxModuleWithHead(nn.Module):
    """What the modules with a head have in common."""

    config: BigBirdConfig
    dtype: Any = jnp.float32
    gradient_checkpointing: bool = False

    def encoder(self, *, add_pooling_layer: bool = False) -> FlaxBigBirdModule:
        """Make the encoder; parameters stand under `bert`."""
        return FlaxBigBirdModule(self.config, self.dtype, add_pooling_layer, self.gradient_checkpointing)

    @property
    def bricks(self) -> Bricks:
        """Makes the head's layers."""
        return bricks_of(self.config, self.dtype)

    @property
    def language_model(self) -> dict[str, Any]:
        """What a language-model head is made of."""
        config = self.config
        return {
            "width": config.hidden_size,
            "vocab_size": config.vocab_size,
            "act": activation(config.hidden_act),
            "tied": config.tie_word_embeddings,
            "bricks": self.bricks,
        }

    @property
    def classifier_dropout(self) -> float:
        """The probability of dropping what a classifier takes."""
        config = self.config
        return config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout


class FlaxBigBirdForPreTrainingModule(FlaxModuleWithHead):
    """Encoder, masked-LM head, and a head that predicts whether the second part of a pair follows the first."""

    def setup(self) -> None:
        self.bert = self.encoder(add_pooling_layer=True)
        self.cls = PretrainingHead(**self.language_model)

    def __call__(self, input_ids: Array, *inputs: Any, return_dict: bool = True, **options: Any) -> Any:
        """Score every vocabulary entry at every position, and the second part as following or drawn at random."""
        encoded = self.bert(input_ids, *inputs, **options)
        output = FlaxBigBirdForPreTrainingOutput(
            self.cls(encoded.last_hidden_state, self.bert.words()),
            self.cls.relation(encoded.pooler_output),
            encoded.hidden_states,
            encoded.attentions,
        )
        return _returned(output, return_dict)


class FlaxBigBirdForMaskedLMModule(FlaxModuleWithHead):
    """Encoder and masked-LM head."""

    def setup(self) -> None:
        self.bert = self.encoder()
        self.cls = LanguageModelHead(**self.language_model)

    def __call__(self, input_ids: Array, *inputs: Any, return_dict: bool = True, **options: Any) -> Any:
        """Score every vocabulary entry at every position."""
        encoded = self.bert(input_ids, *inputs, **options)
        logits_BSV = self.cls(encoded.last_hidden_state, self.bert.words())
        return _returned(FlaxMaskedLMOutput(logits_BSV, encoded.hidden_states, encoded.attentions), return_dict)


class FlaxBigBirdForCausalLMModule(FlaxModuleWithHead):
    """Decoder and language-model head; the config must say is_decoder."""

    def setup(self) -> None:
        self.bert = self.encoder()
        self.cls = LanguageModelHead(**self.language_model)

    def __call__(self, input_ids: Array, *inputs: Any, return_dict: bool = True, **options: Any) -> Any:
        """Score every vocabulary entry as the token after each position."""
        encoded = self.bert(input_ids, *inputs, **options)
        output = FlaxCausalLMOutputWithCrossAttentions(
            self.cls(encoded.last_hidden_state, self.bert.words()),
            None,
            encoded.hidden_states,
            encoded.attentions,
            encoded.cross_attentions,
        )
        return _returned(output, return_dict)


class FlaxBigBirdForSequenceClassificationModule(FlaxModuleWithHead):
    """Encoder, and a head that labels a document, or gives it numbers."""

    def setup(self) -> None:
        config = self.config
        self.bert = self.encoder()
        self.classifier = SequenceClassificationHead(
            width=config.hidden_size,
            n_labels=config.num_labels or 0,
            act=activation(config.hidden_act),
            dropout=self.classifier_dropout,
            bricks=self.bricks,
        )

    def __call__(self, input_ids: Array, *inputs: Any, return_dict: bool = True, **options: Any) -> Any:
        """Score every label."""
        encoded = self.bert(input_ids, *inputs, **options)
        logits_BL = self.classifier(encoded.last_hidden_state, deterministic=options.get("deterministic", True))
        output = FlaxSequenceClassifierOutput(logits_BL, encoded.hidden_states, encoded.attentions)
        return _returned(output, return_dict)


class FlaxBigBirdForMultipleChoiceModule(FlaxModuleWithHead):
    """Encoder, and a head that scores each of a question's choices."""

    def setup(self) -> None:
        self.bert = self.encoder(add_pooling_layer=True)
        self.dropout = nn.Dropout(self.classifier_dropout)
        self.classifier = self.bricks.dense(1)

    def __call__(
        self,
        input_ids: Array,
        attention_mask: Array | None = None,
        token_type_ids: Array | None = None,
        position_ids: Array | None = None,
        head_mask: Array | None = None,
        *,
        return_dict: bool = True,
        **options: Any,
    ) -> Any:
        """Score the choices of each question; (B, C, S) where the encoder has (B, S).

        A choice of padding alone is none: it stands at about -1e6.

        Raises:
            ValueError: the input has no dimension of choices.
        """
        if input_ids.ndim != 3:
            raise ValueError(
                f"input_ids has shape {list(input_ids.shape)}; multiple choice takes (questions, choices, ...)"
            )
        n_tokens = input_ids.shape[-1]
        mask, types, positions, options["global_attention_mask"] = (
            x if x is None else x.reshape(-1, n_tokens)
            for x in (attention_mask, token_type_ids, position_ids, options.get("global_attention_mask"))
        )
        encoded = self.bert(input_ids.reshape(-1, n_tokens), mask, types, positions, head_mask, **options)
        pooled_BD = self.dropout(encoded.pooler_output, deterministic=options.get("deterministic", True))
        logits_BC = self.classifier(pooled_BD).reshape(-1, input_ids.shape[1])
        if attention_mask is not None:
            logits_BC = logits_BC + ~attention_mask.astype(bool).any(axis=-1) * MASKED_SCORE
        output = FlaxMultipleChoiceModelOutput(logits_BC, encoded.hidden_states, encoded.attentions)
        return _returned(output, return_dict)


class FlaxBigBirdForTokenClassificationModule(FlaxModuleWithHead):
    """Encoder, and a head that labels every token."""

    def setup(self) -> None:
        self.bert = self.encoder()
        self.dropout = nn.Dropout(self.classifier_dropout)
        self.classifier = self.bricks.dense(self.config.num_labels or 0)

    def __call__(self, input_ids: Array, *inputs: Any, return_dict: bool = True, **options: Any) -> Any:
        """Score every label at every token."""
        encoded = self.bert(input_ids, *inputs, **options)
        states_BSD = self.dropout(encoded.last_hidden_state, deterministic=options.get("deterministic", True))
        logits_BSL = self.classifier(states_BSD)
        return _returned(FlaxTokenClassifierOutput(logits_BSL, encoded.hidden_states, encoded.attentions), return_dict)


class FlaxBigBirdForQuestionAnsweringModule(FlaxModuleWithHead):
    """Encoder and question-answering head."""

    add_pooling_layer: bool = False

    def setup(self) -> None:
        config = self.config
        self.bert = self.encoder(add_pooling_layer=self.add_pooling_layer)
        self.qa_classifier = QuestionAnsweringHead(
            width=config.hidden_size,
            inner_width=config.intermediate_size,
            act=activation(config.hidden_act),
            dropout=config.hidden_dropout_prob,
            bricks=self.bricks,
        )

    def __call__(
        self,
        input_ids: Array,
        attention_mask: Array | None = None,
        token_type_ids: Array | None = None,
        position_ids: Array | None = None,
        head_mask: Array | None = None,
        question_lengths: Array | None = None,
        *,
        return_dict: bool = True,
        **options: Any,
    ) -> Any:
        """Score every token as the first and as the last of an answer to `[CLS] question [SEP] context [SEP]`.

        Args:
            input_ids, attention_mask, token_type_ids, position_ids, head_mask: as of FlaxBigBirdModule.
            question_lengths: (B, 1): tokens from [CLS] to the question's [SEP]; by default found by that [SEP].
                Token types, where none are given, follow from it.
            return_dict: return an output with names, not a tuple.
            options: see Options.

        Returns:
            Question and padding stand at about -1e6.
        """
        is_question_BS = question_mask(input_ids, question_lengths, sep_id=self.config.sep_token_id)
        if token_type_ids is None and is_question_BS is not None:
            token_type_ids = (~is_question_BS).astype(jnp.int32)
        encoded = self.bert(input_ids, attention_mask, token_type_ids, position_ids, head_mask, **options)
        is_token_BS = jnp.ones(input_ids.shape, bool) if attention_mask is None else attention_mask.astype(bool)
        is_masked_BS = masked_from_answers(is_question_BS, is_token_BS)
        start_BS, end_BS = self.qa_classifier(
            encoded.last_hidden_state, is_masked_BS, deterministic=options.get("deterministic", True)
        )
        output = FlaxBigBirdForQuestionAnsweringModelOutput(
            start_BS, end_BS, encoded.pooler_output, encoded.hidden_states, encoded.attentions
        )
        return _returned(output, return_dict)
