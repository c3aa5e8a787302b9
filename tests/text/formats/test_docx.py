"""Word documents as text."""

import io
import zipfile

import pytest

from bigbird_cli.errors import DataError
from bigbird_cli.text.formats.blocks import Block, Blocks
from bigbird_cli.text.formats.docx import read_docx
from bigbird_cli.text.formats.paged import PagedText

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
NAMES = f'xmlns:w="{WORD}" xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" xmlns:mc="x"'

STYLES = """
<w:style w:styleId="Ttl"><w:name w:val="Title"/></w:style>
<w:style w:styleId="H1"><w:name w:val="heading 1"/></w:style>
<w:style w:styleId="Own"><w:name w:val="Clause head"/><w:basedOn w:val="H1"/></w:style>
<w:style w:styleId="A"><w:name w:val="A"/><w:basedOn w:val="B"/></w:style>
<w:style w:styleId="B"><w:name w:val="B"/><w:basedOn w:val="A"/></w:style>
<w:style w:styleId="Item"><w:name w:val="List"/><w:numPr><w:numId w:val="1"/></w:numPr></w:style>
"""
NUMBERING = """
<w:abstractNum w:abstractNumId="0">
 <w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>
 <w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1.%2"/></w:lvl>
 <w:lvl w:ilvl="2"><w:start w:val="1"/><w:numFmt w:val="lowerRoman"/><w:lvlText w:val="(%3)"/></w:lvl>
</w:abstractNum>
<w:abstractNum w:abstractNumId="5">
 <w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="x"/></w:lvl>
</w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>
<w:num w:numId="2"><w:abstractNumId w:val="5"/></w:num>
"""


def p(content: str, properties: str = "") -> str:
    """A paragraph; content without an element is a run of text."""
    runs = content if content.startswith("<") else f"<w:r><w:t>{content}</w:t></w:r>"
    return f"<w:p><w:pPr>{properties}</w:pPr>{runs}</w:p>"


def style(name: str) -> str:
    return f'<w:pStyle w:val="{name}"/>'


def item(number: int, level: int = 0) -> str:
    return f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'


def table(*rows: str) -> str:
    cells = "".join(f"<w:tr>{''.join(f'<w:tc>{p(cell)}</w:tc>' for cell in row.split('|'))}</w:tr>" for row in rows)
    return f"<w:tbl><w:tblPr/>{cells}</w:tbl>"


def part(root: str, content: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:{root} {NAMES}>{content}</w:{root}>'


def docx(body: str, *, space: str = WORD, **parts: str) -> bytes:
    """A Word document of a body, and of other parts' content by the kind of their relation."""
    kinds = {"styles": STYLES, "numbering": NUMBERING} | parts
    relations = "".join(f'<Relationship Id="{k}" Type="{OFFICE}/{k}" Target="{k}.xml"/>' for k in kinds)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        main = f'<Relationship Id="r" Type="{OFFICE}/officeDocument" Target="/word/document.xml"/>'
        archive.writestr("_rels/.rels", f"<Relationships>{main}</Relationships>")
        archive.writestr("word/_rels/document.xml.rels", f"<Relationships>{relations}</Relationships>")
        archive.writestr("word/document.xml", part("document", f"<w:body>{body}</w:body>").replace(WORD, space))
        for kind, content in kinds.items():
            archive.writestr(f"word/{kind}.xml", part(kind, content).replace(WORD, space))
    return buffer.getvalue()


def read(body: str, **parts: str) -> PagedText:
    return read_docx(io.BytesIO(docx(body, **parts)), "a.docx")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (p("one") + p("") + p("two"), "one\n\ntwo"),
        (p("<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r>"), "a\tb\nc"),
        (p("<w:r><w:t>co</w:t><w:noBreakHyphen/><w:t>op</w:t><w:softHyphen/><w:t>s</w:t></w:r>"), "co-ops"),
        (p("<w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins>"), "new"),
        (p("<w:r><w:rPr><w:vanish/></w:rPr><w:t>secret</w:t></w:r><w:r><w:t>seen</w:t></w:r>"), "seen"),
        (p('<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t>seen</w:t></w:r>'), "seen"),
        (p("<w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:t>12</w:t></w:r>"), "12"),
        (p("<w:hyperlink><w:r><w:t>a link</w:t></w:r></w:hyperlink>"), "a link"),
        (p("<m:oMath><m:r><m:t>x=1</m:t></m:r></m:oMath>"), "x=1"),
        (f"<w:sdt><w:sdtContent>{p('held')}</w:sdtContent></w:sdt>", "held"),
        (
            p(
                "<w:r><w:t>10</w:t></w:r>"
                '<w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:t>5</w:t></w:r><w:r><w:t>6</w:t></w:r>'
            ),
            "10^56",
        ),
        (table("Name|Age", "Anna|31", "Per|"), "Name\tAge\nAnna\t31\nPer\t"),
        (table("only", "one column"), "only\n\none column"),
        (table("a|b").replace(p("b"), p("b1") + p("b2")), "a\tb1 b2"),
        (table("a|b").replace(p("b"), table("c|d")), "a\n\nc\td"),
        (
            p("<mc:AlternateContent><mc:Choice><w:txbxContent>" + p("box") + "</w:txbxContent></mc:Choice>"
              "<mc:Fallback><w:txbxContent>" + p("box") + "</w:txbxContent></mc:Fallback></mc:AlternateContent>"
              "<w:r><w:t>around</w:t></w:r>"),
            "box\n\naround",
        ),
    ],
)  # fmt: skip
def test_a_body_reads_as_word_shows_it(body: str, text: str) -> None:
    assert read(body).text == text


