"""The groups of hostile inputs that `hostile.py` runs: a small world to harm, and attempts on it.

A group is a function (world, generator) -> attempts without end, each with its files in place when it is asked for.
"""

import json
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hostile_documents
import numpy as np
from hostile_commands import Attempt
from hostile_mutations import (
    NUMBERS,
    TEXTS,
    damaged_bytes,
    damaged_json,
    damaged_lines,
    damaged_text,
    damaged_yaml,
)

SOME, USAGE, DATA, MODEL, RESOURCES = 1, 2, 3, 4, 5
_WORDS = "the lamp was lit in year by keeper ada bel cora and sea stone ship town of harbour north kept lease"
TEXT = "In the year 1820 the keeper Ada lit the lamp. Bel kept the ship in the harbour.\n\nCora signed it, north.\n"


@dataclass(frozen=True)
class World:
    """A folder with small models, data and recipes.

    Attributes:
        folder: commands run in it.
        models: task -> model folder, random weights.
        data: file name -> content, of every format.
        recipes: task -> recipe that trains a step on the data.
    """

    folder: Path
    models: dict[str, Path]
    data: dict[str, bytes]
    recipes: dict[str, bytes]


def make_world(folder: Path) -> World:
    """Write models, data and recipes into an empty folder."""
    models = {task: _write_model(folder / task, task) for task in ("qa", "ner", "classify")}
    models["spiece"] = _write_model(folder / "spiece", "qa", spiece=True)
    data = {name: content for name, (_, content) in _data().items()}
    for name, content in data.items():
        (folder / name).write_bytes(content)
    recipes = {task: _recipe(task, _FIRST_FILE[task]) for task in _FIRST_FILE}
    return World(folder, models, data, recipes)


