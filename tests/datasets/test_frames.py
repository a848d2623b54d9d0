"""Frames of two runs: which season is searched, how far off a match may be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint.datasets.protocols import read_retrieval_set
from placeprint.errors import DatasetError
from tests.datasets.tiny import put, write


def test_nordland_by_season_and_clean_names(tmp_path: Path) -> None:
    names = [f"images-{n:05d}.png" for n in range(0, 60, 2)]
    put(tmp_path, *(f"{season}/{name}" for season in ("summer", "winter") for name in (*names, "images-00001.png")))
    write(tmp_path, "cleanImageNames.txt", *names)
    dataset = read_retrieval_set("nordland-27592", tmp_path)
    assert dataset.database == tuple(f"summer/{name}" for name in names)
    assert dataset.queries[15] == f"winter/{names[15]}"
    assert dataset.positives[15] == {f"summer/{name}" for name in names[5:26]}, "10 frames to each side"
    assert len(dataset.positives[0]) == 11


def test_names_that_are_no_text_are_told(tmp_path: Path) -> None:
    put(tmp_path, "summer/1.png", "winter/1.png")
    (tmp_path / "cleanImageNames.txt").write_bytes(b"\xff\xfe1")
    with pytest.raises(DatasetError, match=r"cannot read .*cleanImageNames.txt"):
        read_retrieval_set("nordland-27592", tmp_path)


def test_every_tenth_frame_is_searched_in_all(tmp_path: Path) -> None:
    put(tmp_path, *(f"ref/{n:07d}.jpg" for n in range(25)), *(f"query/{n:07d}.jpg" for n in range(3)))
    dataset = read_retrieval_set("nordland-2760", tmp_path)
    assert [sorted(int(path[4:11]) for path in right) for right in dataset.positives] == [
        [0, 1],
        [9, 10, 11],
        [19, 20, 21],
    ]
    put(tmp_path, "query/0000003.jpg")
    with pytest.raises(DatasetError, match=r"must have a query for every 10. photo of the 25 in ref/, query/ has 4"):
        read_retrieval_set("nordland-2760", tmp_path)


def test_sections_do_not_touch(tmp_path: Path) -> None:
    frames = [f"section{s}/{n}.png" for s in (1, 2) for n in range(12)]
    put(tmp_path, *(f"{season}_images_test/{frame}" for season in ("summer", "winter") for frame in frames))
    dataset = read_retrieval_set("nordland-3450", tmp_path)
    right = dict(zip(dataset.queries, dataset.positives, strict=True))
    asked = "winter_images_test/section1/10.png"
    assert right[asked] == {f"summer_images_test/section1/{n}.png" for n in (8, 9, 10, 11)}, (
        "natural order, own section"
    )
    assert len(right["winter_images_test/section2/0.png"]) == 3


def test_positions_of_the_downloader_are_taken_where_they_are(tmp_path: Path) -> None:
    step = 25 / 10.5
    names = [f"@0@{n * step:07.1f}@@@@@{n}@@@@@@@@.jpg" for n in range(30)]
    put(tmp_path, *(f"images/test/{part}/{name}" for part in ("database", "queries") for name in names))
    dataset = read_retrieval_set("nordland-27592", tmp_path)
    assert dataset.positives[15] == {f"images/test/database/{name}" for name in names[5:26]}
    assert dataset.query_positions is None, "the names hold frames in place of meters"


def test_sections_may_lie_in_a_folder_of_the_test_part(tmp_path: Path) -> None:
    put(tmp_path, *(f"test/{season}_images_test/section2/{n}.png" for season in ("summer", "winter") for n in range(4)))
    dataset = read_retrieval_set("nordland-3450", tmp_path)
    assert dataset.queries[0] == "test/winter_images_test/section2/0.png" and len(dataset.positives[0]) == 3


def test_the_truth_of_vpr_bench(tmp_path: Path) -> None:
    put(tmp_path, *(f"ref/{n}.jpg" for n in range(12)), "query/0.jpg", "query/1.jpg")
    truth = np.empty((2, 2), dtype=object)
    truth[0], truth[1] = [1, [9, 10, 11]], [0, [2]]
    np.save(tmp_path / "ground_truth_new.npy", truth)
    dataset = read_retrieval_set("vpr-bench", tmp_path)
    assert list(dataset.positives) == [{"ref/2.jpg"}, {"ref/9.jpg", "ref/10.jpg", "ref/11.jpg"}]
    for odd, message in (([5, [0]], "must have rows"), ([0, [12]], "beyond the 12 of ref/")):
        truth[0] = odd
        np.save(tmp_path / "ground_truth_new.npy", truth)
        with pytest.raises(DatasetError, match=message):
            read_retrieval_set("vpr-bench", tmp_path)


def test_sped_is_pairs(tmp_path: Path) -> None:
    put(tmp_path, *(f"{part}/{n:03d}.jpg" for part in ("ref", "query") for n in range(4)))
    dataset = read_retrieval_set("sped", tmp_path)
    assert list(dataset.positives) == [{f"ref/{n:03d}.jpg"} for n in range(4)]


def test_sped_of_the_downloader_has_no_meters(tmp_path: Path) -> None:
    names = [f"@0@{n * 1000}@@@@@{n:04d}@@@@@@@@.jpg" for n in range(3)]
    put(tmp_path, *(f"images/test/{part}/{name}" for part in ("database", "queries") for name in names))
    dataset = read_retrieval_set("sped", tmp_path)
    assert list(dataset.positives) == [{f"images/test/database/{name}"} for name in names]
    assert dataset.query_positions is None
