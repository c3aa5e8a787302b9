"""Every example that a help page or the README gives runs as it stands."""

import inspect
import json
import random
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

import bigbird_cli as bb
from bigbird_cli.api.reading import reader
from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.names import expected_names
from bigbird_cli.cli import app
from bigbird_cli.weights import store
from tests.training.runs import steps_here

COMMANDS = {info.callback.__name__: info.callback for info in app.registered_commands if info.callback}
REPOSITORY = Path(__file__).resolve().parents[2]

RECIPE = {
    "model": {"start": "qa-mini"},
    "task": {"type": "qa", "window": 64, "overlap": 16, "max_answer_tokens": 8},
    "data": {"train": "data/train.json", "dev": "data/dev.json"},
    "optim": {"lr": 1e-3, "batch_size": 4, "micro_batch_size": 2, "steps": 2},
}
PRETRAINING = {
    "model": {"start": "qa-mini"},
    "task": {"type": "mlm", "window": 64},
    "data": {"train": "article.txt"},
    "optim": {"lr": 1e-3, "batch_size": 4, "micro_batch_size": 2, "steps": 2},
}
ARTICLE = "In 1820 ada lit the lamp. Bel signed the lease in 1887, and Cora kept the light of the harbour.\n" * 8


def examples_in_help(name: str) -> list[str]:
    page = inspect.getdoc(COMMANDS[name]) or ""
    return re.findall(r"^  (.*\bbigbird .*)$", page, re.MULTILINE)


def examples_in_readme() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", (REPOSITORY / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    lines = re.sub(r"\\\n\s*", "", "".join(blocks)).splitlines()
    return [line for line in lines if re.search(r"(^|\| )bigbird ", line)]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory, tiny_qa_model: Path) -> Path:
    """What `bigbird evaluate` wrote about the tiny model."""
    folder = tmp_path_factory.mktemp("evaluated")
    write_squad(folder / "data" / "dev.json")
    scores = bb.evaluate(tiny_qa_model, folder / "data" / "dev.json", predictions=folder / "answers.jsonl")
    (folder / "scores.json").write_text(json.dumps(scores))
    shutil.copy(folder / "answers.jsonl", folder / "others.jsonl")
    return folder


