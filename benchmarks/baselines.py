"""What a recipe's task is worth without learning, on its dev data: the figures that a run has to beat.

    python benchmarks/baselines.py recipes/ner-redocred.yaml recipes/qa-policyqa.yaml

Questions are answered with the document's first sentence, or with the one that shares most words with the question.
Names are those of the training data wherever they stand as words, the longest first, each of its commonest type. The
scores of other tasks say what the commonest answer gives: `majority` in a run's metrics.jsonl.
"""

import argparse
import re
from collections import Counter, defaultdict
from typing import Any

from bigbird_cli.recipe import load_recipe
from bigbird_cli.tasks.ner.decoding import Entity, NERPrediction
from bigbird_cli.tasks.ner.gold import NERExample
from bigbird_cli.tasks.ner.task import NamedEntities
from bigbird_cli.tasks.qa.spans import QAPrediction, Span
from bigbird_cli.tasks.qa.squad import QAExample
from bigbird_cli.tasks.qa.task import QuestionAnswering
from bigbird_cli.tasks.windowed import Coverage

_SENTENCE = re.compile(r"\S.*?(?:[.!?](?=\s|$)|$)", re.DOTALL)
_WORD = re.compile(r"\w+")
_NONE_READ = Coverage(n_tokens=0, n_read=0, n_unknown=0, n_windows=1, longest_input=0)


def first_sentence(example: QAExample) -> Span:
    """The document's first sentence."""
    found = next(_SENTENCE.finditer(example.context))
    return Span(found[0], found.start(), found.end(), 1.0)


def nearest_sentence(example: QAExample) -> Span:
    """The sentence that shares most words with the question, for its length."""
    asked = set(_WORD.findall(example.question.lower()))

    def shared(found: re.Match[str]) -> float:
        words = set(_WORD.findall(found[0].lower()))
        return len(words & asked) / (len(words) + 5)

    found = max(_SENTENCE.finditer(example.context), key=shared)
    return Span(found[0], found.start(), found.end(), 1.0)


def answered(example: QAExample, span: Span) -> QAPrediction:
    return QAPrediction(example.id, span, (span,), 0.0, _NONE_READ)


class Names:
    """The names of the training data, looked up."""

    def __init__(self, examples: list[NERExample]) -> None:
        types: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for example in examples:
            for entity in example.entities:
                types[tuple(_WORD.findall(example.text[entity.start : entity.end]))][entity.type] += 1
        self._types = {words: counts.most_common(1)[0][0] for words, counts in types.items() if words}
        self._longest = max(map(len, self._types))

    def find(self, example: NERExample) -> NERPrediction:
        words = list(_WORD.finditer(example.text))
        found: list[Entity] = []
        first = 0
        while first < len(words):
            for n in range(min(self._longest, len(words) - first), 0, -1):
                run = words[first : first + n]
                if type_ := self._types.get(tuple(word[0] for word in run)):
                    start, end = run[0].start(), run[-1].end()
                    found.append(Entity(type_, start, end, 1.0, example.text[start:end]))
                    first += n - 1
                    break
            first += 1
        return NERPrediction(example.id, tuple(found), _NONE_READ)


def rows(recipe_file: str, overrides: list[str]) -> list[tuple[str, dict[str, float]]]:
    """The name and the scores of each baseline of a recipe's task."""
    recipe = load_recipe(recipe_file, overrides=overrides)
    task: Any = recipe.task
    dev: Any = list(task.read(recipe.data.dev))
    if isinstance(task, QuestionAnswering):
        ways = {"first sentence": first_sentence, "nearest sentence": nearest_sentence}
        return [(name, task.score([answered(each, way(each)) for each in dev], dev)) for name, way in ways.items()]
    if isinstance(task, NamedEntities):
        train = [example for source in recipe.data.train for example in task.read(source)]
        names = Names(train)
        return [("names of the training data", task.fit_labels(train).score([names.find(each) for each in dev], dev))]
    raise SystemExit(f"{recipe_file}: a run's own scores say `majority`")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    options = parser.parse_args()
    print("| recipe | baseline | scores |")
    print("|---|---|---|")
    for recipe in options.recipes:
        for name, scores in rows(recipe, options.overrides):
            shown = {key: scores[key] for key in ("exact_match", "precision", "recall", "f1") if key in scores}
            print(f"| {recipe} | {name} | {', '.join(f'{key} {value:.1f}' for key, value in shown.items())} |")


if __name__ == "__main__":
    main()
