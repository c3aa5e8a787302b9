"""On a terminal, a document without a question is asked one after the other: through a terminal of its own."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bigbird_cli.api import QAResult, Request, answer_all
from bigbird_cli.cli.prompt import Prompt
from bigbird_cli.cli.results import Answers
from bigbird_cli.text.documents import Document
from tests.conftest import process_environment


class Terminal:
    """`bigbird qa` at a terminal; what it shows is read up to what is expected."""

    def __init__(self, *args: str | Path, folder: Path) -> None:
        self.fd, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bigbird_cli", "qa", *map(str, args)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env=process_environment({"NO_COLOR": "1", "TERM": "dumb"}),
        )
        os.close(theirs)

    def until(self, expected: str, *, seconds: float = 120) -> str:
        """What is shown, up to and with what is expected."""
        shown, end = "", time.monotonic() + seconds
        while expected not in shown:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            try:
                data = os.read(self.fd, 65536) if ready else b""
            except OSError:  # the other side is gone
                data = b""
            assert data, f"{expected!r} does not come after {shown!r}"
            shown += data.decode(errors="replace").replace("\r\n", "\n")
        return shown

    def type(self, line: str) -> None:
        os.write(self.fd, line.encode())

    def signalled(self, number: int, is_seen: Callable[[], bool]) -> None:
        """Send a signal until it is seen: one that comes just before readline waits is heard with the next."""
        for _ in range(30):
            self.process.send_signal(number)
            if is_seen():
                return
        raise AssertionError(f"signal {number} is never seen")

    def shows(self, expected: str) -> bool:
        """Whether something is shown within a few seconds."""
        try:
            return bool(self.until(expected, seconds=4))
        except AssertionError:
            return False

    def has_ended(self) -> bool:
        """Whether the process ends within a few seconds."""
        try:
            return self.process.wait(timeout=4) is not None
        except subprocess.TimeoutExpired:
            return False

    def ask(self, line: str) -> str:
        """What is shown between a line and the next prompt."""
        self.type(line + "\n")
        return self.until("\n? ")


@pytest.fixture
def terminal(tmp_path: Path, tiny_qa_model: Path) -> Iterator[Terminal]:
    text = "The keeper of the tower lit the lamp. " * 60 + "Cora signed the lease in 1887. "
    (tmp_path / "book.txt").write_text(text)
    opened = Terminal("book.txt", "--model", tiny_qa_model, folder=tmp_path)
    yield opened
    opened.process.kill()
    opened.process.wait()
    os.close(opened.fd)


def test_questions_are_answered_until_the_user_ends(terminal: Terminal) -> None:
    assert "book.txt is open" in terminal.until("? ")
    answer = terminal.ask("who signed the lease?")
    assert "of book.txt" in answer
    assert re.search(r"read (\d+) of \1 tokens in 3 windows", answer)
    following = terminal.ask(":n")
    assert "runner-up" in following
    assert "into book.txt" in terminal.ask(":page")
    assert "reading 1 windows" in terminal.ask(":skim 1")
    assert "skimmed" in terminal.ask("who signed the lease?")
    assert "no :why" in terminal.ask(":why")
    assert "Ctrl-D" in terminal.ask(":help")
    terminal.type("who half a quest")
    terminal.until("quest")
    terminal.signalled(signal.SIGINT, lambda: terminal.shows("stopped: :q ends\n? "))
    terminal.type("\x04")
    assert terminal.process.wait(timeout=60) == 0


def test_ctrl_c_stops_an_answer_shows_what_it_has_and_leaves_the_prompt(
    tiny_qa_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(question: str, skim: int | None) -> Iterator[QAResult]:
        yield from answer_all([Request(Document("book", "Ada lit it."), question)], model=tiny_qa_model, skim=skim)
        if question == "who?":
            raise KeyboardInterrupt

    lines = iter(["who?", ":page", "who else?", ":n", ":q"])
    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    Prompt("book", ask, Answers()).run()
    shown = capsys.readouterr()
    assert shown.out.count("of book") == 2
    assert shown.out.count("into book") == 1
    assert shown.err.splitlines()[1:] == ["stopped: :q ends", "✗ there are no more answers", "  ask in other words"]
    assert next(lines, None) is None


def test_a_signal_to_end_ends_the_prompt(terminal: Terminal) -> None:
    terminal.until("? ")
    terminal.signalled(signal.SIGTERM, terminal.has_ended)
    assert terminal.process.returncode == 128 + signal.SIGTERM
