"""What a recipe may say."""

import dataclasses
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)

from bigbird_cli.bigbird.config import BigBirdConfig, check_setting
from bigbird_cli.bounds import COUNT
from bigbird_cli.choices import ScheduleShape
from bigbird_cli.errors import ModelError, RecipeError, nearest
from bigbird_cli.recipe.shipped import DATA, shipped_data
from bigbird_cli.section import Amount, Count, Section
from bigbird_cli.tasks.causal import CausalLanguageModelling
from bigbird_cli.tasks.classify.task import Classification
from bigbird_cli.tasks.mlm import MaskedLanguageModelling
from bigbird_cli.tasks.multiple_choice import MultipleChoice
from bigbird_cli.tasks.ner.task import NamedEntities
from bigbird_cli.tasks.qa.task import QuestionAnswering
from bigbird_cli.tasks.zero_shot import ZeroShot


@dataclasses.dataclass(frozen=True)
class FreeOnResume:
    """Marks a setting that a resumed run may change: it splits the same arithmetic otherwise, or has no part in it."""


FREE = FreeOnResume()

LabelledTask = Annotated[
    QuestionAnswering | Classification | ZeroShot | NamedEntities | MultipleChoice, Field(discriminator="type")
]
"""What `bigbird finetune` trains; a task's name stands in its field `type`."""

LanguageTasks = Annotated[MaskedLanguageModelling | CausalLanguageModelling, Field(discriminator="type")]
"""What `bigbird pretrain` trains."""


def _as_tuple(value: object) -> object:
    if isinstance(value, str | Path):
        return (str(value),)
    return tuple(str(one) if isinstance(one, Path) else one for one in value) if isinstance(value, list) else value


def _located(value: object) -> object:
    """A source as it is read: a path, or the name of data of the hub."""
    if isinstance(value, str) and value.startswith(DATA):
        try:
            return str(shipped_data(value.removeprefix(DATA)))
        except RecipeError as error:
            raise ValueError(f"{error.problem}; {error.fix}") from None
    return str(value) if isinstance(value, Path) else value


Source = Annotated[str, Field(min_length=1), BeforeValidator(_located)]
"""A path, which starts in the current directory; hub:NAME; or shipped:NAME, data that comes with the program."""

Sources = Annotated[
    tuple[Source, ...],
    Field(min_length=1),
    BeforeValidator(_as_tuple, json_schema_input_type=str | list[str]),
]
"""One source or several."""


_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")


def share_of(source: str | None) -> float | None:
    """The share of the training documents that a source names, such as 0.1 for 10%; None where it names data."""
    found = _SHARE.fullmatch(source or "")
    return float(found[1]) / 100 if found else None


class ModelSection(Section):
    """The model that training starts from: one that is there, or a new one of random weights."""

    start: str | None = Field(default=None, min_length=1)
    """Folder of the start model, or its name: a shipped model or one on the Hugging Face hub. A folder with a BERT,
    RoBERTa or ELECTRA will do: it becomes a BigBird as `bigbird convert` makes one."""

    tokenizer: str | None = Field(default=None, min_length=1)
    """Instead of start: folder of the vocabulary of a new model, whose sizes stand in config."""

    revision: str | None = None
    """Branch, tag or commit of a hub model."""

    added_tokens: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Words to add to the vocabulary, such as <drug>: each is one token wherever it stands, and has a vector of its own
    that starts near the mean of the others."""

    dropout: float | None = Field(default=None, ge=0, lt=1)
    """Dropout of embeddings and hidden states; by default the start model's own."""

    attention_dropout: float | None = Field(default=None, ge=0, lt=1)
    """Dropout of attention probabilities; by default the start model's own."""

    config: dict[str, Any] = Field(default_factory=dict)
    """Settings of the start model's config.json to change, such as attention_type or block_size, or of a new model.
    With max_position_embeddings, the positions of a BERT are repeated up to so many."""

    @model_validator(mode="after")
    def _starts_somewhere(self) -> Self:
        if (self.start is None) == (self.tokenizer is None):
            raise ValueError("name either start, the model to go on from, or tokenizer, the vocabulary of a new model")
        if self.tokenizer is not None and self.revision is not None:
            raise ValueError("revision is of a start model, and a new model has none")
        return self

    @field_validator("config")
    @classmethod
    def _names_settings_of_a_model(cls, config: dict[str, Any]) -> dict[str, Any]:
        known = [field.name for field in dataclasses.fields(BigBirdConfig) if field.name != "extra"]
        for name, value in config.items():
            if name not in known:
                near = nearest(name, known)
                raise ValueError(f"a model has no setting «{name}»" + (f"; did you mean «{near}»?" if near else ""))
            try:
                check_setting(name, value)
            except ModelError as error:
                raise ValueError(str(error)) from None
        return config


