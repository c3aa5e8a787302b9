"""The model that ships: it opens without a word, answers the demo's question, and says when there is no answer."""

import warnings
from pathlib import Path

import pytest

import bigbird_cli as bb
from bigbird_cli.weights.store import open_folder

DEMO = "recipes/examples/skarvholm.txt"
LARGEST = 52_000_000  # bytes of weights: the whole wheel stays under 100 MB


@pytest.fixture(scope="module")
def article() -> str:
    return (Path(__file__).resolve().parent.parent / DEMO).read_text(encoding="utf-8")


def test_weights_are_small_and_the_card_names_data_and_licence() -> None:
    folder = open_folder("qa-mini").path
    assert (folder / "model.safetensors").stat().st_size < LARGEST
    card = (folder / "README.md").read_text(encoding="utf-8")
    for name in ("all-MiniLM-L6-v2", "Apache", "CUAD", "QAMR", "FairytaleQA", "recipes/qa-mini.yaml"):
        assert name in card


def test_it_opens_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = bb.BigBirdForQuestionAnswering.from_pretrained("qa-mini")
    assert model.config.max_position_embeddings == 4096


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


def test_it_says_when_a_passage_holds_no_answer() -> None:
    passage = "Bees collect nectar from flowers and turn it into honey, which they store in the hive for the winter."
    record = bb.answer(passage, "Who won the naval battle of 1827?")
    assert record["answer"] is None
    assert record["no_answer_score"] > 0.5


def test_transformers_opens_the_folder() -> None:
    import transformers

    folder = open_folder("qa-mini").path
    model = transformers.BigBirdForQuestionAnswering.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer("Who signed the lease?", "The lease was signed by Ada Bell in 1887.", return_tensors="pt")
    out = model(**inputs)
    first, last = int(out.start_logits.argmax()), int(out.end_logits.argmax())
    assert tokenizer.decode(inputs["input_ids"][0, first : last + 1]) == "ada bell"
