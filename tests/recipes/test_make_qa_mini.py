"""Small sets in each format become questions whose answers stand where they are said to stand."""

import csv
import importlib.util
import json
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "recipes/scripts/make_qa_mini.py"
    spec = importlib.util.spec_from_file_location("make_qa_mini", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_qa_mini"] = module
    spec.loader.exec_module(module)
    return module


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_qamr(folder: Path) -> None:
    sentences, rows = [], []
    for article in range(12):
        for n in range(3):
            name = f"Wiki1k:wikipedia:{article}:{n // 2}:{n}"
            words = (
                f"The `` Tower{article}{n} '' -LRB- a lighthouse -RRB- was n't built in 18{article:02d} , it 's said ."
            )
            sentences.append(f"{name}\t{words}")
            asked = f"When was Tower{article}{n} built ?"
            rows.append("\t".join([name, "2", "7", "0", "2", asked, "12", "7:12", "9:12"]))
            rows.append("\t".join([name, "2", "8", "1", "2", "Who are they ?", "2", "7:2", "9:2"]))
    write(folder / "qamr/wiki-sentences.tsv", "\n".join(sentences) + "\n")
    write(folder / "qamr/filtered/dev.tsv", "\n".join(rows[:36]) + "\n")
    write(folder / "qamr/filtered/test.tsv", "\n".join(rows[36:]) + "\n")


def write_fairytaleqa(folder: Path) -> None:
    for part, n in (("train", 24), ("val", 2)):
        for i in range(n):
            base = folder / "fairytaleqa/data-by-train-split"
            text = f"Once a king lived in house {part} {i}. He had a golden bird. The bird was lost. " * 3
            story = [{"section": 1, "text": text}, {"section": 2, "text": f"A fox {part} {i} found the Bird."}]
            write_rows(base / f"section-stories/{part}/s{i:02d}-story.csv", story)
            asked = [
                {
                    "cor_section": "2",
                    "question": "who found the bird ?",
                    "answer1": f"a fox {part} {i}.",
                    "answer4": "",
                },
                {"cor_section": "1", "question": "Why did he weep?", "answer1": "he was sad", "answer4": ""},
            ]
            write_rows(base / f"questions/{part}/s{i:02d}-questions.csv", asked)


def write_policyqa(folder: Path) -> None:
    sites = []
    for s in range(4):
        paragraphs = []
        for p in range(5):
            context = f"Site {s} collects your address{p} when you order. We keep it for {p + 2} days."
            answer = {"text": f"address{p}", "answer_start": context.index("address")}
            wrong = {"text": "nowhere", "answer_start": 3}
            qas = [{"question": f"What do you collect {q}?", "answers": [answer, wrong]} for q in range(3)]
            paragraphs.append({"context": context, "qas": qas})
        sites.append({"title": f"site{s}.com", "paragraphs": paragraphs})
    write(folder / "policyqa/dev.json", json.dumps({"data": sites}))


def write_qed(folder: Path) -> None:
    rows = []
    for i in range(12):
        text = f"The river Wend{i} ( {i + 40} km ) flows - slowly - through Old - Town{i} , a port . It is deep ."
        start = text.index("Old")
        end = text.index(f"Town{i}") + len(f"Town{i}")
        rows.append(
            {
                "title_text": f"Wend{i}",
                "question_text": f"where does the wend{i} flow",
                "paragraph_text": text,
                "original_nq_answers": [[{"start": start, "end": end}]],
                "annotation": {"answer": [{"paragraph_reference": {"start": start, "end": end}}]},
            }
        )
    write(folder / "qed/qed-dev.jsonlines", "\n".join(map(json.dumps, rows)) + "\n")


def write_multispanqa(folder: Path) -> None:
    data = []
    for i in range(6):
        context = f"In {1900 + i} it was sung by Ann , Bob and Cy ; Dee danced .".split()
        label = ["B" if word in ("Ann", "Bob", "Cy") else "O" for word in context]
        data.append({"id": f"m{i}", "question": ["who", "sang", "it"], "context": context, "label": label})
    write(folder / "multispanqa/data/MultiSpanQA_data/valid.json", json.dumps({"data": data}))


def write_covid_qa(folder: Path) -> None:
    articles = []
    for i in range(22):
        context = f"Paper {i}.\n\nThe virus{i} was found in bats. " + "More work is needed. " * 30
        qas = [
            {"question": "Where was it found?", "answers": [{"text": " bats.", "answer_start": 3}]},
            {"question": "Who paid?", "answers": [{"text": "nobody at all", "answer_start": 5}]},
        ]
        articles.append({"paragraphs": [{"context": context, "document_id": i, "qas": qas}]})
    write(folder / "covid-qa/200423_covidQA.json", json.dumps({"data": articles}))


def write_cuad(folder: Path, recipe: ModuleType) -> None:
    rows = []
    for i in range(90):
        law = f"This Agreement  is governed by the\nlaws of Ruritania{i}, whatever happens."
        text = (
            f"DISTRIBUTION AGREEMENT {i}\n\nMade by Acme{i} Inc. and others. {law} The end.\r\n" + "Nothing more. " * 40
        )
        write(folder / f"cuad/full_contract_txt/C{i:02d}_Agreement.txt", text)
        row = {"Filename": f"C{i:02d}_Agreement.PDF"}
        for category in recipe.CUAD_QUESTIONS:
            row |= {category: "[]", f"{category}-Answer": ""}
        row |= {"Governing Law": repr([" ".join(law.split())]), "Governing Law-Answer": f"Ruritania{i}"}
        row |= {"Parties": repr([f"Acme{i} Inc.", "Licensor"]), "Insurance": repr(["not to be found"])}
        rows.append(row)
    write_rows(folder / "cuad/master_clauses.csv", rows)


def write_redocred(folder: Path) -> None:
    documents = []
    for i in range(103):
        sentences = [f"Willi Doe{i} ( born in Graz ) raced .".split(), f"He died in Bonn{i} ,   in 1990 .".split(" ")]
        vertices = [
            [{"name": f"Willi Doe{i}", "pos": [0, 2], "sent_id": 0}, {"name": "He", "pos": [0, 1], "sent_id": 1}],
            [{"name": "Graz", "pos": [5, 6], "sent_id": 0}],
            [{"name": f"Bonn{i}", "pos": [3, 4], "sent_id": 1}],
        ]
        labels = [
            {"r": "P19", "h": 0, "t": 1, "evidence": [0]},
            {"r": "P20", "h": 0, "t": 2, "evidence": [1]},
            {"r": "P27", "h": 0, "t": 2, "evidence": []},
        ]
        documents.append({"title": f"Doe{i}", "sents": sentences, "vertexSet": vertices, "labels": labels})
    write(folder / "redocred/dev_revised.json", json.dumps(documents))


@pytest.fixture(scope="module")
def sets(recipe: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    write_qamr(folder)
    write_fairytaleqa(folder)
    write_policyqa(folder)
    write_qed(folder)
    write_multispanqa(folder)
    write_covid_qa(folder)
    write_cuad(folder, recipe)
    write_redocred(folder)
    for i in range(12):
        write(folder / f"litbank/original/{i:02d}.txt", f"It was a dark night in chapter {i}. " * 800)
    return folder


@pytest.fixture
def small(recipe: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The recipe with few questions kept for dev and test, so that the small sets fill every file."""
    for name, value in {
        "QED_DEV": 3,
        "POLICY_DEV": 4,
        "QAMR_DEV": 2,
        "MIDDLE_TOKENS": (80, 150),
        "LONG_TOKENS": (150, 400),
    }.items():
        monkeypatch.setattr(recipe, name, value)
    return recipe


def texts(questions: list[Any]) -> list[tuple[str, list[str]]]:
    return [(q.text, [q.document.text[a:b] for a, b in q.spans]) for q in questions]


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("He said `` no '' -LRB- twice -RRB- .", 'He said "no" (twice).'),
        ("It 's n't the boys ' dog , is it ?", "It'sn't the boys' dog, is it?"),
        ("a \" quoted \" word and ' one ' more", "a \"quoted\" word and 'one' more"),
        ("a two - year plan , 1997 – 8 , $ 5 and 30 % of 1 / 2", "a two-year plan, 1997–8, $5 and 30% of 1/2"),
        ("Paris – a city -- is big", "Paris – a city – is big"),
        ("[ sic ] # 3 ; ( # 4 ) !", "[sic] #3; (#4)!"),
    ],
)
def test_tokens_are_joined_as_people_write(recipe: ModuleType, tokens: str, text: str) -> None:
    joined, spans = recipe.detokenise(tokens.split())
    assert joined == text
    assert [end - start for start, end in spans] == [
        len({"``": '"', "''": '"', "-LRB-": "(", "-RRB-": ")", "--": "–"}.get(t, t)) for t in tokens.split()
    ]


def test_qamr_sentences_become_articles(small: ModuleType, sets: Path) -> None:
    train, dev = small.read_qamr(sets)
    assert len(dev) == 2 * 3
    assert len(train) == 10 * 3  # "Who are they?" has no word of the sentence
    question = next(q for q in train if "Tower70" in q.text)
    assert texts([question]) == [("When was Tower70 built?", ["1807"])]
    assert question.document.text.startswith('The "Tower70" (a lighthouse) wasn\'t built in 1807, it\'s said. The "T')
    assert question.document.text.count("\n") == 1  # between paragraphs


def test_readers_must_agree_on_a_span(recipe: ModuleType) -> None:
    tokens = ["in", "the", "old", ",", "grey", "house", "of", "Ann"]
    assert recipe._agreed_span(["5", "2 3 4 5", "2 3 4 5"], tokens) == (2, 5)
    assert recipe._agreed_span(["5", "0", "7"], tokens) is None
    assert recipe._agreed_span(["0 7", "0 7", "0 7"], tokens) is None  # two places are no span
    assert recipe._agreed_span(["3 4", "3 4", ""], tokens) == (4, 4)  # no mark at an end


def test_stories_keep_answers_that_stand_in_them(small: ModuleType, sets: Path) -> None:
    train, dev = small.read_fairytaleqa(sets)
    assert (len(train), len(dev)) == (4, 20)
    assert texts(train[:1]) == [("Who found the bird?", ["A fox train 0"])]
    assert [len(story) for story in small.fairytale_stories(sets, "val")] == [1, 1]


def test_the_site_of_the_last_policy_questions_leaves_train(small: ModuleType, sets: Path) -> None:
    train, dev = small.read_policyqa(sets)
    assert (len(train), len(dev)) == (45, 4)
    assert {q.document.subject for q in dev} == {"site3.com"}
    assert "site3.com" not in {q.document.subject for q in train}
    assert texts(train[:1]) == [("What do you collect 0?", ["address0"])]


def test_natural_questions_are_put_in_order(small: ModuleType, sets: Path) -> None:
    train, dev = small.read_qed(sets)
    assert (len(train), len(dev)) == (9, 3)
    assert texts(train[:1]) == [("Where does the wend0 flow?", ["Old-Town0"])]
    train, dev = small.read_multispanqa(sets)
    assert (len(train), dev) == (6, [])
    assert texts(train[:1]) == [("Who sang it?", ["Ann, Bob and Cy", "Ann", "Bob", "Cy"])]


def test_answers_that_are_off_are_found_again(small: ModuleType, sets: Path) -> None:
    train, dev = small.read_covid_qa(sets)
    assert (len(train), dev) == (4, [])  # 18 of 22 papers are for testing
    assert texts(train) == [("Where was it found?", ["bats."])] * 4


def test_contracts_are_split_by_name(small: ModuleType, sets: Path) -> None:
    train, dev = small.read_cuad(sets)
    assert {q.document.subject for q in train} == {f"C{i:02d}_Agreement" for i in range(10)}
    assert {q.document.subject for q in dev} == {f"C{i:02d}_Agreement" for i in range(10, 50)}
    assert sorted(answers for _, answers in texts(train[:2])) == [["Acme0 Inc."], ["Ruritania0"]]
    contracts = small.cuad_contracts(sets)
    missing = [q.text for q in contracts[0][1] if not q.spans]
    assert len(missing) == len(small.CUAD_QUESTIONS) - 3  # a clause that is not found is not said to be missing
    assert len(set(missing)) == len(missing)


def test_relations_become_questions_with_evidence(small: ModuleType, sets: Path) -> None:
    train, _ = small.read_redocred(sets)
    assert len(train) == 3 * 2
    by_answer = {answers[0]: asked for asked, answers in texts(train)}
    assert by_answer["Graz"] in {asked.format("Willi Doe0") for asked in small.REDOCRED_QUESTIONS["P19"]} | {
        asked.format(f"Willi Doe{i}") for i in (1, 2) for asked in small.REDOCRED_QUESTIONS["P19"]
    }
    assert "Bonn0" in by_answer
    assert train[0].document.text == "Willi Doe0 (born in Graz) raced. He died in Bonn0, in 1990."


def test_a_crop_holds_the_answer_and_keeps_to_its_room(recipe: ModuleType) -> None:
    text = " ".join(f"Sentence number {i} says little." for i in range(200))
    document = recipe.Document("x", "x", text)
    start = text.index("number 100")
    places = set()
    for seed in range(40):
        low, high = recipe.crop(document, start, start + 10, room=60, rng=random.Random(seed))
        assert low <= start
        assert start + 10 <= high
        assert 40 <= recipe.n_tokens(text[low:high]) <= 60
        assert text[low:high].startswith("Sentence")
        assert text[low:high].endswith(".")
        places.add(start - low)
    assert len(places) > 4


def test_a_sentence_without_end_is_cut_between_words(recipe: ModuleType) -> None:
    text = " ".join(f"word{i}" for i in range(3000))
    document = recipe.Document("x", "x", text)
    start = text.index("word1500")
    low, high = recipe.crop(document, start, start + 8, room=200, rng=random.Random(1))
    assert low <= start
    assert start + 8 <= high
    assert 50 < len(text[low:high].split()) <= 200
    assert set(text[low:high].split()) <= set(text.split())


def test_every_answer_stands_where_it_is_said(small: ModuleType, sets: Path) -> None:
    files = small.make(sets)
    for name, entries in files.items():
        assert any(not entry.answers for entry in entries), name
        assert sum(bool(entry.answers) for entry in entries) > len(entries) / 2, name
        for entry in entries:
            assert all(entry.context[start : start + len(text)] == text for start, text in entry.answers)
    assert {entry.source for entry in files["train-short"]} == set(small.READERS)
    assert any(entry.source.startswith("litbank+") for entry in files["train-long"])
    short = [small.n_tokens(entry.context) for entry in files["train-short"]]
    long = [small.n_tokens(entry.context) for entry in files["train-long"] + files["train-late"]]
    assert max(short) <= 250
    assert max(long) <= 600
    assert sum(n > 150 for n in long) > len(long) / 4
    in_novels = [entry for entry in files["train-late"] if entry.source == "litbank"]
    assert in_novels
    assert not any(entry.answers for entry in in_novels)


def test_nothing_kept_for_dev_or_test_is_trained_on(small: ModuleType, sets: Path) -> None:
    files = small.make(sets)
    train = "\n".join(entry.context for entry in files["train-short"] + files["train-long"] + files["train-late"])
    kept = [
        "fox val",
        "fox train 23",
        "Acme10 ",
        "Acme89 ",
        "virus4 ",
        "virus21 ",
        "Doe3 ",
        "Site 3",
        "Wend11",
        "Tower00",
    ]
    kept += ["chapter 2.", "chapter 11."]  # the last ten novels
    assert [text for text in kept if text in train] == []
    dev = "\n".join(entry.context for entry in files["dev"])
    assert [text for text in ("fox val", "Acme50 ", "virus21 ") if text in dev] == []


def test_an_unanswerable_passage_does_not_hold_the_answer(small: ModuleType, sets: Path) -> None:
    train, _ = small.read_qed(sets)
    pool = small.Pool([q.document for q in train])
    found = [small.without_answer(q, pool, room=60, rng=random.Random(0), near=False) for q in train]
    for question, entry in zip(train, found, strict=True):
        assert entry is not None
        assert entry.answers == ()
        assert texts([question])[0][1][0] not in entry.context


def test_an_article_that_is_tested_elsewhere_is_left_out(
    small: ModuleType, sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small, "TESTED_ELSEWHERE", frozenset({"Wend1"}))
    files = small.make(sets)
    assert not any(
        "Wend1 " in entry.context for entry in files["train-short"] + files["train-long"] + files["train-late"]
    )


def test_the_same_seed_gives_the_same_files(
    small: ModuleType, sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in ("one", "two"):
        small.main([str(sets), "--out", str(tmp_path / run)])
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["dev.json", "train-late.json", "train-long.json", "train-short.json", "train.json"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert "| train-short | qamr |" in capsys.readouterr().out


def test_the_files_are_squad_v2_and_our_reader_takes_them(small: ModuleType, sets: Path, tmp_path: Path) -> None:
    from bigbird_cli.tasks.squad import read_examples

    small.main([str(sets), "--out", str(tmp_path)])
    n = {}
    for name in ("train-short", "train-long", "train-late", "train", "dev"):
        path = tmp_path / f"{name}.json"
        assert json.loads(path.read_text(encoding="utf-8"))["version"] == "v2.0"
        examples, n_skipped = read_examples(path)
        assert n_skipped == 0
        n[name] = len(examples)
    assert n["train"] == n["train-short"] + n["train-long"]


def test_missing_sets_are_named(recipe: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "qamr").mkdir()
    with pytest.raises(SystemExit) as stopped:
        recipe.main([str(tmp_path)])
    assert stopped.value.code == 3
    assert "no folder fairytaleqa, qed" in capsys.readouterr().err
