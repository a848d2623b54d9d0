"""The kinds of transform between two photos of one scene, and the residuals of matches.

| model | explains | points it takes |
|---|---|---|
| `similarity` | rotation, scale, shift | 2 |
| `affine` | a plane seen from far away | 3 |
| `homography` | a plane, or a camera that only rotated | 4 |
| `fundamental` | any rigid scene, `x2^T F x1 = 0` | 7 |
| `essential` | any rigid scene through cameras of known intrinsics, `x2^T K2^-T E K1^-1 x1 = 0` | 5 |

Equations: Hartley and Zisserman, Multiple View Geometry, 2nd edition, 2004, chapters 2, 4 and 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import Range, check_name
from placeprint.errors import OptionError
from placeprint.types import Floats

Transform = NDArray[np.float64]
Cameras = tuple[NDArray[np.float64], NDArray[np.float64]]
"""The ``(3, 3)`` intrinsic matrices of the query and of the database photo."""

SIDE = 640
"""Tolerances and other lengths are in pixels of a photo whose longest side has this many, whatever its own size."""


@dataclass(frozen=True)
class Model:
    """One kind of transform.

    Args:
        sample: the number of matches that determine it.
        solutions: the most transforms from one sample.
        pointwise: whether it maps a point to a point, not only to a line.
        parameters: the number of parameters.
    """

    sample: int
    solutions: int
    pointwise: bool
    parameters: int


Pixels = Annotated[float, Range(0.01, 640)]
"""Largest residual of an inlier, in pixels of a photo whose longest side is 640."""
Strength = Annotated[float, Range(0, 1e9)]

MODELS = {
    "similarity": Model(2, 1, True, 4),
    "affine": Model(3, 1, True, 6),
    "homography": Model(4, 1, True, 8),
    "fundamental": Model(7, 3, False, 7),
    "essential": Model(5, 10, False, 5),
}


def find_model(name: str) -> Model:
    """Return the model with this name.

    Raises:
        OptionError: the name is unknown.
    """
    check_name("model", name, MODELS)
    return MODELS[name]


def residuals(
    model: str, transform: Transform, query: Floats, database: Floats, cameras: Cameras | None = None
) -> NDArray[np.float64]:
    """Return ``(m,)`` residuals in pixels, the larger of those in the two photos.

    With a tolerance in only one photo, a transform that shrinks everything to a spot would explain anything. For
    homography, affine and similarity, the residual is the distance to where the transform, or its inverse, maps the
    point; for fundamental and essential matrices, the distance to the epipolar line. Points mapped to infinity have
    infinite residuals.
    """
    a, b = (np.column_stack([points, np.ones(len(points))]).astype(np.float64) for points in (query, database))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if find_model(model).pointwise:
            both = _transfer(transform, a, b), _transfer(_inverse(transform), b, a)
        else:
            matrix = to_fundamental(transform, cameras) if model == "essential" else transform
            both = _line_distances(matrix @ a.T, b), _line_distances(matrix.T @ b.T, a)
        larger = np.maximum(*both)
    return np.where(np.isfinite(larger), larger, np.inf)


def to_fundamental(essential: Transform, cameras: Cameras | None) -> Transform:
    """Return the fundamental matrix ``K2^-T E K1^-1`` of an essential one."""
    if cameras is None:
        raise OptionError("an essential matrix has no pixel form without the intrinsics of both cameras")
    return np.asarray(np.linalg.inv(cameras[1]).T @ essential @ np.linalg.inv(cameras[0]), np.float64)


def to_pixels(transform: Transform, model: str, query_factor: float, database_factor: float) -> Transform:
    """Convert a transform between photos scaled by these factors to one between the original photos.

    An essential matrix relates directions, not pixels, and does not change. A fundamental matrix gets unit Frobenius
    norm; the last value of the others becomes 1, unless it is 0.
    """
    if model == "essential":
        return transform
    query, database = np.diag([query_factor, query_factor, 1.0]), np.diag([database_factor, database_factor, 1.0])
    if model == "fundamental":
        moved = database @ transform @ query
        return np.asarray(moved / np.linalg.norm(moved), np.float64)
    moved = np.linalg.inv(database) @ transform @ query
    last = moved[2, 2] if abs(moved[2, 2]) > 1e-9 * np.linalg.norm(moved) else 1.0
    return np.asarray(moved / last, np.float64)


def degenerate(query: Floats, database: Floats, minimum: int) -> bool:
    """Return whether there are too few different points, or all are on one line."""
    for points in (query, database):
        plane = points[:, 0].astype(np.complex128) + 1j * points[:, 1]  # sorts as fast as numbers
        if len(points) < minimum or len(np.unique(plane)) < minimum:
            return True
        if minimum > 2:
            around = plane - plane.mean()
            # singular values a >= b of the centered points: a^2 + b^2 = sum |z|^2, a^2 - b^2 = |sum z^2|
            both, apart = float(np.square(np.abs(around)).sum()), abs((around * around).sum())
            if both - apart < 1e-6 * (both + apart):
                return True
    return False


def _inverse(transform: Transform) -> Transform:
    if abs(np.linalg.det(transform)) < 1e-12:
        return np.full((3, 3), np.nan)
    return np.asarray(np.linalg.inv(transform), np.float64)


def _transfer(transform: Transform, start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    moved = start @ transform.T
    return np.asarray(np.linalg.norm(moved[:, :2] / moved[:, 2:] - end[:, :2], axis=1), np.float64)


def _line_distances(lines: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.abs((lines.T * points).sum(axis=1)) / np.hypot(lines[0], lines[1]), np.float64)
