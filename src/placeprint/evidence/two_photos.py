"""P(same place | measurements of two photos), without an atlas to compare with.

Two photos are matched by up to three kinds of features (`SOURCES`): XFeat keypoints, SIFT, and SIFT with simulated
tilts (`features.tilting`). One additive model (`model`) weighs the results, and has a learned constant for each kind
that was not run. It was learned from pairs; half of them show the same place, and the others are mostly the most
similar photos of different places (``scripts/learn_evidence.py pairs``).

A precision is guaranteed as for an atlas (`guarantee`), from pairs judged by models that were not trained on their data
set. So it holds for pairs like those.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import OptionError
from placeprint.evidence.calibration import LIKELY
from placeprint.evidence.guarantee import Promise, promise
from placeprint.evidence.model import AdditiveModel, Columns, model_of, to_probability
from placeprint.evidence.record import OF_VERIFICATIONS, Values

SOURCES = ("xfeat", "sift", "tilted")
"""Looks at two photos: an extractor with its default matcher and `verification.two_view.TwoView`."""
WEIGHED = ("strength", "inliers", "ratio", "coverage", "spread", "static")
"""Fields of a look that are weighed; the strength is the a-contrario significance."""
FIELDS = tuple(f"{source}.{name}" for source in SOURCES for name in WEIGHED)
"""What the model weighs."""
FILE = "two_photos.json"


@dataclass(frozen=True, eq=False)
class TwoPhotosModel:
    """The model that weighs the looks at two photos.

    Args:
        pair: gives the log odds that both show the same place.
        odds: ``(n,)`` log odds of pairs of sets that had no part in the model that gave them.
        right: ``(n,)`` whether those show the same place.
    """

    pair: AdditiveModel
    odds: Values
    right: NDArray[np.bool_]

    def probability(self, looks: Mapping[str, Values]) -> float:
        """Return the probability that two photos show the same place.

        Args:
            looks: by source, the ``(len(OF_VERIFICATIONS),)`` values of `measure.geometry`.
        """
        return float(to_probability(self.pair.log_odds(columns_of_looks([looks])))[0])

    def promise(self, precision: float) -> Promise:
        """Return the guarantee for a requested precision, with a probability as its score, at least `LIKELY`.

        It is the precision itself, else the largest one below it that can be guaranteed, see `guarantee.promise`.

        Raises:
            OptionError: nothing can be guaranteed.
        """
        found = promise(self.odds, self.right, precision)
        if found is None:
            raise OptionError(
                f"a precision of {precision:g} cannot be guaranteed from {len(self.odds)} pairs of photos"
            )
        return Promise(found.precision, max(float(to_probability(np.array([found.score]))[0]), LIKELY))

    def as_data(self) -> dict[str, Any]:
        """Return what `two_photos_model_of` reads, ready for JSON."""
        return {
            "pair": self.pair.as_data(),
            "odds": [round(float(value), 2) for value in self.odds],
            "right": [int(value) for value in self.right],
        }


def columns_of_looks(pairs: Sequence[Mapping[str, Values]]) -> Columns:
    """Return the columns of `FIELDS` of pairs of photos, NaN where a look was not taken.

    Args:
        pairs: of each, the values of `measure.geometry` by source.
    """
    places = {name: place for place, (name, *_) in enumerate(OF_VERIFICATIONS)}
    return {
        f"{source}.{name}": np.array(
            [looks[source][places[name]] if source in looks else np.nan for looks in pairs], np.float64
        )
        for source in SOURCES
        for name in WEIGHED
    }


def two_photos_model_of(data: Mapping[str, Any]) -> TwoPhotosModel:
    """Return the model of `TwoPhotosModel.as_data`.

    Raises:
        ShapeError: its curves have no shape.
    """
    return TwoPhotosModel(
        model_of(data["pair"]), np.array(data["odds"], np.float64), np.array(data["right"], np.int64).astype(bool)
    )


@functools.cache
def load_two_photos_model() -> TwoPhotosModel:
    """Return the shipped model with the package."""
    return two_photos_model_of(json.loads((resources.files(__package__) / FILE).read_text()))
