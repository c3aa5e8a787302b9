"""Short-context encoders of BERT's shape -> BigBird, the paper's own warm start.

A BERT has every weight of a BigBird but enough positions, and RoBERTa and ELECTRA differ from BERT in names, positions
and token types only. Other encoders are refused by name: their layers compute something else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.families import FAMILIES, Family
from bigbird_cli.bigbird.names import BERT_TO_BIGBIRD, POOLER, POSITIONS, TOKEN_TYPES, expand, expected_names
from bigbird_cli.errors import ModelError
from bigbird_cli.files.names import CONFIG
from bigbird_cli.text.tokenizers.from_bert import bert_tokenizer
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer
from bigbird_cli.text.tokenizers.vocabulary_files import BERT_ROLES, ROBERTA_ROLES
from bigbird_cli.weights.contract import check_finite, check_present, misshapen
from bigbird_cli.weights.store import check_vocabulary

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
"""Settings that mean the same in both models."""


@dataclass(frozen=True)
class WarmStart:
    """A BigBird with a short-context encoder's weights and positions.

    Attributes:
        title: the source's kind.
        config: of the BigBird, with as many positions as the source.
        tensors: its encoder in float32, and its pooler where the source has one.
        tokenizer: the source's.
        used: source tensor -> the tensor it became.
        unused: source tensor -> why it was left behind.
        notes: what was changed, for the reader.
    """

    title: str
    config: BigBirdConfig
    tensors: dict[str, np.ndarray]
    tokenizer: Tokenizer
    used: dict[str, str]
    unused: dict[str, str]
    notes: tuple[str, ...]


def bert_to_bigbird(settings: Mapping[str, Any], tensors: dict[str, np.ndarray], *, folder: Path) -> WarmStart:
    """Make a BigBird of an encoder; up to its positions, under full attention, hidden states are the source's.

    Heads are not carried: whoever opens the model with a head gets a new one.

    Args:
        settings: what its config.json says; model_type is one of FAMILIES.
        tensors: its weights by transformers' names; emptied on the way, so that memory holds them once.
        folder: where its tokenizer stands: tokenizer.json, vocab.txt, or vocab.json with merges.txt.

    Raises:
        ModelError: it is no such encoder, or a tensor is missing, misshapen or not finite; the error names it.

    Source: Zaheer et al., 2020, arXiv:2007.14062, section 4 (a warm start from RoBERTa).
    """
    where = folder / CONFIG
    family = _family(settings, where=where)
    settings = {**family.defaults, **settings}
    _check_layout(settings, where=where)
    short = _short_config(settings, where=where)
    tokenizer = bert_tokenizer(folder, roles=ROBERTA_ROLES if family.is_roberta else BERT_ROLES)
    check_vocabulary(tokenizer.vocab_size, short.vocab_size, where=str(folder))
    is_tied = settings.get("tie_word_embeddings") is not False
    used, unused = _assign(tensors, family, n_layers=short.num_hidden_layers, is_tied=is_tied, where=folder)
    encoder = _encoder(tensors, used, short, where=folder)
    notes = []
    if family.is_roberta:
        skipped = _skipped_positions(settings, short, where=where)
        encoder[POSITIONS] = encoder[POSITIONS][skipped:]
        notes.append(f"the first {skipped} position rows are padding's and were left out")
    if short.type_vocab_size == 1:
        encoder[TOKEN_TYPES] = np.repeat(encoder[TOKEN_TYPES], 2, axis=0)
        notes.append("the single token type was doubled, so that pairs can be told apart")
    config = short.replace(
        max_position_embeddings=len(encoder[POSITIONS]),
        type_vocab_size=len(encoder[TOKEN_TYPES]),
        pad_token_id=tokenizer.pad_id,
        # a BERT has no begin and end of its own: the tokens that open and close an input take the role
        bos_token_id=tokenizer.cls_id,
        eos_token_id=tokenizer.sep_id,
        sep_token_id=tokenizer.sep_id,
        architectures=["BigBirdModel"],
    )
    return WarmStart(
        title=family.title,
        config=config,
        tensors=encoder,
        tokenizer=tokenizer,
        used=used,
        unused=unused,
        notes=tuple(notes),
    )


# the weights


def _family(settings: Mapping[str, Any], *, where: Path) -> Family:
    kind = settings.get("model_type")
    if kind not in FAMILIES:
        known = ", ".join(family.title for family in FAMILIES.values())
        raise ModelError(
            f"the model is a {kind!r}, which is no encoder of BERT's shape",
            where=str(where),
            fix=f"convert a BigBird, or one of {known}",
        )
    return FAMILIES[kind]


def _check_layout(settings: Mapping[str, Any], *, where: Path) -> None:
    positions = settings.get("position_embedding_type") or "absolute"
    if positions != "absolute":
        raise ModelError(
            f"position_embedding_type is {positions!r}", where=str(where), fix="convert one with absolute positions"
        )
    if settings.get("is_decoder"):
        raise ModelError("the model is a decoder", where=str(where), fix="convert an encoder")
    width = settings.get("hidden_size")
    if "embedding_size" in settings and settings["embedding_size"] != width:
        raise ModelError(
            f"its embeddings are {settings['embedding_size']} wide and its layers {width}; BigBird's have one width",
            where=str(where),
            fix="convert a model whose embedding_size is its hidden_size, such as ELECTRA base or large",
        )


def _short_config(settings: Mapping[str, Any], *, where: Path) -> BigBirdConfig:
    """A config with the source's own number of positions: it says what shapes the source must have."""
    carried = {name: settings[name] for name in CARRIED_SETTINGS if name in settings}
    try:
        return BigBirdConfig(**carried, max_position_embeddings=settings["max_position_embeddings"])
    except ModelError as error:
        raise ModelError(error.problem, where=str(where), fix=error.fix) from error


