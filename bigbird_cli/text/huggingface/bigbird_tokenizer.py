"""`BigBirdTokenizer`: the tokenizer of the documentation, called directly.

It behaves as the slow tokenizer of transformers 4.44 does: special tokens in the text are control tokens, each
segment between them starts afresh, and `[MASK]` eats the white space to its left. Documents go through
`load_tokenizer` instead, for which text is text.
"""

import copy
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from tokenizers import AddedToken

from bigbird_cli.errors import ModelError
from bigbird_cli.files.names import ADDED_TOKENS, SPECIAL_TOKENS_MAP, SPIECE_MODEL, TOKENIZER_CONFIG, TOKENIZER_JSON
from bigbird_cli.files.paths import cannot_be_read
from bigbird_cli.files.surrogates import check_text
from bigbird_cli.files.whole import replace_file
from bigbird_cli.text.huggingface.batch_encoding import NO_LIMIT, plain_ids
from bigbird_cli.text.huggingface.model_inputs import Encoded, ModelInputs, Span
from bigbird_cli.text.huggingface.special_tokens import ROLES, Segment, described
from bigbird_cli.text.tokenizers.folder_settings import find_tokenizer, stored_settings, write_json
from bigbird_cli.text.tokenizers.spiece_file import read_spiece, spiece_bytes
from bigbird_cli.text.tokenizers.spiece_json import is_sentencepiece, read_tokenizer_json
from bigbird_cli.text.tokenizers.tokens import trimmed, whole_characters

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

# fewer characters than this are encoded before a second thread has started
_WORTH_THREADS = 50_000


