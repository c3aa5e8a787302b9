"""One table says which kinds of files texts are read from, and a kind that is put into it is read everywhere."""

import io
from pathlib import Path
from typing import Any, BinaryIO

import pytest

import bigbird_cli as bb
from bigbird_cli.api import read_inputs
from bigbird_cli.api.reading import reading
from bigbird_cli.data.texts import read_texts
from bigbird_cli.errors import BigBirdWarning
from bigbird_cli.files.find import patterns
from bigbird_cli.text.documents import Document, EncodedDocument, encode_document, read_standard_input
from bigbird_cli.text.formats.paged import Page, PagedText
from bigbird_cli.text.readers import FASTA, READERS
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, load_tokenizer
from bigbird_cli.text.vocabulary.corpus import Corpus

PAGES = (Page("i", 0), Page("1", 4), Page("2", 8))


def read_feeds(stream: BinaryIO, _: str, /) -> PagedText:
    """Pages that end with a form feed."""
    text = stream.read().decode()
    starts = [0, *(place + 1 for place, character in enumerate(text) if character == "\f")]
    return PagedText(text, tuple(map(Page, ("i", "1", "2"), starts)))


@pytest.fixture
def paged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file of a kind of its own, and one that is of no kind."""
    monkeypatch.setitem(READERS, ".feeds", read_feeds)
    (tmp_path / "a.feeds").write_text("𝔸ne\fTwo\fThree")
    (tmp_path / "b.other").write_text("other")
    return tmp_path


def test_a_new_kind_is_read_as_documents_and_in_corpora(paged: Path) -> None:
    text = "𝔸ne\fTwo\fThree"
    with pytest.warns(BigBirdWarning, match=r"b\.other; only \*\.txt, .*, \*\.feeds, .* are read"):
        assert list(read_inputs([paged])) == [Document(str(paged / "a.feeds"), text, PAGES)]
    with pytest.warns(BigBirdWarning, match=r"b\.other"):
        assert list(Corpus([paged])) == ["𝔸ne Two Three"]
    with pytest.warns(BigBirdWarning, match=r"b\.other"):
        assert ["".join(found.parts) for found in read_texts(paged)] == [text]
    documents, sequences = "*.txt, *.md, *.pdf, *.docx, *.epub, *.eml, *.html, *.htm", patterns(FASTA)
    assert patterns(READERS) == f"{documents}, {sequences}, *.feeds"


def test_pages_go_with_a_document_through_its_tokens(repository: Path, paged: Path) -> None:
    [document] = read_inputs([paged / "a.feeds"])
    assert isinstance(document, Document)
    tokenizer = load_tokenizer(repository / "bigbird_cli/pretrained/qa-mini")
    encoded = encode_document(document.text, tokenizer, pages=document.pages)
    assert encoded.pages == PAGES
    assert [encoded.text[page.start :][:3] for page in encoded.pages] == ["𝔸ne", "Two", "Thr"]


def test_the_pages_of_a_file_are_there_where_a_task_decodes(paged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[EncodedDocument] = []

    def encode(text: str, tokenizer: Tokenizer, **options: Any) -> EncodedDocument:
        decoded.append(encode_document(text, tokenizer, **options))
        return decoded[-1]

    monkeypatch.setattr(reading, "encode_document", encode)
    bb.answer(paged / "a.feeds", "Two or three?", model="qa-mini", device="cpu", threads=1)
    assert [document.pages for document in decoded] == [PAGES]


def test_plain_text_has_no_pages_and_any_other_suffix_is_plain_text(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("one\ftwo")
    assert list(read_inputs([tmp_path / "a.log"])) == [Document(str(tmp_path / "a.log"), "one\ftwo", ())]
    assert read_standard_input(io.BytesIO(b"one")) == Document("-", "one", ())
