"""A model on the disk, of any kind and format, as a BigBird in memory, with an account of every tensor it had."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from bigbird_cli.bigbird.config import MODEL_TYPE, BigBirdConfig, model_type_of, no_model_type
from bigbird_cli.bigbird.heads import HEADS
from bigbird_cli.bigbird.names import (
    POOLER,
    POSITIONS,
    PREFIX,
    TIED,
    count_layers,
    expected_names,
    head_of,
    name_among,
    prefix_of,
    wrapper_of,
)
from bigbird_cli.errors import ModelError
from bigbird_cli.files.json import read_json_object
from bigbird_cli.files.names import CARD, COMPANIONS, CONFIG
from bigbird_cli.files.paths import model_file_errors
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, has_tokenizer
from bigbird_cli.weights import formats
from bigbird_cli.weights.bert import bert_to_bigbird
from bigbird_cli.weights.contract import Shape, check_finite, check_present, misshapen, tied_to
from bigbird_cli.weights.formats import Renamed
from bigbird_cli.weights.formats.pickled import PickleIO
from bigbird_cli.weights.store import check_layers

ATTENTION_SETTINGS: Final = ("attention_type", "block_size", "num_random_blocks", "num_window_blocks", "pattern")
"""What decides which tokens a token attends to."""

_HEAD_WIDTH: Final = 64
"""Of every published BigBird; shapes do not tell it."""


@dataclass(frozen=True)
class Source:
    """A BigBird in memory and where it came from.

    Attributes:
        title: what the source was found to be, for the reader.
        found: its path and format.
        config: the model's settings, with the source's positions.
        head: one of bigbird.heads.HEADS.
        tensors: name -> array, by transformers' names.
        used: source tensor -> the tensor it became.
        unused: source tensor -> why it was left behind. Every source tensor stands in `used` or here.
        initialised: parameters of the class that the source has none of; whoever opens the model gets new ones.
        is_new: made of an encoder of another kind, so that it has heads to train.
        tokenizer: where it had to be read; else its files stand in `companions`.
        companions: files that belong to the model.
        notes: what was done besides, for the reader.
    """

    title: str
    found: formats.Found
    config: BigBirdConfig
    head: str
    tensors: dict[str, np.ndarray]
    used: dict[str, str]
    unused: dict[str, str]
    initialised: tuple[str, ...] = ()
    is_new: bool = False
    tokenizer: Tokenizer | None = None
    companions: dict[str, bytes] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def described(self) -> str:
        """Kind, format and path, for the reader."""
        return f"{self.title} in {formats.FORMATS[self.found.format].title} ({self.found.path})"

    @property
    def positions(self) -> str:
        """The name of the position table among `tensors`."""
        return name_among(POSITIONS, self.tensors)


@model_file_errors()
def open_source(path: str | Path, *, config: str | Path | None = None, pickle_io: PickleIO | None = None) -> Source:
    """Read a model of any kind and format.

    Args:
        path: as in `formats.detect`.
        config: a config.json in place of the source's own.
        pickle_io: reads a pickle; an error where one is met and it is None.

    Raises:
        ModelError: nothing that can be read, a kind of model that no BigBird can be made of, or a tensor that is
            unknown, missing, misshapen or not finite; the error names it.
    """
    found = formats.detect(path)
    settings, from_where = _settings(found, config)
    named = formats.read(found, pickle_io=pickle_io)
    if settings is not None:
        check_layers(settings.get("num_hidden_layers", 0), len(named.tensors), where=str(from_where))
    named, wrapper = _unwrapped(named)
    if settings is not None:
        kind = model_type_of(settings)
        if kind is None:
            raise ModelError(no_model_type().problem, where=str(from_where), fix=no_model_type().fix)
        if kind != MODEL_TYPE:
            source = _from_encoder(found, settings | {"model_type": kind}, named)
            return replace(source, notes=(*wrapper, *source.notes))
    notes = [*wrapper]
    notes += [f"{name} beside it was not read" for name in found.passed_over]
    if settings is None:
        model_config = _from_shapes(named.tensors, where=found.path)
        notes.append(
            f"there is no config.json: sizes are the tensors', {model_config.num_attention_heads} heads of "
            f"{_HEAD_WIDTH} and all other settings BigBird's defaults; --config FILE says otherwise"
        )
    else:
        model_config = _checked_config(settings, where=from_where)
    return _from_bigbird(found, model_config, named, notes)


def _unwrapped(named: Renamed) -> tuple[Renamed, list[str]]:
    """The tensors without what a wrapper put before every name, and a note of it."""
    prefix = wrapper_of(named.tensors)
    if not prefix:
        return named, []
    bare = named.renamed({name: name.removeprefix(prefix) for name in named.tensors})
    return bare, [f"{prefix!r} before every name was taken off"]


# where settings come from


def _settings(found: formats.Found, config: str | Path | None) -> tuple[dict[str, Any] | None, Path]:
    path = Path(config) if config is not None else found.folder / CONFIG
    if config is not None and path.is_dir():
        path = path / CONFIG
    if not path.is_file():
        if config is not None:
            raise ModelError("there is no such file", where=str(path), fix="name a config.json with --config")
        if found.format not in ("tensorflow", "flax"):
            raise ModelError(f"there is no {CONFIG}", where=str(found.folder), fix="name one with --config FILE")
        return None, path
    return read_json_object(path), path


def _checked_config(settings: Mapping[str, Any], *, where: Path) -> BigBirdConfig:
    try:
        return BigBirdConfig.from_dict(settings)
    except ModelError as error:
        raise ModelError(error.problem, where=str(where), fix=error.fix) from error


def _from_shapes(tensors: Mapping[str, np.ndarray], *, where: Path) -> BigBirdConfig:
    """The settings that shapes tell, over BigBird's defaults."""
    shapes = {name.removeprefix(PREFIX): array.shape for name, array in tensors.items()}

    def rows(name: str) -> int:
        if len(shapes.get(name, ())) < 1:
            raise ModelError(f"the tensor {name} is missing", where=str(where), fix="name a BigBird's checkpoint")
        return int(shapes[name][0])

    width = rows("embeddings.LayerNorm.weight")
    if width % _HEAD_WIDTH:
        raise ModelError(
            f"the model is {width} wide, which is no number of heads of {_HEAD_WIDTH}",
            where=str(where),
            fix="name a config.json that says num_attention_heads with --config FILE",
        )
    n_labels = rows("classifier.out_proj.bias") if "classifier.out_proj.bias" in shapes else None
    if n_labels is None and "classifier.bias" in shapes:
        n_labels = rows("classifier.bias")
    return BigBirdConfig(
        vocab_size=rows("embeddings.word_embeddings.weight"),
        hidden_size=width,
        num_hidden_layers=count_layers(shapes),
        num_attention_heads=width // _HEAD_WIDTH,
        intermediate_size=rows("encoder.layer.0.intermediate.dense.bias"),
        max_position_embeddings=rows(POSITIONS),
        type_vocab_size=rows("embeddings.token_type_embeddings.weight"),
        use_bias="encoder.layer.0.attention.self.query.bias" in shapes,
        num_labels=n_labels,
    )


