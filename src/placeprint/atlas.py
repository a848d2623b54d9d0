"""An atlas: photos of known places on disk, searched by descriptor and verified by geometry.

The one place where the stages meet; ARCHITECTURE.md draws the way of a photo through them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from placeprint import learning
from placeprint.atlas_reports import AddReport, AtlasInfo
from placeprint.bulk import DescribedPhoto, describe_files, sample_features, stamp_of
from placeprint.describe import Describer, checked_describer
from placeprint.errors import AtlasMismatchError, AtlasMissingError, OptionError
from placeprint.numerics import evenly
from placeprint.options import Count, CountOrNone, Workers, checked
from placeprint.photos import Picture, as_image, normalized, scan_photos
from placeprint.presets import check_tables, load_preset
from placeprint.searching import Searcher
from placeprint.store import FILE_NAME, Manifest, PhotoRecord, Store
from placeprint.types import Answer
from placeprint.version import __version__

Progress = Callable[[int, int], None]

COMMIT_PHOTOS = 64
"""Photos are written in groups, so that an interruption loses at most this many."""
COMMIT_SECONDS = 5.0


class Atlas:
    """Photos of known places. Make one with `create`, or open one with `open`.

    Example:
        >>> import tempfile
        >>> atlas = Atlas.create(tempfile.mkdtemp(), preset="sift-vlad")
        >>> len(atlas)
        0
    """

    def __init__(self, store: Store) -> None:
        tables = store.manifest.components
        check_tables(tables, f"the atlas {str(store.folder)!r}")
        self._store = store
        self._tables = tables
        self._describer = Describer(tables)
        self._searcher = Searcher(store, tables)
        if dict(store.manifest.weights) != self._describer.weights():
            raise AtlasMismatchError(
                f"the atlas {str(store.folder)!r} was made with other network weights than those installed; "
                "install the matching version, or make the atlas anew"
            )
        self._state_name: str | None = None

    @classmethod
    def create(cls, path: Path | str, preset: str = "xfeat-vlad") -> Atlas:
        """Make an empty atlas in a new or empty folder.

        Args:
            path: of the folder.
            preset: name of a preset, or path of a preset's TOML file.

        Raises:
            OptionError: there is no such preset, or it names unknown components.
            AtlasExistsError: the folder holds something.
            AtlasWriteError: it cannot be written.
        """
        chosen = load_preset(preset)
        describer = checked_describer(chosen.components)
        manifest = Manifest(chosen.name, chosen.components, describer.weights(), len(describer.extractors), __version__)
        return cls(Store.create(Path(path), manifest))

    @classmethod
    def open(cls, path: Path | str, preset: str | None = None) -> Atlas:
        """Open an atlas.

        Args:
            path: of its folder.
            preset: when given, the preset the atlas must have.

        Raises:
            AtlasMissingError: there is none.
            AtlasFormatError: it is damaged or of a newer format.
            AtlasMismatchError: it was made by another preset or other weights.
        """
        atlas = cls(Store(Path(path)))
        if preset is not None and load_preset(preset).name != atlas.preset:
            raise AtlasMismatchError(
                f"the atlas {str(path)!r} was made with the preset {atlas.preset!r}, not {preset!r}; "
                "leave the preset out, or make another atlas"
            )
        return atlas

    @classmethod
    def open_or_create(cls, path: Path | str, preset: str | None = None) -> Atlas:
        """Open the atlas at a path, or make it when there is none; raises as both."""
        if (Path(path) / FILE_NAME).exists():
            return cls.open(path, preset)
        return cls.create(path, preset or "xfeat-vlad")

    @property
    def preset(self) -> str:
        """Name of the preset."""
        return self._store.manifest.preset

    @property
    def describer(self) -> Describer:
        """What describes photos as those of the atlas are, with what has been learnt so far."""
        self._refresh()
        return self._describer

    def __len__(self) -> int:
        return len(self._store.usable())

    @checked
    def add(
        self,
        places: Iterable[Path | str] | Path | str,
        *,
        workers: Workers | None = None,
        progress: Progress | None = None,
        learn: bool = True,
    ) -> AddReport:
        """Add photos, and the photos below folders; those that are there already are not read again.

        Photos are safe in groups of 64; when this is interrupted, the next call goes on. A photo that cannot
        be used is recorded with its reason; when it was usable before, what was stored of it stays.

        Args:
            places: files and folders, or one of them. What is skipped below folders is in the report.
            workers: threads; the count of cores when None.
            progress: called with the count of photos done and the count of all; once more from the beginning when
                the atlas learns a codebook and describes its photos anew.
            learn: learn a codebook when the atlas has grown enough.

        Raises:
            PhotoError: a place does not exist, or there is no photo in any.
            AtlasBusyError: another process is writing.
            AtlasWriteError: the disk is full or the folder is read-only.
        """
        began = time.perf_counter()
        found = scan_photos(places).required()
        paths = found.paths
        report = AddReport(skipped=[*found.skipped], left_out=dict(found.left_out))
        with self._store.exclusive():
            self._refresh()
            known = {record.path: record for record in self._store.photos().values()}
            todo = [path for path in paths if not _is_current(path, known.get(str(path)))]
            waiting = set(todo)
            for path in paths:
                if path not in waiting:
                    _count_known(known[str(path)], report)
            self._describe_and_store(todo, known, report, workers, progress)
            if learn and learning.should_learn(self._store, self._tables):
                learning.learn(self._store, self._tables, progress=progress)
                report.learned = True
            if report.added or report.changed or report.learned:
                self._store.maintain()
        report.skipped.sort()
        report.seconds = time.perf_counter() - began
        return report

    def refit(self, progress: Progress | None = None, *, adapt: bool | None = None) -> int:
        """Learn the codebook anew from the stored local features, and describe all photos with it.

        Args:
            progress: called with the count of photos done and the count of all.
            adapt: adapt the shipped codebook; False learns another; None chooses by the count of photos.

        Returns:
            The count of photos.

        Raises:
            OptionError: the atlas has too few photos to learn from.
            AtlasBusyError: another process is writing.
        """
        with self._store.exclusive():
            self._refresh()
            if len(self) < learning.ADAPT_PHOTOS:
                raise OptionError(f"the atlas has {len(self)} photos; to learn takes {learning.ADAPT_PHOTOS}")
            learning.learn(self._store, self._tables, adapt=adapt, progress=progress)
            self._store.maintain()
        return len(self)

    def remove(self, photos: Iterable[Path | str]) -> int:
        """Forget photos by path, or all photos below a folder.

        Returns:
            The count of photos removed.

        Raises:
            AtlasMissingError: a path names no photo of the atlas; nothing is removed then.
        """
        with self._store.exclusive():
            records = self._store.photos().values()
            chosen: set[int] = set()
            for photo in photos:
                path = normalized(photo)
                found = {r.id for r in records if Path(r.path) == path or path in Path(r.path).parents}
                if not found:
                    raise AtlasMissingError(f"the atlas has no photo {str(photo)!r}; nothing was removed")
                chosen |= found
            self._store.remove(sorted(chosen))
            self._store.maintain()
        return len(chosen)

    def info(self) -> AtlasInfo:
        """Tell what the atlas holds."""
        self._refresh()
        usable = self._store.usable()
        records = self._store.photos().values()
        learned_from = learning.learned_from(self._store)
        needed = learning.min_photos(self._tables)
        shipped = learning.comes_with_codebook(self._tables)
        own_one = not shipped or (needed is not None and learned_from >= needed)
        way = "own, learnt from" if own_one else "shipped, adapted to"
        own = f"{way} {learned_from} photos" if learned_from else "shipped"
        return AtlasInfo(
            str(self._store.folder),
            self.preset,
            len(usable),
            sum(record.location is not None for record in usable.values()),
            sum(record.num_keypoints for record in usable.values()),
            self._store.num_bytes(),
            self._describer.dim,
            own if usable else "none yet",
            dict(self._tables),
            tuple((record.path, record.error) for record in records if record.error is not None),
        )

    def prepare(self, by: str | None = None) -> None:
        """Make what a search needs, so that the first is as quick as others.

        Args:
            by: as of `search`.

        Raises:
            OptionError: photos are not searched by such a thing.
        """
        self._refresh()
        if len(self):
            self._searcher.prepare(self._describer, by)

    @checked
    def search(
        self,
        photo: Picture,
        *,
        top: Count = 5,
        verify: CountOrNone = 50,
        turns: bool = True,
        without: Collection[str] = (),
        by: str | None = None,
    ) -> Answer:
        """Say which place a photo shows.

        Args:
            photo: whatever `read_photo` takes: a path, bytes, a file object, an image of Pillow, an RGB array.
            top: candidates returned.
            verify: candidates checked by geometry, the most similar first; 0 for search only.
            turns: describe the photo in further turns when nothing is confirmed upright.
            without: photos of the atlas that are no candidates, by their paths in it; others are ignored.
            by: ``"descriptor"``, or a voter: ``"votes"`` or ``"asmk"``; None for what the preset says. An index of all
                local features is made for the first search by votes, and kept in the atlas.

        Raises:
            PhotoError: the photo cannot be used.
            OptionError: photos are not searched by such a thing.
        """
        self._refresh()
        image = as_image(photo)
        if not len(self):
            features = self._describer.features(image)[0]
            return Answer((), features, 0.0, {"describe": 0.0, "search": 0.0, "verify": 0.0})
        return self._searcher.search(
            image, self._describer, top=top, verify=verify, turns=turns, without=without, by=by
        )

    def _refresh(self) -> None:
        """See what other processes wrote, and use the codebook that made the stored descriptors."""
        self._store.reload()
        name = self._store.state_name
        if name is not None and name != self._state_name:
            self._describer = Describer(self._tables, self._store.load_state(name))
            self._state_name = name

    def _ensure_state(self, paths: Sequence[Path], workers: int | None) -> str:
        """Return the name of the state in use.

        An empty atlas begins with the shipped codebook, or learns one from a sample of the photos to be added.
        """
        if self._state_name is None:
            state = learning.first_state(self._tables)
            if state is None:
                sample = [paths[index] for index in evenly(len(paths), learning.FIRST_PHOTOS)]
                state = learning.learn_first(self._describer, sample_features(sample, self._describer, workers))
            self._describer = Describer(self._tables, state)
            self._state_name = self._store.save_state(state)
        return self._state_name

    def _describe_and_store(
        self,
        paths: Sequence[Path],
        known: dict[str, PhotoRecord],
        report: AddReport,
        workers: int | None,
        progress: Progress | None,
    ) -> None:
        if not paths:
            return
        state = self._ensure_state(paths, workers)
        waiting: list[DescribedPhoto] = []
        written = time.monotonic()

        def commit() -> None:
            photos = waiting.copy()
            waiting.clear()
            self._commit(photos, known, state, report)

        try:
            for done, photo in enumerate(describe_files(paths, self._describer, known, workers), start=1):
                waiting.append(photo)
                if len(waiting) >= COMMIT_PHOTOS or time.monotonic() - written > COMMIT_SECONDS:
                    commit()
                    written = time.monotonic()
                if progress is not None:
                    progress(done, len(paths))
        finally:
            if waiting:
                commit()

    def _commit(
        self, photos: Sequence[DescribedPhoto], known: dict[str, PhotoRecord], state: str, report: AddReport
    ) -> None:
        fresh = []
        for photo in photos:
            before = known.get(photo.record.path)
            if photo.record.error is not None:
                report.skipped.append((photo.record.path, photo.record.error))
                if before is not None and before.error is None:
                    continue
            elif photo.same:
                report.unchanged += 1
                continue
            elif before is not None and before.error is None:
                report.changed += 1
            else:
                report.added += 1
            fresh.append(photo)
        replaced = [known[p.record.path].id for p in fresh if p.record.path in known]
        if fresh:
            self._store.append([(p.record, p.columns, p.descriptor) for p in fresh], state, replaced)


def _is_current(path: Path, known: PhotoRecord | None) -> bool:
    if known is None:
        return False
    try:
        status = path.stat()
    except OSError:
        return False
    return stamp_of(status) == (known.file_size, known.file_time)


def _count_known(record: PhotoRecord, report: AddReport) -> None:
    if record.error is None:
        report.unchanged += 1
    else:
        report.skipped.append((record.path, record.error))
