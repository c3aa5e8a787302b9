"""Entries as SQuAD v2 JSON, and a table of them."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from .items import Entry
from .text import n_tokens


def squad(entries: Sequence[Entry], *, prefix: str) -> dict:
    """SQuAD v2 JSON. Entries with the same text share a paragraph; every answer is checked where it stands."""
    articles: dict[tuple[str, str], dict[str, list]] = {}
    ids: Counter[str] = Counter()
    for entry in entries:
        for start, text in entry.answers:
            if entry.context[start : start + len(text)] != text or not text:
                raise AssertionError(f"{entry.source}, {entry.question}: {text!r} is not at {start}")
        ids[entry.source] += 1
        qa = {
            "id": f"{prefix}-{entry.source}-{ids[entry.source]:05d}",
            "question": entry.question,
            "answers": [{"text": text, "answer_start": start} for start, text in entry.answers],
            "is_impossible": not entry.answers,
        }
        article = articles.setdefault((entry.source, entry.subject), {})
        article.setdefault(entry.context, []).append(qa)
    data = [
        {
            "title": f"{source}: {subject}",
            "paragraphs": [{"context": context, "qas": qas} for context, qas in article.items()],
        }
        for (source, subject), article in articles.items()
    ]
    return {"version": "v2.0", "data": data}


def table(files: dict[str, list[Entry]]) -> str:
    """Counts and estimated tokens (context + question + 3), by file and source, as markdown."""
    lines = ["| file | source | questions | unanswerable | tokens | a question |", "|---|---|---:|---:|---:|---:|"]
    for name, entries in files.items():
        by_source: dict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            by_source[entry.source].append(entry)
        for source, some in [*sorted(by_source.items()), ("all", entries)]:
            tokens = sum(n_tokens(e.context) + n_tokens(e.question) + 3 for e in some)
            empty = sum(not e.answers for e in some)
            lines.append(
                f"| {name} | {source} | {len(some):,} | {empty:,} | {tokens:,} | {tokens / max(1, len(some)):.0f} |"
            )
    words = Counter(e.question.split()[0].lower() for e in files["train"])
    total = sum(words.values()) or 1
    lines += ["", "First words: " + ", ".join(f"{w} {100 * n / total:.1f} %" for w, n in words.most_common(14))]
    return "\n".join(lines)
