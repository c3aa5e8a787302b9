"""The classes users know by name: a module and its parameters.

Arguments and outputs have the names of the Hugging Face documentation (v4.44). Where its Flax classes are wrong, these
are not: random blocks are the pretraining's in training and in inference, short texts run full attention, inputs may
have any length and any mask, a decoder attends to nothing ahead, and what a batch holds besides changes no document.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from jax import Array

from bigbird_cli.jax.model import modules
from bigbird_cli.jax.model.pretrained import FlaxBigBirdPreTrainedModel


class FlaxBigBirdModel(FlaxBigBirdPreTrainedModel):
    """The bare encoder; a decoder, where the config says so."""

    module_class = modules.FlaxBigBirdModule
    prefix: ClassVar[str] = ""
    role = "either"


class FlaxBigBirdForPreTraining(FlaxBigBirdPreTrainedModel):
    """Encoder, masked-LM head, and a head that predicts whether the second part of a pair follows the first."""

    module_class = modules.FlaxBigBirdForPreTrainingModule


class FlaxBigBirdForCausalLM(FlaxBigBirdPreTrainedModel):
    """Decoder and language-model head: no token attends to later ones, whatever the config says of `is_decoder`."""

    module_class = modules.FlaxBigBirdForCausalLMModule
    role = "decoder"


class FlaxBigBirdForMaskedLM(FlaxBigBirdPreTrainedModel):
    """Encoder and masked-LM head."""

    module_class = modules.FlaxBigBirdForMaskedLMModule
    role = "either"


class FlaxBigBirdForSequenceClassification(FlaxBigBirdPreTrainedModel):
    """Encoder, and a head that labels a document, or gives it numbers."""

    module_class = modules.FlaxBigBirdForSequenceClassificationModule


class FlaxBigBirdForMultipleChoice(FlaxBigBirdPreTrainedModel):
    """Encoder, and a head that scores each of a question's choices; inputs are (questions, choices, tokens)."""

    module_class = modules.FlaxBigBirdForMultipleChoiceModule
    n_dims: ClassVar[int] = 3


class FlaxBigBirdForTokenClassification(FlaxBigBirdPreTrainedModel):
    """Encoder, and a head that labels every token."""

    module_class = modules.FlaxBigBirdForTokenClassificationModule


class FlaxBigBirdForQuestionAnswering(FlaxBigBirdPreTrainedModel):
    """Encoder and question-answering head."""

    module_class = modules.FlaxBigBirdForQuestionAnsweringModule

    def __call__(  # type: ignore[override]  # the documentation's order
        self,
        input_ids: Any,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        head_mask: Any = None,
        question_lengths: Any = None,
        params: Mapping[str, Any] | None = None,
        dropout_rng: Array | None = None,
        indices_rng: Array | None = None,
        train: bool = False,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        *,
        global_attention_mask: Any = None,
    ) -> Any:
        """Call the module; see FlaxBigBirdPreTrainedModel.

        Args:
            question_lengths: (B, 1): tokens from [CLS] to the question's [SEP]; by default found by that [SEP]. Token
                types, where none are given, follow from it.
        """
        return self._call(
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            head_mask=head_mask,
            question_lengths=question_lengths,
            params=params,
            dropout_rng=dropout_rng,
            indices_rng=indices_rng,
            train=train,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
            global_attention_mask=global_attention_mask,
        )
