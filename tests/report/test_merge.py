"""Parts are put together in their order, and only such as belong together."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import bigbird_cli as bb
from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.report.kept import PartialFile
from bigbird_cli.report.table import Columns

JOB = {"model": "tiny", "inputs": {"files": 2}, "times of change": {"digest": "x"}}


def write_part(path: Path, shard: str, rows: str, *, header: str = "", **job: Any) -> Path:
    file = PartialFile(path, {**JOB, **job, "shard": shard})
    if header:
        file.write(header)
        file.begin_rows(Columns(("a",)))
    file.write(rows)
    file.flush()
    file.finish()
    return path


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    shards = {"1/3": "1\n2\n", "2/3": "", "3/3": "3\n"}
    return [write_part(tmp_path / f"p{shard[0]}.csv", shard, rows, header="a\n") for shard, rows in shards.items()]


def test_parts_in_any_order_are_one_table_with_one_header(tmp_path: Path, parts: list[Path]) -> None:
    assert bb.merge_results(tmp_path / "all.csv", [parts[2], parts[0], parts[1]]) == 8
    assert (tmp_path / "all.csv").read_text() == "a\n1\n2\n3\n"
    with pytest.raises(UsageError, match="there already"):
        bb.merge_results(tmp_path / "all.csv", parts)


def test_a_part_of_other_times_is_one_all_the_same(tmp_path: Path, parts: list[Path]) -> None:
    (tmp_path / "p2.csv").unlink()
    other = write_part(tmp_path / "other.csv", "2/3", "x\n", header="a\n", **{"times of change": {"digest": "y"}})
    bb.merge_results(tmp_path / "all.csv", [parts[0], other, parts[2]])
    assert (tmp_path / "all.csv").read_text() == "a\n1\n2\nx\n3\n"


def spoilt(tmp_path: Path, parts: list[Path]) -> Mapping[str, Callable[[], list[Path]]]:
    def changed(shard: str = "2/3", header: str = "a\n", **job: Any) -> list[Path]:
        return [parts[0], write_part(tmp_path / "other.csv", shard, "x\n", header=header, **job), parts[2]]

    def cut() -> list[Path]:
        parts[0].write_text("a\n1\n")
        return parts

    def alone() -> list[Path]:
        (tmp_path / "p1.csv.shard").unlink()
        return parts

    return {
        "parts are missing: 2/3": lambda: [parts[0], parts[2]],
        "it is part 1, as": lambda: [*parts, parts[0]],
        "has 4 bytes, and its run wrote 6": cut,
        "p1.csv.shard is not beside it": alone,
        "there is no such part": lambda: [tmp_path / "p4.csv", *parts],
        "one of 4 parts": lambda: changed(shard="2/4"),
        "does not go with .*p1.csv: model other, not tiny": lambda: changed(model="other"),
        "does not go with .*: other inputs": lambda: changed(inputs={"files": 3}),
        "its columns are not those of": lambda: changed(header="b\n"),
    }


@pytest.mark.parametrize("says", spoilt(Path(), []))
def test_parts_that_do_not_belong_together_are_told(says: str, tmp_path: Path, parts: list[Path]) -> None:
    named = spoilt(tmp_path, parts)[says]()
    with pytest.raises(DataError, match=says):
        bb.merge_results(tmp_path / "all.csv", named)
    assert not (tmp_path / "all.csv").exists()


def test_no_part_is_written_over(tmp_path: Path, parts: list[Path]) -> None:
    with pytest.raises(UsageError, match="one of the parts"):
        bb.merge_results(parts[0], parts, overwrite=True)
    assert json.loads((tmp_path / "p1.csv.shard").read_text())["bytes"] == parts[0].stat().st_size
