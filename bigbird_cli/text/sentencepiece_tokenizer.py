"""`spiece.model`: BigBird's own vocabulary format, through sentencepiece."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sentencepiece

from bigbird_cli.errors import ModelError
from bigbird_cli.text.tokens import (
    SPECIAL_TOKENS_MAP,
    TOKENIZER_CONFIG,
    Newline,
    Tokens,
    checked_ids,
    code_points,
    declared_special_tokens,
    find_special,
    newline_rule,
    newlines_as_spaces,
    read_json_object,
    required_special,
    trimmed,
    with_marks,
)

SPIECE_MODEL = "spiece.model"

USUAL = {
    "cls": ("[CLS]", "<s>"),
    "sep": ("[SEP]", "</s>"),
    "pad": ("<pad>", "[PAD]"),
    "mask": ("[MASK]", "<mask>"),
}

# numbers of sentencepiece_model.proto: ModelProto.pieces, SentencePiece.piece, SentencePiece.type; then the types
_PIECES, _PIECE, _TYPE = 1, 1, 3
_NORMAL, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = 1, 3, 4, 5, 6


class SentencePieceTokenizer:
    """A tokenizer read from `spiece.model`.

    Args:
        folder: a folder with spiece.model and, if it has them, tokenizer_config.json and special_tokens_map.json.

    Raises:
        ModelError: the file is no sentencepiece model, or has no token to open, close or pad an input.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / SPIECE_MODEL
        self._settings = {name: read_json_object(folder / name) for name in (TOKENIZER_CONFIG, SPECIAL_TOKENS_MAP)}
        declared = declared_special_tokens(folder)
        try:
            self._proto = path.read_bytes()
            # sentencepiece takes an empty or a broken file for a model without pieces and says so only on stderr
            pieces = list(_piece_records(self._proto))
            if not pieces:
                raise ValueError("it holds no pieces")
            self._model = sentencepiece.SentencePieceProcessor(model_proto=self._proto)
            markers = _markers((piece.name for piece in pieces), declared)
            self._reader = sentencepiece.SentencePieceProcessor(
                model_proto=_without_user_defined(self._proto, pieces, markers)
            )
        except (OSError, ValueError, IndexError, RuntimeError) as error:
            raise ModelError(
                f"not readable as a sentencepiece model: {error}", where=str(path), fix="fetch the model again"
            ) from error

        ids = {piece.name: number for number, piece in enumerate(pieces)}
        found = {role: find_special(role, declared=declared, usual=usual, ids=ids) for role, usual in USUAL.items()}
        self.vocab_size = len(pieces)
        self.cls_id = required_special("cls", found["cls"], where=path)
        self.sep_id = required_special("sep", found["sep"], where=path)
        self.pad_id = required_special("pad", found["pad"], where=path)
        self.mask_id = found["mask"]
        self.unk_id: int | None = self._model.unk_id()
        self._byte_ids = np.array([n for n, piece in enumerate(pieces) if piece.kind == _BYTE], dtype=np.int32)
        self.special_ids = frozenset(
            number
            for number, piece in enumerate(pieces)
            if piece.kind == _CONTROL or (piece.kind == _USER_DEFINED and piece.name in markers)
        )
        self.newline: Newline = "space" if self.unk_id in self._reader.encode("\n") else "keep"

    def encode(self, text: str, *, newline: str | None = None) -> Tokens:
        """Split text into tokens; see `Tokenizer.encode`."""
        codes = code_points(text)
        if newline_rule(newline, self.newline) == "space":
            text = newlines_as_spaces(text)
            codes = code_points(text)
        # of sentencepiece's two offset modes "proto" counts bytes; this one counts code points
        encoding = self._reader.encode(text, return_type="offset_mapping")
        ids = np.array(encoding["ids"], dtype=np.int32)
        spans = np.array(encoding["offsets"], dtype=np.int64).reshape(-1, 2)
        starts, ends = self._whole_characters(ids, spans[:, 0], spans[:, 1])
        starts, ends = trimmed(starts, ends, codes, keep_inside=ids == self.unk_id)
        return Tokens(ids=ids, starts=starts, ends=with_marks(starts, ends, codes))

    def decode(self, ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        """The text of ids; see `Tokenizer.decode`. Control tokens that are kept stand between spaces."""
        parts: list[str] = []
        run: list[int] = []
        for number in [*checked_ids(ids, self.vocab_size), None]:
            if number is not None and number not in self.special_ids:
                run.append(number)
                continue
            if number is not None and skip_special_tokens:
                continue
            if run:
                parts.append(str(self._model.decode(run)))
                run = []
            if number is not None:
                parts.append(str(self._model.id_to_piece(number)))
        return " ".join(parts)

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """The vocabulary's entry for each id; see `Tokenizer.pieces`."""
        return [str(self._model.id_to_piece(number)) for number in checked_ids(ids, self.vocab_size)]

    def save(self, folder: Path) -> None:
        """Write spiece.model, byte for byte, and the settings that stood beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SPIECE_MODEL).write_bytes(self._proto)
        for name, settings in self._settings.items():
            if settings:
                (folder / name).write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def _whole_characters(self, ids: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give each byte of a character the character's span: sentencepiece gives it to the last byte alone."""
        if not len(self._byte_ids):
            return starts, ends
        empty_byte = np.isin(ids, self._byte_ids) & (starts == ends)
        place = np.arange(len(ids))
        owner = np.minimum.accumulate(np.where(empty_byte, len(ids) - 1, place)[::-1])[::-1]
        return starts[owner], ends[owner]


class _Piece(NamedTuple):
    name: str
    kind: int
    kind_place: int | None  # of its byte in the file; None where the file leaves the type out


def _without_user_defined(proto: bytes, pieces: Iterable[_Piece], names: Collection[str]) -> bytes:
    """A copy of a sentencepiece model in which the named user-defined pieces are unused: never found in text.

    Ids, scores and the segmentation of all other text stay; pieces of other types are left as they are.
    """
    copy = bytearray(proto)
    for piece in pieces:
        if piece.kind == _USER_DEFINED and piece.name in names and piece.kind_place is not None:
            copy[piece.kind_place] = _UNUSED  # a varint of one byte: its value changes, no length does
    return bytes(copy)


def _markers(names: Iterable[str], declared: Mapping[str, str]) -> frozenset[str]:
    """Pieces that mark structure rather than text: declared specials, and all in the shape of <name> or [name].

    Other user-defined pieces (a line end, an emoji) are text that the vocabulary's maker wanted whole.
    """
    shaped = {name for name in names if len(name) > 2 and (name[0], name[-1]) in {("<", ">"), ("[", "]")}}
    return frozenset(shaped | set(declared.values()))


def _piece_records(proto: bytes) -> Iterator[_Piece]:
    """The pieces of a serialised ModelProto, in the order of their ids."""
    for number, start, stop in _fields(proto, 0, len(proto)):
        if number == _PIECES:
            name, kind, place = "", _NORMAL, None
            for inner, inner_start, inner_stop in _fields(proto, start, stop):
                if inner == _PIECE:
                    name = proto[inner_start:inner_stop].decode("utf-8")
                elif inner == _TYPE:
                    kind, place = proto[inner_start], inner_start
            yield _Piece(name, kind, place)


def _fields(data: bytes, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Field number and the place of the value of each field of a protocol-buffers message.

    Source: the wire format, https://protobuf.dev/programming-guides/encoding/ (groups, long gone, are refused).
    """
    while start < stop:
        key, start = _varint(data, start)
        wire = key & 7
        if wire == 0:
            _, end = _varint(data, start)
        elif wire == 1:
            end = start + 8
        elif wire == 2:
            length, start = _varint(data, start)
            end = start + length
        elif wire == 5:
            end = start + 4
        else:
            raise ValueError(f"wire type {wire} at byte {start}")
        if end > stop:
            raise ValueError(f"a field at byte {start} runs past the end")
        yield key >> 3, start, end
        start = end


def _varint(data: bytes, start: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[start]
        start += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, start
        shift += 7
