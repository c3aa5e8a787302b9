"""The tokens of a vocabulary by name and id, those with a role, and those cut out of a text before it is encoded.

Behaviour is that of transformers 4.44's slow tokenizers; tests/text/fixtures holds what they gave.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple, overload

from tokenizers import AddedToken

ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
_WITHOUT_ROLE = ("additional_special_tokens", "extra_special_tokens")
_IDS_WITHOUT_ROLE = tuple(f"{name}_ids" for name in _WITHOUT_ROLE)
ADDED_TOKEN_FIELDS = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")


class Segment(NamedTuple):
    """A part of a text that is encoded on its own.

    Attributes:
        text: its characters.
        offsets: where each of them stands in the whole text.
        is_token: the segment is an added token; any other is for the vocabulary.
    """

    text: str
    offsets: Sequence[int]
    is_token: bool = False

    def lstripped(self) -> "Segment":
        """Without white space at its left end."""
        text = self.text.lstrip()
        return Segment(text, self.offsets[len(self.text) - len(text) :], self.is_token)

    def rstripped(self) -> "Segment":
        """Without white space at its right end."""
        text = self.text.rstrip()
        return Segment(text, self.offsets[: len(text)], self.is_token)

    def followed_by(self, other: "Segment") -> "Segment":
        """Both as one text."""
        return Segment(self.text + other.text, [*self.offsets, *other.offsets])

    def in_whole(self, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Spans of the segment's characters as spans of the whole text."""
        offsets = [*self.offsets, self.offsets[-1] + 1] if self.text else [0]
        # a span ends after its last character, which need not be where the next one stands
        return [(offsets[start], offsets[end - 1] + 1 if end > start else offsets[start]) for start, end in spans]


