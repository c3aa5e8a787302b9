"""Claim: our encoder reads a long document faster, in less memory, than its peers, and near what its arithmetic takes.

    python benchmarks/encoder.py                      4,096 tokens, forward and forward + backward
    python benchmarks/encoder.py --tokens 1024 8192   other lengths
    python benchmarks/encoder.py --all                Longformer, ModernBERT, UltraBERT, LFM2 and BERT in windows, too
    python benchmarks/encoder.py --keep-memory both   each peer with freed memory kept, and as it comes
    python benchmarks/encoder.py --dropout 0.1        as people train
    python benchmarks/encoder.py --passes step        forward, backward and a step of AdamW
    python benchmarks/encoder.py --lines FILE         add each row to a file of JSON lines, for plot.py

Every measurement runs in a process of its own, the contenders in turn within each round, so that all meet the same
machine. Random weights, base width (768, 12 heads), float32, batch 1, every dropout 0 unless --dropout says otherwise.
Time is the median over rounds of the quicker of two calls after one warm-up, or of the one call that takes over 20 s;
memory is the peak of the process above what the loaded model takes. What needs more than 20 GB or 5 minutes "did not
fit". bigbird keeps freed memory by itself; a peer as --keep-memory says (yes). "products by" names the library that
computed the linear products, seen from the operators that a call ran.

"the products alone" are the linear products of one of our layers at this length, one after the other, times the layers,
by the quicker of PyTorch's two libraries, and the products of the blocks that each block of queries reads, at the same
rate; three times as many with backward. "by MKL" is the same with the library that PyTorch calls for float32. For
"attention's by their shapes" the small products of attention are timed too, each by the library that is quicker at it.
"BERT in windows" reads windows of 512 that share 128, as question-answering pipelines do it.

Peers have the shapes of their own configurations at base width: ModernBERT's feed-forward networks are 1,152 wide, and
every third layer reads all (of 4 layers 2); UltraBERT has the same sizes and the windows of its configuration (of 4
layers 1 reads all), for its checkpoints' own are not in transformers. Neither is LFM2.5-Encoder: "LFM2, causal" is the
decoder that it is made of, whose attention costs half of an encoder's.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

OURS = "bigbird-cli gather"
BOUND, MKL_BOUND = "the products alone", "the products alone, by MKL"
OWN_BOUND = "the products alone, attention's by their shapes"
BOUNDS = (BOUND, OWN_BOUND, MKL_BOUND)
INT8 = "bigbird-cli, int8"
BFLOAT16 = "bigbird-cli, bfloat16"
CONTENDERS = (OURS, *BOUNDS, "transformers block_sparse", "dense BERT, SDPA")
MORE = ("Longformer", "ModernBERT, SDPA", "UltraBERT, SDPA", "LFM2, causal", "BERT in windows")
AS_IT_COMES = ", freed memory given back"
PASSES = {"forward": "forward", "backward": "forward + backward", "step": "forward + backward + AdamW"}
CALLS = 2
SECONDS, GIGABYTES = 300, 20
SLOW = 20
WINDOW, OVERLAP = 512, 128
WIDTH, HEAD_WIDTH, BLOCK = 768, 64, 64
FULL = 704


def build(contender: str, *, n_layers: int, n_tokens: int, dropout: float) -> Any:
    """Build a contender's encoder, without a pooler."""
    shape: dict[str, Any] = {
        "num_hidden_layers": n_layers,
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
        "max_position_embeddings": max(4096, n_tokens),
    }
    if contender in (OURS, INT8, BFLOAT16):
        import torch

        from bigbird_cli import BigBirdConfig, BigBirdModel
        from bigbird_cli.pytorch.quantised import quantise

        model = BigBirdModel(BigBirdConfig(**shape), add_pooling_layer=False)
        if contender == INT8:
            quantise(model, "int8", device=torch.device("cpu"))
        return model
    import transformers

    transformers.logging.set_verbosity_error()
    match contender:
        case "transformers block_sparse":
            return transformers.BigBirdModel(transformers.BigBirdConfig(**shape), add_pooling_layer=False)
        case "Longformer":
            shape["max_position_embeddings"] += 2 * WINDOW
            config = transformers.LongformerConfig(**shape, attention_window=WINDOW)
            return transformers.LongformerModel(config, add_pooling_layer=False)
        case "ModernBERT, SDPA":
            drops = dict.fromkeys(("attention_dropout", "embedding_dropout", "mlp_dropout"), dropout)
            config = transformers.ModernBertConfig(
                num_hidden_layers=n_layers,
                max_position_embeddings=max(8192, n_tokens),
                reference_compile=False,
                **drops,
            )
            config._attn_implementation = "sdpa"
            return transformers.ModernBertModel(config)
        case "UltraBERT, SDPA":
            return transformers.UltrabertModel(
                transformers.UltrabertConfig(
                    hidden_size=WIDTH,
                    num_attention_heads=WIDTH // HEAD_WIDTH,
                    intermediate_size=1152,
                    num_hidden_layers=n_layers,
                    max_position_embeddings=max(8192, n_tokens),
                    attention_dropout=dropout,
                )
            )
        case "LFM2, causal":
            return transformers.Lfm2Model(
                transformers.Lfm2Config(
                    hidden_size=WIDTH,
                    num_attention_heads=WIDTH // HEAD_WIDTH,
                    num_key_value_heads=WIDTH // HEAD_WIDTH // 2,
                    intermediate_size=4 * WIDTH,
                    num_hidden_layers=n_layers,
                    layer_types=["full_attention" if layer % 3 == 2 else "conv" for layer in range(n_layers)],
                    max_position_embeddings=max(8192, n_tokens),
                    use_cache=False,
                )
            )
    config = transformers.BertConfig(**shape, attn_implementation="sdpa")
    return transformers.BertModel(config, add_pooling_layer=False)


