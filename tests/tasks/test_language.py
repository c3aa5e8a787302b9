"""Language models' windows hold every token once, and their scores count the characters that they tell."""

import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bigbird_cli.errors import DataError, ModelError
from bigbird_cli.tasks import mlm as mlm_module
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.causal import CausalLanguageModelling
from bigbird_cli.tasks.language import LanguageFeature, LanguageTask, Piece, ordinary_ids, runs_of
from bigbird_cli.tasks.mlm import MaskedLanguageModelling
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, Tokens

CLS, SEP, MASK, UNK = 1, 2, 3, 4
SPECIAL = [0, CLS, SEP, MASK]
IGNORED = -100


class Syllables:
    """A stand-in for a tokenizer: pieces of at most three characters of a word; "?" is outside its vocabulary."""

    vocab_size, cls_id, sep_id, pad_id, unk_id = 500, CLS, SEP, 0, UNK
    special_ids = frozenset(SPECIAL)
    newline = "space"

    def __init__(self, mask_id: int | None = MASK) -> None:
        self.mask_id = mask_id

    def encode(self, text: str, *, newline: str | None = None, on_progress: object = None) -> Tokens:  # noqa: ARG002
        spans = [match.span() for match in re.finditer(r"\w{1,3}|[^\w\s]", text)]
        ids = [UNK if text[a:b] == "?" else 10 + sum(map(ord, text[a:b])) % 490 for a, b in spans]
        starts, ends = np.array(spans, dtype=np.int32).reshape(-1, 2).T
        return Tokens(np.array(ids, dtype=np.int32), starts, ends)

    def decode(self, ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        raise NotImplementedError

    def pieces(self, ids: Iterable[int]) -> list[str]:
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        raise NotImplementedError


TOKENIZER: Tokenizer = Syllables()  # type: ignore[assignment]
TEXT = "the keepers of the lighthouse, who had signed the lease in eighteen twenty, lit the lamp " * 30
WORDS = st.text("abcdefghijklmnop .,?\n", min_size=1, max_size=60).filter(str.strip)
CORPORA = st.lists(st.lists(WORDS, min_size=1, max_size=4), min_size=1, max_size=8)


def pieces_of(*documents: list[str]) -> list[Piece]:
    return [
        Piece(f"text {name}", part, begins=number == 0)
        for name, parts in enumerate(documents)
        for number, part in enumerate(parts)
    ]


def ids_of(parts: list[str]) -> list[int]:
    return [number for part in parts for number in TOKENIZER.encode(part).ids.tolist()]


def joined(documents: Iterable[list[str]]) -> list[int]:
    """Tokens of documents with a separator before each but the first."""
    return [number for parts in documents for number in (SEP, *ids_of(parts))][1:]


def drawn(task: MaskedLanguageModelling, texts: list[Piece], *, seed: int = 0, epoch: int = 0) -> Iterator[Feature]:
    for number, feature in enumerate(task.training_features(texts, TOKENIZER)):
        yield task.corrupt(feature, TOKENIZER, seed=(seed, epoch, number))


def labels_of(feature: Feature) -> np.ndarray:
    return np.asarray(feature.labels["labels"])


# ---- reading


@pytest.mark.parametrize("kind", [MaskedLanguageModelling, CausalLanguageModelling])
def test_texts_are_read_as_the_task_says_and_of_a_long_one_no_part_is_lost(
    tmp_path: Path, kind: type[LanguageTask]
) -> None:
    (tmp_path / "long.txt").write_text("ada lit the lamp\n\n" * 9000, encoding="utf-8")
    (tmp_path / "short.txt").write_text("bel\n\ncora", encoding="utf-8")
    found = list(kind().read(tmp_path))
    assert [piece.begins for piece in found] == [True, False, False, True]
    assert "".join(piece.text for piece in found[:3]) == "ada lit the lamp\n\n" * 9000
    assert [piece.text.strip() for piece in kind(documents="paragraph").read(tmp_path / "short.txt")] == ["bel", "cora"]
    (tmp_path / "rows.jsonl").write_text('{"body": "dov"}\n', encoding="utf-8")
    assert [piece.text for piece in kind(text_column="body").read(tmp_path / "rows.jsonl")] == ["dov"]
    with pytest.raises(DataError, match=r"rows\.jsonl:1"):
        list(kind().read(tmp_path / "rows.jsonl"))


def test_texts_are_tokenised_as_they_come() -> None:
    taken = 0

    def endless() -> Iterator[Piece]:
        nonlocal taken
        while True:
            taken += 1
            yield Piece("text", TEXT, begins=True)

    for task in (MaskedLanguageModelling(window=64), CausalLanguageModelling(window=64, overlap=8)):
        stream = task.training_features(endless(), TOKENIZER)
        assert [len(next(stream)) for _ in range(20)] == [64] * 20
    assert taken < 10


# ---- packing


def test_rows_without_a_text_are_passed_over_on_demand(tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text('{"text": null}\n{"text": "ada"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r'"text" is null.*task\.on_empty: skip'):
        list(CausalLanguageModelling().read(source))
    assert [piece.text for piece in CausalLanguageModelling(on_empty="skip").read(source)] == ["ada"]


@settings(deadline=None, max_examples=50)
@given(CORPORA, st.integers(8, 40))
def test_every_token_stands_in_one_window(corpus: list[list[str]], window: int) -> None:
    texts = pieces_of(*corpus)
    features = list(MaskedLanguageModelling(window=window).training_features(texts, TOKENIZER))
    assert all(feature.ids[0] == CLS and feature.ids[-1] == SEP for feature in features)
    assert [number for feature in features for number in feature.ids[1:-1].tolist()] == joined(corpus)
    assert {len(feature) for feature in features[:-1]} <= {window}
    assert len(features[-1]) <= window

    causal = list(CausalLanguageModelling(window=window, overlap=2).training_features(texts, TOKENIZER))
    assert [number for feature in causal for number in feature.ids[1:].tolist()] == joined(corpus)
    for feature in causal:
        assert labels_of(feature).tolist() == [IGNORED, *feature.ids[1:].tolist()]


@settings(deadline=None, max_examples=50)
@given(CORPORA, st.integers(8, 40), st.data())
def test_a_causal_model_is_judged_by_each_token_of_the_text_once_and_with_context(
    corpus: list[list[str]], window: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, window - 3))
    task = CausalLanguageModelling(window=window, overlap=overlap)
    told: list[int] = []
    for number, feature in enumerate(task.encode(pieces_of(*corpus), TOKENIZER)):
        assert len(feature) <= window
        labels = labels_of(feature)
        places = np.flatnonzero(labels != IGNORED)
        assert np.array_equal(labels[places], feature.ids[places])
        told += labels[places].tolist()
        if number:
            assert len(feature) - 1 > overlap
            assert not len(places) or places[0] > overlap
    assert told == [number for number in joined(corpus) if number != SEP]


@settings(deadline=None, max_examples=50)
@given(CORPORA)
def test_characters_add_up_to_the_text(corpus: list[list[str]]) -> None:
    for parts in corpus:
        for piece in pieces_of(parts):
            runs = list(runs_of([piece], TOKENIZER))
            places = [match.end() for match in re.finditer(r"[^\s?]|\?", piece.text)]
            n_unknown = sum(len(match.group()) for match in re.finditer(r"\s*\?", piece.text))
            assert sum(int(run.characters.sum()) for run in runs) == places[-1] - n_unknown


# ---- masking


def test_masks_take_their_share_in_the_proportions_of_bert() -> None:
    task = MaskedLanguageModelling(window=512, mask_share=0.2)
    plain = list(task.training_features(pieces_of([TEXT] * 60), TOKENIZER))
    hidden = [task.corrupt(feature, TOKENIZER, seed=(0, 0, number)) for number, feature in enumerate(plain)]
    ids = np.concatenate([feature.ids for feature in plain])
    seen = np.concatenate([feature.ids for feature in hidden])
    labels = np.concatenate([labels_of(feature) for feature in hidden])
    told = labels != IGNORED
    n_text = int((~np.isin(ids, SPECIAL)).sum())
    assert n_text > 50_000
    assert told.sum() / n_text == pytest.approx(0.2, abs=0.005)
    assert np.array_equal(labels[told], ids[told])
    assert np.array_equal(seen[~told], ids[~told])
    masked, same = seen[told] == MASK, seen[told] == ids[told]
    assert masked.mean() == pytest.approx(0.8, abs=0.02)
    assert same.mean() == pytest.approx(0.1, abs=0.015)
    assert (~masked & ~same).mean() == pytest.approx(0.1, abs=0.015)
    random = seen[told][~masked & ~same]
    assert np.isin(random, ordinary_ids(TOKENIZER)).all()
    assert len(np.unique(random)) > 400  # of 495


@settings(deadline=None, max_examples=50)
@given(CORPORA, st.integers(0, 5), st.floats(0.01, 0.9))
def test_no_control_token_is_hidden_and_none_comes_by_chance(corpus: list[list[str]], seed: int, share: float) -> None:
    task = MaskedLanguageModelling(window=24, mask_share=share)
    texts = pieces_of(*corpus)
    plain = task.training_features(texts, TOKENIZER)
    for feature, hidden in zip(plain, drawn(task, texts, seed=seed), strict=True):
        told = labels_of(hidden) != IGNORED
        assert told.any() or np.isin(feature.ids, SPECIAL).all()
        assert not np.isin(feature.ids[told], SPECIAL).any()
        changed = hidden.ids[hidden.ids != feature.ids]
        assert np.isin(changed, [MASK, *ordinary_ids(TOKENIZER)]).all()
        assert hidden.labels.keys() == {"labels"}


def test_ordinary_ids_are_those_that_stand_for_text() -> None:
    assert ordinary_ids(TOKENIZER).tolist() == list(range(5, 500))


@pytest.mark.parametrize("seed", range(5))
def test_words_are_hidden_whole(seed: int) -> None:
    task = MaskedLanguageModelling(window=200)
    cut = 0
    texts = pieces_of([TEXT])
    for feature, hidden in zip(task.training_features(texts, TOKENIZER), drawn(task, texts, seed=seed), strict=True):
        told = labels_of(hidden) != IGNORED
        words = np.cumsum(feature.labels["word_starts"])
        sizes = {int(word): int((words == word).sum()) for word in np.unique(words)}
        assert max(sizes.values()) >= 3  # lig hth ous e
        for word in np.unique(words[told]):
            assert told[words == word].all()
        cut += int(told.sum())
    assert cut


def test_words_begin_where_the_text_says() -> None:
    feature = next(
        MaskedLanguageModelling(window=32).training_features(pieces_of(["lighthouse, ada"], ["bel"]), TOKENIZER)
    )
    #                                                  [CLS] lig hth ous e  ,  ada [SEP] bel [SEP]
    assert np.asarray(feature.labels["word_starts"]).tolist() == [1, 1, 0, 0, 0, 1, 1, 1, 1, 1]


def test_letters_without_an_end_are_hidden_token_by_token() -> None:
    task = MaskedLanguageModelling(window=512)
    for hidden in drawn(task, pieces_of(["gattaca" * 3000])):
        told = labels_of(hidden) != IGNORED
        assert told.sum() == round(0.15 * (len(hidden) - 2))


@pytest.mark.parametrize(("masking", "is_same"), [("dynamic", False), ("static", True)])
def test_static_masks_stay_over_epochs_and_dynamic_ones_do_not(masking: Any, is_same: bool) -> None:
    task, texts = MaskedLanguageModelling(window=64, masking=masking), pieces_of([TEXT])

    def masks(**draw: int) -> list[list[int]]:
        return [labels_of(feature).tolist() for feature in drawn(task, texts, **draw)]

    assert masks(epoch=0) == masks(epoch=0)
    assert (masks(epoch=0) == masks(epoch=1)) is is_same
    assert masks(seed=0) != masks(seed=1)


def test_every_run_is_judged_by_the_same_masks() -> None:
    texts = pieces_of(["abc " * 1000])
    first, *others = (
        [labels_of(feature).tolist() for feature in task.encode(texts, TOKENIZER)]
        for task in (
            MaskedLanguageModelling(window=64),
            MaskedLanguageModelling(window=64),
            MaskedLanguageModelling(window=64, masking="static"),
        )
    )
    assert all(other == first for other in others)
    assert len({tuple(np.flatnonzero(np.array(labels) != IGNORED)) for labels in first}) == len(first)


def test_a_vocabulary_without_a_mask_token_is_refused() -> None:
    plain: Tokenizer = Syllables(mask_id=None)  # type: ignore[assignment]
    with pytest.raises(ModelError, match="no mask token"):
        list(MaskedLanguageModelling().training_features(pieces_of([TEXT]), plain))


# ---- next-sentence pairs


def parts_of(feature: Feature) -> tuple[list[int], list[int]]:
    ids, types = feature.ids, feature.types
    assert ids[0] == CLS
    assert np.array_equal(np.sort(types), types)
    first, second = ids[types == 0][1:], ids[types == 1]
    assert (first[-1], second[-1]) == (SEP, SEP)
    return first[:-1].tolist(), second[:-1].tolist()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(WORDS, min_size=1, max_size=4), min_size=2, max_size=8), st.integers(8, 40))
