"""PDFs as text: reading order, paragraphs, pages, and whatever a file may hold against it."""

import gzip
import io
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from bigbird_cli.errors import DataError
from bigbird_cli.text.formats import pdf
from bigbird_cli.text.formats.paged import PagedText
from bigbird_cli.text.formats.pdf import read_pdf

Placed = tuple[float, float, str]
"""Left and baseline of a line, in points, and its text."""


def pdf_bytes(pages: Sequence[str], *, catalog: str = "", trailer: str = "", objects: Sequence[str] = ()) -> bytes:
    """A PDF of pages that are given as content streams, with Helvetica as /F.

    Objects are numbered: 1 the catalog, 2 the pages, 3 the font, then two a page, then `objects`.
    """
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    bodies = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} /MediaBox [0 0 600 800] >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for i, page in enumerate(pages):
        resources = "/Resources << /Font << /F 3 0 R >> >>"
        bodies.append(f"<< /Type /Page /Parent 2 0 R {resources} /Contents {5 + 2 * i} 0 R >>")
        bodies.append(f"<< /Length {len(page.encode('cp1252'))} >>\nstream\n{page}\nendstream")
    bodies.extend(objects)
    data, starts = b"%PDF-1.7\n", []
    for number, body in enumerate(bodies, start=1):
        starts.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode("cp1252")
    table = "".join(f"{start:010d} 00000 n \n" for start in starts)
    size = len(starts) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R {trailer} >>"
    return data + f"{end}\nstartxref\n{len(data)}\n%%EOF".encode()


def drawn(*lines: Placed, size: float = 10) -> str:
    """A content stream that draws lines."""
    return "\n".join(f"BT /F {size} Tf {x} {y} Td ({_escaped(text)}) Tj ET" for x, y, text in lines)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def column(*lines: str, left: float = 50, top: float = 700, step: float = 12) -> list[Placed]:
    return [(left, top - step * i, line) for i, line in enumerate(lines)]


def read(*pages: str, **more: str) -> PagedText:
    return read_pdf(io.BytesIO(pdf_bytes(pages, **more)), "a.pdf")


def page_of(found: PagedText, phrase: str) -> str:
    start = found.text.index(phrase)
    return [page.label for page in found.pages if page.start <= start][-1]


PROSE = (
    "The cooperative was founded by four families, who",
    "shared their boats and the lease of the whole shore,",
    "and who met at the church every first Sunday.",
)


def test_lines_of_a_paragraph_are_joined_by_spaces() -> None:
    assert read(drawn(*column(*PROSE))).text == " ".join(PROSE)


def test_a_wider_step_parts_paragraphs() -> None:
    page = drawn(*column(*PROSE), *column(*PROSE, top=650))
    assert read(page).text == f"{' '.join(PROSE)}\n\n{' '.join(PROSE)}"


def test_an_indented_line_after_a_full_stop_begins_a_paragraph() -> None:
    first, second, third = column(*PROSE)
    full = "and who met at the church every Sunday of the year."
    page = drawn(first, second, (*third[:2], full), (65, 664, "A year later they had built a second house, to which"))
    assert "of the year.\n\nA year later" in read(page).text


def test_a_line_that_ends_early_ends_its_paragraph() -> None:
    page = drawn(*column(PROSE[0], "so it was.", *PROSE))
    assert read(page).text == f"{PROSE[0]} so it was.\n\n{' '.join(PROSE)}"


def test_lines_that_end_early_in_the_midst_keep_their_ends() -> None:
    page = drawn(*column("Kari Nilsen", "12 Harbour Road", "Skarvholm", *PROSE))
    assert read(page).text.startswith("Kari Nilsen\n12 Harbour Road\nSkarvholm\n")


def test_a_hyphen_at_a_line_end_is_dropped() -> None:
    page = drawn(
        *column("The statutes of that house were extraordi-", "narily detailed for a house of that small size.")
    )
    assert "were extraordinarily detailed" in read(page).text


def test_a_hyphen_stays_where_the_document_writes_the_word_with_it() -> None:
    page = drawn(
        *column("It was a long-term lease, and they said that a long-", "term lease is what a cooperative needs.")
    )
    assert "that a long-term lease" in read(page).text


def test_a_hyphen_before_a_capital_stays() -> None:
    page = drawn(*column("In the museum of the town stands an Anglo-", "Saxon boat that was found in the harbour."))
    assert "an Anglo-Saxon boat" in read(page).text


def test_a_word_of_capitals_is_joined() -> None:
    page = drawn(
        *column("ARTICLES OF THE MUSSEL COOPERATIVE OF THE NORTH-", "ERNMOST SHORE, ITS BOATS AND ITS WHOLE LEASE.")
    )
    assert "OF THE NORTHERNMOST SHORE" in read(page).text


