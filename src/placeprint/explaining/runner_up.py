"""The runner-up of an answer: the best candidate of another place.

Several photos of an atlas may show one place, so a candidate that came second may show the place of the first one, and
says nothing against it. Two photos show one place if the places of the atlas say so. Where these are not known, or say
nothing because one of the photos is a place by itself, the photos are compared: they show one place if both are the
query's place, if they are more similar to each other than the query is to the first one, or if geometry confirms that
their points fit, unless their positions are too far apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from placeprint.core.plane import distances
from placeprint.evidence.measure import geometry
from placeprint.evidence.record import OF_VERIFICATIONS
from placeprint.explaining.reasons import STILL
from placeprint.index.flat import FlatIndex
from placeprint.places.grouping import APART, PlaceGroup
from placeprint.searching.snapshot import Snapshot
from placeprint.searching.stored_voters import DESCRIPTOR, default_mode
from placeprint.types import Evidence, Floats, PhotoFeatures

SAME = "same place"
PIXELS = 8.0
"""Residual of a verified match, in pixels of a photo whose longest side has 640."""
STATIC = [name for name, *_ in OF_VERIFICATIONS].index("static")


def runner_up(
    now: Snapshot,
    first: Evidence,
    candidates: Iterable[Evidence],
    kept: Mapping[int, PhotoFeatures],
    place_of: Mapping[int, PlaceGroup],
) -> Evidence | None:
    """Return the best candidate of another place than the first one's; None if there is none.

    Args:
        now: the atlas.
        first: the best candidate.
        candidates: all of them, the best first.
        kept: the stored features of all candidates, by id.
        place_of: the places of photos by id, as far as they are known.
    """
    others = (each for each in candidates if each.id != first.id)
    return next((each for each in others if not _one_place(now, first, each, kept, place_of)), None)


def ranks_by_descriptor(now: Snapshot) -> bool:
    """Return whether an atlas ranks photos by one similarity of descriptors that it computes itself."""
    return default_mode(now.preset) == DESCRIPTOR and bool(now.describer.branches)


def stored_descriptor(now: Snapshot, features: PhotoFeatures) -> Floats:
    """Return the descriptor that a search compares with: of the stored features, as it is stored and indexed."""
    describer = now.describer
    vector = describer.decode_descriptors([describer.encode_descriptor(describer.descriptor(features))])
    index = now.preset.index.make()
    if isinstance(index, FlatIndex):
        index.add(np.zeros(1, np.int64), vector)
        vector = index.rows(np.zeros(1, np.int64))
    return np.asarray(vector[0], np.float32)


def _one_place(
    now: Snapshot,
    first: Evidence,
    other: Evidence,
    kept: Mapping[int, PhotoFeatures],
    place_of: Mapping[int, PlaceGroup],
) -> bool:
    """Return whether a candidate shows the place of the first one."""
    groups = place_of.get(first.id), place_of.get(other.id)
    if groups[0] is not None and groups[1] is not None:
        if groups[0].id == groups[1].id:
            return True
        if min(len(each.photos) for each in groups if each is not None) > 1:
            return False
    if _far_apart(first.location, other.location):
        return False
    pair = kept[first.id], kept[other.id]
    return other.verdict == SAME or _more_similar(now, first, pair) or _confirmed(now, pair)


def _far_apart(first: tuple[float, float] | None, other: tuple[float, float] | None) -> bool:
    return first is not None and other is not None and distances(np.array([first]), np.array(other))[0] > APART


def _more_similar(now: Snapshot, first: Evidence, pair: tuple[PhotoFeatures, PhotoFeatures]) -> bool:
    """Return whether two photos are as similar as the query and the first of them, which may show its place."""
    if first.verdict not in {SAME, "possible"} or not ranks_by_descriptor(now):
        return False
    one, two = (stored_descriptor(now, each) for each in pair)
    return float(one @ two) >= first.similarity


def _confirmed(now: Snapshot, pair: tuple[PhotoFeatures, PhotoFeatures]) -> bool:
    """Return whether geometry confirms two photos, by more than what a camera writes on each."""
    first, second = pair[0][0], pair[1][0]
    verifier = now.preset.verifier.make()
    (check,) = verifier.verify(first, [second])
    return verifier.verdict(check) == SAME and not geometry(first, second, check, PIXELS)[STATIC] > STILL
