"""Who may ask: hosts, tokens, other sites, limits, headers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from placeprint.errors import OptionError
from placeprint.service.settings import ServiceSettings, read_token
from tests.service.conftest import Serve

TOKEN = "a-token-of-enough-characters"


def test_another_host_name_is_refused(serve: Serve) -> None:
    client = serve()
    assert client.get("/v1/atlas", headers={"host": "evil.example:8100"}).status_code == 421
    for host in ("localhost:8100", "127.0.0.1", "[::1]:8100"):
        assert client.get("/v1/atlas", headers={"host": host}).status_code == 200


def test_without_the_token_nothing_is_answered(serve: Serve) -> None:
    client = serve(token=TOKEN)
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
    for path in ("/v1/atlas", "/v1/photos", "/v1/photos/0/image", "/metrics", "/openapi.json"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"authorization": "Bearer wrong-" + TOKEN}).status_code == 401
        assert client.get(path, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    for wrong in ("", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", "Bearer \udce9"):
        given = {b"authorization": wrong.encode("utf-8", "surrogateescape")}
        assert client.get("/v1/atlas", headers=given).status_code == 401


def test_a_browser_gets_a_cookie_that_scripts_cannot_read(serve: Serve) -> None:
    client = serve(token=TOKEN)
    assert client.post("/v1/session", json={"token": "wrong"}).status_code == 401
    response = client.post("/v1/session", json={"token": TOKEN})
    cookie = response.headers["set-cookie"].lower()
    assert response.status_code == 204 and "httponly" in cookie and "samesite=strict" in cookie
    assert TOKEN not in cookie
    assert client.get("/v1/atlas").status_code == 200
    client.delete("/v1/session")
    assert client.get("/v1/atlas").status_code == 401


@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}]
)
def test_another_site_may_change_nothing(serve: Serve, headers: dict[str, str], scene: bytes) -> None:
    client = serve(writable=True)
    assert client.delete("/v1/photos/1", headers=headers).status_code == 403
    assert client.post("/v1/photos", files={"photo": scene}, headers=headers).status_code == 403
    assert client.get("/v1/atlas").json()["num_photos"] == 6


def test_a_large_body_is_cut_off(serve: Serve) -> None:
    client = serve(max_bytes=100_000)
    big = b"--x\r\n" + b"0" * 200_000
    form = {"content-type": "multipart/form-data; boundary=x"}
    assert client.post("/v1/search", content=big, headers=form).status_code == 413

    def parts() -> Iterator[bytes]:  # without a length
        yield b'--x\r\ncontent-disposition: form-data; name="photo"; filename="x"\r\n\r\n'
        for _ in range(100):
            yield b"0" * 10_000

    assert client.post("/v1/search", content=parts(), headers=form).status_code == 413


def test_every_answer_has_the_headers_that_keep_browsers_safe(serve: Serve) -> None:
    client = serve()
    for path in ("/", "/v1/atlas", "/v1/photos/0/thumbnail", "/nowhere"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff" and "server" not in headers


def test_another_computer_needs_a_token(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "192.168.1.2", "example.org", "::"):
        with pytest.raises(OptionError, match="needs a token"):
            ServiceSettings(tmp_path, host=host)
        assert ServiceSettings(tmp_path, token=TOKEN, host=host).token == TOKEN
    with pytest.raises(OptionError, match="at least 16"):
        ServiceSettings(tmp_path, token="short")


def test_a_token_file_holds_one_word(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"  {TOKEN}\n")
    assert read_token(file) == TOKEN
    for text in ("", "two words", "café"):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(OptionError, match="one word"):
            read_token(file)
    with pytest.raises(OptionError, match="cannot read"):
        read_token(tmp_path / "none")
