"""Outcomes: gold and predictions as records, whose sums give the scores of the tasks."""

import json
from typing import Any

import numpy as np
import pytest

from bigbird_cli.tasks.classify.data import LabelledText
from bigbird_cli.tasks.classify.decoding import ClassPrediction
from bigbird_cli.tasks.classify.task import Classification
from bigbird_cli.tasks.multiple_choice import ChoicePrediction, MultipleChoice, Question
from bigbird_cli.tasks.ner.decoding import Entity, NERPrediction
from bigbird_cli.tasks.ner.gold import GoldEntity, NERExample
from bigbird_cli.tasks.ner.outcomes import NEROutcomes
from bigbird_cli.tasks.ner.tags import spans_of
from bigbird_cli.tasks.ner.task import NamedEntities
from bigbird_cli.tasks.outcomes import LabelOutcomes, Outcomes, Wrong
from bigbird_cli.tasks.qa.outcomes import QAOutcomes
from bigbird_cli.tasks.qa.spans import QAPrediction, Span
from bigbird_cli.tasks.qa.squad import GoldAnswer, QAExample
from bigbird_cli.tasks.qa.task import QuestionAnswering
from bigbird_cli.tasks.windowed import Coverage
from bigbird_cli.tasks.zero_shot import Match, TextWithLabels, ZeroShot

N = 40
COVERAGE = Coverage(10, 10, 0, 1, 12)
TEXT = "ada lit the lamp and bel kept the tower"
LABELS = ("news", "tale", "poem")


def answers(rng: np.random.Generator) -> Outcomes[Any]:
    words = TEXT.split()
    examples, predictions = [], []
    for i in range(N):
        answered, known = rng.random(2) < 0.7
        first, second = (" ".join(words[k : k + 3]) for k in rng.integers(0, len(words) - 3, 2))
        gold = (GoldAnswer(first, TEXT.index(first)),) if known else ()
        span = Span(second, TEXT.index(second), TEXT.index(second) + len(second), float(rng.random()))
        examples.append(QAExample(str(i), "who?", f"{TEXT}{i // 2}", gold))
        predictions.append(QAPrediction(str(i), span if answered else None, (span,), 1 - span.score, COVERAGE))
    return check(QuestionAnswering(), predictions, examples)


def entities(rng: np.random.Generator) -> Outcomes[Any]:
    examples, predictions = [], []
    for i in range(N):
        gold, found = (
            [(("PER", "LOC")[kind], 10 * k, 10 * k + 3 + shift) for k, (kind, shift) in enumerate(drawn)]
            for drawn in rng.integers(0, 2, (2, 3, 2)).tolist()
        )
        examples.append(NERExample(str(i), TEXT, tuple(GoldEntity(*each) for each in gold)))
        predictions.append(
            NERPrediction(str(i), tuple(Entity(*each, 0.5, TEXT[each[1] : each[2]]) for each in found), COVERAGE)
        )
    return check(NamedEntities(labels=("LOC", "PER")), predictions, examples)


def labels(rng: np.random.Generator) -> Outcomes[Any]:
    task = Classification(labels=LABELS)
    drawn = rng.integers(0, 3, (N, 2)).tolist()
    examples = [LabelledText(str(i), TEXT, LABELS[gold]) for i, (gold, _) in enumerate(drawn)]
    predictions = [
        ClassPrediction(str(i), (LABELS[k],), None, dict.fromkeys(LABELS, 0.2) | {LABELS[k]: 0.6}, "mean", COVERAGE)
        for i, (_, k) in enumerate(drawn)
    ]
    return check(task, predictions, examples)


def several(rng: np.random.Generator) -> Outcomes[Any]:
    task = Classification(problem="multi", labels=LABELS)
    gold, scores = rng.random((N, 3)) < 0.4, rng.random((N, 3))
    examples = [
        LabelledText(str(i), TEXT, tuple(name for name, is_it in zip(LABELS, row, strict=True) if is_it))
        for i, row in enumerate(gold)
    ]
    predictions = [
        ClassPrediction(
            str(i),
            tuple(name for name, score in zip(LABELS, row, strict=True) if score >= 0.5),
            None,
            dict(zip(LABELS, row.tolist(), strict=True)),
            "mean",
            COVERAGE,
        )
        for i, row in enumerate(scores)
    ]
    return check(task, predictions, examples)


def values(rng: np.random.Generator) -> Outcomes[Any]:
    gold = 1000 + rng.normal(size=N)
    predicted = gold + rng.normal(size=N)
    examples = [LabelledText(str(i), TEXT, float(each)) for i, each in enumerate(gold)]
    predictions = [
        ClassPrediction(str(i), (), float(each), {"value": float(each)}, "mean", COVERAGE)
        for i, each in enumerate(predicted)
    ]
    return check(Classification(problem="regression"), predictions, examples)


def choices(rng: np.random.Generator) -> Outcomes[Any]:
    drawn = rng.integers(0, 3, (N, 2)).tolist()
    examples = [Question(str(i), TEXT, "who?", ("ada", "bel", "dov"), gold) for i, (gold, _) in enumerate(drawn)]
    predictions = [ChoicePrediction(str(i), k, (0.2, 0.2, 0.6), COVERAGE) for i, (_, k) in enumerate(drawn)]
    return check(MultipleChoice(), predictions, examples)


