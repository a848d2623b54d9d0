"""Write docs/cli.md from the command line's own help.

python scripts/write_cli_docs.py
"""

from __future__ import annotations

from pathlib import Path

from placeprint.cli.reference import command_reference

PATH = Path(__file__).parents[1] / "docs" / "cli.md"


def main() -> None:
    PATH.write_text(command_reference(), encoding="utf-8")
    print(f"wrote {PATH.name}")


if __name__ == "__main__":
    main()
