"""Claim: a run learns what transformers' own models learn from the same recipe, in less time and memory.

    python benchmarks/training.py recipes/ner-redocred.yaml recipes/qa-policyqa.yaml
    python benchmarks/training.py recipes/ner-redocred.yaml --steps 20
    python benchmarks/training.py recipes/ner-redocred.yaml --steps 20 --against ../earlier --rounds 3

With --against another checkout trains by its own recipe of that name, in turn with this one, in place of transformers.
Each contender trains in a process of its own, from the same weights, on the same inputs in the same batches and passes,
with the same optimiser settings, schedule, clipping and seed; transformers in the plain loop that its documentation
shows. Scores are those of the task on the recipe's dev set, computed from each contender's own outputs. Tokens are real
ones, without padding; memory is the peak of the process.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from encoder import status

OURS, PEER, EARLIER = "bigbird-cli", "transformers", "bigbird-cli, the other checkout"


def run_ours(recipe: Any, cache: Path) -> dict[str, Any]:
    """Train with the loop of `bigbird finetune`; scores are of the last step."""
    from bigbird_cli.backend import Compute
    from bigbird_cli.events import Evaluated, Finished, Step
    from bigbird_cli.training.train import train

    settings = recipe.model_copy(update={"data": recipe.data.model_copy(update={"cache": cache / "features"})})
    events = list(train(settings, cache / "run", compute=Compute("cpu")))
    steps = [event for event in events if isinstance(event, Step)]
    scores = [event for event in events if isinstance(event, Evaluated)][-1]
    assert isinstance(events[-1], Finished)
    # the first lines pay for what is set up once
    paces = [event.tokens_per_second for event in steps[1:] or steps]
    return {"tokens_per_second": sum(paces) / len(paces), "loss": steps[-1].loss, "scores": scores.scores}


def run_peer(recipe: Any, cache: Path) -> dict[str, Any]:
    """Train transformers' model on the same batches, in a plain loop."""
    import torch
    import transformers

    from bigbird_cli.backend import Alone, Compute
    from bigbird_cli.pytorch.batches import collate
    from bigbird_cli.pytorch.engine import Engine
    from bigbird_cli.tasks.padding import n_targets
    from bigbird_cli.training.batching import split
    from bigbird_cli.training.job import open_job

    transformers.logging.set_verbosity_error()
    device = torch.device("cpu")
    job = open_job(recipe, cache=cache / "features", compute=Compute("cpu"), peers=Alone())
    engine = job.engine
    assert isinstance(engine, Engine)
    kind = getattr(transformers, type(engine.model).__name__)
    folder = cache / "start"
    engine.model.save_pretrained(folder)  # the same new head, too
    model = kind.from_pretrained(folder)
    engine.model.to("meta")
    optim = recipe.optim
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": optim.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=optim.lr)
    names = ("input_ids", "attention_mask", "token_type_ids")
    per_token = engine.head.spec.has_token_labels
    n_tokens, seconds, loss_value = 0, 0.0, math.nan
    torch.manual_seed(recipe.seed)
    for step in range(1, job.n_steps + 1):
        batch = job.loader.batch(step)
        started = time.perf_counter()
        model.train()
        totals, loss_value = n_targets(batch, per_token=per_token), 0.0
        key = next(iter(totals))
        tokens = 0
        for part in split(batch, optim):
            padded = collate(part, pad_id=0, device=device, per_token=per_token)
            share = n_targets(part, per_token=per_token)[key] / totals[key]
            loss = model(**padded.inputs).loss * share
            loss.backward()
            loss_value += loss.item()
            tokens += padded.n_tokens
        torch.nn.utils.clip_grad_norm_(model.parameters(), optim.clip)
        for group in optimiser.param_groups:
            group["lr"] = optim.lr * job.schedule.at(step)
        optimiser.step()
        optimiser.zero_grad()
        if step > recipe.run.log_every or job.n_steps <= recipe.run.log_every:
            n_tokens, seconds = n_tokens + tokens, seconds + time.perf_counter() - started
    model.eval()
    assert job.dev is not None
    decoder = job.task.decoder(job.dev.examples, job.tokenizer)
    features = sorted(job.dev.features, key=len)
    for first in range(0, len(features), 16):
        part = features[first : first + 16]
        padded = collate(part, pad_id=0, device=device, labels=False)
        with torch.inference_mode():
            output = model(**{name: padded.inputs[name] for name in names if name in padded.inputs})
        for row, feature in enumerate(part):
            decoder.add(
                feature,
                {name: output[name][row, : len(feature)].numpy() for name in engine.head.spec.token_outputs}
                | {name: output[name][row].numpy() for name in engine.head.spec.outputs},
            )
    scores = job.task.score(decoder.finish(), job.dev.examples)
    return {"tokens_per_second": n_tokens / seconds, "loss": loss_value, "scores": scores}


