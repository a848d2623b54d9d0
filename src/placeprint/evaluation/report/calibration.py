"""Pictures of a calibration: whether confidences hold, and what accepting fewer answers costs and gains.

- *Reliability diagram*: the share of right answers against the confidence, in bins of equal count. On the diagonal,
  confidences hold.
- *Risk-coverage curve*: the share of wrong answers among those accepted, against the share accepted, as the threshold
  falls (El-Yaniv and Wiener, Journal of Machine Learning Research, 2010).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.files import write_atomically
from placeprint.core.packages import required
from placeprint.evaluation.report.curves import COLORS, NO_ORIGIN, rendered
from placeprint.evidence.calibration import BINS, Calibration
from placeprint.evidence.model import to_probability
from placeprint.evidence.record import Values

RESOLUTION = 150
"""Dots per inch of a PNG."""


def write_pictures(calibration: Calibration, folder: Path) -> list[Path]:
    """Write both pictures as PNG and SVG; return their paths.

    Raises:
        PackageError: matplotlib is not installed.
        WriteError: a picture cannot be written.
    """
    trials = calibration.trials
    looks = {
        "as shipped": (to_probability(trials.odds), trials.right),
        "calibrated": (calibration.probabilities(trials.odds), trials.right),
    }
    drawings: dict[str, Callable[[Any], None]] = {
        "reliability": lambda axes: _reliability(axes, looks),
        "risk-coverage": lambda axes: _risk_coverage(axes, calibration),
    }
    written = []
    for name, draw in drawings.items():
        for kind, options in (("png", {"dpi": RESOLUTION}), ("svg", {"metadata": NO_ORIGIN})):
            path = folder / f"{name}.{kind}"
            with required("pictures need matplotlib", "reports"):
                write_atomically(path, rendered(draw, kind, **options))
            written.append(path)
    return written


def bins_of(sure: Values, right: Values | NDArray[np.bool_]) -> tuple[Values, Values]:
    """Return the mean confidence and the share of right answers of `BINS` bins of equal count.

    Args:
        sure: ``(n,)`` confidences, n above 0.
        right: ``(n,)`` outcomes, 0 or 1, or bool.
    """
    order = np.argsort(sure, kind="stable")
    parts = [part for part in np.array_split(order, min(BINS, len(order))) if len(part)]
    return np.array([sure[p].mean() for p in parts]), np.array([right[p].mean() for p in parts])


def risk_coverage(scores: Values, right: Values) -> tuple[Values, Values]:
    """Return ``(n,)`` shares of the queries that are accepted, and of wrong ones among them, from strict to lax.

    Example:
        >>> risk_coverage(np.array([3.0, 1.0]), np.array([1.0, 0.0]))[1].tolist()
        [0.0, 0.5]
    """
    order = np.argsort(-scores, kind="stable")
    counts = np.arange(1, len(order) + 1)
    return counts / len(order), np.cumsum(1 - right[order]) / counts


def draw_reliability(found: Mapping[str, tuple[Values, NDArray[np.bool_]]], path: Path) -> None:
    """Write the reliability diagram of some confidences as SVG.

    Args:
        found: by what the legend calls them, ``(n,)`` confidences and ``(n,)`` whether the answers were right.
        path: of the picture.

    Raises:
        WriteError: it cannot be written.
    """
    write_atomically(path, rendered(lambda axes: _reliability(axes, found), "svg", metadata=NO_ORIGIN))


def _reliability(axes: Any, found: Mapping[str, tuple[Values, NDArray[np.bool_]]]) -> None:
    axes.plot([0, 100], [0, 100], color="#9AA0A6", linewidth=1)
    for (label, (sure, right)), color, mark in zip(found.items(), COLORS[1::-1], "so", strict=False):
        means, shares = bins_of(sure, right)
        axes.plot(100 * means, 100 * shares, mark + "-", color=color, label=label, markersize=4, linewidth=1.4)
    axes.set(xlabel="confidence, %", ylabel="right answers, %", xlim=(-2, 102), ylim=(-2, 102))
    axes.legend(frameon=False, loc="upper left")


def _risk_coverage(axes: Any, calibration: Calibration) -> None:
    trials = calibration.trials
    accepted, wrong = risk_coverage(trials.odds, trials.right.astype(np.float64))
    axes.plot(100 * accepted, 100 * wrong, color=COLORS[0], linewidth=1.6)
    known = 100 * trials.right.mean()
    axes.axvline(known, color="#9AA0A6", linewidth=1, linestyle="--")
    axes.annotate("queries with a right first photo", (known, axes.get_ylim()[1]), (-4, -4), fontsize=8, ha="right",
                  va="top", textcoords="offset points", rotation=90)  # fmt: skip
    axes.set(xlabel="accepted queries, %", ylabel="wrong among them, %", xlim=(0, 102))
    axes.set_ylim(bottom=-0.5)
