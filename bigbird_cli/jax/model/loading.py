"""Model folders into trees of parameters, and back. Names here are a tree's keys joined by `/`."""

import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.names import FLAX_TO_BIGBIRD, SHARED_BIAS, count_layers, expand, is_kernel
from bigbird_cli.errors import NewWeightsWarning
from bigbird_cli.weights import formats
from bigbird_cli.weights.contract import Shape
from bigbird_cli.weights.fitting import fit
from bigbird_cli.weights.formats.flax import from_flax, to_flax
from bigbird_cli.weights.store import check_layers, read_tensors, unwrapped, write_model

_FLAX: Final = formats.FORMATS["flax"]


class Loaded(NamedTuple):
    """What a folder's weights gave."""

    arrays: dict[str, np.ndarray]
    new: list[str]
    """Parameters that start anew, by transformers' names."""


def load_arrays(
    folder: Path,
    shapes: Mapping[str, Shape],
    *,
    config: BigBirdConfig,
    saved_config: BigBirdConfig,
    prefix: str,
    label_parameters: Collection[str],
    from_pt: bool,
    trained: bool = False,
    ignore_mismatched_sizes: bool = False,
) -> Loaded:
    """Read a folder's weights, Flax's where there are any; what the head lacks is named in a warning.

    Args:
        folder: a model folder.
        shapes: name -> shape of each parameter.
        from_pt: read PyTorch's weights even where Flax's stand beside them.
        config, saved_config, prefix, label_parameters, trained, ignore_mismatched_sizes: see `weights.fitting.fit`.

    Raises:
        ModelError: no weights, an encoder tensor that is missing, or one of the wrong shape.
    """
    where, own = str(folder), {}
    if has_flax_weights(folder) and not from_pt:
        stored = formats.read_stored(formats.Found("flax", folder, folder))
        known = expand(FLAX_TO_BIGBIRD, count_layers(stored))
        own = {name: stored.pop(name) for name in [*stored] if name in shapes and name not in known}
        tensors, _, _ = from_flax(stored)
    else:
        tensors = unwrapped(read_tensors(folder), where=where)
    check_layers(config.num_hidden_layers, len(tensors), where=where)
    fitted = fit(
        tensors,
        turned(shapes, config),
        config=config,
        prefix=prefix,
        label_parameters=label_parameters,
        where=where,
        trained=trained,
        saved_config=saved_config,
        ignore_mismatched_sizes=ignore_mismatched_sizes,
    )
    notes = fitted.notes(why_mismatched="another shape" if ignore_mismatched_sizes else "other labels")
    if notes:
        warnings.warn(f"{where}: {notes}", NewWeightsWarning, stacklevel=4)
    return Loaded({**to_flax(fitted.tensors), **own}, fitted.new)


def save_arrays(folder: Path, arrays: Mapping[str, np.ndarray], config: BigBirdConfig, *, as_flax: bool) -> None:
    """Write config.json and the weights, as Flax's or with the names of the PyTorch classes."""
    if as_flax:
        write_model(folder, config=config, tensors=arrays, weights=_FLAX.weights, write=_FLAX.write)
        return
    tensors, _, _ = from_flax(dict(arrays))
    if not config.tie_word_embeddings:
        tensors |= {twin: tensors[home] for twin, home in SHARED_BIAS.items() if home in tensors}
    write_model(folder, config=config, tensors=tensors)


def has_flax_weights(folder: Path) -> bool:
    """Whether a folder holds weights of Flax, whole or in shards."""
    return any((folder / name).is_file() for name in (_FLAX.weights, f"{_FLAX.weights}.index.json"))


def turned(shapes: Mapping[str, Shape], config: BigBirdConfig) -> dict[str, Shape]:
    """Shapes of parameters by transformers' names and in its layouts, where a matrix is (out, in).

    A user's own module may have more, which are left out.
    """
    names = expand(FLAX_TO_BIGBIRD, config.num_hidden_layers)
    return {
        names[name]: tuple(shape[::-1] if is_kernel(name) else shape) for name, shape in shapes.items() if name in names
    }
