"""How well photos are grouped into places: an atlas of four sets together.

    python benchmarks/accuracy/grouping.py [--atlas FOLDER]

The atlas has sf_landmarks, corridor, gps/lund and the validation photos of grocery. Pairwise precision is the share of
right pairs among those put into one place; pairwise recall the share of right pairs that are. Right are

- in sf_landmarks a query and its positive, and queries of one positive; other photos of the same building count as
  wrong;
- in corridor frames of both walks up to two apart, the tolerance of its positives;
- in lund photos up to 25 m apart by their GPS;
- in grocery photos of one product.

Photos of grocery are in a folder for each product, so the folders are labels; the second row is without them, the third
without positions either. *wrong* lists the pairs that are counted as wrong in the third row.

*one set left out*: how much a set gains from settings that were chosen without it. The rivalry of links and the mean of
a place are those with the highest recall, averaged over the other three sets, among settings whose precision on these
is at most half a percent below the best. Precision and recall are those of the set that was left out, and of all four.

Writes benchmarks/results/places.json. With --atlas, the atlas is kept there, and used again.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint import Atlas
from placeprint.core.plane import distances
from placeprint.evaluation.provenance import made_by
from placeprint.photos import find_photos
from placeprint.places.grouping import Pairs, group_places
from placeprint.places.survey import pair_table, survey_atlas
from placeprint.store import PhotoRecord

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
FOLDERS = ("sf_landmarks", "corridor", "gps/lund", "grocery/val")
FRAMES, METERS = 2, 25.0
RIVALRIES, MEANS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0), (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
NEARLY = 0.5
"""Percent of precision below the best that a setting may have to be chosen."""


@dataclass(frozen=True)
class Truth:
    """What a photo shows: the place within its set, by name, frame or position."""

    folder: str
    place: str = ""
    frame: int = -1
    location: tuple[float, float] | None = None

    def same(self, other: Truth) -> bool:
        """Return whether two photos show the same place."""
        if self.folder != other.folder:
            return False
        if self.location is not None and other.location is not None:
            return bool(distances(np.array([self.location]), np.array(other.location))[0] <= METERS)
        if self.frame >= 0:
            return abs(self.frame - other.frame) <= FRAMES
        return self.place == other.place


def truths(photos: Mapping[int, PhotoRecord]) -> dict[int, Truth]:
    """Return what each photo shows, by its id."""
    with (DATA / "sf_landmarks" / "positives.csv").open(encoding="utf-8") as file:
        landmarks = {row["query"]: row["database"] for row in csv.DictReader(file)}
    lines = (DATA / "grocery" / "val.txt").read_text(encoding="utf-8").splitlines()
    products = {path.strip(): label.strip() for path, label, _ in (line.split(",") for line in lines if line.strip())}
    found = {}
    for photo, record in photos.items():
        path = Path(record.path).relative_to(DATA.resolve()).as_posix()
        folder, _, name = path.partition("/")
        if folder == "sf_landmarks":
            found[photo] = Truth(folder, landmarks.get(name, name))
        elif folder == "corridor":
            found[photo] = Truth(folder, frame=int(Path(name).stem))
        elif folder == "grocery":
            found[photo] = Truth(folder, products[name])
        else:
            found[photo] = Truth("lund", location=record.location)
    return found


def measured(groups: Sequence[Sequence[int]], truth: Mapping[int, Truth]) -> dict[str, Any]:
    """Return pairwise precision and recall in percent, of all sets and of each."""
    joined, right, all_right = Counter[str](), Counter[str](), Counter[str]()
    for group in groups:
        for one, two in itertools.combinations(group, 2):
            name = truth[one].folder if truth[one].folder == truth[two].folder else "across sets"
            joined[name] += 1
            right[name] += truth[one].same(truth[two])
    for first, second in itertools.combinations(truth.values(), 2):
        all_right[first.folder] += first.same(second)

    def shares(names: Sequence[str]) -> dict[str, Any]:
        pairs, hits, possible = (sum(counts[name] for name in names) for counts in (joined, right, all_right))
        return {
            "pairs": pairs,
            "precision": round(100 * hits / pairs, 1) if pairs else None,
            "recall": round(100 * hits / possible, 1) if possible else None,
        }

    names = sorted({*joined, *all_right})
    places = sum(len(group) > 1 for group in groups)
    return {"places": places, "all": shares(names)} | {name: shares([name]) for name in names}


def wrong_pairs(groups: Sequence[Sequence[int]], truth: Mapping[int, Truth]) -> list[tuple[int, int]]:
    """Return the pairs of photos in one place that are counted as wrong."""
    pairs = (pair for group in groups for pair in itertools.combinations(sorted(group), 2))
    return [pair for pair in pairs if not truth[pair[0]].same(truth[pair[1]])]


def left_out(photos: Mapping[int, PhotoRecord], pairs: Pairs, truth: Mapping[int, Truth]) -> dict[str, Any]:
    """Return how settings do on each set that were chosen on the others."""
    settings = list(itertools.product(RIVALRIES, MEANS))
    names = sorted({each.folder for each in truth.values()})
    counted = {}
    for rivalry, same in settings:
        groups = [place.photos for place in group_places(photos, pairs, same, rivalry)]
        counted[rivalry, same] = {name: counts(groups, truth, name) for name in names}
    found, sums = {}, np.zeros(3)
    for name in names:
        others = [each for each in names if each != name]
        best = chosen_setting({setting: [of[each] for each in others] for setting, of in counted.items()})
        own = np.array(counted[best][name], np.float64)
        sums += own
        found[name] = {"rivalry": best[0], "same": best[1]} | in_percent(own)
    return found | {"all": in_percent(sums)}


def counts(groups: Sequence[Sequence[int]], truth: Mapping[int, Truth], name: str) -> tuple[int, int, int]:
    """Return the pairs of a set in one place, those that are right, and those that could be."""
    inside = [[photo for photo in group if truth[photo].folder == name] for group in groups]
    joined = [pair for group in inside for pair in itertools.combinations(group, 2)]
    right = sum(truth[one].same(truth[two]) for one, two in joined)
    own = [each for each in truth.values() if each.folder == name]
    return len(joined), right, sum(one.same(two) for one, two in itertools.combinations(own, 2))


def chosen_setting(counted: Mapping[tuple[float, float], Sequence[tuple[int, int, int]]]) -> tuple[float, float]:
    """Return the setting with the highest mean recall among those whose precision is nearly the best."""
    precision = {
        setting: 100 * sum(right for _, right, _ in of) / max(1, sum(joined for joined, _, _ in of))
        for setting, of in counted.items()
    }
    good = [setting for setting in counted if precision[setting] >= max(precision.values()) - NEARLY]
    return max(good, key=lambda setting: sum(right / possible for _, right, possible in counted[setting]))


def in_percent(sums: NDArray[np.float64]) -> dict[str, float]:
    joined, right, possible = sums.tolist()
    return {"precision": round(100 * right / max(joined, 1), 1), "recall": round(100 * right / possible, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--atlas", type=Path, help="folder of the atlas, kept")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        atlas = Atlas.open_or_create(chosen.atlas or Path(folder) / "atlas")
        atlas.add(list(find_photos([DATA / each for each in FOLDERS])))
        photos, pairs = dict(atlas.snapshot().usable()), pair_table(survey_atlas(atlas))
    truth = truths(photos)
    flat = {photo: replace(record, path=f"/all/{photo}.jpg") for photo, record in photos.items()}
    bare = {photo: replace(record, location=None, taken=None) for photo, record in flat.items()}
    rows = {}
    for name, known in (("with folders", photos), ("without folders", flat), ("without positions either", bare)):
        groups = [place.photos for place in group_places(known, pairs)]
        rows[name] = measured(groups, truth)
        print(name, json.dumps(rows[name]), flush=True)
    name_of = {photo: Path(record.path).relative_to(DATA.resolve()).as_posix() for photo, record in photos.items()}
    wrong = [[name_of[photo] for photo in pair] for pair in wrong_pairs(groups, truth)]
    without = left_out(bare, pairs, truth)
    print(json.dumps(without), flush=True)
    data = {"photos": len(photos), "preset": atlas.preset, "rows": rows, "wrong": wrong, "one set left out": without}
    data |= {"made_by": made_by()}
    (RESULTS / "places.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
