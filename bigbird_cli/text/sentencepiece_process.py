"""The process in which sentencepiece learns a vocabulary, apart from the one that asked for it.

So an interrupt ends it at once, which nothing does inside the library; its log reaches no terminal; and its memory is
given back. Settings come as JSON in the first argument, the text as UTF-8 lines on standard input; the model goes to
standard output, and why there is none to standard error.
"""

import json
import sys

import sentencepiece


def main() -> None:
    """Learn from standard input."""
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(line.removesuffix(b"\n") for line in sys.stdin.buffer),
            model_writer=sys.stdout.buffer,
            **json.loads(sys.argv[1]),
        )
    except RuntimeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
