"""How much of a document's text the readers give: words, order, paragraphs, pages, time; beside other libraries.

    BIGBIRD_DATA=FOLDER python benchmarks/extraction.py --documents 30 --json extraction.json

Texts (by default the contracts and novels in FOLDER/cuad and FOLDER/litbank) are made into documents by the programs
that are installed of these: reportlab, fpdf2, weasyprint, typst, python-docx, pandoc (pypandoc_binary), docutils, and
the standard library's email. What is read of each is compared with its source:

- words: the share of the source's words that are found, with how often each occurs;
- order: the share of neighbours in the source that are neighbours in what is found, so a glued or cut word costs two;
- paragraphs: the share of the source's paragraphs that are whole and by themselves between blank lines;
- pages: the share of words that mark the paragraphs which lie on the page where pypdf, page by page, has them.

Then 30 hard layouts of PDFs, each made for one difficulty, with pypdf, pdfminer.six and PDFium's own text beside ours
where they are installed.
"""

import argparse
import email.policy
import io
import json
import os
import re
import sys
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bigbird_cli.text.formats import read_docx, read_eml, read_epub, read_html, read_pdf  # noqa: E402
from bigbird_cli.text.formats.paged import PagedText  # noqa: E402

WORDS = 3_000
"""Of a document."""

CLEAN = re.compile(r"[^\x20-\x7e\xa0-\xff\u2013\u2014\u2018\u2019\u201c\u201d]")


class Source(NamedTuple):
    """A text to make documents of: headings and paragraphs, in order."""

    title: str
    blocks: tuple[tuple[str, str], ...]  # ("h" or "p", text)

    @property
    def text(self) -> str:
        return "\n\n".join([self.title, *(text for _, text in self.blocks)])


class Score(NamedTuple):
    words: float
    order: float
    paragraphs: float
    extra: float


# --- sources ---


def sources(folder: Path, n: int) -> list[Source]:
    """Texts of WORDS words, novels and contracts in turn; each paragraph begins with a word of its own."""
    novels = sorted((folder / "litbank" / "original").glob("*.txt"))
    contracts = sorted((folder / "cuad" / "full_contract_txt").glob("*.txt"))
    files = [file for pair in zip(novels, contracts, strict=False) for file in pair]
    if not files:
        raise SystemExit(f"there are no texts in {folder}/litbank or {folder}/cuad: set BIGBIRD_DATA")
    return [source(file) for file in files[:n]]


def source(file: Path) -> Source:
    text = file.read_text(encoding="utf-8", errors="replace")
    blocks: list[tuple[str, str]] = []
    n_words = 0
    for number, part in enumerate(re.split(r"\n\s*\n", text)):
        paragraph = " ".join(CLEAN.sub(" ", part).split())
        if len(paragraph.split()) < 4:
            continue
        if number % 12 == 0:
            blocks.append(("h", f"Part {number} {paragraph.split()[0]}"))
        # long paragraphs of contracts are cut, so that there are page breaks between and within
        for i in range(0, len(words := paragraph.split()), 400):
            blocks.append(("p", f"Mark{len(blocks)}k " + " ".join(words[i : i + 400])))
        n_words += len(words)
        if n_words > WORDS:
            break
    return Source(" ".join(file.stem.replace("_", " ").split())[:60], tuple(blocks))


# --- scores ---


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


def score(expected: str, found: str) -> Score:
    want, have = words_of(expected), words_of(found)
    blocks = Counter(" ".join(words_of(block)) for block in re.split(r"\n\s*\n", found))
    paragraphs = [" ".join(words_of(block)) for block in expected.split("\n\n")]
    return Score(
        words=share(Counter(want), Counter(have)),
        order=share(Counter(pairwise(want)), Counter(pairwise(have))),
        paragraphs=mean(paragraph in blocks for paragraph in paragraphs),
        extra=1 - share(Counter(have), Counter(want)),
    )


def share(want: Counter[Any], have: Counter[Any]) -> float:
    return (want & have).total() / max(1, want.total())


def page_share(data: bytes, found: PagedText) -> tuple[int, int]:
    """How many of the words that mark paragraphs stand on the page where pypdf has them, and of how many."""
    import pypdf

    right = n = 0
    document = pypdf.PdfReader(io.BytesIO(data))
    for label, page in zip(document.page_labels, document.pages, strict=True):
        for mark in re.findall(r"\bMark\d+k\b", page.extract_text()):
            start = found.text.find(mark)
            if start < 0:
                continue
            n += 1
            right += [entry.label for entry in found.pages if entry.start <= start][-1] == label
    return right, n


