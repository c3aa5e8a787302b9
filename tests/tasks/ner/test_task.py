"""Entities at exact characters: labels on units, one decoding over all windows, scores on untouched gold."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import BigBirdWarning, DataError, ModelError
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.ner.decoding import Entity, NERPrediction
from bigbird_cli.tasks.ner.gold import GoldEntity, NERExample
from bigbird_cli.tasks.ner.tags import spans_of
from bigbird_cli.tasks.ner.task import NamedEntities
from bigbird_cli.tasks.windowed import Coverage, source_of
from bigbird_cli.tasks.words import units_of, words_of
from bigbird_cli.text.documents import encode_document
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, Tokens, load_tokenizer
from bigbird_cli.text.windows import owned_sums

TORTURE = {
    "emoji": "\U0001f600 lamp \U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f1f8\U0001f1ea keeper\u2764\ufe0f " * 6,
    "combining marks": "e\u0301te\u0301 Z\u0351\u036b\u0343a\u030a\u0323lgo\u0301 cafe\u0301 " * 8,
    "CRLF": "ada\r\nbel\r\rcora\n\r\ndov \r\n" * 10,
    "NUL": "lamp\0light\0\0 tower\0 " * 10,
    "line separators": "ada\u2028bel\u2029cora\x85dov\x0b\x0c " * 10,
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u202eada\u202c \u0645\u0631\u062d\u0628\u0627 \u200fbel " * 8,
    "byte order mark": "\ufeffada\ufeff bel \ufeff" * 8,
    "control tokens": "[SEP] ada [CLS] </s> <s>bel[MASK] [PAD] <unk> " * 6,
    "CJK and ligatures": "\u4e2d\u6587\u5b57 \ufb01ne \uff12\uff10 \u00bd \u1e9e\u0130 " * 8,
    "white space": " \t\u00a0\u3000 ada \u200b\u2003 bel   " * 8,
    "one long word": "lamp" * 300,
    "punctuation": "ada's \u201cbel\u201d... (cora-dov), U.S.A.; 3.5% ada@bel.org " * 6,
}


class Pieces:
    """A stand-in for a tokenizer: pieces of at most four characters that heed no word's end, a bare token in front."""

    vocab_size, cls_id, sep_id, pad_id, mask_id, unk_id = 1000, 1, 2, 0, 3, 4
    special_ids = frozenset({0, 1, 2, 3})
    newline = "keep"

    def encode(self, text: str, *, newline: str | None = None, on_progress: object = None) -> Tokens:  # noqa: ARG002
        spans = [match.span() for match in re.finditer(r"\S{1,4}|\n", text)]
        if spans:
            spans.insert(0, (spans[0][0], spans[0][0]))
        ids = [10 + sum(map(ord, text[a:b])) % 990 for a, b in spans]
        starts, ends = np.array(spans, dtype=np.int32).reshape(-1, 2).T
        return Tokens(np.array(ids, dtype=np.int32), starts, ends)

    def decode(self, ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        raise NotImplementedError

    def pieces(self, ids: Iterable[int]) -> list[str]:
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        raise NotImplementedError


PIECES: Tokenizer = Pieces()  # type: ignore[assignment]
TASK = NamedEntities(labels=("LOC", "PER"), window=32, overlap=8)


def example(text: str, *entities: tuple[str, str], id_: str = "a") -> NERExample:
    """Gold by its text, each found behind the one before."""
    gold, place = [], 0
    for type_, words in entities:
        place = text.index(words, place)
        gold.append(GoldEntity(type_, place, place + len(words)))
        place += len(words)
    return NERExample(id_, text, tuple(gold), where=f"here:{id_}")


def long_example(n: int, *, id_: str = "a") -> NERExample:
    """A document of many entities, some of them long, and neighbours among them."""
    rng = np.random.default_rng(n)
    words: list[str] = []
    gold, place = [], 0
    while len(words) < n:
        size = int(rng.integers(1, 5))
        run = [str(rng.choice(["ada", "bel", "keeper", "tower's", "x"])) for _ in range(size)]
        text = " ".join(run)
        if rng.random() < 0.6:
            gold.append(GoldEntity(str(rng.choice(["LOC", "PER"])), place, place + len(text)))
        words += run
        place += len(text) + 1
    return NERExample(id_, " ".join(words), tuple(gold))


def random_logits(task: NamedEntities, feature: Feature, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"logits": (rng.normal(size=(len(feature), len(task.output_tags))) * 2).astype(np.float32)}


def predict(
    task: NamedEntities, examples: list[NERExample], tokenizer: Tokenizer, seed: int = 0
) -> list[NERPrediction]:
    rng = np.random.default_rng(seed)
    decoder = task.decoder(examples, tokenizer)
    for feature in task.encode(examples, tokenizer):
        decoder.add(feature, random_logits(task, feature, rng))
    return decoder.finish()


def perfect(task: NamedEntities, examples: list[NERExample], tokenizer: Tokenizer) -> list[NERPrediction]:
    """The predictions of a model that has learnt the training labels by heart, wherever it was taught any."""
    taught: dict[tuple[int, int], int] = {}
    for feature in task.training_features(examples, tokenizer):
        for place in np.flatnonzero(feature.labels["labels"] != -100).tolist():
            key = (feature.example, source_of(feature).window.start + place - source_of(feature).first)
            assert key not in taught, "a unit is taught once"
            taught[key] = int(feature.labels["labels"][place])  # type: ignore[index]
    decoder = task.decoder(examples, tokenizer)
    for feature in task.encode(examples, tokenizer):
        logits = np.zeros((len(feature), len(task.output_tags)), dtype=np.float32)
        for place in range(len(feature)):
            label = taught.get((feature.example, source_of(feature).window.start + place - source_of(feature).first))
            if label is not None:
                logits[place, label] = 9
        decoder.add(feature, {"logits": logits})
    return decoder.finish()


@pytest.fixture(scope="module", params=["wordpiece", "sentencepiece", "pieces"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    if request.param == "pieces":
        return PIECES
    if request.param == "wordpiece":
        return load_tokenizer(request.getfixturevalue("tiny_qa_model"))
    folder = tmp_path_factory.mktemp("spiece")
    shutil.copy(Path(__file__).parents[2] / "text" / "fixtures" / "tiny-spiece.model", folder / "spiece.model")
    return load_tokenizer(folder)


# settings


def test_labels_are_those_of_the_training_data_sorted() -> None:
    task = NamedEntities().fit_labels(iter([example("ada bel", ("PER", "ada")), example("bel", ("LOC", "bel"))]))
    assert task.labels == ("LOC", "PER")
    assert task.config_updates()["id2label"] == {0: "O", 1: "B-LOC", 2: "I-LOC", 3: "B-PER", 4: "I-PER"}
    assert task.config_updates()["label2id"] == {"O": 0, "B-LOC": 1, "I-LOC": 2, "B-PER": 3, "I-PER": 4}
    assert NamedEntities.model_validate(task.model_dump()) == task
    given = NamedEntities(labels=("PER", "LOC"))
    assert given.fit_labels(iter([])) is given
    with pytest.raises(DataError, match="holds no entity"):
        NamedEntities().fit_labels([example("ada")])
    with pytest.raises(ValueError, match="no labels yet"):
        _ = NamedEntities().output_tags


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValidationError, match="'PER' is named 2 times"):
        NamedEntities(labels=("PER", "PER"))
    with pytest.raises(ValidationError, match="a name is empty"):
        NamedEntities(labels=("PER", " "))
    with pytest.raises(ValidationError):
        NamedEntities(labels=())
    with pytest.raises(ValidationError):
        NamedEntities.model_validate({"scheme": "iob"})


@pytest.mark.parametrize(
    ("names", "labels", "scheme"),
    [
        (["I-PER", "O", "B-LOC", "B-PER", "I-LOC"], ("LOC", "PER"), "iob1"),
        (["O", "I-LOC", "I-PER"], ("LOC", "PER"), "iob1"),
        (["S-PER", "E-PER", "I-PER", "B-PER", "O"], ("PER",), "bioes"),
        (["O", "U-PER", "L-PER", "I-PER", "B-PER"], ("PER",), "bioes"),
        (["PER", "O", "LOC"], ("LOC", "PER"), "plain"),
        (["O", "B", "I"], ("ENTITY",), "iob1"),
    ],
)
def test_a_model_trained_elsewhere_says_what_its_outputs_mean(
    names: list[str], labels: tuple[str, ...], scheme: str
) -> None:
    config = BigBirdConfig(id2label=dict(enumerate(names)), max_position_embeddings=128)
    task = NamedEntities.for_model(config)
    assert (task.output_tags, task.labels, task.scheme) == (tuple(names), labels, scheme)
    assert (task.window, task.overlap) == (128, 32)
    [predicted] = perfect(task, [example("ada bel cora", (labels[-1], "ada bel"))], PIECES)
    assert [entity[:3] for entity in predicted.entities] == [(labels[-1], 0, 7)]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["O", "B-PER", "B-PER"], "names 2 classes 'B-PER'"),
        (["O", "B-PER", " "], "has a name that is empty"),
        (["O", "B_PER", "I_PER"], "the output 'B_PER' has its mark where none is looked for"),
    ],
)
def test_names_of_outputs_that_mislead_are_refused(names: list[str], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        NamedEntities.for_model(BigBirdConfig(id2label=dict(enumerate(names))))


def test_outputs_may_be_named_in_lower_case() -> None:
    task = NamedEntities.for_model(BigBirdConfig(id2label={0: "o", 1: "b-per", 2: "i-per"}))
    assert task.labels == ("per",)


def test_a_model_whose_outputs_have_no_names_is_refused() -> None:
    with pytest.raises(ModelError, match="outputs have no names"):
        NamedEntities.for_model(BigBirdConfig(num_labels=5))


def test_an_iob1_model_is_read_as_it_was_trained() -> None:
    """It opens an entity with I-, which IOB2 forbids."""
    task = NamedEntities.for_model(BigBirdConfig(id2label=dict(enumerate(["O", "B-PER", "I-PER"]))))
    decoder = task.decoder_for(["a"])
    [feature] = task.encode([example("ada bel")], PIECES)
    decoder.add(feature, {"logits": np.array([[0, 0, 9]] * len(feature), dtype=np.float32)})
    [prediction] = decoder.finish()
    assert [(entity.text, entity.type) for entity in prediction.entities] == [("ada bel", "PER")]


# encoding


def test_an_input_is_a_window_between_special_tokens() -> None:
    [feature] = NamedEntities(labels=("PER",)).encode([example("ada bel")], PIECES)
    document = PIECES.encode("ada bel").ids
    assert feature.ids.tolist() == [1, *document, 2]
    assert feature.types.tolist() == [0] * len(feature)
    assert (feature.ids.dtype, feature.types.dtype) == (np.dtype(np.int32), np.dtype(np.int8))
    assert source_of(feature).first == 1
    assert (feature.labels, feature.example) == ({}, 0)


def test_lengths_are_those_of_the_inputs() -> None:
    features = TASK.encode([long_example(90), example("", id_="b"), example("x", id_="c")], PIECES)
    assert features.lengths.tolist() == [len(feature) for feature in features]
    assert len(features) == len(list(features)) > 4
    assert max(features.lengths) <= 32


def test_the_first_token_of_a_unit_carries_its_label_and_the_others_none() -> None:
    [feature] = TASK.training_features([example("keeper bel lamp", ("PER", "keeper bel"))], PIECES)
    # [CLS], a token without text, keep er bel lamp, [SEP]
    assert feature.labels["labels"].tolist() == [-100, -100, 3, -100, 4, 0, -100]  # type: ignore[union-attr]
    assert feature.labels["labels"].dtype == np.int32  # type: ignore[union-attr]


def test_neighbours_of_one_type_are_told_apart_in_every_scheme_that_can() -> None:
    two = example("ada bel cora", ("PER", "ada"), ("PER", "bel"))
    for scheme, tags in (("iob2", "B-PER B-PER O"), ("bioes", "S-PER S-PER O"), ("iob1", "I-PER B-PER O")):
        task = NamedEntities.model_validate({"labels": ["PER"], "scheme": scheme})
        [feature] = task.training_features([two], PIECES)
        labels = [label for label in feature.labels["labels"].tolist() if label != -100]  # type: ignore[union-attr]
        assert [task.output_tags[label] for label in labels] == tags.split()


def test_every_unit_is_taught_once_by_the_window_that_answers_for_it(tokenizer: Tokenizer) -> None:
    examples = [long_example(n, id_=str(n)) for n in (1, 30, 200)]
    taught: list[tuple[int, int]] = []
    for feature in TASK.training_features(examples, tokenizer):
        for place in np.flatnonzero(feature.labels["labels"] != -100).tolist():
            token = source_of(feature).window.start + place - source_of(feature).first
            assert 2 * token in source_of(feature).owned
            taught.append((feature.example, token))
    want = [
        (index, token)
        for index, each in enumerate(examples)
        for token in units_of(encode_document(each.text, tokenizer)).tokens.tolist()
    ]
    assert sorted(taught) == want


def test_an_entity_inside_a_unit_is_taught_as_the_unit_with_a_warning_and_counted() -> None:
    inside = example("lampkeeper bel", ("PER", "keeper"), ("LOC", "bel"))
    with pytest.warns(BigBirdWarning, match="1 entity with an end inside a word"):
        [feature] = TASK.training_features([inside], PIECES)
    labels = [label for label in feature.labels["labels"].tolist() if label != -100]  # type: ignore[union-attr]
    assert [TASK.output_tags[label] for label in labels] == ["B-PER", "B-LOC"]
    decoder = TASK.decoder([inside], PIECES)
    [feature] = TASK.encode([inside], PIECES)
    decoder.add(feature, {"logits": np.zeros((len(feature), 5), dtype=np.float32)})
    scores = TASK.score(decoder.finish(), [inside])
    assert (scores["unalignable"], scores["total"], scores["recall"]) == (1, 2, 0)


def test_two_entities_that_touch_one_unit_share_it_out() -> None:
    both = example("ada/bel cora", ("PER", "ada"), ("LOC", "bel"))  # "ada/" is one token
    with pytest.warns(BigBirdWarning, match="1 entity with an end inside"):
        [feature] = TASK.training_features([both], PIECES)
    labels = [label for label in feature.labels["labels"].tolist() if label != -100]  # type: ignore[union-attr]
    assert [TASK.output_tags[label] for label in labels] == ["B-PER", "B-LOC", "O"]


def test_an_unknown_type_names_the_example_and_the_nearest_label() -> None:
    bad = example("ada bel", ("PERS", "ada"))
    for encode in (TASK.encode, TASK.training_features):
        with pytest.raises(DataError, match=r"here:a: the entity 'ada' is of the type 'PERS'.*did you mean 'PER'\?"):
            list(encode([bad], PIECES))


def test_tags_that_cannot_write_an_entity_are_refused() -> None:
    task = NamedEntities(tags=("O", "I-PER"))
    with pytest.raises(DataError, match=r"the tag 'B-PER' is needed here, and task\.tags lacks it"):
        list(task.training_features([example("ada", ("PER", "ada"))], PIECES))


def test_a_document_without_words_teaches_nothing_and_is_read_all_the_same() -> None:
    blank = [example("", id_="empty"), example(" \n\n ", id_="blank")]
    assert list(TASK.training_features(blank, PIECES)) == []
    predictions = predict(TASK, blank, PIECES)
    assert [(p.entities, p.coverage.n_read) for p in predictions] == [((), 0), ((), 3)]


# decoding


@pytest.mark.parametrize("scheme", ["iob2", "bioes"])
def test_what_is_taught_is_found_again_exactly(tokenizer: Tokenizer, scheme: str) -> None:
    task = NamedEntities.model_validate({"labels": ["LOC", "PER"], "scheme": scheme, "window": 32, "overlap": 8})
    examples = [long_example(n, id_=str(n)) for n in (1, 20, 150)]
    predictions = perfect(task, examples, tokenizer)
    for prediction, each in zip(predictions, examples, strict=True):
        assert [entity[:3] for entity in prediction.entities] == list(each.entities)
        assert prediction.coverage.n_read == prediction.coverage.n_tokens
    assert predictions[-1].coverage.n_windows > 5
    scores = task.score(predictions, examples)
    assert (scores["f1"], scores["macro_f1"], scores["seam_errors"], scores["unalignable"]) == (100, 100, 0, 0)


@pytest.mark.parametrize("name", TORTURE)
def test_entities_stand_at_their_characters_in_any_text(tokenizer: Tokenizer, name: str) -> None:
    text = TORTURE[name]
    units = units_of(encode_document(text, tokenizer))
    edges = {*words_of(text)[:, 0].tolist()}, {*words_of(text)[:, 1].tolist()}
    found = 0
    for seed in range(5):
        [prediction] = predict(TASK, [NERExample("a", text)], tokenizer, seed=seed)
        place = 0
        for entity in prediction.entities:
            assert text[entity.start : entity.end] == entity.text != ""
            assert place <= entity.start < entity.end, "entities stand in order and share nothing"
            assert entity.start in edges[0]
            assert entity.end in edges[1]
            assert 0 < entity.score <= 1
            place = entity.end
            found += 1
        assert (prediction.coverage.n_tokens, prediction.coverage.n_read) == (len(tokenizer.encode(text)),) * 2
    assert found or len(units) == 0


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=150), st.integers(0, 1000))
def test_offsets_are_exact_for_any_text(text: str, seed: int) -> None:
    task = NamedEntities(labels=("X",), window=16, overlap=4)
    [prediction] = predict(task, [NERExample("a", text)], PIECES, seed=seed)
    for entity in prediction.entities:
        assert text[entity.start : entity.end] == entity.text
        assert entity.text == entity.text.strip() != ""


