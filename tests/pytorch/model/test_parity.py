"""Our models give what transformers' BigBird gives for the same weights, trap by trap.

transformers reads with other random blocks than it was pretrained with: in evaluation every random slot names block 0
(`transformers-eval`), in training it draws (`transformers`). It also gives all documents of a batch the batch's length,
and stays with full attention for good once it has seen a short batch: each test has its own pair of models.
"""

import dataclasses
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

import bigbird_cli as bb
from bigbird_cli.bigbird.config import BigBirdConfig

LENGTHS = [50, 703, 704, 705, 960, 1024, 1025, 2048, 3072, 4096]
VARIANTS = ["transformers", "transformers-eval"]
KINDS = [
    "BigBirdModel",
    "BigBirdForPreTraining",
    "BigBirdForMaskedLM",
    "BigBirdForCausalLM",
    "BigBirdForSequenceClassification",
    "BigBirdForMultipleChoice",
    "BigBirdForTokenClassification",
    "BigBirdForQuestionAnswering",
]
LANGUAGE_MODELS = ["BigBirdForPreTraining", "BigBirdForMaskedLM", "BigBirdForCausalLM"]
WITH_A_POOLER = ["BigBirdModel", "BigBirdForPreTraining", "BigBirdForMultipleChoice"]
VOCABULARY, SEP, LABELS, CHOICES = 120, 66, 3, 3


@pytest.fixture(autouse=True)
def _quiet_transformers() -> None:
    logging.getLogger("transformers").setLevel(logging.ERROR)


def twins(kind: str, variant: str, **changes: object) -> tuple[Any, Any]:
    """Build one of transformers' models with random weights, and ours with the same."""
    settings: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.2,
        "is_decoder": kind == "BigBirdForCausalLM",
        "num_labels": 2 if kind == "BigBirdForQuestionAnswering" else LABELS,
        **changes,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = getattr(transformers, kind)(transformers.BigBirdConfig(**settings))
        for weight in theirs.parameters():
            if weight.ndim == 1:  # biases, the two of an output layer among them
                torch.nn.init.normal_(weight, mean=float(weight.detach().mean()), std=0.1)
    theirs.train(variant == "transformers")
    ours = getattr(bb, kind)(BigBirdConfig.from_dict({**theirs.config.to_dict(), "pattern": variant})).eval()
    wanted = {n: v.numpy() for n, v in theirs.state_dict().items() if kind in WITH_A_POOLER or ".pooler." not in n}
    ours.load_tensors(wanted, where="-")
    return theirs, ours


