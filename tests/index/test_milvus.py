"""Candidates from Milvus: a real database in a file, and what a server would be sent."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placeprint.core.numerics import normalize
from placeprint.errors import OptionError, PackageError, ServiceError
from placeprint.index.compact_code import CompactCode
from placeprint.index.milvus import MilvusAddress, MilvusCollection, Origin, milvus_address
from placeprint.index.sketch import BITS
from placeprint.types import Floats

pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")


@pytest.fixture
def collection(tmp_path: Path) -> MilvusCollection:
    return MilvusCollection(MilvusAddress(str(tmp_path / "photos.db")))


def rows(count: int, dim: int, seed: int = 0) -> Floats:
    return normalize(np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32))


def filled(collection: MilvusCollection, dim: int, count: int = 40) -> Floats:
    stored = rows(count, dim)
    collection.create(Origin("/atlas", "state", dim))
    collection.insert(np.arange(count), [f"{i}.jpg" for i in range(count)], stored)
    return stored


@pytest.mark.parametrize("dim", [64, 2000])
def test_a_photo_finds_itself_first(collection: MilvusCollection, dim: int) -> None:
    stored = filled(collection, dim)
    found = collection.search(stored[[3, 17]], 5)
    assert [each.ids[0] for each in found] == [3, 17]
    assert found[0].scores[0] == pytest.approx(1, abs=1e-3)
    assert all(np.diff(each.scores).max() <= 0 for each in found)


def test_short_rows_rank_as_their_cosines(collection: MilvusCollection) -> None:
    stored = filled(collection, 64)
    query = rows(1, 64, seed=5)
    exact = (stored @ query[0]).argsort()[::-1]
    assert collection.search(query, 10)[0].ids.tolist() == exact[:10].tolist()


def test_long_rows_score_about_their_cosines(collection: MilvusCollection) -> None:
    stored = filled(collection, 2000)
    query = normalize(stored[:1] + rows(1, 2000, seed=5))
    found = collection.search(query, 40)[0]
    np.testing.assert_allclose(found.scores, stored[found.ids] @ query[0], atol=0.06)


def test_only_allowed_photos_are_found(collection: MilvusCollection) -> None:
    stored = filled(collection, 64)
    found = collection.search(stored[:1], 10, np.array([5, 9]))[0]
    assert sorted(found.ids.tolist()) == [5, 9]
    assert len(collection.search(stored[:1], 10, np.zeros(0, np.int64))[0].ids) == 0


def test_photos_are_removed(collection: MilvusCollection) -> None:
    stored = filled(collection, 64)
    collection.delete(np.array([3]))
    assert 3 not in collection.search(stored[3:4], 40)[0].ids
    assert collection.ids().tolist() == [i for i in range(40) if i != 3]


def test_a_collection_says_what_it_was_made_of(collection: MilvusCollection) -> None:
    assert collection.origin() is None
    collection.create(Origin("/atlas", "state", 64))
    assert collection.origin() == Origin("/atlas", "state", 64)


def test_a_foreign_collection_is_refused(tmp_path: Path) -> None:
    from pymilvus import MilvusClient

    address = MilvusAddress(str(tmp_path / "photos.db"))
    MilvusClient(address.uri).create_collection("placeprint", dimension=4)
    with pytest.raises(ServiceError, match="not made by placeprint"):
        MilvusCollection(address).origin()


class Server:
    """Records what a server is sent."""

    def __init__(self) -> None:
        self.inserted: list[dict[str, Any]] = []
        self.searched: dict[str, Any] = {}

    def insert(self, _: str, sent: list[dict[str, Any]]) -> None:
        self.inserted += sent

    def search(self, _: str, **arguments: Any) -> list[list[dict[str, Any]]]:
        self.searched = arguments
        signs = np.frombuffer(arguments["data"][0], np.uint8)
        unequal = [
            (row["id"], int(np.unpackbits(signs ^ np.frombuffer(row["vector"], np.uint8)).sum()))
            for row in self.inserted
        ]
        return [[{"id": i, "distance": d} for i, d in sorted(unequal, key=lambda pair: pair[1])]]


def test_a_server_gets_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    monkeypatch.setattr("pymilvus.MilvusClient", lambda *_, **__: server)
    collection = MilvusCollection(MilvusAddress("http://host:19530"))
    stored = rows(5, 2000)
    collection.insert(np.arange(5), [str(i) for i in range(5)], stored)
    assert [len(row["vector"]) for row in server.inserted] == [BITS // 8] * 5
    found = collection.search(stored[2:3], 5)[0]
    assert server.searched["search_params"] == {"metric_type": "HAMMING"}
    assert found.ids[0] == 2 and found.scores[0] == pytest.approx(1)
    signs = CompactCode(2000).encode(stored)["signs"]
    unequal = np.bitwise_count(signs ^ signs[2]).sum(axis=1)[found.ids]
    np.testing.assert_allclose(found.scores, np.cos(np.pi * unequal / BITS), atol=1e-6)


@pytest.mark.parametrize("text", ["milvus://host", "milvus://host:port", "milvus:", "milvus://host:1/a/b"])
def test_an_address_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"milvus://HOST:PORT"):
        milvus_address(text)


def test_a_path_may_have_lost_a_slash() -> None:
    assert milvus_address(str(Path("milvus://host:19530/walks"))) == MilvusAddress("http://host:19530", "walks")


def test_without_its_client_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(PackageError, match=r"placeprint\[milvus\]"):
        MilvusCollection(MilvusAddress("photos.db"))


def test_a_database_that_does_not_answer() -> None:
    with pytest.raises(ServiceError, match="check its address"):
        MilvusCollection(MilvusAddress("http://127.0.0.1:1"))
