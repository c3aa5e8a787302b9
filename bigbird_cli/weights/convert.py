"""Models of other kinds -> BigBird folders.

So far: the paper's own warm start. A short-context BERT has every weight of a BigBird but enough positions; these are
tiled, so that each stretch of the longer input starts out with the positions the BERT knows.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from bigbird_cli.bigbird.config import CONFIG_NAME, BigBirdConfig
from bigbird_cli.bigbird.names import BERT_TO_BIGBIRD, PREFIX, TIED, expand, expected_names
from bigbird_cli.bigbird.positions import tiled
from bigbird_cli.errors import ModelError, UsageError
from bigbird_cli.text.tokenizer import Tokenizer, load_tokenizer
from bigbird_cli.text.tokens import (
    TOKENIZER_CONFIG,
    declared_special_tokens,
    read_json_object,
)
from bigbird_cli.weights.store import read_tensors, write_model

POSITIONS: Final = "embeddings.position_embeddings.weight"
POOLER: Final = ("pooler.weight", "pooler.bias")

CARRIED_SETTINGS: Final = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "type_vocab_size",
    "initializer_range",
    "layer_norm_eps",
    "classifier_dropout",
)
"""Settings that mean the same in both models; those that BERT's config.json leaves out take BERT's defaults."""

BERT_DEFAULTS: Final = {"vocab_size": 30522, "hidden_act": "gelu", "max_position_embeddings": 512}
"""BERT's defaults where they differ from BigBird's."""

CARRIED_TOKENIZER_SETTINGS: Final = (
    "do_lower_case",
    "strip_accents",
    "tokenize_chinese_chars",
    "clean_up_tokenization_spaces",
)


@dataclass(frozen=True)
class ConversionReport:
    """What became of a source model.

    Attributes:
        out: the folder written.
        config: the new model's settings.
        used: source tensor -> the tensor it became.
        unused: source tensor -> why it was left behind. Every source tensor stands in `used` or here.
        initialised: parameters the new model has none of; they are new wherever a head or a pooler needs them.
        source_positions: positions of the source; the new model repeats them up to config.max_position_embeddings.
    """

    out: Path
    config: BigBirdConfig
    used: dict[str, str]
    unused: dict[str, str]
    initialised: tuple[str, ...]
    source_positions: int


def bert_to_bigbird(
    source: str | Path,
    out: str | Path,
    *,
    max_positions: int = 4096,
    block_size: int = 64,
    num_random_blocks: int = 3,
) -> ConversionReport:
    """Make a BigBird folder of a BERT folder, as a start to train from.

    Up to the source's positions, and under full attention, the new encoder gives the source's hidden states. Heads are
    not carried: whoever opens the folder with a head gets a new one.

    Args:
        source: a folder with config.json, safetensors and a WordPiece vocabulary (tokenizer.json or vocab.txt), from
            transformers or sentence-transformers.
        out: the folder to write; it must not exist yet, or be empty.
        max_positions: the longest input of the new model, in tokens.
        block_size: tokens per block of its sparse attention.
        num_random_blocks: random blocks per query block.

    Raises:
        UsageError: out holds files already, max_positions is below the source's, or a setting is out of range.
        ModelError: the source is no BERT, or a tensor is missing, misshapen or not finite; the error names it.

    Source: Zaheer et al., 2020, arXiv:2007.14062, section 4 (a warm start from RoBERTa); tiling follows Beltagy et al.,
    2020, arXiv:2004.05150, section 5.
    """
    source, out = Path(source), Path(out)
    if block_size < 1 or num_random_blocks < 0:
        raise UsageError(
            f"block_size is {block_size} and num_random_blocks {num_random_blocks}",
            fix="they must be at least 1 and 0",
        )
    _refuse_occupied(out)
    source = _transformer_folder(source)
    settings = _bert_settings(source)
    # a config with the source's own number of positions says what shapes the source must have
    short = _short_config(settings, where=source / CONFIG_NAME)
    source_positions = short.max_position_embeddings
    if max_positions < source_positions:
        raise UsageError(
            f"{max_positions} positions are fewer than the {source_positions} of {source}",
            fix=f"ask for at least {source_positions} positions",
        )
    tokenizer = _tokenizer(source, max_positions=max_positions)
    if tokenizer.vocab_size > short.vocab_size:
        raise ModelError(
            f"the tokenizer has {tokenizer.vocab_size} tokens, but the model only {short.vocab_size} word embeddings",
            where=str(source),
            fix="use the tokenizer that the model was trained with",
        )
    tensors = read_tensors(source)
    used, unused = _assign(tensors, n_layers=short.num_hidden_layers, where=source)
    encoder = _encoder(tensors, used, short, where=source)
    encoder[POSITIONS] = tiled(encoder[POSITIONS], max_positions)

    config = short.replace(
        max_position_embeddings=max_positions,
        block_size=block_size,
        num_random_blocks=num_random_blocks,
        pad_token_id=tokenizer.pad_id,
        # a BERT has no begin and end of its own: the tokens that open and close an input take the role
        bos_token_id=tokenizer.cls_id,
        eos_token_id=tokenizer.sep_id,
        sep_token_id=tokenizer.sep_id,
        architectures=["BigBirdModel"],
    )
    write_model(out, config=config, tensors=encoder, tokenizer=tokenizer)
    heads = [
        name
        for head in ("qa", "mlm")
        for name in expected_names(config, head)
        if not name.startswith(PREFIX) and name not in TIED
    ]
    return ConversionReport(
        out=out,
        config=config,
        used=used,
        unused=unused,
        initialised=(*(name for name in POOLER if name not in encoder), *heads),
        source_positions=source_positions,
    )


def _refuse_occupied(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()):
        raise UsageError("the folder holds files already", where=str(out), fix="name another one, or empty it")
    if out.exists() and not out.is_dir():
        raise UsageError("there is a file of that name", where=str(out), fix="name a folder")


def _transformer_folder(source: Path) -> Path:
    """The folder with the BERT in it: of a sentence-transformers model it may be a subfolder."""
    if not source.is_dir():
        raise ModelError("there is no such folder", where=str(source), fix="name a folder with a BERT in it")
    modules = source / "modules.json"
    if (source / CONFIG_NAME).is_file() or not modules.is_file():
        return source
    try:
        listed = json.loads(modules.read_text(encoding="utf-8"))
        return source / next(module["path"] for module in listed if module["type"].endswith(".Transformer"))
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise ModelError("names no transformer", where=str(modules), fix="fetch the model again") from error


def _bert_settings(source: Path) -> dict[str, Any]:
    """The source's config.json over BERT's defaults."""
    path = source / CONFIG_NAME
    if not path.is_file():
        raise ModelError("there is no config.json", where=str(source), fix="name a folder with a BERT in it")
    settings = BERT_DEFAULTS | read_json_object(path)
    kind = settings.get("model_type")
    if kind != "bert":
        raise ModelError(f"the model is a {kind!r}, not a 'bert'", where=str(path), fix="convert a BERT encoder")
    positions = settings.get("position_embedding_type") or "absolute"
    if positions != "absolute":
        raise ModelError(
            f"position_embedding_type is {positions!r}", where=str(path), fix="convert a BERT with absolute positions"
        )
    if settings.get("is_decoder"):
        raise ModelError("the model is a decoder", where=str(path), fix="convert a BERT encoder")
    return settings


def _short_config(settings: Mapping[str, Any], *, where: Path) -> BigBirdConfig:
    carried = {name: settings[name] for name in CARRIED_SETTINGS if name in settings}
    try:
        return BigBirdConfig(**carried, max_position_embeddings=settings["max_position_embeddings"])
    except ModelError as error:
        raise ModelError(error.problem, where=str(where), fix=error.fix) from error


def _assign(tensors: Mapping[str, np.ndarray], *, n_layers: int, where: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Divide the source's tensors: name -> our name, and name -> why not."""
    table = expand(BERT_TO_BIGBIRD, n_layers)
    used: dict[str, str] = {}
    unused: dict[str, str] = {}
    taken: dict[str, str] = {}
    for name in tensors:
        ours = table.get(name.removeprefix(PREFIX))
        if ours is None:
            unused[name] = _why_unused(name.removeprefix(PREFIX), n_layers)
        elif ours in taken:
            raise ModelError(
                f"{name} and {taken[ours]} are the same parameter", where=str(where), fix="leave one of them out"
            )
        else:
            used[name] = ours
            taken[ours] = name
    return used, unused


