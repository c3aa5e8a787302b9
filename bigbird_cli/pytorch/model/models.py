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
from bigbird_cli.pytorch.model.base import (
    ACROSS,
    FIRST,
    LAST,
    BigBirdModel,
    EncoderInputs,
    batch_shape,
    documented,
    pack,
    token_mask,
)
from bigbird_cli.pytorch.model.generate import GenerationOptions, generate
from bigbird_cli.pytorch.model.heads import (
    MASKED_SCORE,
    Classifier,
    LanguageModelHead,
    LMPredictionHead,
    PretrainingHead,
    QuestionAnsweringHead,
    SequenceClassificationHead,
    closed_to_answers,
    question_mask,
    zero_of,
)
from bigbird_cli.pytorch.model.outputs import (
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
            "the config describes a decoder (is_decoder), but this head needs tokens that read ahead too",
            fix="set is_decoder and add_cross_attention to false to read with it as an encoder",
        )


class BigBirdForPreTraining(PretrainedModel):
    """Encoder, masked-LM head, and a head that tells whether the second part of a pair follows the first."""

    def __init__(self, config: BigBirdConfig) -> None:
        _need_encoder(config)
        super().__init__(config)
        self.bert = BigBirdModel(config, add_pooling_layer=True)
        self.cls = PretrainingHead(predictions=build_predictions(config), width=config.hidden_size)
        self._initialise_all()

    @documented(*FIRST, "labels", "next_sentence_label", *LAST)
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        next_sentence_label: Tensor | None = None,
        return_dict: bool | None = None,
        **inputs: Unpack[EncoderInputs],
    ) -> Any:
        """Score every vocabulary entry at every position, and the second part as following or drawn at random.

        Args:
            input_ids: (B, S): `[CLS] first [SEP] second [SEP]`.
            attention_mask: (B, S), 0 or False where nothing may be read.
            labels: (B, S): the true ids where the loss counts, -100 elsewhere; padding never counts.
            next_sentence_label: (B,): 0 where the second part follows the first, 1 where it was drawn at random. The
                loss is that of either labels, or the sum of both.
            return_dict: False gives a tuple.
            inputs: see EncoderInputs.

        Returns:
            BigBirdForPreTrainingOutput.
        """
        is_token_BS = token_mask(attention_mask, batch_shape(input_ids, inputs.get("inputs_embeds")))
        encoded = self.bert(input_ids, attention_mask, return_dict=True, **inputs)
        logits_BSV, relation_B2 = self.cls(
            encoded.last_hidden_state, encoded.pooler_output, self.bert.embeddings.word_embeddings.weight
        )
        loss = self.cls.loss(logits_BSV, relation_B2, labels, next_sentence_label, is_token_BS)
        if loss is not None:  # one loss alone passes by the other's head
            loss = loss + zero_of(cast(nn.Module, self.bert.pooler), self.cls)
        output = BigBirdForPreTrainingOutput(loss, logits_BSV, relation_B2, encoded.hidden_states, encoded.attentions)
        return pack(output, return_dict, self.config)


class BigBirdForMaskedLM(PretrainedModel):
    """Encoder and masked-LM head."""

    def __init__(self, config: BigBirdConfig) -> None:
        if config.is_decoder:
            warnings.warn(
                "the config describes a decoder (is_decoder): a masked token is told from what stands before it alone",
                BigBirdWarning,
                stacklevel=2,
            )
        super().__init__(config)
        self.bert = BigBirdModel(config, add_pooling_layer=False)
        self.cls = LanguageModelHead(predictions=build_predictions(config))
        self._initialise_all()

    @documented(*FIRST, *ACROSS, "labels", *LAST)
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        **inputs: Unpack[EncoderInputs],
    ) -> Any:
        """Score every vocabulary entry at every position.

        Args:
            input_ids: (B, S) token ids.
            attention_mask: (B, S), 0 or False where nothing may be read.
            labels: (B, S): the true ids where the loss counts, -100 elsewhere; padding never counts.
            return_dict: False gives a tuple.
            inputs: see EncoderInputs.

        Returns:
            MaskedLMOutput.
        """
        is_token_BS = token_mask(attention_mask, batch_shape(input_ids, inputs.get("inputs_embeds")))
        encoded = self.bert(input_ids, attention_mask, return_dict=True, **inputs)
        logits_BSV = self.cls(encoded.last_hidden_state, self.bert.embeddings.word_embeddings.weight)
        loss = None if labels is None else self.cls.loss(logits_BSV, labels, is_token_BS)
        return pack(
            MaskedLMOutput(loss, logits_BSV, encoded.hidden_states, encoded.attentions), return_dict, self.config
        )


