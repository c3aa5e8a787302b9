"""What tokenizers that were read from a folder have in common, whatever the vocabulary's format."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bigbird_cli.choices import Newline
from bigbird_cli.files.json import read_json_object
from bigbird_cli.files.surrogates import check_text
from bigbird_cli.files.whole import replace_file
from bigbird_cli.text.tokenizers.chunks import encode_in_chunks
from bigbird_cli.text.tokenizers.tokens import (
    Tokenizer,
    Tokens,
    declared_special_tokens,
    find_special,
    newline_rule,
    required_special,
    separated,
)

if TYPE_CHECKING:
    from bigbird_cli.text.huggingface.batch_encoding import BatchEncoding


class FolderTokenizer(ABC):
    """A tokenizer read from a folder: encodes texts of any length, is called as transformers' are, and saves itself.

    A class to derive from; it encodes a chunk of text, and says what its vocabulary's file holds.

    Args:
        folder: where the vocabulary stands.
        settings: names of the JSON files beside it, which are saved with it as they are.
    """

    newline: Newline
    cls_id: int
    sep_id: int
    pad_id: int
    mask_id: int | None

    def __init__(self, folder: Path, *, settings: Sequence[str]) -> None:
        self.folder = folder
        self._settings = {name: read_json_object(folder / name) for name in settings}

    def _find_roles(
        self, usual: Mapping[str, Sequence[str]], *, ids: Mapping[str, int], where: Path
    ) -> dict[str, int | None]:
        """Find the ids of the tokens that have a role in model inputs, and keep them.

        Args:
            usual: role -> names that its token has where no settings name it.
            ids: token -> id.
            where: the vocabulary's file, for errors.

        Raises:
            ModelError: there is no token to open, close or pad an input.
        """
        declared = declared_special_tokens(self.folder)
        found = {role: find_special(role, declared=declared, usual=names, ids=ids) for role, names in usual.items()}
        self.cls_id = required_special("cls", found["cls"], where=where)
        self.sep_id = required_special("sep", found["sep"], where=where)
        self.pad_id = required_special("pad", found["pad"], where=where)
        self.mask_id = found["mask"]
        return found

    def encode(
        self, text: str, *, newline: str | None = None, on_progress: Callable[[int], None] | None = None
    ) -> Tokens:
        """Split text into tokens; see `Tokenizer.encode`."""
        check_text(text)
        rule = newline_rule(newline, self.newline)
        return encode_in_chunks(lambda chunk: self._encode_chunk(separated(chunk, rule)), text, on_progress=on_progress)

    @abstractmethod
    def _encode_chunk(self, text: str) -> Tokens:
        """The tokens of a text that is short enough for the library to take it at once."""

    def __call__(self, text: Any, text_pair: Any = None, **options: Any) -> "BatchEncoding":
        """Model inputs of a text, a pair or a batch, with control tokens; options as of a call of `BigBirdTokenizer`.

        Text is text: what looks like a control token in it is none, unless split_special_tokens=False.
        """
        # here: it is made of such a tokenizer
        from bigbird_cli.text.huggingface.callable_tokenizer import CallableTokenizer
        from bigbird_cli.text.tokenizers.folder_settings import stored_settings

        if "_callable" not in vars(self):
            tokenizer = cast(Tokenizer, self)
            settings = stored_settings(self.folder, {"split_special_tokens": True})
            self._callable = CallableTokenizer(tokenizer, **settings)
        return self._callable(text, text_pair, **options)

    def save(self, folder: Path) -> None:
        """Write the vocabulary, and the settings that stood beside it, into a folder, which is made if missing."""
        folder.mkdir(parents=True, exist_ok=True)
        name, content = self._vocabulary_file()
        replace_file(folder / name, content)
        for name, settings in self._settings.items():
            if settings:
                replace_file(folder / name, (json.dumps(settings, indent=2, ensure_ascii=False) + "\n").encode())

    @abstractmethod
    def _vocabulary_file(self) -> tuple[str, bytes]:
        """The name and the content of the file that holds the vocabulary."""
