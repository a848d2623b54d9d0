"""Check every invariant of an atlas, and repair whatever can be computed from the rest.

Descriptors can be computed from local features and the learned state, the state from local features, and caches from
both. Local features and records come only from the photos: if they are damaged, the photos must be indexed again.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

from placeprint.atlas import Atlas
from placeprint.care.beside import findings_beside
from placeprint.care.findings import Finding, Repair, Verified
from placeprint.care.rows import row_findings
from placeprint.core.files import writing
from placeprint.describing.describer import Describer
from placeprint.errors import (
    AtlasError,
    AtlasMissingError,
    AtlasWriteError,
    PackageError,
    PlaceprintError,
    ServiceError,
)
from placeprint.searching.learning import describe_again, restore_state
from placeprint.store import Store
from placeprint.store.home import Home
from placeprint.types import Progress

RESTORE = "restore it from a copy, or index the photos again"


def verify(place: Path | str, *, repair: bool = True, progress: Progress | None = None) -> Verified:
    """Check an atlas.

    Args:
        place: the folder or the address of the atlas.
        repair: whether to repair whatever can be computed from the rest; otherwise nothing is changed.
        progress: called with the count of rows read, and of all.

    Raises:
        AtlasMissingError: there is no atlas.
        AtlasBusyError: something must be repaired, and another process is writing.
        AtlasWriteError: something must be repaired, and the atlas is read-only.
        ServiceError: the store at the address does not answer.
    """
    found = _look(place, progress)
    mendable = [each for each in found.findings if each.repair is not None]
    if not repair or not mendable:
        return found
    kinds: set[Repair] = {each.repair for each in mendable if each.repair is not None}
    _mend(place, kinds, mendable)
    again = _look(place, progress)
    repaired = tuple(each for each in found.findings if each not in again.findings)
    return Verified(again.photos, found.findings, repaired, again.findings)


def _look(place: Path | str, progress: Progress | None) -> Verified:
    """Return what is wrong now."""
    try:
        atlas = Atlas.open(place)
    except (AtlasMissingError, PackageError, ServiceError):
        raise
    except PlaceprintError as error:
        return _broken(Finding("atlas", str(error), advice=RESTORE))
    try:
        stored = atlas.snapshot().stored
        state, count = stored.state_name, len(stored.usable())
        describer, learned = _describer(atlas)
        found = (*row_findings(stored, describer, progress, learned=learned), *findings_beside(stored, state))
    except AtlasError as error:
        return _broken(Finding("tables", str(error), advice=RESTORE))
    return Verified(count, found, (), found)


def _broken(finding: Finding) -> Verified:
    return Verified(0, (finding,), (), (finding,))


def _describer(atlas: Atlas) -> tuple[Describer, bool]:
    """Return what describes photos, and whether it has its learned state, which may be damaged."""
    try:
        return atlas.describer, True
    except AtlasError:
        return Describer(atlas.snapshot().preset), False


def _mend(place: Path | str, kinds: set[Repair], findings: Sequence[Finding]) -> None:
    """Mend what was found."""
    store = Store(place)
    wrong = {photo for each in findings if each.repair == "forget positions" for photo in each.photos}
    with store.exclusive():  # it sweeps what a crash left
        for each in findings:
            if each.repair == "remove files":
                _remove_files(each.files, store.home)
        photos = store.snapshot().photos().some(wrong)
        store.update([dataclasses.replace(photos[number], location=None) for number in sorted(photos)])
        store.maintain()
    if "learn again" in kinds:
        restore_state(store, store.preset)
    elif "describe again" in kinds:
        describe_again(store, store.preset)


def _remove_files(paths: Sequence[str], home: Home) -> None:
    for name in paths:
        path = Path(name)
        if path.is_dir():
            with writing(path, error=AtlasWriteError):
                shutil.rmtree(path)
        else:
            home.remove(path.relative_to(home.folder).as_posix())
