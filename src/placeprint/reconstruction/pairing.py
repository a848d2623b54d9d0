"""The image pairs of an atlas for a reconstruction, and the names of its images."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from placeprint.core.csv_files import csv_text
from placeprint.core.files import common_folder
from placeprint.core.options import Count, Range, checked
from placeprint.core.outputs import MADE_BY
from placeprint.places.graph import MatchGraph
from placeprint.store import PhotoRecord

PER_PHOTO = 20
"""Pairs per photo."""


@dataclass(frozen=True)
class ImagePair:
    """Two photos to match.

    Args:
        first: the smaller id.
        second: the larger id.
        probability: that they show the same place; None for neighbors in a sequence that nothing is known of.
        inliers: verified matches.
    """

    first: int
    second: int
    probability: float | None
    inliers: int


@dataclass(frozen=True)
class NamedPhotos:
    """The photos of an atlas by names below one folder, as COLMAP and hloc call images.

    Args:
        root: the folder.
        names: the name of each photo by id, with ``/`` between folders.
    """

    root: Path
    names: Mapping[int, str]

    @classmethod
    def of(cls, photos: Mapping[int, PhotoRecord]) -> NamedPhotos:
        """Name photos below the folder that all of them share."""
        root = common_folder(record.path for record in photos.values())
        names = {number: Path(os.path.relpath(record.path, root)).as_posix() for number, record in photos.items()}
        return cls(root, names)


@checked
def image_pairs(
    graph: MatchGraph, *, per_photo: Count = PER_PHOTO, sequence: Annotated[int, Range(0, 1000)] = 0
) -> list[ImagePair]:
    """Return the pairs to match, in the order of their ids.

    Args:
        graph: the match graph of the atlas.
        per_photo: the most probable links of each photo; a photo may have more, as the partner of others.
        sequence: photos of one folder, in the order of their names, are also matched with this many that follow.
    """
    chosen: dict[tuple[int, int], ImagePair] = {}
    for photo in graph.photos:
        for link in graph.of(photo)[:per_photo]:
            pair = (link.first, link.second)
            chosen[pair] = ImagePair(*pair, link.probability, link.verification.num_inliers)
    for pair in _followers(graph.photos, sequence):
        chosen.setdefault(pair, ImagePair(*pair, None, 0))
    return [chosen[pair] for pair in sorted(chosen)]


def _followers(photos: Mapping[int, PhotoRecord], count: int) -> list[tuple[int, int]]:
    folders: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for number, record in photos.items():
        path = Path(record.path)
        folders[str(path.parent)].append((path.name, number))
    found = []
    for members in folders.values():
        ids = [number for _, number in sorted(members)]
        found += [
            (min(one, other), max(one, other))
            for place, one in enumerate(ids)
            for other in ids[place + 1 : place + 1 + count]
        ]
    return found


def pair_lines(pairs: Sequence[ImagePair], names: Mapping[int, str], form: str) -> str:
    """Return a file of pairs.

    Args:
        pairs: the pairs.
        names: the name of each photo.
        form: ``"colmap"`` and ``"hloc"``: two names in a line, COLMAP's after a comment; ``"csv"``: with probability
            and inliers.
    """
    if form == "csv":
        rows = [
            (
                names[pair.first],
                names[pair.second],
                "" if pair.probability is None else f"{pair.probability:.4f}",
                pair.inliers,
            )
            for pair in pairs
        ]
        return csv_text(("first", "second", "probability", "inliers"), rows)
    head = f"# {MADE_BY}\n" if form == "colmap" else ""
    return head + "".join(f"{names[pair.first]} {names[pair.second]}\n" for pair in pairs)
