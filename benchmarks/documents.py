"""Claim: a thousand documents are read whole, at the rate of libraries that read a part of them, in flat memory.

    BIGBIRD_DATA=FOLDER python benchmarks/documents.py WORK                    1,000 documents, hours on one thread
    BIGBIRD_DATA=FOLDER python benchmarks/documents.py WORK --only reviews      film reviews alone, a quarter of an hour
    BIGBIRD_DATA=FOLDER python benchmarks/documents.py WORK --peers-read 60 --spacy ENVIRONMENT/bin/python

Documents of FOLDER: of twenty 13 are film reviews (imdb), 5 contracts (cuad), one an article of Wikipedia (squad-dev,
while there are some) and one the first 20,000 words of a novel (litbank). `bigbird qa`, `ner` and `classify` read them
with their shipped models. The peers: the same weights, converted, in transformers' pipelines as their documentation
calls them; questions by the loop that its documentation gives, as its pipeline for them is gone; spaCy's named
entities, nothing else of it. Each run is a process of its own on one thread.

"read" is the share of the documents' tokens that stood in a model's input. Rates are of processor time and of the
documents' own tokens, as bigbird counts them, so that reading less looks quicker and overlaps cost. Memory is the most
that the process held. Peers may read the first documents only (they take hours for all). Results stand in WORK, and
what is there is not measured again.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "bigbird_cli" / "pretrained"
QUESTION = "Who is named first?"
LABELS = "film review,contract,encyclopedia,novel"
OF_TWENTY = {"reviews": 13, "contracts": 5, "articles": 1, "novels": 1}
NOVEL_WORDS = 20_000
MODELS = {"qa": "qa-mini", "ner": "ner-mini", "classify": "classify-mini"}
COMMANDS = {
    "qa": ["qa", "--question", QUESTION],
    "ner": ["ner"],
    "classify": ["classify", "--labels", LABELS],
}
TRANSFORMERS = """
import json, sys, torch, transformers
transformers.logging.set_verbosity_error()
torch.set_num_threads(1)
kind, folder, file, asked = sys.argv[1:]
texts = (json.loads(line)["text"] for line in open(file, encoding="utf-8"))
tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
n_read = 0
def count(module, args, kwargs):
    global n_read
    n_read += int(kwargs["input_ids"].ne(tokenizer.pad_token_id).sum()) - 2 * len(kwargs["input_ids"])
if kind == "qa":
    model = transformers.BigBirdForQuestionAnswering.from_pretrained(folder).eval()
    for text in texts:
        encoded = tokenizer(asked, text, truncation="only_second", max_length=384, stride=128, padding=True,
                            return_overflowing_tokens=True, return_offsets_mapping=True, return_tensors="pt")
        n_read += len({tuple(span) for window, spans in enumerate(encoded["offset_mapping"].tolist())
                       for span, text in zip(spans, encoded.sequence_ids(window)) if text == 1})
        for first in range(0, len(encoded["input_ids"]), 8):
            names = "input_ids", "attention_mask", "token_type_ids"
            with torch.inference_mode():
                out = model(**{name: encoded[name][first : first + 8] for name in names})
            (out.start_logits.amax(1) + out.end_logits.amax(1)).max(0)
else:
    task, name = {"ner": ("token-classification", "BigBirdForTokenClassification"),
                  "classify": ("feature-extraction", "BigBirdModel")}[kind]
    model = getattr(transformers, name).from_pretrained(folder)
    model.register_forward_pre_hook(count, with_kwargs=True)
    options = {"aggregation_strategy": "simple"} if kind == "ner" else {"tokenize_kwargs": {"truncation": True}}
    pipe = transformers.pipeline(task, model=model, tokenizer=tokenizer, device="cpu", **options)
    for _ in pipe(texts):
        pass
print(json.dumps(n_read))
"""
SPACY = """
import json, sys, spacy
nlp = spacy.load(sys.argv[1], exclude=["tagger", "parser", "senter", "attribute_ruler", "lemmatizer"])
nlp.max_length = 10_000_000
texts = (json.loads(line)["text"] for line in open(sys.argv[2], encoding="utf-8"))
for document in nlp.pipe(texts):
    document.ents
