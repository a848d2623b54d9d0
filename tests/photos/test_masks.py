"""Masks in every form people have them in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from placeprint import match
from placeprint.errors import OptionError, ShapeError
from placeprint.features.sift import SIFT
from placeprint.photos.masks import as_mask
from tests.conftest import make_scene

SIZE = (320, 240)


def left_half() -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask = np.zeros((240, 320), bool)
    mask[:, :160] = True
    return mask


FORMS: dict[str, Any] = {
    "bool": left_half(),
    "0/1": left_half().astype(np.uint8),
    "0/255": left_half().astype(np.uint8) * 255,
    "int64": left_half().astype(np.int64),
    "float 0/1": left_half().astype(np.float32),
    "float 0/255": left_half() * 255.0,
    "(H, W, 1)": left_half()[..., None],
    "(H, W, 3)": np.repeat(left_half()[..., None], 3, axis=2) * np.uint8(255),
    "Pillow 1": PIL.Image.fromarray(left_half()),
    "Pillow L": PIL.Image.fromarray(left_half().astype(np.uint8) * 255),
    "Pillow L 0/1": PIL.Image.fromarray(left_half().astype(np.uint8)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_mask_means_the_same(form: str) -> None:
    np.testing.assert_array_equal(as_mask(FORMS[form], SIZE), left_half())


def test_a_mask_may_be_a_file(tmp_path: Path) -> None:
    FORMS["Pillow L"].save(tmp_path / "mask.png")
    np.testing.assert_array_equal(as_mask(tmp_path / "mask.png", SIZE), left_half())
    np.testing.assert_array_equal(as_mask(str(tmp_path / "mask.png"), SIZE), left_half())


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.full((240, 320), 7, np.uint8), "got the value 7"),
        (np.full((240, 320), np.nan), "got the value nan"),
        (np.full((240, 320), -1), "got the value -1"),
        (np.full((240, 320), 0.3), "got the value 0.3"),
        (np.full((240, 320), "x"), "got an array of <U1"),
        (np.ones((2, 240, 320), bool), r"got \(2, 240\)|got an array of shape"),
        (np.ones((320, 240), bool), r"shape of its image, \(240, 320\), got \(320, 240\)"),
        (np.ones(5, bool), r"got an array of shape \(5,\)"),
    ],
    ids=str,
)
def test_what_is_no_mask_is_refused(mask: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        as_mask(mask, SIZE)


@pytest.mark.parametrize("form", ["0/255", "float 0/1", "(H, W, 1)"])
def test_extractors_and_pairs_take_them(form: str) -> None:
    scene, extractor = make_scene(4), SIFT()
    expected = extractor.extract(scene, left_half()).keypoints
    assert len(expected)
    np.testing.assert_array_equal(extractor.extract(scene, FORMS[form]).keypoints, expected)
    answer = match(scene, scene, features="sift", masks=(FORMS[form], None), opinions=False)
    np.testing.assert_array_equal(answer.query.keypoints, expected)


def test_a_mask_that_hides_everything_is_said() -> None:
    scene = make_scene(4)
    answer = match(scene, scene, features="sift", masks=(None, np.zeros((240, 320), np.uint8)))
    assert answer.verdict == "not confirmed" and answer.note is not None and answer.note.startswith("second photo: no")


@pytest.mark.parametrize("masks", ["mask.png", left_half(), (None,), None])
def test_masks_come_in_pairs(masks: Any) -> None:
    with pytest.raises(OptionError, match="masks must be a pair"):
        match(make_scene(4), make_scene(4), features="sift", masks=masks)
