"""Continue prompts with a causal model, token by token: the likeliest one, or one drawn by its probability.

Prompts of one length go through the model together, prompts of different lengths never: each is continued as if it
stood alone, and nothing is spent on padding. A prompt that has ended is computed until the last of its length
ends.

Shape letters: B prompts, G of them of one length, S tokens of the longest prompt, T new tokens, V vocabulary.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import torch
from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.pytorch.model.inputs import token_mask

if TYPE_CHECKING:
    from bigbird_cli.pytorch.model.models import BigBirdForCausalLM

Pick = Callable[[Tensor], Tensor]
"""From the scores of the next token, (G, V), to the token, (G,)."""


class GenerationOptions(TypedDict, total=False):
    """How to continue a prompt."""

    max_new_tokens: int
    """Most tokens to add to a prompt; default 20."""
    do_sample: bool
    """Draw each token by its probability; by default the likeliest is taken."""
    temperature: float
    """Divides the scores before a draw: below 1 favours the likely, above 1 the unlikely; default 1."""
    top_k: int | None
    """Draw from the k likeliest tokens only."""
    top_p: float | None
    """Draw from the fewest tokens that have this probability together, among what top_k leaves."""
    eos_token_id: int | Sequence[int] | None
    """Token, or tokens, that end a text; they are kept. Default the config's; `[]` ends none. Name the token that the
    model was trained to end with: the config's default, 2, is `<s>` in BigBird's vocabulary, where `</s>` is 1 and
    [SEP], the end of a text in pretraining, 66."""
    pad_token_id: int | None
    """Fills a row behind its end; default the config's."""
    generator: torch.Generator | None
    """Source of chance; default torch's global one, as `torch.manual_seed` sets it. One number a prompt is taken from
    it, in order, to seed the prompt's own draws, so that these depend on no other prompt."""
    use_cache: bool
    """Cache keys and values, so that those of each token are computed once; default True."""
    encoder_hidden_states: Tensor | None
    """(B, E, D): the E states that a decoder with cross-attention attends to for each prompt."""
    encoder_attention_mask: Tensor | None
    """(B, E), 0 or False where it must not."""


def generate(
    model: "BigBirdForCausalLM",
    input_ids: Tensor,
    attention_mask: Tensor | None = None,
    **options: Unpack[GenerationOptions],
) -> Tensor:
    """Continue each prompt until it ends or has got its new tokens.

    Args:
        model: in eval mode.
        input_ids: (B, S) prompts, padded on the right. Leave out the [SEP] that a tokenizer puts behind a text.
        attention_mask: (B, S), 0 or False at padding; None where there is none.
        options: see GenerationOptions.

    Returns:
        int64 (B, S + T): in each row a prompt, right behind it its new tokens, then pad_token_id; what was added to
        prompts of one length is `[:, S:]`. T counts the new tokens of the prompt that got most.

    Raises:
        ValueError: an option is out of range; a prompt is empty, padded on the left, or together with its new tokens
            longer than the model has positions; the model is in training mode. No time was spent then.
        TypeError: an option that is not known.
    """
    new_BT = torch.stack(list(stream(model, input_ids, attention_mask, **options)), dim=1)
    padding_id = _padding_id(model.config, options.get("pad_token_id"))
    lengths_B1 = _prompt_lengths(input_ids, attention_mask)[:, None]
    (n_prompt, n_new), device = (input_ids.shape[1], new_BT.shape[1]), input_ids.device
    is_padding_BS = torch.arange(n_prompt, device=device) >= lengths_B1
    prompts_BS = input_ids.long().masked_fill(is_padding_BS, padding_id)
    places_BT = lengths_B1 + torch.arange(n_new, device=device)
    return F.pad(prompts_BS, (0, n_new), value=padding_id).scatter(1, places_BT, new_BT)


