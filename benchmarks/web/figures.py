"""Sizes of the files of the page, and how soon it paints and answers in Chromium.

    python -m benchmarks.web.figures

Sizes are bytes, gzipped as they are sent (level 9, as the service does). Times are milliseconds on this machine over
loopback: the median of nine first visits, each by a new user whose browser keeps nothing. `accessibility` counts what
axe-core finds (WCAG 2.1 A and AA, and its best practices) on the first screen and on an answer, in both colors.

Writes benchmarks/results/web.json.
"""

from __future__ import annotations

import gzip
import json
import statistics
import time
from pathlib import Path

from playwright.sync_api import Browser, Page

from benchmarks.web.browser import ask, chromium, served
from placeprint.evaluation.provenance import made_by
from placeprint.service.page_files import PAGE

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
VISITS = 9
LATER = "leaflet", "land", "layers", "marker"
"""Beginnings of files that only a map asks for."""
PAINTS = "performance.getEntriesByType('paint').map((entry) => [entry.name, entry.startTime])"
LARGEST = """() => new Promise((done) => new PerformanceObserver((list) => done(list.getEntries().at(-1).startTime))
    .observe({type: 'largest-contentful-paint', buffered: true}))"""
LOADED = "performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname)"
VIOLATIONS = (
    "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']}).then((r) => r.violations.length)"
)


def sizes() -> dict[str, int]:
    """Return the bytes of each file of the page, gzipped; the names without the hash of the content."""
    return {
        path.relative_to(PAGE).as_posix(): len(gzip.compress(path.read_bytes(), 9))
        for path in sorted(PAGE.rglob("*"))
        if path.is_file()
    }


def first_load(files: dict[str, int]) -> int:
    """Return the bytes of the files that the first screen needs."""
    return sum(size for name, size in files.items() if not Path(name).name.startswith(LATER))


def visited(browser: Browser, address: str) -> dict[str, float]:
    """Return when a new user sees something, in milliseconds."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto(address, wait_until="networkidle")
    times = {name.replace("-", "_"): float(start) for name, start in page.evaluate(PAINTS)}
    times["largest_contentful_paint"] = float(page.evaluate(LARGEST))
    asked = page.evaluate(LOADED)
    assert not any(Path(name).name.startswith(LATER) for name in asked), asked
    context.close()
    return times


def answered(page: Page, photo: Path) -> float:
    """Return the milliseconds from choosing a photo until the proof is drawn."""
    began = time.perf_counter()
    ask(page, photo)
    return 1000 * (time.perf_counter() - began)


def accessibility(browser: Browser, address: str, photo: Path) -> dict[str, int]:
    """Return what axe-core finds."""
    found: dict[str, int] = {}
    for color in ("light", "dark"):
        context = browser.new_context(color_scheme=color)
        context.add_init_script(path=AXE)
        page = context.new_page()
        page.goto(address, wait_until="networkidle")
        found[f"first screen, {color}"] = page.evaluate(VIOLATIONS)
        ask(page, photo)
        found[f"answer, {color}"] = page.evaluate(VIOLATIONS)
        context.close()
    return found


def main() -> None:
    files = sizes()
    with served() as (address, photo), chromium() as browser:
        version = browser.version
        visits = [visited(browser, address) for _ in range(VISITS)]
        page = browser.new_page()
        page.goto(address)
        answered(page, photo)  # the first query loads the networks
        page.reload()
        answer = answered(page, photo)
        found = accessibility(browser, address, photo)
    result = {
        "format": 1,
        "made_by": made_by(chromium=version),
        "gzipped_bytes": files,
        "first_load_gzipped_bytes": first_load(files),
        "visits": VISITS,
        "milliseconds": {name: round(statistics.median(each[name] for each in visits), 1) for name in visits[0]},
        "milliseconds_to_the_proof": round(answer),
        "axe_violations": found,
    }
    (RESULTS / "web.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