def test_windows_are_decoded_as_one_sequence() -> None:
    """The same logits, wherever windows are cut, give the same entities."""
    each = long_example(120)
    document = encode_document(each.text, PIECES)
    rng = np.random.default_rng(4)
    by_token = rng.normal(size=(len(document), 5)).astype(np.float32) * 3
    results = []
    for window, overlap in ((4096, 128), (32, 8), (16, 2), (40, 0)):
        task = NamedEntities(labels=("LOC", "PER"), window=window, overlap=overlap)
        decoder = task.decoder([each], PIECES)
        for feature in task.encode([each], PIECES):
            logits = np.concatenate([np.zeros((1, 5)), by_token[slice(*source_of(feature).window)], np.zeros((1, 5))])
            decoder.add(feature, {"logits": logits})
        [prediction] = decoder.finish()
        results.append(prediction.entities)
    assert len(results[0]) > 20
    assert results[1:] == results[:1] * 3


@pytest.mark.parametrize("scheme", ["iob2", "plain"])
@pytest.mark.parametrize("blank", ["\n\n", "\r\n\r\n", "\n \t\n\n"])
def test_a_blank_line_ends_an_entity_wherever_windows_meet(blank: str, scheme: str) -> None:
    heading, body = "ada keeper", "bel x\ntower " * 40
    text = f"{heading}{blank}{body}".strip()
    n_tokens = len(encode_document(text, PIECES))
    for window in (4096, 16):
        task = NamedEntities.model_validate({"labels": ["PER"], "scheme": scheme, "window": window, "overlap": 4})
        decoder = task.decoder_for(["a"])
        for feature in task.encode([NERExample("a", text)], PIECES):
            logits = np.zeros((len(feature), len(task.output_tags)))
            logits[:, -1] = 9  # inside of a name, all of it
            if source_of(feature).window.start == 0:
                logits[:3, 1] = 10
            decoder.add(feature, {"logits": logits})
        [prediction] = decoder.finish()
        assert [entity.text for entity in prediction.entities] == [heading, body.strip()]
        assert prediction.coverage.n_read == n_tokens


