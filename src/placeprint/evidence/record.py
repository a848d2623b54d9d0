"""What was measured of a query and a candidate: one table with a line per kind of evidence.

A field is a number with a unit and a direction: whether more of it speaks for the same place or against it. A value
that was not measured is NaN. Kinds that occur several times, such as the similarity of each descriptor and the inliers
of each verification, carry the name of their source: ``keypoints.standard``, ``sift.inliers``.

| source | what it is |
|---|---|
| `keypoints` | global descriptor of XFeat keypoints |
| `map` | global descriptor of EfficientNet-Lite2's map |
| `aliked` | global descriptor of ALIKED keypoints |
| `xfeat`, `sift`, `lighterglue` | verification by XFeat keypoints, by SIFT, by LighterGlue |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import OptionError

DESCRIPTORS = ("keypoints", "map", "aliked")
"""Sources of similarities."""
VERIFICATIONS = ("xfeat", "sift", "lighterglue")
"""Sources of geometry."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Field:
    """One kind of evidence.

    Args:
        name: with the source before the point.
        unit: the unit of the value.
        rises: whether more of it speaks for the same place, and not against it.
        about: what it is.
    """

    name: str
    unit: str
    rises: bool
    about: str


OF_DESCRIPTORS = (
    ("standard", "standard deviations", True, "similarity above the median of the atlas"),
    ("margin", "standard deviations", True, "similarity above that of the most similar photo of another place"),
)
OF_VERIFICATIONS = (
    ("strength", "square root of cosine", True, "how much agreeing matches exceed unrelated photos', over the picture"),
    ("inliers", "matches", True, "matches that follow the transform"),
    ("significance", "-log10 of false alarms", True, "how unlikely they are by chance"),
    ("ratio", "share", True, "of the matches that follow the transform"),
    ("coverage", "share", True, "of the picture that they cover, in the photo where it is less"),
    ("spread", "share", True, "their extent across the line they lie along, as a share of that along it"),
    ("static", "share", False, "of them that are at the same pixel in both photos"),
    ("residual", "pixels", False, "median distance from the transform, of a photo of 640"),
    ("rotation", "degrees", False, "between the photos, without sign"),
    ("zoom", "octaves", False, "scale between the photos, without sign"),
)
SHARED = (
    ("strength_share", "share", True, "strength beside the most that a candidate has"),
    ("inliers_share", "share", True, "inliers beside the most that a candidate has"),
)
"""Evidence of a verification that comes from comparing the candidates, see `measure.compared`."""

FIELDS: tuple[Field, ...] = tuple(
    Field(f"{source}.{name}", unit, rises, f"{about} ({source})")
    for sources, kinds in ((DESCRIPTORS, OF_DESCRIPTORS), (VERIFICATIONS, (*OF_VERIFICATIONS, *SHARED)))
    for source in sources
    for name, unit, rises, about in kinds
)
PLACES: Mapping[str, int] = MappingProxyType({field.name: place for place, field in enumerate(FIELDS)})
"""Column of each field in a table of evidence."""


def no_evidence(count: int) -> Values:
    """Return a table ``(count, len(FIELDS))`` in which nothing is known."""
    return np.full((count, len(FIELDS)), np.nan)


def by_name(table: Values) -> dict[str, Values]:
    """Return the ``(n,)`` columns of a table ``(n, len(FIELDS))`` by the names of the fields."""
    return {name: table[:, place] for name, place in PLACES.items()}


def columns_of(source: str) -> list[int]:
    """Return the columns of all fields of a source.

    Raises:
        OptionError: there is no such source.
    """
    if source not in (*DESCRIPTORS, *VERIFICATIONS):
        raise OptionError(f"no evidence from {source!r}; known: {', '.join((*DESCRIPTORS, *VERIFICATIONS))}")
    return [place for name, place in PLACES.items() if name.startswith(f"{source}.")]


@dataclass(frozen=True, eq=False)
class PairEvidence:
    """All that is known of a query and one candidate.

    Args:
        values: ``(len(FIELDS),)`` float64, NaN where nothing was measured.

    Example:
        >>> row = no_evidence(1)[0]
        >>> row[PLACES["xfeat.inliers"]] = 42
        >>> PairEvidence(row)["xfeat.inliers"], PairEvidence(row).known()
        (42.0, {'xfeat.inliers': 42.0})
    """

    values: Values

    def __getitem__(self, name: str) -> float:
        """Return the value of a field, NaN where it was not measured.

        Raises:
            OptionError: there is no such field.
        """
        if name not in PLACES:
            raise OptionError(f"no evidence called {name!r}; known: {', '.join(PLACES)}")
        return float(self.values[PLACES[name]])

    def known(self) -> dict[str, float]:
        """Return what was measured, by name."""
        return {name: float(value) for name, value in zip(PLACES, self.values, strict=True) if not math.isnan(value)}
