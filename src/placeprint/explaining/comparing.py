"""Then and now: align two photos of one place, or all photos of a place with the latest one.

Photos are ordered by the times that the cameras wrote, if both did, else as they were given. The later photo sets the
frame. Photos that geometry does not verify, or that no plane fits (`aligning`), are not aligned.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from placeprint.errors import PhotoError
from placeprint.explaining.aligning import Overlay, Plane, overlay_of, plane_of
from placeprint.pairs import PairAnswer, match
from placeprint.photos import Photo, read_photo


@dataclass(frozen=True, eq=False)
class View:
    """One photo with its name."""

    path: Path
    photo: Photo

    @property
    def taken(self) -> datetime.datetime | None:
        """When it was taken, in the camera's local time, or None."""
        return self.photo.taken


@dataclass(frozen=True, eq=False)
class Compared:
    """An earlier photo laid over a later one.

    Args:
        earlier: the photo that is laid over the frame.
        later: the photo that makes the frame.
        answer: the verified matches of the two.
        plane: the homography from the later photo to the earlier one, or None where the two were not verified, or no
            plane fits.
        overlay: the two pictures, or None as for `plane`, or where they hardly overlap.
    """

    earlier: View
    later: View
    answer: PairAnswer
    plane: Plane | None
    overlay: Overlay | None

    @property
    def why_not(self) -> str:
        """Why there is no overlay, in a clause; empty if there is one."""
        if self.overlay is not None:
            return ""
        count = self.answer.verification.num_inliers
        if self.answer.note is not None:
            return self.answer.note
        if self.answer.verdict != "same place":
            return f"{count} matches agree, which does not confirm that both show the same place"
        if self.plane is None:
            return (
                f"{count} matches agree, but no plane fits enough of them: the scene is deep, or the views differ much"
            )
        return "the plane that fits covers hardly anything of both photos"


def compare(first: Path | str, second: Path | str, *, features: str = "xfeat", rotations: bool = True) -> Compared:
    """Lay the earlier of two photos over the later one.

    Args:
        first: the path of a photo.
        second: the path of another one.
        features: the name of an extractor, as for `pairs.match`.
        rotations: whether to try rotations if nothing is confirmed upright.

    Raises:
        PhotoError: a photo cannot be used.
        OptionError: the extractor is unknown.
    """
    earlier, later = ordered([View(Path(each), read_photo(each)) for each in (first, second)])
    return _compared(earlier, later, features, rotations)


def compare_all(paths: Sequence[Path | str], *, features: str = "xfeat") -> list[Compared]:
    """Lay photos of one place over the last of them, the earliest first.

    Args:
        paths: of at least two photos; those that cannot be read are skipped.
        features: the name of an extractor, as for `pairs.match`.

    Raises:
        PhotoError: fewer than two photos can be used.
    """
    views, reasons = [], []
    for path in paths:
        try:
            views.append(View(Path(path), read_photo(path)))
        except PhotoError as error:
            reasons.append(f"{path}: {error}")
    if len(views) < 2:
        raise PhotoError(f"a comparison needs two photos that can be read; {'; '.join(reasons)}")
    *others, last = ordered(views)
    return [_compared(each, last, features, rotations=True) for each in others]


def ordered(views: Sequence[View]) -> list[View]:
    """Return photos by the time they were taken; as they were given where one has no time."""
    if any(each.taken is None for each in views):
        return list(views)
    return sorted(views, key=lambda each: each.taken or datetime.datetime.min)


def _compared(earlier: View, later: View, features: str, rotations: bool) -> Compared:
    answer = match(later.photo.image, earlier.photo.image, features=features, rotations=rotations)
    plane = plane_of(answer.verification) if answer.verdict == "same place" else None
    overlay = None if plane is None else overlay_of(later.photo.image, earlier.photo.image, plane)
    return Compared(earlier, later, answer, plane, overlay)
