"""An atlas: photos of known places on disk, searched by descriptor, verified by geometry, and answered with a place.

This is the one class that users need. It has no logic of its own: `searching` reads an atlas, `writer` changes it, and
the rooms `places` and `reconstruction` estimate where photos were taken.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection
from pathlib import Path

from placeprint.atlas.writer import AtlasWriter
from placeprint.core.defaults import PRESET
from placeprint.describing.describer import checked_describer
from placeprint.errors import AtlasExistsError, AtlasMismatchError, ServiceError
from placeprint.index.milvus import MilvusCollection, milvus_address
from placeprint.photos import Picture
from placeprint.places.locating import Locator
from placeprint.places.verified_words import learned_weights
from placeprint.presets import kept_files, load_preset
from placeprint.reconstruction.localizing import Localizer
from placeprint.searching.pushed_index import PushedIndex
from placeprint.store import Manifest, Store
from placeprint.store.home import home_of
from placeprint.store.photo_filter import PhotoFilter
from placeprint.store.store import FILES
from placeprint.types import Located, Pose, Progress
from placeprint.version import __version__


class Atlas(AtlasWriter):
    """Photos of known places. Make one with `create`, or open one with `open`.

    Threads may share an atlas: they may search it concurrently, even while one of them adds photos. Only one thread or
    process may change it at a time; others get `AtlasBusyError`. A read sees the atlas as it was when the read started.
    A process that was forked after an atlas was used cannot use one, and gets an `AtlasError`: start processes with
    ``spawn``, or fork them before using an atlas.

    The path may be relative: the atlas stays valid if the current folder changes.

    Example:
        >>> import tempfile
        >>> atlas = Atlas.create(tempfile.mkdtemp(), preset="sift-vlad")
        >>> len(atlas)
        0
    """

    def __init__(self, store: Store, pushed: PushedIndex | None = None) -> None:
        super().__init__(store, pushed)
        self._lock = threading.Lock()
        self._locator: tuple[int, Locator] | None = None
        self._localizer: tuple[tuple[int, str], Localizer] | None = None

    @classmethod
    def create(cls, path: Path | str, preset: str = PRESET) -> Atlas:
        """Make an empty atlas in a new or empty folder, or at an address of an object store.

        Files that the preset names, such as trained networks and codebooks, are copied into it.

        Args:
            path: the path of the folder, or the address, such as ``s3://bucket/atlas``.
            preset: the name of a preset, or the path of a preset's TOML file.

        Raises:
            OptionError: the preset is unknown, or names unknown components; or the address is in memory.
            AtlasExistsError: the folder is not empty, or something is at the address.
            AtlasWriteError: the folder cannot be written, or the store does not permit it.
            ServiceError: the store does not answer.
            PackageError: a package for the store is not installed.
        """
        chosen = load_preset(preset)
        describer = checked_describer(chosen)
        kept = kept_files(chosen, f"{FILES}/")
        weights = {kept.names.get(name, name): sha256 for name, sha256 in describer.weights().items()}
        manifest = Manifest(kept.preset, weights, len(describer.extractors), __version__)
        return cls(Store.create(path, manifest, kept.contents))

    @classmethod
    def open(cls, path: Path | str, preset: str | None = None) -> Atlas:
        """Open an atlas.

        Args:
            path: the path of its folder; its address in an object store, such as ``s3://bucket/atlas``, whose small
                files and index are kept in a working copy on this machine; or the address of a Milvus database that it
                was pushed to (``milvus://HOST:PORT/COLLECTION`` or ``milvus:FILE.db``): then the database finds the
                candidates, and the atlas it was pushed from verifies them.
            preset: the preset that the atlas must have, or None for any.

        Raises:
            AtlasMissingError: there is no atlas.
            AtlasFormatError: it is damaged or has a newer format.
            AtlasMismatchError: it was made with a different preset or different weights.
            ServiceError: the object store or the database does not answer, or there is no such collection.
            PackageError: a package for the store or the database is not installed.
        """
        address = milvus_address(os.fspath(path))
        atlas = cls(Store(path)) if address is None else cls._of_database(MilvusCollection(address))
        if preset is not None and load_preset(preset).name != atlas.preset:
            raise AtlasMismatchError(
                f"the atlas {str(path)!r} was made with the preset {atlas.preset!r}, not {preset!r}; "
                "omit the preset, or make another atlas"
            )
        return atlas

    @classmethod
    def _of_database(cls, collection: MilvusCollection) -> Atlas:
        origin = collection.origin()
        if origin is None:
            raise ServiceError(
                f"the Milvus database has no collection {collection.address.collection!r}; "
                "push an atlas: placeprint push"
            )
        return cls(Store(origin.atlas), PushedIndex(collection))

    @classmethod
    def open_or_create(cls, path: Path | str, preset: str | None = None) -> Atlas:
        """Open the atlas at a path, or make it if there is none; raises what `open` and `create` raise."""
        home = home_of(path)
        if not home.has_atlas():
            try:
                return cls.create(path, preset or PRESET)
            except AtlasExistsError:
                if not home.has_atlas():  # otherwise another process just made it
                    raise
        return cls.open(path, preset)

    def locate(
        self,
        photo: Picture,
        *,
        top: int = 5,
        rotations: bool = True,
        exclude: Collection[str] = (),
        within: PhotoFilter | None = None,
    ) -> Located:
        """Report which place a photo shows, the confidence, and where the photo was taken, with a radius in meters.

        The first call surveys the atlas, which takes about as long as searching for up to 1000 of its photos; the
        survey is cached in the atlas.

        Args:
            photo: anything that `search` accepts.
            top: the number of candidates to return.
            rotations: whether to try rotations of the photo if nothing is confirmed upright.
            exclude: photos of the atlas to exclude, by their paths in it.
            within: which photos of the atlas to search; None for all.

        Raises:
            PhotoError: the photo cannot be used.
            OptionError: the preset gives no probabilities.
        """
        version = self.snapshot().version
        with self._lock:
            if self._locator is None or self._locator[0] != version:
                self._locator = version, Locator(self)
            locator = self._locator[1]
        return locator.locate(photo, top=top, rotations=rotations, exclude=exclude, within=within)

    def localize(
        self, photo: Picture, model: Path | str, *, candidates: int = 10, rotations: bool = True
    ) -> Pose | None:
        """Find the camera pose of a photo in a model, with its covariance.

        The model is read once and not changed. It may come from another program, with any keypoints.

        Args:
            photo: anything that `search` accepts.
            model: the folder of a model in COLMAP's format, whose images are photos of the atlas by name.
            candidates: photos of the model to match the photo with.
            rotations: whether to try rotations of the photo if nothing is confirmed upright.

        Returns:
            The pose, or None if too few points fit one. `placeprint.reconstruction.results` writes poses as files.

        Raises:
            PhotoError: the photo cannot be used.
            PackageError: pycolmap is not installed.
            ReconstructionError: there is no model, or it has no photo of the atlas.
        """
        key = self.snapshot().version, os.path.realpath(model)
        with self._lock:
            if self._localizer is None or self._localizer[0] != key:
                self._localizer = key, Localizer(self, model)
            localizer = self._localizer[1]
        return localizer.localize(photo, candidates=candidates, rotations=rotations)

    def weigh_words(self, progress: Progress | None = None) -> int:
        """Learn weights of visual words from verified matches, and compute all descriptors with them.

        Keypoints like those that never verify across the atlas get less weight; the codebook does not change.

        Args:
            progress: called with the count of photos searched and of all, then with the count of photos described and
                of all.

        Returns:
            The number of links between photos of one place that they were learned from.

        Raises:
            OptionError: the preset gives no probabilities or has no VLAD, or there are too few links.
            AtlasBusyError: another process is writing.
        """
        weights, links = learned_weights(self, progress=progress)
        self.set_word_weights(weights, progress)
        return links
