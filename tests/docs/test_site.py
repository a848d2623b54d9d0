"""The documentation site builds without a warning, loads nothing from other hosts, and has every page."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.executing import ROOT

CHROMIUM = os.environ.get("PLACEPRINT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
LOADED = re.compile(r'<(?:script|img|link|iframe|source)\b[^>]*?(?:src|href)="((?:https?:)?//[^"]+)"')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site once; any warning, such as of a dead link, fails the build."""
    pytest.importorskip("material", reason="the site is built by the extra docs")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_the_site_loads_nothing_from_other_hosts(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 60
    found = {(page.name, url) for page in pages for url in LOADED.findall(page.read_text(encoding="utf-8"))}
    assert found == set()
    styles = "".join(style.read_text(encoding="utf-8") for style in site.rglob("*.css"))
    assert not re.search(r"@import|url\(\"?https?:", styles)


def test_the_search_knows_every_page(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    known = {entry["location"].partition("#")[0] for entry in index["docs"]}
    documents = {
        path.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for path in (ROOT / "docs").rglob("*.md")
    }
    assert {name.replace("README.html", "index.html") for name in documents} <= known
    assert any("whitening" in entry["text"].lower() for entry in index["docs"])


def test_a_link_that_leaves_the_docs_leads_to_its_file(site: Path) -> None:
    archive = (site / "archive.html").read_text(encoding="utf-8")
    assert 'href="repository/benchmarks/results/duplicates.json"' in archive
    assert (site / "repository" / "benchmarks" / "results" / "duplicates.json").is_file()
    assert 'href="../project/architecture.html"' in (site / "methods" / "index.html").read_text(encoding="utf-8")


def test_the_search_works_in_pages_opened_as_files(site: Path) -> None:
    """Workers are not allowed there, and nothing is loaded from another host instead."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("needs Chromium; set PLACEPRINT_CHROMIUM")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "methods" / "index.html").as_uri())
        page.locator("input[name=query]").click()
        page.keyboard.type("whitening")
        first = page.locator(".md-search-result__item h1").first
        first.wait_for(timeout=60_000)
        assert first.inner_text().startswith("pca-whitening")
        assert [url for url in asked if not url.startswith("file:")] == []
        browser.close()
