"""What a BigBird is built from, and the config.json that says so."""

import dataclasses
import functools
import importlib
import inspect
import json
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Self, TypeVar

from bigbird_cli.bigbird.families import FAMILIES
from bigbird_cli.bigbird.pattern import VARIANTS, WINDOW_BLOCKS, fewest_blocks
from bigbird_cli.bounds import LABELS, LAYERS, TOKEN_ID, TOKENS, VOCABULARY, WIDTH, Bounds
from bigbird_cli.errors import BigBirdWarning, ModelError, nearest
from bigbird_cli.files.hub import hub_options
from bigbird_cli.files.json import read_json_object
from bigbird_cli.files.names import CONFIG
from bigbird_cli.files.whole import replace_file

MODEL_TYPE: Final = "big_bird"
ATTENTION_TYPES: Final = ("block_sparse", "original_full")
PROBLEM_TYPES: Final = ("regression", "single_label_classification", "multi_label_classification")

SHARED_SETTINGS: Final[dict[str, Any]] = {
    "output_attentions": False,
    "output_hidden_states": False,
    "return_dict": True,
    "is_encoder_decoder": False,
    "name_or_path": "",
    "torch_dtype": None,
    "dtype": None,
    "gradient_checkpointing": False,
    "position_embedding_type": "absolute",
    "transformers_version": None,
    "finetuning_task": None,
    "task_specific_params": None,
    "decoder_start_token_id": None,
    "mask_token_id": None,
    "cls_token_id": None,
}
"""Settings that Hugging Face's configurations of every kind have, with their defaults; `extra` keeps them."""

_Config = TypeVar("_Config", bound="type[BigBirdConfig]")


def _taking_extra(config: _Config) -> _Config:
    """Let a config be called with settings of others, which go to `extra`; a slip of the pen is no such setting."""
    build: Any = config.__init__

    @functools.wraps(build)
    def __init__(self: Any, *values: Any, extra: Mapping[str, Any] | None = None, **settings: Any) -> None:
        _need_bigbird(settings.pop("model_type", MODEL_TYPE))
        others = {name: settings.pop(name) for name in list(settings) if name not in _FIELDS}
        for name in others:
            if name not in SHARED_SETTINGS and (near := nearest(name, _FIELDS)):
                raise ModelError(f"the model has no setting {name!r}", fix=f"did you mean {near!r}?")
        if unread := sorted(others.keys() - SHARED_SETTINGS.keys()):
            message = f"kept in the config, but no BigBird reads it: {', '.join(unread)}"
            warnings.warn(message, BigBirdWarning, stacklevel=2)
        build(self, *values, **settings, extra={**(extra or {}), **others})

    documented = inspect.signature(build)
    others = inspect.Parameter("others", inspect.Parameter.VAR_KEYWORD)
    __init__.__signature__ = documented.replace(parameters=[*documented.parameters.values(), others])  # type: ignore[attr-defined]
    config.__init__ = __init__  # type: ignore[method-assign]
    return config


