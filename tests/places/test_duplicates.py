"""Copies of a shot, and what looks like one: a second photo with parallax, with something that moved, a burst."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from placeprint.photos import rotate_image
from placeprint.places import shot_sketch
from placeprint.places.duplicates import Found, find_copies
from placeprint.places.shot_sketch import DIM, similar_pairs, sketch_of
from placeprint.places.shots import FIFTH, agreement, shot_of
from placeprint.store import PhotoRecord
from placeprint.types import Image
from tests.conftest import make_scene, write_photo

NOON = datetime.datetime(2024, 6, 1, 12, 0, 0)
SCENE = make_scene(3, 480, 360)


def compressed(image: Image, quality: int) -> Image:
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def scaled(image: Image, factor: float) -> Image:
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


COPIES: dict[str, Callable[[Image], Image]] = {
    "recompressed": lambda image: compressed(image, 35),
    "smaller": lambda image: compressed(scaled(image, 0.4), 80),
    "larger": lambda image: scaled(image, 1.7),
    "cropped": lambda image: np.ascontiguousarray(image[20:344, 40:472]),
    "rotated by 90": lambda image: rotate_image(image, 90),
    "rotated by 180": lambda image: rotate_image(image, 180),
    "rotated by 8": lambda image: rotate_image(image, 8),
    "brighter": lambda image: np.clip(image.astype(np.float32) * 1.05 + 6, 0, 255).astype(np.uint8),
}


def second_photo(image: Image, shift: int) -> Image:
    """Return what a camera sees that moved: the right half is nearer, so it moves by some pixels against the left."""
    seen = image.copy()
    seen[:, 240 + shift :] = image[:, 240 : 480 - shift]
    return seen


@pytest.mark.parametrize("kind", COPIES)
def test_copies_are_the_same_shot(kind: str) -> None:
    found = agreement(shot_of(SCENE), shot_of(COPIES[kind](SCENE)))
    assert found is not None
    assert found.is_same_shot, (found.fifth, found.first, found.cover, found.gain)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 12])
def test_the_rotation_of_a_copy_is_known(degrees: int) -> None:
    found = agreement(shot_of(rotate_image(SCENE, degrees)), shot_of(SCENE))
    assert found is not None
    assert (found.rotation + degrees + 180) % 360 - 180 == pytest.approx(0, abs=0.5)


def test_parallax_and_what_moved_make_another_shot() -> None:
    moved = SCENE.copy()
    moved[100:260, 200:280] = make_scene(9, 80, 160)
    for other in (second_photo(SCENE, 6), second_photo(SCENE, 12), moved):
        found = agreement(shot_of(SCENE), shot_of(other))
        assert found is None or not found.is_same_shot


def test_parts_that_moved_by_less_than_a_pixel_make_a_burst() -> None:
    rows, columns = np.mgrid[:360, :480].astype(np.float32)
    for pixels, same in ((0.0, True), (1.5, False)):
        moved = columns + pixels * np.sin(rows / 45)  # no affine transform undoes it
        other = np.asarray(cv2.remap(SCENE, moved, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT), np.uint8)
        found = agreement(shot_of(SCENE), shot_of(other))
        assert found is not None
        assert found.is_same_shot == same
        assert found.fifth > FIFTH


def test_other_photos_and_blank_ones_do_not_agree() -> None:
    blank = np.full((240, 320, 3), 128, np.uint8)
    assert agreement(shot_of(SCENE), shot_of(blank)) is None
    assert agreement(shot_of(blank), shot_of(blank)) is None
    found = agreement(shot_of(SCENE), shot_of(make_scene(4, 480, 360)))
    assert found is None or not found.is_same_shot


def test_sketches_of_copies_are_near_each_other() -> None:
    sketches = np.stack(
        [sketch_of(shot_of(image)) for image in (SCENE, rotate_image(SCENE, 90), make_scene(5), make_scene(6))]
    )
    assert sketches.shape == (4, DIM)
    assert list(similar_pairs(sketches, 3, 0.4)) == [(0, 1)]
    assert list(similar_pairs(sketches[:1], 3, 0.4)) == []


@pytest.mark.parametrize(("count", "rows", "most"), [(1, 7, 5), (3, 16, 1000), (5, 50, 3), (10, 200, 40)])
def test_similar_pairs_are_those_of_a_plain_loop(
    count: int, rows: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shot_sketch, "ROWS", rows)
    monkeypatch.setattr(shot_sketch, "MOST", most)
    generator = np.random.default_rng(rows)
    vectors = generator.normal(size=(60, 12)) + generator.normal(size=(8, 12))[generator.integers(0, 8, 60)]
    sketches = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    expected = set()
    cosines = sketches.astype(np.float32) @ sketches.astype(np.float32).T
    for row in range(60):
        others = [other for other in np.argsort(-cosines[row], kind="stable").tolist() if other != row]
        expected |= {(min(row, o), max(row, o)) for o in others[:count] if cosines[row, o] >= 0.4}
    found = list(similar_pairs(sketches, count, 0.4))
    assert found == sorted(expected) and len(found) > 10


def found_in(folder: Path, taken: dict[str, datetime.datetime] | None = None) -> Found:
    def record(path: Path) -> PhotoRecord:
        size = (0, 0)
        if path.name != "broken.png":
            with PIL.Image.open(path) as opened:
                size = opened.size
        when = (taken or {}).get(path.name)
        content = path.read_bytes()
        return PhotoRecord(str(path), str(hash(content)), len(content), 0, *size, taken=when)

    return find_copies([record(path) for path in sorted(folder.iterdir())])


def test_groups_name_the_best_file_first(tmp_path: Path) -> None:
    for name, image in (("b", SCENE), ("c", SCENE), ("d", scaled(SCENE, 0.5)), ("e", make_scene(8, 480, 360))):
        write_photo(tmp_path / f"{name}.png", image)
    write_photo(tmp_path / "a.png", rotate_image(scaled(SCENE, 0.7), 90))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    found = found_in(tmp_path)
    names = [(group.kind, [Path(path).stem for path in group.paths]) for group in found.groups]
    assert names == [("same-file", ["b", "c"]), ("same-shot", ["b", "a", "d"])]
    assert list(found.unread) == [str(tmp_path / "broken.png")]
    assert found.rotations[str(tmp_path / "a.png"), str(tmp_path / "b.png")] == pytest.approx(270, abs=0.5)
    assert all(certainty > 0.9 for group in found.groups for certainty in group.certainty.values())


@pytest.mark.parametrize(
    ("apart", "copies"),
    [
        (datetime.timedelta(), True),
        (datetime.timedelta(seconds=3), False),
        (datetime.timedelta(minutes=20), False),
        (datetime.timedelta(hours=2), True),
        (datetime.timedelta(days=4), True),
    ],
)
def test_equal_photos_some_seconds_apart_are_a_burst(tmp_path: Path, apart: datetime.timedelta, copies: bool) -> None:
    write_photo(tmp_path / "a.png", SCENE)
    write_photo(tmp_path / "b.png", compressed(SCENE, 60))
    groups = found_in(tmp_path, {"a.png": NOON, "b.png": NOON + apart}).groups
    assert bool(groups) == copies
