"""Reviews over the service: positions proposed, problems found, and accepted ones as the command line's tables."""

from __future__ import annotations

import csv
import io
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from placeprint import Atlas
from placeprint.places.given_positions import read_positions
from placeprint.places.proposals import COLUMNS
from placeprint.service.app import create_app
from placeprint.service.settings import ServiceSettings
from tests.conftest import make_scene, write_photo
from tests.service.conftest import HOST, SOUTH, STEP, Serve


@pytest.fixture
def archive(placed: Path, tmp_path: Path) -> Path:
    """Give a copy of the atlas with positions, and a folder of a photo of scene 3, a new one and a broken one."""
    shutil.copytree(placed / "atlas", tmp_path / "atlas")
    write_photo(tmp_path / "root" / "trip" / "seen.png", (make_scene(3)[10:, 20:] * 0.8 + 40).astype("uint8"))
    write_photo(tmp_path / "root" / "trip" / "lone.png", make_scene(99))
    (tmp_path / "root" / "broken.png").write_bytes(b"no photo")
    return tmp_path


@pytest.fixture
def client(archive: Path) -> Iterator[TestClient]:
    settings = ServiceSettings(archive / "atlas", roots=(archive / "root",))
    with TestClient(create_app(settings), base_url=HOST) as client:
        yield client


def reviewed(client: TestClient, **wanted: Any) -> dict[str, Any]:
    """Start a review, and return its job when it has ended."""
    started = client.post("/v1/reviews", json=wanted)
    assert started.status_code == 202, started.text
    job = started.json()
    while job["state"] in {"waiting", "running"}:
        time.sleep(0.05)
        job = client.get(f"/v1/jobs/{job['id']}").json()
    assert job["state"] == "done", job
    return dict(job)


def test_positions_of_a_folder_are_proposed_and_leave_as_the_table_of_geotag(client: TestClient, archive: Path) -> None:
    job = reviewed(client, kind="positions", photos="folder")
    assert job["kind"] == "positions" and job["done"] == job["total"] == 3 and job["skipped"][0][0] == "broken.png"
    page = client.get(f"/v1/reviews/{job['id']}")
    items = {each["name"]: each for each in page.json()["items"]}
    assert set(items) == {"seen.png", "lone.png"} and str(archive) not in page.text
    seen, lone = items["seen.png"]["proposal"], items["lone.png"]["proposal"]
    assert items["seen.png"]["folder"] == "trip" and items["seen.png"]["photo_id"] is None
    assert (
        seen["location"]["latitude"] == pytest.approx(SOUTH + 3 * STEP, abs=1e-6) and seen["best"]["name"] == "03.png"
    )
    assert len(seen["matches"]) > 10 and (seen["width"], seen["height"]) == (300, 230)
    assert lone["location"] is None and lone["note"]
    picture = client.get(f"/v1/reviews/{job['id']}/items/{items['seen.png']['number']}/image")
    assert Image.open(io.BytesIO(picture.content)).size == (300, 230) and picture.headers["etag"]

    table = client.post(f"/v1/reviews/{job['id']}/table", json={"numbers": [items["seen.png"]["number"]]})
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert tuple(rows[0]) == COLUMNS and rows[0]["path"] == "trip/seen.png" and str(archive) not in table.text
    (archive / "accepted.csv").write_bytes(table.content)
    photo = archive / "root" / "trip" / "seen.png"
    given = read_positions(archive / "accepted.csv", [photo]).positions
    where = seen["location"]
    assert given[str(photo)] == pytest.approx((where["latitude"], where["longitude"]), abs=1e-6)


def test_photos_of_the_atlas_without_positions_are_reviewed(client: TestClient, archive: Path) -> None:
    assert reviewed(client, kind="positions")["total"] == 0
    Atlas.open(archive / "atlas").add(archive / "root" / "trip" / "seen.png")
    job = reviewed(client, kind="positions")
    (item,) = client.get(f"/v1/reviews/{job['id']}").json()["items"]
    assert item["photo_id"] is not None and item["proposal"]["best"]["name"] == "03.png"
    everything = reviewed(client, kind="positions", photos="all")
    assert client.get(f"/v1/reviews/{everything['id']}", params={"limit": 2}).json()["total"] == 7


def test_problems_are_found_without_paths(client: TestClient, archive: Path, placed: Path) -> None:
    shutil.copy(placed / "photos" / "02.png", archive / "root" / "copy.png")
    Atlas.open(archive / "atlas").add(archive / "root" / "copy.png")
    job = reviewed(client, kind="findings", findings=["same-file", "wrong-time"])
    page = client.get(f"/v1/reviews/{job['id']}")
    found = {each["name"]: each["problem"] for each in page.json()["items"]}
    assert set(found) == {"02.png", "copy.png"} and found["copy.png"]["finding"] == "same-file"
    assert [each["name"] for each in found["copy.png"]["others"]] == ["02.png"]
    assert "02.png" in found["copy.png"]["detail"]
    assert str(archive) not in page.text and str(placed) not in page.text
    table = client.post(f"/v1/reviews/{job['id']}/table", json={"numbers": [0, 1, 1]})
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["finding"] for row in rows] == ["same-file"] * 2 and str(archive) not in table.text


def test_what_cannot_be_reviewed_is_refused(client: TestClient, archive: Path) -> None:
    def start(**wanted: Any) -> int:
        return client.post("/v1/reviews", json=wanted).status_code

    assert start(kind="anything") == start(kind="findings", findings=["bad-taste"]) == 422
    assert start(kind="positions", photos="folder", folder="../..") == 404
    assert start(kind="positions", photos="folder", root="another") == 422
    assert client.get("/v1/reviews/none").status_code == 404
    job = reviewed(client, kind="positions", photos="folder", folder="trip")
    assert client.get(f"/v1/reviews/{job['id']}/items/9/image").status_code == 404
    assert client.post(f"/v1/reviews/{job['id']}/table", json={"numbers": [9]}).status_code == 422


def test_a_preset_without_probabilities_reviews_what_it_can(serve: Serve) -> None:
    client = serve()
    assert client.post("/v1/reviews", json={"kind": "positions"}).status_code == 422
    job = reviewed(client, kind="findings")
    assert client.get(f"/v1/reviews/{job['id']}").json()["total"] == 0
