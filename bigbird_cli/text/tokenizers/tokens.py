"""What a tokenizer gives and what it offers, whatever its file format; and the arithmetic of offsets.

Offsets are Unicode code points into the text as the caller gave it, never bytes, never into a normalised copy.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_args

import numpy as np

from bigbird_cli.choices import Newline
from bigbird_cli.errors import ModelError
from bigbird_cli.files.json import read_json_object
from bigbird_cli.files.names import SPECIAL_TOKENS_MAP, TOKENIZER_CONFIG

if TYPE_CHECKING:
    from tokenizers import AddedToken

    from bigbird_cli.text.huggingface.batch_encoding import BatchEncoding

NEWLINE_RULES: tuple[Newline, ...] = get_args(Newline)

_AT_ONCE = 1 << 20
"""Characters that are looked through at a time."""


@dataclass(frozen=True, eq=False)
class Tokens:
    """The n tokens of a text, in reading order, without control tokens.

    Attributes:
        ids: int32 (n,), positions in the vocabulary.
        starts: int32 (n,), first code point of each token in the text; never falls from one token to the next.
        ends: int32 (n,), the code point after each token's last; never falls either. A token that stands for no
            character of the text (a lone word-start mark before an unknown first word) has an empty span.
    """

    ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


class Tokenizer(Protocol):
    """Text to tokens with exact offsets, and ids to text. What looks like a control token in a text is text."""

    @property
    def vocab_size(self) -> int:
        """Number of ids; every id is below it."""

    @property
    def cls_id(self) -> int:
        """Id of the token that opens a model input."""

    @property
    def sep_id(self) -> int:
        """Id of the token that closes each part of a model input."""

    @property
    def pad_id(self) -> int:
        """Id that fills a batch."""

    @property
    def mask_id(self) -> int | None:
        """Id of the masked-word token, if the vocabulary has one."""

    @property
    def unk_id(self) -> int | None:
        """Id that stands for text outside the vocabulary, if there can be such text."""

    @property
    def special_ids(self) -> frozenset[int]:
        """Ids of control tokens: no text becomes one of them. The unknown token is not among them."""

    @property
    def newline(self) -> Newline:
        """What this vocabulary wants done with line ends: turned into spaces, or kept as they are."""

    def encode(
        self, text: str, *, newline: str | None = None, on_progress: Callable[[int], None] | None = None
    ) -> Tokens:
        """Split text into tokens; no control tokens are added, and separators count as spaces.

        Args:
            text: any Unicode, of any length.
            newline: "space" takes each of CR and LF for a space (offsets do not move), "keep" leaves them; by default
                the vocabulary's own rule.
            on_progress: is called now and then with the number of characters encoded.

        Raises:
            DataError: the text holds a lone surrogate, which is no character.
            ValueError: newline is another word.
        """

    def decode(self, ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        """The text of ids, as near as the vocabulary allows; ValueError for an id outside it."""

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """The vocabulary's entry for each id; ValueError for an id outside it."""

    @property
    def added_tokens(self) -> "Mapping[int, AddedToken]":
        """Id -> token, of those that the calling conventions of transformers cut out of a text before it is encoded."""

    def __call__(self, text: Any, text_pair: Any = None, **options: Any) -> "BatchEncoding":
        """Model inputs with control tokens; see `FolderTokenizer`."""

    def save(self, folder: Path) -> None:
        """Write the vocabulary and its settings so that `load_tokenizer` and transformers open the folder."""


def code_points(text: str) -> np.ndarray:
    """The code points of text, uint32 (len(text),)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def newline_rule(newline: str | None, default: Newline) -> Newline:
    """The rule to follow: the caller's, or the vocabulary's."""
    if newline is None:
        return default
    for rule in NEWLINE_RULES:
        if rule == newline:
            return rule
    raise ValueError(f"newline must be one of {', '.join(NEWLINE_RULES)}, not {newline!r}")


SEPARATORS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028\u2029"
"""What stands between words though it is no space: controls other than tab, LF and CR, and the zero-width space, as a
set for regular expressions. Vocabularies drop them, which glues the words on both sides, or do not know them.

