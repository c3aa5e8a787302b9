"""Claim: the names of a novel are a page in the browser within minutes, and the page scrolls.

    python benchmarks/pages.py BOOK                     bigbird ner BOOK --html PAGE, from Enter to its end
    python benchmarks/pages.py BOOK --spacy PYTHON      beside spaCy's pipeline with displacy, by another Python
    python benchmarks/pages.py BOOK --browser           and how Chromium opens and scrolls each page
    python benchmarks/pages.py BOOK --threads 1 --quantize int8        options of bigbird ner follow

A program's times are of a process of its own, imports and all; its memory is the most that it held. spaCy's pipeline is
a model's own, with what names do not need switched off, and its page is displacy's. In the browser, a page is scrolled
for 200 frames, by 400 pixels each; ours is opened a second time with its text laid out whole (content-visibility off).
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SPACY = """
import sys
from pathlib import Path
import spacy
from spacy import displacy
book, page, model = sys.argv[1:]
nlp = spacy.load(model, exclude=["parser", "tagger", "attribute_ruler", "lemmatizer"])
nlp.max_length = 1 << 24
document = nlp(Path(book).read_text(encoding="utf-8"))
Path(page).write_text(displacy.render(document, style="ent", page=True), encoding="utf-8")
print(len(document.ents), "mentions")
"""
TIMES = """(() => {
  const [page] = performance.getEntriesByType("navigation");
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return [paint?.startTime ?? NaN, page.loadEventEnd, document.getElementsByTagName("*").length];
})()"""
SCROLL = """new Promise(done => {
  const frames = [];
  let last = performance.now(), y = 0;
  const step = () => {
    const now = performance.now();
    frames.push(now - last);
    last = now;
    scrollTo(0, y += 400);
    if (frames.length < 200) return requestAnimationFrame(step);
    frames.sort((a, b) => a - b);
    done([frames[100], frames[190], frames[199]]);
  };
  requestAnimationFrame(step);
})"""


def measured(command: list[str], threads: int) -> tuple[float, float, float]:
    """Seconds from start to end, seconds of processors, and MB at most of a command."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=sys.stderr)
    _, status, used = os.wait4(process.pid, 0)
    took = time.perf_counter() - started
    if status:
        sys.exit(f"{command[:4]} ended with {os.waitstatus_to_exitcode(status)}")
    return took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


def report(name: str, words: int, took: tuple[float, float, float], page: Path) -> None:
    seconds, processors, megabytes = took
    print(
        f"{name:8}  {seconds:7.1f} s  {processors:7.1f} s of processors  {words / seconds:7,.0f} words/s"
        f"  {megabytes:6,.0f} MB  page {page.stat().st_size / 1e6:5.1f} MB",
        flush=True,
    )


def in_browser(pages: dict[str, Path]) -> Iterator[str]:
    """How a browser opens and scrolls each page."""
    from tests.report.chromium import browser

    with tempfile.TemporaryDirectory() as profile, browser(Path(profile)) as tab:
        for name, page in pages.items():
            tab.resize(1400)
            tab.open(page)
            paint, load, elements = tab.run(TIMES)
            median, slow, slowest = tab.run(SCROLL)
            yield (
                f"{name:8}  first drawn {paint:6,.0f} ms  loaded {load:6,.0f} ms  {elements:7,} elements"
                f"  a frame {median:4.0f} ms, 95 % {slow:4.0f}, slowest {slowest:5.0f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("book", type=Path, help="a text, such as a novel of 200,000 words")
    parser.add_argument("--spacy", metavar="PYTHON", help="a Python that has spaCy and a model")
    parser.add_argument("--model", default="en_core_web_sm", help="spaCy's")
    parser.add_argument("--browser", action="store_true", help="open the pages in Chromium too")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    given, options = parser.parse_known_args()
    words = len(given.book.read_text(encoding="utf-8").split())
    print(f"{given.book.name}: {words:,} words, {given.threads} threads")
    with tempfile.TemporaryDirectory() as folder:
        pages = {"bigbird": Path(folder, "bigbird.html")}
        command = [sys.executable, "-m", "bigbird_cli", "ner", str(given.book), "--html", str(pages["bigbird"])]
        command += ["--quiet", "--threads", str(given.threads), *options]
        report("bigbird", words, measured(command, given.threads), pages["bigbird"])
        if given.spacy:
            pages["spacy"] = Path(folder, "spacy.html")
            command = [given.spacy, "-c", SPACY, str(given.book), str(pages["spacy"]), given.model]
            report("spacy", words, measured(command, given.threads), pages["spacy"])
        if given.browser:
            pages["whole"] = Path(folder, "whole.html")
            text = pages["bigbird"].read_text(encoding="utf-8")
            whole = text.replace("content-visibility: auto", "content-visibility: visible")
            whole = whole.replace("style-src 'sha256-", "style-src 'unsafe-inline' 'none-", 1)
            pages["whole"].write_text(whole, encoding="utf-8")
            for line in in_browser(pages):
                print(line, flush=True)


if __name__ == "__main__":
    main()
