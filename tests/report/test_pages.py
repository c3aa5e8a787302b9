"""Pages: what they say of results, that nothing of a document is more than text in them, and that they stay whole."""

import base64
import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.report.pages import PageWriter, write_page
from bigbird_cli.report.pages.names import N_HUES, hue_of
from bigbird_cli.report.templating import asset
from bigbird_cli.text.documents import Document
from bigbird_cli.text.formats.paged import Page, Section
from tests.report.results import (
    failed_result,
    match_result,
    ner_result,
    number_result,
    qa_result,
    select_result,
)

STORY = "Ada lit the lamp in the tower. Bel saw Ada.\n\nThe lamp of Ada Lee was seen from the ship.\n"
LAMP = Document("docs/lamp.txt", STORY)
HOSTILE = (
    "<script>window.bad = 1</script> Ada </script><script>bad()</script> <img src=x onerror=bad()> & \"q\" 'a'\n\n"
    "</style></title></textarea><!-- {{ 7 * 7 }} {% raw %} ]]> javascript:bad() \u202ereversed\u202c end."
)

Shown = Callable[..., LexborHTMLParser]


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    """Write results as a page, and parse it."""

    def show(*results: Any, **options: Any) -> LexborHTMLParser:
        write_page(results, tmp_path / "page.html", **options)
        return LexborHTMLParser((tmp_path / "page.html").read_text(encoding="utf-8"))

    return show


def one(page: LexborHTMLParser | LexborNode, selector: str) -> LexborNode:
    [found] = page.css(selector)
    return found


def texts(page: LexborHTMLParser | LexborNode, selector: str) -> list[str]:
    return [" ".join(node.text().split()) for node in page.css(selector)]


# ---- the text


def test_the_text_of_a_document_stands_in_the_page_as_it_is(shown: Shown) -> None:
    page = shown(ner_result(LAMP, [("PERSON", "Ada", 0.9)]))
    for block in page.css(".text [data-at]"):
        start = int(block.attributes["data-at"] or "")
        assert STORY[start:].startswith(block.text())
    assert "".join(texts(page, ".text [data-at]")) == " ".join(STORY.split()).replace(". The", ".The")


def test_a_document_of_scripts_is_text_and_the_page_has_its_own_script_alone(shown: Shown) -> None:
    document = Document("<script>bad()</script>.txt", HOSTILE, sections=(Section("</script><script>bad()", 0),))
    question = 'Who "is" <b>this</b></script>?'
    page = shown(qa_result(document, question, {"Ada </script>": 0.9}), command="bigbird qa '<script>'")
    assert len(page.css("script")) == len(page.css("style")) == 1
    assert not page.css("img, b[onclick], [onerror], textarea")
    first, second = (block.text() for block in page.css(".text [data-at]"))
    assert f"{first}\n\n{second}" == HOSTILE
    assert texts(page, "h2 [data-question]") == [question]
    assert texts(page, "h1") == ["<script>bad()</script>.txt".rpartition("/")[2]]
    assert texts(page, "footer code") == ["bigbird qa '<script>'"]


