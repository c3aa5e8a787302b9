"""A genome becomes documents, and what is held out stands in no other part on either strand."""

import gzip
import random
import runpy
from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.data.rows import read_rows


@pytest.fixture
def script(repository: Path) -> dict[str, Any]:
    return runpy.run_path(str(repository / "recipes/scripts/make_dna.py"))


def sequences(path: Path) -> dict[str, str]:
    return {row.fields["id"]: row.fields["text"] for row in read_rows(path)}


def test_all_of_a_genome_is_in_one_part(tmp_path: Path, script: dict[str, Any]) -> None:
    genome = "".join(random.Random(0).choices("ACGT", k=1_030_000))
    (tmp_path / "g.fna.gz").write_bytes(gzip.compress(f">chr1 x\n{genome}\n".encode(), 1))
    script["main"]([str(tmp_path / "g.fna.gz"), "--out", str(tmp_path / "dna")])
    train, dev, test = (sequences(tmp_path / "dna" / f"{part}.fa") for part in ("train", "dev", "test"))
    assert (list(dev), list(test)) == (["chr1:450001-500000"], ["chr1:950001-1000000"])
    forward = {name: letters for name, letters in train.items() if not name.endswith(":-")}
    whole = {**forward, **dev, **test}
    assert "".join(whole[name] for name in sorted(whole, key=lambda name: int(name[5:].split("-")[0]))) == genome
    assert train == {
        name + sign: letters if not sign else script["opposite"](letters)
        for name, letters in forward.items()
        for sign in ("", ":-")
    }


def test_the_other_strand_is_the_complement_read_backwards(script: dict[str, Any]) -> None:
    assert script["opposite"]("AACGTNRY") == "RYNACGTT"
