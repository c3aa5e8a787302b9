"""A tokenizer.json that would end the process, or never come back, is refused in one line; all others stay quick."""

import base64
import json
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from bigbird_cli.errors import DataError, ModelError
from bigbird_cli.text.huggingface.bigbird_tokenizer_fast import BigBirdTokenizerFast
from bigbird_cli.text.tokenizers import check
from bigbird_cli.text.tokenizers.charsmap import check_charsmap
from bigbird_cli.text.tokenizers.spiece_file import read_spiece
from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer
from tests.conftest import write_wordpiece

TINY = Path(__file__).parents[1] / "fixtures" / "tiny-spiece.model"
CONTROL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_wordpiece(tmp_path)
    return tmp_path


def change(folder: Path, **changes: Any) -> None:
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def regex(kind: str, pattern: str) -> dict[str, Any]:
    rest: dict[str, dict[str, Any]] = {
        "Split": {"behavior": "Isolated", "invert": False},
        "Replace": {"content": "x"},
    }
    return {"type": kind, "pattern": {"Regex": pattern}, **rest[kind]}


def precompiled(charsmap: bytes) -> dict[str, Any]:
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode()}


def charsmap(*units: int, size: int | None = None, texts: bytes = b"a\0") -> bytes:
    trie = struct.pack(f"<{len(units)}I", *units)
    return struct.pack("<I", len(trie) if size is None else size) + trie + texts


@pytest.mark.parametrize(
    "changes",
    [
        {"pre_tokenizer": regex("Split", "(a+)+$")},
        {"pre_tokenizer": regex("Split", "(a|aa)+$")},
        {"normalizer": {"type": "Sequence", "normalizers": [regex("Replace", "(a*)*$")]}},
        {"pre_tokenizer": {"type": "FixedLength", "length": 0}},
        {"decoder": {"type": "Strip", "content": "a", "start": 0, "stop": 10**9}},
    ],
)
def test_what_ends_the_library_is_tried_out_elsewhere(
    folder: Path, changes: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    change(folder, **changes)
    with pytest.raises(ModelError, match="the library breaks down over it") as caught:
        load_tokenizer(folder)
    assert caught.value.where == str(folder / "tokenizer.json")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"abc",
        charsmap(0),
        charsmap(0, 0),
        charsmap(*[0] * 256, size=0),
        charsmap(*[0] * 256, size=0xFFFFFFF0),  # the library asks for 4 GB, and ends the process
        charsmap(1 << 31, *[0] * 255),
        charsmap(*[0] * 255, texts=b"\xff\0"),
        charsmap(*[0] * 256, texts=b"no end"),
    ],
)
def test_a_broken_character_map_is_refused_before_the_library_sees_it(folder: Path, broken: bytes) -> None:
    change(folder, normalizer=precompiled(broken))
    with pytest.raises(ModelError, match="character map"):
        load_tokenizer(folder)


def test_a_leaf_outside_the_texts_is_found() -> None:
    units = [0] * 512
    units[0] = 256 << 10  # the children of the root stand at 256
    units[256 ^ ord("b")] = (ord("b") ^ 0) << 10 | 1 << 8 | ord("b")
    place = 256 ^ ord("b") ^ ord("b")
    units[place] = 1 << 31 | 1
    check_charsmap(charsmap(*units, texts=b"a\0b\0"))
    units[place] = 1 << 31 | 4
    with pytest.raises(ValueError, match="points outside its texts"):
        check_charsmap(charsmap(*units, texts=b"a\0b\0"))


def test_a_real_character_map_is_whole(tmp_path: Path) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the lamp and the keeper of the tower"] * 20),
        model_prefix=str(tmp_path / "v"),
        vocab_size=20,
        normalization_rule_name="nmt_nfkc_cf",
        minloglevel=2,
    )
    whole = read_spiece((tmp_path / "v.model").read_bytes()).charsmap
    assert len(whole) > 100_000
    check_charsmap(whole)
    for place in (4, 5000, 50_001, 100_002):
        broken = whole[:place] + b"\xff\xff\xff\x7f" + whole[place + 4 :]
        with pytest.raises(ValueError, match="character map"):
            check_charsmap(broken)


