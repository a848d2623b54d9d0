"""The probability that two photos show the same place, and further opinions while the answer is uncertain.

1. The first result is that of `match`: XFeat or SIFT with the default matcher, in the rotation that fits best.
2. While the probability is below `evidence.shipped.SURE`, one opinion after another is added: SIFT, which works at any
   rotation; then SIFT with simulated tilts (`features.tilting`), which works for a plane seen from the side.

An opinion is one more line of `OPINIONS`. All results are weighed together (`evidence.two_photos`), so a later opinion
without matches speaks against a weak earlier result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from placeprint.core import registry
from placeprint.evidence.measure import geometry
from placeprint.evidence.record import Values
from placeprint.evidence.shipped import SURE
from placeprint.evidence.two_photos import load_two_photos_model
from placeprint.features.tilting import tilted_features
from placeprint.pairs.matchers import matcher_params
from placeprint.types import Extractor, Image, LocalFeatures, Mask, Verification
from placeprint.verification.two_view import TwoView

FIRST = frozenset({"xfeat", "sift"})
"""Extractors of first looks that the model knows."""
MODELS = frozenset({"auto", "homography", "fundamental"})
"""Models of geometry that the model knows."""
TILTED_SIZE, TILTED_KEYPOINTS = 480, 500
"""Longest side in pixels of the simulated views, and keypoints of each."""


@dataclass(frozen=True)
class Opinion:
    """A way to look at two photos.

    Args:
        extract: gives the features of a photo.
        matcher: name and parameters of the matcher.
    """

    extract: Callable[[Image, Mask | None], LocalFeatures]
    matcher: Mapping[str, Any]

    def verifier(self, like: TwoView) -> TwoView:
        """Return the verifier with the model, the tolerance and the seed of another one."""
        return TwoView(
            matcher=dict(self.matcher), model=like.model, method=like.method, pixels=like.pixels, seed=like.seed
        )


def _sift(image: Image, mask: Mask | None) -> LocalFeatures:
    extractor: Extractor = registry.create("extractors", "sift")
    return extractor.extract(image, mask)


def _tilted(image: Image, mask: Mask | None) -> LocalFeatures:
    extractor: Extractor = registry.create("extractors", "sift", {"max_keypoints": TILTED_KEYPOINTS, "size": 0})
    return tilted_features(extractor, image, mask, size=TILTED_SIZE)


OPINIONS: Mapping[str, Opinion] = MappingProxyType({
    "sift": Opinion(_sift, matcher_params("sift", None)),
    "tilted": Opinion(_tilted, {"name": "nearest", "ratio": 0.8, "far": 10.0}),
})  # fmt: skip
"""Further opinions by the names of `evidence.two_photos.SOURCES`, in the order in which they are requested."""


@dataclass(frozen=True, eq=False)
class Look:
    """What one look found.

    Args:
        features: its source: ``"xfeat"``, ``"sift"`` or ``"tilted"``; or another extractor.
        degrees: counter-clockwise by which the first photo was rotated.
        query: features of the first photo.
        database: features of the second photo.
        check: what geometry found.
    """

    features: str
    degrees: float
    query: LocalFeatures
    database: LocalFeatures
    check: Verification

    def values(self, pixels: float) -> Values:
        """Return the evidence, see `measure.geometry`."""
        return geometry(self.query, self.database, self.check, pixels)


@dataclass(frozen=True, eq=False)
class Weighed:
    """What all looks come to.

    Args:
        look: the one that is shown: the first if it is enough, else the one with the highest significance.
        probability: that both photos show the same place, if half of such pairs do.
        asked: sources of the looks, in order.
    """

    look: Look
    probability: float
    asked: tuple[str, ...]


def weighed(
    first: Look,
    images: tuple[Image, Image],
    masks: tuple[Mask | None, Mask | None],
    verifier: TwoView,
    *,
    further: bool = True,
) -> Weighed:
    """Weigh a first look, and request further opinions while the answer is uncertain.

    Args:
        first: with an extractor of `FIRST` and its default matcher.
        images: both photos, ``(H, W, 3)`` uint8 RGB.
        masks: of both, True where keypoints are allowed.
        verifier: of the first look.
        further: whether opinions are requested at all.
    """
    model, looks = load_two_photos_model(), [first]
    found = {first.features: first.values(verifier.pixels)}
    probability = model.probability(found)
    further = further and bool(len(first.query) and len(first.database))  # a blank photo has nothing for anybody
    for name, opinion in OPINIONS.items():
        if probability >= SURE or not further:
            break
        if name not in found:
            looks.append(look_by(name, opinion, images, masks, verifier))
            found[name] = looks[-1].values(verifier.pixels)
            probability = model.probability(found)
    return Weighed(max(looks, key=lambda look: look.check.strength), probability, tuple(found))


def look_by(
    name: str,
    opinion: Opinion,
    images: tuple[Image, Image],
    masks: tuple[Mask | None, Mask | None],
    verifier: TwoView,
) -> Look:
    """Look at two photos by an opinion; arguments as for `weighed`."""
    query, database = (opinion.extract(image, mask) for image, mask in zip(images, masks, strict=True))
    return Look(name, 0.0, query, database, opinion.verifier(verifier).verify(query, [database])[0])
