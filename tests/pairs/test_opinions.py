"""Further opinions while it is open whether two photos show the same place."""

from __future__ import annotations

import numpy as np
import pytest

from placeprint import match
from placeprint.datasets.photos.sample_photos import PLACES, read_samples, rephotograph
from placeprint.errors import OptionError
from placeprint.photos import rotate_image
from placeprint.types import Image
from tests.conftest import make_scene


def from_the_side(image: Image) -> Image:
    """Return a plane seen from 70 degrees aside."""
    import cv2

    blurred = cv2.GaussianBlur(image, (0, 0), sigmaX=1.8, sigmaY=0.01)
    return np.asarray(cv2.resize(blurred, None, fx=0.3, fy=1.0, interpolation=cv2.INTER_AREA), np.uint8)


def test_a_clear_answer_needs_no_further_opinion() -> None:
    scene = make_scene(4)
    answer = match(scene, rephotograph(scene, corners=0.06)[0], features="sift")
    assert answer.asked == ("sift",) and answer.features == "sift"
    assert answer.verdict == "same place" and answer.confidence is not None and answer.confidence >= 0.9


def test_different_photos_are_looked_at_in_every_way_and_stay_unconfirmed() -> None:
    answer = match(make_scene(1), make_scene(2), features="sift")
    assert answer.asked == ("sift", "tilted")
    assert answer.verdict == "not confirmed" and answer.confidence is not None and answer.confidence < 0.2


def test_a_plane_from_the_side_is_confirmed_by_tilts_alone() -> None:
    scene = read_samples(PLACES)["temple"]
    plain = match(scene, from_the_side(scene), features="sift", opinions=False)
    answer = match(scene, from_the_side(scene), features="sift")
    assert plain.verdict != "same place" and plain.asked == ("sift",)
    assert answer.verdict == "same place" and answer.features == "tilted"
    inliers = answer.verification.inliers
    assert inliers.sum() > 30 and (answer.errors[inliers] < answer.tolerance * 1.01).all()


def test_rotated_photos_are_confirmed_by_sift_where_no_rotation_is_tried() -> None:
    scene = read_samples(PLACES)["temple"]
    answer = match(rotate_image(scene, 90), scene, rotations=False)
    assert answer.verdict == "same place" and answer.features == "sift" and answer.asked == ("xfeat", "sift")


def test_methods_that_the_model_does_not_know_have_no_confidence() -> None:
    scene = make_scene(4)
    seen = rephotograph(scene, corners=0.06)[0]
    for options in ({"features": "harris"}, {"matcher": "mutual"}, {"model": "affine"}):
        answer = match(scene, seen, **{"features": "sift", **options})  # type: ignore[arg-type]
        assert answer.confidence is None and len(answer.asked) == 1
    with pytest.raises(OptionError, match="a precision can be guaranteed for the features xfeat and sift"):
        match(scene, seen, features="harris", precision=0.9)


def test_a_promised_precision_moves_the_verdict_and_not_the_confidence() -> None:
    scene = make_scene(4)
    seen = rephotograph(scene, corners=0.06)[0]
    usual, strict = match(scene, seen, features="sift"), match(scene, seen, features="sift", precision=0.9)
    assert usual.confidence == strict.confidence and usual.precision is None and strict.precision == 0.9
    most = match(scene, seen, features="sift", precision=0.9999).precision
    assert most is not None and 0.9 <= most < 0.9999
