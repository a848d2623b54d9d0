"""The page that compares photos of one place: a slider for each pair that could be aligned."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from placeprint.explaining.comparing import Compared, View
from placeprint.pages import MatchView, PagePicture, match_view, picture_of, write_page

ROOM, TEMPLATE = "placeprint.explaining", "compare.html.j2"
SCRIPTS = ("slider.js", "matches.js")
SIDE = 1600
"""Longest side of a picture that is shown large."""


@dataclass(frozen=True)
class Shown:
    """One pair of the page.

    Args:
        words: what its pictures show.
        sides: what is left and right of the slider.
        before: the later photo's frame, or None where there is no overlay.
        after: the earlier photo in that frame, or None.
        whole: both unaligned photos, the earlier first.
        matches: the proof, or None without matches.
        why_not: why there is no overlay; empty if there is one.
    """

    words: str
    sides: tuple[str, str]
    before: PagePicture | None
    after: PagePicture | None
    whole: tuple[PagePicture, PagePicture]
    matches: MatchView | None
    why_not: str


def write_comparison(path: Path, compared: Sequence[Compared], *, title: str = "Then and now") -> None:
    """Write the page of photos of one place.

    Args:
        path: of the page; only an earlier page is replaced.
        compared: at least one pair; all have the same later photo.
        title: its heading.

    Raises:
        PackageError: Jinja2 is not installed.
        OptionError: the name of the page does not end in .html.
        WriteError: the path has something else, or cannot be written.
    """
    write_page(
        path,
        TEMPLATE,
        room=ROOM,
        scripts=SCRIPTS,
        inputs=[each.earlier.path for each in compared] + [compared[0].later.path],
        title=title,
        later=caption(compared[0].later),
        shown=[_shown(each, number) for number, each in enumerate(compared, start=1)],
    )


def caption(view: View) -> str:
    """Return the name of a photo, with when it was taken if that is known."""
    return view.path.name if view.taken is None else f"{view.path.name}, {_day(view.taken)}"


def _shown(pair: Compared, number: int) -> Shown:
    whole = tuple(picture_of(view.photo.image, f"The photo {caption(view)}") for view in (pair.earlier, pair.later))
    check = pair.answer.verification
    points = check.points[check.inliers]
    matches = None
    if len(points):
        label = f"{len(points)} matches between {pair.later.path.name} and {pair.earlier.path.name}"
        matches = match_view(whole[1], whole[0], points, label, name=f"matches-{number}")
    before = after = None
    if pair.overlay is not None:
        before = picture_of(pair.overlay.before, f"The later photo, {caption(pair.later)}", side=SIDE)
        after = picture_of(
            pair.overlay.after, f"The earlier photo, {caption(pair.earlier)}, aligned with it", side=SIDE
        )
    return Shown(
        _words(pair),
        (_side(pair.later), _side(pair.earlier)),
        before,
        after,
        (whole[0], whole[1]),
        matches,
        pair.why_not,
    )


def _words(pair: Compared) -> str:
    between = ""
    if pair.earlier.taken is not None and pair.later.taken is not None:
        between = f"{_span(pair.later.taken - pair.earlier.taken)} between them. "
    if pair.plane is None or pair.overlay is None:
        return between
    words = f"{between}Laid over each other by the plane that {pair.plane.followed} verified matches share."
    if pair.plane.followed < pair.plane.verified:
        words += " What is nearer or farther than that plane is shifted."
    return words


def _side(view: View) -> str:
    return view.path.name if view.taken is None else _day(view.taken)


def _day(taken: datetime.datetime) -> str:
    return f"{taken.day} {taken:%B %Y}"


def _span(apart: datetime.timedelta) -> str:
    """Return a duration in its largest unit.

    Example:
        >>> _span(datetime.timedelta(days=800)), _span(datetime.timedelta(minutes=5))
        ('2 years', '5 minutes')
    """
    seconds = abs(apart.total_seconds())
    for length, unit in ((365.25 * 86_400, "year"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "No time"
