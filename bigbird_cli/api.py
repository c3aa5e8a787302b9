"""The plain Python call under each command: joins the rooms, prints nothing."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from bigbird_cli.backend import Predictor, open_backend
from bigbird_cli.errors import BigBirdError, BigBirdWarning, DataError, ModelError, UsageError, nearest
from bigbird_cli.events import Checked, Event
from bigbird_cli.recipe import COMMANDS, Recipe, load_recipe
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.qa import N_SPECIAL, QAPrediction, QuestionAnswering, build_feature
from bigbird_cli.text.corpus import Corpus
from bigbird_cli.text.documents import (
    SUFFIXES,
    Document,
    FailedDocument,
    ReadDocument,
    encode_document,
    read_documents,
)
from bigbird_cli.text.places import is_local, local_path
from bigbird_cli.text.report import Report
from bigbird_cli.text.report import tokenize as report_on
from bigbird_cli.text.tokenizer import NEWLINE_RULES, TOKENIZER_FILES, Newline, Tokenizer, load_tokenizer
from bigbird_cli.text.train import (
    ALGORITHMS,
    CHARACTER_COVERAGE,
    SPLITS,
    Progress,
    VocabularyReport,
    train_vocabulary,
)
from bigbird_cli.text.windows import Window, owned_sums
from bigbird_cli.weights import describe
from bigbird_cli.weights.convert import ConversionReport, convert_model
from bigbird_cli.weights.describe import Comparison, Inspection, OutputDifference
from bigbird_cli.weights.folders import flush, partial_folder
from bigbird_cli.weights.sources import ATTENTION_SETTINGS, open_source
from bigbird_cli.weights.store import ModelFolder, find_folder, open_folder, shipped_models

DEFAULT_QA_MODEL = "qa-mini"

OnLong = Literal["window", "error", "truncate"]
ON_LONG: tuple[OnLong, ...] = ("window", "error", "truncate")

_TOKENS_TOGETHER = 16_384
"""Items are gathered up to so many tokens before the model reads them: more would delay the first record."""


@dataclass(frozen=True)
class QAItem:
    """A question on a document.

    Attributes:
        context: the document's text.
        question: what to ask.
        name: where the text came from; a record's "context".
        id: whatever names the pair to its owner; given back in the record as it is.
    """

    context: str
    question: str
    name: str = "text"
    id: Any = None


@dataclass(frozen=True)
class FailedItem:
    """A question that cannot be asked, because its document or its row was not readable."""

    error: BigBirdError
    name: str | None = None
    question: str | None = None
    id: Any = None


def answer(
    context: str | Path | Document | Sequence[str | Path | Document],
    question: str | Sequence[str],
    *,
    model: str | Path = DEFAULT_QA_MODEL,
    **options: Any,
) -> dict[str, Any] | list[dict[str, Any]]:
    """Answer one question about one document, or several about several.

    Args:
        context: a text; a Path to a file or a folder; a Document; or a list of these. A string is always a text.
        question: a question or a list of them.
        model: a model folder, a shipped model's name, or a name on the Hugging Face hub.
        **options: as in `answers`: top_k, window, device, ...

    Returns:
        The record of `answers`; for several documents or questions a list of them, document by document.

    Raises:
        BigBirdError: a single question failed; among several, the failed ones are records with an "error".
    """
    single = isinstance(context, str | Path | Document) and isinstance(question, str)
    contexts = [context] if isinstance(context, str | Path | Document) else list(context)
    questions = [question] if isinstance(question, str) else list(question)
    if not contexts or not questions:
        raise UsageError("there is nothing to ask", fix="give a context and a question")
    items = pair(_documents(contexts), questions)
    results = list(_results(items, model=model, **options))
    if single and len(results) == 1:
        if isinstance(results[0], FailedItem):
            raise results[0].error
        return results[0]
    return [_record(result) for result in results]


def answers(
    items: Iterable[QAItem | FailedItem | None],
    *,
    model: str | Path = DEFAULT_QA_MODEL,
    top_k: int = 1,
    max_answer_tokens: int | None = None,
    no_answer_threshold: float | None = None,
    window: int | None = None,
    overlap: int | None = None,
    on_long: str = "window",
    newline: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    batch_size: int = 8,
    offline: bool = False,
    revision: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Answer questions one after the other, each from its whole document.

    Windows of several questions and documents are read together, which changes no result. A document that stands in
    items one after the other is tokenised once. The model is opened for the first item that needs it.

    Args:
        items: read lazily. None among them says that the next may be long in coming: what was gathered is answered.
        model: a model folder, a shipped model's name, or a name on the Hugging Face hub.
        top_k: spans to give; with more than 1, records have "answers", best first, no two sharing a token.
        max_answer_tokens: tokens of an answer at most; None for the model's own setting, as in the next three.
        no_answer_threshold: no answer is given when its probability is above this.
        window: tokens of one model input at most.
        overlap: tokens that neighbouring windows share at least.
        on_long: what to do with a document that does not fit into one window: "window" reads all of it in several,
            "error" refuses it, "truncate" reads its beginning and says so in the receipt.
        newline: "space" or "keep", the tokenizer's rule for line breaks; None for the one its vocabulary wants.
        device: auto, cpu, cuda:N or mps.
        threads: processor threads; None leaves the framework's choice.
        batch_size: windows read together at most.
        offline: never ask the network.
        revision: branch, tag or commit of a hub model.

    Returns:
        One record for each item, in their order, as soon as it is ready: answer, start, end (None if no answer is
        given; characters of the document), score (of the best span) and no_answer_score, both probabilities, context,
        question, id, and receipt {tokens, read, unknown, windows, truncated, model, attention,
        device}. An item that failed gives error {problem, where, fix, exit_code}, context, question, id.

    Raises:
        UsageError: an option has an impossible value.
        ModelError: the model cannot be used.
        ResourceError: memory did not suffice.
    """
    results = _results(
        items,
        model=model,
        top_k=top_k,
        max_answer_tokens=max_answer_tokens,
        no_answer_threshold=no_answer_threshold,
        window=window,
        overlap=overlap,
        on_long=on_long,
        newline=newline,
        device=device,
        threads=threads,
        batch_size=batch_size,
        offline=offline,
        revision=revision,
    )
    return map(_record, results)


