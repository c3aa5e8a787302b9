"""Both kinds of tokenizer say exactly where in the text each token stands, and read text as text."""

import json
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from bigbird_cli.errors import DataError, ModelError
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, Tokens, load_tokenizer
from bigbird_cli.text.tokenizers.tokens import dropped

FIXTURES = Path(__file__).parents[1] / "fixtures"
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ARTICLE = Path(__file__).parents[3] / "recipes" / "examples" / "skarvholm.txt"

TORTURE = [
    "plain words, and punctuation.",
    "two  spaces\tone tab\n\nnewlines\r\nand\rcarriage returns ",
    "  leading and trailing \n",
    "cafe\u0301 café e\u0301\u0323 a\u0301",
    "😀😀 family 👨‍👩‍👧‍👦 flag 🇳🇴 skin 👍🏽",
    "\ufeffa byte order mark",
    "NUL \x00 inside\x00words",
    "line\u2028separator\u2029paragraph\x85next\x0cform\x0bfeed",
    "no\u00a0break\u2009thin\u3000wide",
    "שלום עולם مرحبا بالعالم \u202eoverride\u202c",
    "漢字かな交じり文 と 한국어",
    "zero\u200bwidth\u200djoiner\ufeffinside",
    "[CLS] not [SEP] control [MASK] tokens </s> <s> <pad> <unk>",
    "a" * 3000 + " " + "long words " + "x1" * 700,
    "▁meta ▁ space ▁",
    "İstanbul ﬁne ß ŉ Ǆ",
    "\U0010ffff\U000e0001\ue000 private\ufffd",
    "\u0301starts with a mark",
    "1234567890 ½ ² ①",
    "\x01\x02\x7f control",
    "",
    " ",
    "\n",
]


def word_piece(folder: Path) -> Path:
    """Like all-MiniLM-L6-v2: lower-casing WordPiece, with truncation and padding in the file."""
    letters = [*string.ascii_lowercase, *string.digits, *"[]().,'-/<>"]
    words = ["the", "island", "light", "##house", "cafe", "words", "sep", "cls", "mask", "pad", "and", "a", "not"]
    vocabulary = {piece: i for i, piece in enumerate([*SPECIALS, *letters, *(f"##{x}" for x in letters), *words])}
    vocabulary = {piece: i for i, piece in enumerate(vocabulary)}
    model = tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = tokenizers.decoders.WordPiece()
    tokenizer.add_special_tokens(SPECIALS)
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=8)
    return _written(folder, tokenizer)


def unigram(folder: Path) -> Path:
    """Like a spiece.model turned into a tokenizer.json: control tokens stand among the pieces too."""
    spm = sentencepiece.SentencePieceProcessor(model_file=str(FIXTURES / "tiny-spiece.model"))
    pieces = [(spm.id_to_piece(i), -float(i > 100)) for i in range(spm.get_piece_size())]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=100, byte_fallback=False))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    tokenizer.decoder = tokenizers.decoders.Metaspace()
    tokenizer.add_special_tokens(["<pad>", "</s>", "<s>", "[CLS]", "[SEP]", "[MASK]"])
    return _written(folder, tokenizer)


def byte_level(folder: Path) -> Path:
    """Like RoBERTa's: bytes and a few merges; a character outside ASCII is several tokens."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {
        piece: i for i, piece in enumerate(["<s>", "<pad>", "</s>", "<mask>", *alphabet, "th", "the", "Ġthe"])
    }
    model = tokenizers.models.BPE(vocabulary, [("t", "h"), ("th", "e"), ("Ġ", "the")])
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<mask>"])
    return _written(folder, tokenizer)


def bigbird(folder: Path) -> Path:
    """The small spiece.model with BigBird's layout."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spiece.model").write_bytes((FIXTURES / "tiny-spiece.model").read_bytes())
    return folder


def byte_fallback(folder: Path) -> Path:
    """A spiece.model that writes unknown characters as bytes."""
    return _trained(folder, byte_fallback=True, vocab_size=600, normalization_rule_name="identity")


