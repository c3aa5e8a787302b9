"""The benchmark of selected sentences: articles made whole, scales that are found again, ranks."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bigbird_cli.tasks.select import SentenceSelection


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import select_quality

    yield select_quality
    del sys.modules["select_quality"]


def test_answers_stand_at_their_characters_in_the_whole_article(bench: ModuleType, tmp_path: Path) -> None:
    paragraphs = [
        {"context": text, "qas": [{"question": "who?", "answers": [{"text": name, "answer_start": text.index(name)}]}]}
        for text, name in (("It was Ada.", "Ada"), ("Then Bel came.", "Bel"))
    ]
    (tmp_path / "a.json").write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), encoding="utf-8")
    [(text, asked)] = bench.articles_of(tmp_path / "a.json")
    assert [text[start:end] for _, start, end in asked] == ["Ada", "Bel"]


def test_scales_by_which_questions_were_made_are_found_again(bench: ModuleType) -> None:
    rng = np.random.default_rng(0)
    questions = []
    for _ in range(600):
        cosines, words = rng.uniform(0, 1, size=(2, 20))
        logits = 8.0 * cosines + 2.0 * words
        gold = int(rng.choice(20, p=np.exp(logits) / np.exp(logits).sum()))
        questions.append(bench.Question(cosines, words, words, [gold]))
    assert bench.fit(questions) == pytest.approx((8.0, 2.0), rel=0.15)


def test_a_rank_counts_the_sentences_before_the_first_with_the_answer(bench: ModuleType) -> None:
    question = bench.Question(np.array([0.9, 0.1, 0.5]), np.array([0.0, 2.0, 1.0]), np.array([1.0, 0.0, 0.0]), [1, 2])
    ranks = bench.ranks([question], SentenceSelection())
    assert {name: rows.tolist() for name, rows in ranks.items()} == {
        "select": [1],
        "cosine alone": [1],
        "BM25": [0],
        "tf-idf": [1],
    }
