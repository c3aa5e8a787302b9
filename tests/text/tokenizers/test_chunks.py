"""A long text has the tokens that it would have if it were tokenised at once, and takes no more memory at a time."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bigbird_cli.errors import DataError
from bigbird_cli.text.tokenizers.chunks import CHUNK, encode_in_chunks
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, Tokens, load_tokenizer
from tests.text.tokenizers.test_tokenizer import ARTICLE, MAKERS, NAMES, TORTURE

WORDS = [
    *("the", "light", "keeper", "The", "a", "1820", "lamp,", "sea.", "“no”", "x-y", "Skarvholm", "[SEP]", "<s>", "ing"),
    *(
        "café",
        "cafe\u0301",
        "ﬁne",
        "漢字",
        "かな",
        "😀",
        "👍🏽",
        "שלום",
        "▁",
        "\ufeff",
        "½",
        "\u0301",
        "naïve",
        "e\u0323",
    ),
]
GAPS = [" ", " ", " ", "  ", "\n", "\r\n", "\n\n", "\t", "", "\u00a0", ". ", "-", "\u2028", "     "]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tokenizer]:
    folder = tmp_path_factory.mktemp("vocabularies")
    return {maker.__name__: load_tokenizer(maker(folder / maker.__name__)) for maker in MAKERS}


def same(one: Tokens, other: Tokens) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("ids", "starts", "ends"))


def at_once(tokenizer: Tokenizer) -> Callable[[str], Tokens]:
    """The tokenizer on texts that are shorter than a chunk, which it does not cut."""

    def encode(text: str) -> Tokens:
        assert len(text) <= CHUNK
        return tokenizer.encode(text)

    return encode


@pytest.mark.parametrize("name", NAMES)
@given(text=st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(GAPS)), min_size=150, max_size=400))
@settings(max_examples=25, deadline=None)
def test_stretches_have_the_tokens_of_the_whole(
    opened: dict[str, Tokenizer], name: str, text: list[tuple[str, str]]
) -> None:
    whole = "".join(part for pair in text for part in pair)
    encode = at_once(opened[name])
    assert same(encode_in_chunks(encode, whole, chunk=300, overlap=100), encode(whole))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("chunk", [200, 333, 1024])
def test_odd_texts_have_the_tokens_of_the_whole(opened: dict[str, Tokenizer], name: str, chunk: int) -> None:
    encode, text = at_once(opened[name]), " ".join(TORTURE[:13] + TORTURE[14:]) * 3
    assert same(encode_in_chunks(encode, text, chunk=chunk, overlap=80), encode(text))


@pytest.mark.parametrize("name", NAMES)
def test_a_tokenizer_reads_long_texts_in_stretches(opened: dict[str, Tokenizer], name: str) -> None:
    text = ARTICLE.read_text(encoding="utf-8")
    text *= 3 * CHUNK // len(text)
    told: list[int] = []
    tokens = opened[name].encode(text, on_progress=told.append)
    assert len(told) > 2
    assert told == sorted(told)
    assert told[-1] == len(text)
    encode = at_once(opened[name])
    half = encode_in_chunks(encode, text, chunk=CHUNK // 2)
    assert same(tokens, half)


@pytest.mark.parametrize("text", ["a" * 3000, " " * 3000, "漢" * 3000, "a" * 700 + " " * 900 + "b" * 700])
@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_joined_is_cut_at_a_token_and_read_to_its_end(
    opened: dict[str, Tokenizer], name: str, text: str
) -> None:
    longest = 0

    def encode(part: str) -> Tokens:
        nonlocal longest
        longest = max(longest, len(part))
        return opened[name].encode(part)

    tokens = encode_in_chunks(encode, text, chunk=100, overlap=20)
    assert longest <= 400
    assert (np.diff(tokens.starts) >= 0).all()
    assert (np.diff(tokens.ends) >= 0).all()
    covered = np.zeros(len(text) + 1, dtype=np.int64)
    np.add.at(covered, tokens.starts, 1)
    np.add.at(covered, tokens.ends, -1)
    solid = np.array([not character.isspace() for character in text])
    assert (np.cumsum(covered)[:-1][solid] > 0).all()


def test_a_run_of_spaces_longer_than_a_stretch_has_the_tokens_of_the_whole(opened: dict[str, Tokenizer]) -> None:
    text = "the light " * 20 + " " * 900 + "the lamp " * 20
    for name in ("word_piece", "bigbird", "nfkc", "unigram"):  # those that keep no spaces
        encode = at_once(opened[name])
        assert same(encode_in_chunks(encode, text, chunk=100, overlap=60), encode(text)), name


def test_a_lone_surrogate_far_into_a_text_is_named_by_its_place(opened: dict[str, Tokenizer]) -> None:
    text = "é" * CHUNK * 20 + "\nab\udc80"
    with pytest.raises(DataError, match=rf"U\+DC80, at character {CHUNK * 20 + 3} \(line 2, column 3\)"):
        opened["bigbird"].encode(text)


def test_want_of_memory_is_seen_before_a_library_would_abort(
    opened: dict[str, Tokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def empty(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("bigbird_cli.text.tokenizers.chunks.np.empty", empty)
    with pytest.raises(MemoryError):
        opened["bigbird"].encode("the light")
