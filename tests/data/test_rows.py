"""Rows are the same from every kind of file, packed or not, and what is broken is named with its place."""

import bz2
import gzip
import json
import lzma
import math
import os
import subprocess
import sys
import threading
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bigbird_cli.data import hub
from bigbird_cli.data.rows import EmptyValue, Row, read_rows
from bigbird_cli.errors import BigBirdWarning, DataError
from bigbird_cli.files import hub as client

ROWS = [{"text": 'ada, "bel"\r\ncora', "label": "x"}, {"text": "e\u0301 \u2028 \U0001f525 \ufeff", "label": "y"}]
CSV = '\ufefftext,label\r\n"ada, ""bel""\r\ncora",x\r\n\r\ne\u0301 \u2028 \U0001f525 \ufeff,y'
LINES = "\ufeff" + "\r\n\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)

FORMS = {
    "rows.json": json.dumps(ROWS),
    "indented.json": "\ufeff" + json.dumps(ROWS, ensure_ascii=False, indent=2),
    "data.json": json.dumps({"version": 1, "data": ROWS, "more": {"data": []}}),
    "lines.json": LINES,
    "rows.jsonl": LINES,
    "rows.NDJSON": LINES,
    "rows.jsonlines": LINES,
    "rows": LINES,
    "rows.csv": CSV,
}


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def fields(source: str | Path, **options: Any) -> list[dict[str, Any]]:
    return [row.fields for row in read_rows(source, **options)]


