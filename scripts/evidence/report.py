"""What the models that had no part in a set do on it: recall, unknown places, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.evidence.calibration import calibration_error
from placeprint.evidence.model import to_probability
from placeprint.evidence.record import Values
from scripts.evidence.leave_out import HALVES, LeaveOut, Levels, Split, ended, first_odds, halves
from scripts.evidence.scenes import SAME, UNKNOWN

FALSE_ACCEPTS = 0.01


def order_recall(asked: Sequence[Levels], names: Sequence[str]) -> tuple[int, int]:
    """Return how many queries have a right candidate first by the sum of some fields, and how many could have."""
    labels = [
        each.asked.labels[np.argmax(np.sum([np.nan_to_num(each.parts[0][name]) for name in names], axis=0))]
        for each in _able(asked)
    ]
    return sum(label == SAME for label in labels), sum(label != UNKNOWN for label in labels)


def recall_table(split: LeaveOut, models: Split) -> dict[str, tuple[int, int]]:
    """Return for each scene how many queries have a right candidate first, by the models that did not see its group."""
    found = {}
    for assembler in split.assemblers:
        own = models[assembler.scene.group]
        labels = [ended(own.pair, own.first, each).label for each in _able(split.asked[assembler.scene.name])]
        found[assembler.scene.name] = sum(x == SAME for x in labels), sum(x != UNKNOWN for x in labels)
    return found


def _able(asked: Sequence[Levels]) -> list[Levels]:
    return [each for each in asked if each.asked.findable and each.asked.group == each.asked.query_group]


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


def unknown_places(split: LeaveOut, models: Split, scene: str, count: int = HALVES) -> dict[str, float]:
    """Measure confidence on random halves of a scene's atlas and on photos from elsewhere.

    Returns:
        ``area``: ROC area of findable against unfindable queries. ``accepted``: share of the findable ones accepted
        with a right first candidate where `FALSE_ACCEPTS` of the others are accepted. ``beside guests``: the same,
        where only photos of other sets count as
            the others. ``error``: calibration error.
    """
    assembler = next(each for each in split.assemblers if each.scene.name == scene)
    own = models[assembler.scene.group]
    areas: list[float] = []
    accepted: list[float] = []
    beside: list[Any] = []
    everyone: list[Any] = []
    rights: list[Any] = []
    for asked in halves(assembler, split.policy, count):
        ends = [ended(own.pair, own.first, each) for each in asked]
        sure = np.array([first_odds(own.first, end.row) for end in ends])
        findable = np.array([each.asked.findable for each in asked])
        labels = np.array([end.label for end in ends])
        guests = np.array([each.asked.query_group != each.asked.group for each in asked])
        usable = findable | (labels != UNKNOWN)
        sure, findable, labels, guests = (each[usable] for each in (sure, findable, labels, guests))
        areas.append(area(sure, findable))
        for others, found in ((~findable, accepted), (guests, beside)):
            threshold = np.quantile(sure[others], 1 - FALSE_ACCEPTS)
            found.append(float(((sure > threshold) & (labels == SAME))[findable].mean()))
        everyone.append(to_probability(sure))
        rights.append(labels == SAME)
    return {
        "area": float(np.mean(areas)),
        "accepted": float(np.mean(accepted)),
        "beside guests": float(np.mean(beside)),
        "error": calibration_error(np.concatenate(everyone), np.concatenate(rights)),
    }


def all_errors(split: LeaveOut, models: Split) -> dict[str, float]:
    """Return the calibration error of confidences in each scene."""
    found = {}
    for assembler in split.assemblers:
        own = models[assembler.scene.group]
        ends = [ended(own.pair, own.first, each) for each in split.asked[assembler.scene.name]]
        ends = [end for end in ends if end.label != UNKNOWN]
        sure = to_probability(np.array([first_odds(own.first, end.row) for end in ends]))
        labels = np.array([end.label for end in ends])
        found[assembler.scene.name] = calibration_error(sure, labels == SAME)
    return found
