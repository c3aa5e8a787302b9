"""The calls of `BigBirdTokenizer` over any vocabulary that `load_tokenizer` opens, such as a BERT's WordPiece."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import tokenizers
from tokenizers import AddedToken

from bigbird_cli.files.names import TOKENIZER_JSON
from bigbird_cli.files.whole import replace_file
from bigbird_cli.text.huggingface.bigbird_tokenizer import BigBirdTokenizer
from bigbird_cli.text.huggingface.model_inputs import Encoded, ModelInputs, Span
from bigbird_cli.text.huggingface.special_tokens import ROLES
from bigbird_cli.text.tokenizers.tokens import Tokenizer


class CallableTokenizer(BigBirdTokenizer):
    """A tokenizer of documents, called with transformers' conventions.

    Added tokens in a text, special ones among them, are cut out of it first, as `BigBirdTokenizer` does; what stands
    between them is encoded by the other tokenizer.

    Args:
        tokenizer: encodes the text.
        added_tokens_decoder: id -> token that is never split, besides those of the tokenizer.
        additional_special_tokens: more such tokens.
        settings: as of `BigBirdTokenizer`; a role that has no token here is the tokenizer's own.
    """

    vocab_files_names: ClassVar[dict[str, str]] = {"tokenizer_file": TOKENIZER_JSON}
    is_fast = True

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        added_tokens_decoder: Mapping[int, AddedToken] | None = None,
        additional_special_tokens: Sequence[str | AddedToken] = (),
        **settings: Any,
    ) -> None:
        pieces = tokenizer.pieces(range(tokenizer.vocab_size))
        ids = {
            "unk": tokenizer.unk_id,
            "sep": tokenizer.sep_id,
            "pad": tokenizer.pad_id,
            "cls": tokenizer.cls_id,
            "mask": tokenizer.mask_id,
        }
        own = {role: pieces[number] for role, number in ids.items() if number is not None}
        roles = {role: settings.pop(f"{role}_token", own.get(role)) for role in ROLES}
        self._configure(**settings)
        self._tokenizer = tokenizer
        self.vocab_file = ""
        ModelInputs.__init__(
            self,
            pieces,
            unknown_id=tokenizer.pad_id if tokenizer.unk_id is None else tokenizer.unk_id,
            roles=roles,
            additional=additional_special_tokens,
            added={**tokenizer.added_tokens, **(added_tokens_decoder or {})},
        )

    def tokenize(self, text: str, *, split_special_tokens: bool | None = None) -> list[str]:
        """Tokens of a text; special tokens in it are single ones unless split_special_tokens.

        Raises:
            DataError: the text holds a lone surrogate.
        """
        (encoded,) = self._encode_texts([text], split_special_tokens=split_special_tokens, with_spans=False)
        return list(self.convert_ids_to_tokens(encoded.ids))

    def _encode_texts(
        self, texts: Sequence[str], *, split_special_tokens: bool | None, with_spans: bool
    ) -> list[Encoded]:
        encoded_texts: list[Encoded] = []
        for text in texts:
            ids: list[int] = []
            spans: list[Span] = []
            for segment in self._cut(text, split_special_tokens):
                if segment.is_token:
                    ids.append(self.convert_tokens_to_ids(segment.text))
                    spans.append((segment.offsets[0], segment.offsets[-1] + 1))
                    continue
                tokens = self._tokenizer.encode(segment.text)
                ids += tokens.ids.tolist()
                spans += segment.in_whole(zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True))
            encoded_texts.append(Encoded(ids, spans if with_spans else None))
        return encoded_texts

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        *,
        spaces_between_special_tokens: bool = True,
    ) -> str:
        """Text of one input's ids, with the spaces that the vocabulary's own decoder puts; see `BigBirdTokenizer`."""
        del spaces_between_special_tokens
        text = self.convert_tokens_to_string(self._tokens_of(token_ids, skip_special_tokens))
        return self._cleaned(text, clean_up_tokenization_spaces)

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Text of tokens; those that were added later stay as they are."""
        parts: list[str] = []
        run: list[int] = []
        for token in [*tokens, None]:
            number = None if token is None else self.convert_tokens_to_ids(token)
            if number is not None and number < self.vocab_size:
                run.append(number)
                continue
            if run:
                parts.append(self._tokenizer.decode(run, skip_special_tokens=False))
                run = []
            if token is not None:
                parts.append(token)
        return " ".join(parts)

    def save_pretrained(self, save_directory: str | Path, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write the vocabulary, with tokens that were added to it, and the settings that stood beside it.

        Returns:
            The files' names.

        Raises:
            ValueError: a prefix is given; or the vocabulary is one that no tokens can be added to.
        """
        if filename_prefix:
            raise ValueError("this tokenizer's files have fixed names: leave filename_prefix out")
        folder = Path(save_directory)
        self._tokenizer.save(folder)
        new = {token.content: token for number, token in self.added_tokens_decoder.items() if number >= self.vocab_size}
        if new:
            path = folder / TOKENIZER_JSON
            saved = tokenizers.Tokenizer.from_file(str(path))
            saved.add_tokens(list(new.values()))
            if any(saved.token_to_id(token) != self.added_tokens_encoder[token] for token in new):
                raise ValueError(f"{TOKENIZER_JSON} gives {', '.join(new)} other ids than they have here")
            replace_file(path, saved.to_str(pretty=True).encode("utf-8"))
        return tuple(str(path) for path in sorted(folder.glob("*token*.json")))

    def save_vocabulary(self, save_directory: str | Path, filename_prefix: str | None = None) -> tuple[str]:
        """As `save_pretrained`; returns the vocabulary's name."""
        self.save_pretrained(save_directory, filename_prefix)
        return (str(Path(save_directory) / TOKENIZER_JSON),)