def sections_right(found: PagedText) -> bool:
    """Whether each section begins with its title, numbers aside, and pages and sections ascend within the text."""
    starts = [page.start for page in found.pages], [section.start for section in found.sections]
    return all(
        list(ascending) == sorted(ascending) and all(0 <= start <= len(found.text) for start in ascending)
        for ascending in starts
    ) and all(
        " ".join(found.text[section.start :].split()).startswith(section.title.split(" ", 1)[0])
        for section in found.sections
    )


# --- programs ---


def reportlab_pdf(text: Source) -> bytes:
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import Paragraph, SimpleDocTemplate

    styles = getSampleStyleSheet()
    kinds = {"h": styles["Heading1"], "p": styles["BodyText"]}
    flow = [Paragraph(escape(text.title), styles["Title"])]
    flow += [Paragraph(escape(block), kinds[kind]) for kind, block in text.blocks]
    out = io.BytesIO()
    SimpleDocTemplate(out).build(flow)
    return out.getvalue()


def fpdf_pdf(text: Source) -> bytes:
    from fpdf import FPDF

    document = FPDF()
    document.set_auto_page_break(True, 20)
    document.add_page()
    for kind, block in (("h", text.title), *text.blocks):
        document.set_font("Times", "B" if kind == "h" else "", 16 if kind == "h" else 11)
        document.multi_cell(0, 6, block.encode("cp1252", "ignore").decode("cp1252").translate(PLAIN), align="J")
        document.ln(4)
    return bytes(document.output())


PLAIN = {0x2013: "-", 0x2014: "-", 0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'}


def html_of(text: Source, style: str = "") -> str:
    tags = {"h": "h2", "p": "p"}
    body = "".join(f"<{tags[kind]}>{escape(block)}</{tags[kind]}>\n" for kind, block in text.blocks)
    head = f"<meta charset='utf-8'><title>{escape(text.title)}</title><style>{style}</style>"
    return f"<!doctype html><html lang='en'><head>{head}</head><body><h1>{escape(text.title)}</h1>{body}</body></html>"


def weasyprint_pdf(text: Source, style: str = "p{text-align:justify}") -> bytes:
    from weasyprint import HTML

    return bytes(HTML(string=html_of(text, style)).write_pdf())


def typst_of(text: Source, settings: str = "") -> str:
    def quoted(block: str) -> str:
        return "#" + json.dumps(block, ensure_ascii=False)

    body = "\n\n".join(f"= {quoted(block)}" if kind == "h" else quoted(block) for kind, block in text.blocks)
    return f'#set page(paper: "a4", numbering: "1")\n{settings}\n= {quoted(text.title)}\n\n{body}\n'


def typst_pdf(text: Source, settings: str = "#set par(justify: true)") -> bytes:
    return compiled(typst_of(text, settings))


def compiled(markup: str) -> bytes:
    import typst

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.typ")
        path.write_text(markup, encoding="utf-8")
        return bytes(typst.compile(str(path)))


def markdown_of(text: Source) -> str:
    def plain(block: str) -> str:
        return re.sub(r"([\\`*_{}\[\]()#+\-.!<>$|~^@&:'\"])", r"\\\1", block)

    return "\n\n".join(
        [f"# {plain(text.title)}", *(f"{'## ' if kind == 'h' else ''}{plain(block)}" for kind, block in text.blocks)]
    )


def pandoc(text: Source, to: str, *options: str) -> bytes:
    import pypandoc

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "out")
        pypandoc.convert_text(
            markdown_of(text), to, format="markdown-smart", outputfile=str(path), extra_args=["--standalone", *options]
        )
        return path.read_bytes()


def python_docx(text: Source) -> bytes:
    import docx

    document = docx.Document()
    document.add_heading(text.title, 0)
    for kind, block in text.blocks:
        if kind == "h":
            document.add_heading(block, 1)
        else:
            document.add_paragraph(block)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def docutils_html(text: Source) -> bytes:
    from docutils.core import publish_string

    def plain(block: str) -> str:
        return re.sub(r"([\\*`|_])", r"\\\1", block)

    lines = [plain(text.title), "=" * 200, ""]
    for kind, block in text.blocks:
        lines += [plain(block), "-" * 200, ""] if kind == "h" else [f"\\ {plain(block)}", ""]
    settings = {"output_encoding": "utf-8", "report_level": 5, "doctitle_xform": False}
    return bytes(publish_string("\n".join(lines), writer="html5", settings_overrides=settings))


