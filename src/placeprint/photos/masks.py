"""Read masks: any common form becomes one ``(H, W)`` bool array, True where keypoints are allowed."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import OptionError, PhotoError, ShapeError
from placeprint.photos import Picture, normalized, read_image, scan_photos
from placeprint.photos.classes import read_ignored
from placeprint.types import Mask

MaskLike: TypeAlias = Picture
Masks: TypeAlias = "Sequence[MaskLike | None]"
"""The masks of several photos, one per photo."""
TAKEN = "(H, W) of bool, 0 and 1, or 0 and 255, or a picture that is white where keypoints may be"


def as_mask(mask: MaskLike | None, size: tuple[int, int]) -> Mask | None:
    """Return a mask as bool; None stays None.

    Args:
        mask: an array as in `TAKEN`, with one channel or several equal ones; or a picture in any form accepted for
            photos, in which pixels lighter than mid-gray count as white.
        size: ``(width, height)`` of the mask's photo.

    Raises:
        ShapeError: the array has none of these forms, or the mask and the photo differ in size.
        PhotoError: the picture cannot be read.

    Example:
        >>> as_mask(np.array([[0, 255]], np.uint8), (2, 1)).tolist()
        [[False, True]]
    """
    if mask is None:
        return None
    if isinstance(mask, np.ndarray):
        values = _plane(mask)
        white = _white(values)
    else:
        values = read_image(mask)[..., 0]
        white = values > (0 if values.max(initial=0) <= 1 else 127)
    if white.shape != (size[1], size[0]):
        raise ShapeError(f"a mask must have the shape of its image, {(size[1], size[0])}, got {white.shape}")
    return np.asarray(white, bool)


class MaskFolder:
    """A folder of masks, each named like its photo: ``tower/01.png`` for ``photos/tower/01.jpg``.

    A mask belongs to the photos whose paths end in its path within the folder, without the suffix; of several, the one
    with the longest path is used. Photos without a mask are used whole.

    Args:
        folder: of the masks, and of folders of them.
        ignore: names of classes; where there are any, the masks are pictures of classes, see `photos.classes`, and
            keypoints may be on all other classes.

    Raises:
        PhotoError: there is no such folder, or no picture in it.
        OptionError: classes are to be ignored, and their table is missing or does not name one.
        DatasetError: the table of classes is wrong.
    """

    def __init__(self, folder: Path, ignore: Collection[str] = ()) -> None:
        base = normalized(folder)
        if not base.is_dir():
            raise PhotoError(f"masks must be a folder of pictures named like the photos, got {str(folder)!r}")
        found = scan_photos([folder]).required().paths
        self._masks = {_stem(Path(path).relative_to(base).parts): Path(path) for path in found}
        self._ignored = read_ignored(base, ignore) if ignore else None

    def __len__(self) -> int:
        return len(self._masks)

    def mask_of(self, path: Path, size: tuple[int, int]) -> Mask | None:
        """Return the ``(H, W)`` bool mask of a photo of ``(width, height)`` pixels, or None if it has none.

        Raises:
            PhotoError: the mask cannot be read, or has another size than the photo.
        """
        parts = path.parts
        names = (_stem(parts[start:]) for start in range(len(parts)))
        found = next((self._masks[name] for name in names if name in self._masks), None)
        if found is None:
            return None
        try:
            return as_mask(found, size) if self._ignored is None else self._ignored.mask_of(found, size)
        except ShapeError as error:
            raise PhotoError(f"its mask {str(found)!r} does not fit: {error}") from error


def masks_in(folder: Path | str | None, ignore: Collection[str] = ()) -> MaskFolder | None:
    """Return the masks of a folder, or None where no folder is given. Takes and raises what `MaskFolder` does.

    Raises:
        OptionError: classes are to be ignored, and no folder is given.
    """
    if folder is not None:
        return MaskFolder(Path(folder), ignore)
    if ignore:
        raise OptionError("to ignore classes, pictures of classes are needed; give their folder as masks")
    return None


def _stem(parts: Sequence[str]) -> tuple[str, ...]:
    """Return the parts of a path without the suffix of its name."""
    return (*parts[:-1], Path(parts[-1]).stem)


def _plane(mask: NDArray[Any]) -> NDArray[Any]:
    """Return the ``(H, W)`` values of a mask with one channel or several equal ones."""
    if mask.ndim == 3 and mask.shape[2] and bool((mask == mask[..., :1]).all()):
        mask = mask[..., 0]
    if mask.ndim != 2:
        raise ShapeError(f"a mask must be {TAKEN}, got an array of shape {mask.shape}")
    return mask


def _white(values: NDArray[Any]) -> Mask:
    if values.dtype == bool:
        return np.asarray(values, bool)
    if not (np.issubdtype(values.dtype, np.integer) or np.issubdtype(values.dtype, np.floating)):
        raise ShapeError(f"a mask must be {TAKEN}, got an array of {values.dtype}")
    top = float(values.max(initial=0))
    other = values[(values != 0) & (values != top)]
    if not math.isfinite(top) or top not in {0.0, 1.0, 255.0} or other.size:
        strange = other.flat[0] if other.size else top
        raise ShapeError(f"a mask must be {TAKEN}, got the value {strange:g}; compare with a threshold first")
    return np.asarray(values != 0, bool)
