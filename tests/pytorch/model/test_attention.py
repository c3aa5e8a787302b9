"""What can be asked of a model besides its states: attention weights, head masks, global tokens, kept keys."""

from typing import Any

import pytest
import torch
import transformers

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import ModelError
from bigbird_cli.pytorch.model.base import BigBirdModel
from bigbird_cli.pytorch.model.encoder import Encoder
from bigbird_cli.pytorch.model.kernels import KERNELS

LENGTHS = [100, 61, 9]
"""Documents of a batch; block-sparse beyond 28 tokens."""


def model(**changes: object) -> BigBirdModel:
    settings: dict[str, Any] = {
        "vocab_size": 100,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 256,
        "block_size": 4,
        "num_random_blocks": 1,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.3,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BigBirdModel(BigBirdConfig(**{**settings, **changes})).eval()


def batch(lengths: list[int] = LENGTHS) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(5, 100, (len(lengths), max(lengths)), generator=torch.Generator().manual_seed(0))
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return ids, mask


@torch.no_grad()
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"pattern": "transformers-eval"},
        {"num_window_blocks": 5, "num_random_blocks": 0},
        {"is_decoder": True},
        {"is_decoder": True, "attention_type": "original_full"},
        {"attention_type": "original_full"},
    ],
    ids=str,
)
def test_returned_weights_sum_to_one_have_the_inputs_length_and_say_what_was_read(changes: dict) -> None:
    reader = model(**changes)
    ids, mask = batch()
    out = reader(ids, mask, output_attentions=True, output_hidden_states=True)
    assert [w.shape for w in out.attentions] == [(3, 2, 100, 100)] * 2
    assert [s.shape for s in out.hidden_states] == [(3, 100, 16)] * 3
    block: Any = reader.encoder.layer[1]
    values = block.attention.self.value(out.hidden_states[1]).unflatten(-1, (2, 8)).transpose(1, 2)
    for row, n in enumerate(LENGTHS):
        weights = out.attentions[1][row, :, :n]
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, n))
        assert (weights[:, :, n:] == 0).all()
        # the states that leave the attention are these weights' sums of the values
        read = (weights @ values[row]).transpose(0, 1).flatten(1)
        states = block.attention.output(read, out.hidden_states[1][row, :n])
        after = block.output(block.intermediate(states), states)
        torch.testing.assert_close(after, out.last_hidden_state[row, :n], rtol=0, atol=1e-5)
        assert (out.attentions[1][row, :, n:] == 0).all()


@torch.no_grad()
@pytest.mark.parametrize("changes", [{}, {"is_decoder": True}, {"attention_type": "original_full"}], ids=str)
@pytest.mark.parametrize("has_globals", [False, True])
def test_the_sparse_form_holds_the_same_weights(changes: dict, has_globals: bool) -> None:
    reader = model(**changes)
    ids, mask = batch()
    more = {"head_mask": torch.tensor([[1.0, 0.5], [2.0, 1.0]])}
    if has_globals and "is_decoder" not in changes:
        more["global_attention_mask"] = torch.arange(100).expand(3, 100) % 37 == 3
    dense = reader(ids, mask, output_attentions=True, **more).attentions
    sparse = reader(ids, mask, output_attentions="sparse", **more).attentions
    for layer in range(2):
        for row, n in enumerate(LENGTHS):
            document = sparse[layer][row]
            assert document.n_tokens == n
            torch.testing.assert_close(document.to_dense(), dense[layer][row, :, :n, :n], rtol=0, atol=1e-6)


@torch.no_grad()
def test_the_sparse_form_grows_with_the_length_not_with_its_square() -> None:
    reader = model(max_position_embeddings=4096)

    def numbers(n_tokens: int) -> int:
        document = reader(batch([n_tokens])[0], output_attentions="sparse").attentions[0][0]
        return document.weights.numel() + document.ends.numel()

    assert numbers(2000) < 2.1 * numbers(1000)


@torch.no_grad()
@pytest.mark.parametrize("attention_type", ["block_sparse", "original_full"])
def test_a_head_that_is_masked_is_not_heard(attention_type: str) -> None:
    reader = model(attention_type=attention_type)
    ids, mask = batch()
    masked = reader(ids, mask, head_mask=torch.tensor([0.0, 1.0])).last_hidden_state
    block: Any
    for block in reader.encoder.layer:
        block.attention.output.dense.weight[:, :8] = 0
    torch.testing.assert_close(masked, reader(ids, mask).last_hidden_state, rtol=0, atol=1e-6)


