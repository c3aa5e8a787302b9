"""`bigbird init` as a plain Python call: look at data, and write a recipe that trains on it."""

import random
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path
from typing import Any, get_args

import numpy as np

from bigbird_cli.api.options import choice
from bigbird_cli.api.recipes.looking import Looked, look
from bigbird_cli.api.recipes.misfits import Broken
from bigbird_cli.api.recipes.sources import Sources, sources_of
from bigbird_cli.api.tokenizing import train_tokenizer
from bigbird_cli.choices import TaskName
from bigbird_cli.data.hub import is_hub
from bigbird_cli.data.rows import EmptyValue
from bigbird_cli.errors import DataError
from bigbird_cli.files.packed import PACKED
from bigbird_cli.files.paths import empty_path, local_path
from bigbird_cli.files.whole import replace_file
from bigbird_cli.messages import counted
from bigbird_cli.recipe import COMMANDS, Recipe
from bigbird_cli.recipe.draft import Setting, write_draft
from bigbird_cli.recipe.shipped import SCHEMA, folder
from bigbird_cli.tasks.base import Tolerated, UnreadableText
from bigbird_cli.tasks.qa.squad import BadAnswer
from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer
from bigbird_cli.weights.store import find_folder

MOST_OF_HUB = 5_000
"""Rows of a data set of the hub that are looked at: they are fetched for it."""

TOKENIZED = 500
"""Documents whose lengths in tokens are measured."""

FEW = 1_000
"""Documents below which a classifier is fitted over a sentence encoder, rather than all layers trained."""

SHARE = "10%"
"""Of the documents, for dev, where no file of it is there."""

STEPS = 300
"""Optimiser steps at least, as far as eight epochs give them."""

LETTERS_A_TOKEN = 3
"""Of sequences: a vocabulary of VOCABULARY pieces gives 3.8 of DNA, and fewer of protein."""

VOCABULARY, SPECIAL, LETTERS_A_PIECE = 512, 105, 200
"""Pieces of a vocabulary of sequences at most, those that every one has, and letters from which one more is learnt."""

_NEW_MODEL = {
    "hidden_size": 192,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 768,
    "max_position_embeddings": 2048,
    "block_size": 16,
}

_WINDOWS = (128, 256, 384, 512)
_ANSWERS = (30, 60, 128, 256)


