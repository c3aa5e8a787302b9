"""BigBirdTokenizerFast gives what BigBirdTokenizer gives, from either file; and tokenizer.json gives it on its own."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken

from bigbird_cli.errors import BigBirdWarning, ModelError
from bigbird_cli.text.huggingface.bigbird_tokenizer_fast import BigBirdTokenizerFast
from bigbird_cli.text.tokenizers.spiece_file import (
    NORMAL,
    UNKNOWN,
    USER_DEFINED,
    Piece,
    Spiece,
    read_spiece,
    spiece_bytes,
)
from bigbird_cli.text.tokenizers.tokenizer import BigBirdTokenizer

FIXTURES = Path(__file__).parents[1] / "fixtures"
VOCABULARY = FIXTURES / "tiny-spiece.model"
ARTICLE = (Path(__file__).parents[3] / "recipes" / "examples" / "skarvholm.txt").read_text(encoding="utf-8")
GOLDENS = json.loads((FIXTURES / "bigbird-tokenizer-4.44.json").read_text(encoding="utf-8"))["variants"]
PROBES = [
    "The lighthouse is [MASK].",
    "  two  spaces [SEP]<s> x<s>y </s> <unused_67> \n [MASK]\t",
    "▁a▁ ▁ b▁",
    "漢字 漢 😀é [[MASK]]",
    "",
    " ",
]
TEXTS = st.one_of(
    st.lists(
        st.sampled_from([*" ▁\n\té漢😀.<>[]\x00\u00a0", "the", " light", " [MASK]", "[SEP]", "<s>", "</s>", "<row>"]),
        max_size=20,
    ).map("".join),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x1c\x1d\x1e\x1f"), max_size=40),
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both files."""
    path = tmp_path_factory.mktemp("fast")
    BigBirdTokenizerFast(VOCABULARY).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def readers(folder: Path) -> dict[str, Callable[[str], list[int]]]:
    """Everything that can read a text, by name."""
    file = folder / "tokenizer.json"
    library = tokenizers.Tokenizer.from_file(str(file))
    return {
        "spiece.model": BigBirdTokenizerFast(VOCABULARY).encode,
        "tokenizer.json": BigBirdTokenizerFast(tokenizer_file=file).encode,
        "both": BigBirdTokenizerFast.from_pretrained(folder).encode,
        "the library": lambda text: library.encode(text).ids,
    }


@given(text=TEXTS)
@settings(max_examples=500, deadline=None)
def test_every_file_and_the_library_give_the_same_ids(
    text: str, readers: dict[str, Callable[[str], list[int]]]
) -> None:
    expected = SLOW.encode(text)
    assert {name: read(text) for name, read in readers.items()} == dict.fromkeys(readers, expected)


SLOW = BigBirdTokenizer(VOCABULARY)


def test_an_articles_lines_have_the_same_ids(readers: dict[str, Callable[[str], list[int]]]) -> None:
    for line in [ARTICLE, *ARTICLE.splitlines()]:
        for name, read in readers.items():
            assert read(line) == SLOW.encode(line), name


@pytest.mark.parametrize("variant", range(len(GOLDENS)))
def test_recorded_calls_give_the_slow_tokenizers_results_from_either_file(variant: int, tmp_path: Path) -> None:
    golden: dict[str, Any] = GOLDENS[variant]
    first = BigBirdTokenizerFast(VOCABULARY, **golden["settings"])
    first.save_pretrained(tmp_path)
    (tmp_path / "spiece.model").unlink()
    for tokenizer in (first, BigBirdTokenizerFast.from_pretrained(tmp_path)):
        cases = [case for case in golden["cases"] if case[0] in ("tokenize", "encode", "decode") and "gives" in case[3]]
        assert len(cases) > 100
        for method, positional, named, expected in cases:
            if "return_tensors" in named:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", BigBirdWarning)  # of texts longer than the variant's limit
                got = getattr(tokenizer, method)(*positional, **named)
            assert got == expected["gives"], (method, positional, named)


@pytest.mark.parametrize("kept", [["spiece.model"], ["tokenizer.json"], ["spiece.model", "tokenizer.json"]])
def test_a_folder_with_either_file_or_both_opens(folder: Path, kept: list[str], tmp_path: Path) -> None:
    for name in kept:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    opened = [BigBirdTokenizerFast.from_pretrained(tmp_path)]
    opened += [BigBirdTokenizerFast.from_pretrained(tmp_path / name) for name in kept]
    for tokenizer in opened:
        assert tokenizer.get_vocab() == SLOW.get_vocab()
        assert tokenizer.is_fast
        for text in PROBES:
            assert tokenizer(text, "the light", return_offsets_mapping=True) == SLOW(
                text, "the light", return_offsets_mapping=True
            )


