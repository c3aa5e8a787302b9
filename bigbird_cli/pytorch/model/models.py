"""The models users know by name: an encoder, or a decoder, and a head.

Arguments and outputs have the names of the Hugging Face documentation (v4.44); parameters have the names of its
checkpoints. Shape letters: B documents, S sequence, D width, V vocabulary, L labels, C choices.
"""

import warnings
from typing import Any, Unpack, cast

from torch import Tensor, nn

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import BigBirdWarning, ModelError
from bigbird_cli.pytorch.model.activations import activation
from bigbird_cli.pytorch.model.base import BigBirdModel
from bigbird_cli.pytorch.model.generate import GenerationOptions, generate
from bigbird_cli.pytorch.model.heads import (
    MASKED_SCORE,
    Classifier,
    LanguageModelHead,
    LMPredictionHead,
    PretrainingHead,
    QuestionAnsweringHead,
    SequenceClassificationHead,
    masked_from_answers,
    question_mask,
    zero_of,
)
from bigbird_cli.pytorch.model.inputs import (
    ACROSS,
    FIRST,
    LAST,
    ModelInputs,
    documented,
    input_mask,
    input_shape,
    token_mask,
)
from bigbird_cli.pytorch.model.outputs import (
    BaseModelOutputWithPoolingAndCrossAttentions,
    BigBirdForPreTrainingOutput,
    BigBirdForQuestionAnsweringModelOutput,
    CausalLMOutputWithCrossAttentions,
    MaskedLMOutput,
    MultipleChoiceModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from bigbird_cli.pytorch.model.pretrained import PretrainedModel


def build_predictions(config: BigBirdConfig) -> LMPredictionHead:
    """Assemble what scores the vocabulary.

    Raises:
        ModelError: an activation that is not known.
    """
    return LMPredictionHead(
        width=config.hidden_size,
        vocab_size=config.vocab_size,
        act=activation(config.hidden_act),
        norm_eps=config.layer_norm_eps,
        tied=config.tie_word_embeddings,
    )


def build_classifier(config: BigBirdConfig, *, n_labels: int) -> Classifier:
    """Assemble a classifier of one linear layer."""
    return Classifier(width=config.hidden_size, n_labels=n_labels, dropout=_classifier_dropout(config))


def _classifier_dropout(config: BigBirdConfig) -> float:
    return config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout


def _n_labels(config: BigBirdConfig) -> int:
    return cast(int, config.num_labels)  # every config counts its labels


def _need_encoder(config: BigBirdConfig) -> None:
    if config.is_decoder:
        raise ModelError(
            "the config describes a decoder (is_decoder), but this head needs tokens that attend to later ones too",
            fix="set is_decoder and add_cross_attention to false to use it as an encoder",
        )


def _encoded(encoder: BigBirdModel, inputs: ModelInputs) -> BaseModelOutputWithPoolingAndCrossAttentions:
    """Call the encoder, hooks included, whatever the config says of tuples."""
    output: BaseModelOutputWithPoolingAndCrossAttentions = encoder(**inputs, return_dict=True)
    return output


class BigBirdForPreTraining(PretrainedModel):
    """Encoder, masked-LM head, and a head that predicts whether the second part of a pair follows the first."""

    def __init__(self, config: BigBirdConfig) -> None:
        _need_encoder(config)
        super().__init__(config)
        self.bert = BigBirdModel(config, add_pooling_layer=True)
        self.cls = PretrainingHead(predictions=build_predictions(config), width=config.hidden_size)
        self._initialise_all()

    @documented(*FIRST, "labels", "next_sentence_label", *LAST)
    def forward(
        self,
        *,
        labels: Tensor | None = None,
        next_sentence_label: Tensor | None = None,
        **inputs: Unpack[ModelInputs],
    ) -> BigBirdForPreTrainingOutput:
        """Score every vocabulary entry at every position, and the second part as following or drawn at random.

        The ids are `[CLS] first [SEP] second [SEP]`.

        Args:
            labels: (B, S): the true ids where the loss counts, -100 elsewhere; padding never counts.
            next_sentence_label: (B,): 0 where the second part follows the first, 1 where it was drawn at random. The
                loss is that of either labels, or the sum of both.
            inputs: see ModelInputs.
        """
        is_token_BS = input_mask(inputs)
        encoded = _encoded(self.bert, inputs)
        logits_BSV, relation_B2 = self.cls(
            encoded.last_hidden_state, encoded.pooler_output, self.bert.embeddings.word_embeddings.weight
        )
        loss = self.cls.loss(logits_BSV, relation_B2, labels, next_sentence_label, is_token_BS)
        if loss is not None:  # one loss alone passes by the other's head
            loss = loss + zero_of(cast(nn.Module, self.bert.pooler), self.cls)
        return BigBirdForPreTrainingOutput(loss, logits_BSV, relation_B2, encoded.hidden_states, encoded.attentions)


class BigBirdForMaskedLM(PretrainedModel):
    """Encoder and masked-LM head."""

    def __init__(self, config: BigBirdConfig) -> None:
        if config.is_decoder:
            warnings.warn(
                "the config says is_decoder: a masked token is predicted from what stands before it alone",
                BigBirdWarning,
                stacklevel=2,
            )
        super().__init__(config)
        self.bert = BigBirdModel(config, add_pooling_layer=False)
        self.cls = LanguageModelHead(predictions=build_predictions(config))
        self._initialise_all()

    @documented(*FIRST, *ACROSS, "labels", *LAST)
    def forward(self, *, labels: Tensor | None = None, **inputs: Unpack[ModelInputs]) -> MaskedLMOutput:
        """Score every vocabulary entry at every position.

        Args:
            labels: (B, S): the true ids where the loss counts, -100 elsewhere; padding never counts.
            inputs: see ModelInputs.
        """
        is_token_BS = input_mask(inputs)
        encoded = _encoded(self.bert, inputs)
        logits_BSV = self.cls(encoded.last_hidden_state, self.bert.embeddings.word_embeddings.weight)
        loss = None if labels is None else self.cls.loss(logits_BSV, labels, is_token_BS)
        return MaskedLMOutput(loss, logits_BSV, encoded.hidden_states, encoded.attentions)


class BigBirdForCausalLM(PretrainedModel):
    """Decoder and language-model head: no token attends to later ones, whatever the config says of `is_decoder`."""

    def __init__(self, config: BigBirdConfig) -> None:
        super().__init__(config.replace(is_decoder=True))
        self.bert = BigBirdModel(self.config, add_pooling_layer=False)
        self.cls = LanguageModelHead(predictions=build_predictions(config))
        self._initialise_all()

    @documented(*FIRST, *ACROSS, "past_key_values", "labels", "use_cache", *LAST)
    def forward(
        self, *, labels: Tensor | None = None, **inputs: Unpack[ModelInputs]
    ) -> CausalLMOutputWithCrossAttentions:
        """Score every vocabulary entry as the token after each position.

        Args:
            labels: (B, S): the ids themselves where the loss counts, -100 elsewhere; padding never counts. The shift
                by one is done here.
            inputs: see ModelInputs.
        """
        shape, attention_mask = input_shape(inputs), inputs.get("attention_mask")
        encoded = _encoded(self.bert, inputs)
        logits_BSV = self.cls(encoded.last_hidden_state, self.bert.embeddings.word_embeddings.weight)
        loss = None
        if labels is not None:
            is_token_BS = None if attention_mask is None else token_mask(attention_mask[:, -shape[1] :], shape)
            loss = self.cls.next_token_loss(logits_BSV, labels, is_token_BS)
        return CausalLMOutputWithCrossAttentions(
            loss,
            logits_BSV,
            encoded.past_key_values,
            encoded.hidden_states,
            encoded.attentions,
            encoded.cross_attentions,
        )

    def generate(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **options: Unpack[GenerationOptions]
    ) -> Tensor:
        """Continue prompts token by token: see `pytorch.model.generate`, which also gives tokens as they come."""
        return generate(self, input_ids, attention_mask, **options)


class BigBirdForSequenceClassification(PretrainedModel):
    """Encoder, and a head that labels a document, or gives it numbers."""

    def __init__(self, config: BigBirdConfig) -> None:
        _need_encoder(config)
        super().__init__(config)
        self.bert = BigBirdModel(config, add_pooling_layer=False)
        self.classifier = SequenceClassificationHead(
            width=config.hidden_size,
            n_labels=_n_labels(config),
            act=activation(config.hidden_act),
            dropout=_classifier_dropout(config),
        )
        self._initialise_all()

    @documented(*FIRST, "labels", *LAST)
    def forward(self, *, labels: Tensor | None = None, **inputs: Unpack[ModelInputs]) -> SequenceClassifierOutput:
        """Score every label.

        Args:
            labels: whole numbers (B,) for one class a document, numbers from 0 to 1 (B, L) for several, any numbers
                (B, L) for a regression. Where config.problem_type does not say which, one label means a regression
                and whole numbers mean classes.
            inputs: see ModelInputs.
        """
        encoded = _encoded(self.bert, inputs)
        logits_BL = self.classifier(encoded.last_hidden_state)
        loss = None if labels is None else self.classifier.loss(logits_BL, labels, self.config.problem_type)
        return SequenceClassifierOutput(loss, logits_BL, encoded.hidden_states, encoded.attentions)


PER_CHOICE = frozenset(
    {"input_ids", "attention_mask", "token_type_ids", "position_ids", "inputs_embeds", "global_attention_mask"}
)
"""Inputs of the encoder that have a row a choice in multiple choice."""


def _rows(x: Tensor | None) -> Tensor | None:
    """(B, C, ...) as (B * C, ...)."""
    return None if x is None else x.flatten(0, 1)


def _number_of_choices(inputs: ModelInputs) -> int:
    """C of (B, C, S) ids, or of (B, C, S, D) word vectors.

    Raises:
        ValueError: the input has no dimension of choices, or there is none.
    """
    ids, words = inputs.get("input_ids"), inputs.get("inputs_embeds")
    for name, x, n_dims in (("input_ids", ids, 3), ("inputs_embeds", words, 4)):
        if x is not None and x.dim() != n_dims:
            raise ValueError(f"{name} has shape {list(x.shape)}; multiple choice takes (questions, choices, ...)")
    given = words if ids is None else ids
    return 0 if given is None else given.shape[1]


class BigBirdForMultipleChoice(PretrainedModel):
    """Encoder, and a head that scores each of a question's choices."""

    def __init__(self, config: BigBirdConfig) -> None:
        _need_encoder(config)
        super().__init__(config)
        self.bert = BigBirdModel(config, add_pooling_layer=True)
        self.classifier = build_classifier(config, n_labels=1)
        self._initialise_all()

    @documented(*FIRST, "labels", *LAST)
    def forward(self, *, labels: Tensor | None = None, **inputs: Unpack[ModelInputs]) -> MultipleChoiceModelOutput:
        """Score the choices of each question; the inputs that have a row a document have one a choice here.

        Args:
            labels: (B,) number of the right choice.
            inputs: see ModelInputs; (B, C, ...) where it says (B, ...). A choice of padding alone is none: it stands at
                about -1e6.

        Raises:
            ValueError: the input has no dimension of choices.
        """
        n_choices = _number_of_choices(inputs)
        given: dict[str, Any] = {**inputs}
        rows = cast(ModelInputs, {name: _rows(x) if name in PER_CHOICE else x for name, x in given.items()})
        encoded = _encoded(self.bert, rows)
        logits_BC = self.classifier(encoded.pooler_output).view(-1, n_choices)
        attention_mask = inputs.get("attention_mask")
        if attention_mask is not None:
            logits_BC = logits_BC + ~attention_mask.bool().any(-1) * MASKED_SCORE
        loss = None if labels is None else self.classifier.choice_loss(logits_BC, labels)
        return MultipleChoiceModelOutput(loss, logits_BC, encoded.hidden_states, encoded.attentions)


class BigBirdForTokenClassification(PretrainedModel):
    """Encoder, and a head that labels every token."""

    def __init__(self, config: BigBirdConfig) -> None:
        _need_encoder(config)
        super().__init__(config)
        self.bert = BigBirdModel(config, add_pooling_layer=False)
        self.classifier = build_classifier(config, n_labels=_n_labels(config))
        self._initialise_all()

    @documented(*FIRST, "labels", *LAST)
    def forward(self, *, labels: Tensor | None = None, **inputs: Unpack[ModelInputs]) -> TokenClassifierOutput:
        """Score every label at every token.

        Args:
            labels: (B, S): number of each token's label, -100 where none counts; padding never counts.
            inputs: see ModelInputs.
        """
        is_token_BS = input_mask(inputs)
        encoded = _encoded(self.bert, inputs)
        logits_BSL = self.classifier(encoded.last_hidden_state)
        loss = None if labels is None else self.classifier.token_loss(logits_BSL, labels, is_token_BS)
        return TokenClassifierOutput(loss, logits_BSL, encoded.hidden_states, encoded.attentions)


class BigBirdForQuestionAnswering(PretrainedModel):
    """Encoder and question-answering head."""

    def __init__(self, config: BigBirdConfig, add_pooling_layer: bool = False) -> None:
        _need_encoder(config)
        super().__init__(config)
        self.bert = BigBirdModel(config, add_pooling_layer=add_pooling_layer)
        self.qa_classifier = QuestionAnsweringHead(
            width=config.hidden_size,
            inner_width=config.intermediate_size,
            act=activation(config.hidden_act),
            dropout=config.hidden_dropout_prob,
            norm_eps=config.layer_norm_eps,
        )
        self._initialise_all()

    @documented(*FIRST[:2], "question_lengths", *FIRST[2:], "start_positions", "end_positions", *LAST)
    def forward(
        self,
        *,
        question_lengths: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        **inputs: Unpack[ModelInputs],
    ) -> BigBirdForQuestionAnsweringModelOutput:
        """Score every token as the first and as the last of an answer to `[CLS] question [SEP] context [SEP]`.

        Args:
            question_lengths: (B, 1): tokens from [CLS] to the question's [SEP]; by default found by that [SEP].
                Token types, where none are given, follow from it.
            start_positions: (B,) index of each answer's first token; 0, the [CLS], says "no answer".
            end_positions: (B,) index of each answer's last token. A position beyond the input counts in no loss.
            inputs: see ModelInputs.

        Returns:
            Question and padding stand at about -1e6.
        """
        ids_BS, n_tokens = inputs.get("input_ids"), input_shape(inputs)[1]
        is_question_BS = question_mask(ids_BS, question_lengths, n_tokens=n_tokens, sep_id=self.config.sep_token_id)
        if inputs.get("token_type_ids") is None and is_question_BS is not None:
            inputs["token_type_ids"] = (~is_question_BS).long()
        encoded = _encoded(self.bert, inputs)
        is_masked_BS = masked_from_answers(is_question_BS, input_mask(inputs))
        start_BS, end_BS = self.qa_classifier(encoded.last_hidden_state, is_masked_BS)
        loss = None
        if start_positions is not None and end_positions is not None:
            loss = self.qa_classifier.loss(start_BS, end_BS, start_positions, end_positions)
            if self.bert.pooler is not None:
                loss = loss + zero_of(self.bert.pooler)
        return BigBirdForQuestionAnsweringModelOutput(
            loss, start_BS, end_BS, encoded.pooler_output, encoded.hidden_states, encoded.attentions
        )


# The names that samples open a model by, whatever its kind; a model of another kind is an error here.
AutoModel = BigBirdModel
AutoModelForCausalLM = BigBirdForCausalLM
AutoModelForMaskedLM = BigBirdForMaskedLM
AutoModelForMultipleChoice = BigBirdForMultipleChoice
AutoModelForPreTraining = BigBirdForPreTraining
AutoModelForQuestionAnswering = BigBirdForQuestionAnswering
AutoModelForSequenceClassification = BigBirdForSequenceClassification
AutoModelForTokenClassification = BigBirdForTokenClassification
