"""The examples of batch/README.md run as they stand there, and give what a Reader gives of all rows at once."""

import gzip
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bigbird_cli.batch import Reader
from tests.batch import stand_ins
from tests.conftest import process_environment

TEXTS = [
    "Ada Lovelace signed the lease of the north tower in May. It ends in 1843.",
    None,
    "Bel lit the lamp. The storm came from the sea, and the match was over by noon.",
    "Parliament met in London. Mr Dov Cora spoke of the budget. " * 8,
    "",
]
TABLE = pa.table({"id": [f"{number}-é" for number in range(5)], "text": TEXTS})

ENGINES = ["Ray Data", "Spark", "datatrove"]


@pytest.fixture
def examples(repository: Path) -> dict[str, str]:
    """The program below each heading."""
    page = (repository / "bigbird_cli" / "batch" / "README.md").read_text(encoding="utf-8")
    sections = [section.partition("\n") for section in re.split(r"^#+ ", page, flags=re.MULTILINE)]
    return {title: body.partition("```python\n")[2].partition("```")[0] for title, _, body in sections}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the examples read, as the one in which they run."""
    pq.write_table(TABLE, tmp_path / "contracts.parquet")
    articles = tmp_path / "articles"
    articles.mkdir()
    lines = [json.dumps(row) + "\n" for row in TABLE.to_pylist() if row["text"]]
    (articles / "0.jsonl").write_text("".join(lines), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(engine: str, folder: Path) -> None:
    """Check that an example has read what it should."""
    if engine == "datatrove":
        [file] = (folder / "labelled").iterdir()
        text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        found = [json.loads(line) for line in text.splitlines()]
        articles = TABLE.filter(pa.array([bool(text) for text in TEXTS]))
        wanted = Reader("classify", labels="sport,politics,business", threads=1)(articles)
        assert [row["metadata"]["bigbird"] for row in found] == list(map(json.loads, wanted["record"].to_pylist()))
        return
    if engine == "Ray Data":
        reader, read = Reader("ner", types=["PERSON", "ORG"], threads=1), folder / "names"
    else:
        reader = Reader("qa", question=["Who signed the lease?", "When does it end?"], threads=1)
        read = folder / "answers"
    rows: list[Any] = [row for file in read.glob("*.parquet") for row in pq.read_table(file).to_pylist()]
    assert sorted(rows, key=lambda row: row["record"]) == sorted(
        reader(TABLE).to_pylist(), key=lambda row: row["record"]
    )


def test_the_first_example_prints_a_record(examples: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(examples["In a pipeline"], "README.md", "exec"), {})
    record = json.loads(capsys.readouterr().out)
    assert [entity["text"] for entity in record["entities"]] == ["Ada Lovelace", "Charles Babbage"]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_example_reads_the_same_through_a_stand_in(
    examples: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    modules: dict[str, dict[str, ModuleType]] = {
        "Ray Data": stand_ins.RAY,
        "Spark": stand_ins.SPARK,
        "datatrove": stand_ins.DATATROVE,
    }
    for name, module in modules[engine].items():
        monkeypatch.setitem(sys.modules, name, module)
    exec(compile(examples[engine], "README.md", "exec", dont_inherit=True), {"__name__": "__main__"})
    check(engine, folder)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_an_example_reads_the_same_on_its_engine(examples: dict[str, str], folder: Path, engine: str) -> None:
    module = {"Ray Data": "ray", "Spark": "pyspark", "datatrove": "datatrove"}[engine]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    (folder / "example.py").write_text(examples[engine], encoding="utf-8")
    changes = {"RAY_USAGE_STATS_ENABLED": "0", "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(
        [sys.executable, "example.py"], capture_output=True, text=True, env=process_environment(changes), check=False
    )
    assert done.returncode == 0, done.stderr
    check(engine, folder)
