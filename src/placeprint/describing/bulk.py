"""Describe many photos at once, in threads.

Decoding, resizing, SIFT and the networks all release Python's lock, so threads keep every core busy, share
one copy of the weights and start at once. Each thread's work runs on one core.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from placeprint.core.threads import limit_torch, num_cores, one_core_each
from placeprint.describing.describer import Describer
from placeprint.errors import PhotoError
from placeprint.photos import Photo, read_photo
from placeprint.photos.decoding import check_header
from placeprint.photos.masks import MaskFolder
from placeprint.photos.opening import open_file, reason_of, stamp_of_open
from placeprint.store import PhotoRecord
from placeprint.store.encoding import Columns
from placeprint.types import PhotoFeatures

NOTHING_THERE = "no keypoints: the picture is blank or blurred"
Job = TypeVar("Job")
Result = TypeVar("Result")


def map_photos(work: Callable[[Job], Result], jobs: Iterable[Job], workers: int | None = None) -> Iterator[Result]:
    """Yield ``work(job)`` for each job, in order, working a few jobs ahead; an exception ends it.

    Args:
        work: the function, called in several threads at once.
        jobs: the jobs, read as needed.
        workers: threads; the count of cores when None.
    """
    workers = workers or num_cores()
    pending: deque[Future[Result]] = deque()
    with one_core_each(), ThreadPoolExecutor(workers, "placeprint", limit_torch) as pool:
        try:
            for job in jobs:
                pending.append(pool.submit(work, job))
                if len(pending) >= 4 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


@dataclass(frozen=True, eq=False)
class DescribedPhoto:
    """The result for one file.

    Args:
        record: the record of the photo; with an ``error`` if it could not be used.
        columns: the encoded local features, None with an error.
        descriptor: the encoded global descriptor, None with an error.
        same: whether the content is that of the known record, so nothing was described.
    """

    record: PhotoRecord
    columns: Columns | None = None
    descriptor: bytes | None = None
    same: bool = False


class Engine(Protocol):
    """What describes many files: the threads of this machine, or a cluster."""

    def describe(
        self,
        paths: Sequence[Path],
        describer: Describer,
        known: Mapping[str, PhotoRecord],
        masks: MaskFolder | None = None,
    ) -> Iterator[DescribedPhoto]:
        """Describe files in order; a file that cannot be used gives a record with its reason.

        Args:
            paths: absolute.
            describer: the describer, used by several threads or processes.
            known: the records by path; a file with known content is not described again.
            masks: where keypoints may be; None for everywhere.

        Raises:
            WeightsError: the network's weights are missing.
        """
        ...


@dataclass(frozen=True)
class LocalEngine:
    """Describe files in threads of this process.

    Args:
        workers: threads; the count of cores when None.
    """

    workers: int | None = None

    def describe(
        self,
        paths: Sequence[Path],
        describer: Describer,
        known: Mapping[str, PhotoRecord],
        masks: MaskFolder | None = None,
    ) -> Iterator[DescribedPhoto]:
        """Describe files in order, as `Engine.describe` says."""

        def describe(path: Path) -> DescribedPhoto:
            return describe_file(path, describer, known.get(str(path)), masks)

        yield from _map_files(describe, paths, describer, self.workers)


def sample_features(paths: Sequence[Path], describer: Describer, workers: int | None = None) -> list[PhotoFeatures]:
    """Return the local features of usable files, as they will be stored.

    Raises:
        PhotoError: no file can be used.
        WeightsError: the network's weights are missing.
    """
    found = list(encoded_files(paths, describer, workers))
    usable = [describer.decode(*each) for each in found if not isinstance(each, str)]
    if not usable:
        raise PhotoError(f"none of {len(paths)} photos can be used; the first: {found[0]}")
    return usable


def encoded_files(
    paths: Iterable[Path], describer: Describer, workers: int | None = None
) -> Iterator[tuple[Columns, tuple[int, int]] | str]:
    """Yield the encoded local features and the ``(width, height)`` of each file, or why it cannot be used.

    Raises:
        WeightsError: the network's weights are missing.
    """
    yield from _map_files(lambda path: _encoded_file(path, describer), paths, describer, workers)


def _map_files(
    work: Callable[[Path], Result], paths: Iterable[Path], describer: Describer, workers: int | None
) -> Iterator[Result]:
    import placeprint.photos.openers  # noqa: F401  # loaded once too: Pillow's modules import each other

    todo = list(paths)
    if len(todo) > 1:
        _load_networks(describer)
    yield from map_photos(work, todo, workers)


def _load_networks(describer: Describer) -> None:
    """Describe a made-up picture as the threads describe photos, so that each of them finds the networks loaded."""
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    with one_core_each():
        limit_torch()
        describer.features(picture)


def _encoded_file(path: Path, describer: Describer) -> tuple[Columns, tuple[int, int]] | str:
    try:
        photo = read_photo(path, describer.enough_pixels)
    except PhotoError as error:
        return str(error)
    features = describer.features_of(photo)
    return (describer.encode(features), features[0].image_size) if any(map(len, features)) else NOTHING_THERE


def describe_file(
    path: Path, describer: Describer, known: PhotoRecord | None = None, masks: MaskFolder | None = None
) -> DescribedPhoto:
    """Describe one file, as `Engine.describe` says.

    Raises:
        WeightsError: the network's weights are missing.
    """
    record, photo = _read_file(path, known, 0 if masks is not None else describer.enough_pixels)
    if photo is None:
        return DescribedPhoto(record, same=record is known)
    width, height = photo.size
    try:
        mask = None if masks is None else masks.mask_of(path, (width, height))
    except PhotoError as error:
        return DescribedPhoto(replace(record, error=str(error)))
    features = describer.features_of(photo, mask)
    if not any(map(len, features)):
        return DescribedPhoto(replace(record, error=NOTHING_THERE))
    columns = describer.encode(features)
    descriptor = describer.descriptor(describer.decode(columns, (width, height)))
    return DescribedPhoto(
        replace(
            record,
            width=width,
            height=height,
            location=photo.location,
            taken=photo.taken,
            num_keypoints=len(features[0]),
        ),
        columns,
        describer.encode_descriptor(descriptor),
    )


def _read_file(path: Path, known: PhotoRecord | None, enough: int = 0) -> tuple[PhotoRecord, Photo | None]:
    """Read a file: first its header, then its hash in pieces, and its pixels only if the content is new.

    Args:
        path: absolute.
        known: the facts known about it.
        enough: see `read_photo`.

    Returns:
        The record and None, if the content is the same or there is an error. Otherwise a record without the described
        fields, and the photo.
    """
    record = PhotoRecord(path=str(path), sha256="", file_size=0, file_time=0)
    try:
        file = open_file(path)
    except PhotoError as error:
        return replace(record, error=f"cannot be read: {error}"), None
    with file:
        try:
            size, time = stamp_of_open(file)
            record = replace(record, file_size=size, file_time=time)
            check_header(file)
            file.seek(0)
            record = replace(record, sha256=hashlib.file_digest(file, "sha256").hexdigest())
            if known is not None and known.sha256 == record.sha256:
                return known, None
            return record, read_photo(file, enough)
        except PhotoError as error:
            return replace(record, error=str(error)), None
        except OSError as error:
            return replace(record, error=f"cannot be read: {reason_of(error)}"), None
