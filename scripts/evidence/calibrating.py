"""Measure calibration and guaranteed precisions on sets that the model was not trained on.

An atlas is made of a set's photos, and calibrated as `placeprint calibrate` does, by the model of the other sets. What
follows is measured on random halves of the atlas with photos of all sets as queries, as in `report`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from placeprint import Atlas
from placeprint.errors import OptionError
from placeprint.evidence.calibration import Calibration, calibrated, calibration_error
from placeprint.evidence.guarantee import promised_threshold
from placeprint.evidence.model import to_probability
from placeprint.evidence.record import Values
from placeprint.evidence.shipped import EvidenceModel
from placeprint.searching import weighing
from scripts.evidence.assembly import USUAL
from scripts.evidence.leave_out import HALVES, LeaveOut, Levels, Models, Split, ended, first_odds, halves
from scripts.evidence.scenes import SAME, UNKNOWN, Scene
from scripts.evidence.views import DATA

EACH = 300
"""Queries of each set that a threshold for another set is chosen from."""
PRECISIONS = (0.9, 0.95, 0.98, 0.99)


@dataclass(frozen=True, eq=False)
class Scored:
    """Queries of a set by the model of the others.

    Args:
        odds: ``(n,)`` log odds that the first candidate is right.
        right: ``(n,)`` whether it is.
    """

    odds: Values
    right: NDArray[np.bool_]

    def accepted_from(self, least: float) -> dict[str, float]:
        """Return the share accepted, and of right ones among them, in percent."""
        taken = self.odds >= least
        share = 100 * float(self.right[taken].mean()) if taken.any() else float("nan")
        return {"accepted": round(100 * float(taken.mean()), 1), "right": round(share, 1)}


def scored(own: Models, asked: Sequence[Levels]) -> Scored:
    """Return queries by a model, without those whose first candidate has no clear label."""
    ends = [end for end in (ended(own.pair, own.first, each) for each in asked) if end.label != UNKNOWN]
    return Scored(
        np.array([first_odds(own.first, end.row) for end in ends]), np.array([end.label == SAME for end in ends])
    )


def calibrated_atlas(folder: Path, preset: str, scene: Scene, own: Models) -> Calibration:
    """Return the calibration of an atlas of a scene's photos by a model; both are made where they are not there."""
    if not folder.exists():
        Atlas.create(folder, preset).add([DATA / name for name in scene.database])
    kept = Atlas.open(folder).snapshot().calibration
    if kept is not None:
        return calibrated(kept.trials, kept.photos, kept.atlas_photos)
    model = EvidenceModel(own.pair, own.first, USUAL)
    with mock.patch.object(weighing, "load_model", lambda _: model):
        return Atlas.open(folder).calibrate()


def of_calibration(split: LeaveOut, models: Split, name: str, calibration: Calibration) -> dict[str, Any]:
    """Return the calibration error on halves before and after, and what promised precisions come to."""
    assembler = next(each for each in split.assemblers if each.scene.name == name)
    own = models[assembler.scene.group]
    parts = [scored(own, asked) for asked in halves(assembler, split.policy, HALVES)]
    every = Scored(np.concatenate([each.odds for each in parts]), np.concatenate([each.right for each in parts]))
    found: dict[str, Any] = {
        "asked": calibration.photos,
        "line": [round(calibration.offset, 2), round(calibration.slope, 2)],
        "error": round(100 * calibration_error(to_probability(every.odds), every.right), 1),
        "error_calibrated": round(100 * calibration_error(calibration.probabilities(every.odds), every.right), 1),
    }
    sure = Scored(calibration.probabilities(every.odds), every.right)
    for precision in (*PRECISIONS, calibration.most_precise()):
        if precision is not None:
            try:
                found[f"at {precision:g}"] = sure.accepted_from(calibration.least_confidence(precision))
            except OptionError as error:
                found[f"at {precision:g}"] = str(error)
    return found


def by_others(split: LeaveOut, models: Split) -> dict[str, Any]:
    """Return what a threshold that the other sets promise comes to on each set."""
    every: dict[str, list[Scored]] = {}
    for assembler in split.assemblers:
        scene = assembler.scene
        if scene.learned:
            every.setdefault(scene.group, []).append(scored(models[scene.group], split.asked[scene.name]))
    groups = {
        group: Scored(np.concatenate([each.odds for each in parts]), np.concatenate([each.right for each in parts]))
        for group, parts in every.items()
    }
    return {group: _from_others(groups, group) for group in groups}


def _from_others(groups: Mapping[str, Scored], left_out: str) -> dict[str, Any]:
    random = np.random.default_rng(0)
    odds, right = [], []
    for group, known in groups.items():
        if group != left_out:
            chosen = random.choice(len(known.odds), EACH)
            odds.append(known.odds[chosen])
            right.append(known.right[chosen])
    found: dict[str, Any] = {}
    for precision in PRECISIONS:
        least = promised_threshold(np.concatenate(odds), np.concatenate(right), precision)
        found[f"at {precision:g}"] = None if least is None else groups[left_out].accepted_from(least)
    return found
