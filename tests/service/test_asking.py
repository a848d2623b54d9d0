"""The service answers photos as the library does."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from placeprint import Atlas
from tests.conftest import make_scene
from tests.service.conftest import PLACES, Serve


def test_a_search_answers_as_the_library(serve: Serve, scene: bytes, tmp_path: Path) -> None:
    client = serve()
    answer = client.post("/v1/search", files={"photo": ("q.png", scene)}, params={"top": 3}).json()
    expected = Atlas.open(tmp_path / "atlas").search(scene, top=3)
    assert answer["found"] and [each["photo"]["name"] for each in answer["candidates"]] == [
        Path(each.path).name for each in expected.evidence
    ]
    assert answer["candidates"][0]["inliers"] == expected.evidence[0].num_inliers == len(answer["matches"]["points"])
    assert (answer["width"], answer["height"]) == expected.features.image_size
    assert np.shape(answer["matches"]["transform"]) == (3, 3)


def test_a_photo_of_the_atlas_is_searched_among_the_others(serve: Serve) -> None:
    answer = serve().post("/v1/search", data={"photo_id": "2"}, params={"top": 50}, files={}).json()
    assert "detail" in answer  # no multipart form
    answer = serve().post("/v1/search", files={"photo_id": (None, "2")}, params={"top": 50}).json()
    assert len(answer["candidates"]) == PLACES - 1
    assert 2 not in {each["photo"]["id"] for each in answer["candidates"]}


def test_two_photos_are_matched(serve: Serve, scene: bytes) -> None:
    client = serve()
    same = client.post("/v1/match", files={"first": scene, "second": scene}).json()
    assert same["verdict"] == "same place" and same["matches"]["points"]
    assert same["confidence"] > 0.9 and (same["features"], same["asked"]) == ("xfeat", ["xfeat"])
    other = io.BytesIO()
    Image.fromarray(make_scene(77)).save(other, "png")
    different = client.post("/v1/match", files={"first": scene, "second": other.getvalue()}).json()
    assert different["verdict"] == "not confirmed" and different["confidence"] < 0.5
    assert len(different["asked"]) > 1


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 64, b"\xff\xd8\xff\xe0" * 9])
def test_what_is_no_photo_is_refused_with_a_reason(serve: Serve, content: bytes) -> None:
    response = serve().post("/v1/search", files={"photo": ("x.png", content)})
    assert response.status_code == 422 and response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"]


def test_forms_with_other_fields_are_refused(serve: Serve, scene: bytes) -> None:
    client = serve()
    assert client.post("/v1/search", files={"picture": scene}).json()["detail"].startswith("the form has a file")
    assert client.post("/v1/search", files={"photo": scene, "photo_id": (None, "1")}).status_code == 422
    assert client.post("/v1/search", files={"photo": scene, "size": (None, "1")}).status_code == 422
    assert client.post("/v1/search", content=scene).status_code == 415
    assert client.post("/v1/search", files={"photo_id": (None, "x")}).status_code == 422
    assert client.post("/v1/search", files={"photo_id": (None, "99")}).status_code == 404
    assert client.post("/v1/search", files={"photo": scene}, params={"top": 0}).status_code == 422
    broken = {"content-type": "multipart/form-data; boundary=x"}
    assert client.post("/v1/search", content=b"--y\r\nno form", headers=broken).status_code in {400, 422}
    no_boundary = {"content-type": "multipart/form-data"}
    assert client.post("/v1/search", content=b"--y", headers=no_boundary).status_code == 400


def test_an_upload_stays_in_memory(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file was written")

    client = serve()
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("tempfile._TemporaryFileWrapper", refuse)
    picture = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (900, 900, 3), np.uint8)
    Image.fromarray(noise).save(picture, "png")
    assert len(picture.getvalue()) > 2 << 20  # Starlette writes what is above 1 MB to disk
    assert client.post("/v1/search", files={"photo": picture.getvalue()}, params={"verify": 0}).status_code == 200
