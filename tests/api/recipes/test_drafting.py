"""What data is for is told from the data, and the recipe that is written for it loads as it is."""

import csv
import json
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

import bigbird_cli as bb
from bigbird_cli.api.recipes.drafting import Draft
from bigbird_cli.errors import BigBirdWarning, DataError, UsageError
from bigbird_cli.recipe import COMMANDS, load_recipe

Rows = Sequence[dict[str, Any]]
TEXTS = [f"the keeper lit lamp number {n} and went to bed again" for n in range(40)]
REVIEWS: Rows = [{"id": n, "review": text, "stars": "good" if n % 4 else "bad"} for n, text in enumerate(TEXTS)]
QUESTIONS: Rows = [
    {"id": f"q{n}", "context": text, "question": "who lit it", "answers": {"text": ["keeper"], "answer_start": [4]}}
    for n, text in enumerate(TEXTS)
]
TAGGED: Rows = [{"tokens": ["Ada", "left", "Oslo"], "tags": ["B-PER", "O", "B-LOC"]} for _ in TEXTS]
GENES = [f"{'ACGTTGCA' * 8}{'ACGT'[n % 4]}" for n in range(40)]
CONLL = "Ada\tX\tB-PER\nleft\tX\tO\n\nOslo\tX\tB-LOC\n\n"


