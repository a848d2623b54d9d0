"""The training data: atlases of several kinds of photos, queries, and which pairs show the same place.

A *group* is a set of photos that is held out as a whole: models measured on it are trained only on the other groups,
including queries from elsewhere.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from placeprint.core.numerics import evenly
from placeprint.photos import read_photo
from scripts.evidence.views import DATA

SAME, OTHER, UNKNOWN, OUT, BESIDE = 1, 0, -1, -2, -3
"""Labels of a pair: same place, another place, who knows, not a candidate at all, and beside: another place by the
truth, and yet the same building, or the same stretch of a walk. Such a candidate is wrong wherever a model learns or
is measured; only false alarms are counted with and without it."""
Labels = NDArray[np.int8]
FRAMES_BESIDE = 6
"""Frames of the corridor so near the query's show the same stretch; 4 and 10 give the same figures within a point."""
ONE_BUILDING = {
    "0008": ("0040",), "0009": ("0008", "0040"), "0021": ("0022",), "0022": ("0021",), "0029": ("0100",),
    "0039": ("0008",), "0040": ("0008", "0039"),
}  # fmt: skip
"""Photos of sf_landmarks, by the number of the query, that show the building of the query, though the truth names one
photo for each. The 16 wrong pairs that XFeat confirms best were looked at, and what answers unknown photos first."""
OUTSIDERS = 20
"""Photos of each other group that ask an atlas for places it does not hold."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One atlas and its queries.

    Args:
        name: of the scene.
        group: of the photos in the atlas.
        database: names of the photos, see `views.load`.
        queries: names of the photos.
        query_groups: group of each query.
        labels: ``(queries, database)`` int8.
        positions: ``(database, 2)`` meters, or None.
        ranked: whether recall is measured here; else it is learned from only.
        learned: whether it is learned from; else it is measured only.
    """

    name: str
    group: str
    database: tuple[str, ...]
    queries: tuple[str, ...]
    query_groups: tuple[str, ...]
    labels: Labels
    positions: NDArray[np.float64] | None = None
    ranked: bool = True
    learned: bool = True

    def __post_init__(self) -> None:
        assert (
            self.labels.shape == (len(self.queries), len(self.database)) == (len(self.query_groups), len(self.database))
        )


def _scene(
    name: str, group: str, database: Sequence[str], queries: Sequence[str], labels: Labels, **more: object
) -> Scene:
    return Scene(name, group, tuple(database), tuple(queries), (group,) * len(queries), labels, **more)  # type: ignore[arg-type]


def _place_folder(name: str) -> Scene:
    database = [f"{name}/database/{path.name}" for path in sorted((DATA / name / "database").iterdir())]
    queries = [f"{name}/queries/{path.name}" for path in sorted((DATA / name / "queries").iterdir())]
    absent = DATA / name / "not_in_database"
    asked = (
        queries + [f"{name}/not_in_database/{p.name}" for p in sorted(absent.iterdir())] if absent.exists() else queries
    )
    labels = np.zeros((len(asked), len(database)), np.int8)
    rows, columns = ({path: place for place, path in enumerate(paths)} for paths in (asked, database))
    with (DATA / name / "positives.csv").open() as file:
        for row in csv.DictReader(file):
            labels[rows[f"{name}/{row['query']}"], columns[f"{name}/{row['database']}"]] = SAME
    numbers = [[path.rpartition("/")[2].partition(".")[0] for path in paths] for paths in (queries, database)]
    beside = np.array([[_is_beside(name, query, known) for known in numbers[1]] for query in numbers[0]])
    own = labels[: len(queries)]
    own[beside & (own != SAME)] = BESIDE
    return _scene(name, name, database, asked, labels)


def _is_beside(name: str, query: str, known: str) -> bool:
    """Return whether two photos of a place folder, by their numbers, show one building or stretch."""
    if name == "corridor":
        return abs(int(query) - int(known)) <= FRAMES_BESIDE
    return known in ONE_BUILDING.get(query, ())


def _tower() -> list[Scene]:
    """Walks through a building: neighbors of the same clip, and the same floor in other clips.

    Floors are built alike, so halls of two floors are neither the same place nor, to the eye, another one.
    """
    with (DATA / "ie_tower" / "dataset.csv").open() as file:
        rows = list(csv.DictReader(file))
    parts = {split: [row for row in rows if row["split"] == split] for split in ("gallery", "query")}
    database, queries = ([parts[s][i] for i in evenly(len(parts[s]), n)] for s, n in (("gallery", 500), ("query", 150)))
    near, across = np.zeros((2, len(queries), len(database)), np.int8)
    for i, asked in enumerate(queries):
        for j, known in enumerate(database):
            same_clip, gap = _clip(asked) == _clip(known), abs(_frame(asked) - _frame(known))
            if asked["label"] == known["label"]:
                near[i, j] = SAME if same_clip and gap <= 3 else UNKNOWN
                across[i, j] = OUT if same_clip else SAME
            elif same_clip:
                near[i, j], across[i, j] = UNKNOWN, OUT
            elif asked["area"] == known["area"]:
                near[i, j] = UNKNOWN
    names = [[f"ie_tower/{row['image_path']}" for row in each] for each in (database, queries)]
    kept = np.flatnonzero((near == SAME).any(axis=1))
    found = np.flatnonzero((across == SAME).any(axis=1))
    return [
        _scene("tower-near", "ie_tower", names[0], [names[1][i] for i in kept], near[kept]),
        _scene("tower-across", "ie_tower", names[0], [names[1][i] for i in found], across[found], learned=False),
    ]


