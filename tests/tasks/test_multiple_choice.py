"""Multiple choice: rows, windows common to all choices, their scores combined, accuracy."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bigbird_cli.errors import BigBirdWarning, DataError, ModelError
from bigbird_cli.tasks.multiple_choice import ChoicePrediction, MultipleChoice, Question
from bigbird_cli.tasks.windowed import Coverage, source_of
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, load_tokenizer

TASK = MultipleChoice(window=20, overlap=4)


@pytest.fixture(scope="module")
def tokenizer(tiny_qa_model: Path) -> Tokenizer:
    return load_tokenizer(tiny_qa_model)


def of(context: str, *choices: str, question: str = "who", label: int = 0, id_: str = "a") -> Question:
    return Question(id_, context, question, choices or ("ada", "bel"), label, where=f"here:{id_}")


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def chosen(example: Question, choice: int, *, n_tokens: int = 10) -> ChoicePrediction:
    scores = tuple(float(i == choice) for i in range(len(example.choices)))
    return ChoicePrediction(example.id, choice, scores, Coverage(n_tokens, n_tokens, 0, 1, n_tokens + 3))


# rows


@pytest.mark.parametrize(
    ("label", "choices", "number"),
    [
        (1, ["ada", "bel", "cora"], 1),
        ("C", ["ada", "bel", "cora"], 2),
        ("b", ["ada", "bel"], 1),
        ("2", ["ada", "bel", "cora"], 2),
        ("bel", ["ada", "bel"], 1),
        ("A", ["B", "A"], 1),  # a choice's own text comes first
        ("B", ["ada", "ada"], 1),
    ],
)
def test_the_right_choice_is_a_number_a_letter_or_a_text(
    tmp_path: Path, label: int | str, choices: list[str], number: int
) -> None:
    row = {"context": "it was lit", "question": "who", "choices": choices, "label": label}
    [example] = TASK.read(write(tmp_path / "a.jsonl", row))
    assert example.label == number
    assert example.choices == tuple(choices)
    assert example.id == example.where == f"{tmp_path / 'a.jsonl'}:1"


def test_columns_are_those_that_the_task_names(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("key,story,A,B,gold\n7,it was lit,ada,bel,B\n", encoding="utf-8")
    task = MultipleChoice(
        context_column="story", question_column=None, choices_column="A, B", label_column="gold", id_column="key"
    )
    [example] = task.read(source)
    assert (example.id, example.question, example.choices, example.label) == ("7", "", ("ada", "bel"), 1)


def test_choices_with_their_letters_are_read_as_the_hub_keeps_them(tmp_path: Path) -> None:
    choices = {"text": ["ada", "bel"], "label": ["A", "B"]}
    [example] = TASK.read(
        write(tmp_path / "a.jsonl", {"context": "it", "question": "who", "choices": choices, "label": "B"})
    )
    assert (example.choices, example.label) == (("ada", "bel"), 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"context": "  "}, '"context" is an empty string'),
        ({"context": None}, '"context" is null'),
        ({"choices": None}, '"choices" is null'),
        ({"choices": ["ada", None]}, "choice 1 is empty"),
        ({"question": 3}, '"question" is a number'),
        ({"choices": "ada"}, '"choices" is a string, not a list'),
        ({"choices": ["ada"]}, '"choices" is a list of 1'),
        ({"choices": ["ada", 5]}, "not a list of two texts"),
        ({"choices": ["ada", " "]}, "choice 1 is empty"),
        ({"label": 2}, "is 2, which names none of the 2 choices"),
        ({"label": -1}, "is -1, which"),
        ({"label": "C"}, "is 'C', which"),
        ({"label": True}, "is True, which"),
        ({"label": None}, '"label" is null'),
        ({"label": 0.5}, "is 0.5, which"),
        ({"label": "9" * 5000}, "which names none"),
        ({"label": "ada", "choices": ["ada", "ada"]}, "is 'ada', which"),
        ({"label": 30, "choices": [f"w{i}" for i in range(30)]}, "none of the 30 choices"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    good = {"context": "it was lit", "question": "who", "choices": ["ada", "bel"], "label": 0}
    source = write(tmp_path / "a.jsonl", good, good | changes)
    with pytest.raises(DataError) as caught:
        list(TASK.read(source))
    assert caught.value.where == f"{source}:2"
    assert message in caught.value.problem
    assert caught.value.fix


def test_empty_rows_are_left_out_on_demand(tmp_path: Path) -> None:
    good = {"context": "it was lit", "question": "who", "choices": ["ada", "bel"], "label": 1.0}
    empty = [good | {name: None} for name in ("context", "choices", "label")] + [good | {"choices": ["a", ""]}]
    source = write(tmp_path / "a.jsonl", good, *empty)
    with pytest.warns(BigBirdWarning, match="4 rows, lines or texts left out"):
        assert [each.label for each in TASK.model_copy(update={"on_empty": "skip"}).read(source)] == [1]


def test_a_missing_column_is_named_with_the_nearest(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", {"context": "it", "question": "who", "choice": ["a", "b"], "label": 0})
    with pytest.raises(DataError, match='no "choices" here') as caught:
        list(TASK.read(source))
    assert caught.value.fix == 'did you mean "choice"? Then set task.choices_column: choice'


# windows


def test_all_choices_are_read_beside_the_same_windows(tokenizer: Tokenizer) -> None:
    choices = ("ada", "the lamp keeper", "bel")
    example = of("lit " * 40, *choices)
    features = list(TASK.encode([example], tokenizer))
    assert len(features) > 2
    covered = np.zeros(40, dtype=bool)
    for feature in features:
        n = source_of(feature).window.stop - source_of(feature).window.start
        covered[source_of(feature).window.start : source_of(feature).window.stop] = True
        assert feature.ids.shape == feature.types.shape == (3, n + 4 + 3)  # the longest: who the lamp keeper
        assert len(feature) <= TASK.window
        assert feature.mask is not None
        for row, choice in enumerate(choices):
            inside, asked = (tokenizer.encode(text).ids.tolist() for text in ("lit " * n, f"who {choice}"))
            whole = [tokenizer.cls_id, *inside, tokenizer.sep_id, *asked, tokenizer.sep_id]
            assert feature.mask[row].tolist() == [i < len(whole) for i in range(len(feature))]
            assert feature.ids[row][feature.mask[row]].tolist() == whole
            assert set(feature.ids[row][~feature.mask[row]].tolist()) <= {tokenizer.pad_id}
            assert feature.types[row].tolist() == [int(n + 2 <= i < len(whole)) for i in range(len(feature))]
    assert covered.all()


def test_each_window_learns_the_right_choice(tokenizer: Tokenizer) -> None:
    features = list(TASK.training_features([of("lit " * 40, label=1), of("lit")], tokenizer))
    assert [feature.labels["labels"] for feature in features if feature.example == 0] == [1] * (len(features) - 1)
    assert features[-1].labels == {"labels": 0}


def test_choices_without_room_for_the_text_are_named(tokenizer: Tokenizer) -> None:
    with pytest.raises(DataError, match="question and choice of 15 tokens") as caught:
        TASK.encode([of("lit " * 20, "ada", "bel " * 14, id_="9")], tokenizer)
    assert caught.value.where == "here:9"
    assert len(TASK.encode([of("lit lit", "ada", "bel " * 14)], tokenizer)) == 1


def test_a_text_of_nothing_is_named(tokenizer: Tokenizer) -> None:
    with pytest.raises(DataError, match="the text is empty"):
        TASK.encode([of("")], tokenizer)


# combining


def test_a_choices_score_is_the_mean_over_all_tokens(tokenizer: Tokenizer) -> None:
    example = of("lit " * 33, "ada", "bel", "cora")
    features = list(TASK.encode([example], tokenizer))
    weights = np.array([len(source_of(feature).owned) / 2 for feature in features])
    assert weights.sum() == 33
    logits = np.random.default_rng(0).normal(size=(len(features), 3)).astype(np.float32)
    decoder = TASK.decoder([example], tokenizer)
    for i in reversed(range(len(features))):
        decoder.add(features[i], {"logits": logits[i]})
    [prediction] = decoder.finish()
    mean = weights @ logits.astype(np.float64) / 33
    assert prediction.scores == pytest.approx((np.exp(mean) / np.exp(mean).sum()).tolist())
    assert prediction.choice == mean.argmax()
    longest = max(len(feature) for feature in features)
    coverage = replace(prediction.coverage, spans=())
    assert coverage == Coverage(33, 33, n_unknown=0, n_windows=len(features), longest_input=longest)


def test_wrong_outputs_are_refused(tokenizer: Tokenizer) -> None:
    example = of("lit")
    [feature] = TASK.encode([example], tokenizer)
    decoder = TASK.decoder([example], tokenizer)
    with pytest.raises(ModelError, match="not a finite number"):
        decoder.add(feature, {"logits": np.array([0, np.inf])})
    with pytest.raises(ValueError, match=r"logits of shape \(3,\), not \(2,\)"):
        decoder.add(feature, {"logits": np.zeros(3)})
    with pytest.raises(ValueError, match="no window of question a"):
        decoder.finish()


# scores


def test_scores_are_counted_by_hand() -> None:
    examples = [
        of("x", label=0, id_="0"),
        of("x", label=1, id_="1"),
        of("x", label=1, id_="2"),
        of("x", "a", "b", "c", "d", label=2, id_="3"),
    ]
    predictions = [
        chosen(e, choice, n_tokens=n) for e, choice, n in zip(examples, (0, 0, 1, 1), (9, 512, 513, 5000), strict=True)
    ]
    assert TASK.score(predictions, examples) == {
        "accuracy": 50,
        "majority": 50,
        "chance": 100 * (3 * 0.5 + 0.25) / 4,
        "total": 4,
        "accuracy_to_512_tokens": 50,
        "total_to_512_tokens": 2,
        "accuracy_to_1024_tokens": 100,
        "total_to_1024_tokens": 1,
        "accuracy_over_4096_tokens": 0,
        "total_over_4096_tokens": 1,
    }


def test_scores_are_named_beforehand(tokenizer: Tokenizer) -> None:
    examples = [of("lit", id_="short"), of("lit " * 600, id_="long")]
    features = TASK.encode(examples, tokenizer)
    decoder = TASK.decoder(examples, tokenizer)
    for feature in features:
        decoder.add(feature, {"logits": np.zeros(2)})
    names = TASK.score_names(examples, features)
    assert names == list(TASK.score(decoder.finish(), examples))
    assert TASK.main_metric in names
    assert "accuracy_to_512_tokens" in names


def test_scores_of_other_questions_are_refused() -> None:
    one = of("x")
    with pytest.raises(ValueError, match="same questions"):
        TASK.score([chosen(one, 0)], [of("x", id_="b")])
    with pytest.raises(ValueError, match="nothing to score"):
        TASK.score([], [])
