"""Several processes: they learn what one learns, go on from each other's checkpoints, and end together."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from bigbird_cli.cli.launch import _first_failure
from tests.conftest import Bigbird, process_environment

RECIPE = """
model: {{start: {model}, dropout: 0.1, attention_dropout: 0.1}}
task: {{type: qa, window: 32, overlap: 8, max_answer_tokens: 4}}
data: {{train: train.jsonl, dev: dev.jsonl, cache: cache}}
optim: {{lr: 1e-3, batch_size: 6, micro_batch_size: 2, steps: 8}}
run: {{log_every: 1, eval_every: 4, save_every: 1, keep: 20, keep_after: 20}}
"""
WORDS = ("ada", "bel", "the", "lamp", "keeper", "lit", "of", "year", "sea")


@pytest.fixture
def recipe(tmp_path: Path, tiny_qa_model: Path) -> Path:
    """Eight steps with dropout on 21 questions, so that the last batch of an epoch holds less than others."""
    rng = np.random.default_rng(0)
    for name, n in (("train", 21), ("dev", 5)):
        rows = []
        for number in range(n):
            words = [str(rng.choice(WORDS)) for _ in range(int(rng.integers(5, 60)))]
            answers = {"text": [words[0]], "answer_start": [0]}
            rows.append({"id": f"{name}{number}", "context": " ".join(words), "question": "who", "answers": answers})
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.format(model=tiny_qa_model))
    return path


HOSTILE = ("random", "torch", "numpy", "typer", "site", "sitecustomize", "usercustomize", "sentencepiece")


@pytest.fixture
def executed(tmp_path: Path) -> Path:
    """The file that says which of a folder's files, with names that Python programs import, was executed."""
    told = tmp_path / "executed"
    for name in (*HOSTILE, "bigbird_cli"):
        (tmp_path / f"{name}.py").write_text(f"open({str(told)!r}, 'a').write({name!r})\n")
    return told


def lines(run: Path, kind: str) -> dict[int, dict[str, Any]]:
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in found if line["event"] == kind]
    assert steps == sorted(set(steps)), "one process writes, each step once"
    return {line["step"]: line for line in found if line["event"] == kind}


def assert_alike(run: Path, other: Path) -> None:
    """Losses and scores of two runs but for float rounding, and what they saw to the token."""
    for step, line in lines(run, "step").items():
        theirs = lines(other, "step")[step]
        assert line["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
        assert line["padding"] == pytest.approx(theirs["padding"])
    for step, line in lines(run, "evaluated").items():
        assert line["scores"] == pytest.approx(lines(other, "evaluated")[step]["scores"])
    ours, theirs = (load_file(each / "checkpoints" / "step-8" / "state.safetensors") for each in (run, other))
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        # a key's bias has a gradient of 0 but for rounding, of which Adam makes steps of its full rate
        if name.startswith("model.") and not name.endswith("key.bias"):
            np.testing.assert_allclose(array, theirs[name], atol=2e-4, err_msg=name)


def test_nothing_from_the_current_folder_is_executed_in_several_processes(
    recipe: Path, tmp_path: Path, executed: Path
) -> None:
    command = [sys.executable, "-P", "-m", "bigbird_cli", "finetune", recipe.name, "--out", "two"]
    done = subprocess.run(
        [*command, "--nproc-per-node", "2", "--set", "optim.steps=1"],
        cwd=tmp_path, env=process_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not executed.exists(), executed.read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(
            ("finetune", "recipe.yaml", "--out", "one", "--nproc-per-node", "2", "--set", "optim.steps=1"),
            marks=pytest.mark.slow,  # the test above starts the same processes
        ),
        ("tokenize", "corpus.txt", "--train", "--vocab-size", "115", "--out", "vocabulary"),
    ],
)
def test_python_m_executes_nothing_else_from_the_current_folder(
    bigbird: Bigbird, recipe: Path, tmp_path: Path, executed: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "bigbird_cli.py").unlink()  # which Python itself takes from here
    (tmp_path / "corpus.txt").write_text("the keeper lit the lamp by the sea\n" * 50)
    done = bigbird(*arguments)
    assert done.returncode == 0, done.stderr
    assert recipe.exists()
    assert not executed.exists(), executed.read_text()


def test_two_processes_learn_what_one_does_and_go_on_from_each_other(
    bigbird: Bigbird, recipe: Path, tmp_path: Path
) -> None:
    for out, more in (("one", []), ("two", ["--nproc-per-node", "2"])):
        done = bigbird("finetune", recipe, "--out", out, *more)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("done: 8 steps") == 1
        assert done.stderr.count("step 8: saved") == 1
        assert "Warning" not in done.stderr
    assert "on 2 x cpu" in done.stderr
    assert_alike(tmp_path / "one", tmp_path / "two")

    changing = tmp_path / "changing"
    for step, more in ((3, ["--nproc-per-node", "2"]), (6, [])):
        source = tmp_path / "one" if step == 3 else changing
        checkpoint = source / "checkpoints" / f"step-{step}"
        if step == 6:
            for later in (7, 8):
                _remove(changing / "checkpoints" / f"step-{later}")
        done = bigbird("finetune", recipe, "--out", changing, "--resume", checkpoint if step == 3 else "auto", *more)
        assert done.returncode == 0, done.stderr
        assert f"resumed from {checkpoint}" in done.stderr
    assert lines(changing, "step").keys() == set(range(4, 9))
    for step, line in lines(changing, "step").items():
        assert line["loss"] == pytest.approx(lines(tmp_path / "one", "step")[step]["loss"], rel=1e-5)


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder)