def batch(n_tokens: int, *, padded: bool) -> tuple[Tensor, Tensor]:
    ids = torch.randint(5, 65, (2, n_tokens), generator=torch.Generator().manual_seed(n_tokens))
    mask = torch.ones(2, n_tokens, dtype=torch.long)
    if padded:
        mask[1, n_tokens - n_tokens // 3 :] = 0
    return ids, mask


def example(kind: str, n_tokens: int, *, padded: bool = False) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Make inputs, which for multiple choice have three choices a question, and labels."""
    ids, mask = batch(n_tokens, padded=padded)
    ids[:, 8] = SEP
    every_seventh = torch.where((torch.arange(n_tokens) % 7 == 0) & (mask == 1), ids, -100)
    labels = {
        "BigBirdForPreTraining": {"labels": every_seventh, "next_sentence_label": torch.tensor([1, 0])},
        "BigBirdForMaskedLM": {"labels": every_seventh},
        "BigBirdForCausalLM": {"labels": torch.where(mask == 1, ids, -100)},
        "BigBirdForSequenceClassification": {"labels": torch.tensor([2, 0])},
        "BigBirdForMultipleChoice": {"labels": torch.tensor([2, 0])},
        "BigBirdForTokenClassification": {"labels": torch.where(mask == 1, ids % LABELS, -100)},
        "BigBirdForQuestionAnswering": {
            "start_positions": torch.tensor([12, 0]),
            "end_positions": torch.tensor([14, 0]),
        },
    }.get(kind, {})
    if kind == "BigBirdForMultipleChoice":
        ids = torch.stack([(ids - 5 + 11 * choice) % 60 + 5 for choice in range(CHOICES)], dim=1)
        mask = torch.stack([mask] * CHOICES, dim=1)
    return {"input_ids": ids, "attention_mask": mask}, labels


def largest_difference(got: Any, want: Any, mask: Tensor | None = None) -> float:
    """The largest difference of two outputs over all tensors that ours has; of rows of tokens, over tokens only."""
    if isinstance(got, Tensor):
        is_token = None if mask is None else mask.flatten(0, -2).bool()
        if is_token is not None and got.shape[:2] == is_token.shape:
            got, want = got[is_token], want[:, : is_token.shape[1]][is_token]
        assert got.shape == want.shape
        return float((got - want).abs().max())
    if isinstance(got, tuple):
        assert len(got) == len(want)
        return max(largest_difference(a, b, mask) for a, b in zip(got, want, strict=True))
    there = [field.name for field in dataclasses.fields(got) if getattr(got, field.name) is not None]
    return max(largest_difference(getattr(got, name), getattr(want, name), mask) for name in there)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("n_tokens", LENGTHS)
@pytest.mark.parametrize("padded", [False, True], ids=["unpadded", "padded"])
def test_encoder_gives_what_transformers_gives(variant: str, n_tokens: int, padded: bool) -> None:
    theirs, ours = twins("BigBirdModel", variant)
    ids, mask = batch(n_tokens, padded=padded)
    with torch.no_grad():
        want = theirs(input_ids=ids, attention_mask=mask)
        got = ours(input_ids=ids, attention_mask=mask)
    assert largest_difference(got, want, mask) < 1e-5


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("n_tokens", [50, 800])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_and_losses_are_those_of_transformers(kind: str, n_tokens: int, variant: str) -> None:
    # transformers' block-sparse decoder reads ahead, so that a long text is compared in full attention
    changes = {"attention_type": "original_full"} if kind == "BigBirdForCausalLM" else {}
    theirs, ours = twins(kind, variant, **changes)
    inputs, labels = example(kind, n_tokens)
    with torch.no_grad():
        want, got = (m(**inputs, **labels, output_hidden_states=True, use_cache=False) for m in (theirs, ours))
    assert not labels or got.loss is not None
    assert largest_difference(got, want, inputs["attention_mask"]) < 2e-5


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", KINDS)
def test_padded_batches_give_the_logits_of_transformers(kind: str, variant: str) -> None:
    changes = {"attention_type": "original_full"} if kind == "BigBirdForCausalLM" else {}
    theirs, ours = twins(kind, variant, **changes)
    inputs, labels = example(kind, 800, padded=True)
    if kind == "BigBirdForQuestionAnswering":
        labels = {}  # transformers lets answers stand in padding
    with torch.no_grad():
        want, got = (m(**inputs, **labels, use_cache=False) for m in (theirs, ours))
    assert largest_difference(got, want, inputs["attention_mask"]) < 2e-5


@pytest.mark.parametrize("kind", KINDS)
def test_a_tuple_has_what_transformers_puts_there(kind: str) -> None:
    theirs, ours = twins(kind, "transformers-eval")
    inputs, labels = example(kind, 50)
    with torch.no_grad():
        for given in ({}, labels):
            want, got = (m(**inputs, **given, use_cache=False, return_dict=False) for m in (theirs, ours))
            assert largest_difference(got, want, inputs["attention_mask"]) < 2e-5


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_positions_and_types_are_read_as_transformers_reads_them(kind: str) -> None:
    theirs, ours = twins(kind, "transformers-eval")
    inputs, labels = example(kind, 50, padded=kind != "BigBirdForQuestionAnswering")
    ids = inputs.pop("input_ids")
    bert = ours if kind == "BigBirdModel" else ours.bert
    with torch.no_grad():
        inputs["inputs_embeds"] = bert.embeddings.word_embeddings(ids)
        inputs["position_ids"] = (torch.arange(50) * 3 + 7).expand(ids.shape)
        inputs["token_type_ids"] = (ids % 2).long()
        want, got = (m(**inputs, **labels, use_cache=False) for m in (theirs, ours))
    assert largest_difference(got, want, inputs["attention_mask"]) < 2e-5


@pytest.mark.parametrize("labels", [torch.tensor([0.5, -2.0]), torch.tensor([[0.5], [-2.0]]), torch.tensor([0.5])])
def test_regression_losses_are_those_of_transformers(labels: Tensor) -> None:
    theirs, ours = twins("BigBirdForSequenceClassification", "transformers-eval", num_labels=1)
    ids, mask = batch(50, padded=False)
    with torch.no_grad():
        want, got = (m(ids[: len(labels)], attention_mask=mask[: len(labels)], labels=labels) for m in (theirs, ours))
    assert largest_difference(got, want) < 1e-5


@pytest.mark.parametrize("problem_type", [None, "multi_label_classification", "regression"])
def test_losses_of_several_labels_are_those_of_transformers(problem_type: str | None) -> None:
    changes = {"problem_type": problem_type} if problem_type else {}
    theirs, ours = twins("BigBirdForSequenceClassification", "transformers-eval", **changes)
    ids, mask = batch(50, padded=False)
    labels = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.5]])
    with torch.no_grad():
        want, got = (m(ids, attention_mask=mask, labels=labels) for m in (theirs, ours))
    assert largest_difference(got, want) < 1e-5


def test_a_masked_lm_loss_alone_is_that_of_transformers() -> None:
    theirs, ours = twins("BigBirdForPreTraining", "transformers-eval")
    inputs, labels = example("BigBirdForPreTraining", 50)
    with torch.no_grad():
        want, got = (m(**inputs, labels=labels["labels"]) for m in (theirs, ours))
    assert largest_difference(got, want) < 2e-5


def test_question_lengths_are_read_as_transformers_reads_them() -> None:
    theirs, ours = twins("BigBirdForQuestionAnswering", "transformers-eval", hidden_act="gelu")
    ids, mask = batch(40, padded=False)
    lengths = torch.tensor([[5], [9]])
    with torch.no_grad():
        want, got = (model(ids, attention_mask=mask, question_lengths=lengths) for model in (theirs, ours))
    assert largest_difference(got, want) < 1e-5


@pytest.mark.parametrize(
    "changes",
    [
        {"use_bias": False},
        {"rescale_embeddings": True},
        {"hidden_act": "relu"},
        {"block_size": 16},
        {"num_random_blocks": 2},
    ],
    ids=str,
)
def test_settings_mean_what_they_mean_in_transformers(changes: dict) -> None:
    theirs, ours = twins("BigBirdModel", "transformers", **changes)
    ids, mask = batch(800, padded=True)
    with torch.no_grad():
        want, got = (model(input_ids=ids, attention_mask=mask) for model in (theirs, ours))
    assert largest_difference(got, want, mask) < 1e-5


FOLDERS = [(kind, True) for kind in KINDS] + [(kind, False) for kind in LANGUAGE_MODELS]


@pytest.mark.parametrize(("kind", "tied"), FOLDERS)
def test_transformers_opens_what_we_save(kind: str, tied: bool, tmp_path: Path) -> None:
    _, ours = twins(kind, "transformers-eval", tie_word_embeddings=tied)
    ours.save_pretrained(tmp_path / "ours")
    reopened = getattr(transformers, kind).from_pretrained(tmp_path / "ours").eval()
    inputs, labels = example(kind, 60)
    with torch.no_grad():
        want, got = (m(**inputs, **labels, use_cache=False) for m in (reopened, ours))
    assert largest_difference(got, want) < 2e-5


@pytest.mark.parametrize(("kind", "tied"), FOLDERS)
def test_we_open_what_transformers_saves(kind: str, tied: bool, tmp_path: Path) -> None:
    theirs, ours = twins(kind, "transformers-eval", tie_word_embeddings=tied)
    theirs.save_pretrained(tmp_path / "theirs")
    if kind in WITH_A_POOLER or kind == "BigBirdForQuestionAnswering":
        opened = getattr(bb, kind).from_pretrained(tmp_path / "theirs")
    else:  # their file holds a pooler, which this head does not use
        with pytest.warns(bb.BigBirdWarning, match=r": in the checkpoint and not used: bert\.pooler\.\w+, [\w.]+$"):
            opened = getattr(bb, kind).from_pretrained(tmp_path / "theirs")
    for name, value in ours.state_dict().items():
        assert torch.equal(opened.state_dict()[name], value), name
