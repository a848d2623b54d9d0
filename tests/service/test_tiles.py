"""Tiles of the map: a file is sent in parts, and of other hosts just the one that is needed is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from placeprint.errors import OptionError
from placeprint.service.tiles import Tiles
from tests.service.conftest import Serve
from tests.service.pmtiles_file import VECTORS, write_pmtiles


def policy(headers: object) -> dict[str, str]:
    """Return the sources of a content security policy by directive."""
    text = dict(headers)["content-security-policy"]  # type: ignore[call-overload]
    return {name: sources for name, _, sources in (part.strip().partition(" ") for part in text.split(";"))}


def test_a_file_is_sent_in_parts(serve: Serve, tmp_path: Path) -> None:
    path = write_pmtiles(tmp_path / "map.pmtiles", b"a tile")
    client = serve(tiles=Tiles.parse(str(path)))
    part = client.get("/v1/tiles", headers={"range": "bytes=0-126"})
    assert part.status_code == 206 and part.content == path.read_bytes()[:127] and part.headers["etag"]
    assert client.get("/v1/tiles").content == path.read_bytes()
    assert client.get("/v1/tiles", headers={"range": "bytes=99999-"}).status_code == 416
    found = client.get("/v1/atlas")
    assert found.json()["tiles"] == {"kind": "pmtiles", "url": "./v1/tiles"} and str(tmp_path) not in found.text
    assert "http" not in found.headers["content-security-policy"]


def test_the_file_needs_the_token(serve: Serve, tmp_path: Path) -> None:
    path = write_pmtiles(tmp_path / "map.pmtiles", b"a tile")
    client = serve(tiles=Tiles.parse(str(path)), token="a-token-of-enough-characters")
    assert client.get("/v1/tiles").status_code == 401


def test_without_tiles_no_other_host_is_allowed(serve: Serve) -> None:
    client = serve()
    assert client.get("/v1/tiles").status_code == 404 and client.get("/v1/atlas").json()["tiles"] is None
    assert "http" not in client.get("/v1/atlas").headers["content-security-policy"]


@pytest.mark.parametrize(
    ("url", "directive", "origin"),
    [
        ("https://tiles.example.org/{z}/{x}/{y}.png?key=1", "img-src", "https://tiles.example.org"),
        ("HTTPS://Maps.Example.org:8443/world.pmtiles", "connect-src", "https://maps.example.org:8443"),
    ],
)
def test_another_host_is_allowed_where_it_is_needed(serve: Serve, url: str, directive: str, origin: str) -> None:
    plain, more = (
        policy(serve().get("/v1/atlas").headers),
        policy(serve(tiles=Tiles.parse(url)).get("/healthz").headers),
    )
    assert more.pop(directive) == f"{plain.pop(directive)} {origin}" and more == plain


@pytest.mark.parametrize(
    "text",
    [
        "https://tiles.example.org/map",
        "https://tiles.example.org; script-src *//{z}/{x}/{y}.png",
        "https://*/{z}/{x}/{y}.png",
        "https://user:secret@tiles.example.org/{z}/{x}/{y}.png",
        "https://{s}.example.org/{z}/{x}/{y}.png",
        "https:///{z}/{x}/{y}.png",
        "https://tiles.example.org,evil.example/{z}/{x}/{y}.png",
        "ftp://tiles.example.org/map.pmtiles",
        "missing.pmtiles",
        ".",
    ],
)
def test_what_is_no_address_of_tiles_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"tiles|--tiles"):
        Tiles.parse(text)


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    vectors = write_pmtiles(tmp_path / "vectors.pmtiles", b"a tile", VECTORS)
    (tmp_path / "other.pmtiles").write_bytes(b"PMTiles\x02" + bytes(200))
    (tmp_path / "short.pmtiles").write_bytes(b"PMTiles\x03")
    for path, words in (
        (vectors, "vectors"),
        (tmp_path / "other.pmtiles", "version 3"),
        (tmp_path / "short.pmtiles", "version 3"),
    ):
        with pytest.raises(OptionError, match=words):
            Tiles.parse(str(path))
