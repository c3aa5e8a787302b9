"""What many tests need: a tiny model folder with random weights, and the command line in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

WORDS = """
the a of and was in it by on to who when where what lamp light keeper tower storm sea stone ship town ada bel cora dov
lit built kept signed lease harbour north south year 1820 1887 # ! ? . , ; : ( ) - '
"""
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


# A shell ignores SIGINT for what it starts in the background, nohup SIGHUP, and every child inherits that; the tests
# send both.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks the network, not even by mistake."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test writes into its user's cache."""
    monkeypatch.setenv("BIGBIRD_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that this repository stands in."""
    return REPOSITORY


def write_wordpiece(folder: Path) -> None:
    """Write a small uncased WordPiece tokenizer.json that can spell every ASCII word."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = dict.fromkeys([*specials, *WORDS.split(), *LETTERS, *(f"##{letter}" for letter in LETTERS)])
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(specials)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "BertTokenizerFast",
        "do_lower_case": True,
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "mask_token": "[MASK]",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


@pytest.fixture(scope="session")
def tiny_qa_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A question-answering BigBird of 2 layers, 16 wide, with random weights: blocks of 8, sparse from 88 tokens on."""
    import torch

    from bigbird_cli.bigbird.config import BigBirdConfig
    from bigbird_cli.pytorch.model.models import BigBirdForQuestionAnswering

    folder = tmp_path_factory.mktemp("models") / "tiny-qa"
    config = BigBirdConfig(
        vocab_size=160,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=256,
        block_size=8,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        sep_token_id=3,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BigBirdForQuestionAnswering(config).save_pretrained(folder)
    write_wordpiece(folder)
    task = {"type": "qa", "window": 256, "overlap": 16, "max_answer_tokens": 8, "no_answer_threshold": 1.0}
    (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")
    return folder


def write_labeller(folder: Path, source: Path, kind: str, task: dict, labels: list[str], **changes: int) -> Path:
    """A tiny random model that labels, with the tokenizer of another folder."""
    import torch

    from bigbird_cli.bigbird.config import BigBirdConfig
    from bigbird_cli.pytorch.model import models

    config = BigBirdConfig.from_file(source / "config.json").replace(
        id2label=dict(enumerate(labels)),
        label2id={name: i for i, name in enumerate(labels)},
        problem_type={"single": "single_label_classification", "multi": "multi_label_classification"}.get(
            task.get("problem", "")
        ),
        initializer_range=0.5,
        **changes,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        getattr(models, kind)(config).save_pretrained(folder)
    write_wordpiece(folder)
    if task:
        (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_ner_model(tmp_path_factory: pytest.TempPathFactory, tiny_qa_model: Path) -> Path:
    """A tiny random model that finds people and places everywhere."""
    task = {"type": "ner", "window": 64, "overlap": 16, "labels": ["LOC", "PER"]}
    tags = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    folder = tmp_path_factory.mktemp("models") / "tiny-ner"
    return write_labeller(folder, tiny_qa_model, "BigBirdForTokenClassification", task, tags)


@pytest.fixture(scope="session")
def tiny_names_model(tmp_path_factory: pytest.TempPathFactory, tiny_qa_model: Path) -> Path:
    """A tiny random stand-in for ner-mini: types of OntoNotes, told from capitals too."""
    task = {"type": "ner", "window": 64, "overlap": 16, "labels": ["ORG", "PERSON"], "casing": True}
    tags = ["O", "B-ORG", "I-ORG", "B-PERSON", "I-PERSON"]
    folder = tmp_path_factory.mktemp("models") / "tiny-names"
    return write_labeller(folder, tiny_qa_model, "BigBirdForTokenClassification", task, tags, type_vocab_size=5)


@pytest.fixture(scope="session")
def tiny_classify_model(tmp_path_factory: pytest.TempPathFactory, tiny_qa_model: Path) -> Path:
    """A tiny random model with three labels."""
    labels = ["blue", "green", "red"]
    task = {"type": "classify", "problem": "single", "window": 64, "overlap": 16, "labels": labels}
    folder = tmp_path_factory.mktemp("models") / "tiny-classify"
    return write_labeller(folder, tiny_qa_model, "BigBirdForSequenceClassification", task, labels)


@pytest.fixture(scope="session")
def tiny_label_model(tmp_path_factory: pytest.TempPathFactory, tiny_qa_model: Path) -> Path:
    """A tiny random encoder of texts and labels."""
    import torch

    from bigbird_cli.bigbird.config import BigBirdConfig
    from bigbird_cli.pytorch.model.sentences import SentenceEncoder

    folder = tmp_path_factory.mktemp("models") / "tiny-labels"
    config = BigBirdConfig.from_file(tiny_qa_model / "config.json").replace(initializer_range=0.5)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        SentenceEncoder(config).save_pretrained(folder)
    write_wordpiece(folder)
    task = {"type": "zero_shot", "window": 64, "overlap": 16, "none_logit": 5.0}
    (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")
    return folder


Bigbird = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def bigbird(tmp_path: Path) -> Bigbird:
    """Run `bigbird ...` in a new process, with standard streams that are no terminal, in an empty folder."""

    def run(
        *args: str | Path,
        stdin: str | bytes | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 120,
    ) -> "subprocess.CompletedProcess[str]":
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [sys.executable, "-m", "bigbird_cli", *map(str, args)],
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            cwd=tmp_path,
            env=process_environment(env),
            timeout=timeout,
            check=False,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


def process_environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child process: this repository on the path, no network, one thread."""
    kept = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    own = {"PYTHONPATH": str(REPOSITORY), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TERM": "xterm"}
    return kept | own | dict(changes or {})