def nfkc(folder: Path) -> Path:
    """A spiece.model with sentencepiece's own normaliser, which changes lengths, and a word of the user's."""
    return _trained(
        folder,
        vocab_size=400,
        normalization_rule_name="nmt_nfkc",
        user_defined_symbols=["[CLS]", "[SEP]", "[MASK]", "Skarvholm"],
    )


def _trained(folder: Path, **options: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    symbols = ["[CLS]", "[SEP]", "[MASK]"]
    defaults: dict[str, Any] = {"user_defined_symbols": symbols, "pad_id": 3, "hard_vocab_limit": False}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(ARTICLE.read_text(encoding="utf-8").splitlines()),
        model_prefix=str(folder / "spiece"),
        minloglevel=2,
        num_threads=1,
        **{**defaults, **options},
    )
    return folder


def _written(folder: Path, tokenizer: tokenizers.Tokenizer) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


MAKERS: list[Callable[[Path], Path]] = [word_piece, unigram, byte_level, bigbird, byte_fallback, nfkc]
NAMES = [maker.__name__ for maker in MAKERS]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tokenizer]:
    folder = tmp_path_factory.mktemp("vocabularies")
    return {maker.__name__: load_tokenizer(maker(folder / maker.__name__)) for maker in MAKERS}


def check_offsets(tokens: Tokens, text: str) -> None:
    """Spans lie in the text, never go back, and begin and end at what is not white space unless that is all."""
    assert tokens.ids.dtype == tokens.starts.dtype == tokens.ends.dtype == np.int32
    assert len(tokens) == len(tokens.ids) == len(tokens.starts) == len(tokens.ends)
    assert (tokens.starts >= 0).all()
    assert (tokens.starts <= tokens.ends).all()
    assert (tokens.ends <= len(text)).all()
    assert (np.diff(tokens.starts) >= 0).all()
    assert (np.diff(tokens.ends) >= 0).all()


def covered(tokens: Tokens) -> set[int]:
    return {i for start, end in zip(tokens.starts, tokens.ends, strict=True) for i in range(start, end)}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", TORTURE, ids=range(len(TORTURE)))
@pytest.mark.parametrize("newline", ["space", "keep"])
def test_offsets_hold_on_the_torture_corpus(opened: dict[str, Tokenizer], name: str, text: str, newline: str) -> None:
    check_offsets(opened[name].encode(text, newline=newline), text)


@pytest.mark.parametrize("name", NAMES)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@settings(max_examples=60, deadline=None)
def test_offsets_hold_on_any_text(opened: dict[str, Tokenizer], name: str, text: str) -> None:
    check_offsets(opened[name].encode(text), text)


@pytest.mark.parametrize("name", ["bigbird", "byte_fallback", "unigram", "byte_level"])
@given(text=st.text(st.sampled_from(" \n\taé漢😀.[]▁<s>\u0301\u00a0The"), max_size=60))
@settings(max_examples=60, deadline=None)
def test_every_solid_character_lies_in_a_token(opened: dict[str, Tokenizer], name: str, text: str) -> None:
    # sentencepiece writes a space as ▁ and takes a ▁ in the text for one
    solid = {i for i, character in enumerate(text) if not character.isspace() and character != "▁"}
    assert solid <= covered(opened[name].encode(text))


@given(text=st.text(st.sampled_from(" \naé漢😀.[]<s>\u0301The"), max_size=60))
@settings(max_examples=100, deadline=None)
def test_wordpiece_drops_only_marks_that_follow_no_letter(opened: dict[str, Tokenizer], text: str) -> None:
    missed = {i for i, character in enumerate(text) if not character.isspace()} - covered(
        opened["word_piece"].encode(text)
    )
    for i in missed:
        before = text[:i].rstrip("\u0301")
        assert text[i] == "\u0301"
        assert not before or before[-1].isspace()


