"""The table of heads names what the classes of this program have, and finds a layer in every naming."""

import pytest
import torch

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.heads import HEADS, head_of_class
from bigbird_cli.bigbird.names import (
    FLAX_TO_BIGBIRD,
    PREFIX,
    TENSORFLOW_TO_BIGBIRD,
    TIED,
    TRIVIA_QA_TO_BIGBIRD,
    count_layers,
    expand,
    expected_names,
    head_of,
    layer_of,
    name_among,
)
from bigbird_cli.errors import ModelError
from bigbird_cli.pytorch import objectives

TINY = BigBirdConfig(
    vocab_size=90,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=24,
    max_position_embeddings=40,
    num_labels=3,
)


@pytest.mark.parametrize("head", objectives.HEADS)
def test_a_class_has_the_parameters_that_the_table_gives_its_head(head: str) -> None:
    spec, kind = HEADS[head], objectives.HEADS[head].model
    with torch.device("meta"):
        built = {name: tuple(value.shape) for name, value in kind(TINY).named_parameters()}
    of_head = {name: shape for name, shape in built.items() if not name.startswith(PREFIX)}
    named = {name: shape for name, shape in expected_names(TINY, head).items() if not name.startswith(PREFIX)}
    assert of_head == {name: shape for name, shape in named.items() if name not in TIED}
    assert spec.class_name == kind.__name__
    assert head_of_class(kind.__name__) == head


@pytest.mark.parametrize("head", HEADS)
def test_a_head_is_found_by_its_class_and_its_names(head: str) -> None:
    assert head_of(expected_names(TINY, head), HEADS[head].class_name) == head


def test_the_parameters_of_labels_are_those_with_a_row_a_label() -> None:
    assert HEADS["document_labels"].label_parameters == ("classifier.out_proj.weight", "classifier.out_proj.bias")
    assert HEADS["span"].label_parameters == ()


@pytest.mark.parametrize("table", [FLAX_TO_BIGBIRD, TENSORFLOW_TO_BIGBIRD, TRIVIA_QA_TO_BIGBIRD])
def test_the_layer_of_a_name_is_the_same_in_every_naming(table: dict[str, str]) -> None:
    in_layers = {theirs: ours for theirs, ours in table.items() if "{}" in theirs}
    assert in_layers
    for theirs, ours in in_layers.items():
        assert layer_of(theirs.format(11)) == layer_of(ours.format(11)) == 11
    assert {layer_of(name) for name in table.keys() - in_layers.keys()} == {None}
    assert count_layers(expand(table, 3)) == 3


@pytest.mark.parametrize("name", ["encoder.layer.x.output", "my.encoder.layer.1.output", "encoder.layer.1"])
def test_what_is_in_no_layer_has_none(name: str) -> None:
    assert layer_of(name) is None


def test_more_layers_than_tensors_are_refused() -> None:
    with pytest.raises(ModelError, match="a layer has the number 999999999, and the folder has 1 tensor"):
        count_layers(["encoder.layer.999999999.output.dense.bias"])


@pytest.mark.parametrize("name", ["pooler.bias", "bert.pooler.bias"])
def test_a_name_is_found_with_the_prefix_and_without(name: str) -> None:
    assert name_among(name, {"pooler.bias"}) == "pooler.bias"
    assert name_among(name, {"bert.pooler.bias"}) == "bert.pooler.bias"
    assert name_among(name, {}) == name
