"""Tokens and vocabularies by plain calls, as the command gives them."""

from pathlib import Path
from typing import Any

import pytest

import bigbird_cli as bb
from bigbird_cli.api import answer
from bigbird_cli.api.reading import reader
from bigbird_cli.errors import ModelError, UsageError
from bigbird_cli.text.documents import Document
from tests.api.helpers import LONG, SHORT


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