@given(words=st.lists(st.text(string.ascii_letters + "äß漢😀", min_size=1, max_size=8), min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_a_words_tokens_span_the_word(opened: dict[str, Tokenizer], words: list[str]) -> None:
    text = "  ".join(words)
    for name in NAMES:
        tokens = opened[name].encode(text)
        place = 0
        for word in words:
            start = text.index(word, place)
            place = start + len(word)
            inside = (tokens.starts >= start) & (tokens.ends <= place) & (tokens.ends > tokens.starts)
            assert text[tokens.starts[inside].min() : tokens.ends[inside].max()] == word, name


def test_spans_of_the_bigbird_layout_are_these(opened: dict[str, Tokenizer]) -> None:
    tokenizer, text = opened["bigbird"], "the  light\r\n漢 on\tx"
    tokens = tokenizer.encode(text)
    spans = [text[start:end] for start, end in zip(tokens.starts, tokens.ends, strict=True)]
    pieces = tokenizer.pieces(tokens.ids)
    assert (
        list(zip(pieces, spans, strict=True))
        == [
            ("▁the", "the"),
            ("▁light", "light"),
            ("▁", "\r\n"),  # white space alone is kept: it is all that this piece stands for
            ("<unk>", "漢"),
            ("▁on", "on"),
            ("<unk>", "\t"),
            *list(zip(pieces, spans, strict=True))[6:],
        ]
    )
    assert spans[6:] == ["x"]


def test_a_combining_mark_is_never_cut_off_its_letter(opened: dict[str, Tokenizer]) -> None:
    text = "un cafe\u0301\u0323 noir"
    tokens = opened["word_piece"].encode(text)
    assert "cafe\u0301\u0323" in [text[s:e] for s, e in zip(tokens.starts, tokens.ends, strict=True)]


@pytest.mark.parametrize("name", NAMES)
def test_control_tokens_in_text_are_text(opened: dict[str, Tokenizer], name: str) -> None:
    tokenizer = opened[name]
    text = " ".join(f"{piece} x{piece}y" for piece in tokenizer.pieces(sorted(tokenizer.special_ids)))
    tokens = tokenizer.encode(text + " [SEP]</s><s><pad>[MASK][CLS]<mask>")
    assert tokenizer.special_ids.isdisjoint(tokens.ids.tolist())
    for role in (tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id):
        assert role in tokenizer.special_ids
    check_offsets(tokens, text + " [SEP]</s><s><pad>[MASK][CLS]<mask>")


@pytest.mark.parametrize("name", NAMES)
def test_ordinary_text_has_the_librarys_own_ids(opened: dict[str, Tokenizer], name: str, tmp_path: Path) -> None:
    text = ARTICLE.read_text(encoding="utf-8")
    opened[name].save(tmp_path)
    if (tmp_path / "spiece.model").exists():
        expected = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "spiece.model")).encode(text)
    else:
        library = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
        expected = library.encode(text, add_special_tokens=False).ids
    got = opened[name].encode(text, newline="keep").ids.tolist()
    if name == "nfkc":  # a word that the maker wanted whole: text, not control
        assert opened[name].pieces(got).count("Skarvholm") == text.count("Skarvholm")
    assert got == expected


def test_truncation_and_padding_of_the_file_are_off(opened: dict[str, Tokenizer], tmp_path: Path) -> None:
    tokenizer = opened["word_piece"]
    assert len(tokenizer.encode("a the and " * 50)) == 150
    tokenizer.save(tmp_path)
    saved = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    assert saved["truncation"] is None
    assert saved["padding"] is None


def test_special_ids_are_found_and_declared_ones_win(tmp_path: Path) -> None:
    plain = load_tokenizer(bigbird(tmp_path / "plain"))
    assert (plain.cls_id, plain.sep_id, plain.pad_id, plain.mask_id, plain.unk_id) == (65, 66, 0, 67, 100)
    assert plain.special_ids == frozenset(range(100))
    assert plain.vocab_size == 700

    folder = bigbird(tmp_path / "declared")
    (folder / "special_tokens_map.json").write_text(json.dumps({"cls_token": "<row>", "sep_token": "<cn>"}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"cls_token": {"content": "<ans>"}}))
    declared = load_tokenizer(folder)
    assert (declared.cls_id, declared.sep_id) == (64, 62)

    roberta = load_tokenizer(byte_level(tmp_path / "roberta"))
    assert (roberta.cls_id, roberta.sep_id, roberta.pad_id, roberta.mask_id, roberta.unk_id) == (0, 2, 1, 3, None)


