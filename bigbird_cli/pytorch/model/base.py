"""The bare encoder.

Arguments and outputs have the names of the Hugging Face documentation (v4.44); parameters have the names of its
checkpoints. Shape letters: B documents, S sequence, D width.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Unpack

import torch
from torch import Tensor

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import ModelError
from bigbird_cli.pytorch.model.cache import KeyValueCache
from bigbird_cli.pytorch.model.embeddings import Embeddings
from bigbird_cli.pytorch.model.encoder import build_encoder
from bigbird_cli.pytorch.model.inputs import ACROSS, FIRST, LAST, ModelInputs, documented, input_shape, token_mask
from bigbird_cli.pytorch.model.layers import Linear
from bigbird_cli.pytorch.model.outputs import BaseModelOutputWithPoolingAndCrossAttentions
from bigbird_cli.pytorch.model.pretrained import PretrainedModel


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
    def forward(self, **inputs: Unpack[ModelInputs]) -> BaseModelOutputWithPoolingAndCrossAttentions:
        """Encode a padded batch; a document's states do not depend on what it is padded with or stands beside.

        Args:
            inputs: see ModelInputs.

        Returns:
            What stands at masked positions is unspecified, but finite. A tuple, where return_dict is False.

        Raises:
            ModelError: a document is longer than the model has positions.
            ValueError: neither or both of input_ids and inputs_embeds, a tensor of the wrong shape, or an input for
                decoders given to an encoder or the reverse.
            TypeError: an argument that is not known.
        """
        if torch._C._is_tracing():
            raise ModelError(
                "torch.jit.trace would write this input's lengths down for all others",
                fix="use torch.export.export(model, (input_ids, attention_mask)), whose program checks the length",
            )
        self._reject_misplaced(inputs)
        B, S = input_shape(inputs)
        past = self._past(inputs.get("past_key_values"), batch_size=B)
        n_before = past.n_tokens if past else 0
        encoder_BTD, encoder_mask_BT = inputs.get("encoder_hidden_states"), inputs.get("encoder_attention_mask")
        form = self._setting(inputs, "output_attentions")
        x_BSD = self.embeddings(
            inputs.get("input_ids"),
            inputs.get("token_type_ids"),
            inputs.get("position_ids"),
            inputs.get("inputs_embeds"),
            n_before=n_before,
        )
        encoded = self.encoder(
            x_BSD,
            token_mask(inputs.get("attention_mask"), (B, n_before + S)),
            is_global_BS=token_mask(inputs.get("global_attention_mask"), (B, S), name="global_attention_mask"),
            head_mask=self._head_mask(inputs.get("head_mask")),
            encoder_BTD=encoder_BTD,
            is_encoder_token_BT=token_mask(
                encoder_mask_BT,
                (B, S) if encoder_BTD is None else (B, encoder_BTD.shape[1]),
                name="encoder_attention_mask",
            ),
            past=past,
            use_cache=self._uses_cache(inputs.get("use_cache")),
            weights="sparse" if form == "sparse" else "dense" if form else None,
            all_states=bool(self._setting(inputs, "output_hidden_states")),
        )
        return BaseModelOutputWithPoolingAndCrossAttentions(
            last_hidden_state=encoded.last_BSD,
            pooler_output=None if self.pooler is None else torch.tanh(self.pooler(encoded.last_BSD[:, 0])),
            hidden_states=encoded.states,
            past_key_values=encoded.cache,
            attentions=encoded.weights,
            cross_attentions=encoded.cross_weights,
        )

    def _setting(self, inputs: ModelInputs, name: Literal["output_attentions", "output_hidden_states"]) -> Any:
        """What the call says, else what the checkpoint's config.json says."""
        chosen = inputs.get(name)
        return getattr(self.config, name) if chosen is None else chosen

    def _uses_cache(self, use_cache: bool | None) -> bool:
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

    def _reject_misplaced(self, inputs: ModelInputs) -> None:
        """Refuse what this model would have to ignore."""
        config = self.config
        for name in ("past_key_values", "use_cache", "encoder_hidden_states"):
            given = inputs.get(name)
            if given is not None and given is not False and not config.is_decoder:
                raise ValueError(f"{name} is for decoders: the config must say is_decoder")
        if inputs.get("encoder_hidden_states") is not None and not config.add_cross_attention:
            raise ValueError("encoder_hidden_states is for cross-attention: the config must say add_cross_attention")
        if inputs.get("global_attention_mask") is not None and config.is_decoder:
            raise ValueError("global_attention_mask is for encoders: a decoder attends to no token before it comes")
