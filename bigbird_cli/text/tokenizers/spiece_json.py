"""`tokenizer.json` of a sentencepiece vocabulary, and back: the same ids from either file.

The `tokenizers` library reads text in stages, and each stage has to do what sentencepiece does at once:

- added tokens are cut out of the text first, with the white space that their settings let them take;
- the normaliser drops spaces at the ends of a segment, joins runs of them and puts the dummy prefix before it;
- the pre-tokenizer cuts where no piece reaches over, which changes no id and lets the library remember words;
- the Unigram model finds the best path. It visits pieces in sentencepiece's order and keeps the first of equals, so
  ties, which decide everything in BigBird's vocabulary, fall alike. User-defined pieces always win in sentencepiece:
  here they get a score that no path without them reaches. Control pieces never appear in text: those that no
  added token catches get a name that no text has.

Where the library cannot follow: sentencepiece adds scores up in 32 bits and this one in 64, so a vocabulary with real
scores may part from its file where two paths are equal but for rounding; U+001C to U+001F before a token that takes
the space to its left (the library does not count them as white space); tokens that must stand as single words (it
looks for word characters, not for spaces); and, in a vocabulary with byte fallback, text such as `<0x41>`.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors

from bigbird_cli.bounds import TOKEN_ID
from bigbird_cli.errors import ModelError
from bigbird_cli.files.names import SPIECE_MODEL
from bigbird_cli.files.paths import cannot_be_read
from bigbird_cli.text.tokenizers.check import LINEAR_ENDS
from bigbird_cli.text.tokenizers.spiece_file import (
    BYTE,
    CONTROL,
    NORMAL,
    UNIGRAM,
    UNKNOWN,
    USER_DEFINED,
    WORD_START,
    Piece,
    Spiece,
    read_spiece,
)

SINGLE, PAIR = "[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1"

# for each character of a user-defined piece: above what ordinary pieces score, whose scores are logarithms of
# probabilities; growing with length, so that a longer user-defined piece beats those inside it
_USER_DEFINED_BONUS = 1000.0
_LARGEST_SCORE = 3.4e38
_HIDING = "\U0010fffe"  # no character, and none ever will be
_BYTE_NAME = re.compile(r"<0x[0-9A-F]{2}>")
_CONTROL_IN_BIGBIRD = ("<pad>", "</s>")


def tokenizer_json(
    proto: bytes, *, added: Mapping[int, AddedToken], cls_id: int, sep_id: int, where: str = SPIECE_MODEL
) -> str:
    """A tokenizer.json that gives a sentencepiece model's ids, with BigBird's special tokens round them.

    Args:
        proto: the serialised sentencepiece model.
        added: id -> token that is cut out of the text before sentencepiece would see it.
        cls_id, sep_id: ids among those of `added`, put round each input: [CLS] A [SEP] or [CLS] A [SEP] B [SEP].
        where: the file's name, for errors.

    Raises:
        ModelError: the model is of a kind that the `tokenizers` library does not reproduce.
    """
    spiece = read_spiece(proto)
    _check_reproducible(spiece, where)
    caught = {token.content for token in added.values()}
    tokenizer = tokenizers.Tokenizer(
        models.Unigram(
            [_entry(piece, caught) for piece in spiece.pieces],
            unk_id=next(number for number, piece in enumerate(spiece.pieces) if piece.kind == UNKNOWN),
            byte_fallback=spiece.byte_fallback,
        )
    )
    tokenizer.normalizer = _normalizer(spiece)
    splitter = _splitter(piece.name for piece in spiece.pieces)
    if splitter is not None:
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(splitter), "merged_with_next")
    scheme = "always" if spiece.dummy_prefix else "never"
    tokenizer.decoder = decoders.Metaspace(replacement=WORD_START, prepend_scheme=scheme)
    for number, token in sorted(added.items()):
        fields = {name: getattr(token, name) for name in ("single_word", "lstrip", "rstrip", "special")}
        # found in the text as it stands, not in what the normaliser makes of it
        tokenizer.add_tokens([AddedToken(token.content, normalized=False, **fields)])
        if tokenizer.token_to_id(token.content) != number:
            raise ModelError(
                f"the added token {token.content!r} has id {number}, where tokenizer.json would have"
                f" {tokenizer.token_to_id(token.content)}",
                where=where,
                fix="give added tokens the ids that follow the vocabulary's last, without gaps",
            )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=SINGLE,
        pair=PAIR,
        special_tokens=[
            {"id": role, "ids": [number], "tokens": [added[number].content]}
            for role, number in (("[CLS]", cls_id), ("[SEP]", sep_id))
        ],
    )
    return str(tokenizer.to_str(pretty=True))


def is_sentencepiece(path: Path) -> bool:
    """Whether a tokenizer.json is there whose vocabulary is of sentencepiece's kind, as far as it says so."""
    try:
        return bool(json.loads(path.read_text(encoding="utf-8"))["model"]["type"] == "Unigram")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def read_tokenizer_json(path: Path) -> tuple[Spiece, dict[int, AddedToken]]:
    """The vocabulary of a tokenizer.json, and its added tokens: of one of ours, or of transformers' conversion.

    transformers makes every user-defined piece an added token, which sentencepiece does not; only those that are
    special or new to the vocabulary come back as added tokens.

    Raises:
        ModelError: the file is not readable, or is no Unigram vocabulary that sentencepiece could read as well.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        model = content["model"]
        if model.get("type") != "Unigram":
            raise ValueError(f"its model is {model.get('type')}, not Unigram")
        if not model["vocab"] or model.get("unk_id") is None:
            raise ValueError("it holds no pieces, or none for unknown text")
        described = {int(token["id"]): token for token in content.get("added_tokens") or ()}
        if beyond := [number for number in described if number not in TOKEN_ID]:
            raise ValueError(f"a token has the id {beyond[0]}, which is not {TOKEN_ID}")
        pieces = [
            _piece(number, name, _score(score), model=model, added=described.get(number))
            for number, (name, score) in enumerate(model["vocab"])
        ]
        spiece = Spiece(
            pieces=pieces,
            byte_fallback=bool(model.get("byte_fallback")),
            **_stages(content.get("normalizer"), content.get("pre_tokenizer")),
        )
        fields = ("single_word", "lstrip", "rstrip", "normalized", "special")
        added = {
            number: AddedToken(token["content"], **{name: token[name] for name in fields if name in token})
            for number, token in described.items()
            if token.get("special") or number >= len(pieces) or pieces[number].kind != USER_DEFINED
        }
    except OSError as error:
        raise cannot_be_read(error, path) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, binascii.Error) as error:
        raise ModelError(
            f"not readable as a BigBird vocabulary: {error}",
            where=str(path),
            fix="open other vocabularies with bigbird_cli.load_tokenizer",
        ) from error
    return spiece, added


def _check_reproducible(spiece: Spiece, where: str) -> None:
    reasons = {
        "is not a unigram model": spiece.model_type != UNIGRAM,
        "normalises text": bool(spiece.charsmap) or spiece.denormalizes,
        "ends words with ▁ instead of beginning them": spiece.space_as_suffix,
        "leaves spaces unescaped": not spiece.escapes_spaces,
        "has no unknown piece": all(piece.kind != UNKNOWN for piece in spiece.pieces),
    }
    for reason, holds in reasons.items():
        if holds:
            raise ModelError(
                f"this vocabulary {reason}, which tokenizer.json does not reproduce id for id",
                where=where,
                fix="use the spiece.model itself, with BigBirdTokenizer or load_tokenizer",
            )


def _entry(piece: Piece, caught: set[str]) -> tuple[str, float]:
    if piece.kind == USER_DEFINED:
        return piece.name, _USER_DEFINED_BONUS * len(piece.name)
    if piece.kind in (NORMAL, BYTE) or piece.name in caught:
        return piece.name, piece.score
    return f"{_HIDING}{piece.name}{_HIDING}", piece.score


def _normalizer(spiece: Spiece) -> Any:
    stages: list[Any] = []
    if spiece.removes_spaces:
        # sentencepiece drops spaces at the end after it has written them as ▁, and so drops what was a ▁ before too
        stages.append(normalizers.Replace(Regex(LINEAR_ENDS), ""))
    stages.append(normalizers.Replace(Regex(" +" if spiece.removes_spaces else " "), WORD_START))
    if spiece.dummy_prefix:
        stages.append(normalizers.Prepend(WORD_START))
    return normalizers.Sequence(stages)


def _splitter(names: Iterable[str]) -> str | None:
    """A pattern of each ▁ before which text may be cut without cutting a piece; None where there is no such thing.

    Without a piece ▁ it would be part of an unknown run, which a cut would make two.
    """
    known = set(names)
    if WORD_START not in known:
        return None
    inside = [
        (name[i - 1], name[i + 1 : i + 2])
        for name in known
        for i, character in enumerate(name)
        if i and character == WORD_START
    ]
    if not inside:
        return WORD_START
    before = _one_of({left for left, _ in inside})
    pattern = f"(?<!{before}){WORD_START}"
    if all(right for _, right in inside):
        pattern += f"|{WORD_START}(?!{_one_of({right for _, right in inside})})"
    return pattern


def _one_of(characters: set[str]) -> str:
    return "[" + "".join(re.escape(character) for character in sorted(characters)) + "]"


def _score(score: Any) -> float:
    """A piece's score, which sentencepiece keeps in 32 bits; ValueError for what does not fit there."""
    if not -_LARGEST_SCORE <= float(score) <= _LARGEST_SCORE:
        raise ValueError(f"a piece has the score {score}")
    return float(score)


