"""Split photos into training and validation sets that have nothing in common.

Frames of one walk, cut-outs of one panorama and photos of one square are nearly the same picture. Where some are
trained on and others validated on, recall says how well the network remembers. So a split goes by class, by sequence
or by area, and `check_leak` refuses sets that share something.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np

from placeprint.core.options import Positive, Range, Seed, checked
from placeprint.core.position_grid import PositionGrid, Positions
from placeprint.datasets.photos.labeled_photos import LabeledPhotos, first_few
from placeprint.datasets.photos.placed_photos import PlacedPhotos
from placeprint.errors import DatasetError, OptionError, PhotoError
from placeprint.photos import normalized
from placeprint.photos.opening import open_file
from placeprint.types import Ids, Mask

PartOf = Annotated[float, Range(0, 1, above=True, below=True)]
"""A share that leaves something on either side."""


@checked
def split_classes(photos: LabeledPhotos, share: PartOf = 0.5, seed: Seed = 0) -> tuple[LabeledPhotos, LabeledPhotos]:
    """Split by class: the network is validated on classes it has never seen.

    Args:
        photos: photos of at least two classes.
        share: the share of classes for validation, rounded, at least one and not all.
        seed: the seed of the choice.

    Returns:
        Training and validation set; each numbers its own labels.

    Raises:
        DatasetError: there is only one class.
        OptionError: the share is not between 0 and 1.
    """
    held = _held_out(photos.labels, share, seed, "classes")
    return photos[~held], photos[held]


@checked
def split_sequences(
    photos: PlacedPhotos, share: PartOf = 0.2, seed: Seed = 0, *, by: str = "sequence"
) -> tuple[PlacedPhotos, PlacedPhotos]:
    """Split so that no sequence, or no area, is in both sets.

    Args:
        photos: photos of at least two sequences.
        share: the share of sequences for validation, rounded, at least one and not all.
        seed: the seed of the choice.
        by: ``"sequence"`` or ``"area"``. Sequences of one area may show the same places; areas share none.

    Raises:
        DatasetError: there is only one, or there are no areas.
        OptionError: the share is not between 0 and 1, or `by` has another value.
    """
    if by not in {"sequence", "area"}:
        raise OptionError(f"by must be 'sequence' or 'area', got {by!r}")
    groups = photos.sequences if by == "sequence" else photos.areas
    if groups is None:
        raise DatasetError("these photos have no areas; split by 'sequence'")
    held = _held_out(groups, share, seed, f"{by}s")
    return photos[~held], photos[held]


@checked
def check_leak(
    train: LabeledPhotos | PlacedPhotos, validation: LabeledPhotos | PlacedPhotos, *, distance: Positive | None = None
) -> None:
    """Raise if sets share a file, the content of a file, a sequence, or photos closer than a distance.

    Files of equal length are compared by SHA-256. Sequence numbers are compared if both sets have one root, that is, if
    they were read together.

    Args:
        train: one set.
        validation: the other.
        distance: the smallest allowed distance in meters, for photos with positions in one plane; None to ignore
            positions.

    Raises:
        DatasetError: the sets share something; the message says what and how much. Or a file is missing.
        OptionError: a distance is given for photos without positions, or is not positive.
    """
    ours = {normalized(train.root / path): path for path in train.paths}
    theirs = {normalized(validation.root / path): path for path in validation.paths}
    shared = [path for absolute, path in theirs.items() if absolute in ours]
    if shared:
        raise DatasetError(f"{len(shared)} photos are in training and in validation: {first_few(shared)}")
    if isinstance(train, PlacedPhotos) and isinstance(validation, PlacedPhotos):
        _check_places(train, validation, distance)
    elif distance is not None:
        raise OptionError("a distance needs photos with positions in both sets")
    copies = _copies(list(ours), list(theirs))
    if copies:
        first, second = copies[0]
        raise DatasetError(
            f"{len(copies)} validation photos are copies of training photos: {theirs[second]!r} is {ours[first]!r}"
        )


def _check_places(train: PlacedPhotos, validation: PlacedPhotos, distance: float | None) -> None:
    if normalized(train.root) == normalized(validation.root):
        sequences = np.intersect1d(train.sequences, validation.sequences)
        if len(sequences):
            which = validation.paths[int(np.isin(validation.sequences, sequences).argmax())]
            raise DatasetError(
                f"{len(sequences)} sequences are in training and in validation, such as that of {which!r}; use "
                "split_sequences"
            )
    if distance is None:
        return
    close = _closer(validation.positions, train.positions, distance)
    if close.any():
        which = validation.paths[int(close.argmax())]
        raise DatasetError(
            f"{int(close.sum())} validation photos are closer than {distance:g} m to a training photo, "
            f"such as {which!r}"
        )


def _closer(positions: Positions, others: Positions, distance: float) -> Mask:
    """Return for each position whether one of the others is closer than a distance."""
    grid = PositionGrid(others, distance)
    inside = math.nextafter(distance, 0)
    return np.array([len(grid.near(position, inside)) > 0 for position in positions], np.bool_)


def _held_out(groups: Ids, share: float, seed: int, name: str) -> Mask:
    kinds = np.unique(groups)
    if len(kinds) < 2:
        raise DatasetError(f"a split needs two {name} or more, there is {len(kinds)}")
    count = min(max(round(share * len(kinds)), 1), len(kinds) - 1)
    chosen = np.random.default_rng(seed).choice(kinds, count, replace=False)
    return np.isin(groups, chosen)


def copies_among(paths: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Return pairs of files with equal content: the first file with that content, and each later one.

    Raises:
        DatasetError: a file is missing.
    """
    by_size: dict[int, list[Path]] = defaultdict(list)
    for path in paths:
        by_size[_size(path)].append(path)
    known: dict[str, Path] = {}
    pairs = []
    for alike in by_size.values():
        for path in alike if len(alike) > 1 else ():
            first = known.setdefault(_sum(path), path)
            if first is not path:
                pairs.append((first, path))
    return pairs


def _copies(ours: list[Path], theirs: list[Path]) -> list[tuple[Path, Path]]:
    """Return pairs of files with equal content, at most one per file of the second list."""
    by_size: dict[int, list[Path]] = defaultdict(list)
    for path in ours:
        by_size[_size(path)].append(path)
    candidates = [(path, by_size[size]) for path in theirs if (size := _size(path)) in by_size]
    sums: dict[Path, str] = {}
    known: dict[str, Path] = {}
    for path in dict.fromkeys(path for _, paths in candidates for path in paths):
        known.setdefault(_sum(path), path)
    for path, _ in candidates:
        sums[path] = _sum(path)
    return [(known[digest], path) for path, digest in sums.items() if digest in known]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise DatasetError(f"cannot read {str(path)!r} ({error.strerror})") from error


def _sum(path: Path) -> str:
    try:
        with open_file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (PhotoError, OSError) as error:
        raise DatasetError(f"cannot read {str(path)!r} ({error})") from error
