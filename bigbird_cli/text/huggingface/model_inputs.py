"""A tokenizer's calls: texts, pairs and batches -> model inputs with special tokens, cut and filled as asked.

The calling conventions are those of transformers; behaviour is that of 4.44's slow tokenizers.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bigbird_cli.errors import BigBirdWarning
from bigbird_cli.text.huggingface.batch_encoding import (
    BatchEncoding,
    Cut,
    Limits,
    as_tensors,
    described_cuts,
    pad_one,
    padded_length,
    plain_ids,
    resolve_limits,
    sizes_of_cuts,
    without_end,
)
from bigbird_cli.text.huggingface.special_tokens import SpecialTokens

Span = tuple[int, int]
NO_SPAN: Span = (0, 0)
"""The span of a token that stands for no text, as transformers has it."""


class Encoded(NamedTuple):
    """The tokens of one text, without the special ones that `build_inputs_with_special_tokens` adds."""

    ids: list[int]
    spans: list[Span] | None = None
    """First character and the one after the last, of each token; None where they are not asked for."""


class ModelInputs(SpecialTokens):
    """Special tokens and the calls that put them round what `_read` makes of texts; a class to derive from.

    Attributes:
        model_max_length: longest input of the model, in tokens.
        padding_side, truncation_side: "right" or "left".
        model_input_names: what a call gives without being asked.
    """

    model_max_length: int
    padding_side: str
    truncation_side: str
    model_input_names: list[str]
    pad_token_type_id = 0
    _warned: set[str]
    """Topics that a warning has been given of."""

    def _encode_texts(
        self, texts: Sequence[str], *, split_special_tokens: bool | None, with_spans: bool
    ) -> list[Encoded]:
        """The tokens of each text."""
        raise NotImplementedError

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
        return 3 if pair else 2

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
        padding_side: str | None = None,
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
            return_tensors: None (lists), "np", "pt" or "jax".
            return_token_type_ids, return_attention_mask: by default what model_input_names says: the mask only.
            return_overflowing_tokens: add overflowing_tokens and num_truncated_tokens.
            return_special_tokens_mask, return_length: add special_tokens_mask, length.
            return_offsets_mapping: add offset_mapping: for each token its first character in its text (with
                is_split_into_words: in its word) and the one after its last, without the white space round it;
                (0, 0) for the special tokens that are put in and for padding.
            split_special_tokens: take special tokens in the text for text.
            padding_side: "right" or "left", in place of the tokenizer's.
            verbose: whether to warn.

        Returns:
            The columns asked for; `.cuts` says which texts lost how many tokens.

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
        return_tensors: str | None = None,
        **options: Any,
    ) -> BatchEncoding:
        """Model input of one text, pair, list of tokens or list of ids; options as of a call."""
        first, *second = self._readings(
            [text] if text_pair is None else [text, text_pair],
            words=is_split_into_words,
            split_special_tokens=split_special_tokens,
            with_spans=return_offsets_mapping,
        )
        encoded = self._prepared(first, second[0] if second else None, **options)
        if return_tensors is None:
            return encoded
        return as_tensors({name: [value] for name, value in encoded.items()}, return_tensors, cuts=encoded.cuts)

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
        padding_side: str | None = None,
        verbose: bool = True,
        **options: Any,
    ) -> BatchEncoding:
        """Model inputs of a batch of texts or of (text, text) pairs; options as of a call."""
        limits = self._limits(padding, truncation, max_length, pad_to_multiple_of, verbose)
        texts: list[Any] = []
        has_pair: list[bool] = []
        for item in batch_text_or_text_pairs:
            is_pair = isinstance(item, (list, tuple))
            if is_pair and is_split_into_words:
                is_pair = isinstance(item[0], (list, tuple))
            pair = tuple(item) if is_pair else (item, None)
            has_pair.append(pair[1] is not None)
            texts += pair if has_pair[-1] else pair[:1]
        # every text in one go, so that threads share a large batch
        encoded_texts = iter(
            self._readings(
                texts,
                words=is_split_into_words,
                split_special_tokens=split_special_tokens,
                with_spans=return_offsets_mapping,
            )
        )
        columns: dict[str, list[Any]] = {}
        cuts: list[Cut] = []
        for row, second in enumerate(has_pair):
            encoded = self._prepared(
                next(encoded_texts),
                next(encoded_texts) if second else None,
                truncation=limits.truncation,
                max_length=limits.max_length,
                return_attention_mask=False,
                verbose=verbose,
                tell_cuts=False,
                **options,
            )
            cuts += [cut._replace(row=row) for cut in encoded.cuts]
            for name, value in encoded.items():
                columns.setdefault(name, []).append(value)
        self._tell(cuts, n_inputs=len(has_pair), limits=limits, verbose=verbose)
        if not columns:
            columns = {"input_ids": []}
        return self._padded(
            columns, limits, pad_to_multiple_of, return_attention_mask, return_tensors, cuts, side=padding_side
        )

    def prepare_for_model(self, ids: list[int], pair_ids: list[int] | None = None, **options: Any) -> BatchEncoding:
        """Model input of ids that have no special tokens yet; options as of a call."""
        kind = options.pop("return_tensors", None)
        encoded = self._prepared(Encoded(list(ids)), None if pair_ids is None else Encoded(list(pair_ids)), **options)
        return as_tensors(encoded.data, kind, cuts=encoded.cuts)

    def _prepared(
        self,
        first: Encoded,
        second: Encoded | None,
        *,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        pad_to_multiple_of: int | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_length: bool = False,
        padding_side: str | None = None,
        verbose: bool = True,
        tell_cuts: bool = True,
    ) -> BatchEncoding:
        """One input's lists."""
        limits = self._limits(padding, truncation, max_length, pad_to_multiple_of, verbose)
        if return_token_type_ids and not add_special_tokens:
            raise ValueError("token_type_ids are defined by the special tokens: leave add_special_tokens on")
        if return_overflowing_tokens and second is not None and limits.truncation == "longest_first":
            raise ValueError('a pair has overflowing tokens only with truncation="only_first" or "only_second"')
        if return_token_type_ids is None:
            return_token_type_ids = "token_type_ids" in self.model_input_names
        if return_attention_mask is None:
            return_attention_mask = "attention_mask" in self.model_input_names

        n_special = self.num_special_tokens_to_add(pair=second is not None) if add_special_tokens else 0
        n_tokens = len(first.ids) + (0 if second is None else len(second.ids)) + n_special
        n_over = n_tokens - limits.max_length if limits.max_length else 0
        cut_sizes = sizes_of_cuts(
            len(first.ids),
            None if second is None else len(second.ids),
            n_remove=n_over,
            strategy=limits.truncation,
            warn=self._warner("cut", verbose),
        )
        cuts = _cuts(cut_sizes, side=self.truncation_side)
        encoded: dict[str, Any] = {}
        if return_overflowing_tokens:
            losing = second if second is not None and cut_sizes[1] else first
            encoded["overflowing_tokens"] = self._overflow(losing.ids, n_cut=max(cut_sizes), stride=stride)
            encoded["num_truncated_tokens"] = n_tokens - limits.max_length if limits.max_length is not None else 0
        first = _shortened(first, cut_sizes[0], side=self.truncation_side)
        second = None if second is None else _shortened(second, cut_sizes[1], side=self.truncation_side)

        pair_ids = None if second is None else second.ids
        if add_special_tokens:
            encoded["input_ids"] = self.build_inputs_with_special_tokens(first.ids, pair_ids)
        else:
            encoded["input_ids"] = first.ids + (pair_ids or [])
        if return_token_type_ids:
            types = self.create_token_type_ids_from_sequences(first.ids, pair_ids)
            encoded["token_type_ids"] = types if add_special_tokens else [0] * len(encoded["input_ids"])
        if return_special_tokens_mask:
            mask = self.get_special_tokens_mask(first.ids, pair_ids)
            encoded["special_tokens_mask"] = mask if add_special_tokens else [0] * len(encoded["input_ids"])
        if first.spans is not None:
            encoded["offset_mapping"] = _joined_spans(first, second, with_special=add_special_tokens)
        if limits.max_length is None and len(encoded["input_ids"]) > self.model_max_length:
            self._warner("long", verbose)(
                f"the input has {len(encoded['input_ids'])} tokens, the model takes at most {self.model_max_length}"
            )
        length = padded_length(
            len(encoded["input_ids"]), limits=limits, longest=len(encoded["input_ids"]), multiple_of=pad_to_multiple_of
        )
        encoded = pad_one(
            encoded,
            length=length,
            pad_id=self.pad_token_id,
            side=self._side(padding_side),
            with_mask=return_attention_mask,
        )
        if return_length:
            encoded["length"] = len(encoded["input_ids"])
        if tell_cuts:
            self._tell(cuts, n_inputs=1, limits=limits, verbose=verbose)
        return BatchEncoding(encoded, cuts=cuts)

    def _overflow(self, ids: list[int], *, n_cut: int, stride: int) -> list[int]:
        """The ids that are cut, with `stride` of those that stay beside them."""
        if not n_cut:
            return []
        n_overflow = min(len(ids), stride + n_cut)
        return ids[:n_overflow] if self.truncation_side == "left" else ids[-n_overflow:]

    def _tell(self, cuts: Sequence[Cut], *, n_inputs: int, limits: Limits, verbose: bool) -> None:
        if cuts and limits.max_length is not None:
            self._warner("truncated", verbose)(described_cuts(cuts, n_inputs=n_inputs, max_length=limits.max_length))

    def pad(
        self,
        encoded_inputs: Any,
        padding: bool | str = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
        verbose: bool = True,
        padding_side: str | None = None,
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
                side=padding_side,
            )
            return as_tensors({name: value[0] for name, value in single.items()}, return_tensors)
        return self._padded(
            columns, limits, pad_to_multiple_of, return_attention_mask, return_tensors, side=padding_side
        )

    def _padded(
        self,
        columns: dict[str, list[Any]],
        limits: Limits,
        multiple_of: int | None,
        with_mask: bool | None,
        kind: str | None,
        cuts: Sequence[Cut] = (),
        *,
        side: str | None = None,
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
                encoded, length=length, pad_id=self.pad_token_id, side=self._side(side), with_mask=with_mask
            )
            for name, value in encoded.items():
                filled.setdefault(name, []).append(value)
        return as_tensors(filled, kind, cuts=cuts)

    def _side(self, asked: str | None) -> str:
        """The side to fill: the call's, or else the tokenizer's."""
        if asked not in (None, "right", "left"):
            raise ValueError(f'padding_side is {asked!r}; it may be "right" or "left"')
        return self.padding_side if asked is None else asked

    def _readings(
        self, inputs: Sequence[Any], *, words: bool, split_special_tokens: bool | None, with_spans: bool
    ) -> list[Encoded]:
        """The tokens of each input: a text, a list of words, of tokens or of ids."""
        texts: list[str] = []
        for item in inputs:
            if isinstance(item, str):
                texts.append(item)
            elif words and _is_list_of(str, item):
                texts += item
        given = iter(self._encode_texts(texts, split_special_tokens=split_special_tokens, with_spans=with_spans))
        encoded_texts: list[Encoded] = []
        for item in inputs:
            if isinstance(item, str):
                encoded_texts.append(next(given))
            elif words and _is_list_of(str, item):
                encoded_texts.append(_joined([next(given) for _ in item]))
            elif _is_list_of(str, item) or _is_list_of(int, item):
                if with_spans:
                    raise ValueError("a list of tokens or ids has no offsets: give the text")
                encoded_texts.append(
                    Encoded(list(self.convert_tokens_to_ids(item)) if _is_list_of(str, item) else list(item))
                )
            else:
                raise ValueError(f"a text is a string, a list of tokens or a list of ids, not {item!r:.80}")
        return encoded_texts

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

    def _warner(self, topic: str, verbose: bool) -> Callable[[str], None]:
        """A function that warns, once a tokenizer and topic: a batch of a thousand needs no thousand warnings."""

        def warn(message: str) -> None:
            if verbose and topic not in self._warned:
                self._warned.add(topic)
                warnings.warn(message, BigBirdWarning, stacklevel=4)

        return warn