@pytest.mark.parametrize("number", [10**7, 10**9, 2**32 - 1])
@pytest.mark.parametrize("added", [False, True])
def test_an_id_beyond_sense_is_refused(folder: Path, number: int, added: bool) -> None:
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    if added:
        content["added_tokens"][-1]["id"] = number
    else:
        content["model"]["vocab"]["lamp"] = number
    change(folder, **content)
    with pytest.raises(ModelError, match=f"a token has the id {number}, which is not between 0 and 9,999,999"):
        load_tokenizer(folder)


def test_an_added_id_beyond_sense_is_refused_by_the_class_too(tmp_path: Path) -> None:
    BigBirdTokenizerFast(vocab_file=TINY).save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["added_tokens"][-1]["id"] = 10**9
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ModelError, match="a token has the id 1000000000"):
        BigBirdTokenizerFast(tokenizer_file=path)


def models_without_unknown() -> Iterator[dict[str, Any]]:
    ids = {name: number for number, name in enumerate([*CONTROL[1:], "a"])}
    yield {"type": "Unigram", "unk_id": None, "vocab": [[name, -1.0] for name in ids]}
    yield {"type": "BPE", "vocab": ids, "merges": [], "unk_token": "<none>"}


@pytest.mark.parametrize("model", list(models_without_unknown()))
def test_text_that_a_vocabulary_has_no_token_for_is_the_texts_fault(folder: Path, model: dict[str, Any]) -> None:
    names = [{"id": i, "content": name, "special": True} for i, name in enumerate(CONTROL[1:])]
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    plain = dict.fromkeys(("normalizer", "pre_tokenizer", "post_processor", "decoder"))
    change(folder, model=model, added_tokens=[name | flags for name in names], **plain)
    tokenizer = load_tokenizer(folder)
    assert tokenizer.encode("aa").ids.tolist() == [3, 3]
    with pytest.raises(DataError, match="the tokenizer cannot read this text"):
        tokenizer.encode("abc")


def test_words_without_an_unknown_one_are_refused(folder: Path) -> None:
    change(folder, model={"type": "WordLevel", "vocab": {"[CLS]": 2, "[SEP]": 3, "[PAD]": 0}, "unk_token": "<none>"})
    with pytest.raises(ModelError, match="lacks its own unknown token '<none>'"):
        load_tokenizer(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"normalizer": regex("Replace", " {2,}")},
        {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}},
        {
            "pre_tokenizer": regex(
                "Split", r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
            )
        },
        {"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}},
    ],
)
def test_a_usual_tokenizer_needs_no_trial(
    folder: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", None)
    change(folder, **changes)
    assert load_tokenizer(folder).vocab_size > 100


def test_an_unusual_pattern_that_is_harmless_is_tried_and_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []
    run = subprocess.run

    def noting(*args: Any, **options: Any) -> Any:
        tried.append(args)
        return run(*args, **options)

    monkeypatch.setattr(subprocess, "run", noting)
    change(folder, pre_tokenizer=regex("Split", r"\p{N}{2}|[a-z]+"))
    assert load_tokenizer(folder).pieces(load_tokenizer(folder).encode("lamp 12").ids.tolist())[0] == "lamp"
    assert len(tried) == 2


@pytest.mark.parametrize("pattern", [check.LINEAR_ENDS, check.SQUARE_ENDS])
def test_a_run_of_blanks_takes_linear_time(tmp_path: Path, pattern: str) -> None:
    BigBirdTokenizerFast(vocab_file=TINY).save_pretrained(tmp_path)
    (tmp_path / "spiece.model").unlink(missing_ok=True)
    path = tmp_path / "tokenizer.json"
    content = path.read_text(encoding="utf-8")
    assert json.dumps(check.LINEAR_ENDS, ensure_ascii=False) in content
    old, new = (json.dumps(one, ensure_ascii=False) for one in (check.LINEAR_ENDS, pattern))
    path.write_text(content.replace(old, new), encoding="utf-8")
    tokenizer = load_tokenizer(tmp_path)
    began = time.process_time()
    tokenizer.encode("a" + " " * 80_000 + "b")
    assert time.process_time() - began < 5  # from each blank on it took some 40 s
