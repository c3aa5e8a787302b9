"""CUAD: clauses of contracts; lawyers marked 41 categories, so that it is known which a contract lacks."""

import ast
import csv
import random
import re
from collections.abc import Sequence
from pathlib import Path

from .items import Document, Question
from .text import find_flexibly, phrasings, trim

TEST, DEV = 40, 40  # contracts, by name, counted from the end


def _plain(name: str) -> str:
    return re.sub(r"\W", "", re.sub(r"\.(pdf|txt)$", "", name.strip(), flags=re.IGNORECASE)).lower()


def contracts_of(folder: Path) -> list[tuple[str, list[Question]]]:
    """Clauses of contracts: the category becomes a question, the clause (or the name in it) the answer.

    Returns:
        File name and questions of each contract, by name; no spans where the contract has no such clause.
    """
    with (folder / "cuad/master_clauses.csv").open(encoding="utf-8-sig", newline="") as lines:
        rows = {_plain(row["Filename"]): row for row in csv.DictReader(lines)}
    contracts = []
    for path in sorted((folder / "cuad/full_contract_txt").glob("*.txt"), key=lambda p: p.name):
        questions: list[Question] = []
        contracts.append((path.name, questions))
        row = rows.get(_plain(path.name))
        if row is None:
            continue
        with path.open(encoding="utf-8", newline="") as opened:
            text = opened.read()
        document = Document("cuad", path.stem, text)
        rng = random.Random(path.stem)
        for category, wordings in QUESTIONS.items():
            try:
                clauses = ast.literal_eval(row[category] or "[]")
            except (SyntaxError, ValueError):
                continue
            spans = _clause_spans(category, clauses, row, text)
            if spans or not clauses:
                asked = rng.choice(wordings) if spans else wordings[0]
                questions.append(Question(document, asked, tuple(spans), whole=True))
    return contracts


def _clause_spans(category: str, clauses: Sequence[str], row: dict[str, str], text: str) -> list[tuple[int, int]]:
    found = [span for clause in clauses if (span := find_flexibly(clause, text))]
    spans = list(dict.fromkeys(trim(text, *span) for span in found))
    if category in SHORT:
        named = (row.get(f"{category}-Answer") or "").strip()
        inside = [(a, find_flexibly(named, text[a:b])) for a, b in spans] if named else []
        spans = [(a + span[0], a + span[1]) for a, span in inside if span] or spans
    if category == "Parties":  # "Licensor" and the like are names of roles, not parties
        spans = [(a, b) for a, b in spans if len(text[a:b].split()) > 1]
    return [(a, b) for a, b in spans if a < b]


def read(folder: Path) -> tuple[list[Question], list[Question]]:
    """Questions on the clauses of contracts, those that a contract lacks included: they have no spans.

    The last contracts test, those before them choose models.
    """
    contracts = contracts_of(folder)
    # Names sort in two ways, by code point and as people read them; train keeps clear of both ends.
    kept_out = set(sorted((name for name, _ in contracts), key=str.lower)[-(TEST + DEV) :])
    cut, end = max(0, len(contracts) - TEST - DEV), max(0, len(contracts) - TEST)
    train = [_reworded(q) for name, questions in contracts[:cut] if name not in kept_out for q in questions]
    return train, [question for _, questions in contracts[cut:end] for question in questions]


def _reworded(question: Question) -> Question:
    """One of the wordings for a clause that is missing too: else the wording would tell that it is."""
    if question.spans:
        return question
    wordings = next(some for some in QUESTIONS.values() if question.text == some[0])
    rng = random.Random(f"{question.document.subject} {question.text}")
    return Question(question.document, rng.choice(wordings), (), whole=True)


