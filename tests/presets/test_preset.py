"""Presets as objects: read once, written back as they were, passed on with their files."""

from __future__ import annotations

import importlib.metadata
import pickle
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from placeprint.errors import OptionError
from placeprint.features.sift import SIFT
from placeprint.presets import (
    CodebookSpec,
    ComponentSpec,
    Preset,
    kept_files,
    load_preset,
    preset_from,
    preset_names,
    write_preset,
)

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("format-*/**/preset.toml"))
SHIPPED = [Path(str(resources.files("placeprint.presets"))) / f"{name}.toml" for name in preset_names()]
TABLES: dict[str, Any] = {
    "extractor": {"name": "sift"},
    "aggregator": {"name": "gem"},
    "index": {"name": "flat"},
    "verifier": {"name": "two-view"},
    "codebook": {"min_photos": 50},
    "store": {},
}


@pytest.mark.parametrize("path", [*SHIPPED, *GOLDEN], ids=lambda path: path.parent.name + "-" + path.stem)
def test_a_preset_is_written_as_it_was_read(path: Path, tmp_path: Path) -> None:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    preset = preset_from(tables, "own")
    assert {"summary": preset.summary} | preset.components == tables
    assert list(preset.components) == [name for name in tables if name != "summary"]
    write_preset(preset, tmp_path / "own.toml", "made by a test")
    text = (tmp_path / "own.toml").read_text(encoding="utf-8")
    assert text.startswith("# made by a test\n") and tomllib.loads(text) == tables
    assert preset_from(tomllib.loads(text), "own") == preset


def test_a_preset_is_an_object_that_processes_share() -> None:
    preset = load_preset("fusion")
    assert pickle.loads(pickle.dumps(preset)) == preset
    assert [spec.name for spec in preset.extractors] == ["xfeat", "aliked", "grid"]
    assert (preset.fusion[0].weight, preset.store.descriptor_bits, preset.voter) == (1.0, 4, None)


def test_an_extractor_that_is_named_twice_is_one() -> None:
    second = {"extractor": {"name": "sift"}, "aggregator": {"name": "mac"}}
    preset = preset_from(TABLES | {"fusion": [second, {"aggregator": {"name": "spoc"}}]}, "own")
    assert preset.extractors == (ComponentSpec("extractors", "sift"),)


def test_a_part_is_checked_when_it_is_made() -> None:
    with pytest.raises(OptionError, match="'sift' has no parameter 'keypoints'; did you mean 'max_keypoints'"):
        ComponentSpec("extractors", "sift", {"keypoints": 3})
    with pytest.raises(OptionError, match="shipped or file, not both"):
        CodebookSpec(shipped="a", file="b")
    with pytest.raises(OptionError, match="no index called 'flatt'; did you mean 'flat'"):
        preset_from(TABLES | {"index": {"name": "flatt"}}, "own")
    with pytest.raises(OptionError, match=r"\[whitener\]: 'pca-whitening' has no parameter 'min_photo'"):
        preset_from(TABLES | {"whitener": {"name": "pca-whitening", "min_photo": 3}}, "own")
    with pytest.raises(OptionError, match=r"whitener.min_photos must be a whole number"):
        preset_from(TABLES | {"whitener": {"name": "pca-whitening", "min_photos": 0}}, "own")


def test_paths_of_files_are_changed_wherever_they_stand() -> None:
    fusion = [{"extractor": {"name": "grid", "backbone": "net.safetensors"}, "aggregator": {"name": "gem"}}]
    tables = TABLES | {"fusion": fusion, "codebook": {"file": "state.npz"}}
    preset = preset_from(tables | {"summary": "it replaces net.safetensors"}, "own").with_files(lambda path: f"/{path}")
    assert preset.fusion[0].extractor is not None
    assert preset.fusion[0].extractor.options["backbone"] == "/net.safetensors"
    assert (preset.codebook.file, preset.summary) == ("/state.npz", "it replaces net.safetensors")


def test_files_are_kept_under_names_made_of_their_content(tmp_path: Path) -> None:
    (tmp_path / "state.npz").write_bytes(b"abc")
    preset = preset_from(TABLES | {"codebook": {"file": str(tmp_path / "state.npz")}}, "own")
    kept = kept_files(preset, "files/")
    assert kept.contents == {"state-ba7816bf8f01.npz": b"abc"}
    assert kept.preset.codebook.file == "files/state-ba7816bf8f01.npz"
    (tmp_path / "state.npz").unlink()
    with pytest.raises(OptionError, match="needs the file"):
        kept_files(preset)


def test_a_component_of_another_package_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        name, value = "mine", "placeprint.features.sift:SIFT"

    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [Entry] * (group[-10:] == "extractors"))
    preset: Preset = preset_from(TABLES | {"extractor": {"name": "mine", "max_keypoints": 7}}, "own")
    made = preset.extractor.make()
    assert isinstance(made, SIFT) and made.max_keypoints == 7
