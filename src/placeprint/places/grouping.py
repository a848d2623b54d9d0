"""Places: the photos of an atlas that show the same place, as groups.

Connected components of the match graph would join a whole walk, because each frame overlaps the next. So groups are
merged while the mean over all their pairs stays high (average linkage: Sokal and Michener, 1958); a pair without a
probable link counts 0. Three things change the weight of a pair:

- *Better links.* If a photo has a better link to another photo, it shows another part of the scene: if the log odds l
  of a pair are below the log odds b of the best link of its photos, they count as ``l - RIVALRY (b - l)`` (b at most
  that of `CERTAIN`). So links count nearly all or nothing, and a chain of weaker links joins nothing.
- *Positions and times.* Photos far from each other by GPS are not a pair. Photos close to each other, by GPS or because
  they were taken within seconds, show the same scene, so better links do not reduce theirs.
- *Labels.* A folder whose photos are linked to each other is a place that somebody has sorted: its photos are one
  group, and two such folders are never joined.
"""

from __future__ import annotations

import heapq
import itertools
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from placeprint.core.options import NotNegative, Share, checked
from placeprint.core.plane import distances
from placeprint.evidence.model import to_probability
from placeprint.places.graph import log_odds
from placeprint.places.position import estimate
from placeprint.store import PhotoRecord

Pairs = Mapping[tuple[int, int], float]
"""Probabilities of pairs of photos, the smaller id first."""

SAME = 0.4
"""What the pairs of a place count, in the mean, at least."""
LIKELY = 0.5
"""Probability below which a link counts 0."""
RIVALRY = 6.0
"""How much better links of its photos take from a link. With 4 to 12, and `SAME` from 0.3 to 0.5, groups are about as
right; ``benchmarks/accuracy/grouping.py`` shows how both were chosen."""
CERTAIN = 0.99
"""Links above this make no other link of their photos worth less."""
SORTED = 0.5
"""Mean probability of the pairs of a folder from which on it is a place that somebody has sorted."""
APART = 100.0
"""Meters between the positions of two photos that show no common place here; facades are photographed from afar."""
NEAR = 10.0
"""Meters between the positions of two photos that were taken at one spot, as far as GPS knows."""
SECONDS = 5.0
"""Between two photos of one folder, in which nobody walks farther."""
DIGITS = 12
"""Of the hash of a photo, in the id of a place."""


@dataclass(frozen=True)
class PlaceGroup:
    """A place of an atlas.

    Args:
        id: stays the same while the place keeps its first photo.
        label: name of the folder that holds its photos and no others, else the name of its best photo.
        photos: ids, the best linked first.
        location: latitude and longitude in degrees, or None where no photo has a position.
    """

    id: str
    label: str
    photos: tuple[int, ...]
    location: tuple[float, float] | None


@checked
def group_places(
    photos: Mapping[int, PhotoRecord], pairs: Pairs, same: Share = SAME, rivalry: NotNegative = RIVALRY
) -> list[PlaceGroup]:
    """Return the places of an atlas, the largest first; a photo that no other shows is a place by itself.

    Args:
        photos: what is known of each photo, by id.
        pairs: the probabilities of its links, see `survey.pair_table`.
        same: what the pairs of a place count, in the mean, at least.
        rivalry: how much better links of its photos take from a link.
    """
    kept = {pair: p for pair, p in pairs.items() if not _far_apart(photos[pair[0]], photos[pair[1]])}
    sorted_folders = _sorted_folders(photos, kept)
    groups = linked_groups(_worth(photos, kept, rivalry), sorted_folders, photos, same)
    best = _best_links(kept)
    names = _Names(photos)
    found = []
    for group in sorted(groups, key=lambda ids: (-len(ids), min(ids))):
        ranked = sorted(group, key=lambda photo: (-_inside(photo, group, kept), -best.get(photo, 0.0), photo))
        found.append(
            PlaceGroup(names.id_of(group), names.label_of(ranked), tuple(ranked), place_location(ranked, photos))
        )
    return found


def linked_groups(pairs: Pairs, whole: Iterable[Sequence[int]], photos: Iterable[int], same: float) -> list[list[int]]:
    """Return groups by average linkage.

    Args:
        pairs: what the pairs count; others count 0.
        whole: groups that are joined already; two of them are never joined.
        photos: all ids.
        same: mean over the pairs of two groups from which on they are merged, above 0.

    Example:
        >>> linked_groups({(1, 2): 0.9, (2, 3): 0.9, (1, 3): 0.2, (4, 5): 0.95}, [], range(1, 6), 0.8)
        [[1, 2], [3], [4, 5]]
    """
    merging = _Merging(pairs, whole, photos)
    while merging.heap and -merging.heap[0][0] >= same:
        _, _, first, second = heapq.heappop(merging.heap)
        if first in merging.groups and second in merging.groups:
            merging.merge(first, second)
    return sorted(sorted(group) for group in merging.groups.values())


