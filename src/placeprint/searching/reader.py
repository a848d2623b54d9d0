"""Read an atlas: searches, places, counts. Nothing here changes it."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from placeprint.core.addresses import url_of
from placeprint.core.options import Count, CountOrNone, Range, Share, checked
from placeprint.core.threads import map_cores
from placeprint.describing.describer import Describer
from placeprint.errors import AtlasMismatchError, OptionError
from placeprint.pairs.pictures import asked_matcher
from placeprint.photos import Picture, as_image
from placeprint.renamed import renamed_arguments
from placeprint.searching import learning
from placeprint.searching.allowed import Allowed
from placeprint.searching.asking_pictures import ask_pictures
from placeprint.searching.info import AtlasInfo
from placeprint.searching.judging import judged, promised
from placeprint.searching.memory import Memory
from placeprint.searching.pushed_index import PushedIndex
from placeprint.searching.search import Searcher
from placeprint.searching.snapshot import Snapshot, Snapshots
from placeprint.store import Store
from placeprint.store.home import Home
from placeprint.store.photo_filter import PhotoFilter
from placeprint.store.store import FILES
from placeprint.types import Answer

EMPTY = "the atlas is empty"
NONE_FITS = "no photo of the atlas fits the filter"


class AtlasReader:
    """The part of an `Atlas` that reads; threads may share it.

    Args:
        store: the store of the atlas.
        pushed: its index in a database, which then finds the candidates; None if there is none.

    Raises:
        AtlasMismatchError: the atlas was made with different network weights than those installed.
    """

    def __init__(self, store: Store, pushed: PushedIndex | None = None) -> None:
        self._store = store
        self._snapshots = Snapshots(store)
        self._preset = self._snapshots.preset
        self._memory = Memory(store.folder, self._preset, pushed)
        known = {store.path_of(n) if n.startswith(FILES) else n: w for n, w in store.manifest.weights.items()}
        if known != self._snapshots.weights:
            raise AtlasMismatchError(
                f"the atlas {store.name!r} was made with different network weights than those installed; "
                "install the matching version, or make the atlas again"
            )

    @property
    def folder(self) -> Path:
        """The absolute path of its folder; of an atlas at an address, that of its working copy on this machine."""
        return self._store.folder

    @property
    def home(self) -> Home:
        """Where it is; ``home.name`` is the path of its folder, or its address."""
        return self._store.home

    @property
    def preset(self) -> str:
        """The name of the preset."""
        return self._preset.name

    @property
    def describer(self) -> Describer:
        """The describer of the atlas, with its current learned state."""
        return self._snapshots.reading(lambda now: now.describer)

    def snapshot(self) -> Snapshot:
        """Return an immutable snapshot of the atlas as it is now, with its preset and its describer."""
        return self._snapshots.take()

    def __len__(self) -> int:
        return self._snapshots.reading(lambda now: len(now.usable()))

    def info(self) -> AtlasInfo:
        """Report what is in the atlas, and how many of its photos are still at their paths."""
        return self._snapshots.reading(self._info)

    def _info(self, now: Snapshot) -> AtlasInfo:
        usable, photos = now.usable(), now.photos()
        skipped = photos.some(np.setdiff1d(photos.ids, usable.ids).tolist()).values()
        learned_from = learning.learned_from(now)
        needed = self._preset.codebook.min_photos
        own_one = not self._preset.codebook.is_included or (needed is not None and learned_from >= needed)
        way = "own, learned from" if own_one else "shipped, adapted to"
        own = f"{way} {learned_from} photos" if learned_from else "shipped"
        return AtlasInfo(
            self._store.name,
            self.preset,
            len(usable),
            int((~np.isnan(usable.locations()[:, 0])).sum()),
            int(usable.numbers("num_keypoints").sum()),
            self._store.num_bytes(),
            now.describer.dim,
            own if usable else "none yet",
            self._preset.components,
            tuple((record.path, record.error) for record in skipped if record.error is not None),
            sum(url_of(path) is None and not os.path.lexists(path) for path in usable.paths()),
            self._memory.overlays(now, 0).box if usable and self._preset.evidence is not None else None,
            None if now.calibration is None else now.calibration.in_words(),
            None if self._store.name == str(self._store.folder) else str(self._store.folder),
        )

    @renamed_arguments(by="mode")
    def prepare(self, mode: str | None = None) -> None:
        """Prepare for search, so that the first search is as fast as later ones.

        Args:
            mode: the search mode, see `search`.

        Raises:
            OptionError: the search mode is unknown.
        """

        def prepare(now: Snapshot) -> None:
            if now.usable():
                Searcher(now, self._memory).prepare(mode)

        self._snapshots.reading(prepare)

    @renamed_arguments(turns="rotations", without="exclude", by="mode")
    @checked
    def search(
        self,
        photo: Picture,
        *,
        top: Count = 5,
        verify: CountOrNone = 50,
        rotations: bool = True,
        exclude: Collection[str] = (),
        within: PhotoFilter | None = None,
        mode: str | None = None,
        precision: Annotated[float, Range(0.5, 1, below=True)] | None = None,
        ask: str | Mapping[str, Any] | None = None,
    ) -> Answer:
        """Find the place that a photo shows.

        Args:
            photo: anything `read_photo` accepts: a path, bytes, a file object, a Pillow image, an RGB array.
            top: the number of candidates to return.
            verify: the number of candidates checked by geometry, most similar first; 0 for search only.
            rotations: whether to try rotations of the photo if nothing is confirmed upright.
            exclude: photos of the atlas to exclude, by their paths in it; other paths are ignored.
            within: which photos of the atlas to search; None for all.
            mode: the search mode, ``"descriptor"``, or a voter, ``"votes"`` or ``"asmk"``; None for the preset's. The
                first search by votes builds an index of all local features, which is stored in the atlas.
            precision: the guaranteed share of right answers among those called "same place", for queries like those
                that the atlas was calibrated with. If it cannot be guaranteed, the highest possible precision is used,
                see `Answer.precision`. None to call an answer "same place" at a confidence of 90 %.
            ask: a dense matcher, by its name or a mapping of name and parameters, that runs last, while nothing is
                confirmed (`asking_pictures`); not with a precision.

        Raises:
            PhotoError: the photo cannot be used.
            OptionError: the search mode or the matcher is unknown, or no precision can be guaranteed.
            WeightsError: the weights of the matcher are not here.
        """
        image, last = as_image(photo), asked_matcher(ask)
        if last is not None and precision is not None:
            raise OptionError("a precision cannot be guaranteed with a dense matcher as last opinion; omit one of them")
        excluded = [exclude] if isinstance(exclude, str) else exclude

        def search(now: Snapshot) -> Answer:
            allowed = Allowed.of(now, within, excluded)
            if not now.usable() or allowed.nobody:
                features, seconds = now.describer.features(image)[0], {"describe": 0.0, "search": 0.0, "verify": 0.0}
                return Answer((), features, 0.0, seconds, EMPTY if not now.usable() else NONE_FITS)
            promise = promised(now.calibration, precision)
            searcher = Searcher(now, self._memory)
            found = searcher.search(image, top=top, verify=verify, rotations=rotations, allowed=allowed, mode=mode)
            answer = judged(found, now.calibration, promise)
            return answer if last is None else ask_pictures(last, image, answer)

        return self._snapshots.reading(search)

    @checked
    def search_stored(
        self, photos: Sequence[int], *, top: Count = 20, verify: CountOrNone = 50, likely: Share = 0.1
    ) -> dict[int, Answer]:
        """Search for photos of the atlas among the others, using stored features, on all cores.

        No photo is decoded or described, and no rotations are tried.

        Args:
            photos: ids of usable photos; others have no answer.
            top: the number of candidates of each.
            verify: the number of candidates checked by geometry, at most; the preset may check fewer.
            likely: probability above which geometry checks a candidate in any case.

        Returns:
            The answers, by id.

        Raises:
            OptionError: the preset gives no probabilities.
        """

        def search(now: Snapshot) -> dict[int, Answer]:
            usable = now.usable()
            known = [photo for photo in photos if photo in usable]
            if not known:
                return {}
            searcher = Searcher(now, self._memory)
            self._memory.prepare(now)

            def one(photo: int) -> Answer:
                found = searcher.search_stored(photo, top=top, verify=verify, likely=likely)
                return judged(found, now.calibration, None)

            return dict(zip(known, map_cores(one, known), strict=True))

        return self._snapshots.reading(search)
