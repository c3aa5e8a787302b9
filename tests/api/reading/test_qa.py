"""The plain call answers as the command does: records in order, exact offsets, nothing hidden, failures in place."""

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
import pytest

import bigbird_cli as bb
from bigbird_cli.api import FailedRecord, answer, answer_all
from bigbird_cli.errors import BigBirdWarning, DataError, UsageError
from bigbird_cli.text.documents import Document
from tests.api.helpers import LONG, RECEIPT, SHORT, one


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
    files = [tmp_path / "a.txt", tmp_path / "empty.txt", tmp_path / "none.txt"]
    contexts: list[str | Path | Document] = [*files, Document("mine", LONG), " \n"]
    records = answer(contexts, ["who?", "when?"], model=tiny_qa_model)
    assert isinstance(records, list)
    names = [str(tmp_path / "a.txt"), str(tmp_path / "empty.txt"), str(tmp_path / "none.txt"), "mine", "text"]
    assert [(r["context"], r["question"]) for r in records] == [(n, q) for n in names for q in ("who?", "when?")]
    failed = [cast(FailedRecord, r)["error"] for r in records if "error" in r]
    assert [error["problem"] for error in failed[::2]] == [
        "the document is empty",
        "there is no such file",
        "the document holds nothing but white space",
    ]
    assert all(error["exit_code"] == 3 for error in failed)
    assert all(list(error) == ["problem", "where", "fix", "exit_code"] for error in failed)


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


def test_an_empty_list_gives_an_empty_list_everywhere(
    tiny_qa_model: Path, tiny_ner_model: Path, tiny_classify_model: Path
) -> None:
    assert answer([], "who?", model=tiny_qa_model) == []
    assert answer(SHORT, [], model=tiny_qa_model) == []
    assert bb.ner([], model=tiny_ner_model) == []
    assert bb.classify([], model=tiny_classify_model) == []
    assert list(answer_all([], model=tiny_qa_model)) == []


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

    def states() -> tuple[object, list[int], list[int]]:
        numpys = np.random.get_state(legacy=False)["state"]["key"]
        return random.getstate(), numpys.tolist(), torch.get_rng_state().tolist()

    one(SHORT, "who?", model=tiny_qa_model)
    before = states()
    one(LONG, "who?", model=tiny_qa_model)
    assert before == states()


def test_a_long_question_costs_no_more_than_it_must_and_says_so() -> None:
    text, question = "The lamp was lit by Ada. " * 60, "who lit the lamp " * 70
    with pytest.warns(
        BigBirdWarning, match=r"text: a window of 384 tokens holds \d+ of the document beside 280 others"
    ):
        receipt = one(text, question, window=384, max_answer_tokens=30)["receipt"]
    assert receipt["read"] == receipt["tokens"] == 420
    assert receipt["windows"] < 12  # half of a window is new, and not one token
    with pytest.raises(DataError, match=r"room for 21 .* 30 are needed .* raise window= to 393"):
        answer(text, "who lit the lamp " * 90, window=384, max_answer_tokens=30)


@pytest.mark.parametrize("window", [100, 128, 150])
def test_a_smaller_window_needs_no_other_option(window: int) -> None:
    receipt = one("The lamp was lit by Ada. " * 60, "Who lit it?", window=window)["receipt"]
    assert receipt["read"] == receipt["tokens"] == 420
    assert receipt["windows"] * window < 2 * 420


def test_a_window_without_room_for_answers_is_named_with_what_it_needs() -> None:
    with pytest.raises(DataError, match=r"a window of 17 tokens has room for 10 .* raise window= to 37, or lower max"):
        answer("The lamp was lit by Ada. " * 60, "Who lit it?", window=17, max_answer_tokens=30)
    assert one("Ada lit it.", "Who?", window=17)["receipt"]["windows"] == 1
    with pytest.warns(BigBirdWarning, match=r"12 windows read 2\.7 times its 63 tokens"):
        assert one("The lamp was lit by Ada. " * 9, "Who lit it?", window=17, max_answer_tokens=4)["answer"] == "Ada"


def test_characters_that_cleaning_leaves_out_are_counted_as_unknown() -> None:
    record = one("The lamp was lit by \ue000 Ada\ufffd.", "Who lit the lamp?")
    assert record["answer"] == "Ada"
    assert record["receipt"]["unknown"] == 2
    with pytest.raises(DataError, match="has 2 characters, and the model's vocabulary knows none"):
        answer("\ue000\ue001", "who?")


@pytest.mark.parametrize("separator", ["\v", "\f", "\x85", "\x1c", "\0", "\u200b"])
def test_what_a_separator_stands_between_is_read_as_words(separator: str) -> None:
    text = separator.join(["Signed by:", "Ada Lindqvist", "Oslo office", "May 2021"])
    assert one(text, "Who signed?")["answer"] == "Ada Lindqvist"