class SpecialTokens:
    """Pieces, the tokens added to them, and the roles that some play.

    Args:
        pieces: the vocabulary's names in the order of their ids.
        roles: role ("cls", "mask", ...) -> its token, or None; one that the vocabulary lacks is added at its end.
        additional: more tokens that are never split.
        added: id -> token added earlier.
        unknown_id: id of whatever is no token.
    """

    def __init__(
        self,
        pieces: Sequence[str],
        *,
        unknown_id: int,
        roles: Mapping[str, str | AddedToken | None],
        additional: Sequence[str | AddedToken],
        added: Mapping[int, AddedToken],
    ) -> None:
        self._pieces = list(pieces)
        self._unknown_id = unknown_id
        self._piece_ids = {name: number for number, name in enumerate(self._pieces)}
        self._added: dict[int, AddedToken] = dict(added)
        self._added_ids = {token.content: number for number, token in self._added.items()}
        self._ids = {**self._piece_ids, **self._added_ids}
        # the mask stands for a word, so it takes the word's leading space with it
        self._special: dict[str, AddedToken | None] = {
            role: None if token is None else added_token(token, lstrip=role == "mask") for role, token in roles.items()
        }
        self._additional: list[str | AddedToken] = list(additional)
        self._add((token for token in self._special_tokens() if str(token) not in self._added_ids), special=True)

    @property
    def vocab_size(self) -> int:
        """Number of pieces, tokens added later aside."""
        return len(self._pieces)

    def __len__(self) -> int:
        return len(self._ids)

    def get_vocab(self) -> dict[str, int]:
        """Every token and its id, added ones included."""
        return dict(self._ids)

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
        self,
        special_tokens_dict: Mapping[str, Any],
        replace_additional_special_tokens: bool = True,
        replace_extra_special_tokens: bool = True,
    ) -> int:
        """Name special tokens, e.g. {"cls_token": "<C>"} or {"additional_special_tokens": [...]}; see `add_tokens`.

        Args:
            special_tokens_dict: names and tokens; those without a role as additional_special_tokens or, as
                transformers 5 calls them, extra_special_tokens.
            replace_additional_special_tokens, replace_extra_special_tokens: False keeps those that there are.
        """
        replaces = replace_additional_special_tokens and replace_extra_special_tokens
        to_add: list[AddedToken] = []
        for name, value in special_tokens_dict.items():
            if name in _WITHOUT_ROLE:
                tokens = [added_token(token, normalized=False) for token in value]
                known = set(self.additional_special_tokens)
                if replaces and tokens:
                    self._additional = list(tokens)
                else:
                    tokens = [token for token in tokens if token.content not in known]
                    self._additional = [*self._additional, *tokens]
                to_add += tokens
            else:
                token = added_token(value, normalized=False)
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
                token = added_token(given, special=special or given.special)
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
        self._ids = {**self._piece_ids, **self._added_ids}
        longest_first = sorted(self._added_ids, key=len, reverse=True)
        self._added_pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        return n_new

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
        if name in _WITHOUT_ROLE:
            self._additional = list(value or ())
        elif name in _IDS_WITHOUT_ROLE:
            self._additional = list(self.convert_ids_to_tokens(value or ()))
        elif role in ROLES and kind == "token":
            self._special[role] = None if value is None else added_token(value)
        elif role in ROLES and kind == "token_id":
            self._special[role] = None if value is None else added_token(self.convert_ids_to_tokens(value))
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
    def extra_special_tokens(self) -> list[str]:
        """As `additional_special_tokens`; the name that transformers 5 gives them."""
        return self.additional_special_tokens

    @property
    def extra_special_tokens_ids(self) -> list[int]:
        """Their ids."""
        return self.additional_special_tokens_ids

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

    @overload
    def convert_tokens_to_ids(self, tokens: None) -> None: ...
    @overload
    def convert_tokens_to_ids(self, tokens: str) -> int: ...
    @overload
    def convert_tokens_to_ids(self, tokens: list[str] | tuple[str, ...]) -> list[int]: ...
    def convert_tokens_to_ids(self, tokens: str | list[str] | tuple[str, ...] | None) -> int | list[int] | None:
        """Id of a token, or ids of several; an unknown token has the unknown id."""
        if tokens is None:
            return None
        if isinstance(tokens, str):
            return self._ids.get(tokens, self._unknown_id)
        return list(map(self._ids.get, tokens, repeat(self._unknown_id)))

    @overload
    def convert_ids_to_tokens(self, ids: int, skip_special_tokens: bool = False) -> str: ...
    @overload
    def convert_ids_to_tokens(self, ids: Iterable[int], skip_special_tokens: bool = False) -> list[str]: ...
    def convert_ids_to_tokens(self, ids: int | Iterable[int], skip_special_tokens: bool = False) -> str | list[str]:
        """Token of an id, or tokens of several; IndexError for an id outside the vocabulary."""
        if isinstance(ids, int):
            return self._token(ids)
        special = set(self.all_special_ids) if skip_special_tokens else set()
        return [self._token(int(number)) for number in ids if int(number) not in special]

    def _token(self, number: int) -> str:
        added = self._added.get(number)
        if added is not None:
            return str(added.content)
        if number < 0:
            raise IndexError(f"id {number} is outside the vocabulary")
        return self._pieces[number]

    # -- texts ---------------------------------------------------------------------------------------------------

    def segments(self, text: str) -> list[Segment]:
        """A text cut at its added tokens, each of which takes the white space beside it that its settings say."""
        segments: list[Segment] = []
        done = 0
        for match in self._added_pattern.finditer(text):
            segments.append(Segment(text[done : match.start()], range(done, match.start())))
            segments.append(Segment(match.group(), range(match.start(), match.end()), is_token=True))
            done = match.end()
        segments.append(Segment(text[done:], range(done, len(text))))
        segments = [segment for segment in segments if segment.text]
        for i, segment in enumerate(segments):
            if not segment.is_token:
                continue
            token = self._added[self._added_ids[segment.text]]
            left = segments[i - 1] if i > 0 else _NOTHING
            right = segments[i + 1] if i + 1 < len(segments) else _NOTHING
            if token.rstrip and right.text:
                segments[i + 1] = right.lstripped()
            if token.lstrip and left.text:
                segments[i - 1] = left.rstripped()
            if token.single_word and left.text and left.text[-1] != " ":
                segments[i - 1] = segments[i - 1].followed_by(segment)
                segments[i] = _NOTHING
            elif token.single_word and right.text and right.text[0] != " ":
                segments[i + 1] = segment.followed_by(segments[i + 1])
                segments[i] = _NOTHING
        return [segment for segment in segments if segment.text]


_NOTHING = Segment("", ())


def added_token(
    token: Any, *, lstrip: bool = False, normalized: bool = True, special: bool | None = None
) -> AddedToken:
    """A token object from a string or from another one, which keeps its settings."""
    if isinstance(token, str):
        return AddedToken(token, lstrip=lstrip, normalized=normalized, special=bool(special))
    if isinstance(token, Mapping):
        token = AddedToken(**{name: value for name, value in token.items() if name in ADDED_TOKEN_FIELDS})
    if not isinstance(token, AddedToken):
        raise TypeError(f"a token is a string or an AddedToken, not {token!r:.80}")
    fields = described(token)
    return AddedToken(**{**fields, "special": fields["special"] if special is None else special})


def described(token: AddedToken, *, with_special: bool = True) -> dict[str, Any]:
    """A token's settings by name, as JSON files keep them."""
    return {name: getattr(token, name) for name in sorted(ADDED_TOKEN_FIELDS) if with_special or name != "special"}


def _role(name: str) -> str:
    role, _, kind = name.partition("_")
    if role not in ROLES or kind != "token":
        raise ValueError(f"there is no special token {name!r}; there are {', '.join(f'{r}_token' for r in ROLES)}")
    return role
