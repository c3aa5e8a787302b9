"""What a reader sees of answers and runs."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bigbird_cli.api import ClassifyResult, NERResult, QAResult, Receipt, Request
from bigbird_cli.cli import visible as visible_module
from bigbird_cli.cli.progress import ReadingProgress
from bigbird_cli.cli.results import Answers, Entities, Labels
from bigbird_cli.cli.run_progress import RunProgress
from bigbird_cli.cli.visible import json_parts, to_json
from bigbird_cli.events import Checked, Evaluated, Finished, Saved, Started, Step, Tokenizing, WindowRead
from bigbird_cli.messages import visible
from bigbird_cli.tasks.classify.decoding import ClassPrediction
from bigbird_cli.tasks.ner.decoding import Entity, NERPrediction
from bigbird_cli.tasks.qa.spans import QAPrediction, Span
from bigbird_cli.tasks.windowed import Coverage
from bigbird_cli.text.documents import Document
from bigbird_cli.text.sentences import sentence_around

TEXT = (
    "It was dark. Dr. Ada Lund, who kept the light, signed the lease on 4 May 1911, at 3.30 p.m. in a hurry. "
    "Then she left.\n\nA new paragraph without an end"
)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("dark", "It was dark."),
        ("dark.", "It was dark."),
        ("4 May 1911", TEXT[13:103]),
        ("Dr. Ada Lund", TEXT[13:103]),
        ("she left", "Then she left."),
        ("paragraph", "A new paragraph without an end"),
        ("dark. Dr", TEXT[:103]),
    ],
)
def test_an_answer_is_shown_in_its_sentence(answer: str, sentence: str) -> None:
    start = TEXT.index(answer)
    excerpt = sentence_around(TEXT, start, start + len(answer))
    assert TEXT[excerpt.start : excerpt.stop] == sentence
    assert not excerpt.cut_before
    assert not excerpt.cut_after


def test_a_sentence_without_end_is_cut_between_words() -> None:
    text = "word " * 1000
    excerpt = sentence_around(text, 2500, 2504)
    assert excerpt.cut_before
    assert excerpt.cut_after
    assert excerpt.stop - excerpt.start < 500
    assert text[excerpt.start : excerpt.stop].split() == ["word"] * len(text[excerpt.start : excerpt.stop].split())


@given(st.text(max_size=900), st.data())
def test_the_excerpt_always_holds_the_answer(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    excerpt = sentence_around(text, start, end)
    assert 0 <= excerpt.start <= start <= end <= excerpt.stop <= len(text)


@given(st.text(st.characters(codec=None), max_size=50))
def test_shown_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    for shown in (visible(text), to_json({"text": text})):
        assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in shown)
        assert not set(shown) & set("\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
    assert json.loads(to_json({"text": text})) == {"text": text}


def step(n: int) -> Step:
    return Step(
        step=n,
        n_steps=3,
        epoch=n / 3,
        loss=1.5 / n,
        lr=3e-5,
        tokens_per_second=12345.6,
        padding=0.125,
        grad_norm=1.0,
        eta_seconds=4000.0,
        memory_mb=1234.5,
    )


EVENTS = [
    Started(run=Path("runs/x"), device="cpu", n_parameters=1234567, n_features=12, n_steps=3),
    step(1),
    step(2),
    Evaluated(step=2, scores={"f1": 51.25}, best=True, seconds=61.0, metric="f1"),
    Saved(step=2, path=Path("runs/x/checkpoints/step-2")),
    step(3),
    Finished(step=3, best_scores={"f1": 51.25}, run=Path("runs/x"), seconds=7200.0, metric="f1"),
]


def test_a_run_without_a_terminal_is_a_few_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress(quiet=False) as run:
        for event in EVENTS:
            run.show(event)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "\x1b" not in shown.err
    assert shown.err.splitlines() == [
        "runs/x  1,234,567 parameters on cpu · 12 windows an epoch · 3 steps",
        "step 1/3 · epoch 0.33 · loss 1.5000 · 1 h 07 min left · 12,346 tokens/s · lr 3.00e-05 · padding 12% · "
        "1,234 MB",
        # step 2 came within ten seconds of step 1
        "step 2: f1 51.25 (61 s) · the best so far, kept",
        "step 2: saved runs/x/checkpoints/step-2",
        "step 3/3 · epoch 1.00 · loss 0.5000 · 1 h 07 min left · f1 51.25 · 12,346 tokens/s · lr 3.00e-05 · "
        "padding 12% · 1,234 MB",
        "done: 3 steps in 2 h 00 min · best f1 51.25 · model in runs/x",
    ]


def test_a_run_on_a_terminal_has_a_bar() -> None:
    screen = io.StringIO()
    with RunProgress(quiet=False) as run:
        run.err = Console(file=screen, force_terminal=True, width=160, color_system=None)
        for event in EVENTS:
            run.show(event)
    shown = screen.getvalue()
    assert "━" in shown
    for fact in ("loss", "lr 3.00e-05", "tokens/s", "padding 12%", "1 h 07 min left", "done: 3 steps"):
        assert fact in shown


def test_events_as_json_are_data(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress(quiet=True, as_json=True) as run:
        for event in [*EVENTS, Checked(4, 5, 600, float("nan"), 0.5, 3)]:
            run.show(event)
    shown = capsys.readouterr()
    assert shown.err == ""
    lines = [json.loads(line) for line in shown.out.splitlines()]
    names = ["started", "step", "step", "evaluated", "saved", "step", "finished", "checked"]
    assert [line["event"] for line in lines] == names
    assert lines[3] == {
        "event": "evaluated",
        "step": 2,
        "scores": {"f1": 51.25},
        "best": True,
        "seconds": 61.0,
        "metric": "f1",
    }
    assert lines[4]["path"] == "runs/x/checkpoints/step-2"
    assert lines[-1]["loss"] is None


def test_a_check_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress(quiet=False) as run:
        run.show(Checked(n_examples=4, n_features=5, n_tokens=600, loss=5.5, seconds_per_step=0.5, n_steps=300))
    assert "4 examples in 5 windows (600 tokens an epoch), loss 5.5000, 0.50 s a step" in capsys.readouterr().err


def test_a_narrow_terminal_shows_the_step_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    with RunProgress(quiet=False) as run:
        run.err = Console(stderr=True, force_terminal=True, width=60)
        for event in EVENTS[:-1]:
            run.show(event)
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert "loss 0.5000" in shown
    assert "…" in shown


COVERAGE = Coverage(n_tokens=9, n_read=9, n_unknown=0, n_windows=1, longest_input=12)
RECEIPT: Receipt = {
    "tokens": 9,
    "read": 9,
    "unknown": 0,
    "windows": 1,
    "truncated": False,
    "model": "tiny",
    "attention": "full",
    "device": "cpu",
}


def asked(*scores: float, text: str = "Ada lit it.", end: int = 3) -> QAResult:
    spans = tuple(Span(text[:end], 0, end, score, ((0, end),)) for score in scores)
    prediction = QAPrediction("a.txt", answer=spans[0], spans=spans, no_answer_score=0.1, coverage=COVERAGE)
    return QAResult(Request(Document("a.txt", text), "Who?"), (prediction, RECEIPT))


@pytest.mark.parametrize(
    ("scores", "says", "says_not"),
    [
        ((0.9,), ["score 0.90"], ["unsure", "runner-up"]),
        ((0.12,), ["unsure, score 0.12"], ["runner-up"]),
        ((0.6, 0.1), ["score 0.60"], ["unsure", "runner-up"]),
        ((0.5, 0.3), ["score 0.50", "runner-up, score 0.30"], ["unsure"]),
    ],
)
def test_a_weak_answer_is_called_unsure_and_a_close_runner_up_stands_beside_it(
    scores: tuple[float, ...], says: list[str], says_not: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Answers().show(asked(*scores))
    shown = capsys.readouterr().out
    assert all(word in shown for word in says)
    assert not any(word in shown for word in says_not)


def test_a_word_of_an_answer_that_is_endless_is_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    Answers().show(asked(0.9, text="x" * 5000, end=5000))
    shown = capsys.readouterr().out
    assert len(shown) < 400
    assert "(5,000 characters)" in shown


def test_names_and_labels_that_are_weak_are_called_unsure(capsys: pytest.CaptureFixture[str]) -> None:
    request = Request(Document("a.txt", "Ada and Bo"))
    entities = (Entity("PER", 0, 3, 0.9, "Ada"), Entity("PER", 8, 10, 0.2, "Bo"))
    Entities().show(NERResult(request, (NERPrediction("a.txt", entities, COVERAGE), RECEIPT)))
    lines = capsys.readouterr().out.splitlines()
    assert [line.endswith("unsure") for line in lines[1:3]] == [False, True]
    for scores, is_unsure in (
        ({"a": 0.9, "b": 0.1}, False),
        ({"a": 0.55, "b": 0.45}, True),
        ({"a": 0.4, "b": 0.1}, True),
    ):
        prediction = ClassPrediction("a.txt", ("a",), None, scores, "mean", COVERAGE)
        Labels().show(ClassifyResult(request, (prediction, RECEIPT)))
        assert ("unsure" in capsys.readouterr().out) == is_unsure


@pytest.mark.parametrize(
    "record", [{}, {"a": []}, {"a": [1], "b": [[1, 2]] * 7, "é\x7f": {"c": [1] * 9}}, [1] * 9, "x"]
)
def test_a_line_in_parts_is_the_line(record: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visible_module, "AT_ONCE", 3)
    assert "".join(json_parts(record)) == to_json(record)


def test_a_list_may_come_in_stretches() -> None:
    assert "".join(json_parts({"a": iter([[1, 2], ["\x7f"]]), "b": iter([])})) == '{"a": [1, 2, "\\u007f"], "b": []}'


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
        progress._bar.refresh()
        assert "5/50 windows · 800 tokens/s · 22 s left · a.txt" in shown.getvalue()
        before = len(shown.getvalue())
        with progress.paused():
            assert shown.getvalue()[before:].endswith("\x1b[2K")