def test_the_window_with_most_context_speaks_for_a_unit_and_order_does_not_matter() -> None:
    each = NERExample("a", long_example(60).text)
    task = NamedEntities(labels=("PER",), window=32, overlap=12)
    features = list(task.encode([each], PIECES))
    document = encode_document(each.text, PIECES)
    plan = task.plan_windows(len(document))
    units = units_of(document)
    outputs = []
    for number, feature in enumerate(features):
        logits = np.zeros((len(feature), 3), dtype=np.float32)
        logits[:, number % 2] = 5  # every other window says B of all that it reads
        outputs.append({"logits": logits})
    results = []
    for order in (range(len(features)), range(len(features) - 1, -1, -1)):
        decoder = task.decoder_for(["a"])
        for k in order:
            decoder.add(features[k], outputs[k])
        results.append(decoder.prediction(0))
    assert results[0].entities == results[1].entities
    owners = [
        next(k for k, owned in enumerate(owned_sums(plan)) if 2 * token in owned) for token in units.tokens.tolist()
    ]
    assert len(set(owners)) == len(plan) > 2
    starts = {entity.start for entity in results[0].entities}
    assert starts == {int(units.starts[i]) for i, owner in enumerate(owners) if owner % 2}
    assert len(results[0].seams) == len(plan) - 1


