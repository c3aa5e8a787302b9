"""`spiece.model`: BigBird's own vocabulary format, through sentencepiece."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import sentencepiece
from tokenizers import AddedToken

from bigbird_cli.choices import Newline
from bigbird_cli.errors import ModelError
from bigbird_cli.files.names import ADDED_TOKENS, SPECIAL_TOKENS_MAP, SPIECE_MODEL, TOKENIZER_CONFIG
from bigbird_cli.text.huggingface.special_tokens import SpecialTokens, added_token
from bigbird_cli.text.tokenizers.folder_tokenizer import FolderTokenizer
from bigbird_cli.text.tokenizers.spiece_file import BYTE, CONTROL, USER_DEFINED, read_spiece, without_user_defined
from bigbird_cli.text.tokenizers.tokens import (
    Tokens,
    checked_ids,
    declared_special_tokens,
    tokens_at,
    trimmed,
    whole_characters,
)
from bigbird_cli.text.tokenizers.vocabulary_files import added_tokens

USUAL = {
    "cls": ("[CLS]", "<s>"),
    "sep": ("[SEP]", "</s>"),
    "pad": ("<pad>", "[PAD]"),
    "mask": ("[MASK]", "<mask>"),
}


class SentencePieceTokenizer(FolderTokenizer):
    """A tokenizer read from `spiece.model`.

    Args:
        folder: a folder with spiece.model and, if it has them, tokenizer_config.json and special_tokens_map.json.

    Raises:
        ModelError: the file is no sentencepiece model, or has no token to open, close or pad an input.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, settings=(TOKENIZER_CONFIG, SPECIAL_TOKENS_MAP, ADDED_TOKENS))
        path = folder / SPIECE_MODEL
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
        except (ValueError, IndexError, RuntimeError) as error:
            raise ModelError(
                f"not readable as a sentencepiece model: {error}", where=str(path), fix="fetch the model again"
            ) from error

        ids = {piece.name: number for number, piece in enumerate(pieces)}
        self._added = {number: token for number, token in added_tokens(folder).items() if number >= len(pieces)}
        ids |= {token["content"]: number for number, token in self._added.items()}
        self._n_pieces = len(pieces)
        self.vocab_size = max(self._added, default=len(pieces) - 1) + 1
        self._find_roles(USUAL, ids=ids, where=path)
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
        ) | {number for number, token in self._added.items() if token["special"]}
        in_text = {number: added_token(token) for number, token in self._added.items() if not token["special"]}
        self._cutter = SpecialTokens((), unknown_id=0, roles={}, additional=(), added=in_text) if in_text else None
        self.newline: Newline = "space" if self.unk_id in self._reader.encode("\n") else "keep"

    def _encode_chunk(self, text: str) -> Tokens:
        ids, spans = self._pieces_of(text) if self._cutter is None else self._pieces_and_added(text, self._cutter)
        return tokens_at(ids, spans, text)

    def _pieces_of(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        # of sentencepiece's two offset modes "proto" counts bytes; this one counts code points
        encoding = self._reader.encode(text, return_type="offset_mapping")
        ids = encoding["ids"]
        spans = whole_characters(encoding["offsets"], is_byte=[number in self._byte_ids for number in ids])
        return ids, trimmed(spans, text, keep_inside=[number == self.unk_id for number in ids])

    def _pieces_and_added(self, text: str, cutter: SpecialTokens) -> tuple[list[int], list[tuple[int, int]]]:
        """The text cut at the tokens that were added to the vocabulary, and what is between them read by itself."""
        ids: list[int] = []
        spans: list[tuple[int, int]] = []
        for part in cutter.segments(text):
            if part.is_token:
                ids.append(cutter.convert_tokens_to_ids(part.text))
                spans.append((part.offsets[0], part.offsets[-1] + 1))
                continue
            found, inside = self._pieces_of(part.text)
            ids += found
            spans += part.in_whole(inside)
        return ids, spans

    def decode(self, ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        """The text of ids; see `Tokenizer.decode`. Control tokens that are kept stand between spaces."""
        parts: list[str] = []
        run: list[int] = []
        for number in [*checked_ids(ids, self.vocab_size), None]:
            if number is not None and number not in self.special_ids and number < self._n_pieces:
                run.append(number)
                continue
            if number is not None and skip_special_tokens and number in self.special_ids:
                continue
            if run:
                parts.append(str(self._model.decode(run)))
                run = []
            if number is not None:
                parts.append(self._name(number))
        return " ".join(parts)

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """The vocabulary's entry for each id; see `Tokenizer.pieces`."""
        return [self._name(number) for number in checked_ids(ids, self.vocab_size)]

    def _name(self, number: int) -> str:
        if number < self._n_pieces:
            return str(self._model.id_to_piece(number))
        return str(self._added[number]["content"]) if number in self._added else ""  # a gap in the vocabulary

    def _vocabulary_file(self) -> tuple[str, bytes]:
        return SPIECE_MODEL, self._proto


def _markers(names: Iterable[str], declared: Mapping[str, str]) -> frozenset[str]:
    """Pieces that mark structure rather than text: declared specials, and all in the shape of <name> or [name].

    Other user-defined pieces (a line end, an emoji) are text that the vocabulary's maker wanted whole.
    """
    shaped = {name for name in names if len(name) > 2 and (name[0], name[-1]) in {("<", ">"), ("[", "]")}}
    return frozenset(shaped | set(declared.values()))