def matches(rng: np.random.Generator) -> Outcomes[Any]:
    drawn = rng.integers(0, 3, (N, 2)).tolist()
    examples = [TextWithLabels(str(i), TEXT, LABELS, gold) for i, (gold, _) in enumerate(drawn)]
    predictions = [
        Match(str(i), (k,) if i % 5 else (), (0.2, 0.2, 0.6), 0.0, (0, 1, 0.5), COVERAGE)
        for i, (_, k) in enumerate(drawn)
    ]
    return check(ZeroShot(), predictions, examples)


def check(task: Any, predictions: list[Any], examples: list[Any]) -> Outcomes[Any]:
    """The outcomes, after what holds of all: their sums give the task's own scores, and they can be written as JSON."""
    outcomes = task.outcomes(predictions, examples)
    scores, own = task.score(predictions, examples), outcomes.tally().scores()
    assert task.main_metric in own
    assert {name: own[name] for name in own.keys() & scores} == pytest.approx(
        {name: scores[name] for name in own.keys() & scores}
    )
    assert json.loads(json.dumps(outcomes.records)) == outcomes.records
    assert outcomes.quality().shape == (N,)
    return outcomes


@pytest.mark.parametrize("make", [answers, entities, labels, several, values, choices, matches])
def test_sums_of_outcomes_give_the_scores_of_the_task(make: Any) -> None:
    make(np.random.default_rng(0))


def test_questions_stand_where_their_answer_begins_and_share_their_document() -> None:
    outcomes = answers(np.random.default_rng(0))
    assert isinstance(outcomes, QAOutcomes)
    n_known = sum(bool(record["gold"]) for record in outcomes.records)
    assert sum(n for _, n, _ in outcomes.by_position()) == n_known
    assert len({record["document"] for record in outcomes.records}) == N // 2


def test_recall_is_counted_where_entities_stand() -> None:
    entity = {"type": "PER", "start": 0, "end": 3, "text": "ada", "score": 0.9}
    far = {**entity, "start": 90, "end": 93}
    about = {"id": "a", "document": 0, "tokens": 9, "windows": 1, "right": False, "characters": 100}
    outcomes = NEROutcomes([{**about, "gold": [entity, far], "predicted": [entity]}])  # type: ignore[typeddict-item]
    assert [(name, n, tally.scores()) for name, n, tally in outcomes.by_position()] == [
        ("0-20 %", 1, {"recall": 100.0}),
        ("80-100 %", 1, {"recall": 0.0}),
    ]


@pytest.mark.parametrize(
    ("gold", "found", "strict", "partial"),
    [
        ([("PER", 0, 7)], [("PER", 0, 3)], 0, 1),
        ([("PER", 0, 7)], [("PER", 0, 3), ("PER", 4, 7)], 0, 1),  # found once
        ([("PER", 0, 3), ("PER", 4, 7)], [("PER", 0, 7)], 0, 1),  # right once
        ([("PER", 0, 3), ("PER", 4, 7)], [("PER", 2, 5), ("PER", 6, 9)], 0, 2),
        ([("PER", 0, 3)], [("LOC", 0, 3)], 0, 0),
        ([("PER", 0, 3)], [("PER", 3, 5)], 0, 0),  # they touch, and share nothing
        ([("PER", 0, 3)], [("PER", 0, 3)], 1, 1),
    ],
)
def test_partly_right_is_what_shares_a_character_and_the_type(
    gold: list[tuple[str, int, int]], found: list[tuple[str, int, int]], strict: int, partial: int
) -> None:
    text = "ada bel cora"
    example = NERExample("a", text, tuple(GoldEntity(*each) for each in gold))
    prediction = NERPrediction("a", tuple(Entity(*each, 0.5, text[each[1] : each[2]]) for each in found), COVERAGE)
    scores = NamedEntities(labels=("LOC", "PER")).outcomes([prediction], [example]).tally().scores()
    assert scores["recall"] == pytest.approx(100 * strict / len(gold))
    assert scores["partial_recall"] == pytest.approx(100 * partial / len(gold))
    assert scores["partial_precision"] == pytest.approx(100 * partial / len(found))


def test_a_confusion_matrix_has_a_row_for_each_gold_label() -> None:
    about = {"id": "a", "document": 0, "tokens": 9, "windows": 1, "score": 0.5}
    pairs = [("tale", "tale"), ("tale", "news"), ("news", "poem")]
    records = [{**about, "gold": gold, "predicted": said, "right": gold == said} for gold, said in pairs]
    outcomes = LabelOutcomes(records)  # type: ignore[arg-type]
    assert outcomes.confusion() == {"labels": ["news", "poem", "tale"], "counts": [[0, 1, 0], [0, 0, 0], [1, 0, 1]]}
    assert [(each["name"], each["precision"], each["recall"]) for each in outcomes.by_name()["labels"]] == [
        ("news", 0.0, 0.0),
        ("poem", 0.0, 0.0),
        ("tale", 100.0, 50.0),
    ]