def pair(documents: Iterable[Document | FailedDocument], questions: Sequence[str]) -> Iterator[QAItem | FailedItem]:
    """Ask every question of every document, document by document."""
    for document in documents:
        for question in questions:
            if isinstance(document, FailedDocument):
                yield FailedItem(document.error, name=document.name, question=question)
            else:
                yield QAItem(document.text, question, name=document.name)


def tokenize(
    text: str,
    *,
    model: str | Path = DEFAULT_QA_MODEL,
    newline: str | None = None,
    offline: bool = False,
    revision: str | None = None,
) -> Report:
    """Show how a model's vocabulary reads a text, and what of it the vocabulary does not know.

    Args:
        text: any text; control tokens written in it, such as [SEP], are text.
        model: a model folder, or one with a vocabulary only; a shipped model's name; or a name on the Hugging Face hub.
        newline: "space" or "keep", the tokenizer's rule for line breaks; None for the one the vocabulary wants.
        offline: never ask the network.
        revision: branch, tag or commit of a hub model.

    Raises:
        UsageError: there is no such newline rule.
        ModelError: there is no such model, or its vocabulary is missing or broken.
        DataError: the text holds a lone surrogate.
    """
    rule = _newline(newline)
    return report_on(text, _open_tokenizer(model, offline=offline, revision=revision), newline=rule)


def tokenize_documents(
    documents: Iterable[Document | FailedDocument],
    *,
    model: str | Path = DEFAULT_QA_MODEL,
    newline: str | None = None,
    offline: bool = False,
    revision: str | None = None,
) -> Iterator[tuple[Document, Report] | FailedDocument]:
    """`tokenize` each document when it is asked for; one that could not be read is given back in its place."""
    rule = _newline(newline)
    tokenizer = _open_tokenizer(model, offline=offline, revision=revision)
    return (
        document
        if isinstance(document, FailedDocument)
        else (document, report_on(document.text, tokenizer, newline=rule))
        for document in documents
    )


