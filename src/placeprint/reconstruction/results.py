"""Poses of photos in the formats of other programs: COLMAP's images.txt, TUM trajectories, GeoJSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.geojson import feature, geojson_text
from placeprint.core.outputs import MADE_BY
from placeprint.types import Pose

FORMS = ("json", "colmap", "tum", "geojson")


def quaternion(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``(4,)``: w, x, y, z of a ``(3, 3)`` rotation, w not negative (Bar-Itzhack, J. Guidance, 2000).

    Example:
        >>> quaternion(np.diag([1.0, -1.0, -1.0])).round(3).tolist()
        [0.0, 1.0, 0.0, 0.0]
    """
    (a, b, c), (d, e, f), (g, h, i) = rotation
    whole = np.array(
        [
            [a - e - i, d + b, g + c, h - f],
            [d + b, e - a - i, h + f, c - g],
            [g + c, h + f, i - a - e, d - b],
            [h - f, c - g, d - b, a + e + i],
        ]
    )
    x, y, z, w = np.linalg.eigh(whole / 3)[1][:, -1]
    found = np.array([w, x, y, z])
    leading = found[np.flatnonzero(np.abs(found) > 1e-9)[0]]
    return np.asarray(found if leading > 0 else -found, np.float64) + 0.0


def poses_text(poses: Mapping[str, Pose | None], form: str) -> str:
    """Return the poses of photos as a file.

    Args:
        poses: by name; None where no pose was found.
        form: one of `FORMS`. ``"colmap"``: images.txt without points; ``"tum"``: name or time, position and rotation
            of the camera in the world; both leave photos without a pose out.
    """
    known = {name: pose for name, pose in poses.items() if pose is not None}
    if form == "colmap":
        lines = [_colmap_lines(number, name, pose) for number, (name, pose) in enumerate(known.items(), start=1)]
        return f"# {MADE_BY}\n# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME\n" + "".join(lines)
    if form == "tum":
        return f"# {MADE_BY}\n" + "".join(_tum_line(name, pose) for name, pose in known.items())
    if form == "geojson":
        features = [_feature(name, pose) for name, pose in known.items() if pose.location is not None]
        return geojson_text(features)
    return json.dumps([{"query": name, "pose": pose_data(pose)} for name, pose in poses.items()], indent=1) + "\n"


def pose_data(pose: Pose | None) -> dict[str, Any] | None:
    """Return what a pose is in JSON."""
    if pose is None:
        return None
    return {
        "rotation_wxyz": quaternion(pose.rotation).round(9).tolist(),
        "translation": pose.translation.tolist(),
        "center": pose.center.tolist(),
        "covariance": pose.covariance.tolist(),
        "position_covariance": pose.position_covariance.tolist(),
        "inliers": pose.inliers,
        "matches": pose.matches,
        "focal_px": pose.focal,
        "location": None if pose.location is None else {"latitude": pose.location[0], "longitude": pose.location[1]},
        "heading_deg": pose.heading,
        "photos": list(pose.photos),
    }


def _colmap_lines(number: int, name: str, pose: Pose) -> str:
    values = [*quaternion(pose.rotation), *pose.translation]
    return f"{number} {' '.join(f'{value:.9g}' for value in values)} {number} {name}\n\n"


def _tum_line(name: str, pose: Pose) -> str:
    w, x, y, z = quaternion(pose.rotation.T)
    values = [*pose.center, x, y, z, w]
    return f"{name.replace(' ', '_')} {' '.join(f'{value:.9g}' for value in values)}\n"


def _feature(name: str, pose: Pose) -> dict[str, Any]:
    properties = {
        "photo": name,
        "heading_deg": pose.heading,
        "inliers": pose.inliers,
        "spread_m": round(pose.position_spread, 3),
    }
    return feature(pose.location, properties, decimals=8)
