"""BigBirdTokenizer gives what the slow tokenizer of transformers 4.44 gave, and says where it means not to."""

import copy
import json
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken

from bigbird_cli.errors import BigBirdWarning, DataError, ModelError
from bigbird_cli.files import hub as client
from bigbird_cli.text.huggingface import bigbird_tokenizer
from bigbird_cli.text.huggingface.batch_encoding import Cut
from bigbird_cli.text.tokenizers import folder_settings
from bigbird_cli.text.tokenizers.tokenizer import BigBirdTokenizer

FIXTURES = Path(__file__).parents[1] / "fixtures"
VOCABULARY = FIXTURES / "tiny-spiece.model"
GOLDENS = json.loads((FIXTURES / "bigbird-tokenizer-4.44.json").read_text(encoding="utf-8"))["variants"]
VARIANTS = range(len(GOLDENS))
SHARED = BigBirdTokenizer(VOCABULARY)
TEXTS = st.one_of(
    st.lists(
        st.sampled_from(
            [
                *" ▁\n\té漢😀.<>[]\x1c\x00\u00a0",
                "the",
                " light",
                "[MASK]",
                " [MASK]",
                "[SEP]",
                "<s>",
                "<row>",
                "</s>",
                "<unk>",
            ]
        ),
        max_size=20,
    ).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)


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
    with pytest.warns(BigBirdWarning) as told:
        assert len(tokenizer.encode("The light on the island", max_length=4)) == 4
    assert [str(warning.message).split(";")[0] for warning in told] == [
        "max_length=4 alone cuts longer inputs",
        "inputs longer than 4 tokens: 1 of 1",
    ]
    assert len(tokenizer.encode("The light on the island", max_length=4)) == 4


def test_an_input_longer_than_the_model_warns() -> None:
    tokenizer = BigBirdTokenizer(VOCABULARY, model_max_length=5)
    with pytest.warns(BigBirdWarning, match="at most 5"):
        tokenizer("The light on the island and the sea")
    with pytest.warns(BigBirdWarning, match="longer than 5 tokens: 1 of 1"):
        assert len(tokenizer("The light on the island", truncation=True).input_ids) == 5


def test_a_batch_says_what_was_cut_from_which_text_in_one_warning() -> None:
    tokenizer = BigBirdTokenizer(VOCABULARY, truncation_side="left")
    firsts, seconds = ["the light", "the", "the " * 20], ["the " * 9, "a", "the " * 5]
    whole = tokenizer(firsts, seconds)
    with pytest.warns(BigBirdWarning) as told:
        encoded = tokenizer(firsts, seconds, truncation=True, max_length=9, padding=True)
    assert encoded.cuts == (Cut(0, "second", 5, "left"), Cut(2, "first", 17, "left"), Cut(2, "second", 2, "left"))
    for row, ids in enumerate(whole.input_ids):
        assert len(ids) - sum(cut.n_tokens for cut in encoded.cuts if cut.row == row) == sum(
            encoded.attention_mask[row]
        )
    assert [str(warning.message) for warning in told] == [
        "inputs longer than 9 tokens: 2 of 3; cut on the left: 17 tokens of the first text and 7 tokens of the second"
        " text (.cuts has each)"
    ]
    assert whole.cuts == ()
    assert tokenizer("the " * 20, truncation=True, max_length=9).cuts == (Cut(0, "first", 13, "left"),)
    assert pickle.loads(pickle.dumps(encoded)).cuts == encoded.cuts


def test_a_text_that_vanishes_whole_is_counted_as_what_it_had(tokenizer: BigBirdTokenizer) -> None:
    encoded = tokenizer("the", "the " * 9, truncation=True, max_length=2, verbose=False)
    assert encoded.input_ids == [65, 66, 66]
    assert encoded.cuts == (Cut(0, "first", 1, "right"), Cut(0, "second", 9, "right"))