@pytest.fixture
def workshop(
    tmp_path: Path,
    evaluated: Path,
    tiny_qa_model: Path,
    tiny_ner_model: Path,
    tiny_names_model: Path,
    tiny_classify_model: Path,
    tiny_label_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """A folder with the files that the examples name; the shipped models are tiny ones."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "qa-mini").symlink_to(tiny_qa_model)
    (shipped / "ner-mini").symlink_to(tiny_names_model)
    (shipped / "classify-mini").symlink_to(tiny_label_model)
    monkeypatch.setattr(store, "SHIPPED", shipped)
    monkeypatch.setattr("bigbird_cli.training.plan.run_trials", steps_here)  # another process knows no tiny ones
    monkeypatch.setattr(store, "_from_hub", lambda *_, **__: tiny_qa_model)  # a name of the hub is looked up nowhere
    for name in ("article.txt", "book.txt", "contracts/a.txt", "contracts/b.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(ARTICLE)
    (tmp_path / "kinds.txt").write_text("lease: a contract on a house\nletter\nstory\n")
    (tmp_path / "questions.txt").write_text("Who lit the lamp?\nWho signed?\n")
    rows = [{"context": ARTICLE, "question": "Who signed the lease?", "id": n} for n in range(2)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for part in ("train", "dev"):
        write_squad(tmp_path / "data" / f"{part}.json")
    opinions = "".join(f'"it was a film of {n} hours",{("good", "bad")[n % 2]}\n' for n in range(20))
    (tmp_path / "reviews.csv").write_text("text,label\n" + opinions)
    (tmp_path / "new-reviews.csv").write_text("text,label\n" + opinions)
    (tmp_path / "new.csv").write_text('id,text\n1,"Ada lit the lamp, again."\n')
    (tmp_path / "colours.csv").write_text("text,colour\nthe sea,blue\nthe lamp,red\nthe sea of stone,blue\n")
    (tmp_path / "texts.jsonl").write_text(json.dumps({"text": ARTICLE, "id": 1}) + "\n")
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "squad.yaml").write_text(yaml.safe_dump(RECIPE))
    for name in ("pretrain-small",):
        (tmp_path / "recipes" / f"{name}.yaml").write_text(yaml.safe_dump(PRETRAINING))
    (tmp_path / "novels").mkdir()
    (tmp_path / "novels" / "a.txt").write_text(ARTICLE * 4)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "ner").symlink_to(tiny_ner_model)
    for name in ("lamp", "lantern"):
        (tmp_path / "runs" / name).mkdir()
        (tmp_path / "runs" / name / "metrics.jsonl").write_text(
            '{"event": "evaluated", "step": 1, "scores": {"f1": 70.0}, "best": true, "metric": "f1"}\n'
        )
    for name in ("scores.json", "answers.jsonl", "others.jsonl"):
        shutil.copy(evaluated / name, tmp_path / name)
    (tmp_path / "runs" / "qa").symlink_to(tiny_qa_model)
    (tmp_path / "runs" / "classify").symlink_to(tiny_classify_model)
    write_bert(tmp_path / "models" / "minilm")
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(3, 8))) for _ in range(12_000)]
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.txt").write_text("\n".join(words * 2))
    (tmp_path / "genome.fa").write_text(">chr1\n" + "".join(draw.choices("ACGTacgt", k=50_000)) + "\n")
    reader._opened.cache_clear()
    yield tmp_path
    reader._opened.cache_clear()  # no other test meets the tiny ones under the shipped ones' names


def write_squad(path: Path) -> None:
    paragraphs = []
    questions = [("who lit the lamp", "ada"), ("who signed the lease", "bel"), ("what year", "18")]
    for year in (1820, 1887):
        context = f"ada lit the lamp in the year {year} . bel signed the lease ."
        asked = [
            {
                "id": f"{year}-{n}",
                "question": question,
                "answers": [{"text": answer, "answer_start": context.index(answer)}],
            }
            for n, (question, answer) in enumerate(questions)
        ]
        paragraphs.append({"context": context, "qas": asked})
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"version": "1.1", "data": [{"title": "The lamp", "paragraphs": paragraphs}]}))


def write_bert(folder: Path) -> None:
    """A random BERT of one layer, 16 wide: a BERT's encoder has the tensors of a BigBird's."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "lamp", *"abcdefghijklmnopqrstuvwxyz"]
    sizes: dict[str, Any] = {
        "vocab_size": len(words),
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 64,
    }
    shapes = expected_names(BigBirdConfig(**sizes), "none")
    random = np.random.default_rng(0)
    tensors = {
        name.removeprefix("bert."): random.normal(size=shape).astype(np.float32)
        for name, shape in shapes.items()
        if "pooler" not in name
    }
    folder.mkdir(parents=True)
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", **sizes}))
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')


def run_line(line: str, invoke: Any) -> Iterator[Any]:
    """Run a shell line with one `bigbird` in it, whatever `cat`, `echo` or `<` hands it."""
    stdin = None
    stages = [shlex.split(stage) for stage in re.split(r"\s\|\s", line)]
    for words in stages:
        if words[0] == "cat":
            stdin = Path(words[1]).read_bytes()
        elif words[0] == "echo":
            stdin = (words[1] + "\n").encode()
        elif words[0] == "bigbird":
            if "<" in words:
                at = words.index("<")
                stdin, words = Path(words[at + 1]).read_bytes(), words[:at] + words[at + 2 :]
            yield invoke(*words[1:], stdin=stdin)
            return  # what stands behind it is another program's affair
    raise AssertionError(f"no bigbird in {line!r}")


@pytest.mark.usefixtures("workshop")
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_example_in_help_runs(name: str, invoke: Any) -> None:
    examples = examples_in_help(name)
    assert examples, f"the help page of {name} gives no example"
    for line in examples:
        for result in run_line(line, invoke):
            assert result.exit_code == 0, f"{line}\n{result.stderr}"


def test_every_bigbird_line_of_the_readme_runs(invoke: Any, workshop: Path) -> None:
    (workshop / "recipes" / "examples").symlink_to(REPOSITORY / "recipes" / "examples")
    examples = examples_in_readme()
    assert len(examples) > 5
    for line in examples:
        for result in run_line(line, invoke):
            assert result.exit_code == 0, f"{line}\n{result.stderr}"


def test_every_option_has_help_and_every_page_shows(invoke: Any) -> None:
    for name in COMMANDS:
        page = invoke(name, "--help")
        assert page.exit_code == 0
        options = re.findall(r"^  (?:-\w, )?--[\w-]+.*(?:\n {4,}.*)*", page.stdout, re.MULTILINE)
        assert len(options) > 3
        for option in options:
            assert re.search(r"(\s{2,}|\n\s+)[A-Z\"a-z].*[.\]]", option), f"{name}: {option!r} says nothing"


def test_the_readmes_models_run() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (models,) = [block for block in blocks if block.startswith("import torch")]
    names: dict[str, Any] = {}
    exec(compile(models, "README.md", "exec"), names)
    assert names["out"].last_hidden_state.shape == (1, 1500, 64)