def _why_unused(bare: str, n_layers: int) -> str:
    if bare in ("embeddings.position_ids", "embeddings.token_type_ids"):
        return "a buffer that counts positions, made anew"
    if bare.startswith("encoder.layer."):
        return f"no parameter of the {n_layers} layers that config.json tells of"
    if bare.startswith(("embeddings.", "pooler.")):
        return "no parameter of BERT's encoder"
    return "belongs to a head; heads are new"


def _encoder(
    tensors: Mapping[str, np.ndarray], used: Mapping[str, str], config: BigBirdConfig, *, where: Path
) -> dict[str, np.ndarray]:
    """Our name -> float32 array for every parameter of the encoder, and for the pooler if the source has one."""
    source_names = {ours: name for name, ours in used.items()}
    wanted = expected_names(config, "none")
    their_names = {ours: theirs for theirs, ours in reversed(expand(BERT_TO_BIGBIRD, config.num_hidden_layers).items())}
    without_pooler = not any(name in source_names for name in POOLER)
    encoder = {}
    for ours, shape in wanted.items():
        if ours in POOLER and without_pooler:
            continue
        name = source_names.get(ours)
        if name is None:
            raise ModelError(
                f"the tensor {their_names[ours]} {shape} is missing", where=str(where), fix="fetch the model again"
            )
        array = tensors[name]
        if array.shape != shape:
            raise ModelError(
                f"the tensor {name} has the shape {array.shape} where config.json asks for {shape}",
                where=str(where),
                fix="fetch the model again",
            )
        # widened, so that a half-precision source is not trained on in half precision by whoever keeps a file's type
        encoder[ours] = np.ascontiguousarray(array, dtype=np.float32)
        if not np.isfinite(encoder[ours]).all():
            raise ModelError(
                f"the tensor {name} holds values that are not finite", where=str(where), fix="fetch the model again"
            )
    return encoder


