"""Every model's tokenizer opens by the names that users know, and is called as transformers' tokenizers are."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import transformers

import bigbird_cli as bb
from bigbird_cli.errors import ModelError

VOCABULARY = Path(__file__).parents[1] / "fixtures" / "tiny-spiece.model"
TEXTS = (
    "Hello, my [MASK] is cute.",
    "  unaffable\ttexts   and [SEP] marks ",
    "[MASK]",
    "",
    "An İstanbul café, 東京.",
)
OPENERS = [
    bb.AutoTokenizer.from_pretrained,
    bb.BigBirdTokenizer.from_pretrained,
    bb.BigBirdTokenizerFast.from_pretrained,
]


@pytest.fixture
def wordpiece(tmp_path: Path) -> Path:
    """The tokenizer of a BERT, as a BigBird made of it has it."""
    words = (
        "[PAD] [UNK] [CLS] [SEP] [MASK] hello , . my is cute un ##aff ##able texts and marks an cafe 東 京 [ ] mask sep"
    )
    (tmp_path / "vocab.txt").write_text("\n".join(words.split()), encoding="utf-8")
    transformers.BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path / "bert")
    return tmp_path / "bert"


@pytest.fixture
def byte_level(tmp_path: Path) -> Path:
    """The tokenizer of a RoBERTa, whose mask takes the space before it."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    vocabulary = special + sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    reader = transformers.RobertaTokenizerFast(
        vocab={piece: number for number, piece in enumerate(vocabulary)}, merges=[], add_prefix_space=False
    )
    reader.save_pretrained(tmp_path / "roberta")
    return tmp_path / "roberta"


