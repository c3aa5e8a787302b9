"""The card of a trained model, README.md of its folder: what a run knows of it, with the header that hubs read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bigbird_cli import __version__
from bigbird_cli.data.hub import is_hub
from bigbird_cli.errors import RecipeError
from bigbird_cli.files.names import CARD
from bigbird_cli.files.paths import is_local
from bigbird_cli.messages import counted, visible
from bigbird_cli.recipe import Recipe
from bigbird_cli.recipe.schema import share_of
from bigbird_cli.recipe.yaml12 import dump, parse
from bigbird_cli.section import Section
from bigbird_cli.training.usage import next_commands, python_call

_PIPELINES: Final = {
    "qa": "question-answering",
    "ner": "token-classification",
    "classify": "text-classification",
    "zero_shot": "zero-shot-classification",
    "multiple_choice": "multiple-choice",
    "mlm": "fill-mask",
    "causal": "text-generation",
}
_TITLES: Final = {
    "qa": "question answering",
    "ner": "named entities",
    "classify": "classification",
    "zero_shot": "classification with labels that are named when it is used",
    "multiple_choice": "multiple choice",
    "mlm": "masked words",
    "causal": "the next word",
}
_TOLD_ELSEWHERE: Final = ("card", "data.train", "data.dev", "data.test", "model.start", "model.tokenizer", "task.type")
"""Settings that are no row of the table of settings; nor are the labels."""

_OWN: Final = ("look", "share")
"""What is for whoever trained the model, among what can be done with it."""

_MOST_LABELS: Final = 60


@dataclass(frozen=True)
class CardFacts:
    """What a card tells.

    Attributes:
        name: of the model.
        labels: of the model; none where it has none of its own.
        label_counts: how often the training data, with what was kept of it for dev and test, has each, as far as known.
        base_license: what the start model's card says of its licence.
        n_examples, n_features: learnt from, an epoch; None in a stream.
        step, n_steps: after which step of how many this is the model.
        scores, test_scores: of it.
        seconds: of the training.
        memory_mb: the most that was in use.
    """

    name: str
    recipe: Recipe
    labels: Sequence[str]
    label_counts: Mapping[str, int]
    base_license: str | None
    n_examples: int | None
    n_features: int | None
    n_parameters: int
    device: str
    step: int
    n_steps: int
    metric: str
    scores: Mapping[str, float] | None
    test_scores: Mapping[str, float] | None
    seconds: float
    memory_mb: float


def model_card(facts: CardFacts) -> str:
    """The text of the card."""
    recipe = facts.recipe
    parts = [
        f"---\n{dump(_metadata(facts))}---",
        f"# {visible(facts.name)}",
        f"A BigBird for {_TITLES[recipe.task.type]}, {facts.n_parameters / 1e6:,.1f} million parameters, trained with"
        f" bigbird-cli {__version__}.",
        *([recipe.card.about] if recipe.card.about else []),
        "## Use",
        *_usage(facts),
        "## Training",
        _table(("", ""), _training(facts)),
        *_scores(facts),
        "## Settings",
        "Those that differ from the defaults; `recipe.yaml` beside this file has all of them.",
        _table(("setting", "value"), [(f"`{name}`", f"`{value}`") for name, value in changed_settings(recipe)]),
        "## Limits",
        "\n".join(f"- {limit}" for limit in _limits(facts)),
    ]
    return "\n\n".join(parts) + "\n"


def license_of(folder: Path) -> str | None:
    """What the card of a model folder says of its licence, if it says anything."""
    try:
        before, header, _ = (folder / CARD).read_text(encoding="utf-8").split("---\n", 2)
        found = parse(header.encode(), CARD).values.get("license")
    except (OSError, ValueError, RecipeError):  # no card, or none with a header
        return None
    return found if isinstance(found, str) and not before.strip() else None


def is_count(name: str) -> bool:
    """Whether a score counts something."""
    return name.startswith("total") or name in ("predicted", "unalignable", "seam_errors")


def changed_settings(section: Section, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The settings of a recipe that have no default or differ from it, by their names, as a recipe writes them."""
    for name, field in type(section).model_fields.items():
        value, full = getattr(section, name), f"{prefix}{name}"
        if full in _TOLD_ELSEWHERE or full == "task.labels":
            continue
        if isinstance(value, Section):
            yield from changed_settings(value, f"{full}.")
        elif value != field.get_default(call_default_factory=True, validated_data=dict(section)):
            yield full, visible(str(section.model_dump(mode="json", include={name})[name]))