class BigBirdTokenizer(ModelInputs):
    """A sentencepiece vocabulary with BigBird's special tokens.

    Args:
        vocab_file: the spiece.model file, or its bytes.
        unk_token, bos_token, eos_token, pad_token, sep_token, mask_token, cls_token: special tokens; one that the
            vocabulary lacks is added at its end. An AddedToken says how it takes the white space beside it.
        sp_model_kwargs: settings of sentencepiece.SentencePieceProcessor: {"enable_sampling": True, "nbest_size": -1,
            "alpha": 0.1} draws a new segmentation at each call, "num_threads" bounds the threads of a large batch.
        additional_special_tokens: more tokens that are never split.
        added_tokens_decoder: id -> AddedToken of tokens added earlier.
        model_max_length: longest input of the model, in tokens; for truncation and padding to "max_length".
        padding_side, truncation_side: "right" or "left".
        clean_up_tokenization_spaces: whether decoding drops spaces before English punctuation.
        split_special_tokens: take special tokens in a text for text.
        settings: anything else; kept, and saved by `save_pretrained`.

    Raises:
        ModelError: the file is not there or is no sentencepiece model.
    """

    vocab_files_names: ClassVar[dict[str, str]] = {"vocab_file": SPIECE_MODEL}
    is_fast = False

    def __init__(
        self,
        vocab_file: str | Path | bytes,
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
        self._configure(
            model_max_length=model_max_length,
            padding_side=padding_side,
            truncation_side=truncation_side,
            clean_up_tokenization_spaces=clean_up_tokenization_spaces,
            split_special_tokens=split_special_tokens,
            model_input_names=model_input_names,
            **settings,
        )
        self.vocab_file = "" if isinstance(vocab_file, bytes) else str(vocab_file)
        self.sp_model_kwargs = dict(sp_model_kwargs or {})
        self.sp_model = _opened(vocab_file, self.sp_model_kwargs)
        numbers = list(range(self.sp_model.get_piece_size()))
        self._byte_ids = frozenset(number for number in numbers if self.sp_model.is_byte(number))
        given = (bos_token, eos_token, unk_token, sep_token, pad_token, cls_token, mask_token)
        super().__init__(
            self.sp_model.id_to_piece(numbers),
            unknown_id=self.sp_model.unk_id(),
            roles=dict(zip(ROLES, given, strict=True)),
            additional=additional_special_tokens,
            added=added_tokens_decoder or {},
        )

    def _configure(
        self,
        *,
        model_max_length: int | None = None,
        padding_side: str = "right",
        truncation_side: str = "right",
        clean_up_tokenization_spaces: bool = True,
        split_special_tokens: bool = False,
        model_input_names: Sequence[str] | None = None,
        **settings: Any,
    ) -> None:
        """Take the settings that have nothing to do with the vocabulary."""
        for name, side in (("padding_side", padding_side), ("truncation_side", truncation_side)):
            if side not in ("right", "left"):
                raise ValueError(f'{name} is {side!r}; it may be "right" or "left"')
        for name in settings:
            if callable(getattr(type(self), name, None)):
                raise AttributeError(f"{name} is a method, and no setting: call it, or give the argument to a call")
        self.model_max_length = NO_LIMIT if model_max_length is None else model_max_length
        self.padding_side = padding_side
        self.truncation_side = truncation_side
        self.clean_up_tokenization_spaces = clean_up_tokenization_spaces
        self.split_special_tokens = split_special_tokens
        self.model_input_names = list(model_input_names or _USUAL_SETTINGS["model_input_names"])
        self._settings = copy.deepcopy(settings)
        self._warned = set()

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}({self.vocab_file!r}, {self.vocab_size} pieces, {len(self) - self.vocab_size} added)"

    # -- text to tokens to ids -----------------------------------------------------------------------------------

    def tokenize(self, text: str, *, split_special_tokens: bool | None = None) -> list[str]:
        """Pieces of a text; special tokens in it are single pieces unless split_special_tokens.

        Raises:
            DataError: the text holds a lone surrogate.
        """
        ((pieces, _),) = self._pieces_of([text], split_special_tokens=split_special_tokens, with_spans=False)
        return pieces

    def _encode_texts(
        self, texts: Sequence[str], *, split_special_tokens: bool | None, with_spans: bool
    ) -> list[Encoded]:
        encoded = self._pieces_of(texts, split_special_tokens=split_special_tokens, with_spans=with_spans)
        return [Encoded(self.convert_tokens_to_ids(pieces), spans if with_spans else None) for pieces, spans in encoded]

    def _pieces_of(
        self, texts: Sequence[str], *, split_special_tokens: bool | None, with_spans: bool
    ) -> list[tuple[list[str], list[Span]]]:
        """Pieces of each text, and their spans if they are wanted."""
        cut = [self._cut(text, split_special_tokens) for text in texts]
        # all in one call: sentencepiece shares a list among threads, without Python's lock
        plain = [segment.text for segments in cut for segment in segments if not segment.is_token]
        threads: dict[str, int] = {}
        if "num_threads" not in self.sp_model_kwargs and sum(map(len, plain)) < _WORTH_THREADS:
            threads["num_threads"] = 1
        # of sentencepiece's two offset modes "proto" counts bytes; this one counts code points
        encoded = iter(self.sp_model.encode(plain, return_type="offset_mapping" if with_spans else str, **threads))
        found: list[tuple[list[str], list[Span]]] = []
        for segments in cut:
            pieces: list[str] = []
            spans: list[Span] = []
            for segment in segments:
                if segment.is_token:
                    pieces.append(segment.text)
                    spans.append((segment.offsets[0], segment.offsets[-1] + 1))
                elif with_spans:
                    encoding = next(encoded)
                    pieces += encoding["pieces"]
                    spans += self._spans(encoding, segment)
                else:
                    pieces += next(encoded)
            found.append((pieces, spans))
        return found

    def _cut(self, text: str, split_special_tokens: bool | None) -> list[Segment]:
        """A text cut at its added tokens, unless those are to be text."""
        if not text.isascii():
            check_text(text)
        whole = self.split_special_tokens if split_special_tokens is None else split_special_tokens
        return [Segment(text, range(len(text)))] if whole else self.segments(text)

    def _spans(self, encoding: Mapping[str, Any], segment: Segment) -> list[Span]:
        """Where a segment's pieces stand in the whole text."""
        ids = encoding["ids"]
        spans = whole_characters(encoding["offsets"], is_byte=[number in self._byte_ids for number in ids])
        return segment.in_whole(
            trimmed(spans, segment.text, keep_inside=[number == self._unknown_id for number in ids])
        )

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
            clean_up_tokenization_spaces: drop spaces before English punctuation; by default as the tokenizer does.
            spaces_between_special_tokens: put spaces round special tokens, but none before [MASK] and [SEP].
        """
        parts: list[str] = []
        run: list[str] = []
        for token in self._tokens_of(token_ids, skip_special_tokens):
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
        return self._cleaned(text, clean_up_tokenization_spaces)

    def _tokens_of(self, token_ids: Any, skip_special_tokens: bool) -> list[str]:
        numbers = plain_ids(token_ids)
        return self.convert_ids_to_tokens([numbers] if isinstance(numbers, int) else numbers, skip_special_tokens)

    def _cleaned(self, text: str, asked: bool | None) -> str:
        """Text without spaces before English punctuation, if the call or else the tokenizer says so."""
        clean = self.clean_up_tokenization_spaces if asked is None else asked
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

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **settings: Any) -> "BigBirdTokenizer":
        """Open the tokenizer of a folder, with the settings that stand beside it, of a shipped model or of the hub.

        That is its spiece.model, else the same vocabulary in its tokenizer.json. A tokenizer.json of another kind, of
        a BigBird that was made of a BERT or a RoBERTa, gives a tokenizer of the same calls.

        Args:
            pretrained_model_name_or_path: a folder, a file of the two, a shipped model's name such as "qa-mini", or a
                hub name such as "google/bigbird-roberta-base". A Path, a name that begins with `.`, `/` or `~`, one
                that exists on disk, and a shipped model's name are never looked up on the hub.
            settings: of the tokenizer, before the folder's; and revision=, local_files_only=, cache_dir=, token=
                for a hub name.

        Raises:
            ModelError: there is no such folder or name, or it holds no tokenizer.
        """
        path = find_tokenizer(pretrained_model_name_or_path, settings)
        if path.suffix == ".json" and path.is_file():
            return cls._of_json(path, **settings)
        if path.is_file():
            return cls(path, **settings)
        stored = stored_settings(path, settings)
        if (path / SPIECE_MODEL).is_file():
            return cls(path / SPIECE_MODEL, **stored)
        if is_sentencepiece(path / TOKENIZER_JSON):
            return cls._of_json(path / TOKENIZER_JSON, **stored)
        return cls._called(path, stored)

    @classmethod
    def _of_json(cls, path: Path, **settings: Any) -> "BigBirdTokenizer":
        spiece, added = read_tokenizer_json(path)
        return cls(
            spiece_bytes(spiece), **{**settings, "added_tokens_decoder": settings.get("added_tokens_decoder") or added}
        )

    @staticmethod
    def _called(folder: Path, settings: dict[str, Any]) -> "BigBirdTokenizer":
        """The same calls over whatever tokenizer a folder holds."""
        from bigbird_cli.text.huggingface.callable_tokenizer import CallableTokenizer
        from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer

        return CallableTokenizer(load_tokenizer(folder), **settings)

    def save_pretrained(self, save_directory: str | Path, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write the vocabulary and the settings so that `from_pretrained` and transformers open the folder.

        Returns:
            The files' names.
        """
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        prefix = f"{filename_prefix}-" if filename_prefix else ""
        special: dict[str, Any] = {
            f"{role}_token": described(token, with_special=False)
            for role, token in self._special.items()
            if token is not None
        }
        if self._additional:
            special["additional_special_tokens"] = [
                token if isinstance(token, str) else described(token, with_special=False) for token in self._additional
            ]
        written = [folder / f"{prefix}{TOKENIZER_CONFIG}", folder / f"{prefix}{SPECIAL_TOKENS_MAP}"]
        for path, content in zip(written, (self._config(), special), strict=True):
            write_json(path, content)
        beyond = {token: number for token, number in self.added_tokens_encoder.items() if number >= self.vocab_size}
        if beyond:
            written.append(folder / f"{prefix}{ADDED_TOKENS}")
            write_json(written[-1], beyond)
        return (*map(str, written), *self.save_vocabulary(folder, filename_prefix))

    def _config(self) -> dict[str, Any]:
        """What tokenizer_config.json says."""
        config = {
            **self._settings,
            **self.special_tokens_map,
            "added_tokens_decoder": {str(n): described(token) for n, token in self.added_tokens_decoder.items()},
            "clean_up_tokenization_spaces": self.clean_up_tokenization_spaces,
            "model_max_length": self.model_max_length,
            "sp_model_kwargs": self.sp_model_kwargs,
            "tokenizer_class": "BigBirdTokenizer",
        }
        for name in ("padding_side", "truncation_side", "split_special_tokens", "model_input_names"):
            if getattr(self, name) != _USUAL_SETTINGS[name]:
                config[name] = getattr(self, name)
        return config

    def save_vocabulary(self, save_directory: str | Path, filename_prefix: str | None = None) -> tuple[str]:
        """Write spiece.model into a folder that is there; returns the file's name."""
        folder = Path(save_directory)
        if not folder.is_dir():
            raise ModelError("there is no such folder", where=str(folder), fix="make it first")
        path = folder / f"{filename_prefix}-{SPIECE_MODEL}" if filename_prefix else folder / SPIECE_MODEL
        replace_file(path, self.sp_model.serialized_model_proto())
        return (str(path),)


def _opened(vocab_file: str | Path | bytes, settings: Mapping[str, Any]) -> Any:
    """A sentencepiece.SentencePieceProcessor."""
    import sentencepiece  # here, so that the class's home opens without it

    processor = sentencepiece.SentencePieceProcessor(**settings)
    try:
        proto = vocab_file if isinstance(vocab_file, bytes) else Path(vocab_file).read_bytes()
        read_spiece(proto)  # the library takes an empty or a broken file for a model without pieces, or ends over it
        processor.LoadFromSerializedProto(proto)
    except OSError as error:
        raise cannot_be_read(error, Path(str(vocab_file))) from error
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise ModelError(
            f"there is no readable sentencepiece model ({error})",
            where=None if isinstance(vocab_file, bytes) else str(vocab_file),
            fix="name a spiece.model file",
        ) from error
    return processor