def test_only_the_pages_own_script_and_style_may_run_and_nothing_is_fetched(shown: Shown) -> None:
    page = shown(qa_result(LAMP, answers={"Ada": 0.9}))
    policy = one(page, "meta[http-equiv='Content-Security-Policy']").attributes["content"] or ""
    for kind in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(one(page, kind).text().encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    links = [node.attributes["href"] or "" for node in page.css("[href]")]
    assert all(link.startswith("#") for link in links)
    assert not page.css("[src], link, iframe, [style]")


def test_a_template_in_a_document_is_not_filled_in(shown: Shown) -> None:
    page = shown(qa_result(Document("a.txt", "{{ 7 * 7 }} {% include 'page.html' %} Ada"), answers={"Ada": 0.9}))
    assert texts(page, ".text") == ["{{ 7 * 7 }} {% include 'page.html' %} Ada"]


def test_pages_sections_and_windows_stand_in_the_text_without_changing_it(shown: Shown) -> None:
    document = Document(
        "lamp.pdf", STORY, (Page("i", 0), Page("ii", 45)), (Section("Ada lit", 0), Section("The lamp", 45))
    )
    page = shown(ner_result(document, [("PERSON", "Ada", 0.9)], spans=[(0, 50), (30, len(STORY))]))
    assert [node.attributes["aria-label"] for node in page.css(".page")] == ["page i", "page ii"]
    assert [node.attributes["data-name"] for node in page.css(".seam")] == ["1 | 2 of 2"]
    assert not any(node.text() for node in page.css(".page, .seam"))
    links = [node.attributes["href"] for node in page.css(".contents a")]
    assert links == ["#d0s0", "#d0s1"]
    assert [one(page, link or "").attributes["data-at"] for link in links] == ["0", "45"]


def test_what_was_not_read_is_dimmed_and_said(shown: Shown) -> None:
    document = replace(LAMP, unread=("page 3", "attachment <plan>.pdf"))
    result = qa_result(document, answers={"Bel": 0.9}, spans=[(0, 43)], truncated=True, unread=[*document.unread])
    page = shown(result)
    assert texts(page, ".text .unread") == ["The lamp of Ada Lee was seen from the ship."]
    assert [warning.partition(":")[0] for warning in texts(page, ".warnings li")] == ["Truncated", "Not read"]
    assert "page 3, attachment <plan>.pdf" in texts(page, ".warnings")[0]


def test_of_questions_that_skim_what_none_of_them_read_is_dimmed(shown: Shown) -> None:
    page = shown(
        qa_result(LAMP, "Where?", {"tower": 0.9}, spans=[(0, 30)], skimmed=True),
        qa_result(LAMP, "What?", {"ship": 0.9}, spans=[(45, len(STORY))], skimmed=True),
    )
    assert texts(page, ".text .unread") == ["Bel saw Ada."]
    assert "Skimmed" in texts(page, ".warnings")[0]


def test_what_is_whole_has_no_warnings(shown: Shown) -> None:
    page = shown(select_result(LAMP, {"Bel saw Ada.": 0.7}))
    assert not page.css(".warnings, .unread, .seam")
    assert f"all {len(STORY)} tokens read in 1 window" in texts(page, ".title .facts")[0]


def test_the_name_of_a_file_that_is_no_utf_8_is_shown_by_its_bytes(shown: Shown) -> None:
    page = shown(qa_result(Document("docs/a\udcff.txt", STORY), answers={"Ada": 0.9}))
    assert texts(page, "h1") == [r"a\udcff.txt"]


# ---- what was found


def test_answers_are_marked_wherever_they_are_mentioned_best_first(shown: Shown) -> None:
    page = shown(qa_result(LAMP, "Who?", {"Ada": 0.6, "Bel": 0.1}))
    assert texts(page, "mark.best[data-k='0']") == ["Ada", "Ada", "Ada"]
    assert texts(page, "mark.other[data-k='1']") == ["Bel"]
    assert texts(page, ".found .answer") == ["Ada", "Bel"]
    assert texts(page, ".found .about")[0].startswith("0.60 · 3 mentions")
    assert texts(page, ".found .around")[0] == "Ada lit the lamp in the tower."


def test_runners_up_that_would_stand_there_as_nothing_are_left_out(shown: Shown) -> None:
    page = shown(qa_result(LAMP, "Who?", {"Ada": 0.9, "Bel": 0.004}), qa_result(LAMP, "When?", {"Bel": 0.004}))
    assert texts(page, ".found .answer") == ["Ada", "Bel"]
    assert texts(page, "mark[data-k='1']") == ["Bel"]


def test_an_answer_that_is_unsure_and_one_that_is_not_given_look_so(shown: Shown) -> None:
    page = shown(qa_result(LAMP, "Who?", {"Ada": 0.3}), qa_result(LAMP, "When?", {"Bel": 0.1}, is_answered=False))
    assert texts(page, ".doubt") == ["unsure"]
    assert [mark.text() for mark in page.css("mark.good")] == ["Ada"] * 3
    assert texts(page, ".asked .none strong") == ["No answer"]
    assert texts(page, "mark.other") == ["Bel"]


def test_answers_that_overlap_share_their_characters(shown: Shown) -> None:
    page = shown(qa_result(LAMP, "Who?", {"Ada Lee": 0.6}), qa_result(LAMP, "Which lamp?", {"lamp of Ada": 0.7}))
    marks = [(mark.text(), mark.attributes["data-k"], mark.attributes.get("data-b")) for mark in page.css("mark")]
    assert marks == [("lamp of ", "1", None), ("Ada", "0 1", "0"), (" Lee", "0", "")]


def test_several_questions_on_a_document_show_it_once_and_one_that_failed_says_why(shown: Shown) -> None:
    failed = replace(qa_result(LAMP, "Too long?"), outcome=DataError("the question is too long", fix="shorten it"))
    page = shown(qa_result(LAMP, "Who?", {"Ada": 0.6}), failed, qa_result(LAMP, "Whose?", {"Bel": 0.6}))
    assert len(page.css("article")) == 1
    assert not page.css("#index")
    assert texts(page, ".asked h2") == ["Who?", "Too long?", "Whose?"]
    assert texts(page, ".asked .error") == ["the question is too long; shorten it"]
    assert [mark.attributes["data-k"] for mark in page.css("mark")] == ["0", "1", "0", "0"]


def test_a_document_that_is_given_twice_is_shown_twice(shown: Shown) -> None:
    page = shown(ner_result(LAMP, [("PERSON", "Ada", 0.9)]), ner_result(LAMP, []))
    assert [node.attributes["id"] for node in page.css("article")] == ["d0", "d1"]


def test_mentions_of_a_name_are_together_counted_and_coloured_by_type(shown: Shown) -> None:
    entities = [("PERSON", "Ada", 0.9), ("PERSON", "Bel", 0.4), ("CARDINAL", "tower", 0.9)]
    page = shown(ner_result(LAMP, entities))
    assert texts(page, ".list button") == ["Ada3", "Bel1", "tower1"]  # what is counted stands behind
    assert texts(page, ".kinds [data-kind]") == ["PERSON 4", "CARDINAL 1"]
    assert {mark.attributes["class"] for mark in page.css("mark[data-k='0']")} == {"hue h0 t0"}
    assert {mark.attributes["class"] for mark in page.css("mark[data-k='1']")} == {"hue h0 t0 unsure"}
    assert page.css(".kinds [data-sure]")


def test_a_document_without_names_says_so(shown: Shown) -> None:
    assert texts(shown(ner_result(LAMP, [])), ".names .none") == ["No names were found."]


def test_every_type_has_a_colour_of_the_style_sheet() -> None:
    style = asset("bigbird_cli.report.pages", "page.css")
    assert all(f".h{n} {{" in style for n in range(N_HUES))
    assert {hue_of(name) for name in ("PERSON", "ORG", "DISEASE", "")} <= set(range(N_HUES))


def test_passages_have_their_weight_for_the_likeliest_label(shown: Shown) -> None:
    windows = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]
    page = shown(match_result(LAMP, {"sea": 0.57, "land": 0.43}, windows))
    assert texts(page, ".choices .answer") == ["sea", "land"]
    assert [node.attributes["data-weights"] for node in page.css("[data-label]")] == ["90 20 60", "10 80 40"]
    levels = {node.attributes["data-k"]: node.attributes["data-level"] for node in page.css(".passage")}
    assert levels == {"0": "9", "1": "2", "2": "6"}
    lists = [[b.attributes["data-key"] for b in each.css("button")] for each in page.css("[data-passages]")]
    assert lists == [["0", "2", "1"], ["1", "2", "0"]]
    assert " ".join("".join(node.text() for node in page.css(".passage")).split()) == " ".join(STORY.split()).replace(
        ". The", ".The"
    )