def test_a_hyphen_stays_in_a_document_that_breaks_no_words() -> None:
    lines = [f"Line {i} of a text of many lines, none of which is broken," for i in range(25)]
    lines[20] = "and where they drank a great deal of the very best of port-"
    page = drawn(*column(*lines[:21], "wine of the year, all of them but the youngest of sons,", *lines[22:], top=780))
    assert "best of port-wine of the year" in read(page).text


def test_letters_that_are_spaced_out_are_words() -> None:
    page = "\n".join(["BT /F 12 Tf 4 Tc 50 700 Td (THE FOUNDING OF IT) Tj 0 Tc ET", drawn(*column(*PROSE, top=650))])
    assert read(page).text.startswith("THE FOUNDING OF IT\n")


def test_a_line_that_is_spaced_out_is_no_row() -> None:
    line = "wide gaps fill the lines of a book"
    page = f"BT /F 10 Tf 14 Tw 50 712 Td ({line}) Tj 0 Tw ET\n{drawn(*column(*PROSE))}"
    assert read(page).text == f"{line} {' '.join(PROSE)}"


def test_a_large_first_letter_belongs_to_its_word() -> None:
    page = drawn((50, 680, "O"), size=30) + "\n" + drawn(*column("nce upon a time there stood a house,", left=78))
    assert read(page).text == "Once upon a time there stood a house,"


def test_raised_numbers_keep_apart_from_words() -> None:
    page = drawn((50, 700, "the lease")) + "\nBT /F 6 Tf 90.8 704 Td (12) Tj ET\n" + drawn((100.3, 700, "and H2O"))
    note = "BT /F 6 Tf 50 104 Td (12) Tj ET\n" + drawn((56.8, 100, "See the statutes."))
    assert read(f"{page}\n{note}").text == "the lease^12 and H2O\n\n^12 See the statutes."


def test_columns_are_read_one_after_the_other() -> None:
    left = column(*(f"left {i} of the left column's own story," for i in range(8)))
    right = column(*(f"right {i} of the right column's own story," for i in range(8)), left=320)
    for drawing in (left + right, [line for pair in zip(left, right, strict=True) for line in pair]):
        text = read(
            drawn((50, 740, "A title that goes across the whole of both columns, from left to right"), *drawing)
        ).text
        assert [word for word in text.split() if word.isdigit()] == [*"01234567"] * 2
        assert text.index("left 7") < text.index("right 0")
        assert text.startswith("A title")


def test_a_foot_that_is_drawn_first_is_read_last() -> None:
    assert read(drawn((50, 30, "foot"), *column(*PROSE))).text == f"{' '.join(PROSE)}\n\nfoot"


def test_rows_of_a_table_are_lines_with_tabs() -> None:
    rows = [("Name", "Age", "Town"), ("Anna Vik", "31", "Bergen"), ("Per Dal", "44", "Oslo")]
    page = drawn(*((50 + 120 * x, 700 - 20 * y, cell) for y, row in enumerate(rows) for x, cell in enumerate(row)))
    assert read(page).text == "Name\tAge\tTown\nAnna Vik\t31\tBergen\nPer Dal\t44\tOslo"


def test_items_of_a_list_stand_on_lines() -> None:
    text = read(drawn(*column("The boats need:", "1. a sail that is large enough for the open sea,", "2. a net."))).text
    assert text == "The boats need:\n1. a sail that is large enough for the open sea,\n2. a net."


def test_ligatures_are_letters() -> None:
    # the font's own encoding draws the letters under codes 1 and 2
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding << /Differences [1 /fi /fl] >> >>"
    data = pdf_bytes([drawn((50, 700, "the \x01rst \x02ight"))])
    old = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    assert len(font) <= len(old) + 20
    found = read_pdf(io.BytesIO(data.replace(old, font.encode())), "a.pdf")
    assert found.text == "the first flight"


def test_turned_text_comes_last_and_a_turned_page_as_it_is_read() -> None:
    upright = drawn(*column(*PROSE))
    stamp = "BT /F 10 Tf 0 1 -1 0 20 300 Tm (stamp at the side) Tj ET\n"
    assert read(stamp + upright).text == f"{' '.join(PROSE)}\n\nstamp at the side"
    turned = "\n".join(f"BT /F 10 Tf 0 1 -1 0 {100 + 12 * i} 50 Tm ({line}) Tj ET" for i, line in enumerate(PROSE))
    assert read(turned).text == " ".join(PROSE)


def test_pages_have_their_labels_and_starts() -> None:
    pages = [drawn((50, 700, f"This is leaf {word}.")) for word in ("one", "two", "three", "four")]
    found = read(*pages, catalog="/PageLabels << /Nums [0 << /S /r >> 2 << /S /D /St 1 >>] >>")
    assert [page.label for page in found.pages] == ["i", "ii", "1", "2"]
    assert [found.text[page.start :].split(".")[0] for page in found.pages] == [
        f"This is leaf {word}" for word in ("one", "two", "three", "four")
    ]


