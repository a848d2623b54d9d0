"""Add photos to an atlas: which are known, which are described, and in which order they are stored."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from placeprint.atlas.moved_photos import is_current, recognize
from placeprint.atlas.reports import AddReport
from placeprint.describing.bulk import DescribedPhoto, Engine, LocalEngine
from placeprint.describing.describer import Describer
from placeprint.photos.masks import MaskFolder
from placeprint.store import PhotoRecord, Store
from placeprint.types import Progress

COMMIT_PHOTOS = 64
"""Photos per group: an interruption loses at most one group."""
COMMIT_SECONDS = 5.0


class Addition:
    """One call of `Atlas.add`, with exclusive access to the store.

    Args:
        store: the store of the atlas.
        report: the report to update.
        workers: the number of threads; None for one per core.
        progress: called with the number of photos done and the total.
        masks: where keypoints may be; None for everywhere.
        engine: what describes photos; None for the threads of this process.
    """

    def __init__(
        self,
        store: Store,
        report: AddReport,
        workers: int | None,
        progress: Progress | None,
        masks: MaskFolder | None = None,
        engine: Engine | None = None,
    ) -> None:
        self._store = store
        self._report = report
        self._workers = workers
        self._progress = progress
        self._masks = masks
        self._engine = engine or LocalEngine(workers)

    def changed(self, paths: Sequence[Path]) -> list[Path]:
        """Count the files with the stored size and time, and return the others."""
        known = self._known(paths)
        found = []
        for path in paths:
            if is_current(path, known.get(str(path))):
                self._count_known(known[str(path)])
            else:
                found.append(path)
        return found

    def not_recognized(self, paths: Sequence[Path]) -> list[Path]:
        """Store the new paths of photos known by their content, and return the others."""
        found = recognize(paths, self._store.snapshot().photos(), self._workers)
        self._store.remove(found.replaced)
        self._store.update([*found.touched, *found.moved])
        for record in found.touched:
            self._count_known(record)
        for record in found.moved:
            if record.error is None:
                self._report.moved += 1
            else:
                self._report.skipped.append((record.path, record.error))
        recognized = found.paths
        return [path for path in paths if str(path) not in recognized]

    def describe_and_store(self, paths: Sequence[Path], state: str, describer: Describer) -> None:
        """Describe files and store them in groups.

        Args:
            paths: the absolute paths.
            state: the name of the learned state.
            describer: the describer with that state.
        """
        known = self._known(paths)
        waiting: list[DescribedPhoto] = []
        written = time.monotonic()

        def commit() -> None:
            photos = waiting.copy()
            waiting.clear()
            self._commit(photos, known, state)

        try:
            for done, photo in enumerate(self._engine.describe(paths, describer, known, self._masks), start=1):
                waiting.append(photo)
                if len(waiting) >= COMMIT_PHOTOS or time.monotonic() - written > COMMIT_SECONDS:
                    commit()
                    written = time.monotonic()
                if self._progress is not None:
                    self._progress(done, len(paths))
        finally:
            if waiting:
                commit()

    def _commit(self, photos: Sequence[DescribedPhoto], known: dict[str, PhotoRecord], state: str) -> None:
        fresh = []
        for photo in photos:
            before = known.get(photo.record.path)
            if photo.record.error is not None:
                self._report.skipped.append((photo.record.path, photo.record.error))
                if before is not None and before.error is None:
                    continue  # what was usable is kept
            elif photo.same:
                self._report.unchanged += 1
                continue
            elif before is not None and before.error is None:
                self._report.changed += 1
            else:
                self._report.added += 1
            fresh.append(photo)
        replaced = [known[p.record.path].id for p in fresh if p.record.path in known]
        if fresh:
            self._store.append([(p.record, p.columns, p.descriptor) for p in fresh], state, replaced)

    def _known(self, paths: Sequence[Path]) -> dict[str, PhotoRecord]:
        return self._store.snapshot().photos().of_paths(map(str, paths))

    def _count_known(self, record: PhotoRecord) -> None:
        if record.error is None:
            self._report.unchanged += 1
        else:
            self._report.skipped.append((record.path, record.error))
