"""The pose of a photo in a model: retrieval, matches to photos of the model, their 3D points, and a robust pose.

A model from another program has its own keypoints. So a match with a photo of the atlas is assigned to the nearest
keypoint of that photo in the model that has a 3D point, if it is within `NEAR`. In our own models this is the keypoint
itself. The model is only read.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import Count, checked
from placeprint.core.packages import required
from placeprint.errors import ReconstructionError
from placeprint.photos import Picture, read_photo
from placeprint.reconstruction import PIXEL
from placeprint.reconstruction.cameras import camera
from placeprint.reconstruction.database import PYCOLMAP
from placeprint.reconstruction.georegistration import Origin
from placeprint.reconstruction.pairing import NamedPhotos
from placeprint.reconstruction.sources import StoredFeatures
from placeprint.reconstruction.uncertainty import pose_covariance
from placeprint.searching.reader import AtlasReader
from placeprint.types import Answer, Floats, Pose

CANDIDATES = 10
"""Photos of the model to match each query with."""
NEAR = 4.0
"""Pixels, of a photo whose longest side has 1000, between a match and the model's keypoint that it is carried to."""
ERROR = 6.0
"""Pixels, of such a photo, between a point and the projection of its 3D point that fits."""
FEWEST = 12
"""Points that must fit a pose."""


class Localizer:
    """Finds the poses of photos in a model; threads may share it.

    Args:
        atlas: an atlas of the model's photos; it may have others too.
        model: the folder of the model, in COLMAP's format.

    Raises:
        PackageError: pycolmap is not installed.
        ReconstructionError: there is no model, or it has no photo of the atlas.
    """

    def __init__(self, atlas: AtlasReader, model: Path | str) -> None:
        model = Path(model)
        self._atlas = atlas
        self._model = _read(model)
        self._origin = Origin.read(model)
        named = NamedPhotos.of(atlas.snapshot().usable())
        self._images = _images_of(self._model, named)
        if not self._images:
            raise ReconstructionError(
                f"the model {str(model)!r} names no photo of the atlas; make the atlas from the folder that the "
                "model's names are relative to"
            )
        self._names = named.names

    @checked
    def localize(self, photo: Picture, *, candidates: Count = CANDIDATES, rotations: bool = True) -> Pose | None:
        """Find the pose of a photo; arguments, result and errors are those of `Atlas.localize`."""
        read = read_photo(photo)
        answer = self._atlas.search(read.image, top=len(self._names), rotations=rotations)
        chosen = [each.id for each in answer.evidence if each.id in self._images][:candidates]
        points, landmarks = self._landmarks(answer, chosen)
        height, width = read.image.shape[:2]
        poses = [
            self._pose(points, landmarks, own, chosen) for own in self._cameras((width, height), read.focal, chosen)
        ]
        return max((pose for pose in poses if pose is not None), key=lambda pose: pose.inliers, default=None)

    def _cameras(self, size: tuple[int, int], focal: float | None, chosen: Sequence[int]) -> list[Any]:
        """Return the cameras that may have taken a photo.

        Those of photos of the same size come first: the model knows them better than EXIF does.
        """
        known = {self._images[number].camera_id: self._images[number].camera for number in chosen}
        same = [copy.deepcopy(each) for each in known.values() if (each.width, each.height) == size]
        for each in same:
            each.has_prior_focal_length = True
        return [*same, camera(size, focal)]

    def _landmarks(self, answer: Answer, chosen: Sequence[int]) -> tuple[Floats, NDArray[np.float64]]:
        """Return ``(m, 2)`` points of the query in COLMAP's pixels, and the ``(m, 3)`` points of the model they match.

        A point of the query that matches the same 3D point in several photos counts once.
        """
        source = StoredFeatures(self._atlas.snapshot())
        known = source.features(chosen)
        found: dict[tuple[int, int], tuple[NDArray[np.floating[Any]], NDArray[np.float64]]] = {}
        for number, features, matches in zip(chosen, known, source.matcher.match(answer.features, known), strict=True):
            points = features.keypoints[matches.pairs[:, 1]] + PIXEL
            places, ids, landmarks = _nearest(self._model, self._images[number], points, features.image_size)
            for place, landmark, point in zip(places, ids, landmarks, strict=True):
                row = int(matches.pairs[place, 0])
                found[row, int(landmark)] = answer.features.keypoints[row] + PIXEL, point
        if not found:
            return np.zeros((0, 2), np.float32), np.zeros((0, 3))
        return (
            np.stack([point for point, _ in found.values()]).astype(np.float32),
            np.stack([landmark for _, landmark in found.values()]),
        )

    def _pose(self, points: Floats, landmarks: NDArray[np.float64], own: Any, chosen: Sequence[int]) -> Pose | None:
        import pycolmap

        if len(points) < FEWEST:
            return None
        estimation = pycolmap.AbsolutePoseEstimationOptions()
        estimation.ransac.max_error = ERROR * max(1.0, max(own.width, own.height) / 1000)
        estimation.ransac.random_seed = 0
        refinement = pycolmap.AbsolutePoseRefinementOptions()
        refinement.refine_focal_length = not own.has_prior_focal_length
        found = pycolmap.estimate_and_refine_absolute_pose(points, landmarks, own, estimation, refinement)
        if found is None or found["num_inliers"] < FEWEST:
            return None
        pose, fits = found["cam_from_world"], np.asarray(found["inlier_mask"], bool)
        rotation, translation = np.array(pose.rotation.matrix()), np.array(pose.translation)
        covariance = pose_covariance(
            own,
            rotation,
            translation,
            points[fits].astype(np.float64),
            landmarks[fits],
            with_focal=refinement.refine_focal_length,
        )
        location, heading = self._on_the_map(rotation, translation)
        names = tuple(self._names[number] for number in chosen)
        inliers = int(found["num_inliers"])
        return Pose(
            rotation, translation, covariance, inliers, len(points), own.mean_focal_length(), location, heading, names
        )

    def _on_the_map(
        self, rotation: NDArray[np.float64], translation: NDArray[np.float64]
    ) -> tuple[tuple[float, float] | None, float | None]:
        if self._origin is None:
            return None, None
        east, north, _ = rotation[2]  # the direction of view in the model's coordinates
        heading = float(np.degrees(np.arctan2(east, north))) % 360
        return self._origin.degrees(-rotation.T @ translation), heading