def test_a_lone_surrogate_is_a_data_error(tokenizer: BigBirdTokenizer) -> None:
    with pytest.raises(DataError, match=r"U\+D83D, at character 6 \(line 2, column 3\)"):
        tokenizer("two\nli\ud83dnes")


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        ((3,), {}, "text must be"),
        ((["a", "b"], "c"), {}, "text_pair must be a list"),
        ((["a", "b"], ["c"]), {}, "text_pair must be a list"),
        (("a",), {"padding": "longst"}, "longst"),
        (("a",), {"truncation": "first"}, "only_first"),
        (("a",), {"return_tensors": "tf"}, '"np", "pt" or "jax"'),
        (("a",), {"padding": True, "truncation": True, "max_length": 9, "pad_to_multiple_of": 4}, "multiple"),
    ],
)
def test_a_wrong_call_names_what_is_wrong(
    tokenizer: BigBirdTokenizer, arguments: tuple[Any, ...], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        tokenizer(*arguments, **settings)


def spans(encoded: Any, text: str) -> list[str]:
    return [text[start:end] for start, end in encoded.offset_mapping]


def test_offsets_are_where_the_tokens_stand(tokenizer: BigBirdTokenizer) -> None:
    text = " the  light[MASK] is \n [MASK]. 漢字 \t[SEP] on"
    encoded = tokenizer(text, return_offsets_mapping=True)
    assert list(zip(tokenizer.convert_ids_to_tokens(encoded.input_ids), spans(encoded, text), strict=True)) == [
        ("[CLS]", ""),
        ("▁the", "the"),
        ("▁light", "light"),
        ("[MASK]", "[MASK]"),
        ("▁is", "is"),
        ("[MASK]", "[MASK]"),  # the white space that it ate is no part of it
        ("▁", ""),  # the start of a word that begins with the stretch
        (".", "."),
        ("▁", " "),
        ("<unk>", "漢字"),
        ("▁", " "),
        ("<unk>", "\t"),
        ("[SEP]", "[SEP]"),
        ("▁on", "on"),
        ("[SEP]", ""),
    ]


def test_offsets_of_a_pair_a_batch_and_of_words_count_from_each_text(tokenizer: BigBirdTokenizer) -> None:
    pair = tokenizer("the light", "on the island", return_offsets_mapping=True, padding="max_length", max_length=10)
    assert pair.offset_mapping == [*[(0, 0), (0, 3), (4, 9), (0, 0), (0, 2), (3, 6), (7, 13), (0, 0)], (0, 0), (0, 0)]
    batch = tokenizer(["the", "on the"], return_offsets_mapping=True, padding=True, return_tensors="np")
    assert batch.offset_mapping.tolist() == [[[0, 0], [0, 3], [0, 0], [0, 0]], [[0, 0], [0, 2], [3, 6], [0, 0]]]
    words = tokenizer([["on", "the"]], is_split_into_words=True, return_offsets_mapping=True)
    assert words.offset_mapping == [[(0, 0), (0, 2), (0, 3), (0, 0)]]
    with pytest.raises(ValueError, match="has no offsets"):
        tokenizer.encode_plus([300, 301], return_offsets_mapping=True)


def test_offsets_are_cut_and_filled_with_the_ids() -> None:
    tokenizer = BigBirdTokenizer(VOCABULARY, truncation_side="left", padding_side="left")
    options: dict[str, Any] = {"return_offsets_mapping": True, "verbose": False}
    encoded = tokenizer("on the island", truncation=True, max_length=4, **options)
    assert encoded.offset_mapping == [(0, 0), (3, 6), (7, 13), (0, 0)]
    assert tokenizer("on", padding="max_length", max_length=4, **options).offset_mapping == [
        (0, 0),
        (0, 0),
        (0, 2),
        (0, 0),
    ]


@given(text=TEXTS)
@settings(max_examples=300, deadline=None)
def test_every_span_is_what_its_token_stands_for(text: str) -> None:
    encoded = SHARED(text, add_special_tokens=False, return_offsets_mapping=True)
    assert encoded.input_ids == SHARED.encode(text, add_special_tokens=False)
    end = 0
    for number, (start, stop) in zip(encoded.input_ids, encoded.offset_mapping, strict=True):
        assert end <= start <= stop <= len(text)
        end = stop
        token, span = SHARED.convert_ids_to_tokens(number), text[start:stop]
        if number == SHARED.unk_token_id:
            assert span.strip(" ") == span != ""
        elif token.strip("▁"):
            assert span.removeprefix("▁") == token.removeprefix("▁")  # a ▁ in the text is read as a space
        else:
            assert not span.strip(" ▁")
    covered = {i for start, stop in encoded.offset_mapping for i in range(start, stop)}
    missed = {character for i, character in enumerate(text) if i not in covered}
    assert all(character.isspace() or character == "▁" for character in missed)


def test_a_token_that_stands_as_a_single_word_joins_its_neighbour(tokenizer: BigBirdTokenizer) -> None:
    tokenizer.add_tokens([AddedToken("light", single_word=True, lstrip=True)])
    text = "the light x\tlight"
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    assert tokenizer.convert_ids_to_tokens(encoded.input_ids)[:2] == ["▁the", "light"]
    # the second one ate the tab and then joined the x: its letters are where they were
    assert "".join(spans(encoded, text)) == "thelightxlight"


def test_sampling_draws_other_pieces_of_the_same_text() -> None:
    drawn = BigBirdTokenizer(VOCABULARY, sp_model_kwargs={"enable_sampling": True, "nbest_size": -1, "alpha": 0.1})
    text = "The keeper of the lighthouse wrote a book"
    encoded = [tuple(drawn.encode(text)) for _ in range(20)]
    assert len(set(encoded)) > 1
    assert {drawn.decode(ids, skip_special_tokens=True) for ids in encoded} == {text}


def test_a_large_batch_in_threads_equals_its_texts_one_by_one(
    tokenizer: BigBirdTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = [f"{n} lights [MASK] on the island, " * 30 for n in range(40)]
    single = [tokenizer(text, return_offsets_mapping=True) for text in batch]
    asked: list[dict[str, Any]] = []
    encode = tokenizer.sp_model.encode

    def noting(*args: Any, **options: Any) -> Any:
        asked.append(options)
        return encode(*args, **options)

    monkeypatch.setattr(tokenizer.sp_model, "encode", noting, raising=False)
    monkeypatch.setattr(bigbird_tokenizer, "_WORTH_THREADS", 1000)
    together = tokenizer(batch, return_offsets_mapping=True)
    assert together.input_ids == [encoded.input_ids for encoded in single]
    assert together.offset_mapping == [encoded.offset_mapping for encoded in single]
    assert "num_threads" not in asked[0]
    tokenizer("short")
    assert asked[1]["num_threads"] == 1


def test_ids_with_special_tokens_have_every_special_one_marked(tokenizer: BigBirdTokenizer) -> None:
    ids = [65, 300, 67, 100, 2, 1, 66, 0, 0]
    assert tokenizer.get_special_tokens_mask(ids, already_has_special_tokens=True) == [1, 0, 1, 1, 1, 1, 1, 1, 1]
    with pytest.raises(ValueError, match="one sequence"):
        tokenizer.get_special_tokens_mask(ids, [1], already_has_special_tokens=True)


def test_a_vocabulary_is_written_under_a_prefix_and_only_into_a_folder(
    tokenizer: BigBirdTokenizer, tmp_path: Path
) -> None:
    (name,) = tokenizer.save_vocabulary(tmp_path, "tiny")
    assert Path(name).name == "tiny-spiece.model"
    assert Path(name).read_bytes() == VOCABULARY.read_bytes()
    with pytest.raises(ModelError, match="there is no such folder"):
        tokenizer.save_vocabulary(tmp_path / "no")


def test_an_id_below_zero_is_outside_the_vocabulary(tokenizer: BigBirdTokenizer) -> None:
    for number in (-1, 10_000):
        with pytest.raises(IndexError):
            tokenizer.convert_ids_to_tokens(number)


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
    with pytest.raises(ModelError, match="the folder holds no tokenizer"):
        BigBirdTokenizer.from_pretrained(tmp_path)


def test_a_hub_that_does_not_answer_leaves_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    import huggingface_hub

    asked: list[dict[str, Any]] = []

    def download(name: str, **options: Any) -> str:
        asked.append({"name": name, **options})
        return str(VOCABULARY.parent)

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(client, "SECONDS", 0.2)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: threading.Event().wait())
    with pytest.warns(BigBirdWarning, match="cached copy"):
        folder_settings.find_tokenizer("me/model", {"revision": "main"})
    assert asked[-1]["local_files_only"] is True
    assert asked[-1]["revision"] == "main"
    monkeypatch.setattr(client, "SECONDS", 60)
    found = SimpleNamespace(sha="c0ffee", siblings=[])
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: found)
    folder_settings.find_tokenizer("me/model", {})
    assert asked[-1]["local_files_only"] is False


def test_a_shipped_name_and_a_home_folder_are_never_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(folder_settings, "fetch_model", None)
    monkeypatch.setattr(folder_settings, "SHIPPED", tmp_path / "shipped")
    folder = tmp_path / "shipped" / "tiny"
    folder.mkdir(parents=True)
    with pytest.raises(ModelError, match="the folder holds no tokenizer"):
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
    with pytest.raises(ModelError, match=r"tokenizer_config\.json: is not JSON"):
        BigBirdTokenizer.from_pretrained(tmp_path)


def test_a_hub_name_that_is_not_cached_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nobody/nothing"):
        BigBirdTokenizer.from_pretrained("nobody/nothing", local_files_only=True, cache_dir=tmp_path)
