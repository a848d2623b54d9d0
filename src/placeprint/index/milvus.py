"""Candidates from a Milvus database (Wang et al., Milvus: A Purpose-Built Vector Data Management System, SIGMOD 2021).

A collection has a row per photo: its id, its path and one vector. Long descriptors are stored as their sketch
(`index.sketch`), compared by the bits that differ, 3 KB per photo. Milvus Lite, the one-file version, does not support
bits; it gets the same signs as numbers ``±1 / sqrt(bits)``, whose products order photos the same way. Short descriptors
are stored as they are. All errors of pymilvus end here.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from placeprint.core.one_line import one_line
from placeprint.core.options import Count, checked
from placeprint.errors import OptionError, PackageError, ServiceError
from placeprint.index.compact_code import CompactCode
from placeprint.index.sketch import BITS
from placeprint.types import Floats, Ids, Ranking

SCHEME = "milvus:"
ADDRESSES = "milvus://HOST:PORT, milvus://HOST:PORT/COLLECTION or milvus:FILE.db"
COLLECTION = "placeprint"
"""The collection, where the address names none."""
LITE = ".db"
"""How the file of Milvus Lite ends."""
MOST = 16_384
"""Most results of one search, a limit of Milvus."""
TOGETHER = 256
"""Rows sent at once."""
LONGEST_PATH = 8192
ORIGIN = -1
"""The id of the row that says what the collection was filled from; its path is JSON."""
PHOTOS = "id >= 0"
FORMAT = 1


@dataclass(frozen=True)
class MilvusAddress:
    """Where a collection is.

    Args:
        uri: as pymilvus takes it: ``http://HOST:PORT``, or the path of a file that ends in ``.db``.
        collection: the name of the collection.
    """

    uri: str
    collection: str = COLLECTION

    @property
    def is_lite(self) -> bool:
        """Whether it is a file of Milvus Lite."""
        return self.uri.endswith(LITE)


def milvus_address(text: str) -> MilvusAddress | None:
    """Return the address that a text names, or None if it names no Milvus database.

    Raises:
        OptionError: it begins as one, but has another form.

    Example:
        >>> milvus_address("milvus://localhost:19530/walks")
        MilvusAddress(uri='http://localhost:19530', collection='walks')
        >>> milvus_address("milvus:photos.db")
        MilvusAddress(uri='photos.db', collection='placeprint')
        >>> milvus_address("my/atlas") is None
        True
    """
    if not text.startswith(SCHEME):
        return None
    rest = text.removeprefix(SCHEME)
    if rest.endswith(LITE):
        return MilvusAddress(rest)
    host, _, collection = rest.lstrip("/").partition("/")
    name, _, port = host.rpartition(":")
    if not name or not port.isdigit() or "/" in collection:
        raise OptionError(f"the address of a Milvus database is {ADDRESSES}, got {text!r}")
    return MilvusAddress(f"http://{host}", collection or COLLECTION)


@dataclass(frozen=True)
class Origin:
    """What a collection was filled from.

    Args:
        atlas: the absolute folder of the atlas.
        state: the name of the learned state that made its descriptors.
        dim: the length of its descriptors.
        format: the version of the layout.
    """

    atlas: str
    state: str
    dim: int
    format: int = FORMAT


class MilvusCollection:
    """The photos of one atlas in a Milvus database.

    Args:
        address: of the collection.

    Raises:
        PackageError: pymilvus is not installed.
        ServiceError: no database answers there.
    """

    def __init__(self, address: MilvusAddress) -> None:
        self.address = address
        try:
            from pymilvus import MilvusClient
        except ImportError as error:
            raise PackageError('Milvus needs its client; install it: pip install "placeprint[milvus]"') from error
        with self._errors():
            self._client = MilvusClient(address.uri, timeout=10)

    def origin(self) -> Origin | None:
        """Return what the collection was filled from; None if there is no collection.

        Raises:
            ServiceError: the collection is not one of placeprint, or a newer version made it.
        """
        name = self.address.collection
        with self._errors():
            if not self._client.has_collection(name):
                return None
        try:
            origin = Origin(**json.loads(self._client.get(name, ids=[ORIGIN], output_fields=["path"])[0]["path"]))
        except Exception as error:  # another kind of collection fails in many ways
            raise ServiceError(f"the collection {name!r} was not made by placeprint; choose another name") from error
        if origin.format > FORMAT:
            raise ServiceError(f"the collection {name!r} was made by a newer placeprint; update it")
        return origin

    def create(self, origin: Origin) -> None:
        """Make an empty collection; one of the same name is replaced."""
        from pymilvus import DataType

        name, bits = self.address.collection, _code(origin.dim).has_signs
        packed = bits and not self.address.is_lite
        kind = DataType.BINARY_VECTOR if packed else DataType.FLOAT_VECTOR
        with self._errors():
            self._client.drop_collection(name)
            schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("id", DataType.INT64, is_primary=True)
            schema.add_field("path", DataType.VARCHAR, max_length=LONGEST_PATH)
            schema.add_field("vector", kind, dim=BITS if bits else origin.dim)
            index = self._client.prepare_index_params()
            index.add_index("vector", index_type="BIN_FLAT" if packed else "FLAT", metric_type=_metric(packed))
            self._client.create_collection(name, schema=schema, index_params=index)
            nowhere = self._vectors(np.zeros((1, origin.dim), np.float32))[0]
            self._client.insert(name, [{"id": ORIGIN, "path": json.dumps(asdict(origin)), "vector": nowhere}])

    def ids(self) -> Ids:
        """Return the ``(n,)`` ids of the photos in it, increasing."""
        found: list[int] = []
        with self._errors():
            rows = self._client.query_iterator(
                self.address.collection, filter=PHOTOS, output_fields=["id"], batch_size=1000
            )
            while part := rows.next():
                found += [int(row["id"]) for row in part]
            rows.close()
        return np.unique(np.array(found, np.int64))

    def insert(self, ids: Ids, paths: Sequence[str], descriptors: Floats) -> None:
        """Add photos.

        Args:
            ids: ``(n,)`` ids.
            paths: their ``n`` paths.
            descriptors: ``(n, dim)`` unit rows.
        """
        vectors = self._vectors(descriptors)
        for start in range(0, len(ids), TOGETHER):
            rows = [
                {"id": int(ids[place]), "path": paths[place][:LONGEST_PATH], "vector": vectors[place]}
                for place in range(start, min(start + TOGETHER, len(ids)))
            ]
            with self._errors():
                self._client.insert(self.address.collection, rows)

    def delete(self, ids: Ids) -> None:
        """Remove photos."""
        for start in range(0, len(ids), TOGETHER):
            with self._errors():
                self._client.delete(self.address.collection, ids=ids[start : start + TOGETHER].tolist())

    @checked
    def search(self, descriptors: Floats, top: Count, among: Ids | None = None) -> list[Ranking]:
        """Return the ``top`` best photos for each of ``(q, dim)`` unit rows, at most `MOST`.

        Args:
            descriptors: the queries.
            top: the number of photos wanted.
            among: ``(k,)`` ids of the photos that are searched; None for all.
        """
        if among is not None and not len(among):
            return [Ranking(np.zeros(0, np.int64), np.zeros(0, np.float32)) for _ in descriptors]
        with self._errors():
            found = self._client.search(
                self.address.collection,
                data=self._vectors(descriptors),
                anns_field="vector",
                limit=min(top, MOST),
                filter=PHOTOS if among is None else f"id in {among.tolist()}",
                search_params={"metric_type": _metric(self._is_packed(descriptors.shape[1]))},
            )
        return [self._ranking(hits, descriptors.shape[1]) for hits in found]

    def _ranking(self, hits: Any, dim: int) -> Ranking:
        ids = np.array([int(hit["id"]) for hit in hits], np.int64)
        values = np.array([float(hit["distance"]) for hit in hits], np.float64)
        if _code(dim).has_signs:
            unequal = values / BITS if self._is_packed(dim) else (1 - values) / 2
            values = np.cos(np.pi * unequal)
        order = np.lexsort((ids, -values))
        return Ranking(ids[order], values[order].astype(np.float32))

    def _is_packed(self, dim: int) -> bool:
        return _code(dim).has_signs and not self.address.is_lite

    def _vectors(self, descriptors: Floats) -> list[Any]:
        """Return what Milvus stores of ``(n, dim)`` unit rows."""
        code = _code(descriptors.shape[1])
        if not code.has_signs:
            return [row.tolist() for row in np.asarray(descriptors, np.float32)]
        packed = code.encode(descriptors)["signs"].view(np.uint8)
        if not self.address.is_lite:
            return [row.tobytes() for row in packed]
        signs = np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1
        return [row.tolist() for row in signs / np.float32(BITS**0.5)]

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what pymilvus raises into our error."""
        try:
            yield
        except (PackageError, ServiceError):
            raise
        except Exception as error:
            line = one_line(error, 200)
            raise ServiceError(
                f"the Milvus database at {self.address.uri} failed ({line}); check its address"
            ) from error


def _metric(packed: bool) -> str:
    return "HAMMING" if packed else "IP"


@functools.lru_cache(maxsize=4)
def _code(dim: int) -> CompactCode:
    return CompactCode(dim)
