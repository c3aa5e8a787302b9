"""Generation: what is added to which prompt, when it ends, and what chance may do."""

import itertools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.pytorch.model.generate import Shaping, generate, keep_top_k, keep_top_p, stream

PAD, EOS, VOCABULARY, POSITIONS = 0, 2, 11, 40


class Adder(nn.Module):
    """A decoder whose scores depend on the sum of all tokens so far and on how many they are.

    Its cache holds that sum; it notes how many tokens each call reads. An encoder state is added to the sum.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.config = BigBirdConfig(
            vocab_size=VOCABULARY,
            max_position_embeddings=POSITIONS,
            is_decoder=True,
            **{"pad_token_id": PAD, "eos_token_id": EOS, **config},
        )
        self.scores = torch.randn(POSITIONS, VOCABULARY, generator=torch.Generator().manual_seed(1))
        self.read: list[int] = []
        self.eval()

    def bert(self, ids: Tensor, *, use_cache: bool, return_dict: bool, **encoder: Tensor) -> SimpleNamespace:
        return self(ids, use_cache=use_cache, return_dict=return_dict, **encoder)

    def forward(
        self,
        ids_BS: Tensor,
        *,
        return_dict: bool = True,
        past_key_values: Any = None,
        use_cache: bool,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
    ) -> SimpleNamespace:
        assert return_dict
        self.read.append(ids_BS.shape[1])
        n_past, sum_B1 = past_key_values or (0, torch.zeros_like(ids_BS[:, :1]))
        sums_BS = sum_B1 + ids_BS.cumsum(dim=1)
        shift_BS = sums_BS
        if encoder_hidden_states is not None:
            states_BE = encoder_hidden_states[..., 0]
            mask_BE = torch.ones_like(states_BE) if encoder_attention_mask is None else encoder_attention_mask
            shift_BS = sums_BS + (states_BE * mask_BE).sum(dim=1, keepdim=True)
        places_S = torch.arange(n_past, n_past + ids_BS.shape[1])
        rolled_BSV = (torch.arange(VOCABULARY) + shift_BS[..., None]).long() % VOCABULARY
        logits_BSV = self.scores[places_S[:, None], rolled_BSV]
        cache = (n_past + ids_BS.shape[1], sums_BS[:, -1:]) if use_cache else None
        return SimpleNamespace(logits=logits_BSV, past_key_values=cache)


def adder(**config: Any) -> Any:
    """An `Adder` in the place of a model."""
    return Adder(**config)


def prompt(n_tokens: int, seed: int) -> list[int]:
    return torch.randint(3, VOCABULARY, (n_tokens,), generator=torch.Generator().manual_seed(seed)).tolist()


def padded(prompts: list[list[int]]) -> tuple[Tensor, Tensor]:
    width = max(map(len, prompts))
    ids = torch.tensor([tokens + [PAD] * (width - len(tokens)) for tokens in prompts])
    mask = torch.tensor([[1] * len(tokens) + [0] * (width - len(tokens)) for tokens in prompts])
    return ids, mask


def greedily(model: Adder, tokens: list[int], n_new: int, ends: tuple[int, ...] = (EOS,)) -> list[int]:
    """Greedy generation by definition: read everything, take the likeliest token, once more."""
    new: list[int] = []
    while len(new) < n_new and not (new and new[-1] in ends):
        logits = model(torch.tensor([tokens + new]), use_cache=False).logits
        new.append(int(logits[0, -1].argmax()))
    return new


PROMPTS = [prompt(n, seed) for seed, n in enumerate((7, 3, 7, 1, 12, 3, 7))]


@pytest.mark.parametrize("use_cache", [True, False])
def test_each_prompt_gets_what_it_gets_alone_right_behind_it(use_cache: bool) -> None:
    model = adder()
    ids, mask = padded(PROMPTS)
    out = generate(model, ids, mask, max_new_tokens=20, use_cache=use_cache)
    alone = [tokens + greedily(model, tokens, 20) for tokens in PROMPTS]
    n_new = [len(row) - len(tokens) for row, tokens in zip(alone, PROMPTS, strict=True)]
    assert len(set(n_new)) > 2, "the prompts should end at different times"
    assert out.shape == (len(PROMPTS), 12 + max(n_new))
    for row, want in zip(out.tolist(), alone, strict=True):
        assert row == want + [PAD] * (len(row) - len(want))


def test_ids_behind_a_prompt_are_not_read_whatever_they_are() -> None:
    ids, mask = padded(PROMPTS)
    junk = ids.masked_fill(mask == 0, 9)
    assert torch.equal(generate(adder(), junk, mask.bool()), generate(adder(), ids, mask.float()))


def test_without_a_mask_every_id_is_a_token() -> None:
    ids = torch.tensor([[5, 4, PAD]])
    out = generate(adder(), ids, max_new_tokens=3)
    assert out[0].tolist() == [5, 4, PAD, *greedily(adder(), [5, 4, PAD], 3)]


def test_a_text_ends_with_the_configs_eos_or_the_one_named_or_any_of_several_or_never() -> None:
    tokens = PROMPTS[0]
    model = adder(eos_token_id=[EOS, 9])
    free = greedily(model, tokens, 30, ends=())
    assert {EOS, 9, 7} <= set(free)
    for options, ends in (({}, (EOS, 9)), ({"eos_token_id": 7}, (7,)), ({"eos_token_id": [7, 9]}, (7, 9))):
        out = generate(model, torch.tensor([tokens]), max_new_tokens=30, **options)
        assert out[0, len(tokens) :].tolist() == free[: min(free.index(end) for end in ends) + 1]
    out = generate(model, torch.tensor([tokens]), max_new_tokens=30, eos_token_id=[])
    assert out[0, len(tokens) :].tolist() == free
    out = generate(adder(eos_token_id=None), torch.tensor([tokens]), max_new_tokens=30)
    assert out[0, len(tokens) :].tolist() == free


def test_ended_rows_are_filled_with_the_padding_id_even_one_outside_the_vocabulary() -> None:
    ids, mask = padded(PROMPTS)
    model = adder()
    out = generate(model, ids, mask, pad_token_id=-100)
    assert torch.equal(out.masked_fill(out == -100, PAD), generate(model, ids, mask))
    assert (out == -100).sum() > (mask == 0).sum()
    with pytest.raises(ValueError, match="pad_token_id"):
        generate(adder(pad_token_id=None), ids, mask)
    assert torch.equal(generate(adder(pad_token_id=None), ids, mask, pad_token_id=-100), out)


def test_a_cache_makes_every_token_be_read_once() -> None:
    model = adder()
    out = generate(model, torch.tensor([PROMPTS[4]]), max_new_tokens=9, eos_token_id=[])
    assert model.read == [11] + [1] * 9
    assert out.shape[1] == 12 + 9
    model.read.clear()
    generate(model, torch.tensor([PROMPTS[4]]), max_new_tokens=9, eos_token_id=[], use_cache=False)
    assert model.read == list(range(12, 21))


def test_stream_gives_the_new_tokens_as_they_come() -> None:
    ids, mask = padded(PROMPTS)
    model = adder()
    out = generate(model, ids, mask)
    model.read.clear()
    steps = stream(model, ids, mask)
    assert model.read == []
    first = next(steps)
    n_groups = len({len(tokens) for tokens in PROMPTS})
    assert sum(n == 1 for n in model.read) == n_groups, "one step should need one new token of each group"
    tokens_TB = torch.stack([first, *steps])
    for row, tokens in enumerate(PROMPTS):
        assert tokens_TB[:, row].tolist() == out[row, len(tokens) :][: len(tokens_TB)].tolist()


@pytest.mark.parametrize("consume", [generate, stream], ids=["generate", "stream"])
def test_a_prompt_that_leaves_no_room_is_refused_before_any_work(consume: Any) -> None:
    model = adder()
    ids, mask = padded([prompt(25, 0), prompt(3, 0)])
    assert generate(model, ids, mask, max_new_tokens=15, eos_token_id=[]).shape == (2, POSITIONS)
    model.read.clear()
    with pytest.raises(ValueError, match=r"25 tokens and 16 new ones need 41 positions.*40"):
        consume(model, ids, mask, max_new_tokens=16)
    assert model.read == []


@pytest.mark.parametrize(
    ("mask", "problem"),
    [
        ([[1, 1, 1], [0, 1, 1]], r"row 1 .* padding before a token"),
        ([[1, 0, 1], [1, 1, 1]], r"row 0 .* padding before a token"),
        ([[1, 1, 1], [0, 0, 0]], r"row 1 .* empty"),
        ([[1, 1], [1, 1]], r"\[2, 2\].*\[2, 3\]"),
    ],
)
def test_padding_elsewhere_than_on_the_right_is_refused(mask: list[list[int]], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        stream(adder(), torch.full((2, 3), 5), torch.tensor(mask))


@pytest.mark.parametrize("shape", [(3,), (0, 3), (2, 0), (1, 2, 3)])
def test_prompts_are_rows_of_at_least_one_token(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"input_ids has shape"):
        stream(adder(), torch.ones(shape, dtype=torch.long))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"do_sample": True, "temperature": 0.0}, "temperature is 0"),
        ({"do_sample": True, "temperature": float("nan")}, "temperature is nan"),
        ({"do_sample": True, "top_k": 0}, "top_k is 0"),
        ({"do_sample": True, "top_p": 0.0}, "top_p is 0"),
        ({"do_sample": True, "top_p": 1.1}, "top_p is 1.1"),
        ({"temperature": 0.7}, "do_sample"),
        ({"top_k": 5}, "do_sample"),
        ({"top_p": 0.5}, "do_sample"),
        ({"encoder_hidden_states": torch.zeros(3, 4, 1)}, "encoder_hidden_states has 3 rows, input_ids 1"),
    ],
)
def test_an_option_out_of_range_or_without_effect_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        stream(adder(), torch.ones(1, 3, dtype=torch.long), **options)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="num_beams"):
        generate(adder(), torch.ones(1, 3, dtype=torch.long), num_beams=4)  # type: ignore[call-arg]


def test_a_model_in_training_mode_is_refused_and_left_so() -> None:
    model = adder().train()
    with pytest.raises(ValueError, match=r"model\.eval\(\)"):
        stream(model, torch.ones(1, 3, dtype=torch.long))
    assert model.training


@pytest.fixture
def _global_generator_untouched() -> Iterator[None]:
    before = torch.get_rng_state()
    yield
    assert torch.equal(torch.get_rng_state(), before)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.usefixtures("_global_generator_untouched")
def test_greedy_generation_and_seeded_draws_leave_the_global_generator_alone() -> None:
    ids, mask = padded(PROMPTS)
    generate(adder(), ids, mask)
    generate(adder(), ids, mask, do_sample=True, generator=seeded())


def test_draws_come_again_with_the_seed_and_differ_without() -> None:
    ids, mask = padded(PROMPTS)

    def drawn(**options: Any) -> Tensor:
        return generate(adder(), ids, mask, do_sample=True, eos_token_id=[], **options)

    assert torch.equal(drawn(generator=seeded(0)), drawn(generator=seeded(0)))
    assert torch.equal(drawn(generator=seeded(0)), drawn(generator=seeded(0), use_cache=False))
    assert not torch.equal(drawn(generator=seeded(0)), drawn(generator=seeded(1)))
    generator = seeded(0)
    assert not torch.equal(drawn(generator=generator), drawn(generator=generator))
    with torch.random.fork_rng():
        torch.manual_seed(5)
        first, second = drawn(), drawn()
        torch.manual_seed(5)
        again = drawn()
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_what_is_drawn_for_a_prompt_depends_on_no_other_prompt() -> None:
    ids, mask = padded(PROMPTS)
    out = generate(adder(), ids, mask, do_sample=True, generator=seeded())
    others, other_mask = padded([PROMPTS[0], prompt(2, 50), *(prompt(5, seed) for seed in range(5))])
    out_among_others = generate(adder(), others, other_mask, do_sample=True, generator=seeded())
    width = min(out.shape[1], out_among_others.shape[1])
    assert out[0, :width].tolist() == out_among_others[0, :width].tolist()
    twins = generate(adder(), torch.tensor([PROMPTS[0]] * 4), do_sample=True, eos_token_id=[], generator=seeded())
    assert len({tuple(row) for row in twins.tolist()}) == 4


def test_top_k_1_and_a_tiny_top_p_draw_what_greedy_takes() -> None:
    ids, mask = padded(PROMPTS)
    greedy = generate(adder(), ids, mask)
    for options in ({"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-4}):
        assert torch.equal(generate(adder(), ids, mask, do_sample=True, generator=seeded(), **options), greedy)


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    model, n_draws = adder(), 4_000
    shaping: dict[str, Any] = {"temperature": 1.5, "top_k": 8, "top_p": 0.9}
    probabilities = Shaping(**shaping).probabilities(model(torch.tensor([[5]]), use_cache=False).logits[:, -1])[0]
    assert 3 <= int((probabilities > 0).sum()) < VOCABULARY
    ids = torch.full((n_draws, 1), 5)
    drawn = generate(model, ids, max_new_tokens=1, do_sample=True, generator=seeded(), **shaping)[:, 1]
    frequencies = drawn.bincount(minlength=VOCABULARY) / n_draws
    spread = (probabilities * (1 - probabilities) / n_draws).sqrt()
    assert ((frequencies - probabilities).abs() <= 4 * spread).all()


def test_encoder_states_go_to_their_own_prompts() -> None:
    ids, mask = padded(PROMPTS)
    states = torch.arange(len(PROMPTS) * 2).view(-1, 2, 1)
    state_mask = torch.ones(len(PROMPTS), 2)
    state_mask[::2, 1] = 0
    model = adder()
    together = generate(model, ids, mask, encoder_hidden_states=states, encoder_attention_mask=state_mask)
    assert not torch.equal(together, generate(model, ids, mask))
    for row, tokens in enumerate(PROMPTS):
        alone = generate(
            model,
            torch.tensor([tokens]),
            encoder_hidden_states=states[row : row + 1],
            encoder_attention_mask=state_mask[row : row + 1],
        )
        assert together[row, : alone.shape[1]].tolist() == alone[0].tolist()[: together.shape[1]]


def test_generated_ids_can_be_trained_on() -> None:
    embedding = nn.Embedding(VOCABULARY, 4)
    ids, mask = padded(PROMPTS)
    for new in (generate(adder(), ids, mask), next(stream(adder(), ids, mask))):
        embedding(new).sum().backward()
    assert embedding.weight.grad is not None


def test_generation_keeps_no_gradients_and_leaves_the_callers_mode_alone() -> None:
    model = adder()
    model.scores.requires_grad_()
    modes: list[tuple[bool, bool]] = []
    model.register_forward_hook(lambda *_: modes.append((torch.is_grad_enabled(), torch.is_inference_mode_enabled())))
    for _ in stream(model, torch.tensor([[5, 6]]), max_new_tokens=3):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
    assert set(modes) == {(False, True)}


def logits_by_rank(seed: int) -> Tensor:
    """Scores without equals, in three rows of 50."""
    return torch.randn(3, 50, dtype=torch.float64, generator=seeded(seed)) * 3


@pytest.mark.parametrize("k", [1, 7, 50, 80])
@pytest.mark.parametrize("seed", range(3))
def test_keep_top_k_keeps_the_k_highest_scores(k: int, seed: int) -> None:
    scores = logits_by_rank(seed)
    got = keep_top_k(scores, k)
    for row, kept in zip(scores.tolist(), got.tolist(), strict=True):
        highest = sorted(row, reverse=True)[:k]
        assert kept == [score if score in highest else float("-inf") for score in row]
    assert torch.equal(got, transformers.TopKLogitsWarper(k)(None, scores))


@pytest.mark.parametrize("p", [1e-9, 0.3, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_keep_top_p_keeps_the_fewest_tokens_that_reach_p(p: float, seed: int) -> None:
    scores = logits_by_rank(seed)
    got = keep_top_p(scores, p)
    for row, kept in zip(scores, got, strict=True):
        probabilities = row.softmax(dim=-1)
        order = row.argsort(descending=True).tolist()
        reached = list(itertools.accumulate(float(probabilities[token]) for token in order))
        n_kept = 1 + sum(total < p for total in reached[:-1])
        assert {int(token) for token in kept.isfinite().nonzero()} == set(order[:n_kept])
        assert torch.equal(kept[kept.isfinite()], row[kept.isfinite()])
    assert torch.equal(got, transformers.TopPLogitsWarper(p)(None, scores))


def test_temperature_top_k_and_top_p_work_in_the_order_of_transformers() -> None:
    scores = logits_by_rank(0)
    theirs = scores
    for warper in (
        transformers.TemperatureLogitsWarper(2.0),
        transformers.TopKLogitsWarper(12),
        transformers.TopPLogitsWarper(0.8),
    ):
        theirs = warper(None, theirs)
    got = Shaping(temperature=2.0, top_k=12, top_p=0.8).probabilities(scores)
    torch.testing.assert_close(got, theirs.softmax(dim=-1), rtol=1e-12, atol=1e-15)
    assert 1 < int((got[0] > 0).sum()) < 12


def test_equal_scores_leave_top_k_all_and_top_p_as_few_as_reach_it() -> None:
    scores = torch.zeros(1, 8)
    assert keep_top_k(scores, 3).isfinite().sum() == 8
    assert keep_top_p(scores, 0.5).isfinite().sum() == 4
