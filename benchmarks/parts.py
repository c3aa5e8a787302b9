"""Claim: what a step and a forward pass take is known part by part, and stands near what the products alone take.

    python benchmarks/parts.py                                    base and small width, windows of 384 and of 4,096
    python benchmarks/parts.py --width small --window 384         one of them
    python benchmarks/parts.py --precision bfloat16 --dropout 0.1
    ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 python benchmarks/parts.py

`base` is 768 wide with 12 heads of 64 and 4 layers; `small`, as the shipped models, 384 with 12 heads of 32 and 6
layers. Windows of 384 tokens are packed, 10 a pass of 330 to 384 tokens each, with a question-answering head; one of
4,096 has a masked-language-model head. Random weights. A step is forward, backward, clipping and AdamW.

Seconds are the least of the rounds, and the bounds are measured in turn with them: the linear products, in a step with
those of their gradients, each by the library that is quickest at it; and attention's products, by their shapes as they
come ("own") or at the rate of the linear ones ("strict"). Parts are PyTorch's own time by operator, in one call more.
"""

import argparse
import platform
import resource
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional as F
from torch.profiler import profile

from bigbird_cli import BigBirdConfig
from bigbird_cli.pytorch.devices import keep_memory
from bigbird_cli.pytorch.model.choices import chosen, machine
from bigbird_cli.pytorch.objectives import HEADS
from bigbird_cli.pytorch.optim import adamw
from bigbird_cli.recipe import Optim

WIDTHS = {
    "base": {"hidden_size": 768, "num_hidden_layers": 4, "intermediate_size": 3072},
    "small": {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536},
}
VOCABULARY, HEADS_A_LAYER, BLOCK, READ = 30_522, 12, 64, 8 * 64
N_WINDOWS, MASKED = 10, 0.15
PARTS = {
    "linear products": ("mkldnn::_linear", "aten::addmm", "aten::mm", "aten::mkldnn_linear"),
    "weights and states laid out anew": ("aten::to_mkldnn",),
    "attention: fused": ("aten::_scaled_dot_product",),
    "attention: products": ("aten::bmm", "aten::baddbmm"),
    "attention: softmax": ("aten::_softmax",),
    "attention: gather": ("aten::index_select", "aten::index_add", "aten::gather", "aten::index"),
    "activation": ("aten::gelu",),
    "LayerNorm": ("aten::native_layer_norm",),
    "dropout": ("aten::bernoulli", "aten::native_dropout", "aten::ge", "_Dropped", "aten::addcmul"),
    "embedding": ("aten::embedding",),
    "loss": ("aten::_log_softmax", "aten::nll", "aten::cross_entropy", "aten::scatter"),
    "optimiser": ("aten::_fused_adamw", "aten::linalg_vector_norm", "aten::_foreach"),
    "copies and zeros": ("aten::copy_", "aten::fill_", "aten::cat", "aten::zero_", "aten::clone"),
    "sums and factors": ("aten::add", "aten::mul", "aten::sum", "aten::div"),
}
"""Parts, by how the names of their operators begin."""


@dataclass(frozen=True)
class Case:
    """What is profiled."""

    width: str
    window: int
    precision: str
    dropout: float

    @property
    def head(self) -> str:
        return "span" if self.window == 384 else "masked_lm"

    @property
    def lengths(self) -> list[int]:
        if self.window > 384:
            return [self.window]
        return [384, *torch.randint(330, 385, (N_WINDOWS - 1,), generator=torch.Generator().manual_seed(0)).tolist()]


