"""What a text is about, by those who wrote it: titles, agenda items, kinds of contract, clauses and policies."""

import csv
import json
import random
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path

from rows import Row, choice, label, pieces, tidy, worded

CUAD_HELD_OUT = 80
"""Contracts, by name, from the end: 40 to choose by, 40 to test."""

CLAUSES = {
    "Expiration Date": label("expiration date|end of the term", "when the contract's initial term ends"),
    "Renewal Term": label("renewal|renewal term", "how the contract is renewed or extended after its first term"),
    "Governing Law": label("governing law|applicable law", "which state's or country's law governs the contract"),
    "Most Favored Nation": label(
        "most favoured nation", "a party must be given terms as good as those of third parties"
    ),
    "Non-Compete": label("non-compete|no competition", "a party may not compete with the other or in a field or place"),
    "Exclusivity": label("exclusivity|exclusive dealing", "a party deals with or buys from the other alone"),
    "No-Solicit Of Customers": label("no solicitation of customers", "a party may not approach the other's customers"),
    "No-Solicit Of Employees": label("no solicitation of employees", "a party may not hire the other's staff"),
    "Non-Disparagement": label("non-disparagement", "a party may not speak badly of the other"),
    "Termination For Convenience": label("termination for convenience", "a party may end the contract without a cause"),
    "Rofr/Rofo/Rofn": label("right of first refusal|first refusal", "a party is offered something before anyone else"),
    "Change Of Control": label("change of control", "what happens when a party is sold or merges with another"),
    "Anti-Assignment": label("assignment|no assignment", "consent is needed to hand the contract on to a third party"),
    "Revenue/Profit Sharing": label("revenue sharing|profit sharing", "a party gets a share of the other's revenue"),
    "Price Restrictions": label("price restrictions", "prices may not be raised or lowered freely"),
    "Minimum Commitment": label("minimum commitment|minimum purchase", "a party must buy or pay at least so much"),
    "Volume Restriction": label("volume restriction|usage limit", "use beyond a certain volume costs more"),
    "Ip Ownership Assignment": label(
        "ownership of intellectual property", "what one party creates belongs to the other"
    ),
    "Joint Ip Ownership": label("joint ownership", "intellectual property is owned by both parties together"),
    "License Grant": label("licence|license grant", "a party is given the right to use something of the other's"),
    "Non-Transferable License": label("non-transferable licence", "a right of use that may not be passed on"),
    "Irrevocable Or Perpetual License": label("perpetual licence|irrevocable licence", "a right of use without an end"),
    "Source Code Escrow": label("source code escrow", "source code is deposited with a third party"),
    "Post-Termination Services": label("after termination", "duties that go on after the contract ends"),
    "Audit Rights": label("audit|audit rights", "a party may inspect the other's books and records"),
    "Uncapped Liability": label("unlimited liability|uncapped liability", "damages to be paid have no upper bound"),
    "Cap On Liability": label("limit of liability|cap on liability", "damages to be paid are limited"),
    "Liquidated Damages": label("liquidated damages|contractual penalty", "a fixed sum is due when a duty is broken"),
    "Warranty Duration": label("warranty", "how long defects are put right"),
    "Insurance": label("insurance", "a party must be insured"),
    "Covenant Not To Sue": label("covenant not to sue", "a party will not contest the other's rights in court"),
    "Third Party Beneficiary": label("third-party beneficiary", "someone who did not sign may enforce the contract"),
}
"""The clause categories of CUAD that speak of a matter, under names and descriptions of our own."""

CONTRACTS = {
    "affiliate": label("affiliate agreement", "partners who bring customers to a website for a commission"),
    "agency": label("agency agreement", "an agent who sells or acts for another"),
    "co.?branding": label("co-branding agreement", "two brands on one product or website"),
    "collaboration|cooperation": label("collaboration agreement", "parties who work together on research or a project"),
    "consulting": label("consulting agreement", "an adviser who works for a fee"),
    "development": label("development agreement", "something is designed and built for another"),
    "distribut": label("distribution agreement", "a dealer who sells a producer's goods in a territory"),
    "endorsement": label("endorsement agreement", "a well-known person who advertises a product"),
    "franchise": label("franchise agreement", "running a shop or restaurant under another's name and system"),
    "hosting": label("hosting agreement", "servers and websites that are kept running"),
    "intellectual property": label("intellectual property agreement", "patents and trademarks that are transferred"),
    "joint venture": label("joint venture agreement", "a company that is founded together"),
    "joint filing": label("joint filing agreement", "shareholders who file a report together"),
    "licen[sc]e": label("licence agreement", "the use of technology, content or a trademark"),
    "maintenance": label("maintenance agreement", "repair and upkeep of equipment or software"),
    "manufacturing": label("manufacturing agreement", "goods that are made for another"),
    "outsourcing": label("outsourcing agreement", "work that is handed over to a provider"),
    "promotion|marketing": label("marketing agreement", "advertising and promotion of products"),
    "reseller": label("reseller agreement", "a dealer who resells software or services"),
    "services?": label("service agreement", "services that are rendered for payment"),
    "sponsorship": label("sponsorship agreement", "money for an event or a team in return for advertising"),
    "strategic alliance": label("strategic alliance", "companies that join forces in a market"),
    "supply": label("supply agreement", "goods that are delivered regularly"),
    "transportation": label("transport agreement", "goods or gas that are carried from place to place"),
}
"""Kinds of contract, by what their names say."""

