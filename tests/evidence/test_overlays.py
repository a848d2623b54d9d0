import numpy as np
import pytest

from placeprint.evidence.overlays import find_overlays
from placeprint.types import LocalFeatures

SIZE = (640, 480)


def photo(seed: int, overlay: int = 0, size: tuple[int, int] = SIZE) -> LocalFeatures:
    random = np.random.default_rng(seed)
    points = random.uniform([0, 0], size, (300, 2))
    rows = random.normal(size=(300, 64))
    if overlay:
        fixed = np.random.default_rng(99)
        points[:overlay] = fixed.uniform([20, 420], [200, 470], (overlay, 2))
        rows[:overlay] = fixed.normal(size=(overlay, 64)) + 0.3 * rows[:overlay]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return LocalFeatures(points.astype(np.float32), rows.astype(np.float32), np.ones(300, np.float32), size)


def test_a_time_stamp_is_found_and_its_keypoints_with_it() -> None:
    found = find_overlays([photo(seed, 30) for seed in range(20)])
    assert found.box is not None
    left, top, right, bottom = found.box
    assert 0 <= left < right < 0.35
    assert 0.85 < top < bottom <= 1
    on = found.on(photo(100, 30))
    assert on[:30].mean() > 0.8
    assert on[30:].mean() < 0.02


def test_photos_without_one_have_none() -> None:
    assert len(find_overlays([photo(seed) for seed in range(20)])) == 0


def test_too_few_photos_say_nothing() -> None:
    assert len(find_overlays([photo(seed, 30) for seed in range(4)])) == 0
    assert len(find_overlays([])) == 0


def test_a_camera_that_stands_still_has_no_overlay() -> None:
    assert len(find_overlays([photo(seed, 280) for seed in range(20)])) == 0


def test_photos_of_another_shape_do_not_have_it() -> None:
    found = find_overlays([photo(seed, 30) for seed in range(20)])
    assert not found.on(photo(100, 30, (480, 640))).any()


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_it_is_found_in_photos_of_another_size(factor: float) -> None:
    found = find_overlays([photo(seed, 30) for seed in range(20)])
    same = photo(100, 30)
    other = LocalFeatures(
        same.keypoints * np.float32(factor), same.descriptors, same.scores, (int(640 * factor), int(480 * factor))
    )
    assert found.on(other).sum() == found.on(same).sum()
