"""Write docs/cli.md from the command line's own help, and the tables of docs/datasets.md from the protocols.

python scripts/write_cli_docs.py
"""

from __future__ import annotations

from pathlib import Path

from placeprint.cli.reference import command_reference, protocol_reference

DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- protocols: made by scripts/write_cli_docs.py -->", "<!-- end of protocols -->"


def main() -> None:
    (DOCS / "cli.md").write_text(command_reference(), encoding="utf-8")
    datasets = DOCS / "datasets.md"
    before, _, rest = datasets.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    datasets.write_text(f"{before}{BEGIN}\n\n{protocol_reference()}\n{END}{after}", encoding="utf-8")
    print("wrote cli.md and datasets.md")


if __name__ == "__main__":
    main()
