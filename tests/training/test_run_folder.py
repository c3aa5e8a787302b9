"""A run's folder: metrics that go on where a run does, and nothing that is written through a link."""

import contextlib
import json
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from bigbird_cli.errors import BigBirdWarning, ResourceError
from bigbird_cli.training.run_folder import MetricsFile
from tests.training.runs import metrics


def test_metrics_of_steps_that_are_done_again_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    first = MetricsFile(tmp_path, after=0)
    for step in (1, 2, 3):
        first.write("step", {"step": step, "loss": 1.0})
    with path.open("a", encoding="utf-8") as file:
        file.write('{"event": "step", "st')  # a crash in the middle of a line
    MetricsFile(tmp_path, after=2).write("step", {"step": 3, "loss": float("nan"), "scores": {"f1": float("inf")}})
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert (lines[-1]["loss"], lines[-1]["scores"]) == ("nan", {"f1": "inf"})


@pytest.mark.parametrize(
    "odd", [b"\xff\xfe\n", b"\x00" * 512 + b"\n", b'{"step": "2"}\n', b"[1]\n", b"[" * 99_999 + b"\n"]
)
def test_lines_that_are_no_metrics_are_kept_elsewhere(tmp_path: Path, odd: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    MetricsFile(tmp_path, after=0).write("step", {"step": 1, "loss": 1.0})
    whole = path.read_bytes() + odd
    path.write_bytes(whole)
    with pytest.warns(BigBirdWarning, match=r"no metrics.*metrics-1\.jsonl"):
        MetricsFile(tmp_path, after=1).write("step", {"step": 2, "loss": 1.0})
    assert [line["step"] for line in metrics(tmp_path)] == [1, 2]
    assert (tmp_path / "metrics-1.jsonl").read_bytes() == whole


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
@pytest.mark.parametrize("name", ["metrics.jsonl", "metrics.new"])
def test_metrics_are_not_written_through_a_link(tmp_path: Path, name: str, link: Callable[[Path, Path], None]) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    (tmp_path / "run").mkdir()
    with contextlib.suppress(ResourceError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        link(tmp_path / "run" / name, victim)
        MetricsFile(tmp_path / "run", after=0).write("step", {"step": 1})
    open_metrics = MetricsFile(Path(tempfile.mkdtemp(dir=tmp_path)), after=0)
    assert open_metrics._path is not None
    open_metrics._path.unlink()
    link(open_metrics._path, victim)
    with pytest.raises(ResourceError, match="which is not written to"):
        open_metrics.write("step", {"step": 1})
    assert victim.read_text() == "precious\n"


def test_events_for_tensorboard_are_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "tensorboard").symlink_to(tmp_path / "other")
    with pytest.raises(ResourceError, match="a link stands here"):
        MetricsFile(tmp_path, after=0, tensorboard=True)
    assert list((tmp_path / "other").iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no FIFOs")
def test_metrics_that_are_a_pipe_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "metrics.jsonl")
    with pytest.raises(ResourceError, match="no plain file"):
        MetricsFile(tmp_path, after=0)
