"""What changes an atlas: photos are added and removed, codebooks learned, positions and confidences set."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from placeprint.atlas.adding import Addition
from placeprint.atlas.calibrating import Calibrator
from placeprint.atlas.reports import AddReport, CompactReport
from placeprint.core.geography import check_position
from placeprint.core.numerics import evenly
from placeprint.core.options import Count, Seed, Workers, checked
from placeprint.describing.bulk import Engine, sample_features
from placeprint.describing.describer import Describer
from placeprint.describing.word_weights import STAGE, WordWeights
from placeprint.errors import OptionError
from placeprint.evidence.calibration import Calibration
from placeprint.index.milvus import ADDRESSES, MilvusCollection, milvus_address
from placeprint.photos import scan_photos
from placeprint.photos.masks import masks_in
from placeprint.photos.walking import as_places
from placeprint.searching import learning
from placeprint.searching.pushed_index import PushReport, push
from placeprint.searching.reader import AtlasReader
from placeprint.store.below import ids_below
from placeprint.store.calibration_file import write_calibration
from placeprint.types import Progress


class AtlasWriter(AtlasReader):
    """The part of an `Atlas` that changes it; only one thread or process may do that at a time."""

    @checked
    def add(
        self,
        places: Iterable[Path | str] | Path | str,
        *,
        workers: Workers | None = None,
        progress: Progress | None = None,
        learn: bool = True,
        masks: Path | str | None = None,
        ignore: Collection[str] = (),
        engine: Engine | None = None,
    ) -> AddReport:
        """Add photos, and the photos below folders; known photos are not read again.

        A photo is known by its path, size and modification time. A touched or moved photo is recognized by its content,
        and keeps its features.

        Photos are saved in groups of 64; after an interruption, the next call continues. A photo that cannot be used is
        recorded with its reason; if it was usable before, its features are kept.

        Args:
            places: files and folders, or a single one. The report lists what is skipped below folders.
            workers: threads; the count of cores when None.
            progress: called with the count of photos done and the count of all; again from zero if the atlas learns a
                codebook and computes new descriptors.
            learn: whether to learn a codebook, after all photos are stored, if the atlas has grown enough. If this is
                interrupted, the photos are stored, and the next call or `refit` continues.
            masks: a folder of masks, each named like its photo, white where keypoints are allowed; see
                `photos.masks.MaskFolder`. Photos that are known already keep their features.
            ignore: names of classes to ignore; then the masks are class maps, see `photos.classes`.
            engine: what describes the photos, such as `describing.ray_engine.RayEngine`; by default threads of this
                process. All engines give the same rows.

        Raises:
            PhotoError: a place does not exist, or there is no photo in any; or there are no masks.
            OptionError: classes are to be ignored without masks, or the table of classes does not name them.
            AtlasBusyError: another process is writing.
            AtlasWriteError: the disk is full or the folder is read-only.
        """
        began = time.perf_counter()
        found = scan_photos(places).required()
        report = AddReport(skipped=[*found.skipped], unread=dict(found.unread))
        addition = Addition(self._store, report, workers, progress, masks_in(masks, ignore), engine)
        with self._store.exclusive():
            was_empty = not len(self)
            changed = addition.changed(found.paths)
            todo = addition.not_recognized(changed) if changed else []
            first, rest = learning.before_and_after(len(self), todo)
            self._describe(addition, first, workers)
            if todo or report.moved:
                self._store.maintain()
        report.learned = learn and self.learn_if_grown(progress, readers=not was_empty)
        if rest:
            with self._store.exclusive():
                self._describe(addition, rest, workers)
                self._store.maintain()
        if todo or report.moved or report.learned:
            self._memory.update(self.snapshot())
        report.skipped.sort()
        report.seconds = time.perf_counter() - began
        return report

    def refit(self, progress: Progress | None = None, *, adapt: bool | None = None) -> int:
        """Learn a new codebook from the stored local features, and compute all descriptors with it.

        Meanwhile, the atlas can be searched and changed. After an interruption, the next call continues.

        Args:
            progress: called with the count of photos done and the count of all.
            adapt: whether to adapt the shipped codebook (True) or learn a new one (False); None decides by the number
                of photos.

        Returns:
            The number of photos.

        Raises:
            OptionError: the atlas has too few photos to learn from.
            AtlasBusyError: another process is learning, or is writing when all descriptors are made.
        """
        if len(self) < learning.ADAPT_PHOTOS:
            raise OptionError(f"the atlas has {len(self)} photos; learning needs at least {learning.ADAPT_PHOTOS}")
        learning.refit(self._store, self._preset, adapt=adapt, progress=progress)
        self._memory.update(self.snapshot())
        return len(self)

    def learn_if_grown(self, progress: Progress | None = None, *, readers: bool = True) -> bool:
        """Learn a codebook if the atlas has grown enough since the last, as `add` does; return whether it has learned.

        Args:
            progress: called with the count of photos done and the count of all.
            readers: whether to keep the replaced descriptors for a while, for those who read them.

        Raises:
            AtlasBusyError: another process is learning, or is writing when all descriptors are made; the next call goes
                on from there.
        """
        grown = learning.should_learn(self.snapshot())
        if grown:
            learning.refit(self._store, self._preset, progress=progress, readers=readers)
            self._memory.update(self.snapshot())
        return grown

    def compact(self, *, readers: bool = True) -> CompactReport:
        """Join the small files of the tables, and remove deleted rows and old versions.

        Writes do this automatically from time to time. No photo changes.

        Args:
            readers: whether to keep the versions of the last minutes for running searches.

        Raises:
            AtlasBusyError: another process is writing.
            AtlasWriteError: the disk is full or the folder is read-only.
        """
        before = self._store.num_files(), self._store.num_bytes()
        with self._store.exclusive():
            self._store.compact(readers=readers)
        return CompactReport(*before, self._store.num_files(), self._store.num_bytes())

    def set_word_weights(self, weights: WordWeights, progress: Progress | None = None) -> int:
        """Set weights of visual words, and compute all descriptors with them; a new codebook drops them.

        Args:
            weights: ``(M,)`` positive weights of the words of a descriptor, by its name, as of `Describer.branches`.
            progress: called with the count of photos done and the count of all.

        Returns:
            The number of photos.

        Raises:
            OptionError: the atlas is empty.
            AtlasBusyError: another process is learning, or is writing when all descriptors are made.
        """
        stored = self.snapshot().stored
        if stored.state_name is None:
            raise OptionError("the atlas has no photos yet, so it has no codebook to weigh")
        known = stored.load_state(stored.state_name).items()
        before = {name: value for name, value in known if not name.startswith(f"{STAGE}.")}
        state = before | {f"{STAGE}.{name}": np.asarray(each, np.float32) for name, each in weights.items()}
        learning.describe_with(self._store, self._preset, state, progress)
        self._memory.update(self.snapshot())
        return len(self)

    def set_positions(self, positions: Mapping[str, tuple[float, float]]) -> int:
        """Set positions of photos; they replace those of EXIF until a file changes.

        Args:
            positions: ``(latitude, longitude)`` in degrees (WGS 84), by the path of a photo in the atlas; other paths
                are ignored.

        Returns:
            The number of photos whose position has changed.

        Raises:
            OptionError: a position is not a place on Earth.
            AtlasBusyError: another process is writing.
        """
        for path, position in positions.items():
            check_position(*position, f"the position of {path!r}")
        with self._store.exclusive():
            known = self._store.snapshot().photos().of_paths(positions)
            moved = [
                replace(photo, location=positions[path])
                for path, photo in known.items()
                if photo.location != positions[path]
            ]
            self._store.update(moved)
            self._store.maintain()
        return len(moved)

    @checked
    def calibrate(self, *, sample: Count = 200, seed: Seed = 0, progress: Progress | None = None) -> Calibration:
        """Fit the confidences to the photos of this atlas, without labels, and keep the result in it.

        Photos of a seeded sample are searched with their place in the atlas and with it excluded (`atlas.calibrating`).
        New photos and new codebooks keep the calibration.

        Args:
            sample: the largest number of photos to use. A precision of 0.95 needs about 100, one of 0.99 about 500.
            seed: of the sample.
            progress: called with the count of photos done and the count of all.

        Raises:
            OptionError: the preset gives no probabilities, or there are too few photos.
            AtlasBusyError: another process is writing.
            AtlasWriteError: the disk is full or the folder is read-only.
        """
        if self._preset.evidence is None:
            raise OptionError(
                f"the preset {self.preset!r} gives no probabilities, so there is nothing to calibrate; "
                "use fast, balanced or best"
            )
        found = self._snapshots.reading(lambda now: Calibrator(now, self._memory, seed).calibration(sample, progress))
        with self._store.exclusive():
            write_calibration(self._store.home, found.as_data())
        return found

    def push(self, to: str, progress: Progress | None = None) -> PushReport:
        """Update a collection of a Milvus database to the photos of this atlas; only differences are sent.

        ``Atlas.open`` of the same address then searches there. Push again after photos are added or removed.

        Args:
            to: ``milvus://HOST:PORT``, ``milvus://HOST:PORT/COLLECTION``, or ``milvus:FILE.db`` for Milvus Lite.
            progress: called with the number of photos sent and of all to send.

        Raises:
            OptionError: the address is malformed, or the atlas is empty.
            PackageError: pymilvus is not installed.
            ServiceError: the database fails, or the collection belongs to another atlas.
        """
        address = milvus_address(to)
        if address is None:
            raise OptionError(f"expected {ADDRESSES}, got {to!r}")
        collection = MilvusCollection(address)
        return self._snapshots.reading(lambda now: push(now, collection, progress))

    def forget_calibration(self) -> None:
        """Remove the calibration; confidences are again those of the shipped model.

        Raises:
            AtlasBusyError: another process is writing.
            AtlasWriteError: the folder is read-only.
        """
        with self._store.exclusive():
            write_calibration(self._store.home, None)

    def remove(self, photos: Iterable[Path | str] | Path | str) -> int:
        """Remove photos by path, or all photos below a folder.

        Args:
            photos: files and folders, or a single one.

        Returns:
            The number of photos removed.

        Raises:
            PhotoError: the photos are not paths.
            AtlasMissingError: a path has no photo in the atlas; then nothing is removed.
        """
        wanted = as_places(photos)
        with self._store.exclusive():
            chosen = ids_below(wanted, self._store.snapshot().photos())
            self._store.remove(sorted(chosen))
            self._store.maintain()
        return len(chosen)

    def _describe(self, addition: Addition, paths: Sequence[Path], workers: int | None) -> None:
        """Describe and store photos, with exclusive access to the store."""
        if paths:
            addition.describe_and_store(paths, *self._ensure_state(paths, workers))

    def _ensure_state(self, paths: Sequence[Path], workers: int | None) -> tuple[str, Describer]:
        """Return the name of the current state, and a describer with it.

        An empty atlas starts with the shipped codebook, or learns one from a sample of the photos to be added.
        """
        now = self.snapshot()
        if now.stored.state_name is not None:
            return now.stored.state_name, now.describer
        state = learning.first_state(self._preset)
        if state is None:
            sample = [paths[index] for index in evenly(len(paths), learning.FIRST_PHOTOS)]
            learner = Describer(self._preset)
            state = learning.learn_first(learner, sample_features(sample, learner, workers))
        name = self._store.save_state(state)
        return name, Describer(self._preset, state)