def _clip(row: dict[str, str]) -> str:
    return row["image_path"].partition("_frame_")[0]


def _frame(row: dict[str, str]) -> int:
    return int(re.findall(r"_frame_(\d+)", row["image_path"])[0])


def _gps() -> Scene:
    """A street walk and a flight: photos within some meters of each other show the same place."""
    names = [
        f"gps/{f}/{p.name}" for f in ("lund", "berlin", "brighton_beach") for p in sorted((DATA / "gps" / f).iterdir())
    ]
    places = np.array([read_photo(DATA / name).location for name in names], float)
    east = np.cos(np.radians(places[:, 0]))
    meters = 111_320 * np.column_stack([places[:, 1] * east, places[:, 0]])
    apart = np.linalg.norm(meters[:, None] - meters[None], axis=2)
    nearest = np.where(np.eye(len(names), dtype=bool), np.inf, apart).min(axis=1)
    labels = np.where(apart < 40, UNKNOWN, OTHER).astype(np.int8)
    labels[apart <= np.maximum(6.0, 1.05 * nearest[:, None])] = SAME
    np.fill_diagonal(labels, OUT)
    return _scene("gps", "gps", names, names, labels, positions=meters)


def _planar() -> Scene:
    """Six views each of four scenes, and two pairs of landmarks."""
    names = [f"oxford_affine/{s}/img{i}.jpg" for s in ("graf", "boat", "leuven", "bikes") for i in range(1, 7)]
    names += [f"pairs/{p.parent.name}/{p.name}" for p in sorted((DATA / "pairs").glob("*/*.jpg"))]
    folders = np.array([name.rsplit("/", 1)[0] for name in names])
    labels = (folders[:, None] == folders[None]).astype(np.int8)
    np.fill_diagonal(labels, OUT)
    return _scene("planar", "planar", names, names, labels)


def _grocery() -> Scene:
    """Products in shops, two photos of a class from each half; one class may look alike, or not at all."""
    with (DATA / "grocery" / "train.txt").open() as file:
        rows = [line.split(",") for line in file if line.strip()]
    kinds = np.array([int(row[1]) for row in rows])
    database, queries = [], []
    for kind in np.unique(kinds):
        members = np.flatnonzero(kinds == kind)
        database += members[:2].tolist()
        queries += members[2:3].tolist()
    labels = (kinds[queries][:, None] == kinds[database][None]).astype(np.int8)
    known, asked = ([f"grocery/{rows[i][0].strip()}" for i in each] for each in (database, queries))
    return _scene("grocery", "grocery", known, asked, labels, learned=False)


def _views(name: str, of: Scene, count: int, overlay: str = "") -> Scene:
    """Return a scene in which seeded views of some photos of an atlas look for them."""
    chosen = evenly(len(of.database), count)
    queries = [f"{of.database[i]}#view{i % 7}{overlay}" for i in chosen]
    labels = np.zeros((count, len(of.database)), np.int8)
    folders = np.array([each.rsplit("/", 1)[0] for each in of.database])
    for row, i in enumerate(chosen):
        labels[row, folders == folders[i]] = UNKNOWN
        labels[row, i] = SAME
    return _scene(name, of.group, [f"{each}{overlay}" for each in of.database], queries, labels, positions=of.positions)


def scenes() -> list[Scene]:
    """Return all scenes, each with queries from elsewhere."""
    sf, corridor, (near, across), gps = _place_folder("sf_landmarks"), _place_folder("corridor"), _tower(), _gps()
    planar, grocery = _planar(), _grocery()
    made = [
        sf,
        corridor,
        near,
        across,
        gps,
        planar,
        grocery,
        _views("views-gps", gps, 47),
        _views("views-tower", near, 60),
        _views("views-overlay", grocery, 60, "#overlay1"),
    ]
    asking = {each.group: each for each in (sf, corridor, near, gps, planar, grocery)}
    with_guests = {"sf_landmarks", "corridor", "tower-near", "gps", "views-overlay"}
    return [_with_outsiders(each, asking) if each.name in with_guests else each for each in made]


def _with_outsiders(scene: Scene, asking: dict[str, Scene]) -> Scene:
    change = "#overlay1" if scene.name == "views-overlay" else ""
    guests = [
        (group, f"{other.queries[i]}{change}")
        for group, other in asking.items()
        if group != scene.group
        for i in evenly(len(other.queries), min(OUTSIDERS, len(other.queries)))
    ]
    labels = np.zeros((len(guests), len(scene.database)), np.int8)
    return replace(
        scene,
        queries=(*scene.queries, *(name for _, name in guests)),
        query_groups=(*scene.query_groups, *(group for group, _ in guests)),
        labels=np.concatenate([scene.labels, labels]),
    )
