"""Reasons in words: what each fact says, and on which side it is."""

from __future__ import annotations

import numpy as np
import pytest

from placeprint.explaining.reasons import percent, reasons, why_lost
from placeprint.types import Evidence, Verification


def candidate(
    matches: int = 100, *, model: str = "homography", similarity: float = 0.4, verdict: str = "same place"
) -> Evidence:
    pairs = np.stack([np.arange(matches)] * 2, axis=1)
    points = np.zeros((matches, 2, 2), np.float32)
    transform = np.eye(3) if matches else None
    check = Verification(pairs, points, np.ones(matches, bool), transform=transform, model=model)
    return Evidence(1, "a.jpg", similarity, 1.0, check, verdict)


def words(facts: dict[str, float], rival: Evidence | None = None, **kind: object) -> list[tuple[str, bool | None]]:
    found = reasons(candidate(int(facts.get("xfeat.inliers", 0)), **kind), facts, rival)  # type: ignore[arg-type]
    return [(reason.words, reason.speaks_for) for reason in found]


def test_matches_on_a_plane_and_their_cover() -> None:
    said = words({"xfeat.inliers": 143, "xfeat.coverage": 0.41, "xfeat.significance": 57.2}, candidate(12))
    assert said[:3] == [
        ("143 matches of keypoints lie on one plane and cover 41 % of the photo.", True),
        ("The odds that this many agree by chance are about 10⁻⁵⁷.", True),
        ("The best photo of another place has only 12.", True),
    ]


def test_few_matches_in_a_corner_on_a_line_at_the_same_pixels_speak_against() -> None:
    facts = {"xfeat.inliers": 9, "xfeat.coverage": 0.02, "xfeat.spread": 0.01, "xfeat.static": 0.9}
    said = words(facts, candidate(9), model="fundamental")
    assert [speaks_for for _, speaks_for in said[:5]] == [False] * 5
    assert "fit one scene seen twice" in said[0][0]


def test_no_matches_and_no_check() -> None:
    assert words({"xfeat.inliers": 0})[0] == ("No matches of keypoints agree with each other.", False)
    unchecked = Evidence(1, "a.jpg", 0.25, 0.25, None, "not verified")
    said = reasons(unchecked, {}, None)
    assert said[0].speaks_for is None
    assert "0.25" in said[1].words


def test_similarity_and_a_second_opinion() -> None:
    facts = {"keypoints.standard": 9.0, "keypoints.margin": 4.0, "map.standard": 1.0, "map.margin": -0.5}
    said = dict(words(facts | {"xfeat.inliers": 50, "xfeat.coverage": 0.2, "sift.inliers": 4}))
    assert (
        said[
            "By its keypoints, it is 9.0 standard deviations more similar than a usual photo of the atlas, "
            "and 4.0 more than the best of another place."
        ]
        is True
    )
    assert any("a photo of another place is more similar" in each for each, good in said.items() if good is False)
    assert said["A second check by SIFT keypoints does not confirm it: 4 matches."] is False


def test_why_another_place_lost() -> None:
    sentence = why_lost(candidate(100), candidate(12, similarity=0.3))
    assert (
        sentence == "Only 12 matches could be verified, against 100; it is less similar as a whole (0.30 against 0.40)."
    )
    unsure = why_lost(candidate(8, verdict="not confirmed"), candidate(7))
    assert unsure.endswith("neither is enough.")


@pytest.mark.parametrize(("share", "expected"), [(0.5, "50 %"), (1.0, "over 99 %"), (0.0, "under 1 %"), (0.99, "99 %")])
def test_percent(share: float, expected: str) -> None:
    assert percent(share) == expected
