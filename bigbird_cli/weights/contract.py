"""What a model asks of its tensors: that they are there, of its shapes, finite, and tied as its config says."""

from collections.abc import Container, Mapping
from typing import Final

import numpy as np

from bigbird_cli.bigbird.names import TIED, name_among
from bigbird_cli.errors import ModelError
from bigbird_cli.files.names import CONFIG

FETCH_AGAIN: Final = "fetch the model again"

Shape = tuple[int, ...]


def check_present(
    wanted: Mapping[str, Shape | None], present: Container[str], *, where: str = "", fix: str = FETCH_AGAIN
) -> None:
    """ModelError for the first of these tensors that is missing, with the number of the others.

    Args:
        wanted: name -> shape, or None where it is not known.
        present: the names that are there.
        where: the file or folder.
        fix: what to do.
    """
    if missing := [name for name in wanted if name not in present]:
        name, shape = missing[0], wanted[missing[0]]
        first = name if shape is None else f"{name} {shape}"
        others = f", and {len(missing) - 1} more" if missing[1:] else ""
        raise ModelError(f"the tensor {first} is missing{others}", where=where, fix=fix)


def misshapen(
    name: str, shape: Shape, wanted: Shape, *, where: str = "", asker: str = "the config asks", fix: str = FETCH_AGAIN
) -> ModelError:
    """The error for a tensor of another shape than `asker` for."""
    return ModelError(f"the tensor {name} has the shape {shape} where {asker} for {wanted}", where=where, fix=fix)


def check_finite(name: str, array: np.ndarray, *, where: str) -> None:
    """ModelError where a tensor of real numbers holds one that is not finite."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ModelError(f"the tensor {name} holds values that are not finite", where=where, fix=FETCH_AGAIN)


def tied_to(name: str, tensors: Mapping[str, np.ndarray], *, where: str) -> str | None:
    """The tensor that this one is tied to, where both are there; None where they are not.

    Args:
        name: a second name of a parameter, or any other.
        tensors: a file's, with or without a prefix, of a model whose config ties them.
        where: the file, for the error.

    Raises:
        ModelError: they differ.
    """
    home = name_among(TIED.get(name, ""), tensors)
    if name not in tensors or home not in tensors:
        return None
    if not np.array_equal(tensors[name], tensors[home]):
        raise ModelError(
            f"{name} differs from {home}, which it is tied to by the config",
            where=where,
            fix=f"set tie_word_embeddings to false in its {CONFIG}",
        )
    return home
