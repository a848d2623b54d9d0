"""Report models on sets they were not trained on: recall, unknown places, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.evidence.calibration import calibration_error
from placeprint.evidence.model import to_probability
from placeprint.evidence.record import Values
from scripts.evidence.leave_out import HALVES, LeaveOut, Levels, Split, ended, first_odds, halves
from scripts.evidence.scenes import BESIDE, SAME, UNKNOWN

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


@dataclass(frozen=True, eq=False)
class Asked:
    """Queries of a part of an atlas, by models that did not see its photos.

    Args:
        odds: ``(n,)`` log odds that the first candidate is right.
        findable: ``(n,)`` bool, whether a photo of the place is there.
        guests: ``(n,)`` bool, whether the query is of another set.
        labels: ``(n,)`` of the first candidates.
    """

    odds: Values
    findable: NDArray[np.bool_]
    guests: NDArray[np.bool_]
    labels: NDArray[np.int8]

    def accepted(self, others: NDArray[np.bool_]) -> float:
        """Return the share of findable queries with a right answer above `FALSE_ACCEPTS` of the others."""
        threshold = np.quantile(self.odds[others], 1 - FALSE_ACCEPTS)
        return float(((self.odds > threshold) & (self.labels == SAME))[self.findable].mean())


def judged_halves(split: LeaveOut, models: Split, scene: str, count: int = HALVES) -> list[Asked]:
    """Return the queries of random halves of a scene's atlas, and photos from elsewhere."""
    assembler = next(each for each in split.assemblers if each.scene.name == scene)
    own, found = models[assembler.scene.group], []
    for asked in halves(assembler, split.policy, count):
        kept = [(each.asked, ended(own.pair, own.first, each)) for each in asked]
        kept = [(each, end) for each, end in kept if each.findable or end.label != UNKNOWN]
        found.append(
            Asked(
                np.array([first_odds(own.first, end.row) for _, end in kept]),
                np.array([each.findable for each, _ in kept]),
                np.array([each.query_group != each.group for each, _ in kept]),
                np.array([end.label for _, end in kept], np.int8),
            )
        )
    return found


def unknown_places(parts: Sequence[Asked]) -> dict[str, float]:
    """Measure confidence on the parts of an atlas.

    Returns:
        ``area``: ROC area of findable against unfindable queries. ``accepted``: share of the findable ones accepted
        with a right first candidate where `FALSE_ACCEPTS` of the others are accepted. ``without beside``: the same,
        where answers that show the same building or stretch are no false ones (`scenes.BESIDE`). ``beside guests``:
        the same, where only photos of other sets count as the others. ``error``: calibration error. ``confidence`` and
        ``right``: means, which say whether it is too sure or too modest.
    """
    sure, right = confidences(parts)
    clear = [~each.findable & (each.labels != BESIDE) for each in parts]
    return {
        "area": float(np.mean([area(each.odds, each.findable) for each in parts])),
        "accepted": float(np.mean([each.accepted(~each.findable) for each in parts])),
        "without beside": float(np.mean([each.accepted(kept) for each, kept in zip(parts, clear, strict=True)])),
        "beside guests": float(np.mean([each.accepted(each.guests) for each in parts])),
        "error": calibration_error(sure, right),
        "confidence": float(sure.mean()),
        "right": float(right.mean()),
    }


def confidences(parts: Sequence[Asked]) -> tuple[Values, NDArray[np.bool_]]:
    """Return ``(n,)`` confidences of all parts, and whether the first candidate was right."""
    labels = np.concatenate([each.labels for each in parts])
    return to_probability(np.concatenate([each.odds for each in parts])), labels == SAME


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
