"""Reasons in words: what each fact says, and on which side it is."""

from __future__ import annotations

from dataclasses import replace

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


def test_points_on_a_plane_and_their_cover() -> None:
    said = words({"xfeat.inliers": 143, "xfeat.coverage": 0.41, "xfeat.significance": 57.2}, candidate(12))
    assert said[:3] == [
        ("143 points of both photos fit together as on one flat surface. They cover 41 % of the photo.", True),
        ("By chance, this practically never happens (odds below 10⁻¹²).", True),
        ("In the best photo of another place, only 12 points fit.", True),
    ]
    rare = words({"xfeat.inliers": 20, "xfeat.coverage": 0.2, "xfeat.significance": 7.1})
    assert ("By chance, this rarely happens (odds of about 10⁻⁷).", True) in rare


@pytest.mark.parametrize(
    ("theirs", "much"), [(457, "almost as many"), (330, "more than half as many"), (535, "just as many"), (600, "more")]
)
def test_another_place_that_comes_close(theirs: int, much: str) -> None:
    said = words({"xfeat.inliers": 535, "xfeat.coverage": 0.4}, candidate(theirs))
    assert (f"The best photo of another place has {much}: {theirs}, against 535 here.", False) in said


def test_few_points_in_a_corner_on_a_line_at_the_same_spot_speak_against() -> None:
    facts = {"xfeat.inliers": 9, "xfeat.coverage": 0.02, "xfeat.spread": 0.01, "xfeat.static": 0.9}
    said = words(facts, candidate(9), model="fundamental")
    assert [speaks_for for _, speaks_for in said[:5]] == [False] * 5
    assert said[0][0] == "Only 9 points fit in both photos."
    assert words({"xfeat.inliers": 1})[0][0] == "Only 1 point fits in both photos."


def test_no_points_and_no_check() -> None:
    assert words({"xfeat.inliers": 0})[0] == ("No points of the two photos fit together.", False)
    unchecked = Evidence(1, "a.jpg", 0.25, 0.25, None, "not verified")
    said = reasons(unchecked, {}, None)
    assert said[0].speaks_for is None
    assert "0.25" in said[1].words


@pytest.mark.parametrize(
    ("theirs", "beside", "speaks_for"),
    [
        (None, "", True),
        (5.0, " The best photo of another place is less similar (5.0).", True),
        (9.01, " The best photo of another place is just as similar (9.0).", False),
        (9.5, " The best photo of another place is more similar (9.5).", False),
    ],
)
def test_similarity_beside_that_of_another_place(theirs: float | None, beside: str, speaks_for: bool) -> None:
    rival = None if theirs is None else replace(candidate(3), known={"keypoints.standard": theirs})
    said = words({"keypoints.standard": 9.0, "xfeat.inliers": 50, "xfeat.coverage": 0.2}, rival)
    look = "In their details, the two photos are far more similar than usual in this atlas (9.0 standard deviations)."
    assert said[-1] == (look + beside, speaks_for)


def test_a_second_opinion() -> None:
    said = words({"xfeat.inliers": 50, "xfeat.coverage": 0.2, "sift.inliers": 4, "lighterglue.inliers": 40})
    assert said[-2:] == [
        ("Another check, by SIFT, does not confirm it: only 4 points fit together.", False),
        ("Another check, by LighterGlue, agrees: 40 points fit together.", True),
    ]


def test_why_another_place_lost() -> None:
    sentence = why_lost(candidate(100), candidate(12, similarity=0.3))
    assert sentence == "Only 12 points fit, against 100. As a whole, it is less similar (0.30 against 0.40)."
    unsure = why_lost(candidate(8, verdict="not confirmed"), candidate(7))
    assert unsure == "Fewer points fit: 7, against 8. Neither is enough."
    assert why_lost(candidate(100), candidate(0)) == "No points fit, against 100."
    assert "less similar" not in why_lost(candidate(100, similarity=0.004), candidate(12, similarity=0.001))


def test_probabilities_say_whose_they_are() -> None:
    best = replace(candidate(535), probability=0.94)
    sentence = why_lost(best, replace(candidate(457), probability=0.87))
    assert sentence.endswith("Photo by photo, it is less likely (the best photo: 94 %; the runner-up: 87 %).")
    assert "both are equally likely (94 %)" in why_lost(best, replace(candidate(457), probability=0.941))


@pytest.mark.parametrize(("share", "expected"), [(0.5, "50 %"), (1.0, "over 99 %"), (0.0, "under 1 %"), (0.99, "99 %")])
def test_percent(share: float, expected: str) -> None:
    assert percent(share) == expected