POLICIES = {
    "First Party Collection/Use": label("data collection", "which personal data a website collects, and what for"),
    "Third Party Sharing/Collection": label("data sharing", "personal data that is passed on to other companies"),
    "User Choice/Control": label("user choice|opting out", "how users consent or object to the use of their data"),
    "User Access, Edit and Deletion": label("access and deletion", "how users see, correct or delete their data"),
    "Data Security": label("data security", "how personal data is protected against theft and misuse"),
    "Policy Change": label("policy changes", "how users learn that the privacy policy has changed"),
    "International and Specific Audiences": label("special audiences", "children, and users in certain countries"),
    "Data Retention": label("data retention", "how long personal data is kept"),
}
"""The categories of PolicyQA (OPP-115)."""


def contracts(folder: Path, *, dev: bool, rng: random.Random) -> Iterator[Row]:
    """Clauses with their category, and the beginnings of contracts with their kind."""
    with (folder / "cuad/master_clauses.csv").open(encoding="utf-8-sig", newline="") as lines:
        table = sorted(csv.DictReader(lines), key=lambda row: row["Filename"])
    table = table[-CUAD_HELD_OUT : -CUAD_HELD_OUT // 2] if dev else table[:-CUAD_HELD_OUT]
    for row in table:
        clauses = {name: _strings(row[name]) for name in CLAUSES}
        all_of_them = [clause for found in clauses.values() for clause in found]
        for name, found in clauses.items():
            for clause in found[:3]:
                if 8 <= len(clause.split()) <= 170:
                    # a sentence may stand under several categories
                    others = [other for other in CLAUSES if other == name or clause not in clauses[other]]
                    yield _one_of(clause, name, {other: CLAUSES[other] for other in others}, "clause", rng)
        title = " ".join(_strings(row["Document Name"])).lower()
        kinds = [kind for kind in CONTRACTS if re.search(kind, title)]
        if len(kinds) == 1:
            for clause in rng.sample(all_of_them, min(4, len(all_of_them))):
                if len(clause.split()) >= 40:
                    yield _one_of(" ".join(clause.split()[:170]), kinds[0], CONTRACTS, "contract", rng)


def policies(folder: Path, *, dev: bool, rng: random.Random) -> Iterator[Row]:
    """Paragraphs of privacy policies, and questions on them, with the one category that they are asked about."""
    sites = json.loads((folder / "policyqa/dev.json").read_text(encoding="utf-8"))["data"]
    for site in sites[-2:] if dev else sites[:-2]:
        for paragraph in site["paragraphs"]:
            kinds = {qa["type"].split("|||")[0] for qa in paragraph["qas"]} & POLICIES.keys()
            if len(kinds) == 1:
                (kind,) = kinds
                yield _one_of(" ".join(paragraph["context"].split()[:170]), kind, POLICIES, "policy", rng)
                for qa in paragraph["qas"][:1]:
                    yield _one_of(qa["question"], kind, POLICIES, "policy", rng)


def titles(folder: Path, *, dev: bool, rng: random.Random) -> Iterator[Row]:
    """Pieces of papers, news, encyclopedia articles and meetings with their titles, among titles of the same kind."""
    found: dict[str, list[tuple[str, list[str]]]] = {"paper": [], "news": [], "article": [], "meeting": []}
    part = "dev" if dev else "train"
    for line in (folder / f"scitldr/SciTLDR-A/{part}.jsonl").read_text(encoding="utf-8").splitlines():
        paper = json.loads(line)
        found["paper"].append((" ".join(paper["source"]), [paper["title"], *paper["target"][:1]]))
    for article in ET.parse(folder / "hyperpartisan/articles.xml").getroot():
        text = " ".join("".join(p.itertext()) for p in article.iter("p"))
        if article.get("title"):
            found["news"].append((text, [str(article.get("title"))]))
    for line in (folder / "qed/qed-dev.jsonlines").read_text(encoding="utf-8").splitlines()[:-200]:
        row = json.loads(line)
        found["article"].append((row["paragraph_text"], [row["title_text"]]))
    for document in json.loads((folder / "redocred/dev_revised.json").read_text(encoding="utf-8"))[:-100]:
        found["article"].append((" ".join(word for sent in document["sents"] for word in sent), [document["title"]]))
    for path in sorted((folder / "qmsum/ALL/train").glob("*.json")):
        found["meeting"] += _agenda(json.loads(path.read_text(encoding="utf-8")))
    for kind, texts in found.items():
        kept = texts if kind == "paper" else [each for i, each in enumerate(texts) if (i % 20 == 0) == dev]
        names = [each for _, known in kept for each in known[:1]]
        for text, known in kept:
            for piece in list(pieces(text, rng))[: 3 if kind == "meeting" else 2]:
                others = [name for name in rng.sample(names, min(9, len(names))) if name not in known]
                yield choice(tidy(piece), rng.choice(known), others, source=kind, rng=rng)


def _agenda(meeting: dict) -> Iterator[tuple[str, list[str]]]:
    """The parts of a meeting, each with its topic."""
    turns = meeting["meeting_transcripts"]
    for topic in meeting["topic_list"]:
        said = [
            turn["content"]
            for first, last in topic["relevant_text_span"]
            if first.isdecimal() and last.isdecimal()
            for turn in turns[int(first) : int(last) + 1]
        ]
        yield re.sub(r"\{[a-z]+\} ?", "", " ".join(said)), [topic["topic"]]


def _one_of(text: str, right: str, labels: dict, source: str, rng: random.Random) -> Row:
    names = list(labels)
    named = dict(zip(names, worded([labels[name] for name in names], rng), strict=True))
    return choice(tidy(text), named[right], [named[name] for name in names if name != right], source=source, rng=rng)


def _strings(cell: str) -> Sequence[str]:
    """The strings of a list as Python writes it, without evaluating anything."""
    return [
        next(filter(None, match)).replace("\\n", " ")
        for match in re.findall(r"'((?:[^'\\]|\\.)+)'|\"((?:[^\"\\]|\\.)+)\"", cell)
    ]