def test_a_sentence_goes_on_over_a_page_and_its_page_begins_within() -> None:
    found = read(drawn(*column(*PROSE[:2])), drawn(*column(*PROSE[2:])))
    assert found.text == " ".join(PROSE)
    assert page_of(found, "and who met") == "2"
    assert page_of(found, "lease") == "1"


def test_a_running_head_is_kept_once_and_page_numbers_go() -> None:
    words = ("one", "two", "three", "four")
    pages = [
        drawn((50, 760, "Annual report"), *column(f"Leaf {word} of it."), (300, 30, f"Page {i} of 4"))
        for i, word in enumerate(words, start=1)
    ]
    found = read(*pages)
    assert found.text == "Annual report\n\n" + "\n\n".join(f"Leaf {word} of it." for word in words)
    assert page_of(found, "Leaf three") == "3"


def test_what_stands_at_the_same_height_but_differs_is_kept() -> None:
    pages = [drawn(*column(f"Clause {number} of the lease.")) for number in (4, 19, 7)]
    assert read(*pages).text == "Clause 4 of the lease.\n\nClause 19 of the lease.\n\nClause 7 of the lease."


def test_a_document_of_many_slow_pages_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "PAGE_SECONDS", 0.9)
    monkeypatch.setattr(pdf, "MEAN_SECONDS", 0)
    page = drawn(*((50 + 100 * (i % 5), 800 - i * 0.1, f"w{i}") for i in range(4_000)), size=1)
    with pytest.raises(DataError, match=r"at page \d+ of 60: the file is damaged, or too large"):
        read(*[page] * 60)


def test_lines_that_count_the_pages_are_kept_where_nothing_else_stands() -> None:
    pages = [drawn((50, 760, f"Exhibit {number}")) for number in (1, 2, 3)]
    assert read(*pages).text == "Exhibit 1 Exhibit 2 Exhibit 3"


def test_the_outline_gives_sections() -> None:
    page = drawn((50, 740, "1 Founding"), *column(*PROSE), (50, 600, "2 Decline"), *column(*PROSE, top=580))
    outline = [
        "<< /Type /Outlines /First 7 0 R /Last 8 0 R /Count 2 >>",
        "<< /Title (Founding) /Parent 6 0 R /Next 8 0 R /Dest [4 0 R /XYZ 0 760 0] >>",
        "<< /Title (Of decline) /Parent 6 0 R /Dest [4 0 R /XYZ 0 615 0] >>",
    ]
    found = read_pdf(io.BytesIO(pdf_bytes([page], catalog="/Outlines 6 0 R", objects=outline)), "a.pdf")
    assert [section.title for section in found.sections] == ["Founding", "Of decline"]
    assert [found.text[section.start :].split("\n")[0] for section in found.sections] == ["1 Founding", "2 Decline"]


def test_an_outline_that_leads_in_circles_ends() -> None:
    outline = [
        "<< /Type /Outlines /First 7 0 R /Last 7 0 R /Count 1 >>",
        "<< /Title (Again) /Parent 6 0 R /Next 7 0 R /First 7 0 R /Dest [4 0 R /XYZ 0 760 0] >>",
    ]
    data = pdf_bytes([drawn(*column(*PROSE))], catalog="/Outlines 6 0 R", objects=outline)
    assert read_pdf(io.BytesIO(data), "a.pdf").text == " ".join(PROSE)


def test_larger_letters_are_headings_where_there_is_no_outline() -> None:
    page = drawn((50, 740, "The founding"), size=16) + "\n" + drawn(*column(*PROSE))
    found = read(page)
    assert found.text == f"The founding\n\n{' '.join(PROSE)}"
    assert [(section.title, section.start) for section in found.sections] == [("The founding", 0)]


def test_pages_without_text_are_told_of() -> None:
    found = read(drawn(*column(*PROSE)), "0 0 600 800 re f", "")
    assert found.unread == ("page 2",)  # the third shows nothing
    assert [page.label for page in found.pages] == ["1", "2", "3"]


def test_a_document_of_scans_alone_is_an_error() -> None:
    with pytest.raises(DataError, match="none of its 2 pages has text: it is a scan") as error:
        read("0 0 600 800 re f", "0 0 600 800 re f")
    assert "ocrmypdf" in str(error.value.fix)