def test_a_mistake_is_told_once(bigbird: Bigbird, recipe: Path, tmp_path: Path) -> None:
    done = bigbird("finetune", recipe, "--out", "run", "--set", "data.train=nothing.jsonl", "--nproc-per-node", "2")
    assert done.returncode == 3
    assert done.stderr.count("✗") == 1
    assert not list((tmp_path / "run").glob("checkpoints/*"))


@pytest.fixture
def running(recipe: Path, tmp_path: Path) -> Iterator[tuple["subprocess.Popen[bytes]", list[int]]]:
    """A long run of two processes that has taken some steps, and its processes in the order of their ranks."""
    command = [sys.executable, "-m", "bigbird_cli", "finetune", str(recipe), "--out", "run", "--nproc-per-node", "2"]
    for change in ("optim.steps=1000000", "run.save_every=1000000", "run.eval_every=1000000", "run.wait=5"):
        command += ["--set", change]
    with (tmp_path / "said.txt").open("wb") as said:
        parent = subprocess.Popen(command, cwd=tmp_path, env=process_environment(), stderr=said)
    metrics = tmp_path / "run" / "metrics.jsonl"
    until = time.monotonic() + 60
    while not (metrics.exists() and metrics.read_text()):
        assert parent.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)
    children = subprocess.run(["pgrep", "-P", str(parent.pid)], capture_output=True, text=True, check=True)
    yield parent, sorted(map(int, children.stdout.split()), key=_rank)
    parent.terminate()
    parent.wait(timeout=60)


def _rank(process: int) -> int:
    variables = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    return next(int(variable[5:]) for variable in variables if variable.startswith(b"RANK="))


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc")


@on_linux
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_is_killed_ends_the_run_with_its_name(
    running: tuple["subprocess.Popen[bytes]", list[int]], tmp_path: Path, rank: int
) -> None:
    parent, children = running
    os.kill(children[rank], signal.SIGKILL)
    assert parent.wait(timeout=60) == 5
    assert f"process {rank} of 2 was killed by SIGKILL" in (tmp_path / "said.txt").read_text()
    assert not any(map(_is_running, children))


@on_linux
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_to_the_run_saves_once_and_ends_all(
    running: tuple["subprocess.Popen[bytes]", list[int]], tmp_path: Path, number: int, code: int
) -> None:
    parent, children = running
    parent.send_signal(number)
    assert parent.wait(timeout=60) == code
    said = (tmp_path / "said.txt").read_text()
    assert said.count("saved") == 1
    assert "go on with: bigbird finetune run --nproc-per-node 2" in said
    assert "Traceback" not in said
    assert not any(map(_is_running, children))


@on_linux
@pytest.mark.slow
def test_a_process_that_stands_still_is_not_waited_for(
    running: tuple["subprocess.Popen[bytes]", list[int]], tmp_path: Path
) -> None:
    parent, children = running
    os.kill(children[1], signal.SIGSTOP)
    assert parent.wait(timeout=90) == 7
    assert "does not answer" in (tmp_path / "said.txt").read_text()
    assert not any(map(_is_running, children))


@on_linux
def test_a_wish_for_a_checkpoint_is_granted_and_the_run_goes_on(
    running: tuple["subprocess.Popen[bytes]", list[int]], tmp_path: Path
) -> None:
    parent, _ = running
    os.kill(parent.pid, signal.SIGUSR1)
    until = time.monotonic() + 30
    while not list(tmp_path.glob("run/checkpoints/step-*/manifest.json")):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert parent.poll() is None


@on_linux
def test_processes_whose_parent_is_gone_save_and_end(
    running: tuple["subprocess.Popen[bytes]", list[int]], tmp_path: Path
) -> None:
    parent, children = running
    parent.kill()
    until = time.monotonic() + 60
    while any(map(_is_running, children)):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert list(tmp_path.glob("run/checkpoints/step-*/manifest.json"))


@pytest.mark.parametrize(("codes", "rank"), [((-6, -9), 1), ((7, 5), 1), ((7, -6), 0), ((-6, 0), 0), ((2, 2), 0)])
def test_the_failure_named_is_not_that_of_a_process_left_alone(codes: tuple[int, ...], rank: int) -> None:
    processes: Any = [SimpleNamespace(returncode=code, poll=lambda code=code: code) for code in codes]
    assert _first_failure(processes) == rank
