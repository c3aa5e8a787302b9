"""Classification: labels from rows and folders, windows and how they are combined, scores on the gold."""

import json
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats
from sklearn import metrics

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.data.rows import EmptyValue
from bigbird_cli.errors import BigBirdWarning, DataError, ModelError, UsageError
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.classify.data import Label, LabelledText
from bigbird_cli.tasks.classify.decoding import ClassPrediction
from bigbird_cli.tasks.classify.task import Classification, _in_order
from bigbird_cli.tasks.windowed import Coverage, source_of
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, load_tokenizer

TASK = Classification(labels=("blue", "green", "red"), window=16, overlap=4)
MULTI = Classification(problem="multi", labels=("blue", "green", "red"), window=16, overlap=4)
NUMBER = Classification(problem="regression", window=16, overlap=4)


@pytest.fixture(scope="module")
def tokenizer(tiny_qa_model: Path) -> Tokenizer:
    return load_tokenizer(tiny_qa_model)


def of(text: str, label: Label, *, pair: str | None = None, id_: str = "a") -> LabelledText:
    return LabelledText(id_, text, label, pair, where=f"here:{id_}")


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def combined(
    task: Classification, example: LabelledText, logits: Sequence[Sequence[float]], tokenizer: Tokenizer
) -> ClassPrediction:
    """The prediction of a document whose windows have these logits, added last window first."""
    features = list(task.encode([example], tokenizer))
    decoder = task.decoder([example], tokenizer)
    for feature, row in reversed(list(zip(features, logits, strict=True))):
        decoder.add(feature, {"logits": np.array(row, dtype=np.float32)})
    [prediction] = decoder.finish()
    return prediction


def told(example: LabelledText, scores: dict[str, float], *labels: str, n_tokens: int = 10) -> ClassPrediction:
    value = scores.get("value")
    return ClassPrediction(example.id, labels, value, scores, "mean", Coverage(n_tokens, n_tokens, 0, 1, n_tokens + 2))


# a linear classifier, fitted


def around(rng: np.random.Generator, *centres: int, n: int = 12) -> np.ndarray:
    """Places of length 1 near axes of a space of 6 dimensions."""
    places = np.concatenate([np.eye(6)[centre] + 0.3 * rng.normal(size=(n, 6)) for centre in centres])
    return places / np.linalg.norm(places, axis=1, keepdims=True)


@pytest.mark.parametrize("n", [1, 3, 12])
def test_a_fitted_head_tells_the_labels_of_its_examples(n: int) -> None:
    places = around(np.random.default_rng(0), 0, 1, 2, n=n)
    labels = np.repeat([0, 1, 2], n)
    weights, biases = TASK.fit_head(places, labels.tolist(), range(3 * n))
    assert (weights.shape, biases.shape) == ((3, 6), (3,))
    assert (places @ weights.T + biases).argmax(axis=1).tolist() == labels.tolist()


def test_a_fitted_heads_probabilities_hold_on_other_examples() -> None:
    rng = np.random.default_rng(0)

    def drawn(n: int) -> tuple[np.ndarray, np.ndarray]:
        side = rng.integers(2, size=n)
        places = np.stack([np.where(side, 0.5, -0.5), np.zeros(n)], axis=1) + rng.normal(size=(n, 2))
        return places / np.linalg.norm(places, axis=1, keepdims=True), side

    places, side = drawn(300)
    two = Classification(labels=("left", "right"), window=16, overlap=4)
    weights, biases = two.fit_head(places, side.tolist(), range(300))
    others, truth = drawn(3000)
    logits = others @ weights.T + biases
    right = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    for low, high in ((0.1, 0.4), (0.4, 0.6), (0.6, 0.9)):
        inside = (right > low) & (right < high)
        assert truth[inside].mean() == pytest.approx(right[inside].mean(), abs=0.08)


def test_a_long_document_weighs_in_a_fitted_head_as_a_short_one() -> None:
    places = around(np.random.default_rng(0), 0, 1)
    labels, examples = [0] * 12 + [1] * 12, list(range(24))
    once = TASK.fit_head(places, labels, examples)
    windows = np.concatenate([places, np.repeat(places[:1], 30, axis=0)])
    often = TASK.fit_head(windows, labels + [0] * 30, examples + [0] * 30)
    np.testing.assert_allclose(often[0], once[0], atol=1e-3)