def test_pairs_go_on_or_come_from_elsewhere_and_every_token_is_read(corpus: list[list[str]], window: int) -> None:
    task = MaskedLanguageModelling(window=window, next_sentence=True)
    read: list[int] = []
    for feature in task.training_features(pieces_of(*corpus), TOKENIZER):
        assert len(feature) <= window
        first, second = parts_of(feature)
        read += first
        if feature.labels["next_sentence_label"] == 0:
            read += second
        else:
            assert second
    assert read == [number for parts in corpus for number in ids_of(parts)]


def test_half_of_the_pairs_are_drawn_from_another_document_however_long_documents_are() -> None:
    letters = ["abc", "def", "ghi", "jkl"]  # each document has letters of its own
    corpus = [[f"{3 * name} {name} " * 3000] for name in letters]
    own = [set(ids_of([f"{3 * name} {name}"])) for name in letters]
    task = MaskedLanguageModelling(window=32, next_sentence=True)
    labels: list[Any] = []
    drawn_from = set()
    for feature in task.training_features(pieces_of(*corpus), TOKENIZER):
        first, second = (next(i for i, ids in enumerate(own) if set(part) <= ids) for part in parts_of(feature))
        assert (first == second) is (feature.labels["next_sentence_label"] == 0)
        if first:
            labels.append(feature.labels["next_sentence_label"])
        if first == 3:
            drawn_from.add(second)
    assert np.mean(labels) == pytest.approx(0.5, abs=0.03)
    assert drawn_from == {0, 1, 2, 3}


