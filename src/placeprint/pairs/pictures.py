"""Match two photos with a dense matcher, which works on both pictures at once and needs no extractor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core import registry
from placeprint.core.options import check_name
from placeprint.pairs.opinions import Look
from placeprint.types import Floats, Image, Mask, PictureMatcher
from placeprint.verification.transforms import Cameras
from placeprint.verification.two_view import TwoView

KIND = "picture-matchers"
NamedMatcher = tuple[str, PictureMatcher]
"""A matcher of pictures and its name."""


def picture_matcher(matcher: str | Mapping[str, Any] | None) -> NamedMatcher | None:
    """Return the name and the matcher of pictures that is meant, or None if it is one of features.

    Raises:
        OptionError: a parameter is unknown, or out of its range.
    """
    params = dict(matcher) if isinstance(matcher, Mapping) else {"name": matcher}
    name = params.pop("name", None)
    if name not in registry.names(KIND):
        return None
    made: PictureMatcher = registry.create(KIND, str(name), params)
    return str(name), made


def asked_matcher(ask: str | Mapping[str, Any] | None) -> NamedMatcher | None:
    """Return the name and the dense matcher that runs last; None if there is none.

    Raises:
        OptionError: there is no such matcher of pictures, a parameter is unknown, or out of its range.
    """
    if ask is None:
        return None
    check_name("matcher of pictures", ask.get("name") if isinstance(ask, Mapping) else ask, registry.names(KIND))
    return picture_matcher(ask)


def look_at_pictures(
    named: NamedMatcher,
    verifier: TwoView,
    images: tuple[Image, Image],
    allowed: tuple[Mask | None, Mask | None],
    cameras: Cameras | None,
) -> Look:
    """Return what a matcher of pictures finds in two upright photos, verified; points outside of masks are dropped."""
    name, matcher = named
    found = matcher.match_pictures(*images)
    kept = inside(found.query, images[0], allowed[0]) & inside(found.candidate, images[1], allowed[1])
    sizes = [(image.shape[1], image.shape[0]) for image in images]
    first, second, matches = found[kept].as_features(sizes[0], sizes[1])
    return Look(name, 0.0, first, second, verifier.check(first, second, matches, cameras))


def inside(points: Floats, image: Image, mask: Mask | None) -> NDArray[np.bool_]:
    """Return which of ``(m, 2)`` points are finite, inside an image, and where its mask is True."""
    sides = np.array(image.shape[1::-1])
    known = np.nan_to_num(points, nan=-1.0)
    kept = np.asarray(((known > -0.5) & (known < sides - 0.5)).all(axis=1), bool)
    if mask is None:
        return kept
    column, row = np.clip(np.rint(known), 0, sides - 1).astype(int).T
    return np.asarray(kept & mask[row, column], bool)
