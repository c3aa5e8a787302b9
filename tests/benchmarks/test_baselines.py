"""Baselines answer with whole sentences, and find the longest names of the training data."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from bigbird_cli.tasks.ner.gold import GoldEntity, NERExample
from bigbird_cli.tasks.qa.squad import QAExample


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import baselines

    yield baselines
    del sys.modules["baselines"]


@pytest.mark.parametrize(
    ("context", "first", "nearest"),
    [
        (" It rained. Ada lit the lamp! Bel slept.", "It rained.", "Ada lit the lamp!"),
        ("who\nlit 3.5 lamps", "who\nlit 3.5 lamps", "who\nlit 3.5 lamps"),
    ],
)
def test_sentences_are_those_of_the_document(bench: ModuleType, context: str, first: str, nearest: str) -> None:
    example = QAExample("q", "Who lit the lamp?", context)
    for span, text in ((bench.first_sentence(example), first), (bench.nearest_sentence(example), nearest)):
        assert span.text == context[span.start : span.end] == text


def test_the_longest_name_counts_and_its_commonest_type(bench: ModuleType) -> None:
    text = "Ada met Ada Bel."
    train = [
        NERExample("a", text, (GoldEntity("PER", 0, 3), GoldEntity("ORG", 8, 15))),
        NERExample("b", text, (GoldEntity("LOC", 0, 3),)),
        NERExample("c", text, (GoldEntity("PER", 0, 3),)),
    ]
    names = bench.Names(train)
    found = names.find(NERExample("d", "So Ada Bel saw Ada, not Adam.", ())).entities
    assert [(entity.type, entity.text) for entity in found] == [("ORG", "Ada Bel"), ("PER", "Ada")]
