"""The quality benchmark asks every question of the right text and scores as SQuAD does."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import qa_quality

    yield qa_quality
    del sys.modules["qa_quality"]


@pytest.fixture
def squad(tmp_path: Path) -> Path:
    """Three articles of two paragraphs with three questions each."""
    articles = []
    for a in range(3):
        paragraphs = []
        for p in range(2):
            context = f"The lamp of tower {a} was lit in {1820 + 10 * a + p}."
            answer = {"text": str(1820 + 10 * a + p), "answer_start": context.index("18")}
            qas = [{"id": f"{a}{p}{q}", "question": f"When was it lit, {q}?", "answers": [answer]} for q in range(3)]
            paragraphs.append({"context": context, "qas": qas})
        articles.append({"title": f"t{a}", "paragraphs": paragraphs})
    (tmp_path / "squad-dev").mkdir()
    path = tmp_path / "squad-dev/squad-v1.1-dev-13-articles.json"
    path.write_text(json.dumps({"data": articles}), encoding="utf-8")
    return tmp_path


def test_every_question_is_asked_of_its_own_paragraph(bench: ModuleType, squad: Path) -> None:
    cases = bench.passages(squad)
    assert len(cases) == 18
    assert all(case.answers[0] in case.context for case in cases)


def test_an_article_is_one_document_with_few_questions(
    bench: ModuleType, squad: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "QUESTIONS_AN_ARTICLE", 4)
    cases = bench.articles(squad)
    assert len(cases) == 12
    assert len({case.context for case in cases}) == 3
    assert all(case.answers[0] in case.context and "\n\n" in case.context for case in cases)
    assert cases == bench.articles(squad)


def test_a_moved_question_finds_no_answer_where_it_is_asked(bench: ModuleType, squad: Path) -> None:
    for part in (bench.moved_passages, bench.moved_articles):
        cases = part(squad)
        assert cases
        assert not any(case.answers for case in cases)
    texts = {case.context for case in bench.passages(squad)}
    assert {case.context for case in bench.moved_passages(squad)} <= texts


def test_both_ways_of_scoring_come_from_one_reading(bench: ModuleType, tiny_qa_model: Path) -> None:
    cases = [
        bench.Case("the lamp was lit in 1820 by ada", "when was it lit", ("1820",)),
        bench.Case("the ship was built in 1887", "who signed the lease", ()),
    ]
    told: list[str] = []
    result, rows = bench.measure("tiny", cases, model=str(tiny_qa_model), window=64, progress=told.append)
    assert (result.part, result.window, result.n, result.windows) == ("tiny", 64, 2, 2)
    assert rows[0]["best"] in cases[0].context
    assert rows[0]["best"] != ""
    assert rows[1]["f1"] == 0  # a span, where there is none to be found
    # the tiny model's own threshold is 1: it always answers
    assert result.no_answer_accuracy == 0
    assert result.f1 == result.f1_as_answered
    assert bench.table([result]).splitlines()[-1].startswith("| tiny | 64 | 2 |")


def test_the_command_writes_what_it_measured(
    bench: ModuleType, squad: Path, tiny_qa_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, answers = tmp_path / "out.json", tmp_path / "answers.jsonl"
    arguments = ["--model", str(tiny_qa_model), "--data", str(squad), "--parts", "passages,moved-articles"]
    arguments += ["--window", "own", "--max-questions", "5", "--json", str(out), "--answers", str(answers)]
    bench.main(arguments)
    results = json.loads(out.read_text(encoding="utf-8"))["results"]
    assert [(r["part"], r["n"]) for r in results] == [("passages", 5), ("moved-articles", 5)]
    assert len(answers.read_text(encoding="utf-8").splitlines()) == 10
    assert "| moved-articles | own | 5 |" in capsys.readouterr().out


def test_files_of_questions_are_parts_too(
    bench: ModuleType, squad: Path, tiny_qa_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = squad / "squad-dev/squad-v1.1-dev-13-articles.json"
    bench.main(["--model", str(tiny_qa_model), "--parts", "", "--files", str(path), "--window", "own"])
    assert f"| {path.stem} | own | 18 |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("scores", "happened", "error"),
    [([0.75] * 4, [True, True, True, False], 0.0), ([0.9, 0.9], [False, False], 0.9), ([1.0, 0.0], [True, False], 0.0)],
)
def test_the_calibration_error_is_how_far_bins_are_off(
    bench: ModuleType, scores: list[float], happened: list[bool], error: float
) -> None:
    assert bench.calibration_error(scores, happened) == pytest.approx(error)