def test_tokens_added_by_a_user_live_in_tokenizer_json(tmp_path: Path) -> None:
    first = BigBirdTokenizerFast(VOCABULARY, additional_special_tokens=["<row>"])
    first.add_tokens(["<new>", AddedToken("island", lstrip=True)])
    first.save_pretrained(tmp_path)
    text = "an islander <new>x <row> island"
    expected = first.encode(text)
    assert {700, 61} < set(expected)
    assert BigBirdTokenizerFast(tokenizer_file=tmp_path / "tokenizer.json").encode(text) == expected
    assert tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode(text).ids == expected
    assert BigBirdTokenizer.from_pretrained(tmp_path).encode(text) == expected


def test_the_library_puts_special_tokens_round_a_pair(folder: Path) -> None:
    encoding = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")).encode("the light", "on")
    ours = SLOW("the light", "on", return_token_type_ids=True)
    assert (encoding.ids, encoding.type_ids) == (ours.input_ids, ours.token_type_ids)


@pytest.mark.parametrize("with_config", [False, True])
def test_transformers_opens_what_we_save(folder: Path, with_config: bool, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if with_config:
        (tmp_path / "config.json").write_text('{"model_type": "big_bird"}', encoding="utf-8")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for text in PROBES:
        assert dict(theirs(text, "the light")) == dict(SLOW(text, "the light"))
    assert theirs.cls_token_id == 65


def test_transformers_conversion_is_read_with_the_slow_tokenizers_ids(tmp_path: Path) -> None:
    # as convert_slow_tokenizer writes it: pieces as they are, every user-defined piece an added token
    pieces = read_spiece(VOCABULARY.read_bytes()).pieces
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram([(p.name, p.score) for p in pieces], unk_id=100))
    tokenizer.normalizer = tokenizers.normalizers.Sequence(
        [
            tokenizers.normalizers.Strip(left=False, right=True),
            tokenizers.normalizers.Replace(tokenizers.Regex(" {2,}"), "▁"),
        ]
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    special = {"<pad>", "</s>", "<s>", "<unk>", "[CLS]", "[SEP]", "[MASK]"}
    tokenizer.add_tokens(
        [AddedToken(p.name, special=p.name in special, lstrip=p.name == "[MASK]") for p in pieces[:101]]
    )
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    read = BigBirdTokenizerFast.from_pretrained(tmp_path)
    for text in PROBES:
        assert read.encode(text) == SLOW.encode(text)
        assert read.encode(text, split_special_tokens=True) == SLOW.encode(text, split_special_tokens=True)
    # and the library alone does not give them: what is read here is the vocabulary, not the pipeline
    assert tokenizer.encode(PROBES[1]).ids != SLOW.encode(PROBES[1], add_special_tokens=False)


def test_a_vocabulary_with_real_scores_keeps_its_ids(tmp_path: Path) -> None:
    _train(tmp_path, vocab_size=300, user_defined_symbols=["[CLS]", "[SEP]", "[MASK]"], pad_id=3)
    slow = BigBirdTokenizer(tmp_path / "spiece.model")
    BigBirdTokenizerFast(tmp_path / "spiece.model").save_pretrained(tmp_path)
    fast = BigBirdTokenizerFast(tokenizer_file=tmp_path / "tokenizer.json")
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert len({slow.sp_model.get_score(number) for number in range(300)}) > 100
    for line in [*ARTICLE.splitlines(), *PROBES]:
        assert fast.encode(line) == slow.encode(line)
        assert library.encode(line).ids == slow.encode(line)


def test_bytes_of_unknown_characters_keep_their_ids(tmp_path: Path) -> None:
    _train(tmp_path, vocab_size=500, byte_fallback=True, user_defined_symbols=["[CLS]", "[SEP]", "[MASK]"], pad_id=3)
    slow = BigBirdTokenizer(tmp_path / "spiece.model")
    BigBirdTokenizerFast(tmp_path / "spiece.model").save_pretrained(tmp_path)
    fast = BigBirdTokenizerFast(tokenizer_file=tmp_path / "tokenizer.json")
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in ["é漢😀 the light", *PROBES]:
        assert fast.encode(text) == slow.encode(text) == library.encode(text).ids
    encoded = slow("a 漢!", add_special_tokens=False, return_offsets_mapping=True)
    assert encoded.offset_mapping.count((2, 3)) == 3


def test_pieces_with_a_space_inside_are_not_cut(tmp_path: Path) -> None:
    names = ["<pad>", "▁", "a", "b", "▁a", "▁a▁b", "b▁", "[CLS]", "[SEP]", "[MASK]", "<s>", "</s>"]
    pieces = [Piece("<unk>", 0.0, UNKNOWN), *(Piece(name) for name in names[:7])]
    pieces += [Piece(name, 0.0, USER_DEFINED) for name in names[7:]]
    (tmp_path / "spiece.model").write_bytes(spiece_bytes(Spiece(pieces)))
    BigBirdTokenizerFast(tmp_path / "spiece.model").save_pretrained(tmp_path)
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    slow = BigBirdTokenizer(tmp_path / "spiece.model")
    assert "▁a▁b" in slow.tokenize("a b")
    for text in ["a b", "a ba b", "b b a b", "x a b x", "aa bb  ▁b"]:
        assert library.encode(text).ids == slow.encode(text)


def test_a_spiece_model_written_anew_reads_as_before() -> None:
    spiece = read_spiece(VOCABULARY.read_bytes())
    again = spiece_bytes(spiece)
    assert [piece[:3] for piece in read_spiece(again).pieces] == [piece[:3] for piece in spiece.pieces]
    assert spiece.pieces[101].kind == NORMAL
    before, after = (
        sentencepiece.SentencePieceProcessor(model_proto=proto) for proto in (VOCABULARY.read_bytes(), again)
    )
    for text in [ARTICLE, *PROBES]:
        assert after.encode(text, out_type=str) == before.encode(text, out_type=str)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"model_type": "bpe"}, "not a unigram model"),
        ({"normalization_rule_name": "nmt_nfkc"}, "normalises text"),
        ({"treat_whitespace_as_suffix": True}, "ends words with ▁"),
    ],
)
def test_a_vocabulary_that_the_library_would_read_otherwise_is_refused(
    options: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    _train(tmp_path, vocab_size=200, **options)
    with pytest.raises(ModelError, match=reason):
        BigBirdTokenizerFast(tmp_path / "spiece.model").tokenizer_json()
    with pytest.raises(ModelError, match=reason):
        BigBirdTokenizerFast(tmp_path / "spiece.model").save_pretrained(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_added_token_behind_a_gap_is_refused() -> None:
    tokenizer = BigBirdTokenizerFast(VOCABULARY, added_tokens_decoder={900: AddedToken("<far>")})
    with pytest.raises(ModelError, match="'<far>' has id 900"):
        tokenizer.tokenizer_json()


def test_two_files_of_different_vocabularies_are_refused(folder: Path, tmp_path: Path) -> None:
    _train(tmp_path, vocab_size=200)
    with pytest.raises(ModelError, match="700 pieces here are not the 200"):
        BigBirdTokenizerFast(tmp_path / "spiece.model", folder / "tokenizer.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        ("{", "not readable"),
        ("[]", "not readable"),
        ('{"model": {"type": "BPE", "vocab": {}}}', "its model is BPE"),
        ('{"model": {"type": "Unigram", "vocab": [["?", 0]], "unk_id": 0}, "normalizer": {"type": "NFKC"}}', "NFKC"),
        ('{"model": {"type": "Unigram", "vocab": []}}', "no pieces"),
    ],
)  # fmt: skip
def test_a_tokenizer_json_of_another_kind_is_a_model_error(content: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=message):
        BigBirdTokenizerFast(tokenizer_file=path)


def test_no_file_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="name a vocab_file"):
        BigBirdTokenizerFast()
    with pytest.raises(ModelError, match="the folder holds no tokenizer"):
        BigBirdTokenizerFast.from_pretrained(tmp_path)


def _train(folder: Path, **options: Any) -> None:
    defaults = {"hard_vocab_limit": False, "normalization_rule_name": "identity", "num_threads": 1, "minloglevel": 2}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(ARTICLE.splitlines()), model_prefix=str(folder / "spiece"), **{**defaults, **options}
    )
