"""The facts behind the answer to one photo.

Everything comes from the same measurements as the answer: the candidates with their evidence, the similarity of the
first one split over the keypoints of both photos (`describing.contributions`), and the first candidate of another
place, with the reasons why it lost. `page` shows this, and `as_data` returns it as JSON.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from placeprint.atlas import Atlas
from placeprint.describing.contributions import Contributions, contributions
from placeprint.errors import OptionError
from placeprint.evidence.measure import geometry
from placeprint.evidence.record import OF_VERIFICATIONS, VERIFICATIONS
from placeprint.evidence.shipped import POSSIBLE, SURE
from placeprint.explaining.reasons import Reason, reasons, why_lost
from placeprint.explaining.runner_up import PIXELS, ranks_by_descriptor, runner_up, stored_descriptor
from placeprint.photos import Photo, Picture, read_photo
from placeprint.places.locating import Locator
from placeprint.searching.snapshot import Snapshot
from placeprint.types import Answer, Evidence, Located, PhotoFeatures

State = Literal["found", "perhaps", "absent", "nothing"]
OF_VERDICT: Mapping[str, State] = {"same place": "found", "possible": "perhaps"}
CANDIDATES = 20
"""Candidates among which another place is looked for."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why an atlas answers a photo as it does.

    Args:
        query: the photo.
        answer: the answer, with up to `CANDIDATES` candidates.
        located: the place and the position that follow from it; None if places were not requested.
        first: the best candidate of the answer's place, or the most probable one; None if there is none.
        rival: the best candidate of another place, or None.
        facts: what was measured of the first candidate, by the names of `placeprint.evidence.FIELDS`.
        reasons: what speaks for and against the first candidate, in words.
        why_rival_lost: in a sentence; empty without a rival.
        of_query: the similarity of the first candidate, split over the query's keypoints, or None.
        of_candidate: the same over the candidate's keypoints, or None.
        not_taken_apart: why there are no contributions; empty if there are.
        photos: number of photos in the atlas.
    """

    query: Photo
    answer: Answer
    located: Located | None
    first: Evidence | None
    rival: Evidence | None
    facts: Mapping[str, float]
    reasons: tuple[Reason, ...]
    why_rival_lost: str
    of_query: Contributions | None
    of_candidate: Contributions | None
    not_taken_apart: str
    photos: int

    @property
    def confidence(self) -> float | None:
        """Probability that the answer is right; None in presets that do not weigh evidence."""
        return self.answer.confidence if self.located is None else self.located.confidence

    @property
    def label(self) -> str:
        """Name of the place, or of the photo that shows it."""
        if self.located is not None and self.located.place is not None:
            return self.located.place.label
        return "" if self.first is None else Path(self.first.path).name

    @property
    def state(self) -> State:
        """Whether the place was found."""
        if self.first is None:
            return "nothing"
        sure = self.confidence
        if sure is None:
            return OF_VERDICT.get(self.first.verdict, "absent")
        if self.answer.best is not None and self.first is self.answer.evidence[0]:
            return "found"
        return "found" if sure >= SURE else "perhaps" if sure >= POSSIBLE else "absent"


def explain(
    atlas: Atlas,
    photo: Picture,
    *,
    locator: Locator | None = None,
    verify: int = 50,
    rotations: bool = True,
    exclude: Collection[str] = (),
) -> Explanation:
    """Return why an atlas answers a photo as it does.

    Args:
        atlas: the atlas.
        photo: anything that `read_photo` accepts.
        locator: of the atlas, for the place and the position; None to explain the search alone.
        verify: the number of candidates checked by geometry.
        rotations: whether to try rotations of the photo if nothing is confirmed upright.
        exclude: photos of the atlas to exclude, by their paths in it.

    Raises:
        PhotoError: the photo cannot be used.
    """
    query = read_photo(photo)
    answer = atlas.search(query.image, top=CANDIDATES, verify=verify, rotations=rotations, exclude=exclude)
    now = atlas.snapshot()
    count = len(now.usable())
    if not answer.evidence:
        why = answer.note or "there are no candidates"
        return Explanation(query, answer, None, None, None, {}, (), "", None, None, why, count)
    located = None if locator is None else locator.located(answer, top=CANDIDATES)
    kept = dict(now.features([each.id for each in answer.evidence]))
    first, rival = _first_and_rival(now, answer, located, locator, kept)
    facts = dict(first.known) or _measured(answer, first, kept[first.id])
    of_query, of_candidate, why_not = _contributions(now, query, answer, kept[first.id])
    return Explanation(
        query,
        answer,
        located,
        first,
        rival,
        facts,
        reasons(first, facts, rival),
        "" if rival is None else why_lost(first, rival),
        of_query,
        of_candidate,
        why_not,
        count,
    )


def _first_and_rival(
    now: Snapshot,
    answer: Answer,
    located: Located | None,
    locator: Locator | None,
    kept: Mapping[int, PhotoFeatures],
) -> tuple[Evidence, Evidence | None]:
    """Return the best candidate of the answer's place, and the best of another place."""
    first, place_of = answer.evidence[0], {}
    if located is not None and locator is not None:
        place_of = {photo: place for place in locator.places for photo in place.photos}
        if located.place is not None:
            own = {photo for photo, place in place_of.items() if place.id == located.place.id}
            first = next((each for each in answer.evidence if each.id in own), first)
    return first, runner_up(now, first, answer.evidence, kept, place_of)


def _measured(answer: Answer, first: Evidence, features: PhotoFeatures) -> dict[str, float]:
    """Return the facts of geometry, for presets that do not weigh evidence."""
    if first.verification is None:
        return {}
    values = geometry(answer.features, features[0], first.verification, PIXELS)
    names = (f"{VERIFICATIONS[0]}.{name}" for name, *_ in OF_VERIFICATIONS)
    return {name: float(value) for name, value in zip(names, values, strict=True) if not math.isnan(value)}


def _contributions(
    now: Snapshot, query: Photo, answer: Answer, features: PhotoFeatures
) -> tuple[Contributions | None, Contributions | None, str]:
    """Return the similarity split over the keypoints of the query and of the candidate, or why it has no parts."""
    if not ranks_by_descriptor(now):
        return None, None, "the preset ranks photos by votes of single keypoints, not by one similarity"
    describer = now.describer
    own = describer.query_features(query.image, answer.rotation)
    try:
        of_query = contributions(describer, own, stored_descriptor(now, features))
        return of_query, contributions(describer, features, describer.descriptor(own)), ""
    except OptionError as error:
        return None, None, str(error)
