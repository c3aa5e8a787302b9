"""Claim: the Flax classes score what our PyTorch classes score, in memory that grows with the length and no faster.

    python benchmarks/flax_classes.py difference            each class at six lengths, without a mask, with
        one, and with one and the question's tokens global
    python benchmarks/flax_classes.py cost --backend jax --tokens 4096  one length; --backend pytorch beside it
    python benchmarks/flax_classes.py huggingface --python PYTHON       beside transformers 4.44's own Flax classes,
        which run in an environment of their own: pip install transformers==4.44.0 jax==0.4.30 flax==0.8.5 "numpy<2"

Differences are of models of random weights, 32 wide; costs of two layers of the base size, on one document in float32.
Seconds are of the processor, compiling apart. Memory is what XLA plans for beside weights and inputs; and the most that
the process held above what it held before the first call, so that one length is measured in one process. For one
thread: XLA_FLAGS=--xla_cpu_multi_thread_eigen=false OMP_NUM_THREADS=1 taskset -c 0.
"""

import argparse
import json
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

CLASSES = (
    "BigBirdModel",
    "BigBirdForPreTraining",
    "BigBirdForCausalLM",
    "BigBirdForMaskedLM",
    "BigBirdForSequenceClassification",
    "BigBirdForMultipleChoice",
    "BigBirdForTokenClassification",
    "BigBirdForQuestionAnswering",
)
LENGTHS = (50, 300, 704, 705, 1100, 4096)
"""Short, around the limit of full attention, of no whole block, and the longest."""
PLANS = {
    "full": {"attention_type": "original_full"},
    "eval": {"attention_type": "block_sparse", "pattern": "transformers-eval"},
}
"""What of transformers' attention is right: all of it when full, and in inference what stands for random blocks."""
LENGTHS_THERE = {"full": (50, 1100), "eval": (768, 4096)}
"""Its block-sparse classes take whole blocks alone, and more than full attention reaches."""
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
SEP = 66
MASKED = 1e5
"""Scores beyond this, either way, are of what cannot be an answer."""


def difference(kind: str, lengths: Sequence[int], **settings: Any) -> list[list[float]]:
    """The largest difference of any output at each length: without and with a mask, and with global tokens, which a
    decoder does not take."""
    import torch

    import bigbird_cli as bb

    with tempfile.TemporaryDirectory() as folder:
        theirs = random_model(kind, max(lengths), **settings)
        theirs.save_pretrained(folder)
        ours = getattr(bb, f"Flax{kind}").from_pretrained(folder)
    found = []
    for n_tokens in lengths:
        ids, mask = batch(kind, n_tokens)
        marked = (np.arange(n_tokens) <= 7) * np.ones_like(ids)
        cases = [{}, {"attention_mask": mask}, {"attention_mask": mask, "global_attention_mask": marked}]
        worst = []
        for given in cases[:2] if kind.endswith("CausalLM") else cases:
            with torch.no_grad():
                wanted = theirs(torch.from_numpy(ids), **{name: torch.from_numpy(x) for name, x in given.items()})
            values, at = ours(ids, **given).items(), given.get("attention_mask")
            worst.append(max(_difference(value, getattr(wanted, name).numpy(), at) for name, value in values))
        found.append(worst)
    return found


def random_model(kind: str, n_positions: int, **settings: Any) -> Any:
    """A class of ours in PyTorch, with weights large enough for differences to show."""
    import torch

    import bigbird_cli as bb

    torch.manual_seed(0)
    config = bb.BigBirdConfig(vocab_size=200, num_labels=3, max_position_embeddings=n_positions, **settings)
    model = getattr(bb, kind)(config).eval()
    for parameter in model.parameters():
        parameter.data.normal_(std=0.2)
    return model


