"""How often the keypoints of each visual word are verified in an atlas: lasting structure against passing objects.

Each link of the match graph verifies some keypoints of its two photos. The rate of a word is the share of its keypoints
in linked photos that any link verifies, regularized toward the mean of all words if it has few keypoints. Photos
without links are ignored, because no other photo shows their places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from placeprint.aggregation.vlad import VLAD
from placeprint.describing.describer import Branch
from placeprint.describing.word_weights import WordWeights, has_words, weights_of
from placeprint.errors import OptionError
from placeprint.places.graph import Link, match_graph
from placeprint.searching.learning import in_parts
from placeprint.searching.reader import AtlasReader
from placeprint.types import Floats, Ids, LocalFeatures, Progress

LEAST = 0.5
"""Probability of a link that says which keypoints belong to a place."""
PRIOR = 20.0
"""Keypoints that the mean of all words counts for in the rate of each."""
FEWEST = 10
"""Links, at least, that weights are learned from."""


def learned_weights(atlas: AtlasReader, *, progress: Progress | None = None) -> tuple[WordWeights, int]:
    """Return weights of visual words learned from the links of an atlas, and the number of links.

    Args:
        atlas: of a preset that gives probabilities, and whose first extractor has a VLAD.
        progress: called with the count of photos searched and of all.

    Raises:
        OptionError: the preset gives no probabilities or has no such VLAD, or there are fewer than `FEWEST` links.
    """
    branches = [each for each in atlas.describer.branches if each.source == 0 and has_words(each.aggregator)]
    if not branches:
        raise OptionError(f"the preset {atlas.preset!r} has no VLAD of the keypoints that are verified")
    links = match_graph(atlas, least=LEAST, progress=progress).links
    if len(links) < FEWEST:
        raise OptionError(
            f"the atlas has {len(links)} links between photos of one place; weighing words needs at least {FEWEST}"
        )
    verified = verified_keypoints(links)
    return {each.name: weights_of(_rates(atlas, each, verified)) for each in branches}, len(links)


def verified_keypoints(links: Sequence[Link]) -> dict[int, Ids]:
    """Return the numbers of the keypoints of each linked photo that a link verifies."""
    found: dict[int, set[int]] = {}
    for link in links:
        check = link.verification
        for photo, keypoints in zip((link.first, link.second), check.matches[check.inliers].T, strict=True):
            found.setdefault(photo, set()).update(keypoints.tolist())
    return {photo: np.array(sorted(numbers), np.int64) for photo, numbers in found.items()}


def rates_of(words: Sequence[NDArray[np.intp]], verified: Sequence[Ids], count: int) -> Floats:
    """Return ``(count,)`` the share of the keypoints of each word that are verified, drawn toward the mean.

    Args:
        words: the word of each keypoint, by photo.
        verified: the numbers of the verified keypoints, by photo.
        count: of all words.
    """
    everywhere = np.bincount(np.concatenate(words), minlength=count)
    chosen = np.concatenate([each[numbers] for each, numbers in zip(words, verified, strict=True)])
    mean = max(len(chosen), 1) / max(int(everywhere.sum()), 1)
    return np.asarray((np.bincount(chosen, minlength=count) + PRIOR * mean) / (everywhere + PRIOR), np.float32)


def _rates(atlas: AtlasReader, branch: Branch, verified: dict[int, Ids]) -> Floats:
    aggregator = branch.aggregator
    if not isinstance(aggregator, VLAD):
        raise OptionError("only the words of a VLAD are weighed")
    ids = sorted(verified)
    words = [aggregator.residuals(features)[0][:, 0] for features in _features(atlas, ids)]
    return rates_of(words, [verified[photo] for photo in ids], aggregator.num_words)


def _features(atlas: AtlasReader, ids: Sequence[int]) -> Iterator[LocalFeatures]:
    now = atlas.snapshot()
    for part in in_parts(ids):
        yield from now.features_of(part, 0)
