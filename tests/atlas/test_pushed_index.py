"""An atlas whose candidates are in Milvus answers as it does by itself."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from placeprint import Atlas
from placeprint.cli import app
from placeprint.errors import AtlasMismatchError, OptionError, ServiceError

pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")


def write(folder: Path, first: int, count: int) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(first, first + count):
        rng = np.random.default_rng(number)
        blocks = rng.integers(0, 256, (12, 16, 3), np.uint8).repeat(12, 0).repeat(12, 1)
        Image.fromarray(blocks).save(folder / f"{number}.png")


@pytest.fixture
def atlas(tmp_path: Path) -> Atlas:
    write(tmp_path / "photos", 0, 6)
    made = Atlas.create(tmp_path / "atlas", "sift-vlad")
    made.add(tmp_path / "photos")
    return made


def test_it_answers_as_the_atlas_itself(atlas: Atlas, tmp_path: Path) -> None:
    to = f"milvus:{tmp_path / 'photos.db'}"
    seen: list[tuple[int, int]] = []
    report = atlas.push(to, lambda done, of: seen.append((done, of)))
    assert (report.added, report.removed, report.photos, report.anew) == (6, 0, 6, True)
    assert seen == [(6, 6)]
    query = tmp_path / "photos" / "3.png"
    own, pushed = atlas.search(query), Atlas.open(to).search(query)
    assert [e.path for e in pushed.evidence] == [e.path for e in own.evidence]
    assert [e.num_inliers for e in pushed.evidence] == [e.num_inliers for e in own.evidence]
    np.testing.assert_allclose([e.similarity for e in pushed.evidence], [e.similarity for e in own.evidence], atol=2e-3)


def test_an_atlas_at_an_address_is_found_by_its_collection(store_url: str, tmp_path: Path) -> None:
    write(tmp_path / "photos", 0, 6)
    made = Atlas.create(f"{store_url}/atlas", "sift-vlad")
    made.add(tmp_path / "photos", learn=False)
    made.push(f"milvus:{tmp_path / 'photos.db'}")
    pushed, query = Atlas.open(f"milvus:{tmp_path / 'photos.db'}"), tmp_path / "photos" / "3.png"
    assert pushed.home.name == made.home.name
    assert [e.path for e in pushed.search(query).evidence] == [e.path for e in made.search(query).evidence]


def test_only_what_differs_is_sent(atlas: Atlas, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    to = f"milvus:{tmp_path / 'photos.db'}"
    atlas.push(to)
    write(tmp_path / "photos", 6, 2)
    atlas.add(tmp_path / "photos", learn=False)
    atlas.remove(tmp_path / "photos" / "0.png")
    with caplog.at_level(logging.WARNING):
        answer = Atlas.open(to).search(tmp_path / "photos" / "7.png", top=20)
    assert "2 photos of the atlas are not in the collection" in caplog.text
    assert str(tmp_path / "photos" / "7.png") not in [e.path for e in answer.evidence]
    report = atlas.push(to)
    assert (report.added, report.removed, report.photos, report.anew) == (2, 1, 7, False)
    answer = Atlas.open(to).search(tmp_path / "photos" / "7.png", top=20)
    assert answer.evidence[0].path == str(tmp_path / "photos" / "7.png")
    assert str(tmp_path / "photos" / "0.png") not in [e.path for e in answer.evidence]


def test_a_collection_of_another_atlas_is_kept(atlas: Atlas, tmp_path: Path) -> None:
    to = f"milvus:{tmp_path / 'photos.db'}"
    atlas.push(to)
    other = Atlas.create(tmp_path / "other", "sift-vlad")
    with pytest.raises(OptionError, match="empty"):
        other.push(to)
    other.add(tmp_path / "photos" / "1.png")
    with pytest.raises(ServiceError, match="choose another collection"):
        other.push(to)


def test_a_collection_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="placeprint push"):
        Atlas.open(f"milvus:{tmp_path / 'none.db'}")


def test_a_new_codebook_asks_to_push_again(atlas: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to = f"milvus:{tmp_path / 'photos.db'}"
    atlas.push(to)
    monkeypatch.setattr("placeprint.searching.learning.ADAPT_PHOTOS", 2)
    atlas.refit(adapt=True)
    with pytest.raises(AtlasMismatchError, match="push the atlas again"):
        Atlas.open(to).search(tmp_path / "photos" / "1.png")
    assert atlas.push(to).anew
    assert Atlas.open(to).search(tmp_path / "photos" / "1.png").best is not None


def test_the_commands(atlas: Atlas, tmp_path: Path) -> None:
    to, run = f"milvus:{tmp_path / 'photos.db'}", CliRunner()
    result = run.invoke(app, ["push", str(tmp_path / "atlas"), "--to", to])
    assert result.exit_code == 0 and "6 added, 0 removed" in result.output
    result = run.invoke(app, ["search", str(tmp_path / "photos" / "2.png"), "--in", to, "--json"])
    assert result.exit_code == 0 and "2.png" in result.output