def refusal(source: str | Path, *, exit_code: int = 3, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        list(read_rows(source, **options))
    assert caught.value.exit_code == exit_code
    return caught.value


@pytest.mark.parametrize("name", FORMS)
def test_rows_are_the_same_in_every_form(tmp_path: Path, name: str) -> None:
    assert fields(write(tmp_path / name, FORMS[name])) == ROWS


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress), (".GZ", gzip.compress)]
)
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.json"])
def test_packed_files_are_read_as_what_they_hold(
    tmp_path: Path, name: str, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    data = FORMS[name].encode()
    [first, second] = read_rows(write(tmp_path / (name + suffix), pack(data)))
    assert [first.fields, second.fields] == ROWS
    assert first.where.startswith(f"{tmp_path / name}{suffix}")
    half = data.index(b"\n") + 1 if b"\n" in data else 5
    in_two = pack(data[:half]) + pack(data[half:])  # as `cat a.gz b.gz` gives
    assert fields(write(tmp_path / (name + suffix), in_two)) == ROWS


def test_an_archive_is_read_member_by_member_in_the_order_of_names(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b/rows.csv", "n\r\n3\r\n")
        archive.writestr("a.jsonl.gz", gzip.compress(b'{"n": 1}\n{"n": 2}'))
        archive.writestr("README", "not rows")
        archive.writestr("__MACOSX/a.jsonl", b"\0")
    rows = list(read_rows(tmp_path / "all.zip"))
    assert [row.fields["n"] for row in rows] == [1, 2, "3"]
    assert rows[0].where == f"{tmp_path / 'all.zip'}/a.jsonl.gz:1"
    assert len({row.key for row in rows}) == 3


def test_a_folder_is_read_file_by_file_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("c.jsonl", "a.json.gz", "deep/b.jsonl", "notes.txt", "b.tsv"):
        data = json.dumps({"name": name})
        data = f"name\n{name}" if name == "b.tsv" else data
        write(tmp_path / name, gzip.compress(data.encode()) if name.endswith(".gz") else data)
    rows = list(read_rows(tmp_path))
    assert [row.fields["name"] for row in rows] == ["a.json.gz", "b.tsv", "c.jsonl", "deep/b.jsonl"]
    assert [row.key for row in rows] == ["a.json.gz:data[0]", "b.tsv:2", "c.jsonl:1", "deep/b.jsonl:1"]
    assert [row.file for row in rows] == [str(tmp_path / row.fields["name"]) for row in rows]


def test_a_row_knows_its_line_or_its_number(tmp_path: Path) -> None:
    places = {name: [(row.where, row.key) for row in read_rows(write(tmp_path / name, FORMS[name]))] for name in FORMS}
    at = str(tmp_path)
    assert places["rows.csv"] == [(f"{at}/rows.csv:2", "2"), (f"{at}/rows.csv:5", "5")]  # a field and an empty line
    assert places["rows.jsonl"] == [(f"{at}/rows.jsonl:1", "1"), (f"{at}/rows.jsonl:3", "3")]
    assert places["rows.json"] == [(f"{at}/rows.json[0]", "data[0]"), (f"{at}/rows.json[1]", "data[1]")]
    assert places["data.json"] == [(f"{at}/data.json, data[{k}]", f"data[{k}]") for k in (0, 1)]


def test_a_field_of_tab_separated_rows_is_unquoted_only_as_a_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.tsv", 'a\tb\r\n"x ""y"""\t"no" end\r\n\r\n"\t5" nails\r\n"\t\n')
    assert fields(path) == [{"a": 'x "y"', "b": '"no" end'}, {"a": '"', "b": '5" nails'}, {"a": '"', "b": ""}]


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ('"one\ntwo"\tx\nthree\ty\n', [("one\ntwo", "x"), ("three", "y")]),
        ('x\t"one\r\ntwo ""2"" "\r\ny\tthree\r\n', [("x", 'one\r\ntwo "2" '), ("y", "three")]),
        ('"one\n\n\ttwo"\t"x\ny"\n', [("one\n\n\ttwo", "x\ny")]),
        ('x\t"Ada said\ny\t"so"\n', [("x", '"Ada said'), ("y", "so")]),  # a mark that nothing closes is text
    ],
)
def test_a_quoted_field_of_tab_separated_rows_may_hold_line_ends(
    rows: str, wanted: list[tuple[str, str]], tmp_path: Path
) -> None:
    file = write(tmp_path / "rows.tsv", f"a\tb\n{rows}".encode())
    assert [(row["a"], row["b"]) for row in fields(file)] == wanted


def test_a_mark_that_makes_no_row_tears_one_line_alone(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.tsv", b'a\tb\n"torn\nx\ty\nz\tsaid "so"\n')
    broken: list[DataError] = []
    assert [row.fields["a"] for row in read_rows(file, report=broken.append)] == ["x", "z"]
    assert [error.where for error in broken] == [f"{file}:2"]
    n_lines = 3000
    file = write(tmp_path / "long.tsv", b'a\tb\n"torn\n' + b"x\ty\n" * n_lines)
    assert len(list(read_rows(file, report=broken.append))) == n_lines


def told(source: Path) -> tuple[list[dict[str, Any]], list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", BigBirdWarning)
        return fields(source), [str(one.message) for one in caught]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "text,label\none; two | three,x\n", None),
        ("a.csv", "text;label\none, two;x\n", "semicolons"),
        ("a.csv", "\ufefftext;label\r\none, two;x\r\n", "semicolons"),
        ("a.csv", 'text;label\n"one; two\n\n";x\n', "semicolons"),
        ("a.csv", '"text, all of it";label\none;x\n', "semicolons"),
        ("a.csv", "text, all of it;label\none;x\na, b, c;y\n", "semicolons"),
        ("a.csv", "text|label\none, two; three|x\n", "bars"),
        ("a.csv", "text\tlabel\none, two\tx\n", "tabs"),
        ("a.csv", "sep=;\ntext;label\none;x\n", "semicolons"),
        ("a.csv", "sep=,\ntext,label\none;x,y\n", None),
        ("a.csv", "text\none; two\n", None),
        ("a.tsv", "text\tlabel\none, two;\tx\n", None),
        ("a.tsv", "text,label\none,x\n", "commas"),
    ],
)
def test_the_delimiter_is_told_by_the_first_lines(tmp_path: Path, name: str, content: str, words: str | None) -> None:
    rows, remarks = told(write(tmp_path / name, content))
    assert len(rows[0]) == (1 if content.startswith("text\n") else 2)
    assert all("\ufeff" not in column for column in rows[0])
    assert [words is not None and words in remark for remark in remarks] == [True] * (words is not None)


def test_a_torn_row_is_named_under_another_delimiter_too(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", "sep=;\ntext;label\none;x\ntwo\n")
    with pytest.warns(BigBirdWarning, match="semicolons"):
        error = refusal(source)
    assert error.where == f"{source}:4"


def test_a_value_that_is_none_is_told_with_what_helps() -> None:
    row = Row({"a": None, "b": math.nan, "c": " ", "d": "x", "e": 7}, "rows.jsonl:1")
    for column, words in (("a", "null"), ("b", "NaN"), ("c", "an empty string")):
        with pytest.raises(EmptyValue, match=f'"{column}" is {words}.*task.on_empty: skip'):
            row.filled_text(column)
    assert row.filled_text("d") == "x"
    assert row.text("c") == " "
    with pytest.raises(DataError, match='"e" is a number, not a string; give it as a string'):
        row.filled_text("e")


def test_a_missing_column_names_the_setting() -> None:
    with pytest.raises(DataError, match=r"set task\.text_column to the column that holds it"):
        Row({"body": "a"}, "rows.csv:2").text("text", setting="task.text_column")


def test_long_fields_are_no_error(tmp_path: Path) -> None:
    text = "lamp " * 100_000
    assert fields(write(tmp_path / "long.csv", f"text\n{text}\n")) == [{"text": text}]


def test_rows_are_read_one_at_a_time(tmp_path: Path) -> None:
    good = '{"a": 1}'
    for name, start, end in (
        ("a.jsonl", f"{good}\n", "{"),
        ("a.json", f"[{good},", "\xff"),
        ("b.json", f'{{"data": [{good},', "}"),
        ("a.csv", "a\n1\n", '2,"'),
    ):
        data = start.encode() + b" " * 5_000_000 * (name != "a.csv") + end.encode("latin-1")
        rows = read_rows(write(tmp_path / name, data))
        assert str(next(rows).fields["a"]) == "1"
        with pytest.raises(DataError):
            next(rows)


def test_a_list_without_rows_gives_none(tmp_path: Path) -> None:
    for name, content in (("a.json", " [ ] "), ("b.json", '{"data": []}'), ("c.csv", "a,b\n"), ("d.tsv", "a\tb\n")):
        assert fields(write(tmp_path / name, content)) == []


@pytest.mark.parametrize(
    ("name", "content", "problem", "where"),
    [
        ("a.jsonl", b"", "the file is empty", ""),
        ("a.csv", b"\xef\xbb\xbf\r\n \n", "the file is empty", ""),
        ("a.jsonl", b'{"a": 1}\n{"a": 2', "this is not JSON: it breaks off at column 8", ":2"),
        ("a.jsonl", b"[1]", "this is a list, not a JSON object", ":1"),
        ("a.jsonl", b'{"a": 1}\n{"a": "\xff"}', "the byte 0xff at column 8", ":2"),
        ("a.jsonl", b'{"a": "\\ud800 b"}', '"a" holds half a character', ":1"),
        ("a.json", b'[{"a": ["\\udc00"]}]', '"a[0]" holds half a character', "[0]"),
        ("a.jsonl", b'{"a": [{"b": {"c": "\\ud800"}}]}', '"a[0].b.c" holds half a character, U+D800', ":1"),
        ("a.json", b'{"data": [{"a": {"\\ud800": 1}}]}', "a field's name holds half a character", ", data[0]"),
        ("a.jsonl", b'{"\\udfff b": 1}', "a field's name holds half a character", ":1"),
        ("a.json", b'[{"a": 1},\n  {"a": 2', "Expecting ',' delimiter", ":2:10"),
        ("a.json", b'[{"a": 1}\n{"a": 2}]', "Expecting ',' delimiter", ":2:1"),
        ("a.json", b'[{"a": 1}] x', "Extra data", ":1:12"),
        ("a.json", b'{"data": [{"a": 1}], "b"}', "Expecting ':' delimiter", ":1:25"),
        ("a.json", b'{"data": [], 3: 4}', "Expecting property name", ":1:14"),
        ("a.json", b'{"data": []} {"data": []}', "Extra data", ":1:14"),
        ("a.json", b'[{"a": 1}, 7]', "this is a number, not an object", "[1]"),
        ("a.json", b"17", 'a number without "data"', ""),
        ("a.json", b'{"a": 1}\nx', "this is not JSON: Expecting value", ":2"),
        ("a.json", b'[{"a": "' + b"x" * 3_000_000 + b'\xff"}]', "the byte 0xff at offset 3000008", ""),
        ("a.json", b"[" * 100_000, "nested too deeply", ""),
        ("a.csv", b"a,b\n1,2\n3\n", "the row has 1 field, the first line names 2 columns", ":3"),
        ("a.csv", b'a,b\n1,2\n3,"4\n5', "the row that begins here is not CSV", ":3"),
        ("a.csv", b'a,b\n1,2\n3,"4"5\n', "the row that begins here is not CSV", ":3"),
        ("a.csv", b"a,b\n1,2\n\n3,\xe9\n", "the byte 0xe9 is not UTF-8 text", ":4"),
        ("a.csv", b"a,b,a\n", "two columns are called 'a'", ":1"),
        ("a.tsv", b"a\tb\n1\t2\t3\n", "the row has 3 fields", ":2"),
        ("a.parquet", b"nothing of the kind", "this is not a Parquet file", ""),
        ("a.txt", b"some text", "rows are not read from .txt", ""),
        ("a", b"some text", "rows are not read from a file without a suffix", ""),
        ("a.jsonl.gz", b'{"a": 1}', "the packed file is damaged", ""),
        ("a.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 9999, mtime=0)[:-9], "the packed file ends too soon", ""),
        ("a.jsonl.xz", b"nothing of the kind", "the packed file is damaged", ""),
        ("a.jsonl.bz2", b"nothing of the kind", "the packed file is damaged", ""),
        ("a.zip", b"nothing of the kind", "the packed file is damaged", ""),
        ("a.parquet.gz", gzip.compress(b"PAR1", mtime=0), "this Parquet file cannot be read", ""),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_place(
    tmp_path: Path, name: str, content: bytes, problem: str, where: str
) -> None:
    error = refusal(write(tmp_path / name, content))
    assert problem in error.problem
    assert error.where == f"{tmp_path / name}{where}"
    assert error.fix


def test_the_fix_shows_a_right_row(tmp_path: Path) -> None:
    error = refusal(write(tmp_path / "a.jsonl", "3"), example='{"premise": ...}')
    assert '{"premise": ...}' in str(error.fix)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    write(tmp_path / "rows.jsonl", "{}")
    error = refusal(tmp_path / "row.jsonl")
    assert error.problem == "there is no such file"
    assert "rows.jsonl" in str(error.fix)
    write(tmp_path / "rows.jsonl", "{}").rename(tmp_path / "rows.txt")
    write(tmp_path / "a.txt.gz", b"")
    assert "holds none of *.json, *.jsonl" in refusal(tmp_path).problem
    assert refusal(tmp_path).problem.endswith("only a.txt.gz, rows.txt")


def test_a_missing_column_is_named_with_the_nearest() -> None:
    row = Row({"Text": "a", "n": 1}, "rows.csv:2")
    with pytest.raises(DataError, match=r'rows\.csv:2: there is no "text" here, only Text, n; did you mean "Text"\?'):
        row.text("text")
    with pytest.raises(DataError, match='"n" is a number, not a string'):
        row.text("n")


# Parquet and the hub


@pytest.fixture
def parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rows with class labels, as the hub keeps them."""
    import datasets

    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    labels = datasets.ClassLabel(names=["neg", "pos"])
    features = datasets.Features({"text": datasets.Value("string"), "label": labels, "tags": datasets.Sequence(labels)})
    columns = {"text": ["a", "b", "c"], "label": [1, 0, -1], "tags": [[0, 1], [], None]}
    path = tmp_path / "rows.parquet"
    datasets.Dataset.from_dict(columns, features=features).to_parquet(path)
    return path


def test_class_labels_of_parquet_come_as_their_names(parquet: Path) -> None:
    rows = list(read_rows(parquet))
    assert [row.fields for row in rows] == [
        {"text": "a", "label": "pos", "tags": ["neg", "pos"]},
        {"text": "b", "label": "neg", "tags": []},
        {"text": "c", "label": None, "tags": None},
    ]
    assert [row.where for row in rows] == [f"{parquet}[{k}]" for k in range(3)]


def rewritten(parquet: Path, metadata: object, column: Any = ()) -> Path:
    """The same file with other metadata, and perhaps other labels."""
    import pyarrow
    from pyarrow.parquet import read_table, write_table

    table = read_table(parquet)
    if column:
        table = table.set_column(1, "label", pyarrow.array(column))
    data = metadata if isinstance(metadata, bytes) else json.dumps(metadata).encode()
    write_table(table.replace_schema_metadata({b"huggingface": data}), parquet)
    return parquet


def names_of(names: object) -> dict[str, object]:
    return {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}


@pytest.mark.parametrize(
    "metadata",
    [
        b"\xff{",
        b"[" * 5000,
        b"[]",
        {"info": None},
        {"info": {"features": [1]}},
        {"info": {"features": {"label": 3}}},
        {"info": {"features": {"label": []}}},
        *map(names_of, (None, 5, "ab", ["a", 2], {"0": "a"})),
        {"info": {"features": {"label": {"_type": "ClassLabel"}}}},
    ],
)
def test_metadata_that_names_no_classes_is_refused(parquet: Path, metadata: object) -> None:
    assert "metadata is not as `datasets` writes it" in refusal(rewritten(parquet, metadata)).problem


@pytest.mark.parametrize("column", [[1.0, 0.0, math.nan], ["1", "0", None], ["pos", "neg", None], [True, False, None]])
def test_classes_are_named_whatever_their_numbers_are_written_as(parquet: Path, column: list[Any]) -> None:
    metadata = names_of(["neg", "pos"]) | {"more": 1}
    assert [row["label"] for row in fields(rewritten(parquet, metadata, column))] == ["pos", "neg", None]


@pytest.mark.parametrize("wrong", [2, -2, 0.5, "2", "x", "9" * 5000, math.inf])
def test_a_class_without_a_name_is_named_with_its_row(parquet: Path, wrong: Any) -> None:
    good = {int: 0, float: 0.0, str: "0"}[type(wrong)]
    error = refusal(rewritten(parquet, names_of(["neg", "pos"]), [good, wrong, good]))
    assert error.where == f'{parquet}[1], "label"'
    assert "none of the 2" in error.problem


def test_a_folder_may_hold_parquet_besides_others(parquet: Path) -> None:
    write(parquet.with_name("a.jsonl"), '{"text": "first"}')
    assert [row.fields["text"] for row in read_rows(parquet.parent)] == ["first", "a", "b", "c"]


def test_a_damaged_parquet_file_is_named(parquet: Path) -> None:
    parquet.write_bytes(parquet.read_bytes()[:-9])
    assert "this Parquet file cannot be read" in refusal(parquet).problem


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("hub:squad", ("squad", None, None, None)),
        ("hub:user/set#de:validation", ("user/set", None, "de", "validation")),
        ("hub:user/set:train[:10%]", ("user/set", None, None, "train[:10%]")),
        ("hub:user/set@1a2b#x", ("user/set", "1a2b", "x", None)),
    ],
)
def test_names_of_the_hub_are_taken_apart(source: str, parts: tuple[str | None, ...]) -> None:
    assert hub.parse_name(source) == parts


