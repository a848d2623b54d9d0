"""The files of the page: compressed, kept by browsers if their name says what they are, and never missed silently."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")

from fastapi import FastAPI
from fastapi.testclient import TestClient

from placeprint.service.page_files import HOW_TO_BUILD, show_page
from scripts.write_openapi import TARGET, document


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "page" / "assets").mkdir(parents=True)
    (tmp_path / "page" / "index.html").write_text("<!doctype html><title>placeprint</title>", encoding="utf-8")
    (tmp_path / "page" / "assets" / "index-abc.js").write_text("// page\n" * 1000, encoding="utf-8")
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    return tmp_path / "page"


def client_of(page: Path) -> TestClient:
    app = FastAPI()
    show_page(app, page)
    return TestClient(app)


def test_the_page_is_asked_for_each_time_and_its_parts_are_kept(page: Path) -> None:
    client = client_of(page)
    assert "placeprint" in client.get("/").text
    assert client.get("/").headers["cache-control"] == "no-cache"
    part = client.get("/assets/index-abc.js")
    assert "immutable" in part.headers["cache-control"]
    assert part.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("path", ["/../secret", "/%2e%2e/secret", "/assets/..%2f..%2fsecret", "/nothing"])
def test_no_other_file_is_sent(page: Path, path: str) -> None:
    answer = client_of(page).get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_without_a_build_it_says_how_to_build(tmp_path: Path) -> None:
    assert HOW_TO_BUILD in client_of(tmp_path / "none").get("/").text


def test_the_types_of_the_page_are_those_of_the_service() -> None:
    assert TARGET.read_text(encoding="utf-8") == document(), (
        "run: python scripts/write_openapi.py, build_page.py --types"
    )
