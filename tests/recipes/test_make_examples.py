"""Small sets as their authors publish them become rows that the tasks read, and no text stands in both parts."""

import csv
import importlib.util
import io
import json
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bigbird_cli.recipe import load_recipe


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "recipes/scripts/make_examples.py"
    spec = importlib.util.spec_from_file_location("make_examples", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_examples"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Every set with a few documents."""
    root = tmp_path / "sets"
    for name in ("redocred", "mctest/MCTest", "policyqa", "joci", "hyperpartisan", "mini-newsgroups/sci.space"):
        (root / name).mkdir(parents=True)
    articles = [
        {
            "title": f"article {n}",
            "sents": [["Ada", "Bel", "lit"], ["the", "Tower", "Lamp", "."]],
            "vertexSet": [
                [{"sent_id": 0, "pos": [0, 2], "type": "PER"}, {"sent_id": 0, "pos": [1, 2], "type": "PER"}],
                [{"sent_id": 1, "pos": [1, 3], "type": "LOC"}],
            ],
        }
        for n in range(201)
    ]
    (root / "redocred/dev_revised.json").write_text(json.dumps(articles))
    for name in ("mc160.train", "mc160.dev", "mc500.train", "mc500.dev"):
        stories = [
            "\t".join([f"{name}.{n}", "about", "A story.\\newlineIts end."] + ["one: Who?", "a", "b", "c", "d"] * 4)
            for n in range(26)
        ]
        (root / f"mctest/MCTest/{name}.tsv").write_text("\n".join(stories) + "\n")
        (root / f"mctest/MCTest/{name}.ans").write_text("A\tB\tC\tD\n" * 26)
    site = {
        "paragraphs": [
            {
                "context": "We keep your address.",
                "qas": [{"id": "q", "question": "What?", "answers": [{"text": "your address", "answer_start": 8}]}],
            }
        ]
    }
    sites = [{"title": f"site {n}", **json.loads(json.dumps(site).replace('"q"', f'"q{n}"'))} for n in range(5)]
    (root / "policyqa/dev.json").write_text(json.dumps({"data": sites}))
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["CONTEXT", "HYPOTHESIS", "LABEL"])
    writer.writerows([[f"context {n // 2}", "a thing, said", n % 5 + 1] for n in range(700)])
    with zipfile.ZipFile(root / "joci/joci.csv.zip", "w") as archive:
        archive.writestr("joci.csv", table.getvalue())
    ids = [f"{n:07d}" for n in range(120)]
    truth = "".join(f'<article id="{n}" hyperpartisan="{str(int(n) % 2 == 0).lower()}"/>' for n in ids)
    texts = "".join(f'<article id="{n}" title="A &amp;amp; B"><p>Some <a href="x">news</a>.</p></article>' for n in ids)
    (root / "hyperpartisan/ground-truth.xml").write_text(f"<articles>{truth}</articles>")
    (root / "hyperpartisan/articles.xml").write_text(f"<articles>{texts}</articles>")
    for label in ("neg", "pos"):
        folder = root / "imdb/aclImdb/train" / label
        folder.mkdir(parents=True)
        for n in range(140):
            (folder / f"{n}_1.txt").write_text(f"A film.<br />{label}")
    for n in range(310):
        (root / f"mini-newsgroups/sci.space/{n}").write_bytes(b"Newsgroups: sci.space\nFrom: x\n\nThe moon, caf\xe9.\n")
    return root


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("redocred", "ner-redocred"),
        ("mctest", "choice-mctest"),
        ("policyqa", "qa-policyqa"),
        ("joci", "regression-joci"),
        ("hyperpartisan", "classify-imdb"),
        ("imdb", "classify-imdb"),
        ("newsgroups", "classify-newsgroups"),
    ],
)
def test_rows_are_read_by_the_recipes_task(
    script: ModuleType, sets: Path, tmp_path: Path, name: str, recipe: str
) -> None:
    out = tmp_path / "data"
    assert script.main([str(sets), "--out", str(out), "--only", name]) == 0
    parts = [rows(out / name / f"{part}.jsonl") for part in ("train", "dev")]
    assert all(parts)
    ids = [[row["id"] for row in part] for part in parts]
    assert not set(ids[0]) & set(ids[1])
    assert not any("group" in row for part in parts for row in part)
    task = load_recipe(recipe).task
    for part, expected in zip(("train", "dev"), parts, strict=True):
        assert len(list(task.read(out / name / f"{part}.jsonl"))) == len(expected)
    again = tmp_path / "again"
    script.main([str(sets), "--out", str(again), "--only", name])
    assert rows(again / name / "train.jsonl") == parts[0]


def test_contents_are_those_of_the_sets(script: ModuleType, sets: Path) -> None:
    first = next(script.redocred(sets / "redocred"))
    assert first["tags"] == ["B-PER", "I-PER", "O", "O", "B-LOC", "I-LOC", "O"]
    story = next(script.mctest(sets / "mctest"))
    assert story["context"] == "A story.\nIts end."
    assert (story["question"], story["label"]) == ("Who?", 0)
    article = next(script.hyperpartisan(sets / "hyperpartisan"))
    assert article["text"] == "A & B\nSome news."
    assert article["label"] == "hyperpartisan"
    post = next(script.newsgroups(sets / "mini-newsgroups"))
    assert (post["text"], post["label"]) == ("The moon, café.\n", ["sci", "space"])
    assert next(script.imdb(sets / "imdb"))["text"] == "A film.\nneg"


def test_a_set_that_is_not_there_is_named(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert script.main([str(tmp_path), "--only", "joci"]) == 3
    assert "there is no folder" in capsys.readouterr().err
