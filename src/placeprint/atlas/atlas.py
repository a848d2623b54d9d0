"""An atlas: photos of known places on disk, searched by descriptor and verified by geometry.

The one place where the stages meet; ARCHITECTURE.md draws the way of a photo through them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from placeprint.atlas import learning
from placeprint.atlas.adding import Addition
from placeprint.atlas.memory import Memory
from placeprint.atlas.reports import AddReport, AtlasInfo
from placeprint.atlas.search import Searcher
from placeprint.atlas.snapshot import Snapshot, Snapshots
from placeprint.core.numerics import evenly
from placeprint.core.options import Count, CountOrNone, Workers, checked
from placeprint.describing.bulk import sample_features
from placeprint.describing.describer import Describer, checked_describer
from placeprint.errors import (
    AtlasExistsError,
    AtlasMismatchError,
    OptionError,
)
from placeprint.photos import Picture, as_image, scan_photos
from placeprint.photos.walking import as_places
from placeprint.presets import kept_files, load_preset
from placeprint.store import FILE_NAME, Manifest, Store
from placeprint.store.below import ids_below
from placeprint.store.store import FILES
from placeprint.types import Answer
from placeprint.version import __version__

Progress = Callable[[int, int], None]

EMPTY = "the atlas is empty"


class Atlas:
    """Photos of known places. Make one with `create`, or open one with `open`.

    Threads may share an atlas: they may search it at once, also while one of them adds photos. Only one thread or
    process may change it at a time; others get `AtlasBusyError`. What is read is the atlas as it is when the reading
    begins. A child process made by a fork may use an atlas that its parent has opened; it works on one core.

    The path may be relative: the atlas stays the same when the current folder changes.

    Example:
        >>> import tempfile
        >>> atlas = Atlas.create(tempfile.mkdtemp(), preset="sift-vlad")
        >>> len(atlas)
        0
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._snapshots = Snapshots(store)
        self._preset = self._snapshots.preset
        self._memory = Memory(store.folder, self._preset)
        known = {store.path_of(n) if n.startswith(FILES) else n: w for n, w in store.manifest.weights.items()}
        if known != self._snapshots.weights:
            raise AtlasMismatchError(
                f"the atlas {str(store.folder)!r} was made with other network weights than those installed; "
                "install the matching version, or make the atlas anew"
            )

    @classmethod
    def create(cls, path: Path | str, preset: str = "xfeat-vlad") -> Atlas:
        """Make an empty atlas in a new or empty folder.

        Files that the preset names, as trained networks and codebooks, are copied into it.

        Args:
            path: of the folder.
            preset: name of a preset, or path of a preset's TOML file.

        Raises:
            OptionError: there is no such preset, or it names unknown components.
            AtlasExistsError: the folder holds something.
            AtlasWriteError: it cannot be written.
        """
        chosen = load_preset(preset)
        describer = checked_describer(chosen)
        kept = kept_files(chosen, f"{FILES}/")
        weights = {kept.names.get(name, name): sha256 for name, sha256 in describer.weights().items()}
        manifest = Manifest(kept.preset, weights, len(describer.extractors), __version__)
        return cls(Store.create(Path(path), manifest, kept.contents))

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
        if not os.path.lexists(Path(path) / FILE_NAME):
            try:
                return cls.create(path, preset or "xfeat-vlad")
            except AtlasExistsError:
                if not os.path.lexists(Path(path) / FILE_NAME):  # else another process has just made it
                    raise
        return cls.open(path, preset)

    @property
    def preset(self) -> str:
        """Name of the preset."""
        return self._preset.name

    @property
    def describer(self) -> Describer:
        """What describes photos as those of the atlas are, with what has been learnt so far."""
        return self._snapshots.reading(lambda now: now.describer)

    def snapshot(self) -> Snapshot:
        """Return the atlas as it is now, with its preset and what describes photos; it does not change any more."""
        return self._snapshots.take()

    def __len__(self) -> int:
        return self._snapshots.reading(lambda now: len(now.usable()))

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

        A photo is there when its path, size and modification time are. One that was touched or moved is known by its
        content, and keeps what was stored of it.

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
            addition = Addition(self._store, report, workers, progress)
            changed = addition.changed(paths)
            todo = addition.not_recognized(changed) if changed else []
            if todo:
                addition.describe_and_store(todo, *self._ensure_state(todo, workers))
            if learn and learning.should_learn(self.snapshot()):
                learning.learn(self._store, self._preset, progress=progress)
                report.learned = True
            if todo or report.moved or report.learned:
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
            if len(self) < learning.ADAPT_PHOTOS:
                raise OptionError(f"the atlas has {len(self)} photos; to learn takes {learning.ADAPT_PHOTOS}")
            learning.learn(self._store, self._preset, adapt=adapt, progress=progress)
            self._store.maintain()
        return len(self)

    def remove(self, photos: Iterable[Path | str] | Path | str) -> int:
        """Forget photos by path, or all photos below a folder.

        Args:
            photos: files and folders, or one of them.

        Returns:
            The count of photos removed.

        Raises:
            PhotoError: photos are no paths.
            AtlasMissingError: a path names no photo of the atlas; nothing is removed then.
        """
        wanted = as_places(photos)
        with self._store.exclusive():
            chosen = ids_below(wanted, self._store.snapshot().photos().values())
            self._store.remove(sorted(chosen))
            self._store.maintain()
        return len(chosen)

    def info(self) -> AtlasInfo:
        """Tell what the atlas holds, and how many of its photos are still at their paths."""
        return self._snapshots.reading(self._info)

    def _info(self, now: Snapshot) -> AtlasInfo:
        usable, records = now.usable(), now.photos().values()
        learned_from = learning.learned_from(now)
        needed = self._preset.codebook.min_photos
        own_one = not self._preset.codebook.is_included or (needed is not None and learned_from >= needed)
        way = "own, learnt from" if own_one else "shipped, adapted to"
        own = f"{way} {learned_from} photos" if learned_from else "shipped"
        return AtlasInfo(
            str(self._store.folder),
            self.preset,
            len(usable),
            sum(record.location is not None for record in usable.values()),
            sum(record.num_keypoints for record in usable.values()),
            self._store.num_bytes(),
            now.describer.dim,
            own if usable else "none yet",
            self._preset.components,
            tuple((record.path, record.error) for record in records if record.error is not None),
            sum(not os.path.lexists(record.path) for record in usable.values()),
            self._memory.overlays(now, 0).box if usable and self._preset.evidence is not None else None,
        )

    def prepare(self, by: str | None = None) -> None:
        """Make what a search needs, so that the first is as quick as others.

        Args:
            by: as of `search`.

        Raises:
            OptionError: photos are not searched by such a thing.
        """

        def prepare(now: Snapshot) -> None:
            if now.usable():
                Searcher(now, self._memory).prepare(by)

        self._snapshots.reading(prepare)

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
        image = as_image(photo)
        left_out = [without] if isinstance(without, str) else without

        def search(now: Snapshot) -> Answer:
            if not now.usable():
                features, seconds = now.describer.features(image)[0], {"describe": 0.0, "search": 0.0, "verify": 0.0}
                return Answer((), features, 0.0, seconds, EMPTY)
            searcher = Searcher(now, self._memory)
            return searcher.search(image, top=top, verify=verify, turns=turns, without=left_out, by=by)

        return self._snapshots.reading(search)

    def _ensure_state(self, paths: Sequence[Path], workers: int | None) -> tuple[str, Describer]:
        """Return the name of the state in use, and what describes photos with it.

        An empty atlas begins with the shipped codebook, or learns one from a sample of the photos to be added.
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
