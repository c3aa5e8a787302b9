"""Fields of protocol buffers are found as they were written, and broken bytes are refused."""

import pytest

from bigbird_cli.files.protobuf import BYTES, VARINT, bytes_field, fields, number_field, read_varint, varint


def test_what_is_written_is_read() -> None:
    message = number_field(1, 300) + bytes_field(16, b"text") + number_field(2, 0)
    found = [(number, wire, message[start:stop]) for number, wire, start, stop in fields(message)]
    assert found == [(1, VARINT, b"\xac\x02"), (16, BYTES, b"text"), (2, VARINT, b"\0")]


@pytest.mark.parametrize("value", [0, 127, 128, 2**32, 2**64 - 1])
def test_a_number_comes_back(value: int) -> None:
    assert read_varint(b"x" + varint(value), 1) == (value, 1 + len(varint(value)))


def test_fields_of_fixed_width_are_passed_over() -> None:
    assert list(fields(b"\x0d1234\x1112345678")) == [(1, 5, 1, 5), (2, 1, 6, 14)]


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"\x08", "the number at byte 1 has no end"),
        (b"\x08" + b"\xff" * 10, "the number at byte 1 has no end"),
        (b"\x12\x05text", "a field at byte 2 runs past the end"),
        (b"\x0d123", "a field at byte 1 runs past the end"),
        (b"\x0b", "wire type 3 at byte 1"),
    ],
)
def test_broken_bytes_are_refused(message: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        list(fields(message))
