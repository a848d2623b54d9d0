"""The probability of two photos without an atlas: match pairs, train, and measure on held-out sets.

Pairs of a scene: for some queries, one photo of the place, the most similar photo of another place, and one of another
place by chance; of the planar photos, all right pairs and some wrong ones. In walks, the most similar photo of another
place is a frame just outside the tolerance, or a hall of another floor that is built alike: such pairs are skipped. In
a group, right and wrong pairs count alike, and so do groups.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placeprint.core import registry
from placeprint.core.numerics import evenly
from placeprint.core.threads import one_core_for_products
from placeprint.evidence.calibration import calibration_error
from placeprint.evidence.guarantee import promise
from placeprint.evidence.model import AdditiveModel, to_probability
from placeprint.evidence.record import OF_VERIFICATIONS, Values
from placeprint.evidence.shipped import SURE
from placeprint.evidence.two_photos import FIELDS, SOURCES, TwoPhotosModel, columns_of_looks
from placeprint.pairs.matchers import matcher_params
from placeprint.pairs.matching import best_look
from placeprint.pairs.opinions import OPINIONS, Look
from placeprint.types import Extractor, LocalFeatures
from placeprint.verification.two_view import TwoView
from scripts.evidence.fitting import Pairs, Settings, fit
from scripts.evidence.report import area
from scripts.evidence.scenes import BESIDE, ONE_BUILDING, OTHER, SAME, Scene, scenes
from scripts.evidence.tables import Tables
from scripts.evidence.views import load

QUERIES = {
    "sf_landmarks": 60,
    "corridor": 24,
    "tower-near": 24,
    "gps": 24,
    "grocery": 30,
    "views-gps": 10,
    "views-tower": 10,
    "views-overlay": 12,
}
"""Queries of each scene that pairs are made of."""
PLANAR_WRONG = 120
"""Wrong pairs of the planar photos."""
ONE_PLACE = frozenset({
    ("gps/brighton_beach/DJI_0026.JPG", "gps/brighton_beach/DJI_0024.JPG"),
    *(
        (f"sf_landmarks/queries/{query}.jpg", f"sf_landmarks/database/{known}.jpg")
        for query, photos in ONE_BUILDING.items()
        for known in photos
    ),
})  # fmt: skip
"""Pairs that the truth calls different and that show one building, or one path from the air. All wrong pairs with a
significance above 10 of any look were looked at."""
RISES = {name: rises for name, _, rises, _ in OF_VERIFICATIONS}
FIRSTS = ("xfeat", "sift")
"""First looks; SIFT alone is what ``match(features="sift")`` begins with."""
PRECISIONS = (0.9, 0.95, 0.98, 0.99)
RIDGE = 0.0001
"""With 0.003, a third of the right pairs of sf_landmarks that XFeat alone confirms are only possible; with a tenth of
that as many are as with a thirtieth."""
WALKS = frozenset({"corridor", "tower-near", "views-tower"})
KEPT = 80
"""Pairs of each extractor's first look whose features are kept while they are made: photos occur several times."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two photos and what all looks found of them.

    Args:
        scene: name.
        group: of the photos.
        first: name of a photo, see `views.load`.
        second: name of the other.
        same: whether they show the same place.
        hard: whether the second is the most similar photo of another place.
        learned: whether it may be learned from.
        looks: by source, ``(len(OF_VERIFICATIONS),)``.
    """

    scene: str
    group: str
    first: str
    second: str
    same: bool
    hard: bool
    learned: bool
    looks: dict[str, Values]

    @property
    def is_clear(self) -> bool:
        """Whether it is known if both show the same place."""
        return not (self.hard and self.scene in WALKS) and (self.same or (self.first, self.second) not in ONE_PLACE)

    def levels(self) -> list[dict[str, Values]]:
        """Return what is known after each look of the cascades that begin with each of `FIRSTS`."""
        orders = [[first, *(name for name in OPINIONS if name != first)] for first in FIRSTS]
        known = [tuple(order[: count + 1]) for order in orders for count in range(len(order))]
        return [{name: self.looks[name] for name in names} for names in dict.fromkeys(known)]


def chosen_pairs(tables: Tables, scene: Scene) -> Iterator[Pair]:
    """Yield the pairs of a scene, not looked at."""

    def pair(row: int, place: int, hard: bool = False) -> Pair:
        same = bool(scene.labels[row, place] == SAME)
        names = scene.queries[row], scene.database[place]
        return Pair(scene.name, scene.group, *names, same, hard, scene.learned, {})

    own = [row for row, group in enumerate(scene.query_groups) if group == scene.group]
    if scene.name == "planar":
        every = [pair(row, place) for row in own for place in range(row + 1, len(scene.database))]
        others = [each for each in every if not each.same]
        yield from (each for each in every if each.same)
        yield from (others[int(place)] for place in evenly(len(others), PLANAR_WRONG))
        return
    database, queries = tables.descriptors(scene, "keypoints")
    random = np.random.default_rng(0)
    for place in evenly(len(own), min(QUERIES[scene.name], len(own))):
        row = own[int(place)]
        right, wrong = (np.flatnonzero(np.isin(scene.labels[row], each)) for each in ((SAME,), (OTHER, BESIDE)))
        if not len(right) or not len(wrong):
            continue
        yield pair(row, int(random.choice(right)))
        yield pair(row, int(wrong[np.argmax(database[wrong] @ queries[row])]), hard=True)
        yield pair(row, int(random.choice(wrong)))


class Looker:
    """Looks at pairs, and keeps what was found in a scratch folder.

    Args:
        folder: scratch folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._extractors: dict[str, Extractor] = {name: registry.create("extractors", name) for name in FIRSTS}
        self._verifiers = {name: TwoView(matcher=matcher_params(name, None)) for name in FIRSTS}
        self._features: dict[tuple[str, str], LocalFeatures] = {}

    def looked(self, tables: Tables, scene: Scene) -> list[Pair]:
        """Return the pairs of a scene."""
        pairs, path = [*chosen_pairs(tables, scene)], self._folder / f"{scene.name}.npz"
        if not path.exists():
            with one_core_for_products():
                found = np.array([[self._look(pair, name) for name in SOURCES] for pair in pairs])
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, values=found, names=np.array([[each.first, each.second] for each in pairs]))
        with np.load(path) as arrays:
            for pair, values in zip(pairs, arrays["values"], strict=True):
                pair.looks.update(zip(SOURCES, values, strict=True))
        return pairs

    def _look(self, pair: Pair, name: str) -> Values:
        verifier = self._verifiers["xfeat" if name == "xfeat" else "sift"]
        if name == "xfeat" and "boat" in pair.first:  # these photos are rotated
            second = self._described(pair.second, name, lambda: self._extractors[name].extract(load(pair.second)))
            return best_look(
                self._extractors[name], verifier, load(pair.first), None, second, None, rotations=True
            ).values(2.0)
        first, second = (self._described(each, name, self._how(each, name)) for each in (pair.first, pair.second))
        if name in OPINIONS:
            verifier = OPINIONS[name].verifier(verifier)
        return Look(name, 0.0, first, second, verifier.verify(first, [second])[0]).values(verifier.pixels)

    def _how(self, photo: str, name: str) -> Callable[[], LocalFeatures]:
        if name in OPINIONS:
            return lambda: OPINIONS[name].extract(load(photo), None)
        return lambda: self._extractors[name].extract(load(photo))

    def _described(self, photo: str, name: str, how: Callable[[], LocalFeatures]) -> LocalFeatures:
        key = photo, name
        if key not in self._features:
            while len(self._features) >= KEPT * len(SOURCES):
                self._features.pop(next(iter(self._features)))
            self._features[key] = how()
        return self._features[key]


