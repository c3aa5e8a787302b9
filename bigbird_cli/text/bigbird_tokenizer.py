"""`BigBirdTokenizer`: the tokenizer of the documentation, called directly.

It behaves as the slow tokenizer of transformers 4.44 does: special tokens in the text are control tokens, each
stretch between them starts afresh, and `[MASK]` eats the white space to its left. Documents go through
`load_tokenizer` instead, which reads text as text and knows where each token stands.
"""

import copy
import json
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from tokenizers import AddedToken

from bigbird_cli.errors import BigBirdWarning, ModelError
from bigbird_cli.text.batch_encoding import (
    NO_LIMIT,
    BatchEncoding,
    Limits,
    as_tensors,
    pad_one,
    padded_length,
    plain_ids,
    resolve_limits,
    truncate,
)
from bigbird_cli.text.places import SHIPPED, is_local, local_path
from bigbird_cli.text.tokens import SPECIAL_TOKENS_MAP, TOKENIZER_CONFIG, code_points, read_json_object

SPIECE_MODEL = "spiece.model"
ADDED_TOKENS = "added_tokens.json"
ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
ADDED_TOKEN_FIELDS = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")

_USUAL_SETTINGS: dict[str, Any] = {
    "padding_side": "right",
    "truncation_side": "right",
    "split_special_tokens": False,
    "model_input_names": ["input_ids", "attention_mask"],
}
_ENGLISH_CLEAN_UP = (
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"),
    (" n't", "n't"), (" 'm", "'m"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
)  # fmt: skip


class BigBirdTokenizer:
    """A sentencepiece vocabulary with BigBird's special tokens.

    Args:
        vocab_file: the spiece.model file.
        unk_token, bos_token, eos_token, pad_token, sep_token, mask_token, cls_token: special tokens; one that the
            vocabulary lacks is added at its end. An AddedToken says how it takes the white space beside it.
        sp_model_kwargs: settings of sentencepiece.SentencePieceProcessor, e.g. {"enable_sampling": True}.
        additional_special_tokens: more tokens that are never split.
        added_tokens_decoder: id -> AddedToken of tokens added earlier.
        model_max_length: longest input of the model, in tokens; for truncation and padding to "max_length".
        padding_side, truncation_side: "right" or "left".
        clean_up_tokenization_spaces: whether decoding drops spaces before English punctuation.
        split_special_tokens: read special tokens in a text as text.
        settings: anything else; kept, and saved by `save_pretrained`.

    Raises:
        ModelError: the file is not there or is no sentencepiece model.
    """

    vocab_files_names: ClassVar[dict[str, str]] = {"vocab_file": SPIECE_MODEL}
    is_fast = False
    pad_token_type_id = 0

    def __init__(
        self,
        vocab_file: str | Path,
        unk_token: str | AddedToken = "<unk>",
        bos_token: str | AddedToken = "<s>",
        eos_token: str | AddedToken = "</s>",
        pad_token: str | AddedToken = "<pad>",
        sep_token: str | AddedToken = "[SEP]",
        mask_token: str | AddedToken = "[MASK]",
        cls_token: str | AddedToken = "[CLS]",
        sp_model_kwargs: dict[str, Any] | None = None,
        *,
        additional_special_tokens: Sequence[str | AddedToken] = (),
        added_tokens_decoder: Mapping[int, AddedToken] | None = None,
        model_max_length: int | None = None,
        padding_side: str = "right",
        truncation_side: str = "right",
        clean_up_tokenization_spaces: bool = True,
        split_special_tokens: bool = False,
        model_input_names: Sequence[str] | None = None,
        **settings: Any,
    ) -> None:
        import sentencepiece  # here, so that the class's home opens without it

        for name, side in (("padding_side", padding_side), ("truncation_side", truncation_side)):
            if side not in ("right", "left"):
                raise ValueError(f'{name} is {side!r}; it may be "right" or "left"')
        self.vocab_file = str(vocab_file)
        self.sp_model_kwargs = dict(sp_model_kwargs or {})
        self.sp_model = sentencepiece.SentencePieceProcessor(**self.sp_model_kwargs)
        try:
            self.sp_model.Load(self.vocab_file)
        except (OSError, RuntimeError, TypeError) as error:
            raise ModelError(
                "there is no readable sentencepiece model", where=self.vocab_file, fix="name a spiece.model file"
            ) from error
        self.model_max_length = NO_LIMIT if model_max_length is None else model_max_length
        self.padding_side = padding_side
        self.truncation_side = truncation_side
        self.clean_up_tokenization_spaces = clean_up_tokenization_spaces
        self.split_special_tokens = split_special_tokens
        self.model_input_names = list(model_input_names or _USUAL_SETTINGS["model_input_names"])
        self._settings = copy.deepcopy(settings)
        self._warned: set[str] = set()

        self._added: dict[int, AddedToken] = dict(added_tokens_decoder or {})
        self._added_ids = {token.content: number for number, token in self._added.items()}
        given = (bos_token, eos_token, unk_token, sep_token, pad_token, cls_token, mask_token)
        # the mask stands for a word, so it takes the word's leading space with it
        self._special: dict[str, AddedToken | None] = {
            role: _added_token(token, lstrip=role == "mask") for role, token in zip(ROLES, given, strict=True)
        }
        self._additional: list[str | AddedToken] = list(additional_special_tokens)
        self._vocabulary = {self.sp_model.id_to_piece(number): number for number in range(self.vocab_size)}
        self._add((token for token in self._special_tokens() if str(token) not in self._added_ids), special=True)

    # -- the vocabulary ------------------------------------------------------------------------------------------

    @property
    def vocab_size(self) -> int:
        """Number of pieces, tokens added later aside."""
        return int(self.sp_model.get_piece_size())

    def __len__(self) -> int:
        return len(self.get_vocab())

    def __repr__(self) -> str:
        return f"BigBirdTokenizer({self.vocab_file!r}, {self.vocab_size} pieces, {len(self) - self.vocab_size} added)"

    def get_vocab(self) -> dict[str, int]:
        """Every token and its id, added ones included."""
        return {**self._vocabulary, **self._added_ids}

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """Id -> token that is found in the text before sentencepiece sees it."""
        return dict(sorted(self._added.items()))

    @property
    def added_tokens_encoder(self) -> dict[str, int]:
        """The same the other way round."""
        return {token.content: number for number, token in sorted(self._added.items())}

    def get_added_vocab(self) -> dict[str, int]:
        """As `added_tokens_encoder`."""
        return dict(self._added_ids)

    def add_tokens(
        self, new_tokens: str | AddedToken | Sequence[str | AddedToken], special_tokens: bool = False
    ) -> int:
        """Add tokens that are never split; returns how many of them are new to the vocabulary."""
        if isinstance(new_tokens, (str, AddedToken)):
            new_tokens = [new_tokens]
        return self._add(new_tokens, special=special_tokens)

    def add_special_tokens(
        self, special_tokens_dict: Mapping[str, Any], replace_additional_special_tokens: bool = True
    ) -> int:
        """Name special tokens, e.g. {"cls_token": "<C>"} or {"additional_special_tokens": [...]}; see `add_tokens`."""
        to_add: list[AddedToken] = []
        for name, value in special_tokens_dict.items():
            if name == "additional_special_tokens":
                tokens = [_added_token(token, normalized=False) for token in value]
                known = set(self.additional_special_tokens)
                if replace_additional_special_tokens and tokens:
                    self._additional = list(tokens)
                else:
                    tokens = [token for token in tokens if token.content not in known]
                    self._additional = [*self._additional, *tokens]
                to_add += tokens
            else:
                token = _added_token(value, normalized=False)
                self._special[_role(name)] = token
                to_add.append(token)
        return self._add(to_add, special=True)

    def _add(self, tokens: Iterable[str | AddedToken], *, special: bool) -> int:
        vocabulary = self.get_vocab()
        n_new, next_id = 0, len(vocabulary)
        for given in tokens:
            if isinstance(given, str):
                if given in self._added_ids:
                    continue
                is_special = special or given in self.all_special_tokens
                token = AddedToken(given, normalized=not is_special, special=is_special)
            else:
                token = _added_token(given, special=special or given.special)
            if not token.content:
                continue
            number = vocabulary.get(token.content)
            if number is None:
                number = next_id + n_new
                vocabulary[token.content] = number
                n_new += 1
            if token.special and token.content not in self.all_special_tokens:
                self._additional = [*self._additional, token]
            self._added[number] = token
            self._added_ids[token.content] = number
        longest_first = sorted(self._added_ids, key=len, reverse=True)
        self._added_pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        return n_new

    # -- special tokens ------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        """`cls_token`, `cls_token_id`, and so on for each role; None for a role that no token plays."""
        role, _, kind = name.partition("_")
        if role in ROLES and kind in ("token", "token_id") and "_special" in self.__dict__:
            token = self._special[role]
            if token is None:
                return None
            return token.content if kind == "token" else self.convert_tokens_to_ids(token.content)
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        role, _, kind = name.partition("_")
        if role in ROLES and kind == "token":
            self._special[role] = None if value is None else _added_token(value)
        elif role in ROLES and kind == "token_id":
            self._special[role] = None if value is None else _added_token(self.convert_ids_to_tokens(value))
        else:
            super().__setattr__(name, value)

    @property
    def additional_special_tokens(self) -> list[str]:
        """Special tokens without a role."""
        return [str(token) for token in self._additional]

    @property
    def additional_special_tokens_ids(self) -> list[int]:
        """Their ids."""
        return self.convert_tokens_to_ids(self.additional_special_tokens)

    @property
    def special_tokens_map(self) -> dict[str, str | list[str]]:
        """Role -> token, e.g. {"cls_token": "[CLS]", ...}."""
        roles: dict[str, str | list[str]] = {
            f"{role}_token": token.content for role, token in self._special.items() if token is not None
        }
        return {**roles, "additional_special_tokens": self.additional_special_tokens} if self._additional else roles

    @property
    def all_special_tokens(self) -> list[str]:
        """Every special token once."""
        return [str(token) for token in self._special_tokens()]

    @property
    def all_special_ids(self) -> list[int]:
        """Their ids."""
        return self.convert_tokens_to_ids(self.all_special_tokens)

    def _special_tokens(self) -> list[str | AddedToken]:
        unique: dict[str, str | AddedToken] = {}
        for token in (*self._special.values(), *self._additional):
            if token is not None:
                unique.setdefault(str(token), token)
        return list(unique.values())

    # -- text to tokens to ids -----------------------------------------------------------------------------------

    def tokenize(self, text: str, *, split_special_tokens: bool | None = None) -> list[str]:
        """Pieces of a text; special tokens in it are single pieces unless split_special_tokens.

        Raises:
            DataError: the text holds a lone surrogate.
        """
        code_points(text)
        if self.split_special_tokens if split_special_tokens is None else split_special_tokens:
            return self._tokenize_stretch(text)
        stretches = self._split_on_added(text)
        # white space beside an added token goes as its settings say
        for i, stretch in enumerate(stretches):
            number = self._added_ids.get(stretch)
            if number is None:
                continue
            token = self._added[number]
            left = stretches[i - 1] if i > 0 else ""
            right = stretches[i + 1] if i + 1 < len(stretches) else ""
            if token.rstrip and right:
                stretches[i + 1] = right.lstrip()
            if token.lstrip and left:
                stretches[i - 1] = left.rstrip()
            if token.single_word and left and left[-1] != " ":
                stretches[i - 1] += stretch
                stretches[i] = ""
            elif token.single_word and right and right[0] != " ":
                stretches[i + 1] = stretch + stretches[i + 1]
                stretches[i] = ""
        pieces: list[str] = []
        for stretch in stretches:
            if stretch in self._added_ids:
                pieces.append(stretch)
            elif stretch:
                pieces.extend(self._tokenize_stretch(stretch))
        return pieces

    def _split_on_added(self, text: str) -> list[str]:
        stretches: list[str] = []
        done = 0
        for match in self._added_pattern.finditer(text):
            stretches += [text[done : match.start()], match.group()]
            done = match.end()
        return [stretch for stretch in (*stretches, text[done:]) if stretch]

    def _tokenize_stretch(self, text: str) -> list[str]:
        return list(self.sp_model.encode(text, out_type=str))

    def convert_tokens_to_ids(self, tokens: Any) -> Any:
        """Id of a token, or ids of several; an unknown token has the unknown id."""
        if tokens is None:
            return None
        if isinstance(tokens, str):
            number = self._added_ids.get(tokens)
            return int(self.sp_model.piece_to_id(tokens)) if number is None else number
        return [self.convert_tokens_to_ids(token) for token in tokens]

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """Token of an id, or tokens of several; IndexError for an id outside the vocabulary."""
        if isinstance(ids, int):
            return self._token(ids)
        special = set(self.all_special_ids) if skip_special_tokens else set()
        return [self._token(int(number)) for number in ids if int(number) not in special]

    def _token(self, number: int) -> str:
        added = self._added.get(number)
        return str(self.sp_model.id_to_piece(number)) if added is None else str(added.content)

    # -- ids to text ---------------------------------------------------------------------------------------------

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Text of pieces; special tokens stay as they are, with a space before each run of them."""
        special = set(self.all_special_tokens)
        text, run, after_special = "", [], False
        for token in tokens:
            if token not in special:
                run.append(token)
                after_special = False
                continue
            text += ("" if after_special else " ") + str(self.sp_model.decode(run)) + token
            run, after_special = [], True
        return (text + str(self.sp_model.decode(run))).strip()

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        *,
        spaces_between_special_tokens: bool = True,
    ) -> str:
        """Text of one input's ids.

        Args:
            token_ids: an id, or a list, array or tensor of them.
            skip_special_tokens: leave special tokens out, the unknown token among them.
            clean_up_tokenization_spaces: drop spaces before English punctuation; by default as the tokenizer was told.
            spaces_between_special_tokens: put spaces round special tokens, but none before [MASK] and [SEP].
        """
        numbers = plain_ids(token_ids)
        tokens = self.convert_ids_to_tokens([numbers] if isinstance(numbers, int) else numbers, skip_special_tokens)
        parts: list[str] = []
        run: list[str] = []
        for token in tokens:
            if token in self._added_ids:
                if run:
                    parts.append(self.convert_tokens_to_string(run))
                    run = []
                parts.append(token)
            else:
                run.append(token)
        if run:
            parts.append(self.convert_tokens_to_string(run))
        if spaces_between_special_tokens:
            text = re.sub(r" (\[(?:MASK|SEP)\])", r"\1", " ".join(parts))
        else:
            text = "".join(parts)
        clean = self.clean_up_tokenization_spaces
        if clean_up_tokenization_spaces is not None:
            clean = clean_up_tokenization_spaces
        return self.clean_up_tokenization(text) if clean else text

    def batch_decode(
        self,
        sequences: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        **options: Any,
    ) -> list[str]:
        """Text of each input of a batch; see `decode`."""
        return [
            self.decode(ids, skip_special_tokens, clean_up_tokenization_spaces, **options)
            for ids in plain_ids(sequences)
        ]

    @staticmethod
    def clean_up_tokenization(text: str) -> str:
        """Text without the spaces that tokenization puts before English punctuation and contractions."""
        for spaced, joined in _ENGLISH_CLEAN_UP:
            text = text.replace(spaced, joined)
        return text

    # -- model inputs --------------------------------------------------------------------------------------------

    def build_inputs_with_special_tokens(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """[CLS] A [SEP], or [CLS] A [SEP] B [SEP]."""
        ids = [self.cls_token_id, *token_ids_0, self.sep_token_id]
        return ids if token_ids_1 is None else [*ids, *token_ids_1, self.sep_token_id]

    def create_token_type_ids_from_sequences(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """0 for [CLS] A [SEP], 1 for B [SEP]."""
        return [0] * (len(token_ids_0) + 2) + ([] if token_ids_1 is None else [1] * (len(token_ids_1) + 1))

    def get_special_tokens_mask(
        self,
        token_ids_0: Sequence[int],
        token_ids_1: Sequence[int] | None = None,
        already_has_special_tokens: bool = False,
    ) -> list[int]:
        """1 where a special token stands, or would stand once `build_inputs_with_special_tokens` has put them in.

        Raises:
            ValueError: a second sequence is given though the ids already have special tokens.
        """
        if already_has_special_tokens:
            if token_ids_1 is not None:
                raise ValueError("ids that already have special tokens are one sequence: leave token_ids_1 out")
            special = set(self.all_special_ids)
            return [int(number in special) for number in token_ids_0]
        mask = [1, *[0] * len(token_ids_0), 1]
        return mask if token_ids_1 is None else [*mask, *[0] * len(token_ids_1), 1]

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """How many special tokens an input has: 2, or 3 for a pair."""
        return len(self.build_inputs_with_special_tokens([], [] if pair else None))

    @property
    def max_len_single_sentence(self) -> int:
        """Tokens of a single text that the model's longest input holds."""
        return self.model_max_length - self.num_special_tokens_to_add()

    @property
    def max_len_sentences_pair(self) -> int:
        """Tokens of both texts of a pair that the model's longest input holds."""
        return self.model_max_length - self.num_special_tokens_to_add(pair=True)

    def __call__(
        self,
        text: Any,
        text_pair: Any = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
        pad_to_multiple_of: int | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False,
        return_length: bool = False,
        split_special_tokens: bool | None = None,
        verbose: bool = True,
    ) -> BatchEncoding:
        """Model inputs of a text, a pair of texts, or a batch of either.

        Args:
            text: a string, or a list of them (a batch); with is_split_into_words a list of words, or a list of those.
            text_pair: the second texts, in the same shape.
            add_special_tokens: put [CLS] and [SEP] in.
            padding: True or "longest", "max_length", False or "do_not_pad".
            truncation: True or "longest_first", "only_first", "only_second", False or "do_not_truncate".
            max_length: length in tokens to cut or fill to; by default model_max_length.
            stride: ids of the part kept that overflowing_tokens repeats.
            is_split_into_words: the strings of a list are words of one text.
            pad_to_multiple_of: fill to a multiple of this.
            return_tensors: None (lists), "np" or "pt".
            return_token_type_ids, return_attention_mask: by default what model_input_names says: the mask only.
            return_overflowing_tokens: add overflowing_tokens and num_truncated_tokens.
            return_special_tokens_mask, return_length: add special_tokens_mask, length.
            return_offsets_mapping: not offered here; `load_tokenizer(folder).encode(text)` has offsets.
            split_special_tokens: read special tokens in the text as text.
            verbose: whether to warn.

        Raises:
            ValueError: text is none of these, batches differ in length, or a setting has an unknown value.
            DataError: a text holds a lone surrogate.
        """
        options = {name: value for name, value in locals().items() if name not in ("self", "text", "text_pair")}
        is_batch = isinstance(text, (list, tuple))
        if is_split_into_words:
            is_batch = is_batch and bool(text) and isinstance(text[0], (list, tuple))
        if not _is_text(text) or (text_pair is not None and not _is_text(text_pair)):
            raise ValueError("text must be a string, a list of strings, or (split into words) a list of lists of them")
        if not is_batch:
            return self.encode_plus(text, text_pair, **options)
        if text_pair is None:
            return self.batch_encode_plus(text, **options)
        if isinstance(text_pair, str) or len(text) != len(text_pair):
            raise ValueError("text is a batch: text_pair must be a list with as many texts")
        return self.batch_encode_plus(list(zip(text, text_pair, strict=True)), **options)

    def encode(self, text: Any, text_pair: Any = None, **options: Any) -> Any:
        """The input_ids of one text or pair; options as of a call."""
        return self.encode_plus(text, text_pair, **options)["input_ids"]

    def encode_plus(
        self,
        text: Any,
        text_pair: Any = None,
        *,
        is_split_into_words: bool = False,
        return_offsets_mapping: bool = False,
        split_special_tokens: bool | None = None,
        **options: Any,
    ) -> BatchEncoding:
        """Model input of one text, pair, list of tokens or list of ids; options as of a call."""
        _refuse_offsets(return_offsets_mapping)
        read: dict[str, Any] = {"words": is_split_into_words, "split_special_tokens": split_special_tokens}
        first = self._ids_of(text, **read)
        second = None if text_pair is None else self._ids_of(text_pair, **read)
        kind = options.pop("return_tensors", None)
        encoded = self.prepare_for_model(first, second, **options)
        return as_tensors({name: [value] for name, value in encoded.items()} if kind else dict(encoded), kind)

    def batch_encode_plus(
        self,
        batch_text_or_text_pairs: Sequence[Any],
        *,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
        is_split_into_words: bool = False,
        return_offsets_mapping: bool = False,
        split_special_tokens: bool | None = None,
        verbose: bool = True,
        **options: Any,
    ) -> BatchEncoding:
        """Model inputs of a batch of texts or of (text, text) pairs; options as of a call."""
        _refuse_offsets(return_offsets_mapping)
        limits = self._limits(padding, truncation, max_length, pad_to_multiple_of, verbose)
        read: dict[str, Any] = {"words": is_split_into_words, "split_special_tokens": split_special_tokens}
        columns: dict[str, list[Any]] = {}
        for item in batch_text_or_text_pairs:
            is_pair = isinstance(item, (list, tuple))
            if is_pair and is_split_into_words:
                is_pair = isinstance(item[0], (list, tuple))
            text, text_pair = item if is_pair else (item, None)
            encoded = self.prepare_for_model(
                self._ids_of(text, **read),
                None if text_pair is None else self._ids_of(text_pair, **read),
                truncation=limits.truncation,
                max_length=limits.max_length,
                return_attention_mask=False,
                verbose=verbose,
                **options,
            )
            for name, value in encoded.items():
                columns.setdefault(name, []).append(value)
        if not columns:
            columns = {"input_ids": []}
        return self._padded(columns, limits, pad_to_multiple_of, return_attention_mask, return_tensors)

    def prepare_for_model(
        self,
        ids: list[int],
        pair_ids: list[int] | None = None,
        *,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        pad_to_multiple_of: int | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_length: bool = False,
        verbose: bool = True,
    ) -> BatchEncoding:
        """Model input of ids that have no special tokens yet; options as of a call."""
        limits = self._limits(padding, truncation, max_length, pad_to_multiple_of, verbose)
        if return_token_type_ids and not add_special_tokens:
            raise ValueError("token_type_ids are defined by the special tokens: leave add_special_tokens on")
        if return_overflowing_tokens and pair_ids is not None and limits.truncation == "longest_first":
            raise ValueError('a pair has overflowing tokens only with truncation="only_first" or "only_second"')
        if return_token_type_ids is None:
            return_token_type_ids = "token_type_ids" in self.model_input_names
        if return_attention_mask is None:
            return_attention_mask = "attention_mask" in self.model_input_names

        n_special = self.num_special_tokens_to_add(pair=pair_ids is not None) if add_special_tokens else 0
        n_tokens = len(ids) + len(pair_ids or []) + n_special
        n_over = n_tokens - limits.max_length if limits.max_length else 0
        first, second, overflow = truncate(
            list(ids),
            None if pair_ids is None else list(pair_ids),
            n_remove=n_over,
            strategy=limits.truncation,
            side=self.truncation_side,
            stride=stride,
            warn=self._warner("cut", verbose),
        )
        encoded: dict[str, Any] = {}
        if return_overflowing_tokens:
            encoded["overflowing_tokens"] = overflow
            encoded["num_truncated_tokens"] = n_tokens - limits.max_length if limits.max_length is not None else 0
        if add_special_tokens:
            encoded["input_ids"] = self.build_inputs_with_special_tokens(first, second)
        else:
            encoded["input_ids"] = first + (second or [])
        if return_token_type_ids:
            types = self.create_token_type_ids_from_sequences(first, second)
            encoded["token_type_ids"] = types if add_special_tokens else [0] * len(encoded["input_ids"])
        if return_special_tokens_mask:
            mask = self.get_special_tokens_mask(first, second)
            encoded["special_tokens_mask"] = mask if add_special_tokens else [0] * len(encoded["input_ids"])
        if limits.max_length is None and len(encoded["input_ids"]) > self.model_max_length:
            self._warner("long", verbose)(
                f"the input has {len(encoded['input_ids'])} tokens, the model reads at most {self.model_max_length}"
            )
        length = padded_length(
            len(encoded["input_ids"]), limits=limits, longest=len(encoded["input_ids"]), multiple_of=pad_to_multiple_of
        )
        encoded = pad_one(
            encoded, length=length, pad_id=self.pad_token_id, side=self.padding_side, with_mask=return_attention_mask
        )
        if return_length:
            encoded["length"] = len(encoded["input_ids"])
        return as_tensors(encoded, return_tensors)

    def pad(
        self,
        encoded_inputs: Any,
        padding: bool | str = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
        verbose: bool = True,
    ) -> BatchEncoding:
        """Fill one encoded input, a batch of them, or a list of encoded inputs; usable as a collate function."""
        if isinstance(encoded_inputs, (list, tuple)):
            names = list(encoded_inputs[0])
            encoded_inputs = {name: [plain_ids(example[name]) for example in encoded_inputs] for name in names}
        if "input_ids" not in encoded_inputs:
            raise ValueError(f"nothing to pad: the encoding has {', '.join(encoded_inputs)}, but no input_ids")
        columns = {name: plain_ids(value) for name, value in encoded_inputs.items()}
        limits = self._limits(padding, False, max_length, pad_to_multiple_of, verbose and padding is not True)
        if columns["input_ids"] and not isinstance(columns["input_ids"][0], (list, tuple)):
            single = self._padded(
                {name: [value] for name, value in columns.items()},
                limits,
                pad_to_multiple_of,
                return_attention_mask,
                None,
            )
            return as_tensors({name: value[0] for name, value in single.items()}, return_tensors)
        return self._padded(columns, limits, pad_to_multiple_of, return_attention_mask, return_tensors)

    def _padded(
        self,
        columns: dict[str, list[Any]],
        limits: Limits,
        multiple_of: int | None,
        with_mask: bool | None,
        kind: str | None,
    ) -> BatchEncoding:
        """A batch, name -> one list an input, filled as limits say."""
        if with_mask is None:
            with_mask = "attention_mask" in self.model_input_names
        longest = max(map(len, columns["input_ids"]), default=0)
        filled: dict[str, list[Any]] = {name: [] for name in columns}
        for row in range(len(columns["input_ids"])):
            encoded = {name: values[row] for name, values in columns.items()}
            length = padded_length(len(encoded["input_ids"]), limits=limits, longest=longest, multiple_of=multiple_of)
            encoded = pad_one(
                encoded, length=length, pad_id=self.pad_token_id, side=self.padding_side, with_mask=with_mask
            )
            for name, value in encoded.items():
                filled.setdefault(name, []).append(value)
        return as_tensors(filled, kind)

    def _ids_of(self, text: Any, *, words: bool, split_special_tokens: bool | None) -> list[int]:
        if isinstance(text, str):
            return list(self.convert_tokens_to_ids(self.tokenize(text, split_special_tokens=split_special_tokens)))
        if isinstance(text, (list, tuple)) and text and isinstance(text[0], str):
            if not words:
                return list(self.convert_tokens_to_ids(text))
            return [
                number
                for word in text
                for number in self._ids_of(word, words=False, split_special_tokens=split_special_tokens)
            ]
        if isinstance(text, (list, tuple)) and text and isinstance(text[0], int):
            return list(text)
        raise ValueError(f"a text is a string, a list of tokens or a list of ids, not {text!r:.80}")

    def _limits(
        self,
        padding: bool | str,
        truncation: bool | str | None,
        max_length: int | None,
        multiple_of: int | None,
        verbose: bool,
    ) -> Limits:
        return resolve_limits(
            padding=padding,
            truncation=truncation,
            max_length=max_length,
            pad_to_multiple_of=multiple_of,
            model_max_length=self.model_max_length,
            warn=self._warner("limits", verbose),
        )

    def _warner(self, topic: str, verbose: bool) -> Any:
        """A function that warns, once a tokenizer and topic: a batch of a thousand needs no thousand warnings."""

        def warn(message: str) -> None:
            if verbose and topic not in self._warned:
                self._warned.add(topic)
                warnings.warn(message, BigBirdWarning, stacklevel=4)

        return warn

    # -- files ---------------------------------------------------------------------------------------------------

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **settings: Any) -> "BigBirdTokenizer":
        """Open the spiece.model of a folder, with the settings that stand beside it, or of a model on the hub.

        Args:
            pretrained_model_name_or_path: a folder, a spiece.model file, or a hub name such as
                "google/bigbird-roberta-base". A Path, a name that begins with `.`, `/` or `~`, one that exists on
                disk, and a shipped model's name are never looked up on the hub.
            settings: of the tokenizer, before the folder's; and revision=, local_files_only=, cache_dir=, token=
                for a hub name.

        Raises:
            ModelError: there is no such folder or name, or it holds no spiece.model.
        """
        hub = {
            key: settings.pop(key) for key in ("revision", "local_files_only", "cache_dir", "token") if key in settings
        }
        name = str(pretrained_model_name_or_path)
        if is_local(pretrained_model_name_or_path) or name.count("/") > 1:
            path = local_path(name)
            if path.is_file():
                return cls(path, **settings)
            if not path.is_dir():
                raise ModelError("there is no such folder", where=name, fix="name a folder with a spiece.model in it")
        elif (SHIPPED / name).is_dir():
            path = SHIPPED / name
        else:
            path = _fetched(name, **hub)
        if not (path / SPIECE_MODEL).is_file():
            raise ModelError(
                f"the folder holds no {SPIECE_MODEL}",
                where=name,
                fix="open other vocabularies with bigbird_cli.load_tokenizer",
            )
        return cls(path / SPIECE_MODEL, **_stored_settings(path, settings))

    def save_pretrained(self, save_directory: str | Path, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write the vocabulary and the settings so that `from_pretrained` and transformers open the folder.

        Returns:
            The files' names.
        """
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        prefix = f"{filename_prefix}-" if filename_prefix else ""
        settings = {
            **self._settings,
            **self.special_tokens_map,
            "added_tokens_decoder": {str(n): _described(token) for n, token in self.added_tokens_decoder.items()},
            "clean_up_tokenization_spaces": self.clean_up_tokenization_spaces,
            "model_max_length": self.model_max_length,
            "sp_model_kwargs": self.sp_model_kwargs,
            "tokenizer_class": "BigBirdTokenizer",
        }
        for name in ("padding_side", "truncation_side", "split_special_tokens", "model_input_names"):
            if getattr(self, name) != _USUAL_SETTINGS[name]:
                settings[name] = getattr(self, name)
        special: dict[str, Any] = {
            f"{role}_token": _described(token, with_special=False)
            for role, token in self._special.items()
            if token is not None
        }
        if self._additional:
            special["additional_special_tokens"] = [
                token if isinstance(token, str) else _described(token, with_special=False) for token in self._additional
            ]
        written = [folder / f"{prefix}{TOKENIZER_CONFIG}", folder / f"{prefix}{SPECIAL_TOKENS_MAP}"]
        for path, content in zip(written, (settings, special), strict=True):
            _write_json(path, content)
        beyond = {token: number for token, number in self.added_tokens_encoder.items() if number >= self.vocab_size}
        if beyond:
            written.append(folder / f"{prefix}{ADDED_TOKENS}")
            _write_json(written[-1], beyond)
        return (*map(str, written), *self.save_vocabulary(folder, filename_prefix))

    def save_vocabulary(self, save_directory: str | Path, filename_prefix: str | None = None) -> tuple[str]:
        """Write spiece.model into a folder that is there; returns the file's name."""
        folder = Path(save_directory)
        if not folder.is_dir():
            raise ModelError("there is no such folder", where=str(folder), fix="make it first")
        path = folder / f"{filename_prefix}-{SPIECE_MODEL}" if filename_prefix else folder / SPIECE_MODEL
        path.write_bytes(self.sp_model.serialized_model_proto())
        return (str(path),)


def _added_token(
    token: Any, *, lstrip: bool = False, normalized: bool = True, special: bool | None = None
) -> AddedToken:
    """A token object from a string or from another one, which keeps its settings."""
    if isinstance(token, str):
        return AddedToken(token, lstrip=lstrip, normalized=normalized, special=bool(special))
    if isinstance(token, Mapping):
        token = AddedToken(**{name: value for name, value in token.items() if name in ADDED_TOKEN_FIELDS})
    if not isinstance(token, AddedToken):
        raise TypeError(f"a token is a string or an AddedToken, not {token!r:.80}")
    fields = _described(token)
    return AddedToken(**{**fields, "special": fields["special"] if special is None else special})


def _described(token: AddedToken, *, with_special: bool = True) -> dict[str, Any]:
    return {name: getattr(token, name) for name in sorted(ADDED_TOKEN_FIELDS) if with_special or name != "special"}


def _role(name: str) -> str:
    role, _, kind = name.partition("_")
    if role not in ROLES or kind != "token":
        raise ValueError(f"there is no special token {name!r}; there are {', '.join(f'{r}_token' for r in ROLES)}")
    return role


def _is_text(value: Any) -> bool:
    if isinstance(value, str):
        return True
    if not isinstance(value, (list, tuple)):
        return False
    first = value[0] if value else ""
    return isinstance(first, str) or (isinstance(first, (list, tuple)) and (not first or isinstance(first[0], str)))


def _refuse_offsets(asked: bool) -> None:
    if asked:
        raise NotImplementedError(
            "this tokenizer keeps no offsets; bigbird_cli.load_tokenizer(folder).encode(text) has them"
        )


def _stored_settings(folder: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Constructor settings from a folder's JSON files; what the caller gave wins."""
    settings: dict[str, Any] = read_json_object(folder / TOKENIZER_CONFIG)
    for private in (
        "tokenizer_class",
        "vocab_file",
        "tokenizer_file",
        "name_or_path",
        "auto_map",
        "special_tokens_map_file",
    ):
        settings.pop(private, None)
    settings.pop("init_inputs", None)
    added: dict[int, AddedToken] = {}
    stored = settings.pop("added_tokens_decoder", None)
    if isinstance(stored, dict):
        added = {int(number): _added_token(token) for number, token in stored.items()}
    else:  # folders written before transformers 4.34 keep the same in two more files
        for name, value in read_json_object(folder / SPECIAL_TOKENS_MAP).items():
            settings[name] = value
        settings.update(given)
        special = {token.content for token in _special_in(settings)}
        for content, number in read_json_object(folder / ADDED_TOKENS).items():
            is_special = content in special
            added[int(str(number))] = AddedToken(content, normalized=not is_special, special=is_special)
    settings.update(given)
    known = {token.content: token for token in added.values()}
    for name, value in list(settings.items()):
        role, _, kind = name.partition("_")
        if role in ROLES and kind == "token":
            if value is None:
                del settings[name]
                continue
            content = value["content"] if isinstance(value, Mapping) else str(value)
            settings[name] = known.get(str(content)) or (value if isinstance(value, str) else _added_token(value))
    settings["additional_special_tokens"] = [
        token if isinstance(token, str) else _added_token(token)
        for token in settings.get("additional_special_tokens") or ()
    ]
    return {**settings, "added_tokens_decoder": added}


def _special_in(settings: Mapping[str, Any]) -> list[AddedToken]:
    values = [value for name, value in settings.items() if name.endswith("_token") and value is not None]
    values += settings.get("additional_special_tokens") or []
    return [_added_token(value) for value in values if isinstance(value, (str, Mapping, AddedToken))]


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _fetched(name: str, **hub: Any) -> Path:
    """Folder of a hub model's tokenizer files, fetched or from the cache; ModelError within seconds otherwise."""
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = [SPIECE_MODEL, TOKENIZER_CONFIG, SPECIAL_TOKENS_MAP, ADDED_TOKENS]
    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=patterns, etag_timeout=5, **hub))
    except (OSError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        raise ModelError(
            f"no folder of this name, and the hub does not give it: {next(iter(str(error).splitlines()), repr(error))}",
            where=name,
            fix="check the name and the network, or fetch the files and name their folder",
        ) from error
