"""Older vocabulary files open as they are, and tokens that were added to a vocabulary are tokens."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import transformers

from bigbird_cli.errors import ModelError
from bigbird_cli.text.huggingface.bigbird_tokenizer import BigBirdTokenizer
from bigbird_cli.text.tokenizers.spiece_file import read_spiece
from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer

TINY = Path(__file__).parents[1] / "fixtures" / "tiny-spiece.model"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "lamp", "##s", "drug", "<", ">", "漢"]
DRUG = {"content": "<drug>", "lstrip": False, "rstrip": False, "single_word": False, "normalized": True}


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def words(tmp_path: Path) -> Path:
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def pieces(tmp_path: Path) -> Path:
    shutil.copy(TINY, tmp_path / "spiece.model")
    return tmp_path


def write_roberta(folder: Path) -> Path:
    ids = ["<s>", "<pad>", "</s>", "<unk>", "a", "b", "Ġ", "Ġa", "<", ">", "d", "<mask>"]
    write_json(folder / "vocab.json", {name: number for number, name in enumerate(ids)})
    (folder / "merges.txt").write_text("#version: 0.2\nĠ a\n", encoding="utf-8")
    return folder


def test_words_are_read_as_transformers_reads_them(words: Path) -> None:
    theirs = transformers.BertTokenizer(str(words / "vocab.txt"))
    ours = load_tokenizer(words)
    for text in ("The lamps, 漢 the drugs", "lamp lamps <drug> unknown"):
        assert ours.encode(text).ids.tolist() == theirs.encode(text, add_special_tokens=False)
    assert (ours.cls_id, ours.sep_id, ours.pad_id, ours.mask_id, ours.unk_id) == (2, 3, 0, 4, 1)


@pytest.mark.parametrize("in_settings", [False, True])
@pytest.mark.parametrize("kind", ["words", "roberta", "pieces"])
def test_an_added_token_is_one_token_in_text(tmp_path: Path, kind: str, in_settings: bool) -> None:
    if kind == "words":
        (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
        number = len(WORDS)
    elif kind == "roberta":
        write_roberta(tmp_path)
        number = 12
    else:
        shutil.copy(TINY, tmp_path / "spiece.model")
        number = len(read_spiece(TINY.read_bytes()).pieces)
    if in_settings:
        write_json(tmp_path / "tokenizer_config.json", {"added_tokens_decoder": {str(number): DRUG}})
    else:
        write_json(tmp_path / "added_tokens.json", {"<drug>": number})
    tokenizer = load_tokenizer(tmp_path)
    text = "a <drug> b<drug>"
    tokens = tokenizer.encode(text)
    places = [place for place, i in enumerate(tokens.ids.tolist()) if i == number]
    assert [text[tokens.starts[place] : tokens.ends[place]] for place in places] == ["<drug>"] * 2
    assert tokenizer.vocab_size == number + 1
    assert tokenizer.pieces([number]) == ["<drug>"]
    assert "<drug>" in tokenizer.decode([number])
    tokenizer.save(tmp_path / "again")
    assert load_tokenizer(tmp_path / "again").encode(text).ids.tolist() == tokens.ids.tolist()


def test_added_tokens_cut_text_as_the_class_does(pieces: Path) -> None:
    number = len(read_spiece(TINY.read_bytes()).pieces)
    write_json(pieces / "added_tokens.json", {"<drug>": number, "light": number + 1})
    ours, theirs = load_tokenizer(pieces), BigBirdTokenizer.from_pretrained(pieces)
    for text in ("the light house", "<drug><drug>", "  twilight\n<drug> é ", "nothing of it", "lightlight"):
        tokens = ours.encode(text, newline="keep")
        assert tokens.ids.tolist() == theirs(text, add_special_tokens=False)["input_ids"]
        assert (tokens.starts[1:] >= tokens.starts[:-1]).all()
        for number_of, start, end in zip(tokens.ids, tokens.starts, tokens.ends, strict=True):
            if number_of >= number:
                assert text[start:end] == ours.pieces([int(number_of)])[0]


def test_a_special_token_that_was_added_is_not_read_out_of_text(pieces: Path) -> None:
    number = len(read_spiece(TINY.read_bytes()).pieces)
    write_json(pieces / "added_tokens.json", {"<drug>": number})
    write_json(pieces / "special_tokens_map.json", {"additional_special_tokens": ["<drug>"]})
    tokenizer = load_tokenizer(pieces)
    assert number in tokenizer.special_ids
    assert number not in tokenizer.encode("a <drug> b").ids


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ({"<drug>": 99}, "has the id 99, where vocab.txt leaves 12 to it"),
        ({"<drug>": 10**9}, "has the id 1000000000; it must be a text"),
        ({"<drug>": "twelve"}, "has the id 'twelve'"),
        ({"": 12}, "the added token '' has the id 12"),
        ({"lamp": 12}, "has the id 12, where vocab.txt leaves 6 to it"),
    ],
)
def test_added_tokens_of_other_ids_are_refused(words: Path, added: dict[str, Any], message: str) -> None:
    write_json(words / "added_tokens.json", added)
    with pytest.raises(ModelError) as caught:
        load_tokenizer(words)
    assert message in str(caught.value)


def test_a_vocabulary_that_is_not_read_here_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "sentencepiece.bpe.model").write_bytes(TINY.read_bytes())
    with pytest.raises(ModelError, match="transformers writes a tokenizer"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    "settings",
    [
        {"added_tokens_decoder": {"x": DRUG}},
        {"added_tokens_decoder": {"700": "word"}},
        {"added_tokens_decoder": {"1000000000": DRUG}},
        {"cls_token": {}},
        {"additional_special_tokens": [5]},
        {"additional_special_tokens": 5},
    ],
)
def test_odd_settings_are_the_folders_fault(pieces: Path, settings: dict[str, Any]) -> None:
    write_json(pieces / "tokenizer_config.json", settings)
    with pytest.raises(ModelError):
        BigBirdTokenizer.from_pretrained(pieces)


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


@pytest.mark.parametrize(
    ("proto", "message"),
    [
        (b"\x80" * 2_000_000, "has no end"),
        (field(1, field(1, b"a") + b"\x15\x00\x00"), "runs past the end"),
        (field(1, field(1, b"a") + field(2, b"\x00\x00")), "has 2 bytes instead of 4"),
        (field(1, field(1, b"a")) + field(3, field(2, b"abcd")), "character map"),
    ],
)
@pytest.mark.parametrize("load", [load_tokenizer, BigBirdTokenizer.from_pretrained])
def test_a_broken_spiece_model_is_refused_at_once(tmp_path: Path, proto: bytes, message: str, load: Any) -> None:
    (tmp_path / "spiece.model").write_bytes(proto)
    with pytest.raises(ModelError, match=message):
        load(tmp_path)