def _write_model(folder: Path, task: str, *, spiece: bool = False) -> Path:
    from bigbird_cli.bigbird.config import BigBirdConfig
    from bigbird_cli.bigbird.heads import HEADS
    from bigbird_cli.bigbird.names import TIED, expected_names
    from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer
    from bigbird_cli.weights.store import write_model

    folder.mkdir()
    if spiece:
        shutil.copy(Path(__file__).parent.parent / "tests/text/fixtures/tiny-spiece.model", folder / "spiece.model")
    else:
        _write_wordpiece(folder)
    tokenizer = load_tokenizer(folder)
    settings = {
        "qa": {"type": "qa", "window": 64, "overlap": 8, "max_answer_tokens": 8},
        "ner": {"type": "ner", "window": 64, "overlap": 16, "labels": ["LOC", "PER"]},
        "classify": {"type": "classify", "problem": "single", "window": 64, "overlap": 16, "labels": ["no", "yes"]},
    }[task]
    head = {"qa": "span", "ner": "token_labels", "classify": "document_labels"}[task]
    labels = {"ner": ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"], "classify": ["no", "yes"]}.get(task, ["a", "b"])
    config = BigBirdConfig(
        vocab_size=tokenizer.vocab_size, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=128, block_size=8, pad_token_id=tokenizer.pad_id,
        sep_token_id=tokenizer.sep_id, id2label=dict(enumerate(labels)), architectures=[HEADS[head].class_name],
    )  # fmt: skip
    draw = np.random.default_rng(0)
    names = {name: shape for name, shape in expected_names(config, head).items() if name not in TIED}
    tensors = {name: draw.standard_normal(shape, dtype=np.float32) for name, shape in names.items()}
    model = folder.with_name(f"{folder.name}-model")
    write_model(model, config=config, tensors=tensors, tokenizer=tokenizer)
    (model / "task.json").write_text(json.dumps(settings))
    return model


def _write_wordpiece(folder: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,"
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = dict.fromkeys([*specials, *_WORDS.split(), *letters, *(f"##{letter}" for letter in letters)])
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(specials)
    tokenizer.save(str(folder / "tokenizer.json"))
    roles = {f"{role}_token": f"[{role.upper()}]" for role in ("cls", "sep", "pad", "unk", "mask")}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizerFast"} | roles))


_FIRST_FILE = {"qa": "squad.json", "ner": "tags.conll", "classify": "rows.jsonl"}


def _data() -> dict[str, tuple[str, bytes]]:
    """File name -> (task, content), of every format that training reads."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    start = TEXT.index("Ada")
    answer = {"text": ["Ada"], "answer_start": [start]}
    squad = {"id": "1", "question": "who lit it?", "answers": [{"text": "Ada", "answer_start": start}]}
    article = {"title": "t", "paragraphs": [{"context": TEXT, "qas": [squad, {**squad, "id": "2"}]}]}
    labelled = [{"text": TEXT, "label": label} for label in ("yes", "no", "yes", "no")]
    questions = [{"id": str(n), "context": TEXT, "question": "who?", "answers": answer} for n in range(4)]
    entities = [{"text": TEXT, "entities": [{"start": start, "end": start + 3, "type": "PER"}]} for _ in range(4)]
    tagged = [{"tokens": ["Ada", "lit", "it"], "tags": ["B-PER", "O", "O"]} for _ in range(4)]

    def lines(rows: list[dict[str, Any]]) -> bytes:
        return b"".join(json.dumps(row).encode() + b"\n" for row in rows)

    def parquet(rows: list[dict[str, Any]]) -> bytes:
        file = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), file)
        return file.getvalue()

    flat = TEXT.replace("\n", " ")
    return {
        "squad.json": ("qa", json.dumps({"version": "2.0", "data": [article]}).encode()),
        "questions.jsonl": ("qa", lines(questions)),
        "questions.parquet": ("qa", parquet(questions)),
        "rows.jsonl": ("classify", lines(labelled)),
        "rows.json": ("classify", json.dumps(labelled).encode()),
        "rows.csv": ("classify", f'text,label\n"{flat}",yes\n{flat.replace(",", "")},no\n"a ""b""",yes\n'.encode()),
        "rows.tsv": ("classify", f"text\tlabel\n{flat}\tyes\n{flat}\tno\n".encode()),
        "rows.parquet": ("classify", parquet(labelled)),
        "tags.conll": ("ner", b"Ada B-PER\nlit O\nit O\n\nin O\nthe B-LOC\nnorth I-LOC\n" * 2),
        "entities.jsonl": ("ner", lines(entities)),
        "tokens.jsonl": ("ner", lines(tagged)),
    }


def _recipe(task: str, file: str) -> bytes:
    return f"""\
seed: 1
model:
  start: {task}-model
  dropout: 0.0
task:
  type: {task}
  window: 64
  overlap: 8
data:
  train: {file}
  dev: {file}
  max_dev_examples: 4
optim:
  lr: 1e-3
  warmup: 0.1
  batch_size: 2
  micro_batch_size: 2
  steps: 2
run:
  log_every: 1
  keep: 2
""".encode()


Attempts = Iterator[Attempt]


def _ask(model: Path | str, *options: str) -> tuple[str, ...]:
    return ("qa", "--json", "-c", "text.txt", "-q", "who lit the lamp?", "-m", str(model), "--threads", "1", *options)


def configs(world: World, draw: random.Random) -> Attempts:
    """config.json and task.json of every model."""
    (world.folder / "text.txt").write_text(TEXT)
    while True:
        task = draw.choice(("qa", "ner", "classify"))
        file = world.models[task] / draw.choice(("config.json", "config.json", "task.json"))
        content = file.read_bytes()
        file.write_bytes(damaged_json(content, draw))
        yield draw.choice(_openings(world, task))
        file.write_bytes(content)


def _openings(world: World, task: str) -> tuple[Attempt, ...]:
    """Commands that open a model."""
    model = str(world.models[task])
    read = _ask(model) if task == "qa" else (task, "--json", "-m", model, "--threads", "1", "text.txt")
    return (
        Attempt(read, {MODEL}),
        Attempt(read, {MODEL}),
        Attempt(("convert", "--inspect", model), {MODEL}),
        Attempt(("tokenize", "-m", model, "text.txt"), {MODEL}),
        Attempt(("finetune", "recipe.yaml", "--check", "--set", f"model.start={model}"), {USAGE, DATA, MODEL}),
    )


def tokenizers(world: World, draw: random.Random) -> Attempts:
    """tokenizer.json, its companions and spiece.model."""
    (world.folder / "text.txt").write_text(TEXT + "an unknown wörd \u2581 and  two blanks")
    while True:
        if draw.random() < 0.3:
            model, name, harm = "spiece", "spiece.model", damaged_bytes
        else:
            model, harm = "qa", damaged_json
            name = draw.choice(("tokenizer.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"))
        file = world.models[model] / name
        content = file.read_bytes() if file.exists() else None
        file.write_bytes(harm(content or b'{"unk_token": "[UNK]", "cls_token": {"content": "[CLS]"}}', draw))
        command = draw.choice((_ask(world.models[model]), ("tokenize", "-m", str(world.models[model]), "text.txt")))
        yield Attempt(command, {USAGE, DATA, MODEL})  # without an unknown token, the question may be what has none
        file.unlink() if content is None else file.write_bytes(content)


def data(world: World, draw: random.Random) -> Attempts:
    """Training data of every format."""
    tasks = {name: task for name, (task, _) in _data().items()}
    while True:
        name = draw.choice(list(world.data))
        content = world.data[name]
        if name.endswith(".json"):
            harmed = damaged_json(content, draw)
        elif name.endswith(".jsonl"):
            harmed = damaged_lines(content, draw, damaged_json)
        elif name.endswith(".parquet"):
            harmed = damaged_bytes(content, draw)
        else:
            harmed = damaged_lines(content, draw, damaged_text)
        (world.folder / f"harmed-{name}").write_bytes(harmed)
        (world.folder / "recipe.yaml").write_bytes(_recipe(tasks[name], f"harmed-{name}"))
        yield Attempt(("finetune", "recipe.yaml", "--check", "--threads", "1"), {USAGE, DATA})


def rows(world: World, draw: random.Random) -> Attempts:
    """Rows on standard input."""
    while True:
        task = draw.choice(("qa", "ner", "classify"))
        row = {"text": TEXT, "context": TEXT, "question": "who lit it?", "id": 7, "pair": "who?"}
        content = b"".join(json.dumps(row).encode() + b"\n" for _ in range(3))
        yield Attempt(
            (task, "--json", "-m", str(world.models[task]), "--threads", "1"),
            {SOME, DATA},
            stdin=damaged_lines(content, draw, damaged_json),
        )


def documents(world: World, draw: random.Random) -> Attempts:
    """Texts, as files and on standard input."""
    while True:
        task = draw.choice(("qa", "ner", "classify", "tokenize"))
        model = str(world.models[draw.choice(("qa", "spiece")) if task in ("qa", "tokenize") else task])
        content = damaged_text((TEXT * draw.choice((1, 3))).encode(), draw)
        (world.folder / "text.txt").write_bytes(content)
        name = draw.choice(("text.txt", "-"))
        command = ("qa", "-c", name, "-q", "who?") if task == "qa" else (task, name)
        yield Attempt((*command, "--json", "-m", model), {DATA}, stdin=content)


def recipes(world: World, draw: random.Random) -> Attempts:
    """Recipes, and settings given on the command line."""
    while True:
        task = draw.choice(list(world.recipes))
        content = world.recipes[task]
        settings: list[str] = []
        if draw.random() < 0.7:
            for _ in range(draw.choice((1, 1, 2))):
                content = damaged_yaml(content, draw) if content.strip() else content
        else:
            settings = ["--set", _hostile_setting(draw)]
        (world.folder / "recipe.yaml").write_bytes(content)
        codes = {USAGE, DATA, MODEL, RESOURCES}
        yield Attempt(("finetune", "recipe.yaml", "--check", "--threads", "1", *settings), codes)


def _hostile_setting(draw: random.Random) -> str:
    key = draw.choice((
        "optim.lr", "optim.steps", "optim.batch_size", "optim.warmup", "data.max_examples", "data.train", "task.window",
        "task.labels", "task.overlap", "model.config.num_hidden_layers", "model.config.block_size", "model.start",
        "seed", "run.keep", "run.save_minutes", "task", "", "a." * 1_000 + "a", "optim", "optim.lr.lr", "=",
        "model.config",
    ))  # fmt: skip
    value = draw.choice((*map(str, NUMBERS), *TEXTS, "[]", "{}", "null", "[a, b]", "{a: 1}"))
    return f"{key}={value}".replace("\0", "")


def options(world: World, draw: random.Random) -> Attempts:
    """Options and arguments."""
    (world.folder / "text.txt").write_text(TEXT)
    (world.folder / "recipe.yaml").write_bytes(world.recipes["qa"])
    values = [str(number) for number in NUMBERS] + [text.replace("\0", "") for text in TEXTS if text != "\ud800"]
    while True:
        task = draw.choice(("qa", "ner", "classify", "tokenize", "convert", "finetune", "pretrain"))
        base = {
            "qa": _ask(world.models["qa"]),
            "tokenize": ("tokenize", "-m", str(world.models["qa"]), "text.txt"),
            "convert": ("convert", str(world.models["qa"]), "converted"),
            "finetune": ("finetune", "recipe.yaml", "--check"),
            "pretrain": ("pretrain", "recipe.yaml", "--check"),
        }.get(task, (task, "-m", str(world.models.get(task, "")), "text.txt"))
        argv = list(base)
        for _ in range(draw.choice((1, 1, 2))):
            option = draw.choice(_options_of(task))
            argv.append(draw.choice(option.opts))
            if not option.is_flag:
                argv.append(draw.choice(values))
        if draw.random() < 0.2:
            argv[draw.randrange(1, len(argv))] = draw.choice(values)
        shutil.rmtree(world.folder / "converted", ignore_errors=True)
        yield Attempt(tuple(argv), {SOME, USAGE, DATA, MODEL, RESOURCES})


def _options_of(command: str) -> list[Any]:
    """Every option that a command has, but the one that asks for a traceback."""
    from typer.main import get_command

    from bigbird_cli.cli import app

    params = get_command(app).commands[command].params  # type: ignore[attr-defined]
    return [param for param in params if param.param_type_name == "option" and param.name != "debug"]


def states(world: World, draw: random.Random) -> Attempts:
    """A checkpoint whose files were changed and sealed again, and the other files of a run folder."""
    from bigbird_cli.api import finetune

    (world.folder / "recipe.yaml").write_bytes(world.recipes["qa"] + b"  save_every: 1\n  keep_after: 2\n")
    run, whole = world.folder / "runs" / "recipe", world.folder / "whole"
    for _ in finetune(world.folder / "recipe.yaml", out=whole, overrides=_absolute(world)):
        pass
    while True:
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(whole, run)
        for leftover in ("model.safetensors", "best"):
            target = run / leftover
            shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
        newest = max((run / "checkpoints").iterdir())
        file = draw.choice((*[newest / "state.json"] * 2, newest / "manifest.json", run / "metrics.jsonl"))
        harm = damaged_bytes if file.suffix == ".jsonl" else damaged_json
        file.write_bytes(harm(file.read_bytes(), draw))
        if file.name == "state.json":
            _seal(newest)
        yield Attempt(
            ("finetune", "recipe.yaml", "--resume", "auto", "--threads", "1", *_settings(_absolute(world))),
            {USAGE, DATA, MODEL},
        )


def _absolute(world: World) -> list[str]:
    file = world.folder / "squad.json"
    return [f"data.train={file}", f"data.dev={file}", f"model.start={world.models['qa']}", "optim.steps=4"]


def _settings(overrides: list[str]) -> Iterator[str]:
    for override in overrides:
        yield from ("--set", override)


def _seal(checkpoint: Path) -> None:
    """Write the manifest anew, so that what was changed looks whole."""
    import hashlib

    path = checkpoint / "manifest.json"
    manifest = json.loads(path.read_text())
    content = (checkpoint / "state.json").read_bytes()
    manifest["files"]["state.json"] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    path.write_text(json.dumps(manifest))


def streams(world: World, draw: random.Random) -> Attempts:
    """Standard streams that are closed."""
    (world.folder / "text.txt").write_text(TEXT)
    while True:
        closed = draw.sample((0, 1, 2), draw.choice((1, 2, 3)))
        name = draw.choice(("text.txt", "-", ""))
        command = draw.choice((
            ("qa", "-c", name, "-q", "who?", "-m", str(world.models["qa"])),
            ("ner", name, "-m", str(world.models["ner"])),
            ("classify", "--json", "-m", str(world.models["classify"])),
            ("tokenize", name), ("--help",), ("--version",), ("convert", "--inspect", str(world.models["qa"])),
        ))  # fmt: skip
        yield Attempt(command, {USAGE, DATA}, stdin=TEXT.encode(), closed=closed)


def signals(world: World, draw: random.Random) -> Attempts:
    """Signals, once or twice, at any moment of any command."""
    (world.folder / "text.txt").write_text(TEXT * 200)
    recipe = world.recipes["qa"].replace(b"steps: 2", b"steps: 200")
    (world.folder / "recipe.yaml").write_bytes(recipe.replace(b"log_every: 1", b"log_every: 200\n  eval_every: 200"))
    kinds = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    while True:
        shutil.rmtree(world.folder / "runs", ignore_errors=True)
        kind = draw.choice(kinds)
        first = draw.uniform(0.1, 1.5)  # a forked process has nothing to import; real ones are tested by themselves
        sent = [(kind, first)] + ([(kind, first + draw.uniform(0.0, 0.3))] if draw.random() < 0.5 else [])
        command = draw.choice((
            _ask(world.models["qa"]), ("finetune", "recipe.yaml", "--threads", "1"), ("--help",),
            ("ner", "text.txt", "-m", str(world.models["ner"])), ("tokenize", "text.txt", "--counts"),
        ))  # fmt: skip
        yield Attempt(command, {130, 143, 129, *(-kind for kind in kinds)}, signals=sent)


GROUPS: dict[str, Callable[[World, random.Random], Attempts]] = {
    "configs": configs,
    "tokenizers": tokenizers,
    "states": states,
    "data": data,
    "rows": rows,
    "documents": documents,
    "files": lambda world, draw: hostile_documents.files(world.folder, world.models["ner"], draw),
    "recipes": recipes,
    "options": options,
    "streams": streams,
    "signals": signals,
}
