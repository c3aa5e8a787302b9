"""`bigbird convert`: any BigBird checkpoint in, ours out; a BigBird of an encoder of another kind; look and compare."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bigbird_cli import bounds, choices
from bigbird_cli.cli import options

if TYPE_CHECKING:
    from bigbird_cli.weights.convert import ConversionReport
    from bigbird_cli.weights.describe import Comparison, Inspection


def convert(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            parser=options.name,
            help="Model folder, name on the hub, TensorFlow checkpoint or SavedModel, or a file of weights.",
            **options.INPUT,
        ),
    ],
    out: Annotated[
        str | None,
        typer.Argument(
            metavar="OUT",
            parser=options.name,
            help="Folder to write, new or empty; with --check, the other model.",
            **options.OUTPUT,
        ),
    ] = None,
    to: Annotated[
        choices.WeightsFormat,
        typer.Option(
            "--to",
            help="Format of the weights; onnx writes model.onnx beside safetensors, right at every length.",
            **options.OUTPUT,
        ),
    ] = "safetensors",
    dtype: Annotated[
        choices.WeightsType | None,
        typer.Option(
            "--dtype",
            metavar="TYPE",
            help="Precision of the weights: float32, float16, bfloat16, or int8, which only bigbird opens.  [default:"
            " as stored, int8 as float32]",
            **options.OUTPUT,
        ),
    ] = None,
    max_positions: Annotated[
        int | None,
        typer.Option(
            "--max-positions",
            help="Longest input.  [default: a BigBird's own; 4096 from a BERT]",
            **options.number(bounds.TOKENS),
            **options.MODEL,
        ),
    ] = None,
    positions: Annotated[
        choices.Positions,
        typer.Option("--positions", help="Where more positions come from.", **options.MODEL),
    ] = "tile",
    block_size: Annotated[
        int | None,
        typer.Option(
            "--block-size", help="Tokens per block of attention.", **options.number(bounds.TOKENS), **options.MODEL
        ),
    ] = None,
    random_blocks: Annotated[
        int | None,
        typer.Option(
            "--random-blocks",
            help="Random blocks a query block reads.",
            **options.number(bounds.TOKENS, least=0),
            **options.MODEL,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            parser=options.path,
            help="A config.json in place of SOURCE's own.",
            **options.INPUT,
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option("--revision", metavar="NAME", help="Branch, tag or commit of a hub model.", **options.INPUT),
    ] = None,
    offline: options.Offline = False,
    inspect: Annotated[
        bool, typer.Option("--inspect", help="Tell what SOURCE is, and write nothing.", **options.OUTPUT)
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="With --inspect: list every tensor.", **options.OUTPUT)
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Run SOURCE and OUT on the same ids and tell the largest difference.", **options.OUTPUT
        ),
    ] = False,
    backend: options.Backend = "pytorch",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001 - the boundary reads it
) -> None:
    """Bring a checkpoint in, take one elsewhere, or make a BigBird of a short-context encoder.

    Reads BigBird, BERT, RoBERTa, CamemBERT, XLM-RoBERTa and ELECTRA, and tells which it found. A BigBird stays what it
    is; of the others the encoder and the tokenizer are carried over, and heads are new.

    \b
    Examples:
      bigbird convert models/minilm models/minilm-4096 --max-positions 4096
      bigbird convert google/bigbird-roberta-base models/bigbird
      bigbird convert qa-mini models/qa-onnx --to onnx
      bigbird convert qa-mini models/qa-onnx-int8 --to onnx --dtype int8
      bigbird convert --inspect models/minilm
      bigbird convert --check models/minilm models/minilm-4096
    """
    from bigbird_cli import api
    from bigbird_cli.cli.console import say_all, write_json
    from bigbird_cli.errors import UsageError

    if inspect and check:
        raise UsageError("--inspect and --check exclude each other", fix="leave one of them out")
    if inspect:
        if out is not None:
            raise UsageError("--inspect reads one model", where=out, fix="name only one")
        inspection = api.inspect_model(source, config=config, offline=offline, revision=revision)
        if as_json:
            write_json(inspection.to_dict())
        else:
            _show(_inspected(inspection, verbose=verbose))
        return
    if out is None:
        raise UsageError("there is no OUT", fix="name two models" if check else "name the folder to write")
    if check:
        comparison = api.compare_models(source, out, config=config, offline=offline, backend=backend)
        if as_json:
            write_json(comparison.to_dict())
        else:
            _show(_compared(comparison))
        return
    report = api.convert(
        source,
        out,
        to=to,
        dtype=dtype,
        max_positions=max_positions,
        positions=positions,
        block_size=block_size,
        random_blocks=random_blocks,
        config=config,
        offline=offline,
        revision=revision,
    )
    if as_json:
        write_json(report.to_dict())
    say_all(_converted(report), quiet=quiet)


def _converted(report: "ConversionReport") -> list[str]:
    lines = [f"{report.source}"]
    lines.append(
        f"{len(report.used)} tensors carried, {len(report.unused)} left out, positions {report.source_positions} → "
        f"{report.config.max_position_embeddings}"
    )
    lines += [f"left out: {name}: {why}" for name, why in sorted(report.unused.items())]
    lines += report.notes
    if report.initialised:
        lines.append(f"new wherever a head needs them: {', '.join(report.initialised)}")
    return [*lines, f"model in {report.out} ({report.format})"]


def _inspected(inspection: "Inspection", *, verbose: bool) -> list[str]:
    listed = "" if verbose else " (--verbose lists them)"
    lines = [f"{inspection.path}: {inspection.format}, {len(inspection.tensors)} tensors{listed}"]
    lines.append(f"{inspection.n_parameters:,} parameters")
    lines.append(inspection.kind)
    if (config := inspection.config) is not None:
        lines.append(
            f"{config.num_hidden_layers} layers, {config.hidden_size} wide, {config.num_attention_heads} heads, "
            f"vocabulary {config.vocab_size:,}, {config.max_position_embeddings:,} positions, "
            f"{config.type_vocab_size} token types"
        )
        lines.append(
            f"{config.attention_type}: blocks of {config.block_size}, {config.num_window_blocks} in the window, "
            f"{config.num_random_blocks} random ({config.pattern})"
        )
    lines += [f"left out by a conversion: {name}: {why}" for name, why in sorted((inspection.unused or {}).items())]
    lines += inspection.notes
    if verbose:
        width = max((len(tensor.name) for tensor in inspection.tensors), default=0)
        lines += [
            f"{tensor.name:{width}}  {tensor.dtype:8}  {' x '.join(map(str, tensor.shape)) or 'a single number'}"
            for tensor in inspection.tensors
        ]
    return lines


def _compared(comparison: "Comparison") -> list[str]:
    lines = [f"A  {comparison.a}", f"B  {comparison.b}", *comparison.notes, ""]
    lines += [
        f"{row.n_tokens:5} tokens  {row.output:24}  largest difference {row.difference:.2e} (of {row.magnitude:.2e})"
        for row in comparison.outputs
    ]
    tensors = comparison.tensors
    lines += ["", f"{tensors.n_equal} tensors are the same"]
    lines += [f"only in A: {name}" for name in tensors.only_a]
    lines += [f"only in B: {name}" for name in tensors.only_b]
    lines += [f"other shape: {name}: {a} and {b}" for name, (a, b) in tensors.shapes.items()]
    lines += [f"other values: {name}: by up to {value:.2e}" for name, value in tensors.values.items()]
    return lines


def _show(lines: list[str]) -> None:
    """Write lines to standard output: they are what was asked for."""
    from bigbird_cli.messages import visible

    for line in lines:
        print(visible(line))