@torch.no_grad()
def test_a_global_token_is_heard_everywhere_and_hears_everything() -> None:
    reader = model(num_hidden_layers=1, num_random_blocks=0)
    ids, _ = batch([100])
    other = ids.clone()
    other[0, 50] = 4
    marked = torch.zeros(1, 100)
    marked[0, 50] = 1

    def differs(**more: object) -> torch.Tensor:
        a, b = (reader(x, **more).last_hidden_state for x in (ids, other))
        return (a - b)[0].abs().amax(dim=-1) > 1e-6

    assert differs(global_attention_mask=marked).all()
    assert not differs().all()


@torch.no_grad()
def test_documents_with_global_tokens_do_not_depend_on_their_batch_mates() -> None:
    reader = model()
    ids, mask = batch()
    marked = torch.zeros(3, 100)
    marked[0, :9] = marked[1, 20] = 1
    together = reader(ids, mask, global_attention_mask=marked).last_hidden_state
    for row, n in enumerate(LENGTHS):
        alone = reader(ids[row : row + 1, :n], global_attention_mask=marked[row : row + 1, :n]).last_hidden_state
        torch.testing.assert_close(together[row, :n], alone[0], rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("is_decoder", [False, True])
def test_the_gather_kernel_gives_a_model_what_the_reference_gives(
    is_decoder: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond 4,096 tokens, with positions extended, blocks of another size and a wider window."""
    reader = model(
        max_position_embeddings=4500,
        num_hidden_layers=1,
        block_size=84,
        num_window_blocks=5,
        num_random_blocks=2,
        is_decoder=is_decoder,
    )
    ids, mask = batch([4203])
    with_gather = reader(ids, mask).last_hidden_state
    monkeypatch.setitem(KERNELS, "fused", KERNELS["reference"])
    torch.testing.assert_close(with_gather, reader(ids, mask).last_hidden_state, rtol=0, atol=1e-5)


def test_sparse_dropout_is_off_by_default_and_at_work_where_set() -> None:
    ids, _ = batch([100])
    still, moving = (
        model(sparse_attention_dropout_prob=p, attention_probs_dropout_prob=0.5).train() for p in (0.0, 0.5)
    )
    assert torch.equal(still(ids).last_hidden_state, still(ids).last_hidden_state)
    assert not torch.equal(moving(ids).last_hidden_state, moving(ids).last_hidden_state)
    moving.eval()
    assert torch.equal(moving(ids).last_hidden_state, still.eval()(ids).last_hidden_state)


def test_checkpointed_gradients_are_those_without_under_dropout_too() -> None:
    ids, mask = batch()
    reader = model(sparse_attention_dropout_prob=0.3, hidden_dropout_prob=0.1).train()
    grads = []
    for switch in (reader.gradient_checkpointing_enable, reader.gradient_checkpointing_disable):
        switch()
        reader.zero_grad()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            reader(ids, mask).last_hidden_state[mask].sum().backward()
        grads.append([p.grad.clone() for p in reader.parameters() if p.grad is not None])
    for with_checkpoints, without in zip(*grads, strict=True):
        torch.testing.assert_close(with_checkpoints, without)


@torch.no_grad()
def test_feed_forward_in_parts_changes_nothing() -> None:
    ids, mask = batch()
    whole, parts = (model(chunk_size_feed_forward=n)(ids, mask).last_hidden_state for n in (0, 7))
    torch.testing.assert_close(parts[mask], whole[mask], rtol=1e-6, atol=1e-6)


@torch.no_grad()
def test_a_config_may_ask_for_weights_and_states_and_a_call_may_decline() -> None:
    reader = BigBirdModel(
        BigBirdConfig.from_dict({**model().config.to_dict(), "output_attentions": True, "output_hidden_states": True})
    ).eval()
    ids, _ = batch([50])
    out = reader(ids)
    assert len(out.attentions) == 2
    assert len(out.hidden_states) == 3
    assert reader(ids, output_attentions=False).attentions is None


def decoder(**changes: object) -> BigBirdModel:
    return model(is_decoder=True, add_cross_attention=True, **changes)


@torch.no_grad()
@pytest.mark.parametrize("n_kept", [1, 27, 28, 29, 60])
def test_a_decoder_that_reads_an_encoder_goes_on_from_its_cache(n_kept: int) -> None:
    reader = decoder()
    ids, _ = batch([70])
    encoder_states = torch.randn(1, 33, 16, generator=torch.Generator().manual_seed(1))
    encoder_mask = (torch.arange(33) < 30)[None]
    more = {"encoder_hidden_states": encoder_states, "encoder_attention_mask": encoder_mask}
    whole = reader(ids, output_attentions=True, **more)
    first = reader(ids[:, :n_kept], **more)
    rest = reader(ids[:, n_kept:], past_key_values=first.past_key_values, output_attentions=True, **more)
    torch.testing.assert_close(rest.last_hidden_state, whole.last_hidden_state[:, n_kept:], rtol=0, atol=1e-5)
    assert [len(kept) for kept in rest.past_key_values] == [4, 4]
    assert rest.past_key_values[0][2].shape == (1, 2, 33, 8)
    assert rest.attentions[0].shape == (1, 2, 70 - n_kept, 70)
    torch.testing.assert_close(rest.attentions[1], whole.attentions[1][:, :, n_kept:], rtol=0, atol=1e-5)
    assert rest.cross_attentions[0].shape == (1, 2, 70 - n_kept, 33)
    assert (rest.cross_attentions[0][..., 30:] == 0).all()


@torch.no_grad()
@pytest.mark.parametrize("n_tokens", [20, 60])
def test_a_decoder_that_reads_an_encoder_is_berts(n_tokens: int) -> None:
    """transformers' own BigBird is no oracle here: its self-attention reads the encoder's states as well."""
    ours = decoder(hidden_act="gelu")
    settings = {**ours.config.to_dict(), "model_type": "bert", "attn_implementation": "eager"}
    theirs = transformers.BertModel(transformers.BertConfig.from_dict(settings), add_pooling_layer=False).eval()
    theirs.load_state_dict({name: value for name, value in ours.state_dict().items() if "pooler" not in name})
    ids, mask = batch([n_tokens, n_tokens - 5])
    encoder_states = torch.randn(2, 33, 16, generator=torch.Generator().manual_seed(1))
    encoder_mask = torch.arange(33) < torch.tensor([33, 20])[:, None]
    inputs = {
        "attention_mask": mask.long(),
        "encoder_hidden_states": encoder_states,
        "encoder_attention_mask": encoder_mask.long(),
        "output_attentions": True,
    }
    got, want = ours(ids, **inputs), theirs(ids, **inputs)
    torch.testing.assert_close(got.last_hidden_state[mask], want.last_hidden_state[mask], rtol=0, atol=1e-5)
    for mine, other in zip(got.cross_attentions, want.cross_attentions, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-5)
    for mine, other in zip(got.attentions, want.attentions, strict=True):
        torch.testing.assert_close(mine.movedim(2, 1)[mask], other.movedim(2, 1)[mask], rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_decoder_keeps_keys_outside_training_unless_told_otherwise() -> None:
    ids, _ = batch([20])
    assert model(is_decoder=True)(ids).past_key_values.n_tokens == 20
    assert model(is_decoder=True)(ids, use_cache=False).past_key_values is None
    assert model(is_decoder=True, use_cache=False)(ids).past_key_values is None
    assert model(is_decoder=True).train()(ids).past_key_values is None
    assert model()(ids).past_key_values is None


@torch.no_grad()
@pytest.mark.parametrize(
    ("changes", "inputs", "match"),
    [
        ({}, {"use_cache": True}, "use_cache is for decoders"),
        ({}, {"encoder_hidden_states": torch.zeros(1, 3, 16)}, "encoder_hidden_states is for decoders"),
        ({"is_decoder": True}, {"encoder_hidden_states": torch.zeros(1, 3, 16)}, "must say add_cross_attention"),
        ({"is_decoder": True}, {"global_attention_mask": torch.zeros(1, 20)}, "is for encoders"),
        ({}, {"global_attention_mask": torch.zeros(1, 19)}, "global_attention_mask has shape"),
        ({}, {"head_mask": torch.ones(3)}, "head_mask has shape"),
        ({"is_decoder": True}, {"past_key_values": [(torch.zeros(1, 2, 3, 8),) * 2]}, "1 layers of 1 documents"),
    ],
)
def test_inputs_that_a_model_would_have_to_ignore_are_refused(changes: dict, inputs: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        model(**changes)(batch([20])[0], **inputs)


@torch.no_grad()
def test_a_config_may_ask_for_tuples_and_a_call_may_decline() -> None:
    reader = BigBirdModel(BigBirdConfig.from_dict({**model().config.to_dict(), "return_dict": False})).eval()
    ids, mask = batch()
    states, pooled = reader(ids, mask)
    named = reader(ids, mask, return_dict=True)
    assert torch.equal(states, named.last_hidden_state)
    assert torch.equal(pooled, named.pooler_output)


def test_ids_without_a_batch_are_refused() -> None:
    with pytest.raises(ValueError, match="input_ids has shape"):
        model()(torch.tensor([5, 6, 7]))


def test_cross_attention_takes_a_decoder() -> None:
    with pytest.raises(ModelError, match="add_cross_attention, but not is_decoder"):
        model(add_cross_attention=True)


def test_an_encoder_remembers_nothing_of_a_call() -> None:
    reader = model()
    before = {name: value for name, value in vars(reader.encoder).items() if not name.startswith("_")}
    reader(*batch())
    assert isinstance(reader.encoder, Encoder)
    assert {name: value for name, value in vars(reader.encoder).items() if not name.startswith("_")} == before
