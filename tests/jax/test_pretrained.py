"""Model folders open in both frameworks, and the classes say plainly what they cannot do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flax", reason="needs the extra bigbird-cli[jax]")

import flax.linen as nn
import jax
import jax.numpy as jnp
import torch
from flax.traverse_util import flatten_dict

import bigbird_cli as bb
from bigbird_cli.errors import ModelError, NewWeightsWarning
from bigbird_cli.jax.model.modules import FlaxBigBirdForQuestionAnsweringModule
from tests.jax.conftest import SETTINGS

Both = Callable[..., tuple[Any, Any]]
CONFIG = {**SETTINGS, "num_hidden_layers": 1}


def flat(params: Any) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in flatten_dict(params, sep="/").items()}


def assert_same(params: Any, others: Any) -> None:
    ours, theirs = flat(params), flat(others)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("safe_serialization", [True, False])
def test_a_saved_model_opens_again(tied: bool, safe_serialization: bool, both: Both, tmp_path: Path) -> None:
    _, ours = both("BigBirdForPreTraining", tie_word_embeddings=tied)
    ours.save_pretrained(tmp_path / "saved", safe_serialization=safe_serialization)
    again = bb.FlaxBigBirdForPreTraining.from_pretrained(tmp_path / "saved")
    assert_same(again.params, ours.params)
    assert again.config.architectures == ["BigBirdForPreTraining"]


def test_what_flax_saves_pytorch_opens(both: Both, tmp_path: Path) -> None:
    theirs, ours = both("BigBirdForQuestionAnswering")
    ours.save_pretrained(tmp_path / "saved")
    again = bb.BigBirdForQuestionAnswering.from_pretrained(tmp_path / "saved")
    for name, value in again.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[name]), name


def test_pytorch_s_weights_are_read_on_request(both: Both, tmp_path: Path) -> None:
    _, ours = both("BigBirdModel")
    ours.save_pretrained(tmp_path / "saved")
    moved = jax.tree.map(lambda value: value + 1, ours.params)
    ours.save_pretrained(tmp_path / "saved", params=moved, safe_serialization=False)
    assert_same(bb.FlaxBigBirdModel.from_pretrained(tmp_path / "saved").params, moved)
    assert_same(bb.FlaxBigBirdModel.from_pretrained(tmp_path / "saved", from_pt=True).params, ours.params)


def test_a_new_head_is_named_and_begins_as_a_new_model_does(both: Both, tmp_path: Path) -> None:
    _, ours = both("BigBirdForMaskedLM")
    ours.save_pretrained(tmp_path / "saved")
    with pytest.warns(NewWeightsWarning, match=r"not in the checkpoint and new: classifier\.dense"):
        model = bb.FlaxBigBirdForSequenceClassification.from_pretrained(tmp_path / "saved", num_labels=5)
    head = flat(model.params["classifier"])
    assert head["out_proj/kernel"].shape == (16, 5)
    assert 0.01 < head["dense/kernel"].std() < 0.03
    assert not head["dense/bias"].any()
    assert_same(model.params["bert"], ours.params["bert"])


def test_parameters_may_be_kept_apart_from_the_model(both: Both, tmp_path: Path) -> None:
    _, ours = both("BigBirdModel")
    ours.save_pretrained(tmp_path / "saved")
    model, params = bb.FlaxBigBirdModel.from_pretrained(tmp_path / "saved", _do_init=False)
    assert_same(params, ours.params)
    with pytest.raises(ValueError, match="_do_init=False"):
        model.params  # noqa: B018
    new = model.init_weights(jax.random.key(1), (1, 8), params={"pooler": params["pooler"]})
    assert flat(new).keys() == flat(params).keys()
    assert_same(new["pooler"], params["pooler"])


def test_a_new_model_s_parameters_follow_from_its_seed() -> None:
    config = bb.BigBirdConfig(**CONFIG)
    one, same, other = (bb.FlaxBigBirdModel(config, seed=seed) for seed in (0, 0, 1))
    assert_same(one.params, same.params)
    words = one.params["embeddings"]["word_embeddings"]["embedding"]
    assert np.abs(words - other.params["embeddings"]["word_embeddings"]["embedding"]).max() > 0.01
    assert not words[config.pad_token_id].any()
    with pytest.raises(ValueError, match="the parameters lack"):
        one.params = {"embeddings": one.params["embeddings"]}


def test_types_change_where_a_mask_lets_them() -> None:
    model = bb.FlaxBigBirdModel(bb.BigBirdConfig(**CONFIG))
    mask = jax.tree.map(lambda value: value.ndim == 2, model.params)
    half = model.to_bf16(model.params, mask)
    assert half["pooler"]["kernel"].dtype == jnp.bfloat16
    assert half["pooler"]["bias"].dtype == jnp.float32
    assert model.to_fp32(half)["pooler"]["kernel"].dtype == jnp.float32
    assert model.to_fp16(half)["pooler"]["kernel"].dtype == jnp.float16


class Categories(FlaxBigBirdForQuestionAnsweringModule):
    """A user's own module: a fourth score from the pooled token."""

    add_pooling_layer: bool = True

    def setup(self) -> None:
        super().setup()
        self.category = nn.Dense(5)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        outputs = super().__call__(*args, **kwargs)
        return (*outputs[:2], self.category(outputs[2]))


