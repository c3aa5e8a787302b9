"""`bigbird ner`: what it reads, what it says, and how it ends."""

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import bigbird_cli as bb
from bigbird_cli.api.reading.ner import EntityRecord, together
from bigbird_cli.errors import DataError, ModelError, UsageError
from bigbird_cli.weights import store
from tests.conftest import write_labeller

TAGS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_records_have_entities_with_exact_characters_and_a_receipt(
    invoke: Any, tiny_ner_model: Path, article: Path
) -> None:
    result = invoke("ner", article, "--model", tiny_ner_model, "--json")
    assert result.exit_code == 0, result.stderr
    (record,) = records(result.stdout)
    assert list(record) == ["entities", "source", "id", "receipt"]
    text = article.read_bytes().decode()
    assert len(record["entities"]) > 5
    for entity in record["entities"]:
        assert list(entity) == ["text", "type", "start", "end", "score"]
        assert text[entity["start"] : entity["end"]] == entity["text"]
        assert entity["type"] in ("LOC", "PER")
        assert 0 <= entity["score"] <= 1
    places = [(entity["start"], entity["end"]) for entity in record["entities"]]
    assert places == sorted(places)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(places))  # none twice
    receipt = record["receipt"]
    assert receipt["read"] == receipt["tokens"] > 64
    assert receipt["windows"] > 1
    assert receipt["truncated"] is False


def test_batch_size_and_neighbours_change_no_entity(invoke: Any, tiny_ner_model: Path, article: Path) -> None:
    (article.parent / "b.txt").write_text("ada lit the lamp in the tower .")
    alone = records(invoke("ner", article, "-m", tiny_ner_model, "--json", "--batch-size", 1).stdout)
    among = records(invoke("ner", article.parent, "-m", tiny_ner_model, "--json", "--batch-size", 64).stdout)
    assert [record["source"] for record in among] == [str(article), str(article.parent / "b.txt")]
    assert [e | {"score": 0} for e in among[0]["entities"]] == [e | {"score": 0} for e in alone[0]["entities"]]


def test_people_read_a_line_for_each_name(invoke: Any, tiny_ner_model: Path) -> None:
    result = invoke("ner", "-", "--model", tiny_ner_model, stdin="ada lit the lamp in the tower")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "standard input"
    assert any(line.split()[:1] in (["LOC"], ["PER"]) for line in lines)
    assert "read 7 of 7 tokens in 1 window" in lines[-1]


def test_rows_on_standard_input_keep_their_ids_and_a_bad_one_spoils_no_other(invoke: Any, tiny_ner_model: Path) -> None:
    rows = '{"text": "ada lit the lamp", "id": 7}\n{"txt": "no"}\nnonsense\n{"text": "bel kept it", "id": {"a": 1}}\n'
    result = invoke("ner", "--model", tiny_ner_model, "--json", stdin=rows)
    assert result.exit_code == 1
    found = records(result.stdout)
    assert [record["id"] for record in found] == [7, None, None, {"a": 1}]
    assert [("error" in record) for record in found] == [False, True, True, False]
    assert found[1]["error"]["where"] == "standard input:2"
    assert "did you mean --column txt?" in found[1]["error"]["fix"]
    assert found[1]["source"] == "standard input:2"


