"""Unknown places in the report of the evidence: what counts as a false alarm, and which pairs are beside."""

from __future__ import annotations

import numpy as np

from scripts.evidence.report import Asked, unknown_places
from scripts.evidence.scenes import BESIDE, OTHER, SAME, _is_beside


def test_answers_that_show_the_same_building_count_as_false_alarms_only_where_said() -> None:
    labels = np.array([SAME, SAME, SAME, BESIDE, OTHER, OTHER], np.int8)
    odds = np.array([3.0, 2.0, -1.0, 2.5, 1.0, -3.0])
    guests = np.array([False, False, False, False, True, True])
    found = unknown_places([Asked(odds, np.arange(6) < 3, guests, labels)])
    assert found["accepted"] == 1 / 3
    assert found["without beside"] == found["beside guests"] == 2 / 3
    assert found["right"] == 0.5


def test_frames_of_a_stretch_and_photos_of_a_building_are_beside_each_other() -> None:
    assert _is_beside("corridor", "0000010", "0000016") and not _is_beside("corridor", "0000010", "0000017")
    assert _is_beside("sf_landmarks", "0040", "0008") and not _is_beside("sf_landmarks", "0008", "0009")