def test_headings_are_sections_also_by_the_style_theirs_is_based_on() -> None:
    body = (
        p("The lease", style("Ttl")) + p("Rent", style("Own")) + p("text") + p("An aside", '<w:outlineLvl w:val="9"/>')
    )
    found = read(body + p("Term", '<w:outlineLvl w:val="1"/>') + p("round", style("A")))
    assert [section.title for section in found.sections] == ["The lease", "Rent", "Term"]
    assert all(found.text[section.start :].startswith(section.title) for section in found.sections)


def test_lists_are_numbered_as_word_counts() -> None:
    levels = [0, 1, 1, 2, 2, 0, 1]
    found = read("".join(p(f"c{i}", item(1, level)) for i, level in enumerate(levels)) + p("end"))
    assert found.text == "1. c0\n1.1 c1\n1.2 c2\n(i) c3\n(ii) c4\n2. c5\n2.1 c6\n\nend"


def test_a_list_may_be_a_style_and_its_heads_sections() -> None:
    found = read(
        p("Rent", item(1) + '<w:outlineLvl w:val="0"/>') + p("a", style("Item")) + p("b", item(2)) + p("c", item(2))
    )
    assert found.text == "1. Rent\n\n2. a\n\n- b\n- c"
    assert [section.title for section in found.sections] == ["1. Rent"]


def test_an_item_of_no_list_is_a_paragraph() -> None:
    assert read(p("a", item(9)) + p("b", item(0)) + p("c", item(1, 8))).text == "a\n\nb\n\nc"


def test_notes_are_marked_where_they_stand_and_follow_the_text() -> None:
    body = p("<w:r><w:t>one</w:t><w:footnoteReference w:id='7'/><w:t>, two</w:t><w:footnoteReference w:id='3'/></w:r>")
    body += p("<w:r><w:t>three</w:t><w:endnoteReference w:id='2'/></w:r>")
    notes = {n: f'<w:footnote w:id="{n}">{p(f"note {n}")}{p("more")}</w:footnote>' for n in (0, 3, 7)}
    end = f'<w:endnote w:id="2">{p("the end")}</w:endnote>'
    found = read(body, footnotes="".join(notes.values()), endnotes=end)
    assert found.text == "one[1], two[2]\n\nthree[i]\n\n[1] note 7 more\n\n[2] note 3 more\n\n[i] the end"


def test_strict_open_xml_is_read() -> None:
    space = "http://purl.oclc.org/ooxml/wordprocessingml/main"
    assert read_docx(io.BytesIO(docx(p("text"), space=space)), "a.docx").text == "text"


def test_tables_in_tables_in_tables_are_read() -> None:
    depth = 3_000
    found = read("<w:tbl><w:tr><w:tc>" * depth + p("deep") + "</w:tc></w:tr></w:tbl>" * depth)
    assert found.text == "deep"


def test_tables_in_tables_are_read_in_their_order_in_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Block] = []
    give = Blocks._give

    def counted(blocks: Blocks, block: Block) -> None:
        given.append(block)
        give(blocks, block)

    monkeypatch.setattr(Blocks, "_give", counted)
    depth = 500
    body = "".join(f"<w:tbl><w:tr><w:tc>{p(f'in {n}')}" for n in range(depth))
    body += f"<w:tbl><w:tr><w:tc>{p('a')}</w:tc><w:tc>{p('b')}</w:tc></w:tr></w:tbl>"
    body += "".join(f"{p(f'out {n}')}</w:tc></w:tr></w:tbl>" for n in range(depth))
    blocks = read(body).text.split("\n\n")
    assert blocks == [*(f"in {n}" for n in range(depth)), "a\tb", *(f"out {n}" for n in range(depth))]
    assert len(given) == len(blocks)


def test_a_pipe_is_read() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    assert read_docx(Pipe(docx(p("text"))), "a.docx").text == "text"


def test_a_part_that_is_not_read_is_told_of() -> None:
    assert read(p("text"), aFChunk="x").unread == ("the part word/aFChunk.xml",)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7", "this is a PDF document, not a Word document"),
        (b"Just text", "this is something else, not a Word document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "this is an old Office document"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
            "it is locked with a password",
        ),
        (docx(p("")), "the document has no text"),
        (docx(p("text"))[:-200], "the file is damaged"),
        (docx("<w:p>"), "its XML is damaged: mismatched tag at line 1"),
    ],
)
def test_what_is_no_document_is_an_error(data: bytes, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_docx(io.BytesIO(data), "a.docx")


def test_another_zip_archive_is_named() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../etc/passwd", "x")
    with pytest.raises(DataError, match="a zip archive, not a Word document"):
        read_docx(buffer, "a.docx")


def test_a_document_that_defines_entities_is_an_error() -> None:
    laughs = '<!DOCTYPE w [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("word/document.xml", laughs + f"<w:document {NAMES}>{p('&b;')}</w:document>")
    with pytest.raises(DataError, match="document type definition inside"):
        read_docx(buffer, "a.docx")
