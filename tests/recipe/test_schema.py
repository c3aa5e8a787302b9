"""The schema documents itself, and nothing in a recipe changes after loading."""

import numpy as np
import pytest
import torch
from pydantic import BaseModel, ValidationError

from bigbird_cli.recipe.schema import FinetuneRecipe, Optim, PretrainRecipe, Recipe
from bigbird_cli.section import Section


def test_every_setting_has_a_description_in_the_json_schema() -> None:
    schema = FinetuneRecipe.model_json_schema()
    sections = {name: section for name, section in schema["$defs"].items() if "properties" in section}
    assert {"ModelSection", "DataSection", "Optim", "RunSection", "QuestionAnswering"} <= set(sections)
    for name, section in sections.items():
        bare = [
            field for field, entry in section["properties"].items() if "description" not in entry and field != "type"
        ]
        assert bare == [], name


def test_every_section_is_a_section() -> None:
    for field in FinetuneRecipe.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            assert issubclass(field.annotation, Section)


@pytest.mark.parametrize("kind", [FinetuneRecipe, PretrainRecipe])
def test_every_number_has_a_least_and_a_most(kind: type[Recipe]) -> None:
    schema = kind.model_json_schema()
    n_numbers = 0
    for name, section in {**schema["$defs"], "Recipe": schema}.items():
        for field, entry in section.get("properties", {}).items():
            for form in [entry, *entry.get("anyOf", [])]:
                if form.get("type") in ("integer", "number"):
                    assert {"minimum", "exclusiveMinimum"} & form.keys(), f"{name}.{field}"
                    assert {"maximum", "exclusiveMaximum"} & form.keys(), f"{name}.{field}"
                    n_numbers += 1
    assert n_numbers > 20


@pytest.mark.parametrize("value", [10**9 + 1, 10**80])
def test_what_is_beyond_sense_is_refused(value: int) -> None:
    for name in ("steps", "batch_tokens", "batch_size"):
        with pytest.raises(ValidationError, match="less than or equal to 1000000000"):
            Optim.model_validate({"lr": 1e-3, name: value})


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_numbers_are_finite(number: float) -> None:
    for name in ("epochs", "clip"):
        with pytest.raises(ValidationError, match="finite number"):
            Optim.model_validate({"lr": 1e-3, name: number})


def test_a_seed_is_one_that_every_generator_takes() -> None:
    values = {"model": {"start": "m"}, "task": {"type": "qa"}, "data": {"train": "t.json"}, "optim": {"lr": 1e-3}}
    seed = FinetuneRecipe.model_validate({**values, "seed": 2**63 - 1}).seed
    torch.Generator().manual_seed(seed)
    np.random.default_rng([seed, 0])
    for wrong in (-1, 2**63, 10**23):
        with pytest.raises(ValidationError, match="seed"):
            FinetuneRecipe.model_validate({**values, "seed": wrong})


def test_a_section_is_frozen_and_knows_only_its_own_names() -> None:
    optim = Optim(lr=1e-3)
    with pytest.raises(ValidationError, match="frozen"):
        optim.lr = 1.0
    with pytest.raises(ValidationError, match="Extra inputs"):
        Optim(lr=1e-3, lrr=1)  # type: ignore[call-arg]


def test_micro_batches_divide_the_batch_unless_tokens_fill_them() -> None:
    with pytest.raises(ValidationError, match="micro_batch_size 5 does not divide batch_size 32"):
        Optim(lr=1e-3, micro_batch_size=5)
    assert Optim(lr=1e-3, micro_batch_size=5, max_tokens_per_micro_batch=4096).batch_size == 32


@pytest.mark.parametrize(("batch", "micro"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 1), (6, 3), (30, 3), (32, 4), (7, 1)])
def test_a_micro_batch_is_by_default_the_largest_of_four_that_divides_the_batch(batch: int, micro: int) -> None:
    assert Optim(lr=1e-3, batch_size=batch).micro_batch_size == micro
    assert Optim(lr=1e-3, batch_size=batch, batch_tokens=512).micro_batch_size == micro