def test_the_score_of_an_entity_is_the_mean_probability_of_its_tags() -> None:
    task = NamedEntities(labels=("PER",))
    each = example("ada bel cora")
    [feature] = task.encode([each], PIECES)
    probs = np.full((len(feature), 3), 1 / 3)
    probs[2:5] = [[0.2, 0.7, 0.1], [0.4, 0.1, 0.5], [0.9, 0.05, 0.05]]  # behind [CLS] and a token without text
    decoder = task.decoder([each], PIECES)
    decoder.add(feature, {"logits": np.log(probs) + 3})
    [prediction] = decoder.finish()
    [entity] = prediction.entities
    assert entity[:3] == ("PER", 0, 7)
    assert entity.score == pytest.approx(0.6)


def test_a_document_that_was_read_in_part_gives_what_was_read() -> None:
    each = long_example(100)
    document = encode_document(each.text, PIECES)
    plan = TASK.plan_windows(len(document))[:2]
    decoder = TASK.decoder_for(["a"])
    for window, owned in zip(plan, owned_sums(plan), strict=True):
        feature = TASK.window_feature(document, window, owned, PIECES, example=0)
        logits = np.zeros((len(feature), 5), dtype=np.float32)
        logits[:, 1] = 9
        decoder.add(feature, {"logits": logits})
    prediction = decoder.prediction(0)
    assert prediction.coverage.n_read == plan[-1].stop < prediction.coverage.n_tokens
    assert max(entity.end for entity in prediction.entities) <= document.tokens.ends[plan[-1].stop - 1] + 3
    assert len(prediction.entities) == int((units_of(document).tokens < plan[-1].stop).sum())


