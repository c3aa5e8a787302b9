"""A sentence encoder: texts as points on a sphere, where texts of like meaning are neighbours.

Shape letters: B texts, S sequence, D width.
"""

from typing import Any, Unpack, cast

from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.pytorch.model.base import BigBirdModel
from bigbird_cli.pytorch.model.heads import SequenceClassificationHead
from bigbird_cli.pytorch.model.inputs import EncoderInputs
from bigbird_cli.pytorch.model.layers import Linear
from bigbird_cli.pytorch.model.outputs import SequenceClassifierOutput
from bigbird_cli.pytorch.model.pretrained import PretrainedModel


def embedded(
    encoder: BigBirdModel, input_ids: Tensor, attention_mask: Tensor | None, **inputs: Unpack[EncoderInputs]
) -> Tensor:
    """The mean of a text's states, special tokens counting as all others do, cut to length 1: float32 (B, D).

    Source: Reimers and Gurevych, 2019, arXiv:1908.10084.
    """
    states_BSD = encoder(input_ids, attention_mask, return_dict=True, **inputs).last_hidden_state.float()
    if attention_mask is None:
        return F.normalize(states_BSD.mean(dim=1), dim=-1)
    is_token_BS1 = attention_mask[..., None].float()
    return F.normalize((states_BSD * is_token_BS1).sum(dim=1) / is_token_BS1.sum(dim=1), dim=-1)


class SentenceEncoder(PretrainedModel):
    """An encoder without a head, whose mean state stands for a text."""

    def __init__(self, config: BigBirdConfig) -> None:
        super().__init__(config)
        self.bert = BigBirdModel(config, add_pooling_layer=False)
        self._initialise_all()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **inputs: Unpack[EncoderInputs]
    ) -> Tensor:
        """Embed texts: float32 (B, D) of length 1."""
        return self.embed(input_ids, attention_mask, **inputs)

    def embed(self, input_ids: Tensor, attention_mask: Tensor | None = None, **inputs: Unpack[EncoderInputs]) -> Tensor:
        return embedded(self.bert, input_ids, attention_mask, **inputs)


class SentenceClassifier(PretrainedModel):
    """One linear layer over a text's embedding: few examples suffice for it."""

    def __init__(self, config: BigBirdConfig) -> None:
        super().__init__(config)
        self.bert = BigBirdModel(config, add_pooling_layer=False)
        self.linear = Linear(config.hidden_size, cast(int, config.num_labels))  # every config counts its labels
        self._initialise_all()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        **inputs: Unpack[EncoderInputs],
    ) -> Any:
        """Score every label; labels and loss as of BigBirdForSequenceClassification."""
        del return_dict
        logits_BL = self.linear(self.embed(input_ids, attention_mask, **inputs))
        loss = None if labels is None else SequenceClassificationHead.loss(logits_BL, labels, self.config.problem_type)
        return SequenceClassifierOutput(loss, logits_BL)

    def embed(self, input_ids: Tensor, attention_mask: Tensor | None = None, **inputs: Unpack[EncoderInputs]) -> Tensor:
        """Embed texts: float32 (B, D) of length 1."""
        return embedded(self.bert, input_ids, attention_mask, **inputs)