def all_pairs(tables: Tables, folder: Path) -> list[Pair]:
    """Return the pairs of all scenes, looked at, without those of which nobody knows whether they show one place."""
    looker, found = Looker(folder), []
    for scene in scenes():
        if scene.name == "planar" or scene.name in QUERIES:
            found += [each for each in looker.looked(tables, scene) if each.is_clear]
            print(f"{scene.name}: {len(found)} pairs so far", flush=True)
    return found


def learned(pairs: Sequence[Pair], group: str | None, names: Sequence[str] = FIELDS) -> AdditiveModel:
    """Return the model of all groups but one, from what is known at every level of a cascade."""
    kept = [each for each in pairs if each.learned and each.group != group]
    times = Counter((each.group, each.same) for each in kept)
    levels = [each.levels() for each in kept]
    rows = [row for each in levels for row in each]
    same = np.repeat([each.same for each in kept], [len(each) for each in levels])
    weight = np.repeat([1 / times[each.group, each.same] for each in kept], [len(each) for each in levels])
    rises = {name: RISES[name.partition(".")[2]] for name in names}
    return fit(Pairs(columns_of_looks(rows), rises, same, np.arange(len(same)), weight), [*names], Settings(RIDGE, 0.0))


@dataclass(frozen=True, eq=False)
class Judged:
    """Pairs by a model: log odds after the cascade that begins with XFeat, whether right, and looks taken."""

    odds: Values
    same: NDArray[np.bool_]
    looks: NDArray[np.int64]


