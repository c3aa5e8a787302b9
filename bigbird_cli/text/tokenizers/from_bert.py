"""The tokenizer of a BERT, a RoBERTa or an ELECTRA for the BigBird that is made of it."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bigbird_cli.errors import ModelError
from bigbird_cli.files.json import read_json_object
from bigbird_cli.files.names import TOKENIZER_CONFIG, TOKENIZER_JSON
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, load_tokenizer
from bigbird_cli.text.tokenizers.tokens import declared_special_tokens
from bigbird_cli.text.tokenizers.vocabulary_files import BERT_ROLES, tokenizer_source

CARRIED_SETTINGS: Final = (
    "do_lower_case",
    "strip_accents",
    "tokenize_chinese_chars",
    "clean_up_tokenization_spaces",
    "add_prefix_space",
)


def bert_tokenizer(source: Path, *, roles: Mapping[str, str]) -> Tokenizer:
    """The tokenizer of a BERT's folder with the settings beside it, without truncation and padding.

    Args:
        source: a folder with a tokenizer.json, a vocab.txt, or a vocab.json and merges.txt.
        roles: special tokens that its vocabulary has unless a file says otherwise; BERT_ROLES or ROBERTA_ROLES.

    Raises:
        ModelError: there is no vocabulary, or a broken one.
    """
    settings = read_json_object(source / TOKENIZER_CONFIG)
    description = json.loads(tokenizer_source(source)[1])
    description |= {"truncation": None, "padding": None}
    normalizer = description.get("normalizer")
    if isinstance(normalizer, dict) and normalizer.get("type") == "BertNormalizer":
        # where the two files differ, transformers follows the settings
        for setting, key in (
            ("do_lower_case", "lowercase"),
            ("strip_accents", "strip_accents"),
            ("tokenize_chinese_chars", "handle_chinese_chars"),
        ):
            if setting in settings:
                normalizer[key] = settings[setting]
    kept: dict[str, Any] = {name: settings[name] for name in CARRIED_SETTINGS if name in settings}
    special = {**roles, **declared_special_tokens(source)}
    # transformers' own BERT class would lower-case or not by its own defaults; the generic one follows the file
    known = _entries(description)  # transformers would give a token that is missing a number beyond the embeddings
    kept |= {role: token for role, token in special.items() if token in known}
    kept |= {"tokenizer_class": "PreTrainedTokenizerFast"}
    if roles == BERT_ROLES:  # the generic class has no types
        kept["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / TOKENIZER_JSON).write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")
        (folder / TOKENIZER_CONFIG).write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
        try:
            return load_tokenizer(folder)
        except ModelError as error:
            raise ModelError(error.problem, where=str(source), fix=error.fix) from error


def _entries(description: Mapping[str, Any]) -> set[str]:
    """The tokens that a tokenizer.json names; none where it is broken, which its reader reports."""
    model, added = description.get("model"), description.get("added_tokens")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    entries = set(vocabulary) if isinstance(vocabulary, dict) else set()
    if isinstance(vocabulary, list):  # Unigram: pieces with their scores
        entries = {row[0] for row in vocabulary if isinstance(row, list) and row and isinstance(row[0], str)}
    if isinstance(added, list):
        entries |= {str(token["content"]) for token in added if isinstance(token, dict) and "content" in token}
    return entries
