"""What a sequence adds to single frames: on a corridor filmed twice, and on clips of a tower.

    python benchmarks/accuracy/sequences.py [--every 4] [--clips 25] [--atlases FOLDER]

- *corridor*: the second walk in an atlas of the first. Each frame by itself; as the last of five (`SequenceTracker`
  knows the four before it and no more); and as one of the whole walk, with five frames of lag. *shuffled* is the walk
  with its frames in random order, as photos that are no sequence.
- *ie_tower*: clips of queries with at least five frames, in an atlas of every n-th gallery frame; gallery frames of the
  same clip are excluded. Right is the floor of the first candidate. By itself, and as a sequence.

Writes benchmarks/results/sequences.json: recall@1 in percent. With --atlases, atlases are kept there.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from placeprint import Atlas
from placeprint.core.numerics import evenly
from placeprint.evaluation.provenance import made_by
from placeprint.photos import find_photos
from placeprint.places.sequence import SequenceTracker
from placeprint.types import Answer

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
WINDOW, TOLERANCE, SHORTEST = 5, 2, 5
FRAME = "_frame_"


class Remembered:
    """An atlas that searches each photo once.

    Args:
        atlas: that is asked.
    """

    def __init__(self, atlas: Atlas) -> None:
        self._atlas = atlas
        self._answers: dict[Any, Answer] = {}

    def search(self, photo: Path, **options: Any) -> Answer:
        """Return the answer of `Atlas.search`, with the options of the first time."""
        if photo not in self._answers:
            self._answers[photo] = self._atlas.search(photo, **options)
        return self._answers[photo]


def percent(right: Sequence[bool]) -> float:
    return round(100 * sum(right) / len(right), 1)


def tracker_of(atlas: Atlas, memory: Remembered, exclude: Sequence[str] = ()) -> SequenceTracker:
    made = SequenceTracker(atlas, exclude=exclude)
    made._atlas = memory  # type: ignore[assignment]  # frames of overlapping windows are searched once
    return made


def of_corridor(atlas: Atlas) -> dict[str, Any]:
    """Return recall@1 of the second walk."""
    atlas.add([DATA / "corridor" / "database"])
    frames, memory = sorted(find_photos([DATA / "corridor" / "queries"])), Remembered(atlas)
    tracker = tracker_of(atlas, memory)

    def right(frame: Path, found: str) -> bool:
        return abs(int(frame.stem) - int(Path(found).stem)) <= TOLERANCE

    whole = [each.candidates[0].path for each in tracker.smoothed(frames)]
    last = []
    for place in range(len(frames)):
        window = frames[max(0, place - WINDOW + 1) : place + 1]
        last.append(list(tracker.smoothed(window, lag=0))[-1].candidates[0].path)
    order = [frames[n] for n in np.random.default_rng(0).permutation(len(frames))]
    mixed = {frame: each.candidates[0].path for frame, each in zip(order, tracker.smoothed(order), strict=True)}
    single = [memory.search(frame).evidence[0].path for frame in frames]
    rows = {"single": single, "five frames": last, "whole walk": whole, "shuffled": [mixed[frame] for frame in frames]}
    return {"frames": len(frames)} | {name: percent([*map(right, frames, found)]) for name, found in rows.items()}


def of_tower(atlas: Atlas, every: int, count: int) -> dict[str, Any]:
    """Return the share of frames with the right floor."""
    root = DATA / "ie_tower"
    with (root / "dataset.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    floors = {str((root / row["image_path"]).resolve()): row["label"] for row in rows}
    clips: dict[str, dict[str, list[Path]]] = {"gallery": defaultdict(list), "query": defaultdict(list)}
    for row in rows:
        path = (root / row["image_path"]).resolve()
        clips["gallery" if row["split"] == "gallery" else "query"][path.name.partition(FRAME)[0]].append(path)
    gallery = {clip: sorted(paths)[::every] for clip, paths in clips["gallery"].items()}
    atlas.add([path for paths in gallery.values() for path in paths])
    long = sorted(clip for clip, paths in clips["query"].items() if len(paths) >= SHORTEST)
    chosen = [long[place] for place in evenly(len(long), count)]
    single: list[bool] = []
    together: list[bool] = []
    for clip in chosen:
        frames, memory = sorted(clips["query"][clip]), Remembered(atlas)
        tracker = tracker_of(atlas, memory, exclude=[str(path) for path in gallery.get(clip, [])])
        found = [each.candidates[0].path for each in tracker.smoothed(frames)]
        alone = [memory.search(frame).evidence[0].path for frame in frames]
        for paths, target in ((found, together), (alone, single)):
            target += [floors[path] == floors[str(frame)] for path, frame in zip(paths, frames, strict=True)]
        print(clip, len(frames), percent(single), percent(together), flush=True)
    return {
        "clips": len(chosen),
        "frames": len(single),
        "gallery": len(atlas),
        "single": percent(single),
        "sequence": percent(together),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--clips", type=int, default=25)
    parser.add_argument("--atlases", type=Path, help="folder of the atlases, kept")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = chosen.atlases or Path(folder)
        made: Callable[[str], Atlas] = lambda name: Atlas.open_or_create(base / name)  # noqa: E731
        data: dict[str, Any] = {"corridor": of_corridor(made("cordb"))}
        print(json.dumps(data), flush=True)
        data["ie_tower"] = of_tower(made("tower"), chosen.every, chosen.clips)
    data |= {"preset": "balanced", "made_by": made_by()}
    print(json.dumps(data))
    (RESULTS / "sequences.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
