"""Adapters of other packages find photos that they hold, and failures stay rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.adapters import PEERS, load_peer
from benchmarks.peers.measuring import measure_method, published, ranked
from benchmarks.peers.retrieval import unexplained
from placeprint.datasets.retrieval_set import RetrievalSet
from placeprint.evaluation.report.differences import compare
from tests.conftest import make_scene, write_photo
from tests.evaluation.test_report import result


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    return [write_photo(folder / f"{number}.png", make_scene(number)) for number in range(6)]


@pytest.mark.filterwarnings("ignore")  # of other people's packages
@pytest.mark.parametrize("name", PEERS)
def test_a_held_photo_is_found_by_itself(name: str, photos: list[Path]) -> None:
    try:
        peer = load_peer(name)
    except ImportError as error:
        pytest.skip(str(error))
    assert peer.index(photos) > 0
    scores = peer.search(photos)
    assert scores.shape == (6, 6)
    assert scores.argmax(axis=1).tolist() == [0, 1, 2, 3, 4, 5]


def test_an_adapter_is_short() -> None:
    folder = Path(__file__).parents[2] / "benchmarks" / "peers" / "adapters"
    modules = {place.partition(":")[0] for place in PEERS.values()}
    assert modules == {path.stem for path in folder.glob("*.py")} - {"__init__"}
    for module in modules:
        _, _, code = (folder / f"{module}.py").read_text().split('"""', 2)
        assert sum(bool(line.strip()) for line in code.splitlines()) <= 60, module


def dataset(root: Path) -> RetrievalSet:
    return RetrievalSet(
        root,
        "place-folder-1",
        ("a", "b", "c"),
        ("q",),
        (frozenset({"c"}),),
        junk=(frozenset({"a"}),),
    )


def test_scores_become_a_ranking_without_junk(tmp_path: Path) -> None:
    (row,) = ranked(dataset(tmp_path), np.array([[0.9, 0.2, 0.5]]), 1.0)
    assert row.ranking == ("c", "b") and row.confidence == 0.5
    (row,) = ranked(dataset(tmp_path), np.array([[0.9, -np.inf, 0.5]]), 1.0)
    assert row.ranking == ("c",), "what was not found is not ranked"


def test_queries_whose_time_is_not_known_did_not_fail(tmp_path: Path) -> None:
    np.savez(tmp_path / "published_scores.npz", theirs=np.array([[0.9, 0.2, 0.5]]))
    (told,) = published(dataset(tmp_path))
    assert told.method == "theirs (published)" and told.metrics["recall@1"] == 1
    assert told.failed_queries == 0


def test_a_peer_that_fails_is_a_row_with_its_error(tmp_path: Path) -> None:
    row = measure_method("ImageHash pHash", dataset(tmp_path))
    assert row.method == "ImageHash pHash" and not row.metrics
    assert (row.error or "").startswith(("FileNotFoundError", "ModuleNotFoundError"))


def test_what_is_ahead_of_the_default_needs_an_explanation() -> None:
    results = [result("xfeat-vlad", [0, 0, 0, 1], ms=10), result("theirs", [0, 0, 0, 0], ms=5)]
    assert unexplained(compare(results), {}) == ["<photos>: theirs", "<photos>: xfeat-vlad"]
    notes = {("<photos>", "theirs"): "why", ("<photos>", "xfeat-vlad"): "why"}
    assert unexplained(compare(results), notes) == []
    behind = [result("xfeat-vlad", [0, 0, 0, 1], ms=10), result("theirs", [0, 0, 1, 1], ms=5)]
    assert unexplained(compare(behind), {}) == []
