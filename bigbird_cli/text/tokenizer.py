"""The one door to tokenizers: a model folder's vocabulary, whatever its format, behind one interface."""

from pathlib import Path

from bigbird_cli.errors import ModelError
from bigbird_cli.text.bigbird_tokenizer import BigBirdTokenizer
from bigbird_cli.text.bigbird_tokenizer_fast import BigBirdTokenizerFast
from bigbird_cli.text.tokens import NEWLINE_RULES, Newline, Tokenizer, Tokens

__all__ = [
    "NEWLINE_RULES",
    "TOKENIZER_FILES",
    "BigBirdTokenizer",
    "BigBirdTokenizerFast",
    "Newline",
    "Tokenizer",
    "Tokens",
    "load_tokenizer",
]

TOKENIZER_FILES = ("spiece.model", "tokenizer.json")
"""Files that `load_tokenizer` opens, the first that is there."""


def load_tokenizer(folder: str | Path) -> Tokenizer:
    """Open the tokenizer of a model folder: its spiece.model, else its tokenizer.json.

    Raises:
        ModelError: the folder is not there, holds neither file, or holds a broken one.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ModelError(
            "there is no such folder", where=str(folder), fix="name a model folder with its tokenizer in it"
        )
    # imported here: each library costs start-up time, and a folder needs only one of them
    if (folder / "spiece.model").is_file():
        from bigbird_cli.text.sentencepiece_tokenizer import SentencePieceTokenizer

        return SentencePieceTokenizer(folder)
    if (folder / "tokenizer.json").is_file():
        from bigbird_cli.text.fast_tokenizer import FastTokenizer

        return FastTokenizer(folder)
    raise ModelError(
        "the folder holds no tokenizer (spiece.model or tokenizer.json)",
        where=str(folder),
        fix="copy the file from the model that the vocabulary belongs to",
    )
