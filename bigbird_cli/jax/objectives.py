"""The loss that a module with a head is trained on, and the outputs that it predicts: pure functions of parameters.

An objective gives a micro-batch's share of the loss of a whole optimiser batch: the sum of its losses over the number
of targets in the batch. However a batch is split into micro-batches, the shares add up to the same loss.

What depends on values, such as where the masked tokens of a language model stand, is looked up before anything is
compiled (`prepare`), and becomes arrays of few shapes.

Shape letters: B documents, C choices, S sequence, D width, V vocabulary, T targets of a row, L labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax

from bigbird_cli.bigbird.heads import HEADS as SPECS
from bigbird_cli.bigbird.heads import IGNORED, HeadSpec
from bigbird_cli.errors import UsageError
from bigbird_cli.jax.batches import Buckets, next_size
from bigbird_cli.jax.model import models
from bigbird_cli.jax.model.heads import LMPredictionHead
from bigbird_cli.jax.model.modules import FlaxBigBirdModule
from bigbird_cli.jax.model.pretrained import FlaxBigBirdPreTrainedModel, Params
from bigbird_cli.jax.model.sentences import FlaxSentenceClassifier, FlaxSentenceEncoder

Arrays = Mapping[str, Any]
"""Arrays by name: NumPy's before a program runs, JAX's in it."""

SCORES_AT_ONCE = 1 << 26
"""Vocabulary scores of a language model that are held at a time: 256 MiB of float32."""

COSINE_SCALE = 20.0
"""What cosines are multiplied with to be logits: all-MiniLM's embeddings were trained with it."""

TARGET_STEPS = 16
"""Numbers of targets of a row are filled up to so many parts of its length: 15 % of masked tokens fit into three."""

_MODEL_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class Objective:
    """A module whose loss is a sum over its targets, divided by their number in the whole batch."""

    def __init__(self, module: Any, spec: HeadSpec) -> None:
        self.module = module
        self.spec = spec

    def prepare(self, arrays: dict[str, np.ndarray], buckets: Buckets) -> dict[str, np.ndarray]:
        """What the programs take of a filled batch."""
        del buckets
        return arrays

    def loss(self, params: Params, arrays: Arrays, totals: Arrays, **options: Any) -> Array:
        """Return this micro-batch's share of the batch's loss.

        Args:
            params: of the module.
            arrays: from `prepare`.
            totals: targets in the whole batch, by the name of their labels.
            options: of the module; `rngs` where it is not deterministic.
        """
        total = jnp.maximum(1, totals["labels" if "labels" in totals else next(iter(totals))])  # jit sorts names
        return self._sum(self._output(params, arrays, **options), arrays) / total

    def predict(self, params: Params, arrays: Arrays, **options: Any) -> dict[str, Array]:
        """Return the outputs that the task's decoder takes, the first axis of each B, in float32 or bool."""
        output = self._output(params, arrays, **options)
        return {name: output[name] for name in (*self.spec.token_outputs, *self.spec.outputs)}

    def _output(self, params: Params, arrays: Arrays, *, rngs: Any = None, **options: Any) -> Any:
        inputs = {name: arrays[name] for name in _MODEL_INPUTS}
        return self.module.apply({"params": params}, **inputs, **options, rngs=rngs)

    def _sum(self, output: Any, arrays: Arrays) -> Array:
        """The sum of losses over the targets of real rows."""
        raise NotImplementedError


class Answering(Objective):
    """Predict an answer's first and last token; a position beyond the input is left out."""

    def _sum(self, output: Any, arrays: Arrays) -> Array:
        starts = cross_entropy(output.start_logits, arrays["start_positions"])
        return (starts + cross_entropy(output.end_logits, arrays["end_positions"])).sum() / 2


class Choosing(Objective):
    """Predict which of a question's choices is right."""

    def _sum(self, output: Any, arrays: Arrays) -> Array:
        return cross_entropy(output.logits, arrays["labels"]).sum()


class Classifying(Objective):
    """Predict a document's class, its labels, or its numbers."""

    def _sum(self, output: Any, arrays: Arrays) -> Array:
        logits_BL, labels = output.logits.astype(jnp.float32), arrays["labels"]
        kind = self.module.config.problem_type or _problem_type(labels, n_labels=logits_BL.shape[1])
        if kind == "single_label_classification":
            return cross_entropy(logits_BL, labels).sum()
        labels_BL = labels.reshape(logits_BL.shape).astype(jnp.float32)
        if kind == "regression":
            losses_BL = jnp.square(logits_BL - labels_BL)
        else:
            losses_BL = optax.sigmoid_binary_cross_entropy(logits_BL, labels_BL)
        return (losses_BL.mean(axis=1) * arrays["is_row"]).sum()


