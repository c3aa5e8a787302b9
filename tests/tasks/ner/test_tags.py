"""Tags read as conlleval reads them, written by every scheme, decoded legally, and scored strictly."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigbird_cli.tasks.ner.tags import (
    Scheme,
    SpanCounts,
    Tag,
    TagDecoder,
    TagHabits,
    TagSpan,
    count_spans,
    legal_tags,
    likeliest_tags,
    read_tag,
    scheme_of_names,
    spans_of,
    tag_names,
    tags_of,
    unusual_tag,
)

SCHEMES: list[Scheme] = ["iob2", "bioes", "iob1", "plain"]


def conlleval_spans(tags: Sequence[str]) -> list[TagSpan]:
    """The rules of conlleval, pair by pair: which marks, next to each other, begin a chunk or end one."""
    begins = {"OB", "OI", "OE", "OS", "BB", "IB", "EB", "SB", "BS", "IS", "ES", "SS", "EE", "EI", "SE", "SI"}
    ends = {"BB", "BO", "IB", "IO", "BS", "IS", "EB", "EI", "EE", "EO", "ES", "SB", "SI", "SE", "SO", "SS"}
    spans = []
    open_at: int | None = None
    marks = [("O", ""), *((tag[0], tag[2:]) for tag in tags), ("O", "")]
    for i, ((mark, type_), (next_mark, next_type)) in enumerate(pairwise(marks)):
        changed = type_ != next_type
        if open_at is not None and (mark + next_mark in ends or changed):
            spans.append(TagSpan(type_, open_at, i))
            open_at = None
        if next_mark != "O" and (mark + next_mark in begins or changed):
            open_at = i
    return spans


def strict_spans(tags: Sequence[str], scheme: str) -> list[TagSpan]:
    """Only what is written as its scheme demands, as seqeval's strict mode has it for IOB2 and IOBES."""
    spans = []
    for first in range(len(tags)):
        for stop in range(first + 1, len(tags) + 1):
            type_ = tags[first][2:]
            if scheme == "iob2":
                wanted = ["B-" + type_] + ["I-" + type_] * (stop - first - 1)
                whole = stop == len(tags) or tags[stop] != "I-" + type_
            else:
                n = stop - first
                wanted = ["S-" + type_] if n == 1 else ["B-" + type_, *["I-" + type_] * (n - 2), "E-" + type_]
                whole = True
            if type_ and whole and list(tags[first:stop]) == wanted:
                spans.append(TagSpan(type_, first, stop))
    return spans


def random_sequences(n: int, tags: Sequence[str]) -> Iterator[list[str]]:
    rng = np.random.default_rng(0)
    for length in rng.integers(0, 10, size=n):
        yield [tags[i] for i in rng.integers(len(tags), size=length)]


@st.composite
def spans_and_length(draw: st.DrawFn, *, apart: bool = False) -> tuple[list[TagSpan], int]:
    spans = []
    place = 0
    for _ in range(draw(st.integers(0, 5))):
        gap = draw(st.integers(0, 2))
        type_ = draw(st.sampled_from(["PER", "LOC", "geo-loc"]))
        first = place + (gap or (1 if apart else 0))
        place = first + draw(st.integers(1, 3))
        spans.append(TagSpan(type_, first, place))
    return spans, place + draw(st.integers(0, 2))


# reading


def test_a_tag_is_a_mark_and_a_type() -> None:
    assert read_tag("O") == Tag("O", "")
    assert read_tag("B-LOC") == Tag("B", "LOC")
    assert read_tag("I-geo-loc") == Tag("I", "geo-loc")
    assert [read_tag(tag) for tag in ("L-X", "U-X", "M-X", "W-X")] == [
        Tag(mark, "X") for mark in "ESIS"
    ]  # BILOU, BMES and BMEWO
    assert [read_tag("B"), read_tag("I")] == [Tag("B", "ENTITY"), Tag("I", "ENTITY")]
    assert [read_tag("LOC"), read_tag("geo-loc")] == [Tag("I", "LOC", False), Tag("I", "geo-loc", False)]


