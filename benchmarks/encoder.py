"""Claim: our encoder reads a long document faster, and in less memory, than transformers' BigBird and a dense BERT.

    python benchmarks/encoder.py                      4,096 tokens, forward and forward + backward
    python benchmarks/encoder.py --tokens 1024 8192   other lengths

Every measurement runs in a process of its own, the contenders in turn within each round, so that all meet the same
machine. Random weights, base width (768, 12 heads), float32, batch 1, every dropout 0. Time is the median over rounds
of the quicker of two calls after one warm-up; memory is the peak of the process above what the loaded model takes.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

OURS = "bigbird-cli gather"
CONTENDERS = (OURS, "transformers block_sparse", "dense BERT, SDPA")
CALLS = 2


def build(contender: str, *, n_layers: int, n_tokens: int) -> Any:
    """Build a contender's encoder, without a pooler."""
    shape: dict[str, Any] = {
        "num_hidden_layers": n_layers,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "max_position_embeddings": max(4096, n_tokens),
    }
    if contender == OURS:
        from bigbird_cli import BigBirdConfig, BigBirdModel

        return BigBirdModel(BigBirdConfig(**shape), add_pooling_layer=False)
    import transformers

    transformers.logging.set_verbosity_error()
    if contender == "transformers block_sparse":
        return transformers.BigBirdModel(transformers.BigBirdConfig(**shape), add_pooling_layer=False)
    config = transformers.BertConfig(**shape, attn_implementation="sdpa")
    return transformers.BertModel(config, add_pooling_layer=False)


def status(field: str) -> float:
    """Return a field of /proc/self/status, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field + ":"))


def measure(contender: str, *, backward: bool, n_tokens: int, n_layers: int, threads: int) -> dict[str, float]:
    """Time one contender in this process: seconds a call, and MB above the loaded model."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = build(contender, n_layers=n_layers, n_tokens=n_tokens).train(backward)
    ids = torch.randint(5, 1000, (1, n_tokens))
    mask = torch.ones_like(ids)

    def forward() -> None:
        with torch.inference_mode():
            model(input_ids=ids, attention_mask=mask)

    def forward_and_backward() -> None:
        model(input_ids=ids, attention_mask=mask).last_hidden_state.square().mean().backward()

    call: Callable[[], None] = forward_and_backward if backward else forward
    loaded = status("VmRSS")
    seconds = []
    for _ in range(1 + CALLS):
        model.zero_grad(set_to_none=True)
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return {"seconds": min(seconds[1:]), "megabytes": status("VmHWM") - loaded}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, nargs="+", default=[4096])
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--child", nargs=3, metavar=("CONTENDER", "BACKWARD", "TOKENS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        contender, backward, n_tokens = args.child
        figures = measure(
            contender,
            backward=backward == "True",
            n_tokens=int(n_tokens),
            n_layers=args.layers,
            threads=args.threads,
        )
        print(json.dumps(figures))
        return

    import torch
    import transformers

    print(
        f"{platform.machine()}, {args.threads} threads, torch {torch.__version__}, "
        f"transformers {transformers.__version__}, {args.layers} layers, {args.rounds} rounds\n"
    )
    print("| tokens | pass | contender | seconds | against ours | peak MB above the model |")
    print("|---:|---|---|---:|---:|---:|")
    for n_tokens in args.tokens:
        for backward in (False, True):
            results: dict[str, list[dict[str, float]]] = defaultdict(list)
            for _ in range(args.rounds):
                for contender in CONTENDERS:
                    command = [sys.executable, __file__, "--layers", str(args.layers), "--threads", str(args.threads)]
                    done = subprocess.run(
                        [*command, "--child", contender, str(backward), str(n_tokens)],
                        check=True,
                        capture_output=True,
                        text=True,
                    )
                    results[contender].append(json.loads(done.stdout.splitlines()[-1]))
            for contender in CONTENDERS:
                seconds = statistics.median(row["seconds"] for row in results[contender])
                megabytes = statistics.median(row["megabytes"] for row in results[contender])
                pairs = zip(results[contender], results[OURS], strict=True)
                ratio = statistics.median(theirs["seconds"] / ours["seconds"] for theirs, ours in pairs)
                what = "forward + backward" if backward else "forward"
                print(
                    f"| {n_tokens:,} | {what} | {contender} | {seconds:.2f} | {ratio:.2f} x | {megabytes:,.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