def finetune(
    recipe: str | Path,
    *,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    resume: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    offline: bool = False,
) -> Iterator[Event]:
    """Train a task's head, and the encoder under it, as a recipe says.

    The run goes on as its events are asked for: `for event in finetune("recipes/squad.yaml"): ...`

    Args:
        recipe: a recipe file, or the name of a shipped one.
        out: the run folder; runs/<recipe name> by default.
        overrides: settings to change, each "section.setting=value"; a later one wins.
        resume: "auto" to go on from the run's newest checkpoint, or the path of one.
        device: auto, cpu, cuda:N or mps.
        threads: processor threads; None leaves the framework's choice.
        offline: never ask the network.

    Raises:
        RecipeError: the recipe is missing or wrong; at once, and everything below as the events come.
        BigBirdError: data, model, device or run folder cannot be used, memory or disk did not suffice, or the loss is
            no longer finite.
    """
    return _train("finetune", recipe, out, overrides, resume, device, threads, offline)


def pretrain(
    recipe: str | Path,
    *,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    resume: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    offline: bool = False,
) -> Iterator[Event]:
    """Train a language model on texts, as a recipe says; arguments, events and errors as of `finetune`."""
    return _train("pretrain", recipe, out, overrides, resume, device, threads, offline)


def check(
    recipe: str | Path,
    *,
    command: str = "finetune",
    overrides: Sequence[str] = (),
    device: str = "auto",
    threads: int | None = None,
    offline: bool = False,
) -> Checked:
    """Check recipe, data and one optimiser step, and write nothing.

    Args:
        recipe: as of `finetune`, like what is not named here.
        command: whose recipe it is, finetune or pretrain.
    """
    settings = _recipe(command, recipe, overrides)
    return open_backend(settings.backend).check(settings, device=device, threads=threads, offline=offline)


def _train(
    command: str,
    recipe: str | Path,
    out: str | Path | None,
    overrides: Sequence[str],
    resume: str | None,
    device: str,
    threads: int | None,
    offline: bool,
) -> Iterator[Event]:
    settings = _recipe(command, recipe, overrides)
    folder = Path("runs", Path(recipe).stem) if out is None else Path(out)
    backend = open_backend(settings.backend)
    return backend.train(settings, folder, resume=resume, device=device, threads=threads, offline=offline)


def _recipe(command: str, recipe: str | Path, overrides: Sequence[str]) -> Recipe:
    _known(command, list(COMMANDS), "command")
    return load_recipe(recipe, COMMANDS[command], overrides)


def convert(
    source: str | Path,
    out: str | Path,
    *,
    to: str = "safetensors",
    dtype: str | None = None,
    max_positions: int | None = None,
    positions: str = "tile",
    block_size: int | None = None,
    random_blocks: int | None = None,
    config: str | Path | None = None,
) -> ConversionReport:
    """Make a BigBird folder of a model of another kind, format, length or precision; see `weights.convert`."""
    return convert_model(
        _weights_place(source),
        local_path(out),
        to=to,
        dtype=dtype,
        max_positions=max_positions,
        positions=positions,
        block_size=block_size,
        num_random_blocks=random_blocks,
        config=config,
        door=open_backend,
    )


def inspect_model(path: str | Path, *, config: str | Path | None = None) -> Inspection:
    """Look at the weights of a model of any kind and format; see `weights.describe.inspect_model`."""
    return describe.inspect_model(_weights_place(path), config=config, door=open_backend)


