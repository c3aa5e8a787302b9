"""On an engine a command writes what it writes without, whatever part is done first and wherever it is stopped."""

import importlib.util
import json
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bigbird_cli.batch import SCHEMA, ray
from tests.conftest import process_environment


class Engine:
    """A stand-in for Ray: calls what travelled by pickle, the last first."""

    n_cores, n_gpus = 2, 0

    def __init__(self) -> None:
        self.called: list[str] = []
        self.n_until_stopped = 1_000
        self.needs = 0, 0

    @contextmanager
    def __call__(self, address: str | None) -> Iterator["Engine"]:
        assert address is None
        yield self

    def calls(
        self, function: Callable[..., Any], arguments: Mapping[Path, Any], *, n_cores: int, n_gpus: int
    ) -> Iterator[tuple[Path, Any]]:
        self.needs = n_cores, n_gpus
        for path, given in reversed(list(arguments.items())):
            if len(self.called) == self.n_until_stopped:
                raise KeyboardInterrupt
            self.called.append(path.name)
            function, given = pickle.loads(pickle.dumps((function, given)))
            yield path, pickle.loads(pickle.dumps(function(*given)))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    stand_in = Engine()
    monkeypatch.setattr(ray, "cluster", stand_in)
    return stand_in


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    """A file of rows, one of which is none, and a folder.

    Texts have one length or are long: beside a longer one a model as tiny as these rounds a short one otherwise.
    """
    rows, letters = tmp_path / "rows.jsonl", tmp_path / "letters"
    lines = [json.dumps({"text": f"ada lit the lamp in {1800 + n} .", "id": n, "town": "bel"}) for n in range(18)]
    rows.write_text("\n".join([*lines[:7], "nonsense", *lines[7:]]) + "\n", encoding="utf-8")
    letters.mkdir()
    (letters / "a.txt").write_text("bel kept the tower in the north . " * 40, encoding="utf-8")
    (letters / "b.txt").write_text("dov lit the lamp in 1887 .", encoding="utf-8")
    (letters / "c.doc").write_text("no", encoding="utf-8")
    return [rows, letters]


COMMANDS = {
    "qa": ("qa", "-q", "who?", "-q", "where?"),
    "ner": ("ner", "--min-score", "0.1"),
    "classify": ("classify", "--labels", "lamp,ship"),
    "select": ("select", "-q", "who?"),
}


@pytest.fixture
def commands(tiny_qa_model: Path, tiny_ner_model: Path, tiny_label_model: Path) -> dict[str, tuple[str, ...]]:
    models = {"qa": tiny_qa_model, "ner": tiny_ner_model, "classify": tiny_label_model, "select": tiny_label_model}
    return {name: (*command, "--model", str(models[name]), "--threads", "1") for name, command in COMMANDS.items()}


@pytest.mark.parametrize(("name", "suffix"), [*((name, "jsonl") for name in COMMANDS), ("ner", "csv"), ("qa", "tsv")])
def test_an_engine_writes_what_one_run_writes(
    invoke: Any, engine: Engine, inputs: list[Path], commands: Any, tmp_path: Path, name: str, suffix: str
) -> None:
    files = inputs if suffix == "jsonl" else inputs[:1]  # a table has the columns of its rows
    straight = invoke(*commands[name], *files, "--out", f"straight.{suffix}")
    spread = invoke(*commands[name], *files, "--out", f"spread.{suffix}", "--engine", "ray")
    assert spread.exit_code == straight.exit_code == 1, spread.stderr
    assert (tmp_path / f"spread.{suffix}").read_bytes() == (tmp_path / f"straight.{suffix}").read_bytes()
    assert spread.stderr.count("rows.jsonl:8  this is not JSON") == 1
    assert spread.stderr.count("1 skipped: c.doc") == len(files) - 1
    assert len(engine.called) == 16
    assert not (tmp_path / f"spread.{suffix}.parts").exists()


