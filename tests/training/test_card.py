"""A trained model's card: what the run knows of it, and a header that the hub reads."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from bigbird_cli.recipe.schema import FinetuneRecipe
from bigbird_cli.training.card import CardFacts, changed_settings, license_of, model_card


def recipe(**changes: Any) -> FinetuneRecipe:
    values: dict[str, Any] = {
        "model": {"start": "qa-mini"},
        "task": {"type": "classify", "window": 256},
        "data": {"train": ["/home/ada/reviews.csv", "hub:owner/set#config:train"], "dev": "10%"},
        "optim": {"lr": 1e-4, "schedule": "cosine", "warmup": 0.1},
    } | changes
    return FinetuneRecipe.model_validate(values)


FACTS = CardFacts(
    name="lamp",
    recipe=recipe(),
    labels=("lamp", "sea | salt", "tower"),
    label_counts={"lamp": 1200, "sea | salt": 7},
    base_license="apache-2.0",
    n_examples=1207,
    n_features=1300,
    n_parameters=25_124_738,
    device="cpu",
    step=20,
    n_steps=30,
    metric="accuracy",
    scores={"accuracy": 61.25, "f1_macro": 40.0, "total": 80.0, "accuracy_to_512_tokens": 70.0},
    test_scores=None,
    seconds=1234.0,
    memory_mb=1500.0,
)


def test_a_card_tells_what_the_run_knows() -> None:
    card = model_card(FACTS)
    for fact in (
        "# lamp\n",
        "25.1 million parameters",
        "bigbird classify FILE --model lamp\n",
        'bb.classify(Path("FILE"), model="lamp")',
        "| start | `qa-mini`, licence apache-2.0 |",
        "| training data | `reviews.csv`, `hub:owner/set#config:train`: 1,207 examples in 1,300 windows |",
        "| dev data | 10% of the training data |",
        "| labels | lamp (1,200), sea \\| salt (7), tower |",
        "| steps | 20 of 30, the best on the dev data |",
        "| hardware | cpu, 1,500 MB |",
        "| time | 1,234 s |",
        "| accuracy | 61.25 |",
        "| accuracy_to_512_tokens | 70 |",
        "| `optim.schedule` | `cosine` |",
        "inputs of 256 tokens",
        "so they flatter it",
    ):
        assert fact in card, fact
    assert "/home" not in card
    assert "warmup" not in card


def test_its_header_is_what_the_hub_reads() -> None:
    named = {"license": "cc-by-4.0", "data_license": "mit", "language": "no", "author": "Ada", "about": "Sorts: mail."}
    card = ModelCard(model_card(replace(FACTS, recipe=recipe(card=named), test_scores={"accuracy": 55.5})))
    header = card.data.to_dict()
    assert header["license"] == "cc-by-4.0"
    assert header["language"] == "no"  # a language, not a false
    assert header["base_model"] == "qa-mini"
    assert header["pipeline_tag"] == "text-classification"
    assert header["datasets"] == ["owner/set"]
    data: Any = card.data
    [result] = data.eval_results
    assert (result.metric_type, result.metric_value, result.dataset_split) == ("accuracy", 55.5, "test")
    for fact in ("\n\nSorts: mail.\n\n", "| its licence | mit |", "| author | Ada |", "## Scores on the test data"):
        assert fact in card.text


def test_what_is_not_known_is_left_out() -> None:
    folder = recipe(model={"start": "/home/ada/model"}, data={"train": "/home/ada/texts"})
    card = model_card(replace(FACTS, recipe=folder, scores=None, labels=(), base_license=None, n_examples=None))
    header = ModelCard(card).data.to_dict()
    assert header.keys() == {"library_name", "pipeline_tag", "tags"}
    assert "| start | `model` |" in card
    assert "not scored on any data" in card
    assert "labels |" not in card
    assert "/home" not in card


def test_a_licence_is_read_from_a_card_that_has_one(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    assert license_of(tmp_path) is None
    for text, found in (
        ("---\nlicense: mit\ntags: [a]\n---\n# A", "mit"),
        ("# A\n---\nlicense: mit\n---\n", None),
        ("---\nlicense: [mit, other]\n---\n", None),
        ("---\nlicense: : :\n---\n", None),
        ("---\nlicense: mit\n", None),
    ):
        card.write_text(text, encoding="utf-8")
        assert license_of(tmp_path) == found
    card.write_bytes(b"---\nlicense: \xff\n---\n")
    assert license_of(tmp_path) is None


@pytest.mark.parametrize("name", ["optim.lr", "task.window", "optim.schedule"])
def test_settings_without_a_default_or_unlike_it_are_told(name: str) -> None:
    assert name in dict(changed_settings(recipe()))


def test_settings_by_default_and_what_stands_elsewhere_are_not() -> None:
    told = dict(changed_settings(recipe(card={"license": "mit"})))
    assert told == {"task.window": "256", "optim.lr": "0.0001", "optim.schedule": "cosine"}
