"""`BigBirdTokenizerFast`: the same tokenizer from `spiece.model`, from `tokenizer.json` or from both.

Whichever file it is opened from, sentencepiece reads the text: it is the faster of the two libraries here, and both
files then cannot but give the same ids. The `tokenizers` library meets the file that `save_pretrained` writes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from tokenizers import AddedToken

from bigbird_cli.errors import ModelError
from bigbird_cli.files.names import SPIECE_MODEL, TOKENIZER_JSON
from bigbird_cli.files.whole import replace_file
from bigbird_cli.text.huggingface.bigbird_tokenizer import BigBirdTokenizer
from bigbird_cli.text.tokenizers.folder_settings import find_tokenizer, stored_settings
from bigbird_cli.text.tokenizers.spiece_file import spiece_bytes
from bigbird_cli.text.tokenizers.spiece_json import is_sentencepiece, read_tokenizer_json, tokenizer_json


class BigBirdTokenizerFast(BigBirdTokenizer):
    """`BigBirdTokenizer` for either of the two vocabulary files.

    It gives what `BigBirdTokenizer` gives, also where the class of this name in transformers differs: white space
    beside special tokens, unknown runs, and which ids `get_special_tokens_mask` marks.

    Args:
        vocab_file: the spiece.model file.
        tokenizer_file: the tokenizer.json file, of ours or of transformers' conversion of a spiece.model. With both,
            the pieces are the spiece.model's and the added tokens the tokenizer.json's.
        unk_token, bos_token, eos_token, pad_token, sep_token, mask_token, cls_token: as of `BigBirdTokenizer`.
        added_tokens_decoder: id -> AddedToken of tokens added earlier; by default those of the tokenizer.json.
        settings: the others of `BigBirdTokenizer`.

    Raises:
        ModelError: a file is missing or broken, the tokenizer.json is of another kind, or the two differ.
        ValueError: neither file is named.
    """

    vocab_files_names: ClassVar[dict[str, str]] = {"vocab_file": SPIECE_MODEL, "tokenizer_file": TOKENIZER_JSON}
    is_fast = True

    def __init__(
        self,
        vocab_file: str | Path | None = None,
        tokenizer_file: str | Path | None = None,
        unk_token: str | AddedToken = "<unk>",
        bos_token: str | AddedToken = "<s>",
        eos_token: str | AddedToken = "</s>",
        pad_token: str | AddedToken = "<pad>",
        sep_token: str | AddedToken = "[SEP]",
        mask_token: str | AddedToken = "[MASK]",
        cls_token: str | AddedToken = "[CLS]",
        *,
        added_tokens_decoder: Mapping[int, AddedToken] | None = None,
        **settings: Any,
    ) -> None:
        if vocab_file is None and tokenizer_file is None:
            raise ValueError(f"name a vocab_file ({SPIECE_MODEL}), a tokenizer_file ({TOKENIZER_JSON}), or both")
        vocabulary: str | Path | bytes = b"" if vocab_file is None else vocab_file
        names: list[str] | None = None
        if tokenizer_file is not None:
            spiece, added = read_tokenizer_json(Path(tokenizer_file))
            added_tokens_decoder = added if added_tokens_decoder is None else added_tokens_decoder
            names = [piece.name for piece in spiece.pieces]
            if vocab_file is None:
                vocabulary = spiece_bytes(spiece)
        super().__init__(
            vocabulary,
            unk_token=unk_token,
            bos_token=bos_token,
            eos_token=eos_token,
            pad_token=pad_token,
            sep_token=sep_token,
            mask_token=mask_token,
            cls_token=cls_token,
            added_tokens_decoder=added_tokens_decoder,
            **settings,
        )
        self.tokenizer_file = None if tokenizer_file is None else str(tokenizer_file)
        if names is not None and names != self._pieces:
            raise ModelError(
                f"the {len(names)} pieces here are not the {self.vocab_size} of {self.vocab_file}",
                where=self.tokenizer_file,
                fix="keep the file of the two that the model was trained with",
            )

    def tokenizer_json(self) -> str:
        """The text of a tokenizer.json that gives the same ids in programs that read only that.

        Raises:
            ModelError: the vocabulary is of a kind that the `tokenizers` library does not reproduce.
        """
        return tokenizer_json(
            self.sp_model.serialized_model_proto(),
            added=self.added_tokens_decoder,
            cls_id=self.cls_token_id,
            sep_id=self.sep_token_id,
            where=self.vocab_file or str(self.tokenizer_file),
        )

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **settings: Any) -> BigBirdTokenizer:
        """Open the spiece.model, the tokenizer.json or both of a folder, of a shipped model or of the hub.

        Args:
            pretrained_model_name_or_path, settings: as of `BigBirdTokenizer.from_pretrained`; a file may be either.

        Raises:
            ModelError: there is no such folder or name, or it holds no tokenizer.
        """
        path = find_tokenizer(pretrained_model_name_or_path, settings)
        if path.is_file():
            is_json = path.suffix == ".json"
            return cls(None if is_json else path, path if is_json else None, **settings)
        vocab_file, tokenizer_file = ((path / name).is_file() for name in (SPIECE_MODEL, TOKENIZER_JSON))
        stored = stored_settings(path, settings)
        if not (vocab_file or is_sentencepiece(path / TOKENIZER_JSON)):
            return cls._called(path, stored)
        if not stored["added_tokens_decoder"]:
            del stored["added_tokens_decoder"]
        return cls(
            path / SPIECE_MODEL if vocab_file else None, path / TOKENIZER_JSON if tokenizer_file else None, **stored
        )

    def save_pretrained(self, save_directory: str | Path, filename_prefix: str | None = None) -> tuple[str, ...]:
        """As `BigBirdTokenizer.save_pretrained`, and tokenizer.json; AutoTokenizer gives the same ids then.

        Returns:
            The files' names.

        Raises:
            ModelError: as of `tokenizer_json`; nothing is written.
        """
        content = self.tokenizer_json()
        written = super().save_pretrained(save_directory, filename_prefix)
        path = Path(save_directory) / (f"{filename_prefix}-{TOKENIZER_JSON}" if filename_prefix else TOKENIZER_JSON)
        replace_file(path, content.encode())
        return (*written, str(path))

    def _config(self) -> dict[str, Any]:
        """What tokenizer_config.json says, so that transformers takes tokenizer.json as it is.

        Under the name of its BigBird classes it would put white space, [MASK] and user-defined pieces otherwise; and a
        token that counts as normalized would be looked for in the text that the normaliser has changed.
        """
        config = super()._config()
        config["added_tokens_decoder"] = {
            number: {**token, "normalized": False} for number, token in config["added_tokens_decoder"].items()
        }
        return {
            **config,
            "model_input_names": self.model_input_names,
            "tokenizer_class": "PreTrainedTokenizerFast",
        }