@pytest.mark.parametrize(
    ("args", "n_gpus", "needs", "n_at_a_time"),
    [
        ((), 0, (1, 0), 4),
        (("--threads", "2"), 0, (2, 0), 2),
        ((), 3, (1, 1), 3),
        (("--device", "cuda:1"), 3, (1, 1), 3),
        (("--device", "cpu"), 3, (1, 0), 4),
    ],
)
def test_a_process_has_a_core_or_a_gpu_of_its_own(
    invoke: Any, engine: Engine, inputs: list[Path], args: Any, n_gpus: int, needs: Any, n_at_a_time: int
) -> None:
    engine.n_cores, engine.n_gpus, engine.n_until_stopped = 4, n_gpus, 0
    done = invoke("ner", *inputs, *args, "--out", "spread.jsonl", "--engine", "ray")
    assert engine.needs == needs
    assert (
        f"{min(21, 8 * n_at_a_time)} of {min(21, 8 * n_at_a_time)} parts to read, {n_at_a_time} at a time"
        in done.stderr
    )


def test_a_parquet_file_has_the_records_as_a_reader_gives_them(
    invoke: Any, engine: Engine, inputs: list[Path], commands: Any, tmp_path: Path
) -> None:
    invoke(*commands["ner"], *inputs, "--out", "straight.jsonl")
    engine.n_until_stopped = 5
    invoke(*commands["ner"], *inputs, "--out", "spread.parquet", "--engine", "ray")
    engine.n_until_stopped = 1_000
    assert invoke(*commands["ner"], *inputs, "--out", "spread.parquet", "--engine", "ray", "--resume").exit_code == 1
    read = pq.read_table(tmp_path / "spread.parquet")
    assert read.schema == SCHEMA
    assert read["record"].to_pylist() == (tmp_path / "straight.jsonl").read_text(encoding="utf-8").splitlines()
    assert read["id"].to_pylist() == [str(n) for n in range(7)] + [None] + [str(n) for n in range(7, 18)] + [None] * 2
    assert [error is None for error in read["error"].to_pylist()] == [n != 7 for n in range(21)]
    assert sorted(path.name for path in tmp_path.iterdir() if "spread" in path.name) == ["spread.parquet"]


def test_a_run_that_was_stopped_goes_on_with_what_is_missing(
    invoke: Any, engine: Engine, inputs: list[Path], commands: Any, tmp_path: Path
) -> None:
    command = (*commands["ner"], *inputs, "--out", "spread.jsonl", "--engine", "ray")
    engine.n_until_stopped = 5
    stopped = invoke(*command)
    assert stopped.exit_code == 130
    assert "spread.jsonl.parts has what is done; the same command with --resume goes on" in stopped.stderr
    assert not (tmp_path / "spread.jsonl").exists()

    refused = invoke(*command)
    assert (refused.exit_code, len(engine.called)) == (2, 5)
    assert "a run that was stopped left spread.jsonl.parts\n  go on with it: --resume" in refused.stderr

    engine.n_until_stopped = 1_000
    engine.n_cores = 64  # of another machine: the parts stay as they are
    assert invoke(*command, "--resume").exit_code == 1
    assert sorted(engine.called) == sorted(f"{number}-of-16.jsonl" for number in range(1, 17))
    invoke(*commands["ner"], *inputs, "--out", "straight.jsonl")
    assert (tmp_path / "spread.jsonl").read_bytes() == (tmp_path / "straight.jsonl").read_bytes()

    engine.called.clear()
    again = invoke(*command, "--resume")
    assert (again.exit_code, engine.called) == (0, [])
    assert "spread.jsonl is whole: nothing is left to do" in again.stderr
    assert invoke(*command).exit_code == 2
    assert invoke(*command, "--overwrite").exit_code == 1
    assert len(engine.called) == 21  # one for each input, as there are more cores


def test_a_run_goes_on_with_nothing_but_itself(
    invoke: Any, engine: Engine, inputs: list[Path], commands: Any, tmp_path: Path
) -> None:
    command = (*commands["ner"], *inputs, "--out", "spread.jsonl", "--engine", "ray")
    engine.n_until_stopped = 5
    invoke(*command)
    engine.n_until_stopped = 1_000
    other = invoke(*command, "--resume", "--types", "PER")
    assert other.exit_code == 3
    assert "it does not go with" in other.stderr
    assert not (tmp_path / "spread.jsonl").exists()