def stream(
    model: "BigBirdForCausalLM",
    input_ids: Tensor,
    attention_mask: Tensor | None = None,
    *,
    max_new_tokens: int = 20,
    do_sample: bool = False,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    eos_token_id: int | Sequence[int] | None = None,
    pad_token_id: int | None = None,
    generator: torch.Generator | None = None,
    use_cache: bool = True,
    encoder_hidden_states: Tensor | None = None,
    encoder_attention_mask: Tensor | None = None,
) -> Iterator[Tensor]:
    """Yield what `generate` adds as it comes: the next token of each prompt, int64 (B,).

    A prompt that has ended gets pad_token_id; when all have, the stream ends. Errors, those of `generate`, come with
    the call and not with the first token.
    """
    lengths_B = _prompt_lengths(input_ids, attention_mask)
    _check_model(model, n_prompt=int(lengths_B.max()), n_new=max_new_tokens)
    shaping = Shaping(temperature=temperature, top_k=top_k, top_p=top_p)
    if not do_sample and shaping != Shaping():
        raise ValueError("temperature, top_k and top_p shape a draw: pass do_sample=True, or leave them out")
    padding_id = _padding_id(model.config, pad_token_id)
    end_ids = _end_ids(model.config, eos_token_id).to(input_ids.device)
    encoder = {"encoder_hidden_states": encoder_hidden_states, "encoder_attention_mask": encoder_attention_mask}
    encoder_given = {name: value for name, value in encoder.items() if value is not None}
    for name, value in encoder_given.items():
        if len(value) != len(input_ids):
            raise ValueError(f"{name} has {len(value)} rows, input_ids {len(input_ids)}")
    generators = _own_generators(generator, input_ids) if do_sample else None

    def continuation(rows_G: Tensor) -> Iterator[Tensor]:
        pick: Pick = functools.partial(torch.argmax, dim=-1)
        if generators is not None:
            pick = functools.partial(sample, shaping=shaping, generators=[generators[row] for row in rows_G.tolist()])
        return _continue(
            model,
            input_ids[rows_G, : int(lengths_B[rows_G[0]])].long(),
            pick=pick,
            n_new=max_new_tokens,
            end_ids=end_ids,
            padding_id=padding_id,
            use_cache=use_cache,
            encoder={name: value[rows_G] for name, value in encoder_given.items()},
        )

    groups = [(lengths_B == length).nonzero().flatten() for length in sorted(set(lengths_B.tolist()))]
    return _side_by_side(groups, [continuation(rows_G) for rows_G in groups], padding_id=padding_id)


@dataclass(frozen=True, kw_only=True)
class Shaping:
    """From scores to the probabilities that a token is drawn by; temperature, then top_k, then top_p.

    Raises:
        ValueError: a setting is out of range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"temperature is {self.temperature}; it must be above 0 (do_sample=False is the limit 0)")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k is {self.top_k}; it must be at least 1")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}; it must be above 0 and at most 1")

    def probabilities(self, scores_GV: Tensor) -> Tensor:
        scores_GV = scores_GV / self.temperature
        if self.top_k is not None:
            scores_GV = keep_top_k(scores_GV, self.top_k)
        if self.top_p is not None:
            scores_GV = keep_top_p(scores_GV, self.top_p)
        return scores_GV.softmax(dim=-1)


def keep_top_k(scores_GV: Tensor, k: int) -> Tensor:
    """Set all but the k highest scores of each row to -inf; what equals the k-th highest stays too."""
    lowest_kept_G1 = scores_GV.topk(min(k, scores_GV.shape[-1])).values[:, -1:]
    return scores_GV.masked_fill(scores_GV < lowest_kept_G1, -torch.inf)


def keep_top_p(scores_GV: Tensor, p: float) -> Tensor:
    """Keep the fewest tokens of each row that have at least probability p together, and set the others to -inf.

    Source: nucleus sampling, Holtzman et al., 2020, arXiv:1904.09751.
    """
    ordered_GV, order_GV = scores_GV.sort(descending=True, stable=True)
    probabilities_GV = ordered_GV.softmax(dim=-1)
    is_kept_GV = probabilities_GV.cumsum(dim=-1) - probabilities_GV < p
    is_kept_GV[:, 0] = True  # rounding must not remove the likeliest token
    return scores_GV.masked_fill(~is_kept_GV.scatter(1, order_GV, is_kept_GV), -torch.inf)


def sample(scores_GV: Tensor, *, shaping: Shaping, generators: Sequence[torch.Generator]) -> Tensor:
    """Draw a token (G,) for each row, with the row's own generator."""
    rows = zip(shaping.probabilities(scores_GV), generators, strict=True)
    return torch.cat([torch.multinomial(row_V, 1, generator=generator) for row_V, generator in rows])


def _continue(
    model: "BigBirdForCausalLM",
    ids_GS: Tensor,
    *,
    pick: Pick,
    n_new: int,
    end_ids: Tensor,
    padding_id: int,
    use_cache: bool,
    encoder: Mapping[str, Tensor],
) -> Iterator[Tensor]:
    """Yield the next token (G,) of prompts of one length, until all have ended."""
    has_ended_G = torch.zeros(len(ids_GS), dtype=torch.bool, device=ids_GS.device)
    past = None
    for _ in range(n_new):
        scores_GV, past = _next_scores(model, ids_GS, past, use_cache=use_cache, encoder=encoder)
        token_G = pick(scores_GV)
        yield token_G.masked_fill(has_ended_G, padding_id)
        has_ended_G = has_ended_G | torch.isin(token_G, end_ids)
        if has_ended_G.all():
            return
        ids_GS = torch.cat([ids_GS, token_G[:, None]], dim=1)