class BigBirdForCausalLM(PretrainedModel):
    """Decoder and language-model head: no token reads ahead, whatever the config says of `is_decoder`."""

    def __init__(self, config: BigBirdConfig) -> None:
        super().__init__(config.replace(is_decoder=True))
        self.bert = BigBirdModel(self.config, add_pooling_layer=False)
        self.cls = LanguageModelHead(predictions=build_predictions(config))
        self._initialise_all()

    @documented(*FIRST, *ACROSS, "past_key_values", "labels", "use_cache", *LAST)
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        **inputs: Unpack[EncoderInputs],
    ) -> Any:
        """Score every vocabulary entry as the token after each position.

        Args:
            input_ids: (B, S) token ids; with past_key_values only those that it does not hold yet.
            attention_mask: (B, S), 0 or False where nothing may be read; with past_key_values the past stands first.
            labels: (B, S): the ids themselves where the loss counts, -100 elsewhere; padding never counts. The shift
                by one is done here.
            return_dict: False gives a tuple.
            inputs: see EncoderInputs.

        Returns:
            CausalLMOutputWithCrossAttentions.
        """
        shape = batch_shape(input_ids, inputs.get("inputs_embeds"))
        encoded = self.bert(input_ids, attention_mask, return_dict=True, **inputs)
        logits_BSV = self.cls(encoded.last_hidden_state, self.bert.embeddings.word_embeddings.weight)
        loss = None
        if labels is not None:
            is_token_BS = None if attention_mask is None else token_mask(attention_mask[:, -shape[1] :], shape)
            loss = self.cls.next_token_loss(logits_BSV, labels, is_token_BS)
        output = CausalLMOutputWithCrossAttentions(
            loss,
            logits_BSV,
            encoded.past_key_values,
            encoded.hidden_states,
            encoded.attentions,
            encoded.cross_attentions,
        )
        return pack(output, return_dict, self.config)

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
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        **inputs: Unpack[EncoderInputs],
    ) -> Any:
        """Score every label.

        Args:
            input_ids: (B, S) token ids.
            attention_mask: (B, S), 0 or False where nothing may be read.
            labels: whole numbers (B,) for one class a document, numbers from 0 to 1 (B, L) for several, any numbers
                (B, L) for a regression. Where config.problem_type does not say which, one label means a regression
                and whole numbers mean classes.
            return_dict: False gives a tuple.
            inputs: see EncoderInputs.

        Returns:
            SequenceClassifierOutput.
        """
        encoded = self.bert(input_ids, attention_mask, return_dict=True, **inputs)
        logits_BL = self.classifier(encoded.last_hidden_state)
        loss = None if labels is None else self.classifier.loss(logits_BL, labels, self.config.problem_type)
        return pack(
            SequenceClassifierOutput(loss, logits_BL, encoded.hidden_states, encoded.attentions),
            return_dict,
            self.config,
        )


PER_CHOICE = frozenset({"token_type_ids", "position_ids", "inputs_embeds", "global_attention_mask"})
"""Inputs of the encoder that have a row a choice in multiple choice."""


def _rows(x: Tensor | None) -> Tensor | None:
    """(B, C, ...) as (B * C, ...)."""
    return None if x is None else x.flatten(0, 1)


class BigBirdForMultipleChoice(PretrainedModel):
    """Encoder, and a head that scores each of a question's choices."""

    def __init__(self, config: BigBirdConfig) -> None:
        _need_encoder(config)
        super().__init__(config)
        self.bert = BigBirdModel(config, add_pooling_layer=True)
        self.classifier = build_classifier(config, n_labels=1)
        self._initialise_all()

    @documented(*FIRST, "labels", *LAST)
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        **inputs: Unpack[EncoderInputs],
    ) -> Any:
        """Score the choices of each question; the inputs that have a row a document have one a choice here.

        Args:
            input_ids: (B, C, S): each choice with its question.
            attention_mask: (B, C, S), 0 or False where nothing may be read. A choice of padding alone is none: it
                stands at about -1e6.
            labels: (B,) number of the right choice.
            return_dict: False gives a tuple.
            inputs: see EncoderInputs; (B, C, ...) where it says (B, ...).

        Returns:
            MultipleChoiceModelOutput.

        Raises:
            ValueError: the input has no dimension of choices.
        """
        words = inputs.get("inputs_embeds")
        for name, x, n_dims in (("input_ids", input_ids, 3), ("inputs_embeds", words, 4)):
            if x is not None and x.dim() != n_dims:
                raise ValueError(f"{name} has shape {list(x.shape)}; multiple choice takes (questions, choices, ...)")
        others: dict[str, Any] = {**inputs}
        rows = cast(EncoderInputs, {name: _rows(x) if name in PER_CHOICE else x for name, x in others.items()})
        encoded = self.bert(_rows(input_ids), _rows(attention_mask), return_dict=True, **rows)
        n_choices = cast(Tensor, input_ids if words is None else words).shape[1]
        logits_BC = self.classifier(encoded.pooler_output).view(-1, n_choices)
        if attention_mask is not None:
            logits_BC = logits_BC + ~attention_mask.bool().any(-1) * MASKED_SCORE
        loss = None if labels is None else self.classifier.choice_loss(logits_BC, labels)
        return pack(
            MultipleChoiceModelOutput(loss, logits_BC, encoded.hidden_states, encoded.attentions),
            return_dict,
            self.config,
        )