def mail(text: Source, *, kind: str, encoding: str, charset: str = "utf-8") -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"] = text.title, "a@example.org"
    body = "\n\n".join(block for _, block in text.blocks)
    if charset != "utf-8":
        body = body.encode(charset, "ignore").decode(charset)
    if kind == "html":
        page = html_of(Source(text.title, text.blocks)).replace(f"<h1>{escape(text.title)}</h1>", "")
        message.set_content(page, subtype="html", cte=encoding)
    else:
        message.set_content(body, cte=encoding, charset=charset)
        if kind == "both":
            message.add_alternative(html_of(text), subtype="html")
    return message.as_bytes(policy=email.policy.SMTP)


Program = tuple[str, str, Callable[[Source], bytes]]  # the library that it needs, its name, what it makes

PROGRAMS: dict[str, tuple[Callable[..., PagedText], list[Program]]] = {
    "pdf": (
        read_pdf,
        [
            ("reportlab", "reportlab", reportlab_pdf),
            ("fpdf", "fpdf2", fpdf_pdf),
            ("weasyprint", "weasyprint", weasyprint_pdf),
            (
                "weasyprint",
                "weasyprint, 2 columns",
                lambda text: weasyprint_pdf(text, "body{columns:2;font-size:10pt} p{text-align:justify;hyphens:auto}"),
            ),
            ("typst", "typst", typst_pdf),
            (
                "typst",
                "typst, 2 columns",
                lambda text: typst_pdf(
                    text, "#set page(columns: 2)\n#set par(justify: true, first-line-indent: 1em, spacing: 0.65em)"
                ),
            ),
        ],
    ),
    "docx": (
        read_docx,
        [("docx", "python-docx", python_docx), ("pypandoc", "pandoc", lambda text: pandoc(text, "docx"))],
    ),
    "epub": (
        read_epub,
        [
            ("pypandoc", "pandoc, EPUB 3", lambda text: pandoc(text, "epub3", "--metadata=title:x")),
            ("pypandoc", "pandoc, EPUB 2", lambda text: pandoc(text, "epub2", "--metadata=title:x")),
        ],
    ),
    "html": (
        read_html,
        [
            ("pypandoc", "pandoc", lambda text: pandoc(text, "html5", "--metadata=pagetitle:x")),
            ("docutils", "docutils", docutils_html),
        ],
    ),
    "eml": (
        read_eml,
        [
            ("email", "quoted-printable", lambda text: mail(text, kind="plain", encoding="quoted-printable")),
            ("email", "cp1252", lambda text: mail(text, kind="plain", encoding="8bit", charset="cp1252")),
            ("email", "HTML, base64", lambda text: mail(text, kind="html", encoding="base64")),
            ("email", "both", lambda text: mail(text, kind="both", encoding="quoted-printable")),
        ],
    ),
}


# --- other libraries ---


def by_pdfium(data: bytes) -> str:
    import pypdfium2

    document = pypdfium2.PdfDocument(data)
    return "\n\n".join(page.get_textpage().get_text_range() for page in document)


def by_pypdf(data: bytes) -> str:
    import pypdf

    return "\n\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)


def by_pdfminer(data: bytes) -> str:
    from pdfminer.high_level import extract_text

    return str(extract_text(io.BytesIO(data)))


OTHERS: tuple[tuple[str, str, Callable[[bytes], str]], ...] = (
    ("pypdfium2", "PDFium's own", by_pdfium),
    ("pypdf", "pypdf", by_pypdf),
    ("pdfminer", "pdfminer.six", by_pdfminer),
)


def ours(data: bytes) -> str:
    return read_pdf(io.BytesIO(data), "benchmark.pdf").text


def readers() -> list[tuple[str, Callable[[bytes], str]]]:
    return [("bigbird", ours), *((name, read) for library, name, read in OTHERS if find_spec(library))]


