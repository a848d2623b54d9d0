"""Similarities of presets taken apart over keypoints: exact, for both photos, on pictures of usual size."""

from __future__ import annotations

import numpy as np
import pytest

from placeprint.aggregation.whitening import PCAWhitening
from placeprint.describing.contributions import contributions
from placeprint.describing.describer import Describer
from placeprint.errors import OptionError, ShapeError
from placeprint.presets import load_preset
from placeprint.searching.learning import first_state
from placeprint.types import PhotoFeatures
from tests.conftest import make_scene

SUPPORTED = ["xfeat-vlad", "sift-vlad", "lite2-vlad", "fast", "balanced", "best", "lite2-gem", "netvlad"]


def prepared(name: str) -> tuple[Describer, PhotoFeatures, PhotoFeatures]:
    """Return a describer, and the features of two pictures that share half of what they show."""
    preset = load_preset(name)
    describer = Describer(preset, first_state(preset))
    scene = make_scene(3, 960, 480)
    first, second = (describer.features(np.ascontiguousarray(scene[:, x : x + 640])) for x in (0, 320))
    return describer, first, second


@pytest.mark.parametrize("name", SUPPORTED)
@pytest.mark.slow
def test_the_parts_add_up_to_the_similarity(name: str) -> None:
    describer, first, second = prepared(name)
    one, two = describer.descriptor(first), describer.descriptor(second)
    stored = describer.decode_descriptors([describer.encode_descriptor(two)])[0]
    for features, other, similarity in (
        (first, two, one @ two),
        (second, one, one @ two),
        (first, stored, one @ stored),
    ):
        found = contributions(describer, features, other)
        assert len(found.parts) == len(describer.branches)
        assert sum(part.values.sum() for part in found.parts) == pytest.approx(similarity, abs=1e-5)
        assert found.total == pytest.approx(similarity, abs=1e-5)
        assert all(len(part.values) == len(part.features) for part in found.parts)


def test_what_two_photos_share_adds_more_than_the_rest() -> None:
    describer, first, second = prepared("xfeat-vlad")
    (part,) = contributions(describer, first, describer.descriptor(second)).parts
    shared = part.features.keypoints[:, 0] > 320
    assert part.values[shared].mean() > 2 * part.values[~shared].mean()


def test_the_mean_of_a_whitening_is_part_of_the_rest() -> None:
    describer, first, second = prepared("lite2-gem")
    rows = np.random.default_rng(0).normal(size=(40, describer.dim)).astype(np.float32)
    describer.whitener = PCAWhitening(dim=16).fit(rows)
    other = describer.descriptor(second)
    found = contributions(describer, first, other)
    assert found.total == pytest.approx(float(describer.descriptor(first) @ other), abs=1e-5)
    assert found.rest != 0


def test_a_blank_photo_has_no_parts() -> None:
    describer, first, _ = prepared("balanced")
    blank = describer.features(np.full((480, 640, 3), 128, np.uint8))
    found = contributions(describer, blank, describer.descriptor(first))
    assert found.total == 0
    assert sum(len(part.values) for part in found.parts) == 0


def test_other_lengths_and_other_aggregators_are_refused() -> None:
    describer, first, _ = prepared("fast")
    with pytest.raises(ShapeError, match="65536"):
        contributions(describer, first, np.zeros(3, np.float32))
    describer, first, second = prepared("lite2-rmac")
    with pytest.raises(OptionError, match="RMAC cannot be split into parts"):
        contributions(describer, first, describer.descriptor(second))
