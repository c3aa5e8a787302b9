"""Facts planted in a text of 60,000 words: how many are found, is all of it read, does memory stay flat.

    BIGBIRD_DATA=FOLDER python benchmarks/needles.py --model qa-mini --json needles.json

Twenty facts are planted one at a time, each 5 % deeper than the one before, and each is asked for. The text is novels
from FOLDER/litbank that no shipped model saw (the last ten by name); without them, sentences made by chance. Then the
same question is asked of a text twice as long, in a process of its own, and the peak memories are compared.
"""

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

WORDS = 60_000
TEST_NOVELS = 10  # by file name, from the end
MEBIBYTE = 1 << 20


class Needle(NamedTuple):
    """A fact, the question that asks for it, and its answer."""

    fact: str
    question: str
    answer: str


NEEDLES = [
    Needle(*row)
    for row in (
        ("The lighthouse at Corran Point was built in 1873.", "When was the lighthouse at Corran Point built?", "1873"),
        ("The vault in Eldham opens with the number 40917.", "What number opens the vault in Eldham?", "40917"),
        ("Professor Ilse Varga discovered the comet Tamsin.", "Who discovered the comet Tamsin?", "Ilse Varga"),
        ("The Kestrel Society meets in the town of Bramley.", "Where does the Kestrel Society meet?", "Bramley"),
        (
            "The violin of Anton Reszke is made of pear wood.",
            "What is the violin of Anton Reszke made of?",
            "pear wood",
        ),
        ("Lake Oswin is 212 metres deep.", "How deep is Lake Oswin?", "212 metres"),
        ("The Dorset Mail was founded by Clara Penrose.", "Who founded the Dorset Mail?", "Clara Penrose"),
        ("The ship Halcyon Star sank near Madeira.", "Where did the ship Halcyon Star sink?", "Madeira"),
        ("The capital of the island of Sarnia is Port Leon.", "What is the capital of Sarnia?", "Port Leon"),
        ("The treaty of Aldmoor was signed on 4 May 1791.", "When was the treaty of Aldmoor signed?", "4 May 1791"),
        ("The Vintry Prize was won by the poet Omar Selim.", "Which poet won the Vintry Prize?", "Omar Selim"),
        ("Mount Karsa was first climbed by Edda Nilsen.", "Who first climbed Mount Karsa?", "Edda Nilsen"),
        ("The Tarn railway carries mostly slate.", "What does the Tarn railway mostly carry?", "slate"),
        ("The bakery in Quill Lane has 36 ovens.", "How many ovens has the bakery in Quill Lane?", "36"),
        ("The robot called Juniper speaks Portuguese.", "Which language does the robot Juniper speak?", "Portuguese"),
        ("The director of the Ferrow Museum is Ruth Okafor.", "Who directs the Ferrow Museum?", "Ruth Okafor"),
        ("The Bellman company has its offices in Trieste.", "Where are the Bellman company's offices?", "Trieste"),
        ("The password of the Heron laboratory is saffron.", "What is the Heron laboratory's password?", "saffron"),
        ("The bridge over the Wend is painted dark green.", "What colour is the bridge over the Wend?", "dark green"),
        ("The Orrin telescope cost nine million dollars.", "How much did the Orrin telescope cost?", "nine million"),
    )
]


def haystack(n_words: int, data: Path | None) -> str:
    """A text of n_words: novels where there are some, otherwise sentences made by chance, the same ones each time."""
    novels = sorted((data / "litbank/original").glob("*.txt"), key=lambda p: p.name)[-TEST_NOVELS:] if data else []
    words: list[str] = []
    for path in novels:
        words += path.read_text(encoding="utf-8").split()
        if len(words) >= n_words:
            break
    rng = random.Random(0)
    while len(words) < n_words:
        words += made_sentence(rng).split()
    return " ".join(words[:n_words])


def made_sentence(rng: random.Random) -> str:
    """A sentence that says nothing, with names in it."""
    name, other = rng.choices(["Ada", "Bruno", "Cecily", "Dunstan", "Edith", "Frank", "Greta", "Hugo"], k=2)
    place = rng.choice(["the garden", "the station", "a narrow street", "the upper field", "the kitchen", "the river"])
    deed = rng.choice(["spoke softly to", "waited for", "wrote again to", "laughed at", "remembered", "walked beside"])
    when = rng.choice(["In the evening", "Before noon", "That winter", "Soon after", "On some days", "As so often"])
    return f"{when} {name} {deed} {other} near {place}, and nothing more was said of it for a while."


def plant(text: str, fact: str, depth: float) -> str:
    """The text with a fact in it, at the first end of a sentence from a depth of 0 to 1 on."""
    wanted = int(depth * len(text))
    match = re.compile(r"[.!?][\"'”’)]*\s").search(text, wanted) if wanted else None
    at = match.end() if match else (len(text) if wanted else 0)
    head = text[:at]
    gap = "" if not head or head[-1].isspace() else " "
    return f"{head}{gap}{fact} {text[at:]}"


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
    from bigbird_cli.tasks.qa.scores import normalise_answer

    rows = []
    for i, needle in enumerate(needles):
        depth = i / len(needles)
        start = time.perf_counter()
        record = api.answer(plant(text, needle.fact, depth), needle.question, model=model, **options)
        assert isinstance(record, dict)
        receipt = record["receipt"]
        answer = record["answer"] or ""
        row = {
            "depth": depth,
            "question": needle.question,
            "wanted": needle.answer,
            "answer": record["answer"],
            "found": f" {normalise_answer(needle.answer)} " in f" {normalise_answer(answer)} ",
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
