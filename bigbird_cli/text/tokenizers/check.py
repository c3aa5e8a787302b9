"""`tokenizer.json` before the `tokenizers` library sees it, which trusts what it reads.

A broken character map, a length of 0 or a pattern that tries every way to cut a text end the process there, or never
come back. So what a file says is looked at first: numbers and character maps are checked, stages that no text can upset
are let pass, and a file with any other is tried out in a process of its own.
"""

import base64
import binascii
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bigbird_cli.bounds import TOKEN_ID
from bigbird_cli.errors import ModelError
from bigbird_cli.processes import python_command, python_environment
from bigbird_cli.text.tokenizers.charsmap import check_charsmap

LINEAR_ENDS: Final = r"\A[ ▁]+\z|\A +|(?<![ ▁])[ ▁]+\z"
"""Spaces before a text, and spaces and word marks behind it; a run is looked at from its begin only."""
SQUARE_ENDS: Final = r"\A +|[ ▁]+\z"
"""The same as earlier versions wrote it: in a run, it is tried from each character on."""

PLAIN: Final = frozenset(
    # normalisers
    {"BertNormalizer", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "StripAccents", "Strip", "ByteLevel"}
    # a character map is checked by itself
    | {"Precompiled"}
    # pre-tokenizers
    | {"BertPreTokenizer", "Whitespace", "WhitespaceSplit", "Punctuation", "Digits", "UnicodeScripts", "Metaspace"}
    # decoders; ByteLevel and Metaspace are above
    | {"WordPiece", "BPEDecoder", "ByteFallback", "Fuse"}
)
"""Stages that take linear time and memory on any text."""

LINEAR: Final = frozenset(
    {
        LINEAR_ENDS,
        " +",
        " {2,}",
        r"\p{N}{1,3}",
        # GPT-2, cl100k, Llama 3, Qwen 2
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
        r"\s+(?!\S)|\s+",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
        r"\s+(?!\S)|\s+",
    }
)
"""Patterns with repetitions that are known to take linear time."""

_LONGEST_WORD: Final = 1000
"""Characters of a word that WordPiece may look at, which takes it the square of that."""
_SECONDS: Final = 60
"""Of the trial, beside the processor's time, which it limits itself."""


def check_tokenizer(description: Mapping[str, Any], *, path: Path) -> None:
    """Look at what a tokenizer.json says; what the library finds wrong by itself is left to it.

    Args:
        description: the file's content.
        path: the file, for the trial and for errors.

    Raises:
        ModelError: a number is beyond sense, a character map is broken, or reading text ends the process or takes
            without end.
    """
    stages = [stage for name in ("normalizer", "pre_tokenizer", "decoder") for stage in _stages(description.get(name))]
    try:
        _check_ids(description)
        for stage in stages:
            if stage.get("type") == "Precompiled":
                check_charsmap(base64.b64decode(stage.get("precompiled_charsmap") or "", validate=True))
                if not stage.get("precompiled_charsmap"):
                    raise ValueError("its character map is empty")
    except (ValueError, TypeError, binascii.Error) as error:
        raise ModelError(
            f"not readable as a tokenizer: {error}", where=str(path), fix="fetch the model again"
        ) from None
    if not (all(map(_is_plain, stages)) and _is_plain_model(description.get("model"))):
        _try_out(path, stages)


def with_linear_ends(source: str) -> str:
    """The text of a tokenizer.json with a pattern that takes linear time where an earlier version wrote another."""
    for as_ascii in (False, True):
        before, after = (json.dumps(pattern, ensure_ascii=as_ascii) for pattern in (SQUARE_ENDS, LINEAR_ENDS))
        source = source.replace(before, after)
    return source


def _stages(stage: Any) -> Iterator[Mapping[str, Any]]:
    """The stages in a stage, itself where it is no sequence."""
    waiting = [stage]
    while waiting:
        stage = waiting.pop()
        if not isinstance(stage, Mapping):
            continue
        parts = [stage.get(name) for name in ("normalizers", "pretokenizers", "decoders") if stage.get(name)]
        if parts:
            waiting += (part for inner in parts if isinstance(inner, list) for part in inner)
        else:
            yield stage


def _check_ids(description: Mapping[str, Any]) -> None:
    model = description.get("model")
    vocabulary = model.get("vocab") if isinstance(model, Mapping) else None
    numbers = list(vocabulary.values()) if isinstance(vocabulary, Mapping) else []
    added = description.get("added_tokens")
    numbers += [token.get("id") for token in added if isinstance(token, Mapping)] if isinstance(added, list) else []
    most = max((number for number in numbers if isinstance(number, int)), default=0)  # the library minds the others
    if most > TOKEN_ID.most:
        raise ValueError(f"a token has the id {most}, which is not {TOKEN_ID}")


def _is_plain(stage: Mapping[str, Any]) -> bool:
    kind, pattern = str(stage.get("type")), stage.get("pattern")
    if kind == "Split":
        return _is_linear(pattern)
    if kind == "Replace":  # a longer content could make a text grow without end
        return _is_linear(pattern) and len(str(stage.get("content"))) <= 1
    if kind == "Prepend":
        return len(str(stage.get("prepend"))) <= 1
    if kind == "Strip" and "stop" in stage:  # the decoder
        return stage.get("start") in (0, 1) and stage["stop"] == 0
    return kind in PLAIN


def _is_linear(pattern: Any) -> bool:
    if not isinstance(pattern, Mapping):
        return False
    if "Regex" not in pattern:
        return bool(pattern.get("String"))
    expression = str(pattern["Regex"])
    if expression in LINEAR:
        return True
    bare = re.sub(r"\\[^\w]", "", expression)  # without escaped signs
    return bool(bare) and not re.search(r"[*+{]|\\[0-9gk]|\(\?[~(]", bare)


def _is_plain_model(model: Any) -> bool:
    if not isinstance(model, Mapping):
        return True  # which the library refuses
    longest = model.get("max_input_chars_per_word", 0)
    return (
        not model.get("continuing_subword_prefix")
        and not model.get("dropout")
        and model.get("type") in ("BPE", "Unigram", "WordLevel")
    ) or (model.get("type") == "WordPiece" and isinstance(longest, int) and longest <= _LONGEST_WORD)


def _try_out(path: Path, stages: list[Mapping[str, Any]]) -> None:
    patterns = "".join(str(stage["pattern"]) for stage in stages if "pattern" in stage)
    named = "".join(dict.fromkeys(character for character in patterns if character.isalnum() or character == " "))[:24]
    program = python_command("bigbird_cli.text.tokenizers.trial", str(path), named)
    try:
        done = subprocess.run(
            program,
            env=python_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        said = f"{_SECONDS} s did not suffice"
    else:
        if not done.returncode:
            return
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        said = lines[-1] if lines and done.returncode > 0 else f"the trial ended with signal {-done.returncode}"
    raise ModelError(
        f"not readable as a tokenizer: the library breaks down over it ({said})",
        where=str(path),
        fix="fetch the model again, or mend its patterns and lengths",
    )
