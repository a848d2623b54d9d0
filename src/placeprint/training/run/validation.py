"""Choose the best weights by recall@1 or mAP of the validation photos, never of test photos.

A validation photo is searched among the training photos, or among the other validation photos. The right photos are
those of the same class or, for photos with places, those of the same area if areas are known, else those within the
radius. Photos with places are searched only in other sequences, because the previous frame is always found. With
``nearest`` they are also searched in their own sequence, excluding photos within that distance, and photos within the
radius are right. Photos without a right photo are excluded.
"""

from __future__ import annotations

import numpy as np

from placeprint.datasets.photos.labeled_photos import LabeledPhotos
from placeprint.datasets.photos.placed_photos import PlacedPhotos
from placeprint.errors import DatasetError
from placeprint.evaluation.metrics import average_precisions, recall_at
from placeprint.evaluation.relevance import Relevance
from placeprint.training.data.prepare import TrainingData
from placeprint.training.recipe import Validation
from placeprint.types import Floats


def relevance(data: TrainingData, validation: Validation) -> Relevance:
    """Return which photos are searched, and which are right.

    Raises:
        DatasetError: no validation photo has a right photo.
    """
    queries = data.validation
    database = data.train if validation.against == "train" else queries
    if isinstance(queries, LabeledPhotos) and isinstance(database, LabeledPhotos):
        itself = np.arange(len(queries))
        labels = queries.labels_among(database.classes, unknown=-1)
        found = Relevance(labels, database.labels, (itself, itself) if database is queries else None)
    elif isinstance(queries, PlacedPhotos) and isinstance(database, PlacedPhotos):
        # training and validation have no sequence in common
        groups = (queries.sequences, database.sequences) if database is queries else None
        if queries.areas is not None and database.areas is not None and not validation.nearest:
            found = Relevance(queries.areas, database.areas, groups)
        else:
            places = queries.positions, database.positions
            found = Relevance(*places, groups, validation.radius, validation.nearest or None)
    else:
        raise DatasetError("training and validation must both have labels, or both places")
    if not found.answerable().any():
        raise DatasetError(
            f"none of {len(queries)} validation photos shows the same thing as a photo of {validation.against}; "
            "set validation.against, or split the photos in another way"
        )
    return found


def score(queries: Floats, database: Floats, relevant: Relevance, metric: str = "recall@1") -> float:
    """Return the validation metric, in [0, 1].

    Args:
        queries: ``(n, d)`` unit rows.
        database: ``(m, d)`` unit rows.
        relevant: which photos are searched, and which are right.
        metric: ``"recall@1"``, the share of queries whose nearest photo is right, or ``"mAP"``, the mean over queries
            of the mean precision at the ranks of the right photos.
    """
    if metric == "mAP":
        hits = relevant.hits(queries, database)
        return float(average_precisions(hits.rows(np.flatnonzero(hits.counts))).mean())
    first = relevant.first_hits(queries, database)
    return recall_at(first[np.isfinite(first)], 1)
