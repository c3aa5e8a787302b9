"""The model that a run starts from: one that is there, a short encoder made into a BigBird, or a new one."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bigbird_cli.backend import StartModel, open_pickles
from bigbird_cli.bigbird.config import model_type_of
from bigbird_cli.bigbird.families import FAMILIES
from bigbird_cli.errors import ModelError
from bigbird_cli.files.names import CONFIG
from bigbird_cli.files.paths import local_path
from bigbird_cli.recipe.schema import ModelSection
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, extend_vocabulary, load_tokenizer
from bigbird_cli.weights.convert import convert_model
from bigbird_cli.weights.store import find_folder, open_folder


@contextmanager
def start_folder(section: ModelSection, *, offline: bool) -> Iterator[Path]:
    """Find the folder of the start model, or of a new model's vocabulary.

    A BERT, RoBERTa or ELECTRA becomes a BigBird in a temporary folder, which is gone afterwards.

    Raises:
        ModelError: there is no such model, or it is of another kind.
        ResourceError: memory or disk did not suffice.
    """
    if section.start is None:
        yield local_path(str(section.tokenizer))
        return
    folder = find_folder(section.start, offline=offline, revision=section.revision)
    if _model_type(folder) not in FAMILIES:
        yield open_folder(folder).path
        return
    with tempfile.TemporaryDirectory(prefix="bigbird-start-") as parent:
        warmed = Path(parent) / "model"
        convert_model(
            folder,
            warmed,
            max_positions=section.config.get("max_position_embeddings"),
            pickle_io=open_pickles(),
        )
        yield warmed


def open_vocabulary(section: ModelSection, folder: Path) -> Tokenizer:
    """Open the tokenizer of a start folder, with the tokens that the recipe adds to it.

    Raises:
        ModelError: there is none.
    """
    try:
        if not section.added_tokens:
            return load_tokenizer(folder)
        with tempfile.TemporaryDirectory(prefix="bigbird-vocabulary-") as extended:
            extend_vocabulary(folder, section.added_tokens, Path(extended))
            return load_tokenizer(extended)
    except ModelError as error:
        if section.start is None and error.where == str(folder):
            raise ModelError(
                error.problem,
                where=section.tokenizer,
                fix="learn one: bigbird tokenize --train TEXTS --vocab-size 8000 --out FOLDER",
            ) from None
        raise


def start_model(
    section: ModelSection, folder: Path, *, head: str, tokenizer: Tokenizer, changes: Mapping[str, Any]
) -> StartModel:
    """What an engine makes the model from.

    Args:
        section: of the recipe.
        folder: from `start_folder`.
        head: what the task needs.
        tokenizer: of the folder; a new model has its vocabulary.
        changes: what the task wants of the config.
    """
    config = {**section.config, **changes}
    for key, value in (
        ("hidden_dropout_prob", section.dropout),
        ("attention_probs_dropout_prob", section.attention_dropout),
    ):
        if value is not None:
            config[key] = value
    if section.start is not None:
        n_embeddings = tokenizer.vocab_size if section.added_tokens else None
        return StartModel(head=head, folder=folder, config=config, n_embeddings=n_embeddings)
    vocabulary = {
        "vocab_size": tokenizer.vocab_size,
        "pad_token_id": tokenizer.pad_id,
        "bos_token_id": tokenizer.cls_id,
        "eos_token_id": tokenizer.sep_id,
        "sep_token_id": tokenizer.sep_id,
    }
    return StartModel(head=head, folder=None, config={**vocabulary, **config})


def _model_type(folder: Path) -> str | None:
    try:
        settings = json.loads((folder / CONFIG).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None  # whoever opens the folder says what is wrong
    return model_type_of(settings) if isinstance(settings, dict) else None
