"""Every Flax class computes what our PyTorch class computes with the same weights."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flax", reason="needs the extra bigbird-cli[jax]")

import jax
import jax.numpy as jnp
import torch
from flax.traverse_util import flatten_dict

import bigbird_cli as bb
from bigbird_cli.weights.formats.flax import from_flax

Both = Callable[..., tuple[Any, Any]]

KINDS = [
    "BigBirdModel",
    "BigBirdForPreTraining",
    "BigBirdForCausalLM",
    "BigBirdForMaskedLM",
    "BigBirdForSequenceClassification",
    "BigBirdForMultipleChoice",
    "BigBirdForTokenClassification",
    "BigBirdForQuestionAnswering",
]
SEP = 66


def batch(*shape: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Documents of which one is half as long as the others, and one has holes, behind a question of six tokens."""
    ids = np.random.RandomState(seed).randint(1, 60, shape)
    ids[..., 5] = SEP
    mask = np.ones(shape, dtype=int)
    mask[0, ..., shape[-1] // 2 :] = 0
    mask[1, ..., 7:10] = 0
    return ids, mask


def assert_alike(output: Any, wanted: Any, mask: np.ndarray | None, *, atol: float = 2e-5) -> None:
    """The same fields with the same values, wherever a token stands."""
    compared = 0
    for name, value in output.items():
        ours, theirs = (
            np.asarray(value),
            getattr(wanted, name.replace("pooled_output", "pooler_output")).detach().numpy(),
        )
        assert ours.shape == theirs.shape, name
        if mask is not None and ours.shape[: mask.ndim] == mask.shape:
            there = mask.astype(bool)
            ours, theirs = ours[there], theirs[there]
        np.testing.assert_allclose(ours, theirs, atol=atol, rtol=1e-5, err_msg=name)
        compared += 1
    assert compared


@pytest.mark.parametrize("kind", KINDS)
def test_a_class_scores_as_our_pytorch_class_does(kind: str, both: Both) -> None:
    theirs, ours = both(kind, num_hidden_layers=1)
    ids, mask = batch(*((2, 3, 101) if kind.endswith("MultipleChoice") else (3, 101)))
    wanted = theirs(torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))
    assert_alike(ours(ids, attention_mask=mask), wanted, mask)


@pytest.mark.parametrize(
    ("n_tokens", "masked"),
    [
        (9, True),
        (72, True),
        (73, True),
        (256, False),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in ((1, False), (80, False), (80, True), (81, True))),
    ],
)
def test_any_length_gives_the_states_of_pytorch(n_tokens: int, masked: bool, both: Both) -> None:
    theirs, ours = both("BigBirdModel", num_hidden_layers=1)
    ids = np.random.RandomState(0).randint(1, 60, (2, n_tokens))
    mask = np.ones((2, n_tokens), dtype=int)
    mask[0, 2:4] = mask[1, -n_tokens // 3 :] = 0
    given = torch.from_numpy(mask) if masked else None
    output = ours(ids, attention_mask=mask if masked else None)
    assert_alike(output, theirs(torch.from_numpy(ids), attention_mask=given), mask if masked else None)


@pytest.mark.parametrize(
    "changes",
    [
        {"attention_type": "original_full"},
        {"use_bias": False, "rescale_embeddings": True, "hidden_act": "gelu", "tie_word_embeddings": False},
        {"num_window_blocks": 5, "num_random_blocks": 1, "pad_token_id": None},
        {"pattern": "transformers-eval"},
        pytest.param({"pattern": "transformers"}, marks=pytest.mark.slow),
        pytest.param({"is_decoder": True}, marks=pytest.mark.slow),
    ],
    ids=lambda changes: "-".join(changes),
)
def test_a_config_means_the_same(changes: dict[str, Any], both: Both) -> None:
    with pytest.warns(bb.BigBirdWarning) if "is_decoder" in changes else nullcontext():
        theirs, ours = both("BigBirdForMaskedLM", num_hidden_layers=1, **changes)
    ids, mask = batch(2, 105)
    wanted = theirs(torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))
    assert_alike(ours(ids, attention_mask=mask), wanted, mask)


def test_states_and_attention_weights_are_those_of_pytorch(both: Both) -> None:
    theirs, ours = both("BigBirdModel")
    ids, mask = batch(3, 90)
    asked = {"output_attentions": True, "output_hidden_states": True}
    head_mask = np.array([[1.0, 0.5], [0.0, 1.0]], dtype=np.float32)
    output = ours(ids, attention_mask=mask, head_mask=head_mask, **asked)
    wanted = theirs(
        torch.from_numpy(ids), attention_mask=torch.from_numpy(mask), head_mask=torch.from_numpy(head_mask), **asked
    )
    there = mask.astype(bool)
    for own, other in zip(output.hidden_states, wanted.hidden_states, strict=True):
        np.testing.assert_allclose(own[there], other.detach().numpy()[there], atol=1e-5)
    for own, other in zip(output.attentions, wanted.attentions, strict=True):
        np.testing.assert_allclose(own, other.detach().numpy(), atol=1e-5)