class _Merging:
    """Groups, and the sums over the pairs between them."""

    def __init__(self, pairs: Pairs, whole: Iterable[Sequence[int]], photos: Iterable[int]) -> None:
        self.groups: dict[int, list[int]] = {}
        self.heap: list[tuple[float, int, int, int]] = []
        self._labeled: set[int] = set()
        self._sums: defaultdict[int, dict[int, float]] = defaultdict(dict)
        self._numbers = itertools.count()
        home: dict[int, int] = {}
        for ids in whole:
            number = self._added(list(ids))
            self._labeled.add(number)
            home |= dict.fromkeys(ids, number)
        for photo in photos:
            if photo not in home:
                home[photo] = self._added([photo])
        for (first, second), value in pairs.items():
            one, two = home[first], home[second]
            if one != two:
                self._sums[one][two] = self._sums[two][one] = self._sums[one].get(two, 0.0) + value
        for one, sums in self._sums.items():
            for two in sums:
                if one < two:
                    self._push(one, two)

    def merge(self, first: int, second: int) -> None:
        """Merge two groups."""
        number = self._added(self.groups.pop(first) + self.groups.pop(second))
        if not self._labeled.isdisjoint((first, second)):
            self._labeled.add(number)
        joined: defaultdict[int, float] = defaultdict(float)
        for old in (first, second):
            for other, value in self._sums.pop(old).items():
                self._sums[other].pop(old, None)
                if other in self.groups:
                    joined[other] += value
        for other, value in joined.items():
            self._sums[number][other] = self._sums[other][number] = value
            self._push(number, other)

    def _added(self, ids: list[int]) -> int:
        number = next(self._numbers)
        self.groups[number] = ids
        return number

    def _push(self, one: int, two: int) -> None:
        if one in self._labeled and two in self._labeled:
            return
        mean = self._sums[one][two] / (len(self.groups[one]) * len(self.groups[two]))
        heapq.heappush(self.heap, (-mean, min(one, two), one, two))


class _Names:
    """Ids and labels of places.

    Args:
        photos: what is known of each photo, by id.
    """

    def __init__(self, photos: Mapping[int, PhotoRecord]) -> None:
        self._photos = photos
        self._folders = {folder: set(ids) for folder, ids in _folders(photos).items()}
        self._given: set[str] = set()

    def id_of(self, group: Sequence[int]) -> str:
        """Return the id of a place: the hash of its first photo, with a number where that is taken."""
        first = self._photos[min(group)].sha256[:DIGITS]
        names = itertools.chain([first], (f"{first}-{number}" for number in itertools.count(2)))
        name = next(name for name in names if name not in self._given)
        self._given.add(name)
        return name

    def label_of(self, ranked: Sequence[int]) -> str:
        """Return the label of a place, given its photos, the best first."""
        folder, name = os.path.split(self._photos[ranked[0]].path)
        whole = len(ranked) > 1 and len(self._folders) > 1 and self._folders[folder] == set(ranked)
        return os.path.basename(folder) if whole else os.path.splitext(name)[0]  # noqa: PTH119, PTH122  # any text


def place_location(photos: Sequence[int], known: Mapping[int, PhotoRecord]) -> tuple[float, float] | None:
    """Return where a place is, by the positions of its photos; None where none has one."""
    positions = [location for photo in photos if (location := known[photo].location) is not None]
    if not positions:
        return None
    where = estimate(np.array(positions), np.ones(len(positions)))
    return where.latitude, where.longitude


def _folders(photos: Mapping[int, PhotoRecord]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for photo, record in photos.items():
        found.setdefault(os.path.dirname(record.path), []).append(photo)  # noqa: PTH120  # any text, and many
    return found


def _sorted_folders(photos: Mapping[int, PhotoRecord], pairs: Pairs) -> list[list[int]]:
    """Return the photos of each folder whose pairs are probable in the mean; a single folder sorts nothing."""
    folders = _folders(photos)
    if len(folders) < 2:
        return []
    home = {photo: folder for folder, ids in folders.items() for photo in ids}
    sums: defaultdict[str, float] = defaultdict(float)
    for (first, second), probability in pairs.items():
        if home[first] == home[second]:
            sums[home[first]] += probability
    count = {folder: len(ids) * (len(ids) - 1) / 2 for folder, ids in folders.items()}
    return [ids for folder, ids in folders.items() if count[folder] and sums[folder] >= SORTED * count[folder]]


def _meters(first: PhotoRecord, second: PhotoRecord) -> float | None:
    """Return the meters between two photos, None where one has no position."""
    if first.location is None or second.location is None:
        return None
    return float(distances(np.array([first.location]), np.array(second.location))[0])


def _far_apart(first: PhotoRecord, second: PhotoRecord) -> bool:
    meters = _meters(first, second)
    return meters is not None and meters > APART


def _at_one_spot(first: PhotoRecord, second: PhotoRecord) -> bool:
    meters = _meters(first, second)
    if meters is not None:
        return meters <= NEAR
    if first.taken is None or second.taken is None:
        return False
    one_folder = os.path.dirname(first.path) == os.path.dirname(second.path)  # noqa: PTH120  # any text
    return one_folder and abs((first.taken - second.taken).total_seconds()) <= SECONDS


def _best_links(pairs: Pairs) -> dict[int, float]:
    best: dict[int, float] = {}
    for pair, probability in pairs.items():
        for photo in pair:
            best[photo] = max(best.get(photo, 0.0), probability)
    return best


def _worth(photos: Mapping[int, PhotoRecord], pairs: Pairs, rivalry: float) -> dict[tuple[int, int], float]:
    """Return what the likely pairs count beside the better links of their photos."""
    best = _best_links(pairs)
    found = {}
    for (first, second), probability in pairs.items():
        if probability >= LIKELY:
            own, rival = log_odds(probability), log_odds(min(CERTAIN, max(best[first], best[second])))
            lost = 0.0 if _at_one_spot(photos[first], photos[second]) else max(0.0, rival - own)
            found[first, second] = float(to_probability(np.array(own - rivalry * lost)))
    return found


def _inside(photo: int, group: Sequence[int], pairs: Pairs) -> float:
    return sum(pairs.get((min(photo, other), max(photo, other)), 0.0) for other in group if other != photo)
