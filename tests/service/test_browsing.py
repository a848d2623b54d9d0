"""Photos over the service: listed, looked at, added, removed, indexed by a job."""

from __future__ import annotations

import io
import json
import re
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from placeprint import Atlas
from placeprint.errors import AtlasBusyError
from placeprint.searching import learning
from placeprint.service.learning import Learner
from tests.conftest import make_scene, write_scenes
from tests.service.conftest import PLACES, Serve

TOKEN = "a-token-of-enough-characters"


def photo(number: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(make_scene(number)).save(file, "png")
    return file.getvalue()


def test_photos_are_listed_by_pages_without_paths(serve: Serve, built: Path) -> None:
    client, seen = serve(), []
    page: dict[str, Any] = {"next": -1}
    while page["next"] is not None:
        page = client.get("/v1/photos", params={"limit": 4, "after": page["next"]}).json()
        seen += [each["name"] for each in page["photos"]]
        assert page["total"] == PLACES and str(built) not in json.dumps(page)
    assert seen == [f"{number:02d}.png" for number in range(PLACES)]


def test_filters(serve: Serve, tmp_path: Path, built: Path) -> None:
    atlas = Atlas.open(tmp_path / "atlas")
    atlas.set_positions({str(built / "photos" / "01.png"): (55.70, 13.19), str(built / "photos" / "02.png"): (0, 180)})
    client = serve()

    def names(**filters: str) -> list[str]:
        return [each["name"] for each in client.get("/v1/photos", params=filters).json()["photos"]]

    assert names(name="03") == ["03.png"] and names(folder="nowhere") == []
    assert names(near="55.7,13.19,100") == ["01.png"] and names(near="0,-180,10") == ["02.png"]
    assert names(since="2000-01-01T00:00:00") == []
    assert names(box="179,-1,-179,1") == ["02.png"] and names(label="photos") == [f"{n:02d}.png" for n in range(PLACES)]
    for wrong in ("1,2", "91,0,5", "0,181,5", "0,0,-1", "nan,0,1", "a,b,c"):
        assert client.get("/v1/photos", params={"near": wrong}).status_code == 422
        assert client.post("/v1/search", params={"near": wrong}, files={"photo": photo(1)}).status_code == 422
    assert client.get("/v1/photos", params={"box": "0,1,0,0"}).status_code == 422
    assert client.get("/v1/photos", params={"after": "2", "folder": "."}).status_code == 200


def test_pictures_are_jpeg_without_exif(serve: Serve) -> None:
    client = serve()
    for kind, side in (("thumbnail", 320), ("image", 2048)):
        response = client.get(f"/v1/photos/1/{kind}")
        picture = Image.open(io.BytesIO(response.content))
        assert picture.format == "JPEG" and max(picture.size) <= side and not dict(picture.getexif())
        again = client.get(f"/v1/photos/1/{kind}", headers={"if-none-match": response.headers["etag"]})
        assert again.status_code == 304 and not again.content
    found = client.get("/v1/photos/1/keypoints").json()
    assert len(found["points"]) == len(found["scores"]) == client.get("/v1/photos/1").json()["num_keypoints"]


def test_head_gives_the_headers_of_get(serve: Serve) -> None:
    client = serve(token=TOKEN)
    for path in ("/v1/photos/1/thumbnail", "/v1/atlas", "/v1/photos/99", "/healthz"):
        for headers in ({}, {"Authorization": f"Bearer {TOKEN}"}):
            got, head = client.get(path, headers=headers), client.head(path, headers=headers)
            assert head.status_code == got.status_code and head.content == b""
            assert head.headers["content-length"] == str(len(got.content))


def test_a_wrong_request_is_told_what_was_expected_and_what_came(serve: Serve) -> None:
    client = serve()
    wrong = client.put("/v1/photos")
    assert wrong.status_code == 405 and wrong.headers["allow"] == "HEAD, GET, POST"
    assert wrong.json()["detail"].endswith("got PUT")
    assert "/openapi.json" in client.get("/v1/nothing").json()["detail"]
    assert client.get("/v1/photos", params={"limit": 5000}).json()["detail"].endswith("; got '5000'")


def test_a_picture_that_the_client_has_is_not_sent_again(serve: Serve) -> None:
    client = serve()
    tag = client.get("/v1/photos/1/thumbnail").headers["etag"]
    for given, status in ((tag, 304), (f'W/{tag}, "other"', 304), ('"other"', 200)):
        assert client.get("/v1/photos/1/thumbnail", headers={"If-None-Match": given}).status_code == status


def test_an_added_photo_keeps_what_is_plain_of_its_name(serve: Serve, tmp_path: Path) -> None:
    client = serve(writable=True, uploads=tmp_path / "uploads")
    names = [
        client.post("/v1/photos", files={"photo": (name, photo(80 + number))}).json()["photo"]["name"]
        for number, name in enumerate(("../../Old Bridge.PNG", "<script>.html", "\u2603"))
    ]
    assert [re.sub("[0-9a-f]{16}", "#", name) for name in names] == ["Old-Bridge-#.png", "script-#.jpg", "photo-#.jpg"]
    assert sorted(names) == sorted(path.name for path in (tmp_path / "uploads").iterdir())


def test_nobody_who_adds_a_photo_waits_until_the_atlas_has_learned(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, may_learn = serve(writable=True), threading.Event()
    refit = learning.refit

    def late(*args: Any, **options: Any) -> None:
        may_learn.wait()
        refit(*args, **options)

    monkeypatch.setattr(learning, "refit", late)
    for number in range(learning.ADAPT_PHOTOS - PLACES):
        assert client.post("/v1/photos", files={"photo": photo(90 + number)}).status_code == 201
    before = Atlas.open(tmp_path / "atlas").info().codebook
    may_learn.set()
    until = time.monotonic() + 30
    while Atlas.open(tmp_path / "atlas").info().codebook == before and time.monotonic() < until:
        time.sleep(0.05)
    assert f" {learning.ADAPT_PHOTOS} photos" in Atlas.open(tmp_path / "atlas").info().codebook


def test_who_adds_a_photo_waits_while_what_was_learned_is_written(tmp_path: Path) -> None:
    Atlas.create(tmp_path / "atlas", "sift-vlad").add(write_scenes(tmp_path / "photos", 1))
    learner, tries = Learner(Atlas.open(tmp_path / "atlas"), ThreadPoolExecutor(1)), list[int]()

    def write() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise AtlasBusyError("being written")
        return "added"

    with pytest.raises(AtlasBusyError):  # nothing is being learned, so somebody else writes
        learner.wait_for(write)
    learner._running = Future()  # never done
    assert learner.wait_for(write) == "added" and len(tries) == 3


def test_a_photo_whose_file_is_gone_has_no_picture(serve: Serve, tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "more", 1)
    Atlas.open(tmp_path / "atlas").add(folder)
    (folder / "00.png").unlink()
    response = serve().get(f"/v1/photos/{PLACES}/image")
    assert response.status_code == 404 and str(tmp_path) not in response.text


def test_a_photo_is_added_found_and_removed(serve: Serve, tmp_path: Path) -> None:
    client, content = serve(writable=True), photo(41)
    added = client.post("/v1/photos", files={"photo": ("../../etc/passwd.png", content)})
    assert added.status_code == 201 and not added.json()["known"]
    kept = list((tmp_path / "atlas-photos").iterdir())
    assert [file.read_bytes() for file in kept] == [content] and kept[0].suffix == ".png"
    assert client.post("/v1/photos", files={"photo": content}).json()["known"]
    found = client.post("/v1/search", files={"photo": content}).json()["candidates"][0]["photo"]
    assert found["id"] == added.json()["photo"]["id"] == PLACES
    assert client.delete(f"/v1/photos/{PLACES}").status_code == 204 and kept[0].exists()
    assert client.delete(f"/v1/photos/{PLACES}").status_code == 404
    assert client.get(f"/v1/photos/{PLACES}").status_code == 404


def test_what_is_no_photo_is_not_kept(serve: Serve, tmp_path: Path) -> None:
    client = serve(writable=True)
    assert client.post("/v1/photos", files={"photo": b"no photo"}).status_code == 422
    assert not (tmp_path / "atlas-photos").exists()


def test_nothing_changes_without_permission(serve: Serve) -> None:
    client = serve()
    assert client.post("/v1/photos", files={"photo": photo(1)}).status_code == 403
    assert client.delete("/v1/photos/1").status_code == 403
    assert client.post("/v1/jobs", json={}).status_code == 403


def test_a_job_indexes_an_allowed_folder_and_reports(serve: Serve, tmp_path: Path) -> None:
    root = tmp_path / "root"
    write_scenes(root / "inside", 3)
    (root / "inside" / "broken.png").write_bytes(b"no photo")
    client = serve(writable=True, roots=(root,))
    job = client.post("/v1/jobs", json={"folder": "inside"})
    assert job.status_code == 202
    with client.stream("GET", f"/v1/jobs/{job.json()['id']}/events") as events:
        lines = [line for line in events.iter_lines() if line.startswith("data:")]
    last = json.loads(lines[-1].removeprefix("data:"))
    assert last["state"] == "done" and last["done"] == last["total"] and last["skipped"][0][0] == "broken.png"
    assert client.get(f"/v1/jobs/{job.json()['id']}").json() == last
    assert client.get("/v1/atlas").json()["num_photos"] == PLACES + last["added"]


@pytest.mark.parametrize("folder", ["../outside", "/etc", "link", "inside/../../outside", "nowhere", "a\0b"])
def test_a_job_reads_nothing_outside(serve: Serve, tmp_path: Path, folder: str) -> None:
    write_scenes(tmp_path / "outside", 1)
    (tmp_path / "root" / "inside").mkdir(parents=True)
    (tmp_path / "root" / "link").symlink_to(tmp_path / "outside")
    client = serve(writable=True, roots=(tmp_path / "root",))
    response = client.post("/v1/jobs", json={"folder": folder})
    assert response.status_code == 404 and str(tmp_path) not in response.text
    assert client.post("/v1/jobs", json={"root": "another"}).status_code == 422


def test_folders_are_listed_and_links_out_of_the_root_lead_nowhere(serve: Serve, tmp_path: Path) -> None:
    outside = write_scenes(tmp_path / "outside", 1)
    root = tmp_path / "root"
    write_scenes(root / "inside", 2)
    (root / "inside" / "linked.png").symlink_to(outside / "00.png")
    (root / "inside" / "away").symlink_to(outside)
    client = serve(writable=True, roots=(root,))
    assert client.get("/v1/atlas").json()["roots"] == ["root"]
    assert client.get("/v1/folders").json() == {"folders": ["inside"]}
    assert client.get("/v1/folders", params={"folder": "inside"}).json() == {"folders": []}
    assert client.get("/v1/folders", params={"folder": ".."}).status_code == 404
    job = client.post("/v1/jobs", json={"root": "root", "folder": "inside"}).json()
    while (job := client.get(f"/v1/jobs/{job['id']}").json())["state"] not in {"done", "failed"}:
        time.sleep(0.05)
    assert job["added"] == 2 and job["error"] is None


def test_a_stopped_job_ends(serve: Serve, tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "root", 40)
    client = serve(writable=True, roots=(root,))
    job = client.post("/v1/jobs", json={}).json()
    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert client.get(f"/v1/jobs/{job['id']}").json()["state"] == "stopped"
    assert client.post("/v1/photos", files={"photo": photo(50)}).status_code == 201  # the writer is free again
    assert client.get("/v1/atlas").json()["num_photos"] < PLACES + 40
    assert client.delete("/v1/jobs/none").status_code == 404


def test_what_another_process_adds_is_seen(serve: Serve, tmp_path: Path) -> None:
    client = serve()
    Atlas.open(tmp_path / "atlas").add(write_scenes(tmp_path / "more", PLACES + 2))
    deadline = time.monotonic() + 10
    while client.get("/v1/atlas").json()["num_photos"] < PLACES + 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert client.get("/v1/photos").json()["total"] >= PLACES + 2


def count_of(client: TestClient, name: str) -> float:
    return sum(float(line.split()[-1]) for line in client.get("/metrics").text.splitlines() if line.startswith(name))


def test_requests_are_counted(serve: Serve) -> None:
    client = serve()
    client.get("/v1/photos/1")
    client.get("/v1/photos/2")
    assert count_of(client, 'placeprint_requests_total{method="GET",route="/v1/photos/{number}",status="200"}') == 2
    assert count_of(client, "placeprint_photos") == PLACES
