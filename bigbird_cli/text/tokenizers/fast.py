"""`tokenizer.json`: any Hugging Face fast tokenizer (WordPiece, BPE, Unigram) behind our interface."""

import json
from collections.abc import Iterable
from pathlib import Path

import tokenizers
from tokenizers import models

from bigbird_cli.choices import Newline
from bigbird_cli.errors import DataError, ModelError
from bigbird_cli.files.names import SPECIAL_TOKENS_MAP, TOKENIZER_CONFIG, TOKENIZER_JSON
from bigbird_cli.text.tokenizers.folder_tokenizer import FolderTokenizer
from bigbird_cli.text.tokenizers.tokens import Tokens, checked_ids, tokens_at, trimmed
from bigbird_cli.text.tokenizers.vocabulary_files import tokenizer_source

# names that vocabularies give to a role when no settings file says which
USUAL = {
    "cls": ("[CLS]", "<s>", "<|endoftext|>"),
    "sep": ("[SEP]", "</s>", "<|endoftext|>"),
    "pad": ("[PAD]", "<pad>", "<|endoftext|>"),
    "mask": ("[MASK]", "<mask>"),
    "unk": ("[UNK]", "<unk>"),
}


class FastTokenizer(FolderTokenizer):
    """A tokenizer read from `tokenizer.json`.

    Truncation and padding that the file stores are off: a document is never cut behind the caller's back.

    Args:
        folder: a folder with tokenizer.json and, if it has them, tokenizer_config.json and special_tokens_map.json.

    Raises:
        ModelError: the file is not a tokenizer, or has no token to open or to close an input.
    """

    def __init__(self, folder: Path) -> None:
        path, source = tokenizer_source(folder)
        super().__init__(folder, settings=(TOKENIZER_CONFIG, SPECIAL_TOKENS_MAP))
        try:
            self._tokenizer = _switched(tokenizers.Tokenizer.from_str(source))
        except BaseException as error:
            if not (isinstance(error, Exception) or _is_panic(error)):
                raise
            raise ModelError(
                f"not readable as a tokenizer: {_in_a_line(error)}", where=str(path), fix="fetch the model again"
            ) from error

        model = self._tokenizer.model
        if isinstance(model, models.WordPiece | models.WordLevel) and model.token_to_id(model.unk_token) is None:
            # the library would fail at the first word that needs it
            raise ModelError(
                f"the vocabulary lacks its own unknown token {model.unk_token!r}",
                where=str(path),
                fix="fetch the model again",
            )
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        self.vocab_size = max(vocabulary.values(), default=-1) + 1
        found = self._find_roles(USUAL, ids=vocabulary, where=path)
        self.unk_id = found["unk"]

        added = self._tokenizer.get_added_tokens_decoder()
        self.added_tokens = added
        special = {number for number, token in added.items() if token.special}
        special |= {self.cls_id, self.sep_id, self.pad_id}
        special |= set() if self.mask_id is None else {self.mask_id}
        self.special_ids = frozenset(special - {self.unk_id})
        self._reader = self._text_reader()
        try:
            is_known = self.unk_id not in self._encode_raw("\n").ids
        except DataError:  # there is no token for it, nor for unknown text
            is_known = False
        self.newline: Newline = "keep" if is_known else "space"

    def _encode_chunk(self, text: str) -> Tokens:
        encoding = self._encode_raw(text)
        ids = encoding.ids
        spans = trimmed(encoding.offsets, text, keep_inside=[number == self.unk_id for number in ids])
        return tokens_at(ids, spans, text)

    def decode(self, ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        """The text of ids; see `Tokenizer.decode`."""
        numbers = checked_ids(ids, self.vocab_size)
        if skip_special_tokens:
            numbers = [number for number in numbers if number not in self.special_ids]
        return str(self._tokenizer.decode(numbers, skip_special_tokens=False))

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """The vocabulary's entry for each id; see `Tokenizer.pieces`."""
        # an id in a gap of the vocabulary has no entry
        return [self._tokenizer.id_to_token(number) or "" for number in checked_ids(ids, self.vocab_size)]

    def _vocabulary_file(self) -> tuple[str, bytes]:
        return TOKENIZER_JSON, self._tokenizer.to_str(pretty=True).encode()  # without truncation and padding

    def _encode_raw(self, text: str) -> tokenizers.Encoding:
        return _encoded(self._reader, text)

    def _text_reader(self) -> tokenizers.Tokenizer:
        """The tokenizer for text: one that can produce no control token.

        `encode_special_tokens` keeps the added-token pass from matching them; a model that holds them among its
        ordinary entries (Unigram does) would still find them there, so a copy gets those entries renamed.
        """
        names = {number: self._tokenizer.id_to_token(number) for number in self.special_ids}
        probe = " ".join(f"{name} x{name}x" for name in names.values() if name)
        try:
            found = set(_encoded(self._tokenizer, probe).ids)
        except DataError:
            found = set(self.special_ids)  # the vocabulary does not know the x between them
        if self.special_ids.isdisjoint(found):
            return self._tokenizer
        description = json.loads(self._tokenizer.to_str())
        description["added_tokens"] = [
            token for token in description["added_tokens"] if token["id"] not in self.special_ids
        ]
        description["post_processor"] = None
        hidden = {name: f"\U0010fffe{name}\U0010fffe" for name in names.values() if name}
        vocabulary = description["model"]["vocab"]
        if isinstance(vocabulary, dict):
            description["model"]["vocab"] = {hidden.get(name, name): number for name, number in vocabulary.items()}
        else:
            description["model"]["vocab"] = [[hidden.get(name, name), score] for name, score in vocabulary]
        return _switched(tokenizers.Tokenizer.from_str(json.dumps(description)))


def _encoded(tokenizer: tokenizers.Tokenizer, text: str) -> tokenizers.Encoding:
    """What the library gives, without special tokens; DataError for what the vocabulary has no token for."""
    try:
        return tokenizer.encode(text, add_special_tokens=False)
    except BaseException as error:
        if not (type(error) is Exception or _is_panic(error)):
            raise
        raise DataError(
            f"the tokenizer cannot read this text: {_in_a_line(error)}",
            fix="leave out what its vocabulary lacks, or use a vocabulary with an unknown token",
        ) from error


def _in_a_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _is_panic(error: BaseException) -> bool:
    return type(error).__name__ == "PanicException"  # which is no Exception, and has no name to import


def _switched(tokenizer: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer
