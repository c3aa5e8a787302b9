"""Questions changed so that their passage no longer answers them.

A name, number or year becomes another one; a word becomes its opposite; "was" becomes "was never". What remains is
about the passage and uses its words: to see that it is not answered, one has to read it.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from .items import Question

_OPPOSITES = """
first last; earliest latest; oldest youngest; old young; largest smallest; larger smaller; biggest smallest
bigger smaller; highest lowest; higher lower; high low; longest shortest; longer shorter; long short; most least
more fewer; best worst; before after; north south; northern southern; east west; eastern western
northeast southwest; northwest southeast; increase decrease; increased decreased; increases decreases; won lost
win lose; wins loses; begin end; began ended; begins ends; start finish; started finished; born buried
opened closed; open close; built destroyed; build destroy; male female; man woman; men women; boy girl; king queen
prince princess; father mother; brother sister; son daughter; husband wife; husbands wives; fathers mothers
brothers sisters; sons daughters; uncle aunt; boys girls; actor actress; buy sell; bought sold; accept reject
accepted rejected; allow forbid; allowed forbidden; agree disagree; agreed refused; supported opposed
support oppose; supports opposes; attack defend; attacked defended; enter leave; entered left; arrive depart
arrived departed; upper lower; inside outside; above below; major minor; public private; ancient modern
strong weak; rich poor; hot cold; warm cool; light dark; white black; good bad; positive negative; maximum minimum
common rare; early late; full empty; hard soft; fast slow; rise fall; rose fell; gain lose; gained lost; love hate
loved hated; remember forget; remembered forgot; joined left; join leave; created abolished; create abolish
founded dissolved; married divorced; approved vetoed; approve veto; including excluding; included excluded
include exclude; import export; imports exports; teacher student; buyer seller; employer employee
majority minority; victory defeat; success failure; peace war; summer winter; morning evening; day night
internal external; domestic foreign; same different; easy difficult
""".replace("\n", ";")
OPPOSITES: dict[str, str] = {}
for _pair in _OPPOSITES.split(";"):
    if _pair.strip():
        _one, _other = _pair.split()
        OPPOSITES.setdefault(_one, _other)
        OPPOSITES.setdefault(_other, _one)

_NAME = re.compile(r"(?<=\s)[A-Z][\w’-]*(?:\s+(?:(?:of|de|van|von|the|la|du|di)\s+)?[A-Z][\w’-]*)*")
_NAME_INSIDE = re.compile(r"(?<=[a-z,] )[A-Z][\w’-]*(?: [A-Z][\w’-]*)*")  # not where a sentence begins
_YEAR = re.compile(r"\b(?:1[0-9]|20)\d\d\b")
_NUMBER = re.compile(r"(?<![\w.,-])\d{1,3}(?:,\d{3})*(?![\w.,-]*\d)")
_WORD = re.compile(r"(?<= )[a-z]{4,}(?:ed|ing|ion|er|or|al|ic|ty|nt|ce|ly|s|e|d|t|n|r|l|y|k|m|p|h)\b")
_DULL_WORDS = "what which when where whom whose that this there were does many much long from with about have been"
_DULL = frozenset(_DULL_WORDS.split())
_AFTER_BE = re.compile(
    r"^(Who|What|Which \w+) (was|were|is|are|has|have|had|can|could|will|would|may|must|should) (?=[a-z]+(?:ed|en)\b)"
)
_AFTER_NAME = re.compile(
    r"\b(?:did|does|do|can|could|will|would) (?:he|she|it|they|we|you|people|[A-Z][\w’-]*(?: [A-Z][\w’-]*)+"
    r"|(?:the |his |her )(?:king|queen|man|woman|boy|girl|company|people|prince|princess|mother|father|wife|team"
    r"|author)) (?=[a-z]+\b)"
)
_NO_VERB = frozenset(["of", "and", "or", "in", "on", "at", "to", "for", "from", "with", "by", "the", "a", "an", "'s"])


class Names:
    """What may stand in a question instead of a name or word: what other questions have there, beside the same word."""

    def __init__(self, questions: Iterable[Question]) -> None:
        names: dict[str, set[str]] = defaultdict(set)
        words: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for question in questions:
            for match in _NAME.finditer(question.text):
                if match.group().lower() not in OPPOSITES:
                    names[_before(question.text, match)].add(match.group())
            for match in _WORD.finditer(question.text):
                words[_place(question.text, match)][match.group()] += 1
        self._names = {place: sorted(some) for place, some in names.items()}
        self._words = {place: sorted(w for w, n in some.items() if n > 1) for place, some in words.items()}

    def name(self, question: str, match: re.Match[str], taboo: str, rng: random.Random) -> str | None:
        """Another name of about as many words, of which no word stands in the passage or in the question."""
        pool = self._names.get(_before(question, match), [])
        n_words = len(match.group().split())
        for name in (rng.choice(pool) for _ in range(20 if pool else 0)):
            known = any(word.lower() in taboo for word in name.split() if len(word) > 2)
            if abs(len(name.split()) - n_words) <= 1 and not known and len(name) > 2:
                return name
        return None

    def word(self, question: str, match: re.Match[str], taboo: str, rng: random.Random) -> str | None:
        """Another word of the same ending, of which the beginning does not stand in the passage or in the question."""
        pool = self._words.get(_place(question, match), [])
        for word in (rng.choice(pool) for _ in range(20 if pool else 0)):
            if word[:4] not in taboo:
                return word
        return None


def _before(question: str, match: re.Match[str]) -> str:
    return (question[: match.start()].split() or [""])[-1].lower()


def _place(question: str, match: re.Match[str]) -> tuple[str, str]:
    """The word before, and the ending: so that a verb in the past is followed by one."""
    return _before(question, match), match.group()[-2:]


def changed(
    question: str, passage: str, answer: tuple[int, int], names: Names, rng: random.Random
) -> tuple[str, str] | None:
    """A question that the passage does not answer, made of one that it does, at characters `answer`.

    Returns:
        The changed question and what was changed (name, own name, number, opposite, word, negation), or None if no rule
        applies.
    """
    rules = [*_RULES]
    rng.shuffle(rules)
    for kind, rule in [*rules, ("negation", _negation)]:
        if (kind == "word" and rng.random() < 0.4) or (kind == "negation" and rng.random() < 0.5):
            continue
        if found := rule(question, passage, answer, names, rng):
            return found, kind
    return None


def _other_name(question: str, passage: str, answer: tuple[int, int], names: Names, rng: random.Random) -> str | None:
    del answer
    swaps = list(_NAME.finditer(question))
    if not swaps:
        return None
    match = rng.choice(swaps)
    name = names.name(question, match, f"{passage} {question}".lower(), rng)
    return name and _put(question, match, name)


def _own_name(question: str, passage: str, answer: tuple[int, int], names: Names, rng: random.Random) -> str | None:
    """A name that stands elsewhere in the passage, so that a strange name alone is no sign."""
    del names
    swaps = list(_NAME.finditer(question))
    if not swaps:
        return None
    match = rng.choice(swaps)
    around = passage[max(0, answer[0] - 150) : answer[1] + 150].lower()
    pool = [m.group() for m in _NAME_INSIDE.finditer(passage) if m.group().lower() not in around]
    pool = [name for name in pool if not any(word in question for word in name.split())]
    pool = [name for name in pool if len(name.split()) == len(match.group().split())]
    return _put(question, match, rng.choice(pool)) if pool else None


def _other_number(question: str, passage: str, answer: tuple[int, int], names: Names, rng: random.Random) -> str | None:
    del answer, names
    if match := _YEAR.search(question):
        other = str(int(match.group()) + rng.choice([-30, -12, -7, -3, -2, -1, 1, 2, 3, 5, 10, 20]))
    elif match := _NUMBER.search(question):
        number = int(match.group().replace(",", ""))
        other = f"{max(2, number + rng.choice([-2, -1, 1, 2, 3, 5, number, 2 * number])):,}"
    else:
        return None
    before = _before(question, match)
    if before in ("than", "least", "over", "under") or re.search(rf"(?<!\d){re.escape(other)}(?!\d)", passage):
        return None
    return _put(question, match, other)


def _opposite(question: str, passage: str, answer: tuple[int, int], names: Names, rng: random.Random) -> str | None:
    del answer, names
    taboo = set(re.findall(r"\w+", f"{passage} {question}".lower()))
    words = [m for m in re.finditer(r"\b[a-z]+\b", question) if OPPOSITES.get(m.group(), question) not in taboo]
    words = [m for m in words if m.group() in OPPOSITES and _before(question, m) not in ("how", "at")]
    if not words:
        return None
    match = rng.choice(words)
    return _put(question, match, OPPOSITES[match.group()])


def _other_word(question: str, passage: str, answer: tuple[int, int], names: Names, rng: random.Random) -> str | None:
    """A word that the sentence of the answer says too, and that therefore matters."""
    around = passage[max(0, answer[0] - 120) : answer[1] + 120].lower()
    words = [m for m in _WORD.finditer(question) if m.group()[:5] in around and m.group() not in _DULL]
    if not words:
        return None
    match = rng.choice(words)
    word = names.word(question, match, f"{passage} {question}".lower(), rng)
    return word and _put(question, match, word)


def _negation(question: str, passage: str, answer: tuple[int, int], names: Names, rng: random.Random) -> str | None:
    del passage, answer, names
    if re.search(r"\b(?:not|never|no)\b|n't", question.lower()):
        return None
    if match := _AFTER_BE.search(question):
        return f"{question[: match.end()]}{rng.choice(('never', 'not', 'not'))} {question[match.end() :]}"
    match = _AFTER_NAME.search(question)
    if match and question[match.end() :].split()[0] not in _NO_VERB:
        auxiliary = match.group().split()[0]
        if auxiliary in ("did", "does", "do") and rng.random() < 0.5:
            return _put(question, match, match.group().replace(auxiliary, f"{auxiliary}n't", 1))
        return f"{question[: match.end()]}{rng.choice(('never', 'not'))} {question[match.end() :]}"
    return None


_RULES = (
    ("name", _other_name),
    ("own name", _own_name),
    ("number", _other_number),
    ("opposite", _opposite),
    ("word", _other_word),
)


def _put(text: str, match: re.Match[str], other: str) -> str:
    return text[: match.start()] + other + text[match.end() :]