def test_unlikely_names_are_left_out(invoke: Any, tiny_ner_model: Path, article: Path) -> None:
    everything = records(invoke("ner", article, "-m", tiny_ner_model, "--json").stdout)[0]["entities"]
    bound = sorted(entity["score"] for entity in everything)[len(everything) // 2]
    likely = records(invoke("ner", article, "-m", tiny_ner_model, "--json", "--min-score", bound).stdout)[0]
    assert likely["entities"] == [entity for entity in everything if entity["score"] >= bound]


def test_a_long_document_may_be_refused_or_cut(invoke: Any, tiny_ner_model: Path, article: Path) -> None:
    refused = invoke("ner", article, "-m", tiny_ner_model, "--on-long", "error")
    assert refused.exit_code == 3
    assert "one window has room for 62" in refused.stderr
    cut = records(invoke("ner", article, "-m", tiny_ner_model, "--on-long", "truncate", "--json").stdout)[0]
    assert cut["receipt"]["truncated"] is True
    assert cut["receipt"]["read"] == 62


def test_a_folder_of_transformers_is_read_by_its_labels(tmp_path: Path, tiny_qa_model: Path) -> None:
    folder = write_labeller(tmp_path / "foreign", tiny_qa_model, "BigBirdForTokenClassification", {}, TAGS)
    text = "ada lit the lamp in the tower " * 20
    record = bb.ner(text, model=folder)
    assert isinstance(record, dict)
    assert {entity["type"] for entity in record["entities"]} <= {"LOC", "PER"}
    assert (
        [text[entity["start"] : entity["end"]] for entity in record["entities"]]
        == [entity["text"] for entity in record["entities"]]
        != []
    )


def test_without_names_for_its_outputs_a_model_is_refused(tmp_path: Path, tiny_qa_model: Path) -> None:
    labels = ["LABEL_0", "LABEL_1", "LABEL_2"]
    folder = write_labeller(tmp_path / "foreign", tiny_qa_model, "BigBirdForTokenClassification", {}, labels)
    with pytest.raises(ModelError, match="outputs have no names"):
        bb.ner("ada", model=folder)


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("x.txt", "--model", "MODEL"), 3, "there is no such file"),
        (("-", "-", "--model", "MODEL"), 2, "read once only"),
        (("-", "--model", "MODEL", "--types", "LOC,PRE"), 2, "--types  the model finds nothing of the type 'PRE'"),
        (("-", "--model", "MODEL", "--types", "LOC,PRE"), 2, "did you mean 'PER'?"),
        (("-", "--model", "MODEL", "--types", " ,"), 2, "no type is named"),
        (("-", "--model", "QA"), 4, "trained for the task 'qa', not for named entities"),
        (("-", "--model", "MODEL", "--window", "999"), 2, "longer than the model's 256 positions"),
        (("-", "--model", "MODEL", "--window", "17", "--overlap", "16"), 2, "--overlap  16 leaves no room"),
        (("-", "--model", "MODEL", "--window", "17", "--overlap", "16"), 2, "give 13 or less, or raise --window"),
    ],
)
def test_mistakes_are_told_with_the_right_code(
    invoke: Any, tiny_ner_model: Path, tiny_qa_model: Path, args: tuple[str, ...], code: int, words: str
) -> None:
    named = {"MODEL": str(tiny_ner_model), "QA": str(tiny_qa_model)}
    result = invoke("ner", *(named.get(arg, arg) for arg in args), stdin="ada")
    assert result.exit_code == code
    assert words in result.stderr


def test_the_python_call_gives_one_record_or_several(tiny_ner_model: Path, tmp_path: Path) -> None:
    one = bb.ner("ada lit the lamp", model=tiny_ner_model)
    assert isinstance(one, dict)
    assert one["source"] == "text"
    several = bb.ner(["ada", tmp_path / "missing.txt"], model=tiny_ner_model)
    assert [("error" in record) for record in several] == [False, True]
    with pytest.raises(DataError, match="no such file"):
        bb.ner(tmp_path / "missing.txt", model=tiny_ner_model)
    with pytest.raises(UsageError, match="min_score"):
        bb.ner("ada", model=tiny_ner_model, min_score=2)


