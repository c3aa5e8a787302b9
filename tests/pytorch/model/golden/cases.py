"""What the golden arrays were made of: settings, weights and inputs that both sides build for themselves.

Weights follow from their names, so that none need be stored. Blocks have 8 tokens: a text of 100 is block-sparse (full
attention ends at 88) and its last block is filled up to 104. numpy only: the makers run in environments of their own.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

VOCABULARY, SEP, LABELS, CHOICES, IGNORED = 120, 66, 3, 2, -100
SHORT, LONG, NEW = 40, 100, 3
STRIDE = 37
"""One number in so many is kept; a prime, so that every column has its turn."""
WHOLE = 512
"""Arrays up to this size are kept whole."""

SETTINGS: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 256,
    "block_size": 8,
    "num_labels": LABELS,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


@dataclass(frozen=True)
class Case:
    """A model, what it was asked for, and in which mode transformers was: the random blocks differ."""

    kind: str
    n_tokens: int
    plan: str = "eval"
    settings: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    cached: bool = False
    """The last NEW tokens are read behind a cache of all before them; the outputs are theirs."""


WEIGHTS = {"output_attentions": True}
STATES = {"output_hidden_states": True}
HEADS = {"head_mask": [[0.0, 1.0], [0.5, 1.0]]}
FULL = {"attention_type": "original_full"}
DECODER = {"is_decoder": True, **FULL}
ACROSS = {"is_decoder": True, "add_cross_attention": True}

CASES = {
    "states_long": Case("BigBirdModel", LONG, asked=STATES),
    "states_long_train": Case("BigBirdModel", LONG, "train", asked=STATES),
    "attentions_long_train": Case("BigBirdModel", LONG, "train", asked=WEIGHTS),
    "attentions_full": Case("BigBirdModel", LONG, settings=FULL, asked=WEIGHTS),
    "head_mask_full": Case("BigBirdModel", LONG, settings=FULL, asked={**WEIGHTS, **HEADS}),
    "decoder": Case("BigBirdModel", SHORT, settings=DECODER, asked={"use_cache": True, **WEIGHTS, **HEADS}),
    "causal_lm": Case("BigBirdForCausalLM", LONG, settings=DECODER, labels=("labels",)),
    "causal_lm_cached": Case("BigBirdForCausalLM", LONG, settings=DECODER, asked={"use_cache": True}, cached=True),
    "across": Case(
        "BigBirdForCausalLM", LONG, settings=ACROSS, asked={"use_cache": True, **WEIGHTS}, labels=("labels",)
    ),
    "across_cached": Case("BigBirdForCausalLM", SHORT, settings=ACROSS, asked={"use_cache": True}, cached=True),
    "pretraining": Case("BigBirdForPreTraining", LONG, labels=("labels", "next_sentence_label")),
    "pretraining_train": Case("BigBirdForPreTraining", LONG, "train", labels=("labels", "next_sentence_label")),
    "pretraining_masked_alone": Case("BigBirdForPreTraining", SHORT, labels=("labels",)),
    "masked_lm": Case("BigBirdForMaskedLM", LONG, labels=("labels",)),
    "sequence": Case("BigBirdForSequenceClassification", LONG, labels=("labels",)),
    "sequence_several": Case(
        "BigBirdForSequenceClassification",
        SHORT,
        settings={"problem_type": "multi_label_classification"},
        labels=("labels",),
    ),
    "sequence_regression": Case(
        "BigBirdForSequenceClassification", SHORT, settings={"num_labels": 1}, labels=("labels",)
    ),
    "choice": Case("BigBirdForMultipleChoice", LONG, labels=("labels",)),
    "tokens": Case("BigBirdForTokenClassification", LONG, labels=("labels",)),
    "answers": Case("BigBirdForQuestionAnswering", LONG, settings={"num_labels": 2}),
    "answers_lengths": Case(
        "BigBirdForQuestionAnswering", SHORT, settings={"num_labels": 2}, asked={"question_lengths": [[5], [12]]}
    ),
}

NARROW = {"vocab_size": 70, "hidden_size": 8, "intermediate_size": 16, "max_position_embeddings": 96}
FLAX_CASES = {
    "model": Case("BigBirdModel", 96, settings=NARROW),
    "pretraining": Case("BigBirdForPreTraining", 96, settings=NARROW),
    "causal_lm": Case("BigBirdForCausalLM", 96, settings={**NARROW, **DECODER}),
    "masked_lm": Case("BigBirdForMaskedLM", 96, settings=NARROW),
    "sequence": Case("BigBirdForSequenceClassification", 96, settings=NARROW),
    "choice": Case("BigBirdForMultipleChoice", 96, settings=NARROW),
    "tokens": Case("BigBirdForTokenClassification", 96, settings=NARROW),
    "answers": Case("BigBirdForQuestionAnswering", 96, settings={**NARROW, "num_labels": 2}),
}
"""The Flax twins, whose parameters are stored: narrower."""


def weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Draw the weight of this name: around 1 for the factors of a norm, else around 0."""
    draws = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    if name.endswith(("LayerNorm.weight", "LayerNorm.scale")):
        return (1 + 0.1 * draws).astype(np.float32)
    return ((0.1 if len(shape) == 1 else 0.2) * draws).astype(np.float32)