# --- the run ---


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, default=Path(os.environ.get("BIGBIRD_DATA", "data")))
    parser.add_argument("--documents", type=int, default=30, help="of each type")
    parser.add_argument("--keep", type=Path, help="folder to keep the documents and what was read of them in")
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    texts = sources(arguments.texts, arguments.documents)
    results = {
        "types": [row for kind in PROGRAMS for row in measured(kind, texts, arguments.documents, arguments.keep)],
        "layouts": list(hard_layouts(texts[0], arguments.keep)),
    }
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def measured(kind: str, texts: Sequence[Source], n: int, keep: Path | None) -> Iterator[dict[str, Any]]:
    """Rows of figures of a type of document, a row a reader; documents are made by its programs in turn."""
    read, programs = PROGRAMS[kind]
    programs = [program for program in programs if find_spec(program[0])]
    if not programs:
        print(f"{kind}: none of the programs that make it is installed")
        return
    made = [(*programs[i % len(programs)], texts[i % len(texts)]) for i in range(n)]
    documents = [(name, make(text), text) for _, name, make, text in made]
    scores: list[Score] = []
    by_program: dict[str, list[Score]] = {}
    seconds = n_pages = marks = right = 0.0
    sections = 0
    for i, (name, data, text) in enumerate(documents):
        started = time.perf_counter()
        found = read(io.BytesIO(data), name)
        seconds += time.perf_counter() - started
        expected = text.text
        if name == "cp1252":
            expected = expected.encode("cp1252", "ignore").decode("cp1252")
        if name == "fpdf2":
            expected = expected.translate(PLAIN)
        if kind == "eml":
            head = f"Subject: {text.title}\nFrom: a@example.org"
            expected = "\n\n".join([head, *(block for _, block in text.blocks)])
        scores.append(score(expected, found.text))
        by_program.setdefault(name, []).append(scores[-1])
        n_pages += len(found.pages) or 1
        sections += sections_right(found)
        if kind == "pdf" and find_spec("pypdf"):
            good, all_ = page_share(data, found)
            right, marks = right + good, marks + all_
        if keep:
            (keep / f"{i:02d}.{kind}").write_bytes(data)
            (keep / f"{i:02d}.{kind}.txt").write_text(found.text, encoding="utf-8")
    row = {
        "type": kind,
        "reader": "bigbird",
        "documents": n,
        "programs": len(programs),
        "pages": int(n_pages),
        **summary(scores),
        "page right": right / marks if marks else None,
        "marks": int(marks),
        "starts right": sections / n,
        "ms a page" if kind == "pdf" else "ms a document": 1000 * seconds / n_pages,
    }
    show(row)
    yield row
    for name, rows in by_program.items():
        print(f"    {name:24} {formatted(summary(rows))}")
    if kind == "pdf":
        for name, other in readers()[1:]:
            scores, started = [], time.perf_counter()
            found_texts = [other(data) for _, data, _ in documents]
            spent = time.perf_counter() - started
            for (program, _, text), found_text in zip(documents, found_texts, strict=True):
                scores.append(score(text.text.translate(PLAIN) if program == "fpdf2" else text.text, found_text))
            row = {"type": kind, "reader": name, "documents": n, **summary(scores), "ms a page": 1000 * spent / n_pages}
            show(row)
            yield row


def summary(scores: Sequence[Score]) -> dict[str, float]:
    return {field: mean(getattr(one, field) for one in scores) for field in Score._fields} | {
        "worst order": min(one.order for one in scores)
    }


def hard_layouts(text: Source, keep: Path | None) -> Iterator[dict[str, Any]]:
    """Rows of figures, a row a layout; each reader's words and order."""
    from extraction_layouts import LAYOUTS

    paragraphs = [block for kind, block in text.blocks if kind == "p" and 60 < len(block.split()) < 160][:10]
    print(f"\n{'layout':38} " + "  ".join(f"{name:>22}" for name, _ in readers()) + "   words, order, paragraphs")
    orders: dict[str, list[float]] = {name: [] for name, _ in readers()}
    for layout in LAYOUTS:
        if not all(find_spec(library) for library in layout.needs):
            continue
        data, expected = layout.make(paragraphs)
        row: dict[str, Any] = {"layout": layout.name}
        for name, read in readers():
            row[name] = score(expected, read(data))
            orders[name].append(row[name].order)
        if keep:
            path = keep / f"{layout.name.replace(' ', '-')}.pdf"
            path.write_bytes(data)
            path.with_suffix(".txt").write_text(ours(data), encoding="utf-8")
        cells = "  ".join(
            f"{row[name].words:6.1%} {row[name].order:6.1%} {row[name].paragraphs:6.1%}  " for name in orders
        )
        print(f"{layout.name:38} {cells}")
        yield {"layout": layout.name, **{name: row[name]._asdict() for name in orders}}
    for name, values in orders.items():
        print(f"order, {name}: mean {mean(values):.1%}, median {median(values):.1%}, least {min(values):.1%}")


def show(row: dict[str, Any]) -> None:
    print(" ".join(f"{key} {value}" for key, value in row.items() if isinstance(value, str)), formatted(row))


def formatted(row: dict[str, Any]) -> str:
    return ", ".join(
        f"{key} {value:.2%}" if isinstance(value, float) and "ms" not in key else f"{key} {value:,.1f}"
        for key, value in row.items()
        if isinstance(value, int | float)
    )


if __name__ == "__main__":
    main()
