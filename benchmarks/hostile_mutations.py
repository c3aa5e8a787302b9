"""How the hostile inputs are made of good ones: bytes, JSON, YAML and texts, harmed as a given generator draws."""

import copy
import json
import random
import struct
from collections.abc import Callable
from typing import Any

HUGE = (b"\xff" * 8, b"\x7f" + b"\xff" * 7, struct.pack("<Q", 1 << 44), b"9" * 8)

NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2**31, 2**63, -(2**63), 2**64, 10**9, 10**80, 1e308, -1e-300, 0.5, float("nan"), float("inf"),
)  # fmt: skip
TEXTS = (
    "", " ", "a" * 100_000, "\ud800", "\x1b[31mred\x1b[0m", "[red]x[/red]", "\0", "\n\n", "../../etc/passwd",
    "/dev/zero", "null", "O", "--help", "%s%n", "${HOME}", "\u202egnp.txt", "é" * 300,
)  # fmt: skip
_NEST = "\0 a list in a list, 5,000 deep"
"""Stands for what Python itself could neither copy nor write."""
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], {"": ""}, [None], [0] * 10_000)


def damaged(content: bytes, described: range, draw: random.Random) -> bytes:
    """Harm a content in one way: cut it, turn a bit, leave out, double, zero or fill a stretch, put in a huge number.

    Args:
        content: what to harm.
        described: indices that are harmed in half of the cases, for they say what the others mean.
        draw: the generator.
    """
    index = draw.choice(described) if draw.random() < 0.5 else draw.randrange(len(content))
    length = draw.choice((1, 1, 4, 8, 8, 100))
    before, middle, after = content[:index], content[index : index + length], content[index + length :]
    match draw.randrange(7):
        case 0:
            return before
        case 1:
            return before + bytes([content[index] ^ 1 << draw.randrange(8)]) + content[index + 1 :]
        case 2:
            return before + after
        case 3:
            return before + middle * 2 + after
        case 4:
            return before + bytes(len(middle)) + after
        case 5:
            return before + draw.choice(HUGE) + after
        case _:
            return before + draw.randbytes(len(middle)) + after


def damaged_bytes(content: bytes, draw: random.Random) -> bytes:
    """Harm a content anywhere."""
    return damaged(content, range(len(content)), draw)


def hostile_value(draw: random.Random) -> Any:
    """Draw a value that a file of settings should not hold."""
    if draw.random() < 0.05:
        return _NEST
    return copy.deepcopy(draw.choice(draw.choice((NUMBERS, TEXTS, OTHERS))))


def damaged_json(content: bytes, draw: random.Random) -> bytes:
    """Harm a JSON document in one to three values, or now and then its bytes."""
    if draw.random() < 0.2:
        return damaged_bytes(content, draw)
    value = json.loads(content)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        value = _changed(value, draw)
    return json.dumps(value).replace(json.dumps(_NEST), "[" * 5_000 + "]" * 5_000).encode()


def _changed(value: Any, draw: random.Random) -> Any:
    """Change one entry of a nest of objects and lists, each entry as likely as any other."""
    entries: list[tuple[Any, Any]] = []

    def collect(container: Any) -> None:
        keys = container if isinstance(container, dict) else range(min(len(container), 50))
        for key in keys:
            entries.append((container, key))
            if isinstance(container[key], dict | list):
                collect(container[key])

    if not isinstance(value, dict | list) or not value:
        return hostile_value(draw)
    collect(value)
    container, key = draw.choice(entries)
    match draw.randrange(6):
        case 0:
            del container[key]
        case 1 if isinstance(container, dict):
            container[draw.choice([str(key) + "s", str(key).upper(), "", *TEXTS])] = container.pop(key)
        case 2:
            other, its_key = draw.choice(entries)
            container[key] = copy.deepcopy(other[its_key]) if its_key in _keys(other) else None
        case 3 if isinstance(container, list):
            container.insert(key, container[key])
        case _:
            container[key] = hostile_value(draw)
    return value


def _keys(container: Any) -> Any:
    return container if isinstance(container, dict) else range(len(container))


