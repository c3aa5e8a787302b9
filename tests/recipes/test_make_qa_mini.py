"""Small sets in each format become questions whose answers stand where they are said to stand."""

import csv
import json
import random
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "recipes/scripts"))

import make_qa_mini as recipe
from qa_sets import asked, covid_qa, cuad, fairytaleqa, multispanqa, policyqa, qamr, qed, redocred
from qa_sets.books import Book, Part, gathered, stretches
from qa_sets.crops import Places, Pool, crop, nearest_without_answer, without_answer
from qa_sets.items import Document, Question
from qa_sets.near_misses import Names, changed
from qa_sets.text import detokenise, n_tokens
from qa_sets.tight import tight


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


def write_cuad(folder: Path) -> None:
    rows = []
    for i in range(90):
        law = f"This Agreement  is governed by the\nlaws of Ruritania{i}, whatever happens."
        text = (
            f"DISTRIBUTION AGREEMENT {i}\n\nMade by Acme{i} Inc. and others. {law} The end.\r\n" + "Nothing more. " * 40
        )
        write(folder / f"cuad/full_contract_txt/C{i:02d}_Agreement.txt", text)
        row = {"Filename": f"C{i:02d}_Agreement.PDF"}
        for category in cuad.QUESTIONS:
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
        for mentions, kind in zip(vertices, ("PER", "LOC", "LOC"), strict=True):
            mentions[0]["type"] = kind
        labels = [
            {"r": "P19", "h": 0, "t": 1, "evidence": [0]},
            {"r": "P20", "h": 0, "t": 2, "evidence": [1]},
            {"r": "P27", "h": 0, "t": 2, "evidence": []},
        ]
        documents.append({"title": f"Doe{i}", "sents": sentences, "vertexSet": vertices, "labels": labels})
    write(folder / "redocred/dev_revised.json", json.dumps(documents))


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    write_qamr(folder)
    write_fairytaleqa(folder)
    write_policyqa(folder)
    write_qed(folder)
    write_multispanqa(folder)
    write_covid_qa(folder)
    write_cuad(folder)
    write_redocred(folder)
    for i in range(12):
        write(folder / f"litbank/original/{i:02d}.txt", f"It was a dark night in chapter {i}. " * 800)
    return folder


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The recipe with few questions kept for dev and test, so that the small sets fill every file."""
    monkeypatch.setattr(qed, "DEV", 3)
    monkeypatch.setattr(policyqa, "DEV", 4)
    monkeypatch.setattr(qamr, "DEV", 2)
    monkeypatch.setattr(covid_qa, "DEV", 1)
    monkeypatch.setattr(recipe, "LONG_TOKENS", (150, 400))
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
def test_tokens_are_joined_as_people_write(tokens: str, text: str) -> None:
    joined, spans = detokenise(tokens.split())
    assert joined == text
    assert [end - start for start, end in spans] == [
        len({"``": '"', "''": '"', "-LRB-": "(", "-RRB-": ")", "--": "–"}.get(t, t)) for t in tokens.split()
    ]


@pytest.mark.usefixtures("small")
def test_qamr_sentences_become_articles(sets: Path) -> None:
    train, dev = qamr.read(sets)
    assert len(dev) == 2 * 3
    assert len(train) == 10 * 3  # "Who are they?" has no word of the sentence
    question = next(q for q in train if "Tower70" in q.text)
    assert texts([question]) == [("When was Tower70 built?", ["1807"])]
    assert question.document.text.startswith('The "Tower70" (a lighthouse) wasn\'t built in 1807, it\'s said. The "T')
    assert question.document.text.count("\n") == 1  # between paragraphs


def test_readers_must_agree_on_a_span() -> None:
    tokens = ["in", "the", "old", ",", "grey", "house", "of", "Ann"]
    assert qamr._agreed_span(["5", "2 3 4 5", "2 3 4 5"], tokens) == (2, 5)
    assert qamr._agreed_span(["5", "0", "7"], tokens) is None
    assert qamr._agreed_span(["0 7", "0 7", "0 7"], tokens) is None  # two places are no span
    assert qamr._agreed_span(["3 4", "3 4", ""], tokens) == (4, 4)  # no mark at an end


@pytest.mark.usefixtures("small")
def test_stories_keep_answers_that_stand_in_them(sets: Path) -> None:
    train, dev = fairytaleqa.read(sets)
    assert (len(train), len(dev)) == (4, 20)
    assert texts(train[:1]) == [("Who found the bird?", ["A fox train 0"])]
    assert [len(story) for story in fairytaleqa.stories_of(sets, "val")] == [1, 1]


@pytest.mark.usefixtures("small")
def test_the_site_of_the_last_policy_questions_leaves_train(sets: Path) -> None:
    train, dev = policyqa.read(sets)
    assert (len(train), len(dev)) == (45, 4)
    assert {q.document.subject for q in dev} == {"site3.com"}
    assert "site3.com" not in {q.document.subject for q in train}
    assert texts(train[:1]) == [("What do you collect 0?", ["address0"])]


@pytest.mark.usefixtures("small")
def test_natural_questions_are_put_in_order(sets: Path) -> None:
    train, dev = qed.read(sets)
    assert (len(train), len(dev)) == (9, 3)
    assert texts(train[:1]) == [("Where does the wend0 flow?", ["Old-Town0"])]
    train, dev = multispanqa.read(sets)
    assert (len(train), dev) == (6, [])
    assert texts(train[:1]) == [("Who sang it?", ["Ann, Bob and Cy", "Ann", "Bob", "Cy"])]


@pytest.mark.usefixtures("small")
def test_answers_that_are_off_are_found_again(sets: Path) -> None:
    train, dev = covid_qa.read(sets)
    assert (len(train), len(dev)) == (3, 1)  # 18 of 22 papers are for testing
    assert texts(train) == [("Where was it found?", ["bats."])] * 3


@pytest.mark.usefixtures("small")
def test_contracts_are_split_by_name(sets: Path) -> None:
    train, dev = cuad.read(sets)
    assert {q.document.subject for q in train} == {f"C{i:02d}_Agreement" for i in range(10)}
    assert {q.document.subject for q in dev} == {f"C{i:02d}_Agreement" for i in range(10, 50)}
    answered = [q for q in train if q.spans]
    assert sorted(answers for _, answers in texts(answered[:2])) == [["Acme0 Inc."], ["Ruritania0"]]
    contracts = cuad.contracts_of(sets)
    missing = [q.text for q in contracts[0][1] if not q.spans]
    assert len(missing) == len(cuad.QUESTIONS) - 3  # a clause that is not found is not said to be missing
    assert len(set(missing)) == len(missing)


@pytest.mark.usefixtures("small")
def test_a_missing_clause_is_asked_for_in_any_of_its_wordings(sets: Path) -> None:
    train, _ = cuad.read(sets)
    asked_for = {q.text for q in train if not q.spans}
    assert len(asked_for) > len(cuad.QUESTIONS)


@pytest.mark.usefixtures("small")
def test_relations_become_questions_with_evidence(sets: Path) -> None:
    everything, _ = redocred.read(sets)
    train = [q for q in everything if q.spans]
    assert len(train) == 3 * 2
    by_answer = {answers[0]: asked for asked, answers in texts(train)}
    assert by_answer["Graz"] in {asked.format("Willi Doe0") for asked in redocred.QUESTIONS["P19"]} | {
        asked.format(f"Willi Doe{i}") for i in (1, 2) for asked in redocred.QUESTIONS["P19"]
    }
    assert "Bonn0" in by_answer
    assert train[0].document.text == "Willi Doe0 (born in Graz) raced. He died in Bonn0, in 1990."


def test_a_crop_holds_the_answer_and_keeps_to_its_room() -> None:
    text = " ".join(f"Sentence number {i} says little." for i in range(200))
    document = Document("x", "x", text)
    start = text.index("number 100")
    places = set()
    for seed in range(40):
        low, high = crop(document, start, start + 10, room=60, rng=random.Random(seed))
        assert low <= start
        assert start + 10 <= high
        assert 40 <= n_tokens(text[low:high]) <= 60
        assert text[low:high].startswith("Sentence")
        assert text[low:high].endswith(".")
        places.add(start - low)
    assert len(places) > 4


def test_a_sentence_without_end_is_cut_between_words() -> None:
    text = " ".join(f"word{i}" for i in range(3000))
    document = Document("x", "x", text)
    start = text.index("word1500")
    low, high = crop(document, start, start + 8, room=200, rng=random.Random(1))
    assert low <= start
    assert start + 8 <= high
    assert 50 < len(text[low:high].split()) <= 200
    assert set(text[low:high].split()) <= set(text.split())


def test_a_relation_that_a_document_lacks_is_a_question_without_answer() -> None:
    row = {
        "labels": [{"h": 0, "r": "P19"}],
        "vertexSet": [[{"name": "Willi Doe", "type": "PER"}], [{"name": "Graz", "type": "TIME"}]],
    }
    document = Document("redocred", "Doe", "Willi Doe was born in Graz.")
    found = [q for seed in range(20) for q in redocred._lacking(row, document, random.Random(seed))]
    assert found
    assert all(not q.spans and "Willi Doe" in q.text for q in found)
    born = {wording.format("Willi Doe") for wording in redocred.QUESTIONS["P19"]}
    assert not born & {q.text for q in found}


def test_every_answer_stands_where_it_is_said(small: ModuleType, sets: Path) -> None:
    files = small.make(sets)
    for name, entries in files.items():
        assert any(entry.answers for entry in entries), name
        assert any(not entry.answers for entry in entries), name
        for entry in entries:
            assert all(entry.context[start : start + len(text)] == text for start, text in entry.answers)
    assert {entry.source for entry in files["train"]} == set(small.READERS) - small.OPTIONAL
    sizes = [n_tokens(entry.context) for entry in files["train"]]
    assert max(sizes) <= 650
    assert any(size > 150 for size in sizes)
    assert any("chapter" in entry.context and entry.answers for entry in files["train"])  # planted in a novel


def test_the_last_steps_learn_from_all_short_texts_and_a_few_long_ones(
    small: ModuleType, sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small, "FULL_ATTENTION", 150)
    monkeypatch.setattr(small, "LONG_ONE_IN", 4)
    files = small.make(sets)
    short = [entry for entry in files["train"] if n_tokens(entry.context) <= 150]
    last = files["train-short"]
    assert [entry for entry in last if n_tokens(entry.context) <= 150] == short
    assert len(last) - len(short) == -(-(len(files["train"]) - len(short)) // 4) > 0


def test_nothing_kept_for_dev_or_test_is_trained_on(small: ModuleType, sets: Path) -> None:
    files = small.make(sets)
    train = "\n".join(entry.context for entry in files["train"])
    kept = [
        "fox val",
        "fox train 23",
        "Acme10 ",
        "Acme89 ",
        "virus3 ",
        "virus21 ",
        "Doe3 ",
        "Site 3",
        "Wend11",
        "Tower00",
    ]
    kept += ["chapter 2.", "chapter 11."]  # the last ten novels
    assert [text for text in kept if text in train] == []
    dev = "\n".join(entry.context for name, entries in files.items() if "train" not in name for entry in entries)
    assert [text for text in ("fox val", "Acme50 ", "virus21 ", "Doe3 ") if text in dev] == []


@pytest.mark.usefixtures("small")
def test_an_unanswerable_passage_does_not_hold_the_answer(sets: Path) -> None:
    train, _ = qed.read(sets)
    pool = Pool([q.document for q in train])
    found = [without_answer(q, pool, room=60, rng=random.Random(0), near=False) for q in train]
    for question, entry in zip(train, found, strict=True):
        assert entry is not None
        assert entry.answers == ()
        assert texts([question])[0][1][0] not in entry.context


def test_an_article_that_is_tested_elsewhere_is_left_out(
    small: ModuleType, sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small, "TESTED_ELSEWHERE", frozenset({"Wend1"}))
    files = small.make(sets)
    assert not any("Wend1 " in entry.context for entry in files["train"])


def test_the_same_seed_gives_the_same_files(
    small: ModuleType, sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in ("one", "two"):
        small.main([str(sets), "--out", str(tmp_path / run)])
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["dev-absent.json", "dev-long.json", "dev-near.json", "dev.json", "train-short.json", "train.json"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert "| train | qamr |" in capsys.readouterr().out


def test_the_files_are_squad_v2_and_our_reader_takes_them(small: ModuleType, sets: Path, tmp_path: Path) -> None:
    from bigbird_cli.tasks.qa.squad import read_examples

    small.main([str(sets), "--out", str(tmp_path)])
    for name in ("train", "dev", "dev-near", "dev-long", "dev-absent"):
        path = tmp_path / f"{name}.json"
        assert json.loads(path.read_text(encoding="utf-8"))["version"] == "v2.0"
        examples, n_skipped = read_examples(path)
        assert n_skipped == 0
        assert examples


def test_missing_sets_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "qamr").mkdir()
    with pytest.raises(SystemExit) as stopped:
        recipe.main([str(tmp_path)])
    assert stopped.value.code == 3
    assert "no folder fairytaleqa, qed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("question", "sentence", "answer", "wanted"),
    [
        ("When was it founded?", "It was founded in 1977, in Ohio.", "in 1977", "1977"),
        ("In what year did he die?", "He died on 21 December 1935.", "on 21 December 1935", "1935"),
        ("When did he die?", "He died on 21 December 1935.", "on 21 December 1935.", "21 December 1935"),
        ("When did it happen?", "It was in 1914 or 1915.", "in 1914 or 1915", "1914 or 1915"),
        ("When did it start?", "in the mid-1980s", "in the mid-1980s", "mid-1980s"),
        ("How many ships were there?", "He had about 14,000 ships.", "14,000 ships", "14,000"),
        ("Who built it?", "the builder Robert Roe did", "the builder Robert Roe", "Robert Roe"),
        ("Who built it?", "Ann Lee, Bob Ray and Cy Dee", "Ann Lee, Bob Ray and Cy Dee", "Ann Lee, Bob Ray and Cy Dee"),
        ("Where was he?", "He was at the old mill.", "at the old mill.", "old mill"),
        ("Why did he go?", "He went because he was cold.", "because he was cold", "he was cold"),
        ("What was it?", 'He said it was "no way".', '"no way".', "no way"),
        ("What is it?", "a", "a", "a"),
    ],
)  # fmt: skip
def test_answers_are_cut_to_what_people_mark(question: str, sentence: str, answer: str, wanted: str) -> None:
    start = sentence.index(answer)
    low, high = tight(question, sentence, start, start + len(answer))
    assert sentence[low:high] == wanted


def names_of(*asked_before: str) -> Names:
    return Names([Question(Document("x", "x", ""), text, ()) for text in asked_before])


@pytest.mark.parametrize(
    ("question", "passage", "kind", "wanted"),
    [
        ("When did Carter win?", "Carter won in 1977.", "name", r"When did Napoleon win\?"),
        ("Who was first?", "Ann was first.", "opposite", r"Who was last\?"),
        ("Who was elected?", "Ann was elected in May.", "negation", r"Who was (never|not) elected\?"),
        ("Who won in 1977?", "Ann won in 1977.", "number", r"Who won in (19[4-9]\d|20\d\d)\?"),
    ],
)
def test_a_changed_question_asks_for_what_the_passage_does_not_say(
    question: str, passage: str, kind: str, wanted: str
) -> None:
    names = names_of("When did Napoleon lose?")
    found = [changed(question, passage, (0, 3), names, random.Random(seed)) for seed in range(60)]
    texts_found = {one[0] for one in found if one and one[1] == kind}
    assert texts_found
    assert all(re.fullmatch(wanted, text) for text in texts_found)


def test_a_name_of_the_passage_is_no_strange_name() -> None:
    names = names_of("When did Napoleon lose?")
    for seed in range(40):
        found = changed("When did Carter lose?", "Carter lost to Napoleon.", (0, 6), names, random.Random(seed))
        assert found is None or found[1] != "name"


def test_the_passage_most_like_a_question_is_found_besides_its_own() -> None:
    document = Document("x", "one", "The old mill stands in Ruritania. " + "Nothing is said here. " * 60)
    near = Document("x", "two", "Nothing to see. The old mill of Arcadia stands by the river and is very well known.")
    far = [Document("x", f"far{i}", f"Of other things {i} one reads here, and of many others too.") for i in range(60)]
    question = Question(document, "Where does the old mill stand?", ((23, 32),))
    entry = nearest_without_answer(question, Places([document, near, *far]), room=40, rng=random.Random(0))
    assert entry is not None
    assert "Arcadia" in entry.context
    assert entry.answers == ()


def test_a_long_document_is_cut_into_parts_that_hold_all_of_it() -> None:
    document = Document("x", "x", " ".join(f"Sentence number {i} says little." for i in range(300)))
    parts = stretches(document, room=200, rng=random.Random(0))
    assert "".join(part.text for part in parts) == document.text
    assert all(n_tokens(part.text) <= 230 for part in parts)


def test_a_book_knows_where_its_parts_answer() -> None:
    seed = Document("x", "a", "Ann lives in Rome.")
    other = Document("x", "b", "Bob lives in Oslo.")
    book = gathered(seed, [other], room=500, rng=random.Random(0))
    answers = book.answers(Question(other, "Where does Bob live?", ((13, 17),)))
    assert [book.text[start : start + len(text)] for start, text in answers] == ["Oslo"]
    cut = Book([Part(seed, 0, 15)])
    assert cut.answers(Question(seed, "Where does Ann live?", ((13, 17),))) == ()
    assert cut.holds_part_of(Question(seed, "Where does Ann live?", ((13, 17),)))


def test_questions_by_rule_are_one_more_set(tmp_path: Path) -> None:
    rows = [
        {"source": "news", "subject": "n1", "text": text, "questions": [{"question": asked_for, "start": 0, "end": 3}]}
        for text, asked_for in (("Ann came home.", "Who came home?"), ("Bob went out.", "Who went out?"))
    ]
    write(tmp_path / "asked/news.jsonl", "\n".join(map(json.dumps, rows)) + "\n")
    train, dev = asked.read(tmp_path)
    assert texts(train) == [("Who came home?", ["Ann"]), ("Who went out?", ["Bob"])]
    assert train[0].document is train[1].document
    assert dev == []