def test_wrong_outputs_are_refused() -> None:
    [feature] = TASK.encode([example("ada")], PIECES)
    decoder = TASK.decoder_for(["a"])
    with pytest.raises(ValueError, match=r"no window of document a was added"):
        decoder.prediction(0)
    with pytest.raises(ValueError, match=r"logits of shape \(4, 3\), not \(4, 5\)"):
        decoder.add(feature, {"logits": np.zeros((len(feature), 3))})
    with pytest.raises(ModelError, match="not a finite number"):
        decoder.add(feature, {"logits": np.full((len(feature), 5), np.nan)})
    decoder.add(feature, {"logits": np.zeros((len(feature), 5))})
    with pytest.raises(ValueError, match="added twice"):
        decoder.add(feature, {"logits": np.zeros((len(feature), 5))})


# scores


def prediction_of(each: NERExample, *found: tuple[str, int, int], n_tokens: int = 9, **fields: object) -> NERPrediction:
    entities = tuple(Entity(type_, start, end, 1.0, each.text[start:end]) for type_, start, end in found)
    return NERPrediction(each.id, entities, Coverage(n_tokens, n_tokens, 0, 1, n_tokens + 2), **fields)  # type: ignore[arg-type]


def test_scores_are_counted_on_the_gold_of_whole_documents() -> None:
    one = example("ada bel cora dov", ("PER", "ada bel"), ("LOC", "dov"))
    two = example("lamp keeper", ("PER", "keeper"), id_="b")
    predictions = [
        prediction_of(one, ("PER", 0, 7), ("LOC", 8, 12), n_tokens=600),
        prediction_of(two, ("LOC", 5, 11), n_tokens=100, n_unalignable=1),
    ]
    scores = TASK.score(predictions, [one, two])
    assert scores == {
        "precision": pytest.approx(100 / 3),
        "recall": pytest.approx(100 / 3),
        "f1": pytest.approx(100 / 3),
        "macro_f1": pytest.approx(100 / 3),  # PER: 1 of 1 found is right, 1 of 2 gold; LOC: none
        "total": 3,
        "predicted": 3,
        "unalignable": 1,
        "seam_errors": 0,
        "precision_LOC": 0,
        "recall_LOC": 0,
        "f1_LOC": 0,
        "total_LOC": 1,
        "precision_PER": 100,
        "recall_PER": 50,
        "f1_PER": pytest.approx(200 / 3),
        "total_PER": 2,
        "f1_to_512_tokens": 0,
        "total_to_512_tokens": 1,
        "f1_to_1024_tokens": 50,
        "total_to_1024_tokens": 2,
    }


