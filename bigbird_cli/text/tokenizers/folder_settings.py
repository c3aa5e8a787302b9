"""The files of a tokenizer's folder: where a name leads, and the settings that stand beside a vocabulary."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tokenizers import AddedToken

from bigbird_cli.errors import ModelError, nearest
from bigbird_cli.files.hub import fetch_model, hub_options
from bigbird_cli.files.json import read_json_object
from bigbird_cli.files.names import SPECIAL_TOKENS_MAP, TOKENIZER_CONFIG, TOKENIZER_FILES
from bigbird_cli.files.paths import SHIPPED, is_local, local_path
from bigbird_cli.files.whole import replace_file
from bigbird_cli.text.huggingface.special_tokens import ROLES, added_token
from bigbird_cli.text.tokenizers.vocabulary_files import added_tokens


def find_tokenizer(name: str | Path, settings: dict[str, Any]) -> Path:
    """The folder or file that a name leads to, fetched from the hub where it is nothing local.

    Args:
        name: a folder, a file, a shipped model's name or a hub name.
        settings: the caller's; those for the hub are taken out of it.

    Raises:
        ModelError: there is no such folder, and the hub has no such name.
    """
    settings.pop("trust_remote_code", None)  # no code is run
    hub = hub_options(settings)
    text = str(name)
    if is_local(name) or text.count("/") > 1:
        path = local_path(text)
        if not path.exists():
            raise ModelError("there is no such folder", where=text, fix="name a model folder with its tokenizer in it")
        return path
    if (SHIPPED / text).is_dir():
        return SHIPPED / text
    near = nearest(text, [folder.name for folder in SHIPPED.iterdir()])
    suggestion = f"did you mean {near}?" if near else "name the folder of its files"
    return fetch_model(text, files=TOKENIZER_FILES, suggestion=suggestion, **hub)


def stored_settings(folder: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Constructor settings from a folder's JSON files; what the caller gave wins."""
    settings: dict[str, Any] = read_json_object(folder / TOKENIZER_CONFIG)
    for private in (
        "tokenizer_class",
        "vocab_file",
        "tokenizer_file",
        "name_or_path",
        "auto_map",
        "special_tokens_map_file",
    ):
        settings.pop(private, None)
    settings.pop("init_inputs", None)
    added: dict[int, AddedToken] = {}
    in_vocabulary = added_tokens(folder)
    if isinstance(settings.pop("added_tokens_decoder", None), dict):
        added = {number: added_token(token) for number, token in in_vocabulary.items()}
    else:  # folders written before transformers 4.34 keep the same in two more files
        for name, value in read_json_object(folder / SPECIAL_TOKENS_MAP).items():
            settings[name] = value
        settings.update(given)
        special = {token.content for token in _special_in(settings)}
        for number, token in in_vocabulary.items():
            is_special = token["content"] in special
            added[number] = AddedToken(token["content"], normalized=not is_special, special=is_special)
    _check_kinds(settings, folder)
    settings.update(given)
    known = {token.content: token for token in added.values()}
    for name, value in list(settings.items()):
        role, _, kind = name.partition("_")
        if role in ROLES and kind == "token":
            if value is None:
                del settings[name]
                continue
            content = _content(value, name, folder)
            settings[name] = known.get(content) or (value if isinstance(value, str) else added_token(value))
    others = settings.pop("extra_special_tokens", None)  # the name that transformers 5 gives them
    additional = settings.get("additional_special_tokens") or others or ()
    for token in additional if isinstance(additional, list | tuple) else (additional,):
        _content(token, "additional_special_tokens", folder)
    settings["additional_special_tokens"] = [
        token if isinstance(token, str) else added_token(token) for token in additional
    ]
    return {**settings, "added_tokens_decoder": added}


_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "model_max_length": (int, float),
    "model_input_names": (list,),
    "padding_side": (str,),
    "truncation_side": (str,),
    "clean_up_tokenization_spaces": (bool,),
    "split_special_tokens": (bool,),
    "sp_model_kwargs": (dict,),
}


def _check_kinds(settings: Mapping[str, Any], folder: Path) -> None:
    """ModelError for a setting of a folder that is of another kind than the constructor takes."""
    for name, kinds in _KINDS.items():
        value = settings.get(name)
        is_side = name.endswith("_side") and value not in ("right", "left")
        if name in settings and value is not None and (not isinstance(value, kinds) or is_side):
            wanted = '"right" or "left"' if is_side else " or ".join(kind.__name__ for kind in kinds)
            raise ModelError(
                f"{name} is {value!r}; it must be {wanted}",
                where=str(folder / TOKENIZER_CONFIG),
                fix="fetch the model again",
            )


def _content(token: Any, name: str, folder: Path) -> str:
    """The text of a token; ModelError for what is none."""
    content = token.get("content") if isinstance(token, Mapping) else getattr(token, "content", token)
    if not isinstance(content, str):
        raise ModelError(f"{name} is {token!r}, which is no token", where=str(folder), fix="fetch the model again")
    return content


def _special_in(settings: Mapping[str, Any]) -> list[AddedToken]:
    values = [value for name, value in settings.items() if name.endswith("_token") and value is not None]
    additional = settings.get("additional_special_tokens") or []
    values += additional if isinstance(additional, list | tuple) else []
    return [added_token(value) for value in values if isinstance(value, (str, Mapping, AddedToken))]


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
    replace_file(path, f"{text}\n".encode())
