"""Question files are read in every usual form, and what is wrong in them is named with its place."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.errors import BigBirdWarning, DataError
from bigbird_cli.tasks.qa.squad import Columns, GoldAnswer, QAExample, read_examples
from bigbird_cli.tasks.qa.task import QuestionAnswering
from bigbird_cli.training.repair import row_of

CONTEXT = "The lamp was lit in 1820.\r\nIt burned \U0001f525 until 1887; in 1820 oil was cheap."


def qa(id_: str = "q1", **fields: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "question": "When was the lamp lit?",
        "answers": [{"text": "1820", "answer_start": 20}],
        **fields,
    }


def squad(*qas: dict[str, Any], context: str = CONTEXT) -> dict[str, Any]:
    return {"version": "v2.0", "data": [{"title": "T", "paragraphs": [{"context": context, "qas": list(qas)}]}]}


def read(tmp_path: Path, value: Any, **options: Any) -> list[QAExample]:
    path = tmp_path / "set.json"
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return read_examples(path, **options)[0]


def refusal(tmp_path: Path, value: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        read(tmp_path, value)
    assert caught.value.exit_code == 3
    assert str(tmp_path / "set.json") in str(caught.value.where)
    return caught.value


def test_several_answers_and_impossible_questions_are_read(tmp_path: Path) -> None:
    several = qa(answers=[{"text": "1820", "answer_start": 20}, {"text": "in 1820", "answer_start": 17}])
    impossible = qa("q2", answers=[], is_impossible=True, plausible_answers=[{"text": "1887", "answer_start": 99}])
    first, second = read(tmp_path, squad(several, impossible))
    assert first.answers == (GoldAnswer("1820", 20), GoldAnswer("in 1820", 17))
    assert (first.id, first.question, first.context, first.has_answer) == ("q1", several["question"], CONTEXT, True)
    assert second.answers == ()
    assert not second.has_answer


@pytest.mark.parametrize(
    "answers",
    [
        [{"text": "1887", "answer_start": 45}],
        {"text": ["1887"], "answer_start": [45]},
        {"text": "1887", "answer_start": 45},
        {"text": ["1887"]},
        ["1887"],
        "1887",
    ],
)
@pytest.mark.parametrize("form", ["list", "jsonl", "data", "one object"])
def test_flat_rows_are_read_in_every_usual_form(tmp_path: Path, answers: Any, form: str) -> None:
    row = {"context": CONTEXT, "question": "Until when?", "answers": answers, "id": 7}
    empty = {"context": CONTEXT, "question": "Why?", "answers": {"text": [], "answer_start": []}}
    value: Any = {
        "list": [row, empty],
        "data": {"data": [row, empty]},
        "jsonl": "\n".join(json.dumps(r) for r in (row, empty)).encode(),
        "one object": row,
    }[form]
    examples = read(tmp_path, value)
    assert examples[0].answers == (GoldAnswer("1887", 45),)
    assert examples[0].id == "7"
    assert CONTEXT[45:49] == "1887"
    assert [example.has_answer for example in examples[1:]] == [False] * (form != "one object")


@pytest.fixture
def squad_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two rows as the hub keeps SQuAD v2."""
    import pyarrow
    import pyarrow.parquet

    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    answers = [{"text": ["1820"], "answer_start": [20]}, {"text": [], "answer_start": []}]
    columns = {
        "id": ["a", "b"],
        "title": ["T", "T"],
        "context": [CONTEXT, CONTEXT],
        "question": ["When was it lit?", "Who lit it?"],
        "answers": answers,
    }
    path = tmp_path / "squad.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def test_parquet_rows_are_read_as_the_hub_keeps_them(squad_parquet: Path) -> None:
    examples, _ = read_examples(squad_parquet)
    assert [(e.id, e.context, e.answers) for e in examples] == [
        ("a", CONTEXT, (GoldAnswer("1820", 20),)),
        ("b", CONTEXT, ()),
    ]


def test_a_broken_parquet_file_is_an_error_that_names_it(squad_parquet: Path) -> None:
    squad_parquet.write_bytes(squad_parquet.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"squad\.parquet: this Parquet file cannot be read"):
        read_examples(squad_parquet)


