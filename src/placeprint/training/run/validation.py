"""Which weights are best: recall@1 or mAP of the validation photos, never of photos that tests are made of.

A validation photo is searched among the training photos, or among the other validation photos. What it should find is
what shows the same: photos of the same class; of photos with places those of the same area where areas are known, else
those within the radius. Photos with places are searched in other sequences only: the frame before is always found.
With ``nearest`` they are searched in their own, too, without the photos at most so far away, and what is within the
radius is right. Photos that have nothing to be found are left out.
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
    """Return who should be found.

    Raises:
        DatasetError: no validation photo has anything to be found.
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
            f"none of {len(queries)} validation photos shows what another of {validation.against} shows; "
            "set validation.against, or divide the photos in another way"
        )
    return found


def score(queries: Floats, database: Floats, relevant: Relevance, metric: str = "recall@1") -> float:
    """Return what validation measures, in [0, 1].

    Args:
        queries: ``(n, d)`` unit rows.
        database: ``(m, d)`` unit rows.
        relevant: who may and should be found.
        metric: ``"recall@1"``, the share of queries whose nearest photo is right, or ``"mAP"``, the mean over queries
            of the mean precision at the ranks of the right photos.
    """
    if metric == "mAP":
        hits = relevant.hits(queries, database)
        return float(average_precisions(hits.rows(np.flatnonzero(hits.counts))).mean())
    first = relevant.first_hits(queries, database)
    return recall_at(first[np.isfinite(first)], 1)