def _piece(number: int, name: str, score: float, *, model: Mapping[str, Any], added: Mapping[str, Any] | None) -> Piece:
    if number == model.get("unk_id"):
        return Piece(name.strip(_HIDING), score, UNKNOWN)
    if name.startswith(_HIDING):
        return Piece(name.strip(_HIDING), score, CONTROL)
    if score == _USER_DEFINED_BONUS * len(name) and name:
        return Piece(name, 0.0, USER_DEFINED)
    if model.get("byte_fallback") and _BYTE_NAME.fullmatch(name):
        return Piece(name, score, BYTE)
    if added is None or not (added.get("special") or _in_brackets(name)):
        return Piece(name, score, NORMAL)
    return Piece(name, score, CONTROL if name in _CONTROL_IN_BIGBIRD else USER_DEFINED)


def _in_brackets(name: str) -> bool:
    return len(name) > 2 and (name[0], name[-1]) in {("<", ">"), ("[", "]")}


def _stages(normalizer: Any, pre_tokenizer: Any) -> dict[str, Any]:
    """Spiece's settings from a file's normaliser and pre-tokenizer; ValueError for stages that sentencepiece lacks."""
    changes = list(_flat(normalizer, "normalizers"))
    cuts = list(_flat(pre_tokenizer, "pretokenizers"))
    foreign = {stage["type"] for stage in changes} - {"Strip", "Replace", "Prepend", "Precompiled"}
    foreign |= {stage["type"] for stage in cuts} - {"Metaspace", "Split"}
    if foreign:
        raise ValueError(f"it reads text through {', '.join(sorted(foreign))}")
    charsmaps = [stage["precompiled_charsmap"] for stage in changes if stage["type"] == "Precompiled"]
    prefixes = [stage.get("prepend_scheme", "always") != "never" for stage in cuts if stage["type"] == "Metaspace"]
    return {
        "charsmap": base64.b64decode(charsmaps[0]) if charsmaps and charsmaps[0] else b"",
        "dummy_prefix": any(prefixes) or any(stage["type"] == "Prepend" for stage in changes),
        "removes_spaces": sum(stage["type"] == "Replace" for stage in changes) > 0
        and not any(stage["pattern"] == {"Regex": " "} for stage in changes if stage["type"] == "Replace"),
    }


def _flat(stage: Any, parts: str) -> Sequence[Mapping[str, Any]]:
    if stage is None:
        return []
    if stage["type"] == "Sequence":
        return [inner for part in stage[parts] for inner in _flat(part, parts)]
    return [stage]
