"""Reviews: proposed positions and possible problems of photos, computed by a job and kept until decided.

Nothing is written into the atlas: accepted items are returned as a table, with the columns that the command line
writes. The items of the last few reviews stay in memory.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from placeprint.core.csv_files import csv_text
from placeprint.errors import PhotoError
from placeprint.places.doctor import BY_MATCHES, examine
from placeprint.places.findings import KINDS, Finding, Kind
from placeprint.places.proposals import Proposal, as_csv, propose
from placeprint.service.desk import Desk
from placeprint.service.problems import Refused
from placeprint.types import Progress

KEPT = 5
"""Reviews that are remembered."""
MATCHES = 120
"""Matches that are kept of each proposal."""


@dataclass(eq=False)
class Review:
    """What a review has found so far.

    Args:
        kind: of the review.
        base: the folder below which its photos are named; None for photos of the atlas.
        items: found so far, in their order.
    """

    kind: Literal["positions", "findings"]
    base: Path | None = None
    items: list[Proposal | Finding] = field(default_factory=list)


class Reviews:
    """The reviews of a service, by the id of their job."""

    def __init__(self) -> None:
        self._reviews: dict[str, Review] = {}
        self._lock = threading.Lock()

    def keep(self, name: str, review: Review) -> None:
        """Keep a review, and forget the oldest one if there are many."""
        with self._lock:
            self._reviews[name] = review
            for old in list(self._reviews)[:-KEPT]:
                del self._reviews[old]

    def __getitem__(self, name: str) -> Review:
        """Return a review.

        Raises:
            Refused: there is none of this id, or it was forgotten.
        """
        found = self._reviews.get(name)
        if found is None:
            raise Refused(404, f"there is no such review; the last {KEPT} are kept while the service runs")
        return found


def propose_positions(
    desk: Desk, review: Review, photos: Sequence[str], progress: Progress, skip: Callable[[str, str], None]
) -> None:
    """Add proposed positions of photos to a review, in the order of the photos."""
    locator = desk.locator(progress)
    progress(0, len(photos))
    for done, path in enumerate(photos, start=1):
        try:
            found = propose(locator, Path(path))
        except PhotoError as error:
            skip(path, str(error))
        else:
            step = max(1, -(-len(found.points) // MATCHES))
            review.items.append(replace(found, points=found.points[::step].copy()))
        progress(done, len(photos))


def find_problems(desk: Desk, review: Review, kinds: Collection[Kind], progress: Progress) -> None:
    """Add to a review what is wrong with the photos of the atlas, the most certain first within each kind."""
    wanted = kinds or [kind for kind in KINDS if desk.gives_probabilities or kind not in BY_MATCHES]
    review.items.extend(examine(desk.atlas, kinds=wanted, progress=progress))


def table(desk: Desk, review: Review, numbers: Collection[int]) -> bytes:
    """Return accepted items as CSV, with the columns that ``geotag`` writes, or those of ``doctor``'s findings.

    Photos are named by their paths below the folder that they share.

    Raises:
        Refused: a number is not that of an item.
    """
    if any(number >= len(review.items) for number in numbers):
        raise Refused(422, f"numbers must be those of the {len(review.items)} items of the review")
    chosen = [review.items[number] for number in sorted(set(numbers))]
    if review.kind == "positions":
        proposals = [each for each in chosen if isinstance(each, Proposal)]
        text = as_csv(
            replace(
                each, photo=named(desk, review, each.photo), best=None if each.best is None else desk.below(each.best)
            )
            for each in proposals
        )
    else:
        found = [each for each in chosen if isinstance(each, Finding)]
        rows = [(desk.below(each.photo), each.finding, detail(desk, each), f"{each.certainty:.4f}") for each in found]
        text = csv_text(("photo", "finding", "detail", "certainty"), rows)
    return text.encode("utf-8", "surrogateescape")


def named(desk: Desk, review: Review, path: str) -> str:
    """Return what a photo of a review is called: its path below the folder that the photos share."""
    return desk.below(path) if review.base is None else Path(os.path.relpath(path, review.base)).as_posix()


def detail(desk: Desk, finding: Finding) -> str:
    """Return the detail of a finding without the paths of photos."""
    words = finding.detail
    for path in sorted((finding.photo, *finding.others), key=len, reverse=True):
        words = words.replace(path, desk.below(path))
    return words
