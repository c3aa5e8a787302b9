"""Pages in a browser: nothing of a document runs, keys and clicks do what they say, at every width and theme."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.api.reading.requests import Result
from bigbird_cli.report.pages import write_page
from bigbird_cli.report.pages.names import HUES
from bigbird_cli.text.documents import Document
from bigbird_cli.text.formats.paged import Page, Section
from tests.report.chromium import CHROMIUM, Tab, browser
from tests.report.results import failed_result, match_result, ner_result, qa_result, select_result

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]

HOSTILE = """<script>window.bad = 1</script></script><script>window.bad = 2</script><img src=x onerror="window.bad = 3">
<svg onload="window.bad = 4"> <a href="javascript:window.bad = 5">Ada</a> </style></title></textarea>--> {{ 7 * 7 }}"""
SENTENCE = "Ada lit the lamp in the tower, and Bel kept the ship of Cora by the stone in March. "
NOVEL = "\n\n".join(f"{n}. " + SENTENCE * 6 for n in range(1, 1001))
ENTITIES = [("PERSON", "Ada", 0.9), ("PERSON", "Bel", 0.3), ("GPE", "Cora", 0.8), ("DATE", "March", 0.7)]


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture(autouse=True)
def _as_at_first(tab: Tab) -> None:
    tab.prefer(prefers_color_scheme="light", prefers_reduced_motion="reduce")
    tab.resize(1400)


def opened(tab: Tab, folder: Path, *results: Result[Any, Any], fragment: str = "") -> None:
    write_page(results, folder / "page.html", command="bigbird", overwrite=True)
    tab.open(folder / "page.html", fragment)


def count(tab: Tab) -> str:
    return str(tab.run("document.querySelector('#count').textContent"))


def is_in_sight(tab: Tab, selector: str = ".here") -> bool:
    box = f"document.querySelector('{selector}').getBoundingClientRect()"
    return bool(tab.run(f"(b => b.top >= 40 && b.bottom <= innerHeight)({box})"))


def shown_names(tab: Tab) -> list[str]:
    found: list[str] = tab.run("[...document.querySelectorAll('.list li:not([hidden]) bdi')].map(b => b.textContent)")
    return found


def test_nothing_of_a_document_runs_and_nothing_is_fetched(tab: Tab, tmp_path: Path) -> None:
    document = Document("<img src=x onerror='window.bad = 6'>", HOSTILE, sections=(Section("</script><b>", 0),))
    opened(tab, tmp_path, qa_result(document, "<img src=y onerror='window.bad = 7'>", {"Ada": 0.9}))
    for key in ("j", "s", "l"):
        tab.press(key)
    assert tab.run("window.bad") is None
    assert "".join(tab.run("document.querySelector('.text').textContent").split()) == "".join(HOSTILE.split())
    requests = [e["params"]["request"]["url"] for e in tab.events if e["method"] == "Network.requestWillBeSent"]
    assert requests == [(tmp_path / "page.html").as_uri()]
    assert not [event for event in tab.events if event["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")]


def test_the_policy_stops_what_would_get_into_the_page_all_the_same(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, ner_result(Document("a.txt", SENTENCE), ENTITIES))
    image = "<img src=x onerror='window.bad = 1' onload='window.bad = 2'>"
    tab.run(f'document.body.insertAdjacentHTML("beforeend", "{image}")')
    tab.run('document.body.append(Object.assign(document.createElement("script"), { textContent: "window.bad = 3" }))')
    tab.settle()
    assert tab.run("window.bad") is None


def test_keys_go_from_mention_to_mention_and_round(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, ner_result(Document("a.txt", SENTENCE), ENTITIES))
    assert count(tab) == "4"
    tab.press("j")
    assert (count(tab), tab.run("document.querySelector('.here').textContent")) == ("1 / 4", "Ada")
    tab.press("n")
    assert tab.run("document.activeElement.textContent") == "Bel"
    tab.press("k")
    tab.press("p")
    assert (count(tab), tab.run("document.querySelector('.here').textContent")) == ("4 / 4", "March")


def test_a_novel_is_laid_out_where_it_is_in_sight_and_goes_to_its_last_mention(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, ner_result(Document("novel.txt", NOVEL), ENTITIES))
    far = "[...document.querySelectorAll('.chunk p')].at(-1).checkVisibility({ contentVisibilityAuto: true })"
    assert tab.run(far) is False
    tab.press("k")
    tab.settle()
    assert count(tab) == "24,000 / 24,000"
    assert is_in_sight(tab)
    tab.press("j")
    tab.settle()
    assert (count(tab), is_in_sight(tab)) == ("1 / 24,000", True)


def test_a_name_types_and_a_filter_narrow_what_is_gone_through(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, ner_result(Document("novel.txt", NOVEL), ENTITIES))
    tab.click("[data-key='1']")
    assert (count(tab), tab.run("document.querySelector('.here').textContent")) == ("1 / 6,000", "Bel")
    tab.click("[data-key='1']")
    assert count(tab) == "2 / 6,000"
    tab.click("[data-kind='1']")
    assert (shown_names(tab), count(tab)) == (["Cora"], "6,000")
    tab.press("Escape")
    tab.click("[data-sure]")
    assert (shown_names(tab), count(tab)) == (["Ada", "Cora", "March"], "18,000")
    tab.press("f")
    for key in "mar":
        tab.press(key)
    assert (shown_names(tab), count(tab)) == (["March"], "6,000")
    tab.press("Escape")
    assert (len(shown_names(tab)), count(tab)) == (4, "24,000")


def test_the_text_is_searched_across_marks_and_line_breaks(tab: Tab, tmp_path: Path) -> None:
    text = SENTENCE.replace("the lamp", "THE\nlamp") * 3
    opened(tab, tmp_path, ner_result(Document("a.txt", text), ENTITIES))
    tab.press("/")
    for key in "Ada lit the lamp":
        tab.press(key)
    assert count(tab) == "3 hits"
    tab.press("Enter")
    tab.press("Enter")
    assert count(tab) == "2 / 3"
    assert tab.run("[...CSS.highlights.get('hit')][0].toString()") == "Ada lit THE\nlamp"
    tab.press("Escape")
    assert count(tab) == "12"
    assert tab.run("document.querySelector('#search').value + CSS.highlights.size") == "0"


def test_questions_and_answers_are_chosen_the_likeliest_mention_first(tab: Tab, tmp_path: Path) -> None:
    document = Document("novel.txt", NOVEL)
    opened(
        tab,
        tmp_path,
        qa_result(document, "Who?", {"Ada": 0.3, "Bel": 0.6}),
        qa_result(document, "What?", {"ship": 0.9}),
    )
    tab.press("j")
    assert tab.run("document.querySelector('.here').textContent") == "Bel"
    tab.click(".asked:nth-of-type(2) [data-question]")
    assert (count(tab), tab.run("document.querySelector('.here').textContent")) == ("1 / 6,000", "ship")
    tab.click("[data-key='0']")
    assert (count(tab), is_in_sight(tab)) == ("1 / 6,000", True)
    assert tab.run("document.querySelectorAll('mark.on').length") == 6000


def test_a_label_colours_its_passages_and_goes_through_the_strongest(tab: Tab, tmp_path: Path) -> None:
    scores, windows = {"sea": 0.6, "land": 0.4}, [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]
    opened(tab, tmp_path, match_result(Document("novel.txt", NOVEL), scores, windows))
    tab.click("[data-label='1']")
    levels = "Object.fromEntries([...document.querySelectorAll('.passage')].map(p => [p.dataset.k, p.dataset.level]))"
    assert tab.run(levels) == {"0": "1", "1": "8", "2": "4"}
    tab.press("j")
    assert tab.run("document.querySelector('.here').dataset.k") == "1"
    assert tab.run("document.querySelectorAll('[data-passages]:not([hidden])').length") == 1


def test_documents_are_opened_from_the_index_and_one_from_another(tab: Tab, tmp_path: Path) -> None:
    documents = [Document(f"docs/{name}.txt", SENTENCE) for name in ("a", "b", "c")]
    opened(tab, tmp_path, *(ner_result(each, ENTITIES) for each in documents), failed_result("docs/d.txt"))
    visible = "[...document.querySelectorAll('article, #index')].filter(e => e.checkVisibility()).map(e => e.id)"
    assert tab.run(visible) == ["index"]
    tab.click("#index tbody tr:nth-child(2) a")
    assert tab.run(visible) == ["d1"]
    tab.press("]")
    assert tab.run(visible) == ["d2"]
    tab.run("location.hash = '#main'")
    tab.settle()
    assert tab.run(visible) == ["d2"]
    tab.press("i")
    assert tab.run(visible) == ["index"]
    tab.click("th:nth-child(1) [data-sort]")
    tab.click("th:nth-child(1) [data-sort]")
    assert tab.run("[...document.querySelectorAll('#index tbody a')].map(a => a.textContent)") == [
        "c.txt",
        "b.txt",
        "a.txt",
    ]


def test_a_link_leads_to_a_character_of_the_text_and_to_a_section(tab: Tab, tmp_path: Path) -> None:
    start = NOVEL.index("700. Ada")
    document = Document("novel.txt", NOVEL, (Page("1", 0), Page("9", start)), (Section("Last", start),))
    for fragment in (f"#d0c{start}", "#d0s0"):
        opened(tab, tmp_path, select_result(document, {SENTENCE.strip(): 0.9}), fragment=fragment)
        tab.settle()
        assert is_in_sight(tab, f"[data-at=\\'{start}\\'] .page"), fragment


def test_the_map_leads_to_where_it_is_clicked(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, ner_result(Document("novel.txt", NOVEL), ENTITIES))
    tab.click("#map")
    tab.settle()
    middle = "document.elementFromPoint(700, 450).closest('p')?.textContent ?? ''"
    assert 480 <= int(tab.run(middle).partition(".")[0]) <= 520


def test_windows_and_types_are_shown_when_they_are_asked_for(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, ner_result(Document("a.txt", SENTENCE), ENTITIES, spans=[(0, 50), (30, len(SENTENCE))]))
    seam = "document.querySelector('.seam').checkVisibility()"
    tags = "[...document.querySelectorAll('mark')].map(m => getComputedStyle(m, '::after').content)"
    assert (tab.run(seam), set(tab.run(tags))) == (False, {"none"})
    tab.press("s")
    tab.press("l")
    assert (tab.run(seam), tab.run(tags)[0]) == (True, '"PERSON 0.90"')


def test_the_theme_is_the_systems_until_it_is_chosen(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, ner_result(Document("a.txt", SENTENCE), ENTITIES))
    paper = "getComputedStyle(document.body).backgroundColor"
    light = tab.run(paper)
    tab.prefer(prefers_color_scheme="dark")
    dark = tab.run(paper)
    assert light != dark
    tab.press("t")
    assert tab.run(paper) == light
    tab.press("t")
    tab.prefer(prefers_color_scheme="light")
    assert tab.run(paper) == dark
    tab.press("t")
    assert tab.run(paper) == light


def test_help_names_the_keys_and_closes(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, ner_result(Document("a.txt", SENTENCE), ENTITIES))
    tab.press("?")
    assert tab.run("document.querySelector('dialog').open")
    tab.click("dialog button")
    assert not tab.run("document.querySelector('dialog').open")


@pytest.mark.parametrize("width", [320, 400, 800, 1400])
def test_nothing_is_wider_than_the_window(tab: Tab, tmp_path: Path, width: int) -> None:
    long = Document("docs/" + "long" * 40 + ".txt", "x" * 3000 + "\n\n" + SENTENCE)
    tab.resize(width)
    question = "Who " + "lit" * 60 + "?"
    for fragment in ("#index", "#d0"):
        opened(tab, tmp_path, qa_result(long, question, {"Ada": 0.9}), failed_result("y" * 300), fragment=fragment)
        assert tab.run("document.documentElement.scrollWidth") <= width


def test_on_a_phone_the_list_covers_the_text_until_something_is_chosen(tab: Tab, tmp_path: Path) -> None:
    tab.resize(400, 800)
    opened(tab, tmp_path, ner_result(Document("a.txt", SENTENCE), ENTITIES))
    panel = "document.querySelector('.panel').checkVisibility()"
    assert not tab.run(panel)
    tab.click("[data-do='panel']")
    assert tab.run(panel)
    assert is_in_sight(tab, ".panel h2")
    tab.click("[data-key='2']")
    assert not tab.run(panel)
    assert (tab.run("document.querySelector('.here').textContent"), is_in_sight(tab)) == ("Cora", True)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marked_text_has_enough_contrast(tab: Tab, tmp_path: Path, theme: str) -> None:
    tab.prefer(prefers_color_scheme=theme)
    words = SENTENCE.replace(",", "").replace(".", "").split()
    of_all_types = [(type_, word, 0.9) for type_, word in zip(HUES, dict.fromkeys(words), strict=False)]
    windows = [[n / 10 + 0.05, 0.0] for n in range(10)]
    for result in (
        ner_result(Document("a.txt", SENTENCE), of_all_types),
        match_result(Document("novel.txt", NOVEL), {"a": 0.6, "b": 0.4}, windows),
        qa_result(Document("a.txt", SENTENCE), "Who?", {"Ada": 0.9, "Bel": 0.1}),
        qa_result(Document("a.txt", SENTENCE), "Who?", {"Ada": 0.3}),
    ):
        opened(tab, tmp_path, result)
        lowest = tab.run("""(() => {
          const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
          const luminance = (...colours) => {
            for (const colour of colours) { pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); }
            const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map(v => v / 255)
              .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const paper = getComputedStyle(document.body).backgroundColor;
          return Math.min(...[...document.querySelectorAll("mark, .passage")].map(mark => {
            const style = getComputedStyle(mark);
            const [low, high] = [luminance(style.color), luminance(paper, style.backgroundColor)].sort((a, b) => a - b);
            return (high + 0.05) / (low + 0.05);
          }));
        })()""")
        assert lowest >= 4.5


def test_who_wants_no_motion_gets_none(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, ner_result(Document("novel.txt", NOVEL), ENTITIES))
    tab.press("j")
    assert tab.run("document.getAnimations().length") == 0
    tab.prefer(prefers_reduced_motion="no-preference")
    tab.press("j")
    assert tab.run("document.getAnimations().length") == 1


def test_print_has_the_text_and_what_was_found_without_controls(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, ner_result(Document("novel.txt", NOVEL), ENTITIES))
    tab.call("Emulation.setEmulatedMedia", media="print")
    seen = "['.bar', '#map', '.filter', '.panel', '.text'].map(s => document.querySelector(s).checkVisibility())"
    assert tab.run(seen) == [False, False, False, True, True]
    assert tab.run("getComputedStyle(document.querySelector('.chunk')).contentVisibility") == "visible"
    tab.call("Emulation.setEmulatedMedia", media="")