def _tokenizer(source: Path, *, max_positions: int) -> Tokenizer:
    """The source's tokenizer with the settings beside it, without truncation and padding, as our own reader has it."""
    settings = read_json_object(source / TOKENIZER_CONFIG)
    description = _tokenizer_description(source, settings)
    description |= {"truncation": None, "padding": None}
    normalizer = description.get("normalizer")
    if isinstance(normalizer, dict) and normalizer.get("type") == "BertNormalizer":
        # where the two files differ, transformers follows the settings
        for setting, key in (
            ("do_lower_case", "lowercase"),
            ("strip_accents", "strip_accents"),
            ("tokenize_chinese_chars", "handle_chinese_chars"),
        ):
            if setting in settings:
                normalizer[key] = settings[setting]
    kept: dict[str, Any] = {name: settings[name] for name in CARRIED_TOKENIZER_SETTINGS if name in settings}
    special = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
    special |= {"unk_token": "[UNK]"} | declared_special_tokens(source)
    # transformers' own BERT class would lower-case or not by its own defaults; the generic one follows the file
    known = _entries(description)  # transformers would give a token that is missing a number beyond the embeddings
    kept |= {role: token for role, token in special.items() if token in known}
    kept |= {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": max_positions}
    kept["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]  # the generic one has no types
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tokenizer.json").write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")
        (folder / TOKENIZER_CONFIG).write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
        try:
            return load_tokenizer(folder)
        except ModelError as error:
            raise ModelError(error.problem, where=str(source), fix=error.fix) from error


def _entries(description: Mapping[str, Any]) -> set[str]:
    """The tokens that a tokenizer.json names; none where it is broken, which its reader reports."""
    model, added = description.get("model"), description.get("added_tokens")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    entries = set(vocabulary) if isinstance(vocabulary, dict) else set()
    if isinstance(added, list):
        entries |= {token["content"] for token in added if isinstance(token, dict) and "content" in token}
    return entries


def _tokenizer_description(source: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What tokenizer.json says, or would say for a folder with vocab.txt only."""
    if (source / "tokenizer.json").is_file():
        return read_json_object(source / "tokenizer.json")
    vocabulary = source / "vocab.txt"
    if not vocabulary.is_file():
        raise ModelError(
            "the folder holds no tokenizer (tokenizer.json or vocab.txt)",
            where=str(source),
            fix="copy the file from the model that the vocabulary belongs to",
        )
    return _from_vocabulary(vocabulary, settings)


def _from_vocabulary(path: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """BERT's tokenizer over the words of a vocab.txt, one a line."""
    import tokenizers
    from tokenizers.implementations import BertWordPieceTokenizer

    try:
        words = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot be read ({error})", where=str(path), fix="fetch the model again") from error
    if words and not words[-1]:
        words.pop()
    try:
        built = BertWordPieceTokenizer(
            {word.rstrip("\r"): index for index, word in enumerate(words)},
            lowercase=settings.get("do_lower_case", True),
            strip_accents=settings.get("strip_accents"),
            handle_chinese_chars=settings.get("tokenize_chinese_chars", True),
        )
    except TypeError as error:
        raise ModelError("lacks [CLS] or [SEP]", where=str(path), fix="fetch the model again") from error
    control = [name for name in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]") if name in built.get_vocab()]
    built.add_special_tokens([tokenizers.AddedToken(name, special=True) for name in control])
    return dict(json.loads(built.to_str()))
