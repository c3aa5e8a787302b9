"""A decoder attends to nothing ahead, and goes on from a cache as if it had read all at once."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flax", reason="needs the extra bigbird-cli[jax]")

import torch

Both = Callable[..., tuple[Any, Any]]
S = 150


def test_tokens_after_a_cache_score_as_in_the_whole_text(both: Both) -> None:
    theirs, ours = both("BigBirdForCausalLM")
    ids = np.random.RandomState(0).randint(1, 60, (2, S))
    mask = np.ones((2, S), dtype=int)
    mask[0, :5] = 0  # a shorter prompt
    wanted = theirs(torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).logits.detach().numpy()

    cache, parts = ours.init_cache(2, S), []
    for part in (ids[:, :100], ids[:, 100:149], ids[:, 149:]):  # the last a token by itself
        output = ours(part, attention_mask=mask, past_key_values=cache)
        cache = output.past_key_values
        parts.append(output.logits)
    found = np.concatenate(parts, axis=1)
    np.testing.assert_allclose(found[mask == 1], wanted[mask == 1], atol=2e-5)
    with pytest.raises(ValueError, match="holds 150 tokens and has room for 152, not for 3 more"):
        ours(ids[:, :3], past_key_values=cache)


def test_what_comes_later_changes_nothing(both: Both) -> None:
    _, ours = both("BigBirdForCausalLM", num_hidden_layers=1)
    ids = np.random.RandomState(0).randint(1, 60, (1, S))
    changed = np.where(np.arange(S) == S - 20, 61, ids)
    before, after = ours(ids).logits, ours(changed).logits
    np.testing.assert_array_equal(before[:, : S - 20], after[:, : S - 20])
    assert np.abs(before - after)[:, S - 20 :].max() > 0.1


def test_cross_attention_and_its_weights_are_those_of_pytorch(both: Both) -> None:
    theirs, ours = both("BigBirdForCausalLM", is_decoder=True, add_cross_attention=True, num_hidden_layers=1)
    generator = np.random.RandomState(0)
    ids, states = generator.randint(1, 60, (2, 11)), generator.randn(2, 7, 16).astype("float32")
    states_mask = np.ones((2, 7), dtype=int)
    states_mask[1, 4:] = 0
    output = ours(ids, encoder_hidden_states=states, encoder_attention_mask=states_mask, output_attentions=True)
    wanted = theirs(
        torch.from_numpy(ids),
        encoder_hidden_states=torch.from_numpy(states),
        encoder_attention_mask=torch.from_numpy(states_mask),
        output_attentions=True,
    )
    np.testing.assert_allclose(output.logits, wanted.logits.detach().numpy(), atol=2e-5)
    np.testing.assert_allclose(output.cross_attentions[0], wanted.cross_attentions[0].detach().numpy(), atol=1e-5)


def test_an_encoder_has_no_cache(both: Both) -> None:
    _, ours = both("BigBirdModel", num_hidden_layers=1)
    with pytest.raises(ValueError, match="a cache is for decoders"):
        ours.init_cache(1, 8)
