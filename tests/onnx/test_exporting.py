"""Exported files: the same numbers in onnxruntime, for any size; what cannot be exported says so."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placeprint.describing.describer import Describer
from placeprint.errors import NotFittedError, OptionError, PackageError, PlaceprintError, WeightsError, WriteError
from placeprint.networks.weights import find_weights, weights_path
from placeprint.onnx import exporting
from placeprint.onnx.describer_graph import descriptor_graph
from placeprint.onnx.exporting import check_picture, export_onnx, largest_difference, load_describer
from placeprint.photos import read_image
from placeprint.presets import load_preset, preset_from
from placeprint.searching import learning
from tests.conftest import make_scene, presets_at_hand, write_photo

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

pytestmark = pytest.mark.skipif(weights_path(find_weights("xfeat")) is None, reason=find_weights("xfeat").install)

XFEAT = {"name": "xfeat", "size": 128, "max_keypoints": 50}
TABLES: dict[str, Any] = {
    "extractor": XFEAT,
    "aggregator": {"name": "vlad", "num_words": 8, "assignments": 2},
    "index": {"name": "flat"},
    "verifier": {"name": "mutual-geometry"},
    "codebook": {"min_photos": 50},
    "store": {},
}


def fitted(**tables: object) -> Describer:
    describer = Describer(preset_from(TABLES | tables, "own"))
    photos = [describer.features(make_scene(seed)) for seed in range(3)]
    for branch in describer.branches:
        branch.aggregator.fit([photo[branch.source] for photo in photos])
    return describer


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Describer, Path]:
    """Return a describer with two branches that look at pictures of two sizes, and its file."""
    second = {"weight": 2.0, "extractor": XFEAT | {"size": 96}, "aggregator": {"name": "gem"}}
    describer = fitted(fusion=[second])
    return describer, export_onnx(describer, tmp_path_factory.mktemp("onnx") / "model.onnx", name="two")


@pytest.mark.parametrize("size", [(90, 120), (200, 50), (37, 53)])
def test_one_file_describes_photos_of_any_size_as_placeprint_does(
    model: tuple[Describer, Path], size: tuple[int, int]
) -> None:
    describer, path = model
    assert describer.descriptor(describer.features(check_picture(*size, seed=5))).any()
    assert largest_difference(describer, path, [check_picture(*size, seed=5)]) < 1e-5


def test_a_file_says_what_it_takes_and_what_made_it(model: tuple[Describer, Path]) -> None:
    describer, path = model
    session = onnxruntime.InferenceSession(str(path))
    told = session.get_modelmeta().custom_metadata_map
    assert {entry.name for entry in session.get_inputs()} == {"picture_128_32", "picture_96_32"}
    assert json.loads(told["placeprint.inputs"])["picture_96_32"] == {"longest": 96, "multiple": 32, "stretch": [0, 0]}
    assert told["placeprint.preset"] == "two" and told["placeprint.dim"] == str(describer.dim)
    assert json.loads(told["placeprint.weights_sha256"]) == {"xfeat": find_weights("xfeat").sha256}


@pytest.mark.photos
def test_real_photos_have_the_same_descriptor(model: tuple[Describer, Path], data: Path) -> None:
    describer, path = model
    photos = sorted((data / "sf_landmarks" / "queries").iterdir())[:3]
    assert largest_difference(describer, path, [read_image(photo) for photo in photos]) <= exporting.TOLERANCE


def test_a_file_with_other_numbers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    describer = fitted(aggregator={"name": "gem"})
    traced = descriptor_graph(describer)
    wrong = fitted(aggregator={"name": "gem", "p": 1.0})
    monkeypatch.setattr(exporting, "descriptor_graph", lambda _: traced)
    with pytest.raises(PlaceprintError, match=r"expected at most 0\.0001"):
        export_onnx(wrong, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            {"extractor": {"name": "sift"}},
            "extractor SIFT cannot be exported to ONNX; those that can: Grid, Published, XFeat",
        ),
        ({"extractor": XFEAT | {"scales": (1.0, 0.5)}}, "one scale"),
        ({"extractor": XFEAT | {"semi_dense": True}}, "keypoints only"),
        ({"aggregator": {"name": "regional-vlad"}}, "aggregator RegionalVLAD cannot be exported"),
        ({"aggregator": {"name": "spoc", "center_prior": True}}, "center_prior"),
        ({"aggregator": {"name": "rmac"}}, "over a grid only"),
    ],
)
def test_what_has_no_graph_is_named(tables: dict[str, Any], message: str, tmp_path: Path) -> None:
    describer = Describer(preset_from(TABLES | tables, "own"))
    if "scales" not in str(tables) and "spoc" in str(tables):
        describer = fitted(**tables)
    with pytest.raises(OptionError, match=message):
        export_onnx(describer, tmp_path / "model.onnx")


def test_what_has_not_been_learned_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        export_onnx(Describer(preset_from(TABLES, "own")), tmp_path / "model.onnx")


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(PackageError, match=r"placeprint\[onnx\]"):
        export_onnx(Describer(preset_from(TABLES, "own")), tmp_path / "model.onnx")


SHAPES = ((90, 120), (120, 80), (96, 96))
"""Landscape, portrait and square."""
HAVE_NO_GRAPH = ("best", "delf-votes", "fusion", "sift-bow", "sift-vlad")


@pytest.mark.parametrize("name", presets_at_hand())
@pytest.mark.slow
def test_every_shipped_preset_exports_or_says_at_once_that_it_cannot(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = copy.deepcopy(dict(load_preset(name).components))
    for extractor in (tables["extractor"], *(item.get("extractor", {}) for item in tables.get("fusion", ()))):
        extractor["size"] = 96  # so that it is quick
    preset = preset_from(tables, name)
    state = learning.first_state(preset)
    describer = Describer(preset, state)
    if state is None:
        photos = [describer.features(make_scene(seed)) for seed in range(3)]
        for branch in describer.branches:
            branch.aggregator.fit([photo[branch.source] for photo in photos])
    if name in HAVE_NO_GRAPH:
        monkeypatch.setattr(exporting, "descriptor_graph", lambda _: pytest.fail("work was done"))
        with pytest.raises(OptionError, match="cannot be exported to ONNX; those that can: Grid, Published, XFeat"):
            export_onnx(describer, tmp_path / "model.onnx")
        return
    monkeypatch.setattr(exporting, "CHECKED", SHAPES)
    monkeypatch.setattr(exporting, "TRACED", (64, 96))
    assert export_onnx(describer, tmp_path / "model.onnx").is_file()


def test_what_is_no_exported_file_is_refused_in_one_line(tmp_path: Path, model: tuple[Describer, Path]) -> None:
    describer, path = model
    whole, generator = path.read_bytes(), np.random.default_rng(0)
    bad = tmp_path / "bad.onnx"
    for data in (b"", b"hello", whole[:2000], whole[: len(whole) // 2], bytes(generator.bytes(500))):
        bad.write_bytes(data)
        with pytest.raises(WeightsError, match="not a complete file exported by placeprint") as caught:
            largest_difference(describer, bad, [])
        assert "\n" not in str(caught.value)
    with pytest.raises(WeightsError, match="there is no file"):
        largest_difference(describer, tmp_path / "none.onnx", [])


def test_what_cannot_be_traced_or_written_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("graph:\n" + "line\n" * 300)

    describer = fitted(aggregator={"name": "gem"})
    with pytest.raises(WriteError, match="it is a folder"):
        export_onnx(describer, tmp_path)
    monkeypatch.setattr(exporting, "_trace", fail)
    with pytest.raises(PlaceprintError, match="cannot be written as ONNX: graph: line") as caught:
        export_onnx(describer, tmp_path / "model.onnx")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def preset_file(folder: Path, aggregator: str) -> Path:
    path = folder / "own.toml"
    path.write_text(
        "[extractor]\nname = 'xfeat'\nsize = 128\n[aggregator]\n" + aggregator + "\n[index]\nname = 'flat'\n"
        "[verifier]\nname = 'mutual-geometry'\n[codebook]\nmin_photos = 50\n[store]\n"
    )
    return path


def test_a_preset_without_a_codebook_asks_for_an_atlas(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="make an atlas, which learns one"):
        load_describer(preset_file(tmp_path, "name = 'vlad'"))


def test_a_pooling_needs_no_codebook(tmp_path: Path) -> None:
    name, describer = load_describer(preset_file(tmp_path, "name = 'gem'"))
    assert name == "own" and describer.dim == 64


def test_an_atlas_gives_its_own_codebook(tmp_path: Path) -> None:
    from placeprint.atlas import Atlas

    preset = preset_file(tmp_path, "name = 'vlad'\nnum_words = 4")
    atlas = Atlas.create(tmp_path / "atlas", str(preset))
    with pytest.raises(OptionError, match="has no codebook yet"):
        load_describer(tmp_path / "atlas")
    paths = [write_photo(tmp_path / f"{number}.png", make_scene(number)) for number in range(3)]
    atlas.add(paths)
    name, describer = load_describer(tmp_path / "atlas")
    assert (name, describer.dim) == ("own", 4 * 64)
    vector = describer.descriptor(describer.features(make_scene(1)))
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
