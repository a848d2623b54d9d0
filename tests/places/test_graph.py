"""The match graph of an atlas."""

from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.errors import OptionError
from placeprint.evidence.shipped import load_model
from placeprint.places.graph import MatchGraph, Sightings, inliers_only, match_graph, pair_probabilities, reversed_check
from placeprint.types import Answer, Evidence, Verification
from tests.conftest import make_scene, random_features, write_photo, write_scenes
from tests.searching.test_weighing import seen_again


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    folder = tmp_path_factory.mktemp("graph")
    write_scenes(folder / "photos", 10)
    for number in (2, 5, 7):
        write_photo(folder / "photos" / f"{number:02d}-again.png", seen_again(make_scene(number)))
    made = Atlas.create(folder / "atlas", "fast")
    made.add([folder / "photos"], learn=False)
    return made


@pytest.fixture(scope="module")
def graph(atlas: Atlas) -> MatchGraph:
    return match_graph(atlas)


def names(graph: MatchGraph, least: float) -> set[tuple[str, str]]:
    return {(min(a, b), max(a, b)) for a, b in ((Path(a).stem, Path(b).stem) for a, b in graph.pairs(least))}


def test_photos_of_one_place_are_linked_and_others_are_not(graph: MatchGraph) -> None:
    assert names(graph, 0.5) == {("02", "02-again"), ("05", "05-again"), ("07", "07-again")}
    probabilities = [link.probability for link in graph.links]
    assert probabilities == sorted(probabilities, reverse=True)


def test_a_link_has_verified_matches_from_the_first_to_the_second(graph: MatchGraph) -> None:
    link = graph.links[0]
    check = link.verification
    assert link.first < link.second
    assert check.inliers.all()
    assert check.num_inliers > 20
    assert check.transform is not None
    moved = np.c_[check.points[:, 0], np.ones(len(check.points))] @ check.transform.T
    assert check.model != "fundamental"
    assert np.median(np.linalg.norm(moved[:, :2] / moved[:, 2:] - check.points[:, 1], axis=1)) < 5


def test_both_ends_know_a_link(graph: MatchGraph) -> None:
    link = graph.links[0]
    assert link in graph.of(link.first)
    assert link in graph.of(link.second)
    assert graph.neighbors(link.first, 0.5) == [(link.second, link.probability)]


def test_progress_counts_all_photos(atlas: Atlas) -> None:
    told: list[tuple[int, int]] = []
    match_graph(atlas, progress=lambda done, count: told.append((done, count)))
    assert told[-1] == (13, 13)


def test_an_empty_atlas_has_no_links(tmp_path: Path) -> None:
    found = match_graph(Atlas.create(tmp_path / "empty", "fast"))
    assert found.links == ()
    assert found.photos == {}


def test_a_preset_without_probabilities_is_refused(tmp_path: Path) -> None:
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    atlas.add([write_scenes(tmp_path / "photos", 2)], learn=False)
    with pytest.raises(OptionError, match="index the photos with the preset fast, balanced or best"):
        match_graph(atlas)


def check_of(count: int, transform: np.ndarray, model: str) -> Verification:
    generator = np.random.default_rng(count)
    matches = np.arange(2 * count).reshape(count, 2)
    points = generator.uniform(0, 100, (count, 2, 2)).astype(np.float32)
    return Verification(matches, points, np.arange(count) % 3 > 0, transform=transform, model=model)


def test_a_reversed_homography_maps_back() -> None:
    transform = np.array([[1.1, 0.1, 5], [-0.1, 0.9, -3], [1e-4, 2e-4, 1]])
    back = reversed_check(check_of(6, transform, "homography"))
    assert back.transform is not None
    product = back.transform @ transform
    np.testing.assert_allclose(product / product[2, 2], np.eye(3), atol=1e-9)
    assert back.matches[0].tolist() == [1, 0]


def test_a_reversed_fundamental_matrix_fits_the_exchanged_points() -> None:
    matrix = np.arange(9.0).reshape(3, 3)
    back = reversed_check(check_of(6, matrix, "fundamental"))
    first, second = np.array([3.0, 4, 1]), np.array([5.0, 6, 1])
    assert back.transform is not None
    assert second @ matrix @ first == pytest.approx(first @ back.transform @ second)


def test_only_inliers_are_kept() -> None:
    kept = inliers_only(check_of(9, np.eye(3), "homography"))
    assert len(kept.matches) == len(kept.points) == kept.num_inliers == 6


MODEL = load_model("fast")


def answer_of(confidence: float, *candidates: tuple[int, float]) -> Answer:
    """Return an answer whose candidates, by id, have some inliers each and are else alike."""
    check = check_of(9, np.eye(3), "homography")
    known = {"keypoints.standard": 8.0, "keypoints.margin": 0.0}
    evidence = tuple(
        Evidence(
            i, f"{i}.jpg", 0.5, 0.0, check, "possible", None, 0.5, known | {"xfeat.strength": s, "xfeat.inliers": s}
        )
        for i, s in candidates
    )
    return Answer(evidence, random_features(1, 8), 0.0, {}, confidence=confidence)


def test_no_pair_is_likelier_than_the_confidence_of_the_answer() -> None:
    sure, unsure = (pair_probabilities(answer_of(p, (2, 90), (3, 10)), MODEL) for p in (0.99, 0.2))
    assert max(unsure) == pytest.approx(0.2)
    assert sure[0] > sure[1]
    assert unsure[0] > unsure[1]
    assert sure[0] > unsure[0]


def test_an_answer_without_candidates_has_no_pairs() -> None:
    assert pair_probabilities(answer_of(0.5), MODEL) == []


def test_the_log_odds_of_both_directions_are_averaged() -> None:
    seen = Sightings(MODEL, 0.1)
    for photo, confidence in ((1, 0.4), (2, 0.1)):
        seen.add(photo, answer_of(confidence, (3 - photo, 90.0)))
    odds = np.sqrt((0.4 / 0.6) * (0.1 / 0.9))
    assert seen.links([1, 2])[0].probability == pytest.approx(odds / (1 + odds))
    assert seen.links([1, 3]) == ()