@pytest.mark.parametrize("outside", ["o", "0", "-", "_"])
def test_other_ways_to_write_outside_are_outside(outside: str) -> None:
    assert spans_of([outside, "B-X", outside, outside]) == [("X", 1, 2)]
    habits = TagHabits()
    habits.add([outside, "B-X", "I-X", outside])
    assert habits.scheme == "iob2"


def test_lower_case_marks_are_marks() -> None:
    assert spans_of(["o", "b-per", "i-per", "b-per", "o"]) == [("per", 1, 3), ("per", 3, 4)]


@pytest.mark.parametrize(
    ("tags", "unusual"),
    [
        (["O", "B_PER", "I_PER"], "B_PER"),
        (["O", "B:PER", "I:PER"], "B:PER"),
        (["O", "B-PER", "I-"], "I-"),
        (["O", "PER-B", "PER-I"], "PER-B"),
        (["o", "b-per", "s-per"], "s-per"),
        (["O", "B-PER", "PER", "geo-loc", "e-mail", "vitamin-B", "B-PER-B", "cell_type"], None),
        ([], None),
    ],
)
def test_marks_where_none_are_looked_for_are_told(tags: list[str], unusual: str | None) -> None:
    assert unusual_tag(tags) == unusual


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("", []),
        ("O O", []),
        ("B-X I-X O B-Y", [("X", 0, 2), ("Y", 3, 4)]),
        ("B-X B-X", [("X", 0, 1), ("X", 1, 2)]),
        ("I-X I-X O I-X", [("X", 0, 2), ("X", 3, 4)]),  # I without B begins
        ("B-X I-Y I-Y", [("X", 0, 1), ("Y", 1, 3)]),  # so does a change of type
        ("I-X B-X I-X", [("X", 0, 1), ("X", 1, 3)]),  # IOB1's use of B
        ("S-X B-X E-X S-Y", [("X", 0, 1), ("X", 1, 3), ("Y", 3, 4)]),
        ("E-X E-X", [("X", 0, 1), ("X", 1, 2)]),
        ("B-X S-X I-X", [("X", 0, 1), ("X", 1, 2), ("X", 2, 3)]),
        ("B-X I-X O E-X", [("X", 0, 2), ("X", 3, 4)]),
        ("X X O Y X", [("X", 0, 2), ("Y", 3, 4), ("X", 4, 5)]),
    ],
)
def test_sequences_are_read_as_conlleval_reads_them(tags: str, spans: list[tuple[str, int, int]]) -> None:
    assert spans_of(tags.split()) == spans


def test_any_sequence_is_read_as_the_pairwise_rules_say() -> None:
    for marks in ("BI", "BIES"):
        for tags in random_sequences(5000, ["O", *(f"{mark}-{type_}" for mark in marks for type_ in ("X", "Y"))]):
            assert spans_of(tags) == conlleval_spans(tags), tags


# writing


@given(spans_and_length(), st.sampled_from(["iob2", "bioes", "iob1"]))
def test_spans_are_written_and_read_again(drawn: tuple[list[TagSpan], int], scheme: Scheme) -> None:
    spans, n = drawn
    tags = tags_of(spans, n, scheme)
    assert len(tags) == n
    assert spans_of(tags) == spans
    assert set(tags) <= set(tag_names(["PER", "LOC", "geo-loc"], scheme))
    if scheme != "iob1":
        assert strict_spans(tags, scheme) == spans  # what we write, the strictest reader reads


@given(spans_and_length(apart=True))
def test_plain_tags_keep_spans_that_stand_apart(drawn: tuple[list[TagSpan], int]) -> None:
    spans, n = drawn
    assert spans_of(tags_of(spans, n, "plain")) == spans


def test_schemes_write_the_same_spans_in_their_own_way() -> None:
    spans = [TagSpan("X", 0, 3), TagSpan("X", 3, 4), TagSpan("Y", 5, 7)]
    written = {scheme: " ".join(tags_of(spans, 8, scheme)) for scheme in SCHEMES}
    assert written == {
        "iob2": "B-X I-X I-X B-X O B-Y I-Y O",
        "iob1": "I-X I-X I-X B-X O I-Y I-Y O",
        "bioes": "B-X I-X E-X S-X O B-Y E-Y O",
        "plain": "X X X X O Y Y O",
    }


