"""A configuration says what Hugging Face's says, keeps what it does not know, and names what is wrong."""

import copy
import inspect
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import BigBirdWarning, ModelError

SHARED = [
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "max_position_embeddings",
    "type_vocab_size",
    "initializer_range",
    "layer_norm_eps",
    "use_cache",
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
    "sep_token_id",
    "attention_type",
    "use_bias",
    "rescale_embeddings",
    "block_size",
    "num_random_blocks",
    "classifier_dropout",
    "is_decoder",
    "add_cross_attention",
    "tie_word_embeddings",
    "chunk_size_feed_forward",
    "problem_type",
    "num_labels",
    "id2label",
    "label2id",
]
UNUSUAL: dict[str, Any] = {
    "vocab_size": 71,
    "hidden_size": 20,
    "num_hidden_layers": 3,
    "num_attention_heads": 5,
    "intermediate_size": 33,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.25,
    "attention_probs_dropout_prob": 0,
    "max_position_embeddings": 77,
    "type_vocab_size": 4,
    "initializer_range": 0.5,
    "layer_norm_eps": 1e-5,
    "use_cache": False,
    "pad_token_id": 3,
    "bos_token_id": 4,
    "eos_token_id": 5,
    "sep_token_id": 6,
    "attention_type": "original_full",
    "use_bias": False,
    "rescale_embeddings": True,
    "block_size": 8,
    "num_random_blocks": 1,
    "classifier_dropout": 0.75,
    "is_decoder": True,
    "tie_word_embeddings": False,
    "problem_type": "multi_label_classification",
    "id2label": {0: "no", 1: "yes", 2: "perhaps"},
    "label2id": {"no": 0, "yes": 1, "perhaps": 2},
}


def shared(config: object) -> dict[str, Any]:
    # transformers 5 moved one of them out of the configuration
    return {name: getattr(config, name, {"chunk_size_feed_forward": 0}.get(name)) for name in SHARED}


@pytest.mark.parametrize("settings", [{}, UNUSUAL], ids=["default", "unusual"])
def test_transformers_reads_what_we_write(settings: dict[str, Any], tmp_path: Path) -> None:
    ours = BigBirdConfig(**settings)
    ours.save(tmp_path)
    assert shared(transformers.AutoConfig.from_pretrained(tmp_path)) == shared(ours)


@pytest.mark.parametrize("settings", [{}, UNUSUAL], ids=["default", "unusual"])
def test_we_read_what_transformers_writes(settings: dict[str, Any], tmp_path: Path) -> None:
    theirs = transformers.BigBirdConfig(**settings)
    theirs.save_pretrained(tmp_path)
    assert shared(BigBirdConfig.from_file(tmp_path)) == shared(theirs)


@pytest.mark.parametrize("settings", [{}, UNUSUAL], ids=["default", "unusual"])
def test_a_configuration_survives_its_file(settings: dict[str, Any], tmp_path: Path) -> None:
    ours = BigBirdConfig(**settings, pattern="transformers-eval", architectures=["BigBirdModel"])
    ours.save(tmp_path / "some.json")
    assert BigBirdConfig.from_file(tmp_path / "some.json") == ours


def test_unknown_keys_are_kept(tmp_path: Path) -> None:
    strange = {"model_type": "big_bird", "vocab_size": 90, "gradient_checkpointing": False, "author": {"name": "Ä"}}
    (tmp_path / "config.json").write_text(json.dumps(strange), encoding="utf-8")
    config = BigBirdConfig.from_file(tmp_path)
    assert config.extra == {"gradient_checkpointing": False, "author": {"name": "Ä"}}
    config.replace(block_size=16).save(tmp_path)
    again = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert again["author"] == {"name": "Ä"}
    assert again["block_size"] == 16
    assert again["model_type"] == "big_bird"


