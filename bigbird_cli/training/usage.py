"""How a trained model is used: the commands and the Python that a run's summary and a model's card name."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_READING: Final = {
    "qa": 'bigbird qa FILE --question "..." --model {model}',
    "ner": "bigbird ner FILE --model {model}",
    "classify": "bigbird classify FILE --model {model}",
    "zero_shot": "bigbird classify FILE --labels A,B --model {model}",
}
_PYTHON: Final = {
    "qa": 'bb.answer(Path("FILE"), "...", model="{model}")',
    "ner": 'bb.ner(Path("FILE"), model="{model}")',
    "classify": 'bb.classify(Path("FILE"), model="{model}")',
    "zero_shot": 'bb.classify(Path("FILE"), labels=["A", "B"], model="{model}")',
}
_LANGUAGE: Final = ("mlm", "causal")


def next_commands(task: str, model: Path) -> Iterator[tuple[str, str]]:
    """What to do with a model after its training, each with a word for why.

    Args:
        task: its type.
        model: the run folder.
    """
    name = shlex.quote(str(model))
    if task in _LANGUAGE:
        yield "go on", f"bigbird finetune DATA --set model.start={name}"
    else:
        if task in _READING:
            yield "use", _READING[task].format(model=name)
        yield "measure", f"bigbird evaluate {name} DATA"
    yield "look", f"bigbird report {name}"
    yield "share", f"hf upload {shlex.quote(model.resolve().name)} {name} --exclude 'checkpoints/*'"


def python_call(task: str, model: str) -> str | None:
    """How Python uses a model; None where no call of ours reads with it."""
    return _PYTHON[task].format(model=model) if task in _PYTHON else None
