"""The plain call answers as the command does: records in order, exact offsets, nothing hidden, failures in place."""

import json
import pickle
import shutil
import threading
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

import bigbird_cli as bb
from bigbird_cli import api
from bigbird_cli.api import Request, answer, answer_all, classify_all, ner, ner_all, reader, reading
from bigbird_cli.api.prefetch import prefetched
from bigbird_cli.data.rows import Row
from bigbird_cli.errors import BigBirdWarning, DataError, ModelError, RecipeError, UsageError
from bigbird_cli.events import Finished, ReadingEvent, Started, Tokenizing, WindowRead
from bigbird_cli.pytorch.predict import Predictor
from bigbird_cli.tasks.qa.task import QuestionAnswering
from bigbird_cli.text.documents import Document, FailedDocument

SHORT = "Ada kept the lamp.\r\nBel lit it in 1820 \U0001f525."
LONG = "the keeper of the north tower lit the lamp by the sea, and when a storm was on it a ship " * 60
RECEIPT = ["tokens", "read", "unknown", "windows", "truncated", "model", "attention", "device"]


def ask(text: str, question: str, *, name: str = "text", id: Any = None) -> Request:
    return Request(Document(name, text), question, id)


def failed(problem: str, *, name: str, id: Any = None) -> Request:
    return Request(FailedDocument(name, DataError(problem, where=name)), id=id)


def answers(requests: Iterable[Request | None], **options: Any) -> Iterator[dict[str, Any]]:
    return (dict(result.to_dict()) for result in answer_all(requests, **options))


def one(context: str, question: str, **options: Any) -> dict[str, Any]:
    record = answer(context, question, **options)
    assert isinstance(record, dict)
    return record


def test_a_record_has_what_the_command_promises(tiny_qa_model: Path) -> None:
    record = one(SHORT, "Who kept the lamp?", model=tiny_qa_model)
    assert list(record) == [
        "answer", "start", "end", "score", "no_answer_score", "mentions", "context", "question", "id", "receipt",
    ]  # fmt: skip
    assert SHORT[record["start"] : record["end"]] == record["answer"]
    assert 0 <= record["score"] <= 1
    assert 0 <= record["no_answer_score"] <= 1
    assert (record["context"], record["question"], record["id"]) == ("text", "Who kept the lamp?", None)
    assert list(record["receipt"]) == RECEIPT
    assert record["receipt"]["model"] == str(tiny_qa_model)
    assert record["receipt"]["attention"] == "full"
    assert record["receipt"]["truncated"] is False
    assert json.loads(json.dumps(record)) == record
    assert bb.answer is answer


def test_a_long_document_is_read_whole_and_sparsely(tiny_qa_model: Path) -> None:
    receipt = one(LONG, "who?", model=tiny_qa_model)["receipt"]
    assert receipt["tokens"] == receipt["read"] > 1000
    assert receipt["windows"] > 4
    assert receipt["attention"] == "block_sparse"


def test_what_to_do_with_a_long_document_is_the_callers_choice(tiny_qa_model: Path) -> None:
    cut = one(LONG, "who?", model=tiny_qa_model, on_long="truncate")["receipt"]
    assert cut["truncated"] is True
    assert cut["windows"] == 1
    assert cut["read"] == 256 - 2 - 3 < cut["tokens"]
    whole = one(SHORT, "who?", model=tiny_qa_model, on_long="truncate")["receipt"]
    assert whole["truncated"] is False
    with pytest.raises(DataError, match=r"text: the document has \d+ tokens, and one window has room for 251 beside"):
        answer(LONG, "who?", model=tiny_qa_model, on_long="error")


def test_no_answer_has_no_place_but_scores(tiny_qa_model: Path) -> None:
    record = one(SHORT, "who?", model=tiny_qa_model, no_answer_threshold=0.0)
    assert (record["answer"], record["start"], record["end"]) == (None, None, None)
    assert 0 < record["score"] < 1
    assert 0 < record["no_answer_score"] < 1


def test_several_answers_are_given_best_first_and_apart(tiny_qa_model: Path) -> None:
    record = one(LONG, "who?", model=tiny_qa_model, top_k=4)
    spans = record["answers"]
    assert len(spans) == 4
    assert spans[0] == {key: record[key] for key in ("answer", "start", "end", "score", "mentions")}
    assert [span["score"] for span in spans] == sorted((span["score"] for span in spans), reverse=True)
    assert all(LONG[span["start"] : span["end"]] == span["answer"] for span in spans)
    assert all({key: span[key] for key in ("start", "end")} in span["mentions"] for span in spans)
    assert all(
        LONG[at["start"] : at["end"]].lower() == span["answer"].lower() for span in spans for at in span["mentions"]
    )
    by_place = sorted(spans, key=lambda span: span["start"])
    assert all(this["end"] <= after["start"] for this, after in pairwise(by_place))


