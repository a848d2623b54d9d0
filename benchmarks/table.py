"""Write the tables of docs from the files in benchmarks/results, and print those of docs/benchmarks.md.

    python -m benchmarks.table [--check]

With --check nothing is written; the exit status is 1 when a table differs from the result files.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.tables import local_votes, packages, retrieval, speed, training, two_photos

DOCS = Path(__file__).parents[1] / "docs"
METHODS = DOCS / "methods"
PAGES = {
    "bow": ("bow",),
    "cgd": ("cgd",),
    "crow": ("crow",),
    "fisher": ("fisher",),
    "gem": ("gem",),
    "mac": ("mac",),
    "regional-vlad": ("regional-vlad",),
    "rmac": ("rmac",),
    "spoc": ("spoc",),
    "weighted-gem": ("weighted-gem",),
}
"""Method pages, and the words that pick their rows."""
BEGIN, END = "<!-- tables: made by benchmarks/table.py -->", "<!-- end of tables -->"


def _fill(path: Path, lines: list[str]) -> tuple[str, str]:
    """Return the text of a document, and the same text with these lines between its markers."""
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return text, f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}"


def main() -> None:
    parts = {
        "Summary": retrieval.headline(),
        "Other packages": packages.beside(),
        "All presets": retrieval.accuracy(),
        "Descriptors on the same local features": retrieval.descriptors(),
        "Shortened descriptors": retrieval.short(),
        "Verdicts of search": retrieval.verdicts(),
        "Other packages in detail": packages.retrieval_peers(),
        "Matching two photos": two_photos.matching(),
        "Matching two photos: other packages": two_photos.peers(),
        "Matching two photos: verdicts, best matches, speed": two_photos.pairs(),
        "Speed": speed.speed(),
    }
    tables = [line for title, lines in parts.items() for line in (f"### {title}", "", *lines, "")][:-1]
    stale = False
    documents = {
        DOCS / "benchmarks.md": tables,
        **{METHODS / f"{page}.md": retrieval.of_method(words) for page, words in PAGES.items()},
        METHODS / "vlad.md": [*retrieval.of_method(("vlad",)), "", *speed.vlad_time()],
        **{METHODS / f"{name}.md": speed.indexes((name,)) for name in ("sq", "pq", "ivf")},
        DOCS / "evaluation.md": retrieval.protocols(),
        DOCS / "exporting.md": speed.exported(),
        DOCS / "training.md": [
            *training.few_photos(),
            "",
            *training.groceries(),
            "",
            *training.tower(),
            "",
            *training.general(),
            "",
            *training.throughput(),
        ],
        METHODS / "delf.md": local_votes.delf(),
        **{METHODS / f"{name}.md": local_votes.voters(name) for name in ("votes", "asmk")},
        METHODS / "netvlad.md": [*speed.netvlad(), "", *retrieval.of_method(("netvlad",))],
    }
    for path, lines in documents.items():
        text, filled = _fill(path, lines)
        stale |= text != filled
        if "--check" not in sys.argv[1:]:
            path.write_text(filled, encoding="utf-8")
    if "--check" in sys.argv[1:]:
        sys.exit(stale)
    print("\n".join(tables))


if __name__ == "__main__":
    main()
