"""XML from outside, told as events."""

import io

import pytest

from bigbird_cli.errors import DataError
from bigbird_cli.text.formats.xml import NotWellFormedError, parse_xml


def events(document: str | bytes, *, namespaces: bool = False) -> list[str]:
    told: list[str] = []
    parse_xml(
        io.BytesIO(document.encode() if isinstance(document, str) else document),
        where="a.xml",
        start=lambda tag, attributes: told.append(f"<{tag}{''.join(f' {k}={v}' for k, v in attributes.items())}>"),
        end=lambda tag: told.append(f"</{tag}>"),
        data=told.append,
        namespaces=namespaces,
    )
    return told


def test_elements_and_text_are_told_in_order() -> None:
    assert events('<a x="1">t<b/>&lt;</a>') == ["<a x=1>", "t", "<b>", "</b>", "<", "</a>"]


def test_names_may_carry_their_namespace() -> None:
    assert events('<p:a xmlns:p="http://x"/>', namespaces=True) == ["<http://x a>", "</http://x a>"]


@pytest.mark.parametrize(
    "doctype",
    ["", "<!DOCTYPE html>", '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/xhtml11.dtd">'],
)
def test_the_entities_of_html_are_known_whatever_the_document_type(doctype: str) -> None:
    assert "".join(events(f"{doctype}<p>a&nbsp;&eacute;&nosuch;</p>")) == "<p>a\xa0é&nosuch;</p>"


@pytest.mark.parametrize(
    "subset",
    [
        '<!ENTITY a "haha">',
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
        '<!ENTITY % a SYSTEM "http://localhost/x"> %a;',
        "<!ELEMENT x ANY>",
    ],
)
def test_a_document_type_of_its_own_is_an_error(subset: str) -> None:
    with pytest.raises(DataError, match="document type definition inside"):
        events(f"<!DOCTYPE x [{subset}]><x>&a;</x>")


def test_elements_nested_without_end_take_no_stack() -> None:
    depth = 200_000
    assert len(events("<a>" * depth + "</a>" * depth)) == 2 * depth


@pytest.mark.parametrize("encoding", ["no-such", "shift_jis", "rot13", "hex"])
def test_an_encoding_that_is_not_read_is_named(encoding: str) -> None:
    with pytest.raises(NotWellFormedError, match=f"'{encoding}'"):
        events(f'<?xml version="1.0" encoding="{encoding}"?><a/>')


def test_encodings_of_a_byte_a_character_are_read() -> None:
    assert events('<?xml version="1.0" encoding="windows-1251"?><a>мир</a>'.encode("cp1251"))[1] == "мир"


def test_damage_is_named_with_its_place() -> None:
    with pytest.raises(NotWellFormedError, match="its XML is damaged: mismatched tag at line 2, column 7") as error:
        events("<a>\n <b></a>")
    assert error.value.where == "a.xml"
