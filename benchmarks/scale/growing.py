"""Atlases of any size for measurements: the databases of two benchmarks, among photos that show none of their places.

The others are mixtures of real local features (`mixtures`). Where even these would not fit the disk, there are codes
only: rows of the compact index, each the code of a mixture with some of its bits changed.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scale.mixtures import Mixture, Mixtures
from placeprint import Atlas
from placeprint.core.threads import map_cores
from placeprint.index.compact_code import HEAD, CompactCode
from placeprint.index.compact_rows import CompactRows
from placeprint.photos import list_photos
from placeprint.presets import load_preset
from placeprint.searching.index_files import IndexFiles
from placeprint.searching.learning import first_state
from placeprint.store import PhotoRecord, Store

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
BENCHMARKS = ("sf_landmarks", "corridor")
SETS = (("sf_landmarks/database", 101), ("corridor/database", 111), ("ie_tower", 175), ("grocery", 100))
"""Where parts of mixtures come from, and from how many photos."""
TOGETHER = 512
CODES_TOGETHER = 16_384
CHANGED = 0.25
"""Share of the bits of a code that are changed."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Grown:
    """An atlas that was made.

    Args:
        path: its folder.
        seconds: what its rows took, and its index; 0 where it was there.
    """

    path: Path
    rows_s: float
    index_s: float


def described_sources(folder: Path, preset: str) -> tuple[Atlas, list[list[int]]]:
    """Return an atlas of the photos that mixtures are made of, with the shipped codebook, and the ids of each set."""
    atlas = Atlas.open_or_create(folder / f"sources-{preset}", preset)
    chosen = []
    for name, count in SETS:
        photos = sorted(list_photos([DATA / name]))
        chosen.append([str(photos[number * len(photos) // count]) for number in range(min(count, len(photos)))])
    atlas.add([path for each in chosen for path in each], learn=False)
    known = atlas.snapshot().usable().of_paths([path for each in chosen for path in each])
    return atlas, [[known[path].id for path in each if path in known] for each in chosen]


def grow(folder: Path, preset: str, photos: int, real: int, say: Say) -> Grown:
    """Make an atlas of a number of photos, or go on with it.

    Args:
        folder: of the atlases.
        preset: its preset.
        photos: the number of photos, those of the databases among them.
        real: of how many of them there are features and descriptors; of the others there are codes.
        say: reports progress.
    """
    path = folder / f"{preset}-{photos}"
    if not path.exists():
        Atlas.create(path, preset)
    sources, sets = described_sources(folder, preset)
    store, began = Store(path), time.perf_counter()
    with store.exclusive():
        state = store.snapshot().state_name or store.save_state(first_state(load_preset(preset)) or {})
        have = len(store.snapshot().photos())
        if not have:
            store.append(list(_copied(sources, [i for each in sets[: len(BENCHMARKS)] for i in each])), state)
            have = len(store.snapshot().photos())
        base = sum(map(len, sets[: len(BENCHMARKS)]))
        if have < min(photos, real):
            mixtures = Mixtures(sources.snapshot(), sets)
            while have < min(photos, real):
                size = min(TOGETHER, min(photos, real) - have)
                store.append(_entries(mixtures, have - base, size), state)
                have += size
                say(f"{have} of {photos} photos, {time.perf_counter() - began:.0f} s")
        nothing = _nothing(sources)
        while have < photos:
            size = min(CODES_TOGETHER, photos - have)
            store.append([(_record(have - base + n, 0), None, nothing) for n in range(size)], state)
            have += size
            say(f"{have} of {photos} rows, {time.perf_counter() - began:.0f} s")
        store.maintain()
    rows_s, began = time.perf_counter() - began, time.perf_counter()
    if real < photos:
        _add_codes(path, photos, real, say)
    Atlas.open(path).prepare()
    return Grown(path, rows_s, time.perf_counter() - began)


def _entries(mixtures: Mixtures, first: int, count: int) -> list[tuple[PhotoRecord, Any, bytes]]:
    made: list[Mixture] = list(mixtures.make(count, seed=first))
    packed = map_cores(lambda each: mixtures.describer.encode_descriptor(each.descriptor), made)
    return [
        (_record(first + number, each.num_keypoints), each.columns, data)
        for number, (each, data) in enumerate(zip(made, packed, strict=True))
    ]


def _record(number: int, num_keypoints: int) -> PhotoRecord:
    path = f"/mixtures/{number // 1000:05d}/{number:08d}.jpg"
    return PhotoRecord(path, f"{number:064x}", 1, 0, 640, 480, None, None, num_keypoints)


def _copied(atlas: Atlas, ids: Sequence[int]) -> Iterator[tuple[PhotoRecord, Any, bytes]]:
    """Yield the rows of photos of another atlas."""
    stored = atlas.snapshot().stored
    records = stored.usable().some(ids)
    for photo in ids:
        (row,) = stored.local.take([photo])
        columns = {name: value for name, value in row.items() if name != "id"}
        (descriptor,) = stored.descriptors_of(np.array([photo]))
        yield dataclasses.replace(records[photo], id=-1), columns, descriptor


def _nothing(atlas: Atlas) -> bytes:
    """Return the bytes of a descriptor without features."""
    describer = atlas.describer
    return describer.encode_descriptor(np.zeros(describer.dim, np.float32))


def _add_codes(path: Path, photos: int, real: int, say: Say) -> None:
    """Fill the compact index with changed codes for the rows that have no descriptor."""
    now = Atlas.open(path).snapshot()
    code, files, ids = CompactCode(now.describer.dim), IndexFiles(path), now.usable().ids
    known = np.concatenate(
        [code.encode(now.rows(part))["signs"] for part in np.array_split(ids[:real], max(1, real // 256))]
    )
    random = np.random.default_rng(0)
    with files.writing():
        kept = files.read(str(now.stored.state_name), code)
        stamp = files.begin(str(now.stored.state_name), code) if kept is None else kept[0]
        if not stamp.rows:
            stamp = files.append(stamp, CompactRows(ids[:real], {"head": known[:, :HEAD], "signs": known}), code)
        for start in range(stamp.rows, photos, CODES_TOGETHER):
            part = ids[start : start + CODES_TOGETHER]
            signs = known[random.integers(len(known), size=len(part))].view(np.uint8)
            # AND of two random bytes sets a quarter of the bits
            flips = random.integers(0, 256, (2, *signs.shape), np.uint8)
            signs = (signs ^ (flips[0] & flips[1])).view(np.uint64)
            stamp = files.append(stamp, CompactRows(part, {"head": signs[:, :HEAD], "signs": signs}), code)
            say(f"{stamp.rows} of {photos} codes")
