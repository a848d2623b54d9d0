"""Predict the features of a rotated photo by one matrix product, without describing it again.

The descriptor of a point in a rotated photo is nearly a linear function of its descriptor in the original. Such a
matrix is called a *steerer* (Bökman, Edstedt, Felsberg and Kahl, CVPR 2024). We learn one for each multiple of `STEP`
degrees by ridge regression (``scripts/learn_steerers.py``). Departures from the paper: the descriptors are not trained
for it, and the keypoints of the original photo are kept.

For upright SIFT, rotation by 90 degrees is exact (it permutes the values); at other angles the cosine is 0.96. For
XFeat it is 0.9. That is enough to choose promising rotations, but not enough for a verdict.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from placeprint.core.numerics import normalize
from placeprint.types import Floats, LocalFeatures

STEP = 30
"""Degrees between two steerers."""
OUTPUT = Path(__file__).parent / "steerers"
"""The file that ``scripts/learn_steerers.py`` writes."""


def steerer_name(extractor: Any) -> str | None:
    """Return the name of the steerers for an extractor, or None if there are none."""
    from placeprint.features.sift import SIFT
    from placeprint.features.xfeat import XFeat

    if isinstance(extractor, XFeat):
        return "xfeat"
    if isinstance(extractor, SIFT) and extractor.upright and extractor.root:
        return "sift"
    return None


def steered(features: LocalFeatures, name: str, degrees: float) -> LocalFeatures:
    """Return approximately the features that a photo would have if it were rotated.

    Args:
        features: the features of the original photo.
        name: a name from `steerer_name`.
        degrees: the rotation counter-clockwise, a multiple of `STEP`.

    Returns:
        The same keypoints with other descriptors.
    """
    step = round(degrees / STEP) % (360 // STEP)
    if step == 0 or not len(features):
        return features
    return replace(features, descriptors=normalize(features.descriptors @ _matrices(name)[step - 1]))


@functools.cache
def _matrices(name: str) -> Floats:
    """Return ``(360 / STEP - 1, d, d)`` float32."""
    file = resources.files(__package__) / "steerers" / f"{name}.npz"
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        return np.asarray(arrays["matrices"], np.float32)
