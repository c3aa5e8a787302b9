"""Who waits long for a document is told once what skimming would take, by the measured rate."""

from collections.abc import Iterator

import pytest

from bigbird_cli.cli.hints import SkimHint
from bigbird_cli.cli.progress import ReadingProgress
from bigbird_cli.events import Tokenizing, WindowRead


def read(n_windows: int, *, seconds: float, n_questions: int = 1, quiet: bool = False, window: int = 384) -> None:
    """A document is read at so many seconds a window of so many tokens, eight of them at a time."""
    hint = SkimHint(ReadingProgress(quiet=quiet, every=1e9), n_questions=n_questions)
    hint.show(Tokenizing("book.txt", 1, 1))
    for n in range(1, n_windows + 1):
        clock.now = seconds * (-(-n // 8) * 8)
        hint.show(WindowRead("book.txt", n, n_windows, n, n_windows, window * n))


class clock:
    now = 0.0


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("time.monotonic", lambda: clock.now)
    yield
    clock.now = 0.0


def test_a_long_reading_is_told_once_with_both_times(capsys: pytest.CaptureFixture[str]) -> None:
    read(544, seconds=0.5)
    assert capsys.readouterr().err.splitlines() == ["book.txt: about 5 min to read whole; --skim 8 about 4 s"]


def test_all_questions_count(capsys: pytest.CaptureFixture[str]) -> None:
    read(108, seconds=0.125, n_questions=20)
    assert "about 4 min to read whole; --skim 8 about 20 s" in capsys.readouterr().err


def test_skimming_reads_short_windows_where_the_model_reads_long_ones(capsys: pytest.CaptureFixture[str]) -> None:
    read(32, seconds=4.0, window=3840)
    assert "about 2 min to read whole; --skim 8 about 3 s" in capsys.readouterr().err


@pytest.mark.parametrize(("n_windows", "seconds", "quiet"), [(100, 0.5, False), (8, 30.0, False), (544, 0.5, True)])
def test_a_short_or_a_quiet_reading_is_not_remarked(
    capsys: pytest.CaptureFixture[str], n_windows: int, seconds: float, quiet: bool
) -> None:
    read(n_windows, seconds=seconds, quiet=quiet)
    assert not capsys.readouterr().err
