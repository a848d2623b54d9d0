"""The Pareto front: the methods that no other method beats in both cost and value."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(costs: Sequence[float], values: Sequence[float]) -> list[bool]:
    """Return for each method whether no other is at least as cheap and as good, and better in one of the two.

    Args:
        costs: the cost of each method, lower is better, such as a time or a number of bytes.
        values: the value of each method, higher is better, such as a recall.

    Example:
        >>> pareto_front([10.0, 20.0, 30.0], [0.5, 0.4, 0.9])
        [True, False, True]
    """
    points = list(zip(costs, values, strict=True))
    return [not any(c <= cost and v >= value and (c < cost or v > value) for c, v in points) for cost, value in points]