def _metadata(facts: CardFacts) -> dict[str, Any]:
    recipe, pipeline = facts.recipe, _PIPELINES[facts.recipe.task.type]
    start = recipe.model.start
    sources = [
        source.removeprefix("hub:").split("#")[0].split(":")[0] for source in recipe.data.train if is_hub(source)
    ]
    metadata: dict[str, Any] = {
        "library_name": "bigbird-cli",
        "pipeline_tag": pipeline,
        "license": recipe.card.license,
        "language": recipe.card.language,
        "base_model": start if start is not None and not is_local(start) else None,
        "datasets": sources,
        "tags": ["bigbird", "long-documents"],
    }
    data, scores = (recipe.data.test, facts.test_scores) if facts.test_scores else (recipe.data.dev, facts.scores)
    if scores:
        shown = {name: value for name, value in scores.items() if not _is_by_length(name) and not is_count(name)}
        metadata["metrics"] = [facts.metric]
        name = "held-out part of the training data" if share_of(data) is not None else _called(str(data))
        result = {
            "task": {"type": pipeline},
            "dataset": {"type": "other", "name": name, "split": "test" if facts.test_scores else "validation"},
            "metrics": [{"type": name, "value": round(value, 4)} for name, value in shown.items()],
        }
        metadata["model-index"] = [{"name": facts.name, "results": [result]}]
    return {name: value for name, value in metadata.items() if value}


def _usage(facts: CardFacts) -> Iterator[str]:
    commands = [command for why, command in next_commands(facts.recipe.task.type, Path(facts.name)) if why not in _OWN]
    yield "\n".join(["```sh", "pip install bigbird-cli", *commands, "```"])
    if call := python_call(facts.recipe.task.type, facts.name):
        imports = ["from pathlib import Path", "", "import bigbird_cli as bb", ""]
        yield "\n".join(["```python", *imports, call, "```"])
    yield f"`{visible(facts.name)}` is this folder; `transformers` opens it too."


def _training(facts: CardFacts) -> Iterator[tuple[str, str]]:
    recipe = facts.recipe
    data, card = recipe.data, recipe.card
    if recipe.model.start is None:
        yield "start", "random weights"
    else:
        start = recipe.model.start if not is_local(recipe.model.start) else Path(recipe.model.start).name
        yield "start", f"`{start}`" + (f", licence {facts.base_license}" if facts.base_license else "")
    known = ""
    if facts.n_examples and facts.n_features:
        known = f": {counted(facts.n_examples, 'example')} in {counted(facts.n_features, 'window')}"
    yield "training data", ", ".join(f"`{_called(source)}`" for source in data.train) + known
    if card.data_license:
        yield "its licence", card.data_license
    for name, source in (("dev data", data.dev), ("test data", data.test)):
        if source is not None:
            yield name, f"{source} of the training data" if share_of(source) else f"`{_called(source)}`"
    if facts.labels:
        yield "labels", _labels(facts)
    best = ", the best on the dev data" if facts.scores else ""
    yield (
        "steps",
        f"{facts.step:,} of {facts.n_steps:,}{best}" if facts.n_steps else "none: its head was fitted at once",
    )
    yield "hardware", f"{facts.device}, {facts.memory_mb:,.0f} MB"
    yield "time", f"{facts.seconds:,.0f} s"
    if card.author:
        yield "author", card.author


def _labels(facts: CardFacts) -> str:
    shown = [f"{visible(name)} ({facts.label_counts[name]:,})" if name in facts.label_counts else visible(name)
             for name in facts.labels[:_MOST_LABELS]]  # fmt: skip
    n_more = len(facts.labels) - len(shown)
    return ", ".join(shown) + (f" and {n_more:,} more" if n_more else "")


def _scores(facts: CardFacts) -> Iterator[str]:
    for part, scores in (("dev", facts.scores), ("test", facts.test_scores)):
        if scores is None:
            continue
        yield f"## Scores on the {part} data"
        plain = {name: value for name, value in scores.items() if not _is_by_length(name)}
        yield _table(("measure", "value"), [(name, f"{value:.4g}") for name, value in plain.items()])
        lengths = {name: value for name, value in scores.items() if _is_by_length(name)}
        if lengths:
            yield "By the length of the document:"
            yield _table(("measure", "value"), [(name, f"{value:.4g}") for name, value in lengths.items()])


def _limits(facts: CardFacts) -> Iterator[str]:
    task = facts.recipe.task
    if window := getattr(task, "window", None):
        yield f"It was trained on inputs of {window:,} tokens; a longer document is read in windows of as many."
    if task.type == "qa":
        yield "An answer is a span of the text; a question that the text does not answer may get one, with its score."
    if facts.labels:
        yield "It knows the labels above and no others."
    if facts.scores is None and facts.test_scores is None:
        yield "It was not scored on any data."
    elif facts.test_scores is None:
        yield "The model was chosen by its scores on the dev data, so they flatter it."
    yield "Scores are those of documents like the ones it was trained on: measure it on your own before you rely on it."


def _is_by_length(name: str) -> bool:
    return name.endswith("_tokens")


def _called(source: str) -> str:
    """A source of data without its folder, which is nobody's business."""
    return visible(source if is_hub(source) else Path(source).name)


def _table(columns: Sequence[str], rows: Iterable[tuple[str, str]]) -> str:
    lines = [columns, ["---"] * len(columns), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
