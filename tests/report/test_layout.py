"""A text is laid out whole, and every mark is where it was put."""

from collections.abc import Sequence
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigbird_cli.report.pages.layout import LONGEST_BLOCK, Block, Mark, Point, gaps, handovers, lay_out
from bigbird_cli.text.formats.paged import Section

TEXTS = st.text(alphabet="ab \n\r\t.é🦜\x00<", max_size=300)
WRAPPED = "The keeper lit the lamp in the tower by the sea, and\nthe ships came in before the storm.\n"


def blocks_of(
    text: str, *, sections: Sequence[Section] = (), marks: Sequence[Mark] = (), points: Sequence[Point] = ()
) -> list[Block]:
    return [*chain.from_iterable(lay_out(text, sections=sections, marks=marks, points=points))]


def text_of(block: Block) -> str:
    return "".join(piece.text for piece in block.pieces)


@given(TEXTS)
def test_nothing_is_left_out_but_white_space_between_blocks(text: str) -> None:
    rest, reached = [], 0
    for block in blocks_of(text):
        rest.append(text[reached : block.start])
        reached = block.start + len(text_of(block))
        assert text[block.start : reached] == text_of(block)
    assert not "".join([*rest, text[reached:]]).strip()


@given(TEXTS.filter(bool), st.data())
def test_a_mark_has_the_pieces_of_its_characters_whatever_it_overlaps(text: str, data: st.DataObject) -> None:
    spans = data.draw(st.lists(st.lists(st.integers(0, len(text)), min_size=2, max_size=2, unique=True).map(sorted)))
    marks = [Mark(start, end, key, "best", 50) for key, (start, end) in enumerate(spans)]
    pieces = [piece for block in blocks_of(text, marks=marks) for piece in block.pieces]
    for mark in marks:
        covered = "".join(piece.text for piece in pieces if mark in piece.marks)
        assert "".join(covered.split()) == "".join(text[mark.start : mark.end].split())
        assert sum(mark.key in piece.begins for piece in pieces) == any(mark in piece.marks for piece in pieces)


def test_hand_wrapped_lines_are_prose_and_lines_of_their_own_are_not() -> None:
    kinds = [block.kind for block in blocks_of(f"{WRAPPED}\nRoses are red,\nviolets are blue.\n\nAlone.\n\na\tb\nc\td")]
    assert kinds == ["prose", "lines", "prose", "lines"]


def test_a_paragraph_without_end_is_laid_out_in_parts_that_end_with_a_word() -> None:
    text = "word " * LONGEST_BLOCK
    blocks = blocks_of(text)
    assert all(len(text_of(block)) <= LONGEST_BLOCK for block in blocks)
    assert all(text_of(block).endswith(" ") for block in blocks[:-1])
    assert "".join(map(text_of, blocks)) == text.rstrip()
    assert len(blocks_of("x" * (2 * LONGEST_BLOCK))) == 2


def test_chunks_are_of_many_blocks() -> None:
    chunks = [*lay_out("A paragraph of a few words.\n\n" * 1000, sections=(), marks=(), points=())]
    assert 8 <= len(chunks) <= 10
    assert sum(map(len, chunks)) == 1000


def test_a_section_begins_a_block_which_is_a_heading_where_the_title_stands() -> None:
    text = "Preface\n\nWords.\n2.1 On the\n lamp\n\nMore words."
    sections = [Section("Preface", 0), Section("On the lamp", 16), Section("Not in it", 34)]
    blocks = blocks_of(text, sections=sections)
    assert [(text_of(b), b.kind, b.section) for b in blocks] == [
        ("Preface", "heading", 0),
        ("Words.", "prose", None),
        ("2.1 On the\n lamp", "heading", 1),
        ("More words.", "prose", 2),
    ]


def test_a_point_stands_before_its_character_and_in_a_gap_before_the_next() -> None:
    pages = [Point(0, "page", "i"), Point(4, "page", "ii"), Point(9, "page", "iii")]
    pieces = [piece for block in blocks_of("one two\n\n\nthree", points=pages) for piece in block.pieces]
    assert [(piece.text, [point.label for point in piece.points]) for piece in pieces] == [
        ("one ", ["i"]),
        ("two", ["ii"]),
        ("three", ["iii"]),
    ]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [([(0, 10)], []), ([(2, 10)], [(0, 2)]), ([(0, 3), (2, 5), (7, 8)], [(5, 7), (8, 10)]), ([], [(0, 10)])],
)
def test_gaps_are_what_no_span_covers(spans: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    assert [*gaps(spans, 10)] == expected


def test_windows_hand_over_at_a_word_in_the_middle_of_what_they_share() -> None:
    text = "the keeper of the lamp left the tower"
    assert text[handovers([(0, 22), (4, 37)], text)[0] :] == "the lamp left the tower"
    assert handovers([(0, 10), (14, 22)], text) == [14]
