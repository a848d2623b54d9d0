"""File sizes of the page, its scores, and its paint and response times in Chromium.

    python -m benchmarks.web.figures

Sizes are bytes, gzipped as they are sent (level 9, as the service does). Times are milliseconds over loopback: medians
of first visits, each by a new user whose browser keeps nothing. `scores` makes scores of them: on a desktop as it is,
and on a phone, whose network is slowed to 1.4 Mbit/s with 563 ms of latency and whose processor is slowed four times,
as Lighthouse does when it applies its limits. `accessibility` asks axe-core (WCAG 2.1 A and AA, and its best practices)
in every view, in both colors, wide and narrow; `contrast` is the smallest ratio of text to its ground among them.

Writes benchmarks/results/web.json.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page

from benchmarks.web.browser import ask, chromium, served
from benchmarks.web.scores import Device, accessibility, performance
from placeprint.evaluation.provenance import made_by
from placeprint.service.page_files import PAGE

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
VISITS = 7
QUIET = 3000
"""Milliseconds after the network is idle in which nothing may block."""
LATER = "leaflet", "land", "layers", "marker", "esm", "pmtiles", "inter-latin-ext", "licenses"
"""Beginnings of files that only a map, letters of some languages, or a reader of licenses asks for."""
SCREENS: dict[Device, tuple[int, int]] = {"desktop": (1350, 940), "mobile": (412, 823)}
PHONE = {"offline": False, "latency": 562.5, "downloadThroughput": 1_474_560 / 8, "uploadThroughput": 675_000 / 8}
OBSERVE = """
    window.seen = {first_contentful_paint: 0, largest_contentful_paint: 0, cumulative_layout_shift: 0, tasks: []}
    const watch = (type, note) => new PerformanceObserver((list) => list.getEntries().forEach(note))
        .observe({type, buffered: true})
    watch("paint", (entry) => {
        if (entry.name === "first-contentful-paint") seen.first_contentful_paint = entry.startTime
    })
    watch('largest-contentful-paint', (entry) => { seen.largest_contentful_paint = entry.startTime })
    watch('layout-shift', (entry) => { if (!entry.hadRecentInput) seen.cumulative_layout_shift += entry.value })
    watch('longtask', (entry) => seen.tasks.push([entry.startTime, entry.duration]))
"""
LOADED = "performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname)"
AUDIT = """async () => {
    const found = await axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})
    const impacts = (rules) => Object.fromEntries(rules.map((rule) => [rule.id, rule.impact]))
    const contrast = found.passes.filter((rule) => rule.id === 'color-contrast')
        .flatMap((rule) => rule.nodes.flatMap((node) => node.any.map((check) => check.data?.contrastRatio ?? 99)))
    const weights = Object.fromEntries(axe.getRules().map((rule) => [rule.ruleId, rule.impact ?? null]))
    return {passed: Object.fromEntries(found.passes.map((rule) => [rule.id, weights[rule.id] ?? null])),
        violated: impacts(found.violations), contrast: Math.min(99, ...contrast)}
}"""
HASH = re.compile(r"-[\w-]{8}(?=\.\w+$)")
"""What Vite puts into the names of files for their content."""
VIEWS = {
    "browse": ".tile img",
    "browse?by=folder": ".groups",
    "photo/1": ".tiles",
    "map": ".notice",
    "review": "form",
    "add": ".drop",
    "compare": ".drop",
}
"""Views besides the first screen and an answer, and what shows that they are there."""


def sizes() -> dict[str, int]:
    """Return the bytes of each file of the page, gzipped; the names without the hash of the content."""
    return {
        HASH.sub("", path.relative_to(PAGE).as_posix()): len(gzip.compress(path.read_bytes(), 9))
        for path in sorted(PAGE.rglob("*"))
        if path.is_file()
    }


def first_load(files: dict[str, int]) -> int:
    """Return the bytes of the files that the first screen needs."""
    return sum(size for name, size in files.items() if not Path(name).name.startswith(LATER))


def visited(browser: Browser, address: str, device: Device) -> dict[str, float]:
    """Return what a new user sees: paints and blocking in milliseconds, and the shift of the layout."""
    width, height = SCREENS[device]
    context = browser.new_context(viewport={"width": width, "height": height})
    context.add_init_script(OBSERVE)
    page = context.new_page()
    if device == "mobile":
        devtools = context.new_cdp_session(page)
        devtools.send("Network.emulateNetworkConditions", PHONE)
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.goto(address, wait_until="networkidle", timeout=120_000)
    page.wait_for_timeout(QUIET)
    seen: dict[str, Any] = page.evaluate("window.seen")
    asked = page.evaluate(LOADED)
    assert not any(Path(name).name.startswith(LATER) for name in asked), asked
    context.close()
    first = seen["first_contentful_paint"]
    blocked = sum(duration - 50 for start, duration in seen.pop("tasks") if start + duration > first)
    return seen | {"total_blocking_time": float(blocked)}


def measured(browser: Browser, address: str, device: Device) -> dict[str, Any]:
    """Return the medians of some visits, and their score."""
    visits = [visited(browser, address, device) for _ in range(VISITS)]
    values = {name: round(statistics.median(each[name] for each in visits), 3) for name in visits[0]}
    return {"performance": performance(values, device), **values}


def answered(page: Page, photo: Path) -> float:
    """Return the milliseconds from choosing a photo until the proof is drawn."""
    began = time.perf_counter()
    ask(page, photo)
    return 1000 * (time.perf_counter() - began)


def audited(browser: Browser, address: str, photo: Path) -> dict[str, Any]:
    """Return what axe-core says of every view: the lowest score, the violations, the smallest contrast."""
    found = dict(_views(browser, address, photo))
    return {
        "accessibility": min(accessibility(each["passed"], each["violated"]) for each in found.values()),
        "violations": {name: sorted(each["violated"]) for name, each in found.items() if each["violated"]},
        "contrast": min(each["contrast"] for each in found.values()),
        "views": sorted(found),
    }


def _views(browser: Browser, address: str, photo: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    colors: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for color in colors:
        for device, (width, height) in SCREENS.items():
            context = browser.new_context(
                color_scheme=color, viewport={"width": width, "height": height}, reduced_motion="reduce"
            )
            context.add_init_script(path=AXE)
            page = context.new_page()
            page.goto(address, wait_until="networkidle")
            yield f"first screen, {color}, {device}", page.evaluate(AUDIT)
            ask(page, photo)
            yield f"answer, {color}, {device}", page.evaluate(AUDIT)
            for view, sign in VIEWS.items():
                page.goto(f"{address}/#/{view}")
                page.locator(sign).first.wait_for(timeout=60_000)
                yield f"{view}, {color}, {device}", page.evaluate(AUDIT)
            context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, default=RESULTS / "web.json")
    given = parser.parse_args()
    files = sizes()
    with served() as (address, photo), chromium() as browser:
        version = browser.version
        desktop, mobile = measured(browser, address, "desktop"), measured(browser, address, "mobile")
        page = browser.new_page()
        page.goto(address)
        answered(page, photo)  # the first query loads the networks
        page.reload()
        answer = answered(page, photo)
        found = audited(browser, address, photo)
    result = {
        "format": 2,
        "made_by": made_by(chromium=version),
        "gzipped_bytes": files,
        "first_load_gzipped_bytes": first_load(files),
        "visits": VISITS,
        "desktop": desktop,
        "mobile": mobile,
        "milliseconds_to_the_proof": round(answer),
        **found,
    }
    given.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