def test_a_label_without_an_example_stays_unlikely() -> None:
    places = around(np.random.default_rng(0), 0, 2)
    weights, biases = TASK.fit_head(places, [0] * 12 + [2] * 12, range(24))
    assert (places @ weights.T + biases).argmax(axis=1).tolist() == [0] * 12 + [2] * 12
    assert biases[1] < -10


def test_several_labels_are_fitted_each_by_itself() -> None:
    rng = np.random.default_rng(0)
    gold = rng.integers(2, size=(60, 3)).astype(np.float32)
    places = gold @ np.eye(3, 6) + 0.1 * rng.normal(size=(60, 6))
    weights, biases = MULTI.fit_head(places, list(gold), range(60))
    assert ((places @ weights.T + biases > 0) == gold).mean() > 0.95


def test_a_linear_classifier_is_not_fitted_to_numbers() -> None:
    with pytest.raises(ValidationError, match="a regression has numbers"):
        Classification(problem="regression", classifier="linear", window=16, overlap=4)


# settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"labels": ["a", "a"]}, "'a' is named 2 times"),
        ({"labels": ["a", " "]}, "a name is empty"),
        ({"labels": ["a"]}, "at least 2"),
        ({"window": 16, "overlap": 13}, "leaves no room"),
        ({"threshold": 1.0}, "less than 1"),
        ({"combine": "median"}, "'mean', 'max' or 'first'"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Classification.model_validate(settings)


def test_settings_stay_what_they_are_in_a_saved_task() -> None:
    for task in (TASK, MULTI, NUMBER):
        assert Classification.model_validate(json.loads(task.model_dump_json())) == task


def test_the_config_names_the_labels_in_their_order_and_the_loss() -> None:
    assert TASK.config_updates() == {
        "id2label": {0: "blue", 1: "green", 2: "red"},
        "label2id": {"blue": 0, "green": 1, "red": 2},
        "problem_type": "single_label_classification",
    }
    assert MULTI.config_updates()["problem_type"] == "multi_label_classification"
    assert NUMBER.config_updates() == {
        "id2label": {0: "value"},
        "label2id": {"value": 0},
        "problem_type": "regression",
    }


@pytest.mark.parametrize(
    ("problem_type", "names", "problem"),
    [
        (None, ["no", "yes"], "single"),
        ("single_label_classification", ["yes", "no"], "single"),
        ("multi_label_classification", ["a", "b", "c"], "multi"),
        ("regression", ["LABEL_0"], "regression"),
        (None, ["LABEL_0"], "regression"),
    ],
)
def test_a_foreign_model_brings_its_task(problem_type: str | None, names: list[str], problem: str) -> None:
    config = BigBirdConfig(
        max_position_embeddings=256, id2label=dict(enumerate(names)), problem_type=problem_type, block_size=8
    )
    task = Classification.for_model(config)
    assert task.problem == problem
    assert task.names == (("value",) if problem == "regression" else tuple(names))
    assert (task.window, task.overlap) == (256, 64)


def test_a_model_of_two_numbers_is_refused() -> None:
    config = BigBirdConfig(id2label={0: "a", 1: "b"}, problem_type="regression")
    with pytest.raises(ModelError, match="gives 2 numbers"):
        Classification.for_model(config)


def test_two_outputs_of_one_name_are_refused() -> None:
    with pytest.raises(ModelError, match="names 2 classes 'a'"):
        Classification.for_model(BigBirdConfig(id2label={0: "a", 1: "b", 2: "a"}))


# labels


def test_labels_are_sorted_whatever_the_order_of_the_rows() -> None:
    examples = [of("x", name) for name in ("red", "blue", "green", "blue")]
    for rows in (examples, examples[::-1]):
        task = Classification().fit_labels(iter(rows))
        assert task.names == ("blue", "green", "red")
        assert task.fit_labels([of("x", "other")]) is task


def test_labels_that_are_numbers_are_sorted_by_value(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", *({"text": "x", "label": label} for label in (10, 9, -1, 10)))
    task = Classification()
    assert task.fit_labels(task.read(source)).names == ("-1", "9", "10")


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["--5", "3"], ["--5", "3"]),
        (["10", "9", "-1"], ["-1", "9", "10"]),
        (["9" * 5000, "8"], ["8", "9" * 5000]),
        (["b", "10", "9"], ["10", "9", "b"]),
        (["\u00b2", "1"], ["1", "\u00b2"]),
    ],
)
def test_labels_are_put_in_order_whatever_they_are(names: list[str], order: list[str]) -> None:
    assert _in_order(names) == order


