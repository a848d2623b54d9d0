"""DISK against kornia's own detection."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from placeprint.features.disk import DISK
from placeprint.networks.weights import find_weights, weights_path
from tests.conftest import make_scene

pytestmark = pytest.mark.skipif(
    weights_path(find_weights("disk-depth")) is None, reason=find_weights("disk-depth").install
)


def test_keypoints_are_those_of_kornia_but_for_borders_and_even_surfaces() -> None:
    from placeprint.networks.disk import load_disk

    image = make_scene(0, 160, 112)
    own = DISK(size=0, max_keypoints=100_000).extract(image)
    with torch.inference_mode():
        (found,) = load_disk()(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255)
    theirs = {
        (int(x), int(y)): (row, score)
        for (x, y), row, score in zip(found.keypoints, found.descriptors, found.detection_scores, strict=True)
    }
    places = [(int(x), int(y)) for x, y in own.keypoints]
    assert len(places) > 0.5 * len(theirs) > 20 and set(places) <= set(theirs)
    for place, row, score in zip(places, own.descriptors, own.scores, strict=True):
        np.testing.assert_allclose(row, theirs[place][0], atol=1e-4)
        assert score == pytest.approx(float(theirs[place][1]), abs=1e-4)
    assert (np.diff(own.scores) <= 0).all()
