"""The command as a whole: quick to start, well-behaved on errors and signals."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

import bigbird_cli
from bigbird_cli.cli.boundary import guarded
from bigbird_cli.cli.signals import Terminated
from bigbird_cli.errors import BigBirdWarning, DataError, DivergedError, ResourceError, UsageError

HEAVY = ("torch", "numpy", "pydantic", "yaml", "datasets", "transformers", "tokenizers", "rich", "click")


def test_help_imports_nothing_heavy(repository: Path) -> None:
    code = f"""
import os, sys
os._exit = sys.exit
sys.argv = ["bigbird", "--help"]
from bigbird_cli.cli import main
try:
    main()
finally:
    print("heavy:", [name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=repository, check=False)
    assert done.returncode == 0, done.stderr
    assert "heavy: []" in done.stdout
    for command in ("qa", "tokenize", "finetune", "convert"):
        assert f"\n  {command} " in done.stdout


def test_version(invoke: Any) -> None:
    assert invoke("--version").stdout == f"bigbird-cli {bigbird_cli.__version__}\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("arguments", [("--help",), ("qa", "--help"), ("--version",), ("tokenize", __file__)])
def test_output_to_a_full_disk_is_an_error_with_a_message(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bigbird_cli", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 5
    assert done.stderr == "✗ the disk is full\n  free some space, then start again\n"


@pytest.mark.skipif(sys.platform == "win32", reason="these are redirections of POSIX shells")
@pytest.mark.parametrize(
    ("streams", "has_output"), [(">&-", False), ("2>&-", True), ("<&- >&- 2>&-", False), ("2>/dev/full", True)]
)
def test_closed_streams_change_no_exit_code(streams: str, has_output: bool, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("ada lit it")
    for arguments, code in (("--help", 0), (f"tokenize {text}", 0), (f"tokenize {tmp_path}/none.txt", 3)):
        command = f"{sys.executable} -m bigbird_cli {arguments} {streams}"
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert bool(done.stdout) == (has_output and code == 0)
    assert text.read_text() == "ada lit it"


def test_unknown_commands_are_usage_errors_with_a_hint(invoke: Any) -> None:
    result = invoke("tokenise")
    assert result.exit_code == 2
    assert "tokenize" in result.stderr


class OutOfMemoryError(RuntimeError):
    """Has the name of torch's."""


class PanicException(BaseException):
    """Has the name of what libraries in Rust raise."""


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (UsageError("wrong", fix="right"), 2, "✗ wrong\n  right\n"),
        (DataError("wrong", where="a.txt:3"), 3, "✗ a.txt:3  wrong\n"),
        (ResourceError("full"), 5, "✗ full\n"),
        (DivergedError("the loss is nan"), 6, "✗ the loss is nan\n"),
        (MemoryError(), 5, "✗ memory ran out\n  close other programs"),
        (OutOfMemoryError("CUDA out of memory"), 5, "✗ memory ran out\n  close other programs"),
        (OSError(28, "No space left on device", "out.bin"), 5, "✗ out.bin  the disk is full\n"),
        (OSError(122, "Disk quota exceeded", "out.bin"), 5, "✗ out.bin  this user's share of the disk is used up"),
        (OSError(27, "File too large", "out.bin"), 5, "✗ out.bin  a file may not grow that large here (ulimit -f)\n"),
        (OSError(12, "Cannot allocate memory", "torch"), 5, "✗ torch  memory ran out\n"),
        (OSError(24, "Too many open files", "a.txt"), 5, "✗ a.txt  too many files are open (ulimit -n)\n"),
        (BlockingIOError(11, "Resource temporarily unavailable"), 5, "✗ no more threads or processes may be started"),
        (RuntimeError("can't start new thread"), 5, "✗ no more threads or processes may be started"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), 5, "✗ memory ran out\n"),
        (RuntimeError("std::bad_alloc"), 5, "✗ memory ran out\n"),
        (PanicException("PyObject pointer is null"), 5, "✗ memory ran out\n"),
        (PanicException("index out of bounds"), 1, "✗ an unexpected error: PanicException: index"),
        (PermissionError(13, "Permission denied", "a.txt"), 3, "✗ a.txt  permission denied\n"),
        (FileNotFoundError(2, "No usable temporary directory found in ['/tmp']"), 5, "✗ no folder for temporary files"),
        (KeyboardInterrupt(), 130, "✗ stopped\n"),
        (Terminated(), 143, "✗ stopped\n"),
        (Terminated(signal.SIGHUP), 129, "✗ stopped\n"),
        (ModuleNotFoundError(name="msgpack"), 2, "✗ msgpack is not installed\n  pip install msgpack\n"),
        (ModuleNotFoundError(name="yaml.nodes"), 2, "✗ yaml is not installed\n  pip install PyYAML\n"),
        (ModuleNotFoundError(name="bigbird_cli.gone"), 1, "✗ an unexpected error: ModuleNotFoundError"),
        (ZeroDivisionError("oops"), 1, "✗ an unexpected error: ZeroDivisionError: oops\n"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_errors_become_a_message_and_an_exit_code(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, says: str
) -> None:
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as ended:
        guarded(command)()
    shown = capsys.readouterr()
    assert ended.value.exit_code == code
    assert shown.err.startswith(says)
    assert shown.out == ""
    assert "Traceback" not in shown.err


def test_warnings_are_shown_once_and_not_at_all_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    import warnings

    def command(*, quiet: bool) -> None:
        for _ in range(3):
            warnings.warn(f"the head is new (quiet={quiet})", BigBirdWarning, stacklevel=1)
            warnings.warn("a library's own affair", DeprecationWarning, stacklevel=1)

    guarded(command)(quiet=False)
    assert capsys.readouterr().err == "! the head is new (quiet=False)\n"
    guarded(command)(quiet=True)
    assert capsys.readouterr().err == ""


PROBE = """
import sys, time
from bigbird_cli.cli import app, guarded, main
from bigbird_cli.api import QAResult, Request
from bigbird_cli.cli.console import write_json
from bigbird_cli.cli.results import Answers
from bigbird_cli.tasks.qa.spans import QAPrediction
from bigbird_cli.tasks.windowed import Coverage
from bigbird_cli.text.documents import Document

def wait():
    print("ready", flush=True)
    time.sleep(60)

def count():
    for number in range(100_000):
        write_json({"number": number})

def show():
    receipt = {"read": 1, "tokens": 1, "windows": 1, "truncated": False, "unknown": 0, "attention": "full"}
    receipt |= {"device": "cpu", "model": "tiny"}
    prediction = QAPrediction("text", answer=None, spans=(), no_answer_score=0.5, coverage=Coverage(1, 1, 0, 1, 4))
    answers = Answers()
    for _ in range(10_000):
        answers.show(QAResult(Request(Document("text", "text"), "Who?"), (prediction, receipt)))

app.command()(guarded(wait))
app.command()(guarded(show))
app.command()(guarded(count))
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="these signals are of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_with_their_code(repository: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", PROBE, "wait"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=repository) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.kill(process.pid, number)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert stderr == "✗ stopped\n"


AGAIN = """
import os, sys
from bigbird_cli import cli
from bigbird_cli.cli import boundary, program as commands

number, room, name = int(sys.argv[1]), {"commands": commands, "boundary": boundary}[sys.argv[2]], sys.argv[3]
function = getattr(room, name)

def interrupted(*args, **settings):
    os.kill(os.getpid(), number)
    return function(*args, **settings)

def stopped():
    os.kill(os.getpid(), number)

setattr(room, name, interrupted)
cli.app.command()(cli.guarded(stopped))
sys.argv[1:] = ["stopped"]
cli.main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="these signals are of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("place", ["commands _open_streams", "boundary report", "boundary _say", "commands _leave"])
def test_a_signal_that_comes_again_at_any_place_ends_it_without_a_traceback(
    repository: Path, number: signal.Signals, place: str
) -> None:
    command = [sys.executable, "-c", AGAIN, str(int(number)), *place.split()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=repository, check=False)
    assert done.returncode == 128 + number
    assert done.stderr in ("", "✗ stopped\n")


def test_the_end_waits_for_no_thread_and_leaves_no_temporary_folder(repository: Path) -> None:
    code = """
import sys, tempfile
from concurrent.futures import ThreadPoolExecutor
from bigbird_cli.cli import main
folder = tempfile.TemporaryDirectory()
print(folder.name)
ThreadPoolExecutor().submit(sys.stdin.read)
sys.argv = ["bigbird", "--version"]
main()
"""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True, cwd=repository) as process:
        assert process.wait(timeout=60) == 0  # its standard input is still open
        assert process.stdout is not None
        folder, version = process.stdout.read().splitlines()
    assert version.startswith("bigbird-cli")
    assert not Path(folder).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="head and pipefail are of POSIX shells")
@pytest.mark.parametrize(("command", "line"), [("count", '{"number": 0}'), ("show", "Who?")])
def test_a_reader_that_leaves_early_ends_it_quietly(command: str, line: str, repository: Path) -> None:
    script = 'set -o pipefail; "$0" -c "$1" "$2" | head -1'
    words = ["bash", "-c", script, sys.executable, PROBE, command]
    done = subprocess.run(words, capture_output=True, text=True, cwd=repository, check=False)
    assert (done.stdout, done.stderr, done.returncode) == (f"{line}\n", "", 0)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are of POSIX shells")
def test_a_run_whose_progress_nobody_reads_goes_on(repository: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from bigbird_cli.cli.console import say
from bigbird_cli.cli.run_progress import RunProgress
from bigbird_cli.events import Saved
reads, writes = os.pipe()
os.dup2(writes, 2)
os.close(reads)
os.close(writes)
with RunProgress(quiet=False) as run:
    for step in range(3):
        run.show(Saved(step=step, path=Path("x")))
        say("a remark")
print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=repository, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n")
