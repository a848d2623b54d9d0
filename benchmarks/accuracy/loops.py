"""Loop closures of two walks: precision, recall and time per frame, beside a bag of words.

    python benchmarks/accuracy/loops.py [--clips 12] [--every 2] [--presets xfeat-vlad sift-vlad balanced]

- *corridor*: the first walk and then the second, as one stream. Right is a loop within two frames of the same place.
- *ie_tower*: gallery frames of clips, and then the query frames of these clips. Right is a loop with the same clip
  within five frames of the clip; other frames of the floor may show the same thing and count neither way.

Each row ranks frames by what it says of the best loop of each: `LoopCloser` its probability, with a preset or with our
bag of words (``sift-bow``); "words alone" the similarity of words, divided by that with the frame before (Galvez-Lopez
and Tardos, IEEE Transactions on Robotics 28, 2012, equation 2). Recall is at the highest threshold whose precision is
1, and at 0.95; the frames that have a loop are what it is a share of. Times are those of one core, by its clock.

Where 1000 frames are remembered, a frame also lets one leave; there, a camera is given, so essential matrices are
found.

Writes benchmarks/results/loops.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from placeprint.evaluation.precision_recall import precision_recall
from placeprint.evaluation.provenance import made_by
from placeprint.photos import find_photos
from placeprint.stream import LoopCloser

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
WORDS = "sift-bow"
FRAME = "_frame_"
CAMERA = np.array([[450.0, 0, 256], [0, 450.0, 144], [0, 0, 1]])
"""About that of the tower's phone, for the time that essential matrices take."""
LEAST = 0.5
"""Probability from which a loop is called; of words alone, the share of the similarity with the frame before."""


@dataclass(frozen=True)
class Walk:
    """A stream of frames.

    Args:
        frames: in order.
        first: the first frame that may close a loop.
        exclude: the last frames that cannot.
        judge: whether a frame and an earlier one show the same place; None where it counts neither way.
        closes: whether a frame has a loop.
    """

    frames: Sequence[Path]
    first: int
    exclude: int
    judge: Callable[[int, int], bool | None]
    closes: Callable[[int], bool]


def corridor() -> Walk:
    out = sorted(find_photos([DATA / "corridor" / "database"]))
    back = sorted(find_photos([DATA / "corridor" / "queries"]))
    count = len(out)
    return Walk([*out, *back], count, count - 10, lambda a, b: abs(a - count - b) <= 2, lambda _: True)


