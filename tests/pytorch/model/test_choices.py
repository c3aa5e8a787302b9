"""A way is chosen by time, only where it is clearly quicker, once on a machine, and for all processes."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bigbird_cli.pytorch.model import choices
from bigbird_cli.pytorch.model.choices import FEWEST, ROUNDS, adopt, choose, chosen, quickest

AMONG = ("usual", "other")


class Clock:
    """Ways that take the seconds they are told, and a clock that they move."""

    def __init__(self, **seconds: float) -> None:
        self.now = 0.0
        self.calls: list[str] = []
        self._seconds = seconds

    def perf_counter(self) -> float:
        return self.now

    def ways(self) -> Mapping[str, Callable[[], object]]:
        def way(name: str) -> Callable[[], object]:
            def call() -> None:
                self.calls.append(name)
                self.now += self._seconds[name]

            return call

        return {name: way(name) for name in self._seconds}


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BIGBIRD_CACHE", str(tmp_path))
    monkeypatch.setattr(choices, "_made", {})
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Choose in what is as good as a new process, with ways that take these seconds."""

    def choose_anew(**seconds: float) -> str:
        clock = Clock(**seconds)
        monkeypatch.setattr(choices, "_made", {})
        monkeypatch.setattr(choices, "time", clock)
        return choose("work", AMONG, clock.ways)

    return choose_anew


@pytest.mark.parametrize(
    ("seconds", "wanted"), [(0.5, "other"), (0.94, "other"), (0.96, "usual"), (1.0, "usual"), (3.0, "usual")]
)
def test_another_way_is_taken_where_it_is_clearly_quicker(run: Callable[..., str], seconds: float, wanted: str) -> None:
    assert run(usual=1.0, other=seconds) == wanted


def test_one_slow_round_changes_nothing() -> None:
    usual, other = [1.0] * 7, [0.8] * 7
    assert quickest({"usual": usual, "other": [*other[:6], 9.0]}, default="usual") == "other"
    assert quickest({"usual": [*usual[:6], 9.0], "other": usual}, default="usual") == "usual"


def test_a_way_that_is_quicker_in_half_of_the_rounds_is_not_taken() -> None:
    assert quickest({"usual": [1.0] * 6, "other": [0.5, 1.2] * 3}, default="usual") == "usual"


def test_the_quickest_of_several_is_taken() -> None:
    seconds = {"usual": [1.0] * 3, "other": [0.8] * 3, "third": [0.6] * 3}
    assert quickest(seconds, default="usual") == "third"


def test_ways_are_timed_in_turn_after_a_round_that_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(usual=0.0078125, other=0.00390625)  # powers of two, so that their sums are exact
    monkeypatch.setattr(choices, "time", clock)
    assert choices.measure(clock.ways) == {"usual": [0.0078125] * ROUNDS, "other": [0.00390625] * ROUNDS}
    assert clock.calls == ["usual", "other"] * (1 + ROUNDS)


def test_slow_ways_are_timed_in_fewer_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(usual=1.0, other=2.0)
    monkeypatch.setattr(choices, "time", clock)
    choices.measure(clock.ways)
    assert clock.calls == ["usual", "other"] * (1 + FEWEST)


def test_a_choice_is_kept_for_later_processes(run: Callable[..., str]) -> None:
    assert run(usual=1.0, other=0.5) == "other"
    assert run(usual=1.0, other=2.0) == "other"


@pytest.mark.parametrize("name", ["ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS", "ATEN_CPU_CAPABILITY"])
def test_other_instruction_sets_are_another_machine(
    run: Callable[..., str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(usual=1.0, other=0.5) == "other"
    monkeypatch.setenv(name, "AVX2")
    assert run(usual=1.0, other=2.0) == "usual"
    monkeypatch.delenv(name)
    assert run(usual=1.0, other=2.0) == "other"


def test_nothing_is_measured_that_cannot_be_kept(
    cache_folder: Path, run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = cache_folder / "file"
    file.touch()
    monkeypatch.setenv("BIGBIRD_CACHE", str(file / "below"))
    monkeypatch.setattr(choices, "measure", None)
    assert run(usual=1.0, other=0.5) == "usual"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"way": 3}', '{"way": "unheard of"}'])
def test_a_broken_file_is_written_anew(cache_folder: Path, run: Callable[..., str], content: str) -> None:
    run(usual=1.0, other=2.0)
    (path,) = cache_folder.rglob("*.json")
    path.write_text(content)
    assert run(usual=1.0, other=0.5) == "other"
    assert json.loads(path.read_text())["way"] == "other"


def test_the_first_of_several_processes_decides(
    cache_folder: Path, run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = choices.measure

    def measure_late(_: choices.Ways) -> dict[str, list[float]]:
        monkeypatch.setattr(choices, "measure", measure)
        assert run(usual=1.0, other=2.0) == "usual"
        return {"usual": [1.0] * ROUNDS, "other": [0.5] * ROUNDS}

    monkeypatch.setattr(choices, "measure", measure_late)
    assert run(usual=1.0, other=0.5) == "usual"
    assert len(list(cache_folder.rglob("*"))) == 3  # two folders and the file: nothing temporary stays


def test_what_was_adopted_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    adopt({"work": "other"})
    monkeypatch.setattr(choices, "measure", None)
    assert choose("work", AMONG, Clock().ways) == "other"
    assert chosen() == {"work": "other"}


def test_an_unknown_way_is_not_adopted(run: Callable[..., str]) -> None:
    run(usual=1.0, other=0.5)
    adopt({"work": "unheard of"})
    assert choose("work", AMONG, Clock().ways) == "other"