@_taking_extra
@dataclass
class BigBirdConfig:
    """The settings of a BigBird model, under Hugging Face's names, in its order and with its defaults.

    Each may be set later: its own value is checked at once, whether it goes with the others when a model is built. A
    model has a copy of its own; what steers a call, such as `use_cache` and `output_attentions`, may be set there.

    Attributes:
        vocab_size: tokens in the vocabulary.
        hidden_size: width of the residual stream; a multiple of num_attention_heads.
        num_hidden_layers: encoder blocks.
        num_attention_heads: heads per block.
        intermediate_size: inner width of the feed-forward halves.
        hidden_act: activation of the feed-forward halves; "gelu_new" is GELU's tanh form, "gelu" the exact one.
        hidden_dropout_prob: dropout after embeddings, attention and feed-forward.
        attention_probs_dropout_prob: dropout of attention weights; full attention only, as in pretraining.
        sparse_attention_dropout_prob: dropout of attention weights in block-sparse attention, which the paper lists
            and no known checkpoint was trained with; a setting of ours.
        max_position_embeddings: the longest input, in tokens.
        type_vocab_size: kinds of token_type_ids.
        initializer_range: standard deviation of new weights.
        layer_norm_eps: added to the variance in every LayerNorm.
        use_cache: kept for Hugging Face's decoder.
        pad_token_id, bos_token_id, eos_token_id, sep_token_id: special tokens. The defaults of bos and eos are swapped
            with regard to BigBird's vocabulary, as in Hugging Face.
        attention_type: "block_sparse", or "original_full" for full attention at every length.
        use_bias: whether query, key and value projections have a bias.
        rescale_embeddings: whether word embeddings are multiplied by the square root of hidden_size.
        block_size: tokens per block of the sparse pattern.
        num_random_blocks: random blocks each query block attends to.
        num_window_blocks: blocks of the window around each query block, itself included; odd; a setting of ours.
        classifier_dropout: dropout of classification heads; hidden_dropout_prob where None.
        is_decoder, add_cross_attention, tie_word_embeddings: as in Hugging Face.
        chunk_size_feed_forward: tokens per call of the feed-forward half; 0 for all at once.
        problem_type: loss of the sequence classifier; None to infer it from the labels.
        num_labels: classes of a classifier; by default as many as id2label has, else 2.
        id2label, label2id: names of the classes; by default LABEL_0, LABEL_1, ...
        architectures: names of the classes that Hugging Face opens the weights with.
        pattern: which random blocks those are, one of bigbird.pattern.VARIANTS; a setting of ours.
        extra: keys of a config.json, and keywords, that are none of the above, kept as they are; attributes too.

    Raises:
        ModelError: a value is of the wrong type or out of range; it names the setting and the value.
    """

    model_type: ClassVar[str] = MODEL_TYPE

    vocab_size: int = 50358
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu_new"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 4096
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    use_cache: bool = True
    pad_token_id: int | None = 0
    bos_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    sep_token_id: int | None = 66
    attention_type: str = "block_sparse"
    use_bias: bool = True
    rescale_embeddings: bool = False
    block_size: int = 64
    num_random_blocks: int = 3
    classifier_dropout: float | None = None
    num_window_blocks: int = WINDOW_BLOCKS
    sparse_attention_dropout_prob: float = 0.0
    is_decoder: bool = False
    add_cross_attention: bool = False
    tie_word_embeddings: bool = True
    chunk_size_feed_forward: int = 0
    problem_type: str | None = None
    num_labels: int | None = None
    id2label: dict[int, str] | None = None
    label2id: dict[str, int] | None = None
    architectures: list[str] | None = None
    pattern: str = "original"
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        vars(self)["extra"] = dict(self.extra)  # its own: each may be set without the other
        for name in _FIELDS:
            check_setting(name, getattr(self, name))
        self._check_together()
        self._fill_labels()

    def __getattr__(self, name: str) -> Any:
        """A setting that `extra` keeps, or that configurations of every kind have."""
        if name in vars(self).get("extra", {}):
            return self.extra[name]
        if name in SHARED_SETTINGS:
            return SHARED_SETTINGS[name]
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if "extra" not in vars(self) or name == "extra" or name.startswith("_"):  # the last of what __init__ sets
            super().__setattr__(name, value)
        elif name in _LABEL_FIELDS:
            relabelled = BigBirdConfig(**{name: value})
            vars(self).update({field: getattr(relabelled, field) for field in _LABEL_FIELDS})
        elif name in _FIELDS:
            check_setting(name, value)
            vars(self)[name] = value
        elif name in vars(type(self)):
            super().__setattr__(name, value)
        else:
            if name not in self.extra and name not in SHARED_SETTINGS and (near := nearest(name, _FIELDS)):
                # no error: code for models of every kind sets what only some have, such as rms_norm_eps
                message = f"the config has no setting {name!r} of its own; did you mean {near!r}?"
                warnings.warn(message, BigBirdWarning, stacklevel=2)
            vars(self)["extra"] = {**self.extra, name: value}  # a shallow copy of this config may share them

    def _check_together(self) -> None:
        window, pad = self.num_window_blocks, self.pad_token_id
        _need("num_window_blocks", window, window % 2 == 1, "odd: a block and its neighbours")
        _need("pad_token_id", pad, pad is None or 0 <= pad < self.vocab_size, f"between 0 and {self.vocab_size - 1}")
        if self.hidden_size % self.num_attention_heads:
            raise ModelError(
                f"hidden_size {self.hidden_size} is no multiple of num_attention_heads {self.num_attention_heads}",
                fix="change one of them",
            )
        if self.pattern != "original" and window != WINDOW_BLOCKS:
            raise ModelError(
                f"pattern {self.pattern!r} copies a model whose window is {WINDOW_BLOCKS} blocks, not {window}",
                fix='set pattern to "original" to choose num_window_blocks',
            )

    def _fill_labels(self) -> None:
        """Make num_labels, id2label and label2id say the same; id2label has the last word, as in Hugging Face."""
        names, ids, count = self.id2label, self.label2id, self.num_labels
        try:
            if names is None and ids is not None:
                names = {int(index): str(name) for name, index in ids.items()}
            if names is None:
                names = {index: f"LABEL_{index}" for index in range(2 if count is None else count)}
            if not all(isinstance(name, str | int) for name in names.values()):
                raise TypeError("a name is no text")
            names = {int(index): str(name) for index, name in names.items()}
            ids = {name: index for index, name in names.items()} if ids is None else {n: int(i) for n, i in ids.items()}
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            raise ModelError(
                f"id2label {self.id2label!r} and label2id {self.label2id!r} do not map class numbers to names",
                fix='write them as {"0": "first", "1": "second"} and the reverse',
            ) from error
        vars(self).update(id2label=names, label2id=ids, num_labels=len(names))

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of their numbers.

        Raises:
            ModelError: there is none, numbers are left out, or a name is empty or stands for two classes.
        """
        names = self.id2label or {}
        if not names or sorted(names) != list(range(len(names))):
            raise ModelError(
                f"id2label has the classes {sorted(names)}, which are not numbered 0, 1, ...",
                fix='write it as {"0": "first", "1": "second"}',
            )
        for name, count in Counter(names.values()).items():
            if count > 1 or not name.strip():
                what = f"names {count} classes {name!r}" if count > 1 else "has a name that is empty"
                raise ModelError(f"id2label {what}", fix="give each class a name of its own")
        return tuple(names[index] for index in range(len(names)))

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def use_return_dict(self) -> bool:
        """Whether models give their outputs by name, where a call does not say."""
        return bool(self.return_dict)

    @property
    def full_attention_limit(self) -> int:
        """Tokens up to which a document takes full attention: the sparse pattern needs more than 5 + 2r blocks.

        The 5 are the window's three and the two ends; a wider window moves the limit.
        """
        return (fewest_blocks(self.num_random_blocks, self.num_window_blocks) - 1) * self.block_size

    def replace(self, **changes: Any) -> Self:
        """A copy with some settings changed; new labels leave the old ones' names and count behind.

        Raises:
            ModelError: no such setting, or a bad value.
        """
        others = {name: changes.pop(name) for name in list(changes) if name in SHARED_SETTINGS or name in self.extra}
        for name in changes:
            if name not in _FIELDS:
                near = nearest(name, _FIELDS)
                raise ModelError(
                    f"the model has no setting {name!r}", fix=f"did you mean {near!r}?" if near else "see BigBirdConfig"
                )
        if any(name in changes for name in _LABEL_FIELDS):
            changes = dict.fromkeys(_LABEL_FIELDS) | changes
        return dataclasses.replace(self, **changes, extra=self.extra | others)

    def update(self, settings: Mapping[str, Any]) -> None:
        """Set several settings."""
        for name, value in settings.items():
            setattr(self, name, value)

    @classmethod
    def from_pretrained(cls, name: str | Path, **settings: Any) -> Self:
        """Read the config.json of a model folder, a shipped model or a hub name, or that file itself.

        Args:
            name: folder, file or name; a name that starts with `.`, `/` or `~` or exists on disk is never looked up.
            settings: changes; and revision=, cache_dir=, token=, local_files_only= for a hub name.

        Raises:
            ModelError: there is no such model, or a setting that it does not have.
        """
        # no plain import: to find a model's folder is the business of a room above
        store = importlib.import_module("bigbird_cli.weights.store")
        hub = hub_options(settings)
        path = Path(name)
        return cls.from_file(path if path.is_file() else store.find_folder(name, weights=(), **hub)).replace(**settings)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write config.json into a folder, which is made where it is missing."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.save(folder)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any], **changes: Any) -> Self:
        """Read what a config.json says; a missing key takes its default, an unknown one goes to `extra`.

        `changes` are settings that take the place of those.

        Raises:
            ModelError: another kind of model, or a bad value.
        """
        _need_bigbird(model_type_of(settings) or MODEL_TYPE)
        try:  # whatever is kept must be writable again
            json.dumps(settings, allow_nan=False, ensure_ascii=False, default=str).encode("utf-8")
        except UnicodeEncodeError as error:
            half = ord(error.object[error.start])
            raise ModelError(f"a text in it holds U+{half:04X}, half of a surrogate pair", fix="correct it") from None
        except ValueError:
            raise ModelError("it holds a number that is not finite", fix="correct it") from None
        known = {name: value for name, value in settings.items() if name in _FIELDS}
        extra = {name: value for name, value in settings.items() if name not in _FIELDS and name != "model_type"}
        config = cls(**known, extra=extra)
        return config.replace(**changes) if changes else config

    def to_dict(self) -> dict[str, Any]:
        """Everything a config.json says, ready for JSON. Labels are left out where they are the default ones."""
        settings = {name: getattr(self, name) for name in _FIELDS}
        del settings["num_labels"]  # Hugging Face counts id2label
        if (self.id2label, self.label2id) == ({0: "LABEL_0", 1: "LABEL_1"}, {"LABEL_0": 0, "LABEL_1": 1}):
            del settings["id2label"], settings["label2id"]
        else:
            settings["id2label"] = {str(index): name for index, name in (self.id2label or {}).items()}
        for name in ("problem_type", "architectures"):
            if settings[name] is None:
                del settings[name]
        return {"model_type": MODEL_TYPE} | settings | self.extra

    @classmethod
    def from_json_file(cls, path: str | Path) -> Self:
        """As `from_file`."""
        return cls.from_file(path)

    def to_json_file(self, path: str | Path) -> None:
        """As `save`."""
        self.save(path)

    def to_json_string(self) -> str:
        """As `to_json`."""
        return self.to_json()

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read a config.json, or the one in a folder.

        Raises:
            ModelError: it is missing, is not JSON, or says what no BigBird can be; the error names the file.
        """
        path = Path(path)
        path = path / CONFIG if path.is_dir() else path
        settings = read_json_object(path, may_be_missing=False)
        try:
            config = cls.from_dict(settings)
            if model_type_of(settings) is None:
                raise no_model_type()
            return config
        except ModelError as error:
            raise ModelError(error.problem, where=str(path), fix=error.fix) from error

    def save(self, path: str | Path) -> None:
        """Write a config.json to this file, or into this folder."""
        path = Path(path)
        path = path / CONFIG if path.is_dir() else path
        replace_file(path, self.to_json().encode())

    def to_json(self) -> str:
        """The text of a config.json."""
        # torch's types are the only settings in use that JSON lacks
        text = json.dumps(
            self.to_dict(),
            indent=2,
            sort_keys=True,
            ensure_ascii=False,
            default=lambda value: str(value).removeprefix("torch."),
        )
        return text + "\n"