def test_newlines_are_read_as_spaces_where_the_vocabulary_does_not_know_them(opened: dict[str, Tokenizer]) -> None:
    rules = {name: tokenizer.newline for name, tokenizer in opened.items()}
    assert rules == {
        "word_piece": "keep",
        "unigram": "space",
        "byte_level": "keep",
        "bigbird": "space",
        "byte_fallback": "keep",
        "nfkc": "keep",
    }


def test_the_newline_rule_changes_ids_and_no_offset(opened: dict[str, Tokenizer]) -> None:
    text = "the light\r\n\nthe\rlight\nthe light"
    tokenizer = opened["bigbird"]
    space, keep = tokenizer.encode(text, newline="space"), tokenizer.encode(text, newline="keep")
    assert tokenizer.unk_id not in space.ids
    assert (keep.ids == tokenizer.unk_id).sum() == 3
    assert [text[s:e] for s, e in zip(space.starts, space.ends, strict=True)] == ["the", "light"] * 3
    unknown = keep.ids == tokenizer.unk_id
    assert [text[s:e] for s, e in zip(keep.starts[unknown], keep.ends[unknown], strict=True)] == ["\r\n\n", "\r", "\n"]
    assert tokenizer.encode(text).ids.tolist() == space.ids.tolist()
    with pytest.raises(ValueError, match="'drop'"):
        tokenizer.encode(text, newline="drop")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("newline", ["space", "keep"])
def test_separators_are_read_as_spaces_and_move_no_offset(
    opened: dict[str, Tokenizer], name: str, newline: str
) -> None:
    separators = "\0\x01\x08\v\f\x1c\x1d\x1e\x1f\x7f\x80\x85\x9f\u200b\u2028\u2029"
    for separator in separators:
        spaced, separated = (
            opened[name].encode(f"the{between}light{between} the", newline=newline) for between in (" ", separator)
        )
        assert separated.ids.tolist() == spaced.ids.tolist(), repr(separator)
        assert separated.starts.tolist() == spaced.starts.tolist()
        assert separated.ends.tolist() == spaced.ends.tolist()


@pytest.mark.parametrize("inside", ["\u200d", "\u200c", "\xad", "\ufe0f", "\u2060"])
def test_what_stands_inside_words_separates_none(opened: dict[str, Tokenizer], inside: str) -> None:
    glued, plain = (opened["word_piece"].encode(f"light{joiner}house") for joiner in (inside, ""))
    assert glued.ids.tolist() == plain.ids.tolist()
    assert opened["bigbird"].unk_id in opened["bigbird"].encode(f"a{inside}a").ids


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("light \ue000\ue000 \ufffd the", {"\ue000": 2, "\ufffd": 1}),
        ("\U000f0000\U000e0067", {"\U000e0067": 1, "\U000f0000": 1}),
        ("the\u200dlight\xad\u200f caf\xe9 \U0001f600 \ufe0f\x00\u200b", {}),
    ],
)
def test_what_cleaning_leaves_out_is_counted(opened: dict[str, Tokenizer], text: str, found: dict[str, int]) -> None:
    assert dropped(text, opened["word_piece"]) == found
    assert not dropped(text, opened["bigbird"])  # it has the unknown token for them
    assert not dropped(text, opened["byte_level"])


@pytest.mark.parametrize("name", NAMES)
def test_a_lone_surrogate_is_a_data_error_that_names_the_place(opened: dict[str, Tokenizer], name: str) -> None:
    with pytest.raises(DataError, match=r"U\+DC80, at character 7 \(line 2, column 3\)"):
        opened[name].encode("line\nis\udc80")