SCALARS = (
    "null", "~", "''", "yes", "0", "-1", "1e400", ".nan", ".inf", "9" * 80, "1_000", "0x7fffffffffffffff", "[]", "{}",
    "[a, [b, [c]]]", "{a: b}", "&a [*a]", "*nowhere", "!!python/object/apply:os.system ['exit 0']", "!!binary aaaa",
    "!!set {a, b}", '"\\0"', '"\\ud800"', '"\\e[31m"', "'" + "x" * 100_000 + "'", "|", ">", "? a", "@", "%", "`",
    "a: b: c", "'unclosed", "2026-11-01", "[[red]]", "../../..", "/dev/zero", "hub:", "hub:x:y:z", "<<: *x",
)  # fmt: skip
LINES = (
    "\tlr: 1", "<<: {lr: 1}", "---", "...", "lr: 1", "optim: {}", "a: &a [&b [*a]]", "? [a]\n: b", "- item",
    "%YAML 9.9", "x" * 100_000 + ": 1", "seed: 1\nseed: 2", "\ufeff", "task:\n  type: qa\n  type: ner", "data:",
    "model: null", "\0", "backend: jax", "[" * 3_000, "{" * 3_000, "a: " + "[" * 500 + "]" * 500,
    "l0: &l0 [x, x]\n" + "\n".join(f"l{n}: &l{n} [*l{n - 1}, *l{n - 1}]" for n in range(1, 40)),
)  # fmt: skip


def damaged_yaml(content: bytes, draw: random.Random) -> bytes:
    """Harm a YAML document: a value, a key, a line, its indentation, or its bytes."""
    lines = content.decode().splitlines()
    index = draw.randrange(len(lines))
    key, colon, _ = lines[index].partition(": ")
    match draw.randrange(8):
        case 0:
            return damaged_bytes(content, draw)
        case 1:
            del lines[index]
        case 2:
            lines.insert(index, draw.choice(LINES))
        case 3:
            lines[index] = draw.choice((" ", "    ", "\t", "-", "? ")) + lines[index]
        case 4 if colon:
            lines[index] = f"{key}{draw.choice(('s', '_', ' ', '.lr', key * 3))}{lines[index][len(key) :]}"
        case 5:
            other = draw.randrange(len(lines))
            lines[index], lines[other] = lines[other], lines[index]
        case _:
            lines[index] = f"{key}: {draw.choice(SCALARS)}"
    return "\n".join(lines).encode("utf-8", "surrogatepass") + b"\n"


ODD_CHARACTERS = (
    "\0", "\x0b", "\x0c", "\x1b[2J", "\x85", "\u200b", "\u200d", "\u2028", "\ufeff", "\ufffd", "\ue000", "\U000e0041",
    "e\u0301", "\u202e", "ﬁ", "𝒳", "🦜", "한", "\u0600", "\r", "\r\n", "\t", " " * 500, "\n" * 500,
    "a" * 5_000, "7" * 5_000,
)  # fmt: skip


def damaged_text(content: bytes, draw: random.Random) -> bytes:
    """Harm a text: odd characters among its own, or its bytes."""
    if draw.random() < 0.3:
        return damaged_bytes(content, draw)
    text = content.decode()
    for _ in range(draw.choice((1, 3, 10))):
        index = draw.randrange(len(text) + 1)
        text = text[:index] + draw.choice(ODD_CHARACTERS) * draw.choice((1, 1, 3)) + text[index:]
    return text.encode()


def damaged_lines(content: bytes, draw: random.Random, line: Callable[[bytes, random.Random], bytes]) -> bytes:
    """Harm one line of several, leave it out or double it, or the whole."""
    lines = content.splitlines(keepends=True)
    index = draw.randrange(len(lines))
    match draw.randrange(6):
        case 0:
            return damaged_bytes(content, draw)
        case 1:
            del lines[index]
        case 2:
            lines.insert(index, lines[draw.randrange(len(lines))])
        case _:
            lines[index] = line(lines[index].rstrip(b"\r\n"), draw) + b"\n"
    return b"".join(lines)