def _skipped_positions(settings: Mapping[str, Any], short: BigBirdConfig, *, where: Path) -> int:
    padding = settings["pad_token_id"]
    if not isinstance(padding, int) or not 0 <= padding < short.max_position_embeddings - 1:
        raise ModelError(
            f"pad_token_id is {padding!r}, and positions are counted from there",
            where=str(where),
            fix="correct pad_token_id",
        )
    return padding + 1


_WORDS: Final = "embeddings.word_embeddings.weight"
_TABLES: Final = ("cls.predictions.decoder.weight", "lm_head.decoder.weight", "generator_lm_head.weight")
"""What BERT's, RoBERTa's and ELECTRA's language heads call the table of word embeddings that they share."""


def _assign(
    tensors: Mapping[str, np.ndarray], family: Family, *, n_layers: int, is_tied: bool, where: Path
) -> tuple[dict[str, str], dict[str, str]]:
    """Divide the source's tensors: name -> our name, and name -> why not."""
    table = expand(BERT_TO_BIGBIRD, n_layers)
    used: dict[str, str] = {}
    unused: dict[str, str] = {}
    taken: dict[str, str] = {}
    for name in tensors:
        bare = name.removeprefix(family.prefix)
        ours = table.get(bare)
        if ours is None:
            unused[name] = _why_unused(bare, n_layers, family)
        elif ours in taken:
            raise ModelError(
                f"{name} and {taken[ours]} are the same parameter", where=str(where), fix="leave one of them out"
            )
        else:
            used[name] = ours
            taken[ours] = name
    if is_tied and _WORDS not in taken and (shared := next((name for name in _TABLES if name in tensors), None)):
        used[shared] = _WORDS  # some writers keep the second name only
        del unused[shared]
    return used, unused


def _why_unused(bare: str, n_layers: int, family: Family) -> str:
    if bare in ("embeddings.position_ids", "embeddings.token_type_ids"):
        return "a buffer that counts positions, made anew"
    if bare.startswith("encoder.layer."):
        return f"no parameter of the {n_layers} layers that config.json tells of"
    if bare.startswith(("embeddings.", "pooler.")):
        return f"no parameter of {family.title}'s encoder"
    return "belongs to a head; heads are new"


def _encoder(
    tensors: dict[str, np.ndarray], used: Mapping[str, str], config: BigBirdConfig, *, where: Path
) -> dict[str, np.ndarray]:
    """Our name -> float32 array for every parameter of the encoder, and for the pooler if the source has one."""
    taken = {ours: name for name, ours in used.items()}
    of_source = {
        ours: name for name, ours in reversed(expand(BERT_TO_BIGBIRD, config.num_hidden_layers).items())
    } | taken
    has_pooler = any(name in taken for name in POOLER)
    wanted = {ours: shape for ours, shape in expected_names(config, "none").items() if has_pooler or ours not in POOLER}
    check_present({of_source[ours]: shape for ours, shape in wanted.items()}, tensors, where=str(where))
    encoder = {}
    for ours, shape in wanted.items():
        name = of_source[ours]
        array = tensors.pop(name)
        if array.shape != shape:
            raise misshapen(name, array.shape, shape, where=str(where), asker=f"{CONFIG} asks")
        # widened, so that a half-precision source is not trained on in half precision by whoever keeps a file's type
        encoder[ours] = np.ascontiguousarray(array, dtype=np.float32)
        check_finite(name, encoder[ours], where=str(where))
    return encoder