def test_every_character_of_a_context_is_kept(tmp_path: Path) -> None:
    context = "\ufeffa\r\nb\u2028\0 e\u0301 \U0001f468\u200d\U0001f469 1820"
    value = squad(qa(answers=[{"text": "1820", "answer_start": context.index("1820")}]), context=context)
    as_text = b"\xef\xbb\xbf" + json.dumps(value, ensure_ascii=False).encode()  # a byte order mark before the JSON
    for data in (as_text, json.dumps(value).encode()):
        [example] = read(tmp_path, data)
        assert example.context == context


def test_a_wrong_offset_is_named_with_the_nearest_right_place(tmp_path: Path) -> None:
    error = refusal(tmp_path, squad(qa(answers=[{"text": "1820", "answer_start": 21}])))
    assert error.problem == "the answer '1820' is not at character 21 of its context; '820.' stands there"
    assert error.where == f"{tmp_path / 'set.json'}, question q1"
    assert error.fix == (
        "correct answer_start: the nearest place where it stands is 20, or set task.on_bad_answer: skip to leave such"
        " questions out"
    )


@pytest.mark.parametrize(("start", "place"), [(-1, "20"), (40, "54"), (36, "20"), (10_000, "54"), (56, "54")])
def test_the_nearest_place_is_looked_for_on_both_sides(tmp_path: Path, start: int, place: str) -> None:
    assert CONTEXT[54:58] == "1820"
    error = refusal(tmp_path, squad(qa(answers=[{"text": "1820", "answer_start": start}])))
    assert f"stands is {place}," in str(error.fix)


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ([{"text": "1830", "answer_start": 20}], "not at character 20"),
        ([{"text": " ", "answer_start": 3}], "an answer has no text"),
        (["1820"], "stands 2 times"),
        (["1830"], "stands nowhere"),
    ],
)
def test_bad_answers_are_counted_and_may_be_left_out(tmp_path: Path, answers: Any, problem: str) -> None:
    value = squad(qa("bad", answers=answers), qa("good"), qa("worse", answers=answers))
    error = refusal(tmp_path, value)
    assert problem in error.problem
    assert "1 more questions" in error.problem
    assert [example.id for example in read(tmp_path, value, on_bad_answer="skip")] == ["good"]
    with pytest.warns(BigBirdWarning, match=r"set\.json: 2 questions"):
        list(QuestionAnswering(on_bad_answer="skip").read(tmp_path / "set.json"))


