"""What recipes name on the Hugging Face hub is read as it stands there, through `datasets`, from a stand-in of it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.files.hub import OFFLINE
from tests.recipes.hub import serving

pytestmark = pytest.mark.slow

TEXTS = [f"Ada lit lamp {n} in Oslo, for it was late." for n in range(12)]
PARQUET = "refs/convert/parquet"


def squad() -> list[dict[str, Any]]:
    return [
        {
            "id": f"q{n}",
            "title": "Lamps",
            "context": text,
            "question": "Who lit it?",
            "answers": {"text": ["Ada"], "answer_start": [0]},
        }
        for n, text in enumerate(TEXTS)
    ]


def words(names: list[str], tags: list[int]) -> tuple[list[dict[str, Any]], Any]:
    """Rows of words with tags by number, and their features."""
    from datasets import ClassLabel, Features, List, Value

    rows = [{"id": str(n), "tokens": f"Ada lit lamp {n}".split(), "ner_tags": tags} for n in range(12)]
    features = {"id": Value("string"), "tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=names))}
    return rows, Features(features)


def papers() -> tuple[list[dict[str, Any]], Any]:
    from datasets import ClassLabel, Features, Value

    rows = [{"text": text, "label": n % 2} for n, text in enumerate(TEXTS)]
    return rows, Features({"text": Value("string"), "label": ClassLabel(names=["math.AC", "cs.CV"])})


def nested() -> tuple[list[dict[str, Any]], Any]:
    """Rows of TriviaQA, whose lists of objects the hub keeps as objects of lists."""
    pages = {"title": ["Lamps"], "wiki_context": [TEXTS[0]]}
    answer = {"value": "Oslo", "aliases": ["Christiania"]}
    row = {"question": "Where?", "question_id": "tc_1", "entity_pages": pages, "answer": answer}
    return [row], None


def put(folder: Path, files: dict[str, str], rows: list[dict[str, Any]], features: Any = None) -> None:
    """Write Parquet files by split, and the card that names them where `files` are of a config."""
    from datasets import Dataset

    for file in files.values():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        Dataset.from_list(rows, features=features).to_parquet(str(folder / file))


def card(folder: Path, config: str, files: dict[str, str]) -> None:
    lines = [f"  - split: {split}\n    path: {config}/{split}-*" for split in files]
    text = f"---\nconfigs:\n- config_name: {config}\n  data_files:\n" + "\n".join(lines) + "\n---\n"
    (folder / "README.md").write_text(text)


def of_config(config: str, *splits: str) -> dict[str, str]:
    return {split: f"{config}/{split}-00000-of-00001.parquet" for split in splits}


def converted(name: str) -> dict[str, str]:
    """As the hub's branch of conversions calls them."""
    return {split: f"{name}/{split}/0000.parquet" for split in ("train", "validation", "test")}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("hub")
    for name, config, splits, made in (
        ("rajpurkar/squad", "plain_text", ("train", "validation"), (squad(), None)),
        ("ccdv/arxiv-classification", "no_ref", ("train", "validation", "test"), papers()),
        ("mandarjoshi/trivia_qa", "rc.wikipedia", ("train", "validation"), nested()),
    ):
        files = of_config(config, *splits)
        put(root / name, files, *made)
        card(root / name, config, files)
    put(root / "eriktks/conll2003", converted("conll2003"), *words(["O", "B-PER", "I-PER"], [1, 0, 0, 0]))
    put(root / "leondz/wnut_17", converted("wnut_17"), *words(["O", "B-person", "I-person"], [1, 0, 0, 0]))
    with serving(root) as address:
        yield address


def run(hub: str, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in OFFLINE}
    environment |= {"HF_ENDPOINT": hub, "HF_HOME": str(folder / "home"), "NO_PROXY": "127.0.0.1"}
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=folder, env=environment)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("squad", "train 12 · dev 12"),
        ("arxiv", "train 12 · dev 12 · test 12"),
        ("conll2003", "train 12 · dev 12 · test 12"),
        ("wnut17", "train 12 · dev 12 · test 12"),
    ],
)
def test_a_recipes_data_is_read_from_the_hub_as_it_stands(hub: str, tmp_path: Path, name: str, counts: str) -> None:
    done = run(hub, tmp_path, "-m", "bigbird_cli", "check", name, "--data-only", "--json")
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert {each["kind"] for each in findings} <= {"overlap", "twice"}, findings
    assert f"rows looked through: {counts}" in done.stderr


def test_long_questions_are_made_of_the_hubs_rows(hub: str, tmp_path: Path, repository: Path) -> None:
    script = str(repository / "recipes/scripts/make_long_qa.py")
    done = run(hub, tmp_path, script, "triviaqa", "--out", str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    (row,) = [json.loads(line) for line in (tmp_path / "data/dev.jsonl").read_text().splitlines()]
    assert row["answers"] == {"text": ["Oslo"], "answer_start": [TEXTS[0].index("Oslo")]}