def jsonl(path: Path, rows: Rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def table(path: Path, rows: Rows, delimiter: str = ",") -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def squad(path: Path) -> None:
    asked = [
        {"context": row["context"], "qas": [{"id": row["id"], "question": row["question"], "answers": []}]}
        for row in QUESTIONS
    ]
    path.write_text(json.dumps({"data": [{"paragraphs": asked}]}))


def label_folders(path: Path) -> None:
    for n, text in enumerate(TEXTS):
        (path / f"{n % 2}").mkdir(parents=True, exist_ok=True)
        (path / f"{n % 2}" / f"{n}.txt").write_text(text)


def brat(path: Path) -> None:
    path.mkdir()
    for n in range(4):
        (path / f"{n}.txt").write_text("Ada left.")
        (path / f"{n}.ann").write_text("T1\tPER 0 3\tAda\n")


def texts(path: Path) -> None:
    path.mkdir()
    for n, text in enumerate(TEXTS):
        (path / f"{n}.txt").write_text(text)


def beside_a_readme(name: str, write: Callable[[Path], Any]) -> Callable[[Path], None]:
    def write_both(path: Path) -> None:
        path.mkdir()
        for notice in ("LICENSE.md", "README.txt"):
            (path / notice).write_text("These reviews\nare free.\n")
        write(path / name)

    return write_both


REVIEW = {"type": "classify", "text_column": "review", "label_column": "stars"}
KINDS: dict[str, tuple[str, Callable[[Path], Any], dict[str, Any]]] = {
    "csv": ("d.csv", lambda path: table(path, REVIEWS), REVIEW),
    "csv with semicolons": ("d.csv", lambda path: table(path, REVIEWS, ";"), REVIEW),
    "csv with bars": ("d.csv", lambda path: table(path, REVIEWS, "|"), REVIEW),
    "tsv": ("d.tsv", lambda path: table(path, REVIEWS, "\t"), REVIEW),
    "jsonl": ("d.jsonl", lambda path: jsonl(path, REVIEWS), REVIEW),
    "json": ("d.json", lambda path: path.write_text(json.dumps(REVIEWS)), REVIEW),
    "parquet": ("d.parquet", lambda path: parquet.write_table(pa.Table.from_pylist(list(REVIEWS)), path), REVIEW),
    "several labels": (
        "d.jsonl",
        lambda path: jsonl(path, [{"text": text, "topics": ["a", "b"][: n % 3]} for n, text in enumerate(TEXTS)]),
        {"type": "classify", "label_column": "topics", "problem": "multi"},
    ),
    "several labels in a string": (
        "d.csv",
        lambda path: table(
            path,
            [{"text": text, "label": ["a", "b", "c", "a;b", "b;c", "a;b;c"][n % 6]} for n, text in enumerate(TEXTS)],
        ),
        {"type": "classify", "problem": "multi", "label_separator": ";"},
    ),
    "numbers": (
        "d.csv",
        lambda path: table(path, [{"text": text, "score": n / 7} for n, text in enumerate(TEXTS)]),
        {"type": "classify", "label_column": "score", "problem": "regression"},
    ),
    "pairs": (
        "d.tsv",
        lambda path: table(
            path, [{"premise": text, "hypothesis": "so", "label": n % 3} for n, text in enumerate(TEXTS)], "\t"
        ),
        {"type": "classify", "text_column": "premise", "pair_column": "hypothesis"},
    ),
    "an unusual name": (
        "d.csv",
        lambda path: table(path, [{"n": n, "words": text, "verdict": f"v{n % 3}"} for n, text in enumerate(TEXTS)]),
        {"type": "classify", "text_column": "words", "label_column": "verdict"},
    ),
    "a folder a label": ("d", label_folders, {"type": "classify"}),
    "squad": ("d.json", squad, {"type": "qa"}),
    "questions": ("d.jsonl", lambda path: jsonl(path, QUESTIONS), {"type": "qa"}),
    "questions whose columns are called otherwise": (
        "d.jsonl",
        lambda path: jsonl(
            path,
            [{"passage": text, "query": "which", "answer": f"number {n}"} for n, text in enumerate(TEXTS)],
        ),
        {"type": "qa", "context_column": "passage", "question_column": "query", "answers_column": "answer"},
    ),
    "yes or no to a question on a text": (
        "d.jsonlines",
        lambda path: jsonl(path, [{"question": "lit", "answer": n % 3 > 0, "passage": t} for n, t in enumerate(TEXTS)]),
        {"type": "classify", "text_column": "passage", "pair_column": "question", "label_column": "answer"},
    ),
    "rows beside what tells of them": ("d", beside_a_readme("z.csv", lambda path: table(path, REVIEWS)), REVIEW),
    "tags beside what tells of them": (
        "d",
        beside_a_readme("z.txt", lambda path: path.write_text(CONLL * 9)),
        {"type": "ner"},
    ),
    "conll": (
        "d.conll",
        lambda path: path.write_text("-DOCSTART- X O\n\n" + CONLL + "-DOCSTART- X O\n\n" + CONLL),
        {"type": "ner"},
    ),
    "conll in txt": ("d.txt", lambda path: path.write_text(CONLL * 9), {"type": "ner"}),
    "conll with numbered words": (
        "d.iob2",
        lambda path: path.write_text("1\tAda\tB-PER\tfn\n2\tleft\tO\tfn\n\n" * 9),
        {"type": "ner", "words_column": 1, "tags_column": 2},
    ),
    "tagged rows": ("d.jsonl", lambda path: jsonl(path, TAGGED), {"type": "ner"}),
    "tagged lists in csv": (
        "d.csv",
        lambda path: table(path, [{name: json.dumps(value) for name, value in row.items()} for row in TAGGED]),
        {"type": "ner"},
    ),
    "a word a row": (
        "d.csv",
        lambda path: table(
            path,
            [
                {"sentence": n, "word": word, "tag": tag}
                for n in range(9)
                for word, tag in (("Ada", "B-PER"), ("left", "O"))
            ],
        ),
        {"type": "ner"},
    ),
    "spans": (
        "d.jsonl",
        lambda path: jsonl(path, [{"text": "Ada left", "entities": [[0, 3, "PER"]]} for _ in TEXTS]),
        {"type": "ner"},
    ),
    "brat": ("d", brat, {"type": "ner"}),
    "choices": (
        "d.jsonl",
        lambda path: jsonl(
            path,
            [
                {"context": text, "question": "which", "choices": ["a", "b"], "label": n % 2}
                for n, text in enumerate(TEXTS)
            ],
        ),
        {"type": "multiple_choice"},
    ),
    "choices that are called answers": (
        "d.jsonl",
        lambda path: jsonl(
            path,
            [
                {"story": text, "question": "which", "answers": [f"lamp number {n}", "keeper"], "label": n % 2}
                for n, text in enumerate(TEXTS)
            ],
        ),
        {"type": "multiple_choice", "context_column": "story", "choices_column": "answers"},
    ),
    "choices in columns": (
        "d.csv",
        lambda path: table(
            path, [{"article": text, "question": "which", "A": "a", "B": "b", "answer": "A"} for text in TEXTS]
        ),
        {"type": "multiple_choice", "context_column": "article", "choices_column": "A,B", "label_column": "answer"},
    ),
    "labels with each text": (
        "d.jsonl",
        lambda path: jsonl(path, [{"text": text, "labels": ["a", "b"], "label": "a"} for text in TEXTS]),
        {"type": "zero_shot"},
    ),
    "texts": ("d", texts, {"type": "mlm"}),
    "a genome": (
        "d.fa",
        lambda path: path.write_text(f">chr1 label 1\n{GENES[0]}\n>chr2 label 2\n{GENES[1]}\n"),
        {"type": "mlm"},
    ),
    "sequences with labels in their heads": (
        "d.fa",
        lambda path: path.write_text("".join(f">g{n} label={n % 2}\n{gene}\n" for n, gene in enumerate(GENES))),
        {"type": "classify"},
    ),
    "rows of texts": ("d.jsonl", lambda path: jsonl(path, [{"text": text} for text in TEXTS]), {"type": "mlm"}),
}


def draft_of(kind: str, folder: Path) -> Draft:
    name, write, _ = KINDS[kind]
    write(folder / name)
    return bb.init(folder / name)


@pytest.mark.filterwarnings("ignore::bigbird_cli.errors.BigBirdWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_what_data_is_for_is_told_from_the_data(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where a vocabulary is put
    draft = draft_of(kind, tmp_path)
    assert draft.seen.task == KINDS[kind][2]
    draft.write(tmp_path / "recipe.yaml")
    recipe = load_recipe(tmp_path / "recipe.yaml", COMMANDS[draft.command])
    assert {name: getattr(recipe.task, name) for name in draft.seen.task} == draft.seen.task
    assert recipe.data.train == (draft.seen.sources.train,)


def test_texts_that_cannot_be_used_are_left_out_by_the_recipe_and_told(tmp_path: Path) -> None:
    label_folders(tmp_path / "d")
    (tmp_path / "d" / "0" / "empty.txt").touch()
    (tmp_path / "d" / "1" / "latin.txt").write_bytes("caf\xe9".encode("latin-1"))
    (tmp_path / "d" / "1" / "letter.txt").write_bytes(b"%PDF-1.7 \x00\xff")
    draft = bb.init(tmp_path / "d")
    assert draft.seen.bad == {"empty": 1, "unreadable": 2}
    assert "  on_empty: skip  # leaves out 1 without a text or a label\n" in draft.text
    assert "  on_unreadable: skip  # leaves out 2 files that are no text in UTF-8\n" in draft.text
    draft.write(tmp_path / "recipe.yaml")
    report = bb.check(tmp_path / "recipe.yaml", data_only=True, on_finding=None)
    assert (report.n_errors, report.n_examples, report.counts["unreadable"]) == (0, {"train": len(TEXTS)}, 2)
    task = load_recipe(tmp_path / "recipe.yaml").task
    with pytest.warns(BigBirdWarning, match="left out") as warned:
        assert len(list(task.read(tmp_path / "d"))) == len(TEXTS)
    said = [str(each.message).partition(": ")[2] for each in warned]
    assert said == [
        "1 row, line or text left out as empty (task.on_empty: skip)",
        "2 files left out, which are no UTF-8 text (task.on_unreadable: skip)",
    ]
    with pytest.raises(DataError, match=r"0xe9.* is not UTF-8 text"):
        list(task.model_copy(update={"on_unreadable": "error"}).read(tmp_path / "d"))


def test_a_folder_of_sequences_holds_a_class_a_file_where_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for name in ("promoter", "other"):
        (tmp_path / "d" / f"{name}.fa").write_text("".join(f">g{n}\n{gene}\n" for n, gene in enumerate(GENES)))
    assert bb.init(tmp_path / "d").seen.task == {"type": "mlm"}
    assert bb.init(tmp_path / "d", task="classify").seen.labels == {"promoter": 40, "other": 40}


def test_sequences_get_a_vocabulary_and_a_new_model_whose_recipe_runs_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.fa").write_text("".join(f">g{n}\n{gene}\n" for n, gene in enumerate(GENES)))
    with pytest.raises(UsageError, match="sequences need a vocabulary of their own") as caught:
        bb.check("d.fa")
    assert caught.value.fix == "bigbird init d.fa learns it and writes a recipe"
    draft = bb.init("d.fa")
    draft.write("d.yaml")
    assert bb.load_tokenizer("d-vocabulary").encode("acgttgca").ids.size < 8
    assert (draft.seen.unit, draft.seen.length_at(0.5)) == ("letters", 65)
    assert "letters:  bigbird tokenize --train d.fa --split none" in draft.text
    small = "model.config={hidden_size: 16, num_attention_heads: 2, num_hidden_layers: 1, intermediate_size: 16}"
    report = bb.check("d.yaml", overrides=[small], device="cpu")
    assert report.checked is not None
    assert report.checked.unknown == 0


def test_one_document_has_no_share_for_dev_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "one.conll").write_text(CONLL)
    draft = bb.init(tmp_path / "one.conll")
    assert "dev:      this is one document, of which no share can be kept: name other data as data.dev, or mark" in (
        draft.text
    )
    assert draft_of("csv", tmp_path).seen.why_no_dev is None


@pytest.mark.filterwarnings("ignore::bigbird_cli.errors.BigBirdWarning")
def test_entities_within_entities_are_told_apart_from_rows_that_cannot_be_used(tmp_path: Path) -> None:
    brat(tmp_path / "d")
    with (tmp_path / "d" / "0.ann").open("a") as file:
        file.write("T2\tLOC 0 8\tAda left\n")
    assert bb.init(tmp_path / "d").seen.bad == {"tolerated": 1}


def test_what_was_seen_is_counted(tmp_path: Path) -> None:
    seen = draft_of("csv", tmp_path).seen
    assert seen.labels == {"good": 30, "bad": 10}
    assert (seen.n_examples, seen.n_documents, seen.columns) == (40, 40, ("id", "review", "stars"))
    assert 10 < seen.length_at(0.5) <= seen.length_at(1.0) < 20


def test_files_that_are_called_dev_and_test_are_the_recipes(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        table(tmp_path / f"reviews_{part}.csv", REVIEWS)
    for data in (tmp_path, tmp_path / "reviews_train.csv"):
        seen = bb.init(data).seen.sources
        assert [Path(str(part)).name for part in (seen.train, seen.dev, seen.test)] == [
            "reviews_train.csv",
            "reviews_valid.csv",
            "reviews_test.csv",
        ]


def test_dev_is_the_file_that_is_called_as_the_training_data(tmp_path: Path) -> None:
    for name in ("a.dev", "b.dev", "b.train"):
        table(tmp_path / f"{name}.csv", REVIEWS)
    assert Path(str(bb.init(tmp_path / "b.train.csv").seen.sources.dev)).name == "b.dev.csv"
    table(tmp_path / "a.train.csv", REVIEWS)
    with pytest.raises(UsageError, match=r"2 files are called train: a\.train\.csv, b\.train\.csv"):
        bb.init(tmp_path)


def test_a_folder_may_hold_its_data_set_in_a_subfolder(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("Reviews, collected in 1820.")
    for part in ("train", "test"):
        (tmp_path / "a" / "data").mkdir(parents=True, exist_ok=True)
        table(tmp_path / "a" / "data" / f"{part}.csv", REVIEWS)
    seen = bb.init(tmp_path).seen.sources
    assert (Path(seen.train), seen.dev) == (tmp_path / "a" / "data" / "train.csv", None)
    assert seen.test == str(tmp_path / "a" / "data" / "test.csv")
    (tmp_path / "b" / "train").mkdir(parents=True)
    table(tmp_path / "b" / "train" / "0.csv", REVIEWS)
    with pytest.raises(UsageError, match="the folder holds 2 data sets: a/data, b") as caught:
        bb.init(tmp_path)
    assert caught.value.fix == f"name one of them, as in {tmp_path / 'a' / 'data'}"


def test_a_folder_is_for_training_where_its_name_begins_or_ends_so(tmp_path: Path) -> None:
    (tmp_path / "by-train-split" / "asked" / "train").mkdir(parents=True)
    table(tmp_path / "by-train-split" / "asked" / "train" / "0.csv", REVIEWS)
    assert Path(bb.init(tmp_path).seen.sources.train) == tmp_path / "by-train-split" / "asked" / "train"
    (tmp_path / "train_docs").mkdir()
    table(tmp_path / "train_docs" / "0.csv", REVIEWS)
    assert Path(bb.init(tmp_path).seen.sources.train) == tmp_path / "train_docs"


def test_a_corpus_may_have_a_folder_on_training(tmp_path: Path) -> None:
    texts(tmp_path / "staff")
    (tmp_path / "staff" / "manuals" / "training").mkdir(parents=True)
    (tmp_path / "staff" / "manuals" / "training" / "0.txt").write_text(TEXTS[0])
    assert bb.init(tmp_path).seen.n_examples == len(TEXTS) + 1


def test_brat_is_not_read_together_with_other_forms(tmp_path: Path) -> None:
    brat(tmp_path / "brat")
    (tmp_path / "tsv").mkdir()
    (tmp_path / "tsv" / "0.tsv").write_text(CONLL)
    with pytest.raises(
        UsageError, match=r"holds brat.s annotations and files of other forms, such as .*0\.tsv"
    ) as caught:
        bb.init(tmp_path)
    assert caught.value.fix == f"name the folder of one form, as in {tmp_path / 'brat'}"
    assert bb.init(tmp_path / "brat").seen.task == {"type": "ner"}


def test_what_is_for_scoring_is_not_learnt_from(tmp_path: Path) -> None:
    for part in ("dev", "test"):
        table(tmp_path / f"{part}.csv", REVIEWS)
    with pytest.raises(UsageError, match=r"holds dev\.csv, test\.csv, for scoring by the name"):
        bb.init(tmp_path)
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.write(tmp_path / "dev.csv", "d/train.csv")
        archive.write(tmp_path / "test.csv", "d/test.csv")
    with pytest.raises(UsageError, match=r"holds test\.csv, for scoring") as caught:
        bb.init(tmp_path / "d.zip")
    assert caught.value.fix == "unpack it, and name the folder"


def test_folders_of_texts_in_an_archive_are_not_taken_for_one_corpus(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        for n, text in enumerate(TEXTS):
            archive.writestr(f"d/{'good' if n % 2 else 'bad'}/{n}.txt", text)
    with pytest.raises(UsageError, match="folders of texts in an archive are no labels: bad, good"):
        bb.init(tmp_path / "d.zip")
    assert bb.init(tmp_path / "d.zip", task="mlm").seen.n_documents == len(TEXTS)


@pytest.mark.filterwarnings("ignore::bigbird_cli.errors.BigBirdWarning")
def test_what_tells_of_data_is_none(tmp_path: Path) -> None:
    (tmp_path / "SOURCE.txt").write_text("fetched in 1820")
    assert bb.init(tmp_path).seen.task == {"type": "mlm"}
    (tmp_path / "articles.xml").write_text("<articles/>")
    with pytest.raises(UsageError, match=r"nothing of it is read but SOURCE\.txt; of other kinds are articles\.xml"):
        bb.init(tmp_path)
    assert bb.init(tmp_path, task="mlm").seen.task == {"type": "mlm"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<?xml version="1.0"?>\n<articles/>', "this is XML"),
        ('{"text": "she lit it"}\n{"text": "he slept"}\n', "this is JSON"),
        ("she lit it\t1\nhe slept\t0\n", "each line has 2 columns, with tabs between them"),
        ("\n12|t|She lit it\n12|a|He slept\n12\t0\t3\tShe\tPER\n", "this is PubTator"),
        (f">seq1 of 1820\n{GENES[0]}\n", "this is FASTA"),
        ("__label__good she lit it\n", "this is fastText's form"),
    ],
)
def test_rows_that_are_called_a_text_are_not_taken_for_one(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_text(text)
    with pytest.raises(UsageError, match=said) as caught:
        bb.init(tmp_path / "d.txt")
    assert str(caught.value.fix).endswith("; --task mlm learns from it as text")
    assert bb.init(tmp_path / "d.txt", task="mlm").seen.task == {"type": "mlm"}


def test_a_file_of_an_unknown_kind_is_not_the_training_data(tmp_path: Path) -> None:
    (tmp_path / "a.train.ans").write_text("A B C")
    table(tmp_path / "b.train.csv", REVIEWS)
    assert Path(bb.init(tmp_path).seen.sources.train).name == "b.train.csv"


def test_titles_of_structures_are_no_texts(tmp_path: Path) -> None:
    jsonl(tmp_path / "d.jsonl", [{"title": f"a title {n}", "sents": [["Ada", "left"]]} for n in range(40)])
    with pytest.raises(UsageError, match="no columns for any task among title, sents"):
        bb.init(tmp_path / "d.jsonl")


def test_a_share_is_kept_for_dev_where_there_are_several_documents(tmp_path: Path) -> None:
    assert "dev: 10%" in draft_of("csv", tmp_path).text
    (tmp_path / "one.conll").write_text(CONLL)
    assert "\n  dev: " not in bb.init(tmp_path / "one.conll").text


def test_rows_that_cannot_be_used_are_counted_and_empty_ones_left_out(tmp_path: Path) -> None:
    jsonl(
        tmp_path / "d.jsonl",
        [*REVIEWS, {"id": 1, "review": "", "stars": "bad"}, {"id": 2, "review": 5, "stars": "bad"}],
    )
    draft = bb.init(tmp_path / "d.jsonl")
    assert draft.seen.bad == {"empty": 1, "other": 1}
    assert "on_empty: skip  # leaves out 1 " in draft.text


def test_a_task_is_taken_at_its_word_or_refused(tmp_path: Path) -> None:
    table(tmp_path / "d.csv", REVIEWS)
    assert bb.init(tmp_path / "d.csv", task="causal").seen.task == {"type": "causal", "text_column": "review"}
    with pytest.raises(UsageError, match="no columns for qa among id, review, stars"):
        bb.init(tmp_path / "d.csv", task="qa")
    with pytest.raises(UsageError, match="did you mean ner"):
        bb.init(tmp_path / "d.csv", task="nre")


def test_what_is_for_no_task_says_what_it_has(tmp_path: Path) -> None:
    jsonl(tmp_path / "d.jsonl", [{"a": 1, "b": [1]}])
    with pytest.raises(UsageError, match="no columns for any task among a, b"):
        bb.init(tmp_path / "d.jsonl")
    with pytest.raises(DataError, match="there is no such file"):
        bb.init(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("row", "held", "fix"),
    [
        (
            {"messages": [{"role": "user", "content": TEXTS[0]}]},
            "messages: lists of objects with role, content",
            "no task learns from chats",
        ),
        ({"tokens": ["Ada", "left"], "ner_tags": [1, 0]}, "ner_tags: lists of numbers", "in a recipe, as in task.tags"),
        ({"words": ["Ada", "left"], "ner": [[0, 1, "PER"]]}, "words: lists of strings", "'ner' counts words"),
        (
            {"question": ["who"], "context": ["Ada", "left"], "label": ["B", "O"]},
            "context: lists of strings",
            'questions are learnt from rows such as {"context"',
        ),
        ({"source": [TEXTS[0], TEXTS[1]], "target": [TEXTS[2]]}, "target: lists of strings", "no task writes texts"),
        ({"article": TEXTS[0], "highlights": TEXTS[1]}, "article: strings, of ", "mlm learns from 'article' alone"),
        (
            {"document": TEXTS[0], "asked": [{"of": TEXTS[1], "found": TEXTS[2]}]},
            "asked: lists of objects with of, found",
            "no task reads what is nested",
        ),
    ],
)
def test_rows_for_no_task_are_described_with_what_is_nearest(
    row: dict[str, Any], held: str, fix: str, tmp_path: Path
) -> None:
    jsonl(tmp_path / "d.jsonl", [{**row, "id": f"{n}"} for n in range(40)])
    with pytest.raises(UsageError, match="no columns for any task among") as caught:
        bb.init(tmp_path / "d.jsonl")
    assert held in caught.value.problem
    assert fix in str(caught.value.fix)


def test_a_nested_document_is_not_taken_for_a_whole_table(tmp_path: Path) -> None:
    nested = {"turns": [{"said": TEXTS[0]}, {"said": TEXTS[1]}], "asked": [{"query": "why", "answer": TEXTS[2]}]}
    (tmp_path / "d.json").write_text(json.dumps(nested))
    with pytest.raises(UsageError, match="no columns for any task among turns, asked") as caught:
        bb.init(tmp_path / "d.json")
    assert str(caught.value.fix).startswith("no task reads what is nested: write each thing to find as a row")


def test_of_several_files_the_one_that_was_looked_at_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"score": 1}, {"score": 2}]))
    jsonl(tmp_path / "b.jsonl", QUESTIONS)
    with pytest.raises(UsageError, match="no columns for any task among score") as caught:
        bb.init(tmp_path)
    assert caught.value.where == str(tmp_path / "a.json")
    assert str(caught.value.fix).endswith("; where another file holds the data, name it")


