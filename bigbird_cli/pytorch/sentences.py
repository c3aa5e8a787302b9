"""A sentence encoder: texts as points on a sphere, where texts of like meaning are neighbours.

Shape letters: B texts, S sequence, D width.
"""

from typing import Unpack

from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.pytorch.model import BigBirdModel, EncoderInputs
from bigbird_cli.pytorch.pretrained import PretrainedModel


class SentenceEncoder(PretrainedModel):
    """An encoder without a head: the mean of its states, of length 1, stands for the text.

    Source: Reimers and Gurevych, 2019, arXiv:1908.10084.
    """

    def __init__(self, config: BigBirdConfig) -> None:
        super().__init__(config)
        self.bert = BigBirdModel(config, add_pooling_layer=False)
        self._initialise_all()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **inputs: Unpack[EncoderInputs]
    ) -> Tensor:
        """Embed texts, special tokens counting as all others do: float32 (B, D) of length 1."""
        encoded = self.bert(input_ids, attention_mask, return_dict=True, **inputs)
        states_BSD = encoded.last_hidden_state.float()
        if attention_mask is None:
            mean_BD = states_BSD.mean(dim=1)
        else:
            is_token_BS1 = attention_mask[..., None].float()
            mean_BD = (states_BSD * is_token_BS1).sum(dim=1) / is_token_BS1.sum(dim=1)
        return F.normalize(mean_BD, dim=-1)
