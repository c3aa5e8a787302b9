"""A configuration says what Hugging Face's says, keeps what it does not know, and names what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
import transformers

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import ModelError

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
        ({"block_size": 0}, "block_size is 0; it must be at least 1"),
        ({"num_random_blocks": -1}, "num_random_blocks is -1; it must be at least 0"),
        ({"hidden_dropout_prob": 1.5}, "hidden_dropout_prob is 1.5; it must be between 0 and 1"),
        ({"classifier_dropout": -0.1}, "classifier_dropout is -0.1; it must be between 0 and 1"),
        ({"sparse_attention_dropout_prob": 2}, "sparse_attention_dropout_prob is 2; it must be between 0 and 1"),
        ({"num_window_blocks": 4}, "num_window_blocks is 4; it must be odd"),
        ({"num_window_blocks": 5, "pattern": "transformers"}, "copies a model whose window is 3 blocks, not 5"),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps is nan; it must be above 0"),
        ({"pad_token_id": 50358}, "pad_token_id is 50358; it must be between 0 and 50357"),
        ({"eos_token_id": "x"}, "eos_token_id is 'x', which is no token id"),
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