def test_a_document_s_result_does_not_depend_on_its_batch(both: Both) -> None:
    _, ours = both("BigBirdForTokenClassification", num_hidden_layers=1)
    ids, mask = batch(3, 140)
    together = ours(ids, attention_mask=mask).logits
    for row, length in enumerate((70, 140, 140)):
        alone = ours(ids[row : row + 1, :length], attention_mask=mask[row : row + 1, :length]).logits
        there = mask[row, :length].astype(bool)
        np.testing.assert_allclose(alone[0][there], together[row, :length][there], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("gradient_checkpointing", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_gradients_are_those_of_pytorch(gradient_checkpointing: bool, both: Both) -> None:
    theirs, ours = both("BigBirdForMaskedLM")
    if gradient_checkpointing:
        ours.enable_gradient_checkpointing()
    ids, mask = batch(3, 101)
    ids[2, 20:30] = 0  # the padding token, whose vector is not trained, where no mask says so
    labels = np.where(mask == 1, np.roll(ids, 1), -100)
    theirs(
        torch.from_numpy(ids), attention_mask=torch.from_numpy(mask), labels=torch.from_numpy(labels)
    ).loss.backward()

    def loss(params: Any) -> jax.Array:
        logits = ours(ids, attention_mask=mask, params=params, train=True).logits
        scores = jnp.take_along_axis(jax.nn.log_softmax(logits), np.maximum(labels, 0)[..., None], axis=-1)[..., 0]
        return -(scores * (labels >= 0)).sum() / (labels >= 0).sum()

    flat = flatten_dict(jax.grad(loss)(ours.params), sep="/")
    found, _, _ = from_flax({name: np.asarray(gradient) for name, gradient in flat.items()})
    for name, parameter in theirs.named_parameters():
        wanted = parameter.grad.numpy()
        assert np.isfinite(found[name]).all(), name
        np.testing.assert_allclose(found[name], wanted, atol=1e-5 * max(1e-2, np.abs(wanted).max()), err_msg=name)


def test_modules_run_under_jit_and_vmap_as_in_a_batch(both: Both) -> None:
    _, ours = both("BigBirdForSequenceClassification", num_hidden_layers=1)
    ids, mask = batch(3, 101)

    def one(ids_S: jax.Array, mask_S: jax.Array) -> jax.Array:
        return ours.module.apply({"params": ours.params}, ids_S[None], mask_S[None]).logits[0]

    mapped = jax.jit(jax.vmap(one))(jnp.asarray(ids), jnp.asarray(mask))
    np.testing.assert_allclose(mapped, ours(ids, attention_mask=mask).logits, atol=1e-5)


def test_lengths_of_as_many_blocks_share_a_program(both: Both) -> None:
    _, ours = both("BigBirdModel", num_hidden_layers=1)
    for n_tokens in (73, 75, 80):
        ours(np.ones((2, n_tokens), dtype=int))
    assert ours._run._cache_size() <= 2  # with a mask for padding, and without


@pytest.mark.slow
def test_half_precision_stays_near(both: Both) -> None:
    theirs, ours = both("BigBirdForQuestionAnswering", dtype=jnp.bfloat16, num_hidden_layers=1)
    ids, mask = batch(2, 101)
    output = ours(ids, attention_mask=mask, params=ours.to_bf16(ours.params), output_hidden_states=True)
    assert output.hidden_states[-1].dtype == jnp.bfloat16
    wanted = theirs(torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).start_logits.detach().numpy()
    open_ = wanted > -1e5
    assert np.abs(np.asarray(output.start_logits) - wanted)[open_].max() < 0.1 * np.abs(wanted[open_]).max()
    np.testing.assert_allclose(output.start_logits[~open_], -1e6, rtol=1e-4)


@pytest.mark.slow
def test_dropout_is_drawn_from_the_given_randomness(both: Both) -> None:
    rates = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "sparse_attention_dropout_prob": 0.1}
    _, ours = both("BigBirdForMaskedLM", num_hidden_layers=1, **rates)
    ids, mask = batch(3, 101)

    def logits(seed: int) -> np.ndarray:
        key = jax.random.PRNGKey(seed)
        return np.asarray(ours(ids, attention_mask=mask, train=True, dropout_rng=key).logits)

    assert (logits(0) == logits(0)).all()
    assert np.isfinite(logits(1)).all()
    assert np.abs(logits(0) - logits(1)).max() > 0.01
    with pytest.raises(ValueError, match="give a dropout_rng"):
        ours(ids, train=True)


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["transformers", "original"])
def test_random_blocks_are_drawn_from_randomness_where_the_pattern_is_transformers_alone(
    pattern: str, both: Both
) -> None:
    _, ours = both("BigBirdModel", num_hidden_layers=1, pattern=pattern)
    ids, _ = batch(2, 200)

    def states(seed: int, *, train: bool) -> np.ndarray:
        return np.asarray(ours(ids, indices_rng=jax.random.key(seed), train=train).last_hidden_state)

    np.testing.assert_array_equal(states(0, train=True), states(0, train=True))
    differs = np.abs(states(0, train=True) - states(1, train=True)).max() > 1e-3
    assert differs == (pattern == "transformers")
    np.testing.assert_array_equal(states(0, train=False), states(1, train=False))
