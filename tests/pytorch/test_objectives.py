"""Objectives: a batch's loss is the same however it is split, and a language model's is the whole model's own."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import UsageError
from bigbird_cli.pytorch import objectives
from bigbird_cli.pytorch.batches import collate
from bigbird_cli.pytorch.model.pretrained import PretrainedModel
from bigbird_cli.pytorch.objectives import HEADS, head_named
from bigbird_cli.pytorch.predict import Predictor
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.padding import n_targets

LENGTHS = [9, 41, 30, 12, 64, 41]
CPU = torch.device("cpu")


def built(head: str, **changes: object) -> PretrainedModel:
    """A tiny model without dropout; documents over 28 tokens run block-sparse."""
    settings: dict[str, Any] = {
        "vocab_size": 50,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 64,
        "block_size": 4,
        "num_random_blocks": 1,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.3,
        "num_labels": 3,
        "sep_token_id": 3,
        "problem_type": {"regression": "regression", "multi": "multi_label_classification"}.get(head),
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return head_named(HEAD_OF.get(head, head)).model(BigBirdConfig(**{**settings, **changes}))


HEAD_OF = {"regression": "document_labels", "multi": "document_labels"}
KINDS = [*HEADS, *HEAD_OF]


def feature(head: str, size: int, number: int) -> Feature:
    rng = np.random.default_rng(number)
    ids = rng.integers(4, 50, size).astype(np.int32)
    types = (np.arange(size) > 2).astype(np.int8)
    of_tokens = np.where(rng.random(size) < 0.3, ids, -100).astype(np.int32)
    of_tokens[0], of_tokens[-1] = -100, ids[-1]
    if head == "span":
        ids[2] = ids[-1] = 3
        return Feature(ids, types, {"start_positions": 4, "end_positions": size - 2}, number)
    if head == "choices":
        choices = np.stack([ids, rng.permutation(ids)])
        mask = np.ones(choices.shape, dtype=bool)
        mask[1, size - number % 3 :] = False
        return Feature(choices, np.stack([types, types]), {"labels": number % 2}, number, mask=mask)
    labels: dict[str, dict] = {
        "token_labels": {"labels": np.where(of_tokens < 0, -100, of_tokens % 3)},
        "document_labels": {"labels": number % 3},
        "embedding_labels": {"labels": number % 3},
        "regression": {"labels": rng.normal(size=3)},
        "multi": {"labels": (rng.random(3) < 0.5).astype(np.float32)},
        "masked_lm": {"labels": of_tokens},
        "causal_lm": {"labels": of_tokens},
        "pretraining": {"labels": of_tokens, "next_sentence_label": number % 2},
        "embedding": {"labels": number % 2, "parts": parts_of(size, number)},
    }
    return Feature(ids, types, labels[head], number)


def parts_of(size: int, number: int) -> np.ndarray:
    """A text and two or three labels behind it."""
    lengths = [2, 4, 1][: 2 + number % 2]
    return np.repeat(np.arange(1 + len(lengths)), [size - sum(lengths), *lengths])


def features(head: str) -> list[Feature]:
    return [feature(head, size, number) for number, size in enumerate(LENGTHS)]


def loss_in_parts(head: str, model: PretrainedModel, cuts: list[int]) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradients of the batch, cut into passes."""
    named, batch = head_named(HEAD_OF.get(head, head)), features(head)
    objective = named.objective(model)
    totals = n_targets(batch, per_token=named.spec.has_token_labels)
    model.zero_grad()
    whole = 0.0
    for low, high in pairwise([0, *cuts, len(batch)]):
        part = batch[low:high]
        padded = collate(part, pad_id=0, device=CPU, per_token=named.spec.has_token_labels)
        loss = objective(padded.inputs, n_targets(part, per_token=named.spec.has_token_labels), totals)
        loss.backward()
        whole += loss.item()
    return whole, {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("head", KINDS)
def test_however_a_batch_is_split_loss_and_gradient_are_the_same(head: str) -> None:
    model = built(head)
    whole, gradient = loss_in_parts(head, model, [])
    parts, of_parts = loss_in_parts(head, model, [1, 2, 3, 4, 5])
    assert whole > 0.1
    assert parts == pytest.approx(whole, rel=1e-5)
    assert gradient.keys() == of_parts.keys() == dict(model.named_parameters()).keys()  # none is left out
    for name, value in gradient.items():
        torch.testing.assert_close(of_parts[name], value, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("head", [head for head in KINDS if head != "embedding"])
@pytest.mark.parametrize("at_once", [1 << 26, 100])
def test_the_loss_is_the_models_own(head: str, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objectives, "SCORES_AT_ONCE", at_once)  # two rows of scores at a time
    model, named = built(head), head_named(HEAD_OF.get(head, head))
    loss, gradient = loss_in_parts(head, model, [])
    padded = collate(features(head), pad_id=0, device=CPU, per_token=named.spec.has_token_labels)
    model.zero_grad()
    own = model(**padded.inputs).loss
    own.backward()
    assert loss == pytest.approx(own.item(), rel=1e-5)
    for name, weight in model.named_parameters():
        torch.testing.assert_close(gradient[name], weight.grad, rtol=1e-4, atol=1e-6, msg=name)


def partial_loss(allowed: list[list[int]], model: PretrainedModel) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of four tokens by the labels that each may have, none for one that teaches nothing; and their logits."""
    ids = np.arange(5, 9, dtype=np.int32)
    labels = np.array([tags[0] if tags else -100 for tags in allowed], dtype=np.int32)
    bits = np.array([sum(1 << tag for tag in tags) for tags in allowed], dtype=np.int64)
    whole = Feature(ids, np.zeros(4, dtype=np.int8), {"labels": labels, "allowed": bits}, 0)
    padded = collate([whole], pad_id=0, device=CPU)
    totals = n_targets([whole])
    loss = head_named("token_labels").objective(model)(padded.inputs, totals, totals)
    return loss, model(padded.inputs["input_ids"]).logits[0]


def test_where_labels_are_left_open_the_loss_is_that_of_any_of_them() -> None:
    loss, logits = partial_loss([[0, 2], [1], [], [0, 1, 2]], built("token_labels"))
    p = logits.softmax(-1)
    want = -torch.log(torch.stack([p[0, 0] + p[0, 2], p[1, 1], p[3].sum()])).sum() / 3
    torch.testing.assert_close(loss, want)


def test_with_one_label_a_token_the_loss_left_open_is_cross_entropy() -> None:
    loss, logits = partial_loss([[0], [2], [1], []], built("token_labels"))
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(logits[:3], torch.tensor([0, 2, 1])))


def test_tokens_that_may_be_anything_move_nothing() -> None:
    model = built("token_labels")
    loss, _ = partial_loss([[0, 1, 2], [], [0, 1, 2], []], model)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert all(weight.grad is not None and weight.grad.abs().max() < 1e-6 for weight in model.parameters())


def test_a_text_is_put_nearer_to_its_label_than_to_its_other_labels() -> None:
    model = built("embedding")
    loss, _ = loss_in_parts("embedding", model, [])

    def place(ids: np.ndarray) -> torch.Tensor:
        return model(torch.tensor(ids, dtype=torch.long)[None])[0]

    own = []
    for each in features("embedding"):
        parts = np.asarray(each.labels["parts"])
        text, *labels = (place(each.ids[parts == part]) for part in range(parts.max() + 1))
        cosines = torch.stack([torch.cosine_similarity(text, label, dim=0) for label in labels])
        own.append(-(20 * cosines).log_softmax(0)[int(each.labels["labels"])].item())
    assert loss == pytest.approx(np.mean(own), rel=1e-5)


def test_a_sentence_is_a_point_of_length_one_and_the_mean_of_its_states() -> None:
    model = built("embedding").eval()
    batch = features("embedding")
    for each, found in Predictor(model, head="embedding").predict(batch, batch_size=4):
        with torch.inference_mode():
            ids, types = torch.tensor(each.ids)[None].long(), torch.tensor(each.types)[None].long()
            states = model.get_submodule("bert")(ids, token_type_ids=types).last_hidden_state[0]
        mean = states.mean(dim=0).numpy()
        np.testing.assert_allclose(found["embedding"], mean / np.linalg.norm(mean), atol=1e-5)


def test_a_pass_without_a_target_gives_zeros() -> None:
    model = built("masked_lm")
    empty = Feature(np.full(5, 7, dtype=np.int32), np.zeros(5, dtype=np.int8), {"labels": np.full(5, -100)}, 0)
    objective = head_named("masked_lm").objective(model)
    loss = objective(collate([empty], pad_id=0, device=CPU).inputs, {"labels": 0}, {"labels": 4})
    loss.backward()
    assert loss.item() == 0
    assert all(weight.grad is not None and not weight.grad.any() for weight in model.get_submodule("cls").parameters())


@pytest.mark.parametrize("head", ["masked_lm", "causal_lm", "pretraining"])
def test_a_language_model_is_judged_token_by_token(head: str) -> None:
    model, batch = built(head).eval(), features(head)
    for each, found in Predictor(model, head=head).predict(batch, batch_size=4):
        inputs = {
            "input_ids": torch.tensor(each.ids)[None].long(),
            "token_type_ids": torch.tensor(each.types)[None].int(),
        }
        with torch.inference_mode():
            output = model(**inputs)
        scores = output["prediction_logits" if head == "pretraining" else "logits"][0].log_softmax(-1)
        labels = np.asarray(each.labels["labels"])
        places = np.flatnonzero(labels >= 0)
        rows = places - (head == "causal_lm")
        expected = np.zeros(len(each))
        expected[places] = -scores[rows, labels[places]].numpy()
        np.testing.assert_allclose(found["nll"], expected, atol=1e-5)
        assert np.flatnonzero(found["correct"]).tolist() == [
            int(place) for place, row in zip(places, rows, strict=True) if scores[row].argmax() == labels[place]
        ]
        if head == "pretraining":
            np.testing.assert_allclose(found["relation_logits"], output.seq_relationship_logits[0], atol=1e-5)


def test_a_head_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="no head is called 'qaa'"):
        head_named("qaa")
