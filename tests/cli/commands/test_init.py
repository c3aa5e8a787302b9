"""`bigbird init` shows what it saw and writes a recipe."""

from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.cli.commands.init import drawn


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    path.write_text(
        "text,label\n" + "".join(f"it was a film of {n} hours,{'good' if n % 2 else 'bad'}\n" for n in range(20))
    )
    return path


@pytest.mark.usefixtures("reviews")
def test_a_recipe_is_written_beside_what_was_seen(invoke: Any, tmp_path: Path) -> None:
    result = invoke("init", "reviews.csv")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "reviews.csv: 20 examples · text, label" in result.stderr
    assert "labels   bad 10 · good 10" in result.stderr
    assert result.stderr.splitlines()[-2:] == [
        "  check  bigbird check reviews.yaml",
        "  train  bigbird finetune reviews.yaml",
    ]
    assert (tmp_path / "reviews.yaml").read_text().startswith("# Classify documents: written by `bigbird init`")


@pytest.mark.usefixtures("reviews")
def test_a_recipe_goes_to_standard_output_alone(invoke: Any, tmp_path: Path) -> None:
    result = invoke("init", "reviews.csv", "--out", "-", "--quiet")
    assert result.stdout.startswith("# Classify documents")
    assert result.stderr == ""
    assert not (tmp_path / "reviews.yaml").exists()


@pytest.mark.usefixtures("reviews")
def test_no_file_is_written_over(invoke: Any, tmp_path: Path) -> None:
    (tmp_path / "reviews.yaml").write_text("mine")
    result = invoke("init", "reviews.csv")
    assert (result.exit_code, (tmp_path / "reviews.yaml").read_text()) == (2, "mine")
    assert "reviews.yaml  this file is there already" in result.stderr


def test_rows_that_cannot_be_used_are_said_with_the_way_to_leave_them_out(reviews: Path, invoke: Any) -> None:
    with reviews.open("a") as file:
        file.write("a row of one field\n,good\n")
    told = invoke("init", "reviews.csv").stderr
    assert (
        "rows     1 left out, 1 cannot be used: bigbird check says which and why; its --fix DIR writes the data" in told
    )


def test_one_document_has_no_dev_part_and_that_is_said(invoke: Any, tmp_path: Path) -> None:
    (tmp_path / "one.conll").write_text("Ada\tB-PER\nleft\tO\n\nOslo\tB-LOC\n\n" * 5)
    assert "  dev      none: this is one document, of which no share can be kept" in invoke("init", "one.conll").stderr


def test_every_count_that_is_not_zero_can_be_seen() -> None:
    assert drawn([0, 1, 500, 1000]) == " ▁▅█"


def test_a_folder_of_sequences_tells_how_its_files_become_classes(invoke: Any, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for name in ("a", "b"):
        (tmp_path / "d" / f"{name}.fa").write_text("".join(f">{n}\n{'ACGTTGCA' * 8}\n" for n in range(4)))
    said = "where each file or folder holds a class: --task classify"
    assert said in invoke("init", "d", "--out", "-").stderr
    assert said not in invoke("init", "d", "--task", "classify", "--out", "-").stderr
