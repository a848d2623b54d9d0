"""Tables of evidence as a preset would measure it: its descriptors, its geometry, its number of candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from placeprint.evidence.measure import compared, margins, other_places, standardized
from placeprint.evidence.record import DESCRIPTORS, OF_VERIFICATIONS, PLACES, Values, by_name, columns_of, no_evidence
from scripts.evidence.scenes import BESIDE, OTHER, OUT, SAME, Scene
from scripts.evidence.tables import Tables

MOST, MOST_OF_HALVES = 20, 40
"""Candidates of each descriptor that geometry was measured for; more where halves of the atlas are searched."""
USUAL = {"keypoints": (0.005, 0.015), "map": (0.01, 0.03), "aliked": (0.01, 0.02)}


@dataclass(frozen=True)
class Policy:
    """What a preset measures.

    Args:
        name: of the preset.
        descriptors: by weight of their standardized similarities, which choose the candidates.
        geometry: the levels of the cascade, each a verification by the tables' name of it, and how many of the best
            candidates have been looked at after it: the first always, the others while the answer is open.
        candidates: so many.
        ridge: of the model, see `fitting.Settings`.
        late: descriptors that a query has only while the answer is open after the first verification.
    """

    name: str
    descriptors: Mapping[str, float]
    geometry: tuple[tuple[str, int], ...]
    candidates: int = 20
    ridge: float = 0.01
    late: tuple[str, ...] = ()

    @property
    def early(self) -> Policy | None:
        """What is measured before the late descriptors, None where there are none."""
        if not self.late:
            return None
        descriptors = {name: weight for name, weight in self.descriptors.items() if name not in self.late}
        first = self.geometry[0][0]
        return replace(
            self, descriptors=descriptors, geometry=tuple(each for each in self.geometry if each[0] == first), late=()
        )

    def levels(self) -> list[tuple[str, int]]:
        """Return source of evidence and candidates of each verification."""
        return [(name.partition("-")[0], most) for name, most in self.geometry]


@dataclass(frozen=True, eq=False)
class Asked:
    """One query of a scene: its candidates and what is known of them.

    Args:
        scene: name.
        group: of the atlas.
        query_group: of the query.
        query: name.
        places: ``(n,)`` rows of the database.
        labels: ``(n,)`` of `scenes`.
        table: ``(n, len(FIELDS))``.
        other: ``(n, n)`` bool, whether the second is of another place than the first, as far as descriptors say.
        findable: whether a photo of the place is in the atlas.
        positions: ``(n, 2)`` meters, or None.
    """

    scene: str
    group: str
    query_group: str
    query: str
    places: NDArray[np.int64]
    labels: NDArray[np.int8]
    table: Values
    other: NDArray[np.bool_]
    findable: bool
    positions: NDArray[np.float64] | None


def most_of(scene: Scene) -> int:
    """Return how many candidates of each descriptor geometry is measured for."""
    return MOST_OF_HALVES if scene.name in ("sf_landmarks", "corridor") else MOST


class Assembler:
    """Makes tables of one scene for any policy and any part of the atlas.

    Args:
        scene: it.
        tables: what was measured.
        descriptors: those there are.
        geometry: those that are used where they were measured.
    """

    def __init__(self, scene: Scene, tables: Tables, descriptors: Sequence[str], geometry: Sequence[str]) -> None:
        self.scene = scene
        pairs = {name: tables.descriptors(scene, name) for name in descriptors}
        self._similar = {name: queries @ database.T for name, (database, queries) in pairs.items()}
        self._among = {name: database @ database.T for name, (database, _) in pairs.items()}
        self._candidates = tables.candidates(scene, most_of(scene))
        self._geometry = {
            name: tables.checks(scene, name, self._candidates) for name in geometry if tables.is_measured(scene, name)
        }

    def asked(self, row: int, policy: Policy, part: NDArray[np.bool_] | None = None) -> Asked | None:
        """Return what a search of one query would know, None where the part of the atlas has no candidate.

        Args:
            row: of the query.
            policy: what is measured.
            part: ``(database,)`` bool, the photos that are in the atlas; None for all.
        """
        scene = self.scene
        there = scene.labels[row] != OUT
        if part is not None:
            there = there & part
        pool = self._candidates[row]
        slots = np.flatnonzero(there[pool])
        if not len(slots):
            return None
        standard = {
            name: standardized(self._similar[name][row, pool[slots]], self._similar[name][row, there], USUAL[name])
            for name in policy.descriptors
        }
        total = sum((policy.descriptors[name] * standard[name] for name in standard), np.zeros(len(slots)))
        order = np.argsort(-total, kind="stable")[: policy.candidates]
        places, slots = pool[slots[order]], slots[order]
        table = no_evidence(len(places))
        near, apart = [], []
        for name in DESCRIPTORS:
            if name in standard:
                similar, z = self._similar[name][row, places], standard[name][order]
                among = self._among[name][np.ix_(places, places)]
                table[:, PLACES[f"{name}.standard"]] = z
                table[:, PLACES[f"{name}.margin"]] = margins(similar, among, z)
                near.append(z)
                apart.append(standardized(among, self._similar[name][row, there], USUAL[name]))
        other = other_places(near, apart)
        for name in dict(policy.geometry):
            source = name.partition("-")[0]
            own = [PLACES[f"{source}.{kind}"] for kind, *_ in OF_VERIFICATIONS]
            if name in self._geometry:
                table[:, own] = self._geometry[name][row][slots]
        positions = None if scene.positions is None else scene.positions[places]
        findable = bool((scene.labels[row, there] == SAME).any())
        labels, group = scene.labels[row, places], scene.query_groups[row]
        return Asked(
            scene.name, scene.group, group, scene.queries[row], places, labels, table, other, findable, positions
        )


def limited(asked: Asked, seen: Mapping[str, NDArray[np.bool_]]) -> Asked:
    """Return what would be known if some geometry had been measured for some candidates only.

    Args:
        asked: all that is known.
        seen: of each kind of geometry, by its source, ``(n,)`` for which of them.
    """
    table = asked.table.copy()
    for source, chosen in seen.items():
        table[np.ix_(~chosen, np.array(columns_of(source)))] = np.nan
    return replace(asked, table=table)


def evidence_of(asked: Asked) -> Mapping[str, Values]:
    """Return what the model weighs, by name of the field."""
    return by_name(compared(asked.table, asked.other))


def known(asked: Asked) -> NDArray[np.bool_]:
    """Return ``(n,)`` bool, which candidates have a label that can be learned from."""
    return np.isin(asked.labels, (SAME, OTHER, BESIDE))