def test_spans_that_cannot_be_written_are_refused() -> None:
    for spans in ([TagSpan("X", 0, 2), TagSpan("Y", 1, 3)], [TagSpan("X", 2, 5)], [TagSpan("X", 1, 1)]):
        with pytest.raises(ValueError, match="does not stand behind"):
            tags_of(spans, 4, "iob2")


# telling schemes apart


@pytest.mark.parametrize(
    ("scheme", "n_illegal", "sequences"),
    [
        ("iob2", 0, ["B-X I-X O B-Y", "O"]),
        ("iob2", 1, ["B-X I-X O I-Y"]),
        ("iob1", 0, ["I-X I-X B-X O I-Y"]),
        ("bioes", 0, ["B-X E-X O S-Y B-X I-X E-X"]),
        ("bioes", 2, ["B-X E-X O S-Y", "I-X O B-X E-X"]),  # into I, and out of it
        ("plain", 0, ["X X O Y"]),
        ("iob2", 0, ["O O", ""]),
    ],
)
def test_the_scheme_of_sequences_is_told(scheme: str, n_illegal: int, sequences: list[str]) -> None:
    habits = TagHabits()
    for tags in sequences:
        habits.add(tags.split())
    assert (habits.scheme, habits.n_illegal) == (scheme, n_illegal)


@given(spans_and_length(), st.sampled_from(["iob2", "bioes"]))
def test_what_is_written_by_a_scheme_breaks_no_rule_of_it(drawn: tuple[list[TagSpan], int], scheme: Scheme) -> None:
    habits = TagHabits()
    habits.add(tags_of(*drawn, scheme))
    assert habits.n_illegal == 0
    if drawn[0]:
        assert habits.scheme == scheme


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_scheme_of_outputs_is_told_by_their_names(scheme: Scheme) -> None:
    names = tag_names(["X", "Y"], scheme)
    # nobody can tell IOB1 from IOB2 by the names; what allows more is taken
    assert scheme_of_names(names[::-1]) == ("iob1" if scheme == "iob2" else scheme)
    assert scheme_of_names(["O", "B-X", "L-X", "U-X", "I-X"]) == "bioes"
    assert scheme_of_names(["O", "B-X", "E-X", "I-X"]) == "iob1"
    assert scheme_of_names(["NOUN", "VERB"]) == "plain"


# the likeliest legal tags


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_likeliest_tags_are_the_best_of_all_legal_sequences(scheme: Scheme) -> None:
    rng = np.random.default_rng(1)
    names = tag_names(["X", "Y"] if scheme != "bioes" else ["X"], scheme)
    legal = legal_tags(names, scheme)
    for n in range(5):
        log_probs = np.log(rng.dirichlet(np.full(len(names), 0.5), size=n))
        every = [
            path
            for path in product(range(len(names)), repeat=n)
            if not n
            or (
                legal.first[path[0]]
                and legal.last[path[-1]]
                and all(legal.follows[before, after] for before, after in pairwise(path))
            )
        ]
        best = max(every, key=lambda path: sum(log_probs[i, tag] for i, tag in enumerate(path)))
        assert likeliest_tags(log_probs, legal).tolist() == list(best)


@pytest.mark.parametrize("scheme", ["iob2", "bioes"])
def test_decoded_tags_are_what_the_strictest_reader_demands(scheme: Scheme) -> None:
    rng = np.random.default_rng(2)
    names = tag_names(["X", "Y"], scheme)
    for n in range(1, 40):
        path = likeliest_tags(rng.normal(size=(n, len(names))) * 3, legal_tags(names, scheme))
        tags = [names[i] for i in path]
        assert spans_of(tags) == strict_spans(tags, scheme)
        assert tags == tags_of(spans_of(tags), n, scheme)


