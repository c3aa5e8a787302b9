"""`bigbird select`: sentences at their characters, shares that add up, and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

import bigbird_cli as bb
from bigbird_cli.api import select_all
from bigbird_cli.errors import BigBirdError, UsageError
from bigbird_cli.text.documents import Document

TEXT = "Ada kept the lamp. A storm came in 1820. The light went out."


def test_json_records_have_sentences_at_their_characters_and_a_receipt(
    invoke: Any, tiny_label_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    result = invoke("select", tmp_path / "a.txt", "-q", "what came in 1820?", "-m", tiny_label_model, "-k", 2, "--json")
    assert result.exit_code == 0, result.stderr
    [record] = [json.loads(line) for line in result.stdout.splitlines()]
    assert list(record) == ["sentences", "query", "source", "id", "receipt"]
    assert len(record["sentences"]) == 2
    assert record["sentences"][0]["score"] >= record["sentences"][1]["score"] > 0
    for sentence in record["sentences"]:
        assert TEXT[sentence["start"] : sentence["end"]] == sentence["text"]
    receipt = record["receipt"]
    assert (receipt["windows"], receipt["read"], receipt["truncated"]) == (3, receipt["tokens"], False)


def test_a_terminal_shows_each_sentence_with_its_share(invoke: Any, tiny_label_model: Path) -> None:
    result = invoke("select", "-", "--query", "what came in 1820?", "-m", tiny_label_model, stdin=TEXT)
    assert result.exit_code == 0, result.stderr
    assert "% " in result.stdout
    assert "A storm came in 1820.  19-40" in result.stdout


def test_shares_of_all_sentences_add_up_to_one(tiny_label_model: Path) -> None:
    record = bb.select(TEXT, "ada", model=tiny_label_model, top_k=9)
    assert len(record["sentences"]) == 3
    assert sum(sentence["score"] for sentence in record["sentences"]) == pytest.approx(1)


def test_documents_read_together_have_the_sentences_that_each_has_alone(tiny_label_model: Path) -> None:
    texts = [TEXT, "The lamp is old.", "Bel met Cora. Dov left."]
    together = bb.select(texts, "who met?", model=tiny_label_model)
    assert [record["source"] for record in together] == ["text"] * 3
    for text, record in zip(texts, together, strict=True):
        alone = bb.select(text, "who met?", model=tiny_label_model)
        assert [s["text"] for s in record["sentences"]] == [s["text"] for s in alone["sentences"]]
        assert [s["score"] for s in record["sentences"]] == pytest.approx([s["score"] for s in alone["sentences"]])


def test_a_document_without_text_fails_alone(tiny_label_model: Path) -> None:
    results = list(select_all([Document("a", ""), Document("b", "Ada left.")], "who left?", model=tiny_label_model))
    assert isinstance(results[0].error, BigBirdError)
    assert results[0].to_dict()["source"] == "a"
    assert results[1].record()["sentences"][0]["text"] == "Ada left."


@pytest.mark.parametrize(
    ("options", "where"), [({"query": " "}, "query"), ({"top_k": 0}, "top_k"), ({"on_long": "truncate"}, "on_long")]
)
def test_what_cannot_be_done_is_refused_before_the_first_document(
    tiny_label_model: Path, options: dict[str, Any], where: str
) -> None:
    with pytest.raises(UsageError) as caught:
        bb.select(TEXT, **{"query": "ada", "model": tiny_label_model} | options)
    assert caught.value.where == where


def test_a_query_must_be_given(invoke: Any) -> None:
    result = invoke("select", "a.txt")
    assert result.exit_code == 2
    assert "--query" in result.stderr
