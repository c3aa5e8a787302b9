"""Take a few real steps in a process of their own, from the smallest to the largest, so that each one's peak is seen.

python -m bigbird_cli.training.plan_trials < request    JSON lines: what was opened, then a line a step
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from bigbird_cli import errors
from bigbird_cli.backend import Accelerator, Alone, Compute, Engine, open_backend
from bigbird_cli.errors import BigBirdError, ResourceError
from bigbird_cli.processes import python_command, python_environment
from bigbird_cli.recipe import COMMANDS, Recipe
from bigbird_cli.recipe.schema import PretrainRecipe
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.features import FeatureFile
from bigbird_cli.training.job import open_job
from bigbird_cli.training.loader import preparing
from bigbird_cli.training.measuring import timed_step
from bigbird_cli.training.plan_costs import Attention, Trial
from bigbird_cli.training.plan_machine import free_memory

PROBES = "probes"
"""Name of the inputs that steps are taken on, among the prepared data."""

TOKENS = 8192
"""Tokens of a step of several inputs, as far as two and MOST_TOGETHER of them go."""

MOST_TOGETHER = 16

ENOUGH = 1.0
"""Seconds after which a step is not repeated more than once."""

LONG = 20.0
"""Seconds of a step that is not repeated at all: what is done once is little beside it."""

REPEATS = 4
"""Times that a step is taken at most; the first does not count: buffers are made in it, and memory grows yet."""

SHARE = 0.9
"""Of the free memory that a step may be expected to need."""


@dataclass(frozen=True)
class Opened:
    """What a process found when it had opened a recipe.

    Attributes:
        device: where it computes, for people.
        n_parameters: of the model.
        attention: how it attends.
        accelerator: that it computes on.
        positions: tokens of its longest input.
    """

    device: str
    n_parameters: int
    attention: Attention
    accelerator: Accelerator | None
    positions: int


def ladder(lengths: Sequence[int], *, dense_up_to: int | None) -> list[list[list[int]]]:
    """Choose steps by which costs can be told: the shortest input, alone and in four micro-batches; the longest of each
    way to attend, alone and several at once; and several of half the longest under dense attention, whose pairs cost
    less beside their tokens.

    Args:
        lengths: of the inputs at hand, tokens.
        dense_up_to: as of `Attention`.

    Returns:
        Steps, micro-batches, indices of inputs; from the fewest tokens at once to the most, and of as many the shorter
        inputs first, whose peaks would be hidden behind those of block-sparse attention.
    """
    shortest, longest = int(np.argmin(lengths)), int(np.argmax(lengths))
    dense = [i for i, n in enumerate(lengths) if dense_up_to is None or n <= dense_up_to]
    kinds = {max(dense, key=lambda i: lengths[i]), longest} if dense else {longest}
    steps = [[[shortest]], [[shortest]] * 4, *([[i]] for i in kinds if i != shortest)]
    if dense:
        half = max(lengths[i] for i in dense) / 2
        kinds.add(min(dense, key=lambda i: abs(lengths[i] - half)))
    steps += [[[i] * min(MOST_TOGETHER, max(2, TOKENS // lengths[i]))] for i in kinds]

    def size(parts: list[list[int]]) -> tuple[int, int, int]:
        """Tokens at once, micro-batches, and tokens of the longest input."""
        return max(sum(lengths[i] for i in part) for part in parts), len(parts), max(lengths[i] for i in parts[0])

    return sorted(steps, key=size)


def take_steps(
    recipe: Recipe, *, cache: Path, compute: Compute, room: int | None, forward: bool
) -> Iterator[Opened | Trial]:
    """Open a recipe as training does, and take steps on the probes as long as memory lasts.

    Args:
        recipe: with its labels.
        cache: the prepared data, and the probes.
        compute: where.
        room: bytes that there are; None where nobody knows.
        forward: measure what it takes to read the inputs, too.
    """
    backend = open_backend(recipe.backend)
    with backend.connect(compute, wait=None):
        accelerator = backend.accelerator(compute)  # before the model takes its part of the memory
        job = open_job(recipe, cache=cache, compute=compute, peers=Alone())
        config = job.engine.config
        is_sparse = config.attention_type == "block_sparse" and not config.add_cross_attention
        attention = Attention(
            dense_up_to=config.full_attention_limit if is_sparse else None,
            alike=config.pattern != "original" and not config.is_decoder,
        )
        yield Opened(job.engine.device, job.engine.n_parameters, attention, accelerator, config.max_position_embeddings)
        room = room if accelerator is None else accelerator.free_bytes
        probes = FeatureFile.cached(PROBES, tuple, folder=cache)
        ready = preparing(job.task, job.tokenizer)
        features = [ready(feature, (recipe.seed, 0, i)) for i, feature in enumerate(probes)]
        features = [feature for feature in features if len(feature) <= config.max_position_embeddings]
        done: list[tuple[int, int]] = []  # tokens at once, and the peak
        for step in ladder([feature.ids.size for feature in features], dense_up_to=attention.dense_up_to):
            parts = [[features[i] for i in part] for part in step]
            at_once = max(sum(feature.ids.size for feature in part) for part in parts)
            if room is not None and _expected(done, at_once) > SHARE * room:
                return
            trial = _trial(job.engine, parts, recipe, forward=forward)
            done.append((at_once, trial.peak_bytes))
            yield trial


def _expected(done: Sequence[tuple[int, int]], at_once: int) -> float:
    """The peak of a step of so many tokens at once, on a line through those of the smallest and the largest so far."""
    if not done:
        return 0.0
    (few, low), (many, high) = done[0], done[-1]
    if few == many:
        return float(high)
    return high + (high - low) / (many - few) * (at_once - many)


def _trial(engine: Engine, parts: Sequence[Sequence[Feature]], recipe: Recipe, *, forward: bool) -> Trial:
    seconds = _repeated(lambda: timed_step(engine, parts, seed=recipe.seed)[1])
    peak_bytes = int(1e6 * engine.peak_memory())
    read = None
    if forward:
        inputs = [feature for part in parts for feature in part]

        def timed_reading() -> float:
            started = time.perf_counter()
            list(engine.predict(inputs, batch_size=len(inputs)))
            return time.perf_counter() - started

        read = _repeated(timed_reading)
    rows = tuple(
        tuple(n for feature in part for n in [len(feature)] * (feature.ids.size // len(feature))) for part in parts
    )
    return Trial(rows, recipe.run.gradient_checkpointing, seconds, peak_bytes, read)


def _repeated(timed: Callable[[], float]) -> float:
    """The median of a few times, all but the first; of one alone where that is long."""
    times = [timed()]
    while len(times) < REPEATS and sum(times) < (LONG if len(times) == 1 else ENOUGH):
        times.append(timed())
    return statistics.median(times[1:] or times)


def request_for(recipe: Recipe, *, cache: Path, compute: Compute, forward: bool) -> dict[str, Any]:
    """What another process must know to take the steps, ready for JSON; arguments as of `take_steps`."""
    return {
        "command": "pretrain" if isinstance(recipe, PretrainRecipe) else "finetune",
        "recipe": recipe.model_dump_json(),
        "cache": str(cache),
        "compute": asdict(compute),
        "forward": forward,
    }


def run_trials(
    recipe: Recipe, *, cache: Path, compute: Compute, forward: bool, on_trial: Callable[[Trial], None] | None
) -> tuple[Opened, list[Trial]]:
    """Let another process take the steps, so that its peak of memory is theirs alone.

    Args:
        recipe, cache, compute, forward: as of `take_steps`.
        on_trial: is called with each step when it was taken.

    Returns:
        What was opened, and the steps that memory sufficed for.

    Raises:
        BigBirdError: as training raises it.
        ResourceError: memory did not suffice for the smallest step.
    """
    path = cache / "request.json"
    path.write_text(json.dumps(request_for(recipe, cache=cache, compute=compute, forward=forward)), encoding="utf-8")
    found: list[Opened | Trial] = []
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            python_command("bigbird_cli.training.plan_trials", str(path)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=python_environment(),
        )
        with process:
            try:
                for line in cast(IO[bytes], process.stdout):
                    found.append(_read_back(json.loads(line)))
                    if isinstance(found[-1], Trial) and on_trial is not None:
                        on_trial(found[-1])
                process.wait()  # before its standard input ends, which would end it
            except BaseException:
                process.kill()
                raise
        log.seek(0)
        if process.returncode > 0:
            raise RuntimeError(f"the process that took the steps failed:\n{log.read().decode(errors='replace')}")
    opened = next((each for each in found if isinstance(each, Opened)), None)
    trials = [each for each in found if isinstance(each, Trial)]
    if opened is None or not trials:  # the system ended it
        raise ResourceError(
            "memory did not suffice for the smallest step", where="this machine", fix="start from a smaller model"
        )
    return opened, trials


def _read_back(line: dict[str, Any]) -> Opened | Trial:
    kind, values = line["kind"], line["values"]
    if kind == "error":
        raise getattr(errors, values["type"])(values["problem"], where=values["where"], fix=values["fix"])
    if kind == "opened":
        accelerator = values["accelerator"]
        values["accelerator"] = None if accelerator is None else Accelerator(**accelerator)
        return Opened(**{**values, "attention": Attention(**values["attention"])})
    return Trial(**{**values, "parts": tuple(map(tuple, values["parts"]))})


def serve(request: Mapping[str, Any], write: Callable[[str, dict[str, Any]], None]) -> None:
    """Take the steps that a request asks for.

    Args:
        request: what `run_trials` wrote.
        write: is given the kind of what was found, and its values.
    """
    recipe = COMMANDS[request["command"]].model_validate_json(request["recipe"])
    compute, cache = Compute(**request["compute"]), Path(request["cache"])
    has_tried = False
    try:
        for each in take_steps(recipe, cache=cache, compute=compute, room=free_memory(), forward=request["forward"]):
            has_tried = isinstance(each, Trial)
            write("trial" if has_tried else "opened", asdict(each))
    except BigBirdError as error:
        if not (has_tried and isinstance(error, ResourceError)):  # that larger steps do not fit is a result
            write("error", {**error.to_dict(), "type": type(error).__name__})


def main() -> None:
    """Serve the request in the file that is named, with a line of JSON on standard output for all that is found.

    Standard input is held open by whoever asked, and ends with them.
    """
    threading.Thread(target=_end_with_the_asker, daemon=True).start()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)  # what a library prints is no result

        def write(kind: str, values: dict[str, Any]) -> None:
            out.write(json.dumps({"kind": kind, "values": values}) + "\n")
            out.flush()

        serve(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), write)


def _end_with_the_asker() -> None:
    os.read(0, 1)  # not through sys.stdin, whose lock must be free when the interpreter ends
    os._exit(1)


if __name__ == "__main__":
    main()
