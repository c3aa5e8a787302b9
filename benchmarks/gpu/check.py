"""Check on a device that every kernel gives the numbers of `reference` in float64, values and gradients.

    python benchmarks/gpu/check.py RESULTS --device cuda --seconds 24

An error is the norm of the difference over the norm of what the reference gives. Float32 should stay below 1e-4,
bfloat16 below 2e-2. Documents are checked whole and padded; blocks that are named more than once, causal patterns, and
tokens chosen to be global, too. Last, models read documents of several lengths on the device and on the processor.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from report import Results
from torch import Tensor

from bigbird_cli import BigBirdConfig, BigBirdModel
from bigbird_cli.bigbird.pattern import BlockPattern, block_pattern, causal_pattern
from bigbird_cli.pytorch.model.kernels import KERNELS

BOUNDS = {torch.float32: 1e-4, torch.bfloat16: 2e-2}
N_HEADS, N_DOCUMENTS = 4, 2


def relative_error(got: Tensor, want: Tensor) -> float:
    """NaN counts as infinitely wrong."""
    error = ((got.double() - want).norm() / want.norm()).item()
    return error if error == error else float("inf")


def found_by(
    kernel: str,
    pattern: BlockPattern | None,
    qkv: list[Tensor],
    d_out: Tensor,
    is_token: Tensor | None,
    **more: Any,
) -> list[Tensor]:
    """What a kernel returns, and the gradients of q, k and v."""
    qkv = [x.detach().clone().requires_grad_() for x in qkv]
    out = KERNELS[kernel](*qkv, is_token, pattern, **more)
    real = torch.ones((), device=out.device) if is_token is None else is_token[:, None, :, None]
    out = out * real
    (out.double() * d_out).sum().backward()
    return [out.detach(), *(x.grad for x in qkv if x.grad is not None)]


def check_kernels(
    results: Results, device: torch.device, kernels: list[str], dtype: torch.dtype, *, tiny: bool
) -> None:
    block, n_blocks = (16, 14) if tiny else (64, 24)
    settings = {"n_blocks": n_blocks, "block_size": block, "n_heads": N_HEADS, "n_random": 3, "layer": 0}
    repeated = block_pattern(**settings, variant="transformers-eval")
    patterns = {
        "drawn": block_pattern(**settings),
        "repeated blocks": repeated,
        "causal": causal_pattern(**settings),
        "dense": None,
    }
    n_tokens = n_blocks * block
    is_token = torch.ones(N_DOCUMENTS, n_tokens, dtype=torch.bool, device=device)
    is_token[1, -block // 3 :] = False
    is_global = torch.zeros_like(is_token)
    is_global[:, [block + 3, 5 * block]] = True
    cases = [
        (kernel, kind, case, dtype, width)
        for kernel in kernels
        for width in (64, 32)
        for kind in patterns
        for case in ("whole", "padded", "global tokens")
        if KERNELS[kernel].is_dense == (kind == "dense")
        and not (case == "global tokens" and kind in ("dense", "causal"))
        and (width == 64 or (kind == "drawn" and case == "whole"))
        and (dtype == torch.bfloat16 or case != "whole")
    ]
    for kernel, kind, case, dtype, width in cases:
        named = {"kernel": kernel, "pattern": kind, "documents": case, "dtype": str(dtype)[6:], "head_width": width}
        if results.lacks_time(0.5, **named):
            continue
        generator = torch.Generator().manual_seed(0)
        shape = (N_DOCUMENTS, n_tokens, N_HEADS, width)
        drawn = [torch.randn(shape, generator=generator).transpose(1, 2).to(device, dtype) for _ in range(4)]
        more: dict[str, Any] = {"is_global_BS": is_global} if case == "global tokens" else {}
        mask = None if case == "whole" else is_token
        started = time.perf_counter()
        with results.attempt(**named) as found:
            got = found_by(kernel, patterns[kind], drawn[:3], drawn[3].double(), mask, **more)
            exact = [x.double() for x in drawn]
            want = found_by("reference", patterns[kind], exact[:3], exact[3], mask, **more)
            errors = dict(zip(("out", "dq", "dk", "dv"), map(relative_error, got, want), strict=True))
            found |= errors
            found["good"] = max(errors.values()) < BOUNDS[dtype]
            found["seconds"] = round(time.perf_counter() - started, 2)


def check_models(
    results: Results, device: torch.device, kernels: list[str], dtypes: list[torch.dtype], *, tiny: bool
) -> None:
    """Documents of several lengths through a model, on the device and on the processor, float32 and bfloat16."""
    sizes = {"hidden_size": 64, "num_attention_heads": 2, "intermediate_size": 128, "block_size": 16} if tiny else {}
    lengths = [20, 130, 200, 256] if tiny else [100, 900, 1000, 1536]
    config = BigBirdConfig(num_hidden_layers=2, vocab_size=1000, initializer_range=0.1, **sizes)
    torch.manual_seed(0)
    model = BigBirdModel(config, add_pooling_layer=False).eval()
    ids = torch.randint(5, 1000, (len(lengths), max(lengths)))
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    with torch.no_grad():
        want = model(input_ids=ids, attention_mask=mask).last_hidden_state[mask].double()
    model = model.to(device)
    for kernel in kernels:
        for dtype in dtypes:
            named = {"kernel": kernel, "model": "2 layers, mixed lengths", "dtype": str(dtype)[6:]}
            if results.lacks_time(1.0, **named):
                continue
            model.encoder.sparse_kernel = kernel
            with results.attempt(**named) as found:
                with torch.no_grad(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                    got = model(input_ids=ids.to(device), attention_mask=mask.to(device)).last_hidden_state
                found["out"] = relative_error(got.cpu()[mask], want)
                found["good"] = found["out"] < BOUNDS[dtype]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--seconds", type=float, default=24)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    device = torch.device(args.device)
    results = Results(args.results, "check", seconds=args.seconds)
    half, single = torch.bfloat16, torch.float32
    # in the order of what they take: flex compiles for each case, and exact float32 for half a minute
    check_kernels(results, device, ["fused", "gather", "dense"], half, tiny=args.tiny)
    check_models(results, device, ["fused", "gather"], [half], tiny=args.tiny)
    check_kernels(results, device, ["gather", "dense"], single, tiny=args.tiny)
    check_models(results, device, ["gather"], [single], tiny=args.tiny)
    check_kernels(results, device, ["flex"], half, tiny=args.tiny)
    check_kernels(results, device, ["fused", "flex"], single, tiny=args.tiny)
    check_models(results, device, ["fused", "flex"], [single], tiny=args.tiny)


if __name__ == "__main__":
    main()
