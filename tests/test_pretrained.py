"""The models that ship: they open without a word, find what the shipped article says, and say what they do not find."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bigbird_cli as bb
from bigbird_cli.weights.store import open_folder

DEMO = "recipes/examples/skarvholm.txt"
LARGEST = {"qa-mini": 26_000_000, "ner-mini": 25_000_000, "ner-fast": 18_000_000, "classify-mini": 25_000_000}
"""Bytes of weights: the whole wheel stays under 100 MB."""


@pytest.fixture(scope="module")
def article() -> str:
    return (Path(__file__).resolve().parent.parent / DEMO).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def found(article: str) -> dict[str, Any]:
    """What ner-mini finds in it."""
    return bb.ner(article)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("qa-mini", ["all-MiniLM-L6-v2", "Apache", "CUAD", "QAMR", "FairytaleQA", "recipes/qa-mini.yaml"]),
        ("ner-mini", ["all-MiniLM-L6-v2", "Apache", "en_core_web_sm", "MIT", "LitBank", "recipes/ner-mini.yaml"]),
        ("ner-fast", ["all-MiniLM-L6-v2", "Apache", "en_core_web_sm", "MIT", "LitBank", "recipes/ner-fast.yaml"]),
        ("classify-mini", ["all-MiniLM-L6-v2", "Apache", "MultiNLI", "movie_reviews", "recipes/classify-mini.yaml"]),
    ],
)
def test_weights_are_small_and_the_card_names_data_and_licence(model: str, names: list[str]) -> None:
    folder = open_folder(model).path
    assert (folder / "model.safetensors").stat().st_size < LARGEST[model]
    card = (folder / "README.md").read_text(encoding="utf-8")
    for name in names:
        assert name in card


def test_it_opens_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = bb.BigBirdForQuestionAnswering.from_pretrained("qa-mini")
        names = bb.BigBirdForTokenClassification.from_pretrained("ner-mini")
        bb.classify("The keeper lit the lamp.", labels="light,music")
    assert model.config.max_position_embeddings == names.config.max_position_embeddings == 4096


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Who founded the mussel cooperative?", "Ragnhild Tveit"),
        ("Which Dutch pilot passed the island in 1612?", "Cornelis van der Meulen"),
        ("How many members does the cooperative have?", "forty-four"),
    ],
)
def test_it_finds_answers_far_into_a_long_article(article: str, question: str, answer: str) -> None:
    record = bb.answer(article, question, no_answer_threshold=1.0)
    assert answer in record["answer"]
    assert article[record["start"] : record["end"]] == record["answer"]
    assert record["receipt"]["read"] == record["receipt"]["tokens"] > 4000
    assert not record["receipt"]["truncated"]


def test_it_reads_4096_tokens_at_once_in_block_sparse_attention_too(article: str) -> None:
    record = bb.answer(article, "Who founded the mussel cooperative?", window=4096)
    assert record["answer"] == "Ragnhild Tveit"
    assert (record["receipt"]["windows"], record["receipt"]["attention"]) == (2, "block_sparse")


def test_it_says_when_a_passage_holds_no_answer() -> None:
    passage = "Bees collect nectar from flowers and turn it into honey, which they store in the hive for the winter."
    record = bb.answer(passage, "Who won the naval battle of 1827?")
    assert record["answer"] is None
    assert record["no_answer_score"] > 0.5


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("PERSON", "Cornelis van der Meulen"),
        ("PERSON", "Ragnhild Tveit"),  # beyond the first window
        ("ORG", "Telegraf"),
        ("GPE", "Lisbon"),
        ("DATE", "3 November 1797"),
    ],
)
def test_it_finds_names_in_a_long_article(found: dict[str, Any], type_: str, name: str) -> None:
    assert (type_, name) in {(entity["type"], entity["text"]) for entity in found["entities"]}


def test_names_stand_at_their_characters_and_their_scores_are_not_all_sure(article: str, found: dict[str, Any]) -> None:
    assert found["receipt"]["read"] == found["receipt"]["tokens"] > 4000
    assert len(found["entities"]) > 200
    for entity in found["entities"]:
        assert article[entity["start"] : entity["end"]] == entity["text"]
        assert "\n\n" not in entity["text"]
    scores = [entity["score"] for entity in found["entities"]]
    assert min(scores) < 0.5 < 0.9 < max(scores)


@pytest.mark.parametrize("change", [str.upper, str.lower], ids=["capitals", "lower case"])
def test_names_are_found_in_capitals_and_in_lower_case(change: Callable[[str], str]) -> None:
    text = change("On Tuesday Angela Merkel met Tim Cook in Berlin.")
    said = [(entity["type"], entity["text"]) for entity in bb.ner(text)["entities"]]
    names = [("DATE", "Tuesday"), ("PERSON", "Angela Merkel"), ("PERSON", "Tim Cook"), ("GPE", "Berlin")]
    assert said == [(type_, change(name)) for type_, name in names]


def test_the_quick_model_finds_most_of_these_names_in_windows_of_256_tokens(
    article: str, found: dict[str, Any]
) -> None:
    quick = bb.ner(article, model="ner-fast")
    said, usual = ({(entity["start"], entity["end"]) for entity in each["entities"]} for each in (quick, found))
    assert quick["receipt"]["attention"] == "full"
    assert len(said & usual) > 0.7 * max(len(said), len(usual))


def test_it_tells_what_a_long_article_is_about_and_where_it_says_so(article: str) -> None:
    record = bb.classify(article, labels="politics,sport,business,local history")
    assert isinstance(record, dict)
    assert record["label"] == "local history"
    assert 0.5 < record["score"] < 0.9
    assert sum(record["scores"].values()) + record["none_score"] == pytest.approx(1)
    assert record["receipt"]["read"] == record["receipt"]["tokens"] > 4000
    assert record["receipt"]["model"] == "classify-mini"


@pytest.mark.parametrize(
    ("text", "labels", "label"),
    [
        ("The tenant shall pay the rent on the first day of each month.", "lease,love letter,medicine", "lease"),
        ("Who painted the ceiling?", "number,person,place,reason", "person"),
        ("The patient was given antibiotics for pneumonia.", "medicine,law,sport,music", "medicine"),
        ("The patient was given antibiotics for pneumonia.", "law,sport,music", None),
    ],
)
def test_it_tells_short_texts_by_labels_that_it_never_met_or_says_none(
    text: str, labels: str, label: str | None
) -> None:
    record = bb.classify(text, labels=labels)
    assert isinstance(record, dict)
    assert record["label"] == label


def test_transformers_opens_what_the_model_is_converted_to(tmp_path: Path) -> None:
    import transformers

    folder = tmp_path / "qa"
    bb.convert("qa-mini", folder)
    model = transformers.BigBirdForQuestionAnswering.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer("Who signed the lease?", "The lease was signed by Ada Bell in 1887.", return_tensors="pt")
    out = model(**inputs)
    first, last = int(out.start_logits.argmax()), int(out.end_logits.argmax())
    assert tokenizer.decode(inputs["input_ids"][0, first : last + 1]) == "ada bell"