def test_a_column_for_each_label_is_told(tmp_path: Path) -> None:
    rows = [{"comment": text, "rude": n % 2, "long": n % 3 // 2} for n, text in enumerate(TEXTS)]
    table(tmp_path / "d.csv", rows)
    with pytest.raises(UsageError, match="no columns for any task among comment, rude, long") as caught:
        bb.init(tmp_path / "d.csv")
    assert str(caught.value.fix).startswith("rude, long hold 0 or 1: write those that hold in one column")
    table(tmp_path / "d.csv", [{**row, "label": n % 4} for n, row in enumerate(rows)])
    assert bb.init(tmp_path / "d.csv").seen.task == {"type": "classify", "text_column": "comment"}


@pytest.mark.parametrize(
    "whole",
    [
        {f"{n}": {"text": text, "label": n % 2} for n, text in enumerate(TEXTS)},
        {"text": TEXTS, "label": [n % 2 for n in range(40)]},
        {"rows": [{"text": text, "label": n % 2} for n, text in enumerate(TEXTS)]},
    ],
)
def test_an_object_that_holds_all_rows_is_told(whole: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text(json.dumps(whole))
    with pytest.raises(UsageError, match="no columns for any task") as caught:
        bb.init(tmp_path / "d.json")
    assert str(caught.value.fix).startswith("the file is one object: write a list of rows")


def test_a_corpus_may_say_little_beside_its_texts(tmp_path: Path) -> None:
    jsonl(tmp_path / "d.jsonl", [{"text": text, "meta": {"url": f"a.b/{n}"}} for n, text in enumerate(TEXTS)])
    assert bb.init(tmp_path / "d.jsonl").seen.task == {"type": "mlm"}
    jsonl(tmp_path / "s.jsonl", [{"article": text, "summary": f"{n} lit"} for n, text in enumerate(TEXTS)])
    assert bb.init(tmp_path / "s.jsonl", task="mlm").seen.task == {"type": "mlm", "text_column": "article"}


def test_where_no_row_can_be_used_the_first_reason_is_said(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_bytes("text,label\ncaf\u00e9,good\nth\u00e9,bad\n".encode("latin-1"))
    with pytest.raises(
        DataError, match="all 2 cannot be used, the first for this: the byte 0xe9 is not UTF-8"
    ) as caught:
        bb.init(tmp_path / "d.csv")
    assert caught.value.where == f"{tmp_path / 'd.csv'}:2"
    (tmp_path / "d.json").write_text(json.dumps({"data": [{"paragraphs": [{"utterances": [], "qas": []}]}]}))
    with pytest.raises(DataError, match='there is no "context" here, only utterances, qas'):
        bb.init(tmp_path / "d.json")


def test_no_recipe_is_written_where_most_rows_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("text,label\nshe lit it,good\nhe slept,bad\n" + "torn\n" * 5)
    with pytest.raises(DataError, match="5 of 7 cannot be used, the first for this: the row has 1 field"):
        bb.init(tmp_path / "d.csv")


def test_broken_rows_of_a_word_each_are_not_counted_against_sentences(tmp_path: Path) -> None:
    words = "1,Ada,B-PER\n1,left,O\n2,Oslo,B-LOC\n"
    (tmp_path / "d.csv").write_text(f"sentence,word,tag\n{words}" + "torn\n" * 5)
    seen = bb.init(tmp_path / "d.csv").seen
    assert (seen.n_examples, seen.bad) == (2, {"other": 5})


def test_a_wrong_byte_in_words_and_tags_is_named(tmp_path: Path) -> None:
    (tmp_path / "d.conll").write_bytes(CONLL.encode() + b"Ad\xff\tX\tB-PER\n")
    with pytest.raises(DataError, match=r"the byte 0xff at offset .* is not UTF-8 text"):
        bb.init(tmp_path / "d.conll")


def test_a_document_is_measured_whole_however_long_it_is(tmp_path: Path) -> None:
    n_words = 40_000
    (tmp_path / "d.txt").write_text("lamp " * n_words)
    assert bb.init(tmp_path / "d.txt").seen.length_at(1.0) == pytest.approx(n_words, rel=0.01)


def test_a_table_without_names_is_refused_rather_than_read_without_its_first_row(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("".join(f"{n % 2},{text}\n" for n, text in enumerate(TEXTS)))
    with pytest.raises(DataError, match="the first line names no columns: '0' stands below it too"):
        bb.init(tmp_path / "d.csv")


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["I liked it,pos", "I slept,neg", "so good,pos"], "'pos' stands below it too, in the same column"),
        (["I liked it,4", "I slept,1", "so good,5"], "'4' is a number"),
        (["She lit it.", "He slept.", "They left."], "'She lit it.' is a sentence, as those below it"),
        (["she lit the lamp;a", "he slept;b"], "'she lit the lamp' is no usual name"),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_what_shows_that_a_first_line_is_a_row_is_said(lines: list[str], why: str, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"d.{suffix}"
    file.write_text("\n".join(lines).replace(",", "\t" if suffix == "tsv" else ","))
    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises(DataError, match="the first line names no columns") as caught,
    ):
        bb.init(file)
    assert why in caught.value.problem
    assert caught.value.fix == "put a line of names above it, such as text,label"


@pytest.mark.parametrize(
    "lines",
    [
        ["Review Text,Stars", "I liked it,5", "I slept,1", "so good,5"],
        ["0,1", "I liked it,pos", "I slept,neg", "so good,pos"],
        ["text,label", "I liked it,pos", "text,label", "I slept,neg", "so good,pos", "so bad,neg"],
        ["Timestamp,What did you like?,Category", "9:00,the sea,place", "9:01,the boat,thing", "9:02,the quay,place"],
        ["word,tag", "the,O", "word,O", "Ada,B-PER", "said,O"],
    ],
)
def test_a_first_line_of_names_is_one(lines: list[str], tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("\n".join(lines))
    assert bb.init(tmp_path / "d.csv").seen.n_examples > 0


@pytest.mark.parametrize(
    ("data", "name"),
    [("reviews.v2.csv", "reviews.v2"), ("reviews.csv.gz", "reviews"), ("set/train.csv", "set"), ("set", "set")],
)
def test_a_recipe_is_called_as_its_data(data: str, name: str, tmp_path: Path) -> None:
    from bigbird_cli.api.recipes.drafting import _name

    path = tmp_path / data
    path.parent.mkdir(exist_ok=True)
    path.mkdir() if data == "set" else path.touch()
    assert _name(str(path)) == name
    assert _name("hub:lhoestq/demo1#x:train") == "demo1"