def test_no_label_is_said_and_one_window_has_no_passages(shown: Shown) -> None:
    page = shown(match_result(LAMP, {"sea": 0.3, "land": 0.2}, [[0.3, 0.2]]))
    assert texts(page, ".labels .none strong") == ["None of these"]
    assert not page.css(".passage, [data-passages]")


def test_a_number_weighs_passages_from_its_smallest_to_its_largest(shown: Shown) -> None:
    page = shown(number_result(LAMP, 3.25, [-1.0, 9.0, 4.0]))
    assert texts(page, ".value") == ["3.25"]
    assert one(page, "[data-label]").attributes["data-weights"] == "0 100 50"
    assert texts(page, "[data-passages] .num") == ["9", "4", "-1"]


def test_sentences_are_listed_with_their_shares(shown: Shown) -> None:
    page = shown(select_result(LAMP, {"Bel saw Ada.": 0.7, "Ada lit the lamp in the tower.": 0.2}, "Who saw whom?"))
    assert texts(page, ".asked h2") == ["Who saw whom?"]
    assert texts(page, ".about") == ["0.70", "0.20"]
    assert texts(page, "mark.best") == ["Bel saw Ada."]


# ---- several documents


def test_the_index_has_a_row_a_document_and_names_what_failed(shown: Shown) -> None:
    ship = Document("docs/ship.txt", "The ship of Bel was lost.")
    page = shown(
        qa_result(LAMP, "Who?", {"Ada": 0.6}),
        qa_result(LAMP, "What?", {"lamp": 0.2}),
        failed_result("docs/empty.txt"),
        qa_result(ship, "Who?", is_answered=False),
    )
    assert texts(page, "#index tbody th a") == ["lamp.txt", "ship.txt"]
    assert [node.attributes["href"] for node in page.css("#index tbody a")] == ["#d0", "#d1"]
    assert texts(page, "#index thead th") == ["Document", "Tokens", "Who?", "What?"]
    assert texts(page, "#index tbody td[data-title='Who?']") == ["Ada 0.60", "no answer 0.25"]
    assert texts(page, "#index .unsure") == ["lamp 0.20", "no answer 0.25"]
    assert texts(page, "#index .failed") == [
        "empty.txt docs/empty.txt: the document is empty; give a file with text in it"
    ]
    assert texts(page, "#index .facts") == ["2 read, 1 failed · docs/"]
    assert [node.attributes["id"] for node in page.css("article")] == ["d0", "d1"]


