"""Ids of one text, a pair or a batch -> truncated, padded, as lists or arrays; the calling conventions of transformers.

Nothing here knows a vocabulary. Behaviour is that of transformers 4.44's slow tokenizers, whose names and argument
values users know; tests/text/fixtures holds what it gave.
"""

import importlib
from collections import UserDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from bigbird_cli.errors import needs_extra

Padding = Literal["longest", "max_length", "do_not_pad"]
Truncation = Literal["longest_first", "only_first", "only_second", "do_not_truncate"]
PADDINGS: tuple[Padding, ...] = ("longest", "max_length", "do_not_pad")
TRUNCATIONS: tuple[Truncation, ...] = ("longest_first", "only_first", "only_second", "do_not_truncate")

NO_LIMIT = int(1e30)  # model_max_length of a tokenizer without one
_UNLIMITED_FROM = int(1e20)


class Cut(NamedTuple):
    """Tokens that a text lost because its input was too long."""

    row: int
    """Of the batch; 0 for a single input."""
    text: str
    """The "first" or "second" of a pair; "first" where there is only one."""
    n_tokens: int
    side: str
    """The end that they were taken from, "left" or "right"."""


class BatchEncoding(UserDict[str, Any]):
    """What a tokenizer call gives: `encoding["input_ids"]`, `encoding.input_ids`, `model(**encoding)`.

    Attributes:
        cuts: every text that lost tokens, and how many; empty when all was kept.
    """

    def __init__(self, values: Mapping[str, Any] | None = None, *, cuts: Sequence[Cut] = ()) -> None:
        super().__init__(values)
        self.cuts = tuple(cuts)

    def __getattr__(self, name: str) -> Any:
        if name == "data" or name.startswith("__"):
            raise AttributeError(name)
        try:
            return self.data[name]
        except KeyError:
            raise AttributeError(f"the encoding has {', '.join(self.data)}, not {name!r}") from None

    def to(self, device: object) -> "BatchEncoding":
        """Move every tensor to a device, in place; returns the encoding itself. Needs return_tensors="pt"."""
        self.data = {name: value.to(device) for name, value in self.data.items()}
        return self


class Limits(NamedTuple):
    """How an input is to be cut and filled; max_length is None when neither asks for one."""

    padding: Padding
    truncation: Truncation
    max_length: int | None


def resolve_limits(
    *,
    padding: bool | str,
    truncation: bool | str | None,
    max_length: int | None,
    pad_to_multiple_of: int | None,
    model_max_length: int,
    warn: Callable[[str], None],
) -> Limits:
    """The strategies behind the many ways to ask for them; ValueError for an unknown one."""
    if max_length is not None and padding is False and truncation is None:
        warn(f"max_length={max_length} alone cuts longer inputs; say truncation=True or truncation=False")
        truncation = "longest_first"
    if padding is True and max_length is not None and truncation in (None, False, "do_not_truncate"):
        warn('max_length is ignored: padding=True fills to the longest input; say padding="max_length"')

    pad = _choice("padding", padding, PADDINGS)
    cut = _choice("truncation", truncation, TRUNCATIONS)

    if max_length is None and (pad == "max_length" or cut != "do_not_truncate"):
        if model_max_length < _UNLIMITED_FROM:
            max_length = model_max_length
        else:
            warn(
                "neither max_length nor the tokenizer's model_max_length says how long an input may be: nothing is cut"
            )
            pad = "do_not_pad" if pad == "max_length" else pad
            cut = "do_not_truncate"
    if (
        cut != "do_not_truncate"
        and pad != "do_not_pad"
        and pad_to_multiple_of is not None
        and max_length is not None
        and max_length % pad_to_multiple_of
    ):
        raise ValueError(f"max_length {max_length} is not a multiple of pad_to_multiple_of {pad_to_multiple_of}")
    return Limits(pad, cut, max_length)


def sizes_of_cuts(
    n_first: int,
    n_second: int | None,
    *,
    n_remove: int,
    strategy: Truncation,
    warn: Callable[[str], None],
) -> tuple[int, int]:
    """How many tokens to take from the first and from the second text so that n_remove go; n_second None: no second."""
    if n_remove <= 0 or strategy == "do_not_truncate":
        return 0, 0
    if strategy == "longest_first" and n_second is not None:
        # first even out the two, then take from both in turn, the second one first
        surplus = min(abs(n_second - n_first), n_remove)
        shared = n_remove - surplus
        from_first, from_second = shared // 2, shared - shared // 2
        if n_first > n_second:
            from_first += surplus
        else:
            from_second += surplus
        return min(from_first, n_first), min(from_second, n_second)

    n_target, name = (n_second, "second") if strategy == "only_second" else (n_first, "first")
    if n_target is None:
        return 0, 0
    if n_target <= n_remove:
        warn(f"cannot cut {n_remove} tokens from the {name} sequence, which has {n_target}: nothing is cut")
        return 0, 0
    return (0, n_remove) if name == "second" else (n_remove, 0)