def test_where_every_order_is_legal_each_tag_is_the_likeliest_by_itself() -> None:
    log_probs = np.random.default_rng(3).normal(size=(50, 5))
    legal = legal_tags(tag_names(["X", "Y"], "iob1"), "iob1")
    assert likeliest_tags(log_probs, legal).tolist() == log_probs.argmax(axis=1).tolist()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tags_that_come_in_parts_are_those_of_the_whole(scheme: Scheme) -> None:
    rng = np.random.default_rng(4)
    names = tag_names(["X", "Y"], scheme)
    legal = legal_tags(names, scheme)
    log_probs = np.log(rng.dirichlet(np.full(len(names), 0.3), size=400))
    decoder = TagDecoder(legal)
    settled = [decoder.add(part) for part in np.split(log_probs, [0, 1, 2, 50, 50, 51, 90, 300])]
    assert len(np.concatenate(settled)) > 350
    whole = [*settled, decoder.finish()]
    assert np.concatenate(whole).tolist() == likeliest_tags(log_probs, legal).tolist()


def test_nothing_is_settled_while_the_end_may_change_the_beginning() -> None:
    legal = legal_tags(["B-X", "I-X", "B-Y", "I-Y"], "iob2")
    alike = np.log(np.array([[0.25, 1e-9, 0.25, 1e-9], *[[1e-30, 0.5, 1e-30, 0.5]] * 30]))
    decoder = TagDecoder(legal)
    assert [len(decoder.add(part)) for part in np.array_split(alike, 5)] == [0] * 5
    assert decoder.add(np.log(np.array([[1e-9, 1e-9, 1e-9, 1.0]]))).tolist() == []
    assert decoder.finish().tolist() == [2, *[3] * 31]


# scores


def counts_of(gold: str, predicted: str) -> dict[str, SpanCounts]:
    return count_spans(spans_of(gold.split()), spans_of(predicted.split()))


def test_scores_are_those_of_conlleval() -> None:
    # counted by hand: gold X 0-2, Y 3-4, X 5-6, Y 7-9, Z 10-11; found X 0-2, X 3-4, X 5-6, Y 7-8, Y 8-9, X 12-13
    gold = "B-X I-X O B-Y O B-X O B-Y I-Y O B-Z O O"
    found = "I-X I-X O I-X O B-X O B-Y B-Y O O O I-X"
    counts = counts_of(gold, found)
    assert counts == {"X": SpanCounts(2, 4, 2), "Y": SpanCounts(2, 2, 0), "Z": SpanCounts(1, 0, 0)}
    overall = sum(counts.values(), SpanCounts())
    # conlleval: found: 6 phrases; correct: 2. precision: 33.33%; recall: 40.00%; FB1: 36.36
    assert (round(overall.precision, 2), round(overall.recall, 2), round(overall.f1, 2)) == (33.33, 40.00, 36.36)
    assert (counts["X"].precision, counts["X"].recall, round(counts["X"].f1, 2)) == (50.0, 100.0, 66.67)
    assert (counts["Z"].precision, counts["Z"].recall, counts["Z"].f1) == (0.0, 0.0, 0.0)


def test_a_span_must_match_in_both_ends_and_type() -> None:
    counts = counts_of("O O O B-MISC I-MISC I-MISC O B-PER I-PER", "O O B-MISC I-MISC I-MISC I-MISC O B-PER I-PER")
    assert counts == {"MISC": SpanCounts(1, 1, 0), "PER": SpanCounts(1, 1, 1)}


def test_nothing_to_find_and_nothing_found_scores_nothing() -> None:
    assert counts_of("O O", "O O") == {}
    nothing = SpanCounts()
    assert (nothing.precision, nothing.recall, nothing.f1) == (0.0, 0.0, 0.0)


@given(st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"]), max_size=12), st.randoms())
def test_scores_agree_with_counting_one_span_after_the_other(gold: list[str], random: "object") -> None:
    found = list(gold)
    random.shuffle(found)  # type: ignore[attr-defined]
    counts = sum(count_spans(spans_of(gold), spans_of(found)).values(), SpanCounts())
    golds, founds = conlleval_spans(gold), conlleval_spans(found)
    assert counts == SpanCounts(len(golds), len(founds), sum(span in golds for span in founds))
