"""What a verification is worth, in words."""

from __future__ import annotations

from placeprint.types import Verification


def verdict_of(check: Verification | None, *, sure: float, possible: float) -> str:
    """Return the verdict of `types.Evidence` for a verification.

    Args:
        check: None when geometry was not tried.
        sure: strength from which on two photos show the same place.
        possible: strength from which on they may.
    """
    if check is None:
        return "not verified"
    if check.strength >= sure:
        return "same place"
    return "possible" if check.strength >= possible else "not confirmed"
