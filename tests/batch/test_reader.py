"""A Reader makes a table of a table: the calls' records, whatever stands in a row, and in whichever process."""

import gzip
import json
import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bigbird_cli.api import answer_all, classify_all, ner_all, questions_on
from bigbird_cli.batch import SCHEMA, Reader
from bigbird_cli.batch.tasks import CALLS, Results
from bigbird_cli.data.rows import Row
from bigbird_cli.errors import BigBirdError, ModelError, UsageError
from tests.conftest import process_environment

TEXT = "Ada kept the lamp by the sea. Bel lit it in 1820 in the north tower."
LONG = "the keeper of the north tower lit the lamp by the sea, and when a storm was on it a ship " * 40


def column(read: pa.Table, name: str) -> list[Any]:
    return [None if value is None else json.loads(value) for value in read[name].to_pylist()]


def test_a_row_gives_what_the_call_makes_of_it(tiny_ner_model: Path) -> None:
    rows = [{"id": "a", "text": TEXT, "year": 1820}, {"id": 7, "text": LONG, "year": 1887}]
    read = Reader("ner", tiny_ner_model, min_score=0.1)(pa.table({"text": [TEXT], "id": ["a"], "year": [1820]}))
    also = Reader("ner", tiny_ner_model, min_score=0.1)(pa.table({"text": [LONG], "id": [7], "year": [1887]}))
    wanted: list[Any] = [
        result.to_dict()
        for result in ner_all([Row(row, str(row["id"])) for row in rows], model=tiny_ner_model, min_score=0.1)
    ]
    assert [*column(read, "record"), *column(also, "record")] == wanted
    assert wanted[0]["fields"] == {"year": 1820}
    assert column(also, "receipt") == [wanted[1]["receipt"]]
    assert read.schema == also.schema == SCHEMA
    assert [read["id"].to_pylist(), also["id"].to_pylist()] == [["a"], ["7"]]
    assert read["error"].null_count == 1


def test_every_question_of_a_row_gives_a_row(tiny_qa_model: Path) -> None:
    given = pa.table({"id": ["a", "b"], "body": [TEXT, LONG]})
    read = Reader("qa", tiny_qa_model, question=["who?", "when?"], column="body")(given)
    rows = [Row(fields, fields["id"]) for fields in given.to_pylist()]
    wanted = answer_all(questions_on(rows, ["who?", "when?"], column="body"), model=tiny_qa_model)
    assert column(read, "record") == [result.to_dict() for result in wanted]
    assert read["id"].to_pylist() == ["a", "a", "b", "b"]


def test_a_rows_own_question_goes_first(tiny_qa_model: Path) -> None:
    given = pa.table({"text": [TEXT, TEXT], "question": ["where?", None]})
    own, without = column(Reader("qa", tiny_qa_model, question=["who?", "when?"])(given), "record")
    assert own["question"] == "where?"
    assert without["error"]["problem"] == "'question' is null, not a string"


def test_labels_are_given_as_to_the_call(tiny_label_model: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("lamp: a light\nship\n", encoding="utf-8")
    read_labels = Reader("classify", tiny_label_model, labels=labels)
    [wanted] = classify_all([Row({"text": TEXT}, "row 0")], model=tiny_label_model, labels=labels)
    labels.unlink()  # a worker has none
    assert column(pickle.loads(pickle.dumps(read_labels))(pa.table({"text": [TEXT]})), "record") == [wanted.to_dict()]


def test_a_query_selects_sentences(tiny_label_model: Path) -> None:
    [record] = column(Reader("select", tiny_label_model, query="who?", top_k=1)(pa.table({"text": [TEXT]})), "record")
    assert (record["query"], len(record["sentences"])) == ("who?", 1)


@pytest.mark.parametrize("task", ["qa", "ner"])
def test_files_are_read_where_their_paths_are(
    tiny_qa_model: Path, tiny_ner_model: Path, tmp_path: Path, task: Any
) -> None:
    document = tmp_path / "a.txt"
    document.write_bytes(TEXT.encode())
    latin, packed = tmp_path / "c.txt", tmp_path / "d.txt.gz"
    latin.write_bytes("The caf\xe9 by the sea.".encode("cp1252"))
    packed.write_bytes(gzip.compress(TEXT.encode()))
    paths = [str(document), str(tmp_path / "b.txt"), str(tmp_path), "-", None, str(latin), str(packed)]
    options: dict[str, Any] = {"question": "who?"} if task == "qa" else {}
    given = pa.table({"path": paths, "id": list(range(7)), "text": ["not this"] * 7})
    model = {"qa": tiny_qa_model, "ner": tiny_ner_model}[task]
    read = Reader(task, model, path_column="path", **options)(given)
    [first, *_] = column(read, "record")
    assert first["context" if task == "qa" else "source"] == str(document)
    assert first["receipt"]["read"] > 10
    assert read["id"].to_pylist() == list("0123456")
    assert [error and error["where"] for error in column(read, "error")] == [
        None,
        str(tmp_path / "b.txt"),
        str(tmp_path),
        "-",
        "4",
        str(latin),
        None,
    ]
    in_its_encoding = Reader(task, model, path_column="path", encoding="cp1252", **options)(given)
    assert column(in_its_encoding, "error")[5] is None


VALUES: list[list[Any]] = [
    [None, "", " \n", "\x00\x1b[2J", "\ufeff", "\U0001f525", "a" * 20_000],
    [None, 1, -1],
    [None, 0.5, math.nan],
    [None, b"\xff\x00"],
    [None, [1, None]],
    [None, {"a": date(1820, 1, 1)}],
    [date(1820, 1, 1)],
    [None, None],
    [],
]


@pytest.mark.parametrize("task", ["qa", "ner"])
def test_no_row_raises(tiny_qa_model: Path, tiny_ner_model: Path, task: Any) -> None:
    options: dict[str, Any] = {"question": "who?"} if task == "qa" else {}
    read = Reader(task, {"qa": tiny_qa_model, "ner": tiny_ner_model}[task], **options)
    for values, name in product(VALUES, ("text", "id", "question", "pair", "other")):
        done = read(pa.table({"text": [TEXT] * len(values)} | {name: values}))
        assert done.num_rows == len(values), (values, name)
        failed = ["error" in record for record in column(done, "record")]
        assert [error is not None for error in column(done, "error")] == failed, (values, name)


def test_the_rows_beside_a_broken_one_are_read(tiny_ner_model: Path) -> None:
    read = Reader("ner", tiny_ner_model)(pa.table({"text": [TEXT, None, LONG]}))
    assert [error and error["where"] for error in column(read, "error")] == [None, "row 1", None]
    assert [receipt and receipt["truncated"] for receipt in column(read, "receipt")] == [False, None, False]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda model: Reader("qas", model), "there is no 'qas'; did you mean qa?"),  # type: ignore[call-overload]
        (lambda model: Reader("ner", model, types=["LOCK"]), "did you mean 'LOC'?"),
        (lambda model: Reader("ner", model, on_long="cut"), "there is no 'cut'"),  # type: ignore[call-overload]
        (lambda model: Reader("ner", model / "none"), "there is no such model folder"),
        (lambda model: Reader("qa", model, question="who?"), "not for question answering"),
        (lambda _: Reader("select", query=""), "query: the query .. has 0 tokens"),
    ],
)
def test_what_is_wrong_with_all_rows_is_said_when_a_reader_is_made(
    tiny_ner_model: Path, make: Callable[[Path], Reader], problem: str
) -> None:
    with pytest.raises(BigBirdError, match=problem):
        make(tiny_ner_model)


