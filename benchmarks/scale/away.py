"""What an atlas in an object store sends: to make the index of a machine, to open, and to search.

    python benchmarks/scale/away.py --photos N --json FILE [--preset balanced] [--folder build/scale]

An atlas of N photos is made (`benchmarks/scale/growing.py`) and copied to a server on this machine that speaks S3.
Then two processes open it and search for two photos each. The first has no working copy, so it makes the compact index;
the second finds it. The server counts requests and bytes. Times would say little: no network lies between.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # the command is called by its path

from benchmarks.scale import growing, measuring  # noqa: E402
from benchmarks.scale.s3_server import S3Server, bucket  # noqa: E402
from placeprint import Atlas  # noqa: E402
from placeprint.evaluation.provenance import made_by  # noqa: E402
from placeprint.store.home import home_of  # noqa: E402

URL = "s3://walks/atlas"
STEPS = ("first", "second")


def main() -> None:
    """Make the atlas, copy it, search it, and write the figures."""
    parser = argparse.ArgumentParser(description="Measure an atlas in an object store.")
    parser.add_argument("--photos", type=int)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "scale")
    parser.add_argument("--search", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.search:
        _search()
        return
    asked.folder.mkdir(parents=True, exist_ok=True)
    grown = growing.grow(asked.folder, asked.preset, asked.photos, asked.photos, lambda text: print(text, flush=True))
    with bucket() as (server, _):
        home = home_of(URL)
        home.adopt(grown.path)
        figures: dict[str, Any] = {"photos": asked.photos, "bytes": sum(home.sizes())}
        for name in ("new_machine", "later"):
            figures[name] = _measured(server)
    figures |= {"preset": asked.preset, "made_by": made_by()}
    asked.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


def _measured(server: S3Server) -> dict[str, Any]:
    """Return what one process lets the server send, by its searches; the first counts opening too."""
    command = [sys.executable, __file__, "--search"]
    found = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdin is not None and running.stdout is not None  # they are pipes
        for step in STEPS:
            before = server.requests, server.sent
            running.stdin.write("\n")
            running.stdin.flush()
            answer = running.stdout.readline().strip()
            found[step] = {"requests": server.requests - before[0], "bytes": server.sent - before[1], "answer": answer}
    return found


def _search() -> None:
    """Search for a photo whenever a line comes in."""
    atlas = None
    for query, _ in zip(measuring.queries(), STEPS, strict=False):
        sys.stdin.readline()
        atlas = atlas or Atlas.open(URL)
        answer = atlas.search(query.path, rotations=False)
        print("right" if answer.evidence[0].path in query.right else "wrong", flush=True)


if __name__ == "__main__":
    main()