@pytest.mark.parametrize("kind", ["wordpiece", "byte_level"])
@pytest.mark.parametrize("opened", OPENERS)
def test_a_tokenizer_json_of_any_kind_gives_what_transformers_gives(
    kind: str, opened: Callable[..., Any], request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(kind)
    ours, theirs = opened(folder), transformers.AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        text = text.replace("[MASK]", theirs.mask_token)
        got, want = ours(text, return_offsets_mapping=True), theirs(text, return_offsets_mapping=True)
        assert got["input_ids"] == want["input_ids"]
        assert ours.convert_ids_to_tokens(got.input_ids) == theirs.convert_ids_to_tokens(want["input_ids"])
        assert ours.tokenize(text) == theirs.tokenize(text)
        assert ours.decode(got.input_ids, clean_up_tokenization_spaces=False) == theirs.decode(
            want["input_ids"], clean_up_tokenization_spaces=False
        )
        assert [text[start:end].strip() for start, end in got["offset_mapping"]] == [
            text[start:end].strip() for start, end in want["offset_mapping"]
        ]
    for role in ("cls", "sep", "pad", "mask", "unk"):
        assert getattr(ours, f"{role}_token_id") == getattr(theirs, f"{role}_token_id")
    assert len(ours) == len(theirs)


def test_pairs_batches_padding_and_truncation_are_as_everywhere(wordpiece: Path) -> None:
    ours, theirs = bb.AutoTokenizer.from_pretrained(wordpiece), transformers.AutoTokenizer.from_pretrained(wordpiece)
    options: dict[str, Any] = {"padding": True, "truncation": True, "max_length": 9, "return_token_type_ids": True}
    pair = (["hello my texts", "is"], ["cute and cute and cute and cute", "texts"])
    got, want = ours(*pair, **options, verbose=False), theirs(*pair, **options)
    assert dict(got) == dict(want)
    assert ours(*pair, padding=True, return_tensors="pt")["input_ids"].shape[0] == 2
    assert ours(pair[0], padding=True, padding_side="left")["input_ids"][1][0] == ours.pad_token_id
    with pytest.raises(ValueError, match="padding_side is 'up'"):
        ours(pair[0], padding=True, padding_side="up")


def test_added_tokens_are_kept_whole_and_saved(wordpiece: Path, tmp_path: Path) -> None:
    tokenizer = bb.AutoTokenizer.from_pretrained(wordpiece)
    n_before = len(tokenizer)
    assert tokenizer.add_tokens(["<drug>"]) == 1
    ids = tokenizer("my <drug> is cute").input_ids
    assert ids[2] == n_before == len(tokenizer) - 1
    assert tokenizer.decode(ids, skip_special_tokens=True) == "my <drug> is cute"
    files = tokenizer.save_pretrained(tmp_path / "saved")
    assert sorted(Path(file).name for file in files) == ["tokenizer.json", "tokenizer_config.json"]
    assert bb.AutoTokenizer.from_pretrained(tmp_path / "saved")("my <drug> is cute").input_ids == ids
    assert transformers.AutoTokenizer.from_pretrained(tmp_path / "saved")("my <drug> is cute")["input_ids"] == ids


@pytest.mark.parametrize("opened", [*OPENERS, bb.load_tokenizer])
def test_a_shipped_name_opens_everywhere(opened: Callable[..., Any]) -> None:
    encoded = opened("qa-mini")("Who signed the lease?", "It was signed by Ann.", return_tensors="pt")
    assert set(encoded) == {"input_ids", "token_type_ids", "attention_mask"}
    assert encoded["token_type_ids"][0, -1] == 1


@pytest.mark.parametrize("use_fast", [True, False])
def test_auto_opens_a_spiece_model_as_the_class_that_is_asked_for(use_fast: bool, tmp_path: Path) -> None:
    shutil.copy(VOCABULARY, tmp_path / "spiece.model")
    options = {"use_fast": use_fast, "model_max_length": 9, "trust_remote_code": True}
    tokenizer = bb.AutoTokenizer.from_pretrained(tmp_path, **options)
    tokenizer.save_pretrained(tmp_path)
    assert "trust_remote_code" not in (tmp_path / "tokenizer_config.json").read_text(encoding="utf-8")
    assert type(tokenizer) is (bb.BigBirdTokenizerFast if use_fast else bb.BigBirdTokenizer)
    assert tokenizer.model_max_length == 9


def test_the_slow_class_opens_a_tokenizer_json_alone(tmp_path: Path) -> None:
    fast = bb.BigBirdTokenizerFast(VOCABULARY)
    fast.add_tokens(["<drug>"])
    fast.save_pretrained(tmp_path)
    (tmp_path / "spiece.model").unlink()
    for name in (tmp_path, tmp_path / "tokenizer.json"):
        tokenizer = bb.BigBirdTokenizer.from_pretrained(name)
        assert type(tokenizer) is bb.BigBirdTokenizer
        for text in (*TEXTS, "a <drug>."):
            assert tokenizer(text) == fast(text)


@pytest.mark.parametrize("kind", ["wordpiece", "byte_level", "spiece"])
def test_a_document_tokenizer_that_is_called_reads_text_as_text(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if kind == "spiece":
        shutil.copy(VOCABULARY, tmp_path / "spiece.model")
    tokenizer = bb.load_tokenizer(tmp_path if kind == "spiece" else request.getfixturevalue(kind))
    for text in ("Hello, my texts\nand [MASK] or <mask> marks", "cute"):
        tokens = tokenizer.encode(text)
        encoded = tokenizer(text, return_offsets_mapping=True)
        assert encoded.input_ids == [tokenizer.cls_id, *tokens.ids.tolist(), tokenizer.sep_id]
        spans = zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True)
        assert encoded.offset_mapping == [(0, 0), *spans, (0, 0)]
    assert tokenizer(["cute", "hello cute"], padding=True, return_tensors="np")["input_ids"].shape[0] == 2
    if tokenizer.mask_id is not None:
        mask = tokenizer.pieces([tokenizer.mask_id])[0]
        assert tokenizer.mask_id in tokenizer(f"a {mask} b", split_special_tokens=False).input_ids


def test_a_name_that_is_nearly_a_shipped_one_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="did you mean qa-mini"):
        bb.AutoTokenizer.from_pretrained("qa-mimi", local_files_only=True)
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="this is a file"):
        bb.load_tokenizer(tmp_path / "file")


def test_tokens_without_a_role_have_the_name_that_transformers_5_gives_them() -> None:
    tokenizer = bb.BigBirdTokenizer(VOCABULARY)
    tokenizer.add_special_tokens({"extra_special_tokens": ["<a>"]})
    tokenizer.add_special_tokens({"extra_special_tokens": ["<b>"]}, replace_extra_special_tokens=False)
    assert tokenizer.extra_special_tokens == tokenizer.additional_special_tokens == ["<a>", "<b>"]
    tokenizer.extra_special_tokens_ids = tokenizer.convert_tokens_to_ids(["<b>"])
    assert tokenizer.additional_special_tokens == ["<b>"]
    tokenizer.additional_special_tokens = []
    assert tokenizer.extra_special_tokens_ids == []


def test_a_setting_that_is_named_like_a_method_is_an_error() -> None:
    with pytest.raises(AttributeError, match="add_special_tokens is a method"):
        bb.BigBirdTokenizer(VOCABULARY, add_special_tokens=False)
