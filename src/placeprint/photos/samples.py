"""Convert pixel values of any type to 8 bits.

Files and arrays do not say which value is white: a camera's 12 bits are stored in 16, and floats go from 0 to 1 or to
255. So white is the smallest of 1 (floats only), 255, 1023, 4095, 16383 and 65535 that no value exceeds. In float data,
one value in a hundred may exceed it, because resampling and highlights overshoot. The price is that a 16-bit picture
without a bright pixel becomes brighter. Its contrast is kept, which is what features need. NaN is black, infinity is
white.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import PhotoError

WHITES = (255, 1023, 4095, 16383, 65535)
OVERSHOOT = 0.01
"""Share of float values that may be below black or above white."""
RANGES = "bools, uint8, integers from 0 to 65535, or floats from 0 to 1 or from 0 to 65535"


def to_eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale pixel values of any shape to 0 ... 255; uint8 is returned unchanged.

    Raises:
        PhotoError: the type is not numeric, or the values fit no known range.

    Example:
        >>> to_eight_bits(np.array([0, 0.5, np.nan, 1])).tolist(), to_eight_bits(np.array([0, 4095])).tolist()
        ([0, 128, 0, 255], [0, 255])
    """
    if values.dtype == np.uint8:
        return np.asarray(values)
    if values.dtype == np.bool_:
        return np.asarray(values, np.uint8) * np.uint8(255)
    if values.dtype.kind == "f":
        return _scaled_floats(values)
    if values.dtype.kind in "iu":
        return _scaled_integers(values)
    raise PhotoError(f"pixel values must be {RANGES}, got {values.dtype}")


def _scaled_integers(values: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    white = next((each for each in WHITES if high <= each), None)
    if white is None or low < 0:
        raise PhotoError(f"pixel values must be {RANGES}, got {values.dtype} from {low} to {high}")
    if white == WHITES[0]:
        return values.astype(np.uint8)
    return np.rint(values * np.float32(255 / white)).astype(np.uint8)


def _scaled_floats(values: NDArray[Any]) -> NDArray[np.uint8]:
    with np.errstate(over="ignore"):
        values = np.nan_to_num(values.astype(np.float32), nan=0, posinf=np.inf, neginf=-np.inf)
    finite = np.isfinite(values)
    allowed = OVERSHOOT * values.size
    whites = (1, *WHITES)
    white = next((each for each in whites if np.count_nonzero(finite & (values > each)) <= allowed), None)
    if white is None or np.count_nonzero(values < 0) > allowed:
        raise PhotoError(f"pixel values must be {RANGES}, got floats from {values.min():g} to {values.max():g}")
    scaled: NDArray[np.uint8] = np.rint(np.clip(values, 0, white) * np.float32(255 / white)).astype(np.uint8)
    return scaled


def check_shape(pixels: NDArray[Any]) -> None:
    """Raise a PhotoError if an array does not have the shape of a picture; the message lists the accepted shapes."""
    if pixels.ndim != 2 and not (pixels.ndim == 3 and pixels.shape[2] in {1, 3, 4}):
        raise PhotoError(f"an image must be an (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) array, got {pixels.shape}")


def to_rgb(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return ``(H, W, 3)`` uint8 from ``(H, W)`` or ``(H, W, 1)`` gray, ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGBA.

    Transparent pixels become black, which means "nothing here" in placeprint.

    Raises:
        PhotoError: the array has another shape or type.
    """
    check_shape(pixels)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.shape[2] == 4:
        return _over_black(to_eight_bits(pixels[..., :3]), _alpha(pixels[..., 3:]))
    image = to_eight_bits(pixels)
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else np.ascontiguousarray(image)


def _alpha(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale an alpha channel by its type, because its values alone do not show its maximum."""
    if values.dtype == np.uint16:
        return (values >> 8).astype(np.uint8)
    return to_eight_bits(values)


def _over_black(image: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if alpha.min(initial=255) == 255:
        return np.ascontiguousarray(image)
    return ((image.astype(np.uint16) * alpha + 127) // 255).astype(np.uint8)
