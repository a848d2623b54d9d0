"""Check the files beside the tables of an atlas: learned states, the cache, and leftovers of a crash."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from placeprint.care.findings import Finding
from placeprint.core.files import TEMPORARY, arrays_of
from placeprint.errors import AtlasFormatError
from placeprint.evidence.calibration import calibration_of
from placeprint.searching.stored_voters import STAMP, stamp_of
from placeprint.store.calibration_file import read_calibration
from placeprint.store.home import Home
from placeprint.store.store_snapshot import StoreSnapshot

LEFT_OVER = 3600.0
"""Seconds after which an unfinished file is one that a crash left."""


def findings_beside(stored: StoreSnapshot, state: str | None) -> Iterator[Finding]:
    """Yield what is wrong beside the tables.

    Args:
        stored: the atlas.
        state: the name of the learned state that its descriptors were made by; None if it has none.
    """
    yield from _state_findings(stored, state)
    yield from _calibration_findings(stored.home)
    broken = [path for path in _cached(stored.folder) if not _is_readable(path)]
    if broken:
        yield _files("cache", "parts of the cache are damaged", broken)
    left = list(_left_over(stored.folder))
    if left:
        yield _files("cache", "files were left by an unfinished write", left)


def _files(check: str, what: str, paths: list[Path]) -> Finding:
    return Finding(
        "states" if check == "states" else "cache",
        f"{what} ({len(paths)})",
        "remove files",
        files=tuple(map(str, sorted(paths))),
    )


def _state_findings(stored: StoreSnapshot, state: str | None) -> Iterator[Finding]:
    if state is not None:
        try:
            stored.load_state(state)
        except AtlasFormatError as error:
            yield Finding("states", str(error), "learn again")
    others = [name for name in stored.home.names("state") if name.endswith(".npz") and name != f"{state}.npz"]
    if others:
        yield _files("states", "learned states are unused", [stored.folder / "state" / name for name in others])


def _calibration_findings(home: Home) -> Iterator[Finding]:
    try:
        data = read_calibration(home)
        if data is not None:
            calibration_of(data)
    except (AtlasFormatError, KeyError, TypeError, ValueError) as error:
        yield Finding("cache", f"the calibration is damaged: {error}", advice="run: placeprint calibrate ATLAS --reset")


def _cached(folder: Path) -> list[Path]:
    cache = folder / "cache"
    return [path for path in cache.iterdir() if not path.name.startswith(".")] if cache.is_dir() else []


def _is_readable(path: Path) -> bool:
    """Return whether a part of the cache is what was written: an archive of arrays, or a folder with a stamp."""
    try:
        if path.is_dir():
            return not (path / STAMP).exists() or stamp_of(path) is not None
        if path.suffix == ".npz":
            arrays_of(path.read_bytes())
    except Exception:  # damaged archives raise nearly anything
        return False
    return True


def _left_over(folder: Path) -> Iterator[Path]:
    """Yield the unfinished files of crashes, which are old."""
    start, end = TEMPORARY.split("{}")
    for above, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.endswith(".lance")]
        for name in names:
            path = Path(above) / name
            if name.startswith(start) and name.endswith(end) and path.stat().st_mtime < time.time() - LEFT_OVER:
                yield path
