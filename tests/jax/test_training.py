"""The usual training step: a TrainState, value_and_grad, optax, a batch spread over the devices."""

import os
import re
import subprocess
import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flax", reason="needs the extra bigbird-cli[jax]")

import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import bigbird_cli as bb
from tests.jax.conftest import SETTINGS, XLA_FLAGS


@pytest.mark.slow
def test_a_step_lowers_the_loss_and_devices_exchange_gradients_alone() -> None:
    if jax.device_count() < 2:  # a test before this one opened jax without the flags, and devices stay what they are
        command = [sys.executable, "-m", "pytest", "-q", "-m", "slow", __file__]
        subprocess.run(command, check=True, env={**os.environ, "XLA_FLAGS": " ".join(XLA_FLAGS)})
        return
    config = bb.BigBirdConfig(**{**SETTINGS, "num_hidden_layers": 1, "hidden_dropout_prob": 0.1, "num_labels": 2})
    model = bb.FlaxBigBirdForSequenceClassification(config)
    state = TrainState.create(apply_fn=model.__call__, params=model.params, tx=optax.adamw(1e-2))
    ids = np.random.RandomState(0).randint(1, 60, (4, 101))
    mask = np.ones((4, 101), dtype=int)
    mask[1, 50:] = 0
    batch = {"input_ids": jnp.asarray(ids), "attention_mask": jnp.asarray(mask)}

    def step(state: TrainState, batch: dict[str, Any], labels: jax.Array, rng: jax.Array) -> tuple[TrainState, Any]:
        def loss(params: Any) -> jax.Array:
            logits = state.apply_fn(**batch, params=params, dropout_rng=rng, train=True).logits
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

        value, gradients = jax.value_and_grad(loss)(state.params)
        return state.apply_gradients(grads=gradients), value

    mesh = Mesh(np.array(jax.devices()), ("batch",))
    spread, everywhere = NamedSharding(mesh, PartitionSpec("batch")), NamedSharding(mesh, PartitionSpec())
    batch, labels = jax.device_put((batch, jnp.array([0, 1, 0, 1])), spread)
    state = jax.device_put(state, everywhere)
    compiled = jax.jit(step, donate_argnums=0).lower(state, batch, labels, jax.random.key(0)).compile()
    exchanges = r" (all-gather|all-reduce|all-to-all|collective-permute)\("
    assert set(Counter(re.findall(exchanges, compiled.as_text() or ""))) == {"all-reduce"}
    losses = []
    for number in range(10):
        state, value = compiled(state, batch, labels, jax.random.key(number))
        losses.append(float(value))
    assert losses[-1] < 0.7 * losses[0]