@dataclass(frozen=True, eq=False)
class Seen:
    """What was found in data.

    Attributes:
        sources: its parts.
        task: the section of a recipe that reads it.
        columns: of its rows.
        n_examples, n_documents: questions, texts or rows, and the documents that they are on.
        labels: how often each stands there; of entities by their types, and empty where there are none.
        lengths: int64, tokens of some documents, sorted; of sequences letters of all.
        is_sequences: texts are letters, such as DNA, which need a vocabulary of their own.
        is_whole: all of it was read.
        answer_words: the words that 99 of 100 answers have at most; 0 where there are none.
        bad: the errors of rows, by what can be done: "empty", "answer" and "unreadable" may be left out, "tolerated"
            are read otherwise than they are written, and "other" cannot be used.
    """

    sources: Sources
    task: dict[str, Any]
    columns: tuple[str, ...]
    n_examples: int
    n_documents: int
    labels: dict[str, int]
    lengths: np.ndarray
    is_whole: bool
    answer_words: int
    bad: dict[str, int]
    is_sequences: bool = False

    @property
    def unit(self) -> str:
        """What lengths count."""
        return "letters" if self.is_sequences else "tokens"

    @property
    def why_no_dev(self) -> str | None:
        """What stands against a share for dev; None where nothing does."""
        if self.sources.dev is not None or self.n_documents > 1:
            return None
        mark = ", or mark documents by lines -DOCSTART-" if self.task["type"] == "ner" and not self.columns else ""
        return f"this is one document, of which no share can be kept: name other data as data.dev{mark}"

    @property
    def tokens(self) -> np.ndarray:
        """Tokens of some documents, sorted; of sequences about as many."""
        return -(-self.lengths // LETTERS_A_TOKEN) if self.is_sequences else self.lengths

    def length_at(self, share: float) -> int:
        """What so many of the documents have at most; the share is 0 to 1."""
        return _quantile(self.lengths, share)


@dataclass(frozen=True, eq=False)
class Draft:
    """A recipe for data.

    Attributes:
        source: the data, as it was named.
        name: for its file and its run folder.
        command: what trains it, finetune or pretrain.
        seen: what it is written for.
    """

    source: str
    name: str
    command: str
    seen: Seen

    @cached_property
    def text(self) -> str:
        """The recipe's YAML."""
        return write_draft(_head(self), _sections(self))

    @property
    def vocabulary(self) -> Path | None:
        """The folder of the vocabulary that the recipe starts from, where it is one of the data's own."""
        return Path(f"{self.name}-vocabulary") if self.seen.is_sequences else None

    def write(self, file: str | Path) -> None:
        """Write the recipe's file, whole or not at all, and the vocabulary where it needs one that is not there."""
        if self.vocabulary is not None and not self.vocabulary.exists():
            train_tokenizer(
                self.seen.sources.train,
                self.vocabulary,
                vocab_size=_vocab_size(self.seen),
                split="none",
                upper_case=True,
                sample_mb=1,
            )
        replace_file(local_path(file), self.text.encode())


def init(data: str | Path, *, task: str | None = None, offline: bool = False) -> Draft:
    """Look at data and write a recipe that trains on it as it is.

    Args:
        data: a file of rows (SQuAD's JSON, JSON, JSON lines, CSV, TSV, Parquet), of words and tags (CoNLL), or of text;
            a folder of such files, of brat's, or with a folder of texts for each label; or hub:NAME. A folder, or a
            file that is called train, may have files called dev and test beside it.
        task: what it is for: qa, ner, classify, multiple_choice, zero_shot, mlm or causal; None to find out.
        offline: never ask the network.

    Raises:
        UsageError: there is no such task, or the data is not for it.
        DataError: it cannot be read, or is for no task that is known here; the error says where.
    """
    if not str(data):
        raise empty_path()
    if task is not None:
        choice(task, get_args(TaskName), "task")
    sources = sources_of(str(data))
    looked = look(sources.train, task=task, offline=offline)
    command = "pretrain" if looked.task["type"] in ("mlm", "causal") else "finetune"
    return Draft(str(data), _name(str(data)), command, _read(sources, looked, command, offline=offline))


def _name(data: str) -> str:
    """What to call a recipe: as its data, or as the folder that holds it where that says more."""
    path = Path(data.removeprefix("hub:").partition("#")[0].partition(":")[0] if is_hub(data) else data).resolve()
    name = path.name
    if path.is_file():
        name = path.stem if path.suffix.lower() not in (*PACKED, ".zip") else Path(path.stem).stem
    return path.parent.name if name.lower() in ("train", "training", "data") and path.parent.name else name


_BAD = {EmptyValue: "empty", BadAnswer: "answer", UnreadableText: "unreadable", Tolerated: "tolerated"}


def _read(sources: Sources, looked: Looked, command: str, *, offline: bool) -> Seen:
    """Read all training examples once: count labels, and draw some documents to measure."""
    task = _task(looked, command)
    most = MOST_OF_HUB if is_hub(sources.train) else None
    documents: set[int] = set()
    labels: Counter[str] = Counter()
    drawn: list[tuple[str, int]] = []  # with the characters of the document that they are of, or begin
    sizes: list[int] = []  # of sequences
    draw = random.Random(0)
    n_examples = 0
    answers: Counter[int] = Counter()
    bad: Counter[str] = Counter()
    any_bad, unusable = Broken(), Broken()

    def report(error: DataError) -> None:
        kind = next((kind for error_type, kind in _BAD.items() if isinstance(error, error_type)), "other")
        bad[kind] += 1
        any_bad(error)
        if kind in ("other", "unreadable"):
            unusable(error)

    examples = islice(task.read(sources.train, offline=offline, report=report), most)
    for document, group in groupby(examples, key=lambda example: task.document_of(example)[0]):
        n_before = len(documents)
        documents.add(hash(document))
        text, n_characters = document, len(document)
        for example in group:
            begins = not hasattr(example, "begins") or example.begins
            n_examples += begins
            if begins:
                sizes.append(0)
            sizes[-1] += len(example.text) if looked.is_sequences else 0
            labels.update(_labels_of(example))
            answers.update(len(answer.text.split()) for answer in getattr(example, "answers", ()))
            if hasattr(example, "begins"):  # a piece of a document
                text, n_characters = (example.text, 0) if begins else (text, n_characters)
                n_characters += len(example.text)
        if len(documents) > n_before:
            if len(drawn) < TOKENIZED:
                drawn.append((text, n_characters))
            elif (place := draw.randrange(len(documents))) < TOKENIZED:
                drawn[place] = text, n_characters
    if not n_examples and (nothing := any_bad.error(sources.train)):
        raise nothing
    # of words and tags, lines are counted against documents
    if (
        looked.task["type"] != "ner"
        and unusable.count > n_examples
        and (mostly := unusable.error(sources.train, n_examples))
    ):
        raise mostly
    if not n_examples:
        raise DataError("there are no examples to read", where=sources.train, fix="name a file that holds some")
    if not looked.is_sequences:
        tokenizer = load_tokenizer(find_folder(_START, offline=True))
        sizes = [round(len(tokenizer.encode(text).ids) * n / max(1, len(text))) for text, n in drawn]
    return Seen(
        sources=sources,
        task=looked.task,
        columns=looked.columns,
        n_examples=n_examples,
        n_documents=len(documents),
        labels=dict(sorted(labels.items(), key=lambda each: (-each[1], each[0]))),
        lengths=np.sort(np.array(sizes, dtype=np.int64)),
        is_whole=n_examples != most,
        answer_words=int(np.quantile(list(answers.elements()), 0.99, method="higher")) if answers else 0,
        bad=dict(bad),
        is_sequences=looked.is_sequences,
    )


def _task(looked: Looked, command: str) -> Any:
    values = {
        "model": {"start": "qa-mini"},
        "task": looked.task,
        "data": {"train": "-"},
        "optim": {"lr": 1e-4},
    }
    recipe: Recipe = COMMANDS[command].model_validate(values)
    return recipe.task


def _labels_of(example: Any) -> Iterator[str]:
    """The labels of an example, or the types of its entities."""
    label = getattr(example, "label", None)
    if isinstance(label, str):
        yield label
    elif isinstance(label, tuple):
        yield from label
    elif hasattr(example, "entities"):
        yield from (entity.type for entity in example.entities)
    elif hasattr(example, "has_answer"):
        yield "answered" if example.has_answer else "not answered"


_START = "qa-mini"


# what is written


def _sections(draft: Draft) -> dict[str, dict[str, Setting]]:
    seen = draft.seen
    is_few = _is_few(seen)
    task = seen.task["type"]
    return {
        "model": _model_settings(draft, is_few=is_few),
        "task": _task_settings(seen, is_few=is_few),
        "data": _data_settings(seen),
        "optim": _optim_settings(seen, task, is_few=is_few),
        "run": {
            "precision": Setting("auto", "bfloat16 where the device has it in hardware"),
            "log_every": Setting(10, "steps"),
            "keep": Setting(1, "checkpoints; a new one is made after each epoch"),
        },
    }


def _model_settings(draft: Draft, *, is_few: bool) -> dict[str, Setting]:
    if draft.vocabulary is not None:
        return {
            "tokenizer": Setting(str(draft.vocabulary), "learnt from the data"),
            "config": Setting(_NEW_MODEL, "of a new model, small enough for a CPU"),
        }
    start = "classify-mini" if is_few else _START
    return {
        "start": Setting(start, "ships with bigbird; any BigBird folder, or a name on the hub, will do"),
        "dropout": Setting(0.0, "a small model on little data forgets more than it overfits"),
        "attention_dropout": Setting(0.0),
    }


def _vocab_size(seen: Seen) -> int:
    return int(min(VOCABULARY, SPECIAL + seen.lengths.sum() // LETTERS_A_PIECE))


def _is_few(seen: Seen) -> bool:
    is_labels = seen.task["type"] == "classify" and seen.task.get("problem") != "regression"
    return is_labels and "pair_column" not in seen.task and seen.n_documents < FEW and not seen.is_sequences


def _task_settings(seen: Seen, *, is_few: bool) -> dict[str, Setting]:
    remarks = {
        "problem": {"multi": "any number of labels a text", "regression": "a number a text"},
        "label_separator": {},
    }
    section = {name: Setting(value, remarks.get(name, {}).get(str(value), "")) for name, value in seen.task.items()}
    window = _window(seen)
    lost = float(np.mean(seen.tokens > window)) if len(seen.tokens) else 0.0
    share = "under 1%" if lost < 0.01 else f"{lost:.0%}"
    remark = "tokens; every document fits" if not lost else f"tokens; longer documents ({share}) are read in several"
    if is_few:
        section["classifier"] = Setting("linear", "fitted over embeddings, in seconds: best where examples are few")
    if seen.task["type"] == "qa":
        sizes = [size for size in _ANSWERS if size <= window // 2]  # windows share as many tokens
        longest = next((size for size in sizes if size >= 1.5 * seen.answer_words), sizes[-1])
        section["max_answer_tokens"] = Setting(longest, f"99 of 100 answers have {seen.answer_words} words at most")
        if n_bad := seen.bad.get("answer"):
            section["on_bad_answer"] = Setting(
                "skip", f"leaves out {n_bad:,} whose answer is not where it is said to be"
            )
    if n_bad := seen.bad.get("empty"):
        section["on_empty"] = Setting("skip", f"leaves out {n_bad:,} without a text or a label")
    if n_bad := seen.bad.get("unreadable"):
        section["on_unreadable"] = Setting("skip", f"leaves out {counted(n_bad, 'file')} that are no text in UTF-8")
    if seen.task["type"] in ("mlm", "causal"):
        return {**section, "window": Setting(window, "tokens of one model input")}
    return {
        **section,
        "window": Setting(window, remark),
        "overlap": Setting(window // 4, "tokens that two neighbouring windows share"),
    }


def _window(seen: Seen) -> int:
    """The smallest usual window in which nine of ten documents fit whole."""
    if seen.task["type"] in ("mlm", "causal"):
        return 512
    beside = {"qa": 70, "multiple_choice": 70, "classify": 64 if "pair_column" in seen.task else 4}
    needed = _quantile(seen.tokens, 0.9) + beside.get(seen.task["type"], 4)
    least = 256 if seen.task["type"] in ("qa", "multiple_choice") else 0
    return next((window for window in _WINDOWS if window >= max(needed, least)), _WINDOWS[-1])


def _data_settings(seen: Seen) -> dict[str, Setting]:
    sources = seen.sources
    data = {
        "train": Setting(sources.train, counted(seen.n_examples, "example") + ("" if seen.is_whole else " and more"))
    }
    if sources.dev is not None:
        data["dev"] = Setting(sources.dev, "found beside it; the best model is chosen by it")
    elif seen.n_documents > 1:
        data["dev"] = Setting(SHARE, "of the documents, drawn by the seed and not learnt from")
    if sources.test is not None:
        data["test"] = Setting(sources.test, "the finished model is scored on it, once")
    return data


def _optim_settings(seen: Seen, task: str, *, is_few: bool) -> dict[str, Setting]:
    if is_few:
        return {
            "lr": Setting(3e-5),
            "batch_size": Setting(16),
            "steps": Setting(0, "the fitted classifier as it is; 100 and more train the encoder too"),
        }
    n_windows = _n_windows(seen)
    batch_size = 32 if n_windows >= 2_000 else 16 if n_windows >= 500 else 8
    epochs = min(8, max(1 if n_windows > 50_000 else 2, round(STEPS * batch_size / n_windows)))
    rates = {"ner": 4e-4, "multiple_choice": 1e-4, "mlm": 5e-4, "causal": 5e-4}
    rate = 1e-3 if seen.is_sequences else rates.get(task, 2e-4)
    lower = {} if seen.is_sequences else {"layer_decay": Setting(0.9, "lower layers learn more slowly")}
    return {
        "lr": Setting(rate, "the peak, when the warm-up ends"),
        "warmup": Setting(0.1, "of all steps"),
        "batch_size": Setting(batch_size, "windows a step"),
        "max_tokens_per_micro_batch": Setting(4096, "lower it when memory runs out: the result stays the same"),
        **lower,
        "epochs": Setting(epochs, f"some {counted(max(1, round(epochs * n_windows / batch_size)), 'step')} in all"),
    }


def _quantile(lengths: np.ndarray, share: float) -> int:
    return int(np.quantile(lengths, share, method="higher")) if len(lengths) else 0


def _n_windows(seen: Seen) -> int:
    """About how many windows an epoch has."""
    window = _window(seen)
    tokens = seen.tokens
    if not len(tokens):
        return max(1, seen.n_examples)
    if seen.task["type"] in ("mlm", "causal"):
        return max(1, round(float(tokens.mean()) * seen.n_documents / window))
    each = np.maximum(1, np.ceil((tokens - window // 4) / (window - window // 4)))
    return max(1, round(float(each.mean()) * seen.n_examples))


TITLES = {
    "qa": "Answer questions from documents",
    "ner": "Find names in documents",
    "classify": "Classify documents",
    "multiple_choice": "Choose among several answers",
    "zero_shot": "Choose among labels that are named with each text",
    "mlm": "Train a language model on texts, to predict hidden words",
    "causal": "Train a language model on texts, to predict the next word",
}
_READ = {"qa": 'qa --context new.txt --question "..."', "ner": "ner new.txt", "classify": "classify new.txt"}


def _head(draft: Draft) -> list[str]:
    seen, task = draft.seen, draft.seen.task["type"]
    file = shlex.quote(f"{draft.name}.yaml")
    lines = [
        f"{TITLES[task]}: written by `bigbird init` for {seen.sources.train}.",
        "",
        *(_learn_the_vocabulary(draft)),
        f"  check:    bigbird check {file}",
        f"  run:      bigbird {draft.command} {file}",
        f"  change:   bigbird {draft.command} {file} --set optim.lr=1e-4",
    ]
    if task in _READ:
        lines.append(f"  read:     bigbird {_READ[task]} --model {shlex.quote(f'runs/{draft.name}')}")
    lines += ["", f"  data:     {_counted(seen)}"]
    if seen.labels:
        lines.append(f"  labels:   {labels_in_a_line(seen.labels, most=4)}")
    lines.append(f"  {seen.unit + ':':<9} {lengths_in_a_line(seen)}")
    if seen.why_no_dev is not None:
        lines.append(f"  dev:      {seen.why_no_dev}")
    place = folder()
    return lines if place is None else [*lines, "", f"yaml-language-server: $schema={place / SCHEMA}"]


def _learn_the_vocabulary(draft: Draft) -> Iterator[str]:
    if draft.vocabulary is not None:
        source, out = shlex.quote(draft.seen.sources.train), shlex.quote(str(draft.vocabulary))
        command = f"bigbird tokenize --train {source} --split none --upper-case --vocab-size {_vocab_size(draft.seen)}"
        yield f"  letters:  {command} --out {out}"


def _counted(seen: Seen) -> str:
    more = "" if seen.is_whole else " and more"
    of = "" if seen.n_documents == seen.n_examples else f" on {counted(seen.n_documents, 'document')}"
    columns = f", of {', '.join(seen.columns[:8])}" if seen.columns else ""
    return f"{counted(seen.n_examples, 'example')}{more}{of}{columns}"


def labels_in_a_line(labels: Mapping[str, int], most: int = 8) -> str:
    """Labels and their counts, the commonest first."""
    named = " · ".join(f"{' '.join(name.split())} {count:,}" for name, count in list(labels.items())[:most])
    return named + (f" · {len(labels) - most:,} more" if len(labels) > most else "")


def lengths_in_a_line(seen: Seen) -> str:
    """How long documents are."""
    return f"median {seen.length_at(0.5):,} · 90 % {seen.length_at(0.9):,} · longest {seen.length_at(1.0):,}"
