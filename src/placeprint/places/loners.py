"""Photos without a probable match: rotated ones, and lone ones.

Photos are compared as they are stored, so rotated photos form separate parts of the match graph. Two things connect
parts by a quarter rotation: copies of one shot, and a search for a photo without a probable link, from its file, in all
rotations. Then the photos of the smaller part are the rotated ones; if both parts have the same size, it is unknown
which is rotated.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from placeprint.errors import PhotoError
from placeprint.places.components import part_of_each
from placeprint.places.findings import Finding
from placeprint.places.kept import constants_key, is_unchanged
from placeprint.places.kept_searches import KeptSearches, Looked
from placeprint.searching.reader import AtlasReader
from placeprint.store import PhotoRecord
from placeprint.types import Answer, Evidence, Floats, Progress

LIKELY = 0.5
"""Probability from which a link counts, and certainty from which a photo is alone."""
FAIR = 0.3
"""Probability from which a candidate says how the photo is rotated."""
QUARTER = 20.0
"""Degrees from a quarter rotation, at most."""

Neighbors = Mapping[int, Mapping[int, float]]


@dataclass(frozen=True)
class Joined:
    """A photo that another shows after a quarter rotation.

    Args:
        photo: its id.
        other: the id of the other.
        quarter: degrees counter-clockwise by which the photo has to be rotated: 90, 180 or 270.
        certainty: that it is so.
    """

    photo: int
    other: int
    quarter: int
    certainty: float


def loners(
    atlas: AtlasReader,
    photos: Mapping[int, PhotoRecord],
    neighbors: Neighbors,
    copies: Mapping[tuple[str, str], float] | None = None,
    *,
    progress: Progress | None = None,
) -> Iterator[Finding]:
    """Yield the photos of an atlas that are rotated or alone.

    Args:
        atlas: whose photos are searched again.
        photos: the record of each, by id.
        neighbors: the probabilities of the pairs of each photo, by the ids of the others.
        copies: of two files of one shot, the degrees by which the first has to be rotated to look like the second.
        progress: called with the count of photos searched and of all.
    """
    ids = {record.path: photo for photo, record in photos.items()}
    joined = [
        Joined(ids[first], ids[second], quarter, 0.99)
        for (first, second), degrees in (copies or {}).items()
        if (quarter := _quarter(degrees)) and first in ids and second in ids
    ]
    few = {photo: chance for photo in photos if (chance := _alone(neighbors[photo])) >= LIKELY}
    looked = _looked(atlas, {photo: photos[photo] for photo in few}, progress)
    joined += [
        Joined(photo, other, quarter, each.confidence)
        for photo, each in looked.items()
        for other, quarter in each.rotated.items()
    ]
    shown = {each.best for each in looked.values()}
    alone = [
        (photo, min(few[photo], 1 - each.confidence))
        for photo, each in looked.items()
        if photo not in shown and not each.others
    ]
    rotated = dict(_smaller_parts(neighbors, joined))
    for photo, by in rotated.items():
        other = photos[by.other].path
        detail = f"rotate it by {by.quarter} degrees counter-clockwise, and it shows what {other} shows"
        yield Finding(photos[photo].path, "rotated", detail, round(by.certainty, 4), (other,))
    for photo, chance in alone:
        if photo not in rotated and chance >= LIKELY:
            yield Finding(photos[photo].path, "alone", "no other photo shows the same thing", round(chance, 4))


def rotation_of(points: Floats) -> float:
    """Return the degrees counter-clockwise by which a photo has to be rotated so that its points look like others.

    Args:
        points: ``(m, 2, 2)``, a point in the photo and the same one in the other; the rotation is that of the best
            similarity transform (Umeyama, PAMI 1991).

    Example:
        >>> rotation_of(np.array([[[0, 0], [0, 9]], [[9, 0], [0, 0]]], np.float32))
        90.0
    """
    here, there = (points[:, side].astype(np.float64) - points[:, side].mean(axis=0) for side in (0, 1))
    dot, cross = float((here * there).sum()), float((here[:, 0] * there[:, 1] - here[:, 1] * there[:, 0]).sum())
    return -math.degrees(math.atan2(cross, dot)) % 360


def _looked(atlas: AtlasReader, photos: Mapping[int, PhotoRecord], progress: Progress | None) -> dict[int, Looked]:
    """Return what photos show of the others, by searches that are remembered; not of those that cannot be read."""
    kept = KeptSearches(atlas.snapshot(), constants_key(sys.modules[__name__]))
    found = {photo: each for photo, each in kept.read(photos).items() if is_unchanged(photos[photo])}
    missing = [photo for photo in photos if photo not in found]
    for done, photo in enumerate(missing, start=1):
        path = photos[photo].path
        with contextlib.suppress(PhotoError):  # which is another finding
            found[photo] = _seen(atlas.search(path, exclude=[path], top=10))
        if progress is not None:
            progress(done, len(missing))
    if missing:
        kept.write({photo: each for photo, each in found.items() if is_unchanged(photos[photo])})
    return found


def _seen(answer: Answer) -> Looked:
    """Return what an answer says, if it is likely right."""
    confidence = answer.confidence or 0.0
    rotated = {
        each.id: quarter
        for each in answer.evidence
        if confidence >= LIKELY and (each.probability or 0.0) >= FAIR and (quarter := _quarter_of(each))
    }
    return Looked(confidence, None if answer.best is None else answer.best.id, rotated)


def _alone(pairs: Mapping[int, float]) -> float:
    """Return the probability that no pair of a photo shows one place."""
    return math.prod(1 - probability for probability in pairs.values())


def _quarter(degrees: float) -> int:
    """Return the quarter rotation that an angle is near to, or 0 if it is near to none."""
    quarter = round(degrees / 90) * 90
    return quarter % 360 if abs(degrees - quarter) <= QUARTER else 0


def _quarter_of(evidence: Evidence) -> int:
    check = evidence.verification
    if check is None or check.num_inliers < 2:
        return 0
    return _quarter(rotation_of(check.points[check.inliers]))


def _smaller_parts(neighbors: Neighbors, joined: Sequence[Joined]) -> Iterator[tuple[int, Joined]]:
    """Yield each photo of a part of the graph that a larger part shows after a rotation, and what joins them."""
    links = [(photo, other) for photo, pairs in neighbors.items() for other, p in pairs.items() if p >= LIKELY]
    parts = part_of_each(sorted(neighbors), links)
    for each in sorted(joined, key=lambda each: each.certainty):
        back = Joined(each.other, each.photo, 360 - each.quarter, each.certainty)
        for by in (each, back):
            if len(parts[by.photo]) < len(parts[by.other]):
                yield from ((photo, by) for photo in parts[by.photo])
