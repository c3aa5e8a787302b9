"""The models users know by name: an encoder and a head.

Arguments and outputs have the names of the Hugging Face documentation (v4.44); parameters have the names of its
checkpoints. Shape letters: B documents, S sequence, D width, V vocabulary.
"""

from typing import Any, Unpack, cast

from torch import Tensor, nn

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.pytorch.heads import MaskedLMHead, QuestionAnsweringHead, closed_to_answers, question_mask
from bigbird_cli.pytorch.layers import activation
from bigbird_cli.pytorch.model import BigBirdModel, EncoderInputs, batch_shape, pack, token_mask
from bigbird_cli.pytorch.outputs import BigBirdForQuestionAnsweringModelOutput, MaskedLMOutput
from bigbird_cli.pytorch.pretrained import PretrainedModel


class BigBirdForQuestionAnswering(PretrainedModel):
    """Encoder and question-answering head."""

    def __init__(self, config: BigBirdConfig, add_pooling_layer: bool = False) -> None:
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
        output = BigBirdForQuestionAnsweringModelOutput(
            loss, start_BS, end_BS, encoded.pooler_output, encoded.hidden_states, encoded.attentions
        )
        return pack(output, return_dict)


class BigBirdForMaskedLM(PretrainedModel):
    """Encoder and masked-LM head, whose output weights are the word embeddings."""

    def __init__(self, config: BigBirdConfig) -> None:
        super().__init__(config)
        self.bert = BigBirdModel(config, add_pooling_layer=False)
        head = MaskedLMHead(
            width=config.hidden_size,
            vocab_size=config.vocab_size,
            act=activation(config.hidden_act),
            norm_eps=config.layer_norm_eps,
        )
        self.cls = nn.ModuleDict({"predictions": head})
        self._initialise_all()

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
            labels: (B, S): the true ids where the loss counts, -100 elsewhere.
            return_dict: False gives a tuple.
            inputs: see EncoderInputs.

        Returns:
            MaskedLMOutput.
        """
        encoded = self.bert(input_ids, attention_mask, return_dict=True, **inputs)
        head = cast(MaskedLMHead, self.cls["predictions"])
        logits_BSV = head(encoded.last_hidden_state, self.bert.embeddings.word_embeddings.weight)
        loss = None if labels is None else head.loss(logits_BSV, labels)
        return pack(MaskedLMOutput(loss, logits_BSV, encoded.hidden_states, encoded.attentions), return_dict)
