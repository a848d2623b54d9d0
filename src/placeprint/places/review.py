"""The review page of proposed positions: one row per photo, to accept or reject, and the accepted ones as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from placeprint.pages.maps import MapView, Pin, map_of
from placeprint.pages.match_view import MatchView, match_view
from placeprint.pages.page import write_page
from placeprint.pages.pictures import PagePicture, picture_of_file
from placeprint.places.proposals import Proposal

SIDE = 480
"""Longest side of a photo in the page, in pixels."""
MAP = (360, 270)
SURE = 0.95
"""Confidence from which on a row begins accepted."""


@dataclass(frozen=True, eq=False)
class Row:
    """A row of the page.

    Args:
        proposal: what is proposed.
        name: of the photo's file.
        matches: the photo beside the best one, with the matches; None if one of them cannot be read.
        photo: the photo alone, where there is no best one.
        map: the position, its radius, and the photos that it comes from; None without a position.
        accepted: whether the row begins accepted.
    """

    proposal: Proposal
    name: str
    matches: MatchView | None
    photo: PagePicture | None
    map: MapView | None
    accepted: bool


def write_review(path: Path, proposals: Iterable[Proposal], inputs: Sequence[Path] = ()) -> None:
    """Write the review page; raise what `write_page` does."""
    rows = [row_of(proposal, number) for number, proposal in enumerate(proposals)]
    located = [row for row in rows if row.map is not None]
    write_page(
        path,
        "review.html.j2",
        room="placeprint.places",
        scripts=("matches.js", "review.js"),
        inputs=inputs,
        title="Where were these photos taken?",
        rows=located,
        others=[row for row in rows if row.map is None],
        count=len(rows),
    )


def row_of(proposal: Proposal, number: int) -> Row:
    """Return a row of the page."""
    name = Path(proposal.photo).name
    photo = picture_of_file(proposal.photo, f"the photo {name}", side=SIDE)
    best = None
    if proposal.best is not None and proposal.location is not None:
        best = picture_of_file(proposal.best, f"the photo {Path(proposal.best).name} of the atlas", side=SIDE)
    matches = None
    if photo is not None and best is not None:
        words = f"{name} beside {Path(proposal.best or '').name}, {len(proposal.points)} matches"
        matches = match_view(photo, best, proposal.points, words, name=f"row-{number}")
    accepted = proposal.location is not None and proposal.confidence >= SURE
    return Row(proposal, name, matches, photo if matches is None else None, _map(proposal), accepted)


def _map(proposal: Proposal) -> MapView | None:
    where = proposal.location
    if where is None:
        return None
    pins = [Pin(latitude, longitude, Path(path).name) for path, latitude, longitude in proposal.near]
    if proposal.known is not None:
        pins.append(Pin(*proposal.known, "the position in the file", "second"))
    answer = Pin(where.latitude, where.longitude, "the proposed position", "answer", where.radius)
    words = f"{where.latitude:.5f}, {where.longitude:.5f}, within {where.radius:.0f} m"
    return replace(map_of([*pins, answer], words, size=MAP), world=None)