# what becomes of the tensors


def _from_bigbird(found: formats.Found, config: BigBirdConfig, named: Renamed, notes: list[str]) -> Source:
    """The model as it is: names, values and types stay."""
    if config.tie_word_embeddings:
        only_second = {
            second: own
            for second, own in TIED.items()
            if second in named.tensors and name_among(own, named.tensors) not in named.tensors
        }
        named = named.renamed(only_second)
        notes += [f"{second} is {own}, which it is tied to" for second, own in only_second.items()]
    where = str(found.path)
    shapes = {name: array.shape for name, array in named.tensors.items()}
    head = head_of(shapes, config.architectures[0] if config.architectures else None)
    spec, prefix = HEADS[head], prefix_of(shapes)
    encoder = {prefix + name: shape for name, shape in expected_names(config, "none").items()}
    of_head = {name: shape for name, shape in expected_names(config, head).items() if name in spec.parameters}
    left_behind = _check(named.tensors, encoder | of_head, config, head=head, where=where)
    pooler = [prefix + name for name in POOLER]
    check_present({name: encoder[name] for name in encoder if name not in pooler}, shapes, where=where)
    check_present({name: of_head[name] for name in of_head if name not in TIED}, shapes, where=where)
    if not has_tokenizer(found.folder):
        notes.append("there is no tokenizer beside the weights: copy its spiece.model or tokenizer.json yourself")
    named = named.without(left_behind)
    return Source(
        title=f"BigBird ({spec.class_name})",
        found=found,
        config=config.replace(architectures=[spec.class_name]),
        head=head,
        tensors=named.tensors,
        used=named.used,
        unused=named.unused,
        initialised=tuple(name for name in pooler if spec.uses_pooler and name not in shapes),
        companions={
            name: (found.folder / name).read_bytes() for name in (*COMPANIONS, CARD) if (found.folder / name).is_file()
        },
        notes=tuple(notes),
    )


def _check(
    tensors: Mapping[str, np.ndarray], wanted: Mapping[str, Shape], config: BigBirdConfig, *, head: str, where: str
) -> dict[str, str]:
    """The tensors that are left behind, each with the reason.

    Raises:
        ModelError: one of the others is unknown, misshapen or not finite.
    """
    reasons: dict[str, str] = {}
    for name, array in tensors.items():
        reason = _why_left_behind(name, tensors, config, where=where)
        if reason is not None:
            reasons[name] = reason
        elif name not in wanted and not name.startswith(_ENCODER_PARTS):
            reasons[name] = f"belongs to no head of {HEADS[head].class_name}"
        elif name not in wanted:
            raise ModelError(
                f"the tensor {name} is no parameter of a BigBird of {config.num_hidden_layers} layers",
                where=where,
                fix=f"correct {CONFIG}, or name a BigBird",
            )
        elif array.shape != wanted[name]:
            fix = f"correct {CONFIG}, or fetch the model again"
            raise misshapen(name, array.shape, wanted[name], where=where, fix=fix)
        else:
            check_finite(name, array, where=where)
    return reasons


_ENCODER_PARTS: Final = (PREFIX, "embeddings.", "encoder.", "pooler.")


def _why_left_behind(name: str, tensors: Mapping[str, np.ndarray], config: BigBirdConfig, *, where: str) -> str | None:
    """Why a tensor is no parameter by itself; None where it is one."""
    if name.removeprefix(PREFIX) in ("embeddings.position_ids", "embeddings.token_type_ids"):
        return "a buffer that counts positions, made anew"
    if not config.tie_word_embeddings:
        return None
    own = tied_to(name, tensors, where=where)
    return None if own is None else f"is {own}, under a second name"


def _from_encoder(found: formats.Found, settings: dict[str, Any], named: Renamed) -> Source:
    start = bert_to_bigbird(settings, named.tensors, folder=found.folder)
    accounted = named.without(start.unused).renamed(start.used)
    new = [name for name in POOLER if name not in start.tensors]
    new += [name for head in ("span", "masked_lm") for name in HEADS[head].parameters if name not in TIED]
    return Source(
        title=f"{start.title} encoder",
        found=found,
        config=start.config,
        head="none",
        tensors=start.tensors,
        used=accounted.used,
        unused=accounted.unused,
        initialised=tuple(new),
        is_new=True,
        tokenizer=start.tokenizer,
        notes=start.notes,
    )
