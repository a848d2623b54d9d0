"""A survey of an atlas: each photo is searched once among the others, using its stored features.

For each photo, a survey stores the confidence of its answer and its candidates. Places are grouped by it, and the
radius of positions is learned from it. It is cached in the folder ``cache`` of the atlas, which may be deleted at any
time. After photos are added, only those are searched. After the atlas learns a new codebook or is calibrated, or if the
evidence model changes, all photos are searched again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.core.numerics import evenly
from placeprint.core.options import Count, checked
from placeprint.evidence.model import to_probability
from placeprint.evidence.shipped import EvidenceModel
from placeprint.places.graph import CANDIDATES, CHUNK, LEAST, evidence_model, log_odds, pair_probabilities
from placeprint.places.kept import Arrays, answers_key, cache_of, prints_of, read_kept, write_kept
from placeprint.searching.reader import AtlasReader
from placeprint.searching.snapshot import Snapshot
from placeprint.types import Answer, Ids, Progress

FILE = "survey.npz"
VERSION = 1
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Seen:
    """What one photo says of the others.

    Args:
        confidence: that its first candidate is right and its place in the atlas.
        others: ``(k,)`` ids of its candidates, the most probable first.
        probabilities: ``(k,)`` of the candidates, as of `Evidence.probability`.
        pairs: ``(k,)`` probabilities of the pairs by themselves, see `graph.pair_probabilities`.
        inliers: ``(k,)`` verified matches, 0 where geometry did not look.
    """

    confidence: float
    others: Ids
    probabilities: Values
    pairs: Values
    inliers: Ids


Survey = Mapping[int, Seen]
"""What photos say, by their ids."""


def seen_of(answer: Answer, model: EvidenceModel) -> Seen:
    """Return what an answer says."""
    return Seen(
        answer.confidence or 0.0,
        np.array([each.id for each in answer.evidence], np.int64),
        np.array([each.probability or 0.0 for each in answer.evidence]),
        np.array(pair_probabilities(answer, model)),
        np.array([each.num_inliers or 0 for each in answer.evidence], np.int64),
    )


def pair_table(survey: Survey, least: float = LEAST) -> dict[tuple[int, int], float]:
    """Return the probabilities of pairs of photos (smaller id first) that geometry confirms.

    The log odds of both directions are averaged, if both photos were verified against each other.

    Args:
        survey: what photos say.
        least: probability below which a pair is skipped.
    """
    said: dict[tuple[int, int], list[float]] = {}
    confirmed = set()
    for photo, seen in survey.items():
        for other, probability, inliers in zip(seen.others.tolist(), seen.pairs, seen.inliers, strict=True):
            pair = (min(photo, other), max(photo, other))
            said.setdefault(pair, []).append(log_odds(float(probability)))
            if inliers:
                confirmed.add(pair)
    joined = {pair: float(to_probability(np.array(np.mean(said[pair])))) for pair in sorted(confirmed)}
    return {pair: probability for pair, probability in joined.items() if probability >= least}


@checked
def survey_atlas(atlas: AtlasReader, *, most: Count | None = None, progress: Progress | None = None) -> Survey:
    """Return the survey of an atlas: what is kept of an earlier one, and the photos that are missing in it.

    Args:
        atlas: of a preset that gives probabilities.
        most: photos that are searched now, at most, spread over those that are missing; None for all.
        progress: called with the count of photos done and of all that are searched now.

    Raises:
        OptionError: the preset gives no probabilities.
    """
    now = atlas.snapshot()
    model, kept = evidence_model(now), _Kept(now)
    found = kept.read()
    missing = [photo for photo in sorted(now.usable()) if photo not in found]
    if most is not None and len(missing) > most:
        missing = [missing[place] for place in evenly(len(missing), most)]
    for start in range(0, len(missing), CHUNK):
        chunk = missing[start : start + CHUNK]
        answers = atlas.search_stored(chunk, top=CANDIDATES, likely=LEAST)
        found |= {photo: seen_of(answer, model) for photo, answer in answers.items()}
        if progress is not None:
            progress(start + len(chunk), len(missing))
    if missing:
        kept.write(found)
    return found


class _Kept:
    """The survey that is kept beside an atlas.

    Args:
        now: the atlas.
    """

    def __init__(self, now: Snapshot) -> None:
        self._prints = prints_of(now)
        self._path = cache_of(now) / FILE
        self._key = f"{VERSION} {answers_key(now)}"

    def read(self) -> dict[int, Seen]:
        """Return the cached survey of the current photos; nothing if it is damaged or for another state."""
        held = read_kept(self._path, self._key)
        if not held:
            return {}
        ends = np.cumsum(held["counts"])
        rows = zip(
            held["photos"].tolist(),
            held["prints"].tolist(),
            held["confidences"].tolist(),
            *(np.split(held[name], ends[:-1]) for name in ("others", "probabilities", "pairs", "inliers")),
            strict=True,
        )
        found = {}
        for photo, known, confidence, others, probabilities, pairs, inliers in rows:
            if self._prints.get(photo) == known:
                there = np.isin(others, list(self._prints))
                found[photo] = Seen(confidence, others[there], probabilities[there], pairs[there], inliers[there])
        return found

    def write(self, survey: Survey) -> None:
        """Keep a survey; where the folder cannot be written, it is not kept."""
        photos = [photo for photo in survey if photo in self._prints]
        each = [survey[photo] for photo in photos]
        arrays: Arrays = {
            "photos": np.array(photos, np.int64),
            "prints": np.array([self._prints[photo] for photo in photos]),
            "confidences": np.array([seen.confidence for seen in each]),
            "counts": np.array([len(seen.others) for seen in each], np.int64),
        }
        for name in ("others", "probabilities", "pairs", "inliers"):
            arrays[name] = np.concatenate([getattr(seen, name) for seen in each])
        write_kept(self._path, self._key, arrays)


def neighbors_of(pairs: Mapping[tuple[int, int], float], photos: Sequence[int]) -> dict[int, dict[int, float]]:
    """Return for each photo the probabilities of its pairs, by the other photo."""
    found: dict[int, dict[int, float]] = {photo: {} for photo in photos}
    for (first, second), probability in pairs.items():
        if first in found and second in found:
            found[first][second] = found[second][first] = probability
    return found
