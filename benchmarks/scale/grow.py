"""How an atlas grows: time to open, memory, candidates and recall among many other photos.

    python benchmarks/scale/grow.py --photos N --json FILE [--preset balanced] [--real N] [--folder build/scale]

An atlas of N photos is made: the databases of sf_landmarks and corridor, and mixtures of real local features for the
rest (`benchmarks/scale/mixtures.py`). With ``--real M``, only M photos have features and descriptors, and the others
have rows and codes only: so a million fit the disk, and the index is measured with generated codes, without recall.

Each measurement runs in a new process. Peak memory is the most that was resident (VmHWM), mapped files included;
per photo it is what is above the same process on an atlas of the databases alone. The first answer comes from a process
that has loaded the networks: it counts opening, describing one photo, candidates, and verification. Recall@1 is that of
verified answers over both benchmarks; ``recall@1_exact`` is that of candidates by whole descriptors, of the same atlas.
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
from placeprint.evaluation.provenance import made_by  # noqa: E402


def main() -> None:
    """Make the atlas, measure it, and write the figures."""
    parser = argparse.ArgumentParser(description="Measure an atlas of many photos.")
    parser.add_argument("--photos", type=int, required=True)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--real", type=int, help="photos with features and descriptors; all if not given")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "scale")
    parser.add_argument("--every", type=int, default=1, help="recall by every n-th query only")
    parser.add_argument("--measure", choices=("open", "recall", "add"), help=argparse.SUPPRESS)
    parser.add_argument("--atlas", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        measuring.main(asked.measure, asked.folder, asked.atlas, asked.preset, asked.every)
        return
    real = asked.photos if asked.real is None else asked.real
    asked.folder.mkdir(parents=True, exist_ok=True)
    base_size = sum(count for _, count in growing.SETS[: len(growing.BENCHMARKS)])
    base = growing.grow(asked.folder, asked.preset, base_size, base_size, _say)
    grown = growing.grow(asked.folder, asked.preset, asked.photos, real, _say)
    smallest = _measured(asked, "open", base.path)
    figures = _measured(asked, "open", grown.path)
    more = figures["peak_memory_bytes"] - smallest["peak_memory_bytes"]
    figures["memory_bytes_per_photo"] = more / max(asked.photos - base_size, 1)
    figures |= {
        "rows_s": grown.rows_s,
        "index_s": grown.index_s,
        "bytes_per_photo_on_disk": _size(grown.path) / asked.photos,
    }
    figures |= {"distractors": "mixtures" if real == asked.photos else f"mixtures, codes above {real}"}
    _write(asked.json, asked.preset, figures)
    if real == asked.photos:
        figures |= _measured(asked, "recall", grown.path)
        _write(asked.json, asked.preset, figures)
    figures |= _measured(asked, "add", grown.path)
    _write(asked.json, asked.preset, figures)


def _measured(asked: argparse.Namespace, what: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--photos", "0", "--json", "-", "--measure", what, "--atlas", str(path)]
    command += ["--preset", asked.preset, "--folder", str(asked.folder), "--every", str(asked.every)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    _say(f"{what}: {json.dumps(found)}")
    return found


def _write(path: Path, preset: str, figures: dict[str, Any]) -> None:
    path.write_text(json.dumps({**figures, "preset": preset, "made_by": made_by()}, indent=1) + "\n")


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
