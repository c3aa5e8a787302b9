"""Options are checked and a model is opened, once, for the task that it was trained for."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import bigbird_cli as bb
from bigbird_cli.api import answer, ner
from bigbird_cli.api.reading import reader
from bigbird_cli.errors import ModelError, UsageError
from bigbird_cli.weights.store import ModelFolder, open_folder
from tests.api.helpers import LONG, SHORT, answers, one


def test_a_model_is_opened_once_until_its_folder_changes(
    tiny_qa_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_qa_model, folder)
    opened: list[object] = []

    def noting(*args: Any, **options: Any) -> ModelFolder:
        opened.append(args)
        return open_folder(*args, **options)

    monkeypatch.setattr(reader, "open_folder", noting)
    for _ in range(3):
        one(SHORT, "who?", model=folder)
    assert len(opened) == 1
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    (folder / "task.json").write_text(json.dumps(task | {"no_answer_threshold": 0.0}), encoding="utf-8")
    assert one(SHORT, "who?", model=folder)["answer"] is None
    assert len(opened) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_k": 0}, "top_k: 0 is too few"),
        ({"batch_size": 0}, "batch_size: 0 is too few"),
        ({"on_long": "trunctate"}, "on_long: there is no 'trunctate'; did you mean truncate?"),
        ({"backend": "pytoch"}, "backend: no backend is called 'pytoch'; did you mean pytorch?"),
        ({"newline": "tab"}, "newline: there is no 'tab'; use one of space, keep"),
        ({"window": 512}, "window: a window of 512 tokens is longer than the model's 256 positions"),
        ({"overlap": 300}, "overlap: 300 leaves no room"),
        ({"max_answer_tokens": 0}, "max_answer_tokens: it is 0; it must be 1 or more"),
        ({"no_answer_threshold": 2.0}, "no_answer_threshold: it is 2.0; it must be 1"),
    ],
)
def test_impossible_options_are_named(tiny_qa_model: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        answers([], model=tiny_qa_model, **options)
    assert message in str(caught.value)


def test_an_unknown_option_is_an_error_of_the_caller(tiny_qa_model: Path) -> None:
    with pytest.raises(TypeError, match="there is no option 'stride'"):
        answer(SHORT, "who?", model=tiny_qa_model, stride=3)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 100_000}, "threads: 100000 threads cannot compute; give a number between 1 and"),
        ({"device": "gpu"}, "device: no device is called 'gpu'"),
    ],
)
def test_a_machine_that_is_not_there_is_named_by_its_argument(
    tiny_qa_model: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        answer(SHORT, "who?", model=tiny_qa_model, **options)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"type": "ner"}, "the model was trained for the task 'ner', not for question answering"),
        ({"type": "qa", "window": 0}, "window is 0; it must be 8 or more"),
        ({"type": "qa", "widow": 64}, "there is no setting widow"),
    ],
)
def test_a_model_of_another_task_is_refused(
    tiny_qa_model: Path, tmp_path: Path, task: dict[str, Any], message: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_qa_model, folder)
    (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        answer(SHORT, "who?", model=folder)
    assert message in str(caught.value)
    assert caught.value.where == str(folder / "task.json")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "it names no labels"),
        ([], "labels is []; it must be a list of 2 or more"),
        ("red", "labels is 'red'; it must be a list"),
        ([1, 2, 3], "labels.0 is 1; it must be text"),
        (["red", "red", "blue"], "labels: 'red' is named 2 times"),
        (["red", " ", "blue"], "labels: a name is empty"),
        (["red", "blue"], "it has names for 2 outputs of the model, which has 3"),
        (["\ud800", "red", "blue"], "half of a surrogate pair"),
    ],
)
def test_labels_that_are_not_the_models_are_refused(
    tiny_classify_model: Path, tmp_path: Path, labels: Any, message: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_classify_model, folder)
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    (folder / "task.json").write_text(json.dumps(task | {"labels": labels}), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        bb.classify(SHORT, model=folder)
    assert message in str(caught.value)
    assert caught.value.where == str(folder / "task.json")


@pytest.mark.parametrize(
    ("id2label", "message"),
    [
        ({}, "id2label has the classes []"),
        ({"0": "red", "5": "blue", "9": "green"}, "id2label has the classes [0, 5, 9], which are not numbered"),
        ({"0": "red", "1": "red", "2": "green"}, "id2label names 2 classes 'red'"),
        ({"0": "red", "1": "", "2": "green"}, "id2label has a name that is empty"),
        ({"0": "red", "1": None, "2": "green"}, "do not map class numbers to names"),
    ],
)
@pytest.mark.parametrize("read", [bb.classify, ner])
def test_classes_without_names_of_their_own_are_refused(
    tiny_classify_model: Path, tmp_path: Path, read: Any, id2label: dict[str, Any], message: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_classify_model, folder, ignore=shutil.ignore_patterns("task.json"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"id2label": id2label, "label2id": None}), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        read(SHORT, model=folder)
    assert message in str(caught.value)
    assert caught.value.where == str(folder / "config.json")


@pytest.mark.parametrize("call", ["qa", "ner", "classify", "tokenize", "convert"])
def test_a_tokenizer_that_the_model_has_too_few_embeddings_for_is_refused(
    request: pytest.FixtureRequest, tmp_path: Path, call: str
) -> None:
    kind = {"ner": "tiny_ner_model", "classify": "tiny_classify_model"}.get(call, "tiny_qa_model")
    folder = tmp_path / "model"
    shutil.copytree(request.getfixturevalue(kind), folder)
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    content["model"]["vocab"]["ada"] = 160
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    calls = {
        "qa": lambda: answer(SHORT, "who?", model=folder),
        "ner": lambda: ner(SHORT, model=folder),
        "classify": lambda: bb.classify(SHORT, model=folder),
        "tokenize": lambda: bb.tokenize(SHORT, model=folder),
        "convert": lambda: bb.convert(folder, tmp_path / "out"),
    }
    with pytest.raises(ModelError, match="the tokenizer has ids up to 160, but the model only 160 word embeddings"):
        calls[call]()
    assert not (tmp_path / "out").exists()


def test_a_model_with_a_word_list_only_is_read_as_with_its_tokenizer_json(tiny_qa_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_qa_model, folder)
    ids = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text(
        "".join(f"{word}\n" for word in sorted(ids, key=ids.__getitem__)), encoding="utf-8"
    )
    want = one(SHORT, "who?", model=tiny_qa_model)
    assert one(SHORT, "who?", model=folder) | {"receipt": None} == want | {"receipt": None}
    report = bb.convert(folder, tmp_path / "out")
    assert not any("tokenizer" in note for note in report.notes)
    assert one(SHORT, "who?", model=tmp_path / "out")["answer"] == want["answer"]


def test_a_link_to_nowhere_in_a_model_folder_is_passed_over(tiny_qa_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_qa_model, folder)
    (folder / ".#recipe.yaml").symlink_to("user@host.1234")
    (folder / "round.txt").symlink_to("round.txt")
    assert one(SHORT, "who?", model=folder)["receipt"]["windows"] == 1
    assert bb.tokenize(SHORT, model=folder)


def test_a_model_without_settings_is_read_within_its_positions(tiny_qa_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_qa_model, folder)
    (folder / "task.json").unlink()
    receipt = one(LONG, "who?", model=folder)["receipt"]
    assert receipt["tokens"] == receipt["read"]
    assert receipt["windows"] > 5