def bound(n_tokens: int, contender: str) -> float:
    """Seconds that the matrix products of one layer take: linear ones, and attention's."""
    import torch

    def mkl(x: Any, y: Any) -> None:
        x @ y.mT

    def onednn(x: Any, y: Any) -> None:
        for one, other in zip(x.view(-1, *x.shape[-2:]), y.view(-1, *y.shape[-2:]), strict=True):
            torch.ops.mkldnn._linear_pointwise(one, other, None, "none", [], "")

    libraries = [mkl] if contender == MKL_BOUND else [mkl, onednn]

    def seconds(x: Any, y: Any) -> float:
        return min(seconds_of(partial(library, x, y)) for library in libraries for _ in range(1 + CALLS))

    def attention(n_heads: int, n_queries: int, n_keys: int) -> float:
        q, k = torch.randn(n_heads, n_queries, HEAD_WIDTH), torch.randn(n_heads, n_keys, HEAD_WIDTH)
        weights, v = torch.randn(n_heads, n_queries, n_keys), torch.randn(n_heads, HEAD_WIDTH, n_keys)
        return seconds(q, k) + seconds(weights, v)

    # those of the first and the last block read all; others three blocks of the window, three drawn, and those two
    n_all = n_tokens if n_tokens <= FULL else 2 * BLOCK
    n_sparse = n_tokens - n_all
    shapes = ((WIDTH, 3 * WIDTH), (WIDTH, WIDTH), (WIDTH, 4 * WIDTH), (4 * WIDTH, WIDTH))
    with torch.inference_mode():
        linear = sum(seconds(torch.randn(n_tokens, n), torch.randn(m, n)) for n, m in shapes)
        if contender == OWN_BOUND:
            n_heads = WIDTH // HEAD_WIDTH
            sparse = attention(n_heads, BLOCK, 8 * BLOCK) * (n_sparse // BLOCK) if n_sparse else 0.0
            return linear + sparse + attention(n_heads, n_all, n_tokens)
    products = n_tokens * sum(n * m for n, m in shapes)
    return linear * (1 + 2 * WIDTH * (n_sparse * 8 * BLOCK + n_all * n_tokens) / products)


def status(field: str) -> float:
    """Return a field of /proc/self/status, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field + ":"))


def measure(contender: str, *, what: str, n_tokens: int, n_layers: int, threads: int, dropout: float) -> dict[str, Any]:
    """Time one contender in this process: seconds a call, MB above the loaded model, and whose linear products ran."""
    import resource

    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    resource.setrlimit(resource.RLIMIT_DATA, (GIGABYTES << 30, GIGABYTES << 30))
    if contender in BOUNDS:
        calls = n_layers * (1 if what == "forward" else 3)
        return {"seconds": bound(n_tokens, contender) * calls, "megabytes": 0.0}
    model = build(contender, n_layers=n_layers, n_tokens=n_tokens, dropout=dropout).train(what != "forward")
    size = (1, n_tokens)
    if contender == "BERT in windows":
        size = (max(1, -(-(n_tokens - OVERLAP) // (WINDOW - OVERLAP))), min(n_tokens, WINDOW))
    ids = torch.randint(5, 1000, size)
    mask = torch.ones_like(ids)

    def autocast() -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=contender == BFLOAT16)

    def forward() -> None:
        with torch.inference_mode(), autocast():
            model(input_ids=ids, attention_mask=mask)

    def forward_and_backward() -> None:
        with autocast():
            loss = model(input_ids=ids, attention_mask=mask).last_hidden_state.float().square().mean()
        loss.backward()

    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True) if what == "step" else None

    def step() -> None:
        forward_and_backward()
        if optimiser is not None:
            optimiser.step()

    call: Callable[[], None] = {"forward": forward, "backward": forward_and_backward, "step": step}[what]
    return {**timed(call, model), "library": library(partial(model, input_ids=ids[:1, :64]))}


def library(call: Callable[[], Any]) -> str:
    """Name the library that computes a call's linear products, by the operators that it runs."""
    import torch

    with torch.no_grad(), torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        call()
    ran = {event.key for event in profile.key_averages()}
    by_torch = "MKL" if torch.backends.mkl.is_available() else "torch's BLAS"
    found = {
        "oneDNN": ("mkldnn::_linear_pointwise", "onednn::qlinear_pointwise"),
        by_torch: ("aten::addmm", "aten::mm"),
    }
    return " and ".join(name for name, keys in found.items() if not ran.isdisjoint(keys))


def timed(call: Callable[[], None], model: Any) -> dict[str, float]:
    """Seconds of a call, the quicker of two after a warm-up, and the peak of MB above what is there."""
    import ctypes

    ctypes.CDLL(None).malloc_trim(0)  # what building the model left behind
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    loaded = status("VmRSS")
    seconds: list[float] = []
    while len(seconds) < 1 + CALLS and not any(each > SLOW for each in seconds):
        model.zero_grad(set_to_none=True)
        seconds.append(seconds_of(call))
    return {"seconds": min(seconds[1:] or seconds), "megabytes": status("VmHWM") - loaded}


def seconds_of(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def processor() -> str:
    """The processor's own name, where Linux tells it."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def kept_memory() -> dict[str, str]:
    """An environment in which glibc keeps what was freed, as bigbird lets it by itself."""
    return {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}


def measure_apart(contender: str, what: str, n_tokens: int, args: argparse.Namespace) -> dict[str, Any] | None:
    """Time one contender in a process of its own; None where it did not fit."""
    command = [sys.executable, __file__, "--layers", str(args.layers), "--threads", str(args.threads)]
    command += ["--dropout", str(args.dropout), "--child", contender.removesuffix(AS_IT_COMES), what, str(n_tokens)]
    return figures_of(command, dict(os.environ) if contender.endswith(AS_IT_COMES) else kept_memory())


def in_memory(contenders: Sequence[str], keep_memory: str) -> list[str]:
    """Add to the peers' names what becomes of freed memory: "yes", it is kept; "no", given back; "both", in turn."""
    kept = {"yes": ("",), "no": (AS_IT_COMES,), "both": ("", AS_IT_COMES)}[keep_memory]
    return [
        name + ending for name in contenders for ending in (("",) if name in (OURS, INT8, BFLOAT16, *BOUNDS) else kept)
    ]


def figures_of(command: list[str], environment: dict[str, str]) -> dict[str, Any] | None:
    """What a process prints as JSON; None where it ran out of time or memory."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, env=environment)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode == 0:
        return dict(json.loads(done.stdout.splitlines()[-1]))
    if done.returncode < 0 or re.search("MemoryError|allocate memory|enough memory|out of memory", done.stderr):
        return None
    raise RuntimeError(done.stderr)


def in_turn(
    contenders: Sequence[str], measure: Callable[[str], dict[str, Any] | None], *, rounds: int
) -> dict[str, dict[str, Any] | None]:
    """Medians over rounds of what is measured, and of the ratio to our seconds; None for what did not fit."""
    results: dict[str, list[dict[str, Any]] | None] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name in contenders:
            so_far = results[name]
            if so_far is not None:
                one = measure(name)
                results[name] = None if one is None else [*so_far, one]
    ours = results[OURS] or []
    medians: dict[str, dict[str, Any] | None] = {}
    for name, rows in results.items():
        medians[name] = None
        if rows:
            pairs = zip(rows, ours, strict=True)
            ratio = statistics.median(theirs["seconds"] / mine["seconds"] for theirs, mine in pairs)
            numbers = {key: statistics.median(row[key] for row in rows) for key in ("seconds", "megabytes")}
            medians[name] = rows[0] | numbers | {"ratio": ratio}
    return medians


def cells(contender: str, median: dict[str, Any] | None) -> str:
    """Seconds, ratio and memory of a table's row."""
    if median is None:
        return "did not fit | | "
    memory = "" if contender in BOUNDS else f"{median['megabytes']:,.0f}"
    return f"{median['seconds']:.2f} | {median['ratio']:.2f} x | {memory}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, nargs="+", default=[4096])
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--all", action="store_true", help="more peers")
    parser.add_argument("--passes", nargs="+", choices=PASSES, default=["forward", "backward"])
    parser.add_argument("--keep-memory", choices=("yes", "no", "both"), default="yes", help="whether peers keep it")
    parser.add_argument("--lines", type=Path, help="add the rows to this file, as JSON lines")
    parser.add_argument("--child", nargs=3, metavar=("CONTENDER", "PASS", "TOKENS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        contender, what, n_tokens = args.child
        figures = measure(
            contender,
            what=what,
            n_tokens=int(n_tokens),
            n_layers=args.layers,
            threads=args.threads,
            dropout=args.dropout,
        )
        print(json.dumps(figures))
        return

    import torch
    import transformers

    print(
        f"{processor()}, {torch.backends.cpu.get_cpu_capability()}, {args.threads} threads, torch {torch.__version__}, "
        f"transformers {transformers.__version__}, {args.layers} layers, {args.rounds} rounds, dropout {args.dropout}\n"
    )
    print(
        "| tokens | pass | contender | freed memory | products by | seconds | against ours | peak MB above the model |"
    )
    print("|---:|---|---|---|---|---:|---:|---:|")
    for n_tokens in args.tokens:
        for what in args.passes:
            contenders = [*CONTENDERS, *(MORE if args.all else ()), BFLOAT16, *([INT8] if what == "forward" else ())]
            contenders = in_memory(contenders, args.keep_memory)
            found = in_turn(contenders, lambda name: measure_apart(name, what, n_tokens, args), rounds=args.rounds)  # noqa: B023 - called at once
            for contender, median in found.items():
                memory = "" if contender in BOUNDS else "given back" if contender.endswith(AS_IT_COMES) else "kept"
                name = contender.removesuffix(AS_IT_COMES)
                used = (median or {}).get("library", "")
                row = f"| {n_tokens:,} | {PASSES[what]} | {name} | {memory} | {used} | {cells(contender, median)} |"
                print(row, flush=True)
                if args.lines and median is not None:
                    line = {"contender": contender, "pass": what, "tokens": n_tokens, **median}
                    with args.lines.open("a") as file:
                        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