def test_the_parts_to_draw_from_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    keep = mlm_module._keep

    def watched(pool: list[Any], part: Any, rng: np.random.Generator) -> None:
        keep(pool, part, rng)
        sizes.append(len(pool))

    monkeypatch.setattr(mlm_module, "_keep", watched)
    task = MaskedLanguageModelling(window=16, next_sentence=True)
    list(task.training_features(pieces_of([TEXT], [TEXT]), TOKENIZER))
    assert max(sizes) == sizes[-1] == mlm_module.POOL


def test_pairs_need_two_documents() -> None:
    task = MaskedLanguageModelling(window=32, next_sentence=True)
    with pytest.raises(DataError, match=r"one only; set task\.documents"):
        list(task.training_features(pieces_of([TEXT]), TOKENIZER))


def test_pairs_have_their_own_head() -> None:
    assert MaskedLanguageModelling().head == "masked_lm"
    assert MaskedLanguageModelling(next_sentence=True).head == "pretraining"
    assert CausalLanguageModelling().head == "causal_lm"
    assert CausalLanguageModelling().config_updates() == {"is_decoder": True}


# ---- scores


def judged(
    task: CausalLanguageModelling | MaskedLanguageModelling,
    texts: list[Piece],
    nll: float,
    *,
    relation: int | None = None,
) -> dict[str, float]:
    """Scores of a model that gives every token the same loss and tells every other token."""
    features = task.encode(texts, TOKENIZER)
    decoder = task.decoder(texts, TOKENIZER)
    for feature in features:
        told = labels_of(feature) != IGNORED
        outputs = {"nll": np.where(told, nll, 0).astype(np.float32), "correct": told & (np.cumsum(told) % 2 == 0)}
        if relation is not None:
            outputs["relation_logits"] = np.eye(2, dtype=np.float32)[relation]
        decoder.add(feature, outputs)
    scores = task.score(decoder.finish(), texts)
    assert list(scores) == task.score_names(texts, features)
    return scores


