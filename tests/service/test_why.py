"""Why: reasons, the runner-up, and where in both photos the evidence is, without a path."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from placeprint import Atlas
from placeprint.explaining import explain
from placeprint.service.app import create_app
from placeprint.service.settings import ServiceSettings
from tests.conftest import make_scene
from tests.service.conftest import HOST, Serve


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "png")
    return file.getvalue()


def half_of_it() -> bytes:
    """Return the left half of scene 3 beside the right half of a scene that the atlas lacks."""
    known, other = make_scene(3), make_scene(99)
    middle = known.shape[1] // 2
    return png(np.concatenate([known[:, :middle], other[:, middle:]], axis=1))


def test_the_reasons_are_those_of_the_library(serve: Serve, scene: bytes, tmp_path: Path, built: Path) -> None:
    answer = serve().post("/v1/explain", files={"photo": scene})
    expected = explain(Atlas.open(tmp_path / "atlas"), scene)
    found = answer.json()
    assert [(each["words"], each["speaks_for"]) for each in found["reasons"]] == [
        (each.words, each.speaks_for) for each in expected.reasons
    ]
    assert found["state"] == "found" and found["first"]["photo"]["name"] == "03.png" and not found["advice"]
    assert found["runner_up"]["photo"]["name"] != "03.png" and found["why_it_lost"] == expected.why_rival_lost
    assert found["contributions"]["similarity"] == pytest.approx(found["first"]["similarity"], abs=0.02)
    assert str(built) not in answer.text and str(tmp_path) not in answer.text


def test_the_evidence_is_where_the_known_half_is(serve: Serve) -> None:
    found = serve().post("/v1/explain", files={"photo": half_of_it()}).json()["contributions"]
    for side in ("query", "photo"):
        heat = found[side]
        levels = np.array(heat["levels"]).reshape(heat["height"], heat["width"])
        left, right = np.array_split(levels, 2, axis=1)
        assert levels.max() == 255 and left.sum() > 2 * right.sum()
    assert 0 < found["half"] < 0.5


def test_an_unknown_place_gets_advice(serve: Serve) -> None:
    found = serve().post("/v1/explain", files={"photo": png(make_scene(99))}).json()
    assert found["state"] == "absent" and found["advice"] and "Not" not in found["lead"][:1]


def test_a_photo_of_the_atlas_is_explained_by_the_others(serve: Serve) -> None:
    client = serve()
    assert client.post("/v1/explain", files={"photo_id": (None, "3")}).json()["first"]["photo"]["id"] != 3
    assert client.post("/v1/explain", files={"photo_id": (None, "77")}).status_code == 404
    assert client.post("/v1/explain", files={"photo": b"no photo"}).status_code == 422


def test_an_empty_atlas_says_so(tmp_path: Path, scene: bytes) -> None:
    Atlas.create(tmp_path / "empty", "sift-vlad")
    with TestClient(create_app(ServiceSettings(tmp_path / "empty")), base_url=HOST) as client:
        found = client.post("/v1/explain", files={"photo": scene}).json()
    assert found["state"] == "nothing" and found["first"] is None and found["contributions"] is None
    assert "empty" in found["lead"]