def compare_models(
    a: str | Path, b: str | Path, *, config: str | Path | None = None, seed: int = 0, backend: str = "pytorch"
) -> Comparison:
    """Run two models of any kind and format on the same ids, a short text and a long one, and compare their tensors.

    Both read with the first one's attention: its blocks and its pattern. An encoder of another kind is run as the
    BigBird that it would become. Where the heads differ, the encoders are compared.

    Args:
        a, b: as the source of `convert`.
        config: a config.json in place of a's own.
        seed: of the ids.
        backend: the framework that computes.

    Raises:
        ModelError: one of them cannot be opened, or they are too different to read the same ids.
        ResourceError: memory did not suffice.
    """
    left = open_source(_weights_place(a), config=config, door=open_backend)
    right = open_source(_weights_place(b), door=open_backend)
    tensors = describe.tensor_differences(left, right)
    head = left.head if left.head == right.head else "none"
    notes = [f"{name}: {note}" for name, source in (("A", left), ("B", right)) for note in source.notes]
    if left.head != right.head:
        notes.append("their heads differ, so the encoders are compared")
    shared = {name: getattr(left.config, name) for name in ATTENTION_SETTINGS}
    if changed := [name for name in ATTENTION_SETTINGS if getattr(right.config, name) != shared[name]]:
        notes.append(f"B reads with A's {', '.join(changed)}")
    limit = min(left.config.max_position_embeddings, right.config.max_position_embeddings)
    vocab_size = min(left.config.vocab_size, right.config.vocab_size)
    long = left.config.full_attention_limit + 5 * left.config.block_size
    without_pooler = any(not any("pooler." in name for name in source.tensors) for source in (left, right))
    models = [
        (
            source.config.replace(**shared),
            {name: array for name, array in source.tensors.items() if not (without_pooler and "pooler." in name)},
            str(source.found.path),
        )
        for source in (left, right)
    ]
    outputs: list[OutputDifference] = []
    for n_tokens in sorted({min(limit, 48), min(limit, long)}):
        ids = np.random.default_rng(seed).integers(0, vocab_size, (1, n_tokens))
        of_a, of_b = (
            open_backend(backend).probe(model_config, arrays, ids, head=head, where=where)
            for model_config, arrays, where in models
        )
        outputs += describe.output_differences(n_tokens, of_a, of_b)
    return Comparison(left.described, right.described, tuple(outputs), tensors, tuple(notes))


def _weights_place(name: str | Path) -> Path:
    """Where a source stands: a path, or the folder of a shipped model."""
    if not is_local(name) and str(name) in shipped_models():
        return find_folder(name)
    return local_path(name)