# Around the model alone: what is yielded must not be an inference tensor, which no training could take as input.
@torch.inference_mode()
def _next_scores(
    model: "BigBirdForCausalLM", ids_GS: Tensor, past: Any, *, use_cache: bool, encoder: Mapping[str, Tensor]
) -> tuple[Tensor, Any]:
    """Score the token that follows (G, V), in float32 at least, and return the cache of all tokens so far."""
    if use_cache and past is None and ids_GS.shape[1] > 1:
        # The encoder alone: V scores for each token of a long prompt would take more memory than all else.
        past = model.bert(ids_GS[:, :-1], use_cache=True, return_dict=True, **encoder).past_key_values
    unread_GS = ids_GS[:, -1:] if use_cache else ids_GS
    output = model(unread_GS, past_key_values=past, use_cache=use_cache, return_dict=True, **encoder)
    scores_GV = output.logits[:, -1]
    return scores_GV.to(torch.promote_types(scores_GV.dtype, torch.float32)), output.past_key_values


def _side_by_side(
    groups: Sequence[Tensor], continuations: Sequence[Iterator[Tensor]], *, padding_id: int
) -> Iterator[Tensor]:
    """Join the groups' tokens to one (B,) a step; a group that has ended gets padding."""
    n_prompts = sum(map(len, groups))
    for tokens in zip_longest(*continuations):
        token_B = groups[0].new_full((n_prompts,), padding_id)
        for rows_G, token_G in zip(groups, tokens, strict=True):
            if token_G is not None:
                token_B[rows_G] = token_G
        yield token_B


def _prompt_lengths(input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
    """Count each prompt's tokens, (B,).

    Raises:
        ValueError: there are none, or padding stands elsewhere than on the right.
    """
    if input_ids.dim() != 2 or input_ids.numel() == 0:
        raise ValueError(
            f"input_ids has shape {list(input_ids.shape)}; expected (prompts, tokens), one or more of each"
        )
    n_prompts, n_tokens = input_ids.shape
    is_token_BS = token_mask(attention_mask, (n_prompts, n_tokens))
    if is_token_BS is None:
        return torch.full((n_prompts,), n_tokens, device=input_ids.device)
    is_token_BS = is_token_BS.to(input_ids.device)
    lengths_B = is_token_BS.sum(dim=1)
    if (lengths_B == 0).any():
        raise ValueError(f"row {int(lengths_B.argmin())} of attention_mask is empty: a prompt has at least one token")
    is_right_padded_B = is_token_BS.int().diff(dim=1).le(0).all(dim=1) & is_token_BS[:, 0]
    if not is_right_padded_B.all():
        row = int(is_right_padded_B.int().argmin())
        raise ValueError(
            f"row {row} of attention_mask has padding before a token: pad prompts on the right, where it costs nothing"
        )
    return lengths_B


def _check_model(model: "BigBirdForCausalLM", *, n_prompt: int, n_new: int) -> None:
    if model.training:
        raise ValueError("the model is in training mode, where dropout would choose tokens: call model.eval() first")
    if n_new < 1:
        raise ValueError(f"max_new_tokens is {n_new}; it must be at least 1")
    n_positions = model.config.max_position_embeddings
    if n_prompt + n_new > n_positions:
        raise ValueError(
            f"a prompt of {n_prompt:,} tokens and {n_new:,} new ones need {n_prompt + n_new:,} positions, "
            f"the model has {n_positions:,} (max_position_embeddings)"
        )


def _padding_id(config: BigBirdConfig, chosen: int | None) -> int:
    padding_id = config.pad_token_id if chosen is None else chosen
    if padding_id is None:
        raise ValueError("the config has no pad_token_id to fill rows with that end early: pass pad_token_id")
    return padding_id


def _end_ids(config: BigBirdConfig, chosen: int | Sequence[int] | None) -> Tensor:
    end_ids = config.eos_token_id if chosen is None else chosen
    if end_ids is None:
        end_ids = []
    return torch.tensor([end_ids] if isinstance(end_ids, int) else list(end_ids), dtype=torch.long)


def _own_generators(source: torch.Generator | None, input_ids: Tensor) -> list[torch.Generator]:
    """Seed a generator for each prompt with a number from `source`."""
    device = torch.device("cpu") if source is None else source.device
    seeds = torch.randint(2**63 - 1, (len(input_ids),), generator=source, device=device)
    return [torch.Generator(input_ids.device).manual_seed(seed) for seed in seeds.tolist()]
