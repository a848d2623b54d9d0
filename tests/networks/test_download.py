"""Fetching weights, against a server on this machine."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

import pytest

from placeprint.errors import DownloadError, WriteError
from placeprint.networks.published import download as downloading
from placeprint.networks.published.download import download

CONTENT = bytes(range(256)) * 5000


@dataclass
class Served:
    """What a server hands out, and what it was asked for.

    Args:
        content: of the only file there is, ``/weights.pth``.
        etag: of the file.
        cut: bytes after which it ends an answer; None to send all.
        resumes: whether it can begin within the file.
        asked: the ``Range`` of each request, empty without one.
    """

    content: bytes = CONTENT
    etag: str = '"1"'
    cut: int | None = None
    resumes: bool = True
    asked: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    served = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, served)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is given
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        served.url = f"http://127.0.0.1:{made.server_address[1]}/weights.pth"
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        made.shutdown()
        thread.join()


def _answer(request: BaseHTTPRequestHandler, served: Served) -> None:
    wanted = request.headers.get("Range", "")
    served.asked.append(wanted)
    if request.path != "/weights.pth":
        request.send_error(404, "Not Found")
        return
    begin = 0
    if wanted and served.resumes and request.headers.get("If-Range") == served.etag:
        begin = int(wanted.removeprefix("bytes=").rstrip("-"))
    if begin >= len(served.content):
        request.send_error(416, "Range Not Satisfiable")
        return
    request.send_response(206 if begin else 200)
    request.send_header("Content-Length", str(len(served.content) - begin))
    if served.etag:
        request.send_header("ETag", served.etag)
    request.end_headers()
    request.wfile.write(served.content[begin : served.cut])


def test_a_file_arrives_whole_and_progress_is_told(server: Served, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    target = tmp_path / "new folder" / "weights.pth"
    download(server.url, target, progress=lambda done, total: told.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT)) and len(told) > 1
    assert [path.name for path in target.parent.iterdir()] == ["weights.pth"]


def test_a_download_that_was_cut_off_goes_on_where_it_ended(server: Served, tmp_path: Path) -> None:
    target = tmp_path / "weights.pth"
    server.cut = 700_000
    with pytest.raises(DownloadError, match=r"ended after 700,000 of 1,280,000 bytes; run the command again"):
        download(server.url, target)
    assert not target.exists()
    server.cut = None
    download(server.url, target)
    assert server.asked == ["", "bytes=700000-"]
    assert target.read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: Served, tmp_path: Path) -> None:
    target = tmp_path / "weights.pth"
    server.cut = 700_000
    with pytest.raises(DownloadError):
        download(server.url, target)
    server.cut, server.etag, server.content = None, '"2"', CONTENT[::-1]
    download(server.url, target)
    assert target.read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize(("etag", "resumes"), [("", True), ('"1"', False)])
def test_where_a_server_cannot_go_on_it_begins_anew(server: Served, tmp_path: Path, etag: str, resumes: bool) -> None:
    server.etag, server.resumes, server.cut = etag, resumes, 10_000
    with pytest.raises(DownloadError):
        download(server.url, tmp_path / "weights.pth")
    server.cut = None
    download(server.url, tmp_path / "weights.pth")
    assert (tmp_path / "weights.pth").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_dropped(server: Served, tmp_path: Path) -> None:
    (tmp_path / "weights.pth.part").write_bytes(CONTENT + b"more")
    (tmp_path / "weights.pth.part.etag").write_text(server.etag)
    download(server.url, tmp_path / "weights.pth")
    assert (tmp_path / "weights.pth").read_bytes() == CONTENT


def test_a_missing_file_is_told_with_what_to_do(server: Served, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:\d+ answers 404 \(Not Found\).*--from FILE"):
        download(server.url.replace("weights", "nothing"), tmp_path / "weights.pth")
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DownloadError, match=r"cannot reach 127\.0\.0\.1:\d+ \(Connection refused\); is this machine"):
        download(f"http://127.0.0.1:{port}/weights.pth", tmp_path / "weights.pth")

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(DownloadError, match=r"cannot reach example\.invalid \(Name or service not known\)"):
        download("https://example.invalid/weights.pth", tmp_path / "weights.pth")


def test_a_silent_server_is_left(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/weights.pth"
        with pytest.raises(DownloadError, match="timed out"):
            download(url, tmp_path / "weights.pth", timeout=0.05)


def test_a_proxy_of_the_environment_is_used(server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url.rpartition("/")[0])
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(DownloadError, match=r"example\.invalid answers 404"):  # the server, asked as a proxy
        download("http://example.invalid/other.pth", tmp_path / "weights.pth")
    assert server.asked == [""]


def test_a_full_disk_is_told_and_what_came_is_kept(
    server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, target = downloading._write, tmp_path / "weights.pth"

    def full(file: IO[bytes], chunk: bytes) -> None:
        if file.tell() > 500_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(file, chunk)

    monkeypatch.setattr(downloading, "_write", full)
    with pytest.raises(WriteError, match="the disk is full"):
        download(server.url, target)
    assert not target.exists() and (tmp_path / "weights.pth.part").stat().st_size > 500_000
    monkeypatch.setattr(downloading, "_write", write)
    download(server.url, target)
    assert target.read_bytes() == CONTENT
    assert server.asked[1].startswith("bytes=")


def test_a_url_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="unknown url type"):
        download("weights.pth", tmp_path / "weights.pth")