_FIELDS: Final = tuple(f.name for f in dataclasses.fields(BigBirdConfig) if f.name != "extra")
_LABEL_FIELDS: Final = ("num_labels", "id2label", "label2id")
_CLASSES_OF: Final = {
    MODEL_TYPE: "BigBird",
    "bert": "Bert",
    "roberta": "Roberta",
    "camembert": "Camembert",
    "xlm-roberta": "XLMRoberta",
    "electra": "Electra",
}
"""How the names of a kind's classes in transformers begin."""
_OWN_SETTINGS: Final = {"attention_type", "block_size", "num_random_blocks", "rescale_embeddings", "pattern"}
_SHARE: Final = Bounds(0, 1)
SETTING_BOUNDS: Final = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": WIDTH,
    "intermediate_size": WIDTH,
    "hidden_dropout_prob": _SHARE,
    "attention_probs_dropout_prob": _SHARE,
    "sparse_attention_dropout_prob": _SHARE,
    "max_position_embeddings": TOKENS,
    "type_vocab_size": WIDTH,
    "initializer_range": Bounds(0, 100),
    "layer_norm_eps": Bounds(1e-30, 1),
    "pad_token_id": TOKEN_ID,
    "bos_token_id": TOKEN_ID,
    "eos_token_id": TOKEN_ID,
    "sep_token_id": TOKEN_ID,
    "block_size": TOKENS,
    "num_random_blocks": Bounds(0, TOKENS.most),
    "num_window_blocks": TOKENS,
    "classifier_dropout": _SHARE,
    "chunk_size_feed_forward": Bounds(0, TOKENS.most),
    "num_labels": LABELS,
}
_CHOICES: Final = {"attention_type": ATTENTION_TYPES, "pattern": VARIANTS, "problem_type": PROBLEM_TYPES}
_KIND_WORDS: Final[dict[type, str]] = {
    int: "no whole number",
    float: "no number",
    bool: "neither true nor false",
    str: "no text",
    list: "no list",
}


