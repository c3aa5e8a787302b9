"""`bigbird tokenize`: show how a vocabulary reads a text, and what of it is unknown to it; or learn a new one."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bigbird_cli import bounds, choices
from bigbird_cli.cli import options, reading
from bigbird_cli.errors import UsageError
from bigbird_cli.files.encodings import check_encoding
from bigbird_cli.files.find import patterns
from bigbird_cli.messages import LONGEST_PART, counted, shortened, sized, visible
from bigbird_cli.text.readers import READERS

if TYPE_CHECKING:
    from bigbird_cli.api.reading.inputs import Input
    from bigbird_cli.cli.progress import Spinner
    from bigbird_cli.text.vocabulary.report import Report
    from bigbird_cli.text.vocabulary.train import Progress, VocabularyReport

_SHOWN = 8
"""Unknown characters that a remark names; --json names all."""

_EVERY = 10.0
"""Seconds between two lines of progress where there is no terminal."""

_READING = ("model", "ids", "counts", "column", "extract_text", "newline", "offline")
_TRAINING = (
    "vocab_size",
    "out",
    "split",
    "algorithm",
    "character_coverage",
    "byte_fallback",
    "upper_case",
    "text_field",
    "sample_mb",
)
"""Options that mean something only without, and only with --train."""


def tokenize(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE",
            parser=options.name,
            help=f"Text files, folders of them ({patterns(READERS)}), files of rows (*.jsonl, *.csv, ...; with "
            "--train *.jsonl only), or - for standard input.",
            **options.INPUT,
        ),
    ] = None,
    model: options.Model = "qa-mini",
    ids: Annotated[bool, typer.Option("--ids", help="Show ids instead of pieces.", **options.OUTPUT)] = False,
    counts: Annotated[
        bool, typer.Option("--counts", help="Show only how many tokens each document has.", **options.OUTPUT)
    ] = False,
    column: options.Column = None,
    encoding: options.Encoding = None,
    extract_text: options.ExtractText = None,
    newline: options.Newline = None,
    offline: options.Offline = False,
    train: Annotated[
        bool, typer.Option("--train", help="Learn a new vocabulary from the texts instead.", **options.LEARNING)
    ] = False,
    vocab_size: Annotated[
        int | None,
        typer.Option(
            "--vocab-size",
            help="Pieces to have in all, 101 special ones too.",
            **options.number(bounds.VOCABULARY),
            **options.LEARNING,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="DIR", parser=options.path, help="New folder to write.", **options.LEARNING
        ),
    ] = None,
    split: Annotated[
        choices.Split,
        typer.Option(
            "--split",
            help="No piece reaches over white space; or text is taken as it stands, as DNA is.",
            **options.LEARNING,
        ),
    ] = "whitespace",
    algorithm: Annotated[
        choices.Algorithm | None,
        typer.Option(
            "--algorithm", help="How to learn.  [default: unigram; bpe with --split none]", **options.LEARNING
        ),
    ] = None,
    character_coverage: Annotated[
        float,
        typer.Option(
            "--character-coverage",
            metavar="SHARE",
            help="Of all characters, those to know; the rarest go.",
            **options.LEARNING,
        ),
    ] = 0.99999,
    byte_fallback: Annotated[
        bool,
        typer.Option("--byte-fallback", help="Spell unknown text in bytes, which are 256 pieces.", **options.LEARNING),
    ] = False,
    upper_case: Annotated[
        bool,
        typer.Option("--upper-case", help="Read a to z as A to Z, as in soft-masked DNA.", **options.LEARNING),
    ] = False,
    text_field: Annotated[
        str | None,
        typer.Option(
            "--text-field",
            metavar="NAME",
            help="Read JSON lines.  [default: plain text; text in *.jsonl]",
            **options.LEARNING,
        ),
    ] = None,
    sample_mb: Annotated[
        int | None,
        typer.Option(
            "--sample-mb",
            help="Learn from N MB at most, drawn at random.  [default: 50; 15 with --split none]",
            **options.number(bounds.COUNT),
            **options.LEARNING,
        ),
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001 - the boundary reads it
) -> None:
    """Show the tokens of documents, one document a line.

    Control tokens written in a text, such as [SEP], are text. What the vocabulary does not know is reported on
    standard error.

    With --train, learn a vocabulary in the layout of BigBird's own; every option from --vocab-size to --sample-mb is
    for that.

    \b
    Examples:
      bigbird tokenize article.txt
      bigbird tokenize contracts/ --counts
      echo "The lease was signed." | bigbird tokenize --ids
      bigbird tokenize article.txt --json | jq .unknown_text
      bigbird tokenize contracts/ --counts --extract-text texts/
      bigbird tokenize --train corpus/ --vocab-size 8000 --out vocabulary
      bigbird tokenize --train genome.fa --split none --upper-case --vocab-size 4000 --out dna
    """
    _reject_mixed(context, train=train)
    if train:
        sources = _sources(paths or [])
        if vocab_size is None or out is None:
            missing = "--vocab-size" if vocab_size is None else "--out"
            raise UsageError(f"--train needs {missing}", fix="write for instance --vocab-size 8000 --out vocabulary")
        _train(
            sources,
            out,
            as_json=as_json,
            quiet=quiet,
            vocab_size=vocab_size,
            split=split,
            algorithm=algorithm,
            character_coverage=character_coverage,
            byte_fallback=byte_fallback,
            upper_case=upper_case,
            text_field=text_field,
            encoding=encoding,
            sample_mb=sample_mb,
        )
        return
    if ids and counts:
        raise UsageError("--ids and --counts exclude each other", fix="leave one of them out")
    sources = _sources(paths or [])
    check_encoding(encoding)

    from bigbird_cli import api
    from bigbird_cli.api.reading.extracting import TextFolder, extracted
    from bigbird_cli.cli.boundary import show_error
    from bigbird_cli.cli.console import say, write_json
    from bigbird_cli.cli.progress import ReadingProgress
    from bigbird_cli.errors import DataError
    from bigbird_cli.text.documents import FailedDocument

    inputs: Iterable[Input | None] = api.read_inputs(sources, encoding=encoding)
    shape = "counts" if counts else "ids" if ids else "pieces"
    n_documents = n_tokens = 0
    codes: list[int] = []
    with ReadingProgress(quiet=quiet) as progress:
        for done in api.tokenize_all(
            inputs if extract_text is None else extracted(inputs, TextFolder(extract_text, sources)),
            model=model,
            column=column,
            newline=newline,
            offline=offline,
            on_progress=progress.show,
        ):
            with progress.paused():
                if isinstance(done, FailedDocument):
                    codes.append(done.error.exit_code)
                    show_error(done.error)
                    if as_json:
                        write_json({"document": done.name, "error": done.error.to_dict()})
                    continue
                document, report = done
                n_documents += 1
                n_tokens += len(report.tokens)
                if as_json:
                    write_json(_record(document.name, report, shape))
                else:
                    _show(document.name, report, shape)
                if report.unknown:
                    say(_remark(document.name, report), quiet=quiet)
    if counts and n_documents > 1:
        say(f"{counted(n_tokens, 'token')} in {counted(n_documents, 'document')}", quiet=quiet)
    if codes:
        raise typer.Exit(1 if n_documents else codes[0])
    if not n_documents:
        raise DataError("there is nothing to read", fix="name a text file")


def _reject_mixed(context: typer.Context, *, train: bool) -> None:
    """Refuse an option that would change nothing."""
    flags = {parameter.name: parameter.opts[0] for parameter in context.command.params}
    for name in _READING if train else _TRAINING:
        source = context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE":
            continue
        if train:
            problem = f"{flags[name]} reads with a vocabulary that is there, and --train learns a new one"
        else:
            problem = f"{flags[name]} says how to learn a vocabulary, and nothing is to be learned without --train"
        raise UsageError(problem, fix="leave one of them out" if train else f"add --train, or leave {flags[name]} out")


def _train(sources: Sequence[str], out: Path, *, as_json: bool, quiet: bool, **settings: Any) -> None:
    from bigbird_cli import api
    from bigbird_cli.cli.console import say_all, write_json
    from bigbird_cli.cli.progress import Spinner

    with Spinner(quiet=quiet) as spinner:
        progress = _Progress(spinner, quiet=quiet)
        report = api.train_tokenizer(sources, out, on_progress=progress.show, **settings)
    if as_json:
        write_json({"out": str(out), **asdict(report)})
    say_all([*_facts(report), f"vocabulary in {out}"], quiet=quiet)


class _Progress:
    """Shows how far learning a vocabulary has come: beside the moving sign on a terminal, else in a line at times."""

    def __init__(self, spinner: "Spinner", *, quiet: bool) -> None:
        self._spinner, self._quiet = spinner, quiet
        self._last_line = time.monotonic()

    def show(self, progress: "Progress") -> None:
        from bigbird_cli.cli.console import say

        line = f"{progress.phase} · {_amount(progress)}"
        now = time.monotonic()
        if self._spinner.sign is not None:
            self._spinner.sign.update(line)
        elif progress.phase == "learning" or now - self._last_line >= _EVERY:
            self._last_line = now
            say(line, quiet=self._quiet)


def _facts(report: "VocabularyReport") -> Iterable[str]:
    read = _amount(report)
    sampled = report.n_sampled_bytes < 0.99 * report.n_bytes
    source = f"a sample of {sized(report.n_sampled_bytes)} out of {read}" if sampled else read
    yield f"{report.n_learned:,} of {report.vocab_size:,} pieces learned from {source} ({report.seconds:.0f} s)"
    parts = [f"{report.bytes_per_token:.2f} bytes a token", f"{report.unknown:.3%} of tokens unknown"]
    if report.tokens_per_word is not None:
        parts.insert(0, f"{report.tokens_per_word:.2f} tokens a word")
    unknown = f": {_listed(Counter(report.unknown_text))}" if report.unknown_text else ""
    yield " · ".join(parts) + unknown


def _amount(read: "Progress | VocabularyReport") -> str:
    return f"{sized(read.n_bytes)} in {counted(read.n_lines, 'line')}"


def _sources(paths: Sequence[str]) -> Sequence[str]:
    reading.reject_two_stdins(paths)
    if not paths:
        reading.reject_terminal("name a text file, or - for standard input")
    return paths or ["-"]


def _record(name: str, report: "Report", shape: str) -> dict[str, Any]:
    """A document's record; what has a value for each token is made when it is written."""
    from bigbird_cli.report.json_lines import AT_ONCE

    tokens = report.tokens
    stretches = [slice(first, first + AT_ONCE) for first in range(0, len(tokens), AT_ONCE)]
    record: dict[str, Any] = {"document": name, "tokens": len(tokens), "unknown": report.unknown}
    record["unknown_text"] = dict(report.unknown_text)
    if shape == "pieces":
        record["pieces"] = (report.pieces_of(part) for part in stretches)
    if shape != "counts":
        record["ids"] = (tokens.ids[part].tolist() for part in stretches)
        record["offsets"] = (
            [list(span) for span in zip(tokens.starts[part].tolist(), tokens.ends[part].tolist(), strict=True)]
            for part in stretches
        )
    return record


