"""The JSON of photos under review, with units as in `schemas`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from placeprint.places.findings import Kind
from placeprint.service.schemas import FolderChoice, Location, Match, PhotoSummary, Position, Probability


class ReviewRequest(FolderChoice):
    """What to review."""

    kind: Literal["positions", "findings"]
    photos: Literal["unlocated", "all", "folder"] = Field(
        "unlocated",
        description="Positions for the photos of the atlas that have none, for all of them, or for those of a folder.",
    )
    findings: list[Kind] = Field(
        [], max_length=20, description="What to look for; empty for all that the preset allows."
    )


class ProposedPosition(BaseModel):
    """Where a photo may have been taken."""

    location: Location | None
    confidence: Probability = Field(description="Probability that the photo shows the place.")
    place: str | None = Field(description="The label of the place.")
    best: PhotoSummary | None = Field(description="The photo of the atlas that shows most of it.")
    width: int = Field(description="Pixels of the photo.")
    height: int = Field(description="Pixels of the photo.")
    matches: list[Match] = Field(description="Verified matches with the best photo; some, if there are many.")
    known: Position | None = Field(description="The position that the photo's file has.")
    off_m: float | None = Field(description="Meters from that to the proposed position.")
    near: list[Position] = Field(description="Where similar photos were taken.")
    note: str | None = Field(description="Why there is no position.")


class FoundProblem(BaseModel):
    """A possible problem of a photo."""

    finding: Kind
    detail: str
    certainty: Probability
    others: list[PhotoSummary] = Field(description="Photos of the atlas that the detail names; some, if many.")


class ReviewItem(BaseModel):
    """One photo to accept or reject."""

    number: int
    name: str = Field(description="The name of its file.")
    folder: str = Field(description="The folders above it.")
    photo_id: int | None = Field(description="Its id, if it is a photo of the atlas.")
    proposal: ProposedPosition | None
    problem: FoundProblem | None


class ReviewPage(BaseModel):
    """Some items of a review, in order."""

    kind: Literal["positions", "findings"]
    items: list[ReviewItem]
    total: int = Field(description="The number of items so far.")


class Accepted(BaseModel):
    """The items of a review that somebody accepted."""

    numbers: list[Annotated[int, Field(ge=0, lt=1 << 31)]] = Field(max_length=1_000_000)
