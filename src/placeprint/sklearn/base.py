"""What the transformers share: scikit-learn's base classes, and what local descriptors may look like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.arrays import rows_of
from placeprint.core.packages import required
from placeprint.errors import ShapeError
from placeprint.types import LocalFeatures

with required("this needs scikit-learn", "sklearn"):
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

__all__ = ["BaseEstimator", "ClassNamePrefixFeaturesOutMixin", "Photos", "TransformerMixin", "features_of"]

Photos = Iterable[NDArray[np.floating] | LocalFeatures]
"""The local descriptors of photos: of each a ``(k, d)`` array, k differs, or `LocalFeatures`."""


def features_of(photos: Photos | object, dim: int | None = None) -> list[LocalFeatures]:
    """Return the local features of photos.

    Args:
        photos: see `Photos`; or one ``(n, k, d)`` array.
        dim: d, where it is known.

    Raises:
        ShapeError: they are one array of two axes, there are none, or `arrays.rows_of` refuses an array.
    """
    if isinstance(photos, np.ndarray) and photos.dtype != object and photos.ndim != 3:
        raise ShapeError(
            f"local descriptors must be a sequence of (k, d) arrays, one per photo, or one (n, k, d) array, got an "
            f"array of shape {photos.shape}"
        )
    if isinstance(photos, str | bytes) or not isinstance(photos, Iterable):
        raise ShapeError(f"local descriptors must be a sequence of (k, d) arrays, got {type(photos).__name__}")
    found = [_features(number, photo, dim) for number, photo in enumerate(photos)]
    if not found:
        raise ShapeError("local descriptors must be those of at least one photo, got none")
    lengths = {each.descriptors.shape[1] for each in found if len(each)}
    if len(lengths) > 1:
        raise ShapeError(f"local descriptors must have one length, got {sorted(lengths)}")
    return found


def _features(number: int, photo: Any, dim: int | None) -> LocalFeatures:
    if isinstance(photo, LocalFeatures):
        rows_of(photo.descriptors, f"the descriptors of photo {number}", dim=dim if len(photo) else None)
        return photo
    rows = rows_of(photo, f"the descriptors of photo {number}")
    if len(rows) and dim not in {None, rows.shape[1]}:
        rows_of(rows, f"the descriptors of photo {number}", dim=dim)
    return LocalFeatures(np.zeros((len(rows), 2), np.float32), rows, np.ones(len(rows), np.float32), (1, 1))
