"""What a recipe may say."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import nearest
from bigbird_cli.section import Section
from bigbird_cli.tasks.qa import QuestionAnswering

TaskSection = QuestionAnswering
"""A recipe's task. With a second task this becomes a union told apart by the field `type`."""


def _as_tuple(value: object) -> object:
    if isinstance(value, str | Path):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Paths = Annotated[
    tuple[Path, ...],
    Field(min_length=1),
    BeforeValidator(_as_tuple, json_schema_input_type=str | list[str]),
]
"""One path or several; relative ones start in the current directory."""


class ModelSection(Section):
    """The model that training starts from."""

    start: str = Field(min_length=1)
    """Folder of the start model, or its name: a shipped model or one on the Hugging Face hub."""

    revision: str | None = None
    """Branch, tag or commit of a hub model."""

    dropout: float | None = Field(None, ge=0, lt=1)
    """Dropout of embeddings and hidden states; by default the start model's own."""

    attention_dropout: float | None = Field(None, ge=0, lt=1)
    """Dropout of attention probabilities; by default the start model's own."""

    config: dict[str, Any] = Field(default_factory=dict)
    """Other settings of the start model's config.json to change, such as attention_type or block_size."""

    @field_validator("config")
    @classmethod
    def _names_settings_of_a_model(cls, config: dict[str, Any]) -> dict[str, Any]:
        known = [field.name for field in dataclasses.fields(BigBirdConfig) if field.name != "extra"]
        for name in config:
            if name not in known:
                near = nearest(name, known)
                raise ValueError(f"a model has no setting «{name}»" + (f"; did you mean «{near}»?" if near else ""))
        return config


class DataSection(Section):
    """The files to learn from and to judge by."""

    train: Paths
    """One or several files of training examples."""

    dev: Path | None = None
    """File of examples that the best model is chosen by; without it the last one is kept."""

    max_examples: PositiveInt | None = None
    """Read at most so many training examples, for trials."""

    max_dev_examples: PositiveInt | None = None
    """Judge by at most so many examples."""


class Optim(Section):
    """AdamW and its learning rate."""

    lr: float = Field(gt=0, lt=1)
    """Peak learning rate of AdamW, reached when the warm-up ends."""

    warmup: float = Field(0.1, ge=0, lt=1)
    """Fraction of all optimiser steps over which the rate climbs from 0."""

    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """How the rate goes on after the warm-up: down to 0 in a line, down to 0 in a half cosine, or as it is."""

    batch_size: PositiveInt = 32
    """Windows per optimiser step."""

    micro_batch_size: PositiveInt = 4
    """Windows per forward pass. Lower it when memory runs out: the result stays the same."""

    max_tokens_per_micro_batch: PositiveInt | None = None
    """Padded tokens per forward pass: micro-batches are filled up to it, and micro_batch_size is not used."""

    weight_decay: float = Field(0.01, ge=0, le=1)
    """AdamW's decay of weight matrices; biases and LayerNorms are left out."""

    clip: float = Field(1.0, gt=0)
    """The gradient's norm is cut down to this."""

    epochs: PositiveFloat = 2.0
    """Passes over the training examples; a fraction is allowed. Not used when steps is given."""

    steps: PositiveInt | None = None
    """Optimiser steps, instead of epochs."""

    @model_validator(mode="after")
    def _micro_batches_fill_the_batch(self) -> Self:
        if self.max_tokens_per_micro_batch is None and self.batch_size % self.micro_batch_size:
            raise ValueError(f"micro_batch_size {self.micro_batch_size} does not divide batch_size {self.batch_size}")
        return self


class RunSection(Section):
    """How often a run reports, judges and saves, and in which precision."""

    log_every: PositiveInt = 10
    """Steps between two lines of metrics."""

    eval_every: PositiveInt | None = None
    """Steps between two evaluations; by default once an epoch. The last step is always followed by one."""

    save_every: PositiveInt | None = None
    """Steps between two checkpoints; by default one at each evaluation."""

    keep: PositiveInt = 2
    """Newest checkpoints that are kept."""

    metric: str | None = None
    """Score that names the best model; by default the task's own."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the arithmetic in training; the weights themselves stay float32."""

    save_precision: Literal["float32", "float16"] = "float32"
    """Of the weights of the finished model. Checkpoints are always whole."""

    gradient_checkpointing: bool = False
    """Compute activations twice rather than keep them: less memory, about a third more time."""


class FinetuneRecipe(Section):
    """Train a task's head, and the encoder under it."""

    backend: Literal["pytorch"] = "pytorch"
    """The framework that trains."""

    seed: int = Field(0, ge=0, lt=2**63)
    """Of the order of examples, new weights and dropout."""

    model: ModelSection
    task: TaskSection
    data: DataSection
    optim: Optim
    run: RunSection = RunSection()