def test_decoding_leaves_control_tokens_out_or_shows_them(opened: dict[str, Tokenizer]) -> None:
    for name in ("bigbird", "word_piece", "unigram"):
        tokenizer = opened[name]
        ids = [tokenizer.cls_id, *tokenizer.encode("the light").ids, tokenizer.sep_id, tokenizer.pad_id]
        assert tokenizer.decode(ids) == "the light", name
        shown = tokenizer.decode(ids, skip_special_tokens=False)
        assert shown.startswith("[CLS]"), name
        assert "the light" in shown, name
        assert "[SEP]" in shown, name
    for name in ("bigbird", "byte_level", "byte_fallback"):
        assert opened[name].decode(opened[name].encode("the light, of 9").ids) == "the light, of 9"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("number", [-1, 10**6])
def test_an_id_outside_the_vocabulary_is_named(opened: dict[str, Tokenizer], name: str, number: int) -> None:
    with pytest.raises(ValueError, match=f"id {number} is outside"):
        opened[name].decode([number])
    with pytest.raises(ValueError, match=f"id {number} is outside"):
        opened[name].pieces([number])


@pytest.mark.parametrize("maker", MAKERS, ids=NAMES)
def test_a_saved_tokenizer_encodes_as_before(maker: Callable[[Path], Path], tmp_path: Path) -> None:
    folder = maker(tmp_path / "a")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "X", "model_max_length": 512}))
    first = load_tokenizer(folder)
    first.save(tmp_path / "b")
    again = load_tokenizer(tmp_path / "b")
    assert again.encode(TORTURE[0]).ids.tolist() == first.encode(TORTURE[0]).ids.tolist()
    assert json.loads((tmp_path / "b" / "tokenizer_config.json").read_text())["model_max_length"] == 512


@pytest.mark.parametrize("name", NAMES)
def test_a_text_of_a_book_is_read_to_its_end(opened: dict[str, Tokenizer], name: str) -> None:
    text = (ARTICLE.read_text(encoding="utf-8") * 20)[:400_000]
    assert opened[name].encode(text).ends[-1] >= len(text.rstrip()) - 1


def test_one_word_of_a_hundred_thousand_characters_is_read(opened: dict[str, Tokenizer]) -> None:
    for name in NAMES:
        tokens = opened[name].encode("ab" * 50_000)
        assert (tokens.starts[0], tokens.ends[-1]) == (0, 100_000), name


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no tokenizer"),
        ({"tokenizer.json": b"{"}, r"tokenizer\.json: not readable as a tokenizer"),
        ({"tokenizer.json": b"\xff\xfe"}, r"tokenizer\.json: not readable as a tokenizer"),
        ({"spiece.model": b""}, r"spiece\.model: not readable as a sentencepiece model"),
        ({"spiece.model": b"\x80\x80\x80"}, r"spiece\.model: not readable as a sentencepiece model"),
        ({"spiece.model": b"not a model at all"}, r"spiece\.model: not readable as a sentencepiece model"),
    ],
)
def test_a_broken_or_missing_file_is_a_model_error(files: dict[str, bytes], message: str, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=message):
        load_tokenizer(tmp_path)


def test_half_a_vocabulary_file_is_a_model_error(tmp_path: Path) -> None:
    whole = (FIXTURES / "tiny-spiece.model").read_bytes()
    for length in (100, 5000, len(whole) - 1):
        (tmp_path / "spiece.model").write_bytes(whole[:length])
        with pytest.raises(ModelError):
            load_tokenizer(tmp_path)


def test_settings_that_are_no_json_are_a_model_error(tmp_path: Path) -> None:
    folder = bigbird(tmp_path)
    for content in ("{", "[1]"):
        (folder / "tokenizer_config.json").write_text(content)
        with pytest.raises(ModelError, match=r"tokenizer_config\.json"):
            load_tokenizer(folder)


def test_a_vocabulary_without_a_sep_token_is_a_model_error(tmp_path: Path) -> None:
    folder = bigbird(tmp_path)
    (folder / "tokenizer_config.json").write_text(json.dumps({"sep_token": "[NONE]"}))
    with pytest.raises(ModelError, match="no sep token"):
        load_tokenizer(folder)


def test_a_folder_that_is_not_there_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        load_tokenizer(tmp_path / "nowhere")