print("null")
"""


def documents(data: Path, only: Sequence[str]) -> Iterator[dict[str, str]]:
    """Documents of all kinds, mixed; where one kind is at its end the others go on."""
    [squad] = data.glob("squad-dev/squad*.json")
    articles = json.loads(squad.read_text(encoding="utf-8"))["data"]
    kinds: dict[str, Iterator[str]] = {
        "reviews": (path.read_text(encoding="utf-8") for path in sorted(data.glob("imdb/aclImdb/train/*/*.txt"))),
        "contracts": (path.read_text(encoding="utf-8") for path in sorted(data.glob("cuad/full_contract_txt/*.txt"))),
        "articles": ("\n\n".join(part["context"] for part in article["paragraphs"]) for article in articles),
        "novels": (
            " ".join(path.read_text(encoding="utf-8").split(" ")[:NOVEL_WORDS])
            for path in sorted(data.glob("litbank/original/*.txt"))
        ),
    }
    number = 0
    while True:
        rounds = [[(kind, text) for text in islice(kinds[kind], n)] for kind, n in OF_TWENTY.items() if kind in only]
        mixed = [each for some in zip_longest(*rounds) for each in some if each]
        if not mixed:
            return
        for kind, text in mixed:
            yield {"id": f"{kind}-{number}", "text": text}
            number += 1


def measure(command: list[str], log: Path) -> dict[str, Any]:
    """Run a command on one thread; its processor time, most memory and standard output."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    with log.open("wb") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=environment, cwd=ROOT)
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command[:4])} failed; see {log}")
    return {"seconds": usage.ru_utime + usage.ru_stime, "mebibytes": usage.ru_maxrss / 1024, "output": output.decode()}


def measure_all(
    commands: Sequence[str], work: Path, peers_file: Path, spacy: str | None, spacy_model: str
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Measure what is not measured yet; gives command, program and figures as they come."""
    file = work / "documents.jsonl"
    for kind in commands:
        runs = {
            "bigbird": [sys.executable, "-m", "bigbird_cli", *COMMANDS[kind], str(file), "--threads", "1", "--quiet"]
        }
        runs["bigbird"] += ["--column", "text", "--overwrite", "--out", str(work / f"{kind}.jsonl")]
        folder = work / MODELS[kind]
        runs["transformers"] = [sys.executable, "-c", TRANSFORMERS, kind, str(folder), str(peers_file), QUESTION]
        if kind == "ner" and spacy is not None:
            runs["spaCy"] = [spacy, "-c", SPACY, spacy_model, str(peers_file)]
        for program, run in runs.items():
            result = work / f"{kind}-{program}.json"
            if not result.exists():
                if program == "transformers" and not folder.exists():
                    convert = [sys.executable, "-m", "bigbird_cli", "convert", str(SHIPPED / MODELS[kind]), str(folder)]
                    subprocess.run(convert, cwd=ROOT, check=True, capture_output=True)
                result.write_text(json.dumps(measure(run, work / f"{kind}-{program}.log")))
            yield kind, program, json.loads(result.read_text())


def receipts(results: Path, number: int) -> tuple[int, int, int]:
    """The first so many documents, their tokens, and how many of these were read."""
    with results.open(encoding="utf-8") as lines:
        found = [json.loads(line)["receipt"] for line in islice(lines, number)]
    return len(found), sum(each["tokens"] for each in found), sum(each["read"] for each in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder of results")
    parser.add_argument("--number", type=int, default=1_000, help="documents")
    parser.add_argument("--only", nargs="+", choices=OF_TWENTY, default=list(OF_TWENTY), help="kinds of documents")
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--peers-read", type=int, help="documents that the peers read, the first ones (default: all)")
    parser.add_argument("--spacy", help="a Python that has spaCy")
    parser.add_argument("--spacy-model", default="en_core_web_sm")
    given = parser.parse_args()
    work = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    file = work / "documents.jsonl"
    if not file.exists():
        rows = islice(documents(Path(os.environ["BIGBIRD_DATA"]), given.only), given.number)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    n_peers = given.peers_read or given.number
    peers_file = work / f"documents-{n_peers}.jsonl"
    with file.open(encoding="utf-8") as lines:
        peers_file.write_text("".join(islice(lines, n_peers)), encoding="utf-8")
    print("| command | program | documents | tokens | read | documents/s | tokens/s | MiB |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for kind, program, found in measure_all(given.commands, work, peers_file, given.spacy, given.spacy_model):
        n_read: int | None = None
        number = given.number if program == "bigbird" else n_peers
        n_documents, n_tokens, n_all_read = receipts(work / f"{kind}.jsonl", number)
        if program == "bigbird":
            n_read = n_all_read
        elif found["output"].strip() != "null":
            n_read = int(found["output"])
        read = "100 %" if n_read is None else f"{n_read / n_tokens:.1%}"
        rates = f"{n_documents / found['seconds']:.2f} | {n_tokens / found['seconds']:,.0f}"
        cells = f"{kind} | {program} | {n_documents:,} | {n_tokens:,} | {read} | {rates} | {found['mebibytes']:,.0f}"
        print(f"| {cells} |", flush=True)


if __name__ == "__main__":
    main()