@pytest.fixture
def shipped(tmp_path: Path, tiny_names_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny model that ships as ner-mini."""
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "ner-mini").symlink_to(tiny_names_model)
    monkeypatch.setattr(store, "SHIPPED", tmp_path / "shipped")
    return tiny_names_model


@pytest.mark.usefixtures("shipped")
def test_a_model_ships_for_who_names_none(invoke: Any, article: Path) -> None:
    result = invoke("ner", article, "--json")
    assert result.exit_code == 0, result.stderr
    assert records(result.stdout)[0]["receipt"]["model"] == "ner-mini"
    assert bb.ner(article)["receipt"]["model"] == "ner-mini"


@pytest.mark.usefixtures("shipped")
def test_the_types_that_a_model_finds_are_listed_with_what_they_are_for(invoke: Any) -> None:
    result = invoke("ner", "--list-types")
    assert result.stdout.splitlines() == [
        "ORG     companies, agencies, institutions, teams",
        "PERSON  people, fictional ones too",
    ]
    assert list(records(invoke("ner", "--list-types", "--json").stdout)[0]) == ["ORG", "PERSON"]


def test_names_of_the_types_that_are_wanted_are_given_alone(invoke: Any, tiny_ner_model: Path, article: Path) -> None:
    everything = records(invoke("ner", article, "-m", tiny_ner_model, "--json").stdout)[0]["entities"]
    people = records(invoke("ner", article, "-m", tiny_ner_model, "--json", "--types", "PER").stdout)[0]["entities"]
    assert people == [entity for entity in everything if entity["type"] == "PER"]
    assert 0 < len(people) < len(everything)


def test_capitals_reach_a_model_that_heeds_them(tiny_names_model: Path) -> None:
    small, capitals = (bb.ner(text, model=tiny_names_model) for text in ("ada lit the lamp", "ADA Lit the Lamp"))
    scores = [[entity["score"] for entity in record["entities"]] for record in (small, capitals)]
    assert scores[0] != scores[1]


def test_a_temperature_makes_scores_milder_and_changes_no_name(tiny_ner_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mild"
    shutil.copytree(tiny_ner_model, folder)
    task = json.loads((folder / "task.json").read_text())
    (folder / "task.json").write_text(json.dumps({**task, "temperature": 3.0}))
    sharp, mild = (bb.ner("ada lit the lamp in the tower", model=model) for model in (tiny_ner_model, folder))
    assert [(e["start"], e["end"], e["type"]) for e in sharp["entities"]] == [
        (e["start"], e["end"], e["type"]) for e in mild["entities"]
    ]
    pairs = zip(sharp["entities"], mild["entities"], strict=True)
    assert all(milder["score"] < sharper["score"] for sharper, milder in pairs)


def test_mentions_of_a_name_come_together_counted_and_in_place(
    invoke: Any, tiny_ner_model: Path, article: Path
) -> None:
    found = records(invoke("ner", article, "-m", tiny_ner_model, "--json").stdout)[0]["entities"]
    (record,) = records(invoke("ner", article, "-m", tiny_ner_model, "--json", "--group").stdout)
    assert list(record) == ["names", "source", "id", "receipt"]
    assert sum(name["count"] for name in record["names"]) == len(found)
    assert [name["count"] for name in record["names"]] == sorted((n["count"] for n in record["names"]), reverse=True)
    mentions = [{**mention, "type": name["type"]} for name in record["names"] for mention in name["mentions"]]
    assert sorted(mentions, key=lambda mention: mention["start"]) == [
        {key: entity[key] for key in ("text", "start", "end", "score", "type")} for entity in found
    ]


def entity(text: str, start: int, type_: str = "PERSON", score: float = 0.5) -> EntityRecord:
    return {"text": text, "type": type_, "start": start, "end": start + len(text), "score": score}


def names(*found: EntityRecord) -> list[tuple[str, str, int]]:
    return [(name["text"], name["type"], name["count"]) for name in together(found)]


def test_a_bare_name_goes_with_the_only_full_name_that_has_it() -> None:
    assert names(entity("Bel", 0), entity("Ada Bel", 10), entity("Ada", 20)) == [("Ada Bel", "PERSON", 3)]
    assert names(entity("Ada Bel", 0), entity("Cora Bel", 10), entity("Bel", 20)) == [
        ("Ada Bel", "PERSON", 1),
        ("Cora Bel", "PERSON", 1),
        ("Bel", "PERSON", 1),
    ]


def test_articles_cases_line_breaks_and_possessives_make_no_other_name() -> None:
    same = [entity("the Bel Tower", 0, "FAC"), entity("BEL\nTOWER", 20, "FAC"), entity("Bel Tower's", 40, "FAC")]
    (name,) = together(same)
    assert (name["count"], name["score"]) == (3, 0.5)
    assert names(entity("Bel", 0, "GPE"), entity("Bel", 9, "ORG")) == [("Bel", "GPE", 1), ("Bel", "ORG", 1)]


def test_people_read_each_name_once_with_its_count_and_places(invoke: Any, tiny_ner_model: Path) -> None:
    text = "ada lit the lamp . " * 9
    result = invoke("ner", "-", "--model", tiny_ner_model, "--group", stdin=text)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    many = [line for line in lines if " and " in line and " more" in line]
    assert many
    assert all("×" in line for line in lines[1:-2])
