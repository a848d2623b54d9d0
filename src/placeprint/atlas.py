"""An atlas: photos of known places on disk, searched by descriptor and verified by geometry.

The one place where the stages meet; ARCHITECTURE.md draws the way of a photo through them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from placeprint.bulk import DescribedPhoto, describe_files
from placeprint.codebooks import load_codebook
from placeprint.describe import Describer, component
from placeprint.errors import AtlasMismatchError, AtlasMissingError, OptionError
from placeprint.images import as_image, list_photos, normalized
from placeprint.presets import check_tables, load_preset
from placeprint.store import FILE_NAME, Manifest, PhotoRecord, Store
from placeprint.threads import one_core_for_products
from placeprint.types import Answer, Evidence, Image, Index, LocalFeatures, Verifier
from placeprint.verification.rerank import ranking_scores
from placeprint.version import __version__

Progress = Callable[[int, int], None]

COMMIT_PHOTOS = 64
"""Photos are written in groups, so that an interruption loses at most this many."""
COMMIT_SECONDS = 5.0
LEARN_PHOTOS = 4000
"""Photos a codebook is learnt from at most, spread evenly over the atlas."""
ADAPT_PHOTOS = 8
"""From so many photos on the shipped codebook is adapted to them; the preset says from how many on an atlas learns
one of its own."""
GROWTH = 2.0
"""The codebook is learnt anew when the atlas has grown by this factor."""
TURNS = ((90, 180, 270), (30, 60, 120, 150, 210, 240, 300, 330))
"""Turns in degrees tried for a query that is not confirmed as it is, stage by stage: networks and upright SIFT
bear 15 degrees, and phones turn by quarters."""
CACHE_PHOTOS = 500
"""Photos whose decoded local features are kept in memory (about 260 KB each)."""


@dataclass
class AddReport:
    """What `Atlas.add` did.

    Args:
        added: count of new photos.
        changed: count of photos whose file differed from the stored one.
        unchanged: count of photos that were there already.
        skipped: path and reason of each photo that could not be used.
        learned: whether the atlas learnt a codebook of its own at the end.
        seconds: time spent.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    learned: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class AtlasInfo:
    """What `Atlas.info` tells.

    Args:
        path: folder of the atlas.
        preset: name.
        num_photos: usable photos.
        num_located: of them, with GPS.
        num_keypoints: local features in all.
        num_bytes: on disk.
        dim: length of the global descriptor.
        codebook: ``"shipped"``, ``"shipped, adapted to N photos"``, ``"own, learnt from N photos"`` or
            ``"none yet"``.
        components: the preset's tables.
        errors: path and reason of the photos that could not be used.
    """

    path: str
    preset: str
    num_photos: int
    num_located: int
    num_keypoints: int
    num_bytes: int
    dim: int
    codebook: str
    components: dict[str, dict[str, object]]
    errors: tuple[tuple[str, str], ...]


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
        self._verifier: Verifier = component(tables, "verifier")
        if dict(store.manifest.weights) != self._describer.weights():
            raise AtlasMismatchError(
                f"the atlas {str(store.folder)!r} was made with other network weights than those installed; "
                "install the matching version, or make the atlas anew"
            )
        self._state_name: str | None = None
        self._index: tuple[int, Index] | None = None
        self._features: dict[int, LocalFeatures] = {}

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
        describer = Describer(chosen.components)
        for stage in ("verifier", "index"):
            component(chosen.components, stage)
        manifest = Manifest(chosen.name, chosen.components, describer.weights(), __version__)
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

    def __len__(self) -> int:
        return len(self._usable())

    def add(
        self,
        places: Iterable[Path | str],
        *,
        workers: int | None = None,
        progress: Progress | None = None,
        learn: bool = True,
    ) -> AddReport:
        """Add photos, and the photos below folders; those that are there already are not read again.

        Photos are safe in groups of 64; when this is interrupted, the next call goes on. A photo that cannot
        be used is recorded with its reason; when it was usable before, what was stored of it stays.

        Args:
            places: files and folders.
            workers: threads; the count of cores when None.
            progress: called with the count of photos done and the count of all.
            learn: learn a codebook when the atlas has grown enough.

        Raises:
            PhotoError: a place does not exist, or there is no photo in any.
            AtlasBusyError: another process is writing.
            AtlasWriteError: the disk is full or the folder is read-only.
        """
        began = time.perf_counter()
        paths = list_photos(places)
        report = AddReport()
        with self._store.exclusive():
            self._refresh()
            known = {record.path: record for record in self._store.photos().values()}
            todo = [path for path in paths if not _is_current(path, known.get(str(path)))]
            for path in set(map(str, paths)) - set(map(str, todo)):
                _count_known(known[path], report)
            self._describe_and_store(todo, known, report, workers, progress)
            if learn and self._should_learn():
                self._learn()
                report.learned = True
            if report.added or report.changed or report.learned:
                self._store.maintain()
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
            if len(self) < ADAPT_PHOTOS:
                raise OptionError(f"the atlas has {len(self)} photos; to learn from them takes {ADAPT_PHOTOS}")
            self._learn(progress, adapt)
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
        usable = self._usable()
        records = self._store.photos().values()
        learned_from = 0
        if self._state_name is not None:
            learned_from = int(self._store.load_state(self._state_name).get("learned_from", 0))
        way = "own, learnt from" if learned_from >= self._min_photos() else "shipped, adapted to"
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
            {stage: dict(table) for stage, table in self._tables.items()},
            tuple((record.path, record.error) for record in records if record.error is not None),
        )

    def search(
        self, photo: Path | str | bytes | Image, *, top: int = 5, verify: int = 50, turns: bool = True
    ) -> Answer:
        """Say which place a photo shows.

        Args:
            photo: path, bytes of a file, or ``(H, W, 3)`` uint8 RGB image.
            top: candidates returned.
            verify: candidates checked by geometry, the most similar first; 0 for search only.
            turns: describe the photo in further turns when nothing is confirmed upright.

        Raises:
            PhotoError: the photo cannot be used.
        """
        self._refresh()
        image = as_image(photo)
        with one_core_for_products():
            best = self._look(image, 0, top, verify)
            seconds = dict(best.seconds)
            for stage in TURNS if turns and verify else ():
                if best.best is not None:
                    break
                for degrees in stage:
                    answer = self._look(image, degrees, top, verify)
                    seconds = {part: spent + answer.seconds[part] for part, spent in seconds.items()}
                    best = max(best, answer, key=_certainty)
        return replace(best, seconds=seconds)

    def _look(self, image: Image, degrees: float, top: int, verify: int) -> Answer:
        """Search the photo turned by so many degrees."""
        began = time.perf_counter()
        features = self._describer.turned_features(image, degrees) if degrees else self._describer.features(image)
        if not len(features) or self._state_name is None:
            return Answer((), features, degrees, dict.fromkeys(("describe", "search", "verify"), 0.0))
        descriptor = self._describer.descriptor(features)
        described = time.perf_counter()
        ranking = self._current_index().search(descriptor[None], max(top, verify))[0]
        searched = time.perf_counter()
        checks = self._verifier.verify(features, self._cached_features(ranking.ids[:verify].tolist()))
        scores = ranking_scores(ranking.scores, checks)
        photos = self._store.photos()
        evidence = []
        for place in np.argsort(-scores, kind="stable")[:top]:
            check = checks[place] if place < len(checks) else None
            record = photos[int(ranking.ids[place])]
            evidence.append(
                Evidence(
                    record.id,
                    record.path,
                    float(ranking.scores[place]),
                    float(scores[place]),
                    check,
                    self._verifier.verdict(check),
                    record.location,
                )
            )
        times = {
            "describe": described - began,
            "search": searched - described,
            "verify": time.perf_counter() - searched,
        }
        return Answer(tuple(evidence), features, degrees, times)

    def _current_index(self) -> Index:
        """Return the index over all stored descriptors; it is made anew when the atlas has changed."""
        if self._index is None or self._index[0] != self._store.version:
            index: Index = component(self._tables, "index")
            for ids, rows in self._store.descriptors():
                index.add(ids, self._describer.decode_descriptors(rows))
            self._index = (self._store.version, index)
            self._features.clear()
        return self._index[1]

    def _cached_features(self, ids: Sequence[int]) -> list[LocalFeatures]:
        missing = [i for i in ids if i not in self._features]
        self._features.update(self._read_features(missing))
        return [self._features[i] for i in ids]

    def _usable(self) -> dict[int, PhotoRecord]:
        return {i: record for i, record in self._store.photos().items() if record.error is None}

    def _refresh(self) -> None:
        """See what other processes wrote, and use the codebook that made the stored descriptors."""
        self._store.reload()
        name = self._store.state_name
        if name is not None and name != self._state_name:
            self._describer = Describer(self._tables, self._store.load_state(name))
            self._state_name = name

    def _ensure_state(self) -> str:
        """Return the name of the state in use; an empty atlas begins with the shipped codebook."""
        if self._state_name is None:
            state = load_codebook(str(self._tables["codebook"]["shipped"]))
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
        state = self._ensure_state()
        waiting: list[DescribedPhoto] = []
        written = time.monotonic()

        def commit() -> None:
            self._commit(waiting, known, state, report)
            waiting.clear()

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

    def _min_photos(self) -> int:
        return int(self._tables["codebook"]["min_photos"])

    def _should_learn(self) -> bool:
        """Say whether the atlas has grown enough for a better codebook."""
        count = len(self)
        if count < ADAPT_PHOTOS or self._state_name is None:
            return False
        learned_from = int(self._store.load_state(self._state_name).get("learned_from", 0))
        crossed = learned_from < self._min_photos() <= count
        return crossed or count >= GROWTH * learned_from

    def _learn(self, progress: Progress | None = None, adapt: bool | None = None) -> None:
        """Learn from a sample of the stored features, then give all photos descriptors made with it."""
        usable = self._usable()
        ids = np.array(list(usable))
        sample = ids[np.linspace(0, len(ids) - 1, min(len(ids), LEARN_PHOTOS)).astype(int)]
        describer = Describer(self._tables)

        def photos() -> Iterator[LocalFeatures]:
            for start in range(0, len(sample), COMMIT_PHOTOS):
                for _, features in self._read_features(sample[start : start + COMMIT_PHOTOS].tolist()):
                    yield features

        if adapt is None:
            adapt = len(ids) < self._min_photos()
        start = load_codebook(str(self._tables["codebook"]["shipped"]))
        state = describer.learn(photos, len(sample), start, adapt=adapt)
        state |= {"learned_from": np.array(len(ids))}
        name = self._store.save_state(state)
        done = 0

        def describe(ids: Sequence[int]) -> dict[int, bytes]:
            nonlocal done
            made = {
                i: describer.encode_descriptor(describer.descriptor(features))
                for i, features in self._read_features(ids)
            }
            done += len(made)
            if progress is not None:
                progress(done, len(usable))
            return made

        self._store.replace_descriptors(name, describe)
        self._refresh()

    def _read_features(self, ids: Sequence[int]) -> list[tuple[int, LocalFeatures]]:
        """Return the stored local features of photos, in the order of the ids."""
        photos = self._store.photos()
        columns = self._store.local_columns(ids)
        return [
            (i, self._describer.decode(columns[i], (photos[i].width, photos[i].height)))
            for i in ids
            if i in columns and i in photos
        ]


def _certainty(answer: Answer) -> float:
    """What answers for several turns are compared by: how well geometry confirms the first candidate."""
    first = answer.evidence[0].verification if answer.evidence else None
    return 0.0 if first is None else first.strength


def _is_current(path: Path, known: PhotoRecord | None) -> bool:
    if known is None:
        return False
    try:
        status = path.stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (known.file_size, known.file_time)


def _count_known(record: PhotoRecord, report: AddReport) -> None:
    if record.error is None:
        report.unchanged += 1
    else:
        report.skipped.append((record.path, record.error))
