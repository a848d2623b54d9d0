"""Decide whether two photos show the same thing, and by which transform, with any matcher and any model.

1. The matcher says which keypoints correspond.
2. A robust estimator fits the model. ``model="auto"`` fits a homography and a fundamental matrix and keeps the one
   with the better criterion (`model_choice`).
3. A transform that chance explains is dropped, however many matches follow it.
4. The verdict depends on how unlikely the agreement is by chance (the highest `significance` of the models), not on the
number of inliers, so one threshold serves every extractor, matcher and model.

Unlike `geometry.MutualGeometry`, which ranks many candidates of one query by what stands out among them, each pair is
judged on its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core import registry
from placeprint.core.options import OneOf, Seed, checked
from placeprint.core.threads import map_cores
from placeprint.errors import OptionError
from placeprint.types import Floats, LocalFeatures, Matcher, Matches, Verification
from placeprint.verification.estimation import METHODS, Found, estimate
from placeprint.verification.model_choice import gric
from placeprint.verification.significance import significance
from placeprint.verification.transforms import MODELS, SIDE, Cameras, Pixels, Strength, residuals, to_pixels
from placeprint.verification.verdict import verdict_of

AUTO = ("homography", "fundamental")
STRENGTHS = ("significance", "confidence")


@checked
@dataclass(kw_only=True, eq=False)
class TwoView:
    """Verify by one robust model between two photos.

    Args:
        matcher: the name and parameters of a matcher.
        model: a name of `transforms.MODELS`, or ``"auto"`` to choose between a planar and a general scene.
        method: ``"auto"``, ``"opencv"`` or ``"poselib"``, see `estimation.estimate`.
        pixels: the largest residual of an inlier, in pixels of a photo whose longest side is 640.
        seed: the seed of the estimator.
        sure: the strength at which two photos show the same place.
        possible: the strength at which they may show the same place.
        strength: what the strength of a verification is: ``"significance"``, or ``"confidence"`` for the sum of the
            matches' scores, which is the expected number of right ones where scores are probabilities.

    Raises:
        OptionError: a name or parameter is unknown.
    """

    matcher: dict[str, Any] = field(default_factory=lambda: {"name": "nearest"})
    model: Annotated[str, OneOf("auto", *MODELS)] = "auto"
    method: Annotated[str, OneOf(*METHODS)] = "auto"
    pixels: Pixels = 2.0
    seed: Seed = 0
    sure: Strength = 12.0
    possible: Strength = 6.0
    strength: Annotated[str, OneOf(*STRENGTHS)] = "significance"

    def __post_init__(self) -> None:
        self._matcher()

    def verify(
        self,
        query: LocalFeatures,
        candidates: Sequence[LocalFeatures],
        cameras: Sequence[Cameras | None] | None = None,
    ) -> list[Verification]:
        """Return one verification per candidate, in order; strength and score are what `strength` says.

        Args:
            query: features of one photo.
            candidates: features of the others.
            cameras: for each candidate the intrinsics of both photos in pixels, needed for an essential matrix.
        """
        began = time.perf_counter()
        matched = self._matcher().match(query, candidates)
        seconds = (time.perf_counter() - began) / max(len(candidates), 1)
        pairs = list(zip(candidates, matched, cameras or [None] * len(candidates), strict=True))
        return map_cores(lambda pair: self._check(query, pair[0], pair[1], seconds, pair[2]), pairs)

    def check(
        self, query: LocalFeatures, candidate: LocalFeatures, matches: Matches, cameras: Cameras | None = None
    ) -> Verification:
        """Return the verification of matches that are known already; see `verify`."""
        return self._check(query, candidate, matches, 0.0, cameras)

    def _check(
        self,
        query: LocalFeatures,
        candidate: LocalFeatures,
        matches: Matches,
        seconds: float,
        cameras: Cameras | None,
    ) -> Verification:
        began = time.perf_counter()
        points = matches.points(query, candidate)
        finite = np.asarray(np.isfinite(points).all(axis=(1, 2)), bool).reshape(-1)
        matches, points = matches[finite], points[finite]
        factors = SIDE / max(query.image_size), SIDE / max(candidate.image_size)
        scaled = np.asarray(points * np.array(factors)[:, None], np.float32)
        sizes = tuple(
            (round(photo.image_size[0] * factor), round(photo.image_size[1] * factor))
            for photo, factor in zip((query, candidate), factors, strict=True)
        )
        inliers, transform, best, strength, lowest = np.zeros(len(matches), bool), None, "none", 0.0, np.inf
        for model in AUTO if self.model == "auto" else (self.model,):
            found = self._estimate(model, scaled, factors, cameras)
            surprise = 0.0 if found is None else significance(model, scaled, found[1], self.pixels, sizes)
            if found is None or surprise <= 0:
                continue
            strength = max(strength, surprise)
            errors = residuals(model, found[0], scaled[:, 0], scaled[:, 1], _scaled_cameras(cameras, factors))
            cost = gric(model, errors, self.pixels)
            if cost < lowest:
                best, lowest, inliers = model, cost, found[1]
                transform = to_pixels(found[0], model, *factors)
        if self.strength == "confidence":
            strength = float(matches.scores.sum())
        spent = seconds + time.perf_counter() - began
        return Verification(matches.pairs, points, inliers, strength, strength, 0.0, transform, best, spent)

    def verdict(self, check: Verification | None) -> str:
        """Return the verdict of a verification; see `Evidence`."""
        return verdict_of(check, sure=self.sure, possible=self.possible)

    def _estimate(
        self, model: str, scaled: Floats, factors: tuple[float, float], cameras: Cameras | None
    ) -> Found | None:
        return estimate(
            model,
            scaled[:, 0],
            scaled[:, 1],
            self.pixels,
            method=self.method,
            seed=self.seed,
            cameras=_scaled_cameras(cameras, factors),
        )

    def _matcher(self) -> Matcher:
        params = dict(self.matcher)
        name = params.pop("name", None)
        if name is None:
            raise OptionError(f"a matcher needs a name; known: {', '.join(registry.names('matchers'))}")
        matcher: Matcher = registry.create("matchers", name, params)
        return matcher


def _scaled_cameras(cameras: Cameras | None, factors: tuple[float, float]) -> Cameras | None:
    """Return the intrinsics of the scaled photos."""
    if cameras is None:
        return None
    first, second = (np.diag([factor, factor, 1.0]) @ camera for factor, camera in zip(factors, cameras, strict=True))
    return first, second


def errors_of(
    check: Verification, sizes: tuple[tuple[int, int], tuple[int, int]], cameras: Cameras | None = None
) -> NDArray[np.float64]:
    """Return the ``(m,)`` residuals of the matches of a verification; infinite if there is no transform.

    Args:
        check: a verification of two photos.
        sizes: ``(width, height)`` of the query and of the database photo.
        cameras: the intrinsics of both photos in pixels, needed for an essential matrix.

    Returns:
        Residuals in pixels of a photo whose longest side is 640; see `transforms.residuals`.
    """
    if check.transform is None:
        return np.full(len(check.matches), np.inf)
    factors = SIDE / max(sizes[0]), SIDE / max(sizes[1])
    points = check.points * np.array(factors)[:, None]
    transform = to_pixels(check.transform, check.model, 1 / factors[0], 1 / factors[1])
    return residuals(check.model, transform, points[:, 0], points[:, 1], _scaled_cameras(cameras, factors))
