"""Match two photos: describe both, match them, and estimate the transform between them, with a verdict.

Example:
    >>> from placeprint.datasets.photos.sample_photos import PLACES, SECOND_VIEWS, sample_photos
    >>> left, right = sample_photos(PLACES)["motorcycle"], sample_photos(SECOND_VIEWS)["motorcycle"]
    >>> match(left, right, features="sift").verdict
    'same place'
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core import registry
from placeprint.core.memory import enough_memory
from placeprint.core.options import Range, Seed, checked
from placeprint.core.threads import one_core_for_products
from placeprint.errors import OptionError
from placeprint.evidence.guarantee import Promise
from placeprint.evidence.shipped import SURE, verdict_of
from placeprint.evidence.two_photos import load_two_photos_model
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
from placeprint.pairs.answer import PairAnswer
from placeprint.pairs.matchers import matcher_params
from placeprint.pairs.opinions import FIRST, MODELS, Look, Weighed, weighed
from placeprint.pairs.pictures import NamedMatcher, asked_matcher, look_at_pictures, picture_matcher
from placeprint.photos import Photo, Picture, read_photo
from placeprint.photos.masks import Masks, as_mask
from placeprint.renamed import renamed_arguments
from placeprint.types import Extractor, Image, LocalFeatures, Mask, Verification
from placeprint.verification.opencv_ransac import relative_pose
from placeprint.verification.transforms import Cameras, Pixels
from placeprint.verification.two_view import TwoView, errors_of

STEERED_SHARE = 0.25
"""A significance of 3 is enough to try a rotation: steered features reach it when real ones reach 30, and wrong pairs
reach it by chance once in a thousand."""

SAME = "same place"
Images = tuple[Image, Image]
Allowed = tuple[Mask | None, Mask | None]
WayToLook = Callable[[TwoView, Images, Allowed, Cameras | None], Look]


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
    opinions: bool = True,
    ask: str | Mapping[str, Any] | None = None,
    precision: Annotated[float, Range(0.5, 0.9999)] | None = None,
    masks: Masks = (None, None),
    focal: Annotated[float, Range(1, 10_000_000)] | None = None,
) -> PairAnswer:
    """Match two photos.

    Args:
        query: the first photo: a path, bytes, a file object, a Pillow image, an array; see `read_photo`.
        database: the second photo, in the same forms.
        features: the name of an extractor.
        feature_options: the parameters of the extractor.
        matcher: a name of `MATCHERS`, a registered matcher of features or of pictures (then upright only), or a mapping
            of its name and parameters; None for the default of the features (`DEFAULTS`).
        model: ``"auto"``, ``"homography"``, ``"fundamental"``, ``"essential"``, ``"affine"`` or ``"similarity"``.
        method: ``"auto"``, ``"opencv"`` or ``"poselib"``.
        pixels: the largest residual of an inlier, in pixels of a photo whose longest side is 640.
        seed: the seed of the estimator.
        rotations: whether to try rotations of the first photo if features without orientations do not confirm it.
        opinions: whether to request further opinions, see `opinions`, while the answer is uncertain.
        ask: a dense matcher to run last if nothing else confirms the pair; a name or a mapping, like `matcher`.
        precision: the guaranteed share of right pairs among those called "same place", or the highest possible one
            below it (`evidence.two_photos`); None to use the probability directly.
        masks: the masks of both photos, True or white where keypoints are allowed: arrays, pictures or paths
            (`masks.as_mask`), None for everywhere.
        focal: the focal length in pixels of both photos, for an essential matrix; None to read it from EXIF.

    Raises:
        PhotoError: a photo cannot be used.
        OptionError: a name or parameter is unknown, a focal length is missing, or no precision can be guaranteed.
        ShapeError: a mask does not have its photo's size.
        WeightsError: weights are not installed.
        NotEnoughMemoryError: the size or the number of keypoints needs more memory than there is.
    """
    pictures, last = picture_matcher(matcher), asked_matcher(ask)
    params = matcher_params(features, matcher if pictures is None else None)
    look_at = _way_to_look(pictures, features, params, feature_options or {}, rotations=rotations)
    photos = read_photo(query), read_photo(database)
    verifier = TwoView(matcher=params, model=model, method=method, pixels=pixels, seed=seed)
    is_weighed = pictures is None and _is_weighed(features, params, model)
    promise = _promise(features, is_weighed=is_weighed and last is None, precision=precision)
    cameras = _cameras(photos, focal) if model == "essential" else None
    pair = _Pair((photos[0].image, photos[1].image), _masks(masks, photos), cameras, verifier)
    with one_core_for_products(), enough_memory():
        answer = pair.answer(look_at, promise, further=opinions if is_weighed else None)
        return answer if last is None or answer.verdict == SAME else pair.asked(last, answer)


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two photos that are matched.

    Args:
        images: both, ``(H, W, 3)`` uint8 RGB.
        allowed: their masks.
        cameras: the intrinsics of both, for an essential matrix.
        verifier: of the pair.
    """

    images: Images
    allowed: Allowed
    cameras: Cameras | None
    verifier: TwoView

    def answer(self, look_at: WayToLook, promise: Promise | None, *, further: bool | None) -> PairAnswer:
        """Return the answer of a look, weighed unless ``further``, whether opinions are requested, is None."""
        began = time.perf_counter()
        look = look_at(self.verifier, self.images, self.allowed, self.cameras)
        found = None
        if further is not None:
            found = weighed(look, self.images, self.allowed, self.verifier, further=further)
        return _answer(look, found, promise, self.verifier, self.cameras, time.perf_counter() - began)

    def asked(self, last: NamedMatcher, before: PairAnswer) -> PairAnswer:
        """Return the answer of a matcher of pictures if it confirms the pair, else the one before."""
        own = self.answer(partial(look_at_pictures, last), None, further=None)
        best = own if own.verdict == SAME else before
        seconds = {part: before.seconds[part] + own.seconds[part] for part in own.seconds}
        return replace(best, asked=(*before.asked, own.features), seconds=seconds)


