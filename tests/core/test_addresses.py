"""Addresses where a path is expected."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from placeprint.core.addresses import UrlPath, as_path, url_of
from placeprint.core.outputs import PICTURE, check_output, check_output_folder
from placeprint.core.user_cache import user_cache
from placeprint.errors import WriteError


def test_a_path_keeps_its_address() -> None:
    path = as_path("s3:/walks/atlas")
    assert isinstance(path, UrlPath) and str(path / "photos") == "s3://walks/atlas/photos"
    assert url_of(Path("s3://walks/atlas")) == str(path) and type(as_path("walks/atlas")) is type(Path("a"))


@pytest.mark.parametrize("address", ["s3://walks/a.png", "gs://walks/a.png", "file:///walks/a.png"])
def test_outputs_at_addresses_are_refused(address: str) -> None:
    for path in (Path(address), as_path(address)):
        with pytest.raises(WriteError, match=f"cannot write to '{address}': outputs are written on this machine"):
            check_output(path, PICTURE)
        with pytest.raises(WriteError, match="outputs are written on this machine"):
            check_output_folder(path)


@pytest.mark.skipif(sys.platform != "linux", reason="the variable is for Linux")
def test_the_cache_of_the_user_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_cache() == tmp_path / "placeprint"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_cache() == tmp_path / ".cache" / "placeprint"