def inputs(case: Case) -> dict[str, np.ndarray]:
    """Two documents, the second a third shorter; a hole, where the tokens behind a cache follow it."""
    draws = np.random.RandomState(case.n_tokens)
    ids = draws.randint(5, 65, (2, case.n_tokens))
    ids[:, 8] = SEP
    n_old = case.n_tokens - (NEW if case.cached else 0)
    mask = np.ones_like(ids)
    mask[1, n_old - n_old // 3 : n_old] = 0
    given: dict[str, np.ndarray] = {"input_ids": ids, "attention_mask": mask}
    if case.settings.get("add_cross_attention"):
        given["encoder_hidden_states"] = draws.standard_normal((2, 24, SETTINGS["hidden_size"])).astype(np.float32)
        given["encoder_attention_mask"] = np.arange(24) < np.array([[24], [17]])
    if case.kind == "BigBirdForMultipleChoice":
        given["input_ids"] = np.stack([(ids - 5 + 11 * choice) % 60 + 5 for choice in range(CHOICES)], axis=1)
        given["attention_mask"] = np.stack([mask] * CHOICES, axis=1)
    return given


def labels(case: Case) -> dict[str, np.ndarray]:
    """Labels that the case asks for."""
    given = inputs(case)
    ids, mask = given["input_ids"], given["attention_mask"]
    some = np.where((np.arange(case.n_tokens) % 7 == 0) & (mask == 1), ids, IGNORED)
    values: dict[str, Any] = {
        "BigBirdForPreTraining": some,
        "BigBirdForMaskedLM": some,
        "BigBirdForCausalLM": np.where(mask == 1, ids, IGNORED),
        "BigBirdForSequenceClassification": np.array([2, 0]),
        "BigBirdForMultipleChoice": np.array([1, 0]),
        "BigBirdForTokenClassification": np.where(mask == 1, ids % LABELS, IGNORED),
    }
    found: dict[str, Any] = {"labels": values.get(case.kind), "next_sentence_label": np.array([1, 0])}
    if case.settings.get("problem_type"):
        found["labels"] = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 0.5]], dtype=np.float32)
    if case.settings.get("num_labels") == 1:
        found["labels"] = np.array([0.5, -2.0], dtype=np.float32)
    return {name: found[name] for name in case.labels}


def outputs(case: Case, output: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Everything of an output, thinned out, under its name and the numbers of layer and tensor.

    Of what has a row a token, tokens only, and no more rows than the input has.
    """
    is_token = inputs(case)["attention_mask"].astype(bool)
    is_token = is_token.reshape(-1, is_token.shape[-1])
    found: dict[str, np.ndarray] = {}

    def keep(name: str, value: Any, is_token: np.ndarray | None) -> None:
        if hasattr(value, "shape"):
            found[name] = thinned(np.asarray(value), is_token)
        elif value is not None:
            for number, part in enumerate(value):
                keep(f"{name}.{number}", part, is_token)

    for name, value in output.items():
        is_new = case.cached and name != "past_key_values"  # NEW rows, all of them tokens
        keep(name, value, None if is_new else is_token)
    return found


def thinned(x: np.ndarray, is_token: np.ndarray | None) -> np.ndarray:
    """One number in STRIDE of an array's tokens; a small array whole."""
    if x.ndim == 4:  # heads stand before rows
        x = np.swapaxes(x, 1, 2)
    if is_token is not None and x.ndim > 1 and len(x) == len(is_token) and x.shape[1] >= is_token.shape[1]:
        n_tokens = is_token.shape[1]
        x = (x[:, :n_tokens, :, :n_tokens] if x.ndim == 4 else x[:, :n_tokens])[is_token]
    return x.ravel()[:: STRIDE if x.size > WHOLE else 1]