def test_a_file_without_a_pattern_means_the_pretraining_one() -> None:
    assert BigBirdConfig.from_dict({"model_type": "big_bird"}).pattern == "original"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_size": 770}, "hidden_size 770 is no multiple of num_attention_heads 12"),
        ({"hidden_size": "768"}, "hidden_size is '768', which is no whole number"),
        ({"num_hidden_layers": 2.0}, "num_hidden_layers is 2.0, which is no whole number"),
        ({"vocab_size": True}, "vocab_size is True, which is no whole number"),
        ({"block_size": 0}, "block_size is 0; it must be between 1 and 16,777,216"),
        ({"num_random_blocks": -1}, "num_random_blocks is -1; it must be between 0 and 16,777,216"),
        ({"hidden_dropout_prob": 1.5}, "hidden_dropout_prob is 1.5; it must be between 0 and 1"),
        ({"classifier_dropout": -0.1}, "classifier_dropout is -0.1; it must be between 0 and 1"),
        ({"sparse_attention_dropout_prob": 2}, "sparse_attention_dropout_prob is 2; it must be between 0 and 1"),
        ({"num_window_blocks": 4}, "num_window_blocks is 4; it must be odd"),
        ({"num_window_blocks": 5, "pattern": "transformers"}, "copies a model whose window is 3 blocks, not 5"),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps is nan; it must be between 1e-30 and 1"),
        ({"pad_token_id": 50358}, "pad_token_id is 50358; it must be between 0 and 50357"),
        ({"eos_token_id": "x"}, "eos_token_id is 'x', which is no whole number"),
        ({"eos_token_id": [2, -1]}, "eos_token_id is -1; it must be between 0 and 9,999,999"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000; it must be between 1 and 1,000"),
        ({"num_labels": 10**7}, "num_labels is 10000000; it must be between 1 and 100,000"),
        ({"initializer_range": float("inf")}, "initializer_range is inf; it must be between 0 and 100"),
        ({"use_bias": 1}, "use_bias is 1, which is neither true nor false"),
        ({"hidden_act": None}, "hidden_act is None, which is no text"),
        ({"attention_type": "block_sparce"}, "did you mean 'block_sparse'?"),
        ({"pattern": "transformer"}, "did you mean 'transformers'?"),
        ({"problem_type": "guess"}, "problem_type is 'guess'"),
        ({"id2label": ["a", "b"]}, "do not map class numbers to names"),
        ({"id2label": {"a": "b"}}, "do not map class numbers to names"),
    ],
)
def test_bad_values_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError) as caught:
        BigBirdConfig(**settings)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1]", "holds no JSON object"),
        (b'{"model_type": "bert"}', "the model is a 'bert', not a 'big_bird'; make a BigBird of it"),
        (b'{"block_size": 0}', "block_size is 0"),
    ],
)
def test_a_bad_file_is_named(content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ModelError) as caught:
        BigBirdConfig.from_file(tmp_path / "config.json")
    assert str(caught.value).startswith(str(tmp_path / "config.json"))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "max_position_embeddings",
        "type_vocab_size",
        "block_size",
        "num_random_blocks",
        "num_window_blocks",
        "chunk_size_feed_forward",
        "layer_norm_eps",
        "hidden_dropout_prob",
        "pad_token_id",
        "bos_token_id",
        "eos_token_id",
        "sep_token_id",
        "num_labels",
    ],
)
@pytest.mark.parametrize("value", [10**80, 2**63, -(10**80)])
def test_no_number_is_beyond_sense(name: str, value: int) -> None:
    settings: dict[str, Any] = {name: value}
    with pytest.raises(ModelError, match=rf"{name} is -?\d.*; it must be between"):
        BigBirdConfig(**settings)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"length_penalty": Infinity}', "holds a number that is not finite"),
        ('{"length_penalty": [{"a": 1e999}]}', "holds a number that is not finite"),
        ('{"author": {"name": "\\ud800"}}', "holds U+D800, half of a surrogate pair"),
    ],
)
def test_what_could_not_be_written_again_is_refused(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        BigBirdConfig.from_file(tmp_path)
    assert message in str(caught.value)


def test_labels_say_the_same_whichever_way_they_are_given() -> None:
    names = {0: "no", 1: "yes", 2: "perhaps"}
    by_name = BigBirdConfig(id2label=names)
    by_number = BigBirdConfig(label2id={"no": 0, "yes": 1, "perhaps": 2})
    assert by_name == by_number
    assert by_name.num_labels == 3
    assert BigBirdConfig(num_labels=3).id2label == {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}
    assert BigBirdConfig.from_dict({"id2label": {"0": "no", "1": "yes", "2": "perhaps"}}).id2label == names


def test_new_labels_replace_all_of_the_old_ones() -> None:
    config = BigBirdConfig(id2label={0: "no", 1: "yes", 2: "perhaps"})
    assert config.replace(num_labels=1).label2id == {"LABEL_0": 0}
    assert config.replace(block_size=16).num_labels == 3


def test_replace_knows_what_settings_there_are() -> None:
    with pytest.raises(ModelError, match=r"no setting 'blocksize'; did you mean 'block_size'\?"):
        BigBirdConfig().replace(blocksize=16)
    with pytest.raises(ModelError, match="block_size is 0"):
        BigBirdConfig().replace(block_size=0)


def test_derived_sizes() -> None:
    config = BigBirdConfig()
    assert config.head_width == 64
    assert config.full_attention_limit == 704
    assert config.replace(num_random_blocks=0, block_size=16).full_attention_limit == 80
    assert config.replace(num_window_blocks=7).full_attention_limit == (2 + 7 + 2 * 3) * 64


def test_arguments_stand_in_the_order_of_the_documentation() -> None:
    ours = list(inspect.signature(BigBirdConfig).parameters)
    assert ours[: len(SHARED) - 8] == SHARED[:-8]
    assert inspect.signature(BigBirdConfig).parameters[ours[-1]].kind is inspect.Parameter.VAR_KEYWORD
    assert BigBirdConfig(90, 32, 1, 2, 8, "relu", 0.2, 0.3, 77).max_position_embeddings == 77


def test_fields_can_be_set_in_any_order_and_each_is_checked() -> None:
    config = BigBirdConfig()
    config.hidden_size = 32  # no multiple of 12 yet
    config.num_attention_heads = 4
    config.num_labels = 3
    assert (config.head_width, config.id2label) == (8, {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"})
    config.id2label = {0: "no", 1: "yes"}
    assert (config.num_labels, config.label2id) == (2, {"no": 0, "yes": 1})
    config.update({"use_cache": False, "block_size": 16})
    assert (config.use_cache, config.block_size) == (False, 16)
    for name, value in (("block_size", 0), ("hidden_act", None), ("attention_type", "sparse"), ("num_labels", "x")):
        with pytest.raises(ModelError, match=name):
            setattr(config, name, value)
    assert (config.block_size, config.num_labels) == (16, 2)
    config.pad_token_id = 10**6
    with pytest.raises(ModelError, match="pad_token_id is 1000000"):  # where it meets the others
        config.replace()


def test_settings_of_others_are_kept_and_read_by_their_names(tmp_path: Path) -> None:
    config = BigBirdConfig(output_attentions=True, dtype="float16")  # type: ignore[call-arg]
    assert (config.output_attentions, config.output_hidden_states, config.use_return_dict) == (True, False, True)
    config.return_dict = False
    config.my_note = "kept"
    config.save_pretrained(tmp_path / "new")
    again = BigBirdConfig.from_pretrained(tmp_path / "new")
    assert again == config
    assert (again.my_note, again.use_return_dict, again.dtype) == ("kept", False, "float16")
    with pytest.raises(AttributeError, match="no attribute 'my_note2'"):
        _ = config.my_note2


def test_a_setting_that_no_bigbird_reads_is_told_and_a_near_miss_refused() -> None:
    with pytest.warns(BigBirdWarning, match="no BigBird reads it: n_heads"):
        assert BigBirdConfig(n_heads=3).n_heads == 3  # type: ignore[call-arg]
    with pytest.raises(ModelError, match=r"no setting 'hiden_size'; did you mean 'hidden_size'\?"):
        BigBirdConfig(hiden_size=3)  # type: ignore[call-arg]
    config = BigBirdConfig()
    with pytest.warns(BigBirdWarning, match="no setting 'hiden_size' of its own; did you mean 'hidden_size'"):
        config.hiden_size = 3


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda config: pickle.loads(pickle.dumps(config))])
def test_a_copy_of_a_config_is_its_own(again: Callable[[BigBirdConfig], BigBirdConfig]) -> None:
    config = BigBirdConfig(output_attentions=True)  # type: ignore[call-arg]
    other = again(config)
    assert other == config
    other.block_size, other.output_attentions = 16, False
    assert (config.block_size, config.output_attentions) == (64, True)


def test_a_changed_copy_shares_no_settings_of_others() -> None:
    config = BigBirdConfig(output_attentions=True)  # type: ignore[call-arg]
    config.replace(block_size=16).output_attentions = False
    assert config.output_attentions


def test_a_config_is_made_of_what_another_says() -> None:
    config = BigBirdConfig(**UNUSUAL)
    assert BigBirdConfig(**config.to_dict()) == config
    assert BigBirdConfig.from_dict(config.to_dict(), block_size=4).block_size == 4
    assert json.loads(config.to_json_string()) == json.loads(config.to_json())
    with pytest.raises(ModelError, match="the model is a 'bert'"):
        BigBirdConfig(model_type="bert")  # type: ignore[call-arg]


def test_a_config_opens_by_a_shipped_name_a_folder_or_its_file(tmp_path: Path) -> None:
    assert BigBirdConfig.from_pretrained("qa-mini", use_cache=False).use_cache is False
    BigBirdConfig(**UNUSUAL).to_json_file(tmp_path / "config.json")
    for name in (tmp_path, str(tmp_path), tmp_path / "config.json"):
        assert BigBirdConfig.from_pretrained(name, output_attentions=True).vocab_size == 71
    assert BigBirdConfig.from_json_file(tmp_path / "config.json").vocab_size == 71
    with pytest.raises(ModelError, match="there is no such model folder"):
        BigBirdConfig.from_pretrained(tmp_path / "none")
    with pytest.raises(ModelError, match="no setting 'usecache'"):
        BigBirdConfig.from_pretrained(tmp_path, usecache=False)


def test_torchs_types_are_written_by_name() -> None:
    assert json.loads(BigBirdConfig(dtype=torch.bfloat16).to_json_string())["dtype"] == "bfloat16"  # type: ignore[call-arg]
