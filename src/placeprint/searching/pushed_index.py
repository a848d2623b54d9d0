"""An atlas whose candidates come from a Milvus database: photos are pushed there, and verified here.

The database has only the descriptors. Local features stay in the atlas, so verification, and the exact similarities of
the first candidates, are computed here.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

import numpy as np

from placeprint.errors import AtlasMismatchError, OptionError, ServiceError
from placeprint.index.milvus import MilvusCollection, Origin
from placeprint.searching.snapshot import Snapshot
from placeprint.types import Floats, Ids, Progress, Ranking

TOGETHER = 512
"""Photos whose descriptors are read and sent at once."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PushReport:
    """What `push` did.

    Args:
        added: photos sent.
        removed: photos deleted from the collection, since they are not in the atlas any more.
        photos: photos in the collection now.
        anew: whether the collection was created, or rebuilt because the atlas has learned another codebook.
    """

    added: int
    removed: int
    photos: int
    anew: bool


def push(now: Snapshot, collection: MilvusCollection, progress: Progress | None = None) -> PushReport:
    """Bring a collection to the photos of an atlas; only what differs is sent.

    Args:
        now: the atlas.
        collection: the collection; created if missing, rebuilt if the atlas has learned another codebook.
        progress: called with the number of photos sent and of all to send.

    Raises:
        OptionError: the atlas has no photos.
        ServiceError: the database fails, or the collection is of another atlas.
    """
    photos = now.usable()
    if not len(photos):
        raise OptionError("the atlas is empty, so there is nothing to push; add photos with: placeprint index")
    wanted = Origin(now.stored.home.name, str(now.stored.state_name), now.describer.dim)
    origin = collection.origin()
    if origin is not None and origin.atlas != wanted.atlas:
        raise ServiceError(
            f"the collection {collection.address.collection!r} has the photos of the atlas {origin.atlas!r}; "
            "choose another collection"
        )
    if anew := origin != wanted:
        collection.create(wanted)
    known = np.zeros(0, np.int64) if anew else collection.ids()
    gone, missing = np.setdiff1d(known, photos.ids), np.setdiff1d(photos.ids, known)
    collection.delete(gone)
    paths = dict(zip(photos.ids.tolist(), photos.paths(), strict=True))
    for start in range(0, len(missing), TOGETHER):
        ids = missing[start : start + TOGETHER]
        collection.insert(ids, [paths[i] for i in ids.tolist()], now.rows(ids))
        if progress is not None:
            progress(start + len(ids), len(missing))
    return PushReport(len(missing), len(gone), len(photos), anew)


class PushedPhotos:
    """The photos of a collection that the atlas still has.

    Args:
        collection: the collection.
        gone: ``(n,)`` ids of its photos that the atlas has no more; they are not found.
    """

    def __init__(self, collection: MilvusCollection, gone: Ids) -> None:
        self._collection = collection
        self._gone = gone

    def search(self, descriptors: Floats, top: int, among: Ids | None = None) -> list[Ranking]:
        """Return the ``top`` best photos, as `MilvusCollection.search`."""
        found = self._collection.search(descriptors, top + len(self._gone), among)
        kept = [~np.isin(each.ids, self._gone) for each in found]
        return [
            Ranking(each.ids[alive][:top], each.scores[alive][:top]) for each, alive in zip(found, kept, strict=True)
        ]


class PushedIndex:
    """The index of an atlas in a Milvus database; threads may share it.

    Args:
        collection: the collection that has the photos of the atlas.
    """

    def __init__(self, collection: MilvusCollection) -> None:
        self._collection = collection
        self._current: tuple[int, PushedPhotos] | None = None
        self._lock = threading.Lock()

    def of(self, now: Snapshot) -> PushedPhotos:
        """Return what finds the candidates in an atlas as it is; warn if photos were not pushed.

        Raises:
            AtlasMismatchError: the atlas has learned another codebook since, or the collection is gone.
        """
        with self._lock:
            if self._current is None or self._current[0] != now.version:
                self._current = now.version, self._opened(now)
            return self._current[1]

    def update(self, now: Snapshot) -> None:
        """Do nothing: photos are pushed on demand."""

    def _opened(self, now: Snapshot) -> PushedPhotos:
        origin = self._collection.origin()
        if origin is None or (origin.state, origin.dim) != (now.stored.state_name, now.describer.dim):
            raise AtlasMismatchError(
                "the collection does not fit what the atlas has learned since; push the atlas again: placeprint push"
            )
        photos, pushed = now.usable().ids, self._collection.ids()
        missing = np.setdiff1d(photos, pushed)
        if len(missing):
            logger.warning(
                "%d photos of the atlas are not in the collection, so search misses them; push it again", len(missing)
            )
        return PushedPhotos(self._collection, np.setdiff1d(pushed, photos))