def labelled(*labels: str) -> list[LabelledText]:
    return [LabelledText(str(k), "x", label) for k, label in enumerate(labels)]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["good", "Good"], r"'Good', 'good'"),
        (["caf\u00e9", "cafe\u0301", "tea"], "look alike"),
        (["a b", "a  b"], "look alike"),
        ([str(k) for k in range(12)], "the 12 labels are numbers.*task.problem: regression"),
        (["0.5", "1"], "the 2 labels are numbers"),
    ],
)
def test_labels_that_are_probably_meant_otherwise_are_remarked_upon(labels: list[str], words: str) -> None:
    with pytest.warns(BigBirdWarning, match=words):
        assert len(Classification().fit_labels(labelled(*labels)).names) == len(labels)


def test_stars_and_distinct_names_are_remarked_upon_by_nobody() -> None:
    for labels in (["1", "2", "3", "4", "5"], ["0", "1"], ["a", "b"]):
        assert Classification().fit_labels(labelled(*labels)).names == tuple(labels)


def test_labels_of_several_are_gathered() -> None:
    task = Classification(problem="multi")
    assert task.fit_labels([of("x", ("b", "a")), of("x", ()), of("x", ("c",))]).names == ("a", "b", "c")


@pytest.mark.parametrize(("rows", "message"), [([], "has 0 labels"), (["a", "a"], "has 1 label,")])
def test_fewer_than_two_labels_are_refused(rows: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Classification().fit_labels([of("x", label) for label in rows])


def test_labels_must_be_known_before_they_are_used() -> None:
    with pytest.raises(ValueError, match="no labels yet"):
        _ = Classification().names


def test_an_unknown_label_is_named_with_its_place_and_the_nearest(tokenizer: Tokenizer) -> None:
    wrong = [of("ada", "red"), of("ada", "gren", id_="7")]
    for use in (TASK.encode, lambda rows, tok: list(TASK.training_features(rows, tok))):
        with pytest.raises(DataError) as caught:
            use(wrong, tokenizer)
        assert caught.value.where == "here:7"
        assert "'gren'" in caught.value.problem
        assert caught.value.fix is not None
        assert "did you mean 'green'?" in caught.value.fix
    with pytest.raises(DataError, match="'pink'"):
        MULTI.encode([of("ada", ("red", "pink"))], tokenizer)


# rows


def test_rows_become_examples(tmp_path: Path) -> None:
    source = write(
        tmp_path / "a.jsonl",
        {"id": 3, "text": "ada", "label": " yes "},
        {"id": None, "text": "bel", "label": True},
        {"text": "cora", "label": 0},
    )
    examples = list(Classification().read(source))
    assert [(e.id, e.text, e.label, e.pair) for e in examples] == [
        ("3", "ada", "yes", None),
        (f"{source}:2", "bel", "true", None),
        (f"{source}:3", "cora", "0", None),
    ]
    assert [e.where for e in examples] == [f"{source}:{n}" for n in (1, 2, 3)]


def test_columns_are_those_that_the_task_names(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("key,premise,claim,gold\n1,ada lit it,bel did,no\n", encoding="utf-8")
    task = Classification(text_column="premise", pair_column="claim", label_column="gold", id_column="key")
    [example] = task.read(source)
    assert (example.id, example.text, example.pair, example.label) == ("1", "ada lit it", "bel did", "no")


def test_several_labels_come_as_a_list_or_as_parts_of_a_string(tmp_path: Path) -> None:
    task = Classification(problem="multi", label_separator=";")
    lists = write(tmp_path / "a.jsonl", {"text": "x", "label": ["b", "a", "b"]}, {"text": "y", "label": []})
    parts = tmp_path / "a.csv"
    parts.write_text('text,label\nx," b; a;b;"\ny,\n', encoding="utf-8")
    for source in (lists, parts):
        assert [example.label for example in task.read(source)] == [("b", "a"), ()]


def test_numbers_come_as_numbers_or_as_strings(tmp_path: Path) -> None:
    rows = write(tmp_path / "a.jsonl", *({"text": "x", "label": label} for label in (1, -2.5, "3e-1")))
    assert [example.label for example in NUMBER.read(rows)] == [1.0, -2.5, 0.3]


@pytest.mark.parametrize(
    ("problem", "row", "message", "fix"),
    [
        ("single", '{"txt": "x", "label": "a"}', 'no "text" here', 'did you mean "txt"?'),
        ("single", '{"text": "x", "labels": "a"}', 'no "label" here', 'did you mean "labels"?'),
        ("single", '{"text": " ", "label": "a"}', '"text" is an empty string', "task.on_empty: skip"),
        ("single", '{"text": null, "label": "a"}', '"text" is null', "task.on_empty: skip"),
        ("single", '{"text": 5, "label": "a"}', '"text" is a number', "as a string"),
        ("single", '{"text": "x", "label": ["a"]}', '"label" is a list', "a string"),
        ("single", '{"text": "x", "label": " "}', '"label" is an empty string', "task.on_empty: skip"),
        ("single", '{"text": "x", "label": null}', '"label" is null', "task.on_empty: skip"),
        ("single", '{"text": "x", "label": 0.5}', '"label" is a number', "task.problem: regression"),
        ("single", '{"text": "x", "lines": "a"}', 'no "label" here', "set task.label_column"),
        ("multi", '{"text": "x", "label": "a,b"}', "is one string", "task.label_separator"),
        ("multi", '{"text": "x", "label": 3}', '"label" is a number', "[]"),
        ("multi", '{"text": "x", "label": null}', '"label" is null', "[] for none"),
        ("multi", '{"text": "x", "label": ["a", null]}', '"label" is null', "a string"),
        ("regression", '{"text": "x", "label": "high"}', "'high', not a number", "2.5"),
        ("regression", '{"text": "x", "label": "nan"}', "'nan', not a number", "2.5"),
        ("regression", '{"text": "x", "label": "inf"}', "'inf', not a number", "2.5"),
        ("regression", '{"text": "x", "label": true}', "True, not a number", "2.5"),
        ("regression", '{"text": "x", "label": null}', '"label" is null', "task.on_empty: skip"),
        pytest.param(
            "regression", f'{{"text": "x", "label": "{"9" * 5000}"}}', "not a number", "2.5", id="5000 digits"
        ),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(tmp_path: Path, problem: Any, row: str, message: str, fix: str) -> None:
    good = {"single": '"a"', "multi": '["a"]', "regression": "1"}[problem]
    source = tmp_path / "a.jsonl"
    source.write_text(f'{{"text": "x", "label": {good}}}\n{row}\n', encoding="utf-8")
    with pytest.raises(DataError) as caught:
        list(Classification(problem=problem).read(source))
    assert caught.value.where == f"{source}:2"
    assert message in caught.value.problem
    assert caught.value.fix is not None
    assert fix in caught.value.fix


EMPTY: list[dict[str, str | None]] = [
    {"text": "a", "label": "x"},
    {"text": None, "label": "y"},
    {"text": "b", "label": None},
    {"text": "", "label": "x"},
    {"text": "c", "label": "y"},
]


def write_table(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as the suffix says, null as each kind of file has it."""
    if path.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        lines = [list(rows[0]), *([str(v) if v is not None else "" for v in row.values()] for row in rows)]
        path.write_text("".join(",".join(line) + "\n" for line in lines), encoding="utf-8")
    else:
        write(path, *rows)
    return path


@pytest.mark.parametrize(
    ("name", "problem", "labels"),
    [
        *((name, "single", ("x", "y")) for name in ("a.csv", "a.jsonl", "a.parquet")),
        *((name, "regression", (1.0, 2.5)) for name in ("a.csv", "a.jsonl", "a.parquet")),
        *((name, "multi", (("x",), ("y",))) for name in ("a.jsonl", "a.parquet")),  # an empty field names no label
    ],
)
def test_empty_rows_are_left_out_on_demand_whatever_the_file(
    tmp_path: Path, name: str, problem: Any, labels: tuple[Any, ...]
) -> None:
    named: dict[str | None, Any] = dict(zip(("x", "y", None), (*labels, None), strict=True))
    rows = [row | {"label": named[row["label"]]} for row in EMPTY]
    source = write_table(tmp_path / name, rows)
    task = Classification(problem=problem)
    with pytest.raises(EmptyValue, match=r"task\.on_empty: skip"):
        list(task.read(source))
    skipping = task.model_copy(update={"on_empty": "skip"})
    with pytest.warns(BigBirdWarning, match=r"3 rows, lines or texts left out"):
        assert [example.label for example in skipping.read(source)] == list(labels)


def test_whole_numbers_of_a_table_that_lacks_some_are_labels(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": number} for number in (1.0, math.nan, 0.0)]
    source = write_table(tmp_path / "a.parquet", rows)
    with pytest.warns(BigBirdWarning, match="1 row, line or text left out"):
        assert [example.label for example in Classification(on_empty="skip").read(source)] == ["1", "0"]


def test_a_decimal_comma_is_one_where_semicolons_separate(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("text;label\nx;2,5\ny;-1\n", encoding="utf-8")
    with pytest.warns(BigBirdWarning, match="semicolons"):
        assert [example.label for example in NUMBER.read(source)] == [2.5, -1.0]
    source.write_text('text,label\nx,"2,5"\n', encoding="utf-8")
    with pytest.raises(DataError, match="not a number"):
        list(NUMBER.read(source))


# folders


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name, texts in {
        "pos": ["fine"],
        "neg": ["bad", "worse"],
        "unsup": ["what"],
        ".cache": ["x"],
        "__MACOSX": ["x"],
    }.items():
        (tmp_path / name).mkdir()
        for number, text in enumerate(texts):
            (tmp_path / name / f"{number}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "pos" / ".hidden").write_text("x", encoding="utf-8")
    (tmp_path / "README").write_text("two labels", encoding="utf-8")
    return tmp_path


def test_a_folder_for_each_label_is_read(folders: Path) -> None:
    examples = list(Classification().read(folders))
    assert [(e.id, e.text, e.label) for e in examples] == [
        ("neg/0.txt", "bad", "neg"),
        ("neg/1.txt", "worse", "neg"),
        ("pos/0.txt", "fine", "pos"),
    ]
    assert examples[2].where == str(folders / "pos" / "0.txt")


def test_a_folder_of_rows_and_of_folders_that_may_be_labels_is_refused(folders: Path) -> None:
    source = write(folders / "train.jsonl", {"text": "ada", "label": "yes"})
    with pytest.raises(DataError, match=r"rows, such as train\.jsonl, and folders of texts.*: neg, pos") as caught:
        list(Classification().read(folders))
    assert caught.value.fix == f"name one of them alone, as in {source}"
    assert [example.label for example in Classification().read(source)] == ["yes"]


def test_a_folder_whose_name_cannot_be_written_is_no_label(folders: Path) -> None:
    (folders / "pos").rename(folders / os.fsdecode(b"caf\xe9"))
    with pytest.raises(DataError, match="half a character"):
        list(Classification().read(folders))


def test_folders_give_one_label_only(folders: Path) -> None:
    with pytest.raises(DataError, match="one label a text"):
        list(Classification(problem="multi").read(folders))


def test_an_empty_or_broken_file_of_a_folder_is_named(folders: Path, tokenizer: Tokenizer) -> None:
    task = Classification(labels=("neg", "pos"))
    (folders / "pos" / "0.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match="the text is empty") as caught:
        list(task.training_features(task.read(folders), tokenizer))
    assert caught.value.where == str(folders / "pos" / "0.txt")
    with pytest.warns(BigBirdWarning, match="1 row, line or text left out"):
        assert len(list(task.model_copy(update={"on_empty": "skip"}).read(folders))) == 2
    (folders / "neg" / "1.txt").write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match="UTF-8") as caught:
        list(task.read(folders))
    assert str(folders / "neg" / "1.txt") in str(caught.value.where)


# windows


@pytest.mark.parametrize("n_words", [1, 14, 15, 40])
@pytest.mark.parametrize("n_pair", [0, 1, 5])
def test_windows_hold_every_token_and_the_whole_pair(tokenizer: Tokenizer, n_words: int, n_pair: int) -> None:
    pair = "ada " * n_pair if n_pair else None
    features = list(TASK.encode([of("lamp " * n_words, "red", pair=pair)], tokenizer))
    lamp, ada = (tokenizer.encode(word).ids.tolist() for word in ("lamp", "ada"))
    seen = np.zeros(n_words, dtype=bool)
    for feature in features:
        n = source_of(feature).window.stop - source_of(feature).window.start
        beside = [*(ada * n_pair), tokenizer.sep_id] if n_pair else []
        assert feature.ids.tolist() == [tokenizer.cls_id, *(lamp * n), tokenizer.sep_id, *beside]
        assert feature.types.tolist() == [0] * (n + 2) + [1] * len(beside)
        assert len(feature) <= TASK.window
        assert feature.labels == {}
        seen[source_of(feature).window.start : source_of(feature).window.stop] = True
    assert seen.all()
    assert (len(features) == 1) == (n_words <= TASK.capacity(n_pair))


def test_each_window_learns_the_documents_label(tokenizer: Tokenizer) -> None:
    long = "lamp " * 40

    def labels(task: Classification, label: Label) -> list[Any]:
        features = list(task.training_features([of(long, label)], tokenizer))
        assert len(features) > 2
        return [feature.labels["labels"] for feature in features]

    assert set(labels(TASK, "green")) == {1}
    assert set(labels(NUMBER, 2.5)) == {2.5}
    for row in labels(MULTI, ("red", "blue")):
        assert row.dtype == np.float32
        assert row.tolist() == [1, 0, 1]
    for row in labels(MULTI, ()):
        assert row.tolist() == [0, 0, 0]


def test_a_pair_without_room_for_the_text_is_named(tokenizer: Tokenizer) -> None:
    example = of("lamp " * 20, "red", pair="ada " * 10, id_="9")
    with pytest.raises(DataError, match=r"second text of 10 tokens.*room for 3") as caught:
        TASK.encode([example], tokenizer)
    assert caught.value.where == "here:9"
    assert len(TASK.encode([of("lamp " * 3, "red", pair="ada " * 10)], tokenizer)) == 1  # one window needs no overlap


# combining


def test_the_mean_counts_every_token_once(tokenizer: Tokenizer) -> None:
    example = of("lamp " * 32, "red")
    features = list(TASK.encode([example], tokenizer))
    weights = [len(source_of(feature).owned) / 2 for feature in features]
    assert sum(weights) == 32
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(len(features), 3)).astype(np.float32)
    mean = (np.array(weights) @ logits.astype(np.float64)) / 32
    expected = np.exp(mean) / np.exp(mean).sum()
    prediction = combined(TASK, example, logits.tolist(), tokenizer)
    assert list(prediction.scores.values()) == pytest.approx(expected.tolist())
    assert prediction.labels == (TASK.names[int(mean.argmax())],)
    assert prediction.label == prediction.labels[0]
    assert prediction.score == pytest.approx(expected.max())


@pytest.mark.parametrize(
    ("combine", "logits"), [("mean", [2.0, 1.0, 0.0]), ("max", [4.0, 3.0, 0.0]), ("first", [4.0, -1.0, 0.0])]
)
def test_windows_are_combined_before_the_softmax(tokenizer: Tokenizer, combine: Any, logits: list[float]) -> None:
    task = TASK.model_copy(update={"combine": combine})
    example = of("lamp " * 20, "red")  # two windows that answer for half of it each
    prediction = combined(task, example, [[4.0, -1.0, 0.0], [0.0, 3.0, 0.0]], tokenizer)
    expected = np.exp(logits) / np.exp(logits).sum()
    assert list(prediction.scores.values()) == pytest.approx(expected.tolist())
    assert prediction.combine == combine
    coverage = replace(prediction.coverage, spans=())
    assert coverage == Coverage(n_tokens=20, n_read=20, n_unknown=0, n_windows=2, longest_input=14)


def test_each_window_is_also_scored_as_if_it_were_the_document(tokenizer: Tokenizer) -> None:
    logits_WL = [[4.0, -1.0, 0.0], [0.0, 3.0, 0.0]]
    prediction = combined(TASK, of("lamp " * 20, "red"), logits_WL, tokenizer)
    alone = [combined(TASK, of("lamp", "red"), [logits], tokenizer) for logits in logits_WL]
    assert prediction.window_scores == tuple(tuple(each.scores.values()) for each in alone)
    assert len(prediction.coverage.spans) == 2


def test_several_labels_are_those_above_the_threshold(tokenizer: Tokenizer) -> None:
    example = of("lamp", ())
    prediction = combined(MULTI, example, [[0.0, -0.1, 3.0]], tokenizer)
    assert prediction.labels == ("blue", "red")  # 0.5 is enough
    assert prediction.label == "red"
    assert prediction.scores["red"] == pytest.approx(1 / (1 + np.exp(-3)))
    strict = MULTI.model_copy(update={"threshold": 0.99})
    nothing = combined(strict, example, [[0.0, -0.1, 3.0]], tokenizer)
    assert (nothing.labels, nothing.label) == ((), None)
    assert nothing.score == prediction.score


def test_a_number_is_the_mean_of_its_windows(tokenizer: Tokenizer) -> None:
    prediction = combined(NUMBER, of("lamp " * 20, 1.0), [[1.0], [4.0]], tokenizer)
    assert (prediction.value, prediction.labels) == (2.5, ())
    assert prediction.scores == {"value": 2.5}


def test_logits_far_out_do_not_overflow(tokenizer: Tokenizer) -> None:
    assert combined(TASK, of("lamp", "red"), [[1e4, -1e4, 0]], tokenizer).scores == {"blue": 1, "green": 0, "red": 0}
    assert combined(MULTI, of("lamp", ()), [[1e4, -1e4, 0]], tokenizer).labels == ("blue", "red")


def test_wrong_outputs_are_refused(tokenizer: Tokenizer) -> None:
    example = of("lamp", "red")
    [feature] = TASK.encode([example], tokenizer)
    decoder = TASK.decoder([example], tokenizer)
    with pytest.raises(ModelError, match="not a finite number"):
        decoder.add(feature, {"logits": np.array([0, np.nan, 0])})
    with pytest.raises(ValueError, match=r"logits of shape \(2,\), not \(3,\)"):
        decoder.add(feature, {"logits": np.zeros(2)})
    with pytest.raises(ValueError, match="does not know its document"):
        decoder.add(Feature(feature.ids, feature.types, {}, 0), {"logits": np.zeros(3)})
    with pytest.raises(ValueError, match="no window of document a"):
        decoder.finish()


# scores


def test_scores_of_one_label_are_counted_by_hand() -> None:
    gold = ["blue", "blue", "green", "blue"]
    guess = ["blue", "green", "green", "blue"]
    examples = [of("x", label, id_=str(i)) for i, label in enumerate(gold)]
    predictions = [
        told(e, {label: 0.5}, label, n_tokens=n)
        for e, label, n in zip(examples, guess, (10, 600, 512, 513), strict=True)
    ]
    assert TASK.score(predictions, examples) == {
        "accuracy": 75,
        "f1_macro": pytest.approx(100 * (0.8 + 2 / 3) / 2),
        "mcc": pytest.approx(100 / 3**0.5),  # (2*1 - 0*1) / sqrt(2 * 3 * 1 * 2)
        "majority": 75,
        "total": 4,
        "accuracy_to_512_tokens": 100,
        "total_to_512_tokens": 2,
        "accuracy_to_1024_tokens": 50,
        "total_to_1024_tokens": 2,
    }


def test_scores_of_several_labels_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    gold, probs = rng.random((50, 3)) < 0.4, rng.random((50, 3)).round(2)

    def names(row: np.ndarray) -> tuple[str, ...]:
        return tuple(name for name, given in zip(MULTI.names, row, strict=True) if given)

    examples = [of("x", names(row), id_=str(i)) for i, row in enumerate(gold)]
    predictions = [
        told(e, dict(zip(MULTI.names, row.tolist(), strict=True)), *names(row >= 0.5))
        for e, row in zip(examples, probs, strict=True)
    ]
    scores = MULTI.score(predictions, examples)
    guess = probs >= 0.5
    assert scores["f1_micro"] == pytest.approx(100 * metrics.f1_score(gold, guess, average="micro"))
    assert scores["f1_macro"] == pytest.approx(100 * metrics.f1_score(gold, guess, average="macro"))
    assert scores["exact"] == pytest.approx(100 * metrics.accuracy_score(gold, guess))
    commonest = np.zeros_like(gold)
    commonest[:, gold.sum(axis=0).argmax()] = True
    assert scores["majority"] == pytest.approx(100 * metrics.f1_score(gold, commonest, average="micro"))
    tried = {t: 100 * metrics.f1_score(gold, probs >= t, average="micro") for t in np.unique(probs)}
    assert scores["best_f1_micro"] == pytest.approx(max(tried.values()))
    assert tried[scores["best_threshold"]] == pytest.approx(scores["best_f1_micro"])


@pytest.mark.parametrize("task", [TASK, MULTI, NUMBER], ids=["one", "several", "number"])
def test_without_the_libraries_that_measure_the_names_of_scores_say_what_to_install(
    task: Classification, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels: dict[str, Label] = {"single": "red", "multi": ("red",), "regression": 1.5}
    label = labels[task.problem]
    features = task.encode([of("lamp", label)], tokenizer)
    for library in ("sklearn.metrics", "scipy.stats"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UsageError, match=r"is not installed; pip install 'bigbird-cli\[train\]'"):
        task.score_names([of("lamp", label)], features)


def test_fitting_without_scikit_learn_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(UsageError, match=r"sklearn is not installed; pip install 'bigbird-cli\[train\]'"):
        TASK.fit_head(np.eye(3), [0, 1, 2], range(3))


def test_scores_of_numbers_agree_with_scipy() -> None:
    rng = np.random.default_rng(1)
    gold, guess = rng.normal(size=30), rng.normal(size=30)
    examples = [of("x", float(value), id_=str(i)) for i, value in enumerate(gold)]
    predictions = [told(e, {"value": float(value)}) for e, value in zip(examples, guess, strict=True)]
    scores = NUMBER.score(predictions, examples)
    assert scores == {
        "pearson": pytest.approx(100 * stats.pearsonr(gold, guess).statistic),
        "spearman": pytest.approx(100 * stats.spearmanr(gold, guess).statistic),
        "mse": pytest.approx(metrics.mean_squared_error(gold, guess)),
        "mean_absolute_error": pytest.approx(metrics.mean_absolute_error(gold, guess)),
        "majority": pytest.approx(metrics.mean_squared_error(gold, np.full(30, gold.mean()))),
        "total": 30,
    }


@pytest.mark.parametrize(
    ("task", "label", "scores", "names"),
    [
        (TASK, "red", {"red": 0.9}, ("red",)),
        (MULTI, (), {"blue": 0.1, "green": 0.1, "red": 0.1}, ()),
        (NUMBER, 2.0, {"value": 2.0}, ()),
    ],
)
def test_one_document_is_scored_without_a_warning(
    task: Classification, label: Label, scores: dict[str, float], names: tuple[str, ...]
) -> None:
    one = of("x", label)
    assert all(np.isfinite(value) for value in task.score([told(one, scores, *names)], [one]).values())


@pytest.mark.parametrize("task", [TASK, MULTI, NUMBER])
def test_scores_are_named_beforehand(task: Classification, tokenizer: Tokenizer) -> None:
    labels: dict[str, Label] = {"single": "red", "multi": ("red", "blue"), "regression": 1.5}
    label = labels[task.problem]
    examples = [of("lamp", label, id_="short"), of("lamp " * 600, label, id_="long")]
    features = task.encode(examples, tokenizer)
    decoder = task.decoder(examples, tokenizer)
    rng = np.random.default_rng(0)
    for feature in features:
        decoder.add(feature, {"logits": rng.normal(size=len(task.names))})
    names = task.score_names(examples, features)
    assert names == list(task.score(decoder.finish(), examples))
    assert task.main_metric in names
    assert any(name.endswith("_to_512_tokens") for name in names)


def test_scores_of_other_documents_are_refused() -> None:
    one = of("x", "red")
    with pytest.raises(ValueError, match="same documents"):
        TASK.score([told(one, {"red": 1.0}, "red")], [of("x", "red", id_="b")])
    with pytest.raises(ValueError, match="nothing to score"):
        TASK.score([], [])


def test_stride_is_taken_as_overlap() -> None:
    with pytest.warns(BigBirdWarning, match=r"task\.stride"):
        assert Classification.model_validate({"window": 64, "stride": 8}).overlap == 8