class WithCategories(bb.FlaxBigBirdForQuestionAnswering):  # type: ignore[misc]
    module_class = Categories


def test_a_module_may_be_subclassed_saved_and_opened(tmp_path: Path) -> None:
    model = WithCategories(bb.BigBirdConfig(**CONFIG))
    start, end, category = model(np.ones((2, 11), dtype=int))
    assert (start.shape, end.shape, category.shape) == ((2, 11), (2, 11), (2, 5))
    model.save_pretrained(tmp_path / "saved", safe_serialization=False)
    assert_same(WithCategories.from_pretrained(tmp_path / "saved").params, model.params)


def test_outputs_go_by_name_and_position_and_as_tuples(both: Both) -> None:
    _, ours = both("BigBirdModel", num_hidden_layers=1)
    ids = np.ones((1, 8), dtype=int)
    output = ours(ids)
    assert output.keys() == ["last_hidden_state", "pooler_output"]
    assert output["pooler_output"] is output[1] is output.to_tuple()[1]
    assert len(output[:2]) == len(output) == 2
    assert isinstance(ours(ids, return_dict=False), tuple)
    assert len(jax.tree.leaves(output)) == 2


@pytest.mark.parametrize(
    ("inputs", "error", "match"),
    [
        ({"input_ids": np.full((1, 5), 80)}, ModelError, "input_ids hold 80, but the model's vocab_size is 80"),
        ({"input_ids": np.ones((1, 257), dtype=int)}, ModelError, "257 tokens is longer than the model's 256"),
        ({"input_ids": np.ones(5, dtype=int)}, ValueError, "takes 2 dimensions"),
        ({"attention_mask": np.ones((1, 4))}, ValueError, r"attention_mask has shape \[1, 4\], the input \[1, 8\]"),
        ({"token_type_ids": np.ones((1, 4))}, ValueError, r"token_type_ids has shape \[1, 4\]"),
        ({"head_mask": np.ones(3)}, ValueError, r"head_mask has shape \[3\]"),
        ({"encoder_hidden_states": np.ones((1, 8, 16))}, ValueError, "must say add_cross_attention"),
    ],
)
def test_a_wrong_input_is_named(inputs: dict[str, Any], error: type[Exception], match: str) -> None:
    model = bb.FlaxBigBirdModel(bb.BigBirdConfig(**CONFIG))
    with pytest.raises(error, match=match):
        model(**{"input_ids": np.ones((1, 8), dtype=int), **inputs})


def test_a_decoder_s_config_is_no_encoder_s() -> None:
    with pytest.raises(ModelError, match="describes a decoder"):
        bb.FlaxBigBirdForTokenClassification(bb.BigBirdConfig(**CONFIG, is_decoder=True))
