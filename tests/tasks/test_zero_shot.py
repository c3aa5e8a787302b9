"""Labels named at call time: rows, model inputs, cosines as probabilities, the passage that decided."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bigbird_cli.errors import DataError, ModelError
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.windowed import Coverage
from bigbird_cli.tasks.zero_shot import Match, TextWithLabels, ZeroShot
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, load_tokenizer

TASK = ZeroShot(window=10, overlap=2)
EAST, NORTH = np.array([1.0, 0.0]), np.array([0.0, 1.0])


@pytest.fixture(scope="module")
def tokenizer(tiny_qa_model: Path) -> Tokenizer:
    return load_tokenizer(tiny_qa_model)


def of(text: str, *labels: str, label: int = 0, id_: str = "a") -> TextWithLabels:
    return TextWithLabels(id_, text, labels or ("lamp", "storm"), label, where=f"here:{id_}")


def matched(task: ZeroShot, tokenizer: Tokenizer, text: str, places: list[np.ndarray]) -> Match:
    """The match of a text whose windows stand at these places, with a label in the east and one in the north."""
    example = of(text, "east", "north")
    windows = [feature for feature in task.encode([example], tokenizer) if feature.source is not None]
    decoder = task.decoder_for(["a"], {"east": EAST, "north": NORTH})
    for feature, place in zip(windows, places, strict=True):
        decoder.add(feature, {"embedding": place})
    [found] = decoder.finish()
    return found


@pytest.mark.parametrize(("label", "number"), [(1, 1), ("storm", 1), (0, 0)])
def test_the_right_label_is_a_number_or_a_text(tmp_path: Path, label: Any, number: int) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text(json.dumps({"text": "it was lit", "labels": ["lamp", "storm"], "label": label}))
    [example] = TASK.read(source)
    assert (example.label, example.labels, example.id) == (number, ("lamp", "storm"), f"{source}:1")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": 2}, "names none of the 2 labels"),
        ({"label": True}, "names none of the 2 labels"),
        ({"label": "lam"}, "names none of the 2 labels"),
        ({"labels": ["lamp"]}, "a list of 1, not a list of two texts or more"),
        ({"labels": "lamp, storm"}, "a string, not a list of two texts or more"),
        ({"text": ""}, '"text" is an empty string'),
    ],
)
def test_a_bad_row_is_told_with_its_place(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text(json.dumps({"text": "it", "labels": ["lamp", "storm"], "label": 0} | changes))
    with pytest.raises(DataError, match=message) as caught:
        list(TASK.read(source))
    assert caught.value.where == f"{source}:1"


def test_a_training_input_is_a_window_and_all_labels_behind_it(tokenizer: Tokenizer) -> None:
    example = of("ada lit the lamp in the tower by the sea on a storm", "the lamp", "sea", label=1)
    features = list(TASK.training_features([example], tokenizer))
    assert len(features) > 1
    cls, sep = tokenizer.cls_id, tokenizer.sep_id
    for feature in features:
        parts = np.asarray(feature.labels["parts"])
        pieces = [feature.ids[parts == part].tolist() for part in range(3)]
        assert [*pieces[0], *pieces[1], *pieces[2]] == feature.ids.tolist()
        assert pieces[1] == [cls, *tokenizer.encode("the lamp").ids.tolist(), sep]
        assert pieces[2] == [cls, *tokenizer.encode("sea").ids.tolist(), sep]
        assert (pieces[0][0], pieces[0][-1], len(pieces[0]) <= TASK.window) == (cls, sep, True)
        assert feature.labels["labels"] == 1


def test_judging_reads_every_label_once(tokenizer: Tokenizer) -> None:
    features = TASK.encode([of("ada"), of("bel", "lamp", "sea", id_="b")], tokenizer)
    assert [feature.name for feature in features if feature.source is None] == ["lamp", "storm", "sea"]
    assert [feature.example for feature in features if feature.source is not None] == [0, 1]


@pytest.mark.parametrize("label", ["", " ", "lamp " * 9])
def test_a_label_that_is_empty_or_longer_than_a_window_is_refused(tokenizer: Tokenizer, label: str) -> None:
    with pytest.raises(DataError, match="it must have 1 to 8"):
        TASK.label_feature(label, tokenizer, where="labels")


def test_the_nearest_label_is_given_and_probabilities_add_up_to_one(tokenizer: Tokenizer) -> None:
    found = matched(TASK, tokenizer, "ada lit it", [np.array([0.6, 0.8])])
    assert found.labels == (1,)
    assert found.scores == pytest.approx([1 / (1 + np.exp(4)), 1 / (1 + np.exp(-4))])
    assert found.none_score == 0


def test_none_of_the_labels_is_given_where_its_logit_is_the_highest(tokenizer: Tokenizer) -> None:
    task = ZeroShot(window=10, overlap=2, scale=10, none_logit=5)
    near, far = (matched(task, tokenizer, "ada", [np.array([0.1, north])]) for north in (0.6, 0.4))
    assert (near.labels, far.labels) == ((1,), ())
    assert far.none_score == pytest.approx(np.exp(5) / (np.exp(5) + np.exp(4) + np.exp(1)))
    assert sum(far.scores) + far.none_score == pytest.approx(1)
    assert matched(task.closed(), tokenizer, "ada", [np.array([0.1, 0.4])]).labels == (1,)


def test_several_labels_are_given_from_the_threshold_on(tokenizer: Tokenizer) -> None:
    task = ZeroShot(window=10, overlap=2, multi=True, several_scale=10, several_bias=-5)
    found = matched(task, tokenizer, "ada", [np.array([0.5, 0.8])])
    assert found.scores == pytest.approx([0.5, 1 / (1 + np.exp(-3))])
    assert found.labels == (1, 0)
    assert matched(task, tokenizer, "ada", [np.array([0.4, 0.3])]).labels == ()


def test_windows_are_averaged_and_the_one_that_speaks_most_for_the_label_is_the_evidence(tokenizer: Tokenizer) -> None:
    text = "ada lit the lamp in the tower and bel kept the ship by the stone"
    n_windows = len(TASK.encode([of(text)], tokenizer)) - 2
    places = [EAST] + [NORTH] * (n_windows - 1)
    found = matched(TASK, tokenizer, text, places)
    assert found.labels == (1,)
    start, end, score = found.evidence
    assert text[start:end].startswith("in the tower")
    assert score > found.scores[1]
    assert [scores[1] == score for scores in found.window_scores] == [False] + [True] * (n_windows - 1)
    loudest = matched(TASK.model_copy(update={"combine": "max"}), tokenizer, text, places)
    assert loudest.scores == pytest.approx([0.5, 0.5])


def test_the_order_in_which_windows_arrive_changes_nothing(tokenizer: Tokenizer) -> None:
    examples = [of("ada lit the lamp in the tower by the sea", "lamp", "sea")]
    features = list(TASK.encode(examples, tokenizer))
    rng = np.random.default_rng(0)
    outputs = {id(feature): {"embedding": rng.normal(size=4)} for feature in features}

    def read(order: list[Feature]) -> Match:
        decoder = TASK.decoder(examples, tokenizer)
        for feature in order:
            decoder.add(feature, outputs[id(feature)])
        return decoder.finish()[0]

    assert vars(read(features)) == vars(read(features[::-1]))


def test_a_number_that_is_not_finite_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(ModelError, match="not a finite number"):
        matched(TASK, tokenizer, "ada", [np.array([np.nan, 0.0])])


def test_scores_tell_how_often_the_nearest_label_is_right() -> None:
    examples = [of("ada", label=n % 2, id_=str(n)) for n in range(4)]
    coverage = Coverage(n_tokens=1, n_read=1, n_unknown=0, n_windows=1, longest_input=3)
    found = [Match(e.id, (0,), (0.75, 0.25), 0.0, (0, 1, 1.0), coverage) for e in examples]
    assert TASK.score(found, examples) == {"accuracy": 50, "chance": 50, "confidence": 75, "total": 4}