def _is_text(value: Any) -> bool:
    if isinstance(value, str):
        return True
    if not isinstance(value, (list, tuple)):
        return False
    first = value[0] if value else ""
    return isinstance(first, str) or (isinstance(first, (list, tuple)) and (not first or isinstance(first[0], str)))


def _is_list_of(kind: type, value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and isinstance(value[0], kind)


def _joined(encoded_texts: Sequence[Encoded]) -> Encoded:
    ids = [number for encoded in encoded_texts for number in encoded.ids]
    if encoded_texts[0].spans is None:
        return Encoded(ids)
    return Encoded(ids, [span for encoded in encoded_texts for span in encoded.spans or ()])


def _shortened(encoded: Encoded, n_remove: int, *, side: str) -> Encoded:
    spans = None if encoded.spans is None else without_end(encoded.spans, n_remove, side=side)
    return Encoded(without_end(encoded.ids, n_remove, side=side), spans)


def _joined_spans(first: Encoded, second: Encoded | None, *, with_special: bool) -> list[Span]:
    special = [NO_SPAN] if with_special else []
    spans = [*special, *(first.spans or ()), *special]
    return spans if second is None else [*spans, *(second.spans or ()), *special]


def _cuts(sizes: tuple[int, int], *, side: str) -> list[Cut]:
    return [Cut(0, text, size, side) for text, size in zip(("first", "second"), sizes, strict=True) if size]
