"""The client against the service: typed answers, and one error for whatever goes wrong."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from placeprint.client import Client
from placeprint.errors import PhotoError, ServiceError
from placeprint.service.app import create_app
from placeprint.service.settings import ServiceSettings
from tests.conftest import write_scenes
from tests.service.conftest import PLACES

TOKEN = "a-token-of-enough-characters"


Connect = Callable[..., Client]


@pytest.fixture
def connect(built: Path, tmp_path: Path) -> Iterator[Connect]:
    """Give a function that starts a service on a free port of this computer, and returns a client of it."""
    uvicorn = pytest.importorskip("uvicorn")
    shutil.copytree(built / "atlas", tmp_path / "atlas")
    ends: list[Callable[[], None]] = []

    def start(**settings: Any) -> Client:
        server = uvicorn.Server(
            uvicorn.Config(create_app(ServiceSettings(tmp_path / "atlas", **settings)), port=0, log_level="error")
        )
        thread = threading.Thread(target=server.run)
        thread.start()

        def end() -> None:
            client.close()
            server.should_exit = True
            thread.join()

        while not server.started:
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        client = Client(f"http://127.0.0.1:{port}", settings.get("token"))
        ends.append(end)
        return client

    yield start
    for end in ends:
        end()


def test_the_client_asks_for_everything(connect: Connect, tmp_path: Path, built: Path) -> None:
    root = write_scenes(tmp_path / "root", PLACES + 3)
    with connect(token=TOKEN, writable=True, roots=(root,)) as client:
        answer = client.search(built / "photos" / "03.png", top=2)
        assert answer.found and answer.candidates[0].photo.name == "03.png" and answer.matches is not None
        assert client.search(answer.candidates[0].photo.id).candidates[0].photo.name != "03.png"
        assert client.match(built / "photos" / "03.png", built / "photos" / "03.png").verdict == "same place"
        assert [each.id for each in client.photos(name="03")] == [3] and client.photo(3).name == "03.png"
        assert client.picture(3)[:2] == client.picture(3, small=True)[:2] == b"\xff\xd8"
        assert len(client.keypoints(3).points) == client.photo(3).num_keypoints
        added = client.add((root / f"{PLACES:02d}.png").read_bytes())
        assert not added.known and client.atlas().num_photos == PLACES + 1
        client.remove(added.photo.id)
        assert client.wait(client.index()).added > 0
        assert sum(1 for _ in client.photos()) == client.atlas().num_photos > PLACES


def test_what_goes_wrong_is_one_error(connect: Connect, tmp_path: Path) -> None:
    client = connect()
    with pytest.raises(ServiceError, match="no photo 99") as refused:
        client.photo(99)
    assert refused.value.status == 404
    with pytest.raises(ServiceError, match="may not change") as refused:
        client.remove(1)
    assert refused.value.status == 403
    with pytest.raises(PhotoError, match="cannot read"):
        client.search(tmp_path / "none.jpg")
    with (
        pytest.raises(ServiceError, match="cannot be reached") as refused,
        Client("http://127.0.0.1:9", seconds=2) as nobody,
    ):
        nobody.atlas()
    assert refused.value.status is None
    with pytest.raises(ServiceError, match="cannot be reached"), Client("no address") as nobody:
        nobody.atlas()


def test_a_failed_job_is_an_error(connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_scenes(tmp_path / "root", 1)
    client = connect(writable=True, roots=(root,))
    monkeypatch.setattr("placeprint.atlas.Atlas.add", lambda *_, **__: 1 / 0)
    with pytest.raises(ServiceError, match="a bug in placeprint"):
        client.wait(client.index())