def _plain_fields() -> dict[str, tuple[type, bool]]:
    """The fields of one plain type: name -> (type, whether None is allowed)."""
    kinds: dict[Any, tuple[type, bool]] = {list[str] | None: (list, True), int | list[int] | None: (int, True)}
    for kind in (int, float, bool, str):
        kinds[kind] = (kind, False)
        kinds[kind | None] = (kind, True)
    return {f.name: kinds[f.type] for f in dataclasses.fields(BigBirdConfig) if f.type in kinds}


_PLAIN_FIELDS: Final = _plain_fields()


def _need_bigbird(kind: object) -> None:
    if kind != MODEL_TYPE:
        raise ModelError(
            f"the model is a {kind!r}, not a {MODEL_TYPE!r}",
            fix="make a BigBird of it with `bigbird convert`" if kind in FAMILIES else "name a BigBird model",
        )


def model_type_of(settings: Mapping[str, Any]) -> str | None:
    """The kind of model that a config.json tells of: by its model_type, its class, or settings of BigBird's alone."""
    kind = settings.get("model_type")
    if kind is not None:
        return str(kind)
    classes = settings.get("architectures")
    for name in classes if isinstance(classes, list) else []:
        for kind, start in _CLASSES_OF.items():
            if str(name).startswith(start):
                return kind
    return MODEL_TYPE if _OWN_SETTINGS & settings.keys() else None


