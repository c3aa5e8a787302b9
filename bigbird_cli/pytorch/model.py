"""The bare encoder, and what every model takes.

Arguments and outputs have the names of the Hugging Face documentation (v4.44); parameters have the names of its
checkpoints. Shape letters: B documents, S sequence, D width.
"""

from typing import Any, ClassVar, TypedDict, Unpack

import torch
from torch import Tensor

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.pytorch.embeddings import Embeddings
from bigbird_cli.pytorch.encoder import build_encoder
from bigbird_cli.pytorch.layers import Linear
from bigbird_cli.pytorch.outputs import BaseModelOutput, ModelOutput
from bigbird_cli.pytorch.pretrained import PretrainedModel


class EncoderInputs(TypedDict, total=False):
    """What every model takes besides `input_ids` and `attention_mask`."""

    token_type_ids: Tensor | None
    """(B, S): 0 for the first part of a pair, 1 for the second; default 0."""
    position_ids: Tensor | None
    """(B, S) below max_position_embeddings; default 0 … S-1."""
    inputs_embeds: Tensor | None
    """(B, S, D): word vectors, in place of input_ids."""
    output_hidden_states: bool | None
    """Return the states between the blocks too."""


def pack(output: ModelOutput, return_dict: bool | None) -> Any:
    """Return the output as it is, or as a tuple where `return_dict` is False."""
    return output.to_tuple() if return_dict is False else output


class BigBirdModel(PretrainedModel):
    """The bare encoder."""

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

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        return_dict: bool | None = None,
        **inputs: Unpack[EncoderInputs],
    ) -> Any:
        """Encode a padded batch; a document's states do not depend on what it is padded with or stands beside.

        Args:
            input_ids: (B, S) token ids; `inputs_embeds` may be given instead.
            attention_mask: (B, S), 0 or False where nothing may be read. Documents end after their last token.
            return_dict: False gives a tuple.
            inputs: see EncoderInputs.

        Returns:
            BaseModelOutput. What stands at masked positions is unspecified, but finite.

        Raises:
            ModelError: a document is longer than the model has positions.
            ValueError: neither or both of input_ids and inputs_embeds, or a mask of the wrong shape.
            TypeError: an argument that is not known.
        """
        if unknown := inputs.keys() - EncoderInputs.__annotations__.keys():
            raise TypeError(f"{type(self).__name__} takes no argument {min(unknown)!r}")
        words_BSD = inputs.get("inputs_embeds")
        is_token_BS = token_mask(attention_mask, batch_shape(input_ids, words_BSD))
        x_BSD = self.embeddings(input_ids, inputs.get("token_type_ids"), inputs.get("position_ids"), words_BSD)
        states = self.encoder(x_BSD, is_token_BS)
        pooled_BD = None if self.pooler is None else torch.tanh(self.pooler(states[-1][:, 0]))
        between = tuple(states) if inputs.get("output_hidden_states") else None
        return pack(BaseModelOutput(states[-1], pooled_BD, between), return_dict)


def batch_shape(input_ids: Tensor | None, inputs_embeds: Tensor | None) -> tuple[int, int]:
    """Return (B, S) of a batch given as ids or as word vectors.

    Raises:
        ValueError: neither or both are given.
    """
    given = [x for x in (input_ids, inputs_embeds) if x is not None]
    if len(given) != 1:
        raise ValueError("give either input_ids or inputs_embeds")
    return given[0].shape[0], given[0].shape[1]


def token_mask(attention_mask: Tensor | None, shape: tuple[int, int]) -> Tensor | None:
    """Read an attention mask of any type, int, float or bool, as bool (B, S); None stays None.

    Raises:
        ValueError: it has another shape than the batch.
    """
    if attention_mask is None:
        return None
    if tuple(attention_mask.shape) != shape:
        raise ValueError(f"attention_mask has shape {list(attention_mask.shape)}, the input {list(shape)}")
    return attention_mask.bool()
