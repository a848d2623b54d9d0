"""Held-out sequences, what a test of places counts, and what takes part in nothing else."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from placeprint.datasets.photos.placed_photos import PlacedPhotos
from placeprint.errors import DatasetError, OptionError, ShapeError
from placeprint.evaluation import relevance
from placeprint.training.data.prepare import read_data
from placeprint.training.run import train
from placeprint.training.run.place_testing import place_recalls
from placeprint.training.run.testing import held_out, measure_run
from placeprint.types import Floats, Mask
from tests.training.tiny import tiny_backbone, tiny_recipe, write_classes, write_walk


def _walks(frames: list[int], clips: list[int], areas: list[int] | None) -> PlacedPhotos:
    positions = np.column_stack([frames, np.array(clips) * 1000]).astype(np.float64)
    paths = tuple(f"{number}.jpg" for number in range(len(frames)))
    return PlacedPhotos(Path(), paths, positions, np.array(clips), None if areas is None else np.array(areas))


def _unit(angles: list[float]) -> Floats:
    """Return vectors in a plane: the nearer the angles, in degrees, the nearer the photos."""
    turned = np.radians(angles)
    return np.column_stack([np.cos(turned), np.sin(turned)]).astype(np.float32)


def test_a_case_worked_by_hand() -> None:
    #                frame 0 of the walk that is asked, and frames 3, 4, 10 and 11 of it; two others of floors 7 and 8
    photos = _walks([0, 3, 4, 10, 11, 0, 0], [0, 0, 0, 0, 0, 1, 2], [7, 7, 7, 7, 7, 7, 8])
    asked = np.arange(7) == 0
    # frame 3 is nearest but too near a frame, of the others 4 is nearest; among other walks that of floor 7 is
    found = place_recalls(_unit([0, 1, 2, 40, 50, 3, 4]), photos, asked)
    assert found == {
        "area_recall_at_1": 1.0,
        "area_queries": 1,
        "area_unanswerable": 0,
        "place_recall_at_1": 1.0,
        "place_queries": 1,
        "place_unanswerable": 0,
        "queries": 1,
        "database": 7,
    }
    far = place_recalls(_unit([0, 1, 30, 40, 2, 4, 3]), photos, asked)  # frame 11, and the walk of floor 8
    assert (far["area_recall_at_1"], far["place_recall_at_1"]) == (0.0, 0.0)
    last = place_recalls(_unit([0, 90, 91, 2, 92, 93, 94]), photos, asked)  # frame 10 is still the same place
    assert last["place_recall_at_1"] == 1.0


def test_what_nothing_can_answer_is_counted_and_left_out() -> None:
    photos = _walks([0, 2, 0, 5], [0, 0, 1, 1], [3, 3, 4, 4])  # a walk a floor; frames 0 and 2 are too near
    found = place_recalls(_unit([0, 10, 20, 30]), photos, np.array([True, False, True, False]))
    assert (found["area_recall_at_1"], found["area_queries"], found["area_unanswerable"]) == (0.0, 0, 2)
    assert (found["place_recall_at_1"], found["place_queries"], found["place_unanswerable"]) == (0.0, 1, 1)


@pytest.mark.parametrize("seed", range(4))
def test_the_figures_are_those_of_a_plain_loop(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relevance, "ROWS", 7)
    generator = np.random.default_rng(seed)
    clips = np.repeat(np.arange(8), 6)
    frames = np.tile(np.arange(6) * 3, 8) + clips
    areas = np.array([0, 0, 0, 1, 1, 2, 3, 3])[clips]
    photos = _walks(frames.tolist(), clips.tolist(), areas.tolist())
    rows = generator.normal(size=(48, 4)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    held = np.isin(clips, [2, 5, 6])
    found = place_recalls(rows, photos, held)

    def recall(allowed: Mask, right: Mask) -> tuple[float, int]:
        hits, asked = 0, 0
        for query in np.flatnonzero(held):
            database = [other for other in range(48) if allowed[query, other]]
            if not any(right[query, other] for other in database):
                continue
            asked += 1
            hits += bool(right[query, max(database, key=lambda other: float(rows[query] @ rows[other]))])
        return hits / asked, asked

    every = range(48)
    other_clip = np.array([[clips[a] != clips[b] for b in every] for a in every])
    one_floor = np.array([[areas[a] == areas[b] for b in every] for a in every])
    apart = np.array([[abs(int(frames[a]) - int(frames[b])) for b in every] for a in every])
    expected = recall(other_clip, one_floor)
    assert (found["area_recall_at_1"], found["area_queries"]) == pytest.approx(expected)
    assert found["area_unanswerable"] == 6  # clip 5 is alone on its floor
    expected = recall(other_clip | (apart > 3), ~other_clip & (apart <= 10))
    assert (found["place_recall_at_1"], found["place_queries"]) == pytest.approx(expected)


def test_photos_without_areas_have_places_only() -> None:
    found = place_recalls(_unit([0, 1, 2]), _walks([0, 5, 0], [0, 0, 1], None), np.array([True, False, False]))
    assert found["place_recall_at_1"] == 1.0 and "area_recall_at_1" not in found


def test_shapes_that_do_not_fit_are_refused() -> None:
    photos = _walks([0, 5], [0, 0], None)
    for rows, held in ((_unit([0]), np.ones(2, bool)), (_unit([0, 1]), np.zeros(2, bool))):
        with pytest.raises(ShapeError, match="held"):
            place_recalls(rows, photos, held)


def test_held_out_clips_take_no_part_and_no_area_loses_its_only_clip(tmp_path: Path) -> None:
    folder = write_walk(tmp_path, clips=7, frames=4)
    lines = (folder / "walks.csv").read_text().replace("clip6_frame_000003.png,area0", "clip6_frame_000003.png,alone")
    lonely = [line.rpartition(",")[0] + ",alone" if line.startswith("clip6") else line for line in lines.split("\n")]
    (folder / "walks.csv").write_text("\n".join(lonely))
    data = tiny_recipe(data={"form": "clips", "train": "walks.csv", "split_by": "sequence", "test_share": 0.34}).data
    drawn = set()
    for seed in range(6):
        found = read_data(data, folder, seed)
        assert found.test is not None
        sets = [set(photos.paths) for photos in (found.train, found.validation, found.test)]
        assert sum(map(len, sets)) == len(set().union(*sets)) == 28
        assert len(sets[2]) == 8 and not any("clip6" in path for path in sets[2])  # 2 of the 6 clips that may be held
        drawn.add(frozenset(sets[2]))
    assert len(drawn) > 1
    again = read_data(data, folder, 5).test
    assert again is not None and found.test is not None and again.paths == found.test.paths


def test_photos_with_labels_are_not_held_out_by_sequence(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"data\.test"):
        read_data(tiny_recipe(data={"test_share": 0.2}).data, write_classes(tmp_path))


def test_a_run_of_walks_is_tested_on_its_held_out_clips(tmp_path: Path) -> None:
    folder = write_walk(tmp_path / "data", clips=6, frames=8)
    recipe = tiny_recipe(
        data={"form": "clips", "train": "walks.csv", "split_by": "sequence", "share": 0.3, "test_share": 0.3},
        loss={"name": "weak-ranking"},
        batches={"tuples": 2},
        mining={"negative": 10.0},
        schedule={"epochs": 1},
        validation={"radius": 5.0},
    )
    train(recipe, folder, tmp_path / "run", backbone=tiny_backbone())
    found = measure_run(tmp_path / "run", folder, backbone=tiny_backbone())
    whole, held = held_out(recipe, folder)
    assert (found["queries"], found["database"]) == (held.sum(), len(whole)) == (16, 48)
    assert tomllib.loads((tmp_path / "run" / "test.toml").read_text()) == found


def test_frames_and_clips_are_left_out(tmp_path: Path) -> None:
    folder = write_walk(tmp_path, clips=4, frames=5)
    options = {"every": 2, "without": ["clip3"]}
    data = tiny_recipe(data={"form": "clips", "train": "walks.csv", "split_by": "sequence", "options": options}).data
    found = read_data(data, folder)
    paths = {*found.train.paths, *found.validation.paths}
    assert paths == {f"clip{clip}_frame_{frame:06d}.png" for clip in range(3) for frame in (0, 2, 4)}
    for wrong in ({"every": 0}, {"without": ["clip9"]}):
        with pytest.raises(OptionError):
            read_data(tiny_recipe(data={"form": "clips", "train": "walks.csv", "options": wrong}).data, folder)
    with pytest.raises(OptionError, match="test_share"):
        held_out(tiny_recipe(data={"form": "clips", "train": "walks.csv"}), folder)
    everything = [f"clip{clip}" for clip in range(4)]
    with pytest.raises(DatasetError):
        read_data(
            tiny_recipe(data={"form": "clips", "train": "walks.csv", "options": {"without": everything}}).data, folder
        )
