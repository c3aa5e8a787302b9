"""The process that tries a tokenizer.json out, where the library may end it or never come back.

Its arguments are the file and characters that its patterns name. It reads runs of these, and of usual ones, back and
forth, with little time and memory; whoever asked looks at how it ended.
"""

import itertools
import sys
from pathlib import Path

import tokenizers

SECONDS = 5
BYTES = 4 << 30
RUN = 2000
USUAL = " ▁a0\n.é漢"


def main() -> None:
    """Open the file, and read and write runs of characters."""
    path, named = sys.argv[1:]
    _limit()
    tokenizer = tokenizers.Tokenizer.from_str(Path(path).read_text(encoding="utf-8"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    runs = [character * RUN for character in dict.fromkeys(USUAL + named)]
    runs += ["".join(pair) * (RUN // 20) for pair in itertools.product(named, named)]
    for run in ["", *runs]:
        for text in (run, f"{run}!", f"!{run} a"):
            try:
                ids = tokenizer.encode(text, add_special_tokens=False).ids
            except Exception:  # text that the vocabulary lacks: an answer, which comes again for each such text
                continue
            tokenizer.decode(ids)


def _limit() -> None:
    try:
        import resource  # Windows has none
    except ImportError:
        return
    for limit, most in ((resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_AS, BYTES), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main()
