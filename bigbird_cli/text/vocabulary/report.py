"""What a vocabulary makes of a text, and what of it the vocabulary does not know."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from bigbird_cli.choices import Newline
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, Tokens
from bigbird_cli.text.tokenizers.tokens import dropped


@dataclass(frozen=True, eq=False)
class Report:
    """The tokens of a text, and its unknown ones.

    Attributes:
        tokenizer: the vocabulary's.
        tokens: n tokens of the text, control tokens aside.
        unknown: how many of them are the unknown token, and characters that have no token.
        dropped: how many such characters there are.
        unknown_text: what they stand for: characters, the commonest first, with how often each occurs; a word that the
            vocabulary refuses though it knows the characters stands whole.
    """

    tokenizer: Tokenizer = field(repr=False)
    tokens: Tokens
    unknown: int
    unknown_text: Counter[str] = field(default_factory=Counter)
    dropped: int = 0

    @property
    def pieces(self) -> list[str]:
        """The vocabulary's entry for each token."""
        return self.pieces_of(slice(None))

    def pieces_of(self, part: slice) -> list[str]:
        """The vocabulary's entry for each of some of the tokens."""
        return self.tokenizer.pieces(self.tokens.ids[part])

    @property
    def unknown_newlines(self) -> int:
        """How many of the unknown characters are line ends, which the rule "space" reads as spaces."""
        return self.unknown_text["\n"] + self.unknown_text["\r"]


def tokenize(
    text: str,
    tokenizer: Tokenizer,
    *,
    newline: Newline | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Report:
    """Tokenise a text and count what is unknown in it.

    Args:
        text: any text; control tokens in it are text.
        tokenizer: the model's.
        newline: what to do with line ends; by default as the vocabulary wants.
        on_progress: is called now and then with the number of characters encoded.

    Raises:
        DataError: the text holds a lone surrogate.
    """
    tokens = tokenizer.encode(text, newline=newline, on_progress=on_progress)
    left_out = dropped(text, tokenizer)
    n_left_out = left_out.total()
    if tokenizer.unk_id is None:
        return Report(tokenizer, tokens, n_left_out, left_out, n_left_out)
    indices = np.flatnonzero(tokens.ids == tokenizer.unk_id)
    spans = (text[tokens.starts[i] : tokens.ends[i]] for i in indices)
    unknown_text = Counter(dict((_unknown_text(spans, tokenizer) + left_out).most_common()))
    return Report(tokenizer, tokens, len(indices) + n_left_out, unknown_text, n_left_out)


def named(character: str) -> str:
    """A character as a message shows it: itself and its number, or only that when it has no shape of its own."""
    number = f"U+{ord(character):04X}"
    return f"{character} ({number})" if character.isprintable() and not character.isspace() else number


def _unknown_text(spans: Iterable[str], tokenizer: Tokenizer) -> Counter[str]:
    unknown: dict[str, bool] = {}

    def is_unknown(character: str) -> bool:
        if character not in unknown:
            ids = tokenizer.encode(character, newline="keep").ids
            unknown[character] = tokenizer.unk_id in ids.tolist()
        return unknown[character]

    found: Counter[str] = Counter()
    for span, n_times in Counter(spans).items():
        characters = {character: n for character, n in Counter(span).items() if is_unknown(character)}
        for culprit, n in (characters or {span: 1}).items():
            found[culprit] += n * n_times
    return found
