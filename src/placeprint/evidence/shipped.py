"""Models that ship with the package, learned by ``scripts/learn_evidence.py``; a few KB of JSON each."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import suggest
from placeprint.errors import OptionError
from placeprint.evidence.absent import summary
from placeprint.evidence.measure import compared
from placeprint.evidence.model import AdditiveModel, model_of, to_probability
from placeprint.evidence.record import Values, by_name

SURE, POSSIBLE = 0.9, 0.5
"""Probabilities from which on two photos show the same place, and may."""


@dataclass(frozen=True, eq=False)
class Weighed:
    """The weighed evidence of all candidates of a query.

    Args:
        log_odds: ``(n,)`` of the candidates.
        confidence: probability that the first of them is right and the place in the atlas.
        lead: log odds of the first above those of the first of another place; NaN if there is none.
    """

    log_odds: Values
    confidence: float
    lead: float

    @property
    def probabilities(self) -> Values:
        """Return ``(n,)`` probabilities that the candidates show the query's place."""
        return to_probability(self.log_odds)


@dataclass(frozen=True, eq=False)
class EvidenceModel:
    """The models that weigh the evidence of a candidate and of an answer.

    Args:
        pair: gives the probability of a candidate.
        first: gives the probability that the first candidate is right, see `absent`.
        usual: mean and standard deviation of the similarities of each descriptor in other atlases.
    """

    pair: AdditiveModel
    first: AdditiveModel
    usual: Mapping[str, tuple[float, float]]

    def weigh(self, table: Values, other: NDArray[np.bool_], positions: Values | None = None) -> Weighed:
        """Weigh the evidence of a query.

        Args:
            table: ``(n, len(FIELDS))``, n above 0, each candidate by itself, NaN where nothing was measured.
            other: ``(n, n)`` bool, whether the second candidate is of another place than the first.
            positions: ``(n, 2)`` meters in a plane, or ``(n, 3)`` in space, NaN where unknown; or None.
        """
        columns = by_name(compared(table, other))
        log_odds = self.pair.log_odds(columns)
        row = summary(log_odds, other, positions, columns)
        odds = self.first.log_odds({name: np.array([value]) for name, value in row.items()})
        return Weighed(log_odds, float(to_probability(odds)[0]), row["lead"])


def model_names() -> list[str]:
    """List the models that ship with the package."""
    return sorted(each.name.removesuffix(".json") for each in (resources.files(__package__) / "models").iterdir())


@functools.cache
def load_model(name: str) -> EvidenceModel:
    """Return a model that ships with the package.

    Raises:
        OptionError: there is none with that name.
    """
    if name not in model_names():
        raise OptionError(f"no model of evidence called {name!r}; {suggest(name, model_names())}")
    data = json.loads((resources.files(__package__) / "models" / f"{name}.json").read_text())
    usual = {each: (float(low), float(high)) for each, (low, high) in data["usual"].items()}
    return EvidenceModel(model_of(data["pair"]), model_of(data["first"]), usual)


def verdict_of(probability: float, least: float = SURE) -> str:
    """Return the verdict of `types.Evidence` for a probability.

    Args:
        probability: that both photos show the same place.
        least: from which on they do.
    """
    if probability >= least:
        return "same place"
    return "possible" if probability >= POSSIBLE else "not confirmed"