def test_what_is_wrong_with_all_parts_is_said_once(
    invoke: Any, engine: Engine, inputs: list[Path], commands: Any, tmp_path: Path
) -> None:
    done = invoke(*commands["ner"], *inputs, "--types", "LOCK", "--out", "spread.jsonl", "--engine", "ray")
    assert (done.exit_code, len(engine.called)) == (2, 1)
    assert done.stderr.count("✗ --types  the model finds nothing of the type 'LOCK'\n  did you mean 'LOC'?") == 1
    assert "--resume" not in done.stderr
    assert not (tmp_path / "spread.jsonl.parts").exists()


def test_documents_that_all_failed_give_their_own_code(
    invoke: Any, engine: Engine, commands: Any, tmp_path: Path
) -> None:
    done = invoke(*commands["ner"], "none.txt", "neither.txt", "--out", "spread.jsonl", "--engine", "ray")
    assert (done.exit_code, len(engine.called)) == (3, 2)
    records = (tmp_path / "spread.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(record)["source"] for record in records] == ["none.txt", "neither.txt"]


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (("-", "--out", "o.jsonl"), "✗ --engine  standard input cannot be read in parts"),
        ((), "✗ --engine  standard input cannot be read in parts"),
        (("a.txt",), "✗ --engine  parts become one file, and none is named\n  add --out FILE"),
        (("a.txt", "--out", "o/"), "✗ --engine  parts become one file"),
        (("a.txt", "--out", "o.jsonl", "--shard", "1/2"), "✗ --shard  an engine reads all parts"),
        (("a.txt", "--out", "o.jsonl", "--html", "o.html"), "✗ --html  an engine reads all parts, and makes no page"),
        (("a.txt", "--out", "o.json"), "parts of the format json cannot be put together"),
        (("a.txt", "--out", "o.parquet", "--format", "csv"), "✗ --format  a Parquet file has records of JSON"),
        (("a.txt", "--out", "o.txt"), "parts of the format text cannot be put together"),
    ],
)
@pytest.mark.usefixtures("engine")
def test_what_cannot_be_read_in_parts_is_refused(invoke: Any, args: Any, problem: str) -> None:
    done = invoke("ner", *args, "--engine", "ray")
    assert done.exit_code == 2
    assert problem in done.stderr


def test_an_address_without_an_engine_is_refused(invoke: Any) -> None:
    done = invoke("ner", "a.txt", "--address", "auto")
    assert (done.exit_code, "✗ --address  no engine is named" in done.stderr) == (2, True)


def test_how_to_get_ray_is_said_in_one_line(invoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = invoke("ner", "a.txt", "--out", "o.jsonl", "--engine", "ray")
    assert (done.exit_code, done.stderr) == (
        2,
        "✗ --engine  ray is not installed\n  pip install 'bigbird-cli[ray]'\n",
    )


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 143)])
def test_a_driver_that_is_stopped_loses_nothing_on_ray(
    bigbird: Any, inputs: list[Path], commands: Any, number: signal.Signals, code: int
) -> None:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is not installed")
    folder = inputs[0].parent
    assert bigbird(*commands["ner"], *inputs, "--out", "straight.jsonl").returncode == 1
    command = [*commands["ner"], *map(str, inputs), "--out", "spread.jsonl", "--engine", "ray"]
    run = subprocess.Popen(
        [sys.executable, "-m", "bigbird_cli", *command],
        cwd=folder,
        env=process_environment(),
        stderr=subprocess.DEVNULL,
    )
    parts = folder / "spread.jsonl.parts"
    until = time.monotonic() + 120
    while len(list(parts.glob("*.jsonl"))) < 3 and time.monotonic() < until:
        time.sleep(0.05)
    run.send_signal(number)
    assert run.wait() == code
    done = bigbird(*command, "--resume", timeout=300)
    assert done.returncode in (0, 1), done.stderr
    assert (folder / "spread.jsonl").read_bytes() == (folder / "straight.jsonl").read_bytes()
