"""Photos described by Ray: the same rows as from threads, and errors that say what to do."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.scale.engines import rows_of
from placeprint import Atlas
from placeprint.describing.bulk import DescribedPhoto, LocalEngine
from placeprint.describing.describer import Describer
from placeprint.describing.ray_engine import RayEngine, _Worker
from placeprint.errors import OptionError, PackageError, ServiceError, WeightsError
from placeprint.photos.masks import MaskFolder
from placeprint.presets import load_preset
from placeprint.searching import learning
from placeprint.store import PhotoRecord


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(5):
        blocks = rng.integers(0, 256, (12, 16, 3), np.uint8).repeat(10, 0).repeat(10, 1)
        Image.fromarray(blocks).save(folder / f"{number}.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    return folder


@pytest.mark.large
@pytest.mark.filterwarnings("ignore")  # those of Ray itself
def test_ray_stores_the_same_rows_as_threads(photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    found = {}
    for name, engine in (("local", None), ("ray", RayEngine(workers=1))):
        atlas = Atlas.create(tmp_path / name, "sift-vlad")
        report = atlas.add(photos, engine=engine)
        assert (report.added, len(report.skipped)) == (5, 1)
        found[name] = rows_of(atlas)
    assert found["ray"] == found["local"]


def test_there_is_no_cluster_at_the_address(photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    with pytest.raises(ServiceError, match=r"check the cluster and its address"):
        atlas.add(photos, engine=RayEngine("127.0.0.1:1"))
    assert len(atlas) == 0


def test_a_worker_describes_as_the_threads_do(photos: Path) -> None:
    preset = load_preset("sift-vlad")
    describer = Describer(preset, learning.first_state(preset))
    paths = sorted(photos.iterdir())
    rows = _Worker(describer, None)(
        {"path": np.array([str(path) for path in paths]), "known": np.array([pickle.dumps(None)] * len(paths), object)}
    )
    expected = list(LocalEngine(1).describe(paths, describer, {}))
    assert sum(photo.record.error is None for photo in expected) == 5
    for row, photo in zip(rows["photo"], expected, strict=True):
        again: DescribedPhoto = pickle.loads(row)
        assert (again.record, again.columns, again.descriptor) == (photo.record, photo.columns, photo.descriptor)


def test_without_ray_the_error_says_how_to_install_it(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(PackageError, match=r"placeprint\[cluster\]"):
        list(RayEngine().describe([photos / "0.png"], Describer(load_preset("sift-vlad")), {}))


def test_no_photos_start_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert list(RayEngine().describe([], Describer(load_preset("sift-vlad")), {})) == []


def test_the_number_of_workers_is_checked() -> None:
    with pytest.raises(OptionError, match="workers"):
        RayEngine(workers=0)


class Failing:
    """An engine that fails in the middle."""

    def describe(
        self,
        paths: Sequence[Path],
        describer: Describer,
        known: Mapping[str, PhotoRecord],
        masks: MaskFolder | None = None,
    ) -> Iterator[DescribedPhoto]:
        yield from LocalEngine(1).describe(paths[:2], describer, known, masks)
        raise WeightsError("gone")


def test_what_came_before_a_failure_is_kept(photos: Path, tmp_path: Path) -> None:
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    with pytest.raises(WeightsError, match="gone"):
        atlas.add(photos, engine=Failing())
    assert len(atlas) == 2
