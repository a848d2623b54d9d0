"""Match two photos: describe both, match them, and estimate the transform between them, with a verdict.

Example:
    >>> from placeprint.datasets.photos.sample_photos import PLACES, SECOND_VIEWS, sample_photos
    >>> left, right = sample_photos(PLACES)["motorcycle"], sample_photos(SECOND_VIEWS)["motorcycle"]
    >>> match(left, right, features="sift").verdict
    'same place'
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core import registry
from placeprint.core.memory import enough_memory
from placeprint.core.options import Range, Seed, checked
from placeprint.core.threads import one_core_for_products
from placeprint.errors import OptionError
from placeprint.features.rotating import (
    ROTATIONS,
    all_rotations,
    bears_rotation,
    best_rotation,
    promising_rotations,
    rotated_features,
)
from placeprint.features.steering import steered, steerer_name
from placeprint.features.straightening import tilt_of
from placeprint.photos import Photo, Picture, read_photo
from placeprint.photos.masks import Masks, as_mask
from placeprint.renamed import renamed_arguments, renamed_attribute
from placeprint.types import NO_KEYPOINTS, Extractor, Image, LocalFeatures, Mask, Verification
from placeprint.verification.opencv_ransac import relative_pose
from placeprint.verification.transforms import Cameras, Pixels
from placeprint.verification.two_view import TwoView, errors_of

MATCHERS: dict[str, dict[str, Any]] = {
    "mutual": {"name": "nearest"},
    "ratio": {"name": "nearest", "mutual": False, "ratio": 0.8},
    "mutual-ratio": {"name": "nearest", "ratio": 0.8},
    "lightglue": {"name": "lightglue", "min_confidence": 0.3},
    "lighterglue": {"name": "lightglue", "features": "xfeat", "min_confidence": 0.3},
}
"""Matchers by their command-line names; any other name is that of a registered matcher."""
DEFAULTS: dict[str, dict[str, Any]] = {
    "delf": {"name": "nearest", "min_similarity": 0.68},
    "xfeat": {"name": "nearest", "min_similarity": 0.8, "ratio": 0.95},
}
"""Default matchers, if not mutual neighbors with a ratio test: XFeat's descriptors of unrelated points are very
similar, with ratios close to 1. So are DELF's for neighbors in position and scale; its authors accept distances up to
0.8."""
BINARY = frozenset({"orb"})
MADE_FOR = {"semi-dense": "xfeat"}
"""Matchers that accept only the features of one extractor."""

STEERED_SHARE = 0.25
"""A significance of 3 is enough to try a rotation: steered features reach it when real ones reach 30, and wrong pairs
reach it by chance once in a thousand."""


@dataclass(frozen=True, eq=False)
class PairAnswer:
    """The answer for two photos.

    Args:
        query: the features of the first photo, in its pixels.
        database: the features of the second photo, in its pixels.
        verification: matches, inliers, transform and significance (``strength``).
        verdict: ``"same place"``, ``"possible"`` or ``"not confirmed"``.
        rotation: degrees counter-clockwise by which the first photo was rotated.
        cameras: the intrinsics of both photos in pixels, if an essential matrix was requested.
        pose: the rotation ``(3, 3)`` and the direction ``(3,)`` of the translation from the first to the second
            camera's coordinates, if an essential matrix was found.
        errors: ``(m,)`` float64 residuals of the matches (`transforms.residuals`), in pixels of a photo whose longest
            side is 640; infinite if there is no transform.
        tolerance: the largest residual of an inlier, in the same pixels.
        seconds: the time of each part: ``describe``, ``match``.
    """

    query: LocalFeatures
    database: LocalFeatures
    verification: Verification
    verdict: str
    rotation: float
    cameras: Cameras | None
    pose: tuple[NDArray[np.float64], NDArray[np.float64]] | None
    errors: NDArray[np.float64]
    tolerance: float
    seconds: dict[str, float]

    turn = renamed_attribute("turn", "rotation")

    @property
    def note(self) -> str | None:
        """Why there is no result, or None if both photos have keypoints."""
        blank = [name for name, found in (("first", self.query), ("second", self.database)) if not len(found)]
        return f"{' and '.join(blank)} photo: {NO_KEYPOINTS}" if blank else None


@renamed_arguments(turns="rotations")
@checked
def match(
    query: Picture,
    database: Picture,
    *,
    features: str = "xfeat",
    feature_options: Mapping[str, Any] | None = None,
    matcher: str | Mapping[str, Any] | None = None,
    model: str = "auto",
    method: str = "auto",
    pixels: Pixels = 2.0,
    seed: Seed = 0,
    rotations: bool = True,
    masks: Masks = (None, None),
    focal: Annotated[float, Range(1, 10_000_000)] | None = None,
) -> PairAnswer:
    """Match two photos.

    Args:
        query: the first photo: a path, bytes, a file object, a Pillow image, an array; see `read_photo`.
        database: the second photo, in the same forms.
        features: the name of an extractor.
        feature_options: the parameters of the extractor.
        matcher: a name of `MATCHERS`, a registered matcher, or a mapping of its name and parameters; None for the
            default of the features (`DEFAULTS`).
        model: ``"auto"``, ``"homography"``, ``"fundamental"``, ``"essential"``, ``"affine"`` or ``"similarity"``.
        method: ``"auto"``, ``"opencv"`` or ``"poselib"``.
        pixels: the largest residual of an inlier, in pixels of a photo whose longest side is 640.
        seed: the seed of the estimator.
        rotations: whether to try rotations of the first photo if it is not confirmed upright; features with
            orientations need none.
        masks: the masks of both photos, True or white where keypoints are allowed: arrays, pictures or paths
            (`masks.as_mask`), None for everywhere.
        focal: the focal length in pixels of both photos, for an essential matrix; None to read it from EXIF.

    Raises:
        PhotoError: a photo cannot be used.
        OptionError: a name or parameter is unknown, or a focal length is missing.
        ShapeError: a mask does not have its photo's size.
        WeightsError: weights are not installed.
        NotEnoughMemoryError: the size or the number of keypoints needs more memory than there is.
    """
    params = matcher_params(features, matcher)
    options = {"semi_dense": True} if params.get("name") == "semi-dense" else {}
    extractor: Extractor = registry.create("extractors", features, options | dict(feature_options or {}))
    verifier = TwoView(matcher=params, model=model, method=method, pixels=pixels, seed=seed)
    photos = read_photo(query), read_photo(database)
    allowed = _masks(masks, photos)
    cameras = _cameras(photos, focal) if model == "essential" else None
    began = time.perf_counter()
    with one_core_for_products(), enough_memory():
        second = extractor.extract(photos[1].image, allowed[1])
        best = _best_look(extractor, verifier, photos[0].image, allowed[0], second, cameras, rotations=rotations)
    return _answer(best, second, verifier, cameras, time.perf_counter() - began)


@dataclass(frozen=True, eq=False)
class _Look:
    """The first photo in one rotation."""

    degrees: float
    features: LocalFeatures
    check: Verification


def _best_look(
    extractor: Extractor,
    verifier: TwoView,
    image: Image,
    allowed: Mask | None,
    second: LocalFeatures,
    cameras: Cameras | None,
    *,
    rotations: bool,
) -> _Look:
    """Return the first photo in the rotation that fits best; rotations are tried where it is not confirmed upright."""

    def look(degrees: float) -> _Look:
        first = rotated_features(extractor, image, degrees, allowed)
        return _Look(degrees % 360, first, verifier.verify(first, [second], cameras=[cameras])[0])

    start = -tilt_of(image) if rotations else 0.0
    best = look(start)

    def stages() -> Sequence[tuple[int, ...]]:
        name = steerer_name(extractor)
        return ROTATIONS if name is None else _promising(best.features, second, name, verifier)

    if rotations and len(best.features) and len(second) and not bears_rotation(best.features):
        best = best_rotation(
            best,
            lambda further: look(start + further),
            lambda found: verifier.verdict(found.check) == "same place",
            lambda found: found.check.strength,
            stages,
        )
    return best


def _answer(
    best: _Look, second: LocalFeatures, verifier: TwoView, cameras: Cameras | None, seconds: float
) -> PairAnswer:
    """Return the answer of a look, which took so many seconds with all before it."""
    check = best.check
    return PairAnswer(
        query=best.features,
        database=second,
        verification=check,
        verdict=verifier.verdict(check),
        rotation=best.degrees,
        cameras=cameras,
        pose=_pose(check, cameras),
        errors=errors_of(check, (best.features.image_size, second.image_size), cameras),
        tolerance=verifier.pixels,
        seconds={"describe": seconds - check.seconds, "match": check.seconds},
    )


def _promising(
    first: LocalFeatures, second: LocalFeatures, steerers: str, verifier: TwoView
) -> Sequence[tuple[int, ...]]:
    """Return the rotations to try, by stage, by how well steered features agree (`features.steering`)."""
    checks = {}
    for degrees in all_rotations():
        check = verifier.verify(steered(first, steerers, degrees), [second])[0]
        checks[degrees] = replace(check, strength=check.strength / STEERED_SHARE)
    return promising_rotations(checks, verifier.verdict)


def matcher_params(features: str, matcher: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the name and parameters of a matcher for these features.

    Raises:
        OptionError: the matcher is for other features.
    """
    if isinstance(matcher, Mapping):
        return dict(matcher)
    if matcher is None:
        params = DEFAULTS.get(features, MATCHERS["mutual-ratio"])
    else:
        params = MATCHERS.get(matcher, {"name": matcher})
    made_for = params.get("features", MADE_FOR.get(params["name"], features))
    if made_for != features:
        raise OptionError(f"the matcher {matcher!r} is for {made_for!r} features, got {features!r}")
    if params["name"] == "nearest" and features in BINARY:
        return params | {"distance": "hamming"}
    return {"features": features} | params if params["name"] == "lightglue" else dict(params)


