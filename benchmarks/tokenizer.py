"""Claim: our tokenizers give one and the same ids for a line, at exact offsets, faster than transformers' fast one.

    BIGBIRD_DATA=FOLDER python benchmarks/tokenizer.py --vocab spiece.model
    ... --slow PYTHON      also compare with transformers' slow tokenizer, which a Python with transformers 4.44 has

Lines come from every text file under FOLDER (txt, json, jsonl, tsv, csv, xml, parquet, no suffix), cut at 500
characters and drawn without repetition, and a tenth more are made: random Unicode, and pieces of the vocabulary in
random order, special ones among them. BigBirdTokenizer's ids are what the others are held against. An offset is wrong
where the text that a token's offsets say is not the piece's own.

Every tenth batch is timed: the contenders read it in turn, so that all meet the same machine. MB are of UTF-8.
"""

import argparse
import csv
import itertools
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
import zlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

LONGEST_LINE = 500
BATCH = 1000
TIMED = 10  # every how manieth batch is timed
MADE = 0.1  # made lines, as a share of the real ones

SLOW, OURS, DOCUMENTS = "BigBirdTokenizer", "BigBirdTokenizerFast, from tokenizer.json", "load_tokenizer, for documents"
LIBRARY, THEIRS = "tokenizers, our tokenizer.json", "transformers, fast"
OLD = "transformers 4.44, slow"

# reads lines as JSON, writes a checksum of each one's ids
CHILD = """
import array, json, sys, zlib
import transformers
transformers.logging.set_verbosity_error()
tokenizer = transformers.BigBirdTokenizer(sys.argv[1])
for line in sys.stdin:
    print(zlib.crc32(array.array("i", tokenizer(json.loads(line))["input_ids"]).tobytes()), flush=True)
"""

Read = Callable[[list[str]], list[list[int]]]


def texts(path: Path) -> Iterator[str]:
    """The texts in a file, whatever its format; nothing where it holds none."""
    if path.suffix == ".parquet":
        import pyarrow.parquet

        for column in pyarrow.parquet.read_table(path).columns:
            yield from (value for value in column.to_pylist() if isinstance(value, str))
        return
    if path.suffix not in ("", ".txt", ".json", ".jsonl", ".tsv", ".csv", ".xml"):
        return
    content = path.read_text(encoding="utf-8", errors="ignore")
    try:
        if path.suffix == ".json":
            yield from strings(json.loads(content))
        elif path.suffix == ".jsonl":
            yield from itertools.chain.from_iterable(strings(json.loads(line)) for line in content.splitlines())
        elif path.suffix == ".csv":
            yield from itertools.chain.from_iterable(csv.reader(content.splitlines(keepends=True)))
        else:
            yield content
    except (ValueError, csv.Error):
        yield content


def strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings(part)


def real_lines(folder: Path, n_lines: int) -> list[str]:
    """Different lines of the files under a folder, in random order."""
    found: dict[str, None] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        for text in texts(path):
            for line in text.splitlines():
                for start in range(0, len(line), LONGEST_LINE):
                    found[line[start : start + LONGEST_LINE]] = None
    lines = list(found)
    random.Random(0).shuffle(lines)
    return lines[:n_lines]


def made_lines(pieces: Sequence[str], n_lines: int) -> list[str]:
    """Random Unicode, and random pieces with spaces, line ends and special tokens between."""
    rng = random.Random(1)
    planes = [(0x20, 0x7E), (0, 0x2FF), (0x300, 0xFFFF), (0x10000, 0x10FFFF)]
    special = [
        "[MASK]",
        " [MASK]",
        "[SEP]",
        "[CLS]",
        "<s>",
        "</s>",
        "<unk>",
        "<pad>",
        " ",
        "  ",
        "▁",
        "\n",
        "\t",
        "<",
        "é",
    ]

    def character() -> str:
        while True:
            number = rng.randint(*rng.choice(planes))
            if not 0xD800 <= number <= 0xDFFF:
                return chr(number)

    def piece() -> str:
        return rng.choice(special if rng.random() < 0.2 else pieces).replace("▁", " ")

    return ["".join((character, piece)[i % 2]() for _ in range(rng.randint(0, 30))) for i in range(n_lines)]


def contenders(vocabulary: Path, folder: Path) -> tuple[dict[str, Read], Any, Any]:
    """Name -> what reads a batch of lines; then BigBirdTokenizer and the document tokenizer themselves."""
    import tokenizers
    import transformers

    from bigbird_cli import BigBirdTokenizer, BigBirdTokenizerFast, load_tokenizer

    transformers.logging.set_verbosity_error()
    (folder / "spiece.model").write_bytes(vocabulary.read_bytes())
    json_file = folder / "tokenizer.json"
    json_file.write_text(BigBirdTokenizerFast(vocabulary).tokenizer_json(), encoding="utf-8")

    slow, fast = BigBirdTokenizer(vocabulary), BigBirdTokenizerFast(tokenizer_file=json_file)
    documents = load_tokenizer(folder)
    library = tokenizers.Tokenizer.from_file(str(json_file))
    scores = [(slow.convert_ids_to_tokens(n), slow.sp_model.get_score(n)) for n in range(slow.vocab_size)]
    theirs = transformers.BigBirdTokenizer(vocab=scores)  # it reads a spiece.model itself only where protobuf is
    readers: dict[str, Read] = {
        SLOW: lambda lines: slow(lines)["input_ids"],
        OURS: lambda lines: fast(lines)["input_ids"],
        # with offsets, which it always gives; in our own frame, to compare
        DOCUMENTS: lambda lines: [
            [documents.cls_id, *documents.encode(line, newline="keep").ids.tolist(), documents.sep_id] for line in lines
        ],
        LIBRARY: lambda lines: [encoding.ids for encoding in library.encode_batch(lines)],
        THEIRS: lambda lines: theirs(lines)["input_ids"],
    }
    return readers, slow, documents


