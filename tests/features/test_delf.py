"""DELF: where its keypoints are, what its attention and projection give, and which keypoints are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from placeprint.errors import OptionError, WeightsError
from placeprint.features.delf import DELF, SCALES, over_photo, without_overlaps
from placeprint.networks.delf import (
    Attention,
    DELFNetwork,
    delf_as_bytes,
    load_delf,
    network_from,
    principal_axes,
    project,
)
from placeprint.networks.stages import load_stages
from placeprint.networks.weights import find_weights, weights_path
from placeprint.types import LocalFeatures
from tests.conftest import make_scene, random_features

pytestmark = pytest.mark.skipif(
    weights_path(find_weights("efficientnet-lite2")) is None, reason=find_weights("efficientnet-lite2").install
)


def test_the_pyramid_has_the_scales_of_the_paper() -> None:
    np.testing.assert_allclose(SCALES, [2 ** (step / 2) for step in range(-4, 3)], rtol=1e-3)
    features = DELF(max_keypoints=100_000, size=320).extract(make_scene(0, 320, 240))
    assert features.scales is not None
    # the sides of the pictures are multiples of 32, so the seven factors are only about those of the paper
    sides = np.unique(features.scales.round(3))
    longest = [int(320 * scale) // 32 * 32 for scale in SCALES]
    np.testing.assert_allclose(sides, sorted(16 * 320 / side for side in longest), rtol=1e-3)


@pytest.mark.slow
def test_a_cell_answers_most_to_what_is_where_its_keypoint_is() -> None:
    scene = make_scene(1, 320, 320)
    extractor = DELF(max_keypoints=100_000, size=320, scales=(1.0,), min_contrast=0.0)
    before = extractor.extract(scene)
    row = int(np.argmin(np.linalg.norm(before.keypoints - 169.5, axis=1)))
    point, change = before.keypoints[row], {}
    for y in range(24, 320, 24):
        for x in range(24, 320, 24):
            probed = scene.copy()
            probed[y - 12 : y + 12, x - 12 : x + 12] = 255 - probed[y - 12 : y + 12, x - 12 : x + 12]
            after = extractor.extract(probed)
            same = int(np.argmin(np.linalg.norm(after.keypoints - point, axis=1)))
            change[x - 0.5, y - 0.5] = float(np.sum((after.descriptors[same] - before.descriptors[row]) ** 2))
    places, weights = np.array(list(change)), np.array(list(change.values()))
    middle = (places * weights[:, None]).sum(axis=0) / weights.sum()
    assert np.linalg.norm(middle - point) < 24
    strongest = places[np.argsort(-weights)[:4]]
    assert np.linalg.norm(strongest - point, axis=1).max() < 60


def test_attention_is_never_negative_and_sorts_the_keypoints() -> None:
    torch.manual_seed(0)
    weights = Attention(8, 16)(50 * torch.randn(2, 8, 5, 7))
    assert weights.shape == (2, 1, 5, 7) and (weights >= 0).all()
    features = DELF().extract(make_scene(0))
    assert (features.scores >= 0).all() and (np.diff(features.scores) <= 0).all()


def test_the_projection_turns_and_shortens_without_whitening() -> None:
    generator = np.random.default_rng(0)
    spread = np.array([5.0, 3.0, 1.0, 0.2])
    rows = torch.from_numpy(generator.normal(size=(5000, 4)) * spread + 7)
    mean, axes = principal_axes(rows, 3)
    np.testing.assert_allclose(mean, rows.mean(dim=0))
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)
    # whitened, all would be 1
    np.testing.assert_allclose(((rows - mean) @ axes.T).std(dim=0), spread[:3], rtol=0.05)


def test_the_shipped_axes_are_of_unit_length_and_orthogonal() -> None:
    axes = load_delf("delf-grocery").network.axes.cpu()
    assert axes.shape == (40, 120)
    np.testing.assert_allclose(axes @ axes.T, np.eye(40), atol=5e-3)  # kept in half precision


def test_the_projection_of_maps_is_that_of_a_plain_loop() -> None:
    generator = np.random.default_rng(1)
    maps, mean, axes = generator.normal(size=(2, 6, 3, 4)), generator.normal(size=6), generator.normal(size=(2, 6))
    found = project(*(torch.from_numpy(each) for each in (maps, mean, axes))).numpy()
    for picture in range(2):
        for y in range(3):
            for x in range(4):
                cell = maps[picture, :, y, x]
                short = axes @ (cell / np.linalg.norm(cell) - mean)
                np.testing.assert_allclose(found[picture, :, y, x], short / np.linalg.norm(short), atol=1e-9)


def test_several_photos_at_once_are_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from placeprint.features import batching

    monkeypatch.setattr(batching, "at_once", lambda on_gpu: on_gpu)
    photos = [make_scene(0, 160, 120), make_scene(1, 160, 120), make_scene(2, 120, 160)]
    extractor = DELF(size=160, max_keypoints=100)
    for photo, together in zip(photos, extractor.extract_batch(photos), strict=True):
        alone = extractor.extract(photo)
        np.testing.assert_allclose(together.scores, alone.scores, atol=1e-4)
        assert np.mean(np.sum(together.descriptors * alone.descriptors, axis=1) > 0.999) > 0.95


@pytest.mark.parametrize(("height", "width"), [(37, 53), (1, 1), (1, 90), (500, 20)])
def test_photos_of_odd_sizes_are_taken(height: int, width: int) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    features = DELF(size=64).extract(photo)
    assert features.image_size == (width, height) and features.descriptors.shape[1] == 40
    assert DELF(size=64).attention(photo).shape == (height, width)


def test_a_threshold_of_the_score_drops_the_cells_below_it() -> None:
    scene = make_scene(0, 160, 120)
    features = DELF(size=160, max_keypoints=100_000).extract(scene)
    middle = float(np.median(features.scores))
    kept = DELF(size=160, max_keypoints=100_000, score_threshold=middle).extract(scene)
    assert len(kept) == (features.scores >= middle).sum() and (kept.scores >= middle).all()


def test_overlapping_keypoints_are_dropped_if_asked_for() -> None:
    scene = make_scene(0, 160, 120)
    usual = DELF(size=160, max_keypoints=300).extract(scene)
    spread = DELF(size=160, max_keypoints=300, max_overlap=0.5).extract(scene)
    assert usual.scores[0] == spread.scores[0]
    assert 10 < len(spread) < len(usual)
    assert len(without_overlaps(spread, 0.5, 10_000)) == len(spread)
    with pytest.raises(OptionError, match="max_overlap must be a number above 0 and at most 1, got 0"):
        DELF(max_overlap=0.0).extract(scene)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.floats(0.05, 0.95))
def test_what_is_kept_does_not_overlap_and_what_is_dropped_does(seed: int, most: float) -> None:
    features = random_features(40, 4, seed)
    generator = np.random.default_rng(seed)
    features = LocalFeatures(
        features.keypoints,
        features.descriptors,
        generator.random(40, np.float32),
        features.image_size,
        generator.uniform(4, 20, 40).astype(np.float32),
    )
    assert features.scales is not None
    boxes = np.column_stack([features.keypoints - 3 * features.scales[:, None], 6 * features.scales])

    def overlap(a: int, b: int) -> float:
        (ax, ay, aw), (bx, by, bw) = boxes[a].tolist(), boxes[b].tolist()
        width, height = (max(0.0, min(p + aw, q + bw) - max(p, q)) for p, q in ((ax, bx), (ay, by)))
        return float(width * height / (aw * aw + bw * bw - width * height))

    kept = without_overlaps(features, most, 100).tolist()
    assert all(overlap(a, b) <= most + 1e-4 for a in kept for b in kept if a != b)
    for dropped in set(range(40)) - set(kept):
        better = [each for each in kept if features.scores[each] >= features.scores[dropped]]
        assert any(overlap(dropped, each) > most - 1e-4 for each in better)


def test_a_heat_map_has_the_value_of_a_cell_where_the_cell_looks() -> None:
    cells = np.arange(12, dtype=np.float32).reshape(3, 4)
    found = over_photo(cells, 16, 9.5, (48, 64), (96, 128))
    assert found.shape == (96, 128)
    # pixel 25.5 of the level is at 2 (25.5 + 0.5) - 0.5 = 51.5 of the photo
    assert found[51:53, 51:53].mean() == pytest.approx(cells[1, 1])


def test_a_trained_network_holds_only_what_was_trained_and_is_read_again(tmp_path: Path) -> None:
    torch.manual_seed(0)
    backbone = load_stages("efficientnet-lite2", last_stage=5)
    network = DELFNetwork(backbone, Attention(120, 16), 8).eval()
    with torch.no_grad():
        for value in backbone.stages[5].parameters():
            value.mul_(1.01)
    (tmp_path / "own.safetensors").write_bytes(delf_as_bytes(network, "efficientnet-lite2"))
    assert (tmp_path / "own.safetensors").stat().st_size < 3_000_000
    reader = load_delf(str(tmp_path / "own.safetensors"))
    assert (reader.stride, reader.dim) == (16, 8)
    pictures = np.stack([make_scene(0, 64, 64)])
    with torch.inference_mode():
        expected = network(torch.from_numpy(pictures).permute(0, 3, 1, 2).float())
    found = reader.maps(pictures)
    np.testing.assert_allclose(found[0], expected[0].permute(0, 2, 3, 1), atol=2e-2)  # kept in half precision
    np.testing.assert_allclose(found[1], expected[1][:, 0], rtol=2e-2)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no DELF called 'delf-xx'; known: delf-grocery, or the path"):
        load_delf("delf-xx")
    (tmp_path / "x.safetensors").write_bytes(b"no network")
    with pytest.raises(WeightsError, match="cannot read the weights"):
        load_delf(str(tmp_path / "x.safetensors"))
    with pytest.raises(WeightsError, match="is not a trained DELF of placeprint; its header says"):
        network_from({}, {"format": "other"}, "x")
    with pytest.raises(OptionError, match="with efficientnet-lite0 or efficientnet-lite2 as its backbone, got 'xfeat'"):
        delf_as_bytes(
            DELFNetwork(load_stages("efficientnet-lite2", last_stage=5), Attention(120, 4), 8).eval(), "xfeat"
        )