def test_types_that_nobody_names_leave_the_macro_mean_alone() -> None:
    one = example("ada bel", ("PER", "ada"))
    scores = TASK.score([prediction_of(one, ("PER", 0, 3))], [one])
    assert (scores["macro_f1"], scores["f1_LOC"], scores["total_LOC"]) == (100, 0, 0)


def test_errors_at_a_seam_are_counted() -> None:
    one = example("ada bel cora dov lamp", ("PER", "ada bel"), ("PER", "cora"), ("LOC", "lamp"))
    seam = ((7, 8),)  # between bel and cora
    wrong = {
        (("PER", 0, 7), ("PER", 8, 12), ("LOC", 17, 21)): 0,
        (("PER", 0, 7), ("PER", 8, 12)): 0,  # an error elsewhere
        (("PER", 0, 12), ("LOC", 17, 21)): 3,  # one over the seam that should be two
        (("PER", 0, 7), ("LOC", 17, 21)): 1,  # one missed right behind it
        (("PER", 0, 7), ("LOC", 8, 12), ("LOC", 17, 21)): 2,  # one of another type
    }
    for found, n_errors in wrong.items():
        assert TASK.score([prediction_of(one, *found, seams=seam)], [one])["seam_errors"] == n_errors


def test_scores_are_named_beforehand() -> None:
    examples = [long_example(400, id_="long"), long_example(20, id_="short"), example("ada", id_="none")]
    features = TASK.encode(examples, PIECES)
    names = TASK.score_names(examples, features)
    assert names == list(TASK.score(predict(TASK, examples, PIECES), examples))
    assert TASK.main_metric in names
    assert TASK.lower_is_better <= set(names)
    assert "f1_to_512_tokens" in names
    assert "f1_PER" in names


