"""Sequences: frames that are alone wrong, or nothing, are right together; cuts and other places are seen."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from placeprint import Atlas
from placeprint.errors import PhotoError
from placeprint.photos.videos import read_frames
from placeprint.places.sequence import SequenceTracker
from placeprint.types import Answer, Evidence, Image
from tests.conftest import make_scene, random_features, write_photo, write_scenes
from tests.searching.test_weighing import seen_again

COUNT = 12


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    folder = tmp_path_factory.mktemp("sequence")
    made = Atlas.create(folder / "atlas", "fast")
    made.add([write_scenes(folder / "photos", COUNT)], learn=False)
    return made


class Told:
    """Stands for an atlas that answers with given probabilities by the numbers of its photos."""

    def __init__(self, atlas: Atlas) -> None:
        photos = atlas.snapshot().usable().items()
        self._ids = {int(Path(record.path).stem): photo for photo, record in photos}

    def search(self, frame: dict[int, float], **_: object) -> Answer:
        ranked = sorted(frame.items(), key=lambda item: -item[1])
        evidence = tuple(Evidence(self._ids[n], f"{n:02d}.png", 0.5, 0.0, None, "possible", None, p) for n, p in ranked)
        return Answer(evidence, random_features(1, 8), 0.0, {}, confidence=ranked[0][1] if ranked else None)


def told(atlas: Atlas, *frames: dict[int, float], lag: int = 5) -> list[tuple[str | None, str]]:
    tracker = SequenceTracker(atlas)
    tracker._atlas = Told(atlas)  # type: ignore[assignment]  # only its search is used
    found = tracker.smoothed(frames, lag)  # type: ignore[arg-type]
    return [(None if each.place is None else each.place.label, each.candidates[0].path[:2]) for each in found]


def test_a_frame_that_is_wrong_by_itself_is_right_among_its_neighbors(atlas: Atlas) -> None:
    walk = [{n: 0.9, (n + 6) % COUNT: 0.3} for n in range(1, 7)]
    walk[3] = {4: 0.4, 10: 0.6}
    assert [first for _, first in told(atlas, *walk)] == ["01", "02", "03", "04", "05", "06"]
    assert [first for _, first in told(atlas, *walk, lag=0)][3:] == ["04", "05", "06"]
    assert told(atlas, walk[3])[0][1] == "10"


def test_frames_in_no_order_are_located_each_by_itself(atlas: Atlas) -> None:
    order = (0, 6, 2, 9, 4, 11, 7, 1)
    frames = [{n: 0.6, (n + 5) % COUNT: 0.5} for n in order]
    for lag in (0, 5):
        assert [first for _, first in told(atlas, *frames, lag=lag)] == [f"{n:02d}" for n in order]
    tracker = SequenceTracker(atlas)
    tracker._atlas = Told(atlas)  # type: ignore[assignment]  # only its search is used
    alone = tracker._locator.located(tracker._atlas.search(frames[3]))  # type: ignore[arg-type]
    assert list(tracker.smoothed(frames))[3].confidence == alone.confidence  # type: ignore[arg-type]


def test_a_cut_is_followed(atlas: Atlas) -> None:
    walk = [{n: 0.97} for n in (1, 2, 3, 9, 10, 11)]
    assert [first for _, first in told(atlas, *walk)] == ["01", "02", "03", "09", "10", "11"]


def test_frames_of_other_places_are_elsewhere(atlas: Atlas) -> None:
    walk = [*({n: 0.97} for n in (1, 2, 3)), *({n: 0.05} for n in (9, 2, 7, 5, 0)), *({n: 0.97} for n in (6, 7, 8))]
    places = [place for place, _ in told(atlas, *walk)]
    assert places[:2] == ["01", "02"]
    assert places[4:7] == [None, None, None]
    assert places[-2:] == ["07", "08"]


def test_a_lag_sees_what_comes_after(atlas: Atlas) -> None:
    walk = [{2: 0.5, 9: 0.55}, {3: 0.95}, {4: 0.95}]
    assert told(atlas, *walk, lag=0)[0][1] == "09"
    assert told(atlas, *walk, lag=2)[0][1] == "02"


def test_real_frames_are_followed_as_they_come(atlas: Atlas) -> None:
    tracker = SequenceTracker(atlas)
    labels = []
    for number in (3, 4, 5):
        found = tracker.update(seen_again(make_scene(number)))
        assert found.confidence > 0.5
        labels.append(found.place.label if found.place else None)
    assert labels == ["03", "04", "05"]
    blank = tracker.update(np.full((240, 320, 3), 128, np.uint8))
    assert blank.candidates == ()
    assert blank.place is None


def write_video(path: Path, frames: list[Image], rate: float = 10.0) -> Path:
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (frames[0].shape[1], frames[0].shape[0]))
    for frame in frames:
        film.write(frame[..., ::-1].copy())
    film.release()
    return path


def test_frames_of_a_video_are_read_by_time(tmp_path: Path) -> None:
    shades = [np.full((64, 96, 3), 8 * number, np.uint8) for number in range(30)]
    found = list(read_frames(write_video(tmp_path / "film.mp4", shades), 0.5))
    assert [round(second, 2) for second, _ in found] == [0, 0.5, 1, 1.5, 2, 2.5]
    assert all(frame.shape == (64, 96, 3) and frame.dtype == np.uint8 for _, frame in found)
    assert abs(int(found[2][1].mean()) - 80) < 6


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"no film")
    with pytest.raises(PhotoError, match=r"no frame of the video .* can be decoded"):
        list(read_frames(tmp_path / "film.mp4"))
    with pytest.raises(PhotoError, match="there is no video"):
        list(read_frames(tmp_path / "missing.mp4"))


def test_the_command_line_locates_a_folder_and_a_video(
    atlas: Atlas, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from placeprint.cli import main

    for place, number in enumerate((8, 9, 10)):
        write_photo(tmp_path / "walk" / f"{place}.png", seen_again(make_scene(number)))
    (tmp_path / "walk" / "1b.png").write_text("broken")
    film = write_video(tmp_path / "film.mp4", [make_scene(4), make_scene(5)], rate=1.0)
    arguments = ["locate", str(tmp_path / "walk"), str(film), "--in", atlas.info().path, "--sequence"]
    for extra in (["--json"], []):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
            patch.setattr("sys.argv", ["placeprint", *arguments, *extra])
            main()
        assert left.value.code in {0, None}
        out = capsys.readouterr().out
        if extra:
            told = json.loads(out)
            assert [each["place"]["label"] for each in told] == ["08", "09", "10", "04", "05"]
            assert told[-1]["query"].endswith("film.mp4#t=1.00")
        else:
            assert "film.mp4#t=1.00" in out
