"""Notes for the user about the photos of a run."""

from __future__ import annotations

from collections.abc import Mapping

from placeprint.datasets.photos.labeled_photos import LabeledPhotos, first_few
from placeprint.training.data.prepare import TrainingData
from placeprint.training.data.sifting import FILE as SKIPPED
from placeprint.training.recipe import Recipe

SHOWN = 3
"""Most skipped photos that a note names."""


def notes_of(recipe: Recipe, data: TrainingData, skipped: Mapping[str, str]) -> tuple[str, ...]:
    """Return notes for the user about the photos."""
    used = len(data.train) + len(data.validation)
    notes = []
    if skipped:
        first = "; ".join(f"{path!r}: {reason}" for path, reason in list(skipped.items())[:SHOWN])
        more = f"; and {len(skipped) - SHOWN} more" if len(skipped) > SHOWN else ""
        notes.append(f"skipped {len(skipped)} of {used + len(skipped)} photos: {first}{more}; all are in {SKIPPED}")
    if isinstance(data.train, LabeledPhotos):
        lonely = data.train.lonely()
        if lonely and recipe.batches.leave_out_lonely:
            notes.append(f"{len(lonely)} classes have one training photo and are excluded: {first_few(lonely)}")
        wanted, there = recipe.batches.classes, len(data.train.classes) - len(lonely)
        if there < wanted:
            notes.append(f"a batch has {there} classes, not batches.classes = {wanted}: there are not enough")
    return tuple(notes)