def _read(folder: Path) -> Any:
    with required(*PYCOLMAP):
        import pycolmap
    try:
        return pycolmap.Reconstruction(folder)
    except (OSError, RuntimeError, ValueError) as error:
        raise ReconstructionError(
            f"{str(folder)!r} is not a model in COLMAP's format; make one with: placeprint reconstruct"
        ) from error


def _images_of(model: Any, named: NamedPhotos) -> dict[int, Any]:
    """Return the images of a model by the ids of the photos that they are.

    Names may lack folders in front on one side; a name that then fits several photos fits none.
    """
    by_name = {image.name: image for image in model.images.values() if image.has_pose}
    whole = {number: by_name[name] for number, name in named.names.items() if name in by_name}
    if whole:
        return whole
    return _by_last_parts(by_name, named.names)


def _by_last_parts(images: Mapping[str, Any], names: Mapping[int, str]) -> dict[int, Any]:
    ours: dict[str, list[int]] = {}
    for number, name in names.items():
        ours.setdefault(name.rpartition("/")[2], []).append(number)
    theirs: dict[str, list[Any]] = {}
    for name, image in images.items():
        theirs.setdefault(name.rpartition("/")[2], []).append(image)
    return {
        numbers[0]: theirs[last][0]
        for last, numbers in ours.items()
        if len(numbers) == 1 and len(theirs.get(last, ())) == 1
    }


def _nearest(
    model: Any, image: Any, points: Floats, size: tuple[int, int]
) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.float64]]:
    """Return which points lie near a keypoint with a 3D point, the ids of these, and their ``(m, 3)`` coordinates."""
    seen = [point for point in image.points2D if point.has_point3D()]
    if not seen or not len(points):
        return np.zeros(0, np.intp), np.zeros(0, np.int64), np.zeros((0, 3))
    places = np.stack([point.xy for point in seen])
    away = np.linalg.norm(points[:, None] - places[None], axis=2)
    nearest = away.argmin(axis=1)
    near = np.flatnonzero(away[np.arange(len(points)), nearest] <= NEAR * max(1.0, max(size) / 1000))
    ids = np.array([seen[number].point3D_id for number in nearest[near]], np.int64)
    return near, ids, np.stack([model.points3D[number].xyz for number in ids]) if len(ids) else np.zeros((0, 3))
