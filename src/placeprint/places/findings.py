"""Findings: the problems that a photo of an archive can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["wrong-position", "wrong-time", "same-file", "same-shot", "rotated", "unreadable", "alone"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Of findings, in the order in which they are listed."""


@dataclass(frozen=True)
class Finding:
    """Something that a person should look at.

    Args:
        photo: the path of the photo.
        finding: what it is.
        detail: why, in one sentence.
        certainty: that it is so, in [0, 1].
        others: paths of the photos that the detail names.
    """

    photo: str
    finding: Kind
    detail: str
    certainty: float
    others: tuple[str, ...] = ()
