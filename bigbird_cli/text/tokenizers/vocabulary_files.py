"""The text of a folder's tokenizer.json: the file's own, or one made of the older files that say the same.

BERT's slow tokenizer has its words in vocab.txt, RoBERTa's its pieces in vocab.json and merges.txt. Tokens that were
added to either stand in added_tokens.json, or in tokenizer_config.json under added_tokens_decoder.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bigbird_cli.bounds import TOKEN_ID
from bigbird_cli.errors import ModelError
from bigbird_cli.files.json import parse_settings, read_json_object
from bigbird_cli.files.names import (
    ADDED_TOKENS,
    BPE_FILES,
    SENTENCEPIECE_BPE,
    SPECIAL_TOKENS_MAP,
    TOKENIZER_CONFIG,
    TOKENIZER_JSON,
    VOCAB_TXT,
)
from bigbird_cli.files.paths import cannot_be_read
from bigbird_cli.text.tokenizers.check import check_tokenizer, with_linear_ends
from bigbird_cli.text.tokenizers.tokens import declared_special_tokens

BERT_ROLES: Final = {
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "mask_token": "[MASK]",
    "unk_token": "[UNK]",
}
ROBERTA_ROLES: Final = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
    "unk_token": "<unk>",
}
"""Special tokens that a vocabulary of this kind has unless a file says otherwise."""


def has_vocabulary(folder: Path) -> bool:
    """Whether a folder has a tokenizer.json, or files that one can be made of."""
    return (
        (folder / TOKENIZER_JSON).is_file()
        or (folder / VOCAB_TXT).is_file()
        or all((folder / name).is_file() for name in BPE_FILES)
    )


def tokenizer_source(folder: Path) -> tuple[Path, str]:
    """The file that a folder's vocabulary stands in, and the text of its tokenizer.json.

    Raises:
        ModelError: there is no vocabulary, or it cannot be read, or the library could not bear it.
    """
    path = folder / TOKENIZER_JSON
    if path.is_file():
        try:
            source = with_linear_ends(path.read_text(encoding="utf-8"))
            description = parse_settings(source)
        except OSError as error:
            raise cannot_be_read(error, path) from error
        except (ValueError, RecursionError) as error:
            raise ModelError(
                f"not readable as a tokenizer: {error}", where=str(path), fix="fetch the model again"
            ) from error
        if not isinstance(description, dict):
            raise ModelError("holds no JSON object", where=str(path), fix="fetch the model again")
        check_tokenizer(description, path=path)
        return path, source
    settings = read_json_object(folder / TOKENIZER_CONFIG)
    if (folder / VOCAB_TXT).is_file():
        path, made = folder / VOCAB_TXT, _from_words(folder / VOCAB_TXT, settings)
    elif all((folder / name).is_file() for name in BPE_FILES):
        path, made = folder / BPE_FILES[0], _from_merges(folder / BPE_FILES[0], folder / BPE_FILES[1], settings)
    else:
        raise no_vocabulary(folder)
    _add(made, added_tokens(folder), path)
    check_tokenizer(made, path=path)
    return path, json.dumps(made, ensure_ascii=False)


def no_vocabulary(folder: Path) -> ModelError:
    """What to say of a folder without a vocabulary that is read here."""
    if (folder / SENTENCEPIECE_BPE).is_file():
        return ModelError(
            f"{SENTENCEPIECE_BPE} is not read by itself: its ids are not the model's",
            where=str(folder),
            fix="transformers writes a tokenizer.json: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)",
        )
    return ModelError(
        "the folder holds no tokenizer (spiece.model, tokenizer.json, vocab.txt, or vocab.json with merges.txt)",
        where=str(folder),
        fix="copy the file from the model that the vocabulary belongs to",
    )


def added_tokens(folder: Path) -> dict[int, dict[str, Any]]:
    """Id -> token, in the form that tokenizer.json has, of the tokens that were added to a folder's slow vocabulary.

    Raises:
        ModelError: an id is no number or beyond sense, or a token is none.
    """
    decoder = read_json_object(folder / TOKENIZER_CONFIG).get("added_tokens_decoder")
    where = folder / TOKENIZER_CONFIG
    found: list[tuple[Any, Any]] = []  # id and token, as they stand there
    if isinstance(decoder, Mapping):
        found = list(decoder.items())
    else:
        where = folder / ADDED_TOKENS
        special = {*declared_special_tokens(folder).values(), *_additional(folder)}
        for name, number in read_json_object(where).items():
            found.append((number, {"content": name, "special": name in special}))
    tokens = {}
    for key, token in found:
        number = int(key) if isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 20 else key
        content = token.get("content") if isinstance(token, Mapping) else None
        if type(number) is not int or number not in TOKEN_ID or not isinstance(content, str) or not content:
            raise ModelError(
                f"the added token {content!r} has the id {key!r}; it must be a text, and its id {TOKEN_ID}",
                where=str(where),
                fix="fetch the model again",
            )
        flags = {name: bool(token.get(name)) for name in ("single_word", "lstrip", "rstrip", "special")}
        normalized = bool(token.get("normalized", not flags["special"]))
        tokens[number] = {"id": number, "content": content, "normalized": normalized, **flags}
    return dict(sorted(tokens.items()))


def _additional(folder: Path) -> set[str]:
    """The special tokens without a role that a folder declares."""
    found = set()
    for name in (SPECIAL_TOKENS_MAP, TOKENIZER_CONFIG):
        tokens = read_json_object(folder / name).get("additional_special_tokens")
        for token in tokens if isinstance(tokens, list) else []:
            found.add(str(token.get("content") if isinstance(token, Mapping) else token))
    return found


def _add(description: dict[str, Any], added: Mapping[int, dict[str, Any]], path: Path) -> None:
    """Put added tokens behind a vocabulary, as the library counts them."""
    known = {token["content"] for token in description["added_tokens"]}
    ids: Mapping[str, int] = description["model"]["vocab"]
    n_tokens = len(ids)
    for number, token in added.items():
        is_new = token["content"] not in ids
        if number != ids.get(token["content"], n_tokens):
            raise ModelError(
                f"the added token {token['content']!r} has the id {number}, where {path.name} leaves "
                f"{ids.get(token['content'], n_tokens)} to it",
                where=str(path),
                fix="fetch the model again",
            )
        n_tokens += is_new
        if token["content"] not in known:
            description["added_tokens"].append(token)


def _from_words(path: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """BERT's tokenizer over the words of a vocab.txt, one a line."""
    import tokenizers
    from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

    try:
        words = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise cannot_be_read(error, path) from error
    except UnicodeDecodeError as error:
        raise ModelError(f"is not UTF-8 ({error})", where=str(path), fix="fetch the model again") from error
    if words and not words[-1]:
        words.pop()
    try:
        built = BertWordPieceTokenizer(
            {word.rstrip("\r"): index for index, word in enumerate(words)},
            lowercase=settings.get("do_lower_case", True),
            strip_accents=settings.get("strip_accents"),
            handle_chinese_chars=settings.get("tokenize_chinese_chars", True),
        )
    except TypeError as error:
        raise ModelError("lacks [CLS] or [SEP]", where=str(path), fix="fetch the model again") from error
    control = [name for name in BERT_ROLES.values() if name in built.get_vocab()]
    built.add_special_tokens([tokenizers.AddedToken(name, special=True) for name in control])
    return dict(json.loads(built.to_str()))


def _from_merges(vocabulary: Path, merges: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """RoBERTa's byte-level BPE over a vocab.json and its merges.txt."""
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, processors

    ids = read_json_object(vocabulary)
    if missing := {"<s>", "</s>"} - ids.keys():
        raise ModelError(f"lacks {min(missing)}", where=str(vocabulary), fix="fetch the model again")
    prefix = bool(settings.get("add_prefix_space", False))
    try:
        built = tokenizers.Tokenizer(models.BPE.from_file(str(vocabulary), str(merges)))
        built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
        built.decoder = decoders.ByteLevel()
        built.post_processor = processors.RobertaProcessing(("</s>", ids["</s>"]), ("<s>", ids["<s>"]), True, prefix)
    except Exception as error:  # the library raises plain Exception for whatever is wrong inside
        raise ModelError(f"no byte-level BPE ({error})", where=str(merges), fix="fetch the model again") from error
    control = [name for name in dict.fromkeys(ROBERTA_ROLES.values()) if name in ids]
    built.add_special_tokens(
        # the mask takes the space before it, as in RoBERTa's own tokenizer
        [tokenizers.AddedToken(name, special=True, lstrip=name == "<mask>", normalized=False) for name in control]
    )
    return dict(json.loads(built.to_str()))
