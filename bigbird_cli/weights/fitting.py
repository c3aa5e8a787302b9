"""A checkpoint's tensors made to fit a model's parameters, whatever the framework."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.names import POSITIONS, SHARED_BIAS, TIED, TOKEN_TYPES, name_among
from bigbird_cli.bigbird.positions import tiled
from bigbird_cli.errors import ModelError
from bigbird_cli.weights.contract import Shape, check_present, misshapen, tied_to

ENCODER_PARTS = ("embeddings.", "encoder.")
"""Parameters that a checkpoint must have; all others can be trained anew."""


@dataclass(frozen=True)
class Fitted:
    """What became of the tensors of a checkpoint, by the model's names."""

    tensors: dict[str, np.ndarray]
    """Those that the model takes over, in its order and shapes, and in the checkpoint's types."""
    new: list[str]
    """Those that start anew, in the model's order: the missing and the mismatched ones."""
    missing: list[str]
    """Those that the checkpoint lacks."""
    unused: list[str]
    """Those that the model does not have."""
    mismatched: list[tuple[str, list[int], list[int]]]
    """Those of another shape, each with the checkpoint's and the model's."""

    def notes(self, *, why_mismatched: str) -> str:
        """What a user should know of it, in a line; empty where all went over."""
        outdated = [name for name, *_ in self.mismatched]
        notes = [f"not in the checkpoint and new: {_enumerate(self.missing)}"] if self.missing else []
        notes += [f"of {why_mismatched} and new: {_enumerate(outdated)}"] if outdated else []
        notes += [f"in the checkpoint and not used: {_enumerate(self.unused)}"] if self.unused else []
        return "; ".join(notes)


def fit(
    tensors: Mapping[str, np.ndarray],
    wanted: Mapping[str, Shape],
    *,
    config: BigBirdConfig,
    prefix: str,
    label_parameters: Collection[str],
    where: str,
    trained: bool = False,
    saved_config: BigBirdConfig | None = None,
    ignore_mismatched_sizes: bool = False,
) -> Fitted:
    """Choose among a checkpoint's tensors for the parameters of a model.

    Args:
        tensors: arrays by Hugging Face's names, the encoder's with or without `bert.` before them.
        wanted: name -> shape of each of the model's parameters.
        config: the model's.
        prefix: what stands before the encoder's names in `wanted`.
        label_parameters: those that have a row a label.
        where: the checkpoint, for errors.
        trained: a missing tensor of the head is an error too.
        saved_config: what the checkpoint's own config says, where the model's may ask for more positions or other
            labels.
        ignore_mismatched_sizes: take a tensor of the head of another shape for a missing one.

    Raises:
        ModelError: an encoder tensor is missing, or any tensor has another shape than the config asks for.
    """
    encoder = {name: wanted[name] for name in wanted if name.removeprefix(prefix).startswith(ENCODER_PARTS)}
    found = {name_among(name, wanted): array for name, array in tensors.items()}
    unused = sorted(name for name in found.keys() - wanted.keys() if name not in TIED)
    _join_second_names(found, wanted, is_tied=config.tie_word_embeddings, where=where)
    if saved_config is not None:
        _extend(found, config, saved_config, prefix=prefix)
    misfits = [name for name in wanted if name in found and found[name].shape != wanted[name]]
    outdated = [
        name
        for name in misfits
        if (ignore_mismatched_sizes and name not in encoder)
        or (saved_config and saved_config.num_labels != config.num_labels and name in label_parameters)
    ]
    mismatched = [(name, list(found.pop(name).shape), list(wanted[name])) for name in outdated]
    check_present(
        encoder,
        found,
        where=where,
        fix="it may be another kind of model, or have more layers in its config than weights",
    )
    new = [name for name in wanted if name not in found]
    if new and trained:
        raise ModelError(
            f"the checkpoint lacks {_enumerate(new)}: this head was never trained",
            where=where,
            fix="train it with bigbird finetune, or name a model that has it",
        )
    for name in misfits:
        if name in found:
            fix = "ask for the size that it has, or correct its config.json"
            raise misshapen(name, found[name].shape, wanted[name], where=where, fix=fix)
    return Fitted(
        tensors={name: found[name] for name in wanted if name in found},
        new=new,
        missing=[name for name in new if name not in outdated],
        unused=unused,
        mismatched=mismatched,
    )


def _join_second_names(found: dict[str, np.ndarray], wanted: Mapping[str, Shape], *, is_tied: bool, where: str) -> None:
    """Bring together what a checkpoint holds under the two names of one parameter."""
    if not is_tied:
        found |= {home: found[second] for second, home in SHARED_BIAS.items() if second in found}
        return
    for second, home in TIED.items():
        own = name_among(home, wanted)
        if second in found and own in wanted and own not in found:
            found[own] = found[second]  # some writers keep the second name only
        if home in wanted:
            tied_to(second, found, where=where)


def _extend(found: dict[str, np.ndarray], config: BigBirdConfig, saved: BigBirdConfig, *, prefix: str) -> None:
    """Lengthen the tables of which the model's config asks for more rows than the checkpoint's.

    Position vectors are repeated; a token type that the checkpoint lacks begins as type 0, which all tokens of a single
    text have.
    """
    name, n_saved, n_wanted = prefix + POSITIONS, saved.max_position_embeddings, config.max_position_embeddings
    if n_saved < n_wanted and name in found and len(found[name]) == n_saved:
        found[name] = tiled(found[name], n_wanted)
    name, n_saved, n_wanted = prefix + TOKEN_TYPES, saved.type_vocab_size, config.type_vocab_size
    if n_saved < n_wanted and name in found and len(found[name]) == n_saved:
        found[name] = np.concatenate([found[name], np.repeat(found[name][:1], n_wanted - n_saved, axis=0)])


def _enumerate(names: Iterable[str], most: int = 4) -> str:
    names = list(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
