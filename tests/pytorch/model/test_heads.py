"""Heads: what counts in a loss, what does not, and what is no label."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.bigbird.heads import IGNORED
from bigbird_cli.pytorch.model.heads import (
    Classifier,
    LanguageModelHead,
    PretrainingHead,
    QuestionAnsweringHead,
    SequenceClassificationHead,
    infer_problem_type,
    label_loss,
    zero_of,
)

CLASSES = 5
Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def logits(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()


def test_a_loss_is_the_mean_over_what_is_labelled() -> None:
    scores = logits(2, 3, CLASSES)
    labels = torch.tensor([[1, IGNORED, 4], [IGNORED, IGNORED, 0]])
    want = F.cross_entropy(scores[labels != IGNORED], labels[labels != IGNORED])
    torch.testing.assert_close(label_loss(scores, labels), want)
    torch.testing.assert_close(label_loss(scores, labels.int()), want)


@pytest.mark.parametrize("loss", [LanguageModelHead.loss, LanguageModelHead.next_token_loss, Classifier.token_loss])
def test_labels_at_padding_count_in_no_loss_whatever_they_say(loss: Loss) -> None:
    scores = logits(2, 4, CLASSES)
    labels = torch.tensor([[1, 2, 3, 4], [0, 1, 2, 3]])
    is_token = torch.tensor([[True, True, True, False], [True, True, False, False]])
    want = loss(scores, labels.masked_fill(~is_token, IGNORED), None)
    got = loss(scores, labels.masked_fill(~is_token, 10**6), is_token)
    torch.testing.assert_close(got, want)
    assert not torch.isclose(loss(scores, labels, None), want)
    got.backward()
    assert scores.grad is not None
    assert torch.equal(scores.grad[~is_token], torch.zeros_like(scores.grad[~is_token]))


def test_each_position_tells_the_token_after_it_in_a_causal_loss() -> None:
    scores, labels = logits(2, 4, CLASSES), torch.tensor([[1, 2, 3, 4], [0, IGNORED, 2, 3]])
    want = F.cross_entropy(scores[:, :-1].reshape(-1, CLASSES), labels[:, 1:].reshape(-1))
    torch.testing.assert_close(LanguageModelHead.next_token_loss(scores, labels, None), want)


@pytest.mark.parametrize("loss", [LanguageModelHead.loss, LanguageModelHead.next_token_loss, Classifier.token_loss])
def test_a_loss_over_nothing_is_zero_and_moves_nothing(loss: Loss) -> None:
    scores = logits(1, 3, CLASSES)
    value = loss(scores, torch.full((1, 3), IGNORED), None)
    value.backward()
    assert value.item() == 0
    assert scores.grad is not None
    assert torch.equal(scores.grad, torch.zeros_like(scores))


def test_half_precision_scores_give_a_float32_loss() -> None:
    scores = logits(2, 3, CLASSES).to(torch.bfloat16)
    labels = torch.tensor([[1, 2, 3], [4, 0, 1]])
    assert label_loss(scores, labels).dtype == torch.float32
    several = (labels > 1).float()
    assert SequenceClassificationHead.loss(scores[:, 0, :3], several, None).dtype == torch.float32


def test_pretraining_adds_the_losses_whose_labels_are_given() -> None:
    scores, relation = logits(2, 3, CLASSES), logits(2, 2, seed=1)
    labels, following = torch.tensor([[1, IGNORED, 4], [2, 3, 0]]), torch.tensor([0, 1])
    words = F.cross_entropy(scores.view(-1, CLASSES), labels.view(-1))
    sentences = F.cross_entropy(relation, following)
    loss = PretrainingHead.loss
    torch.testing.assert_close(loss(scores, relation, labels, None, None), words)
    torch.testing.assert_close(loss(scores, relation, None, following, None), sentences)
    torch.testing.assert_close(loss(scores, relation, labels, following, None), words + sentences)
    assert loss(scores, relation, None, None, None) is None


@pytest.mark.parametrize(
    ("n_labels", "dtype", "problem_type"),
    [
        (1, torch.float32, "regression"),
        (1, torch.int64, "regression"),
        (2, torch.int64, "single_label_classification"),
        (2, torch.int32, "single_label_classification"),
        (3, torch.float32, "multi_label_classification"),
        (3, torch.bool, "multi_label_classification"),
    ],
)
def test_labels_tell_the_problem_type(n_labels: int, dtype: torch.dtype, problem_type: str) -> None:
    assert infer_problem_type(torch.zeros(2, n_labels).to(dtype), n_labels) == problem_type


@pytest.mark.parametrize("labels", [torch.tensor([3, 0]), torch.tensor([[3], [0]])])
def test_classes_stand_in_a_row_or_a_column(labels: Tensor) -> None:
    scores = logits(2, CLASSES)
    want = F.cross_entropy(scores, torch.tensor([3, 0]))
    torch.testing.assert_close(SequenceClassificationHead.loss(scores, labels, None), want)
    torch.testing.assert_close(Classifier.choice_loss(scores, labels), want)


def test_a_bare_number_labels_a_single_document() -> None:
    scores = logits(1, CLASSES)
    want = F.cross_entropy(scores, torch.tensor([3]))
    torch.testing.assert_close(SequenceClassificationHead.loss(scores, torch.tensor(3), None), want)


def test_whole_numbers_and_truth_values_do_for_several_labels_and_for_regression() -> None:
    scores, labels = logits(2, 3), torch.tensor([[1, 0, 1], [0, 0, 1]])
    want = F.binary_cross_entropy_with_logits(scores, labels.double())
    loss = SequenceClassificationHead.loss
    torch.testing.assert_close(loss(scores, labels, "multi_label_classification"), want)
    torch.testing.assert_close(loss(scores, labels.bool(), None), want)
    torch.testing.assert_close(loss(scores[:, :1], labels[:, 0], None), F.mse_loss(scores[:, 0], labels[:, 0].double()))


@pytest.mark.parametrize(
    ("n_labels", "labels", "problem_type", "says"),
    [
        (3, torch.zeros(3).long(), None, r"labels have shape \[3\], but must have \[2\] for single_label"),
        (3, torch.zeros(2, 3).long(), None, r"\[2, 3\], but must have \[2\] for single_label_classification"),
        (3, torch.zeros(2), None, r"shape \[2\], but must have \[2, 3\] for multi_label_classification"),
        (3, torch.zeros(2), "regression", r"shape \[2\], but must have \[2, 3\] for regression"),
        (1, torch.zeros(2, 3), None, r"shape \[2, 3\], but must have \[2\] for regression"),
        (3, torch.zeros(2), "single_label_classification", "labels are float32, but must be whole numbers"),
        (3, torch.tensor([0, 3]), None, "labels hold 3, but must be 0 to 2, or -100 where none counts"),
        (3, torch.tensor([0, -1]), None, "labels hold -1, but must be 0 to 2"),
        (3, torch.full((2, 3), 1.5), None, "labels hold 1.5, but must be 0 to 1$"),
    ],
)
def test_wrong_document_labels_are_told_what_was_expected(
    n_labels: int, labels: Tensor, problem_type: str | None, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        SequenceClassificationHead.loss(logits(2, n_labels), labels, problem_type)


@pytest.mark.parametrize("loss", [LanguageModelHead.loss, LanguageModelHead.next_token_loss, Classifier.token_loss])
@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (torch.zeros(6).long(), r"labels have shape \[6\], but must have \[2, 3\]"),
        (torch.zeros(2, 3), "labels are float32, but must be whole numbers"),
        (torch.zeros(2, 3).bool(), "labels are bool, but must be whole numbers"),
        (torch.full((2, 3), CLASSES), f"labels hold {CLASSES}, but must be 0 to {CLASSES - 1}, or -100"),
    ],
)
def test_wrong_token_labels_are_told_what_was_expected(loss: Loss, labels: Tensor, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        loss(logits(2, 3, CLASSES), labels, None)


def test_wrong_labels_of_the_other_heads_are_told_by_name() -> None:
    with pytest.raises(ValueError, match=r"next_sentence_label have shape \[3\], but must have \[2\]"):
        PretrainingHead.loss(logits(2, 3, CLASSES), logits(2, 2), None, torch.zeros(3).long(), None)
    with pytest.raises(ValueError, match="next_sentence_label hold 2, but must be 0 to 1"):
        PretrainingHead.loss(logits(2, 3, CLASSES), logits(2, 2), None, torch.tensor([0, 2]), None)
    with pytest.raises(ValueError, match="labels hold 4, but must be 0 to 3"):
        Classifier.choice_loss(logits(2, 4), torch.tensor([0, 4]))
    at = torch.tensor([0, 1])
    with pytest.raises(ValueError, match="end_positions are float32, but must be whole numbers"):
        QuestionAnsweringHead.loss(logits(2, 9), logits(2, 9), at, at.float())
    with pytest.raises(ValueError, match=r"start_positions have shape \[1\], but must have \[2\]"):
        QuestionAnsweringHead.loss(logits(2, 9), logits(2, 9), at[:1], at)


def test_the_values_of_labels_on_another_device_are_not_looked_at() -> None:
    scores, labels = logits(2, 3, CLASSES).to("meta"), torch.full((2, 3), CLASSES, device="meta")
    assert label_loss(scores, labels).shape == ()  # a look at a meta tensor is an error
    with pytest.raises(ValueError, match="shape"):
        label_loss(scores, labels[:, :2])


def test_a_zero_gives_every_parameter_a_gradient_of_zeros() -> None:
    module = torch.nn.Linear(3, 2)
    zero = zero_of(module)
    zero.backward()
    assert zero.item() == 0
    assert all(
        weight.grad is not None and torch.equal(weight.grad, torch.zeros_like(weight)) for weight in module.parameters()
    )
