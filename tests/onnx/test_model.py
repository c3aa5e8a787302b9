"""A graph computes what the PyTorch model computes, for documents of every length, whatever they are padded with."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bigbird_cli.errors import ModelError
from bigbird_cli.onnx.model import GRAPHS, INPUTS, model_graph
from bigbird_cli.onnx.sessions import Session, signed_products_fit
from bigbird_cli.weights.int8 import quantized
from tests.onnx.graphs import batch, build, expected, largest_difference, open_graph, places

EXACT = 2e-5


@pytest.mark.parametrize("head", GRAPHS)
def test_every_head_gives_a_document_of_a_batch_what_pytorch_gives_it_alone(head: str) -> None:
    model = build(head)
    mixed = batch(70, 45, 44, 61, 7, choices=head == "choices")
    assert largest_difference(open_graph(model, head), model, head, mixed) < EXACT


@pytest.fixture(scope="module")
def spans() -> tuple[Any, Session]:
    """A model whose lengths are also those with a plan of their own: 1024 tokens are 16 blocks of 64 or 256 of 4."""
    model = build("span", max_position_embeddings=1100)
    return model, open_graph(model, "span")


@pytest.mark.parametrize("n_tokens", [3, 4, 5, 43, 44, 45, 48, 99, 1023, 1024, 1025, 1100])
def test_one_graph_is_right_at_every_length(spans: tuple[Any, Session], n_tokens: int) -> None:
    model, session = spans
    assert largest_difference(session, model, "span", batch(n_tokens)) < EXACT


def test_documents_of_special_and_other_lengths_share_a_batch(spans: tuple[Any, Session]) -> None:
    model, session = spans
    assert largest_difference(session, model, "span", batch(1024, 1040, 20, 700)) < EXACT


@pytest.mark.parametrize(
    "changes",
    [
        {"attention_type": "original_full"},
        {"max_position_embeddings": 40},
        {"max_position_embeddings": 70},
        {"num_random_blocks": 0},
        {"num_random_blocks": 1, "num_window_blocks": 5},
        {"use_bias": False, "rescale_embeddings": True},
        {"hidden_act": "gelu_new"},
        {"hidden_act": "relu"},
        {"hidden_act": "silu"},
        {"hidden_act": "tanh"},
        {"sep_token_id": None},
    ],
    ids=str,
)
def test_what_a_config_says_is_in_the_graph(changes: dict[str, Any]) -> None:
    model = build("span", **changes)
    lengths = (30, 40) if changes.get("max_position_embeddings") == 40 else (70, 45, 20)
    inputs = batch(*lengths)
    assert largest_difference(open_graph(model, "span"), model, "span", inputs) < EXACT


@pytest.mark.parametrize("pattern", ["transformers", "transformers-eval"])
def test_the_patterns_of_transformers_treat_all_documents_as_the_batch_is_long(pattern: str) -> None:
    model = build("none", pattern=pattern, max_position_embeddings=1100)
    session = open_graph(model, "none")
    for n_tokens in (44, 70, 1024):
        assert largest_difference(session, model, "none", batch(n_tokens)) < EXACT


def test_an_encoder_gives_states_and_embeddings_too() -> None:
    model: Any = build("embedding")
    none: Any = build("none")
    bare = getattr(none, "bert", none)
    bare.load_state_dict(model.bert.state_dict(), strict=False)
    inputs = batch(70, 9)
    found = open_graph(bare, "none").run(inputs)["embedding"]
    np.testing.assert_allclose(found, expected(model, "embedding", inputs)["embedding"], rtol=0, atol=EXACT)


def in_8_bits(head: str, *, signed: bool = False) -> tuple[Any, Session]:
    model = build(head, initializer_range=0.1)
    tensors = quantized({name: array.astype(np.float32) for name, array in model.to_tensors().items()})
    graph = model_graph(model.config, head, places(tensors), signed=signed)
    return model, Session(graph, tensors, threads=1)


def test_products_in_8_bits_are_near_the_exact_ones() -> None:
    model, session = in_8_bits("token_labels")
    inputs = batch(70, 45, 7)
    exact = open_graph(model, "token_labels").run(inputs)["logits"]
    differences = np.abs(session.run(inputs)["logits"] - exact)
    assert 0 < differences.mean() < 0.05 * exact.std()


def test_products_with_signs_are_the_same_where_they_fit() -> None:
    if not signed_products_fit():
        pytest.skip("this processor has no VNNI")
    inputs = batch(70, 45, 7)
    without, with_signs = (in_8_bits("span", signed=signed)[1].run(inputs) for signed in (False, True))
    for name in without:
        np.testing.assert_array_equal(with_signs[name], without[name])


def test_in_8_bits_a_document_does_not_depend_on_its_mates() -> None:
    _, session = in_8_bits("token_labels")
    inputs = batch(70, 70)
    inputs["input_ids"][1] = inputs["input_ids"][1, ::-1]
    both = session.run(inputs)["logits"]
    alone = session.run({name: array[:1] for name, array in inputs.items()})["logits"]
    np.testing.assert_array_equal(both[:1], alone)


def test_an_input_longer_than_the_positions_is_never_cut(spans: tuple[Any, Session]) -> None:
    _, session = spans
    with pytest.raises(Exception, match="out of data bounds"):
        session.run(batch(1101))


@pytest.mark.parametrize(
    ("head", "changes", "message"),
    [
        ("masked_lm", {}, "no graph is made of a model with the head masked_lm"),
        ("span", {"is_decoder": True}, "no graph is made of a decoder"),
    ],
)
def test_a_model_without_a_graph_is_an_error(head: str, changes: dict[str, Any], message: str) -> None:
    config = build("span").config.replace(**changes)
    with pytest.raises(ModelError, match=message):
        model_graph(config, head, {})


def test_a_damaged_graph_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match=r"model\.onnx: onnxruntime .* cannot read the graph"):
        Session(tmp_path / "model.onnx")


def test_a_graph_takes_ids_mask_and_types() -> None:
    assert INPUTS == ("input_ids", "attention_mask", "token_type_ids")
