"""Revisited Oxford and Paris: levels, boxes, and files that are not to be trusted."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placeprint.datasets.protocols import read_retrieval_set
from placeprint.datasets.tables.plain_pickle import read_plain_npy, read_plain_pickle
from placeprint.errors import DatasetError
from placeprint.evaluation.metrics import Hits
from placeprint.evaluation.revisited import trapezoidal_average_precisions
from tests.datasets.tiny import put

TRUTH: dict[str, Any] = {
    "imlist": ["a", "b", "c", "d", "e"],
    "qimlist": ["q1", "q2"],
    "gnd": [
        {"bbx": [1.0, 2.0, 30.5, 20.5], "easy": [0], "hard": [2, 3], "junk": [1]},
        {"bbx": np.array([0, 0, 20, 20.0]), "easy": np.array([4]), "hard": [], "junk": []},
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path, *(f"jpg/{name}.jpg" for name in (*TRUTH["imlist"], *TRUTH["qimlist"])))
    (tmp_path / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(TRUTH, protocol=2))
    return tmp_path


def letters(paths: frozenset[str]) -> str:
    return "".join(sorted(path[4] for path in paths))


def test_the_levels(folder: Path) -> None:
    dataset = read_retrieval_set("roxford5k", folder)
    assert dataset.database[0] == "jpg/a.jpg" and dataset.queries == ("jpg/q1.jpg", "jpg/q2.jpg")
    assert list(dataset.crops) == [(1, 2, 30.5, 20.5), (0, 0, 20, 20)]
    assert [level.name for level in dataset.judgments] == ["", "easy", "hard"]
    assert [[letters(each) for each in level.positives] for level in dataset.judgments] == [
        ["acd", "e"],
        ["a", "e"],
        ["cd", ""],
    ]
    assert [[letters(each) for each in level.junk] for level in dataset.judgments] == [
        ["b", ""],
        ["bcd", ""],
        ["ab", "e"],
    ]
    assert read_retrieval_set("roxford5k-whole", folder).crops == ()


def test_the_measures_of_a_ranking_at_each_level(folder: Path) -> None:
    # b (junk), c (hard), a (easy), e, d (hard): worked by hand, junk of each level taken out first
    dataset = read_retrieval_set("roxford5k", folder)
    ranking = [f"jpg/{name}.jpg" for name in "bcaed"]
    expected = {
        "": ((1 + 1) / 2 + (1 / 1 + 2 / 2) / 2 + (2 / 3 + 3 / 4) / 2) / 3,  # c a e d: positives at 0, 1, 3
        "easy": (1 + 1) / 2,  # a e
        "hard": ((1 + 1) / 2 + (1 / 2 + 2 / 3) / 2) / 2,  # c e d
    }
    for level in dataset.judgments:
        kept = [path for path in ranking if path not in level.junk[0]]
        assert trapezoidal_average_precisions(Hits.of([kept], [level.positives[0]]))[0] == pytest.approx(
            expected[level.name]
        )


def test_the_matlab_file_counts_from_one(folder: Path) -> None:
    io = pytest.importorskip("scipy.io")
    expected = read_retrieval_set("roxford5k", folder)
    (folder / "gnd_roxford5k.pkl").unlink()
    kinds = [("bbx", object), ("easy", object), ("hard", object), ("junk", object)]
    rows = np.empty((1, 2), dtype=kinds)
    for place, each in enumerate(TRUTH["gnd"]):
        box = np.asarray(each["bbx"], np.float64).reshape(1, -1)
        numbers = (np.asarray(each[key], np.float64).reshape(1, -1) + 1 for key in ("easy", "hard", "junk"))
        rows[0, place] = (box, *numbers)
    cells = {key: np.array(TRUTH[key], dtype=object).reshape(1, -1) for key in ("imlist", "qimlist")}
    io.savemat(folder / "gnd_roxford5k.mat", {**cells, "gnd": rows})
    found = read_retrieval_set("roxford5k", folder)
    assert (found.database, found.queries, found.crops) == (expected.database, expected.queries, expected.crops)
    for one, other in zip(found.judgments, expected.judgments, strict=True):
        assert list(one.positives) == list(other.positives) and list(one.junk) == list(other.junk)


def test_photos_may_lie_beside_the_truth_in_a_folder(tmp_path: Path) -> None:
    put(tmp_path / "rparis6k", *(f"{name}.jpg" for name in (*TRUTH["imlist"], *TRUTH["qimlist"])))
    (tmp_path / "rparis6k" / "gnd_rparis6k.pkl").write_bytes(pickle.dumps(TRUTH))
    assert read_retrieval_set("rparis6k", tmp_path).queries == ("rparis6k/q1.jpg", "rparis6k/q2.jpg")


def test_a_copy_that_lacks_something_is_told(folder: Path) -> None:
    (folder / "jpg" / "c.jpg").unlink()
    with pytest.raises(DatasetError, match=r"1 of 7 photos are not in .*: 'jpg/c.jpg'"):
        read_retrieval_set("roxford5k", folder)
    oddities: list[object] = [{"imlist": []}, {**TRUTH, "gnd": [{**TRUTH["gnd"][0], "easy": [9]}]}, [1, 2]]
    for odd in oddities:
        (folder / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(odd))
        with pytest.raises(DatasetError, match="must have imlist, qimlist and gnd"):
            read_retrieval_set("roxford5k", folder)


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_a_pickle_runs_nothing(tmp_path: Path) -> None:
    path, made = tmp_path / "evil.pkl", tmp_path / "made"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps({"a": Evil(made)}, protocol))
        with pytest.raises(DatasetError, match="not plain data"):
            read_plain_pickle(path)
    np.save(tmp_path / "evil.npy", np.array([Evil(made)], dtype=object))
    with pytest.raises(DatasetError, match="not plain data"):
        read_plain_npy(tmp_path / "evil.npy")
    path.write_bytes(b"cnumpy\nload\n(S'x'\ntR.")
    with pytest.raises(DatasetError, match=r"names numpy.load, which is not plain data"):
        read_plain_pickle(path)
    assert not made.exists()


def test_plain_data_is_read(tmp_path: Path) -> None:
    held = {"a": [1, 2.5, "x", None, True], "b": np.arange(6).reshape(2, 3), "c": np.float32(1.5), "d": ("y", b"z")}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        (tmp_path / "a.pkl").write_bytes(pickle.dumps(held, protocol))
        found = read_plain_pickle(tmp_path / "a.pkl")
        assert (
            found["a"] == held["a"]
            and (found["b"] == held["b"]).all()
            and found["c"] == 1.5
            and found["d"] == held["d"]
        )
    np.save(tmp_path / "a.npy", np.arange(3))
    assert read_plain_npy(tmp_path / "a.npy").tolist() == [0, 1, 2]
    for name in ("a.pkl", "none.pkl"):
        (tmp_path / "a.pkl").write_bytes(b"nothing")
        with pytest.raises(DatasetError):
            read_plain_pickle(tmp_path / name)
    with pytest.raises(DatasetError, match=r"is not a .npy file"):
        read_plain_npy(tmp_path / "a.pkl")