def test_confidences_are_those_of_what_is_said() -> None:
    outcomes = entities(np.random.default_rng(0))
    scores, is_right = outcomes.confidences()["entity"]
    assert len(scores) == sum(len(record["predicted"]) for record in outcomes.records)
    assert 100 * is_right.mean() == pytest.approx(outcomes.tally().scores()["precision"])
    assert set(answers(np.random.default_rng(0)).confidences()) == {"best answer", "no answer"}
    assert len(several(np.random.default_rng(0)).confidences()["each label"][0]) == 3 * N


def test_entities_score_as_seqeval_scores_them() -> None:
    # classification_report(gold, predicted, mode="strict", scheme=IOB2) of seqeval 1.2.2
    tags = {
        "B-PER I-PER O O B-LOC": "B-PER I-PER O O B-ORG",
        "O B-ORG I-ORG I-ORG O": "O B-ORG I-ORG O O",
        "B-LOC O B-PER O B-PER": "B-LOC O B-PER O B-PER",
        "O O O O O": "O B-PER O O O",
        "B-ORG O B-LOC I-LOC O": "B-ORG O B-LOC I-LOC I-LOC",
    }
    text = "ada bel dov cor lit"
    examples, predictions = [], []
    for number, pair in enumerate(tags.items()):
        gold, found = (
            [(type_, 4 * first, 4 * stop - 1) for type_, first, stop in spans_of(row.split())] for row in pair
        )
        examples.append(NERExample(str(number), text, tuple(GoldEntity(*each) for each in gold)))
        entities = tuple(Entity(*each, 0.5, text[each[1] : each[2]]) for each in found)
        predictions.append(NERPrediction(str(number), entities, COVERAGE))
    task = NamedEntities(labels=("LOC", "ORG", "PER"))
    outcomes, scores = task.outcomes(predictions, examples), task.score(predictions, examples)
    assert [scores[name] for name in ("precision", "recall", "f1", "macro_f1")] == pytest.approx(
        [55.55555555555556, 62.5, 58.82352941176471, 55.238095238095234], abs=1e-12
    )
    assert {
        each["name"]: (each["precision"], each["recall"], each["f1"], each["total"])
        for each in outcomes.by_name()["strict"]
    } == {
        "LOC": (50.0, pytest.approx(33.33333333333333, abs=1e-12), 40.0, 3),
        "ORG": (pytest.approx(33.33333333333333, abs=1e-12), 50.0, 40.0, 2),
        "PER": (75.0, 100.0, pytest.approx(85.71428571428571, abs=1e-12), 3),
    }


def test_labels_score_as_scikit_learn_scores_them() -> None:
    # accuracy_score, f1_score (macro), matthews_corrcoef, classification_report, confusion_matrix of scikit-learn 1.9.1
    gold = ["news", "tale", "tale", "poem", "news", "tale", "poem", "poem", "tale", "news"]
    predicted = ["news", "tale", "poem", "poem", "tale", "tale", "news", "poem", "tale", "tale"]
    about = {"id": "a", "document": 0, "tokens": 9, "windows": 1, "score": 0.5}
    pairs = zip(gold, predicted, strict=True)
    outcomes = LabelOutcomes([{**about, "gold": g, "predicted": p, "right": g == p} for g, p in pairs])  # type: ignore[typeddict-item]
    assert outcomes.tally().scores() == pytest.approx(
        {"accuracy": 60.0, "f1_macro": 57.777777777777786, "mcc": 39.08158746754515}, abs=1e-12
    )
    assert outcomes.confusion() == {"labels": ["news", "poem", "tale"], "counts": [[1, 0, 2], [1, 2, 0], [0, 1, 3]]}
    assert [round(each["f1"], 4) for each in outcomes.by_name()["labels"]] == [40.0, 66.6667, 66.6667]


def test_wrong_entities_stand_beside_the_gold_that_they_touch() -> None:
    gold = {"type": "PER", "start": 0, "end": 7, "text": "ada bel"}
    found = [
        {"type": "PER", "start": 0, "end": 3, "text": "ada", "score": 0.9},
        {"type": "LOC", "start": 12, "end": 16, "text": "lamp", "score": 0.8},
    ]
    about = {"id": "a", "document": 0, "tokens": 9, "windows": 1, "right": False, "characters": 20}
    outcomes = NEROutcomes([{**about, "gold": [gold], "predicted": found}])  # type: ignore[typeddict-item]
    assert outcomes.wrong() == [
        Wrong(0, 0.9, "ada bel (PER)", "ada (PER)", 0),
        Wrong(0, 0.8, "no entity", "lamp (LOC)", 12),
    ]


def test_a_question_left_unanswered_is_as_wrong_as_no_answer_seemed_likely() -> None:
    outcomes = answers(np.random.default_rng(0))
    for wrong in outcomes.wrong():
        record = outcomes.records[wrong.example]
        assert wrong.score == record["score" if record["predicted"] else "no_answer_score"]
