"""`spiece.model` as bytes: what a sentencepiece model file says, read and written without its trainer.

Source: sentencepiece_model.proto of google/sentencepiece.
"""

import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bigbird_cli.bounds import VOCABULARY
from bigbird_cli.files.protobuf import FOUR_BYTES, bytes_field, field_key, fields, number_field
from bigbird_cli.text.tokenizers.charsmap import check_charsmap

WORD_START = "▁"
"""How a piece writes a space."""

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
"""Kinds of pieces, the numbers of SentencePiece.Type."""
UNIGRAM = 1
"""The model type of BigBird's vocabulary, of TrainerSpec.ModelType."""

# field numbers of ModelProto, SentencePiece, TrainerSpec and NormalizerSpec
_PIECES, _TRAINER, _NORMALIZER, _DENORMALIZER = 1, 2, 3, 5
_NAME, _SCORE, _KIND = 1, 2, 3
_MODEL_TYPE, _SPACE_AS_SUFFIX, _BYTE_FALLBACK = 3, 24, 35
_CHARSMAP, _DUMMY_PREFIX, _REMOVE_SPACES, _ESCAPE_SPACES = 2, 3, 4, 5


class Piece(NamedTuple):
    """An entry of the vocabulary."""

    name: str
    score: float = 0.0
    kind: int = NORMAL
    kind_place: int | None = None
    """Of the kind's byte in the file; None where the file leaves the kind out."""


@dataclass(frozen=True)
class Spiece:
    """What decides how a model encodes text; defaults as the format's.

    Attributes:
        pieces: in the order of their ids.
        model_type: UNIGRAM or another.
        charsmap: a compiled normaliser; empty where text is taken as it stands.
        denormalizes: whether decoded text is changed too.
        dummy_prefix: a space is put before the text.
        removes_spaces: spaces at the ends go, and runs of them become one.
        escapes_spaces: a space is written as ▁.
        space_as_suffix: ▁ ends words instead of beginning them.
        byte_fallback: characters outside the vocabulary are encoded as bytes.
    """

    pieces: Sequence[Piece]
    model_type: int = UNIGRAM
    charsmap: bytes = b""
    denormalizes: bool = False
    dummy_prefix: bool = True
    removes_spaces: bool = True
    escapes_spaces: bool = True
    space_as_suffix: bool = False
    byte_fallback: bool = False


def read_spiece(proto: bytes) -> Spiece:
    """The contents of a serialised model; ValueError or IndexError for bytes that are none."""
    pieces: list[Piece] = []
    numbers: dict[tuple[int, int], int] = {}
    charsmap, denormalizes = b"", False
    for field, _, start, stop in fields(proto):
        if field == _PIECES:
            pieces.append(_piece(proto, start, stop))
        elif field in (_TRAINER, _NORMALIZER, _DENORMALIZER):
            for inner, _, inner_start, inner_stop in fields(proto, start, stop):
                if inner == _CHARSMAP and field == _NORMALIZER:
                    charsmap = proto[inner_start:inner_stop]
                elif inner == _CHARSMAP and field == _DENORMALIZER:
                    denormalizes = inner_start < inner_stop
                elif inner_start < inner_stop <= inner_start + 10:  # a number, or text too short to matter
                    numbers[field, inner] = proto[inner_start]
    if len(pieces) not in VOCABULARY:
        raise ValueError(f"it holds {len(pieces)} pieces; it must be {VOCABULARY}" if pieces else "it holds no pieces")
    check_charsmap(charsmap)
    return Spiece(
        pieces=pieces,
        model_type=numbers.get((_TRAINER, _MODEL_TYPE), UNIGRAM),
        charsmap=charsmap,
        denormalizes=denormalizes,
        dummy_prefix=bool(numbers.get((_NORMALIZER, _DUMMY_PREFIX), True)),
        removes_spaces=bool(numbers.get((_NORMALIZER, _REMOVE_SPACES), True)),
        escapes_spaces=bool(numbers.get((_NORMALIZER, _ESCAPE_SPACES), True)),
        space_as_suffix=bool(numbers.get((_TRAINER, _SPACE_AS_SUFFIX), False)),
        byte_fallback=bool(numbers.get((_TRAINER, _BYTE_FALLBACK), False)),
    )


def spiece_bytes(spiece: Spiece) -> bytes:
    """A serialised model that encodes text as `spiece` says."""
    trainer = {
        _MODEL_TYPE: spiece.model_type,
        _SPACE_AS_SUFFIX: spiece.space_as_suffix,
        _BYTE_FALLBACK: spiece.byte_fallback,
    }
    normalizer = {
        _DUMMY_PREFIX: spiece.dummy_prefix,
        _REMOVE_SPACES: spiece.removes_spaces,
        _ESCAPE_SPACES: spiece.escapes_spaces,
    }
    return b"".join(
        (
            *(bytes_field(_PIECES, _piece_bytes(piece)) for piece in spiece.pieces),
            bytes_field(_TRAINER, _number_fields(trainer)),
            bytes_field(_NORMALIZER, bytes_field(_CHARSMAP, spiece.charsmap) + _number_fields(normalizer)),
        )
    )


def without_user_defined(proto: bytes, pieces: Iterable[Piece], names: Collection[str]) -> bytes:
    """A copy of a sentencepiece model in which the named user-defined pieces are unused: never found in text.

    Ids, scores and the segmentation of all other text stay; pieces of other kinds are left as they are.
    """
    copy = bytearray(proto)
    for piece in pieces:
        if piece.kind == USER_DEFINED and piece.name in names and piece.kind_place is not None:
            copy[piece.kind_place] = UNUSED  # a varint of one byte: its value changes, no length does
    return bytes(copy)


def _piece(proto: bytes, start: int, stop: int) -> Piece:
    name, score, kind, offset = "", 0.0, NORMAL, None
    for field, _, inner_start, inner_stop in fields(proto, start, stop):
        if field == _NAME:
            name = proto[inner_start:inner_stop].decode("utf-8")
        elif field == _SCORE:
            if inner_stop - inner_start != 4:
                raise ValueError(f"the score at byte {inner_start} has {inner_stop - inner_start} bytes instead of 4")
            (score,) = struct.unpack("<f", proto[inner_start:inner_stop])
        elif field == _KIND:
            kind, offset = proto[inner_start], inner_start
    return Piece(name, score, kind, offset)


def _piece_bytes(piece: Piece) -> bytes:
    score = field_key(_SCORE, FOUR_BYTES) + struct.pack("<f", piece.score)
    return bytes_field(_NAME, piece.name.encode()) + score + _number_fields({_KIND: piece.kind})


def _number_fields(values: Mapping[int, int]) -> bytes:
    return b"".join(number_field(field, int(value)) for field, value in values.items())
