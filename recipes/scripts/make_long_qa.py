"""Turn TriviaQA, Natural Questions and HotpotQA, as the Hugging Face hub has them, into rows that recipes read.

    python recipes/scripts/make_long_qa.py triviaqa --out data/triviaqa
    python recipes/scripts/make_long_qa.py natural-questions --out data/natural-questions --limit 10000
    python recipes/scripts/make_long_qa.py hotpotqa --out data/hotpotqa --train train/ --dev validation/

Their rows say what an answer is and not where, or where among tokens of HTML. Here each becomes {"id", "question",
"context", "answers": {"text", "answer_start"}}, in OUT/train.jsonl and OUT/dev.jsonl. --train and --dev name files or
folders of the same rows (Parquet, JSON lines) where there is no network.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from bigbird_cli.data.hub import HubDataError
from bigbird_cli.data.rows import read_rows
from bigbird_cli.errors import BigBirdError
from bigbird_cli.messages import counted

Row = dict[str, Any]
Answers = list[tuple[str, int]]
"""Texts and where they start."""


def triviaqa(row: Row) -> Row | None:
    """A question on its Wikipedia articles, one behind the other: every place that says the answer counts as one.

    None where no place does: then the question has no answer that a span could be.
    """
    context = "\n\n".join(column(row["entity_pages"], "wiki_context"))
    answer = row["answer"]
    found = places({answer["value"], *answer["aliases"]}, context, flags=re.IGNORECASE)
    return made(row["question_id"], row["question"], context, found) if found else None


BLOCK = re.compile(r"</?(?:p|tr|li|dd|dt|h\d|table|ul|ol|dl)\b.*", re.IGNORECASE)
"""A tag at which a line ends."""

NO, YES = (0, "NO"), (1, "YES")


def natural_questions(row: Row) -> Row | None:
    """A question on the words of an article, without its HTML; the short answers are its answers.

    Of five people who were asked, two must have given one, else the article has none. None where as many said yes or
    no, which no span says.
    """
    tokens = row["document"]["tokens"]
    text, starts, ends = "", [], []
    gap = ""
    for word, is_html in zip(column(tokens, "token"), column(tokens, "is_html"), strict=True):
        if is_html:
            gap = "\n" if BLOCK.fullmatch(word) and text else gap
        else:
            text += gap + word
            gap = " "
        starts.append(len(text) - len(word) * (not is_html))
        ends.append(len(text))
    people = row["annotations"]
    given = [
        list(zip(column(short, "start_token"), column(short, "end_token"), strict=True))
        for short in column(people, "short_answers")
    ]
    enough = 2 if len(given) > 1 else 1
    if sum(value in NO + YES for value in column(people, "yes_no_answer")) >= enough:
        return None
    spans = {(starts[first], ends[stop - 1]) for each in given for first, stop in each}
    answers = [(text[start:end], start) for start, end in sorted(spans)]
    if sum(map(bool, given)) < enough:
        answers = []
    return made(row["id"], row["question"]["text"], text, answers)


YES_OR_NO = "yes no"
"""Begins every context, so that a span can say either."""


def hotpotqa(row: Row) -> Row | None:
    """A question on ten paragraphs; an answer's places are those in the sentences that support it, else all others.

    None where the answer stands nowhere.
    """
    supporting = set(zip(*(column(row["supporting_facts"], name) for name in ("title", "sent_id")), strict=True))
    context = YES_OR_NO
    found: Answers = []
    for title, sentences in zip(*(column(row["context"], name) for name in ("title", "sentences")), strict=True):
        context += f"\n\n{title}\n"
        for number, sentence in enumerate(sentences):
            if (title, number) in supporting:
                found += [(text, len(context) + start) for text, start in places({row["answer"]}, sentence)]
            context += sentence
    if row["answer"] in YES_OR_NO.split():
        found = [(row["answer"], YES_OR_NO.index(row["answer"]))]
    found = found or places({row["answer"]}, context)
    return made(row["id"], row["question"], context, found) if found else None


SETS: Mapping[str, tuple[Callable[[Row], Row | None], str, str]] = {
    "triviaqa": (
        triviaqa,
        "hub:mandarjoshi/trivia_qa#rc.wikipedia:train",
        "hub:mandarjoshi/trivia_qa#rc.wikipedia:validation",
    ),
    "natural-questions": (
        natural_questions,
        "hub:google-research-datasets/natural_questions#default:train",
        "hub:google-research-datasets/natural_questions#default:validation",
    ),
    "hotpotqa": (
        hotpotqa,
        "hub:hotpotqa/hotpot_qa#distractor:train",
        "hub:hotpotqa/hotpot_qa#distractor:validation",
    ),
}
"""Name -> what makes a row of one of the hub, its train part, its dev part."""


def column(objects: Any, name: str) -> list[Any]:
    """The values of a name in all objects of a list, which `datasets` may give as one object of lists."""
    found = objects[name] if isinstance(objects, dict) else [each[name] for each in objects]
    return list(found)


def places(names: Collection[str], text: str, *, flags: re.RegexFlag = re.NOFLAG) -> Answers:
    """Where any of the names stands as whole words, the longest where several begin."""
    words = [re.escape(name) for name in sorted(names, key=len, reverse=True) if name.strip()]
    return [(each[0], each.start()) for each in re.finditer(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", text, flags)]


def made(id_: Any, question: str, context: str, answers: Answers) -> Row:
    listed = {"text": [text for text, _ in answers], "answer_start": [start for _, start in answers]}
    return {"id": str(id_), "question": question, "context": context, "answers": listed}


def rows_of(source: str, make: Callable[[Row], Row | None], limit: int | None) -> Iterator[Row | None]:
    for row in islice(read_rows(source), limit):
        yield make(row.fields)


def write(rows: Iterable[Row | None], path: Path) -> str:
    """Write all rows that there are, whole or not at all; gives what to say of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    n_written = n_left_out = n_unanswered = 0
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            for row in rows:
                if row is None:
                    n_left_out += 1
                    continue
                n_written += 1
                n_unanswered += not row["answers"]["text"]
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    questions = counted(n_written, "question")
    return f"{path}: {questions}, {n_unanswered:,} of them without an answer; {n_left_out:,} left out"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=SETS, metavar="NAME", help=", ".join(SETS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--train", metavar="SOURCE", help="instead of the hub")
    parser.add_argument("--dev", metavar="SOURCE", help="instead of the hub")
    parser.add_argument("--limit", type=int, metavar="N", help="the first questions of each part alone")
    options = parser.parse_args(arguments)
    make, train, dev = SETS[options.name]
    for name, source in (("train", options.train or train), ("dev", options.dev or dev)):
        try:
            print(write(rows_of(source, make, options.limit), options.out / f"{name}.jsonl"), file=sys.stderr)
        except HubDataError as error:
            remedy = "fetch its Parquet files, and name them with --train and --dev"
            print(f"error: {error.where}: {error.problem}; {remedy}", file=sys.stderr)
            return error.exit_code
        except BigBirdError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