def no_model_type() -> ModelError:
    """What to say of a config.json from which nobody can tell what the model is."""
    known = ", ".join(f'"{kind}"' for kind in _CLASSES_OF)
    return ModelError("it does not say what kind of model this is", fix=f'add its "model_type" to it, one of {known}')


def check_setting(name: str, value: object) -> None:
    """Check one setting of a model by itself.

    Args:
        name: a field of BigBirdConfig.
        value: what a file, a recipe or a call gives for it.

    Raises:
        ModelError: the value is of the wrong type, beyond bounds, or no word for this setting.
    """
    if name == "eos_token_id" and isinstance(value, list):
        for end in value:
            check_setting(name, end)
        return
    if name not in _PLAIN_FIELDS:
        return  # labels, which are checked together
    kind, none_allowed = _PLAIN_FIELDS[name]
    if value is None and none_allowed:
        return
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (kind is not bool and isinstance(value, bool)):
        raise ModelError(f"{name} is {value!r}, which is {_KIND_WORDS[kind]}", fix=f"correct {name}")
    if name in SETTING_BOUNDS:
        _need(name, value, value in SETTING_BOUNDS[name], str(SETTING_BOUNDS[name]))
    if name in _CHOICES:
        _need_one_of(name, str(value), _CHOICES[name])


def _need(name: str, value: object, holds: bool, range_words: str) -> None:
    if not holds:
        raise ModelError(f"{name} is {value!r}", fix=f"it must be {range_words}")


def _need_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        near = nearest(value, known)
        hint = f"did you mean {near!r}? " if near else ""
        raise ModelError(f"{name} is {value!r}", fix=f"{hint}it must be one of {', '.join(known)}")


AutoConfig = BigBirdConfig
"""The name that samples open a config by, whatever its kind; one of another kind is an error here."""
