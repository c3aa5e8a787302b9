"""The benchmark of DNA counts bits by the definitions that it states."""

import itertools
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer

HIGHEST = 3


def genome(n: int, seed: int = 0) -> str:
    """Letters of which each depends on the two before it."""
    draw = random.Random(seed)
    letters = "AC"
    while len(letters) < n:
        likely = "ACGT"[(2 * "ACGT".index(letters[-1]) + "ACGT".index(letters[-2])) % 4]
        letters += draw.choice([likely, likely, draw.choice("ACGT")])
    return letters


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import dna

    monkeypatch.setattr(dna, "HIGHEST", HIGHEST)
    yield dna
    sys.modules.pop("dna", None)


def probability(text: str, before: str, base: str, *, order: int, strengths: list[float]) -> float:
    """By the recursive definition, counted in the text as it stands."""
    lower = probability(text, before[1:], base, order=order - 1, strengths=strengths) if order else 0.25
    places = [i for i in range(len(text) - order) if text[i : i + order] == before]
    seen = sum(text[i + order] == base for i in places)
    return (seen + strengths[order] * lower) / (len(places) + strengths[order])


def test_contexts_give_the_probabilities_of_their_definition(bench: ModuleType) -> None:
    text, other = genome(300), genome(40, seed=1)
    contexts = bench.Contexts([text], [genome(200, seed=2)])
    bits = contexts.bits(other)
    assert bits.shape == (HIGHEST + 1, len(other) - HIGHEST)
    for order in range(HIGHEST + 1):
        for i in range(HIGHEST, len(other)):
            wanted = probability(text, other[i - order : i], other[i], order=order, strengths=contexts.strengths)
            assert bits[order, i - HIGHEST] == pytest.approx(-np.log2(wanted))
    assert bits[2].mean() < bits[0].mean() - 0.1


@pytest.mark.parametrize(("order", "n_missing"), [(1, 1), (1, 4), (2, 3), (3, 2), (3, 5)])
def test_a_stretch_seen_from_both_sides_is_one_of_all_of_its_length(
    bench: ModuleType, order: int, n_missing: int
) -> None:
    text = genome(60, seed=3)
    contexts = bench.Contexts([genome(500)], [genome(200, seed=2)])
    start, stop = 20, 20 + n_missing

    def joint(missing: str) -> float:
        whole = text[:start] + missing + text[stop : stop + order]
        return float(2 ** -contexts.bits(whole)[order][start - HIGHEST :].sum())

    total = sum(joint("".join(letters)) for letters in itertools.product("ACGT", repeat=n_missing))
    bits = contexts.two_sided_bits(text, start, stop, order=order)
    assert bits == pytest.approx(-np.log2(joint(text[start:stop]) / total))


def test_an_unknown_base_has_no_bits_and_no_context(bench: ModuleType) -> None:
    contexts = bench.Contexts(["ACGTNACGT" * 20], [genome(50)])
    unknown = np.isnan(contexts.bits("ACGTACNACGTACGT"))
    assert np.flatnonzero(unknown[0]).tolist() == [3, 4, 5, 6]


def test_no_sequence_stands_in_two_parts(bench: ModuleType) -> None:
    promoters, others = ([genome(20, seed) for seed in range(first, first + 40)] for first in (0, 35))
    split = bench.split_of([*promoters, promoters[0]], others)
    texts = [text for part in split.values() for text in part.texts]
    assert len(texts) == len(set(texts)) == 70
    assert [round(part.labels.mean(), 2) for part in split.values()] == [0.5, 0.5, 0.5]


def test_hidden_tokens_stand_where_their_bases_are(bench: ModuleType, tmp_path: Path, repository: Path) -> None:
    import bigbird_cli as bb

    texts = [genome(400), genome(300, seed=1)]
    (tmp_path / "g.fa").write_text("".join(f">{i}\n{text}\n" for i, text in enumerate(texts)))
    bb.train_tokenizer(tmp_path / "g.fa", tmp_path / "v", vocab_size=120, split="none")
    settings = ["hidden_size=16", "num_hidden_layers=1", "num_attention_heads=2", "intermediate_size=32"]
    overrides = [
        *(f"model.config.{each}" for each in settings),
        *(f"model.tokenizer={tmp_path}/v", f"data.train={tmp_path}/g.fa", "data.dev=null", "optim.steps=1"),
        "task.window=64",
    ]
    for _ in bb.pretrain(repository / "recipes/pretrain-dna.yaml", overrides=overrides, out=tmp_path / "run"):
        pass
    tokenizer = load_tokenizer(tmp_path / "run")
    found = list(bench.hidden_tokens(tmp_path / "run", tmp_path / "g.fa", texts))
    assert {one.document for one in found} == {0, 1}
    assert [texts[one.document][one.start : one.stop] for one in found] == tokenizer.pieces(
        [one.token for one in found]
    )
    assert all(0 < one.bits < 20 for one in found)
