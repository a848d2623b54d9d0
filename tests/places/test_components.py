"""Connected parts of graphs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from placeprint.places.components import components, part_of_each

PAIRS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=20)


@given(PAIRS)
def test_parts_are_those_of_scipy(pairs: list[tuple[int, int]]) -> None:
    parts = components(12, pairs)
    graph = coo_array(([1] * len(pairs), ([a for a, _ in pairs], [b for _, b in pairs])), (12, 12))
    labels = connected_components(graph, directed=False)[1]
    assert sorted(node for part in parts for node in part) == list(range(12))
    assert all(len({labels[node] for node in part}) == 1 for part in parts)
    assert len(parts) == len(set(labels.tolist()))


def test_nodes_without_pairs_are_parts_of_their_own() -> None:
    assert components(0, []) == []
    assert part_of_each([4, 8], []) == {4: [4], 8: [8]}