def test_a_wrong_name_of_the_hub_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for source in ("hub:", "hub:a/b/c", "hub:a b", "hub:a#", "hub:./a", "hub:.", "hub:~a", "hub:/a"):
        assert "no name of a data set" in refusal(source).problem


def test_nothing_is_looked_up_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)  # whoever imports them fails
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    error = refusal("hub:squad", exit_code=4, offline=True)
    assert (error.where, error.problem) == ("hub:squad", "this data set is on the hub, and nothing may be looked up")
    assert error.fix is not None
    assert "--set data.train=FILE (of a shipped recipe, see bigbird recipes show NAME" in error.fix
    monkeypatch.delenv("HF_HUB_OFFLINE")
    for variable in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(variable, "1")
        assert f"{variable} is set" in refusal("hub:squad", exit_code=4).problem
        monkeypatch.delenv(variable)
    with pytest.raises(ImportError):  # here it is asked for
        list(read_rows("hub:squad"))


@pytest.fixture
def hub_answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Sets what happens when the hub is asked for a data set."""
    import huggingface_hub

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    monkeypatch.setattr(client, "SECONDS", 0.3)

    def answer(how: Callable[[], object]) -> None:
        monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", lambda *_, **__: how())

    return answer


def test_a_hub_that_cannot_be_asked_is_told_in_one_line_and_soon(
    hub_answers: Callable[[Callable[[], object]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)  # which would try for half a minute

    def unreachable() -> None:
        raise OSError("no route to host\nand more")

    for how, words in ((unreachable, "(no route to host)"), (threading.Event().wait, "(no answer within 0 s)")):
        hub_answers(how)
        for ask in (lambda: list(read_rows("hub:squad")), lambda: hub.revision_of("hub:squad", offline=False)):
            with pytest.raises(DataError) as caught:
                ask()
            assert caught.value.problem == f"the Hugging Face hub cannot be reached {words}"


def test_the_newest_commit_of_a_data_set_is_the_one_that_the_hub_says(
    hub_answers: Callable[[Callable[[], object]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)  # nothing but its name is needed
    hub_answers(lambda: SimpleNamespace(sha="c0", siblings=[]))
    assert hub.revision_of("hub:squad#plain:train", offline=False) == "c0"
    assert hub.revision_of("hub:squad@v1", offline=False) == "v1"


def test_the_hub_is_streamed_by_name_config_revision_and_split(
    hub_answers: Callable[[Callable[[], object]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    asked = []

    def load_dataset(*args: Any, **options: Any) -> datasets.IterableDataset:
        asked.append((args, options))
        features = datasets.Features({"label": datasets.ClassLabel(names=["neg", "pos"])})
        return datasets.Dataset.from_dict({"label": [1, 0]}, features=features).to_iterable_dataset()

    hub_answers(lambda: SimpleNamespace(sha="c0ffee", siblings=[]))
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    rows = list(read_rows("hub:user/set@abc#de", split="dev"))
    assert [(row.fields, row.where) for row in rows] == [
        ({"label": "pos"}, "hub:user/set@abc#de[0]"),
        ({"label": "neg"}, "hub:user/set@abc#de[1]"),
    ]
    list(read_rows("hub:user/set:test", split="dev"))
    assert asked == [
        (("user/set", "de"), {"revision": "abc", "split": "dev", "streaming": True}),
        (("user/set", None), {"revision": None, "split": "test", "streaming": True}),
    ]


def test_plain_files_are_read_without_the_library(tmp_path: Path, repository: Path) -> None:
    for name, content in FORMS.items():
        write(tmp_path / name, content)
    (tmp_path / "rows").unlink()
    code = (
        "import sys\nfrom bigbird_cli.data.rows import read_rows\n"
        f"print(len(list(read_rows({str(tmp_path)!r}))), 'datasets' in sys.modules, 'pyarrow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=repository, check=True)
    assert done.stdout.split() == [str(2 * (len(FORMS) - 1)), "False", "False"]


def test_hidden_files_are_left_out_of_folders_and_archives(tmp_path: Path) -> None:
    names = (
        "a.jsonl",
        "._a.jsonl",
        ".ipynb_checkpoints/a-checkpoint.jsonl",
        "__MACOSX/._a.jsonl",
        "deep/.hidden/b.csv",
    )
    for name in names:
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / "set" / name, '{"a": 1}\n')
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name in names:
            archive.writestr(f"set/{name}", '{"a": 1}\n')
    for source in (tmp_path / "set", tmp_path / "set.zip"):
        assert [row.fields for row in read_rows(source)] == [{"a": 1}]
    assert len(list(read_rows(tmp_path / "set" / "._a.jsonl"))) == 1


def test_tables_may_end_their_lines_with_a_carriage_return(tmp_path: Path) -> None:
    write(tmp_path / "mac.csv", 'a,b\r1,"two\rlines"\r3,x\x85y\u2028z\x0b\r')
    assert [row.fields for row in read_rows(tmp_path / "mac.csv")] == [
        {"a": "1", "b": "two\rlines"},
        {"a": "3", "b": "x\x85y\u2028z\x0b"},
    ]
    write(tmp_path / "mac.tsv", "a\tb\r1\t2\r")
    assert [row.fields for row in read_rows(tmp_path / "mac.tsv")] == [{"a": "1", "b": "2"}]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of POSIX")
def test_what_cannot_be_read_twice_is_refused_as_data(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.jsonl")
    assert refusal(tmp_path / "rows.jsonl").problem == "this is a pipe, and data is read more than once"
    assert refusal(Path(os.devnull)).problem == "this is a device, and data is read more than once"


def test_a_workbook_is_named_with_what_to_do(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "table.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    error = refusal(tmp_path / "table.xlsx")
    assert "an Excel workbook" in error.problem
    assert error.fix == "save it as .csv"


def test_a_packed_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bigbird_cli.files.streams.LONGEST", 1 << 20)
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(b'{"a": "' + b"a" * (4 << 20)))
    assert "a line goes on beyond 1 MB" in refusal(tmp_path / "bomb.jsonl.gz").problem
