"""The models users know by name: an encoder and a head.

Arguments and outputs have the names of the Hugging Face documentation (v4.44); parameters have the names of its
checkpoints. Shape letters: B documents, S sequence, D width, V vocabulary.
"""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, TypedDict, Unpack, cast

import numpy as np
import torch
from torch import Tensor, nn

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.names import TIED
from bigbird_cli.errors import BigBirdWarning, ModelError
from bigbird_cli.pytorch.embeddings import Embeddings
from bigbird_cli.pytorch.encoder import build_encoder
from bigbird_cli.pytorch.heads import MaskedLMHead, QuestionAnsweringHead, closed_to_answers, question_mask
from bigbird_cli.pytorch.layers import Linear, activation, initialise
from bigbird_cli.pytorch.outputs import BaseModelOutput, MaskedLMOutput, ModelOutput, QuestionAnsweringOutput
from bigbird_cli.weights.store import open_folder, read_tensors, write_model

ENCODER_PARTS = ("embeddings.", "encoder.")
"""Parameters that a checkpoint must have; all others can be trained anew."""


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


class PretrainedModel(nn.Module):
    """A module with a config, and its way from and to a folder."""

    prefix: ClassVar[str] = "bert."
    """What stands before the encoder's parameter names."""

    def __init__(self, config: BigBirdConfig) -> None:
        super().__init__()
        self.config = config.replace(architectures=[type(self).__name__])

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        pattern: str | None = None,
        revision: str | None = None,
        offline: bool = False,
        trained: bool = False,
        **changes: Any,
    ) -> Self:
        """Open a model folder, a shipped model or a hub name; weights become float32, the model stands in eval mode.

        Args:
            name: folder, or name; a name that starts with `.`, `/` or `~` or exists on disk is never looked up.
            pattern: variant of the random blocks, in place of the config's; see BigBirdConfig.
            revision: of a hub name.
            offline: never ask the network.
            trained: refuse a checkpoint that lacks a tensor, instead of starting it anew.
            changes: config fields to change, such as `block_size` or `num_random_blocks`.

        Raises:
            ModelError: no such model, an encoder tensor that is missing, or one of the wrong shape.
        """
        folder = open_folder(name, offline=offline, revision=revision)
        config = folder.config.replace(**(changes if pattern is None else {**changes, "pattern": pattern}))
        with torch.device("meta"):
            model = cls._build(config)
        model.load_tensors(read_tensors(folder.path), where=str(folder.path), trained=trained)
        return model.eval()

    def save_pretrained(self, folder: str | Path) -> None:
        """Write config.json and model.safetensors, with Hugging Face's names."""
        write_model(Path(folder), config=self.config, tensors=self.to_tensors())

    def to_tensors(self) -> dict[str, np.ndarray]:
        """Copy every parameter into a numpy array, by name."""
        return {name: value.detach().cpu().numpy() for name, value in self.state_dict().items()}

    def load_tensors(self, tensors: Mapping[str, np.ndarray], *, where: str, trained: bool = False) -> None:
        """Take over a checkpoint's tensors; what the head lacks is initialised and named in a warning.

        Args:
            tensors: arrays by Hugging Face's names, the encoder's with or without `bert.` before them.
            where: the checkpoint, for errors.
            trained: a missing tensor of the head is an error too.

        Raises:
            ModelError: an encoder tensor is missing, or any tensor has another shape than the config asks for.
        """
        own = self.state_dict()
        found = {self._own_name(name, own): value for name, value in tensors.items()}
        unused = sorted(name for name in found.keys() - own.keys() if name not in TIED)
        for twin, home in TIED.items():
            if twin in found and home in own and home in found and not np.array_equal(found[twin], found[home]):
                raise ModelError(
                    f"{twin} differs from {home}, which it is tied to here",
                    where=where,
                    fix="models with tie_word_embeddings: false are not supported",
                )
        missing = [name for name in own if name not in found]
        if lost := [name for name in missing if name.removeprefix(self.prefix).startswith(ENCODER_PARTS)]:
            raise ModelError(
                f"the checkpoint lacks {_enumerate(lost)}",
                where=where,
                fix="it may be another kind of model, or have more layers in its config than weights",
            )
        if missing and trained:
            raise ModelError(
                f"the checkpoint lacks {_enumerate(missing)}: this head was never trained",
                where=where,
                fix="train it with bigbird finetune, or name a model that has it",
            )
        for name, value in own.items():
            if name in found and found[name].shape != tuple(value.shape):
                raise ModelError(
                    f"{name} has shape {list(found[name].shape)}, the config asks for {list(value.shape)}", where=where
                )
        state = {name: _to_tensor(found[name]) for name in own if name in found}
        self.load_state_dict(state, strict=False, assign=True)
        for name in missing:
            owner, _, leaf = name.rpartition(".")
            module = self.get_submodule(owner)
            if module.get_parameter(leaf).is_meta:
                setattr(module, leaf, nn.Parameter(torch.empty(own[name].shape)))
            initialise(module, leaf, std=self.config.initializer_range)
        notes = [f"not in the checkpoint and new: {_enumerate(missing)}"] if missing else []
        notes += [f"in the checkpoint and not used: {_enumerate(unused)}"] if unused else []
        if notes:
            warnings.warn(f"{where}: {'; '.join(notes)}", BigBirdWarning, stacklevel=3)

    def gradient_checkpointing_enable(self) -> None:
        """Keep only each block's input for the backward pass and compute the rest again."""
        self._encoder_model().encoder.gradient_checkpointing = True

    def gradient_checkpointing_disable(self) -> None:
        """Keep every intermediate result for the backward pass."""
        self._encoder_model().encoder.gradient_checkpointing = False

    @classmethod
    def _build(cls, config: BigBirdConfig) -> Self:
        return cls(config)

    def _encoder_model(self) -> "BigBirdModel":
        return cast(BigBirdModel, self.get_submodule(self.prefix.rstrip(".")))

    def _own_name(self, name: str, own: Mapping[str, Tensor]) -> str:
        """Find a checkpoint's name among our own: a base folder has no prefix, a head folder has one."""
        return next((form for form in (name, name.removeprefix("bert."), f"bert.{name}") if form in own), name)

    def _initialise_all(self) -> None:
        for module in self.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if not parameter.is_meta:
                    initialise(module, name, std=self.config.initializer_range)


def _to_tensor(array: np.ndarray) -> Tensor:
    usable = array.dtype == np.float32 and array.flags.writeable
    return torch.from_numpy(array if usable else array.astype(np.float32))


def _enumerate(names: Iterable[str], most: int = 4) -> str:
    names = list(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _pack(output: ModelOutput, return_dict: bool | None) -> Any:
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
        return _pack(BaseModelOutput(states[-1], pooled_BD, between), return_dict)

    def _encoder_model(self) -> "BigBirdModel":
        return self


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
            QuestionAnsweringOutput; question and padding stand at about -1e6.
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
        return _pack(
            QuestionAnsweringOutput(loss, start_BS, end_BS, encoded.pooler_output, encoded.hidden_states), return_dict
        )


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
        return _pack(MaskedLMOutput(loss, logits_BSV, encoded.hidden_states), return_dict)