def without_end(tokens: list[Any], n_remove: int, *, side: str) -> list[Any]:
    """A list less n_remove entries of its left or right end."""
    if n_remove <= 0:
        return tokens
    return tokens[n_remove:] if side == "left" else tokens[:-n_remove]


def described_cuts(cuts: Sequence[Cut], *, n_inputs: int, max_length: int) -> str:
    """What cuts took, in a sentence."""
    n_tokens = {text: sum(cut.n_tokens for cut in cuts if cut.text == text) for text in ("first", "second")}
    lost = " and ".join(f"{n:,} tokens of the {text} text" for text, n in n_tokens.items() if n)
    n_cut = len({cut.row for cut in cuts})
    longer = f"inputs longer than {max_length:,} tokens: {n_cut:,} of {n_inputs:,}"
    return f"{longer}; cut on the {cuts[0].side}: {lost} (.cuts has each)"


def pad_one(
    encoded: dict[str, Any],
    *,
    length: int | None,
    pad_id: int | None,
    side: str,
    with_mask: bool,
) -> dict[str, Any]:
    """One input's lists, filled to `length` (None: as they are); ids get pad_id, masks what marks padding."""
    n_tokens = len(encoded["input_ids"])
    if with_mask and "attention_mask" not in encoded:
        encoded["attention_mask"] = [1] * n_tokens
    missing = 0 if length is None else length - n_tokens
    if missing <= 0:
        return encoded
    fills: dict[str, Any] = {"input_ids": pad_id, "token_type_ids": 0, "special_tokens_mask": 1}
    fills["offset_mapping"] = (0, 0)
    if with_mask:
        fills["attention_mask"] = 0
    for name, fill in fills.items():
        if name in encoded:
            filling = [fill] * missing
            encoded[name] = filling + encoded[name] if side == "left" else encoded[name] + filling
    return encoded


def padded_length(n_tokens: int, *, limits: Limits, longest: int, multiple_of: int | None) -> int | None:
    """The length to fill an input of n_tokens to; None: leave it."""
    if limits.padding == "do_not_pad":
        return None
    length = longest if limits.padding == "longest" else limits.max_length
    if length is not None and multiple_of is not None:
        length = -(-length // multiple_of) * multiple_of
    return length if length is None else max(length, n_tokens)


def as_tensors(values: dict[str, Any], kind: str | None, *, cuts: Sequence[Cut] = ()) -> BatchEncoding:
    """Lists as they are (None), numpy arrays ("np", ragged ones of dtype object), int64 torch tensors ("pt") or JAX's
    arrays ("jax")."""
    if kind is None:
        return BatchEncoding(values, cuts=cuts)
    if kind == "np":
        return BatchEncoding({name: _array(value) for name, value in values.items()}, cuts=cuts)
    if kind not in ("pt", "jax"):
        raise ValueError(f'return_tensors is {kind!r}; it may be None (lists), "np", "pt" or "jax"')
    # no plain imports: this room works without either library, and only who asks for its tensors needs it
    if kind == "pt":
        as_tensor = importlib.import_module("torch").tensor
    else:
        with needs_extra("jax", where='return_tensors="jax"'):
            as_tensor = importlib.import_module("jax.numpy").asarray
    try:
        return BatchEncoding({name: as_tensor(value) for name, value in values.items()}, cuts=cuts)
    except (ValueError, TypeError) as error:
        raise ValueError(
            "inputs of different lengths make no tensor: say padding=True, or also truncation=True"
        ) from error


def plain_ids(ids: Any) -> Any:
    """Ids from a list, an array or a tensor (anything with tolist) as Python integers or lists of them."""
    return ids.tolist() if hasattr(ids, "tolist") else ids


def _choice(what: str, value: Any, known: Sequence[Any]) -> Any:
    """The strategy that a value stands for; `known` has the one of True first and the one of False last."""
    if value is True:
        return known[0]
    if value is False or value is None:
        return known[-1]
    value = getattr(value, "value", value)  # a member of transformers' enums
    if value not in known:
        raise ValueError(f"{what} is {value!r}; it may be True, False or {', '.join(map(repr, known))}")
    return value


def _array(value: Any) -> np.ndarray:
    if isinstance(value, list) and value and isinstance(value[0], list) and len({len(row) for row in value}) > 1:
        rows = np.empty(len(value), dtype=object)
        rows[:] = [np.asarray(row) for row in value]
        return rows
    return np.asarray(value)
