"""`--html`: every command that reads documents writes a page."""

from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser
from typer.testing import Result

from tests.cli.conftest import Invoke


@pytest.mark.parametrize(
    ("command", "marked"),
    [
        (["qa", "--question", "who lit the lamp?"], "mark.best, mark.good, mark.other"),
        (["ner"], "mark.hue"),
        (["classify", "--labels", "sea,land"], "span.passage"),
        (["select", "--query", "who lit the lamp?"], "mark.best"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_every_command_writes_a_page_in_place_of_its_drawing(
    command: list[str], marked: str, invoke: Invoke, article: Path, tiny_models: dict[str, Path]
) -> None:
    model = tiny_models[command[0]]
    done = invoke(*command, article, "--model", model, "--html", "page.html")
    assert (done.exit_code, done.stdout) == (0, "")
    page = LexborHTMLParser(Path("page.html").read_text(encoding="utf-8"))
    assert page.css(marked)
    text = article.read_bytes().decode().replace("\r\n", "\n")
    assert [block.text() for block in page.css(".text [data-at]")] == [text.rstrip()]


@pytest.fixture
def tiny_models(tiny_qa_model: Path, tiny_names_model: Path, tiny_label_model: Path) -> dict[str, Path]:
    """A model of each command."""
    return {
        "qa": tiny_qa_model,
        "ner": tiny_names_model,
        "classify": tiny_label_model,
        "select": tiny_label_model,
    }


def test_lines_of_json_stand_beside_a_page(invoke: Invoke, article: Path, tiny_names_model: Path) -> None:
    done = invoke("ner", article, "missing.txt", "--model", tiny_names_model, "--json", "--html", "page.html")
    assert (done.exit_code, done.stdout.count("\n")) == (1, 2)
    page = LexborHTMLParser(Path("page.html").read_text(encoding="utf-8"))
    assert len(page.css("#index tbody tr")) == len(page.css("#index .failed dd")) == 1


def test_where_the_page_is_stands_on_stderr(invoke: Invoke, article: Path, tiny_names_model: Path) -> None:
    assert "page.html is written: open it in a browser" in _page_of(invoke, article, tiny_names_model).stderr
    assert "page.html" not in _page_of(invoke, article, tiny_names_model, "--overwrite", "--quiet").stderr


def test_a_page_is_not_written_over_unasked(invoke: Invoke, article: Path, tiny_names_model: Path) -> None:
    _page_of(invoke, article, tiny_names_model)
    again = _page_of(invoke, article, tiny_names_model)
    assert (again.exit_code, again.stdout) == (2, "")
    assert "it is there already" in again.stderr
    assert "name another file, or give --overwrite" in again.stderr
    assert _page_of(invoke, article, tiny_names_model, "--overwrite").exit_code == 0


def _page_of(invoke: Invoke, article: Path, model: Path, *options: str) -> Result:
    return invoke("ner", article, "--model", model, "--html", "page.html", *options)
