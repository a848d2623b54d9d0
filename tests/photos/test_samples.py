from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from placeprint.errors import PhotoError
from placeprint.photos import read_image
from placeprint.photos.samples import to_eight_bits, to_rgb
from tests.conftest import make_scene

GREY = make_scene(0, 64, 48)[..., 1]
GREY[0, :2] = 0, 255


@pytest.mark.parametrize(
    "values",
    [
        GREY,
        GREY.astype(np.float32) / 255,
        GREY.astype(np.float64) / 255,
        GREY.astype(np.float16) / 255,
        GREY.astype(np.float32),
        GREY.astype(np.float32) * 257,
        GREY.astype(np.uint16),
        GREY.astype(np.uint16) * 4 + 1,
        GREY.astype(np.uint16) * 16 + 3,
        GREY.astype(np.uint16) * 257,
        GREY.astype(">u2") * 257,
        GREY.astype(np.int64),
        GREY.astype(np.int32) * 257,
    ],
    ids=lambda values: f"{values.dtype}, up to {values.max():g}",
)
def test_white_is_found_from_the_values(values: NDArray[np.generic], tmp_path: Path) -> None:
    np.testing.assert_allclose(to_eight_bits(values), GREY, atol=1)
    if values.dtype in {np.dtype(t) for t in (np.uint8, np.uint16, np.float32, np.int32)}:
        PIL.Image.fromarray(values).save(tmp_path / "a.tif")
        np.testing.assert_allclose(read_image(tmp_path / "a.tif")[..., 0], GREY, atol=1)


@pytest.mark.parametrize("scale", [1 / 255, 1.0])
def test_values_that_are_no_numbers_cost_their_pixels(scale: float) -> None:
    values = GREY.astype(np.float32) * np.float32(scale)
    values[0, :4] = np.nan, np.inf, -np.inf, 1e30
    image = to_eight_bits(values)
    assert image[0, :4].tolist() == [0, 255, 0, 255]
    np.testing.assert_allclose(image[1:], GREY[1:], atol=1)


def test_bools_are_black_and_white() -> None:
    assert to_eight_bits(np.array([[False, True]])).tolist() == [[0, 255]]


@pytest.mark.parametrize(
    "values",
    [
        np.full((20, 20), -1),
        np.full((20, 20), 70_000),
        np.linspace(-2, 2, 400).reshape(20, 20),
        np.full((20, 20), 1e9),
        np.zeros((20, 20), complex),
        np.full((20, 20), "a"),
        np.full((20, 20), None),
        np.zeros((20, 20), "M8[s]"),
    ],
    ids=lambda values: f"{values.dtype}",
)
def test_values_that_are_no_pixels_are_refused_with_what_is_taken(values: NDArray[np.generic]) -> None:
    with pytest.raises(PhotoError, match="floats from 0 to 1"):
        to_rgb(values)