def _problem_type(labels: Array, *, n_labels: int) -> str:
    if n_labels == 1:
        return "regression"
    is_class = jnp.issubdtype(labels.dtype, jnp.integer)
    return "single_label_classification" if is_class else "multi_label_classification"


class Tagging(Objective):
    """Predict each labelled token's label, or any of those that are allowed where the annotation leaves it open."""

    def prepare(self, arrays: dict[str, np.ndarray], buckets: Buckets) -> dict[str, np.ndarray]:
        del buckets
        if "allowed" not in arrays:
            return arrays
        bits_BS = np.where(arrays["labels"] == IGNORED, -1, arrays["allowed"])
        words_BS2 = bits_BS.astype("<i8")[..., None].view("<u4")  # JAX has no 64 bits
        return {**arrays, "allowed": words_BS2.astype(np.uint32)}

    def _sum(self, output: Any, arrays: Arrays) -> Array:
        logits_BSL = output.logits.astype(jnp.float32)
        if "allowed" not in arrays:
            return cross_entropy(logits_BSL, arrays["labels"]).sum()
        label_L = jnp.arange(logits_BSL.shape[-1])
        words_BSL = arrays["allowed"][..., label_L // 32]
        is_allowed_BSL = (words_BSL >> (label_L % 32).astype(jnp.uint32)) & 1 == 1
        allowed_BSL = jnp.where(is_allowed_BSL, logits_BSL, -jnp.inf)
        return (jax.nn.logsumexp(logits_BSL, axis=-1) - jax.nn.logsumexp(allowed_BSL, axis=-1)).sum()


class LanguageModelling(Objective):
    """Predict masked or following tokens; with next-sentence labels, also whether the second part follows the first.

    Scores are computed only where a token is to be predicted, and some targets at a time.
    """

    offset: ClassVar[int] = 0
    """How many tokens before a labelled one the state stands that predicts it."""

    def prepare(self, arrays: dict[str, np.ndarray], buckets: Buckets) -> dict[str, np.ndarray]:
        """Find the labelled tokens: their `positions` and `targets` (B, T), S and IGNORED behind a row's last."""
        del buckets
        labels_BS = arrays["labels"].copy()
        labels_BS[:, : self.offset] = IGNORED
        n_tokens = labels_BS.shape[1]
        is_target_BS = labels_BS != IGNORED
        most, step = int(is_target_BS.sum(axis=1).max()), max(1, n_tokens // TARGET_STEPS)
        n_targets = min(n_tokens, max(1, -(-most // step)) * step)
        order_BT = np.argsort(~is_target_BS, axis=1, kind="stable")[:, :n_targets]
        targets_BT = np.take_along_axis(labels_BS, order_BT, axis=1)
        found = {"positions": np.where(targets_BT == IGNORED, n_tokens, order_BT), "targets": targets_BT}
        return {name: array for name, array in arrays.items() if name != "labels"} | found

    def loss(self, params: Params, arrays: Arrays, totals: Arrays, **options: Any) -> Array:
        """As of `Objective.loss`; each kind of label has its own total."""
        encoded = self._encoded(params, arrays, **options)
        nll_BT, _ = self._scored(params, encoded.last_hidden_state, arrays, for_gradient=True)
        share = nll_BT.sum() / jnp.maximum(1, totals["labels"])
        if "next_sentence_label" in arrays:
            of_relations = cross_entropy(self._relation(params, encoded), arrays["next_sentence_label"]).sum()
            share = share + of_relations / jnp.maximum(1, totals["next_sentence_label"])
        return share

    def predict(self, params: Params, arrays: Arrays, **options: Any) -> dict[str, Array]:
        """Return `nll` (B, S): the natural-log loss of each labelled token, and `correct` (B, S), bool.

        Both stand at the token that was to be predicted and are 0 elsewhere. With next-sentence labels also
        `relation_logits` (B, 2).
        """
        encoded = self._encoded(params, arrays, **options)
        nll_BT, correct_BT = self._scored(params, encoded.last_hidden_state, arrays, for_gradient=False)
        shape, row_B1 = arrays["input_ids"].shape, jnp.arange(len(nll_BT))[:, None]
        outputs = {
            name: jnp.zeros(shape, found.dtype).at[row_B1, arrays["positions"]].set(found, mode="drop")
            for name, found in (("nll", nll_BT), ("correct", correct_BT))
        }
        if "next_sentence_label" in arrays:
            outputs["relation_logits"] = self._relation(params, encoded)
        return outputs

    def _encoded(self, params: Params, arrays: Arrays, *, rngs: Any = None, **options: Any) -> Any:
        module = self.module
        encoder = FlaxBigBirdModule(module.config, module.dtype, self.spec.uses_pooler, module.gradient_checkpointing)
        inputs = {name: arrays[name] for name in _MODEL_INPUTS}
        return encoder.apply({"params": params["bert"]}, **inputs, **options, rngs=rngs)

    def _relation(self, params: Params, encoded: Any) -> Array:
        layer: nn.Dense = self.module.bricks.dense(2)
        relation_B2: Any = layer.apply({"params": params["cls"]["seq_relationship"]}, encoded.pooler_output)
        return relation_B2.astype(jnp.float32)

    def _scored(self, params: Params, states_BSD: Array, arrays: Arrays, *, for_gradient: bool) -> tuple[Array, Array]:
        """The loss of each target, and whether it has the highest score: two (B, T), 0 where there is no target.

        Args:
            params, arrays: as of `loss`.
            states_BSD: of the encoder.
            for_gradient: where the scores are computed in several parts, compute them again instead of keeping them.
        """
        head = LMPredictionHead(**self.module.language_model)
        words_VD = params["bert"]["embeddings"]["word_embeddings"]["embedding"]
        B, T = arrays["targets"].shape
        n_parts = min(T, -(-B * T * len(words_VD) // SCORES_AT_ONCE))

        def scored(part: tuple[Array, Array]) -> tuple[Array, Array]:
            position_Bt, target_Bt = part
            rows_BtD = jnp.take_along_axis(states_BSD, (position_Bt - self.offset)[..., None], axis=1, mode="clip")
            scores_BtV: Any = head.apply({"params": params["cls"]["predictions"]}, rows_BtD, words_VD)
            scores_BtV = scores_BtV.astype(jnp.float32)
            return cross_entropy(scores_BtV, target_Bt), scores_BtV.argmax(axis=-1) == target_Bt

        targets = arrays["positions"], arrays["targets"]
        if n_parts == 1:
            return scored(targets)
        cut = [_in_parts(each, n_parts, filling) for each, filling in zip(targets, (0, IGNORED), strict=True)]
        found = lax.map(jax.checkpoint(scored) if for_gradient else scored, tuple(cut))
        return tuple(jnp.moveaxis(each, 0, 1).reshape(B, -1)[:, :T] for each in found)  # type: ignore[return-value]


def _in_parts(x_BT: Array, n_parts: int, filling: int) -> Array:
    """(B, T) to (parts, B, t)."""
    size = -(-x_BT.shape[1] // n_parts)
    filled_BT = jnp.pad(x_BT, ((0, 0), (0, n_parts * size - x_BT.shape[1])), constant_values=filling)
    return jnp.moveaxis(filled_BT.reshape(len(x_BT), n_parts, size), 1, 0)


class NextToken(LanguageModelling):
    """Predict each labelled token but the first from the state of the token before it."""

    offset = 1


class LabelMatching(Objective):
    """Put a text nearer to its label than to other labels: cross-entropy over the cosines with each.

    A training input holds a text and its labels one behind the other, each between [CLS] and [SEP] of its own. A
    text is compared with its own labels alone, not with those of other texts of the batch, so that the loss does not
    depend on how a batch is split.
    """

    def prepare(self, arrays: dict[str, np.ndarray], buckets: Buckets) -> dict[str, np.ndarray]:
        """Take texts and labels apart: `input_ids` of texts (B, S), `label_ids` (L, s) of all their labels.

        `text_of` and `choice_of` (L,) say whose they are; there are C of the text that has most.
        """
        if "parts" not in arrays:
            return arrays
        part_BS, ids_BS = arrays["parts"], arrays["input_ids"]
        n_parts = int(part_BS.max()) + 1
        lengths_BP = (part_BS[..., None] == np.arange(n_parts)).sum(axis=1)
        texts, labels = [], []
        for row, (ids_S, lengths_P) in enumerate(zip(ids_BS, lengths_BP, strict=True)):
            pieces = np.split(ids_S, np.cumsum(lengths_P))
            texts.append(pieces[0])
            labels += [(row, choice, piece) for choice, piece in enumerate(pieces[1:-1]) if len(piece)]
        n_labels = -(-next_size(len(labels)) // buckets.n_devices) * buckets.n_devices
        text_ids, text_mask = _stacked(texts, len(texts), buckets)
        label_ids, label_mask = _stacked([piece for *_, piece in labels], n_labels, buckets)
        nowhere = [len(texts)] * (n_labels - len(labels))
        return {
            "input_ids": text_ids,
            "attention_mask": text_mask,
            "label_ids": label_ids,
            "label_mask": label_mask,
            "text_of": np.array([row for row, *_ in labels] + nowhere, dtype=np.int32),
            "choice_of": np.array([choice for _, choice, _ in labels] + [0] * len(nowhere), dtype=np.int32),
            "choices": np.zeros((len(texts), next_size(n_parts - 1)), dtype=bool),  # for its shape
            "labels": arrays["labels"],
        }

    def loss(self, params: Params, arrays: Arrays, totals: Arrays, **options: Any) -> Array:
        """As of `Objective.loss`."""
        rngs = options.pop("rngs", None) or {}
        of_labels = {name: jax.random.fold_in(key, 1) for name, key in rngs.items()}
        texts_BD = self._embedded(params, arrays["input_ids"], arrays["attention_mask"], rngs=rngs, **options)
        labels_LD = self._embedded(params, arrays["label_ids"], arrays["label_mask"], rngs=of_labels, **options)
        text_L, choice_L = arrays["text_of"], arrays["choice_of"]
        cosines_L = (texts_BD.at[text_L].get(mode="clip") * labels_LD).sum(axis=-1)
        none_BC = jnp.full(arrays["choices"].shape, -jnp.inf)
        logits_BC = none_BC.at[text_L, choice_L].set(COSINE_SCALE * cosines_L, mode="drop")
        is_row_B = arrays["labels"] != IGNORED
        losses_B = cross_entropy(jnp.where(is_row_B[:, None], logits_BC, 0.0), arrays["labels"])
        return losses_B.sum() / jnp.maximum(1, totals["labels"])

    def _embedded(self, params: Params, ids_BS: Array, mask_BS: Array, **options: Any) -> Array:
        """Embed texts; which of them are long is not known."""
        options.pop("are_long", None)
        embedded_BD: Array = self.module.apply({"params": params}, ids_BS, mask_BS, method="embed", **options)
        return embedded_BD

    def predict(self, params: Params, arrays: Arrays, **options: Any) -> dict[str, Array]:
        """Return the `embedding` (B, D) of texts and of labels alike."""
        inputs = {name: arrays[name] for name in _MODEL_INPUTS}
        return {"embedding": self.module.apply({"params": params}, **inputs, method="embed", **options)}


def _stacked(pieces: list[np.ndarray], n_rows: int, buckets: Buckets) -> tuple[np.ndarray, np.ndarray]:
    """Ids one below the other, (rows, tokens) of a bucket, and the mask over them."""
    n_tokens = buckets.tokens(max(map(len, pieces)))
    ids, mask = (np.zeros((n_rows, n_tokens), dtype=np.int32) for _ in range(2))
    for row, piece in enumerate(pieces):
        ids[row, : len(piece)] = piece
        mask[row, : len(piece)] = 1
    return ids, mask


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Cross-entropy of labels (...) under logits (..., L) in float32; 0 where a label is none of the L."""
    is_label = (labels >= 0) & (labels < logits.shape[-1])
    losses = optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32), jnp.where(is_label, labels, 0))
    return jnp.where(is_label, losses, 0.0)


@dataclass(frozen=True)
class Head:
    """What this framework has for a head: the class of the model, and the objective that trains it."""

    spec: HeadSpec
    model: type[FlaxBigBirdPreTrainedModel]
    objective: type[Objective]


HEADS = {
    "span": Head(SPECS["span"], models.FlaxBigBirdForQuestionAnswering, Answering),
    "token_labels": Head(SPECS["token_labels"], models.FlaxBigBirdForTokenClassification, Tagging),
    "document_labels": Head(SPECS["document_labels"], models.FlaxBigBirdForSequenceClassification, Classifying),
    "choices": Head(SPECS["choices"], models.FlaxBigBirdForMultipleChoice, Choosing),
    "masked_lm": Head(SPECS["masked_lm"], models.FlaxBigBirdForMaskedLM, LanguageModelling),
    "pretraining": Head(SPECS["pretraining"], models.FlaxBigBirdForPreTraining, LanguageModelling),
    "causal_lm": Head(SPECS["causal_lm"], models.FlaxBigBirdForCausalLM, NextToken),
    "embedding": Head(SPECS["embedding"], FlaxSentenceEncoder, LabelMatching),
    "embedding_labels": Head(SPECS["embedding_labels"], FlaxSentenceClassifier, Classifying),
}
"""By the names of bigbird.heads, those that can be trained."""


def head_named(name: str) -> Head:
    """The head of a task.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in HEADS:
        raise UsageError(f"no head is called {name!r}", fix=f"use one of {', '.join(HEADS)}")
    return HEADS[name]