def test_many_different_questions_share_a_column(shown: Shown) -> None:
    rows = [qa_result(Document(f"rows:{n}", STORY), f"Question {n}?", {"Ada": 0.9}) for n in range(9)]
    page = shown(*rows)
    assert texts(page, "#index thead th") == ["Document", "Tokens", "Found"]
    assert texts(page, "#index .pair")[4] == "Question 4? Ada 0.90"
    assert texts(page, "#index tbody th a")[4] == "rows:4"


def test_rows_have_their_ids(shown: Shown) -> None:
    done = ner_result(Document("rows:1", STORY), [])
    page = shown(replace(done, request=replace(done.request, id="<7>")), failed_result("rows:2"))
    assert texts(page, "#index tbody th") == ["rows:1 <7>"]
    assert "id <7> ·" in texts(page, ".title .facts")[0]


def test_a_page_of_failures_alone_lists_them(shown: Shown) -> None:
    page = shown(failed_result("<i>.txt"))
    assert texts(page, "#index .failed dt") == ["<i>.txt"]
    assert not page.css("article, #index tbody tr, #index i")


def test_a_page_is_written_when_all_results_are_there_and_replaces_what_stood_there(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("before")
    writer = PageWriter(path, overwrite=True)
    writer.write(qa_result(LAMP, answers={"Ada": 0.9}))
    assert path.read_text() == "before"
    writer.finish()
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]


def test_what_is_there_is_not_written_over_unasked_and_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.html"
    assert write_page([failed_result(), failed_result()], path) == 2
    with pytest.raises(UsageError, match="it is there already; name another file, or give overwrite=True"):
        PageWriter(path)
    with pytest.raises(UsageError, match=r"it is there already; name another file$"):
        PageWriter(tmp_path, overwrite=True)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_into_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="its folder cannot be written into"):
        PageWriter(tmp_path / "page.html")


def test_no_results_are_no_page(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no result"):
        write_page([], tmp_path / "page.html")
    assert not [*tmp_path.iterdir()]


def test_the_same_results_give_the_same_page(tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        write_page([qa_result(LAMP, answers={"Ada": 0.9})], tmp_path / name, command="bigbird qa")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


# ---- looks


def contrast(a: str, b: str) -> float:
    """WCAG 2's ratio of two colours that are written #rgb or #rrggbb."""

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        linear = [
            value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
            for value in (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted(map(luminance, (a, b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_has_enough_contrast_in_both_themes(theme: int) -> None:
    found = re.findall(r"--([a-z-]+): light-dark\((#\w+), (#\w+)\)", asset("bigbird_cli.report.pages", "page.css"))
    colours = {name: pair[theme] for name, *pair in found}
    for ink in ("ink", "dim", "accent", "bad"):
        for paper in ("paper", "panel", "control"):
            assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    assert contrast(colours["bad"], colours["bad-tint"]) >= 4.5
    assert contrast(colours["ink"], colours["best"]) >= 4.5
    for line in ("accent", "edge"):  # of controls, and of what has the focus
        assert contrast(colours[line], colours["paper"]) >= 3
        assert contrast(colours[line], colours["control"]) >= 3
