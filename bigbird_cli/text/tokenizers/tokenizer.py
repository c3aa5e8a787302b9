"""Opens tokenizers: a model folder's vocabulary, whatever its format, behind one interface."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bigbird_cli.choices import Newline
from bigbird_cli.errors import ModelError
from bigbird_cli.files.names import SPIECE_MODEL
from bigbird_cli.files.paths import model_file_errors
from bigbird_cli.text.huggingface.bigbird_tokenizer import BigBirdTokenizer
from bigbird_cli.text.huggingface.bigbird_tokenizer_fast import BigBirdTokenizerFast
from bigbird_cli.text.tokenizers.folder_settings import find_tokenizer
from bigbird_cli.text.tokenizers.tokens import NEWLINE_RULES, Tokenizer, Tokens
from bigbird_cli.text.tokenizers.vocabulary_files import has_vocabulary, no_vocabulary

__all__ = [
    "NEWLINE_RULES",
    "AutoTokenizer",
    "BigBirdTokenizer",
    "BigBirdTokenizerFast",
    "Newline",
    "Tokenizer",
    "Tokens",
    "extend_vocabulary",
    "has_tokenizer",
    "load_tokenizer",
]


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder has a vocabulary that `load_tokenizer` opens."""
    return (folder / SPIECE_MODEL).is_file() or has_vocabulary(folder)


class AutoTokenizer:
    """The name that the documentation's samples open a tokenizer by."""

    @staticmethod
    def from_pretrained(
        pretrained_model_name_or_path: str | Path, *, use_fast: bool = True, **settings: Any
    ) -> BigBirdTokenizer:
        """Open a tokenizer as `BigBirdTokenizerFast.from_pretrained` does, or without use_fast `BigBirdTokenizer`'s."""
        kind = BigBirdTokenizerFast if use_fast else BigBirdTokenizer
        return kind.from_pretrained(pretrained_model_name_or_path, **settings)


def extend_vocabulary(folder: Path, tokens: Sequence[str], extended: Path) -> None:
    """Write a folder's vocabulary with more tokens, as a tokenizer.json, into another.

    Raises:
        ModelError: the folder holds no tokenizer, or one of a kind that no tokens can be added to.
    """
    tokenizer = BigBirdTokenizerFast.from_pretrained(folder)
    tokenizer.add_tokens(tokens)
    tokenizer.save_pretrained(extended)
    (extended / SPIECE_MODEL).unlink(missing_ok=True)  # which knows nothing of them and would be opened first


@model_file_errors()
def load_tokenizer(folder: str | Path) -> Tokenizer:
    """Open the tokenizer of a model folder, a shipped model or a hub name: its spiece.model, its tokenizer.json, or a
    BERT's or RoBERTa's older files.

    Raises:
        ModelError: there is no such folder or name, or it holds no vocabulary, or a broken one.
    """
    folder = find_tokenizer(folder, {})
    if not folder.is_dir():
        raise ModelError("this is a file", where=str(folder), fix="name the model folder that it stands in")
    # imported here: each library costs start-up time, and a folder needs only one of them
    if (folder / SPIECE_MODEL).is_file():
        from bigbird_cli.text.tokenizers.spiece import SentencePieceTokenizer

        return SentencePieceTokenizer(folder)
    if has_vocabulary(folder):
        from bigbird_cli.text.tokenizers.fast import FastTokenizer

        return FastTokenizer(folder)
    raise no_vocabulary(folder)
