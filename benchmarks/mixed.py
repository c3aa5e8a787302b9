"""Claim: a batch of short and long documents costs what its tokens cost, and no padding.

    python benchmarks/mixed.py                    8 documents of 50 to 4,096 tokens, forward and forward + backward
    python benchmarks/mixed.py --documents 16

Each contender reads the same documents as one padded batch with an attention mask, in a process of its own, in turn
within each round; base width, 4 layers, random weights, float32, no dropout. "one by one" is the best that a user of a
padded model can do: each document alone, without padding. Time and memory are those
of `encoder.py`.
"""

import argparse
import json
import resource
import sys

import numpy as np
from encoder import GIGABYTES, OURS, build, cells, figures_of, in_turn, kept_memory, timed

BLOCK_SPARSE, DENSE = "transformers block_sparse", "dense BERT, SDPA"
CONTENDERS = (OURS, BLOCK_SPARSE, DENSE, f"{DENSE}, one by one")


def lengths(n_documents: int, *, shortest: int = 50, longest: int = 4096) -> list[int]:
    """Tokens of each document: as many of every magnitude, the longest among them."""
    drawn = np.random.default_rng(0).uniform(np.log(shortest), np.log(longest), n_documents - 1)
    return [longest, *np.exp(drawn).astype(int).tolist()]


def measure(contender: str, *, backward: bool, n_documents: int, threads: int) -> dict[str, float]:
    """Time one contender in this process: seconds a batch, and MB above the loaded model."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    resource.setrlimit(resource.RLIMIT_DATA, (GIGABYTES << 30, GIGABYTES << 30))
    tokens = lengths(n_documents)
    model = build(contender.removesuffix(", one by one"), n_layers=4, n_tokens=max(tokens), dropout=0.0).train(backward)
    mask = (torch.arange(max(tokens)) < torch.tensor(tokens)[:, None]).long()
    ids = torch.randint(5, 1000, mask.shape) * mask
    batches = [(ids, mask)]
    if contender.endswith("one by one"):
        batches = [(ids[row : row + 1, :n], mask[row : row + 1, :n]) for row, n in enumerate(tokens)]

    def call() -> None:
        for ids, mask in batches:
            with torch.inference_mode(not backward):
                states = model(input_ids=ids, attention_mask=mask).last_hidden_state
                if backward:
                    (states * mask[:, :, None]).square().mean().backward()

    return timed(call, model)


def measure_apart(contender: str, backward: bool, args: argparse.Namespace) -> dict[str, float] | None:
    """Time one contender in a process of its own; None where it did not fit."""
    command = [sys.executable, __file__, "--documents", str(args.documents), "--threads", str(args.threads)]
    command += ["--child", contender, str(backward)]
    return figures_of(command, kept_memory())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        contender, backward = args.child
        found = measure(contender, backward=backward == "True", n_documents=args.documents, threads=args.threads)
        print(json.dumps(found))
        return
    tokens = lengths(args.documents)
    share = sum(tokens) / (len(tokens) * max(tokens))
    print(f"{len(tokens)} documents of {', '.join(map(str, sorted(tokens)))} tokens; {share:.0%} of it is no padding\n")
    print("| pass | contender | seconds | against ours | peak MB above the model |")
    print("|---|---|---:|---:|---:|")
    for backward in (False, True):
        found = in_turn(CONTENDERS, lambda name: measure_apart(name, backward, args), rounds=args.rounds)  # noqa: B023 - called at once
        for contender, median in found.items():
            what = "forward + backward" if backward else "forward"
            print(f"| {what} | {contender} | {cells(contender, median)} |", flush=True)


if __name__ == "__main__":
    main()