def wrong_offsets(line: str, ids: Sequence[int], spans: Sequence[tuple[int, int]], slow: Any) -> int:
    """How many tokens of a line do not stand where their offsets say; ids without the frame of special tokens."""
    wrong = end = 0
    for number, token, (start, stop) in zip(ids, slow.convert_ids_to_tokens(ids), spans, strict=True):
        span, piece = line[start:stop], token.removeprefix("▁")
        if number == slow.unk_token_id:
            right = span.strip(" ") == span != ""
        elif piece.strip("▁"):
            # a ▁ in the text is read as a space
            right = span.replace(" ", "▁").removeprefix("▁") == piece
        else:
            right = not span.strip(" ▁")
        wrong += not (right and end <= start <= stop <= len(line))
        end = stop
    return wrong


def old_checksums(python: str, vocabulary: Path, lines: Sequence[str]) -> list[int]:
    """A checksum of each line's ids from the slow tokenizer of another Python's transformers."""
    done = subprocess.run(
        [python, "-c", CHILD, str(vocabulary)],
        input="".join(json.dumps(line) + "\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(line) for line in done.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocab", type=Path, required=True, help="a spiece.model with BigBird's special tokens")
    parser.add_argument("--lines", type=int, default=1_000_000, help="real lines at most")
    parser.add_argument("--slow", metavar="PYTHON", help="an interpreter with transformers 4.44.0 and sentencepiece")
    args = parser.parse_args()
    if "BIGBIRD_DATA" not in os.environ:
        sys.exit("BIGBIRD_DATA names no folder of texts")

    with tempfile.TemporaryDirectory() as folder:
        readers, slow, documents = contenders(args.vocab, Path(folder))
        lines = real_lines(Path(os.environ["BIGBIRD_DATA"]), args.lines)
        n_real = len(lines)
        lines += made_lines(list(slow.get_vocab()), int(MADE * n_real))
        random.Random(2).shuffle(lines)
        print(compare(lines, n_real, readers, slow, documents), flush=True)
        if args.slow:
            checksums = old_checksums(args.slow, args.vocab, lines)
            ids = (
                row for start in range(0, len(lines), BATCH) for row in slow(lines[start : start + BATCH])["input_ids"]
            )
            different = sum(
                zlib.crc32(array("i", row).tobytes()) != old for row, old in zip(ids, checksums, strict=True)
            )
            print(f"\n{OLD}: {len(checksums):,} lines compared with {SLOW}, ids different on {different:,}")


def compare(lines: Sequence[str], n_real: int, readers: dict[str, Read], slow: Any, documents: Any) -> str:
    """The table: what differs, and how fast each contender was."""
    from bigbird_cli.text.tokenizers.tokens import separated

    different: Counter[str] = Counter()
    misplaced: Counter[str] = Counter()
    compared: Counter[str] = Counter()
    seconds: defaultdict[str, float] = defaultdict(float)
    read_bytes = 0
    special = [token for token in slow.get_vocab() if token[0] in "<[" and token[-1] in ">]"]
    for i in range(0, len(lines), BATCH):
        batch = list(lines[i : i + BATCH])
        timed = i // BATCH % TIMED == 0
        read_bytes += timed * sum(len(line.encode()) for line in batch)
        rows = slow(batch, return_offsets_mapping=True)
        for line, ids, spans in zip(batch, rows["input_ids"], rows["offset_mapping"], strict=True):
            misplaced[SLOW] += wrong_offsets(line, ids[1:-1], spans[1:-1], slow)
        for name, read in readers.items():
            start = time.perf_counter()
            got = read(batch)
            seconds[name] += timed * (time.perf_counter() - start)
            for line, ids, expected in zip(batch, got, rows["input_ids"], strict=True):
                if name == DOCUMENTS and (any(token in line for token in special) or separated(line, "keep") != line):
                    continue  # reads special tokens as text and separators as spaces: that is its purpose
                compared[name] += 1
                different[name] += ids != expected
        for line in batch:
            tokens = documents.encode(line, newline="keep")
            offsets = list(zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True))
            misplaced[DOCUMENTS] += wrong_offsets(separated(line, "keep"), tokens.ids.tolist(), offsets, slow)

    import tokenizers
    import transformers

    table = [
        f"{platform.machine()}, {os.cpu_count()} cores, tokenizers {tokenizers.__version__}, "
        f"transformers {transformers.__version__}; {n_real:,} real lines, {len(lines) - n_real:,} made ones, "
        f"{read_bytes / 1e6:.1f} MB of them timed\n",
        "| tokenizer | lines compared | ids different on | offsets wrong | MB/s | against transformers' fast |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name in readers:
        wrong = f"{misplaced[name]:,}" if name in (SLOW, DOCUMENTS) else "–"
        table.append(
            f"| {name} | {compared[name]:,} | {different[name]:,} | {wrong} | {read_bytes / 1e6 / seconds[name]:.2f} |"
            f" {seconds[THEIRS] / seconds[name]:.1f} x |"
        )
    return "\n".join(table)


if __name__ == "__main__":
    main()