def train_tokenizer(
    corpus: str | Path | Document | Iterable[str | Path | Document],
    out: str | Path,
    *,
    vocab_size: int,
    split: str = "whitespace",
    algorithm: str | None = None,
    character_coverage: float = CHARACTER_COVERAGE,
    byte_fallback: bool = False,
    text_field: str | None = None,
    sample_mb: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> VocabularyReport:
    """Learn a vocabulary in the layout of BigBird's own, of any language; see `text.train.train_vocabulary`.

    Args:
        corpus: what to learn from: paths of files and folders, "-" for standard input, or Documents, as
            `text.corpus.Corpus` reads them.
        out: the folder to write; it must not exist yet, or be empty. It appears whole or not at all.
        vocab_size: pieces in all, the 101 special ones included.
        split: "whitespace", or "none" for text without words, such as DNA.
        algorithm: "unigram" or "bpe"; None for unigram, without words for bpe.
        character_coverage: share of the corpus's characters, above 0 and up to 1, that the vocabulary has to know.
        byte_fallback: give each byte a piece, so that no text is unknown.
        text_field: the corpus is JSON lines, and this field holds the text; None for plain text, and "text" in *.jsonl.
        sample_mb: megabytes to learn from at most, drawn at random; None for 50, without words for 15.
        on_progress: is told every few megabytes, and when learning begins.

    Raises:
        UsageError: out is occupied, an option has an impossible value, or vocab_size does not suit the corpus.
        DataError: the corpus cannot be read, or holds no text.
        ResourceError: memory or disk did not suffice.
    """
    if not 0 < character_coverage <= 1:
        raise UsageError(f"{character_coverage} is no share", where="character_coverage", fix="give 0.9995, or up to 1")
    if sample_mb is not None and sample_mb < 1:
        raise UsageError(f"{sample_mb} is too few", where="sample_mb", fix="give 1 or more")
    out = local_path(out)
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError("there is something of that name already", where=str(out), fix="name a new folder")
    sources = [corpus] if isinstance(corpus, str | Path | Document) else corpus
    with partial_folder(out.parent, n_bytes=100 * vocab_size) as partial:
        report = train_vocabulary(
            Corpus(sources, text_field=text_field),
            partial,
            vocab_size=vocab_size,
            split=SPLITS[_known(split, SPLITS, "split")],
            algorithm=None if algorithm is None else ALGORITHMS[_known(algorithm, ALGORITHMS, "algorithm")],
            character_coverage=character_coverage,
            byte_fallback=byte_fallback,
            sample_mb=sample_mb,
            on_progress=on_progress,
        )
        for file in partial.iterdir():
            flush(file)
        if out.is_dir():
            out.rmdir()  # it is empty; Windows renames onto nothing
        partial.rename(out)
    return report


class _Reader:
    """An open question-answering model: folder and tokenizer at once, weights when they are first needed."""

    def __init__(self, folder: ModelFolder, name: str, *, device: str, threads: int | None) -> None:
        self.folder, self.name = folder, name
        self._device, self._threads = device, threads
        self.tokenizer = load_tokenizer(folder.path)

    @cached_property
    def predictor(self) -> Predictor:
        head = QuestionAnswering.head
        return open_backend().open_predictor(self.folder, head=head, device=self._device, threads=self._threads)

    def settings(self, **changes: Any) -> QuestionAnswering:
        """The settings the model was trained with, cut to what it can hold, with the caller's changes."""
        limit = self.folder.config.max_position_embeddings
        stored = self._stored()
        given = {name: value for name, value in changes.items() if value is not None}
        if given.get("window", 0) > limit:
            raise UsageError(
                f"a window of {given['window']} tokens is longer than the model's {limit} positions",
                where="window",
                fix=f"give {limit} or less",
            )
        stored["window"] = min(stored["window"], limit)
        try:
            return QuestionAnswering.model_validate(stored | given)
        except ValidationError as error:
            raise _usage_error(error) from None

    def _stored(self) -> dict[str, Any]:
        task, where = self.folder.task, str(self.folder.path / "task.json")
        if task is None:
            return QuestionAnswering().model_dump()
        if task.get("type") != "qa":
            raise ModelError(
                f"the model was trained for the task {task.get('type')!r}, not for question answering",
                where=where,
                fix="name a question-answering model",
            )
        try:
            return QuestionAnswering.model_validate(task).model_dump()
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise ModelError(f"{place or 'the task'}: {first['msg']}", where=where, fix="restore the file") from None

    def attention(self, longest_input: int) -> str:
        """Which attention read inputs of at most so many tokens."""
        config = self.folder.config
        is_full = self.predictor.attention != "block_sparse" or longest_input <= config.full_attention_limit
        return "full" if is_full else "block_sparse"


@dataclass(frozen=True, eq=False)
class _Ready:
    """An item whose windows are planned."""

    item: QAItem
    document: ReadDocument
    question: np.ndarray
    plan: list[Window]


@dataclass(frozen=True, eq=False)
class _Options:
    task: QuestionAnswering
    top_k: int
    on_long: str
    newline: Newline | None
    batch_size: int


def _results(
    items: Iterable[QAItem | FailedItem | None],
    *,
    model: str | Path = DEFAULT_QA_MODEL,
    top_k: int = 1,
    on_long: str = "window",
    newline: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    batch_size: int = 8,
    offline: bool = False,
    revision: str | None = None,
    **settings: Any,
) -> Iterator[dict[str, Any] | FailedItem]:
    """Check the options, open the model folder, and answer lazily."""
    for name, value in (("top_k", top_k), ("batch_size", batch_size)):
        if value < 1:
            raise UsageError(f"{value} is too few", where=name, fix="give 1 or more")
    _known(on_long, ON_LONG, "on_long")
    rule = _newline(newline)
    unknown = settings.keys() - _SETTINGS
    if unknown:
        raise TypeError(f"there is no option {min(unknown)!r}")
    reader = _open_reader(model, device=device, threads=threads, offline=offline, revision=revision)
    options = _Options(reader.settings(**settings), top_k, on_long, rule, batch_size)
    return _in_groups(items, reader, options)


_SETTINGS = {"window", "overlap", "max_answer_tokens", "no_answer_threshold"}


def _in_groups(
    items: Iterable[QAItem | FailedItem | None], reader: _Reader, options: _Options
) -> Iterator[dict[str, Any] | FailedItem]:
    """Gather items until they fill a few batches, then answer them together, in order."""
    group: list[_Ready | FailedItem] = []
    n_windows = n_tokens = 0
    document: ReadDocument | None = None
    for item in items:
        if isinstance(item, QAItem):
            document, ready = _prepare(item, document, reader, options)
            group.append(ready)
            if isinstance(ready, _Ready):
                n_windows += len(ready.plan)
                n_tokens += sum(w.stop - w.start + len(ready.question) for w in ready.plan)
        elif isinstance(item, FailedItem):
            group.append(item)
        if item is None or not n_windows or n_windows >= 4 * options.batch_size or n_tokens >= _TOKENS_TOGETHER:
            yield from _answer_group(group, reader, options)
            group, n_windows, n_tokens = [], 0, 0
    yield from _answer_group(group, reader, options)


def _prepare(
    item: QAItem, last: ReadDocument | None, reader: _Reader, options: _Options
) -> tuple[ReadDocument | None, _Ready | FailedItem]:
    """Tokenise an item and plan its windows; the document before it is used again if it is the same."""
    document = last
    try:
        if document is None or document.text != item.context:
            document = None  # lets the one before go while this one is read
            document = encode_document(item.context, reader.tokenizer, name=item.name, newline=options.newline)
        if not len(document):
            what = "holds nothing but white space" if item.context else "is empty"
            raise DataError(f"the document {what}", where=item.name, fix="give a document with text in it")
        question = options.task.encode_question(item.question, reader.tokenizer)
        return document, _Ready(item, document, question, _plan(len(document), len(question), options))
    except DataError as error:
        if error.where is None:
            error = DataError(error.problem, where=item.name, fix=error.fix)
        return document, FailedItem(error, name=item.name, question=item.question, id=item.id)


def _plan(n_tokens: int, n_question: int, options: _Options) -> list[Window]:
    room = options.task.window - n_question - N_SPECIAL
    if options.on_long == "window" or n_tokens <= room:
        return options.task.plan_windows(n_tokens, n_question)
    if options.on_long == "error":
        raise DataError(
            f"the document has {n_tokens} tokens, and one window has room for {max(room, 0)} beside the question",
            fix="read it in several windows (on_long: window)",
        )
    options.task.plan_windows(min(n_tokens, room), n_question)  # refuses a question that leaves no room at all
    return [Window(0, room)]


def _answer_group(
    group: Sequence[_Ready | FailedItem], reader: _Reader, options: _Options
) -> Iterator[dict[str, Any] | FailedItem]:
    ready = [entry for entry in group if isinstance(entry, _Ready)]
    # the predictor reads features ahead of its outputs: the decoder walks over the same features by itself, and no
    # window is held longer than it is needed
    walk = _features(ready, reader)
    predict = reader.predictor.predict(_features(ready, reader), batch_size=options.batch_size) if ready else iter(())
    for entry in group:
        if isinstance(entry, FailedItem):
            yield entry
            continue
        name = str(entry.item.id if entry.item.id is not None else entry.item.question)
        decoder = options.task.decoder_for([name], n_best=options.top_k)
        for _ in entry.plan:
            feature = next(walk)
            decoder.add(feature, next(predict))
        yield _as_record(entry.item, decoder.prediction(0), reader, options)


def _features(ready: Iterable[_Ready], reader: _Reader) -> Iterator[Feature]:
    for entry in ready:
        for window, owned in zip(entry.plan, owned_sums(entry.plan), strict=True):
            yield build_feature(entry.document, entry.question, window, owned, reader.tokenizer, example=0)


def _as_record(item: QAItem, prediction: QAPrediction, reader: _Reader, options: _Options) -> dict[str, Any]:
    found = prediction.answer
    record: dict[str, Any] = {
        "answer": found.text if found else None,
        "start": found.start if found else None,
        "end": found.end if found else None,
        "score": prediction.score,
        "no_answer_score": prediction.no_answer_score,
        "context": item.name,
        "question": item.question,
        "id": item.id,
    }
    if options.top_k > 1:
        record["answers"] = [
            {"answer": span.text, "start": span.start, "end": span.end, "score": span.score}
            for span in prediction.spans
        ]
    record["receipt"] = {
        "tokens": prediction.n_tokens,
        "read": prediction.n_read,
        "unknown": prediction.n_unknown,
        "windows": prediction.n_windows,
        "truncated": prediction.n_read < prediction.n_tokens,
        "model": reader.name,
        "attention": reader.attention(prediction.longest_input),
        "device": reader.predictor.device,
    }
    return record


def _record(result: dict[str, Any] | FailedItem) -> dict[str, Any]:
    if not isinstance(result, FailedItem):
        return result
    return {
        "error": result.error.to_dict(),
        "context": result.name,
        "question": result.question,
        "id": result.id,
    }


def _documents(contexts: Iterable[str | Path | Document]) -> Iterator[Document | FailedDocument]:
    for context in contexts:
        if isinstance(context, Document):
            yield context
        elif isinstance(context, Path):
            yield from read_documents([context])
        else:
            if len(context) < 256 and "\n" not in context and context.endswith(SUFFIXES) and Path(context).is_file():
                warnings.warn(
                    BigBirdWarning(f"the context {context!r} is read as a text; to read the file, give a pathlib.Path"),
                    stacklevel=4,
                )
            yield Document("text", context)


def _open_reader(
    model: str | Path, *, device: str, threads: int | None, offline: bool, revision: str | None
) -> _Reader:
    return _opened(str(model), isinstance(model, Path), device, threads, offline, revision, _stamps(model))


def _stamps(model: str | Path) -> tuple[tuple[str, int], ...]:
    """What tells a folder that was written anew from the one that is open; nothing for a name that is no folder."""
    folder = local_path(model)
    if not folder.is_dir():
        return ()
    return tuple(sorted((file.name, file.stat().st_mtime_ns) for file in folder.glob("*.*")))


@lru_cache(maxsize=1)
def _opened(
    model: str,
    is_path: bool,
    device: str,
    threads: int | None,
    offline: bool,
    revision: str | None,
    stamps: tuple[tuple[str, int], ...],
) -> _Reader:
    """Open a model, or find it open from the call before: a notebook asks again and again."""
    del stamps
    name: str | Path = Path(model) if is_path else model
    return _Reader(open_folder(name, offline=offline, revision=revision), model, device=device, threads=threads)


def _open_tokenizer(model: str | Path, *, offline: bool, revision: str | None) -> Tokenizer:
    return _opened_tokenizer(str(model), isinstance(model, Path), offline, revision, _stamps(model))


@lru_cache(maxsize=1)
def _opened_tokenizer(
    model: str, is_path: bool, offline: bool, revision: str | None, stamps: tuple[tuple[str, int], ...]
) -> Tokenizer:
    """Open a vocabulary, or find it open from the call before."""
    del stamps
    folder = local_path(model)  # it may hold a vocabulary and no model yet
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        folder = find_folder(Path(model) if is_path else model, offline=offline, revision=revision)
    return load_tokenizer(folder)


def _newline(newline: str | None) -> Newline | None:
    return None if newline is None else NEWLINE_RULES[_known(newline, NEWLINE_RULES, "newline")]


def _known(value: str, known: Sequence[str], where: str) -> int:
    if value not in known:
        near = nearest(str(value), known)
        hint = f"did you mean {near}?" if near else f"use one of {', '.join(known)}"
        raise UsageError(f"there is no {value!r}", where=where, fix=hint)
    return list(known).index(value)


def _usage_error(error: ValidationError) -> UsageError:
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    return UsageError(message, where=".".join(map(str, first["loc"])) or None)