SHORT = ("Governing Law", "Document Name", "Agreement Date", "Effective Date", "Parties")
QUESTIONS = phrasings("""
Document Name: What is the name of this agreement? | What kind of agreement is this?
    | What is the title of the contract?
Parties: Who are the parties to this agreement? | Who signed the contract? | Between whom is this agreement made?
Agreement Date: When was the agreement signed? | What is the date of the agreement?
    | On what date was this contract made?
Effective Date: When does the agreement take effect? | What is the effective date?
    | From what date is the contract effective?
Expiration Date: When does the agreement expire? | How long does the initial term last?
    | When does the contract end?
Renewal Term: How is the agreement renewed? | What is the renewal term? | For how long is the contract renewed?
Notice Period To Terminate Renewal: How much notice must be given to stop a renewal?
    | What is the notice period for non-renewal?
Governing Law: Which law governs the agreement? | Under the laws of which state is the contract interpreted?
    | What is the governing law?
Most Favored Nation: Which clause promises terms as good as those given to others?
    | What does the contract say about most favored terms?
Competitive Restriction Exception: What are the exceptions to the competitive restrictions?
    | What is exempt from the non-compete or exclusivity?
Non-Compete: What restricts a party from competing? | Which businesses may a party not compete with?
    | What does the non-compete clause say?
Exclusivity: What exclusive rights are granted? | Who is the exclusive supplier or distributor?
    | What does the contract say about exclusivity?
No-Solicit Of Customers: Which customers may a party not solicit? | What forbids soliciting customers?
No-Solicit Of Employees: What forbids hiring the other party's employees?
    | For how long may employees not be solicited?
Non-Disparagement: What forbids disparaging the other party? | What does the contract say about disparagement?
Termination For Convenience: How can a party terminate without cause?
    | What notice is needed to terminate for convenience?
Rofr/Rofo/Rofn: Who has a right of first refusal? | What right of first refusal or first offer is granted?
Change Of Control: What happens upon a change of control? | What may a party do if the other is acquired?
Anti-Assignment: May the agreement be assigned to a third party? | What consent is needed to assign the contract?
    | Who may assign this agreement?
Revenue/Profit Sharing: What share of revenue must be paid? | How are revenues or profits shared?
    | What royalty is due?
Price Restrictions: What limits changes of the price? | By how much may prices be raised?
Minimum Commitment: What is the minimum order? | How much must be bought at least?
    | What minimum amount must be paid?
Volume Restriction: What limits the volume of use? | What happens when usage exceeds the limit?
Ip Ownership Assignment: Who owns the intellectual property that is created?
    | Which intellectual property is assigned to the other party?
Joint Ip Ownership: Which intellectual property is jointly owned? | What do the parties own jointly?
License Grant: What license is granted? | What may the licensee use? | Which rights does the licensor grant?
Non-Transferable License: Which license is non-transferable? | May the license be transferred?
Affiliate License-Licensor: Which license do the licensor's affiliates grant?
    | What do affiliates of the licensor license?
Affiliate License-Licensee: Which license covers affiliates of the licensee?
    | May affiliates of the licensee use the license?
Unlimited/All-You-Can-Eat-License: Which license is unlimited? | What may be used without limit?
Irrevocable Or Perpetual License: Which license is perpetual or irrevocable? | What is granted forever?
Source Code Escrow: What source code is put in escrow? | When is the source code released from escrow?
Post-Termination Services: What must be done after termination? | What obligations remain after the agreement ends?
Audit Rights: Who may audit the books and records? | How often may records be audited?
    | What audit rights are there?
Uncapped Liability: For what is liability not limited? | Which liability has no cap?
Cap On Liability: How is liability limited? | What is the maximum liability? | What damages are excluded?
Liquidated Damages: What liquidated damages are due? | What fee is due upon termination?
Warranty Duration: How long does the warranty last? | What is the warranty period?
Insurance: What insurance must be maintained? | How much insurance is required?
Covenant Not To Sue: What may a party not contest or sue over? | Which claims does a party promise not to bring?
Third Party Beneficiary: Who is a third party beneficiary? | Which third parties may enforce the agreement?
""")
