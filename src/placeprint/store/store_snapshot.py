"""A snapshot: the photos of an atlas at one moment.

A snapshot never changes, so threads may share it, and a search that starts on it ends on it, whatever is written in the
meantime. It joins one version of each table so that every photo has its features: features are written before their
photo and deleted after it, so a version of `local` fits if `images` has not changed while it was opened.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.files import arrays_of
from placeprint.errors import AtlasFormatError, PlaceprintError
from placeprint.store.encoding import LOCAL_COLUMNS, Columns, column_name
from placeprint.store.home import Home
from placeprint.store.stored_photos import StoredPhotos
from placeprint.store.tables import TableVersion
from placeprint.types import Ids

State = dict[str, NDArray[Any]]


class StoreSnapshot:
    """The content of an atlas at one moment.

    Args:
        home: where the atlas is.
        images: a version of the table ``images``.
        local: a version of the table ``local``.

    Raises:
        AtlasFormatError: (on reading) a file is damaged, or was removed because the snapshot is too old.
    """

    def __init__(self, home: Home, images: TableVersion, local: TableVersion) -> None:
        self.home = home
        self.images = images
        self.local = local

    @property
    def folder(self) -> Path:
        """The folder on this machine: that of the atlas, or the working copy of an address."""
        return self.home.folder

    @property
    def version(self) -> int:
        """A number that grows with every change of the photos."""
        return self.images.number

    @property
    def state_name(self) -> str | None:
        """Name of the learned state that made the descriptors; None if there are none."""
        return self._loaded.state

    def photos(self) -> StoredPhotos:
        """Return the photos by id, including skipped ones."""
        return self._loaded.photos

    def usable(self) -> StoredPhotos:
        """Return the searchable photos by id."""
        return self._loaded.usable

    def descriptors(self, size: int = 1024) -> Iterator[tuple[Ids, list[bytes]]]:
        """Yield the ids and encoded descriptors of the usable photos, ``size`` at a time."""
        current = self.usable().ids
        for batch in self.images.batches(["id", "descriptor"], size):
            kept = np.isin(np.array([row["id"] for row in batch], np.int64), current)
            rows = [row for row, keep in zip(batch, kept.tolist(), strict=True) if keep]
            if any(row["descriptor"] is None for row in rows):
                raise AtlasFormatError(f"the atlas {self.home.name!r} lacks descriptors of photos; make it again")
            if rows:
                yield np.array([row["id"] for row in rows], np.int64), [row["descriptor"] for row in rows]

    def descriptors_of(self, ids: Ids) -> list[bytes]:
        """Return the encoded descriptors of ``(n,)`` usable photos, in their order.

        Raises:
            AtlasFormatError: a photo has none.
        """
        found = self.images.take(ids.tolist(), ["descriptor"])
        if len(found) != len(ids) or any(row["descriptor"] is None for row in found):
            raise AtlasFormatError(f"the atlas {self.home.name!r} lacks descriptors of photos; make it again")
        return [row["descriptor"] for row in found]

    def local_columns(self, ids: Iterable[int], extractor: int = 0) -> dict[int, Columns]:
        """Return the encoded local features of one extractor by photo id; photos without features are skipped."""
        names = [column_name(name, extractor) for name in LOCAL_COLUMNS]
        return {row["id"]: row for row in self.local.take(ids, names)}

    def load_state(self, name: str) -> State:
        """Read a learned state.

        Raises:
            AtlasFormatError: the state is missing or damaged.
        """
        for again in (False, True):  # a copy on this machine may be damaged
            try:
                state = arrays_of(self.home.read(state_name(name), again=again))
                if digest_of(state) != name:
                    raise ValueError("its content does not fit its name")
            except PlaceprintError:
                raise
            except Exception as error:  # damaged archives raise nearly anything
                failed = error
            else:
                return state
        raise AtlasFormatError(
            f"the atlas lacks its learned state {f'{self.home.name}/{state_name(name)}'!r}, or it is damaged; "
            "restore it or make the atlas again"
        ) from failed

    @functools.cached_property
    def _loaded(self) -> _Loaded:
        import pyarrow.compute as pc

        ids, images = self.images.ids(), self.images
        paths = images.column("path")
        if len(ids) and (paths.null_count or ids.min() < 0):
            raise AtlasFormatError(f"the atlas {self.home.name!r} has photos without a path; make it again")
        places = np.argsort(ids, kind="stable")
        places = places[_newest(paths.take(places))]
        photos = StoredPhotos(images, places, ids[places])
        places = places[images.null_places("error")[places]]
        states = pc.unique(images.column("state", places)).to_pylist()
        if len(states) > 1:
            raise AtlasFormatError(f"the atlas mixes descriptors of {len(states)} codebooks; make it again")
        usable = photos if len(places) == len(photos) else StoredPhotos(images, places, ids[places])
        return _Loaded(photos, usable, next(iter(states), None))


@dataclass(frozen=True)
class _Loaded:
    """The photos, the searchable ones, and the state that made their descriptors."""

    photos: StoredPhotos
    usable: StoredPhotos
    state: str | None


def _newest(paths: Any) -> NDArray[np.intp]:
    """Return the last place of each of the texts in an Arrow array, in increasing order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(pc.unique(paths)) == len(paths):
        return np.arange(len(paths))
    table = pa.table({"path": paths, "place": np.arange(len(paths))})
    last = table.group_by("path").aggregate([("place", "max")])["place_max"]
    return np.sort(last.to_numpy()).astype(np.intp)


def state_name(name: str) -> str:
    """Return the name of the file of a learned state in an atlas."""
    return f"state/{name}.npz"


def digest_of(state: Mapping[str, NDArray[Any]]) -> str:
    """Return the name of a learned state, which comes from its content."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode() + str(state[name].dtype).encode() + str(state[name].shape).encode())
        digest.update(np.ascontiguousarray(state[name]).tobytes())
    return digest.hexdigest()[:16]
