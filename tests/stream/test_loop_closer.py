"""Streams of made-up frames: a walk past scenes and back, turned cameras, memory, saving."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.errors import OptionError, PhotoError
from placeprint.stream import LoopCloser, Seen
from placeprint.stream.frames import FrameMemory
from tests.conftest import PRESET, make_scene, write_photo, write_scenes

SIFT = "sift-vlad"
CAMERA = np.array([[300.0, 0, 159.5], [0, 300.0, 119.5], [0, 0, 1]])


def walk(scenes: list[int], **options: object) -> tuple[LoopCloser, list[Seen]]:
    """Return a loop closer that has seen scenes, each slightly shifted from the last time."""
    closer = LoopCloser(SIFT, **options)  # type: ignore[arg-type]  # those of each test
    return closer, [closer.add(np.roll(make_scene(scene), 2 * place, axis=1)) for place, scene in enumerate(scenes)]


def test_a_walk_back_closes_loops_with_the_frames_of_the_walk_out() -> None:
    _, seen = walk([*range(12), *range(12)], exclude=5)
    assert all(not each.loops for each in seen[:12])
    found = {each.frame: each.loops[0].other for each in seen[12:] if each.loops}
    assert len(found) >= 11
    assert all(frame - other == 12 for frame, other in found.items())


def test_probability_grows_with_the_frames_that_agree() -> None:
    _, seen = walk([*range(12), *range(6)], exclude=5)
    best = [each.candidates[0].probability for each in seen[12:]]
    assert best[-1] > best[0]
    assert best[-1] > 0.95


def test_new_places_close_no_loops() -> None:
    _, seen = walk([*range(20)], exclude=3)
    assert not any(each.loops for each in seen)
    assert any(each.candidates for each in seen)


def test_recent_frames_close_no_loops_by_number_or_by_time() -> None:
    scenes = [0, 1, 2, 3, 0]
    assert walk(scenes, exclude=3)[1][-1].loops
    assert not walk(scenes, exclude=4)[1][-1].loops
    for seconds, loops in ((2.5, True), (8.5, False)):
        closer = LoopCloser(SIFT, exclude=1, exclude_seconds=seconds)
        seen = [closer.add(make_scene(scene), stamp=2.0 * place) for place, scene in enumerate(scenes)]
        assert bool(seen[-1].loops) == loops
        assert not loops or seen[-1].loops[0].stamp == 0.0


def test_a_turned_camera_has_its_rotation_and_no_direction() -> None:
    import cv2

    angle = np.radians(5.0)
    turned = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    closer = LoopCloser(SIFT, exclude=1, camera=CAMERA)
    for scene in range(3):
        closer.add(make_scene(scene))
    # the pixel x of the first camera is seen at K R K^-1 x by the turned one
    view = cv2.warpPerspective(make_scene(0), CAMERA @ turned @ np.linalg.inv(CAMERA), (320, 240))
    (loop,) = closer.add(view).loops
    assert loop.other == 0
    assert loop.pose is not None and loop.pose.model == "essential" and loop.pose.rotation is not None
    np.testing.assert_allclose(loop.pose.rotation, turned.T, atol=0.01)
    assert loop.pose.direction is None


def test_without_intrinsics_the_pose_is_a_transform_of_pixels() -> None:
    _, seen = walk([0, 1, 2, 0], exclude=1)
    pose = seen[-1].loops[0].pose
    assert pose is not None and pose.rotation is None
    assert pose.model == seen[-1].loops[0].check.model
    point = pose.transform @ [160.0, 120.0, 1.0]
    np.testing.assert_allclose(point[:2] / point[2], [154.0, 120.0], atol=1.0)  # rolled by 6 pixels


@pytest.mark.parametrize("preset", ["sift-bow", "lite2-gem", "xfeat-votes", "fast"])
def test_presets_of_any_kind_serve(preset: str) -> None:
    closer = LoopCloser(preset, exclude=1)
    scenes = [make_scene(scene, 480, 360) for scene in range(4)]
    seen = [closer.add(scene) for scene in (*scenes, scenes[0], scenes[1])]
    assert [loop.other for each in seen[4:] for loop in each.loops] == [0, 1]


def test_memory_is_bounded_and_the_oldest_leaves() -> None:
    closer, _ = walk([*range(9)], frames=4, leave="oldest", exclude=1)
    assert len(closer) == 4
    assert [frame.number for frame in closer._memory.frames] == [5, 6, 7, 8]
    assert 0 < closer.num_bytes < 4 * 200_000


def test_of_a_camera_that_stood_still_one_frame_stays() -> None:
    closer, _ = walk([0, 1, 1, 1, 1, 2, 3, 4], frames=5, exclude=1)
    numbers = [frame.number for frame in closer._memory.frames]
    assert numbers[0] == 0 and numbers[-3:] == [5, 6, 7]
    assert sum(1 <= number <= 4 for number in numbers) == 1


def test_similarities_are_cosines_also_after_frames_have_left() -> None:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(7, 64)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    memory = FrameMemory(64, 5, "redundant", 1)
    for number, row in enumerate(rows):
        memory.add(row, number, 0.0, (9, 9), {})
    kept = [frame.number for frame in memory.frames]
    assert len(kept) == 5
    np.testing.assert_allclose(memory.similarities(rows[6]), rows[kept] @ rows[6], atol=0.02)
    for place in range(1, 5):
        np.testing.assert_allclose(memory.frames[place].alike, rows[kept[place - 1]] @ rows[kept[place]], atol=0.02)


def test_a_saved_loop_closer_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    closer, _ = walk([*range(8)], exclude=3, camera=CAMERA)
    closer.save(tmp_path / "robot.npz")
    again = LoopCloser.load(tmp_path / "robot.npz")
    assert (len(again), again.preset) == (8, SIFT)
    for scene in range(4):
        one, other = closer.add(make_scene(scene)), again.add(make_scene(scene))
        assert one.frame == other.frame
        for a, b in zip(one.candidates, other.candidates, strict=True):
            assert (a.other, a.probability, a.similarity) == (b.other, b.probability, b.similarity)
            np.testing.assert_array_equal(a.check.points, b.check.points)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"{}"])
def test_what_was_not_saved_is_not_loaded(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "robot.npz").write_bytes(content)
    with pytest.raises(OptionError, match=r"robot\.npz"):
        LoopCloser.load(tmp_path / "robot.npz")
    with pytest.raises(OptionError, match="cannot be read"):
        LoopCloser.load(tmp_path / "none.npz")


def test_a_file_that_lost_frames_or_has_other_weights_is_refused(tmp_path: Path) -> None:
    closer, _ = walk([0, 1, 2], exclude=1)
    closer.save(tmp_path / "robot.npz")
    with np.load(tmp_path / "robot.npz") as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(tmp_path / "fewer.npz", **{**arrays, "rows": arrays["rows"][:-1]})
    with pytest.raises(OptionError, match="numbers of frames"):
        LoopCloser.load(tmp_path / "fewer.npz")
    about = arrays["about"].tobytes().replace(b'"weights": {}', b'"weights": {"x": "1"}')
    np.savez(tmp_path / "other.npz", **{**arrays, "about": np.frombuffer(about, np.uint8)})
    with pytest.raises(OptionError, match="different network weights"):
        LoopCloser.load(tmp_path / "other.npz")


def test_a_mask_leaves_out_what_moves_with_the_camera() -> None:
    bumper = make_scene(99)
    frames = [np.vstack([make_scene(scene)[:120], bumper[120:]]) for scene in range(6)]
    mask = np.zeros((240, 320), bool)
    mask[:118] = True
    masked, whole = LoopCloser(SIFT, exclude=1), LoopCloser(SIFT, exclude=1)
    assert any(whole.add(frame).loops for frame in frames)
    assert not any(masked.add(frame, mask=mask).loops for frame in frames)


def test_blank_frames_are_frames_without_loops() -> None:
    closer = LoopCloser(SIFT, exclude=1)
    blank = np.full((240, 320, 3), 128, np.uint8)
    assert not any(closer.add(blank).candidates for _ in range(4))
    assert len(closer) == 4


def test_a_file_is_a_frame_and_a_bad_one_is_not(tmp_path: Path) -> None:
    closer = LoopCloser(SIFT)
    assert closer.add(write_photo(tmp_path / "a.png", make_scene(0))).frame == 0
    (tmp_path / "b.png").write_bytes(b"no photo")
    with pytest.raises(PhotoError):
        closer.add(tmp_path / "b.png")
    assert closer.add(make_scene(1)).frame == 1


def test_a_learned_codebook_is_that_of_an_atlas(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(PRESET.format(searched='[aggregator]\nname = "vlad"\nnum_words = 8\n', codebook="min_photos = 5"))
    with pytest.raises(OptionError, match="pass the atlas"):
        LoopCloser(str(file))
    atlas = Atlas.create(tmp_path / "atlas", str(file))
    with pytest.raises(OptionError, match="empty"):
        LoopCloser(atlas)
    atlas.add([write_scenes(tmp_path / "photos", 6)])
    closer = LoopCloser(atlas, exclude=1)
    seen = [closer.add(make_scene(scene)) for scene in (20, 21, 22, 20)]
    assert [loop.other for loop in seen[-1].loops] == [0]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"frames": 1}, "frames"),
        ({"leave": "newest"}, "leave"),
        ({"least": 1.5}, "least"),
        ({"camera": np.zeros((2, 3))}, "camera"),
        ({"camera": np.zeros((3, 3))}, "camera"),
        ({"preset": "none"}, "none"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], match: str) -> None:
    with pytest.raises(OptionError, match=match):
        LoopCloser(**({"preset": SIFT} | options))  # type: ignore[arg-type]  # wrong on purpose


def test_seconds_need_stamps() -> None:
    with pytest.raises(OptionError, match="stamp"):
        LoopCloser(SIFT, exclude_seconds=3).add(make_scene(0))


def test_intrinsics_are_those_of_one_size() -> None:
    closer, free = LoopCloser(SIFT, camera=CAMERA), LoopCloser(SIFT)
    for each in (closer, free):
        each.add(make_scene(0))
    free.add(make_scene(0, 160, 120))
    with pytest.raises(OptionError, match="320 x 240, got 160 x 120"):
        closer.add(make_scene(0, 160, 120))
    assert len(closer) == 1