def test_records_come_document_by_document_with_failures_in_place(tiny_qa_model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(SHORT.encode())
    (tmp_path / "empty.txt").write_bytes(b"")
    contexts = [tmp_path / "a.txt", tmp_path / "empty.txt", tmp_path / "none.txt", Document("mine", LONG), " \n"]
    records = answer(contexts, ["who?", "when?"], model=tiny_qa_model)
    assert isinstance(records, list)
    names = [str(tmp_path / "a.txt"), str(tmp_path / "empty.txt"), str(tmp_path / "none.txt"), "mine", "text"]
    assert [(r["context"], r["question"]) for r in records] == [(n, q) for n in names for q in ("who?", "when?")]
    failed = [r["error"] for r in records if "error" in r]
    assert [error["problem"] for error in failed[::2]] == [
        "the document is empty",
        "there is no such file",
        "the document holds nothing but white space",
    ]
    assert all(error["exit_code"] == 3 for error in failed)
    assert all(list(error) == ["problem", "where", "fix", "exit_code"] for error in failed)


def test_a_result_carries_its_request_with_the_text(tiny_qa_model: Path) -> None:
    row = Row({"context": SHORT, "page": 7}, "rows:1")
    sound, broken = Request(Document("a", SHORT), "who?", 7, row), failed("no row", name="rows:3")
    results = list(answer_all([sound, broken], model=tiny_qa_model))
    assert [result.request for result in results] == [sound, broken]
    span = results[0].prediction.spans[0]
    assert results[0].request.text[span.start : span.end] == span.text
    assert results[0].receipt == results[0].record()["receipt"]
    assert results[1].error is broken.document.error  # as it was raised
    for read in (lambda: results[1].prediction, lambda: results[1].receipt, lambda: results[1].record()):
        with pytest.raises(DataError, match="rows:3: no row"):
            read()


def test_a_result_travels_between_processes(tiny_qa_model: Path) -> None:
    requests = [ask(SHORT, "who?", id=7), failed("no row", name="rows:3")]
    for result in answer_all(requests, model=tiny_qa_model, top_k=2):
        assert pickle.loads(pickle.dumps(result)).to_dict() == result.to_dict()


def test_a_request_without_a_question_or_with_one_too_many_fails_alone(
    tiny_qa_model: Path, tiny_ner_model: Path
) -> None:
    [unasked] = answer_all([Request(Document("a", SHORT))], model=tiny_qa_model)
    assert str(unasked.error).startswith("a: no question is asked")
    [asked] = ner_all([Request(Document("a", SHORT), "who?")], model=tiny_ner_model)
    assert str(asked.error).startswith("a: there is a second text, and one is read")


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


def test_former_names_warn_and_do_as_before(
    tiny_qa_model: Path, tiny_ner_model: Path, tiny_classify_model: Path
) -> None:
    question, text = Request(Document("a", SHORT), "who?", 7), Request(Document("a", SHORT), id=7)
    for now, former, asked, model in (
        (answer_all, "answers", question, tiny_qa_model),
        (ner_all, "entities", text, tiny_ner_model),
        (classify_all, "classes", text, tiny_classify_model),
    ):
        with pytest.warns(DeprecationWarning, match=f"{former} is called {now.__name__}"):
            found = getattr(api, former)([asked], model=model)
        assert list(found) == [result.to_dict() for result in now([asked], model=model)]
    with pytest.warns(DeprecationWarning, match="tokenize_documents is called tokenize_all"):
        [(document, report)] = api.tokenize_documents([Document("a", SHORT)], model=tiny_qa_model)
    assert (document.text, report.pieces) == (SHORT, bb.tokenize(SHORT, model=tiny_qa_model).pieces)


def test_former_items_warn_and_are_requests() -> None:
    with pytest.warns(DeprecationWarning, match=r"QAItem is called Request\(Document"):
        assert api.QAItem(SHORT, "who?", "a", 7) == Request(Document("a", SHORT), "who?", 7)
    with pytest.warns(DeprecationWarning, match="TextItem is called Request"):
        assert api.TextItem(SHORT, "a", 7, "pair") == Request(Document("a", SHORT), "pair", 7)
    error = DataError("no row")
    with pytest.warns(DeprecationWarning, match="FailedItem is called Request"):
        assert api.FailedItem(error, "a", id=7) == Request(FailedDocument("a", error), id=7)
    with pytest.warns(DeprecationWarning, match="RowItem is called Row"):
        assert api.RowItem({"text": SHORT}, "a").fields == {"text": SHORT}


def test_a_single_failure_is_raised(tiny_qa_model: Path) -> None:
    with pytest.raises(DataError, match="the document is empty"):
        answer("", "who?", model=tiny_qa_model)
    with pytest.raises(UsageError, match=r"question: beside a question of 301 tokens, a window of 256 tokens has room"):
        answer(SHORT, "who " * 300 + "?", model=tiny_qa_model)
    with pytest.raises(DataError, match=r"text: .* half of a surrogate pair"):
        answer("a\ud83d", "who?", model=tiny_qa_model)


def test_a_question_may_be_longer_than_those_of_training(tiny_qa_model: Path, tmp_path: Path) -> None:
    model = shutil.copytree(tiny_qa_model, tmp_path / "model")
    stored = json.loads((model / "task.json").read_text(encoding="utf-8"))
    (model / "task.json").write_text(json.dumps(stored | {"max_question_tokens": 2}), encoding="utf-8")
    asked = "who lit the lamp?"
    assert one(SHORT, asked, model=model)["answer"] == one(SHORT, asked, model=tiny_qa_model)["answer"]


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
    encode = reading.encode_document

    def waiting(text: str, *args: Any, **options: Any) -> Any:
        assert text == SHORT or may_go_on.wait(60)
        return encode(text, *args, **options)

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


def test_what_comes_next_is_made_ready_meanwhile() -> None:
    second, may_end = Event(), Event()

    def elements() -> Iterator[int]:
        yield 1
        second.set()
        yield 2
        may_end.wait(60)
        raise DataError("the third is damaged")

    found = prefetched(elements())
    assert next(found) == 1
    assert second.wait(60)
    assert next(found) == 2
    may_end.set()
    with pytest.raises(DataError, match="third"):
        next(found)


def test_who_stops_early_does_not_wait_for_what_comes_next() -> None:
    never, begun = Event(), []

    def elements() -> Iterator[int]:
        for number in range(3):
            begun.append(number)
            yield number
            never.wait(60)

    found = prefetched(elements())
    assert next(found) == 0
    found.close()  # type: ignore[attr-defined]
    assert not never.is_set()
    never.set()
    assert begun[0] == 0
    assert list(prefetched(iter([]))) == []


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
    encode = reading.encode_document

    def counting(text: str, *args: Any, **options: Any) -> Any:
        calls.append(text)
        return encode(text, *args, **options)

    monkeypatch.setattr(reading, "encode_document", counting)
    answer([SHORT, LONG], ["who?", "when?", "where?"], model=tiny_qa_model)
    assert calls == [SHORT, LONG]


def test_a_model_is_opened_once_until_its_folder_changes(
    tiny_qa_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_qa_model, folder)
    opened: list[object] = []
    open_folder = reader.open_folder
    monkeypatch.setattr(reader, "open_folder", lambda *a, **k: opened.append(a) or open_folder(*a, **k))
    for _ in range(3):
        one(SHORT, "who?", model=folder)
    assert len(opened) == 1
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    (folder / "task.json").write_text(json.dumps(task | {"no_answer_threshold": 0.0}), encoding="utf-8")
    assert one(SHORT, "who?", model=folder)["answer"] is None
    assert len(opened) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_k": 0}, "top_k: 0 is too few"),
        ({"batch_size": 0}, "batch_size: 0 is too few"),
        ({"on_long": "trunctate"}, "on_long: there is no 'trunctate'; did you mean truncate?"),
        ({"newline": "tab"}, "newline: there is no 'tab'; use one of space, keep"),
        ({"window": 512}, "window: a window of 512 tokens is longer than the model's 256 positions"),
        ({"overlap": 300}, "overlap: 300 leaves no room"),
        ({"max_answer_tokens": 0}, "max_answer_tokens: it is 0; it must be 1 or more"),
        ({"no_answer_threshold": 2.0}, "no_answer_threshold: it is 2.0; it must be 1"),
    ],
)
def test_impossible_options_are_named(tiny_qa_model: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        answers([], model=tiny_qa_model, **options)
    assert message in str(caught.value)


def test_an_unknown_option_is_an_error_of_the_caller(tiny_qa_model: Path) -> None:
    with pytest.raises(TypeError, match="there is no option 'stride'"):
        answer(SHORT, "who?", model=tiny_qa_model, stride=3)


def test_an_empty_list_gives_an_empty_list_everywhere(
    tiny_qa_model: Path, tiny_ner_model: Path, tiny_classify_model: Path
) -> None:
    assert answer([], "who?", model=tiny_qa_model) == []
    assert answer(SHORT, [], model=tiny_qa_model) == []
    assert bb.ner([], model=tiny_ner_model) == []
    assert bb.classify([], model=tiny_classify_model) == []
    assert list(answer_all([], model=tiny_qa_model)) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 100_000}, "threads: 100000 threads cannot compute; give a number between 1 and"),
        ({"device": "gpu"}, "device: no device is called 'gpu'"),
    ],
)
def test_a_machine_that_is_not_there_is_named_by_its_argument(
    tiny_qa_model: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        answer(SHORT, "who?", model=tiny_qa_model, **options)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"type": "ner"}, "the model was trained for the task 'ner', not for question answering"),
        ({"type": "qa", "window": 0}, "window is 0; it must be 8 or more"),
        ({"type": "qa", "widow": 64}, "there is no setting widow"),
    ],
)
def test_a_model_of_another_task_is_refused(
    tiny_qa_model: Path, tmp_path: Path, task: dict[str, Any], message: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_qa_model, folder)
    (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        answer(SHORT, "who?", model=folder)
    assert message in str(caught.value)
    assert caught.value.where == str(folder / "task.json")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "it names no labels"),
        ([], "labels is []; it must be a list of 2 or more"),
        ("red", "labels is 'red'; it must be a list"),
        ([1, 2, 3], "labels.0 is 1; it must be text"),
        (["red", "red", "blue"], "labels: 'red' is named 2 times"),
        (["red", " ", "blue"], "labels: a name is empty"),
        (["red", "blue"], "it has names for 2 outputs of the model, which has 3"),
        (["\ud800", "red", "blue"], "surrogates not allowed"),
    ],
)
def test_labels_that_are_not_the_models_are_refused(
    tiny_classify_model: Path, tmp_path: Path, labels: Any, message: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_classify_model, folder)
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    (folder / "task.json").write_text(json.dumps(task | {"labels": labels}), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        bb.classify(SHORT, model=folder)
    assert message in str(caught.value)
    assert caught.value.where == str(folder / "task.json")


@pytest.mark.parametrize(
    ("id2label", "message"),
    [
        ({}, "id2label has the classes []"),
        ({"0": "red", "5": "blue", "9": "green"}, "id2label has the classes [0, 5, 9], which are not numbered"),
        ({"0": "red", "1": "red", "2": "green"}, "id2label names 2 classes 'red'"),
        ({"0": "red", "1": "", "2": "green"}, "id2label has a name that is empty"),
        ({"0": "red", "1": None, "2": "green"}, "do not map class numbers to names"),
    ],
)
@pytest.mark.parametrize("read", [bb.classify, ner])
def test_classes_without_names_of_their_own_are_refused(
    tiny_classify_model: Path, tmp_path: Path, read: Any, id2label: dict[str, Any], message: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_classify_model, folder, ignore=shutil.ignore_patterns("task.json"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"id2label": id2label, "label2id": None}), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        read(SHORT, model=folder)
    assert message in str(caught.value)
    assert caught.value.where == str(folder / "config.json")


@pytest.mark.parametrize("call", ["qa", "ner", "classify", "tokenize", "convert"])
def test_a_tokenizer_that_the_model_has_too_few_embeddings_for_is_refused(
    request: pytest.FixtureRequest, tmp_path: Path, call: str
) -> None:
    kind = {"ner": "tiny_ner_model", "classify": "tiny_classify_model"}.get(call, "tiny_qa_model")
    folder = tmp_path / "model"
    shutil.copytree(request.getfixturevalue(kind), folder)
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    content["model"]["vocab"]["ada"] = 160
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    calls = {
        "qa": lambda: answer(SHORT, "who?", model=folder),
        "ner": lambda: ner(SHORT, model=folder),
        "classify": lambda: bb.classify(SHORT, model=folder),
        "tokenize": lambda: bb.tokenize(SHORT, model=folder),
        "convert": lambda: bb.convert(folder, tmp_path / "out"),
    }
    with pytest.raises(ModelError, match="the tokenizer has ids up to 160, but the model only 160 word embeddings"):
        calls[call]()
    assert not (tmp_path / "out").exists()


def test_a_model_with_a_word_list_only_is_read_as_with_its_tokenizer_json(tiny_qa_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_qa_model, folder)
    ids = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text(
        "".join(f"{word}\n" for word in sorted(ids, key=ids.__getitem__)), encoding="utf-8"
    )
    want = one(SHORT, "who?", model=tiny_qa_model)
    assert one(SHORT, "who?", model=folder) | {"receipt": None} == want | {"receipt": None}
    report = bb.convert(folder, tmp_path / "out")
    assert not any("tokenizer" in note for note in report.notes)
    assert one(SHORT, "who?", model=tmp_path / "out")["answer"] == want["answer"]


def test_a_link_to_nowhere_in_a_model_folder_is_passed_over(tiny_qa_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_qa_model, folder)
    (folder / ".#recipe.yaml").symlink_to("user@host.1234")
    (folder / "round.txt").symlink_to("round.txt")
    assert one(SHORT, "who?", model=folder)["receipt"]["windows"] == 1
    assert bb.tokenize(SHORT, model=folder)


def test_a_model_without_settings_is_read_within_its_positions(tiny_qa_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_qa_model, folder)
    (folder / "task.json").unlink()
    receipt = one(LONG, "who?", model=folder)["receipt"]
    assert receipt["tokens"] == receipt["read"]
    assert receipt["windows"] > 5


def test_a_context_that_names_a_file_is_still_a_text(
    tiny_qa_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "article.txt").write_text(SHORT, encoding="utf-8")
    with pytest.warns(
        BigBirdWarning, match=r"'article\.txt' is read as a text; to read the file, give a pathlib\.Path"
    ):
        record = one("article.txt", "who?", model=tiny_qa_model)
    assert record["receipt"]["tokens"] == len("article") + len(".") + len("txt")  # spelt letter by letter


def test_answering_touches_no_global_generator(tiny_qa_model: Path) -> None:
    import random

    import torch

    one(SHORT, "who?", model=tiny_qa_model)
    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    one(LONG, "who?", model=tiny_qa_model)
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


def test_a_long_question_costs_no_more_than_it_must_and_says_so() -> None:
    text, question = "The lamp was lit by Ada. " * 60, "who lit the lamp " * 70
    with pytest.warns(
        BigBirdWarning, match=r"text: a window of 384 tokens holds \d+ of the document beside 280 others"
    ):
        receipt = one(text, question)["receipt"]
    assert receipt["read"] == receipt["tokens"] == 420
    assert receipt["windows"] < 12  # half of a window is new, and not one token
    with pytest.raises(DataError, match=r"room for 21 .* 30 are needed .* raise window= to 393"):
        answer(text, "who lit the lamp " * 90)


@pytest.mark.parametrize("window", [100, 128, 150])
def test_a_smaller_window_needs_no_other_option(window: int) -> None:
    receipt = one("The lamp was lit by Ada. " * 60, "Who lit it?", window=window)["receipt"]
    assert receipt["read"] == receipt["tokens"] == 420
    assert receipt["windows"] * window < 2 * 420


def test_a_window_without_room_for_answers_is_named_with_what_it_needs() -> None:
    with pytest.raises(DataError, match=r"a window of 17 tokens has room for 10 .* raise window= to 37, or lower max"):
        answer("The lamp was lit by Ada. " * 60, "Who lit it?", window=17)
    assert one("Ada lit it.", "Who?", window=17)["receipt"]["windows"] == 1
    with pytest.warns(BigBirdWarning, match=r"12 windows read 2\.7 times its 63 tokens"):
        assert one("The lamp was lit by Ada. " * 9, "Who lit it?", window=17, max_answer_tokens=4)["answer"] == "Ada"


def test_characters_that_cleaning_leaves_out_are_counted_as_unknown() -> None:
    record = one("The lamp was lit by \ue000 Ada\ufffd.", "Who lit the lamp?")
    assert record["answer"] == "Ada"
    assert record["receipt"]["unknown"] == 2
    with pytest.raises(DataError, match="has 2 characters, and the model's vocabulary knows none of them"):
        answer("\ue000\ue001", "who?")


@pytest.mark.parametrize("separator", ["\v", "\f", "\x85", "\x1c", "\0", "\u200b"])
def test_what_a_separator_stands_between_is_read_as_words(separator: str) -> None:
    text = separator.join(["Signed by:", "Ada Lindqvist", "Oslo office", "May 2021"])
    assert one(text, "Who signed?")["answer"] == "Ada Lindqvist"


def test_a_text_is_tokenised_as_the_command_shows_it(tiny_qa_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = bb.tokenize("the lamp 漢", model=tiny_qa_model)
    assert report.pieces[:2] == ["the", "lamp"]
    assert len(report.tokens) == len(report.pieces) == 3
    assert (report.unknown, report.unknown_text) == (1, {"漢": 1})
    monkeypatch.setattr(reader, "load_tokenizer", None)  # it is still open
    assert len(bb.tokenize("the lamp", model=tiny_qa_model).tokens) == 2
    with pytest.raises(UsageError, match="there is no 'tab'"):
        bb.tokenize("the lamp", model=tiny_qa_model, newline="tab")


@pytest.mark.parametrize("call", [bb.tokenize, lambda text, model: answer(text, "who?", model=model)])
def test_a_home_folder_that_is_not_there_is_a_model_error(call: Any) -> None:
    with pytest.raises(ModelError, match="there is no such home folder"):
        call(SHORT, model="~nobody-of-this-name/x")


def test_finetune_gives_the_events_of_a_run(tiny_qa_model: Path, tmp_path: Path) -> None:
    rows = [{"id": str(n), "context": SHORT, "question": "who?", "answers": ["Ada"]} for n in range(2)]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "small.yaml").write_text(
        f"model: {{start: {tiny_qa_model}}}\ntask: {{type: qa, window: 64, overlap: 8, max_answer_tokens: 8}}\n"
        f"data: {{train: {tmp_path / 'train.jsonl'}}}\n"
        "optim: {lr: 1.0e-3, batch_size: 2, micro_batch_size: 2, steps: 5}\n"
    )
    run = tmp_path / "run"
    events = list(bb.finetune(tmp_path / "small.yaml", out=run, overrides=["optim.steps=1"], device="cpu"))
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    assert (events[-1].step, events[-1].run) == (1, run)
    with pytest.raises(RecipeError, match=r"optim\.step"):
        bb.finetune(tmp_path / "small.yaml", overrides=["optim.step=1"])


def test_convert_refuses_what_the_command_refuses(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such folder"):
        bb.convert(tmp_path / "none", tmp_path / "out", random_blocks=2)
    with pytest.raises(UsageError, match="num_random_blocks: -1"):
        bb.convert(tmp_path / "none", tmp_path / "out", random_blocks=-1)


def test_a_vocabulary_is_learned_from_files_and_documents(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(LONG)
    report = bb.train_tokenizer(tmp_path / "a.txt", tmp_path / "deep" / "one", vocab_size=130)
    assert (report.vocab_size, report.n_bytes) == (130, len(LONG))
    tokenizer = bb.BigBirdTokenizer.from_pretrained(tmp_path / "deep" / "one")
    assert tokenizer.decode(tokenizer("the lamp")["input_ids"], skip_special_tokens=True) == "the lamp"
    (tmp_path / "empty").mkdir()
    bb.train_tokenizer([Document("a", LONG)], tmp_path / "empty", vocab_size=130)
    assert [(tmp_path / folder / "spiece.model").read_bytes() for folder in ("deep/one", "empty")] == [
        (tmp_path / "deep" / "one" / "spiece.model").read_bytes()
    ] * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "space"}, "there is no 'space'"),
        ({"algorithm": "wordpiece"}, "use one of unigram, bpe"),
        ({"character_coverage": 1.5}, "1.5 is no share"),
        ({"sample_mb": 0}, "sample_mb: 0 is out of bounds"),
        ({"vocab_size": 2**63}, f"vocab_size: {2**63} is out of bounds; give a number between 1 and 10,000,000"),
        ({"vocab_size": 100_000}, "more than the corpus gives"),
    ],
)
def test_a_vocabulary_that_cannot_be_learned_leaves_no_folder(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        bb.train_tokenizer([Document("a", LONG)], tmp_path / "v", **{"vocab_size": 130, **options})
    assert not list(tmp_path.iterdir())


def test_a_folder_with_something_in_it_is_never_written_into(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    for occupied in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(UsageError, match="something of that name already"):
            bb.train_tokenizer([Document("a", LONG)], occupied, vocab_size=130)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
