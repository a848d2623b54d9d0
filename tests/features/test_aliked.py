"""ALIKED against kornia's own extraction, and its conventions."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from placeprint.errors import OptionError, ShapeError
from placeprint.features import batching
from placeprint.features.aliked import ALIKED, DIMS
from placeprint.networks.fitting import fit_into
from placeprint.networks.weights import find_weights, load_weights, weights_path
from tests.conftest import make_scene

INSTALLED = weights_path(find_weights("aliked-n16")) is not None
needs_weights = pytest.mark.skipif(not INSTALLED, reason=find_weights("aliked-n16").install)


@needs_weights
def test_keypoints_and_descriptors_are_those_of_kornia() -> None:
    import kornia.feature
    import torch

    from placeprint.networks.aliked import DERIVED, detect_batch

    scene = make_scene(1, 313, 245)
    model = kornia.feature.ALIKED("aliked-n16").eval()
    fit_into(model, load_weights("aliked-n16"), DERIVED)
    with torch.inference_mode():
        expected = model(torch.from_numpy(scene).permute(2, 0, 1)[None].float() / 255)[0]
    points, descriptors, scores = detect_batch("aliked-n16", [scene], 1000, 0.2, [None])[0]
    distances = np.linalg.norm(points[:, None] - expected.keypoints.numpy()[None], axis=2)
    nearest = distances.argmin(axis=0)
    assert len(points) == len(expected.keypoints) > 40
    assert distances.min(axis=0).max() < 1e-3
    np.testing.assert_allclose(descriptors[nearest], expected.descriptors.numpy(), atol=1e-4)
    np.testing.assert_allclose(scores[nearest], expected.keypoint_scores.numpy(), atol=1e-4)
    assert (np.diff(scores) <= 0).all()


@needs_weights
@pytest.mark.parametrize("size", [(320, 240), (313, 245)])
def test_a_corner_is_found_at_the_last_pixel_inside_it(size: tuple[int, int]) -> None:
    import cv2

    from placeprint.networks.aliked import detect_batch

    picture = np.full((size[1], size[0], 3), 40, np.uint8)
    picture[80:160, 100:220] = 200
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8), np.uint8)
    strongest = detect_batch("aliked-n16", [picture], 1, 0.2, [None])[0][0][0]
    # the edge runs between pixels 219 and 220, and 159 and 160
    assert np.abs(strongest - [219.5, 159.5]).max() < 1


@needs_weights
def test_the_mask_applies_before_the_strongest_are_chosen() -> None:
    scene = make_scene(2, 320, 240)
    strongest = ALIKED(max_keypoints=5).extract(scene)
    mask = np.ones((240, 320), bool)
    for x, y in np.rint(strongest.keypoints).astype(int):
        mask[max(0, y - 6) : y + 7, max(0, x - 6) : x + 7] = False
    assert len(ALIKED(max_keypoints=5).extract(scene, mask)) == 5


@needs_weights
def test_a_batch_gives_what_single_photos_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "at_once", lambda on_gpu: on_gpu)  # together, as on a GPU
    scenes = [make_scene(0, 320, 240), make_scene(1, 200, 240), make_scene(2, 320, 240)]
    mask = np.zeros((240, 320), bool)
    mask[:, 150:] = True
    extractor = ALIKED(size=320, scales=(1.0, 0.7))
    for one, other in zip(
        [extractor.extract(scenes[0]), extractor.extract(scenes[1]), extractor.extract(scenes[2], mask)],
        extractor.extract_batch(scenes, [None, None, mask]),
        strict=True,
    ):
        assert one.image_size == other.image_size
        np.testing.assert_allclose(one.keypoints, other.keypoints, atol=1e-3)
        np.testing.assert_allclose(one.descriptors, other.descriptors, atol=1e-4)
    assert extractor.extract_batch([]) == []
    with pytest.raises(ShapeError, match="as many masks as images, 3, got 1"):
        extractor.extract_batch(scenes, [None])


@needs_weights
@pytest.mark.parametrize("model", DIMS)
def test_every_model_loads_and_has_the_declared_length(model: str) -> None:
    features = ALIKED(model=model, size=256).extract(make_scene(3, 256, 192))
    assert len(features) > 10
    assert features.descriptors.shape[1] == ALIKED(model=model).dim == find_weights(model).dim
    assert ALIKED(model=model).weights == model


@needs_weights
def test_threads_that_start_together_share_one_model() -> None:
    from concurrent.futures import ThreadPoolExecutor

    from placeprint.networks import aliked

    aliked.load_aliked.cache_clear()  # type: ignore[attr-defined]  # `loaded_once` adds it
    with ThreadPoolExecutor(4) as pool:
        models = list(pool.map(aliked.load_aliked, ["aliked-t16"] * 4))
    assert all(model is models[0] for model in models)


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(OptionError, match=r"model must be one of aliked-n16, .*, got 'n16'"):
        ALIKED(model="n16")


def test_the_extractor_does_not_load_torch_before_it_is_used() -> None:
    code = "import sys; from placeprint.features.aliked import ALIKED; ALIKED().dim; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
