"""A service over an atlas at an address."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")

from fastapi.testclient import TestClient

from benchmarks.scale.s3_server import S3Server
from placeprint import Atlas
from placeprint.core.addresses import as_path
from placeprint.errors import OptionError
from placeprint.service.app import create_app
from placeprint.service.settings import ServiceSettings
from tests.conftest import write_scenes
from tests.service.conftest import HOST


def test_it_serves_what_others_add_and_adds_itself(bucket: str, s3_server: S3Server, tmp_path: Path) -> None:
    photos = write_scenes(tmp_path / "photos", 4)
    other = Atlas.create(f"{bucket}/atlas", "sift-vlad")
    other.add(photos / "00.png")
    settings = ServiceSettings(as_path(f"{bucket}/atlas"), writable=True, uploads=tmp_path / "uploads")
    with TestClient(create_app(settings), base_url=HOST, raise_server_exceptions=False) as client:
        assert client.get("/v1/atlas").json()["num_photos"] == 1
        other.add(photos / "01.png")
        assert client.get("/v1/atlas").json()["num_photos"] == 2
        assert client.get("/v1/photos/1/thumbnail").headers["content-type"] == "image/jpeg"
        found = client.post("/v1/search", files={"photo": (photos / "01.png").read_bytes()}).json()
        assert found["candidates"][0]["photo"]["name"] == "01.png"
        added = client.post("/v1/photos", files={"photo": ("c.png", (photos / "02.png").read_bytes())})
        assert added.status_code == 201 and len(other) == 3
        assert client.delete(f"/v1/photos/{added.json()['photo']['id']}").status_code == 204 and len(other) == 2
        s3_server.refuses = lambda method, path: True
        assert client.get("/readyz").status_code == 503


def test_added_photos_need_a_folder(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="at the address 's3://walks/atlas'; give --uploads FOLDER"):
        ServiceSettings(as_path("s3://walks/atlas"), writable=True)
    assert ServiceSettings(as_path("s3://walks/atlas")).uploads is None
