"""Photos that are added with masks: nothing is described where a mask is black."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.errors import PhotoError
from placeprint.photos.masks import MaskFolder
from tests.conftest import make_scene, write_photo

LEFT = np.zeros((240, 320, 3), np.uint8)
LEFT[:, :160] = 255


def test_keypoints_are_only_where_a_mask_is_white(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name in ("masked", "whole", "odd"):
        write_photo(photos / f"{name}.png", make_scene(3))
    write_photo(tmp_path / "masks" / "masked.png", LEFT)
    write_photo(tmp_path / "masks" / "odd.png", LEFT[:100])
    atlas = Atlas.create(tmp_path / "atlas", "fast")
    report = atlas.add([photos], masks=tmp_path / "masks", learn=False)
    assert report.added == 2
    assert [Path(path).stem for path, _ in report.skipped] == ["odd"]
    assert "does not fit" in report.skipped[0][1]
    now = atlas.snapshot()
    found = {Path(record.path).stem: now.features_of([photo], 0)[0] for photo, record in now.usable().items()}
    assert found["masked"].keypoints[:, 0].max() < 165
    assert found["whole"].keypoints[:, 0].max() > 250


def test_the_mask_with_the_longest_common_path_is_used(tmp_path: Path) -> None:
    write_photo(tmp_path / "masks" / "1.png", LEFT)
    write_photo(tmp_path / "masks" / "tower" / "1.png", 255 - LEFT)
    masks = MaskFolder(tmp_path / "masks")
    assert len(masks) == 2
    tower = masks.mask_of(Path("/a/tower/1.jpg"), (320, 240))
    other = masks.mask_of(Path("/a/bridge/1.jpg"), (320, 240))
    assert tower is not None
    assert other is not None
    assert not tower[0, 0]
    assert other[0, 0]
    assert masks.mask_of(Path("/a/tower/2.jpg"), (320, 240)) is None


def test_a_folder_without_masks_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(PhotoError):
        MaskFolder(tmp_path / "none")
    with pytest.raises(PhotoError):
        MaskFolder(tmp_path / "missing")
