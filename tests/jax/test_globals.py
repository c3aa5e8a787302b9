"""Tokens chosen to be global: what they mean in PyTorch they mean in Flax."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flax", reason="needs the extra bigbird-cli[jax]")

import jax
import torch

import bigbird_cli as bb
from tests.jax.conftest import SETTINGS
from tests.jax.test_models import assert_alike, batch

Both = Callable[..., tuple[Any, Any]]


def chosen(*shape: int) -> np.ndarray:
    """The question, a token or two of the text, one of them masked; in the second document none."""
    marked = np.zeros(shape, dtype=int)
    marked[..., :6] = marked[..., 37] = marked[..., -4] = 1
    marked[1] = 0
    return marked


@pytest.mark.parametrize(
    "kind",
    [
        "BigBirdModel",
        pytest.param("BigBirdForQuestionAnswering", marks=pytest.mark.slow),
        pytest.param("BigBirdForMultipleChoice", marks=pytest.mark.slow),
    ],
)
def test_a_class_scores_with_global_tokens_as_our_pytorch_class_does(kind: str, both: Both) -> None:
    theirs, ours = both(kind, num_hidden_layers=1)
    ids, mask = batch(*((2, 3, 101) if kind.endswith("MultipleChoice") else (3, 101)))
    marked = chosen(*ids.shape)
    asked = {"output_attentions": kind == "BigBirdModel"}
    given = {"attention_mask": mask, "global_attention_mask": marked}
    wanted = theirs(torch.from_numpy(ids), **{name: torch.from_numpy(x) for name, x in given.items()}, **asked)
    output = ours(ids, **given, **asked)
    for own, other in zip(output.attentions or (), wanted.attentions or (), strict=True):
        np.testing.assert_allclose(own, other.detach().numpy(), atol=1e-5)
    assert_alike(output.replace(attentions=None), wanted, mask, atol=1e-5)


@pytest.mark.slow
def test_gradients_with_global_tokens_are_those_of_pytorch(both: Both) -> None:
    theirs, ours = both("BigBirdModel", num_hidden_layers=1)
    ids, mask = batch(3, 101)
    marked, weights = chosen(3, 101), np.random.RandomState(1).randn(3, 101, 16).astype(np.float32) * mask[..., None]
    given = {"attention_mask": torch.from_numpy(mask), "global_attention_mask": torch.from_numpy(marked)}
    (theirs(torch.from_numpy(ids), **given).last_hidden_state * torch.from_numpy(weights)).sum().backward()

    def score(params: Any) -> jax.Array:
        states = ours(ids, mask, params=params, global_attention_mask=marked).last_hidden_state
        return (states * weights).sum()

    found = jax.grad(score)(ours.params)["encoder"]["layer"]["0"]["attention"]["self"]
    for name in ("query", "key", "value"):
        wanted = getattr(theirs.encoder.layer[0].attention.self, name).weight.grad.numpy().T
        np.testing.assert_allclose(found[name]["kernel"], wanted, atol=1e-4 * np.abs(wanted).max(), err_msg=name)


@pytest.mark.slow
def test_a_program_is_told_how_many_tokens_are_global(both: Both) -> None:
    _, ours = both("BigBirdModel", num_hidden_layers=1)
    ids, mask = batch(3, 101)

    def encode(marked: Any, **options: Any) -> Any:
        given = {"global_attention_mask": marked, **options}
        return ours.module.apply({"params": ours.params}, ids, mask, **given).last_hidden_state

    marked = chosen(3, 101)
    found = jax.jit(lambda marked: encode(marked, most_globals=10))(marked)
    wanted = ours(ids, mask, global_attention_mask=marked).last_hidden_state
    np.testing.assert_allclose(found[mask == 1], wanted[mask == 1], atol=1e-5)
    with pytest.raises(ValueError, match="give the module most_globals="):
        jax.eval_shape(encode, marked)


@pytest.mark.parametrize(
    ("changes", "shape", "why"),
    [
        ({}, (1, 19), "global_attention_mask has shape"),
        ({"is_decoder": True}, (1, 20), "global_attention_mask is for encoders"),
    ],
)
def test_what_cannot_be_global_is_refused(changes: dict[str, Any], shape: tuple[int, ...], why: str) -> None:
    model = bb.FlaxBigBirdModel(bb.BigBirdConfig(**{**SETTINGS, **changes}), _do_init=False)
    with pytest.raises(ValueError, match=why):
        model(np.ones((1, 20), dtype=int), params={}, global_attention_mask=np.ones(shape, dtype=int))