def build(case: Case) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A forward pass without gradients, and a training step."""
    head = HEADS[case.head]
    torch.manual_seed(0)
    config = BigBirdConfig(
        **WIDTHS[case.width],
        num_attention_heads=HEADS_A_LAYER,
        vocab_size=VOCABULARY,
        hidden_dropout_prob=case.dropout,
        attention_probs_dropout_prob=case.dropout,
    )
    model = head.model(config)
    objective = head.objective(model)
    optimiser = adamw(model, Optim(lr=1e-5))
    length_B = torch.tensor(case.lengths)
    ids_BS = torch.randint(5, VOCABULARY, (len(length_B), int(length_B.max())))
    is_token_BS = torch.arange(ids_BS.shape[1]) < length_B[:, None]
    inputs = {"input_ids": ids_BS, "token_type_ids": torch.zeros_like(ids_BS)}
    if not is_token_BS.all():
        inputs["attention_mask"] = is_token_BS.long()
    if case.head == "span":
        inputs |= {"start_positions": length_B // 2, "end_positions": length_B // 2 + 3}
        counts = {"start_positions": len(length_B)}
    else:
        inputs["labels"] = torch.where(torch.rand(ids_BS.shape) < MASKED, ids_BS, -100)
        counts = {"labels": int((inputs["labels"] >= 0).sum())}

    def compute() -> Any:
        with torch.autocast("cpu", torch.bfloat16, enabled=case.precision == "bfloat16"):
            return objective(inputs, counts, counts)

    def forward() -> None:
        model.eval()
        with torch.no_grad():
            compute()

    def step() -> None:
        model.train()
        compute().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return forward, step


def products(case: Case) -> list[tuple[int, int, int, int]]:
    """Rows, width in, width out and number of the linear products of a forward pass."""
    n_tokens, config = sum(case.lengths), WIDTHS[case.width]
    width, inner, n_layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    layers = [(width, width, 4 * n_layers), (width, inner, n_layers), (inner, width, n_layers)]
    found = [(n_tokens, *each) for each in layers]
    if case.head == "span":
        return [*found, (n_tokens, width, inner, 1), (n_tokens, inner, width, 1)]
    return [*found, (round(MASKED * n_tokens), width, VOCABULARY, 1)]


def scores(case: Case) -> list[tuple[int, int, int, int]]:
    """Sequences, queries, keys and number of attention's score matrices in a forward pass."""
    n_layers = WIDTHS[case.width]["num_hidden_layers"]
    if case.window == 384:
        return [(HEADS_A_LAYER, length, length, n_layers) for length in case.lengths]
    n_sparse = (case.window - 2 * BLOCK) // BLOCK
    return [(HEADS_A_LAYER, BLOCK, READ, n_layers * n_sparse), (HEADS_A_LAYER, 2 * BLOCK, case.window, n_layers)]


def bounds(case: Case, *, is_step: bool) -> tuple[float, float]:
    """Seconds of all products: attention's by their shapes ("own"), and at the linear ones' rate ("strict")."""
    dtype = getattr(torch, case.precision)
    head_width = WIDTHS[case.width]["hidden_size"] // HEADS_A_LAYER
    linear = multiplications = own = pairs = 0.0
    with torch.inference_mode():
        for rows, width, inner, number in products(case):
            x, y = torch.randn(rows, width).to(dtype), torch.randn(inner, width).to(dtype)
            d_out = torch.randn(rows, inner).to(dtype)
            ways: list[Callable[[], Any]] = [lambda: F.linear(x, y)]  # noqa: B023 - called at once
            backward_x: list[Callable[[], Any]] = [lambda: d_out @ y]  # noqa: B023
            backward_y: list[Callable[[], Any]] = [lambda: d_out.t() @ x]  # noqa: B023
            if dtype == torch.float32:
                onednn = torch.ops.mkldnn._linear_pointwise
                ways.append(lambda: onednn(x, y, None, "none", [], ""))  # noqa: B023
                backward_x.append(lambda: onednn(d_out, y.t().contiguous(), None, "none", [], ""))  # noqa: B023
                weights = torch.ops.aten.mkldnn_linear_backward_weights
                backward_y.append(lambda: weights(d_out.to_mkldnn(), x.to_mkldnn(), y, False))  # noqa: B023
            wanted = [ways, backward_x, backward_y] if is_step else [ways]
            linear += number * sum(min(best(call) for call in calls) for calls in wanted)
            multiplications += number * len(wanted) * rows * width * inner
        for n, n_queries, n_keys, number in scores(case):
            q, k = torch.randn(n, n_queries, head_width).to(dtype), torch.randn(n, n_keys, head_width).to(dtype)
            weights_nQK = torch.randn(n, n_queries, n_keys).to(dtype)
            reads = best(lambda: q @ k.mT) + best(lambda: weights_nQK @ k)  # noqa: B023
            turned = best(lambda: weights_nQK.mT @ q) if is_step else 0.0  # noqa: B023
            own += number * (2 * reads + 2 * turned if is_step else reads)
            pairs += number * (6 if is_step else 2) * n * n_queries * n_keys
    return linear + own, linear * (1 + pairs * head_width / multiplications)


