"""Splits that share nothing, and leaks that are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint.datasets.photos.labeled_photos import LabeledPhotos
from placeprint.datasets.photos.placed_photos import PlacedPhotos, read_clips
from placeprint.datasets.photos.splits import check_leak, split_classes, split_sequences
from placeprint.errors import DatasetError, OptionError


def _labeled(folder: Path, contents: dict[str, bytes]) -> LabeledPhotos:
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return LabeledPhotos(folder, tuple(contents), np.zeros(len(contents), np.int64), ("x",))


def _placed(count: int, step: float, root: Path = Path(), prefix: str = "") -> PlacedPhotos:
    number = np.arange(count)
    positions = np.stack([number * step, np.zeros(count)], axis=1)
    return PlacedPhotos(root, tuple(f"{prefix}{each}.jpg" for each in number), positions, number // 10, number // 20)


def test_no_class_is_in_both_sets() -> None:
    labels = np.arange(40) % 10
    photos = LabeledPhotos(Path(), tuple(map(str, range(40))), labels, tuple("abcdefghij"))
    train, validation = split_classes(photos, 0.3, seed=1)
    assert (len(train.classes), len(validation.classes)) == (7, 3)
    assert not set(train.classes) & set(validation.classes)
    assert sorted(train.paths + validation.paths) == sorted(photos.paths)
    for part in (train, validation):
        names = [photos.classes[int(path) % 10] for path in part.paths]
        assert [part.classes[label] for label in part.labels] == names
    assert split_classes(photos, 0.3, seed=1)[1].paths == validation.paths
    assert any(split_classes(photos, 0.3, seed=seed)[1].paths != validation.paths for seed in range(2, 6))


def test_no_sequence_and_no_area_is_in_both_sets() -> None:
    photos = _placed(100, 1.0)
    train, validation = split_sequences(photos, 0.2)
    assert len(validation) == 20
    assert not set(train.sequences) & set(validation.sequences)
    train, validation = split_sequences(photos, 0.2, by="area")
    assert train.areas is not None
    assert validation.areas is not None
    assert not set(train.areas) & set(validation.areas)
    with pytest.raises(DatasetError, match="have no areas; split by 'sequence'"):
        split_sequences(PlacedPhotos(Path(), photos.paths, photos.positions, photos.sequences), by="area")
    with pytest.raises(OptionError, match="by must be 'sequence' or 'area', got 'floor'"):
        split_sequences(photos, by="floor")


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_shares_are_between_0_and_1(share: float) -> None:
    with pytest.raises(OptionError, match="share must be a number above 0 and below 1"):
        split_sequences(_placed(30, 1.0), share)


def test_a_small_share_still_gives_one_and_a_large_one_not_all() -> None:
    assert len(split_sequences(_placed(30, 1.0), 0.01)[1]) == 10
    assert len(split_sequences(_placed(30, 1.0), 0.99)[0]) == 10


def test_a_shared_file_is_a_leak(tmp_path: Path) -> None:
    train = _labeled(tmp_path, {"a.jpg": b"one", "b.jpg": b"two"})
    same = LabeledPhotos(tmp_path.parent, (f"{tmp_path.name}/b.jpg",), np.zeros(1, np.int64), ("x",))
    with pytest.raises(DatasetError, match=r"1 photos are in training and in validation: '.*/b.jpg'"):
        check_leak(train, same)


def test_a_copy_of_a_file_is_a_leak(tmp_path: Path) -> None:
    train = _labeled(tmp_path, {"a.jpg": b"one", "b.jpg": b"two"})
    (tmp_path / "val").mkdir()
    clean = _labeled(tmp_path / "val", {"c.jpg": b"six", "d.jpg": b"longer"})  # c has the length of the others
    check_leak(train, clean)
    copied = _labeled(tmp_path / "val", {"c.jpg": b"six", "d.jpg": b"two"})
    with pytest.raises(DatasetError, match=r"1 validation photos are copies of training photos: 'd.jpg' is 'b.jpg'"):
        check_leak(train, copied)
    (tmp_path / "val" / "d.jpg").unlink()
    with pytest.raises(DatasetError, match="cannot read"):
        check_leak(train, copied)


def test_a_shared_sequence_is_a_leak_where_both_have_one_root() -> None:
    photos = _placed(30, 100.0)
    with pytest.raises(DatasetError, match=r"1 sequences are in training and in validation, such as that of '15.jpg'"):
        check_leak(photos[np.arange(15)], photos[np.arange(15, 30)])


def test_photos_close_to_each_other_are_a_leak(tmp_path: Path) -> None:
    roots = tmp_path / "train", tmp_path / "validation"
    for root in roots:
        root.mkdir()
        for number in range(30):
            (root / f"{number}.jpg").write_bytes(f"{root.name} {number}".encode())
    train, validation = (_placed(30, 100.0, root) for root in roots)
    validation = PlacedPhotos(
        roots[1], validation.paths, validation.positions + np.array([25.0, 0]), validation.sequences
    )
    check_leak(train, validation, distance=25)  # those of other roots may have equal numbers of sequences
    with pytest.raises(DatasetError, match=r"30 validation photos are closer than 25.1 m .*, such as '0.jpg'"):
        check_leak(train, validation, distance=25.1)
    with pytest.raises(OptionError, match="distance must be a number above 0"):
        check_leak(train, validation, distance=0)
    labeled = LabeledPhotos(roots[0], ("0.jpg",), np.zeros(1, np.int64), ("x",))
    with pytest.raises(OptionError, match="a distance needs photos with positions"):
        check_leak(labeled, validation, distance=5)


@pytest.mark.photos
def test_the_splits_of_the_tower_share_walks(data: Path) -> None:
    gallery, queries = (read_clips(data / "ie_tower" / "dataset.csv", split=name) for name in ("gallery", "query"))
    with pytest.raises(DatasetError, match="121 sequences are in training and in validation"):
        check_leak(gallery, queries)
