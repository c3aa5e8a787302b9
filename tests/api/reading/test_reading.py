"""Reading is lazy and ordered, depends on no neighbour, and tells how far it has come."""

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from bigbird_cli.api import Request, answer
from bigbird_cli.api.reading import reading
from bigbird_cli.events import ReadingEvent, Tokenizing, WindowRead
from bigbird_cli.pytorch.predict import Predictor
from bigbird_cli.tasks.qa.task import QuestionAnswering
from bigbird_cli.text.documents import encode_document
from tests.api.helpers import LONG, SHORT, answers, ask, failed


@pytest.mark.parametrize("read_ahead", [False, True])
def test_each_window_is_put_together_once(
    tiny_qa_model: Path, monkeypatch: pytest.MonkeyPatch, read_ahead: bool
) -> None:
    built: list[int] = []
    window_feature = QuestionAnswering.window_feature

    def counting(self: QuestionAnswering, *args: Any, **options: Any) -> Any:
        built.append(options["example"])
        return window_feature(self, *args, **options)

    monkeypatch.setattr(QuestionAnswering, "window_feature", counting)
    rows = [ask(LONG, "who?"), ask(SHORT, "who?"), ask(LONG, "when lit?")]
    records = list(answers(rows, model=tiny_qa_model, read_ahead=read_ahead))
    assert len(built) == sum(record["receipt"]["windows"] for record in records) > 6


def items() -> list[Request | None]:
    texts = [SHORT, LONG, "ada", LONG[:700], SHORT * 3, LONG[:2000]]
    rows: list[Request | None] = [ask(t, q, id=[n]) for n, t in enumerate(texts) for q in ("who?", "when lit?")]
    rows.insert(3, failed("no row", name="rows:3", id={"any": "json"}))
    rows.insert(6, ask("", "who?", id="empty"))
    rows.insert(8, None)
    return rows


def close(this: dict[str, Any], other: dict[str, Any]) -> bool:
    scores = ("score", "no_answer_score")
    rest = [{key: value for key, value in record.items() if key not in scores} for record in (this, other)]
    return rest[0] == rest[1] and all(abs(this[key] - other[key]) < 1e-6 for key in scores if key in this)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_a_record_does_not_depend_on_its_neighbours(tiny_qa_model: Path, batch_size: int) -> None:
    together = list(answers(items(), model=tiny_qa_model, batch_size=batch_size))
    alone = [record for item in items() for record in answers([item], model=tiny_qa_model, batch_size=1)]
    assert len(together) == len(alone) == 14
    assert all(close(this, other) for this, other in zip(together, alone, strict=True))
    assert together[3] == {
        "error": {"problem": "no row", "where": "rows:3", "fix": None, "exit_code": 3},
        "context": "rows:3",
        "question": None,
        "id": {"any": "json"},
    }


def test_items_are_read_lazily_and_a_pause_gives_what_is_there(tiny_qa_model: Path) -> None:
    read: list[int] = []

    def rows() -> Iterator[Request | None]:
        for number in range(1000):
            read.append(number)
            yield ask(SHORT, "who?", id=number)
            if number == 2:
                yield None

    records = answers(rows(), model=tiny_qa_model, batch_size=2)
    assert [next(records)["id"] for _ in range(3)] == [0, 1, 2]
    assert len(read) == 3
    next(records)
    assert len(read) <= 3 + 8


@pytest.mark.parametrize("read_ahead", [False, True])
def test_what_is_asked_of_a_small_document_is_answered_before_the_next_large_one_is_touched(
    tiny_qa_model: Path, monkeypatch: pytest.MonkeyPatch, read_ahead: bool
) -> None:
    monkeypatch.setattr(reading, "_LONG", len(LONG))
    may_go_on = Event()

    def waiting(text: str, *args: Any, **options: Any) -> Any:
        assert text == SHORT or may_go_on.wait(60)
        return encode_document(text, *args, **options)

    monkeypatch.setattr(reading, "encode_document", waiting)
    rows = [ask(SHORT, f"who {number}?", id=number) for number in range(3)]
    records = answers([*rows, ask(LONG, "who?", id=3)], model=tiny_qa_model, read_ahead=read_ahead)
    assert [next(records)["id"] for _ in range(3)] == [0, 1, 2]
    may_go_on.set()
    assert [record["id"] for record in records] == [3]


