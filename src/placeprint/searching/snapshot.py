"""An atlas at one moment, with all that a query needs: its photos, its preset, and its describer.

A snapshot does not change, so threads may share it, and a search that starts on it ends on it, whatever is written
meanwhile. `Snapshots` takes snapshots, keeps the describer until the atlas learns again, and retries on a newer
snapshot if the one being read has been replaced.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from placeprint.describing.describer import Describer, checked_describer, no_features
from placeprint.errors import AtlasBusyError, AtlasFormatError, OptionError, ShapeError
from placeprint.evidence.calibration import Calibration, calibration_of
from placeprint.presets import Preset
from placeprint.store import Store, StoredPhotos, StoreSnapshot
from placeprint.store.calibration_file import damaged_calibration, read_calibration
from placeprint.store.encoding import stored_bytes
from placeprint.store.manifest import damaged
from placeprint.types import Floats, Ids, LocalFeatures, PhotoFeatures

TRIES = 20
"""How often a read is retried while other processes change the atlas."""
T = TypeVar("T")


class Snapshot:
    """An atlas at one moment.

    Args:
        stored: its photos.
        preset: that made it.
        describe: gives what describes photos as the stored ones were; called when that is first needed.

    Raises:
        AtlasFormatError: (when it is read) a file is damaged, or was cleaned away because the snapshot is too old.
    """

    def __init__(self, stored: StoreSnapshot, preset: Preset, describe: Callable[[StoreSnapshot], Describer]) -> None:
        self.stored = stored
        self.preset = preset
        self._describe = describe

    @functools.cached_property
    def describer(self) -> Describer:
        """What describes photos, with the learned state that made the stored descriptors."""
        return self._describe(self.stored)

    @property
    def version(self) -> int:
        """Grows with every change of the photos."""
        return self.stored.version

    @functools.cached_property
    def calibration(self) -> Calibration | None:
        """What the atlas has learned about its confidences; None if it was not calibrated.

        Raises:
            AtlasFormatError: it is damaged.
        """
        home = self.stored.home
        data = read_calibration(home)
        try:
            return None if data is None else calibration_of(data)
        except (KeyError, TypeError, ValueError) as error:
            raise AtlasFormatError(damaged_calibration(home)) from error

    def photos(self) -> StoredPhotos:
        """Return the records of all photos, including skipped ones, by id."""
        return self.stored.photos()

    def usable(self) -> StoredPhotos:
        """Return the records of all searchable photos, by id."""
        return self.stored.usable()

    def descriptors(self) -> Iterator[tuple[Ids, Floats]]:
        """Yield the ids and the ``(n, dim)`` global descriptors of the usable photos, in parts."""
        for ids, rows in self.stored.descriptors():
            yield ids, self.describer.decode_descriptors(rows)

    def rows(self, ids: Ids) -> Floats:
        """Return the ``(n, dim)`` global descriptors of some usable photos, in the order of their ids."""
        return self.describer.decode_descriptors(self.stored.descriptors_of(ids))

    def features(self, ids: Sequence[int]) -> list[tuple[int, PhotoFeatures]]:
        """Return the stored local features of photos by id, in the order of the ids; gone ones are empty."""
        each = [self.features_of(ids, number) for number in range(len(self.describer.extractors))]
        return list(zip(ids, zip(*each, strict=True), strict=True))

    def verified_features(self, ids: Sequence[int]) -> list[LocalFeatures]:
        """Return the stored features of the first extractor, as `features`."""
        return self.features_of(ids, 0)

    def features_of(self, ids: Sequence[int], number: int) -> list[LocalFeatures]:
        """Return the stored features of one of the extractors, as `features`."""
        columns = self.stored.local_columns(ids, number)
        photos = self.photos().some(columns)
        empty = no_features(self.describer.extractors[number].dim, (1, 1))
        with stored_bytes(f"the local features of the atlas {self.stored.home.name!r}"):
            return [
                self.describer.decode_one(columns[i], number, (photos[i].width, photos[i].height))
                if i in columns
                else empty
                for i in ids
            ]


class Snapshots:
    """Takes snapshots of an atlas; threads may share it.

    Args:
        store: the store of the atlas.

    Attributes:
        preset: the preset of the atlas.
        weights: sha256 of the pretrained weights in use, by name.

    Raises:
        AtlasFormatError: the atlas is damaged.
    """

    def __init__(self, store: Store) -> None:
        self.preset, describer = _opened(store)
        self.weights = describer.weights()
        self._store = store
        self._describer: tuple[str | None, Describer] = (None, describer)
        self._lock = threading.Lock()

    def take(self) -> Snapshot:
        """Return the atlas as it is now.

        Raises:
            AtlasMissingError: it is not there any more.
            AtlasFormatError: a table is damaged.
        """
        return self._of(self._store.snapshot())

    def reading(self, read: Callable[[Snapshot], T]) -> T:
        """Return the result of a read of the current atlas; retry if the data was replaced meanwhile.

        Raises:
            AtlasFormatError: it is damaged.
            AtlasBusyError: it changes faster than it can be read.
        """
        stored = self._store.snapshot()
        for _ in range(TRIES):
            try:
                return read(self._of(stored))
            except AtlasFormatError:
                before, stored = stored, self._store.snapshot()
                if stored is before:
                    raise
        raise AtlasBusyError(f"the atlas {self._store.name!r} changes faster than it can be read; try again")

    def _of(self, stored: StoreSnapshot) -> Snapshot:
        return Snapshot(stored, self.preset, self._describer_of)

    def _describer_of(self, stored: StoreSnapshot) -> Describer:
        """Return what describes photos with the learned state that made the stored descriptors."""
        name = stored.state_name
        with self._lock:
            if name is not None and name != self._describer[0]:
                self._describer = (name, _restored(self.preset, stored, name))
            return self._describer[1]


def _opened(store: Store) -> tuple[Preset, Describer]:
    """Return the preset of an atlas, with its own files where they are, and what describes photos.

    Raises:
        AtlasFormatError: they are not what was written.
    """
    preset = store.preset
    try:
        describer = checked_describer(preset)
    except (OptionError, ShapeError, TypeError, ValueError, AttributeError, KeyError) as error:
        raise AtlasFormatError(damaged(store.name, error)) from error
    if len(describer.extractors) != store.manifest.num_extractors:
        raise AtlasFormatError(damaged(store.name, "num_extractors"))
    return preset, describer


def _restored(preset: Preset, stored: StoreSnapshot, name: str) -> Describer:
    try:
        return Describer(preset, stored.load_state(name))
    except (OptionError, ShapeError, ValueError) as error:
        where = stored.home.name
        raise AtlasFormatError(f"what the atlas {where!r} has learned does not fit it: {error}") from error
