"""Pairs of pictures with known geometry: where a point of one is in the other.

- *Homographies*: the affine-covariant-features scenes of Oxford (Mikolajczyk et al., IJCV 2005; `read_oxford_affine`)
  and their first scene as OpenCV ships it (`read_opencv_doc`). A plane, or a camera that only rotated: known
  everywhere.
- *Disparity*: a stereo pair of Middlebury (Scharstein et al., GCPR 2014) inside scikit-image (`stereo_motorcycle`).
  The point ``(x, y)`` of the left picture is at ``(x - disparity, y)`` of the right one; known wherever it was
  measured.
- *Hand-made correspondences*: two landmarks, as course benchmarks use them (`read_hand_made`). A match is judged if a
  correspondence is near, by the shift of that correspondence.

The files of the last kind are MATLAB files and count pixels from 1; here the center of the first pixel is ``(0, 0)``.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placeprint.core.files import read_text
from placeprint.core.numerics import nearest_points
from placeprint.datasets.tables.matlab import read_mat
from placeprint.errors import DatasetError, PhotoError, ShapeError
from placeprint.photos import read_image

Values = NDArray[np.float64]
Skip = Callable[[Path, str], None]

NEAR = 0.05
"""Largest distance of a hand-made correspondence that judges a match, as a share of the query's diagonal."""
OPENCV_DOC = Path("/usr/share/doc/opencv-doc")
"""The path in Debian's package."""


@dataclass(frozen=True, eq=False)
class ImagePair:
    """Two pictures and the position of the first picture's points in the second, by one of three kinds of ground truth.

    Args:
        name: a unique name, such as ``"graf 1-3"``.
        query_path: the first picture.
        database_path: the second picture.
        query_size: ``(width, height)`` of the first picture in pixels.
        homography: ``(3, 3)`` float64 from pixels of the first picture to those of the second, or None.
        disparity: ``(H, W)`` how many pixels each pixel of the first picture is farther left in the second, not finite
            where unknown; or None.
        correspondences: ``(n, 2, 2)`` points in the first and in the second picture, or None.

    Raises:
        ShapeError: there is not exactly one kind of ground truth, or it has another shape.
    """

    name: str
    query_path: Path
    database_path: Path
    query_size: tuple[int, int]
    homography: Values | None = None
    disparity: Values | None = None
    correspondences: Values | None = None

    def __post_init__(self) -> None:
        truths = (self.homography, self.disparity, self.correspondences)
        if sum(truth is not None for truth in truths) != 1:
            raise ShapeError(f"{self.name!r} needs one of homography, disparity and correspondences")
        if self.homography is not None and self.homography.shape != (3, 3):
            raise ShapeError(f"homography must have shape (3, 3), got {self.homography.shape}")
        if self.disparity is not None and self.disparity.shape != self.query_size[::-1]:
            raise ShapeError(f"disparity must have shape {self.query_size[::-1]}, got {self.disparity.shape}")
        if self.correspondences is not None and self.correspondences.shape[1:] != (2, 2):
            raise ShapeError(f"correspondences must have shape (n, 2, 2), got {self.correspondences.shape}")

    @property
    def diagonal(self) -> float:
        """The length of the first picture's diagonal in pixels."""
        return float(np.hypot(*self.query_size))


def residuals(pair: ImagePair, points: NDArray[np.floating]) -> Values:
    """Return how far each match is from the truth.

    Args:
        pair: a pair with its ground truth.
        points: ``(m, 2, 2)``, the point in the query and the point in the database picture.

    Returns:
        ``(m,)`` float64 pixels of the database picture; NaN where nothing is known: no disparity was measured, or no
        hand-made correspondence is near. A point that a homography maps outside the other picture has no match there;
        its residual is the distance.
    """
    points = np.asarray(points, np.float64).reshape(-1, 2, 2)
    return np.asarray(np.linalg.norm(expected_points(pair, points[:, 0]) - points[:, 1], axis=1), np.float64)


