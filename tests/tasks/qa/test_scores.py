"""Scores are those of the official scripts, digit by digit."""

import json
import os
from pathlib import Path

import pytest

from bigbird_cli.tasks.qa.scores import best_threshold, exact_match, normalise_answer, token_f1

# worked by hand after the rules of SQuAD's evaluate-v2.0.py: prediction, gold answers, exact match, F1
GOLDEN: list[tuple[str, list[str], int, float]] = [
    ("The Eiffel-Tower!", ["eiffeltower"], 1, 1.0),
    ("Eiffel Tower", ["the Eiffel Tower in Paris"], 0, 2 * 1.0 * 0.5 / 1.5),
    ("in 1820", ["1820", "in the year 1820"], 0, 0.8),
    ("a b b c", ["b b b d"], 0, 2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4)),
    ("An  a\tTHE apple", ["apple"], 1, 1.0),
    ("theory", ["ory"], 0, 0.0),
    ("", [], 1, 1.0),
    ("something", [], 0, 0.0),
    ("", ["something"], 0, 0.0),
    ("the", ["something"], 0, 0.0),
    ("the", [], 1, 1.0),
    ("", ["The"], 1, 1.0),
    ("x", ["the", "x"], 1, 1.0),
    ("", ["the", "x"], 0, 0.0),
    ("12–13", ["1213"], 0, 0.0),
    ("$5.00", ["500"], 1, 1.0),
    ("naïve\u00a0café", ["NAÏVE CAFÉ"], 1, 1.0),
]


@pytest.mark.parametrize(("prediction", "answers", "exact", "f1"), GOLDEN)
def test_scores_follow_the_official_rules(prediction: str, answers: list[str], exact: int, f1: float) -> None:
    assert exact_match(prediction, answers) == exact
    assert token_f1(prediction, answers) == f1


def test_normalising_twice_changes_nothing() -> None:
    for prediction, answers, _, _ in GOLDEN:
        for text in (prediction, *answers):
            assert normalise_answer(normalise_answer(text)) == normalise_answer(text)


def test_the_best_threshold_is_the_one_that_brute_force_finds() -> None:
    scores, doubts, has = [1.0, 0.5, 0.0, 1.0, 0.0], [0.1, 0.3, 0.2, 0.6, 0.7], [True, True, False, True, False]

    def at(threshold: float) -> float:
        points = [
            (score if doubt <= threshold else 0.0) if answerable else float(doubt > threshold)
            for score, doubt, answerable in zip(scores, doubts, has, strict=True)
        ]
        return 100 * sum(points) / len(points)

    best, threshold = best_threshold(scores, doubts, has)
    assert best == pytest.approx(max(at(t) for t in [0.0, *doubts]))
    assert at(threshold) == pytest.approx(best)
    assert (best, threshold) == (70.0, 0.6)


def squad_dev() -> Path:
    folder = os.environ.get("BIGBIRD_DATA")
    if not folder or not Path(folder, "squad-dev", "golden-scores.json").is_file():
        pytest.skip("BIGBIRD_DATA names no folder with squad-dev in it")
    return Path(folder, "squad-dev")


@pytest.mark.parametrize("system", ["bert", "logistic"])
def test_scores_equal_the_official_script_on_published_predictions(system: str) -> None:
    folder = squad_dev()
    golden = json.loads((folder / "golden-scores.json").read_text(encoding="utf-8"))
    data = json.loads((folder / "squad-v1.1-dev-13-articles.json").read_text(encoding="utf-8"))["data"]
    qas = [qa for article in data for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
    exact, f1 = [], []
    for qa in qas:
        want = golden["questions"][qa["id"]].get(system)
        if want is None:
            continue
        answers = [answer["text"] for answer in qa["answers"]]
        exact.append(exact_match(want["prediction"], answers))
        f1.append(token_f1(want["prediction"], answers))
        assert (exact[-1], round(f1[-1], 6)) == (want["exact"], want["f1"]), qa["id"]  # stored with 6 decimals
    totals = golden["totals"][system]
    assert len(exact) == totals["questions"]
    assert 100.0 * sum(exact) / len(exact) == totals["exact"]
    assert 100.0 * sum(f1) / len(f1) == totals["f1"]