@settings(deadline=None, max_examples=50)
@given(CORPORA)
def test_bits_per_character_are_those_of_all_characters(corpus: list[list[str]]) -> None:
    texts = pieces_of(*corpus)
    n_tokens = sum(len(ids_of(parts)) for parts in corpus)
    n_characters = sum(int(run.characters.sum()) for run in runs_of(texts, TOKENIZER))
    scores = judged(CausalLanguageModelling(window=16, overlap=3), texts, math.log(8))
    assert scores["total"] == n_tokens
    assert scores["bits_per_character"] == pytest.approx(3 * n_tokens / max(1, n_characters))
    assert scores["perplexity"] == pytest.approx(8)


def test_masked_tokens_are_measured_by_the_characters_that_they_cover() -> None:
    # every word has three letters, and a space before it but for the first of the text
    texts = pieces_of(["abc " * 4000])
    scores = judged(MaskedLanguageModelling(window=102), texts, math.log(16))
    assert scores["bits_per_character"] == pytest.approx(1.0, abs=1e-3)
    assert scores["accuracy"] == pytest.approx(100 * 7 / 15)  # 15 of each hundred tokens, every other one told
    assert scores["total"] == 600


def test_next_sentence_accuracy_is_the_share_of_pairs_told_rightly() -> None:
    task = MaskedLanguageModelling(window=32, next_sentence=True)
    texts = pieces_of(*[[TEXT]] * 4)
    share = np.mean([feature.labels["next_sentence_label"] for feature in task.encode(texts, TOKENIZER)])
    assert judged(task, texts, 1.0, relation=1)["next_sentence_accuracy"] == pytest.approx(100 * share)
    assert judged(task, texts, 1.0, relation=0)["next_sentence_accuracy"] == pytest.approx(100 * (1 - share))
    assert "next_sentence_accuracy" not in judged(MaskedLanguageModelling(window=32), texts, 1.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ModelError, match="text 0"):
        judged(MaskedLanguageModelling(window=32), pieces_of([TEXT]), bad)


def test_nothing_told_has_no_score() -> None:
    with pytest.raises(ValueError, match="nothing to score"):
        CausalLanguageModelling().score([], [])


def test_features_to_judge_by_know_their_characters() -> None:
    for task in (MaskedLanguageModelling(window=32), CausalLanguageModelling(window=32, overlap=4)):
        for feature in task.encode(pieces_of([TEXT]), TOKENIZER):
            assert isinstance(feature, LanguageFeature)
            assert feature.characters is not None
            assert len(feature.characters) == len(feature)
            assert not feature.characters[np.isin(feature.ids, [CLS, SEP])].any()


def test_overlaps_leave_room_for_something_new() -> None:
    with pytest.raises(ValidationError, match="leaves no room"):
        CausalLanguageModelling(window=16, overlap=14)
    assert CausalLanguageModelling(window=16, overlap=13).overlap == 13
