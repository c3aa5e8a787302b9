"""A run's folder tells which documents were learnt from: all of few, an estimate of many."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import bigbird_cli as bb
from bigbird_cli.errors import BigBirdWarning, ModelError
from bigbird_cli.files.names import LEARNT
from bigbird_cli.training import learnt
from bigbird_cli.training.learnt import Learnt, read_learnt
from bigbird_cli.training.train import train
from tests.training.runs import CPU, recipe

DOCUMENTS = [f"document {number}" for number in range(2000)]


def test_documents_are_known_again_however_their_lines_end() -> None:
    known = Learnt.of(["Ada lit\r\nthe lamp.", "Bel slept."])
    assert known.count(["Ada lit the  lamp.\n", "Ada lit the lamp.", "Cora left."]) == 1


def test_of_many_documents_a_sample_is_kept_by_which_the_share_is_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learnt, "MOST", 500)
    known = Learnt.of(DOCUMENTS[:1500])
    assert len(known.numbers) == 500
    assert known.count(DOCUMENTS[1000:]) == pytest.approx(500, abs=75)
    assert known.count(DOCUMENTS[1500:]) == 0
    assert known.count(DOCUMENTS[:1500]) == 1500


@pytest.mark.parametrize("most", [100, 10_000])
def test_what_a_start_model_learnt_is_known_too(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learnt, "MOST", most)
    first, second = Learnt.of(DOCUMENTS[:1000]), Learnt.of(DOCUMENTS[500:1500])
    both, whole = first.with_(second), Learnt.of(DOCUMENTS[:1500])
    np.testing.assert_array_equal(both.numbers, whole.numbers[: len(both.numbers)])
    assert both.count(DOCUMENTS[:1500]) == 1500
    assert second.with_(None) is second


@pytest.mark.parametrize("broken", ["{}", '{"bound": "x", "numbers": ""}', '{"bound": 1, "numbers": "AA=="}'])
def test_a_broken_file_is_an_error_of_the_model(broken: str, tmp_path: Path) -> None:
    (tmp_path / LEARNT).write_text(broken)
    with pytest.raises(ModelError, match="does not tell"):
        read_learnt(tmp_path)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_learnt(tmp_path) is None
    Learnt.of(DOCUMENTS).write(tmp_path)
    known = read_learnt(tmp_path)
    assert known is not None
    assert known.count(DOCUMENTS) == len(DOCUMENTS)


def test_an_evaluation_on_what_was_learnt_says_so(start: Path, data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    list(train(recipe(start, data, optim__steps=1), run, compute=CPU))
    with pytest.warns(BigBirdWarning, match="the model was trained on 30 of 30 documents"):
        assert bb.evaluate(run, data / "train.json", device="cpu")["learnt"] == 30
    with warnings.catch_warnings(action="error"):
        assert bb.evaluate(run, data / "dev.json", device="cpu")["learnt"] == 0
    (run / LEARNT).unlink()  # as a run of an earlier version left it
    with pytest.warns(BigBirdWarning, match="the model was trained on 30 of 30 documents"):
        bb.evaluate(run, data / "train.json", device="cpu")
    assert "learnt" not in bb.evaluate(run, data / "dev.json", device="cpu")