def tower(count: int, every: int) -> Walk:
    with (DATA / "ie_tower" / "dataset.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    floors = {row["image_path"]: row["label"] for row in rows}
    clips: dict[str, dict[str, list[str]]] = {"gallery": defaultdict(list), "query": defaultdict(list)}
    for row in rows:
        kind = "gallery" if row["split"] == "gallery" else "query"
        clips[kind][Path(row["image_path"]).name.partition(FRAME)[0]].append(row["image_path"])
    both = sorted(clip for clip in clips["gallery"] if len(clips["query"].get(clip, ())) >= 4)
    chosen = [both[place] for place in np.linspace(0, len(both) - 1, min(count, len(both))).astype(int)]
    out = [path for clip in chosen for path in sorted(clips["gallery"][clip])[::every]]
    back = [path for clip in chosen for path in sorted(clips["query"][clip])]
    paths = [*out, *back]
    where = [(Path(path).name.partition(FRAME)[0], _number(path)) for path in paths]

    def same(a: int, b: int) -> bool:
        return where[a][0] == where[b][0] and abs(where[a][1] - where[b][1]) <= 5

    def judge(a: int, b: int) -> bool | None:
        return True if same(a, b) else None if floors[paths[a]] == floors[paths[b]] else False

    closes = {a for a in range(len(out), len(paths)) if any(same(a, b) for b in range(len(out)))}
    frames = [DATA / "ie_tower" / path for path in paths]
    return Walk(frames, len(out), len(back), judge, closes.__contains__)


def _number(path: str) -> int:
    found = re.search(r"(\d+)\.\w+$", path)
    assert found is not None
    return int(found.group(1))


@dataclass(frozen=True)
class Said:
    """What is said of the best loop of a frame.

    Args:
        frame: its number.
        other: the number of the earlier frame.
        score: higher is more sure.
    """

    frame: int
    other: int
    score: float


def streamed(walk: Walk, preset: str) -> tuple[list[Said], dict[str, Any]]:
    """Return what a loop closer says of the frames, and its time and memory."""
    closer = LoopCloser(preset, exclude=walk.exclude, frames=len(walk.frames))
    said, spent = [], []
    for place, frame in enumerate(walk.frames):
        described = closer.describe(frame)
        began = time.process_time()
        seen = closer.add_described(described)
        spent.append(1e3 * (time.process_time() - began))
        if place >= walk.first and seen.candidates:
            said.append(Said(place, seen.candidates[0].other, seen.candidates[0].probability))
    late = spent[walk.first :]
    costs = {
        "ms_median": round(float(np.median(late)), 1),
        "ms_95_percent": round(float(np.percentile(late, 95)), 1),
        "kilobytes_per_frame": round(closer.num_bytes / len(closer) / 1000, 1),
    }
    return said, costs


def at_capacity(walk: Walk, preset: str, remembered: int = 1000, measured_frames: int = 40) -> dict[str, float]:
    """Return the milliseconds of a frame besides description where the memory is full, and its size."""
    closer = LoopCloser(preset, exclude=20, frames=remembered, camera=CAMERA)
    described = [closer.describe(frame) for frame in walk.frames[: walk.first : 2]]
    spent = []
    for place in range(remembered):
        closer._remember(described[place % len(described)], float("nan"))
    for place in range(measured_frames):
        began = time.process_time()
        closer.add_described(described[place % len(described)])
        spent.append(1e3 * (time.process_time() - began))
    return {
        "ms_median": round(float(np.median(spent)), 1),
        "ms_95_percent": round(float(np.percentile(spent, 95)), 1),
        "megabytes": round(closer.num_bytes / 1e6, 1),
    }


def by_words(walk: Walk) -> list[Said]:
    """Return what similarity of words alone says of the frames."""
    closer = LoopCloser(WORDS)
    rows = np.stack([closer.describe(frame).descriptor for frame in walk.frames])
    said = []
    for place in range(walk.first, len(rows)):
        similar = rows[: place - walk.exclude] @ rows[place]
        before = float(rows[place - 1] @ rows[place])
        said.append(Said(place, int(similar.argmax()), float(similar.max()) / max(before, 1e-6)))
    return said


def measured(walk: Walk, said: Sequence[Said]) -> dict[str, float]:
    judged = [(each.score, right) for each in said if (right := walk.judge(each.frame, each.other)) is not None]
    count = sum(walk.closes(frame) for frame in range(walk.first, len(walk.frames)))
    curve = precision_recall([score for score, _ in judged], [right for _, right in judged], count)
    good = curve.recall[curve.precision >= 0.95]
    called = [right for score, right in judged if score >= LEAST]
    return {
        "recall_at_full_precision": percent(curve.recall_at_full_precision),
        "recall_at_95": percent(float(good.max()) if len(good) else 0.0),
        "average_precision": percent(curve.area),
        "precision_as_called": percent(sum(called) / max(len(called), 1)),
        "recall_as_called": percent(sum(called) / max(count, 1)),
    }


def percent(share: float) -> float:
    return round(100 * share, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--every", type=int, default=2)
    parser.add_argument("--presets", nargs="+", default=["xfeat-vlad", "sift-vlad", "balanced"])
    chosen = parser.parse_args()
    data: dict[str, Any] = {"made_by": made_by()}
    for name, walk in (("corridor", corridor()), ("ie_tower", tower(chosen.clips, chosen.every))):
        rows: dict[str, Any] = {}
        data[name] = {"frames": len(walk.frames), "asked": len(walk.frames) - walk.first, "rows": rows}
        rows["words alone"] = measured(walk, by_words(walk))
        print(name, len(walk.frames), walk.first, json.dumps(rows), flush=True)
        for preset in (WORDS, *chosen.presets):
            said, costs = streamed(walk, preset)
            rows[preset] = measured(walk, said) | costs
            print(name, preset, json.dumps(rows[preset]), flush=True)
        if name == "ie_tower":
            data["1000 frames"] = {preset: at_capacity(walk, preset) for preset in chosen.presets}
            print(json.dumps(data["1000 frames"]), flush=True)
    (RESULTS / "loops.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
