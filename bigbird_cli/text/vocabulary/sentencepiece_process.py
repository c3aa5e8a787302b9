"""The process in which sentencepiece learns a vocabulary, apart from the one that asked for it.

So an interrupt ends it at once, which nothing does inside the library; its log reaches no terminal; and its memory is
given back. Its arguments are the trainer's settings as JSON, a file of UTF-8 lines, and the file for the model; why
there is no model goes to standard error. Standard input is held open by whoever asked, and ends with them.
"""

import json
import os
import sys
import threading
from pathlib import Path

import sentencepiece


def main() -> None:
    """Learn from the lines, and write the model."""
    settings, text, model = sys.argv[1:]
    threading.Thread(target=_end_with_the_asker, daemon=True).start()
    with Path(text).open("rb") as lines, Path(model).open("wb") as writer:
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=(line.removesuffix(b"\n") for line in lines),
                model_writer=writer,
                **json.loads(settings),
            )
        except RuntimeError as error:
            sys.exit(str(error))


def _end_with_the_asker() -> None:
    os.read(0, 1)  # not through sys.stdin, whose lock must be free when the interpreter ends
    os._exit(1)


if __name__ == "__main__":
    main()
