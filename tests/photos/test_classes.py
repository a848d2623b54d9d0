"""Pictures of classes: what is ignored, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.errors import DatasetError, OptionError, PhotoError
from placeprint.photos.masks import MaskFolder
from tests.conftest import write_photo

SIZE = (60, 40)
TABLE = "value,name\n0,building\n1,Sky\n2,people\n"


def classes(folder: Path, table: str | None = TABLE) -> Path:
    """Write a picture of classes: people on the left, sky in the middle, building on the right."""
    values = np.repeat(np.array([2, 1, 0], np.uint8), 20)[None, :, None]
    write_photo(folder / "1.png", np.tile(values, (40, 1, 3)))
    if table is not None:
        (folder / "classes.csv").write_text(table)
    return folder


@pytest.mark.parametrize(
    ("ignore", "kept"),
    [(["sky"], [True, False, True]), (["sky", "PEOPLE"], [False, False, True]), (["building"], [True, True, False])],
)
def test_ignored_classes_are_left_out_and_all_others_used(tmp_path: Path, ignore: list[str], kept: list[bool]) -> None:
    mask = MaskFolder(classes(tmp_path), ignore).mask_of(Path("/photos/1.jpg"), SIZE)
    assert mask is not None
    assert mask.shape == (40, 60)
    np.testing.assert_array_equal(mask, np.tile(np.repeat(kept, 20), (40, 1)))


def test_an_unknown_class_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"no class called 'car' .* it has building, people, sky"):
        MaskFolder(classes(tmp_path), ["sky", "car"])


def test_without_a_table_or_masks_nothing_can_be_ignored(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"needs a table classes.csv with the columns value and name"):
        MaskFolder(classes(tmp_path / "masks", None), ["sky"])
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    with pytest.raises(OptionError, match="pictures of classes are needed"):
        atlas.add([tmp_path / "masks"], ignore=["sky"])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("id,name\n1,sky\n", "columns value and name, it has id, name"),
        ("value,name\n256,sky\n", "line 2: a value must be a whole number from 0 to 255, got '256'"),
        ("value,name\n-1,sky\n", "got '-1'"),
        ("value,name\n1,sky\n1,people\n", "line 3 gives the value 1 a second name"),
        ("value,name\n", "must have a header and rows"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        MaskFolder(classes(tmp_path, table), ["sky"])


def test_a_picture_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    few = MaskFolder(classes(tmp_path / "few", "value,name\n1,sky\n2,people\n"), ["sky"])
    with pytest.raises(PhotoError, match=r"has the value 0, which classes.csv does not name"):
        few.mask_of(Path("/1.jpg"), SIZE)
    masks = MaskFolder(classes(tmp_path / "all"), ["sky"])
    with pytest.raises(PhotoError, match=r"shape of its photo, \(60, 40\), got \(40, 60\)"):
        masks.mask_of(Path("/1.jpg"), (40, 60))
    write_photo(tmp_path / "all" / "1.png", np.full((40, 60, 3), (1, 2, 0), np.uint8))
    with pytest.raises(PhotoError, match="must be gray"):
        masks.mask_of(Path("/1.jpg"), SIZE)
