"""A genome becomes documents, and what is held out stands in no other part on either strand."""

import gzip
import random
import sys
from pathlib import Path

import pytest

from bigbird_cli.data.rows import read_rows

sys.path.append(str(Path(__file__).resolve().parents[2] / "recipes/scripts"))

import make_dna


def sequences(path: Path) -> dict[str, str]:
    return {row.fields["id"]: row.fields["text"] for row in read_rows(path)}


def test_all_of_a_genome_is_in_one_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_dna, "LENGTH", 50)
    genome = "".join(random.Random(0).choices("ACGT", k=1030))
    (tmp_path / "g.fna.gz").write_bytes(gzip.compress(f">chr1 x\n{genome}\n".encode()))
    make_dna.main([str(tmp_path / "g.fna.gz"), "--out", str(tmp_path / "dna")])
    train, dev, test = (sequences(tmp_path / "dna" / f"{part}.fa") for part in ("train", "dev", "test"))
    assert (list(dev), list(test)) == (["chr1:451-500"], ["chr1:951-1000"])
    forward = {name: letters for name, letters in train.items() if not name.endswith(":-")}
    whole = {**forward, **dev, **test}
    assert "".join(whole[name] for name in sorted(whole, key=lambda name: int(name[5:].split("-")[0]))) == genome
    backward = {f"{name}:-": make_dna.opposite(letters) for name, letters in forward.items()}
    assert train == forward | backward


def test_the_other_strand_is_the_complement_read_backwards() -> None:
    assert make_dna.opposite("AACGTNRY") == "RYNACGTT"
