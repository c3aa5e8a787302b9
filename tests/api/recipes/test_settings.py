"""What recipes may say is told setting by setting."""

import pytest

from bigbird_cli.api.recipes.settings import recipe_settings
from bigbird_cli.cli import completion
from bigbird_cli.errors import UsageError


def test_every_setting_is_told_and_what_it_is_about() -> None:
    told = recipe_settings()
    names = {each["name"] for each in told}
    assert {name.rstrip("=") for name in completion.settings("")} | {"backend", "seed", "task.type"} == names
    assert [each["name"] for each in told if not each["about"] or not each["takes"]] == []
    assert [each["name"] for each in told if each["needed"]] == ["task.type", "data.train", "optim.lr"]


def test_a_setting_that_tasks_share_stands_once() -> None:
    (window,) = recipe_settings("task.window")
    assert {"qa", "ner", "classify", "mlm"} <= set(window["tasks"])
    assert [each["tasks"] for each in recipe_settings("temperature")] == [
        ["classify"],
        ["multiple_choice", "ner"],
        ["qa"],
    ]


@pytest.mark.parametrize(
    ("name", "first"), [("lr", "optim.lr"), ("optim.lr", "optim.lr"), ("run", "run.log_every"), ("qa", "task.type")]
)
def test_settings_are_found_by_name_section_and_task(name: str, first: str) -> None:
    assert recipe_settings(name)[0]["name"] == first


@pytest.mark.parametrize(("name", "meant"), [("optim.lrr", "optim.lr"), ("learning_rate", "optim.lr")])
def test_what_is_no_setting_is_told_with_what_was_meant(name: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"did you mean {meant}"):
        recipe_settings(name)
