"""Cut a genome into documents, some of them held out.

    python recipes/scripts/make_dna.py GENOME.fna.gz --out data/dna

GENOME is FASTA, packed or not, of any number of chromosomes. Each is cut into documents of 50,000 bases, of the paper's
25,000 to 100,000 (Zaheer et al., 2020, appendix F). Of twenty in a row one goes to OUT/dev.fa and one to OUT/test.fa;
the others stand in OUT/train.fa on both strands, for a genome is read either way.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from bigbird_cli.files.packed import File
from bigbird_cli.text.formats.fasta import read_records

LENGTH, PERIOD = 50_000, 20
HELD_OUT = {PERIOD // 2 - 1: "dev", PERIOD - 1: "test"}
LINE = 80
COMPLEMENT = str.maketrans("ACGTURYKMBVDHWSN", "TGCAAYRMKVBHDWSN")


def documents(genome: Path) -> Iterator[tuple[str, str]]:
    """Names and letters, in order; the name counts bases of the chromosome from 1."""
    file = File(genome)
    with file.open() as stream:
        for record in read_records(stream, file.name):
            sequence = record.sequence()
            for start in range(0, len(sequence), LENGTH):
                letters = sequence[start : start + LENGTH]
                yield f"{record.id}:{start + 1}-{start + len(letters)}", letters


def opposite(letters: str) -> str:
    """The other strand, as it is read."""
    return letters.translate(COMPLEMENT)[::-1]


def fasta(name: str, letters: str) -> str:
    """A record."""
    lines = [letters[start : start + LINE] for start in range(0, len(letters), LINE)]
    return "\n".join([f">{name}", *lines, ""])


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the three files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("genome", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files = {
            part: stack.enter_context((options.out / f"{part}.fa").open("w", encoding="ascii"))
            for part in ("train", "dev", "test")
        }
        for number, (name, letters) in enumerate(documents(options.genome)):
            part = HELD_OUT.get(number % PERIOD, "train")
            files[part].write(fasta(name, letters))
            if part == "train":
                files[part].write(fasta(f"{name}:-", opposite(letters)))


if __name__ == "__main__":
    main()
