"""The extraction benchmark counts glued words, wrong order and torn paragraphs as what they are."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from bigbird_cli.text.formats import read_eml, read_html
from bigbird_cli.text.formats.paged import Page, PagedText, Section

TEXT = "The lease of the shore\n\nwas signed by four families.\n\nIt holds."


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import extraction

    yield extraction
    del sys.modules["extraction"]


def test_a_text_scores_all_of_itself(bench: ModuleType) -> None:
    assert bench.score(TEXT, TEXT) == (1, 1, 1, 0)


def test_a_glued_word_costs_two_words_and_three_neighbours(bench: ModuleType) -> None:
    found = bench.score(TEXT, TEXT.replace("four families", "fourfamilies"))
    assert found.words == pytest.approx(10 / 12)
    assert found.order == pytest.approx(8 / 11)
    assert found.extra == pytest.approx(1 / 11)


def test_order_and_paragraphs_are_told_apart(bench: ModuleType) -> None:
    torn = bench.score(TEXT, TEXT.replace("signed by", "signed\n\nby"))
    assert (torn.words, torn.order, torn.paragraphs) == (1, 1, pytest.approx(2 / 3))
    turned = bench.score(TEXT, "\n\n".join(reversed(TEXT.split("\n\n"))))
    assert (turned.words, turned.paragraphs) == (1, 1)
    assert turned.order == pytest.approx(9 / 11)


def test_starts_are_right_where_sections_begin_with_their_titles(bench: ModuleType) -> None:
    assert bench.sections_right(PagedText(TEXT, (Page("1", 0),), (Section("was signed", 24),)))
    assert not bench.sections_right(PagedText(TEXT, (Page("1", 0),), (Section("was signed", 25),)))
    assert not bench.sections_right(PagedText(TEXT, (Page("1", 5), Page("2", 0))))


def test_sources_have_a_word_of_its_own_in_each_paragraph(bench: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "novel.txt"
    path.write_text("\n\n".join(f"A paragraph\nof number {i} in it." for i in range(30)), encoding="utf-8")
    source = bench.source(path)
    paragraphs = [text for kind, text in source.blocks if kind == "p"]
    assert len({text.split()[0] for text in paragraphs}) == len(paragraphs) == 30
    assert source.text.split("\n\n")[0] == "novel"


def test_what_needs_no_other_library_is_read_whole(bench: ModuleType) -> None:
    source = bench.Source("Title", (("h", "Head"), ("p", "Café & “quotes” <all> of it."), ("p", "And more.")))
    assert read_html(io.BytesIO(bench.html_of(source).encode()), "a").text == source.text
    for kind in ("plain", "both", "html"):
        found = read_eml(io.BytesIO(bench.mail(source, kind=kind, encoding="base64")), "a").text
        assert found.split("\n\n")[1:] == source.text.split("\n\n")[1:]
