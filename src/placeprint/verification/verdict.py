"""The verdict of a verification."""

from __future__ import annotations

from placeprint.types import Verification


def verdict_of(check: Verification | None, *, sure: float, possible: float) -> str:
    """Return the verdict of `types.Evidence` for a verification.

    Args:
        check: the verification, or None if geometry was not tried.
        sure: the strength at which two photos show the same place.
        possible: the strength at which they may show the same place.
    """
    if check is None:
        return "not verified"
    if check.strength >= sure:
        return "same place"
    return "possible" if check.strength >= possible else "not confirmed"
