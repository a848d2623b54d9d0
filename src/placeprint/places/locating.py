"""Which place a photo shows, and where that is: a search, the places of the atlas, and a position with a radius.

- The *place* is the one whose photos are the most probable together, so several photos of a place outweigh a single
  one. Its confidence is that of the answer. If a place other than the first candidate's wins, the confidence is
  corrected by how much more probable that place is.
- The *position* comes from all candidates, weighted by the probability of each pair by itself (`graph`).

The survey of the atlas (`survey`) is made once and cached. For a large atlas, a sample is enough for the radius; its
places are complete once all photos are surveyed, for example by ``placeprint places``.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from placeprint.core.options import Count, checked
from placeprint.photos import Picture
from placeprint.places.graph import CANDIDATES, evidence_model, pair_probabilities
from placeprint.places.grouping import PlaceGroup, group_places
from placeprint.places.survey import pair_table, survey_atlas
from placeprint.places.whereabouts import KNOWN, Values, Whereabouts
from placeprint.searching.reader import AtlasReader
from placeprint.store.photo_filter import PhotoFilter
from placeprint.types import Answer, Evidence, KnownPlace, Located, Progress

SURVEYED = 1000
"""Photos of an atlas that are surveyed before its first query is located; more are surveyed when all places are."""
NO_POSITIONS = "no photo of the atlas has a position, so there is no location"
NOT_THESE = "no photo that shows the place has a position, so there is no location"


class Locator:
    """Locates photos in an atlas as it is now; threads may share it.

    Args:
        atlas: of a preset that gives probabilities.
        most: photos surveyed now, at most; None for all.
        progress: called with the count of photos surveyed and of all that are.

    Attributes:
        photos: the record of each photo, by id.
        pairs: the probabilities of the links between them, see `survey.pair_table`.
        places: the places of the atlas, the largest first.

    Raises:
        OptionError: the preset gives no probabilities.
    """

    def __init__(self, atlas: AtlasReader, *, most: int | None = SURVEYED, progress: Progress | None = None) -> None:
        self._atlas = atlas
        now = atlas.snapshot()
        self.photos = photos = dict(now.usable().items())
        self._model = evidence_model(now)
        survey = survey_atlas(atlas, most=most, progress=progress)
        known = {photo: seen for photo, seen in survey.items() if photo in photos}
        self.pairs = pairs = {
            pair: p for pair, p in pair_table(known).items() if pair[0] in photos and pair[1] in photos
        }
        self.places: Sequence[PlaceGroup] = group_places(photos, pairs)
        self._place_of = {photo: place for place in self.places for photo in place.photos}
        self._where = Whereabouts(photos, known)

    @checked
    def locate(
        self,
        photo: Picture,
        *,
        top: Count = 5,
        rotations: bool = True,
        exclude: Collection[str] = (),
        within: PhotoFilter | None = None,
    ) -> Located:
        """Locate a photo; arguments and errors are those of `Atlas.locate`."""
        answer = self._atlas.search(
            photo, top=max(top, CANDIDATES), rotations=rotations, exclude=exclude, within=within
        )
        return self.located(answer, top=top)

    def located(
        self, answer: Answer, *, top: int = 5, unseen: Collection[int] = (), weights: Values | None = None
    ) -> Located:
        """Return what an answer of the atlas says.

        Args:
            answer: with at least `CANDIDATES` candidates, if there are that many.
            top: the number of candidates to return.
            unseen: ids of photos that nothing is learned from, see `whereabouts`.
            weights: ``(n,)`` probabilities of the candidates that are more than those of the pairs, as those of a
                sequence; then the confidence is not moved.
        """
        began = time.perf_counter()
        place, confidence = self._place(answer, moved=weights is None)
        known = confidence >= KNOWN and place is not None
        ids = np.array([each.id for each in answer.evidence], np.int64)
        if weights is None:
            weights = np.array(pair_probabilities(answer, self._model))
        location = self._where.locate(ids, weights, unseen) if known else None
        shown = KnownPlace(place.id, place.label) if known and place is not None else None
        seconds = answer.seconds | {"locate": time.perf_counter() - began}
        return Located(
            shown,
            confidence,
            location,
            self._where.distances(location, ids[:top]),
            replace(answer, evidence=answer.evidence[:top], seconds=seconds),
            self._note(answer, known=known, located=location is not None),
        )

    def _place(self, answer: Answer, *, moved: bool) -> tuple[PlaceGroup | None, float]:
        """Return the place whose photos are the most probable together, and the confidence of that."""
        if not answer.evidence or answer.confidence is None:
            return None, 0.0
        sums: dict[str, float] = {}
        for each in answer.evidence:
            name = self._name(each)
            sums[name] = sums.get(name, 0.0) + (each.probability or 0.0)
        first = self._name(answer.evidence[0])
        best = max(sums, key=lambda name: sums[name])
        chosen = next(each for each in answer.evidence if self._name(each) == best)
        ratio = sums[best] / sums[first] if moved and sums[first] else 1.0
        return self._group(chosen), min(1.0, answer.confidence * ratio)

    def _group(self, candidate: Evidence) -> PlaceGroup:
        """Return the place of a candidate; of a photo that was added meanwhile, the photo itself."""
        return self._place_of.get(candidate.id) or PlaceGroup(
            str(candidate.id), candidate.path, (candidate.id,), candidate.location
        )

    def _name(self, candidate: Evidence) -> str:
        return self._group(candidate).id

    def _note(self, answer: Answer, *, known: bool, located: bool) -> str | None:
        if answer.note is not None or not known or located:
            return answer.note
        return NOT_THESE if self._where.positions else NO_POSITIONS
