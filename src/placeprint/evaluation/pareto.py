"""The Pareto front: the methods that no other beats on both counts."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(costs: Sequence[float], values: Sequence[float]) -> list[bool]:
    """Say of each method whether none of the others is at least as cheap and as good, and better in one of both.

    Args:
        costs: of each method, lower is better: a time, a count of bytes.
        values: of each, higher is better: a recall.

    Example:
        >>> pareto_front([10.0, 20.0, 30.0], [0.5, 0.4, 0.9])
        [True, False, True]
    """
    points = list(zip(costs, values, strict=True))
    return [not any(c <= cost and v >= value and (c < cost or v > value) for c, v in points) for cost, value in points]
