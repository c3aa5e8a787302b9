"""PDFs that are hard to read, each for one reason, with the text that they show; for benchmarks/extraction.py."""

import io
import json
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Layout(NamedTuple):
    """A hard layout.

    Attributes:
        name: what is hard about it.
        needs: the libraries that make it.
        make: makes the PDF and its text of ten paragraphs.
    """

    name: str
    needs: tuple[str, ...]
    make: Callable[[Sequence[str]], tuple[bytes, str]]


def typst(markup: str) -> bytes:
    from extraction import compiled

    return compiled(markup)


def weasyprint(style: str, body: str) -> bytes:
    from weasyprint import HTML

    return bytes(HTML(string=f"<html lang=en><style>{style}</style>{body}</html>").write_pdf())


def quoted(text: str) -> str:
    return "#" + json.dumps(text, ensure_ascii=False)


def joined(*paragraphs: str) -> str:
    return "\n\n".join(paragraphs)


def plain(settings: str) -> Callable[[Sequence[str]], tuple[bytes, str]]:
    """Typst with settings."""

    def make(paragraphs: Sequence[str]) -> tuple[bytes, str]:
        return typst(f"{settings}\n{joined(*map(quoted, paragraphs))}\n"), joined(*paragraphs)

    return make


def styled(style: str) -> Callable[[Sequence[str]], tuple[bytes, str]]:
    """Weasyprint with a style."""

    def make(paragraphs: Sequence[str]) -> tuple[bytes, str]:
        return weasyprint(style, "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)), joined(*paragraphs)

    return make


class Canvas:
    """Lines at places of our own, by reportlab."""

    def __init__(self, size: float = 10) -> None:
        from reportlab.pdfgen.canvas import Canvas as Native

        self.out = io.BytesIO()
        self.native = Native(self.out, pagesize=(595, 842))
        self.size = size

    def lines(self, text: str, width: float) -> list[str]:
        from reportlab.lib.utils import simpleSplit

        return list(simpleSplit(text, "Helvetica", self.size, width))

    def draw(self, x: float, y: float, text: str, *, size: float | None = None) -> None:
        self.native.setFont("Helvetica", size or self.size)
        self.native.drawString(x, y, text)

    def done(self) -> bytes:
        self.native.showPage()
        self.native.save()
        return self.out.getvalue()


def rowwise_columns(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    canvas = Canvas(9)
    columns = [
        [(line, i) for i, paragraph in enumerate(part) for line in canvas.lines(paragraph, 235)][:60]
        for part in (paragraphs[:4], paragraphs[4:8])
    ]
    left, right = ([line for line, _ in column] for column in columns)
    for i in range(max(len(left), len(right))):
        for x, lines in ((50, left), (315, right)):
            if i < len(lines):
                canvas.draw(x, 790 - 11 * i, lines[i])
    shown = [
        " ".join(line for line, number in column if number == i)
        for column in columns
        for i in sorted({number for _, number in column})
    ]
    return canvas.done(), joined(*shown)


def upwards(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    canvas = Canvas()
    y, places = 790.0, []
    for paragraph in paragraphs[:4]:
        for line in canvas.lines(paragraph, 480):
            places.append((y, line))
            y -= 12
        y -= 10
    for height, line in reversed(places):
        canvas.draw(50, height, line)
    return canvas.done(), joined(*paragraphs[:4])


def by_glyph(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    canvas = Canvas()
    y = 790.0
    for paragraph in paragraphs[:3]:
        for line in canvas.lines(paragraph, 480):
            x = 50.0
            for character in line:
                if character != " ":  # as many programs leave out
                    canvas.draw(x, y, character)
                x += canvas.native.stringWidth(character, "Helvetica", canvas.size)
            y -= 12
        y -= 10
    return canvas.done(), joined(*paragraphs[:3])


def by_word(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    canvas = Canvas()
    y = 790.0
    for paragraph in paragraphs[:4]:
        lines = canvas.lines(paragraph, 480)
        for line in lines:
            words = line.split()
            width = sum(canvas.native.stringWidth(word, "Helvetica", canvas.size) for word in words)
            gap = (480 - width) / max(1, len(words) - 1) if line is not lines[-1] else 3
            x = 50.0
            for word in words:
                canvas.draw(x, y, word)
                x += canvas.native.stringWidth(word, "Helvetica", canvas.size) + gap
            y -= 12
        y -= 10
    return canvas.done(), joined(*paragraphs[:4])


def feet_first(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    canvas = Canvas()
    for n in range(4):
        canvas.draw(280, 30, f"Page {n + 1} of 4", size=8)
        canvas.draw(50, 815, "Annual report of the cooperative", size=8)
        y = 780.0
        for paragraph in paragraphs[2 * n : 2 * n + 2]:
            for line in canvas.lines(paragraph, 480):
                canvas.draw(50, y, line)
                y -= 12
            y -= 10
        if n < 3:
            canvas.native.showPage()
    return canvas.done(), joined("Annual report of the cooperative", *paragraphs[:8])


def turned(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    canvas = Canvas()
    canvas.native.rotate(90)
    y = -60.0
    for paragraph in paragraphs[:4]:
        for line in canvas.lines(paragraph, 480):
            canvas.draw(60, y, line)
            y -= 12
        y -= 10
    return canvas.done(), joined(*paragraphs[:4])


def turned_by_the_page(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    import pypdf

    data, text = plain("#set par(justify: true)")(paragraphs)
    reader, writer = pypdf.PdfReader(io.BytesIO(data)), pypdf.PdfWriter()
    for page in reader.pages:
        writer.add_page(page.rotate(90))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue(), text


def stamped(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    stamp = "#place(left + horizon, dx: -50pt, rotate(-90deg, reflow: true)[arXiv 2611.01234 cs.CL])\n"
    data, text = plain(f"#set page(columns: 2)\n#set par(justify: true)\n{stamp}")(paragraphs)
    return data, joined(text, "arXiv 2611.01234 cs.CL")


def watermarked(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    back = "#set page(background: rotate(45deg, text(60pt, fill: luma(220))[DRAFT]))\n"
    data, text = plain(f"{back}#set par(justify: true)")(paragraphs[:3])
    return data, joined(text, "DRAFT")


def footnoted(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    markup, notes = [], []
    for i, paragraph in enumerate(paragraphs[:6]):
        note = f"Compare the letter of the year 18{10 + i}, in which the same is told."
        markup.append(f"{quoted(paragraph)} #footnote[{note}]")
        notes.append(note)
    body = [f"{paragraph} {i + 1}" for i, paragraph in enumerate(paragraphs[:6])]
    # on one page: the text, then the notes
    size = "#set page(height: 60cm)\n#set text(size: 8pt)\n"
    return typst(size + joined(*markup)), joined(*body, *(f"{i + 1} {note}" for i, note in enumerate(notes)))


def superscripts(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    markup = "\n\n".join(f"{quoted(paragraph)}#super[{i + 3}] and on." for i, paragraph in enumerate(paragraphs[:5]))
    text = joined(*(f"{paragraph} {i + 3} and on." for i, paragraph in enumerate(paragraphs[:5])))
    return typst(markup), text


def headed(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    header = (
        '#set page(height: 12cm, numbering: "1 / 1", header: context if calc.odd(here().page()) '
        "[_The odd head_ #h(1fr) Anna Vik] else [Anna Vik #h(1fr) _The even head_])\n"
    )
    data, text = plain(f"{header}#set par(justify: true)")(paragraphs)
    return data, text


ROWS = [("Vessel", "Built", "Tons", "Owner")] + [
    (f"Boat {i}", str(1900 + i), str(20 + 7 * i), owner)
    for i, owner in enumerate(("Anna Vik", "Per Dal", "Kari Nilsen", "Ola Moe", "Liv Berg", "Jon Aas", "Siri Lie"))
]


def tabled(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    cells = ", ".join(f"[{cell}]" for row in ROWS for cell in row)
    table = f"#table(columns: 4, {cells})"
    markup = joined(quoted(paragraphs[0]), table, quoted(paragraphs[1]))
    return typst(markup), joined(paragraphs[0], "\n".join("\t".join(row) for row in ROWS), paragraphs[1])


def tall_cells(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    clauses = [(f"Clause {i}", " ".join(paragraphs[i].split()[:40])) for i in range(1, 6)]
    cells = ", ".join(f"[{quoted(name)}], [{quoted(text)}]" for name, text in clauses)
    markup = joined(quoted(paragraphs[0]), f"#table(columns: (80pt, 1fr), {cells})")
    return typst(markup), joined(paragraphs[0], "\n".join("\t".join(clause) for clause in clauses))


def listed(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    items = [" ".join(paragraph.split()[:30]) for paragraph in paragraphs[:6]]
    markup = joined(quoted(paragraphs[6]), *(f"+ {quoted(item)}" for item in items[:3]))
    markup += "\n\n" + "\n".join(f"- {quoted(item)}" for item in items[3:])
    text = [
        paragraphs[6],
        *(f"{i}. {item}" for i, item in enumerate(items[:3], start=1)),
        *(f"• {x}" for x in items[3:]),
    ]
    return typst(markup), joined(*text)


def spaced(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    head = "#text(tracking: 0.25em, size: 14pt)[THE FOUNDING OF THE HOUSE]"
    return typst(joined(head, quoted(paragraphs[0]))), joined("THE FOUNDING OF THE HOUSE", paragraphs[0])


def boxed(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    style = "aside{float:right;width:35%;border:1px solid;padding:6pt;margin-left:12pt;font-size:8pt}"
    body = f"<p>{paragraphs[0]}</p><aside>{paragraphs[1]}</aside><p>{paragraphs[2]}</p><p>{paragraphs[3]}</p>"
    return weasyprint(style, body), joined(*paragraphs[:4])


def dropped_capital(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    style = "p::first-letter{float:left;font-size:32pt;line-height:30pt}"
    paragraph = "Once upon a time " + paragraphs[0]
    return weasyprint(style, f"<p>{paragraph}</p>"), paragraph


def poem(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    words = paragraphs[0].split()[:60]
    lines = [" ".join(words[i : i + 6]) for i in range(0, len(words), 6)]
    return typst(" \\\n".join(map(quoted, lines))), "\n".join(lines)


def centred(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    title = "On the Founding and the Long Decline of the Mussel Cooperatives of the Northern Shore"
    markup = f"#align(center, text(18pt)[{title}])\n\n#align(center)[Anna Vik, Per Dal]\n\n"
    return typst(markup + joined(*map(quoted, paragraphs[:3]))), joined(title, "Anna Vik, Per Dal", *paragraphs[:3])


def across(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    style = "div{columns:2} p{text-align:justify;hyphens:auto} h1{font-size:16pt}"
    body = "".join(
        f"<h1>Part {name}: what was told of it</h1><div><p>{a}</p><p>{b}</p></div>"
        for name, a, b in (("one", *paragraphs[:2]), ("two", *paragraphs[2:4]))
    )
    heads = ("Part one: what was told of it", "Part two: what was told of it")
    return weasyprint(style, body), joined(heads[0], *paragraphs[:2], heads[1], *paragraphs[2:4])


def labelled(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    markup = f'#set page(height: 12cm, numbering: "i")\n{quoted(paragraphs[0])}\n'
    markup += f'#set page(numbering: "1")\n#counter(page).update(1)\n{joined(*map(quoted, paragraphs[1:6]))}'
    return typst(markup), joined(*paragraphs[:6])


def locked_for_owners(paragraphs: Sequence[str]) -> tuple[bytes, str]:
    import pypdf

    data, text = plain("#set par(justify: true)")(paragraphs)
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(data))
    writer.encrypt("", owner_password="owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue(), text


LAYOUTS = (
    Layout("two columns, justified", ("typst",), plain("#set page(columns: 2)\n#set par(justify: true)")),
    Layout("three columns, hyphenated", ("weasyprint",), styled(
        "body{columns:3;font-size:9pt} p{text-align:justify;hyphens:auto}")),
    Layout("two columns drawn row by row", ("reportlab",), rowwise_columns),
    Layout("columns below heads that go across", ("weasyprint",), across),
    Layout("lines drawn from the foot up", ("reportlab",), upwards),
    Layout("glyph by glyph, without spaces", ("reportlab",), by_glyph),
    Layout("word by word, justified", ("reportlab",), by_word),
    Layout("foot and head drawn first", ("reportlab",), feet_first),
    Layout("text turned by 90 degrees", ("reportlab",), turned),
    Layout("page turned by 90 degrees", ("typst", "pypdf"), turned_by_the_page),
    Layout("a stamp at the side of columns", ("typst",), stamped),
    Layout("a watermark behind", ("typst",), watermarked),
    Layout("narrow, hyphenated", ("typst",), plain(
        "#set page(width: 9cm)\n#set par(justify: true)\n#set text(hyphenate: true)")),
    Layout("ligatures", ("typst",), plain('#set text(font: "Libertinus Serif", ligatures: true)')),
    Layout("no ligatures, monospaced", ("typst",), plain('#set text(font: "DejaVu Sans Mono", size: 9pt)')),
    Layout("ragged, small", ("typst",), plain("#set text(size: 6pt)")),
    Layout("lines far apart", ("typst",), plain("#set par(leading: 1.8em, spacing: 3em)")),
    Layout("indented, no space between", ("typst",), plain(
        "#set par(justify: true, first-line-indent: 1.5em, spacing: 0.65em)")),
    Layout("hanging indent", ("typst",), plain("#set par(hanging-indent: 2em, spacing: 1.2em)")),
    Layout("footnotes", ("typst",), footnoted),
    Layout("raised numbers", ("typst",), superscripts),
    Layout("heads that alternate, short pages", ("typst",), headed),
    Layout("a table", ("typst",), tabled),
    Layout("a table of tall cells", ("typst",), tall_cells),
    Layout("lists", ("typst",), listed),
    Layout("a head in spaced letters", ("typst",), spaced),
    Layout("a box beside the text", ("weasyprint",), boxed),
    Layout("a large first letter", ("weasyprint",), dropped_capital),
    Layout("a poem", ("typst",), poem),
    Layout("a centred head of two lines", ("typst",), centred),
    Layout("page labels, roman first", ("typst",), labelled),
    Layout("locked against copying only", ("typst", "pypdf"), locked_for_owners),
)  # fmt: skip
