"""Make the tables of benchmarks/README.md, README.md and docs of the files in benchmarks/results, and print them.

    python -m benchmarks.table [--check]

With --check nothing is written: the exit status is 1 when the tables there are not those of the files.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.tables import local_votes, packages, retrieval, speed, training, two_photos

HERE = Path(__file__).parent
METHODS = HERE.parent / "docs" / "methods"
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
"""Pages of methods and what their rows are called."""
BEGIN, END = "<!-- tables: made by benchmarks/table.py -->", "<!-- end of tables -->"


def _fill(path: Path, lines: list[str]) -> tuple[str, str]:
    """Return a document as it is, and with these lines between its marks."""
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return text, f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}"


def main() -> None:
    parts = {
        "Accuracy": retrieval.accuracy(),
        "Descriptors": retrieval.descriptors(),
        "Short descriptors": retrieval.short(),
        "Verdicts": retrieval.verdicts(),
        "Beside other packages": packages.retrieval_peers(),
        "Two photos": two_photos.matching(),
        "Two photos, beside other packages": two_photos.peers(),
        "Two photos: verdicts, best matches, speed": two_photos.pairs(),
        "Speed": speed.speed(),
    }
    tables = [line for title, lines in parts.items() for line in (f"### {title}", "", *lines, "")][:-1]
    stale = False
    documents = {
        HERE / "README.md": tables,
        HERE.parent / "README.md": [*retrieval.headline(), "", *packages.beside()],
        **{METHODS / f"{page}.md": retrieval.of_method(words) for page, words in PAGES.items()},
        METHODS / "vlad.md": [*retrieval.of_method(("vlad",)), "", *speed.vlad_time()],
        **{METHODS / f"{name}.md": speed.indexes((name,)) for name in ("sq", "pq", "ivf")},
        HERE.parent / "docs" / "evaluation.md": retrieval.protocols(),
        HERE.parent / "docs" / "exporting.md": speed.exported(),
        HERE.parent / "docs" / "training.md": [
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
