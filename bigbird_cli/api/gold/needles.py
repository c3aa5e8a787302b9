"""`bigbird evaluate --needles` as a plain Python call: facts planted at every depth of ever longer texts."""

from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack

from bigbird_cli.api.gold.gold import GoldOptions, open_for_gold, predicted, read_gold
from bigbird_cli.errors import UsageError
from bigbird_cli.messages import counted
from bigbird_cli.tasks.qa.needles import is_found, made_text, planted
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer

SHORTEST: Final = 512
LONGEST: Final = 8192


class FoundNeedle(TypedDict):
    """A fact that was planted, and what came of the question for it."""

    tokens: int
    """Of the text around it: 512, 1,024, and so on."""
    depth: int
    """Where the fact stands, in percent of the text."""
    question: str
    wanted: str
    answer: str | None
    found: bool
    refused: bool
    """The best answer is right, and "no answer" was given."""
    score: float
    no_answer_score: float


def find_needles(
    model: str | Path, data: str | Path | None = None, *, longest: int = LONGEST, **options: Unpack[GoldOptions]
) -> list[FoundNeedle]:
    """Plant facts at every 5 % of texts that double in length, ask for each, and say which are found.

    Args:
        model: a question-answering model, as of `evaluate`.
        data: questions whose documents are the text around the facts; None for sentences made by chance.
        longest: tokens of the longest text; the shortest has 512.
        **options: see GoldOptions.

    Raises:
        UsageError: an option has an impossible value, or the data's documents are shorter than the texts.
        DataError: the data cannot be used.
        ModelError: the model cannot be used, or answers no questions.
        ResourceError: memory did not suffice.
    """
    if longest < SHORTEST:
        raise UsageError(f"{longest} tokens are too few", where="longest", fix=f"give {SHORTEST} or more")
    reader = open_for_gold(model, {**options, "task": "qa"})
    lengths = list(takewhile(lambda n: n <= longest, (SHORTEST << i for i in range(longest.bit_length()))))
    if data is None:
        around = made_text(lengths[-1])  # a word has a token or more
    else:
        _, examples = read_gold(reader, data, options)
        around = "\n".join(dict.fromkeys(example.context for example in examples))
    texts = list(_beginnings(around, lengths, reader.tokenizer))
    rows = list(planted(texts))
    examples = [example for _, _, example in rows]
    decoder = reader.task.decoder(examples, reader.tokenizer)
    for feature, outputs in predicted(reader, examples):
        decoder.add(feature, outputs)
    return [
        _found(lengths[row], depth, example, prediction)
        for (row, depth, example), prediction in zip(rows, decoder.finish(), strict=True)
    ]


def _beginnings(text: str, lengths: Iterable[int], tokenizer: Tokenizer) -> Iterator[str]:
    """The beginnings of a text that have so many tokens."""
    ends = tokenizer.encode(text).ends
    for length in lengths:
        if length > len(ends):
            raise UsageError(
                f"the documents have {counted(len(ends), 'token')} together, and a text of {length:,} is asked for",
                where="longest",
                fix="give less, or leave the data out",
            )
        yield text[: int(ends[length - 1])]


def _found(tokens: int, depth: int, example: Any, prediction: Any) -> FoundNeedle:
    wanted = example.answers[0].text
    answer = None if prediction.answer is None else prediction.answer.text
    best = prediction.spans[0].text if prediction.spans else None
    return {
        "tokens": tokens,
        "depth": depth,
        "question": example.question,
        "wanted": wanted,
        "answer": answer,
        "found": is_found(wanted, answer),
        "refused": answer is None and is_found(wanted, best),
        "score": prediction.score,
        "no_answer_score": prediction.no_answer_score,
    }