def expected_points(pair: ImagePair, points: NDArray[np.floating]) -> Values:
    """Return ``(n, 2)``: where points of the query are in the database picture, NaN where unknown.

    Raises:
        DatasetError: the pair has no correspondences.
    """
    points = np.asarray(points, np.float64).reshape(-1, 2)
    if pair.homography is not None:
        return project(points, pair.homography)
    if pair.disparity is not None:
        column, row = np.clip(np.rint(points).astype(int), 0, np.array(pair.query_size) - 1).T
        shift = pair.disparity[row, column]
        left = np.where(np.isfinite(shift), shift, np.nan)
        return np.asarray(points - np.stack([left, np.where(np.isnan(left), np.nan, 0)], axis=1), np.float64)
    known_pairs = pair.correspondences
    if known_pairs is None or not len(known_pairs):
        raise DatasetError(f"{pair.name!r} has no correspondences")
    distances, nearest = nearest_points(points, known_pairs[:, 0])
    shifts = known_pairs[nearest, 1] - known_pairs[nearest, 0]
    near = distances <= NEAR * pair.diagonal
    return np.where(near[:, None], points + shifts, np.nan)


def project(points: NDArray[np.floating], homography: Values) -> Values:
    """Return ``(n, 2)`` points mapped by a ``(3, 3)`` homography; far away (1e9) if it maps them to infinity.

    Example:
        >>> project(np.array([[1.0, 2.0]]), np.diag([2.0, 2.0, 1.0])).tolist()
        [[2.0, 4.0]]
    """
    moved = np.column_stack([np.asarray(points, np.float64), np.ones(len(points))]) @ homography.T
    depth = moved[:, 2:]
    finite = np.abs(depth) > 1e-9
    return np.where(finite, moved[:, :2] / np.where(finite, depth, 1), 1e9)


def read_oxford_affine(
    folder: Path | str, numbers: Sequence[int] = (3, 5), *, skip: Skip | None = None
) -> list[ImagePair]:
    """Read the pairs of picture 1 with each of these numbers, for all scenes below a folder, sorted by name.

    A scene is a folder with pictures ``img1`` ... ``img6`` and homographies ``H1to2p`` ... ``H1to6p``.

    Args:
        folder: the folder with the scenes.
        numbers: the numbers of the second pictures.
        skip: a function that gets a bad picture and the reason; its pair is skipped. None to raise.

    Raises:
        DatasetError: there is no scene, or one of its files is missing or has another form.
        PhotoError: a picture cannot be used, and `skip` is None.
    """
    folder = Path(folder)
    scenes = sorted(path for path in folder.iterdir() if list(path.glob("H1to*p"))) if folder.is_dir() else []
    if not scenes:
        raise DatasetError(f"{str(folder)!r} has no scenes: folders with img1, img2, ... and H1to2p, ...")
    pairs = []
    for scene in scenes:
        first = _picture(scene, "img1")
        for number in numbers:
            homography = _read_matrix(scene / f"H1to{number}p")
            second = _picture(scene, f"img{number}")
            sizes = _sizes([first, second], skip)
            if sizes is not None:
                pairs.append(ImagePair(f"{scene.name} 1-{number}", first, second, sizes[0], homography))
    return pairs


def read_hand_made(folder: Path | str, *, skip: Skip | None = None) -> list[ImagePair]:
    """Read the pairs of all folders in a folder: two pictures and a ``...Eval.mat`` with x1, y1, x2, y2.

    Args:
        folder: the folder with the pairs.
        skip: see `read_oxford_affine`.

    Raises:
        DatasetError: there is no such folder, one does not have two pictures, a file has another form, or a point is
            outside its picture.
        PackageError: SciPy is not installed.
        PhotoError: a picture cannot be used, and `skip` is None.
    """
    files = sorted(Path(folder).glob("*/*Eval.mat"))
    if not files:
        raise DatasetError(f"{str(folder)!r} has no pairs: folders with two pictures and a file ...Eval.mat")
    pairs = []
    for file in files:
        pictures = sorted(path for path in file.parent.iterdir() if path.suffix.lower() in {".jpg", ".png"})
        if len(pictures) != 2:
            raise DatasetError(f"{str(file.parent)!r} must have two pictures, it has {len(pictures)}")
        points = _read_eval(file)
        sizes = _sizes(pictures, skip)
        if sizes is None:
            continue
        if (points < -0.5).any() or (points > np.array(sizes) - 0.5).any():
            raise DatasetError(f"{str(file)!r} has points outside its pictures, of {sizes[0]} and {sizes[1]} pixels")
        pairs.append(ImagePair(file.parent.name, pictures[0], pictures[1], sizes[0], correspondences=points))
    return pairs