def batch(kind: str, n_tokens: int) -> tuple[np.ndarray, np.ndarray]:
    """Two documents, or two choices each: ids behind a question, and a mask of padding and of a hole."""
    shape = (2, 2, n_tokens) if kind.endswith("MultipleChoice") else (2, n_tokens)
    ids = np.random.RandomState(n_tokens).randint(1, 60, shape)
    ids[..., 7] = SEP
    mask = np.ones(shape, dtype=int)
    mask[0, ..., n_tokens // 3 :] = 0
    mask[1, ..., 9:12] = 0
    return ids, mask


def huggingface(kinds: Sequence[str], python: str) -> None:
    """Print the largest differences from what transformers' classes return, which `reference` writes down there."""
    import bigbird_cli as bb

    with tempfile.TemporaryDirectory() as temporary:
        cases = {}
        for plan, settings in PLANS.items():
            for kind in kinds:
                folder = cases[kind, plan] = Path(temporary, f"{kind}-{plan}")
                most = max(LENGTHS_THERE[plan])
                model = random_model(kind, most, **SMALL, **settings, is_decoder=kind == "BigBirdForCausalLM")
                model.save_pretrained(folder)
                getattr(bb, f"Flax{kind}").from_pretrained(folder).save_pretrained(folder, safe_serialization=False)
                for n_tokens in LENGTHS_THERE[plan]:
                    ids, mask = batch(kind, n_tokens)
                    np.savez(folder / f"inputs-{n_tokens}.npz", ids=ids, mask=mask)
        subprocess.run([python, __file__, "reference", "--folder", temporary], check=True)
        for (kind, plan), folder in cases.items():
            ours = getattr(bb, f"Flax{kind}").from_pretrained(folder)
            for n_tokens in LENGTHS_THERE[plan]:
                ids, mask = batch(kind, n_tokens)
                output, wanted = ours(ids, attention_mask=mask), np.load(folder / f"outputs-{n_tokens}.npz")
                worst = max(_difference(value, wanted[name], mask) for name, value in output.items())
                print(f"{kind:32} {plan:5} {n_tokens:5} {worst:8.1e}", flush=True)


def reference(folder: Path) -> None:
    """Write what transformers' Flax classes return for a folder's inputs; imports nothing of ours."""
    import jax.numpy as jnp
    import transformers

    array: Any = type(jnp.zeros(1))
    array.split = jnp.split  # arrays had it in the jax that these classes were written for
    for case in sorted(folder.iterdir()):
        kind = json.loads((case / "config.json").read_text(encoding="utf-8"))["architectures"][0]
        model = getattr(transformers, f"Flax{kind}").from_pretrained(case)
        for inputs in case.glob("inputs-*.npz"):
            given = np.load(inputs)
            output = model(given["ids"], attention_mask=given["mask"])
            np.savez(case / inputs.name.replace("inputs", "outputs"), **output)


def _difference(ours: Any, theirs: np.ndarray, mask: np.ndarray | None) -> float:
    ours = np.asarray(ours)
    if mask is not None and ours.shape[: mask.ndim] == mask.shape:
        ours, theirs = ours[mask == 1], theirs[mask == 1]
    return float(np.abs(ours - theirs)[np.abs(theirs) < MASKED].max())


def held() -> float:
    """The most that the process held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def seconds(call: Callable[[], Any]) -> float:
    """Seconds of the processor that a call takes, the second time."""
    call()
    start = time.process_time()
    call()
    return time.process_time() - start


def cost_in_jax(config: Any, ids: np.ndarray) -> str:
    import jax

    import bigbird_cli as bb

    model = bb.FlaxBigBirdModel(config)

    def forward(params: Any) -> Any:
        return model.module.apply({"params": params}, ids).last_hidden_state

    before, start = held(), time.process_time()
    backward = jax.jit(jax.grad(lambda params: forward(params).sum())).lower(model.params).compile()
    compiling, once = time.process_time() - start, jax.jit(forward).lower(model.params).compile()
    planned: list[Any] = [program.memory_analysis() for program in (once, backward)]
    ready: Any = jax.block_until_ready
    taken = [seconds(lambda: ready(once(model.params))), seconds(lambda: ready(backward(model.params)))]
    mib = [memory.temp_size_in_bytes >> 20 for memory in planned]
    most = held() - before
    times = f"{taken[0]:7.2f} s {taken[1]:7.2f} s"
    return f"{times} {mib[0]:6} {mib[1]:6} MiB {most:6.0f} MB   compiled in {compiling:.1f} s"


def cost_in_pytorch(config: Any, ids: np.ndarray) -> str:
    import torch

    import bigbird_cli as bb

    torch.set_num_threads(1)
    model, given = bb.BigBirdModel(config).train(), torch.from_numpy(ids)
    before = held()
    with torch.no_grad():
        once = seconds(lambda: model(given))
    both = seconds(lambda: model(given).last_hidden_state.sum().backward())
    return f"{once:7.2f} s {both:7.2f} s {'':17} {held() - before:6.0f} MB"


COSTS = {"jax": cost_in_jax, "pytorch": cost_in_pytorch}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("difference", "cost", "huggingface", "reference"))
    parser.add_argument("--classes", nargs="+", default=CLASSES, choices=CLASSES)
    parser.add_argument("--backend", choices=COSTS, default="jax")
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--python", help="of the environment that has transformers 4.44")
    parser.add_argument("--folder", type=Path, help="reference: what huggingface wrote")
    options = parser.parse_args(arguments)
    if options.what == "huggingface":
        huggingface(options.classes, options.python)
        return
    if options.what == "reference":
        reference(options.folder)
        return
    if options.what == "cost":
        import bigbird_cli as bb

        sizes = {"vocab_size": 1000, "num_hidden_layers": 2, "max_position_embeddings": options.tokens}
        rates = dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob"), 0.0)
        ids = np.random.RandomState(0).randint(1, 1000, (1, options.tokens))
        print("tokens  backend  forward  and backward  planned of each   held")
        print(
            f"{options.tokens:6}  {options.backend:7}", COSTS[options.backend](bb.BigBirdConfig(**sizes, **rates), ids)
        )
        return
    print(f"{'':32}", *(f"{n_tokens:>26}" for n_tokens in LENGTHS))
    for kind in options.classes:
        found = difference(kind, LENGTHS, **SMALL)
        print(f"{kind:32}", *(f"{' '.join(f'{each:8.1e}' for each in worst):26}" for worst in found), flush=True)


if __name__ == "__main__":
    main()
