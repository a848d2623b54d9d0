"""The connected parts of a graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence


def components(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return the connected parts of a graph of ``count`` nodes, each in rising order, by union and find.

    Example:
        >>> components(4, [(0, 2), (2, 3)])
        [[0, 2, 3], [1]]
    """
    head = list(range(count))

    def find(node: int) -> int:
        while head[node] != node:
            head[node] = node = head[head[node]]
        return node

    for first, second in pairs:
        head[find(first)] = find(second)
    parts: defaultdict[int, list[int]] = defaultdict(list)
    for node in range(count):
        parts[find(node)].append(node)
    return sorted(parts.values())


def part_of_each(nodes: Sequence[int], pairs: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    """Return the connected part of each of some nodes; parts are shared.

    Example:
        >>> part_of_each([5, 7, 9], [(5, 9)])
        {5: [5, 9], 9: [5, 9], 7: [7]}
    """
    rows = {node: row for row, node in enumerate(nodes)}
    parts = components(len(nodes), ((rows[first], rows[second]) for first, second in pairs))
    named = [[nodes[row] for row in part] for part in parts]
    return {node: part for part in named for node in part}
