"""BigBirdTokenizer gives what the slow tokenizer of transformers 4.44 gave, and says where it means not to."""

import copy
import json
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bigbird_cli.errors import BigBirdWarning, DataError, ModelError
from bigbird_cli.text import bigbird_tokenizer
from bigbird_cli.text.tokenizer import BigBirdTokenizer

FIXTURES = Path(__file__).parent / "fixtures"
VOCABULARY = FIXTURES / "tiny-spiece.model"
GOLDENS = json.loads((FIXTURES / "bigbird-tokenizer-4.44.json").read_text(encoding="utf-8"))["variants"]
VARIANTS = range(len(GOLDENS))


@pytest.fixture
def tokenizer() -> BigBirdTokenizer:
    return BigBirdTokenizer(VOCABULARY)


def plain(value: Any) -> Any:
    """A result as the goldens write it."""
    if isinstance(value, np.ndarray):
        return {"dtype": str(value.dtype), "values": value.tolist()}
    if hasattr(value, "items"):
        return {name: plain(item) for name, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def differences(golden: dict[str, Any], tokenizer: BigBirdTokenizer) -> Iterator[str]:
    for method, positional, named, expected in golden["cases"]:
        try:
            got = {"gives": plain(getattr(tokenizer, method)(*copy.deepcopy(positional), **named))}
        except (ValueError, TypeError) as error:
            got = {"raises": type(error).__name__}
        if got != expected:
            yield f"{method}({positional}, {named})\n  expected {expected}\n  got      {got}"


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_recorded_call_gives_the_recorded_result(variant: int) -> None:
    golden = GOLDENS[variant]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BigBirdWarning)  # transformers logs where we warn
        found = list(differences(golden, BigBirdTokenizer(VOCABULARY, **golden["settings"])))
    assert len(golden["cases"]) > 300
    assert not found, "\n".join(found[:10])


@pytest.mark.parametrize("variant", VARIANTS)
def test_attributes_are_the_recorded_ones(variant: int) -> None:
    golden = GOLDENS[variant]
    tokenizer = BigBirdTokenizer(VOCABULARY, **golden["settings"])
    assert {name: plain(getattr(tokenizer, name)) for name in golden["attributes"]} == golden["attributes"]
    assert len(tokenizer) == golden["length"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_saved_files_are_the_recorded_ones(variant: int, tmp_path: Path) -> None:
    golden = GOLDENS[variant]
    BigBirdTokenizer(VOCABULARY, **golden["settings"]).save_pretrained(tmp_path)
    assert {path.name: json.loads(path.read_text("utf-8")) for path in tmp_path.glob("*.json")} == golden["saved"]
    assert (tmp_path / "spiece.model").read_bytes() == VOCABULARY.read_bytes()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_saved_tokenizer_opens_as_it_was(variant: int, tmp_path: Path) -> None:
    tokenizer = BigBirdTokenizer(VOCABULARY, **GOLDENS[variant]["settings"])
    tokenizer.add_tokens(["islander", "<new>"])
    tokenizer.save_pretrained(tmp_path / "a")
    again = BigBirdTokenizer.from_pretrained(tmp_path / "a")
    again.save_pretrained(tmp_path / "b")

    text = "The islander [MASK] a <new> light [SEP] lighthouse <row>"
    assert again.tokenize(text) == tokenizer.tokenize(text)
    assert again.get_vocab() == tokenizer.get_vocab()
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "b").iterdir())
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_older_folders_with_three_settings_files_open(tmp_path: Path) -> None:
    (tmp_path / "spiece.model").write_bytes(VOCABULARY.read_bytes())
    mask = {"content": "[MASK]", "lstrip": False, "rstrip": False, "single_word": False, "normalized": True}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 4096, "mask_token": "[X]"}))
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"mask_token": mask}))
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<new>": 700}))
    tokenizer = BigBirdTokenizer.from_pretrained(tmp_path)
    assert tokenizer.model_max_length == 4096
    assert tokenizer.mask_token == "[MASK]"
    assert tokenizer.tokenize("is [MASK]") == ["▁is", "[MASK]"]
    assert tokenizer.convert_tokens_to_ids(tokenizer.tokenize("<new>")) == [700]


def test_settings_of_the_caller_win_over_the_folders(tmp_path: Path, tokenizer: BigBirdTokenizer) -> None:
    tokenizer.save_pretrained(tmp_path)
    again = BigBirdTokenizer.from_pretrained(tmp_path, cls_token="<ans>", model_max_length=9)
    assert (again.cls_token_id, again.model_max_length) == (64, 9)


def test_adding_tokens_counts_only_new_ones(tokenizer: BigBirdTokenizer) -> None:
    assert tokenizer.add_tokens(["<one>", "▁the", "<one>"]) == 1
    assert len(tokenizer) == 701
    assert tokenizer.encode("x<one>", add_special_tokens=False)[-1] == 700
    assert tokenizer.add_special_tokens({"cls_token": "<C>"}) == 1
    assert (tokenizer.cls_token, tokenizer.cls_token_id) == ("<C>", 701)
    assert tokenizer.encode("") == [701, 66]