def stereo_motorcycle() -> ImagePair:
    """Return the stereo pair with dense disparity that ships with scikit-image.

    Raises:
        DatasetError: scikit-image is not installed.
    """
    spec = importlib.util.find_spec("skimage")
    folder = Path(spec.origin).parent / "data" if spec is not None and spec.origin is not None else None
    if folder is None or not (folder / "motorcycle_disp.npz").is_file():
        raise DatasetError("the stereo pair is in scikit-image, which is not installed; pip install 'placeprint[demo]'")
    with np.load(folder / "motorcycle_disp.npz") as file:
        disparity = np.asarray(file["arr_0"], np.float64)
    left = folder / "motorcycle_left.png"
    return ImagePair("motorcycle", left, folder / "motorcycle_right.png", _size(left), disparity=disparity)


def read_opencv_doc(folder: Path | str = OPENCV_DOC) -> list[ImagePair]:
    """Return graf1 and graf3 of Debian's opencv-doc as a list of one pair; an empty list if it is not installed.

    Raises:
        DatasetError: the homography exists and has another form.
    """
    import cv2

    for file in sorted(Path(folder).rglob("H1to3p.xml*")):
        first, second = file.parent / "graf1.png", file.parent / "graf3.png"
        if first.is_file() and second.is_file():
            storage = cv2.FileStorage(str(file), cv2.FILE_STORAGE_READ)
            found = storage.getFirstTopLevelNode().mat()
            storage.release()
            if found is None or found.shape != (3, 3):
                raise DatasetError(f"{str(file)!r} must have a 3 x 3 matrix")
            return [ImagePair("opencv graf 1-3", first, second, _size(first), np.asarray(found, np.float64))]
    return []


def _picture(folder: Path, stem: str) -> Path:
    found = sorted(folder.glob(f"{stem}.*"))
    if not found:
        raise DatasetError(f"{str(folder)!r} has no picture {stem}")
    return found[0]


def _sizes(paths: Sequence[Path], skip: Skip | None) -> list[tuple[int, int]] | None:
    """Return ``(width, height)`` of each picture, or None if one cannot be used."""
    sizes = []
    for path in paths:
        try:
            sizes.append(_size(path))
        except PhotoError as error:
            if skip is None:
                raise
            skip(path, str(error))
            return None
    return sizes


def _size(path: Path) -> tuple[int, int]:
    height, width = read_image(path).shape[:2]
    return width, height


def _read_matrix(path: Path) -> Values:
    if not path.is_file():
        raise DatasetError(f"{str(path.parent)!r} has no homography {path.name}")
    text = read_text(path, error=DatasetError)
    if not text.strip():
        raise DatasetError(f"{str(path)!r} must have a 3 x 3 matrix, it is empty")
    try:
        matrix = np.loadtxt(io.StringIO(text), dtype=np.float64)
    except ValueError as error:
        raise DatasetError(f"{str(path)!r} must have a 3 x 3 matrix ({error})") from error
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
        raise DatasetError(f"{str(path)!r} must have a 3 x 3 matrix of finite numbers, it has {matrix.shape}")
    return matrix


def _read_eval(path: Path) -> Values:
    """Return ``(n, 2, 2)`` points, counted from 0."""
    held = read_mat(path)
    try:
        columns = [np.asarray(held[name], np.float64).ravel() for name in ("x1", "y1", "x2", "y2")]
        return np.stack(columns, axis=1).reshape(-1, 2, 2) - 1
    except (KeyError, ValueError, TypeError) as error:
        raise DatasetError(f"{str(path)!r} must have x1, y1, x2 and y2 of equal length ({error})") from error
