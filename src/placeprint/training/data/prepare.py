"""Read the photos of a recipe, split them into training, validation and test, and check them before a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from placeprint.datasets.photos.labeled_photos import LabeledPhotos
from placeprint.datasets.photos.placed_photos import PlacedPhotos
from placeprint.datasets.photos.splits import check_leak, split_classes, split_sequences
from placeprint.errors import DatasetError, OptionError
from placeprint.training.data.photo_sets import PhotoSet, read_photos
from placeprint.training.data.sifting import without
from placeprint.training.recipe import Data


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Training photos, and validation photos that choose the weights.

    Args:
        train: the training photos.
        validation: photos that have nothing in common with them.
        test: photos of sequences held out by `data.test_share`, used neither for training nor validation; None for
            none.
    """

    train: PhotoSet
    validation: PhotoSet
    test: PlacedPhotos | None = None


def read_data(data: Data, folder: Path, seed: int = 0, skipped: Mapping[str, str] | None = None) -> TrainingData:
    """Read the photos of a recipe.

    Args:
        data: the table of the recipe.
        folder: the folder above its paths.
        seed: the seed of the split.
        skipped: the photos to exclude, see `sifting.sift`.

    Raises:
        DatasetError: the photos do not have the documented form, or training and validation have something in common.
        OptionError: the reader does not have an option, or the split does not fit the form.
    """
    if not folder.is_dir():
        raise DatasetError(f"there is no folder {str(folder)!r}")
    excluded = skipped or {}
    train = without(read_photos(data, folder, data.train), folder, excluded)
    test = None
    if data.hold_out_classes:
        train = _without_classes(data, train, seed)
    if data.test_share:
        train, test = _without_test(data, train, seed)
    if data.validation:
        validation = without(read_photos(data, folder, data.validation), folder, excluded)
    else:
        train, validation = _divided(data, train, seed)
    train, validation = (_limited(photos, data.limit) for photos in (train, validation))
    check_leak(train, validation)
    if test is not None:
        check_leak(train, test)
        check_leak(validation, test)
    return TrainingData(train, validation, test)


def _without_classes(data: Data, photos: PhotoSet, seed: int) -> LabeledPhotos:
    """Exclude a share of the classes."""
    if not isinstance(photos, LabeledPhotos) or data.validation or data.test:
        raise OptionError(
            "data.hold_out_classes needs photos with labels, and neither data.validation nor data.test beside it"
        )
    return split_classes(photos, data.hold_out_classes, seed)[0]


def _without_test(data: Data, photos: PhotoSet, seed: int) -> tuple[PlacedPhotos, PlacedPhotos]:
    """Hold out a share of the sequences, but none that is the only one of its area, because nothing else shows it."""
    if not isinstance(photos, PlacedPhotos):
        raise OptionError("data.test_share needs photos with places; name labeled test photos by data.test")
    held_out = photos
    if photos.areas is not None:
        pairs = np.unique(np.column_stack([photos.areas, photos.sequences]), axis=0)
        areas, counts = np.unique(pairs[:, 0], return_counts=True)
        held_out = photos[np.isin(photos.areas, areas[counts > 1])] if (counts > 1).any() else photos
    test = split_sequences(held_out, data.test_share, seed)[1]
    return photos[~np.isin(photos.sequences, test.sequences)], test


def _divided(data: Data, photos: PhotoSet, seed: int) -> tuple[PhotoSet, PhotoSet]:
    if isinstance(photos, PlacedPhotos) and data.split_by in {"sequence", "area"}:
        return split_sequences(photos, data.share, seed, by=data.split_by)
    if isinstance(photos, PlacedPhotos) and data.split_by == "photo":
        return _split_places(photos, data.share, seed)
    if isinstance(photos, LabeledPhotos) and data.split_by == "class":
        return split_classes(photos, data.share, seed)
    if isinstance(photos, LabeledPhotos) and data.split_by in {"photo", "block"}:
        return _split_photos(photos, data.share, seed if data.split_by == "photo" else None)
    fitting = "photo, block or class" if isinstance(photos, LabeledPhotos) else "photo, sequence or area"
    raise OptionError(f"photos of the form {data.form!r} are split by {fitting}, got data.split_by {data.split_by!r}")


def _split_photos(photos: LabeledPhotos, share: float, seed: int | None) -> tuple[LabeledPhotos, LabeledPhotos]:
    """Hold back a share of each class, drawn by a seed or, without one, the last photos; the rest must make pairs.

    So classes of one or two photos give none. If no class has more, a share of the classes of two gives one photo each,
    and their remaining photo only serves as a negative.
    """
    generator = np.random.default_rng(seed)
    counts, held_out = photos.counts(), np.zeros(len(photos), bool)
    giving = np.flatnonzero(counts > 2)
    if not len(giving):
        two = np.flatnonzero(counts == 2)
        giving = generator.permutation(two)[: min(max(round(share * len(two)), 1), max(len(two) - 2, 0))]
    for label in giving:
        rows = np.flatnonzero(photos.labels == label)
        rows = rows[::-1] if seed is None else generator.permutation(rows)
        held_out[rows[: min(max(round(share * len(rows)), 1), max(len(rows) - 2, 1))]] = True
    if not held_out.any():
        raise DatasetError(
            f"the {len(photos)} photos of {len(photos.classes)} classes are too few to hold some back for validation; "
            "training needs 3 or more photos of a class"
        )
    return photos[~held_out], photos[held_out]


def _split_places(photos: PlacedPhotos, share: float, seed: int) -> tuple[PlacedPhotos, PlacedPhotos]:
    """Hold back a share of the photos, drawn by a seed, as a separate sequence: another visit to the same places.

    Photos of a walk often look nearly the same as their neighbors, so the score is higher than for a later walk; split
    by sequence if there are several.
    """
    if len(photos) < 3:
        raise DatasetError(f"training needs 3 or more photos with places, got {len(photos)}")
    count = min(max(round(share * len(photos)), 1), len(photos) - 2)
    held_out = np.zeros(len(photos), bool)
    held_out[np.random.default_rng(seed).choice(len(photos), count, replace=False)] = True
    visit = np.where(held_out, photos.sequences.max() + 1, photos.sequences)
    apart = dataclasses.replace(photos, sequences=visit)
    return apart[~held_out], apart[held_out]


def _limited(photos: PhotoSet, limit: int) -> PhotoSet:
    if not 0 < limit < len(photos):
        return photos
    return photos[np.linspace(0, len(photos) - 1, limit).round().astype(np.int64)]
