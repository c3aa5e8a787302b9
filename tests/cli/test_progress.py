"""How far reading has come, with a terminal and without one."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from bigbird_cli.api import Request
from bigbird_cli.cli.progress import ReadingProgress
from bigbird_cli.events import Tokenizing, WindowRead
from bigbird_cli.text.documents import Document


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("bigbird_cli.cli.progress.time.monotonic", lambda: now[0])
    return now


def window(n_done: int, *, before: int = 0) -> WindowRead:
    return WindowRead("a.txt", n_done, 50, before + n_done, before + 50, 400 * (before + n_done))


def test_reading_is_told_in_a_line_every_so_often_where_there_is_no_terminal(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with ReadingProgress(quiet=False) as progress:
        for n_characters in (40_000, 90_000):
            clock[0] += 6
            progress.show(Tokenizing("a.txt", n_characters, 100_000))
        for n_done in range(1, 50):
            progress.show(window(n_done))
            progress.show(Tokenizing("b.txt", 1, 9))  # what is made ready meanwhile
            clock[0] += 2
    assert capsys.readouterr().err.splitlines() == [
        "tokenising · 90% of 100,000 characters · a.txt",
        *(
            f"{n}/50 windows · 200 tokens/s · {2 * (50 - n)} s left · a.txt"
            for n in (6, 11, 16, 21, 26, 31, 36, 41, 46)
        ),
    ]


def test_the_windows_of_all_documents_are_told_where_more_are_planned(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    progress = ReadingProgress(quiet=False)
    progress.show(window(1, before=30))
    clock[0] += 11
    progress.show(window(12, before=30))
    assert capsys.readouterr().err == "12/50 windows · 42/80 in all · 400 tokens/s · 38 s left · a.txt\n"
    quiet = ReadingProgress(quiet=True)
    clock[0] += 11
    quiet.show(window(13))
    assert capsys.readouterr().err == ""


def test_a_terminal_has_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(
        "bigbird_cli.cli.progress.Console",
        lambda **options: Console(**options | {"stderr": False}, file=shown, force_terminal=True, width=100),
    )
    with ReadingProgress(quiet=False) as progress:
        progress.show(window(1))
        clock[0] += 2
        progress.show(window(5))
        assert progress._bar is not None
        progress._bar.refresh()
        assert "5/50 windows · 800 tokens/s · 22 s left · a.txt" in shown.getvalue()
        before = len(shown.getvalue())
        with progress.paused():
            assert shown.getvalue()[before:].endswith("\x1b[2K")


def test_a_batch_is_told_by_its_documents(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    progress = ReadingProgress(quiet=False)
    progress.n_expected = 10
    progress.show(window(1))
    for name in "ab":
        request = Request(Document(name, "text"))
        for question in ("who?", "when?"):
            progress.take(replace(request, second=question))
    clock[0] += 20
    progress.show(window(41))
    assert progress.n_documents == 2
    line = "2/10 documents · 41/50 windows · 800 tokens/s · 80 s left · a.txt\n"
    assert capsys.readouterr().err == line
    assert progress.summary(3, n_failed=1, n_skipped=2) == (
        "4 questions on 2 documents: 3 done, 1 failed, 2 files skipped · 20 s · 820 tokens/s"
    )
    assert ReadingProgress(quiet=True).summary(1, n_failed=0, n_skipped=1) == "1 done, 1 file skipped"