def _masks(masks: Masks, photos: tuple[Photo, Photo]) -> tuple[Mask | None, Mask | None]:
    if not isinstance(masks, Sequence) or isinstance(masks, str | bytes) or len(masks) != 2:
        raise OptionError("masks must be a pair, one per photo, with None for no mask: masks=(mask, None)")
    first, second = (
        as_mask(mask, (photo.image.shape[1], photo.image.shape[0])) for mask, photo in zip(masks, photos, strict=True)
    )
    return first, second


def _cameras(photos: tuple[Photo, Photo], focal: float | None) -> Cameras:
    matrices = []
    for place, photo in zip(("first", "second"), photos, strict=True):
        length = focal or photo.focal
        if length is None:
            raise OptionError(
                f"the {place} photo's EXIF has no focal length, which an essential matrix needs; give it in pixels, "
                "or use the model 'fundamental'"
            )
        height, width = photo.image.shape[:2]
        matrices.append(np.array([[length, 0, (width - 1) / 2], [0, length, (height - 1) / 2], [0, 0, 1]], np.float64))
    return matrices[0], matrices[1]


def _pose(check: Verification, cameras: Cameras | None) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    if cameras is None or check.transform is None:
        return None
    return relative_pose(check.transform, check.points[check.inliers], cameras)