def test_a_role_can_be_given_to_another_token_or_to_none(tokenizer: BigBirdTokenizer) -> None:
    tokenizer.pad_token = "<row>"
    assert tokenizer.pad_token_id == 61
    tokenizer.pad_token_id = 0
    assert tokenizer.pad_token == "<pad>"
    tokenizer.mask_token = None
    assert tokenizer.mask_token is None
    assert tokenizer.mask_token_id is None
    with pytest.raises(AttributeError, match="no attribute 'mask'"):
        tokenizer.mask  # noqa: B018


def test_tensors_are_int64(tokenizer: BigBirdTokenizer) -> None:
    torch = pytest.importorskip("torch")
    encoded = tokenizer(["The island", "a"], padding=True, return_tensors="pt")
    assert encoded.input_ids.dtype == torch.int64
    assert encoded.input_ids.tolist() == tokenizer(["The island", "a"], padding=True).input_ids
    assert encoded.to("cpu")["attention_mask"].shape == encoded["input_ids"].shape
    assert tokenizer.decode(encoded.input_ids[0]) == tokenizer.decode(encoded.input_ids[0].tolist())
    with pytest.raises(ValueError, match="padding=True"):
        tokenizer(["The island", "a"], return_tensors="pt")


def test_copies_and_pickles_encode_alike(tokenizer: BigBirdTokenizer) -> None:
    for other in (copy.deepcopy(tokenizer), pickle.loads(pickle.dumps(tokenizer))):
        assert other.encode("The [MASK] island") == tokenizer.encode("The [MASK] island")
    encoded = tokenizer("The island")
    assert pickle.loads(pickle.dumps(encoded)) == encoded


def test_a_cut_that_nobody_asked_for_warns_once(tokenizer: BigBirdTokenizer) -> None:
    with pytest.warns(BigBirdWarning, match="max_length=4"):
        assert len(tokenizer.encode("The light on the island", max_length=4)) == 4
    assert len(tokenizer.encode("The light on the island", max_length=4)) == 4


def test_an_input_longer_than_the_model_warns() -> None:
    tokenizer = BigBirdTokenizer(VOCABULARY, model_max_length=5)
    with pytest.warns(BigBirdWarning, match="at most 5"):
        tokenizer("The light on the island and the sea")
    assert (
        len(BigBirdTokenizer(VOCABULARY, model_max_length=5)("The light on the island", truncation=True).input_ids) == 5
    )


def test_a_lone_surrogate_is_a_data_error(tokenizer: BigBirdTokenizer) -> None:
    with pytest.raises(DataError, match=r"character 6 \(line 2, column 3\) is U\+D83D"):
        tokenizer("two\nli\ud83dnes")


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        ((3,), {}, "text must be"),
        ((["a", "b"], "c"), {}, "text_pair must be a list"),
        ((["a", "b"], ["c"]), {}, "text_pair must be a list"),
        (("a",), {"padding": "longst"}, "longst"),
        (("a",), {"truncation": "first"}, "only_first"),
        (("a",), {"return_tensors": "tf"}, '"np" or "pt"'),
        (("a",), {"padding": True, "truncation": True, "max_length": 9, "pad_to_multiple_of": 4}, "multiple"),
    ],
)
def test_a_wrong_call_names_what_is_wrong(
    tokenizer: BigBirdTokenizer, arguments: tuple[Any, ...], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        tokenizer(*arguments, **settings)


def test_offsets_are_refused_with_the_way_to_get_them(tokenizer: BigBirdTokenizer) -> None:
    with pytest.raises(NotImplementedError, match="load_tokenizer"):
        tokenizer("a", return_offsets_mapping=True)


@pytest.mark.parametrize("content", [None, b"", b"no model"])
def test_a_missing_or_broken_vocabulary_is_a_model_error(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "spiece.model"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"spiece\.model"):
        BigBirdTokenizer(path)


def test_a_folder_that_is_not_there_is_never_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (str(tmp_path / "no"), "./no", "no/such/folder"):
        with pytest.raises(ModelError, match="there is no such folder"):
            BigBirdTokenizer.from_pretrained(name)
    with pytest.raises(ModelError, match="load_tokenizer"):
        BigBirdTokenizer.from_pretrained(tmp_path)


def test_a_shipped_name_and_a_home_folder_are_never_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bigbird_tokenizer, "_fetched", None)
    monkeypatch.setattr(bigbird_tokenizer, "SHIPPED", tmp_path / "shipped")
    folder = tmp_path / "shipped" / "tiny"
    folder.mkdir(parents=True)
    with pytest.raises(ModelError, match="load_tokenizer"):
        BigBirdTokenizer.from_pretrained("tiny")
    (folder / "spiece.model").write_bytes(VOCABULARY.read_bytes())
    assert BigBirdTokenizer.from_pretrained("tiny").vocab_size > 100
    with pytest.raises(ModelError, match="there is no such home folder"):
        BigBirdTokenizer.from_pretrained("~nobody-of-this-name/x")
    with pytest.raises(ModelError, match="there is no such folder"):
        BigBirdTokenizer.from_pretrained(Path("google/bigbird"))


def test_settings_nested_too_deeply_are_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "spiece.model").write_bytes(VOCABULARY.read_bytes())
    (tmp_path / "tokenizer_config.json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match=r"tokenizer_config\.json: not readable as JSON"):
        BigBirdTokenizer.from_pretrained(tmp_path)


def test_a_hub_name_that_is_not_cached_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nobody/nothing"):
        BigBirdTokenizer.from_pretrained("nobody/nothing", local_files_only=True, cache_dir=tmp_path)
