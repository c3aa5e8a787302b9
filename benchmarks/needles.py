"""Facts planted in a text of 60,000 words: how many are found, is all of it read, does memory stay flat.

    BIGBIRD_DATA=FOLDER python benchmarks/needles.py --model qa-mini --json needles.json

Twenty facts are planted one at a time, each 5 % deeper than the one before, and each is asked for. The text is novels
from FOLDER/litbank that no shipped model saw (the last ten by name); without them, sentences made by chance. Then the
same question is asked of a text twice as long, in a process of its own, and the peak memories are compared.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bigbird_cli.tasks.qa.needles import NEEDLES, Needle, is_found, made_text, plant  # noqa: E402 - found by then

WORDS = 60_000
TEST_NOVELS = 10  # by file name, from the end
MEBIBYTE = 1 << 20


def haystack(n_words: int, data: Path | None) -> str:
    """A text of n_words: novels where there are some, otherwise sentences made by chance, the same ones each time."""
    novels = sorted((data / "litbank/original").glob("*.txt"), key=lambda p: p.name)[-TEST_NOVELS:] if data else []
    words: list[str] = []
    for path in novels:
        words += path.read_text(encoding="utf-8").split()
        if len(words) >= n_words:
            break
    return " ".join([*words[:n_words], *made_text(n_words - len(words)).split()])


def find_needles(
    text: str,
    *,
    model: str,
    needles: Sequence[Needle] = NEEDLES,
    progress: Callable[[str], None] | None = None,
    **options: Any,
) -> list[dict[str, Any]]:
    """Plant each fact at its own depth, ask for it, and check the receipt.

    Returns:
        For each fact: depth, question, wanted, answer, found (the answer holds the wanted words), score,
        no_answer_score, read_whole and seconds.
    """
    from bigbird_cli import api

    rows = []
    for i, needle in enumerate(needles):
        depth = i / len(needles)
        start = time.perf_counter()
        record = api.answer(plant(text, needle.fact, depth), needle.question, model=model, **options)
        assert isinstance(record, dict)
        receipt = record["receipt"]
        row = {
            "depth": depth,
            "question": needle.question,
            "wanted": needle.answer,
            "answer": record["answer"],
            "found": is_found(needle.answer, record["answer"]),
            "score": record["score"],
            "no_answer_score": record["no_answer_score"],
            "tokens": receipt["tokens"],
            "read_whole": receipt["read"] == receipt["tokens"] and not receipt["truncated"],
            "seconds": time.perf_counter() - start,
        }
        rows.append(row)
        if progress is None:
            continue
        sign = "found" if row["found"] else "missed"
        progress(f"{100 * depth:3.0f} %  {sign}  {needle.question}  {record['answer']!r}  {row['seconds']:.1f} s")
    return rows


def peak_memory(n_words: int, *, model: str, data: Path | None) -> dict[str, Any]:
    """Ask one question of n_words in a new process.

    Returns:
        words, tokens, and the process's peak resident memory in MiB.
    """
    command = [sys.executable, __file__, "--model", model, "--only-memory", str(n_words)]
    command += ["--data", str(data)] if data else []
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def own_peak(n_words: int, *, model: str, data: Path | None) -> dict[str, Any]:
    """The same in this process."""
    [row] = find_needles(haystack(n_words, data), model=model, needles=NEEDLES[:1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"words": n_words, "tokens": row["tokens"], "peak_mib": peak / MEBIBYTE, "seconds": row["seconds"]}


def table(rows: Sequence[dict[str, Any]], memory: Sequence[dict[str, Any]]) -> str:
    """Needles and memories as markdown."""
    lines = ["| depth | question | answer | found | no answer |", "|---:|---|---|---|---:|"]
    for row in rows:
        found = "yes" if row["found"] else f"no ({row['wanted']})"
        lines.append(
            f"| {100 * row['depth']:.0f} % | {row['question']} | {row['answer'] or ''} | {found}"
            f" | {row['no_answer_score']:.2f} |"
        )
    n_found, n_whole = sum(row["found"] for row in rows), sum(row["read_whole"] for row in rows)
    lines += ["", f"Found {n_found} of {len(rows)}; {n_whole} of {len(rows)} receipts say that every token was read."]
    if memory:
        lines += ["", "| words | tokens | seconds | peak memory, MiB |", "|---:|---:|---:|---:|"]
        lines += [f"| {m['words']:,} | {m['tokens']:,} | {m['seconds']:.1f} | {m['peak_mib']:.0f} |" for m in memory]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="qa-mini", help="model folder or name (qa-mini)")
    parser.add_argument("--data", type=Path, default=None, help="folder with litbank (the variable BIGBIRD_DATA)")
    parser.add_argument("--words", type=int, default=WORDS)
    parser.add_argument("--window", type=int, default=None, help="tokens of a model input at most")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--no-memory", action="store_true", help="leave out the two runs that measure memory")
    parser.add_argument("--only-memory", type=int, default=None, metavar="WORDS", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, default=None, help="write the results here")
    settings = parser.parse_args(argv)
    data = settings.data or (Path(os.environ["BIGBIRD_DATA"]) if os.environ.get("BIGBIRD_DATA") else None)
    if settings.only_memory is not None:
        print(json.dumps(own_peak(settings.only_memory, model=settings.model, data=data)))
        return

    rows = find_needles(
        haystack(settings.words, data),
        model=settings.model,
        window=settings.window,
        device=settings.device,
        threads=settings.threads,
        progress=lambda line: print(line, file=sys.stderr, flush=True),
    )
    memory = []
    if not settings.no_memory:
        memory = [peak_memory(n, model=settings.model, data=data) for n in (settings.words, 2 * settings.words)]
    if settings.json:
        report = {"model": settings.model, "words": settings.words, "needles": rows, "memory": memory}
        settings.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(table(rows, memory))


if __name__ == "__main__":
    main()