def judged(model: AdditiveModel, pairs: Sequence[Pair], first: str = "xfeat") -> Judged:
    """Return what a cascade comes to: it ends where the probability is enough."""
    order = [first, *(name for name in OPINIONS if name != first)]
    odds, taken = np.zeros(len(pairs)), np.zeros(len(pairs), np.int64)
    for count in range(1, len(order) + 1):
        known = [{name: each.looks[name] for name in order[:count]} for each in pairs]
        now = model.log_odds(columns_of_looks(known))
        open_ = (taken == 0) | (to_probability(odds) < SURE)
        odds[open_], taken[open_] = now[open_], count
    return Judged(odds, np.array([each.same for each in pairs]), taken)


def report(pairs: Sequence[Pair]) -> None:
    """Print for each scene what the model of the other groups does."""
    models = {group: learned(pairs, group) for group in dict.fromkeys(each.group for each in pairs)}
    for scene in dict.fromkeys(each.scene for each in pairs):
        own = [each for each in pairs if each.scene == scene]
        result, same = judged(models[own[0].group], own), np.array([each.same for each in own])
        sure = to_probability(result.odds) >= SURE
        alone = {name: np.array([each.looks[name][0] for each in own]) for name in SOURCES}
        today = alone["xfeat"] >= TwoView().sure
        print(
            f"{scene}: {same.sum()} right and {(~same).sum()} wrong pairs; area {area(result.odds, same):.4f} ("
            + ", ".join(f"{name} alone {area(alone[name], same):.4f}" for name in SOURCES)
            + f"); called same {100 * sure[same].mean():.1f} % and {100 * sure[~same].mean():.1f} %, by a significance "
            f"of 12 of XFeat {100 * today[same].mean():.1f} % and {100 * today[~same].mean():.1f} %; right ones lost "
            f"{(today & same & ~sure).sum()}; looks {result.looks[same].mean():.2f} and "
            f"{result.looks[~same].mean():.2f}; calibration error "
            f"{100 * calibration_error(to_probability(result.odds), same):.1f} %",
            flush=True,
        )
        for at in np.flatnonzero(sure & ~same)[:10]:
            print(f"  wrong: {own[at].first} {own[at].second} {to_probability(result.odds[at : at + 1])[0]:.3f}")
    for group in models:
        print(f"{group} by the threshold of the other groups: {promised_by_others(pairs, models, group)}", flush=True)


def promised_by_others(pairs: Sequence[Pair], models: dict[str, AdditiveModel], group: str) -> dict[str, str]:
    """Return what precisions promised by the pairs of the other groups come to in one."""
    others = trials([each for each in pairs if each.group != group], models)
    own = judged(models[group], [each for each in pairs if each.group == group])
    found = {}
    for precision in PRECISIONS:
        given = promise(others.odds, others.same, precision)
        if given is None:
            found[f"{precision:g}"] = "nothing promised"
            continue
        taken, each = own.odds >= given.score, own.same
        hits, misses = float(taken[each].mean()), float(taken[~each].mean())
        share = 100 * hits / max(hits + misses, 1e-9)
        found[f"{precision:g}"] = f"promised {given.precision:g}, {share:.1f} % right, {100 * hits:.0f} % found"
    return found


def trials(pairs: Sequence[Pair], models: dict[str, AdditiveModel]) -> Judged:
    """Return pairs that a precision may be promised from: one of each first photo, by turns a right and a wrong one."""
    chosen: list[Pair] = []
    for photo in dict.fromkeys((each.scene, each.first) for each in pairs if each.learned):
        own = [each for each in pairs if (each.scene, each.first) == photo]
        wanted = [each for each in own if each.same == bool(len(chosen) % 2)]
        chosen += sorted(wanted, key=lambda each: not each.hard)[:1] or own[:1]
    parts = [
        judged(model, [each for each in chosen if each.group == group])
        for group, model in models.items()
        if any(each.group == group for each in chosen)
    ]
    return Judged(*(np.concatenate([getattr(each, name) for each in parts]) for name in ("odds", "same", "looks")))


def write(pairs: Sequence[Pair], path: Path) -> None:
    """Write the model of all groups, with the pairs that a precision is promised from."""
    models = {group: learned(pairs, group) for group in dict.fromkeys(each.group for each in pairs if each.learned)}
    kept = trials(pairs, models)
    model = TwoPhotosModel(learned(pairs, None), kept.odds, kept.same)
    path.write_text(json.dumps(model.as_data()) + "\n")
    for precision in PRECISIONS:
        found = model.promise(precision)
        print(f"a precision of {precision:g}: {found.precision:g} from a probability of {found.score:.3f}")
