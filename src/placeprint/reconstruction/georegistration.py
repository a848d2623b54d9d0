"""Georeference a model: meters, x to the east, y to the north, z up, around an origin in latitude and longitude.

GPS has no useful height, and a walk along a street is nearly a line, around which a model could roll. So the model is
set upright first, and only its rotation on the map, its scale and its shift are estimated from the positions, robustly
(RANSAC over pairs of photos, then least squares over those within `NEAR`). Up is the mean of the cameras' vertical
axes, or, for photos from above, of their reversed viewing directions, if that fits the positions clearly better. Along
a straight line both fit, and then the photos are assumed to be level.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.files import read_json, write_atomically
from placeprint.core.plane import from_plane, to_plane
from placeprint.errors import ReconstructionError

FILE = "origin.json"
NEAR = 15.0
"""Meters between a camera and its GPS that fits."""
CLEARLY = 0.5
"""Meters by which photos from above must fit their positions better than level ones."""
FEWEST = 3
"""Photos with positions, at least."""
MOST = 200
"""Positions whose pairs are tried."""
Meters = NDArray[np.float64]


@dataclass(frozen=True)
class Origin:
    """Where a model lies.

    Args:
        latitude: degrees north of its (0, 0, 0).
        longitude: degrees east.
        error: median distance in meters on the map between cameras and their GPS.
    """

    latitude: float
    longitude: float
    error: float

    def write(self, folder: Path) -> None:
        """Write it beside the model."""
        text = json.dumps({"latitude": self.latitude, "longitude": self.longitude, "error_m": self.error}, indent=1)
        write_atomically(folder / FILE, text.encode() + b"\n")

    @classmethod
    def read(cls, folder: Path) -> Origin | None:
        """Read it from beside a model; None if there is none.

        Raises:
            ReconstructionError: the file has another form.
        """
        if not (folder / FILE).exists():
            return None
        found = read_json(folder / FILE, "an origin", error=ReconstructionError)
        try:
            return cls(float(found["latitude"]), float(found["longitude"]), float(found.get("error_m", 0)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ReconstructionError(f"{str(folder / FILE)!r} must hold latitude and longitude: {error}") from error

    def degrees(self, point: Meters) -> tuple[float, float]:
        """Return the latitude and longitude of a point of the model."""
        (found,) = from_plane(np.asarray(point[:2], np.float64)[None], np.array([self.latitude, self.longitude]))
        return float(found[0]), float(found[1])


def georegister(model: Any, positions: Mapping[str, tuple[float, float]]) -> Origin | None:
    """Move a model to the map, in place.

    Args:
        model: of pycolmap.
        positions: latitude and longitude of photos by name.

    Returns:
        Where it lies; None if too few of its photos have positions; then the model is not changed.
    """
    import pycolmap

    images = [image for image in model.images.values() if image.has_pose and image.name in positions]
    if len(images) < FEWEST:
        return None
    degrees = np.array([positions[image.name] for image in images], np.float64)
    origin = np.median(degrees, axis=0) if np.ptp(degrees[:, 1]) < 180 else degrees[0]
    targets = to_plane(degrees, origin)
    rotations = np.stack([image.cam_from_world().rotation.matrix() for image in images])
    centers = np.stack([image.projection_center() for image in images])
    fits = [_fit(centers, targets, _upright(-rotations[:, axis])) for axis in (1, 2)]
    level, down = fits
    best = down if level is None or (down is not None and down[0] + CLEARLY < level[0]) else level
    if best is None:
        return None
    _, scale, whole, shift = best
    height = -scale * float(np.median((centers @ whole.T)[:, 2]))
    moved = pycolmap.Sim3d(scale, pycolmap.Rotation3d(whole), np.array([*shift, height]))
    model.transform(moved)
    away = np.linalg.norm(np.stack([image.projection_center() for image in images])[:, :2] - targets, axis=1)
    return Origin(float(origin[0]), float(origin[1]), float(np.median(away)))


def similarity(points: Meters, targets: Meters) -> tuple[float, Meters, Meters] | None:
    """Return scale, ``(2, 2)`` rotation and ``(2,)`` shift that move points on a plane to their targets, robustly.

    Args:
        points: ``(n, 2)``.
        targets: ``(n, 2)`` meters.

    Returns:
        The similarity with the most targets within `NEAR`, by least squares over them; None if no two points differ.

    Example:
        >>> points = np.array([[0, 0], [1, 0], [1, 2], [5, 5.0]])
        >>> targets = np.array([[10, 0], [10, 20], [-30, 20], [900, 900.0]])
        >>> scale, turn, shift = similarity(points, targets)
        >>> round(scale), turn.round().tolist(), shift.round().tolist()
        (20, [[0.0, -1.0], [1.0, 0.0]], [10.0, 0.0])
    """
    p, t = points @ [1, 1j], targets @ [1, 1j]  # a similarity of the plane is t = a p + b over complex numbers
    tried = range(len(p)) if len(p) <= MOST else np.random.default_rng(0).choice(len(p), MOST, replace=False).tolist()
    best: tuple[float, NDArray[np.bool_]] | None = None
    for one, other in itertools.combinations(tried, 2):
        if abs(p[one] - p[other]) < 1e-9 or abs(t[one] - t[other]) < 1e-9:
            continue
        a = (t[one] - t[other]) / (p[one] - p[other])
        away = np.abs(a * (p - p[one]) + t[one] - t)
        cost = float(np.minimum(away, NEAR).sum())
        if best is None or cost < best[0]:
            best = cost, away <= NEAR
    if best is None:
        return None
    fits = best[1]
    from_mean, to_mean = p[fits] - p[fits].mean(), t[fits] - t[fits].mean()
    a = complex(np.vdot(from_mean, to_mean) / np.vdot(from_mean, from_mean).real)
    b = complex(t[fits].mean() - a * p[fits].mean())
    unit = a / abs(a)
    return abs(a), np.array([[unit.real, -unit.imag], [unit.imag, unit.real]]), np.array([b.real, b.imag])


def _fit(centers: Meters, targets: Meters, upright: Meters) -> tuple[float, float, Meters, Meters] | None:
    """Return the cost of a way to be upright, and the scale, the ``(3, 3)`` rotation and the ``(2,)`` shift.

    The cost is the mean distance on the map, each at most `NEAR`.
    """
    flat = (centers @ upright.T)[:, :2]
    found = similarity(flat, targets)
    if found is None:
        return None
    scale, turn, shift = found
    away = np.linalg.norm(scale * flat @ turn.T + shift - targets, axis=1)
    whole = np.eye(3)
    whole[:2, :2] = turn
    return float(np.minimum(away, NEAR).mean()), scale, whole @ upright, shift


def _upright(axes: Meters) -> Meters:
    """Return the rotation that brings the mean of ``(n, 3)`` axes that point up to z."""
    up = axes.mean(axis=0)
    up = up / max(float(np.linalg.norm(up)), 1e-12)
    axis, cosine = np.cross(up, [0, 0, 1]), float(up[2])
    if cosine < -1 + 1e-9:
        return np.diag([1.0, -1.0, -1.0])
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + cross + cross @ cross / (1 + cosine), np.float64)
