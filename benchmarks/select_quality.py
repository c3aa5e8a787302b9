"""How often the sentence that holds the answer is among the first that `bigbird select` gives, beside baselines.

    python benchmarks/select_quality.py squad-dev.json --model classify-mini

The file is SQuAD's; the paragraphs of an article are read as one text, and each question is asked of its whole article.
The two scales of the task are fitted to the questions of the first half of the articles, and shown; the table is of the
others, by the task's own scales, the cosine alone, BM25 alone, and scikit-learn's tf-idf.
"""

import argparse
import json
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from sklearn.feature_extraction.text import TfidfVectorizer

from bigbird_cli.backend import Predictor, open_backend
from bigbird_cli.search.words import bm25
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.select import SentenceSelection, words_of
from bigbird_cli.tasks.windowed import pack
from bigbird_cli.text.sentences import sentences
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, load_tokenizer
from bigbird_cli.weights.store import open_folder

FIRST = (1, 3, 5)


@dataclass(frozen=True)
class Question:
    """A question, and how like it each sentence of its article is: arrays (S,); `gold` are those with the answer."""

    cosines: np.ndarray
    words: np.ndarray
    tfidf: np.ndarray
    gold: list[int]


def articles_of(file: Path) -> list[tuple[str, list[tuple[str, int, int]]]]:
    """The text of each article, and its questions with the first answer's characters."""
    articles = []
    for article in json.loads(file.read_text(encoding="utf-8"))["data"]:
        text, asked = "", []
        for paragraph in article["paragraphs"]:
            for qa in paragraph["qas"]:
                if qa["answers"]:
                    start = len(text) + qa["answers"][0]["answer_start"]
                    asked.append((qa["question"], start, start + len(qa["answers"][0]["text"])))
            text += paragraph["context"] + "\n\n"
        articles.append((text, asked))
    return articles


def embed(texts: list[str], predictor: Predictor, tokenizer: Tokenizer, *, window: int) -> np.ndarray:
    """Embed texts, the first window of each: float64 (n, D)."""
    features = []
    for number, text in enumerate(texts):
        ids, types = pack(tokenizer, tokenizer.encode(text, newline="space").ids[: window - 2])
        features.append(Feature(ids=ids, types=types, labels={}, example=number))
    found = [outputs["embedding"] for _, outputs in predictor.predict(features, batch_size=32)]
    return np.stack(found).astype(np.float64)


def compare(
    text: str, asked: list[tuple[str, int, int]], predictor: Predictor, tokenizer: Tokenizer, *, window: int
) -> list[Question]:
    """Compare the sentences of an article with its questions."""
    spans = sentences(text)
    found = [text[start:end] for start, end in spans]
    inside = embed(found, predictor, tokenizer, window=window)
    questions = embed([question for question, _, _ in asked], predictor, tokenizer, window=window)
    vectorizer = TfidfVectorizer()
    tfidf = (vectorizer.fit_transform(found) @ vectorizer.transform([q for q, _, _ in asked]).T).toarray()
    words = [words_of(sentence) for sentence in found]
    return [
        Question(
            cosines=inside @ questions[k],
            words=bm25(words_of(question), words),
            tfidf=tfidf[:, k],
            gold=[i for i, (first, stop) in enumerate(spans) if first < end and start < stop],
        )
        for k, (question, start, end) in enumerate(asked)
    ]


def fit(questions: list[Question]) -> tuple[float, float]:
    """The scales of cosine and BM25 by which the sentences with the answers are likeliest."""

    def loss(scales: np.ndarray) -> float:
        logits = [scales[0] * each.cosines + scales[1] * each.words for each in questions]
        parts = zip(logits, questions, strict=True)
        return float(sum(np.logaddexp.reduce(row) - np.logaddexp.reduce(row[each.gold]) for row, each in parts))

    cosine, words = minimize(loss, [20.0, 0.5], method="Nelder-Mead").x
    return float(cosine), float(words)


def ranks(questions: list[Question], task: SentenceSelection) -> dict[str, np.ndarray]:
    """How many sentences each way of ranking puts before the first with the answer: arrays (Q,)."""
    found: dict[str, list[int]] = defaultdict(list)
    for each in questions:
        scores = {
            "select": task.cosine_scale * each.cosines + task.word_scale * each.words,
            "cosine alone": each.cosines,
            "BM25": each.words,
            "tf-idf": each.tfidf,
        }
        for name, row in scores.items():
            order = np.argsort(-row, kind="stable")
            found[name].append(int(np.flatnonzero(np.isin(order, each.gold))[0]))
    return {name: np.array(rows) for name, rows in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("squad", type=Path)
    parser.add_argument("--model", default="classify-mini")
    parser.add_argument("--questions", type=int, help="so many of each article at most, drawn with a fixed seed")
    options = parser.parse_args()
    folder = open_folder(options.model)
    tokenizer, task = load_tokenizer(folder.path), SentenceSelection.for_model(folder.config)
    predictor = open_backend().open_predictor(folder, head=task.head)
    rng, compared = random.Random(0), []
    for text, asked in articles_of(options.squad):
        some = asked if options.questions is None else rng.sample(asked, min(options.questions, len(asked)))
        compared.append(compare(text, some, predictor, tokenizer, window=task.window))
    half = (len(compared) + 1) // 2
    fitted, tested = ([each for one in part for each in one] for part in (compared[:half], compared[half:]))
    cosine, words = fit(fitted)
    print(f"fitted to {len(fitted)} questions: cosine_scale {cosine:.1f}, word_scale {words:.2f}")
    print(f"| of {len(tested)} others | " + " | ".join(f"first {n}" for n in FIRST) + " | MRR |")
    print("|---" * (len(FIRST) + 2) + "|")
    for name, rows in ranks(tested, task).items():
        shares = " | ".join(f"{100 * float((rows < n).mean()):.1f}" for n in FIRST)
        print(f"| {name} | {shares} | {float((1 / (rows + 1)).mean()):.3f} |")


if __name__ == "__main__":
    main()