class DataSection(Section):
    """The files to learn from and to evaluate on."""

    train: Sources
    """One or several files or folders of training examples, or data sets of the Hugging Face hub: hub:NAME:SPLIT, or
    hub:NAME#CONFIG:SPLIT."""

    dev: Source | None = None
    """Examples that the best model is chosen by; without them the last one is kept. A share of the training documents,
    such as 10%, is drawn by the seed and not learnt from: whole documents, of each label as many as it has."""

    test: Source | None = None
    """Examples that the finished model is scored on, once; or a share, as of dev."""

    max_examples: Count | None = None
    """Read at most so many training examples, for trials."""

    max_dev_examples: Count | None = None
    """Evaluate on at most so many examples."""

    streaming: bool = False
    """Read the training data over and over as it goes, rather than prepare all of it first; optim.steps must be given.
    For data that no disk would hold."""

    shuffle_buffer: Count = 2000
    """Model inputs among which streaming draws the next."""

    workers: Annotated[int, FREE] = Field(default=0, ge=0, le=64)
    """Threads that make the next batches ready while a step computes; any number gives the same batches."""

    cache: Annotated[Path | None, FREE] = None
    """Folder for prepared training data, which a second run takes as it is; by default BIGBIRD_CACHE or
    ~/.cache/bigbird."""

    @property
    def shares(self) -> tuple[float, float]:
        """What of the training documents is kept for dev and for test, each 0 to 1."""
        return share_of(self.dev) or 0.0, share_of(self.test) or 0.0

    @model_validator(mode="after")
    def _most_is_learnt_from(self) -> Self:
        for name, source in (("dev", self.dev), ("test", self.test)):
            share = share_of(source)
            if share is not None and not 0 < share <= 0.5:
                raise ValueError(f"{name} is {source}; a share is above 0 % and 50 % at most")
            if share is not None and self.streaming:
                raise ValueError(f"{name} is a share, and a stream cannot be shared out: name files, or hub:NAME:SPLIT")
        return self


def _usual_micro_batch(settings: dict[str, Any]) -> int:
    return max(size for size in range(1, MOST_BY_DEFAULT + 1) if settings["batch_size"] % size == 0)


MOST_BY_DEFAULT = 4
"""Windows of a forward pass, where the recipe does not say how many."""


class Optim(Section):
    """AdamW and its learning rate."""

    lr: float = Field(gt=0, lt=1)
    """Peak learning rate of AdamW, reached when the warm-up ends."""

    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Fraction of all optimiser steps over which the rate climbs from 0."""

    schedule: ScheduleShape = "linear"
    """How the rate goes on after the warm-up: down to 0 in a line, down to 0 in a half cosine, or as it is."""

    batch_size: Count = 32
    """Windows per optimiser step."""

    batch_tokens: Count | None = None
    """Padded tokens per optimiser step: batches are filled up to it, and batch_size is not used."""

    micro_batch_size: Annotated[Count, FREE] = Field(default_factory=_usual_micro_batch)
    """Windows per forward pass; by default the largest number up to 4 that divides batch_size. Lower it when memory
    runs out: the result stays the same."""

    max_tokens_per_micro_batch: Annotated[Count | None, FREE] = None
    """Padded tokens per forward pass: micro-batches are filled up to it, and micro_batch_size is not used."""

    weight_decay: float = Field(default=0.01, ge=0, le=1)
    """AdamW's decay of weight matrices; biases and LayerNorms are left out."""

    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """Each layer learns at this multiple of the rate of the layer above it; the head learns at the full rate."""

    head_lr: float | None = Field(default=None, gt=0, lt=1)
    """Peak learning rate of the head, which is new and may need a higher one; by default lr."""

    clip: Amount = 1.0
    """The gradient's norm is cut down to this."""

    epochs: Amount = 2.0
    """Passes over the training examples; a fraction is allowed. Not used when steps is given."""

    steps: int | None = Field(default=None, ge=0, le=int(COUNT.most))
    """Optimiser steps, instead of epochs. 0 keeps a classifier as it was fitted: see task.classifier."""

    def peak(self, depth: int | None, *, n_layers: int) -> float:
        """The peak learning rate of some weights (Howard and Ruder, 2018, section 3.2).

        Args:
            depth: 0 of the embeddings, 1 of the first layer and so on; None of what stands above the encoder.
            n_layers: of the encoder.
        """
        if depth is None:
            return self.lr if self.head_lr is None else self.head_lr
        return self.lr * self.layer_decay ** (n_layers + 1 - depth)

    @model_validator(mode="after")
    def _micro_batches_fill_the_batch(self) -> Self:
        by_size = self.max_tokens_per_micro_batch is None and self.batch_tokens is None
        if by_size and self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"micro_batch_size {self.micro_batch_size} does not divide batch_size {self.batch_size}; leave"
                " micro_batch_size out, or set one that does"
            )
        return self


