"""Where: the place of a photo, the places of the atlas, its map."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from placeprint import Atlas
from placeprint.core.regions import Box
from placeprint.errors import OptionError
from placeprint.places import names
from placeprint.service.app import create_app
from placeprint.service.clusters import clustered
from placeprint.service.settings import ServiceSettings
from tests.service.conftest import HOST, SOUTH, STEP, Serve


@pytest.fixture(scope="module")
def client(placed: Path) -> Iterator[TestClient]:
    """A service that knows one town."""
    lund = names.Towns(("Lund, Sweden",), names._directions(np.array([[55.7042, 13.1910]])), np.array([94_393]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(names, "_towns", lambda: lund)
        yield TestClient(create_app(ServiceSettings(placed / "atlas")), base_url=HOST)


def test_a_photo_is_located(client: TestClient, placed: Path) -> None:
    content = (placed / "photos" / "03.png").read_bytes()
    answer = client.post("/v1/locate", files={"photo": content}).json()
    expected = Atlas.open(placed / "atlas").locate(content)
    assert expected.place is not None
    assert answer["place"] == {"id": expected.place.id, "label": expected.place.label, "title": "Near Lund, Sweden"}
    assert answer["confidence"] == pytest.approx(expected.confidence, abs=0.01)
    assert answer["location"]["latitude"] == pytest.approx(SOUTH + 3 * STEP, abs=1e-6)
    assert answer["location"]["radius_m"] > 0 and answer["candidates"][0]["photo"]["name"] == "03.png"
    assert answer["matches"]["points"]


def test_only_photos_that_fit_answer(client: TestClient, placed: Path) -> None:
    files = {"photo": (placed / "photos" / "03.png").read_bytes()}
    near = {"near": f"{SOUTH + 3 * STEP},13.19,150"}
    for route in ("/v1/search", "/v1/locate"):
        answer = client.post(route, params=near, files=files).json()
        assert sorted(each["photo"]["name"] for each in answer["candidates"]) == ["02.png", "03.png", "04.png"]
        answer = client.post(route, params={"name": "01"}, files=files).json()
        assert not answer["found"] and [each["photo"]["name"] for each in answer["candidates"]] == ["01.png"]
        assert client.post(route, params={"label": "no"}, files=files).json()["note"] is not None


def test_places_cover_every_photo_once(client: TestClient, placed: Path) -> None:
    page = client.get("/v1/places").json()
    listed = [number for place in page["places"] for number in place["photos"]]
    assert sorted(listed) == list(range(6)) and page["total"] == len(page["places"])
    assert str(placed) not in str(page)
    assert client.get("/v1/places", params={"offset": 1, "limit": 1}).json()["places"] == page["places"][1:2]


def test_the_map_joins_photos_that_are_near(client: TestClient) -> None:
    far = client.get("/v1/map", params={"zoom": 2}).json()
    assert [each["properties"]["count"] for each in far["features"]] == [6]
    assert far["bbox"] == pytest.approx([13.19, SOUTH, 13.19, SOUTH + 5 * STEP])
    near = client.get("/v1/map", params={"zoom": 20, "box": f"13,{SOUTH + STEP / 2},14,56"}).json()
    assert sorted(each["properties"]["photos"][0] for each in near["features"]) == [1, 2, 3, 4, 5]
    assert client.get("/v1/map", params={"box": "1,2,3"}).status_code == 422


def test_a_preset_without_probabilities_says_so(serve: Serve, scene: bytes) -> None:
    client = serve()
    for response in (client.post("/v1/locate", files={"photo": scene}), client.get("/v1/places")):
        assert response.status_code == 422 and "probabilities" in response.json()["detail"]


def test_boxes_and_clusters_over_the_date_line_and_the_poles() -> None:
    photos, places = np.arange(1, 5), np.array([(0.0, 179.9), (0.0, -179.9), (90.0, 0.0), (-90.0, 0.0)])
    across = clustered(photos, places, 10, Box(179, -1, -179, 1))
    assert sorted(number for cluster in across for number in cluster.photos) == [1, 2]
    assert (
        sum(len(cluster.photos) for zoom in range(23) for cluster in clustered(photos, places, zoom, Box())) == 4 * 23
    )
    assert clustered(photos, places, 5, Box(10, 10, 20, 20)) == []
    for wrong in ("1,2,3,nan", "0,5,0,1", "-181,0,0,0", "", "1,2,3,4,5"):
        with pytest.raises(OptionError):
            Box.parse(wrong)


def test_photos_of_a_place_are_listed_and_places_are_groups(client: TestClient) -> None:
    place = client.get("/v1/places").json()["places"][0]
    listed = client.get("/v1/photos", params={"place": place["id"]}).json()
    assert sorted(each["id"] for each in listed["photos"]) == sorted(place["photos"])
    assert client.get(f"/v1/places/{place['id']}").json() == place
    assert client.get("/v1/places/nowhere").status_code == 404
    assert client.get("/v1/photos", params={"place": "nowhere"}).status_code == 404
    found = client.get("/v1/groups", params={"by": "place"}).json()
    assert found["ungrouped"] + sum(group["num_photos"] for group in found["groups"]) == 6
    assert client.get("/v1/groups", params={"by": "month"}).json() == {"groups": [], "total": 0, "ungrouped": 6}
    assert client.get("/v1/groups", params={"by": "color"}).status_code == 422
    left = client.get("/v1/photos", params={"ungrouped": "place"}).json()
    places = [place for place in client.get("/v1/places").json()["places"] if len(place["photos"]) > 1]
    assert left["total"] == found["ungrouped"]
    assert not {each["id"] for each in left["photos"]} & {number for each in places for number in each["photos"]}
    assert client.get("/v1/photos", params={"ungrouped": "month"}).json()["total"] == 6
    assert client.get("/v1/photos", params={"ungrouped": "month", "name": "nothing"}).json()["total"] == 0


def test_pages_begin_anywhere(client: TestClient) -> None:
    def page(**at: int) -> tuple[list[int], int | None]:
        found = client.get("/v1/photos", params=at).json()
        return [each["id"] for each in found["photos"]], found["next"]

    assert page(offset=2, limit=2) == ([2, 3], 3) and page(offset=4) == ([4, 5], None)
    assert page(offset=6) == ([], None) and page(after=1, offset=1, limit=1) == ([3], 3)
