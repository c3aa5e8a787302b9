"""What is fitted to questions makes scores mean what they say, and goes into the model's task.json."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bigbird_cli.tasks.qa.task import QuestionAnswering


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import qa_calibrate

    yield qa_calibrate
    del sys.modules["qa_calibrate"]


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Six questions on three texts, two of them without an answer."""
    paragraphs = []
    for a in range(3):
        context = f"the lamp was lit in {1820 + a} by ada and the ship was built in {1887 + a} " * (1 + 4 * a)
        qas = [{"id": f"{a}", "question": "when was it lit", "answers": [{"text": str(1820 + a), "answer_start": 20}]}]
        qas += [{"id": f"{a}n", "question": "who signed the lease", "answers": []}]
        paragraphs.append({"context": context, "qas": qas})
    path = tmp_path / "dev.json"
    path.write_text(json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}]}), encoding="utf-8")
    return path


def test_scale_bias_and_prior_change_what_was_decoded_without_them(
    bench: ModuleType, tiny_qa_model: Path, questions: Path
) -> None:
    stored = json.loads((tiny_qa_model / "task.json").read_text(encoding="utf-8"))
    task = QuestionAnswering.model_validate(stored | {"window": 32, "overlap": 8, "max_answer_tokens": 5})
    part = bench.read(questions, str(tiny_qa_model), task, limit=None, batch_size=4, device="cpu")
    best, none = bench.decode(part, task).scores(scale=1.4, bias=0.7, prior=0.5)
    direct = task.model_copy(update={"answer_scale": 1.4, "answer_bias": 0.7, "window_prior": 0.5}).decoder_for(
        [e.id for e in part.examples]
    )
    for feature, outputs in part.windows:
        direct.add(feature, outputs)
    predictions = direct.finish()
    assert max(p.coverage.n_windows for p in predictions) > 2
    assert none == pytest.approx([p.no_answer_score for p in predictions])
    assert best == pytest.approx([p.score for p in predictions])


@pytest.mark.parametrize(
    ("probability", "happened", "error"),
    [
        ([0.75, 0.75, 0.75, 0.75], [True, True, True, False], 0.0),
        ([0.9, 0.9], [False, False], 0.9),
        ([1.0, 0.0], [True, False], 0.0),
        ([0.2, 0.8], [True, True], 0.5),
    ],
)
def test_the_calibration_error_is_how_far_bins_are_off(
    bench: ModuleType, probability: list[float], happened: list[bool], error: float
) -> None:
    assert bench.calibration_error(np.array(probability), np.array(happened)) == pytest.approx(error)


def test_the_threshold_refuses_what_it_may_cost(bench: ModuleType) -> None:
    none = np.array([0.02, 0.12, 0.32, 0.62, 0.9])
    decoded = bench.Decoded(
        total=np.log(1 - none) - np.log(none),
        best=np.log(1 - none) - np.log(none),
        n_windows=np.ones(5),
        f1=np.ones(5),
        has_answer=np.array([True, True, True, True, False]),
    )
    task = QuestionAnswering()
    assert bench.threshold([decoded], task, loss=0) == 0.65
    assert bench.threshold([decoded], task, loss=25) == 0.35
    assert bench.threshold([decoded], task, loss=100) == 0.05


def test_what_is_fitted_goes_into_the_model_and_is_read_from_there(
    bench: ModuleType, tiny_qa_model: Path, questions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = shutil.copytree(tiny_qa_model, tmp_path / "model")
    bench.main(
        ["--model", str(model), "--dev", str(questions), "--window", "48", "--max-answer-tokens", "5", "--write"]
    )
    out = capsys.readouterr().out
    fitted = json.loads(out.strip().splitlines()[-1])
    stored = json.loads((model / "task.json").read_text(encoding="utf-8"))
    assert fitted.items() <= stored.items()
    assert {"temperature", "answer_bias"} & fitted.keys()
    assert QuestionAnswering.model_validate(stored).window == 48
    assert out.count("| dev | 6 |") == 2
