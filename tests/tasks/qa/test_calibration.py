"""What is fitted to questions makes scores mean what they say."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bigbird_cli.backend import open_backend
from bigbird_cli.tasks.calibration import Observed
from bigbird_cli.tasks.qa.calibration import Decoded, QACalibration, decode, threshold
from bigbird_cli.tasks.qa.task import QuestionAnswering
from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer
from bigbird_cli.weights.store import open_folder


@pytest.fixture
def task() -> QuestionAnswering:
    return QuestionAnswering(window=32, overlap=8, max_answer_tokens=5)


@pytest.fixture
def observed(tiny_qa_model: Path, task: QuestionAnswering, tmp_path: Path) -> Observed:
    """Six questions on three texts, two of them longer than a window; half of them have no answer."""
    rows = []
    for a in range(3):
        context = f"the lamp was lit in {1820 + a} by ada and the ship was built in {1887 + a} " * (1 + 4 * a)
        gold = {"text": str(1820 + a), "answer_start": 20}
        rows.append({"id": f"{a}", "context": context, "question": "when was it lit", "answers": [gold]})
        rows.append({"id": f"{a}n", "context": context, "question": "who signed the lease", "answers": []})
    path = tmp_path / "dev.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    examples, tokenizer = list(task.read(path)), load_tokenizer(tiny_qa_model)
    predictor = open_backend().open_predictor(open_folder(tiny_qa_model), head=task.head, device="cpu")
    windows = list(predictor.predict(task.encode(examples, tokenizer), batch_size=4))
    return Observed(examples, windows, [0] * 4 + [1] * 2, tokenizer)


def test_scale_bias_and_prior_change_what_was_decoded_without_them(observed: Observed, task: QuestionAnswering) -> None:
    best, none = decode(observed, task).scores(scale=1.4, bias=0.7, prior=0.5)
    directly = observed.decoded(task.model_copy(update={"answer_scale": 1.4, "answer_bias": 0.7, "window_prior": 0.5}))
    assert max(p.coverage.n_windows for p in directly) > 2
    assert none == pytest.approx([p.no_answer_score for p in directly])
    assert best == pytest.approx([p.score for p in directly])


def test_fitted_settings_surprise_less(observed: Observed, task: QuestionAnswering) -> None:
    rows = range(6)
    weights = observed.weights(rows)

    def surprise(of: QuestionAnswering) -> float:
        settings = {"scale": of.answer_scale, "bias": of.answer_bias, "prior": of.window_prior}
        return decode(observed, of).surprise(weights, **settings)

    fitted = QACalibration(task, observed).fitted(rows)
    assert surprise(fitted) < surprise(task)
    assert QuestionAnswering.model_validate(fitted.model_dump()) == fitted


def test_where_every_question_has_an_answer_nothing_is_fitted_about_there_being_one(
    observed: Observed, task: QuestionAnswering
) -> None:
    fitted = QACalibration(task, observed).fitted([0, 2, 4])
    for name in ("answer_scale", "answer_bias", "window_prior", "no_answer_threshold"):
        assert getattr(fitted, name) == getattr(task, name)


def test_an_answer_is_right_word_for_word(observed: Observed, task: QuestionAnswering) -> None:
    """As `bigbird evaluate` counts: a score of 0.8 is that of answers of which 8 in 10 match exactly."""
    predictions = observed.decoded(task)
    first, *others = observed.examples
    best = predictions[0].spans[0].text
    exact, longer = (
        decode(
            replace(observed, examples=[replace(first, answers=(first.answers[0]._replace(text=text),)), *others]), task
        )
        for text in (best, f"{best} ship")
    )
    assert exact.exact[0]
    assert not longer.exact[0]
    assert 0.5 < longer.f1[0] < exact.f1[0] == 1
    assert not exact.exact[~exact.has_answer].any()


def test_sets_count_alike_whatever_their_sizes(observed: Observed) -> None:
    assert observed.weights(range(6)).tolist() == pytest.approx([1 / 8] * 4 + [1 / 4] * 2)
    assert observed.weights([0, 4, 5]).tolist() == pytest.approx([1 / 2, 1 / 4, 1 / 4])


def test_the_threshold_refuses_what_it_may_cost() -> None:
    none = np.array([0.02, 0.12, 0.32, 0.62, 0.9])
    odds = np.log(1 - none) - np.log(none)
    has = np.array([True, True, True, True, False])
    decoded = Decoded(total=odds, best=odds, n_windows=np.ones(5), f1=np.ones(5), exact=has, has_answer=has)
    weights = np.full(5, 0.2)
    assert threshold(decoded, none, weights, loss=0) == 0.65
    assert threshold(decoded, none, weights, loss=25) == 0.35
    assert threshold(decoded, none, weights, loss=100) == 0.05
