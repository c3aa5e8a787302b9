"""Time our encoder with each kernel, and its peers, on a device: forward in bfloat16, and a training step.

    python benchmarks/gpu/speed.py RESULTS --device cuda --seconds 68

Random weights. Forward: all weights bfloat16. Step: float32 weights, autocast to bfloat16, backward, fused AdamW; for
transformers block_sparse, which fails under autocast, weights and optimiser in bfloat16. Every contender reads the same
number of tokens at a time, 65,536, as documents of one length. Base width is 768 and 12 heads of 64, in 4 layers for
every contender (a layer is what is repeated); the shipped shape is 6 layers of 384, 12 heads of 32. Peers come from
transformers with PyTorch's SDPA; ModernBERT and UltraBERT would be faster with flash-attn, where that is installed.
"share of peak" is the arithmetic of the products that a model needs over what a product of two 8,192 x 8,192 matrices
reaches on the spot, both in bfloat16.
Cases stand in the order of their importance; what no time is left for is noted as skipped.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from report import Results, seconds_of
from torch import nn

OURS = ("fused", "gather", "flex")
BLOCK_SPARSE, DENSE, MODERN, ULTRA = "transformers block_sparse", "dense BERT, SDPA", "ModernBERT", "UltraBERT"
BASE = {"hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}
SHIPPED = {"hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536}
TINY = {"hidden_size": 64, "num_attention_heads": 2, "intermediate_size": 128, "block_size": 16}
MIXED = (4096, 2900, 2050, 1450, 1025, 725, 512, 362, 256, 181, 128, 90, 64, 50)
"""Lengths of mixed documents, each half as long as the one before the last; repeated to fill a batch."""


def build(contender: str, sizes: dict[str, int], *, n_layers: int, n_tokens: int) -> nn.Module:
    """Build an encoder without a pooler, every dropout 0."""
    plain = {**sizes, "num_hidden_layers": n_layers, "max_position_embeddings": max(4096, n_tokens)}
    drops = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    if contender in OURS:
        from bigbird_cli import BigBirdConfig, BigBirdModel

        model = BigBirdModel(BigBirdConfig(**plain, **drops), add_pooling_layer=False)
        model.encoder.sparse_kernel = contender
        return model
    import transformers

    transformers.logging.set_verbosity_error()
    if contender == BLOCK_SPARSE:
        return transformers.BigBirdModel(transformers.BigBirdConfig(**plain, **drops), add_pooling_layer=False)
    plain.pop("block_size", None)
    if contender == MODERN:
        plain["intermediate_size"] = plain["intermediate_size"] * 3 // 8  # their own 1,152 at base width
        return transformers.ModernBertModel(transformers.ModernBertConfig(**plain, reference_compile=False))
    if contender == ULTRA:
        plain["intermediate_size"] = plain["intermediate_size"] * 3 // 8
        return transformers.UltrabertModel(transformers.UltrabertConfig(**plain))
    config = transformers.BertConfig(**plain, **drops, attn_implementation="sdpa")
    return transformers.BertModel(config, add_pooling_layer=False)


def products(model: nn.Module, contender: str, lengths: list[int]) -> float | None:
    """Operations of a forward pass over documents: linear layers, and the attention that ours and dense ones need."""
    if contender not in (*OURS, BLOCK_SPARSE, DENSE):
        return None
    config: Any = model.config
    weights = sum(each.weight.numel() for each in model.modules() if isinstance(each, nn.Linear))
    total = 0.0
    for n_tokens in lengths:
        n_pairs = n_tokens**2
        if contender != DENSE and n_tokens > 11 * config.block_size:
            n_global = 2 * config.block_size
            n_pairs = n_global * n_tokens + (n_tokens - n_global) * 8 * config.block_size
        total += 2 * n_tokens * weights + 4 * n_pairs * config.hidden_size * config.num_hidden_layers
    return total


def peak(device: torch.device, *, size: int) -> float:
    """Operations a second of a large product in bfloat16, on random numbers."""
    x, y = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * size**3 / seconds_of(lambda: x @ y, device, calls=20)


def passes(
    model: nn.Module, inputs: dict[str, Any], device: torch.device, *, autocast: bool
) -> Iterator[tuple[str, Callable[[], None]]]:
    """The two passes that are timed; the model is made ready for each when it is asked for."""
    if not autocast:
        model.to(torch.bfloat16)
    optimiser = torch.optim.AdamW(model.train().parameters(), lr=1e-5, fused=True)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
            states = model(**inputs).last_hidden_state
        states.float().square().mean().backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    yield "step", step
    optimiser.state.clear()
    model.eval().to(torch.bfloat16)

    def forward() -> None:
        with torch.inference_mode():
            model(**inputs)

    yield "forward", forward


def measure(
    results: Results,
    device: torch.device,
    contender: str,
    sizes: dict[str, int],
    lengths: list[int],
    *,
    n_layers: int,
    peak_rate: float,
    expected: float,
    **named: Any,
) -> None:
    """Time both passes over a padded batch of documents."""
    named = {**named, "contender": contender, "layers": n_layers, "documents": len(lengths), "tokens": sum(lengths)}
    if results.lacks_time(expected, **named):
        return
    started = time.monotonic()
    with results.attempt(**named, what="building") as found:
        torch.manual_seed(0)
        with device:  # random weights are drawn where they are needed
            model = build(contender, sizes, n_layers=n_layers, n_tokens=max(lengths))
            ids = torch.randint(5, 1000, (len(lengths), max(lengths)))
        inputs = {"input_ids": ids}
        if len(set(lengths)) > 1:
            inputs["attention_mask"] = (
                torch.arange(max(lengths), device=device) < torch.tensor(lengths, device=device)[:, None]
            ).long()
        n_products = products(model, contender, lengths)
        found["seconds"] = round(time.monotonic() - started, 2)
    if "seconds" not in found:
        return
    for what, call in passes(model, inputs, device, autocast=contender != BLOCK_SPARSE):
        started = time.monotonic()
        with results.attempt(**named, what=what) as found:
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            seconds = seconds_of(call, device)
            found |= {"seconds": seconds, "tokens_per_second": round(sum(lengths) / seconds)}
            if device.type == "cuda":
                found["gigabytes"] = round(torch.cuda.max_memory_allocated(device) / 1e9, 2)
            if n_products is not None:
                found["share_of_peak"] = round(n_products * (3 if what == "step" else 1) / seconds / peak_rate, 3)
            found["in_all"] = round(time.monotonic() - started, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--seconds", type=float, default=68)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    device = torch.device(args.device)
    results = Results(args.results, "speed", seconds=args.seconds)
    with results.attempt(what="peak") as found:
        rate = peak(device, size=256 if args.tiny else 8192)
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "processor"
        found |= {"device": name, "torch": torch.__version__, "teraflops": round(rate / 1e12, 3)}
    rate = found.get("teraflops", float("nan")) * 1e12

    base, shipped = (TINY, TINY) if args.tiny else (BASE, SHIPPED)
    n_base, n_shipped = (2, 2) if args.tiny else (4, 6)
    batch = 1024 if args.tiny else 65_536

    def case(contender: str, n_tokens: int, shape: str, expected: float) -> None:
        sizes, n_layers = (base, n_base) if shape == "base" else (shipped, n_shipped)
        lengths = [n_tokens] * max(1, batch // n_tokens)
        measure(
            results, device, contender, sizes, lengths, n_layers=n_layers, peak_rate=rate, expected=expected,
            shape=shape, length=n_tokens,
        )  # fmt: skip

    short, long, *longer = (48, 256, 512, 1024) if args.tiny else (384, 4096, 16_384, 65_536)
    quick = [kernel for kernel in OURS if kernel != "flex"]
    for kernel in quick:
        case(kernel, long, "shipped", 3)
    case("gather", short, "shipped", 3)
    case(DENSE, short, "shipped", 3)
    for contender in (*quick, DENSE):
        case(contender, long, "base", 3)
    mixed = sorted((max(8, length // 16) if args.tiny else length for length in MIXED), reverse=True)
    for contender in (*quick, DENSE):
        measure(
            results, device, contender, base, mixed if args.tiny else mixed * 4, n_layers=n_base, peak_rate=rate,
            expected=3, shape="base", length="mixed",
        )  # fmt: skip
    for n_tokens in (longer[0], longer[1], 1024 if not args.tiny else 128):
        for contender in (*quick, DENSE):
            case(contender, n_tokens, "base", 4)
    case("flex", long, "base", 12)
    for peer in (BLOCK_SPARSE, MODERN, ULTRA):
        for n_tokens in (long, longer[0]):
            case(peer, n_tokens, "base", 4)
    case("flex", longer[0], "base", 6)
    for peer in (BLOCK_SPARSE, MODERN, ULTRA):
        for n_tokens in (longer[1], 1024 if not args.tiny else 128):
            case(peer, n_tokens, "base", 5)
    for n_tokens in () if args.tiny else (8192, 2048, 32_768):
        for contender in (*quick, DENSE):
            case(contender, n_tokens, "base", 4)


if __name__ == "__main__":
    main()
