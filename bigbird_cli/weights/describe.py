"""What a model on the disk is, and where two of them differ."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.heads import HEADS
from bigbird_cli.bigbird.names import PREFIX
from bigbird_cli.errors import ModelError
from bigbird_cli.files.paths import model_file_errors
from bigbird_cli.weights import formats
from bigbird_cli.weights.formats.pickled import PickleIO
from bigbird_cli.weights.sources import Source, open_source


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as its file has it: the file's own name, its shape and the type it is stored in."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Inspection:
    """What a path holds.

    Attributes:
        path: the file, checkpoint or folder read.
        format: what wrote it.
        tensors: in the file's order.
        n_parameters: numbers in them, buffers and the optimiser's left out where the model is known.
        kind: what the model was found to be, or why none was found.
        config: its settings as a BigBird; None where it is not known.
        model_class: the class that opens it.
        used, unused: what a conversion would make of the tensors, as in ConversionReport.
        notes: whatever else was found.
    """

    path: Path
    format: str
    tensors: tuple[StoredTensor, ...]
    n_parameters: int
    kind: str
    config: BigBirdConfig | None = None
    model_class: str | None = None
    used: dict[str, str] | None = None
    unused: dict[str, str] | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        content = asdict(self) | {"path": str(self.path), "tensors": [asdict(tensor) for tensor in self.tensors]}
        return content | {"config": None if self.config is None else self.config.to_dict()}


@model_file_errors()
def inspect_model(
    path: str | Path, *, config: str | Path | None = None, pickle_io: PickleIO | None = None
) -> Inspection:
    """Look at weights of any format; the model behind them need not be one that can be converted.

    Args:
        path: as in `formats.detect`.
        config: a config.json in place of its own.
        pickle_io: reads a pickle; an error where one is met and it is None.

    Raises:
        ModelError: there are no weights that can be read.
    """
    found = formats.detect(path)
    stored = formats.read_stored(found, pickle_io=pickle_io)
    types = formats.stored_types(found, pickle_io=pickle_io)
    tensors = tuple(
        StoredTensor(name, tuple(array.shape), types.get(name, array.dtype.name)) for name, array in stored.items()
    )
    n_stored = sum(array.size for array in stored.values())
    del stored
    title = formats.FORMATS[found.format].title
    others = tuple(f"{name} beside it was not read" for name in found.passed_over)
    try:
        source = open_source(path, config=config, pickle_io=pickle_io)
    except ModelError as error:
        return Inspection(
            found.path, title, tensors, n_stored, f"no model that can be converted: {error}", notes=others
        )
    return Inspection(
        path=found.path,
        format=title,
        tensors=tensors,
        n_parameters=sum(array.size for array in source.tensors.values()),
        kind=source.title,
        config=source.config,
        model_class=HEADS[source.head].class_name,
        used=source.used,
        unused=source.unused,
        notes=(*others, *source.notes),
    )


@dataclass(frozen=True)
class TensorDifferences:
    """How the tensors of two models differ, by our names without a prefix.

    Attributes:
        only_a, only_b: names that one of them lacks.
        shapes: name -> both shapes, where these differ.
        values: name -> largest difference, where shapes agree and values do not.
        n_equal: tensors that are the same, number for number.
    """

    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    values: dict[str, float]
    n_equal: int


def tensor_differences(a: Source, b: Source) -> TensorDifferences:
    """Compare two models tensor by tensor."""
    of_a, of_b = ({name.removeprefix(PREFIX): array for name, array in source.tensors.items()} for source in (a, b))
    both = [name for name in of_a if name in of_b]
    shapes = {name: (of_a[name].shape, of_b[name].shape) for name in both if of_a[name].shape != of_b[name].shape}
    values = {}
    for name in both:
        if name not in shapes and not np.array_equal(of_a[name], of_b[name]):
            values[name] = float(np.abs(of_a[name].astype(np.float64) - of_b[name]).max())
    return TensorDifferences(
        only_a=tuple(name for name in of_a if name not in of_b),
        only_b=tuple(name for name in of_b if name not in of_a),
        shapes=shapes,
        values=values,
        n_equal=len(both) - len(shapes) - len(values),
    )


@dataclass(frozen=True)
class OutputDifference:
    """How far one output of two models differs on the same ids.

    Attributes:
        n_tokens: of the text.
        output: its name.
        difference: the largest absolute one.
        magnitude: the largest absolute value that the first model gave.
    """

    n_tokens: int
    output: str
    difference: float
    magnitude: float


@dataclass(frozen=True)
class Comparison:
    """What two models give for the same texts, and where their tensors differ."""

    a: str
    b: str
    outputs: tuple[OutputDifference, ...]
    tensors: TensorDifferences
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return asdict(self)


def output_differences(
    n_tokens: int, of_a: dict[str, np.ndarray], of_b: dict[str, np.ndarray]
) -> Iterator[OutputDifference]:
    """Compare what two models returned, output by output."""
    for name in of_a:
        if name in of_b and of_a[name].shape == of_b[name].shape:
            difference = np.abs(of_a[name].astype(np.float64) - of_b[name]).max()
            yield OutputDifference(n_tokens, name, float(difference), float(np.abs(of_a[name]).max()))
