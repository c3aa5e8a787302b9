"""Questions become windows and scores become answers: exact offsets, one scale, nothing skipped."""

import math
import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bigbird_cli.errors import BigBirdWarning, DataError, ModelError
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.qa import encoding
from bigbird_cli.tasks.qa.mentions import answer_key
from bigbird_cli.tasks.qa.spans import QAPrediction, Span
from bigbird_cli.tasks.qa.squad import GoldAnswer, QAExample
from bigbird_cli.tasks.qa.task import QuestionAnswering
from bigbird_cli.tasks.windowed import Coverage, source_of
from bigbird_cli.text.documents import encode_document
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, Tokens, load_tokenizer
from bigbird_cli.text.windows import Window

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
}


class Letters:
    """A stand-in for a tokenizer: words in pieces of at most three characters, a token without text at the front."""

    vocab_size, cls_id, sep_id, pad_id, mask_id, unk_id = 1000, 1, 2, 0, 3, 4
    special_ids = frozenset({0, 1, 2, 3})
    newline = "keep"

    def encode(self, text: str, *, newline: str | None = None, on_progress: object = None) -> Tokens:  # noqa: ARG002
        spans = [match.span() for match in re.finditer(r"\S{1,3}|\n", text)]
        if spans:
            spans.insert(0, (spans[0][0], spans[0][0]))
        ids = [4 if text[a:b] == "\n" else 10 + sum(map(ord, text[a:b])) % 990 for a, b in spans]
        starts, ends = np.array(spans, dtype=np.int32).reshape(-1, 2).T
        return Tokens(np.array(ids, dtype=np.int32), starts, ends)

    def decode(self, ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        raise NotImplementedError

    def pieces(self, ids: Iterable[int]) -> list[str]:
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        raise NotImplementedError


LETTERS: Tokenizer = Letters()  # type: ignore[assignment]


def example(context: str, *answers: str, question: str = "who", id_: str = "q") -> QAExample:
    return QAExample(id_, question, context, tuple(GoldAnswer(a, context.index(a)) for a in answers))


def logits(feature: Feature, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {name: rng.normal(size=len(feature)).astype(np.float32) * 3 for name in ("start_logits", "end_logits")}


def predict(
    task: QuestionAnswering, examples: list[QAExample], tokenizer: Tokenizer, *, seed: int = 0, n_best: int = 1
) -> list[QAPrediction]:
    rng = np.random.default_rng(seed)
    decoder = task.decoder(examples, tokenizer, n_best=n_best)
    for feature in task.encode(examples, tokenizer):
        decoder.add(feature, logits(feature, rng))
    return decoder.finish()


@pytest.fixture(scope="module", params=["wordpiece", "sentencepiece", "letters"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    if request.param == "letters":
        return LETTERS
    if request.param == "wordpiece":
        return load_tokenizer(request.getfixturevalue("tiny_qa_model"))
    folder = tmp_path_factory.mktemp("spiece")
    shutil.copy(Path(__file__).parents[2] / "text" / "fixtures" / "tiny-spiece.model", folder / "spiece.model")
    return load_tokenizer(folder)


# settings


def test_stride_is_taken_as_overlap_with_a_warning() -> None:
    with pytest.warns(BigBirdWarning, match=r"task\.stride is taken as task\.overlap"):
        task = QuestionAnswering.model_validate({"type": "qa", "stride": 7})
    assert task.overlap == 7
    with pytest.raises(ValidationError, match="two names of one setting"):
        QuestionAnswering.model_validate({"stride": 7, "overlap": 7})


def test_an_overlap_that_fills_the_window_is_refused() -> None:
    with pytest.raises(ValidationError, match="leaves no room for anything new"):
        QuestionAnswering(window=64, overlap=60)
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        QuestionAnswering.model_validate({"windows": 64})


# encoding


def test_an_input_is_question_then_window_between_special_tokens() -> None:
    [feature] = QuestionAnswering().encode([example("ada bel")], LETTERS)
    question, document = LETTERS.encode("who").ids, LETTERS.encode("ada bel").ids
    assert feature.ids.tolist() == [1, *question, 2, *document, 2]
    assert feature.types.tolist() == [0] * (len(question) + 2) + [1] * (len(document) + 1)
    assert (feature.ids.dtype, feature.types.dtype) == (np.dtype(np.int32), np.dtype(np.int8))
    assert (feature.labels, feature.example, source_of(feature).window) == ({}, 0, Window(0, len(document)))
    assert feature.ids[source_of(feature).first] == document[0]


def test_lengths_are_known_without_building_an_input() -> None:
    task = QuestionAnswering(window=24, overlap=4, max_answer_tokens=4)
    features = task.encode([example("ada bel " * 20, "bel"), example("x", "x", id_="r")], LETTERS)
    assert features.lengths.tolist() == [len(feature) for feature in features]
    assert len(features) == len(list(features)) > 2
    assert max(features.lengths) <= 24


def test_all_windows_together_hold_every_token_of_every_document() -> None:
    task = QuestionAnswering(window=16, overlap=3, max_answer_tokens=4)
    examples = [example("ada " * n, id_=str(n)) for n in range(1, 40)]
    held: dict[int, set[int]] = {}
    for feature in task.encode(examples, LETTERS):
        held.setdefault(feature.example, set()).update(range(*source_of(feature).window))
        inside = feature.ids[source_of(feature).first : -1]
        assert inside.tolist() == source_of(feature).document.tokens.ids[slice(*source_of(feature).window)].tolist()
    assert [held[k] for k in range(len(examples))] == [set(range(len(LETTERS.encode(e.context)))) for e in examples]


def test_windows_with_the_answer_point_at_it_and_others_at_cls() -> None:
    context = "ada bel cora dov " * 10 + "keeper " + "ada bel cora dov " * 10
    task = QuestionAnswering(window=32, overlap=8, max_answer_tokens=8)
    features = list(task.training_features([example(context, "keeper")], LETTERS))
    pointing = 0
    for feature in features:
        start, end = feature.labels["start_positions"], feature.labels["end_positions"]
        if start == 0:
            assert end == 0
            assert (
                context[
                    slice(
                        *source_of(feature).document.span(
                            source_of(feature).window.start, source_of(feature).window.stop - 1
                        )
                    )
                ].count("keeper")
                == 0
            )
        else:
            pointing += 1
            shift = source_of(feature).window.start - source_of(feature).first
            assert context[slice(*source_of(feature).document.span(int(start) + shift, int(end) + shift))] == "keeper"
    assert 0 < pointing < len(features)


def test_a_window_points_at_the_first_answer_that_it_holds_whole() -> None:
    task = QuestionAnswering(window=64, overlap=8)
    two = QAExample("q", "who", "ada bel", (GoldAnswer("bel", 4), GoldAnswer("ada", 0)))
    [feature] = task.training_features([two], LETTERS)
    assert feature.labels["start_positions"] == feature.labels["end_positions"] == source_of(feature).first + 2


def test_the_answer_covers_every_token_that_its_characters_touch() -> None:
    [feature] = QuestionAnswering().training_features([example("one lampkeeper two", "mpkee")], LETTERS)
    shift = -source_of(feature).first
    start, end = int(feature.labels["start_positions"]) + shift, int(feature.labels["end_positions"]) + shift
    assert source_of(feature).document.span(start, end) == (4, 13)  # "lam", "pke", "epe"


def test_windows_without_the_answer_are_thinned_alike_every_time() -> None:
    context = "ada bel cora dov " * 200 + "keeper"
    counts, kept = [], []
    for share in (0.0, 0.3, 1.0):
        task = QuestionAnswering(window=32, overlap=8, max_answer_tokens=8, negative_windows=share)
        examples = [example(context, "keeper"), example(context, id_="impossible")]
        features = list(task.training_features(examples, LETTERS))
        kept.append([(f.example, source_of(f).window) for f in features])
        counts.append([sum(f.example == k for f in features) for k in (0, 1)])
        assert [(f.example, source_of(f).window) for f in task.training_features(examples, LETTERS)] == kept[-1]
        alone = list(task.training_features([examples[1]], LETTERS))
        assert [source_of(f).window for f in alone] == [
            window for e, window in kept[-1] if e == 1
        ]  # its neighbours do not matter
    assert counts[0] == [1, 1]
    assert set(kept[0]) < set(kept[1]) | {kept[0][-1]}
    assert 0.2 < counts[1][1] / counts[2][1] < 0.4


def test_a_question_whose_answer_fits_in_no_window_is_left_out_with_a_warning() -> None:
    task = QuestionAnswering(window=24, overlap=4, max_answer_tokens=4)
    long = "ada bel " * 20
    with pytest.warns(BigBirdWarning, match=r"1 question left out .* \(the first is 'long'\)"):
        features = list(task.training_features([example(long, long.strip(), id_="long"), example("x", "x")], LETTERS))
    assert [feature.example for feature in features] == [1]


def test_a_document_is_tokenised_once_for_all_its_questions() -> None:
    calls: list[str] = []

    class Counting(Letters):
        def encode(self, text: str, *, newline: str | None = None, on_progress: object = None) -> Tokens:
            calls.append(text)
            return super().encode(text, newline=newline, on_progress=on_progress)

    QuestionAnswering().encode([example("ada bel", id_=str(k)) for k in range(5)], Counting())  # type: ignore[arg-type]
    assert calls.count("ada bel") == 1


def test_training_features_are_made_one_example_after_the_other_and_hold_few_documents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []

    class Counting(Letters):
        def encode(self, text: str, *, newline: str | None = None, on_progress: object = None) -> Tokens:
            calls.append(text)
            return super().encode(text, newline=newline, on_progress=on_progress)

    monkeypatch.setattr(encoding, "_HELD", 10)
    texts = ["ada bel", "ada bel", "cora dov", "ada bel", "lamp " * 20, "lamp " * 20, "ada bel"]
    examples = (example(text, question="who", id_=str(k)) for k, text in enumerate(texts))
    features = QuestionAnswering().training_features(examples, Counting())  # type: ignore[arg-type]
    assert calls == []
    first = next(features)
    assert calls == ["ada bel", "who"]
    assert (first.example, first.name) == (0, "question 0")
    assert [feature.example for feature in features] == list(range(1, len(texts)))
    assert [text for text in calls if text != "who"] == ["ada bel", "cora dov", "lamp " * 20, "ada bel"]


@pytest.mark.parametrize(
    ("context", "question", "message"),
    [
        ("ada", " \t", "question q: the question ' \\t' has no words"),
        ("", "who", "question q: the context is empty"),
        ("ada " * 99, "who " * 17, "room for 11 of the document, and 12 are needed for answers of 12"),
    ],
)
def test_what_cannot_be_encoded_is_named_and_never_cut(context: str, question: str, message: str) -> None:
    task = QuestionAnswering(window=32, overlap=12, max_question_tokens=20, max_answer_tokens=12)
    for encode in (task.encode, task.training_features):
        with pytest.raises(DataError) as caught:
            list(encode([QAExample("q", question, context)], LETTERS))
        assert message in str(caught.value)


def test_a_long_question_stops_training_or_is_left_out_and_is_answered_all_the_same() -> None:
    task = QuestionAnswering(max_question_tokens=20)
    examples = [example("ada bel", "ada", question="who " * 20, id_="long"), example("ada bel", "bel")]
    with pytest.raises(DataError, match=r"question long: .* has 21 tokens, more than task\.max_question_tokens 20"):
        list(task.training_features(examples, LETTERS))
    skipping = task.model_copy(update={"on_bad_answer": "skip"})
    with pytest.warns(BigBirdWarning, match=r"1 question left out .* more than 20 tokens \(the first is 'long'\)"):
        features = list(skipping.training_features(examples, LETTERS))
    assert [feature.example for feature in features] == [1]
    assert [feature.example for feature in task.encode(examples, LETTERS)] == [0, 1]


# decoding


@pytest.mark.parametrize(
    ("temperature", "length_penalty", "answer_scale", "answer_bias", "window_prior"),
    [
        (1, 0, 1, 0, 0),
        (2.5, 0, 1, 0, 0),
        (1, 1.5, 1, 0, 0),
        (1, 0, 0.6, 0, 0),
        (1, 0, 1, -2, 0),
        (0.5, 0.7, 1.2, 1, 0.8),
        (1, 0, 0.5, 0, 1.75),
    ],
)
def test_all_windows_stand_on_one_scale(
    temperature: float, length_penalty: float, answer_scale: float, answer_bias: float, window_prior: float
) -> None:
    """The decoder's probabilities are those of one softmax over every span of the document and "no answer"."""
    context = " ".join(chr(97 + k // 2) * 2 + chr(97 + (k + 1) // 2) for k in range(50))  # nothing is said twice
    assert len(set(LETTERS.encode(context).ids.tolist()[1:])) == 50
    task = QuestionAnswering(
        window=24,
        overlap=6,
        max_answer_tokens=5,
        temperature=temperature,
        length_penalty=length_penalty,
        answer_scale=answer_scale,
        answer_bias=answer_bias,
        window_prior=window_prior,
    )
    examples = [example(context)]
    rng = np.random.default_rng(3)
    decoder = task.decoder(examples, LETTERS, n_best=3)
    scores: dict[tuple[int, int], dict[int, float]] = {}
    features = task.encode(examples, LETTERS)
    for number, feature in enumerate(features):
        outputs = logits(feature, rng)
        outputs["start_logits"] += number  # another level in each window: its own [CLS] takes it away
        decoder.add(feature, outputs)
        start, end = (outputs[name].astype(float) for name in ("start_logits", "end_logits"))
        document = source_of(feature).document
        for i in range(*source_of(feature).window):
            for j in range(i, min(i + 5, source_of(feature).window.stop)):
                if document.visible[i] and document.visible[j]:
                    at = source_of(feature).first - source_of(feature).window.start
                    margin = min(i - source_of(feature).window.start, source_of(feature).window.stop - 1 - j)
                    score = (start[at + i] + end[at + j] - start[0] - end[0]) / temperature
                    score -= length_penalty * math.log(j - i + 1)
                    scores.setdefault((i, j), {}).setdefault(margin, score)
    best_read = {span: by_margin[max(by_margin)] for span, by_margin in scores.items()}  # where it has most context
    assert len(features) > 3
    assert any(len(by_margin) > 1 for by_margin in scores.values())
    odds = sum(math.exp(score) for score in best_read.values())
    scaled = math.exp(answer_bias) * (odds / len(features) ** window_prior) ** answer_scale

    [prediction] = decoder.finish()

    assert prediction.no_answer_score == pytest.approx(1 / (1 + scaled))
    span = max(best_read, key=best_read.__getitem__)
    assert prediction.score == pytest.approx(math.exp(best_read[span]) / odds * scaled / (1 + scaled))
    assert prediction.spans[0].start == LETTERS.encode(context).starts[span[0]]
    assert prediction.spans[0].end == LETTERS.encode(context).ends[span[1]]


def test_the_order_of_windows_changes_nothing() -> None:
    task = QuestionAnswering(window=24, overlap=6, max_answer_tokens=5)
    examples = [example("ada bel cora dov " * 30), example("lamp tower " * 30, id_="r")]
    rng = np.random.default_rng(0)
    pairs = [(feature, logits(feature, rng)) for feature in task.encode(examples, LETTERS)]
    results = []
    for order in (pairs, pairs[::-1], [pairs[i] for i in rng.permutation(len(pairs))]):
        decoder = task.decoder(examples, LETTERS, n_best=4)
        for feature, outputs in order:
            decoder.add(feature, outputs)
        results.append([(p.spans, p.no_answer_score, p.coverage.n_read) for p in decoder.finish()])
    assert results[0] == results[1] == results[2]


def test_no_answer_means_of_many_windows_what_it_means_of_one() -> None:
    """With the full prior the odds of a document are the mean of its windows' odds."""
    task = QuestionAnswering(window=16, overlap=0, max_answer_tokens=1, window_prior=1.0)
    doubts = []
    for n_words in (6, 50):
        examples = [example(" ".join(chr(97 + k // 2) * 2 + chr(97 + (k + 1) // 2) for k in range(n_words)))]
        decoder = task.decoder(examples, LETTERS)
        for feature in task.encode(examples, LETTERS):
            document = source_of(feature).document
            n_spans = document.visible[slice(*source_of(feature).window)].sum()
            inside = np.full(len(feature), -math.log(n_spans))  # all spans of a window together are even with none
            inside[0] = 0.0
            decoder.add(feature, {"start_logits": inside, "end_logits": np.zeros(len(feature))})
        [prediction] = decoder.finish()
        doubts.append(prediction.no_answer_score)
    assert doubts[1] == pytest.approx(doubts[0], abs=0.02)


def test_no_answer_is_given_when_it_is_likelier_than_the_threshold() -> None:
    examples = [example("ada bel")]
    for cls, threshold, answered in [(-9.0, 0.5, True), (9.0, 0.5, False), (9.0, 1.0, True), (-9.0, 0.0, False)]:
        task = QuestionAnswering(no_answer_threshold=threshold)
        [feature] = task.encode(examples, LETTERS)
        level = np.zeros(len(feature), dtype=np.float32)
        level[0] = cls
        decoder = task.decoder(examples, LETTERS)
        decoder.add(feature, {"start_logits": level, "end_logits": level})
        [prediction] = decoder.finish()
        assert (prediction.answer is not None) is answered
        assert prediction.spans[0].text in "ada bel"
        assert 0 < prediction.score < 1
        assert (prediction.no_answer_score > 0.5) is (cls > 0)


def test_what_is_no_letter_or_digit_is_no_answer_and_a_full_stop_no_part_of_one() -> None:
    context = "40 % . 灯台 ."
    examples = [example(context)]
    task = QuestionAnswering(max_answer_tokens=1)
    [feature] = task.encode(examples, LETTERS)
    decoder = task.decoder(examples, LETTERS, n_best=9)
    level = np.zeros(len(feature), dtype=np.float32)
    decoder.add(feature, {"start_logits": level, "end_logits": level})
    [prediction] = decoder.finish()
    texts = [span.text for span in prediction.spans]
    assert "灯" in "".join(texts)
    assert not {"%", "."} & set(texts)


def test_extreme_scores_stay_probabilities() -> None:
    examples = [example("ada bel cora")]
    task = QuestionAnswering()
    [feature] = task.encode(examples, LETTERS)
    for cls, inside in [(1e4, -1e6), (-1e6, 1e4), (0.0, 3e38)]:
        level = np.full(len(feature), inside, dtype=np.float32)
        level[0] = cls
        decoder = task.decoder(examples, LETTERS)
        decoder.add(feature, {"start_logits": level, "end_logits": level})
        [prediction] = decoder.finish()
        assert 0 <= prediction.score <= 1
        assert 0 <= prediction.no_answer_score <= 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_no_number_is_an_error(bad: float) -> None:
    examples = [example("ada bel")]
    [feature] = QuestionAnswering().encode(examples, LETTERS)
    level = np.zeros(len(feature), dtype=np.float32)
    level[3] = bad
    with pytest.raises(ModelError, match="question q: the model gave a score that is not a finite number"):
        QuestionAnswering().decoder(examples, LETTERS).add(feature, {"start_logits": level, "end_logits": level})


def test_the_receipt_counts_what_was_read() -> None:
    context = "ada\nbel\n" * 30
    task = QuestionAnswering(window=24, overlap=6, max_answer_tokens=5)
    examples = [example(context)]
    features = list(task.encode(examples, LETTERS))
    decoder = task.decoder(examples, LETTERS)
    rng = np.random.default_rng(0)
    for feature in features[:-1]:
        decoder.add(feature, logits(feature, rng))
    [part] = decoder.finish()
    decoder.add(features[-1], logits(features[-1], rng))
    [whole] = decoder.finish()
    n_tokens = len(LETTERS.encode(context))
    longest = max(len(feature) for feature in features)
    coverage = replace(whole.coverage, spans=())
    assert coverage == Coverage(n_tokens, n_tokens, n_unknown=60, n_windows=len(features), longest_input=longest)
    assert (part.coverage.n_read, part.coverage.n_windows) == (source_of(features[-2]).window.stop, len(features) - 1)


@pytest.mark.parametrize("name", TORTURE)
def test_every_answer_is_the_text_at_its_offsets(name: str, tokenizer: Tokenizer) -> None:
    context = TORTURE[name]
    task = QuestionAnswering(window=40, overlap=10, max_answer_tokens=6)
    for seed in range(20):
        [prediction] = predict(task, [example(context)], tokenizer, seed=seed, n_best=5)
        assert len(prediction.spans) <= min(5, prediction.coverage.n_tokens)
        assert all(any(map(str.isalnum, span.text)) for span in prediction.spans)
        assert len({answer_key(span.text) for span in prediction.spans}) == len(prediction.spans)
        assert prediction.coverage.n_read == prediction.coverage.n_tokens
        covered: set[int] = set()
        for span in prediction.spans:
            assert context[span.start : span.end] == span.text
            assert span.text == span.text.strip()
            assert span.text
            characters = set(range(span.start, span.end))
            assert not covered & characters
            covered |= characters


@settings(deadline=None, max_examples=60)
@given(
    context=st.text(min_size=1, max_size=120).filter(lambda text: text.strip()),
    seed=st.integers(0, 9),
    window=st.integers(16, 40),
    overlap=st.integers(0, 8),
)
def test_every_answer_to_any_text_is_the_text_at_its_offsets(
    tokenizer: Tokenizer, context: str, seed: int, window: int, overlap: int
) -> None:
    task = QuestionAnswering(window=window, overlap=overlap, max_answer_tokens=6)
    if not len(tokenizer.encode(context)):
        return
    [prediction] = predict(task, [example(context, question="a")], tokenizer, seed=seed, n_best=3)
    assert prediction.coverage.n_read == prediction.coverage.n_tokens
    for span in prediction.spans:
        assert context[span.start : span.end] == span.text
        assert span.text.strip()


def test_a_word_of_a_megabyte_is_read_whole() -> None:
    context = "ab" * 500_000
    [prediction] = predict(QuestionAnswering(), [example(context)], LETTERS)
    assert prediction.coverage.n_read == prediction.coverage.n_tokens > 300_000
    assert context[prediction.spans[0].start : prediction.spans[0].end] == prediction.spans[0].text


# scoring


def said(text: str, *, id_: str = "q", doubt: float = 0.1, n_tokens: int = 9, answered: bool = True) -> QAPrediction:
    span = Span(text, 0, len(text), 1 - doubt)
    return QAPrediction(id_, span if answered else None, (span,), doubt, Coverage(n_tokens, n_tokens, 0, 1, n_tokens))


def test_scores_are_means_over_all_questions() -> None:
    examples = [example("ada bel", "ada"), example("ada bel", "ada bel", id_="r")]
    scores = QuestionAnswering().score([said("The ada!"), said("bel", id_="r")], examples)
    assert scores == {"exact_match": 50.0, "f1": 100 * (1 + 2 / 3) / 2, "total": 2.0, "seam_errors": 0.0}


def test_questions_without_an_answer_are_scored_apart() -> None:
    examples = [example("ada bel", "ada", id_="a"), example("ada", id_="b"), example("ada", id_="c")]
    predictions = [
        said("ada", id_="a", doubt=0.4),
        said("ada", id_="b", doubt=0.45),
        said("ada", id_="c", doubt=0.6, answered=False),
    ]
    assert QuestionAnswering().score(predictions, examples) == {
        "exact_match": 200 / 3,
        "f1": 200 / 3,
        "total": 3.0,
        "seam_errors": 0.0,
        "has_answer_exact_match": 100.0,
        "has_answer_f1": 100.0,
        "has_answer_total": 1.0,
        "no_answer_accuracy": 50.0,
        "no_answer_total": 2.0,
        "best_f1": 100.0,
        "best_f1_threshold": 0.4,
    }


def test_errors_at_a_seam_are_counted() -> None:
    context = "ada bel cora dan"
    seam = ((7, 8),)  # between bel and cora
    for gold, answer, n_errors in (
        ("ada", "ada", 0),
        ("bel", "bel", 0),
        ("ada", "dan", 0),
        ("bel", "dan", 1),  # the gold touches it
        ("dan", "ada bel", 1),  # the answer does
        ("bel cora", None, 1),
        (None, "cora", 1),
        (None, None, 0),
    ):
        start = 0 if answer is None else context.index(answer)
        spans = () if answer is None else (Span(answer, start, start + len(answer), 0.9),)
        predicted = QAPrediction("q", spans[0] if spans else None, spans, 0.1, Coverage(4, 4, 0, 2, 4), seams=seam)
        golds = [example(context, *(() if gold is None else (gold,)))]
        assert QuestionAnswering().score([predicted], golds)["seam_errors"] == n_errors


def test_a_seam_lies_where_the_next_window_speaks_for_a_token(tokenizer: Tokenizer) -> None:
    task = QuestionAnswering(window=16, overlap=4, max_answer_tokens=4)
    one = example("lit " * 40, question="a")
    features = list(task.encode([one], tokenizer))
    [prediction] = predict(task, [one], tokenizer)
    document = encode_document(one.context, tokenizer)
    owned = [source_of(feature).owned for feature in features]
    assert len(prediction.seams) == len(features) - 1 > 2
    for (before, after), this, following in zip(prediction.seams, owned, owned[1:], strict=False):
        last, first = document.tokens_of(before - 1, before), document.tokens_of(after, after + 1)
        assert last is not None
        assert first is not None
        assert last[1] + 1 == first[0]
        assert 2 * last[1] in this
        assert 2 * first[0] in following


def test_scores_are_given_by_document_length() -> None:
    examples = [example("ada", "ada", id_=str(n)) for n in (512, 513, 5000)]
    predictions = [
        said("ada", id_="512", n_tokens=512),
        said("x", id_="513", n_tokens=513),
        said("ada", id_="5000", n_tokens=5000),
    ]
    scores = QuestionAnswering().score(predictions, examples)
    assert {name: scores[name] for name in scores if "tokens" in name} == {
        "f1_to_512_tokens": 100.0,
        "total_to_512_tokens": 1.0,
        "f1_to_1024_tokens": 0.0,
        "total_to_1024_tokens": 1.0,
        "f1_over_4096_tokens": 100.0,
        "total_over_4096_tokens": 1.0,
    }


def test_the_names_of_scores_are_known_before_there_are_predictions() -> None:
    long = "ada bel " * 300
    task = QuestionAnswering(window=64, overlap=8, max_answer_tokens=8)
    for examples in (
        [example("ada bel", "ada")],
        [example("ada bel", "ada"), example("bel", id_="r")],
        [example("ada", id_="r")],
        [example("ada bel", "ada"), example(long, "bel", id_="long"), example("bel", id_="r")],
    ):
        names = task.score_names(examples, task.encode(examples, LETTERS))
        assert names == list(task.score(predict(task, examples, LETTERS), examples))


def test_predictions_of_other_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="not of the same questions"):
        QuestionAnswering().score([said("ada", id_="r")], [example("ada", "ada")])