class BigBirdForTokenClassification(PretrainedModel):
    """Encoder, and a head that labels every token."""

    def __init__(self, config: BigBirdConfig) -> None:
        _need_encoder(config)
        super().__init__(config)
        self.bert = BigBirdModel(config, add_pooling_layer=False)
        self.classifier = build_classifier(config, n_labels=_n_labels(config))
        self._initialise_all()

    @documented(*FIRST, "labels", *LAST)
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        **inputs: Unpack[EncoderInputs],
    ) -> Any:
        """Score every label at every token.

        Args:
            input_ids: (B, S) token ids.
            attention_mask: (B, S), 0 or False where nothing may be read.
            labels: (B, S): number of each token's label, -100 where none counts; padding never counts.
            return_dict: False gives a tuple.
            inputs: see EncoderInputs.

        Returns:
            TokenClassifierOutput.
        """
        is_token_BS = token_mask(attention_mask, batch_shape(input_ids, inputs.get("inputs_embeds")))
        encoded = self.bert(input_ids, attention_mask, return_dict=True, **inputs)
        logits_BSL = self.classifier(encoded.last_hidden_state)
        loss = None if labels is None else self.classifier.token_loss(logits_BSL, labels, is_token_BS)
        return pack(
            TokenClassifierOutput(loss, logits_BSL, encoded.hidden_states, encoded.attentions), return_dict, self.config
        )


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
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        question_lengths: Tensor | None = None,
        *,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        return_dict: bool | None = None,
        **inputs: Unpack[EncoderInputs],
    ) -> Any:
        """Score every token as the first and as the last of an answer.

        Args:
            input_ids: (B, S): `[CLS] question [SEP] context [SEP]`.
            attention_mask: (B, S), 0 or False where nothing may be read.
            question_lengths: (B, 1): tokens from [CLS] to the question's [SEP]; by default found by that [SEP].
                Token types, where none are given, follow from it.
            start_positions: (B,) index of each answer's first token; 0, the [CLS], says "no answer".
            end_positions: (B,) index of each answer's last token. A position beyond the input counts in no loss.
            return_dict: False gives a tuple.
            inputs: see EncoderInputs.

        Returns:
            BigBirdForQuestionAnsweringModelOutput; question and padding stand at about -1e6.
        """
        shape = batch_shape(input_ids, inputs.get("inputs_embeds"))
        is_question_BS = question_mask(input_ids, question_lengths, n_tokens=shape[1], sep_id=self.config.sep_token_id)
        if inputs.get("token_type_ids") is None and is_question_BS is not None:
            inputs["token_type_ids"] = (~is_question_BS).long()
        encoded = self.bert(input_ids, attention_mask, return_dict=True, **inputs)
        is_closed_BS = closed_to_answers(is_question_BS, token_mask(attention_mask, shape))
        start_BS, end_BS = self.qa_classifier(encoded.last_hidden_state, is_closed_BS)
        loss = None
        if start_positions is not None and end_positions is not None:
            loss = self.qa_classifier.loss(start_BS, end_BS, start_positions, end_positions)
            if self.bert.pooler is not None:
                loss = loss + zero_of(self.bert.pooler)
        output = BigBirdForQuestionAnsweringModelOutput(
            loss, start_BS, end_BS, encoded.pooler_output, encoded.hidden_states, encoded.attentions
        )
        return pack(output, return_dict, self.config)


# The names that samples open a model by, whatever its kind; a model of another kind is an error here.
AutoModel = BigBirdModel
AutoModelForCausalLM = BigBirdForCausalLM
AutoModelForMaskedLM = BigBirdForMaskedLM
AutoModelForMultipleChoice = BigBirdForMultipleChoice
AutoModelForPreTraining = BigBirdForPreTraining
AutoModelForQuestionAnswering = BigBirdForQuestionAnswering
AutoModelForSequenceClassification = BigBirdForSequenceClassification
AutoModelForTokenClassification = BigBirdForTokenClassification
