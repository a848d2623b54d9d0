"""A service over a small atlas of made pictures, in this process."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")

from fastapi.testclient import TestClient

from placeprint import Atlas
from placeprint.service.app import create_app
from placeprint.service.settings import ServiceSettings
from tests.conftest import write_scenes

PLACES = 6
SOUTH, STEP = 55.70, 0.001
"""Degrees of latitude of the first photo with a position, and to the next."""
HOST = "http://127.0.0.1"
Serve = Callable[..., TestClient]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    Atlas.create(folder / "atlas", "sift-vlad").add([write_scenes(folder / "photos", PLACES)])
    return folder


@pytest.fixture(scope="session")
def placed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an atlas of a preset with probabilities, whose photos have positions 111 m apart."""
    folder = tmp_path_factory.mktemp("placed")
    photos = write_scenes(folder / "photos", PLACES)
    atlas = Atlas.create(folder / "atlas", "fast")
    atlas.add(photos)
    atlas.set_positions(
        {str(path): (SOUTH + number * STEP, 13.19) for number, path in enumerate(sorted(photos.iterdir()))}
    )
    return folder


@pytest.fixture
def serve(built: Path, tmp_path: Path) -> Iterator[Serve]:
    """Give a function that starts a service with some settings on a copy of the atlas, and returns its client."""
    clients: list[TestClient] = []
    shutil.copytree(built / "atlas", tmp_path / "atlas")

    def start(**settings: Any) -> TestClient:
        app = create_app(ServiceSettings(tmp_path / "atlas", **settings))
        client = TestClient(app, base_url=HOST, raise_server_exceptions=False)
        clients.append(client.__enter__())
        return clients[-1]

    yield start
    for client in clients:
        client.__exit__()


@pytest.fixture
def scene(built: Path) -> bytes:
    """Give the content of a photo of the atlas."""
    return (built / "photos" / "03.png").read_bytes()