def _show(name: str, report: "Report", shape: str) -> None:
    from bigbird_cli.report.json_lines import AT_ONCE

    if shape == "counts":
        typer.echo(f"{len(report.tokens)}\t{visible(name)}")
        return
    for first in range(0, len(report.tokens), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        shown = map(str, report.tokens.ids[part].tolist()) if shape == "ids" else map(visible, report.pieces_of(part))
        typer.echo((" " if first else "") + " ".join(shown), nl=False)
    typer.echo()


def _remark(name: str, report: "Report") -> str:
    hint = "; --newline space reads line ends as spaces" if report.unknown_newlines else ""
    share = f"{report.unknown - report.dropped:,} of {len(report.tokens):,} tokens are unknown to the vocabulary"
    if report.dropped:
        share += f", and {counted(report.dropped, 'character')} without a token"
    remark = f"! {name}  {share}, so a model cannot read them: {_listed(report.unknown_text)}{hint}"
    return shortened(remark, most=2 * LONGEST_PART)


def _listed(unknown_text: Counter[str]) -> str:
    """The commonest unknown characters with their numbers, and how many more there are."""
    from bigbird_cli.text.vocabulary.report import named

    common = [
        f"{named(text) if len(text) == 1 else repr(text)} × {n_times:,}"
        for text, n_times in unknown_text.most_common(_SHOWN)
    ]
    n_more = len(unknown_text) - len(common)
    return ", ".join([*common, f"{n_more:,} more"] if n_more else common)
