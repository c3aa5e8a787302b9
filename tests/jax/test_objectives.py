"""Every head is trained on PyTorch's loss, and predicts what PyTorch's does, however a batch is split and filled."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flax", reason="needs the extra bigbird-cli[jax]")

import jax

from bigbird_cli.bigbird.heads import HEADS as SPECS
from bigbird_cli.bigbird.heads import IGNORED
from bigbird_cli.errors import UsageError
from bigbird_cli.jax import objectives
from bigbird_cli.jax.batches import Buckets, fill, narrowed
from bigbird_cli.jax.devices import Placement, pick_devices
from bigbird_cli.jax.objectives import head_named
from bigbird_cli.jax.parameters import Names
from bigbird_cli.jax.predict import Predictor
from bigbird_cli.pytorch.predict import Predictor as TorchPredictor
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.padding import n_targets, pad
from tests.pytorch.test_objectives import HEAD_OF, KINDS, built, features, loss_in_parts


def opened(kind: str, folder: Path) -> tuple[Any, Any]:
    """The same weights in both frameworks."""
    theirs = built(kind).eval()
    theirs.save_pretrained(folder)
    return theirs, head_named(HEAD_OF.get(kind, kind)).model.from_pretrained(folder, from_pt=True, trained=True)


def own_loss(kind: str, model: Any, batch: list[Feature], cuts: list[int]) -> tuple[float, dict[str, np.ndarray]]:
    """Loss and gradients of a batch, cut into passes; the last of them is filled up with rows."""
    head, names = HEAD_OF.get(kind, kind), Names(model.config)
    objective = head_named(head).objective(model.module, SPECS[head])
    buckets, per_token = Buckets.of(model.config, n_devices=4), SPECS[head].has_token_labels
    totals, whole = n_targets(batch, per_token=per_token), 0.0
    gradient: dict[str, Any] = {}
    run = jax.jit(jax.value_and_grad(objective.loss), static_argnames=("deterministic", "are_long"))
    for low, high in pairwise([0, *cuts, len(batch)]):
        filled = fill(pad(batch[low:high], pad_id=0, per_token=per_token), buckets, pad_id=0)
        arrays = narrowed(objective.prepare(filled.arrays, buckets))
        share, own = run(model.params, arrays, totals, deterministic=True, are_long=filled.are_long)
        whole += float(share)
        for name, x in names.named(own).items():
            gradient[name] = gradient.get(name, 0.0) + np.asarray(names.turned(name, x))
    return whole, gradient


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_gradient_are_pytorchs(kind: str, tmp_path: Path) -> None:
    theirs, model = opened(kind, tmp_path)
    want, of_theirs = loss_in_parts(kind, theirs, [])
    loss, gradient = own_loss(kind, model, features(kind), [4])
    assert loss == pytest.approx(want, rel=1e-5)
    assert gradient.keys() == of_theirs.keys()
    for name, value in of_theirs.items():
        np.testing.assert_allclose(gradient[name], value.numpy(), rtol=1e-4, atol=2e-6, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_predictions_are_pytorchs(kind: str, tmp_path: Path) -> None:
    theirs, model = opened(kind, tmp_path)
    head, batch = HEAD_OF.get(kind, kind), features(kind)
    if head == "embedding":
        batch = [Feature(each.ids, each.types, {}, each.example) for each in batch]
    predictor = Predictor(model.module, lambda: model.params, head=head, placement=Placement(pick_devices("cpu")[:1]))
    want = TorchPredictor(theirs, head=head).predict(batch, batch_size=4)
    for (_, ours), (each, wanted) in zip(predictor.predict(batch, batch_size=4), want, strict=True):
        assert ours.keys() == wanted.keys()
        for name, array in wanted.items():
            assert (ours[name].dtype, ours[name].shape) == (array.dtype, array.shape), name
            np.testing.assert_allclose(ours[name], array, rtol=1e-5, atol=2e-5, err_msg=f"{name} of {len(each)}")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["masked_lm", "causal_lm"])
def test_a_vocabulary_too_large_for_all_targets_at_once_gives_the_same_loss(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, model = opened(kind, tmp_path)
    at_once = own_loss(kind, model, features(kind), [])
    monkeypatch.setattr(objectives, "SCORES_AT_ONCE", 1000)  # three or four targets of each row at a time
    in_parts = own_loss(kind, model, features(kind), [])
    assert in_parts[0] == pytest.approx(at_once[0], rel=1e-6)
    for name, value in at_once[1].items():
        np.testing.assert_allclose(in_parts[1][name], value, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_where_labels_are_left_open_the_loss_is_that_of_any_of_them(tmp_path: Path) -> None:
    _, model = opened("token_labels", tmp_path)
    allowed = [[0, 2], [1], [], [0, 1, 2]]
    labels = np.array([tags[0] if tags else -100 for tags in allowed], dtype=np.int32)
    bits = np.array([sum(1 << tag for tag in tags) for tags in allowed], dtype=np.int64)
    ids = np.arange(5, 9, dtype=np.int32)
    whole = Feature(ids, np.zeros(4, dtype=np.int8), {"labels": labels, "allowed": bits}, 0)
    loss, _ = own_loss("token_labels", model, [whole], [])
    p = np.asarray(jax.nn.softmax(model(ids[None]).logits[0]))
    assert loss == pytest.approx(-np.log([p[0, 0] + p[0, 2], p[1, 1], p[3].sum()]).sum() / 3, rel=1e-5)


def test_a_label_beyond_the_32nd_may_be_left_open() -> None:
    objective = head_named("token_labels").objective(None, SPECS["token_labels"])
    arrays = {"labels": np.array([[0, IGNORED]]), "allowed": np.array([[1 << 40 | 1, 0]])}
    found = objective.prepare(arrays, Buckets(8, 8, 8))["allowed"]
    assert found.tolist() == [[[1, 1 << 8], [2**32 - 1, 2**32 - 1]]]


def test_a_head_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="no head is called 'qaa'"):
        head_named("qaa")
