"""The findings of a check of an atlas."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Check = Literal["atlas", "tables", "records", "orphans", "features", "descriptors", "positions", "states", "cache"]
CHECKS: tuple[Check, ...] = (
    "atlas",
    "tables",
    "records",
    "orphans",
    "features",
    "descriptors",
    "positions",
    "states",
    "cache",
)
Repair = Literal["sweep", "describe again", "forget positions", "learn again", "remove files"]


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was written.

    Args:
        check: the check that found it.
        what: in one sentence.
        repair: what mends it from the rest of the atlas; None where nothing can.
        advice: what to do where nothing mends it.
        photos: ids of the photos that it is about.
        files: paths of the files that it is about.
    """

    check: Check
    what: str
    repair: Repair | None = None
    advice: str = ""
    photos: tuple[int, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verified:
    """The result of a check.

    Args:
        photos: the usable photos of the atlas.
        findings: what was found.
        repaired: the findings that were repaired.
        left: what is still wrong.
    """

    photos: int = 0
    findings: tuple[Finding, ...] = ()
    repaired: tuple[Finding, ...] = ()
    left: tuple[Finding, ...] = field(default=())

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong any more."""
        return not self.left
