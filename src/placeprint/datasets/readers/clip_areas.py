"""Walks in clips: measure whether a frame finds its area, such as the floor of a building, in other clips.

The list is a CSV file (see `placed_photos.read_clips`) with a label, the area, and a split, gallery or query. A query
often has its own clip in the gallery, whose neighboring frames are nearly the same picture. So there are two protocols:
*across clips*, where the frames of the query's own clip are junk, and *plain*, where they count as right.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from placeprint.core.options import Count, checked
from placeprint.datasets.photos.labeled_photos import first_few
from placeprint.datasets.photos.placed_photos import FRAME, PlacedPhotos, read_clips
from placeprint.datasets.retrieval_set import PathSets, RetrievalSet
from placeprint.errors import DatasetError, OptionError

LIST = "dataset.csv"


@checked
def read_clip_areas(
    folder: Path,
    *,
    across: bool = True,
    database: str = "gallery",
    queries: str = "query",
    every: Count = 1,
    same: Sequence[Sequence[str]] = (),
    without: Sequence[str] = (),
) -> RetrievalSet:
    """Read ``dataset.csv`` and the frames it lists.

    Args:
        folder: the folder of the list.
        across: whether the frames of the query's own clip are junk.
        database: the name of the database split.
        queries: the name of the query split.
        every: read only frames whose number it divides.
        same: groups of clips that show the same walk, such as copies.
        without: names of clips to exclude.

    Raises:
        DatasetError: the list has another form or lacks a split, or photos are missing.
        OptionError: a clip of `same` or `without` does not exist.
    """
    parts = [read_clips(folder / LIST, split=each, every=every, without=without) for each in (database, queries)]
    searched, asked = parts
    walks = _walks(searched, asked, same)
    members = {area: np.flatnonzero(_areas(searched) == area) for area in np.unique(_areas(searched))}
    own = {walk: frozenset(p for p in searched.paths if walks[_clip(p)] == walk) for walk in set(walks.values())}
    rows = [members.get(area, np.zeros(0, np.int64)) for area in _areas(asked)]
    if not across:
        return RetrievalSet(folder, "", searched.paths, asked.paths, PathSets(searched.paths, rows))
    of_rows = np.array([walks[_clip(path)] for path in searched.paths])
    kept = [row[of_rows[row] != walks[_clip(path)]] for row, path in zip(rows, asked.paths, strict=True)]
    junk = [own[walks[_clip(path)]] for path in asked.paths]
    return RetrievalSet(folder, "", searched.paths, asked.paths, PathSets(searched.paths, kept), junk)


def _walks(searched: PlacedPhotos, asked: PlacedPhotos, same: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return for each clip the clip that represents its walk."""
    walks = {clip: clip for clip in map(_clip, (*searched.paths, *asked.paths))}
    unknown = [clip for group in same for clip in group if clip not in walks]
    if unknown:
        raise OptionError(f"there is no clip {first_few(unknown)} that could be the same as another")
    for group in same:
        walks |= dict.fromkeys(group, group[0])
    return walks


def _areas(photos: PlacedPhotos) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    if photos.areas is None:
        raise DatasetError("clips must have areas")
    return photos.areas


def _clip(path: str) -> str:
    return path.rpartition("/")[2].partition(FRAME)[0]