class RunSection(Section):
    """How often a run reports, evaluates and saves, and in which precision."""

    log_every: Annotated[Count, FREE] = 10
    """Steps between two lines of metrics."""

    eval_every: Count | None = None
    """Steps between two evaluations; by default once an epoch, in a stream at the end. The last step is always followed
    by one."""

    save_every: Annotated[Count | None, FREE] = None
    """Steps between two checkpoints; by default one at each evaluation."""

    save_minutes: Annotated[Amount | None, FREE] = None
    """Minutes between two checkpoints, beside those of save_every or of evaluations."""

    wait: Annotated[Amount, FREE] = 600.0
    """Seconds that one of several processes waits for the others before it gives up."""

    keep: Annotated[Count, FREE] = 2
    """Newest checkpoints that are kept while the run goes on."""

    keep_after: Annotated[int, FREE] = Field(default=0, ge=0, le=int(COUNT.most))
    """Newest checkpoints that are kept when the run is over: each is three times the model, and none is needed to use
    it, or to train it further in a new run."""

    metric: str | None = None
    """Score that names the best model; by default the task's own."""

    patience: Count | None = None
    """Stop after so many evaluations without a new best score."""

    ema: float | None = Field(default=None, gt=0, lt=1)
    """Evaluate and keep the moving average of the weights over steps, of this decay: 0.999 averages about 1,000."""

    precision: Literal["float32", "bfloat16", "float16", "auto"] = "float32"
    """Of the arithmetic in training; the weights themselves stay float32. float16 needs a CUDA device. auto: bfloat16
    where the device has it in hardware, else float32."""

    compile: bool = False
    """Compile the model with torch.compile: minutes of waiting, then faster steps on a GPU. backend jax always
    compiles, for each of few lengths."""

    tensorboard: Annotated[bool, FREE] = False
    """Write events for TensorBoard beside metrics.jsonl; needs bigbird-cli[tensorboard]."""

    save_precision: Literal["float32", "float16", "int8"] = "float32"
    """Of the weights of the finished model; int8 rounds matrices row by row. Checkpoints are always whole."""

    gradient_checkpointing: Annotated[bool, FREE] = False
    """Compute activations twice rather than keep them: less memory, about a third more time."""


class CardSection(Section):
    """What the model's card, README.md of the run folder, says that a run cannot know."""

    license: Annotated[str | None, FREE] = Field(default=None, min_length=1)
    """Of the model, by the hub's name for it: apache-2.0, mit, cc-by-sa-4.0, other."""

    data_license: Annotated[str | None, FREE] = Field(default=None, min_length=1)
    """Of the training data."""

    language: Annotated[str | None, FREE] = Field(default=None, min_length=1)
    """Of the texts, by its code, such as en."""

    author: Annotated[str | None, FREE] = Field(default=None, min_length=1)
    """Who trained it."""

    about: Annotated[str | None, FREE] = Field(default=None, min_length=1)
    """What the model is for, in a sentence or two."""


class Recipe(Section):
    """What both kinds of recipe say."""

    backend: Literal["pytorch", "jax"] = "pytorch"
    """The framework that trains; jax needs bigbird-cli[jax]. Whichever it was, both open the model."""

    seed: int = Field(default=0, ge=0, lt=2**63)
    """Of the order of examples, new weights, masks and dropout."""

    model: ModelSection
    task: Any
    data: DataSection
    optim: Optim
    run: RunSection = RunSection()
    card: CardSection = CardSection()

    @model_validator(mode="after")
    def _a_stream_has_steps(self) -> Self:
        if self.data.streaming and self.optim.steps is None:
            raise ValueError("data.streaming needs optim.steps: a stream has no epochs")
        if self.data.streaming and self.optim.batch_tokens is not None:
            raise ValueError("data.streaming fills batches by optim.batch_size, not by optim.batch_tokens")
        return self


class FinetuneRecipe(Recipe):
    """Train a task's head, and the encoder under it."""

    task: LabelledTask


class PretrainRecipe(Recipe):
    """Train a language model on texts."""

    task: LanguageTasks


COMMANDS: dict[str, type[Recipe]] = {"pretrain": PretrainRecipe, "finetune": FinetuneRecipe}
"""What each training command takes."""


class _AnyRecipe(Recipe):
    task: (
        QuestionAnswering
        | Classification
        | ZeroShot
        | NamedEntities
        | MultipleChoice
        | MaskedLanguageModelling
        | CausalLanguageModelling
    ) = Field(discriminator="type")


def recipe_schema() -> dict[str, Any]:
    """The JSON schema of a recipe of either kind, by which editors complete and check as one types."""
    schema = _AnyRecipe.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "A recipe of bigbird"}