def with_a_broken_word(model: Path, folder: Path, word: str) -> Path:
    """A copy of a model in which one word's vector is no number."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(model, folder)
    tensors = load_file(folder / "model.safetensors")
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    tensors["bert.embeddings.word_embeddings.weight"][vocabulary[word]] = np.nan
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize("batch_size", [1, 3, 64])
@pytest.mark.parametrize("read_ahead", [False, True])
def test_a_document_without_finite_scores_fails_alone(
    tiny_qa_model: Path, tmp_path: Path, batch_size: int, read_ahead: bool
) -> None:
    model = with_a_broken_word(tiny_qa_model, tmp_path / "model", "dov")
    texts = [SHORT, "dov kept it.", LONG, f"{LONG[:1500]} dov {LONG}", SHORT * 3, "dov"]
    rows = [ask(text, "who?", id=number) for number, text in enumerate(texts)]
    records = list(answers(rows, model=model, batch_size=batch_size, read_ahead=read_ahead))
    sound = list(answers(rows, model=tiny_qa_model))
    assert [record["id"] for record in records] == list(range(6))
    for number, (record, other) in enumerate(zip(records, sound, strict=True)):
        if "dov" in texts[number]:
            assert record["error"]["exit_code"] == 4
            assert record["error"]["problem"] == "the model gave a score that is not a finite number"
        else:
            assert close({**record, "receipt": None}, {**other, "receipt": None})


def test_the_rest_of_a_document_without_finite_scores_is_not_read(tiny_qa_model: Path, tmp_path: Path) -> None:
    model = with_a_broken_word(tiny_qa_model, tmp_path / "model", "dov")
    told: list[ReadingEvent] = []
    rows = [ask("dov " + LONG * 30, "who?"), ask(SHORT, "who?")]
    records = list(answers(rows, model=model, batch_size=1, on_progress=told.append))
    assert ["error" in record for record in records] == [True, False]
    read = [event for event in told if isinstance(event, WindowRead)]
    assert len(read) == 1
    assert read[0].n_done_in_all == read[0].n_windows_in_all > 50


@pytest.mark.parametrize("read_ahead", [False, True])
def test_progress_counts_the_windows_of_each_document_and_of_all(tiny_qa_model: Path, read_ahead: bool) -> None:
    told: list[ReadingEvent] = []
    rows = [ask(SHORT, "who?", name="a"), ask(LONG, "who?", name="b")]
    records = list(answers(rows, model=tiny_qa_model, on_progress=told.append, read_ahead=read_ahead))
    windows = [record["receipt"]["windows"] for record in records]
    tokenised = {event.name: event for event in told if isinstance(event, Tokenizing)}
    assert {name: (event.n_done, event.n_characters) for name, event in tokenised.items()} == {
        "a": (len(SHORT), len(SHORT)),
        "b": (len(LONG), len(LONG)),
    }
    read = [event for event in told if isinstance(event, WindowRead)]
    assert [(event.name, event.n_done, event.n_windows) for event in read] == [
        ("a", 1, 1),
        *(("b", number, windows[1]) for number in range(1, windows[1] + 1)),
    ]
    assert [event.n_done_in_all for event in read] == list(range(1, sum(windows) + 1))
    assert {event.n_windows_in_all for event in read} == {sum(windows)}
    assert read[-1].n_tokens_in_all > sum(record["receipt"]["tokens"] for record in records)


def test_an_interrupt_gives_what_was_read_before_it(tiny_qa_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [ask(SHORT, "who?", id=0), ask(LONG, "who?", id=1), ask(LONG, "when?", id=2)]
    n_read = 0

    def interrupted(self: Any, features: list[Any]) -> Any:
        nonlocal n_read
        if n_read == 3:
            raise KeyboardInterrupt
        n_read += 1
        return forward(self, features)

    forward = Predictor._forward
    monkeypatch.setattr(Predictor, "_forward", interrupted)
    records = answers(items, model=tiny_qa_model, batch_size=1)
    whole, part = next(records), next(records)
    assert (whole["id"], whole["receipt"]["truncated"]) == (0, False)
    assert part["id"] == 1
    assert part["receipt"]["truncated"] is True
    assert part["receipt"]["windows"] == 2
    assert 0 < part["receipt"]["read"] < part["receipt"]["tokens"]
    with pytest.raises(KeyboardInterrupt):
        next(records)


def test_whoever_is_interrupted_does_not_wait_until_a_long_text_is_tokenised(tiny_qa_model: Path) -> None:
    begun, stopped, told = Event(), Event(), []

    def tell(event: ReadingEvent) -> None:
        if isinstance(event, Tokenizing) and event.name == "long":
            told.append(event)
            begun.set()
            stopped.wait(60)

    long = "the lamp " * 40_000
    rows = [ask(SHORT, "who?"), ask(long, "who?", name="long")]
    records = answers(rows, model=tiny_qa_model, read_ahead=True, on_progress=tell)
    next(records)
    assert begun.wait(60)
    ahead = [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]
    del records  # as an interrupt lets go of it
    stopped.set()
    for thread in ahead:
        thread.join(60)
    assert len(told) == 1


def test_reading_ahead_changes_no_record(tiny_qa_model: Path) -> None:
    def items() -> Iterator[Request | None]:
        for number in range(12):
            yield ask(f"{SHORT} {number}", "who?", id=number)
            yield failed("no row", name=f"rows:{number}") if number % 5 == 4 else None

    plain, ahead = (list(answers(items(), model=tiny_qa_model, batch_size=1, read_ahead=on)) for on in (False, True))
    assert plain == ahead
    assert len(plain) == 14


def test_a_document_is_tokenised_once_for_all_its_questions(
    tiny_qa_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def counting(text: str, *args: Any, **options: Any) -> Any:
        calls.append(text)
        return encode_document(text, *args, **options)

    monkeypatch.setattr(reading, "encode_document", counting)
    answer([SHORT, LONG], ["who?", "when?", "where?"], model=tiny_qa_model)
    assert calls == [SHORT, LONG]
