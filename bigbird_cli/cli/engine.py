"""`--engine ray`: a command whose documents are read in parts, in other processes and on other machines.

A part is what `--shard` reads, in a file of its own beside --out. A run that was stopped goes on with those that are
missing, and when all are there they are put together as by `bigbird merge`. The engine only says who reads which, and
when.
"""

import io
import os
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import typer

from bigbird_cli.cli.boundary import guarded, print_error
from bigbird_cli.cli.console import duration, say
from bigbird_cli.cli.reading import STDIN, SkippedFiles
from bigbird_cli.errors import UsageError
from bigbird_cli.files.whole import remove
from bigbird_cli.messages import counted, sized

_PARTS = ".parts"
"""Ends the name of the folder of the parts, beside the file that they become."""

_PARQUET = ".parquet"
"""Of a table of records, as a Reader gives it, whose parts are lines of JSON."""

_PARTS_OF_A_PROCESS = 8
"""So that all end at about the same time."""

_EVERY = 10.0
"""Seconds between two lines that tell how far the engine is."""


def read_on_engine(command: Callable[..., None], options: Mapping[str, Any]) -> None:
    """Read all documents with a command, in parts.

    Args:
        command: one that `reads_documents`, as its module has it.
        options: as the command takes them.

    Raises:
        UsageError: the options do not go together, or the engine is not there.
        ResourceError: a process ended again and again.
        typer.Exit: with the command's own code.
    """
    from bigbird_cli.batch.ray import cluster
    from bigbird_cli.report.merge import merge_results

    paths = [*(options["files"] or []), *(options.get("context") or [])]
    _check(options, paths)
    out, quiet = Path(options["out"]), bool(options["quiet"])
    folder = out.with_name(out.name + _PARTS)
    if options["resume"] and out.exists():
        remove(folder)
        say(f"{out} is whole: nothing is left to do", quiet=quiet)
        return
    if options["overwrite"]:
        remove(folder)
    with cluster(options["address"]) as engine:
        n_gpus = int(engine.n_gpus > 0 and options["device"].startswith(("auto", "cuda")))
        n_cores = options["threads"] or 1
        n_processes = engine.n_gpus if n_gpus else engine.n_cores // n_cores
        parts = _parts(folder, paths, options, n_processes)
        missing = {path: number for path, number in parts.items() if not path.exists()}
        say(f"{len(missing)} of {counted(len(parts), 'part')} to read, {n_processes} at a time", quiet=quiet)
        calls = {
            path: (command, _options_of(options, path, number), str(Path.cwd())) for path, number in missing.items()
        }
        codes: list[int] = []
        begun = told = time.monotonic()
        try:
            for path, (code, said) in engine.calls(_read_part, calls, n_cores=n_cores, n_gpus=n_gpus):
                if said:
                    print_error(said.rstrip("\n"))
                if not path.exists():
                    _stop(path, code)
                codes.append(code)
                now = time.monotonic()
                if now - told >= _EVERY:
                    told, left = now, (now - begun) / len(codes) * (len(missing) - len(codes))
                    say(f"{len(codes)}/{len(missing)} parts · {duration(left)} left", quiet=quiet)
        except BaseException:
            if folder.exists():
                say(f"{folder} has what is done; the same command with --resume goes on", quiet=quiet)
            raise
    if _is_parquet(options):
        from bigbird_cli.report.parquet import write_parquet

        merge_results(folder / "all.jsonl", list(parts), overwrite=True)
        n_bytes = write_parquet(folder / "all.jsonl", out)
    else:
        n_bytes = merge_results(out, list(parts), overwrite=options["overwrite"])
    remove(folder)
    say(f"{out}: {counted(len(parts), 'part')}, {sized(n_bytes)}", quiet=quiet)
    if any(codes):
        raise typer.Exit(1 if {0, 1} & set(codes) else next(filter(None, codes)))


def _is_parquet(options: Mapping[str, Any]) -> bool:
    return options["format"] == "parquet" or (options["format"] is None and options["out"].endswith(_PARQUET))


def _check(options: Mapping[str, Any], paths: list[str]) -> None:
    to_file = "write it to a file, and name that"
    if not paths or "-" in [*paths, options.get("questions"), options.get("labels_file")]:
        raise UsageError(f"{STDIN} cannot be read in parts", where="--engine", fix=to_file)
    if options["out"] is None or options["out"].endswith(("/", os.sep)) or Path(options["out"]).is_dir():
        raise UsageError("parts become one file, and none is named", where="--engine", fix="add --out FILE")
    for name, given in (("--shard", options["shard"]), ("--html", options["html"])):
        if given is not None:
            raise UsageError("an engine reads all parts, and makes no page", where=name, fix="leave it out")
    if options["out"].endswith(_PARQUET) and options["format"] not in (None, "parquet"):
        raise UsageError("a Parquet file has records of JSON", where="--format", fix="leave it out")
    if Path(options["out"]).exists() and not options["resume"] and not options["overwrite"]:
        fix = "name another file, or give --overwrite"
        raise UsageError("it is there already", where=options["out"], fix=fix)


def _parts(folder: Path, paths: list[str], options: Mapping[str, Any], n_processes: int) -> dict[Path, str]:
    """The files of all parts, each with its "K/N": as many as a run before has, else some for each process."""
    from bigbird_cli.api.reading.inputs import find_inputs

    if folder.exists() and not options["resume"]:
        fix = "go on with it: --resume; or begin anew: --overwrite"
        raise UsageError(f"a run that was stopped left {folder.name}", where=options["out"], fix=fix)
    counts = [int(each.name.split("-")[2].partition(".")[0]) for each in folder.glob("*-of-*")]
    n_inputs = sum(1 for _ in find_inputs(paths, encoding=options["encoding"], on_skipped=SkippedFiles()))
    n_parts = counts[0] if counts else max(1, min(n_inputs, _PARTS_OF_A_PROCESS * n_processes))
    suffix = ".jsonl" if _is_parquet(options) else Path(options["out"]).suffix
    return {folder / f"{number}-of-{n_parts}{suffix}": f"{number}/{n_parts}" for number in range(1, n_parts + 1)}


def _options_of(options: Mapping[str, Any], path: Path, shard: str) -> dict[str, Any]:
    """The options of a command for one of its parts, which may have been begun before."""
    engine = {"engine": None, "address": None, "overwrite": False, "quiet": True}
    device = options["device"].partition(":")[0]  # of the GPUs a process sees its own alone, as the first
    own = {"out": str(path), "shard": shard, "resume": True, "device": device, "threads": options["threads"] or 1}
    if _is_parquet(options):
        own["format"] = "jsonl"
    return {**options, **engine, **own}


def _read_part(command: Callable[..., None], options: Mapping[str, Any], folder: str) -> tuple[int, str]:
    """Read a part, wherever the engine has a place for it; gives the exit code, and what went to standard error."""
    os.chdir(folder)
    with redirect_stderr(io.StringIO()) as said:
        try:
            guarded(command)(**options)
        except typer.Exit as end:
            return end.exit_code, said.getvalue()
    return 0, said.getvalue()


def _stop(path: Path, code: int) -> None:
    if code:
        raise typer.Exit(code)  # what was wrong has been said
    raise UsageError(
        "a machine of the engine wrote a part that is not here",
        where=str(path),
        fix="name files that all machines see under the same name",
    )
