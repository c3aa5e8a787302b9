"""Temperatures, scales and thresholds that are fitted are those that scores were distorted by."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bigbird_cli.scoring import calibration_error
from bigbird_cli.tasks.calibration import Observed
from bigbird_cli.tasks.classify.calibration import ClassCalibration
from bigbird_cli.tasks.classify.data import LabelledText
from bigbird_cli.tasks.classify.task import Classification
from bigbird_cli.tasks.multiple_choice import ChoiceCalibration, MultipleChoice, Question
from bigbird_cli.tasks.ner.calibration import NERCalibration, best_min_score
from bigbird_cli.tasks.ner.gold import GoldEntity, NERExample
from bigbird_cli.tasks.ner.task import NamedEntities
from bigbird_cli.tasks.zero_shot import Likeness, ZeroShot, calibrated
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, load_tokenizer

LABELS = ("news", "tale", "poem")
N = 600


@pytest.fixture
def tokenizer(tiny_qa_model: Path) -> Tokenizer:
    return load_tokenizer(tiny_qa_model)


def observe(task: Any, examples: list[Any], logits: list[np.ndarray], tokenizer: Tokenizer) -> Observed:
    """As if a model had given these logits for each example's one window."""
    windows = [
        (feature, {"logits": each}) for feature, each in zip(task.encode(examples, tokenizer), logits, strict=True)
    ]
    return Observed(examples, windows, [0] * len(examples), tokenizer)


def test_a_model_that_is_twice_too_sure_of_a_label_gets_a_temperature_of_two(tokenizer: Tokenizer) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (N, 3))
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    gold = [LABELS[rng.choice(3, p=each)] for each in probs]
    task = Classification(labels=LABELS, window=32, overlap=4)
    examples = [LabelledText(str(i), "the lamp", label) for i, label in enumerate(gold)]
    fitted = ClassCalibration(task, observe(task, examples, list(2 * logits), tokenizer)).fitted(range(N))
    assert fitted.temperature == pytest.approx(2, rel=0.15)
    assert fitted.threshold == task.threshold


def test_of_several_labels_the_threshold_is_fitted_too(tokenizer: Tokenizer) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(-2, 2, (N, 3))
    is_right = rng.random((N, 3)) < 1 / (1 + np.exp(-logits))
    task = Classification(problem="multi", labels=LABELS, window=32, overlap=4)
    examples = [
        LabelledText(str(i), "the lamp", tuple(np.array(LABELS)[row].tolist())) for i, row in enumerate(is_right)
    ]
    observed = observe(task, examples, list(logits / 2), tokenizer)
    fitted = ClassCalibration(task, observed).fitted(range(N))
    assert fitted.temperature == pytest.approx(0.5, rel=0.15)
    before, after = (each.score(observed.decoded(each), examples)["f1_micro"] for each in (task, fitted))
    assert after > before


def test_a_temperature_changes_scores_of_labels_and_no_label(tokenizer: Tokenizer) -> None:
    task = Classification(labels=LABELS, window=32, overlap=4)
    observed = observe(task, [LabelledText("a", "the lamp", "news")], [np.array([2.0, 1.0, 0.0])], tokenizer)
    [mild] = observed.decoded(task.model_copy(update={"temperature": 2.0}))
    assert mild.label == "news"
    assert mild.scores["news"] / mild.scores["tale"] == pytest.approx(np.exp(0.5))


def test_entities_that_are_right_as_often_as_not_get_scores_of_a_half(tokenizer: Tokenizer) -> None:
    task = NamedEntities(labels=("PER",), window=32, overlap=4)
    text = "ada lit the lamp"
    examples = [NERExample(str(i), text, (GoldEntity("PER", 0, 3),) if i % 2 else ()) for i in range(20)]
    logits = np.zeros((len(next(iter(task.encode(examples[:1], tokenizer)))), 3))
    logits[:, 0] = 6
    logits[1] = [0, 3, 0]  # sure of ada: B-PER
    observed = observe(task, examples, [logits] * 20, tokenizer)
    fitted = NERCalibration(task, observed).fitted(range(20))
    assert fitted.temperature == 4.0  # the mildest
    [score, *_] = fitted.outcomes(observed.decoded(fitted), examples).confidences()["entity"][0]
    assert 0.5 < score < 0.6


def test_entities_of_a_low_score_are_left_out_where_they_are_mostly_wrong(tokenizer: Tokenizer) -> None:
    task = NamedEntities(labels=("PER",), window=32, overlap=4)
    text = "ada lit the lamp"
    sure = np.zeros((len(next(iter(task.encode([NERExample("0", text, ())], tokenizer)))), 3))
    sure[:, 0] = 9
    sure[1] = [0, 6, 0]  # ada: B-PER
    unsure = sure.copy()
    unsure[1] = [0, 0.5, 0]
    examples = [NERExample(str(i), text, (GoldEntity("PER", 0, 3),) if i % 2 or i == 0 else ()) for i in range(40)]
    observed = observe(task, examples, [sure if i % 2 else unsure for i in range(40)], tokenizer)
    fitted = NERCalibration(task, observed).fitted(range(40))
    before, after = (each.score(observed.decoded(each), examples) for each in (task, fitted))
    assert fitted.min_score > 0
    assert after["f1"] > before["f1"]
    assert after["precision"] == 100


def test_no_entity_is_left_out_where_that_adds_nothing() -> None:
    scores = np.array([0.1, 0.3, 0.6, 0.9])
    assert best_min_score(scores, np.array([True, True, True, True]), 4) == 0
    assert best_min_score(scores, np.array([False, True, True, True]), 3) == 0.15
    assert best_min_score(scores, np.array([False, False, False, False]), 3) == 0


def test_a_model_that_is_twice_too_sure_of_a_choice_gets_a_temperature_of_two(tokenizer: Tokenizer) -> None:
    rng = np.random.default_rng(0)
    task = MultipleChoice(window=32, overlap=4)
    examples, logits = [], []
    for i in range(N):
        true = rng.normal(0, 1.5, 2 + i % 3)  # questions have two choices, three or four
        weights = np.exp(true)
        choices = ("lamp", "sea", "ada", "lit")[: len(true)]
        label = int(rng.choice(len(true), p=weights / weights.sum()))
        examples.append(Question(str(i), "the lamp", "what", choices, label))
        logits.append(2 * true)
    observed = observe(task, examples, logits, tokenizer)
    fitted = ChoiceCalibration(task, observed).fitted(range(N))
    assert fitted.temperature == pytest.approx(2, rel=0.15)
    assert [each.choice for each in observed.decoded(fitted)] == [each.choice for each in observed.decoded(task)]
    errors = [calibration_error(*each.outcomes(observed.decoded(each), examples).confidences()["label"])
              for each in (task, fitted)]  # fmt: skip
    assert errors[1] < errors[0] / 2


def test_cosines_get_the_scale_that_they_were_drawn_by() -> None:
    rng = np.random.default_rng(0)
    observed = []
    for _ in range(N):
        cosines = rng.uniform(-0.5, 0.5, 4)
        weights = np.exp(np.append(8 * cosines, 2.0))
        drawn = int(rng.choice(5, p=weights / weights.sum()))
        observed.append(Likeness(cosines, None if drawn == 4 else drawn))
    fitted = calibrated(ZeroShot(), observed, np.ones(N))
    assert fitted.scale == pytest.approx(8, rel=0.2)
    assert fitted.none_logit == pytest.approx(2, abs=0.4)
    closed = [each for each in observed if each.right is not None]
    assert calibrated(ZeroShot(), closed, np.ones(len(closed))).none_logit is None
