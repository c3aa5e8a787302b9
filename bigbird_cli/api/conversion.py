"""`bigbird convert` as plain Python calls: convert, look into, and compare models."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from bigbird_cli.backend import open_backend, open_graphs, open_pickles
from bigbird_cli.bigbird.heads import HEADS
from bigbird_cli.choices import Positions, WeightsFormat, WeightsType
from bigbird_cli.errors import ModelError
from bigbird_cli.files.names import GRAPH, TASK
from bigbird_cli.files.paths import is_local, local_path
from bigbird_cli.weights import describe
from bigbird_cli.weights.convert import ONNX, ConversionReport, convert_model
from bigbird_cli.weights.describe import Comparison, Inspection, OutputDifference
from bigbird_cli.weights.sources import ATTENTION_SETTINGS, Source, open_source
from bigbird_cli.weights.store import CONVERTIBLE, find_folder

AGREEMENT: Final = 1e-4
"""How far a graph's outputs may be from PyTorch's, as a share of the largest of them where that is above 1."""


def convert(
    source: str | Path,
    out: str | Path,
    *,
    to: WeightsFormat = "safetensors",
    dtype: WeightsType | None = None,
    max_positions: int | None = None,
    positions: Positions = "tile",
    block_size: int | None = None,
    random_blocks: int | None = None,
    config: str | Path | None = None,
    offline: bool = False,
    revision: str | None = None,
) -> ConversionReport:
    """Make a BigBird folder of a model of another kind, format, length or precision; see `weights.convert`.

    The source may be a name on the hub too, at a `revision`: its safetensors, or .bin, or Flax weights are fetched.

    A graph, to="onnx", is run beside PyTorch at lengths of every kind where that is installed; a note of the report
    tells the largest difference.

    Raises:
        ModelError: beside what `convert_model` raises, a graph in float32 that differs.
    """
    report = convert_model(
        _weights_path(source, offline=offline, revision=revision),
        local_path(out),
        to=to,
        dtype=dtype,
        max_positions=max_positions,
        positions=positions,
        block_size=block_size,
        num_random_blocks=random_blocks,
        config=config,
        pickle_io=open_pickles(),
        graph_io=open_graphs() if to == ONNX else None,
    )
    if to != ONNX:
        return report
    notes = [*report.notes, _compare_graph(report.out, in_8_bits=dtype == "int8")]
    if dtype == "int8" and (report.out / TASK).is_file():
        notes.append(
            f"what 8 bits cost: bigbird evaluate {report.out} DATA --backend onnx --quantize int8, and without"
        )
    return replace(report, notes=tuple(notes))


def _compare_graph(folder: Path, *, in_8_bits: bool) -> str:
    """A line about how a folder's graph differs from PyTorch, run on padded pairs of documents of many lengths."""
    if find_spec("torch") is None:
        return f"{GRAPH} was not compared with PyTorch, which is not installed"
    model = open_source(folder)
    config, most = model.config, model.config.max_position_embeddings
    block, limit = config.block_size, config.full_attention_limit
    lengths = sorted({n for n in (1, block - 1, block, limit - 1, limit + 1, 1024, 2047, most) if 1 <= n <= most})
    largest = magnitude = 0.0
    for n_tokens in lengths:
        inputs = _two_documents(model, n_tokens)
        found = open_graphs().run_graph(folder / GRAPH, inputs)
        head = "none" if "last_hidden_state" in found else model.head
        for row, own in enumerate((n_tokens, max(1, n_tokens // 2))):
            ids = inputs["input_ids"][row : row + 1].reshape(1, -1)[:, :own]
            wanted = open_backend().probe(config, model.tensors, ids, head=head, where=str(folder))
            for name in found.keys() & wanted.keys():
                one, want = found[name][row], wanted[name][0]
                one = one[:own] if one.shape != want.shape else one
                largest = max(largest, float(np.abs(one - want).max()))
                magnitude = max(magnitude, float(np.abs(want).max()))
    if not in_8_bits and largest > AGREEMENT * max(1.0, magnitude):
        raise ModelError(f"the graph differs from PyTorch by {largest:.1e}", where=str(folder / GRAPH))
    at = ", ".join(map(str, lengths))
    return f"{GRAPH} differs from PyTorch by {largest:.1e} at most (of {magnitude:.1f}), at {at} tokens"


def _two_documents(model: Source, n_tokens: int) -> dict[str, np.ndarray]:
    """A document of so many tokens, and one half as long beside it, as a graph takes them."""
    mask = np.arange(n_tokens) < np.array([[n_tokens], [max(1, n_tokens // 2)]])
    ids = np.random.default_rng(0).integers(0, model.config.vocab_size, mask.shape)
    ids[~mask] = model.config.pad_token_id or 0
    types = np.zeros_like(ids)
    if model.head == "span" and model.config.sep_token_id is not None:  # what follows the question, as the class tells
        types = (np.arange(n_tokens) > (ids == model.config.sep_token_id).argmax(axis=1)[:, None]).astype(np.int64)
    arrays = {"input_ids": ids, "attention_mask": mask.astype(np.int64), "token_type_ids": types}
    return {name: array[:, None] if HEADS[model.head].reads_choices else array for name, array in arrays.items()}


def inspect_model(
    path: str | Path, *, config: str | Path | None = None, offline: bool = False, revision: str | None = None
) -> Inspection:
    """Look at the weights of a model of any kind and format; see `weights.describe.inspect_model`."""
    found = _weights_path(path, offline=offline, revision=revision)
    return describe.inspect_model(found, config=config, pickle_io=open_pickles())


def compare_models(
    a: str | Path,
    b: str | Path,
    *,
    config: str | Path | None = None,
    offline: bool = False,
    seed: int = 0,
    backend: str = "pytorch",
) -> Comparison:
    """Run two models of any kind and format on the same ids, a short text and a long one, and compare their tensors.

    Both read with the first one's attention: its blocks and its pattern. An encoder of another kind is run as the
    BigBird that it would become. Where the heads differ, the encoders are compared.

    Args:
        a, b: as the source of `convert`.
        config: a config.json in place of a's own.
        offline: never ask the network.
        seed: of the ids.
        backend: the framework that computes.

    Raises:
        ModelError: one of them cannot be opened, or they are too different to read the same ids.
        ResourceError: memory did not suffice.
    """
    left = open_source(_weights_path(a, offline=offline), config=config, pickle_io=open_pickles())
    right = open_source(_weights_path(b, offline=offline), pickle_io=open_pickles())
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


def _weights_path(name: str | Path, *, offline: bool, revision: str | None = None) -> Path:
    """Where a source stands: a path as it is, else the folder of a shipped model or of the hub's."""
    if is_local(name) or is_local(f"{name}.index"):  # the prefix of a TensorFlow checkpoint is no file itself
        return local_path(name)
    return find_folder(name, offline=offline, revision=revision, weights=CONVERTIBLE)