def measure(contender: str, recipe_file: str, overrides: list[str]) -> dict[str, Any]:
    """Train one contender in this process."""
    from bigbird_cli.recipe import load_recipe

    # one rate for all layers: transformers' loop has no other
    recipe = load_recipe(recipe_file, overrides=[*overrides, "optim.layer_decay=1", "optim.head_lr=null"])
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        started = time.perf_counter()
        result = (run_ours if contender == OURS else run_peer)(recipe, Path(folder))
    metric = recipe.run.metric or recipe.task.main_metric
    return {
        **result,
        "metric": metric,
        "score": result["scores"][metric],
        "seconds": time.perf_counter() - started,
        "megabytes": status("VmHWM"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--against", type=Path, help="another checkout of this repository")
    parser.add_argument("--rounds", type=int, default=1, help="medians over so many")
    parser.add_argument("--contender", choices=(OURS, PEER), help=argparse.SUPPRESS)
    options = parser.parse_args()
    overrides = [*options.overrides, *([f"optim.steps={options.steps}"] if options.steps else [])]
    if options.contender:
        print(json.dumps(measure(options.contender, options.recipes[0], overrides)))
        return
    pair = (PEER, OURS) if options.against is None else (EARLIER, OURS)
    print(f"| recipe | contender | score | last loss | tokens/s | against {pair[0]} | seconds in all | peak MB |")
    print("|---|---|---:|---:|---:|---:|---:|---:|", flush=True)
    for recipe in options.recipes:
        found: dict[str, list[dict[str, Any]]] = {contender: [] for contender in pair}
        for _ in range(options.rounds):
            for contender in pair:
                root = options.against if contender == EARLIER else Path(__file__).parent.parent
                found[contender].append(measure_apart(contender, root, recipe, overrides))
        for contender, rounds in found.items():
            each = sorted(rounds, key=lambda one: one["tokens_per_second"])[len(rounds) // 2]
            pairs = zip(rounds, found[pair[0]], strict=True)
            ratio = statistics.median(one["tokens_per_second"] / base["tokens_per_second"] for one, base in pairs)
            print(
                f"| {Path(recipe).stem} | {contender} | {each['metric']} {each['score']:.1f} | {each['loss']:.3f} "
                f"| {each['tokens_per_second']:,.0f} | {ratio:.2f} x | {each['seconds']:.0f} "
                f"| {each['megabytes']:,.0f} |",
                flush=True,
            )


def measure_apart(contender: str, root: Path, recipe: str, overrides: list[str]) -> dict[str, Any]:
    """Train one contender in a process of its own, with the code of a checkout, and its recipe where it has one."""
    name = OURS if contender == EARLIER else contender
    own = root / recipe
    command = [sys.executable, root / "benchmarks/training.py", own if own.exists() else recipe, "--contender", name]
    command += [word for change in overrides for word in ("--set", change)]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return dict(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
