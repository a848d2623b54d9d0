"""Photos with positions: read from EXIF, tables, names and clips."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from placeprint.datasets.photos.placed_photos import (
    SEQUENCES_APART,
    PlacedPhotos,
    read_clips,
    read_gps_folder,
    read_position_csv,
    read_utm_names,
)
from placeprint.errors import DatasetError, ShapeError
from placeprint.types import Image
from tests.conftest import make_scene, write_photo

SCENE = make_scene(0, 32, 32)


def write_gps(path: Path, latitude: float, longitude: float, taken: str | None = None, picture: Image = SCENE) -> None:
    import PIL.Image
    from PIL.ExifTags import GPS, IFD, Base

    exif = PIL.Image.Exif()
    gps = exif.get_ifd(IFD.GPSInfo)
    for value, letters, (reference, key) in (
        (latitude, "NS", (GPS.GPSLatitudeRef, GPS.GPSLatitude)),
        (longitude, "EW", (GPS.GPSLongitudeRef, GPS.GPSLongitude)),
    ):
        gps[reference] = letters[value < 0]
        gps[key] = (abs(value), 0.0, 0.0)
    if taken is not None:
        exif[Base.DateTime] = taken
    write_photo(path, picture, exif=exif)


def test_sets_that_do_not_fit_together_are_refused() -> None:
    paths, positions, sequences = ("a", "b"), np.zeros((2, 2)), np.zeros(2, np.int64)
    with pytest.raises(ShapeError, match=r"positions must be finite and have shape \(2, 2\), got \(2, 3\)"):
        PlacedPhotos(Path(), paths, np.zeros((2, 3)), sequences)
    with pytest.raises(ShapeError, match="positions must be finite"):
        PlacedPhotos(Path(), paths, np.full((2, 2), np.nan), sequences)
    with pytest.raises(ShapeError, match=r"areas must be finite and have shape \(2,\)"):
        PlacedPhotos(Path(), paths, positions, sequences, areas=np.zeros(3, np.int64))
    with pytest.raises(DatasetError, match="listed twice: 'a'"):
        PlacedPhotos(Path(), ("a", "a"), positions, sequences)


def test_chosen_photos_keep_everything_of_theirs() -> None:
    three = np.arange(3)
    photos = PlacedPhotos(
        Path(), ("a", "b", "c"), np.stack([three, three], axis=1), three, three * 2, three / np.float64(2)
    )
    chosen = photos[np.array([2, 0])]
    assert chosen.paths == ("c", "a")
    assert chosen.areas is not None
    assert chosen.times is not None
    assert (chosen.positions[:, 0].tolist(), chosen.sequences.tolist()) == ([2, 0], [2, 0])
    assert (chosen.areas.tolist(), chosen.times.tolist()) == ([4, 0], [1, 0])


def test_gps_of_a_folder_becomes_meters(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_gps(tmp_path / "walk" / "1.jpg", 55.7, 13.2, "2020:01:02 03:04:05")
    write_gps(tmp_path / "walk" / "2.jpg", 55.701, 13.2, "2020:01:02 03:04:15")
    write_gps(tmp_path / "other" / "3.jpg", 55.7, 13.21, "2020:01:02 03:04:25")
    photos = read_gps_folder(tmp_path)
    assert photos.paths == ("other/3.jpg", "walk/1.jpg", "walk/2.jpg")
    assert photos.sequences.tolist() == [0, 1, 1]
    assert np.linalg.norm(photos.positions[1] - photos.positions[2]) == pytest.approx(111.3, abs=0.2)
    assert np.linalg.norm(photos.positions[1] - photos.positions[0]) == pytest.approx(628.9, abs=1)
    assert photos.times is not None
    assert np.diff(photos.times[1:]).tolist() == [10]
    write_photo(tmp_path / "walk" / "4.jpg", SCENE)
    (tmp_path / "walk" / "5.jpg").write_bytes(b"no picture")
    with caplog.at_level(logging.WARNING):
        assert read_gps_folder(tmp_path).paths == photos.paths
    assert "2 photos in" in caplog.text


def test_a_folder_without_gps_is_refused(tmp_path: Path) -> None:
    write_photo(tmp_path / "1.jpg", SCENE)
    with pytest.raises(DatasetError, match=r"none of 1 photos in .* has GPS in its EXIF: '1.jpg: no GPS'"):
        read_gps_folder(tmp_path)


def test_tables_of_meters_and_of_degrees_are_read(tmp_path: Path) -> None:
    for name in ("x/a.jpg", "y/b.jpg"):
        write_photo(tmp_path / name, SCENE)
    file = tmp_path / "photos.csv"
    file.write_text("path,east,north\nx/a.jpg,10.5,20\ny/b.jpg,13.5,24\n")
    photos = read_position_csv(file)
    assert photos.positions.tolist() == [[10.5, 20], [13.5, 24]]
    assert photos.sequences.tolist() == [0, 1]
    assert photos.areas is None
    assert photos.times is None
    file.write_text("path,lat,lon,sequence,area,time\nx/a.jpg,0,3,s,hall,7\ny/b.jpg,0.001,3,s,roof,9\n")
    photos = read_position_csv(file)
    assert photos.positions[:, 0].tolist() == [500_000, 500_000]
    assert np.ptp(photos.positions[:, 1]) == pytest.approx(0.9996 * 110.574, abs=0.01)
    assert photos.sequences.tolist() == [0, 0]
    assert photos.areas is not None
    assert photos.times is not None
    assert (photos.areas.tolist(), photos.times.tolist()) == ([0, 1], [7, 9])


def test_tables_of_another_form_are_refused(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", SCENE)
    file = tmp_path / "photos.csv"
    file.write_text("path,x,y\na.jpg,1,2\n")
    with pytest.raises(DatasetError, match=r"has no columns of positions .* it has path, x, y"):
        read_position_csv(file)
    file.write_text("path,east,north\na.jpg,1,far\n")
    with pytest.raises(DatasetError, match="must have finite numbers in the column 'north', got 'far'"):
        read_position_csv(file)
    file.write_text("path,east,north\nb.jpg,1,2\n")
    with pytest.raises(DatasetError, match=r"1 of 1 photos are not in .*: 'b.jpg'"):
        read_position_csv(file)


def test_meters_in_names_are_read(tmp_path: Path) -> None:
    write_photo(tmp_path / "1" / "@0500000.5@4000000@@.jpg", SCENE)
    write_photo(tmp_path / "1" / "@0500003.5@4000004@@.jpg", SCENE)
    photos = read_utm_names(tmp_path)
    assert photos.positions.tolist() == [[500000.5, 4000000], [500003.5, 4000004]]
    write_photo(tmp_path / "1" / "@0500009.5@4000000@32@U@.jpg", SCENE)
    assert read_utm_names(tmp_path).positions[:, 0].tolist() == [500000.5, 500003.5, 500009.5]
    write_photo(tmp_path / "1" / "other.jpg", SCENE)
    with pytest.raises(DatasetError, match=r"must be like '@east@north@...@.jpg', got '1/other.jpg'"):
        read_utm_names(tmp_path)


def test_zones_in_names_are_not_dropped(tmp_path: Path) -> None:
    # two photos 22 m from each other, on both sides of 12 degrees east: their own meters are 450 km apart
    west = "@723764.73@5320655.35@32@U@@@@@@@@@20200101_000000@@.jpg"
    east = "@276235.27@5320655.35@33@U@@@@@@@@@20200101_000005@@.jpg"
    for name in (west, east):
        write_photo(tmp_path / name, SCENE)
    photos = read_utm_names(tmp_path)
    assert np.linalg.norm(photos.positions[0] - photos.positions[1]) == pytest.approx(22.4, abs=0.1)
    assert photos.times is not None
    assert abs(np.diff(photos.times)[0]) == 5
    write_photo(tmp_path / "@723800.0@5320801.0@@.jpg", SCENE)
    with pytest.raises(DatasetError, match="in several UTM zones and 1 names give none"):
        read_utm_names(tmp_path)


def test_frames_of_clips_are_meters_along_a_walk(tmp_path: Path) -> None:
    names = ["hall_frame_000010.jpg", "hall_frame_000014.jpg", "stairs_frame_000010.jpg"]
    for name in names:
        write_photo(tmp_path / name, SCENE)
    file = tmp_path / "dataset.csv"
    rows = zip(names, ("one", "one", "two"), ("train", "test", "test"), strict=True)
    file.write_text("path,label,split\n" + "".join(f"{','.join(row)}\n" for row in rows))
    photos = read_clips(file, step=0.5)
    assert photos.positions.tolist() == [[5, 0], [7, 0], [5, SEQUENCES_APART]]
    assert photos.areas is not None
    assert (photos.sequences.tolist(), photos.areas.tolist()) == ([0, 0, 1], [0, 0, 1])
    part = read_clips(file, split="test")
    assert (part.paths, part.sequences.tolist()) == ((names[1], names[2]), [0, 1])
    with pytest.raises(DatasetError, match="has no split 'val'; it has test, train"):
        read_clips(file, split="val")
    with pytest.raises(DatasetError, match="the longest has 4000 m with a step of 1000 m"):
        read_clips(file, step=1000)
    file.write_text("path,label\nhall.jpg,one\n")
    with pytest.raises(DatasetError, match=r"names of frames must be like 'clip_frame_000012.jpg', got 'hall.jpg'"):
        read_clips(file)


@pytest.mark.photos
def test_the_benchmark_photos_are_read(data: Path) -> None:
    clips = read_clips(data / "ie_tower" / "dataset.csv")
    assert (len(clips), len(np.unique(clips.sequences))) == (2877, 124)
    assert clips.areas is not None
    assert len(np.unique(clips.areas)) == 25
    street = read_gps_folder(data / "gps" / "berlin")
    assert len(street) == 3
    assert np.ptp(street.positions, axis=0).max() < 30
