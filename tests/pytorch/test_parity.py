"""Our models give what transformers' BigBird gives for the same weights, trap by trap.

transformers reads with other random blocks than it was pretrained with: in evaluation every random slot names block 0
(`transformers-eval`), in training it draws (`transformers`). It also gives all documents of a batch the batch's length.
"""

import logging

import pytest
import torch
import transformers
from transformers import BigBirdForMaskedLM as TheirMaskedLM
from transformers import BigBirdForQuestionAnswering as TheirQuestionAnswering
from transformers import BigBirdModel as TheirModel

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.pytorch.model import BigBirdModel
from bigbird_cli.pytorch.models import BigBirdForMaskedLM, BigBirdForQuestionAnswering

LENGTHS = [50, 703, 704, 705, 960, 1024, 1025, 2048, 3072, 4096]
VARIANTS = ["transformers", "transformers-eval"]
PAIRS = {
    BigBirdModel: TheirModel,
    BigBirdForQuestionAnswering: TheirQuestionAnswering,
    BigBirdForMaskedLM: TheirMaskedLM,
}


@pytest.fixture(autouse=True)
def _quiet_transformers() -> None:
    logging.getLogger("transformers").setLevel(logging.ERROR)


def twins(kind: type, variant: str, **changes: object) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Build one of transformers' models with random weights, and ours with the same."""
    settings = {
        "vocab_size": 120,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.2,
        **changes,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = PAIRS[kind](transformers.BigBirdConfig(**settings))
    theirs.train(variant == "transformers")
    ours = kind(BigBirdConfig.from_dict({**theirs.config.to_dict(), "pattern": variant})).eval()
    ours.load_tensors(
        {n: v.numpy() for n, v in theirs.state_dict().items() if kind is BigBirdModel or ".pooler." not in n}, where="-"
    )
    return theirs, ours


def batch(n_tokens: int, *, padded: bool) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(5, 120, (2, n_tokens), generator=torch.Generator().manual_seed(n_tokens))
    mask = torch.ones(2, n_tokens, dtype=torch.long)
    if padded:
        mask[1, n_tokens - n_tokens // 3 :] = 0
    return ids, mask


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("n_tokens", LENGTHS)
@pytest.mark.parametrize("padded", [False, True], ids=["unpadded", "padded"])
def test_encoder_gives_what_transformers_gives(variant: str, n_tokens: int, padded: bool) -> None:
    theirs, ours = twins(BigBirdModel, variant)
    ids, mask = batch(n_tokens, padded=padded)
    with torch.no_grad():
        want = theirs(input_ids=ids, attention_mask=mask)
        got = ours(input_ids=ids, attention_mask=mask)
    real = mask.bool()
    assert (got.last_hidden_state - want.last_hidden_state)[real].abs().max() < 1e-5
    assert (got.pooler_output - want.pooler_output).abs().max() < 1e-5


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("n_tokens", [50, 705])
def test_question_answering_logits_and_loss_are_those_of_transformers(variant: str, n_tokens: int) -> None:
    theirs, ours = twins(BigBirdForQuestionAnswering, variant, hidden_act="gelu")
    ids, mask = batch(n_tokens, padded=False)
    ids[:, 8] = theirs.config.sep_token_id
    labels = {"start_positions": torch.tensor([12, 0]), "end_positions": torch.tensor([14, 0])}
    with torch.no_grad():
        want, got = (model(input_ids=ids, attention_mask=mask, **labels) for model in (theirs, ours))
    torch.testing.assert_close(got.start_logits, want.start_logits, rtol=0, atol=1e-5)
    torch.testing.assert_close(got.end_logits, want.end_logits, rtol=0, atol=1e-5)
    assert float(got.loss) == pytest.approx(float(want.loss), abs=1e-5)


def test_question_lengths_are_read_as_transformers_reads_them() -> None:
    theirs, ours = twins(BigBirdForQuestionAnswering, "transformers-eval")
    ids, mask = batch(40, padded=False)
    lengths = torch.tensor([[5], [9]])
    with torch.no_grad():
        want, got = (model(ids, attention_mask=mask, question_lengths=lengths) for model in (theirs, ours))
    torch.testing.assert_close(got.start_logits, want.start_logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("n_tokens", [50, 705])
def test_masked_lm_logits_and_loss_are_those_of_transformers(n_tokens: int) -> None:
    theirs, ours = twins(BigBirdForMaskedLM, "transformers-eval")
    ids, mask = batch(n_tokens, padded=False)
    labels = torch.where(torch.arange(n_tokens) % 7 == 0, ids, -100)
    with torch.no_grad():
        want, got = (model(input_ids=ids, attention_mask=mask, labels=labels) for model in (theirs, ours))
    torch.testing.assert_close(got.logits, want.logits, rtol=0, atol=2e-5)
    assert float(got.loss) == pytest.approx(float(want.loss), abs=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"use_bias": False},
        {"rescale_embeddings": True},
        {"hidden_act": "relu"},
        {"block_size": 16},
        {"num_random_blocks": 2},
    ],
    ids=str,
)
def test_settings_mean_what_they_mean_in_transformers(changes: dict) -> None:
    theirs, ours = twins(BigBirdModel, "transformers", **changes)
    ids, mask = batch(800, padded=True)
    with torch.no_grad():
        want, got = (model(input_ids=ids, attention_mask=mask).last_hidden_state for model in (theirs, ours))
    assert (got - want)[mask.bool()].abs().max() < 1e-5


@pytest.mark.parametrize("kind", list(PAIRS))
def test_transformers_opens_what_we_save_and_we_what_it_saves(kind: type, tmp_path: object) -> None:
    theirs, ours = twins(kind, "transformers-eval")
    ours.save_pretrained(f"{tmp_path}/ours")
    theirs.save_pretrained(f"{tmp_path}/theirs")
    ids, mask = batch(60, padded=False)
    reopened = PAIRS[kind].from_pretrained(f"{tmp_path}/ours").eval()
    with torch.no_grad():
        torch.testing.assert_close(reopened(ids, mask)[0], ours(ids, mask)[0], rtol=0, atol=1e-5)
    weights = kind(ours.config)
    if kind is BigBirdForMaskedLM:  # their file holds a pooler, which this head does not use
        with pytest.warns(UserWarning, match=r"not used: bert\.pooler"):
            weights = kind.from_pretrained(f"{tmp_path}/theirs")
    else:
        weights = kind.from_pretrained(f"{tmp_path}/theirs")
    for name, value in ours.state_dict().items():
        assert torch.equal(weights.state_dict()[name], value), name