def test_scores_of_other_documents_are_refused() -> None:
    one = example("ada")
    with pytest.raises(ValueError, match="same documents"):
        TASK.score([prediction_of(one)], [example("ada", id_="b")])
    with pytest.raises(ValueError, match="nothing to score"):
        TASK.score([], [])


@pytest.mark.parametrize("scheme", ["iob2", "bioes", "iob1", "plain"])
def test_decoded_entities_are_those_that_the_tags_spell(scheme: str) -> None:
    task = NamedEntities.model_validate({"labels": ["X", "Y"], "scheme": scheme})
    each = example("a b c d e f g h")
    [feature] = task.encode([each], PIECES)
    rng = np.random.default_rng(7)
    for _ in range(20):
        logits = rng.normal(size=(len(feature), len(task.output_tags)))
        decoder = task.decoder_for(["a"])
        decoder.add(feature, {"logits": logits * 4})
        entities = decoder.prediction(0).entities
        if scheme in ("iob1", "plain"):
            tags = [task.output_tags[i] for i in logits[2:-1].argmax(axis=1)]
            assert [(e.type, e.start, e.end) for e in entities] == [
                (span.type, 2 * span.first, 2 * span.stop - 1) for span in spans_of(tags)
            ]
        assert all(e.text == each.text[e.start : e.end] for e in entities)


PARTIAL = NamedEntities(labels=("LOC", "ORG", "PER"), window=32, overlap=8, partial=True)


