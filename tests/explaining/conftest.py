"""An atlas without networks, of scenes that a second camera saw again."""

from __future__ import annotations

from pathlib import Path

import pytest

from placeprint.atlas import Atlas
from placeprint.datasets.photos.sample_photos import rephotograph
from tests.conftest import make_scene, write_photo

HOSTILE = "<script>alert(1)<b> & 'x' [red].png"
"""A file name that markup, attributes and Rich could take for theirs."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an atlas of six scenes and query.png, a second view of one with a hostile name."""
    folder = tmp_path_factory.mktemp("explaining")
    for number in range(6):
        name = HOSTILE if number == 2 else f"{number}.png"
        write_photo(folder / "photos" / name, make_scene(number))
    write_photo(folder / "query.png", rephotograph(make_scene(2), corners=0.06)[0])
    write_photo(folder / "unknown.png", make_scene(40))
    atlas = Atlas.create(folder / "atlas", preset="sift-vlad")
    atlas.add(folder / "photos")
    return folder


@pytest.fixture(scope="session")
def atlas(folder: Path) -> Atlas:
    return Atlas.open(folder / "atlas")
