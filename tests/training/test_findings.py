"""Every fault that is planted in a row is found at its place, clean rows give no alarm, and a mended copy is clean."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.errors import UsageError
from bigbird_cli.recipe.schema import FinetuneRecipe
from bigbird_cli.training.findings import DOUBTS, ERRORS, Finding, look_through
from bigbird_cli.training.repair import repair

TEXTS = [f"The keeper lit lamp {n} and went to bed, for it was late." for n in range(30)]
Rows = list[dict[str, Any]]


def texts() -> Rows:
    return [{"id": f"t{n}", "text": text, "label": "good" if n % 2 else "bad"} for n, text in enumerate(TEXTS)]


def questions() -> Rows:
    return [
        {
            "id": f"q{n}",
            "context": text,
            "question": "Who lit it?",
            "answers": {"text": ["keeper"], "answer_start": [4]},
        }
        for n, text in enumerate(TEXTS)
    ]


def names() -> Rows:
    return [
        {"id": f"n{n}", "text": text, "entities": [{"start": 4, "end": 10, "type": "PER"}]}
        for n, text in enumerate(TEXTS)
    ]


def choices() -> Rows:
    return [
        {"id": f"c{n}", "context": text, "question": "Who?", "choices": ["a", "b"], "label": n % 2}
        for n, text in enumerate(TEXTS)
    ]


CLEAN: dict[str, Callable[[], Rows]] = {"classify": texts, "qa": questions, "ner": names, "multiple_choice": choices}


def with_row(n: int, **values: Any) -> Callable[[Rows], str | None]:
    """Changes some fields of a row."""

    def change(rows: Rows) -> None:
        rows[n].update(values)

    return change


def answer(text: str, start: int | None) -> dict[str, Any]:
    return {"text": [text], "answer_start": [start]}


def entity(start: Any, end: Any, type_: Any = "PER", **more: Any) -> dict[str, Any]:
    return {"start": start, "end": end, "type": type_, **more}


def again(n: int, **values: Any) -> Callable[[Rows], None]:
    """Puts a row that stands before into the place of row 20, with some fields changed."""

    def change(rows: Rows) -> None:
        rows[20] = {**rows[n], **values}

    return change


def without(name: str) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        del rows[20][name]

    return change


FAULTS: dict[str, tuple[str, Callable[[Rows], Any], str]] = {
    "an empty text": ("classify", with_row(20, text=" "), "empty"),
    "a text that is null": ("classify", with_row(20, text=None), "empty"),
    "a text that is a number": ("classify", with_row(20, text=5), "unreadable"),
    "an empty label": ("classify", with_row(20, label=""), "empty"),
    "a label that is a list": ("classify", with_row(20, label=["good"]), "unreadable"),
    "a column that is missing": ("classify", without("label"), "unreadable"),
    "a label in another case": ("classify", with_row(20, label="Good"), "alike"),
    "a label with two blanks": (
        "classify",
        lambda rows: [row.update(label="so so") for row in rows[::3]] and rows[20].update(label="so  so"),
        "alike",
    ),
    "a label of one example": ("classify", with_row(20, label="odd"), "rare"),
    "a row that stands twice": ("classify", again(3), "twice"),
    "a text with two labels": ("classify", again(3, id="other", label="bad"), "contradiction"),
    "UTF-8 read as Latin-1": ("classify", with_row(20, text="The cafÃ© was closed."), "garbled"),
    "bytes that were replaced": ("classify", with_row(20, text="The caf\ufffd was closed."), "garbled"),
    "a control character": ("classify", with_row(20, text="The cafe\x08 was closed."), "control"),
    "half a character": ("classify", with_row(20, text="The cafe\ud83d"), "unreadable"),
    "an offset that is wrong": ("qa", with_row(20, answers=answer("keeper", 5)), "answer"),
    "an answer that stands nowhere": ("qa", with_row(20, answers=answer("sailor", 4)), "answer"),
    "an answer without an offset that stands twice": ("qa", with_row(20, answers=answer("t", None)), "answer"),
    "an answer of nothing": ("qa", with_row(20, answers=answer(" ", 3)), "answer"),
    "an offset that is a text": ("qa", with_row(20, answers={"text": ["keeper"], "answer_start": ["4"]}), "unreadable"),
    "answers and offsets of two lengths": (
        "qa",
        with_row(20, answers={"text": ["keeper"], "answer_start": []}),
        "unreadable",
    ),
    "no answers though they are possible": (
        "qa",
        with_row(20, answers=answer("keeper", 4) | {"text": [], "answer_start": []}, is_impossible=False),
        "unreadable",
    ),
    "answers though they are impossible": ("qa", with_row(20, is_impossible=True), "unreadable"),
    "an answer with blanks": ("qa", with_row(20, answers=answer("keeper ", 4)), "edges"),
    "an answer that cuts a word": ("qa", with_row(20, answers=answer("keepe", 4)), "cut"),
    "an answer longer than any": ("qa", with_row(20, answers=answer(TEXTS[20], 0)), "long"),
    "an id that stands twice": ("qa", with_row(20, id="q3"), "id"),
    "an empty question": ("qa", with_row(20, question=""), "empty"),
    "an entity behind the text's end": ("ner", with_row(20, entities=[entity(4, 999)]), "unreadable"),
    "an entity that ends before it begins": ("ner", with_row(20, entities=[entity(10, 4)]), "unreadable"),
    "an entity that quotes another text": ("ner", with_row(20, entities=[entity(4, 10, text="sailor")]), "unreadable"),
    "an entity without a type": ("ner", with_row(20, entities=[entity(4, 10, "")]), "unreadable"),
    "an entity inside a word": ("ner", with_row(20, entities=[entity(4, 9)]), "cut"),
    "an entity with a blank": ("ner", with_row(20, entities=[entity(4, 11)]), "tolerated"),
    "an entity inside another": ("ner", with_row(20, entities=[entity(0, 10), entity(4, 10)]), "tolerated"),
    "a type in another case": ("ner", with_row(20, entities=[entity(4, 10, "Per")]), "alike"),
    "words and tags of two lengths": (
        "ner",
        lambda rows: rows.__setitem__(20, {"tokens": ["Ada"], "tags": ["O", "O"]}),
        "unreadable",
    ),
    "a tag with its mark behind": (
        "ner",
        lambda rows: rows.__setitem__(20, {"tokens": ["Ada"], "tags": ["PER-B"]}),
        "unreadable",
    ),
    "a choice that is not there": ("multiple_choice", with_row(20, label=7), "unreadable"),
    "a choice that is empty": ("multiple_choice", with_row(20, choices=["a", ""]), "empty"),
}


def write(path: Path, rows: Rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def recipe(type_: str, train: Path, dev: Path | None = None, **task: Any) -> FinetuneRecipe:
    named = {"train": str(train)} | ({"dev": str(dev)} if dev else {})
    values = {
        "model": {"start": "qa-mini"},
        "task": {"type": type_, "window": 64, "overlap": 8, **task},
        "data": named,
        "optim": {"lr": 1e-3},
    }
    if type_ == "qa":
        values["task"]["max_answer_tokens"] = 8
    return FinetuneRecipe.model_validate(values)


def found_in(settings: FinetuneRecipe) -> list[Finding]:
    found: list[Finding] = []
    look_through(settings, found.append)
    return found


@pytest.mark.parametrize("type_", CLEAN)
def test_clean_rows_give_no_alarm(type_: str, tmp_path: Path) -> None:
    assert found_in(recipe(type_, write(tmp_path / "t.jsonl", CLEAN[type_]()))) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_at_its_line(fault: str, tmp_path: Path) -> None:
    type_, plant, kind = FAULTS[fault]
    rows = CLEAN[type_]()
    plant(rows)
    found = found_in(recipe(type_, write(tmp_path / "t.jsonl", rows)))
    here = [finding for finding in found if f"{tmp_path / 't.jsonl'}:21" in finding.where]
    assert kind in {finding.kind for finding in here}, found
    assert {finding.kind for finding in found} <= {kind, "contradiction", "rare"}
    assert all(finding.is_error == (finding.kind in ERRORS) for finding in found)


@pytest.mark.parametrize(
    ("line", "says"), [('{"text": "half', "not JSON"), ("[1]", "not a JSON object"), ('{"text": "a", "text": "b"}', "")]
)
def test_a_broken_line_is_found_and_the_others_are_read(line: str, says: str, tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", texts())
    lines = path.read_text().splitlines()
    lines[20] = line
    path.write_text("\n".join(lines))
    found = found_in(recipe("classify", path))
    assert f"{path}:21" in found[0].where
    assert says in found[0].problem
    assert found[0].is_error


def test_a_torn_csv_row_and_a_wrong_byte_are_found(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"text,label\nit was good,good\nit was bad\ncaf\xe9 was bad,bad\n" + b"it was so bad,bad\n")
    assert [(finding.where, finding.kind) for finding in found_in(recipe("classify", path))] == [
        (f"{path}:3", "unreadable"),
        (f"{path}:4", "unreadable"),
    ]


def test_a_torn_line_of_words_is_found_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.conll"
    path.write_text("Ada B-PER\nleft O\n\nOslo\nBel B-PER\n")
    (found,) = found_in(recipe("ner", path))
    assert (found.where, found.kind) == (f"{path}:4", "unreadable")


def test_tags_that_break_their_scheme_are_told(tmp_path: Path) -> None:
    path = tmp_path / "t.conll"
    path.write_text("Ada B-PER\nleft O\nOslo I-LOC\nBel B-PER\nCy B-PER\n")
    (found,) = found_in(recipe("ner", path))
    assert (found.kind, found.problem) == ("tolerated", "1 tag against IOB2")


def test_one_class_only_is_an_error(tmp_path: Path) -> None:
    rows = [{**row, "label": "good"} for row in texts()]
    (found,) = found_in(recipe("classify", write(tmp_path / "t.jsonl", rows)))
    assert (found.kind, found.is_error, found.problem) == ("labels", True, "the training data has one label, 'good'")


def test_what_dev_shares_with_training_or_has_alone_is_told(tmp_path: Path) -> None:
    dev: Rows = [{"text": TEXTS[3], "label": "good"}, {"text": "Something else.", "label": "goood"}]
    settings = recipe("classify", write(tmp_path / "t.jsonl", texts()), write(tmp_path / "d.jsonl", dev))
    found = {finding.kind: finding for finding in found_in(settings)}
    assert found["overlap"].where == f"{tmp_path / 'd.jsonl'}:1"
    assert (found["unknown"].where, found["unknown"].fix) == (f"{tmp_path / 'd.jsonl'}:2", "did you mean 'good'?")
    assert found["missing"].problem == "no example has the label 'bad'"
    assert found["unknown"].is_error
    assert not found["overlap"].is_error


def test_what_the_recipe_leaves_out_is_a_doubt(tmp_path: Path) -> None:
    rows = questions()
    rows[20]["answers"] = answer("keeper", 5)
    rows[21]["question"] = ""
    path = write(tmp_path / "t.jsonl", rows)
    assert [finding.is_error for finding in found_in(recipe("qa", path))] == [True, True]
    skipping = recipe("qa", path, on_bad_answer="skip", on_empty="skip")
    assert [finding.is_error for finding in found_in(skipping)] == [False, False]


def test_every_kind_is_an_error_or_a_doubt() -> None:
    assert not ERRORS.keys() & DOUBTS.keys()
    assert {kind for _, _, kind in FAULTS.values()} <= ERRORS.keys() | DOUBTS.keys()


# repairs


def mended(settings: FinetuneRecipe, folder: Path) -> tuple[FinetuneRecipe, dict[str, int]]:
    """A recipe of the mended copy, and what was done."""
    found: list[Finding] = []
    parts = look_through(settings, found.append)
    files, done = repair(settings, parts, folder)
    changes = {path.stem: (str(path),) if path.stem == "train" else str(path) for path in files}
    return settings.model_copy(update={"data": settings.data.model_copy(update=changes)}), dict(+done)


def test_a_mended_copy_is_clean_and_has_all_that_was_good(tmp_path: Path) -> None:
    rows = questions()
    rows[3]["answers"] = answer("keeper ", 5)
    rows[4]["answers"] = answer("sailor", 5)
    rows[5]["id"] = "q1"
    rows[6] = {**rows[7], "id": "other"}
    copy, done = mended(recipe("qa", write(tmp_path / "t.jsonl", rows)), tmp_path / "mended")
    assert done == {"answer": 1, "left out": 1, "id": 1, "twice": 1}
    assert found_in(copy) == []
    examples: list[Any] = list(copy.task.read(copy.data.train[0]))
    assert len(examples) == len(rows) - 2
    assert examples[3].answers == (("keeper", 4),)


def test_labels_are_written_as_most_are_and_dev_is_kept_apart(tmp_path: Path) -> None:
    rows = texts()
    rows[1]["label"] = "Good"
    dev: Rows = [{"text": TEXTS[2], "label": "bad"}, {"text": "Something else.", "label": "good"}]
    settings = recipe("classify", write(tmp_path / "t.jsonl", rows), write(tmp_path / "d.jsonl", dev))
    copy, done = mended(settings, tmp_path / "mended")
    assert done == {"alike": 1, "overlap": 1}
    assert found_in(copy) == []


@pytest.mark.parametrize("type_", CLEAN)
def test_a_copy_of_clean_data_reads_as_the_data(type_: str, tmp_path: Path) -> None:
    settings = recipe(type_, write(tmp_path / "t.jsonl", CLEAN[type_]()))
    copy, done = mended(settings, tmp_path / "mended")
    assert done == {}

    def read(of: FinetuneRecipe) -> list[dict[str, Any]]:
        return [{k: v for k, v in vars(example).items() if k != "where"} for example in of.task.read(of.data.train[0])]

    assert read(copy) == read(settings)
    with pytest.raises(UsageError, match="this file is there already"):
        mended(settings, tmp_path / "mended")