def _way_to_look(
    pictures: NamedMatcher | None,
    features: str,
    matcher: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    rotations: bool,
) -> WayToLook:
    """Return how two photos are matched: with a dense matcher, or with features and a matcher of these."""
    if pictures is not None:
        return partial(look_at_pictures, pictures)
    extractor = _extractor(features, matcher, options)

    def look_at(verifier: TwoView, images: Images, allowed: Allowed, cameras: Cameras | None) -> Look:
        second = extractor.extract(images[1], allowed[1])
        return best_look(
            extractor, verifier, images[0], allowed[0], second, cameras, rotations=rotations, name=features
        )

    return look_at


def _extractor(features: str, matcher: Mapping[str, Any], options: Mapping[str, Any]) -> Extractor:
    """Return an extractor of what a matcher needs."""
    needed = {"semi_dense": True} if matcher.get("name") == "semi-dense" else {}
    made: Extractor = registry.create("extractors", features, needed | dict(options))
    return made


def _is_weighed(features: str, matcher: Mapping[str, Any], model: str) -> bool:
    """Return whether the evidence model knows pairs of these features, matcher and model."""
    return features in FIRST and model in MODELS and matcher == matcher_params(features, None)


def _promise(features: str, *, is_weighed: bool, precision: float | None) -> Promise | None:
    """Return the guarantee for pairs called "same place"; None if no precision is requested."""
    if precision is None:
        return None
    if not is_weighed:
        raise OptionError(
            "a precision can be guaranteed for the features xfeat and sift with their default matcher, the models "
            f"{', '.join(sorted(MODELS))}, and no dense matcher; got {features!r} with others"
        )
    return load_two_photos_model().promise(precision)


def best_look(
    extractor: Extractor,
    verifier: TwoView,
    image: Image,
    allowed: Mask | None,
    second: LocalFeatures,
    cameras: Cameras | None,
    *,
    rotations: bool,
    name: str = "xfeat",
) -> Look:
    """Return the first photo in the rotation that fits best; rotations are tried if it is not confirmed upright.

    Args:
        extractor: of the features.
        verifier: of the pair.
        image: ``(H, W, 3)`` uint8 RGB, the first photo.
        allowed: its mask.
        second: features of the second photo.
        cameras: the intrinsics of both, for an essential matrix.
        rotations: whether to try rotations.
        name: of the extractor.
    """

    def look(degrees: float) -> Look:
        first = rotated_features(extractor, image, degrees, allowed)
        return Look(name, degrees % 360, first, second, verifier.verify(first, [second], cameras=[cameras])[0])

    start = -tilt_of(image) if rotations else 0.0
    best = look(start)

    def stages() -> Sequence[tuple[int, ...]]:
        steerers = steerer_name(extractor)
        return ROTATIONS if steerers is None else _promising(best.query, second, steerers, verifier)

    if rotations and len(best.query) and len(second) and not bears_rotation(best.query):
        best = best_rotation(
            best,
            lambda further: look(start + further),
            lambda found: verifier.verdict(found.check) == SAME,
            lambda found: found.check.strength,
            stages,
        )
    return best


def _answer(
    first: Look,
    found: Weighed | None,
    promise: Promise | None,
    verifier: TwoView,
    cameras: Cameras | None,
    seconds: float,
) -> PairAnswer:
    """Return the answer from all looks, and the seconds that they took together."""
    look = first if found is None else found.look
    check, least = look.check, SURE if promise is None else promise.score
    return PairAnswer(
        query=look.query,
        database=look.database,
        verification=check,
        verdict=verifier.verdict(check) if found is None else verdict_of(found.probability, least),
        rotation=look.degrees,
        cameras=cameras,
        pose=_pose(check, cameras),
        errors=errors_of(check, (look.query.image_size, look.database.image_size), cameras),
        tolerance=verifier.pixels,
        seconds={"describe": seconds - check.seconds, "match": check.seconds},
        features=look.features,
        confidence=None if found is None else found.probability,
        asked=(first.features,) if found is None else found.asked,
        precision=None if promise is None else promise.precision,
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
