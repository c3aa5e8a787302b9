"""`spiece.model`: BigBird's own vocabulary format, through sentencepiece."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import sentencepiece
from tokenizers import AddedToken

from bigbird_cli.errors import ModelError
from bigbird_cli.files import replace_file
from bigbird_cli.text.spiece_file import BYTE, CONTROL, SPIECE_MODEL, USER_DEFINED, read_spiece, without_user_defined
from bigbird_cli.text.tokens import (
    SPECIAL_TOKENS_MAP,
    TOKENIZER_CONFIG,
    CalledLikeTransformers,
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
    whole_characters,
    with_marks,
)

USUAL = {
    "cls": ("[CLS]", "<s>"),
    "sep": ("[SEP]", "</s>"),
    "pad": ("<pad>", "[PAD]"),
    "mask": ("[MASK]", "<mask>"),
}


class SentencePieceTokenizer(CalledLikeTransformers):
    """A tokenizer read from `spiece.model`.

    Args:
        folder: a folder with spiece.model and, if it has them, tokenizer_config.json and special_tokens_map.json.

    Raises:
        ModelError: the file is no sentencepiece model, or has no token to open, close or pad an input.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / SPIECE_MODEL
        self._settings = {name: read_json_object(folder / name) for name in (TOKENIZER_CONFIG, SPECIAL_TOKENS_MAP)}
        declared = declared_special_tokens(folder)
        try:
            self._proto = path.read_bytes()
            # sentencepiece takes an empty or a broken file for a model without pieces and says so only on stderr
            pieces = read_spiece(self._proto).pieces
            self._model = sentencepiece.SentencePieceProcessor(model_proto=self._proto)
            markers = _markers((piece.name for piece in pieces), declared)
            self._reader = sentencepiece.SentencePieceProcessor(
                model_proto=without_user_defined(self._proto, pieces, markers)
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
        self._byte_ids = frozenset(number for number, piece in enumerate(pieces) if piece.kind == BYTE)
        roles = [self.cls_id, self.sep_id, self.pad_id, *([] if self.mask_id is None else [self.mask_id])]
        self.added_tokens = {
            number: AddedToken(pieces[number].name, lstrip=number == self.mask_id, normalized=False, special=True)
            for number in roles
        }
        self.special_ids = frozenset(
            number
            for number, piece in enumerate(pieces)
            if piece.kind == CONTROL or (piece.kind == USER_DEFINED and piece.name in markers)
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
        ids = encoding["ids"]
        spans = whole_characters(encoding["offsets"], is_byte=[number in self._byte_ids for number in ids])
        spans = trimmed(spans, text, keep_inside=[number == self.unk_id for number in ids])
        starts, ends = np.array(spans, dtype=np.int32).reshape(-1, 2).T
        return Tokens(ids=np.array(ids, dtype=np.int32), starts=starts, ends=with_marks(starts, ends, codes))

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
        replace_file(folder / SPIECE_MODEL, self._proto)
        for name, settings in self._settings.items():
            if settings:
                replace_file(folder / name, (json.dumps(settings, indent=2, ensure_ascii=False) + "\n").encode())


def _markers(names: Iterable[str], declared: Mapping[str, str]) -> frozenset[str]:
    """Pieces that mark structure rather than text: declared specials, and all in the shape of <name> or [name].

    Other user-defined pieces (a line end, an emoji) are text that the vocabulary's maker wanted whole.
    """
    shaped = {name for name in names if len(name) > 2 and (name[0], name[-1]) in {("<", ">"), ("[", "]")}}
    return frozenset(shaped | set(declared.values()))
