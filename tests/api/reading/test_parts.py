"""Inputs by their numbers: parts of them are all of them, and what is not asked for is not read."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigbird_cli.api import Request, questions_on
from bigbird_cli.api.reading.inputs import Input
from bigbird_cli.api.reading.parts import NumberedInputs, Shard
from bigbird_cli.data.rows import Row
from bigbird_cli.errors import UsageError
from bigbird_cli.files.packed import File
from bigbird_cli.text.documents import Document


@given(st.integers(0, 60), st.integers(1, 20))
def test_every_input_is_in_one_part_and_parts_are_as_equal_as_can_be(n_inputs: int, of: int) -> None:
    bounds = [Shard(number, of).bounds(n_inputs) for number in range(1, of + 1)]
    assert [number for start, stop in bounds for number in range(start, stop)] == list(range(n_inputs))
    sizes = [stop - start for start, stop in bounds]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("text", ["", "3", "0/3", "4/3", "1/0", "-1/3", "1/3/5", "a/b", "1 / 3"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="give one such as 3/16"):
        Shard.parse(text)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """A folder of two files, and five rows of which one is none."""
    folder, table = tmp_path / "letters", tmp_path / "rows.jsonl"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.txt").write_text(f"{name} lit the lamp.")
    rows = [json.dumps({"context": f"row {n}", "id": n}) for n in range(5)]
    table.write_text("\n".join([*rows[:2], "nonsense", *rows[3:]]))
    return [folder, table]


def name_of(given: Input) -> str:
    return given.where if isinstance(given, Row) else given.name


def test_inputs_have_numbers_across_folders_and_tables(paths: list[Path]) -> None:
    whole = NumberedInputs(paths)
    names = [name_of(each) for each in whole]
    assert whole.count() == len(names) == 7
    assert [name_of(each) for each in NumberedInputs(paths, start=1, stop=4)] == names[1:4]
    assert NumberedInputs(paths, start=1, stop=4).count() == 3
    done = NumberedInputs(paths, is_done=lambda name: name in names[2:])
    assert [name_of(each) for each in done] == names[:2]
    assert done.count() == 2


def test_files_of_other_parts_are_not_opened(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def read(file: File) -> Document:
        opened.append(file.name)
        return Document(file.name, "text")

    monkeypatch.setattr("bigbird_cli.api.reading.inputs.read_document", read)
    assert len(list(NumberedInputs(paths, start=1, stop=2))) == 1
    NumberedInputs(paths).count()
    assert opened == [str(paths[0] / "b.txt")]


def test_a_request_leads_to_the_number_of_its_input(paths: list[Path]) -> None:
    inputs = NumberedInputs(paths, start=1)
    requests = questions_on(iter(inputs), ["who?", "when?"])
    numbers = [inputs.number_of(request) for request in requests if isinstance(request, Request)]
    assert numbers == [1, 1, 2, 2, 3, 3, 4, 5, 5, 6, 6]


def test_a_request_out_of_order_has_a_number_all_the_same(paths: list[Path]) -> None:
    inputs = NumberedInputs(paths)
    requests = [each for each in questions_on(iter(inputs), ["who?"]) if isinstance(each, Request)]
    assert [inputs.number_of(requests[n]) for n in (3, 1, 6)] == [3, 3, 6]


def test_the_error_of_a_table_leads_to_its_first_row(tmp_path: Path, paths: list[Path]) -> None:
    (tmp_path / "other.csv").write_text("name\nada\nbel\n")
    inputs = NumberedInputs([tmp_path / "other.csv", paths[1]])
    requests = questions_on(iter(inputs), ["who?"])
    numbers = [inputs.number_of(request) for request in requests if isinstance(request, Request)]
    assert numbers == [0, 2, 3, 4, 5, 6]


def test_the_first_row_is_that_of_all_parts(paths: list[Path]) -> None:
    first = NumberedInputs(paths, start=5).first_row()
    assert first is not None
    assert first.fields["id"] == 0
    assert NumberedInputs(paths[:1]).first_row() is None