@pytest.mark.parametrize(
    ("value", "problem", "where"),
    [
        (b"", "the file is empty", ""),
        (b'{"data": [', "this is not JSON: Expecting value", ":1:11"),
        (b'{"a": 1}\n{"b"', "", ":1"),
        (b'[{"id": ' + b"9" * 5000 + b"}]", "(5,000 characters) is too large", ""),
        (b'{"id": NaN}', "NaN is no number that JSON has", ""),
        (b'{"data": \xff}', "the byte 0xff at offset 9", ""),
        ({"version": "1"}, 'an object without "data"', ""),
        ("text", 'a string without "data"', ""),
        ({"data": []}, "the file holds no questions", ""),
        ({"data": ["x"]}, "this is a string, not an object", ", data[0]"),
        ({"data": [{"paragraphs": {}}]}, '"paragraphs" is an object, not a list', ", data[0]"),
        ({"data": [{"paragraphs": [{"qas": []}]}]}, 'there is no "context"', ", data[0].paragraphs[0]"),
        ({"data": [{"paragraphs": [{"context": "x", "qas": [3]}]}]}, "this is a number", ".qas[0]"),
        (squad(qa(question=5)), '"question" is a number, not a string', ", question q1"),
        (squad(qa(question=" ")), "the question is empty", ", question q1"),
        (squad(qa(), context=" "), "the context is empty", ", question q1"),
        (squad(qa(id=[1])), '"id" is a list', ".qas[0]"),
        (squad({"id": "q", "question": "?"}), 'there is no "answers"', ", question q"),
        (squad(qa(answers=[{"answer_start": 1}])), 'an answer has no "text"', ", question q1"),
        (squad(qa(answers=[{"text": 1820, "answer_start": 20}])), "an answer is a number", ", question q1"),
        (squad(qa(answers=[{"text": "1820", "answer_start": "20"}])), '"answer_start" is a string', ", question q1"),
        (squad(qa(answers={"text": ["1820"], "answer_start": []})), "not lists of one length", ", question q1"),
        (squad(qa(is_impossible=True)), "marked impossible but has the answer '1820'", ", question q1"),
        (squad(qa(is_impossible=False, answers=[])), "marked possible but has no answers", ", question q1"),
        (squad(qa(is_impossible="no")), '"is_impossible" is a string', ", question q1"),
        (squad(qa("a"), qa("b"), qa("a")), "1 question ids stand more than once: 'a'", ""),
        (squad(qa(), context="\ud83d x"), '.context" holds half a character', ", data[0]"),
        (b'{"context": "x", "question": "y", "answers": []}\nnot json', "this is not JSON", ":2"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, value: Any, problem: str, where: str) -> None:
    error = refusal(tmp_path, value)
    assert problem in error.problem
    assert str(error.where).endswith(where)


@pytest.mark.parametrize("start", [99_999_999, 10**30, -(10**30)])
def test_a_place_far_out_is_a_wrong_place(tmp_path: Path, start: int) -> None:
    for row in (squad(qa(answers=[{"text": "1820", "answer_start": start}])),):
        assert f"not at character {start} of its context" in refusal(tmp_path, row).problem


@pytest.mark.parametrize("start", ["9" * 5000, "99999999", "-1", "2.0", "\u0663"])
def test_a_place_in_csv_that_is_none_is_named(tmp_path: Path, start: str) -> None:
    source = tmp_path / "rows.csv"
    source.write_text(f"context,question,answers,answer_start\nin 1820,when,1820,{start}\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_examples(source)
    assert str(caught.value.where) == f"{source}:2"


def test_empty_texts_may_be_left_out(tmp_path: Path) -> None:
    value = squad(qa("a"), qa("b", question=None), qa("c", question=" "))
    value["data"].append({"paragraphs": [{"context": None, "qas": [qa("d")]}]})
    error = refusal(tmp_path, value)
    assert error.problem == "the question is empty"
    assert "task.on_empty: skip" in str(error.fix)
    with pytest.warns(BigBirdWarning, match="3 rows, lines or texts left out"):
        assert [example.id for example in read(tmp_path, value, on_empty="skip")] == ["a"]


def test_a_line_with_a_number_that_json_lacks_is_named(tmp_path: Path) -> None:
    row = b'{"context": "x", "question": "y", "answers": [], "id": %s}\n'
    (tmp_path / "rows.jsonl").write_bytes(row % b"1" + row % b"Infinity")
    with pytest.raises(DataError, match=r"rows\.jsonl:2: Infinity is no number"):
        read_examples(tmp_path / "rows.jsonl")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        read_examples(tmp_path / "none.json")


# one after the other


def flat(id_: str, **fields: Any) -> dict[str, Any]:
    return {"id": id_, "context": CONTEXT, "question": "Until when?", "answers": "1887", **fields}


def write_lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("form", ["nested", "list", "lines", "csv"])
def test_questions_are_read_one_at_a_time(tmp_path: Path, form: str) -> None:
    rows = [flat(str(k)) for k in range(2000)]
    if form == "nested":
        articles = [{"paragraphs": [{"context": CONTEXT, "qas": [qa(str(k))]}]} for k in range(2000)]
        data = json.dumps({"data": articles})
    elif form == "csv":
        quoted = CONTEXT.replace("\r\n", " ")
        data = "id,question,context,answers,answer_start\r\n" + f"7,who,{quoted},1820,53\r\n" * 2000 + '"'
    else:
        data = json.dumps(rows) if form == "list" else "\n".join(json.dumps(row) for row in rows)
    path = tmp_path / ("set.csv" if form == "csv" else "set.json")
    path.write_text(data[:-1] if form != "csv" else data, encoding="utf-8")
    examples = QuestionAnswering().read(path)
    first = next(examples)
    assert first.context[first.answers[0].start :].startswith(first.answers[0].text)
    with pytest.raises(DataError, match="this is not JSON" if form != "csv" else "is not CSV"):
        list(examples)


def test_a_row_of_csv_says_where_its_answer_stands_or_that_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    context = '"in 1820, or 1820 ""A.D."""'
    path.write_text(
        f"id,question,context,answers,answer_start\na,when,{context},1820,12\nb,who,{context},,\nc,what,{context},in,\n",
        encoding="utf-8",
    )
    examples, _ = read_examples(path)
    assert [example.answers for example in examples] == [(GoldAnswer("1820", 12),), (), (GoldAnswer("in", 0),)]
    path.write_text(f"id,question,context,answers,answer_start\na,when,{context},1820,twelve\n", encoding="utf-8")
    with pytest.raises(DataError, match='"answer_start" is a string, not a whole number'):
        read_examples(path)


def test_rows_may_call_their_columns_otherwise(tmp_path: Path) -> None:
    columns = Columns("passage", "query", "answer")
    row = {"passage": CONTEXT, "query": "when", "answer": "1887", "context": "of another text"}
    path = write_lines(tmp_path / "set.jsonl", row, {**row, "answer": [], "query": "who"})
    (first, second), _ = read_examples(path, columns)
    assert (first.context, first.question, first.answers) == (CONTEXT, "when", (GoldAnswer("1887", 45),))
    assert (second.question, second.answers) == ("who", ())
    task = QuestionAnswering(context_column="passage", question_column="query", answers_column="answer")
    assert row_of(task, first) == {
        "id": "1",
        "passage": CONTEXT,
        "query": "when",
        "answer": {"text": ["1887"], "answer_start": [45]},
    }
    with pytest.raises(DataError, match='there is no "text" here, only passage, query, answer') as caught:
        read_examples(path, Columns("text", "query", "answer"))
    assert "task.context_column" in str(caught.value.fix)
    (tmp_path / "set.json").write_text(json.dumps(squad(qa())))
    assert len(read_examples(tmp_path / "set.json", columns)[0]) == 1  # SQuAD's own names stay


def test_a_folder_and_packed_files_are_one_set(tmp_path: Path) -> None:
    nameless = {key: value for key, value in flat("").items() if key != "id"}
    write_lines(tmp_path / "b.jsonl", nameless, flat("own"))
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(json.dumps(squad(qa("nested"))).encode()))
    write_lines(tmp_path / "c.jsonl", nameless)
    examples, _ = read_examples(tmp_path)
    assert [example.id for example in examples] == ["nested", "b.jsonl:1", "own", "c.jsonl:1"]
    assert examples[0].where == f"{tmp_path / 'a.json.gz'}, question nested"


def test_ids_are_compared_over_all_files_and_only_of_what_is_kept(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", flat("a"), flat("b"), flat("c", answers=["1999"]))
    write_lines(tmp_path / "b.jsonl", flat("b"), flat("a"), flat("c"))
    with pytest.raises(DataError, match="2 question ids stand more than once: 'a', 'b'") as caught:
        read_examples(tmp_path, on_bad_answer="skip")
    assert caught.value.where == str(tmp_path)
    write_lines(tmp_path / "b.jsonl", flat("c"))
    examples, n_bad = read_examples(tmp_path, on_bad_answer="skip")
    assert ([example.id for example in examples], n_bad) == (["a", "b", "c"], 1)


def test_what_is_left_out_is_told_when_all_is_read(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "set.jsonl", flat("bad", answers=["1999"]), flat("good"))
    examples = QuestionAnswering(on_bad_answer="skip").read(path)
    assert next(examples).id == "good"
    with pytest.warns(BigBirdWarning, match=r"set\.jsonl: 1 question left out for wrong answers"):
        assert list(examples) == []


def test_a_set_of_the_hub_is_not_looked_up_offline() -> None:
    with pytest.raises(DataError, match=r"hub:squad_v2: .* nothing may be looked up"):
        next(QuestionAnswering().read("hub:squad_v2", offline=True))
