"""Decide which photos a run excludes, and why: unreadable ones, copies, and those without a class or a place.

Photos are decoded once before a run, so a broken file neither stops a run hours later nor counts as a photo. If
validation photos are drawn from the training photos, only the first of files with equal bytes is kept: with copies in
both sets, validation would only measure memory.

    RUN/skipped.csv    path (below the data folder), reason
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from placeprint.core.files import write_atomically
from placeprint.datasets.photos.labeled_photos import first_few, photos_below
from placeprint.datasets.photos.splits import copies_among
from placeprint.errors import DatasetError, PhotoError
from placeprint.photos import normalized, read_image
from placeprint.training.data.loading import prefetch
from placeprint.training.data.photo_sets import PhotoSet, read_photos
from placeprint.training.recipe import Data
from placeprint.types import Progress

FILE = "skipped.csv"
COLUMNS = ("path", "reason")
FOLDERS = ("folder", "gps", "utm")
"""Forms that use all photos below a folder."""


def sift(data: Data, folder: Path, *, workers: int = 0, progress: Progress | None = None) -> dict[str, str]:
    """Return the photos to exclude, by their path below the folder, and why.

    Args:
        data: table of the recipe.
        folder: its paths are below this.
        workers: the number of threads that read photos; 0 for none.
        progress: called with the number of photos read and the total.

    Raises:
        DatasetError: the photos do not have the documented form.
        OptionError: the reader has no such option.
    """
    names = [data.train, *filter(None, (data.validation, data.test))]
    sets = [read_photos(data, folder, name) for name in dict.fromkeys(names)]
    paths = list(dict.fromkeys(normalized(photos.root / path) for photos in sets for path in photos.paths))
    found = {path: reason for path, reason in _broken(paths, workers, progress) if reason}
    if not data.validation:
        sound = [path for path in paths if path not in found]
        found |= {later: f"a copy of {_below(folder, first)}" for first, later in copies_among(sound)}
    for name in dict.fromkeys(names) if data.form in FOLDERS else ():
        taken = set(paths)
        loose = [folder / name / path for path in photos_below(folder / name)]
        found |= {path: _why_not_taken(data, path) for path in map(normalized, loose) if path not in taken}
    return {_below(folder, path): reason for path, reason in sorted(found.items())}


def without(photos: PhotoSet, folder: Path, skipped: Mapping[str, str]) -> PhotoSet:
    """Return the photos that are not excluded.

    Args:
        photos: photos of any form.
        folder: the folder above the excluded paths.
        skipped: see `sift`.

    Raises:
        DatasetError: no photo is left.
    """
    if not skipped:
        return photos
    kept = np.array([_below(folder, normalized(photos.root / path)) not in skipped for path in photos.paths])
    if not kept.any():
        reasons = list(dict.fromkeys(skipped.values()))
        raise DatasetError(f"none of {len(photos)} photos can be used, as {first_few(photos.paths)}: {reasons[0]}")
    return photos if kept.all() else photos[kept]


def write_skipped(run: Path, skipped: Mapping[str, str]) -> None:
    """Write ``RUN/skipped.csv``, or remove an old one if nothing was skipped.

    Raises:
        WriteError: the disk is full or the folder cannot be written.
    """
    if not skipped:
        (run / FILE).unlink(missing_ok=True)
        return
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(skipped.items())
    write_atomically(run / FILE, text.getvalue().encode("utf-8", "surrogateescape"))


def read_skipped(run: Path) -> dict[str, str]:
    """Return the photos that a run excluded, and why; none if there is no file."""
    try:
        with (run / FILE).open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            return dict(list(csv.reader(file))[1:])
    except (OSError, ValueError, csv.Error):
        return {}


def _broken(paths: Sequence[Path], workers: int, progress: Progress | None) -> Iterable[tuple[Path, str]]:
    for done, (path, reason) in enumerate(prefetch(_why_broken, paths, workers=workers, ahead=4 * max(workers, 1))):
        if progress is not None:
            progress(done + 1, len(paths))
        yield path, reason


def _why_broken(path: Path) -> str:
    try:
        read_image(path)
    except PhotoError as error:
        return str(error)
    return ""


def _why_not_taken(data: Data, path: Path) -> str:
    return _why_broken(path) or ("it has no GPS" if data.form == "gps" else "it is in no folder of a class")


def _below(folder: Path, path: Path) -> str:
    return Path(os.path.relpath(path, normalized(folder))).as_posix()