Joiners, the soft hyphen and variation selectors are none: they stand inside words."""

_SEPARATOR = re.compile(f"[{SEPARATORS}]")
_SEPARATOR_OR_NEWLINE = re.compile(f"[{SEPARATORS}\n\r]")


def separated(text: str, newline: Newline) -> str:
    """Text with a space for every separator, and for each CR and LF where the rule says so: no offset moves."""
    return (_SEPARATOR_OR_NEWLINE if newline == "space" else _SEPARATOR).sub(" ", text)


def dropped(text: str, tokenizer: Tokenizer) -> Counter[str]:
    """Characters of a text that a vocabulary's cleaning leaves out without a token, and how often each occurs.

    These are private ones, those that no standard knows (yet), U+FFFD, and tags (the unseen letters in a region's
    flag). Invisible formats, such as joiners, are left out and say nothing.
    """
    rare = (character for character in set(text) if character > "\x9f" and _may_be_dropped(character))
    encoded = {character: tokenizer.encode(character) for character in rare}
    left_out = {character for character, tokens in encoded.items() if not (tokens.ends > tokens.starts).any()}
    # one pass over the text, however many of the 137,000 private characters stand in it
    counts = Counter(filter(left_out.__contains__, text)) if left_out else Counter[str]()
    return Counter(dict(sorted(counts.items())))


def _may_be_dropped(character: str) -> bool:
    is_tag = "\U000e0020" <= character <= "\U000e007f"
    return is_tag or character == "\ufffd" or unicodedata.category(character) in ("Co", "Cn")


def whole_characters(spans: Sequence[tuple[int, int]], *, is_byte: Sequence[bool]) -> list[tuple[int, int]]:
    """Spans in which each byte of a character has the character's: sentencepiece gives it to the last byte alone."""
    whole = list(spans)
    for i in range(len(whole) - 2, -1, -1):
        if is_byte[i] and whole[i][0] == whole[i][1]:
            whole[i] = whole[i + 1]
    return whole


def trimmed(spans: Sequence[tuple[int, int]], text: str, *, keep_inside: Sequence[bool]) -> list[tuple[int, int]]:
    """Spans without the white space that a token swallowed at its edges.

    A span of white space alone stays whole: it is all that the token stands for.

    Args:
        spans: (start, end) of each token, in code points.
        text: what the tokenizer saw.
        keep_inside: tokens of which only plain spaces are trimmed: other white space in them is what the vocabulary
            did not know.
    """
    solid: list[tuple[int, int]] = []
    for (start, end), keeps in zip(spans, keep_inside, strict=True):
        swallowed = text[start:end]
        white = " " if keeps else None
        left = swallowed.lstrip(white)
        if left:
            solid.append((end - len(left), start + len(swallowed.rstrip(white))))
        else:
            solid.append((start, end))
    return solid


def tokens_at(ids: Sequence[int], spans: Sequence[tuple[int, int]], text: str) -> Tokens:
    """Tokens of a text from their ids and spans, see `with_marks`."""
    starts, ends = np.array(spans, dtype=np.int32).reshape(-1, 2).T
    return Tokens(ids=np.array(ids, dtype=np.int32), starts=starts, ends=with_marks(starts, ends, code_points(text)))


def with_marks(starts: np.ndarray, ends: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Ends moved over combining marks that the vocabulary dropped, so that no span cuts an accent off its letter."""
    if not len(starts):
        return ends
    values = np.unique(codes)
    mark_values = np.array([v for v in values.tolist() if unicodedata.category(chr(v))[0] == "M"], dtype=np.uint32)
    if not len(mark_values):
        return ends
    is_mark = np.append(np.isin(codes, mark_values), False)
    index = np.arange(len(is_mark))
    next_other = np.minimum.accumulate(np.where(is_mark, len(is_mark), index)[::-1])[::-1]
    # a mark that belongs to a later token is not this token's: stop where the next one starts
    limits = np.append(starts[1:], len(codes))
    longer = np.minimum(next_other[ends], limits)
    return np.where((ends > starts) & (longer > ends), longer, ends).astype(np.int32)


def checked_ids(ids: Iterable[int], vocab_size: int) -> list[int]:
    """Ids as Python integers; ValueError naming the first that the vocabulary does not have."""
    numbers = [int(i) for i in ids]
    for number in numbers:
        if not 0 <= number < vocab_size:
            raise ValueError(f"id {number} is outside the vocabulary, which has ids 0 to {vocab_size - 1}")
    return numbers


def declared_special_tokens(folder: Path) -> dict[str, str]:
    """The special tokens a model folder declares, e.g. {"cls_token": "[CLS]"}; tokenizer_config.json wins."""
    declared: dict[str, str] = {}
    for name in (SPECIAL_TOKENS_MAP, TOKENIZER_CONFIG):
        for key, value in read_json_object(folder / name).items():
            if key.endswith("_token"):
                content = value.get("content") if isinstance(value, dict) else value
                if isinstance(content, str):
                    declared[key] = content
    return declared


def find_special(
    role: str,
    *,
    declared: Mapping[str, str],
    usual: Sequence[str],
    ids: Mapping[str, int],
) -> int | None:
    """The id of a role's token ("cls", "sep", ...): the declared one, else the first usual name in the vocabulary."""
    names = [declared[f"{role}_token"]] if f"{role}_token" in declared else list(usual)
    return next((ids[name] for name in names if name in ids), None)


def required_special(role: str, found: int | None, *, where: Path) -> int:
    """The id, or ModelError when the vocabulary has no such token."""
    if found is None:
        raise ModelError(
            f"the vocabulary has no {role} token, which model inputs need",
            where=str(where),
            fix=f'name one of its tokens as "{role}_token" in {TOKENIZER_CONFIG} beside it',
        )
    return found
