"""Evidence of all pairs of a scene that a search would look at, kept in a scratch folder.

Similarities are those of descriptors with a codebook that is learned as an atlas of these photos learns it. Geometry is
measured for the most similar photos by any of two descriptors; which of it a preset would have measured is decided
later by leaving values out, so one table serves all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placeprint.codebooks import load_codebook
from placeprint.core.numerics import evenly
from placeprint.describing.describer import Describer
from placeprint.evidence.measure import geometry
from placeprint.evidence.overlays import find_overlays
from placeprint.evidence.record import OF_VERIFICATIONS, Values
from placeprint.presets import preset_from
from placeprint.types import Floats, LocalFeatures, PhotoFeatures, Verifier
from placeprint.verification.geometry import MutualGeometry
from placeprint.verification.two_view import TwoView
from scripts.evidence.features import EXTRACTORS, Features
from scripts.evidence.scenes import Scene

BITS = 4
OWN_CODEBOOK = 50
"""Photos from which on an atlas learns a codebook of its own."""
LOOKED_AT = 64
"""Photos of an atlas in which overlays are looked for."""
BRANCHES = {
    "keypoints": ("xfeat", "xfeat-vlad", "aggregator.", {"name": "vlad", "num_words": 1024, "assignments": 2}),
    "map": ("lite2", "xfeat-lite2", "fusion.0.aggregator.", {
        "name": "vlad", "num_words": 128, "assignments": 2, "intra_normalization": True, "local_dim": 96,
        "local_whitening": 0.25,
    }),
    "aliked": ("aliked", "fusion", "fusion.0.aggregator.", {
        "name": "vlad", "num_words": 512, "assignments": 2, "local_dim": 64, "local_whitening": 0.25,
    }),
}  # fmt: skip
"""Of each descriptor: extractor, shipped codebook, where its state is in it, and the aggregator."""


@dataclass(frozen=True)
class Check:
    """How one kind of geometry is done.

    Args:
        kind: of the features.
        keypoints: of each photo, the first ones.
        verifier: of the pairs.
        pixels: residual of its inliers.
        open_only: whether it is measured only of queries whose answer is open after the other checks.
    """

    kind: str
    keypoints: int
    verifier: Verifier
    pixels: float
    open_only: bool = False


CHECKS = {
    "xfeat": Check("xfeat", 1000, MutualGeometry(keep=1_000_000), 8.0),
    "sift": Check("sift", 500, MutualGeometry(keep=1_000_000, usual=0.84), 8.0),
    "sift-rotated": Check("sift-rotated", 500, MutualGeometry(keep=1_000_000, usual=0.84), 8.0),
    "lighterglue": Check(
        "xfeat",
        1000,
        TwoView(matcher={"name": "lightglue", "features": "xfeat"}, pixels=4.0, strength="confidence"),
        4.0,
        open_only=True,
    ),
}


class Tables:
    """What is measured of scenes, from a scratch folder where it is there.

    Args:
        folder: scratch folder.
        features: of the photos.
    """

    def __init__(self, folder: Path, features: Features) -> None:
        self._folder, self._features = folder, features

    def descriptors(self, scene: Scene, branch: str) -> tuple[Floats, Floats]:
        """Return ``(database, d)`` and ``(queries, d)`` global descriptors."""
        kind, shipped, prefix, aggregator = BRANCHES[branch]
        names = [scene.database, scene.queries]
        key = hashlib.sha1("\n".join([kind, str(BITS), *scene.database, "", *scene.queries]).encode()).hexdigest()[:16]
        path = self._folder / "descriptors" / f"{branch}-{key}.npz"
        if not path.exists():
            photos: list[list[PhotoFeatures]] = [
                [(self._features.read(name, kind, BITS),) for name in part] for part in names
            ]
            preset = preset_from(
                {
                    "extractor": EXTRACTORS[kind],
                    "aggregator": aggregator,
                    "index": {"name": "flat"},
                    "verifier": {"name": "mutual-geometry"},
                    "codebook": {"min_photos": OWN_CODEBOOK},
                    "store": {"local_bits": BITS, "descriptor_bits": 4},
                },
                branch,
            )
            start = {
                f"aggregator.{k.removeprefix(prefix)}": v
                for k, v in load_codebook(shipped).items()
                if k.startswith(prefix)
            }
            describer = Describer(preset, start)
            known = photos[0]
            describer.learn(lambda: known, len(known), start, adapt=len(known) < OWN_CODEBOOK)
            made = [
                describer.decode_descriptors(
                    [describer.encode_descriptor(describer.descriptor(photo)) for photo in part]
                )
                for part in photos
            ]
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, database=made[0].astype(np.float16), queries=made[1].astype(np.float16))
        with np.load(path) as arrays:
            return arrays["database"].astype(np.float32), arrays["queries"].astype(np.float32)

    def candidates(self, scene: Scene, most: int) -> list[NDArray[np.int64]]:
        """Return for each query the photos that geometry looks at: the most similar by keypoints and by the map."""
        chosen: list[set[int]] = [set() for _ in scene.queries]
        for branch in ("keypoints", "map"):
            database, queries = self.descriptors(scene, branch)
            similar = np.where(scene.labels == -2, -np.inf, queries @ database.T)
            for row, order in enumerate(np.argsort(-similar, axis=1, kind="stable")[:, :most]):
                chosen[row] |= {int(place) for place in order if scene.labels[row, place] != -2}
        return [np.array(sorted(each), np.int64) for each in chosen]

    def checks(
        self,
        scene: Scene,
        name: str,
        candidates: Sequence[NDArray[np.int64]],
        chosen: Sequence[NDArray[np.bool_]] | None = None,
    ) -> list[Values]:
        """Return for each query ``(candidates, len(OF_VERIFICATIONS))`` values of one kind of geometry.

        Args:
            scene: it.
            name: of `CHECKS`.
            candidates: of each query, rows of the database.
            chosen: of each query, which of them to measure; None for all.
        """
        check = CHECKS[name]
        path = self._folder / "checks" / f"{scene.name}-{name}.npz"
        if not path.exists():
            read = {each: self._read(each, check) for each in dict.fromkeys(scene.database)}
            known = [*read.values()]
            overlays = find_overlays([known[i] for i in evenly(len(known), LOOKED_AT)])
            found = []
            for row, query in enumerate(scene.queries):
                asked, places = self._read(query, check), candidates[row]
                asked = asked[~overlays.on(asked)]
                values = np.full((len(places), len(OF_VERIFICATIONS)), np.nan)
                kept = np.arange(len(places)) if chosen is None else np.flatnonzero(chosen[row])
                photos = [read[scene.database[places[i]]] for i in kept]
                for i, photo, done in zip(kept, photos, check.verifier.verify(asked, photos), strict=True):
                    values[i] = geometry(asked, photo, done, check.pixels)
                found.append(values)
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, values=np.concatenate(found), counts=np.array([len(each) for each in candidates]))
        with np.load(path) as arrays:
            return np.split(arrays["values"], np.cumsum(arrays["counts"])[:-1])

    def is_measured(self, scene: Scene, name: str) -> bool:
        """Return whether one kind of geometry was measured of a scene."""
        return (self._folder / "checks" / f"{scene.name}-{name}.npz").exists()

    def _read(self, name: str, check: Check) -> LocalFeatures:
        return self._features.read(name, check.kind, BITS, check.keypoints)
