"""A signal to stop ends a command at any moment with its code, and without a traceback."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these signals are of POSIX")

STOP = [signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGTERM)]

BEGUN = """
import sys, time
from bigbird_cli.cli import main, signals
listen = signals.listen

def listening():
    listen()
    print("listening", flush=True)
    {then}

signals.listen = listening
sys.argv = ["bigbird", "--help"]
main()
"""

IMPORTING = """
import sys
from pathlib import Path
folder = Path(sys.argv[1])
(folder / "slow.py").write_text('''
try:
    print("importing", flush=True)
    import time
    time.sleep(60)
except BaseException:
    pass
''')
sys.path.insert(0, str(folder))
from bigbird_cli.cli import app, guarded, main

def load():
    import slow

app.command()(guarded(load))
sys.argv = ["bigbird", "load"]
main()
"""

CLEARING = """
import sys, time
from bigbird_cli.cli import app, guarded, main

class Slow:
    def __del__(self):
        print("clearing", flush=True)
        time.sleep(60)

def clear():
    Slow()
    time.sleep(60)

app.command()(guarded(clear))
sys.argv = ["bigbird", "clear"]
main()
"""


def ended(code: str, number: int, *arguments: str) -> tuple[int, str]:
    """Start a program, send it a signal when it has said a line, and tell its code and standard error."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
    return process.returncode, stderr


@pytest.mark.parametrize("number", STOP)
def test_a_signal_before_any_command_runs_ends_with_its_code(number: signal.Signals) -> None:
    assert ended(BEGUN.format(then="time.sleep(60)"), number) == (128 + number, "✗ stopped\n")


@pytest.mark.parametrize("number", STOP)
def test_a_library_that_swallows_exceptions_in_its_import_stops_too(number: signal.Signals, tmp_path: Path) -> None:
    assert ended(IMPORTING, number, str(tmp_path)) == (128 + number, "✗ stopped\n")


@pytest.mark.parametrize("number", STOP)
def test_a_signal_while_an_object_is_cleared_away_stops_too(number: signal.Signals) -> None:
    assert ended(CLEARING, number) == (128 + number, "✗ stopped\n")


def test_a_signal_that_is_ignored_stays_so() -> None:
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + BEGUN.format(then="time.sleep(1)")
    assert ended(code, signal.SIGTERM) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("number", STOP)
@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("qa", "-c", "long.txt", "-q", "Who?"), ("tokenize", "long.txt"), ("finetune", "qa-mini", "--check")],
    ids=lambda arguments: arguments[0],
)
def test_a_signal_at_any_moment_ends_with_its_code(
    arguments: tuple[str, ...], number: signal.Signals, tmp_path: Path
) -> None:
    (tmp_path / "long.txt").write_text("Ada lives in Oslo and keeps the lamp lit. " * 5000)
    command = f"from bigbird_cli.cli import main, signals; import sys; sys.argv = ['bigbird', *{arguments!r}]"
    command += "; signals.listen(); print('begun', flush=True); main()"
    for n in range(20):
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [sys.executable, "-c", command], stdout=pipe, stderr=pipe, text=True, cwd=tmp_path
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline()  # before that, the interpreter itself is at work
            time.sleep(3.0 * (n / 20) ** 2)
            process.send_signal(number)
            _, stderr = process.communicate(timeout=60)
        assert "Traceback" not in stderr
        if process.returncode == 128 + number:
            assert stderr.splitlines()[-1:] == ["✗ stopped"]
        else:  # it had done already
            assert process.returncode in (0, 2, 3)