def test_what_people_wrote_into_a_form_is_read() -> None:
    stream = drawn((2, 4, "Kari Nilsen"))
    objects = [
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (Kari Nilsen) /Rect [120 695 300 712] /F 4 "
        "/P 4 0 R /AP << /N 7 0 R >> >>",
        "<< /Type /XObject /Subtype /Form /BBox [0 0 180 17] /Resources << /Font << /F 3 0 R >> >> "
        f"/Length {len(stream)} >>\nstream\n{stream}\nendstream",
    ]
    data = pdf_bytes([drawn((50, 700, "Name:"))], catalog="/AcroForm << /Fields [6 0 R] >>", objects=objects)
    data = data.replace(b"/Contents 5 0 R >>", b"/Contents 5 0 R /Annots [6 0 R] >>")
    assert read_pdf(io.BytesIO(data), "a.pdf").text.split() == ["Name:", "Kari", "Nilsen"]


def test_a_file_on_disk_and_a_packed_one_are_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_bytes([drawn(*column(*PROSE))]))
    packed = tmp_path / "a.pdf.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with path.open("rb") as plain, gzip.open(packed) as unpacked:
        assert read_pdf(plain, "a").text == read_pdf(unpacked, "a").text == " ".join(PROSE)  # type: ignore[arg-type]


def test_a_locked_document_says_so() -> None:
    key = "00" * 32
    data = pdf_bytes(
        [drawn(*column(*PROSE))],
        trailer=f"/ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{key}> /U <{key}> >>",
    )
    with pytest.raises(DataError, match="locked with a password"):
        read_pdf(io.BytesIO(data), "a.pdf")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04word/document.xml", r"this is a Word document \(\.docx\), not a PDF document"),
        (b"Just text.", "this is something else, not a PDF document"),
        (b"%PDF-1.7\nnothing else", "damaged"),
        (pdf_bytes(["", ""]), "none of its 2 pages has text"),
    ],
)
def test_what_is_no_pdf_is_named(data: bytes, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_pdf(io.BytesIO(data), "a.pdf")


def test_mirrored_text_is_read() -> None:
    lines = [f"BT /F 10 Tf -1 0 0 1 400 {700 - 12 * i} Tm ({line}) Tj ET" for i, line in enumerate(PROSE)]
    assert PROSE[0] in " ".join(read("\n".join(lines)).text.split())


def test_places_beyond_all_paper_are_read() -> None:
    far = "BT /F 10 Tf 1e30 0 0 1e30 1e35 700 Tm (far away) Tj ET"
    assert PROSE[0] in read(f"{far}\n{drawn(*column(*PROSE))}").text


def test_a_drawing_of_very_many_lines_keeps_their_order() -> None:
    numbers = [str(i) for i in range(12_000)]
    page = drawn(*((5 + 7 * (i % 80), 790 - i // 80, number) for i, number in enumerate(numbers)), size=1)
    assert read(page).text.split() == numbers


def test_a_count_of_pages_that_cannot_be_is_an_error(program: Path) -> None:
    program.write_text('print(\'{"pages": 100001, "outline": []}\', flush=True)\n')
    with pytest.raises(DataError, match="it says that it has 100,001 pages"):
        read("")


def test_a_cut_document_gives_its_text_or_an_error() -> None:
    whole = pdf_bytes([drawn(*column(*PROSE))] * 3)
    for share in range(1, 10):
        try:
            found = read_pdf(io.BytesIO(whole[: len(whole) * share // 10]), "a.pdf")
        except DataError:
            continue
        assert PROSE[0] in found.text


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file whose code stands for PDFium's process."""
    monkeypatch.setattr(pdf, "python_command", lambda *_: [sys.executable, str(tmp_path / "program.py")])
    return tmp_path / "program.py"


def test_a_crash_of_pdfium_is_an_error_that_names_the_page(program: Path) -> None:
    program.write_text(
        'import os, signal\nprint(\'{"pages": 7, "outline": []}\')\n'
        'print(\'{"label": "1", "lines": [], "images": false}\', flush=True)\nos.kill(os.getpid(), signal.SIGSEGV)\n'
    )
    with pytest.raises(DataError, match="breaks down at page 2 of 7: the file is damaged, or too large"):
        read("")


def test_a_page_without_end_is_an_error(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program.write_text(
        "import faulthandler, os, time\nfaulthandler.dump_traceback_later(0.2, file=open(os.devnull, 'w'), exit=True)\n"
        'print(\'{"pages": 7, "outline": []}\', flush=True)\ntime.sleep(30)\n'
    )
    monkeypatch.setattr(pdf, "PAGE_SECONDS", 0.1)
    started = time.monotonic()
    with pytest.raises(DataError, match=r"takes more than 0\.1 s at page 1 of 7"):
        read("")
    assert time.monotonic() - started < 10


def test_without_the_library_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(DataError, match="pypdfium2 is not installed") as error:
        read("")
    assert error.value.fix == "pip install 'bigbird-cli[documents]'"
