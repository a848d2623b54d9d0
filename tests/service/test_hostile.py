"""What nobody should send: hostile files, slow bodies, names that are paths; all refused, and the service lives on."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from benchmarks.service.hostile_files import KINDS, hostile_files
from placeprint.service.app import create_app
from placeprint.service.settings import ServiceSettings
from tests.service.conftest import PLACES, Serve

ROUNDS = 3
"""Files of each kind; `benchmarks.service.fuzz` sends thousands."""


def test_hostile_files_are_refused_with_a_reason(serve: Serve, scene: bytes, tmp_path: Path) -> None:
    client = serve(writable=True)
    kept = set()
    for each in hostile_files(ROUNDS * len(KINDS), seed=7):
        answer = client.post("/v1/search?verify=0&rotations=false", files={"photo": (each.name, each.content)})
        assert 200 <= answer.status_code < 500, (each.kind, answer.text)
        assert str(tmp_path) not in answer.text and "Traceback" not in answer.text
        added = client.post("/v1/photos", files={"photo": (each.name, each.content)})
        assert added.status_code in {201, 400, 422}, (each.kind, added.text)
        if added.status_code == 201:
            kept.add(added.json()["photo"]["name"])
    uploads = tmp_path / "atlas-photos"
    assert {path.name for path in uploads.iterdir()} == kept
    assert {path.name for path in tmp_path.iterdir()} <= {"atlas", "atlas-photos"}
    found = client.post("/v1/search", files={"photo": scene}).json()
    assert found["candidates"][0]["photo"]["name"] == "03.png"


def test_hostile_files_are_the_same_for_the_same_seed() -> None:
    one, two = (list(hostile_files(2 * len(KINDS), seed=3)) for _ in range(2))
    assert one == two and one != list(hostile_files(2 * len(KINDS), seed=4))
    assert {each.kind for each in one} == set(KINDS)


def test_uploads_are_never_links(serve: Serve, scene: bytes, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "atlas-photos").symlink_to(tmp_path / "outside")
    client = serve(writable=True)
    names = ["../../up.png", "/abs.png", "..\\win.png", "a/b/c.png"]
    for name in names:
        assert client.post("/v1/photos", files={"photo": (name, scene + name.encode())}).status_code == 201
    kept = {path.name for path in (tmp_path / "outside").iterdir()}
    assert {name[:-21] for name in kept} == {"up", "abs", "win", "c"}
    assert client.get("/v1/atlas").json()["num_photos"] == PLACES + len(names)


@pytest.fixture
def address(built: Path) -> Iterator[tuple[str, int]]:
    """Give the host and the port of a service that waits for one second."""
    uvicorn = pytest.importorskip("uvicorn")
    settings = ServiceSettings(built / "atlas", max_seconds=1)
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield "127.0.0.1", server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def test_a_slow_body_is_cut_off_while_others_are_answered(address: tuple[str, int]) -> None:
    began = time.monotonic()
    with socket.create_connection(address, timeout=60) as slow:
        slow.sendall(
            b"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            b"Content-Length: 1000000\r\n\r\n--x\r\n"
        )
        ended = threading.Event()

        def drip() -> None:
            while not ended.wait(0.1):
                try:
                    slow.sendall(b"0")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        with socket.create_connection(address, timeout=60) as other:
            other.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            assert b" 200 " in other.recv(1000)
        answer = slow.recv(4000)
        ended.set()
        dripping.join()
    assert b" 408 " in answer and time.monotonic() - began < 30


def test_a_form_of_many_parts_is_refused(serve: Serve) -> None:
    client: TestClient = serve()
    files = [("photo", (f"{number}.jpg", io.BytesIO(b"x"))) for number in range(500)]
    assert client.post("/v1/search", files=files).status_code == 400