def best(call: Callable[[], Any], *, rounds: int = 3) -> float:
    """Seconds of a call, the least of some after one that does not count."""
    return min([seconds(call) for _ in range(1 + rounds)][1:])


def seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def parts_of(call: Callable[[], Any]) -> tuple[dict[str, float], int]:
    """Seconds by part, and page faults, of one call."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    with profile() as found:
        call()
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    by_part: dict[str, float] = defaultdict(float)
    for event in found.key_averages():
        part = next((name for name, begins in PARTS.items() if event.key.startswith(begins)), "the rest")
        by_part[part] += event.self_cpu_time_total / 1e6
    return by_part, faults


def report(case: Case, rounds: int) -> None:
    """Print a case's table."""
    forward, step = build(case)
    for call in (step, step, step, forward):  # memory is kept from the second step on
        call()
    table: dict[str, tuple[float, float, float]] = {}
    by_part: dict[str, dict[str, float]] = {}
    faults: dict[str, int] = {}
    for name, call in (("forward", forward), ("step", step)):
        rows = [(seconds(call), *bounds(case, is_step=name == "step")) for _ in range(rounds)]
        own, strict = (min(row[i] for row in rows) for i in (1, 2))
        table[name] = (min(row[0] for row in rows), own, strict)
        call()
        by_part[name], faults[name] = parts_of(call)
    n_tokens = sum(case.lengths)
    print(f"\n{case.width}, {len(case.lengths)} x {case.window} tokens, {case.precision}, dropout {case.dropout}\n")
    print("| | forward, ms | share | step, ms | share |\n|---|---:|---:|---:|---:|")
    print(f"| the whole | {1e3 * table['forward'][0]:.0f} | | {1e3 * table['step'][0]:.0f} | |")
    print(f"| tokens/s | {n_tokens / table['forward'][0]:,.0f} | | {n_tokens / table['step'][0]:,.0f} | |")
    for number, bound in ((1, "own"), (2, "strict")):
        cells = [f"{1e3 * table[n][number]:.0f} | {table[n][0] / table[n][number]:.2f} x" for n in table]
        print(f"| the products alone, {bound} | {' | '.join(cells)} |")
    for part in (*PARTS, "the rest"):
        cells = []
        for name in table:
            share = by_part[name][part] / sum(by_part[name].values())
            cells.append(f"{1e3 * share * table[name][0]:.0f} | {100 * share:.1f} %")
        print(f"| {part} | {' | '.join(cells)} |")
    print(f"| page faults | {faults['forward']:,} | | {faults['step']:,} | |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", choices=WIDTHS, nargs="+", default=list(WIDTHS))
    parser.add_argument("--window", type=int, nargs="+", default=[384, 4096])
    parser.add_argument("--precision", choices=("float32", "bfloat16"), nargs="+", default=["float32"])
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    keep_memory()
    print(f"{platform.machine()}, {machine()}")
    for width in args.width:
        for window in args.window:
            for precision in args.precision:
                report(Case(width, window, precision, args.dropout), args.rounds)
    print(f"\nchoices: {chosen()}")


if __name__ == "__main__":
    main()
