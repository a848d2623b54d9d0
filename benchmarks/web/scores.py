"""Performance scores from measured values, by Lighthouse's published curves (version 13).

Each value becomes a score by a log-normal curve that gives 0.9 at one value and 0.5 at another; the score of a page is
their weighted mean. The speed index, which needs a film of the page, is left out, and the other weights are scaled up.
(https://developer.chrome.com/docs/lighthouse/performance/performance-scoring)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

Device = Literal["mobile", "desktop"]
SCALE = 0.9061938024368232
"""The inverse of erfc at 1/5, so that the curve gives 0.9 where it should."""
WEIGHTS: Mapping[str, float] = {
    "first_contentful_paint": 10,
    "largest_contentful_paint": 25,
    "total_blocking_time": 30,
    "cumulative_layout_shift": 25,
}
CURVES: Mapping[Device, Mapping[str, tuple[float, float]]] = {
    "mobile": {
        "first_contentful_paint": (1800, 3000),
        "largest_contentful_paint": (2500, 4000),
        "total_blocking_time": (200, 600),
        "cumulative_layout_shift": (0.1, 0.25),
    },
    "desktop": {
        "first_contentful_paint": (934, 1600),
        "largest_contentful_paint": (1200, 2400),
        "total_blocking_time": (150, 350),
        "cumulative_layout_shift": (0.1, 0.25),
    },
}
"""Values that score 0.9 and 0.5, in milliseconds but for the shift."""
IMPACTS: Mapping[str, float] = {"critical": 10, "serious": 7, "moderate": 3, "minor": 1}
"""Weights of the rules of axe-core by how much they matter."""


def score(value: float, good: float, middling: float) -> float:
    """Return the score of a value: 0.9 at ``good``, 0.5 at ``middling``, and 1 at 0.

    Example:
        >>> [round(score(value, 1800, 3000), 3) for value in (0, 1800, 3000, 6000)]
        [1.0, 0.9, 0.5, 0.041]
    """
    share = value / middling
    if share <= 0:
        return 1.0
    return 0.5 * math.erfc(SCALE * math.log(share) / math.log(middling / good))


def performance(values: Mapping[str, float], device: Device) -> int:
    """Return the performance score of a page, 0 to 100.

    Args:
        values: by the names of `WEIGHTS`.
        device: whose curves are used.
    """
    total = sum(weight * score(values[name], *CURVES[device][name]) for name, weight in WEIGHTS.items())
    return round(100 * total / sum(WEIGHTS.values()))


def accessibility(passed: Mapping[str, str | None], violated: Mapping[str, str | None]) -> int:
    """Return the share of the rules of axe-core that a page passes, by how much they matter, 0 to 100.

    Args:
        passed: the impact of each rule that holds, by its name.
        violated: the same of those that do not.
    """

    def weight(impacts: Mapping[str, str | None]) -> float:
        return sum(IMPACTS.get(each or "", 1) for each in impacts.values())

    every = weight(passed) + weight(violated)
    return math.floor(100 * weight(passed) / every) if every else 100