def test_an_option_that_there_is_not_is_refused(tiny_ner_model: Path) -> None:
    with pytest.raises(TypeError, match="there is no option 'question'"):
        Reader("ner", tiny_ner_model, question="who?")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"column": "txt"}, "column: the table has no column 'txt'; it has 'text', 'id'; did you mean column='text'?"),
        ({"path_column": "path"}, "path_column: the table has no column 'path'"),
        ({}, 'no question is asked; ask something, such as question="Who signed\\?", or give the table'),
    ],
)
def test_a_table_without_what_is_asked_for_is_refused(
    tiny_qa_model: Path, options: dict[str, Any], problem: str
) -> None:
    read = Reader("qa", tiny_qa_model, **options)
    with pytest.raises(UsageError, match=problem):
        read(pa.table({"text": [TEXT], "id": ["a"]}))


def test_weights_that_are_damaged_raise_once_and_are_no_rows_error(tiny_ner_model: Path, tmp_path: Path) -> None:
    for file in tiny_ner_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    read = Reader("ner", tmp_path)
    given = pa.table({"text": [TEXT]})
    whole = read(given)
    weights = tmp_path / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-100])
    broken = Reader("ner", tmp_path)
    for _ in range(2):
        with pytest.raises(ModelError):
            broken(given)
    assert read(given) == whole  # its model is open
    weights.write_bytes(content)
    assert broken(given) == whole


def test_a_reader_travels_with_its_settings_alone(tiny_ner_model: Path) -> None:
    read, given = Reader("ner", tiny_ner_model, min_score=0.2), pa.table({"text": [TEXT, LONG]})
    before = pickle.dumps(read)
    wanted = read(given)
    after = pickle.dumps(read)
    assert before == after
    assert len(after) < 1_000
    assert pickle.loads(after)(given) == wanted


def test_a_model_is_opened_once_for_all_tables(tiny_ner_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    ner = CALLS["ner"]

    def counted(inputs: Any, options: dict[str, Any]) -> Results:
        opened.append(options)
        return ner(inputs, options)

    monkeypatch.setitem(CALLS, "ner", counted)
    read = Reader("ner", tiny_ner_model, read_ahead=True)
    opened.clear()
    tables = [read(pa.table({"text": [text] * n})) for text, n in ((TEXT, 3), (LONG, 1), (TEXT, 0), (TEXT, 9))]
    assert [table.num_rows for table in tables] == [3, 1, 0, 9]
    assert len(opened) == 1


def test_threads_may_share_a_reader(tiny_ner_model: Path) -> None:
    read = Reader("ner", tiny_ner_model)
    tables = [pa.table({"text": [TEXT[n:], LONG[n:], None]}) for n in range(12)]
    wanted = [read(table) for table in tables]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(Reader("ner", tiny_ner_model), tables)) == wanted


def test_a_reader_is_made_without_a_framework(tiny_ner_model: Path) -> None:
    code = f"""
import pickle, sys
from bigbird_cli.batch import Reader
pickle.loads(pickle.dumps(Reader("ner", {str(tiny_ner_model)!r})))
print("torch" in sys.modules)"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=process_environment(), check=True
    )
    assert done.stdout == "False\n"
