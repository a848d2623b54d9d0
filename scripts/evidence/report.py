"""What the models that had no part in a set do on it: recall, unknown places, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from evidence.assembly import Asked
from evidence.leave_out import HALVES, LeaveOut, Split, cascaded, confidence, first_label, halves, recall
from evidence.scenes import SAME, UNKNOWN
from placeprint.evidence.model import AdditiveModel, to_probability
from placeprint.evidence.record import PLACES, Values

FALSE_ACCEPTS = 0.01
BINS = 10


def order_recall(asked: Sequence[Asked], names: Sequence[str]) -> tuple[int, int]:
    """Return how many queries have a right candidate first by the sum of some fields, and how many could have."""
    able = [each for each in asked if each.findable and each.group == each.query_group]
    totals = [np.nan_to_num(each.table[:, [PLACES[name] for name in names]], nan=-1e3).sum(axis=1) for each in able]
    labels = [each.labels[np.argmax(total)] for each, total in zip(able, totals, strict=True)]
    return sum(label == SAME for label in labels), sum(label != UNKNOWN for label in labels)


def recall_table(split: LeaveOut, pairs: Mapping[str, AdditiveModel]) -> dict[str, tuple[int, int]]:
    """Return recall at 1 of each ranked scene by the model that did not see its group."""
    return {
        name: recall(
            pairs[asked[0].group], [cascaded(pairs[asked[0].group], None, each, split.policy) for each in asked]
        )
        for name, asked in split.asked.items()
        if any(assembler.scene.name == name and assembler.scene.ranked for assembler in split.assemblers)
    }


def area(scores: Values, positive: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve; ties count half."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    for value in np.unique(scores):
        same = scores == value
        if same.sum() > 1:
            ranks[same] = ranks[same].mean()
    wins, losses = positive.sum(), (~positive).sum()
    return float((ranks[positive].sum() - wins * (wins + 1) / 2) / max(wins * losses, 1))


def calibration_error(probabilities: Values, right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error over `BINS` bins of equal count."""
    order = np.argsort(probabilities)
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return float(sum(len(p) * abs(probabilities[p].mean() - right[p].mean()) for p in parts) / len(order))


def unknown_places(split: LeaveOut, models: Split, scene: str) -> dict[str, float]:
    """Measure confidence on random halves of a scene's atlas and on photos from elsewhere.

    Returns:
        ``area``: ROC area of findable against unfindable queries. ``accepted``: share of the findable ones accepted with
        a right first candidate where `FALSE_ACCEPTS` of the others are accepted. ``error``: calibration error.
    """
    assembler = next(each for each in split.assemblers if each.scene.name == scene)
    own = models[assembler.scene.group]
    areas, accepted, everyone, rights = [], [], [], []
    for whole in halves(assembler, split.policy, HALVES):
        asked = [cascaded(own.pair, own.first, each, split.policy) for each in whole]
        sure = np.array([confidence(own, each) for each in asked])
        findable = np.array([each.findable for each in asked])
        labels = np.array([first_label(own.pair, each) for each in asked])
        usable = findable | (labels != UNKNOWN)
        sure, findable, labels = sure[usable], findable[usable], labels[usable]
        threshold = np.quantile(sure[~findable], 1 - FALSE_ACCEPTS)
        areas.append(area(sure, findable))
        accepted.append(float(((sure > threshold) & (labels == SAME))[findable].mean()))
        everyone.append(to_probability(sure))
        rights.append(labels == SAME)
    return {
        "area": float(np.mean(areas)),
        "accepted": float(np.mean(accepted)),
        "error": calibration_error(np.concatenate(everyone), np.concatenate(rights)),
    }


def all_errors(split: LeaveOut, models: Split) -> dict[str, float]:
    """Return the calibration error of confidences in each scene."""
    found = {}
    for assembler in split.assemblers:
        own = models[assembler.scene.group]
        asked = [cascaded(own.pair, own.first, each, split.policy) for each in split.asked[assembler.scene.name]]
        labels = np.array([first_label(own.pair, each) for each in asked])
        kept = labels != UNKNOWN
        sure = to_probability(np.array([confidence(own, each) for each in asked]))[kept]
        found[assembler.scene.name] = calibration_error(sure, labels[kept] == SAME)
    return found
