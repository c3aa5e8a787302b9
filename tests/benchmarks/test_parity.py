"""The parity table measures what it says: the same weights on both sides, and a difference that would show."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    import parity

    with torch.no_grad():
        yield parity
    del sys.modules["parity"]


def cells_of(bench: ModuleType, label: str, plan: str, n_tokens: int, *, padded: bool) -> dict:
    kind = next(kind for kind in bench.KINDS if kind.label == label)
    return bench.compare(bench.Twins(kind, plan), n_tokens, padded=padded)


@pytest.mark.parametrize(
    ("label", "plan", "n_tokens", "notes"),
    [
        ("BigBirdModel", "train", 1024, {"attentions": "b", "… by head_mask": "c"}),
        ("ForCausalLM", "train", 705, {"logits": "a", "… cached": "a", "past_key_values": "a"}),
        ("ForCausalLM, full", "train", 705, {}),
        ("ForQuestionAnswering", "eval", 705, {"loss": "d", "… by head_mask": "c"}),
        ("ForPreTraining", "eval", 50, {}),
        ("ForMultipleChoice", "eval", 50, {}),
        ("ForSequenceClassification, several labels", "eval", 50, {}),
    ],
)
def test_figures_hold_against_transformers_or_what_a_letter_names(
    bench: ModuleType, label: str, plan: str, n_tokens: int, notes: dict[str, str]
) -> None:
    cells = cells_of(bench, label, plan, n_tokens, padded=True)
    assert cells
    assert {name: str(cell) for name, cell in cells.items() if not cell.holds} == {}
    for name, note in notes.items():
        assert cells[name].note == note, name
    if not notes:
        assert {cell.note for cell in cells.values()} == {""}


def test_another_plan_shows_in_every_output(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bench.PLANS, "train", "transformers-eval")
    cells = cells_of(bench, "ForTokenClassification", "train", 705, padded=False)
    assert [name for name, cell in cells.items() if cell.holds] == []
    assert str(cells["logits"]).startswith("**")


def test_a_loss_that_counts_padding_shows(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "answer_loss", lambda output, *_: output.loss)
    assert not cells_of(bench, "ForQuestionAnswering", "eval", 705, padded=True)["loss"].holds


def test_what_ours_lacks_is_missing_and_does_not_hold(bench: ModuleType) -> None:
    assert str(bench.Cell(None)) == "missing"
    assert not bench.Cell(None).holds
    assert not bench.Cell(float("nan")).holds
    is_token = torch.ones(2, 50, dtype=torch.bool)
    assert bench.largest_difference(torch.zeros(2, 50, 3), torch.zeros(2, 64, 3), is_token) == 0
    assert bench.largest_difference(torch.zeros(2, 64, 3), torch.zeros(2, 50, 3), is_token) == float("inf")


def test_what_is_meant_to_differ_does(bench: ModuleType) -> None:
    assert bench.reading_ahead()[1:] == ("1,099", "0")
    assert bench.sums_of_rows("train", 1024)[2] == "1.000 to 1.000"
    assert bench.sums_of_rows("train", 1024)[1] != "1.000 to 1.000"
    assert bench.lengths_of_states()[1:] == ("1,152 and 1,152", "1,100 and 1,100")
    assert bench.weights_at_padding()[2] == "0.000"
    assert bench.short_text_before()[2] == "0.00"
    theirs, ours = bench.labels_at_padding()[1:]
    assert len(set(ours.split(" and "))) == 1
    assert len(set(theirs.split(" and "))) == 2


def test_the_program_writes_a_table_and_fails_where_a_figure_does(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "expected_differences", lambda: iter([("what", "theirs", "ours")]))
    monkeypatch.setattr(sys, "argv", ["parity.py", "--lengths", "50", "--only", "TokenClassification"])
    assert bench.main() == 0
    shown = capsys.readouterr().out
    assert "| class | output | 50 |" in shown
    assert shown.count("| ForTokenClassification | logits |") == 4
    assert "| what | theirs | ours |" in shown
    assert "; 0 missing or not below 1e-05." in shown
    monkeypatch.setattr(bench, "LIMIT", 0.0)
    assert bench.main() == 1
    assert "**" in capsys.readouterr().out
