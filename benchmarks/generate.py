"""Claim: with a cache, a new token costs our decoder the same behind a long text as behind a short one.

    python benchmarks/generate.py                      behind 512, 4,096 and 16,384 tokens
    python benchmarks/generate.py --tokens 4096        behind others

Every measurement runs in a process of its own, the contenders in turn within each round, so that all meet the same
machine. Random weights, base width (768, 12 heads), float32, batch 1. "prompt" is the time to read the context and to
give the first token; "a token" is the median of the further ones. Without a cache a token costs what reading all the
text does; scores are computed for its last position alone, by transformers too. transformers runs full attention, since
its block-sparse decoder reads ahead, and reads a prompt that it keeps by parts of 1,024 tokens, since at once it would
take several n x n matrices. Memory is the peak of the process above what the loaded model takes.
"""

import argparse
import functools
import itertools
import json
import platform
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from encoder import status

OURS = "bigbird-cli"
CONTENDERS = (
    OURS,
    "bigbird-cli, no cache",
    "bigbird-cli, full attention",
    "transformers, full attention",
    "transformers, full attention, no cache",
)
QUADRATIC, QUADRATIC_LIMIT = CONTENDERS[-1], 4096
"""Who writes n x n matrices, and the longest text for which they fit into a common machine's memory."""
PART = 1024
SHAPE: dict[str, Any] = {"is_decoder": True, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
NEW_TOKENS = {True: 32, False: 3}
"""New tokens behind the first, with a cache and without."""


def build(contender: str, *, n_layers: int, n_tokens: int) -> Any:
    """Build a contender's decoder."""
    settings = {
        **SHAPE,
        "num_hidden_layers": n_layers,
        "max_position_embeddings": max(4096, n_tokens + NEW_TOKENS[True] + 1),
        "attention_type": "original_full" if "full attention" in contender else "block_sparse",
    }
    if contender.startswith(OURS):
        from bigbird_cli import BigBirdConfig, BigBirdForCausalLM

        return BigBirdForCausalLM(BigBirdConfig(**settings)).eval()
    import transformers

    transformers.logging.set_verbosity_error()
    return transformers.BigBirdForCausalLM(transformers.BigBirdConfig(**settings)).eval()


def tokens_of(contender: str, model: Any, ids: Any, n_new: int) -> Any:
    """Give new tokens behind a text, one at a time, the likeliest each."""
    import torch

    from bigbird_cli.pytorch.model.generate import stream

    if "no cache" not in contender and contender.startswith(OURS):
        yield from stream(model, ids, max_new_tokens=n_new, eos_token_id=[])
        return
    past, unread = None, ids
    for _ in range(n_new):
        if contender.startswith(OURS):
            read = model.bert(ids[:, :-1], use_cache=True).past_key_values
            scores = model(ids[:, -1:], past_key_values=read).logits
        elif "no cache" in contender:
            scores = model(ids, use_cache=False, logits_to_keep=1).logits
        else:
            for part in unread.split(PART, dim=1):
                output = model(part, past_key_values=past, use_cache=True, logits_to_keep=1)
                past, scores = output.past_key_values, output.logits
        unread = scores[:, -1:].argmax(dim=-1)
        ids = torch.cat([ids, unread], dim=1)
        yield unread


def measure(contender: str, *, n_tokens: int, n_layers: int) -> dict[str, float]:
    """Time one contender in this process: seconds for the prompt and for a token, and MB above the loaded model."""
    import torch

    torch.manual_seed(0)
    model = build(contender, n_layers=n_layers, n_tokens=n_tokens)
    ids = torch.randint(5, 1000, (1, n_tokens))
    n_new = NEW_TOKENS["no cache" not in contender]
    with torch.inference_mode():
        for _ in tokens_of(contender, model, ids[:, :64], 2):
            pass  # the first calls pay for what is set up once
        loaded = status("VmRSS")
        ends = [time.perf_counter()]
        for _ in tokens_of(contender, model, ids, 1 + n_new):
            ends.append(time.perf_counter())
    seconds = [end - start for start, end in itertools.pairwise(ends)]
    return {
        "prompt": seconds[0],
        "token": statistics.median(seconds[1:]),
        "megabytes": status("VmHWM") - loaded,
    }


def measure_apart(contender: str, *, n_tokens: int, n_layers: int, threads: int) -> dict[str, float]:
    """Measure one contender in a process of its own."""
    command = [sys.executable, __file__, "--layers", str(n_layers), "--threads", str(threads)]
    done = subprocess.run([*command, "--child", contender, str(n_tokens)], check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def contenders(n_tokens: int) -> list[str]:
    """Name those that can generate behind so long a text."""
    return [name for name in CONTENDERS if name != QUADRATIC or n_tokens <= QUADRATIC_LIMIT]


def rows(n_tokens: int, *, rounds: int, one: Callable[[str], dict[str, float]]) -> list[str]:
    """Measure every contender in turn, some rounds long, and return a table's rows; `one` measures one once."""
    results: dict[str, list[dict[str, float]]] = defaultdict(list)
    for _ in range(rounds):
        for contender in contenders(n_tokens):
            results[contender].append(one(contender))
    lines = []
    for contender, figures in results.items():
        prompt, token, megabytes = (
            statistics.median(row[name] for row in figures) for name in ("prompt", "token", "megabytes")
        )
        pairs = zip(figures, results[OURS], strict=True)
        ratio = statistics.median(theirs["token"] / ours["token"] for theirs, ours in pairs)
        lines.append(
            f"| {n_tokens:,} | {contender} | {prompt:.2f} | {1000 * token:.1f} | {ratio:.2f} x | {megabytes:,.0f} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, nargs="+", default=[512, 4096, 16384])
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--child", nargs=2, metavar=("CONTENDER", "TOKENS"), help=argparse.SUPPRESS)
    args = parser.parse_args()

    import torch

    if args.child:
        torch.set_num_threads(args.threads)
        contender, n_tokens = args.child
        print(json.dumps(measure(contender, n_tokens=int(n_tokens), n_layers=args.layers)))
        return

    import transformers

    print(
        f"{platform.machine()}, {args.threads} threads, torch {torch.__version__}, "
        f"transformers {transformers.__version__}, {args.layers} layers, {args.rounds} rounds\n"
    )
    print("| tokens before | contender | prompt, s | a token, ms | against ours | peak MB above the model |")
    print("|---:|---|---:|---:|---:|---:|")
    for n_tokens in args.tokens:
        one = functools.partial(measure_apart, n_tokens=n_tokens, n_layers=args.layers, threads=args.threads)
        for line in rows(n_tokens, rounds=args.rounds, one=one):
            print(line, flush=True)


if __name__ == "__main__":
    main()
