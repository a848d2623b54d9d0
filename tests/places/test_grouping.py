"""Places from links: by hand, with sorted folders, and with positions."""

from __future__ import annotations

import datetime
import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placeprint.places.grouping import group_places, linked_groups
from placeprint.store import PhotoRecord

HERE = (55.7042, 13.1910)


def record(number: int, path: str, location: tuple[float, float] | None = None) -> PhotoRecord:
    return PhotoRecord(path, f"{number:064x}", 1, 1, 640, 480, location, None, 100, None, number)


def flat(count: int, **locations: tuple[float, float]) -> dict[int, PhotoRecord]:
    return {n: record(n + 2**250, f"/all/{n}.jpg", locations.get(f"n{n}")) for n in range(1, count + 1)}


def groups(photos: dict[int, PhotoRecord], pairs: dict[tuple[int, int], float]) -> set[frozenset[int]]:
    return {frozenset(place.photos) for place in group_places(photos, pairs) if len(place.photos) > 1}


def test_a_walk_does_not_become_one_place() -> None:
    chain = {(n, n + 1): 0.97 for n in range(1, 40)}
    found = groups(flat(40), chain)
    assert found
    assert max(map(len, found)) <= 4  # of five, four links in ten pairs are 0.39 in the mean


def test_weaker_links_join_nothing() -> None:
    pairs = dict.fromkeys(((1, 2), (3, 4)), 0.98) | dict.fromkeys(itertools.product((1, 2), (3, 4)), 0.9)
    assert groups(flat(4), pairs) == {frozenset({1, 2}), frozenset({3, 4})}
    assert groups(flat(2), {(1, 2): 0.9}) == {frozenset({1, 2})}
    assert groups(flat(2), {(1, 2): 0.45}) == set()


def test_photos_of_one_spot_are_one_place_though_others_are_linked_better() -> None:
    pairs = dict.fromkeys(((1, 2), (3, 4)), 0.98) | dict.fromkeys(itertools.product((1, 2), (3, 4)), 0.9)
    there = dict.fromkeys(("n1", "n2", "n3", "n4"), HERE)
    assert groups(flat(4, **there), pairs) == {frozenset({1, 2, 3, 4})}
    moment = datetime.datetime(2020, 5, 17, 12, 0)
    burst = {n: replace(each, taken=moment + datetime.timedelta(seconds=n)) for n, each in flat(4).items()}
    assert groups(burst, pairs) == {frozenset({1, 2, 3, 4})}
    later = {n: replace(each, taken=moment + datetime.timedelta(minutes=n)) for n, each in flat(4).items()}
    assert groups(later, pairs) == {frozenset({1, 2}), frozenset({3, 4})}


def test_photos_that_all_show_the_same_are_one_place() -> None:
    pairs = dict.fromkeys(itertools.combinations(range(1, 6), 2), 0.96)
    assert groups(flat(6), pairs) == {frozenset(range(1, 6))}


def test_a_photo_belongs_to_the_place_it_is_linked_to_better() -> None:
    assert groups(flat(3), {(1, 2): 0.98, (2, 3): 0.92}) == {frozenset({1, 2})}
    assert groups(flat(3), {(2, 3): 0.92}) == {frozenset({2, 3})}


def test_photos_far_apart_are_no_place_however_alike() -> None:
    pairs = {(1, 2): 0.99}
    assert groups(flat(2, n1=HERE, n2=(HERE[0] + 0.0005, HERE[1])), pairs) == {frozenset({1, 2})}
    assert groups(flat(2, n1=HERE, n2=(HERE[0] + 0.05, HERE[1])), pairs) == set()


def test_positions_on_both_sides_of_the_date_line_are_near() -> None:
    assert groups(flat(2, n1=(-17.5, 179.9999), n2=(-17.5, -179.9999)), {(1, 2): 0.99}) == {frozenset({1, 2})}


def test_a_folder_that_is_linked_inside_is_one_place_and_two_are_never_joined() -> None:
    photos = {n: record(n, f"/{'castle' if n <= 3 else 'bridge'}/{n}.jpg") for n in range(1, 7)}
    inside = dict.fromkeys(((1, 2), (2, 3), (4, 5), (5, 6)), 0.8)
    assert groups(photos, inside) == {frozenset({1, 2, 3}), frozenset({4, 5, 6})}
    assert groups(photos, inside | {(3, 4): 0.99}) == {frozenset({1, 2, 3}), frozenset({4, 5, 6})}
    assert {place.label for place in group_places(photos, inside)} == {"castle", "bridge"}


def test_a_folder_whose_photos_are_not_linked_means_nothing() -> None:
    photos = {n: record(n, f"/{'a' if n <= 3 else 'b'}/{n}.jpg") for n in range(1, 7)}
    assert groups(photos, {(1, 4): 0.95}) == {frozenset({1, 4})}


def test_the_label_is_the_best_photo_where_the_folder_holds_more() -> None:
    photos = flat(4)
    place = group_places(photos, dict.fromkeys(((1, 2), (2, 3)), 0.95) | {(1, 3): 0.94})[0]
    assert place.label == "2"
    assert place.photos[0] == 2


def test_the_id_stays_when_the_place_grows_and_is_unique_for_copies() -> None:
    before = group_places(flat(2), {(1, 2): 0.99})[0]
    after = group_places(flat(3), dict.fromkeys(itertools.combinations(range(1, 4), 2), 0.97))[0]
    assert before.id == after.id
    copies = {n: record(7, f"/all/{n}.jpg") for n in range(3)}
    assert len({place.id for place in group_places(copies, {})}) == 3


def test_the_position_of_a_place_is_that_of_its_photos() -> None:
    place = group_places(flat(2, n1=HERE), {(1, 2): 0.99})[0]
    assert place.location == pytest.approx(HERE)
    assert group_places(flat(2), {(1, 2): 0.99})[0].location is None


def test_no_photos_have_no_places() -> None:
    assert group_places({}, {}) == []


@given(st.dictionaries(st.tuples(st.integers(0, 7), st.integers(8, 15)), st.floats(0.1, 1.0), max_size=30))
@settings(deadline=None)
def test_groups_divide_the_photos_and_are_linked_in_the_mean(pairs: dict[tuple[int, int], float]) -> None:
    found = linked_groups(pairs, [], range(16), 0.5)
    assert sorted(itertools.chain(*found)) == list(range(16))
    for group in found:
        values = [pairs.get(pair, 0.0) for pair in itertools.combinations(group, 2)]
        assert not values or np.mean(values) > 0