def allowed_of(task: NamedEntities, given: NERExample) -> list[set[str]]:
    """The tags that each unit may have, none where nothing is learnt."""
    (feature,) = task.training_features([given], PIECES)
    labels, bits = feature.labels["labels"], feature.labels["allowed"]
    assert isinstance(labels, np.ndarray)
    assert isinstance(bits, np.ndarray)
    return [
        {tag for i, tag in enumerate(task.output_tags) if int(bits[place]) >> i & 1} if labels[place] != -100 else set()
        for place in source_of(feature).first + units_of(source_of(feature).document).tokens
    ]


def test_what_a_row_does_not_annotate_may_be_of_any_other_type() -> None:
    given = NERExample("a", "Ada saw Bel", (GoldEntity("PER", 0, 3),), types=frozenset({"PER", "LOC"}))
    assert allowed_of(PARTIAL, given) == [{"B-PER"}, {"O", "B-ORG", "I-ORG"}, {"O", "B-ORG", "I-ORG"}]


def test_an_entity_of_one_of_several_types_may_be_of_each() -> None:
    given = NERExample("a", "Ada Bel left", (GoldEntity("ORG|PER", 0, 7),))
    assert allowed_of(PARTIAL, given) == [{"B-ORG", "B-PER"}, {"I-ORG", "I-PER"}, {"O"}]


def test_nothing_is_learnt_where_a_row_is_unsure() -> None:
    given = NERExample("a", "Ada saw Bel", (GoldEntity("PER", 0, 3),), unsure=((8, 10),))
    assert allowed_of(PARTIAL, given) == [{"B-PER"}, {"O"}, set()]


def test_what_an_example_leaves_open_counts_neither_for_nor_against_a_model() -> None:
    gold = (GoldEntity("LOC|ORG", 0, 3), GoldEntity("PER", 20, 23), GoldEntity("LOC", 30, 33))
    given = NERExample("a", "x" * 40, gold, types=frozenset({"LOC", "ORG"}), unsure=((30, 34),))
    found = [("ORG", 0, 3), ("PER", 10, 13), ("LOC", 30, 33), ("LOC", 36, 39)]
    entities = tuple(Entity(type_, start, end, 1.0, "x" * 3) for type_, start, end in found)
    prediction = NERPrediction("a", entities, Coverage(9, 9, 0, 1, 11))
    scores = PARTIAL.score([prediction], [given])
    assert (scores["total"], scores["predicted"], scores["precision"], scores["recall"]) == (1, 2, 50, 100)


def test_the_types_of_partial_data_are_those_that_its_entities_may_have() -> None:
    given = NERExample("a", "Ada saw", (GoldEntity("ORG|PER", 0, 3),))
    assert NamedEntities(partial=True).fit_labels([given]).labels == ("ORG", "PER")
    with pytest.raises(DataError, match="the type 'LOK'"):
        list(PARTIAL.training_features([NERExample("a", "Ada", (GoldEntity("LOK|PER", 0, 3),))], PIECES))


def test_more_types_than_a_number_has_bits_are_refused() -> None:
    many = tuple(f"T{i}" for i in range(32))
    assert len(NamedEntities(labels=many).output_tags) == 65
    with pytest.raises(ValidationError, match="63 outputs at most, and this one 65"):
        NamedEntities(labels=many, partial=True)


def test_casing_gives_each_token_its_type_and_the_model_a_row_for_each() -> None:
    task = TASK.model_copy(update={"casing": True})
    (feature,) = task.encode([NERExample("a", "Ada SAW bel 12 McBe")], PIECES)
    assert feature.types.tolist() == [0, 0, 2, 3, 1, 0, 4, 0]  # [CLS], a bare token, the words, [SEP]
    assert task.config_updates()["type_vocab_size"] == 5
    assert "type_vocab_size" not in TASK.config_updates()


def test_a_temperature_divides_scores_before_they_are_probabilities() -> None:
    given = [NERExample("a", "ada saw bel")]
    (feature,) = TASK.encode(given, PIECES)
    logits = random_logits(TASK, feature, np.random.default_rng(0))
    found = []
    for task, factor in ((TASK, 1), (TASK.model_copy(update={"temperature": 2.0}), 2)):
        decoder = task.decoder(given, PIECES)
        decoder.add(feature, {"logits": factor * logits["logits"]})
        found.append(decoder.finish()[0].entities)
    assert found[0] == found[1]
    assert found[0]
