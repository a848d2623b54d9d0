"""The JSON of the service, with units. Coordinates are degrees of WGS 84; pixels are those of the upright photo."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

Probability = Annotated[float, Field(ge=0, le=1)]
XY = Annotated[list[float], Field(min_length=2, max_length=2)]
Match = Annotated[list[float], Field(min_length=4, max_length=4)]
Verdict = Literal["same place", "possible", "not confirmed", "not verified"]


class Position(BaseModel):
    """A point on Earth."""

    latitude: Annotated[float, Field(ge=-90, le=90, description="Degrees north.")]
    longitude: Annotated[float, Field(ge=-180, le=180, description="Degrees east.")]


class PhotoSummary(BaseModel):
    """A photo of the atlas."""

    id: int = Field(description="Its id, which stays the same.")
    name: str = Field(description="The name of its file.")
    folder: str = Field(description="The folders above it, relative to the photos' common folder.")
    width: int = Field(description="Pixels.")
    height: int = Field(description="Pixels.")
    position: Position | None
    taken: datetime.datetime | None = Field(description="The camera's local time.")
    num_keypoints: int


class PhotoPage(BaseModel):
    """Some photos, in the order of their ids."""

    photos: list[PhotoSummary]
    total: int = Field(description="The number of photos that fit the filter.")
    next: int | None = Field(description="Pass it as `after` to get the following photos; null at the end.")


class Group(BaseModel):
    """Photos that share something."""

    key: str = Field(description="The id of the place, the month as YYYY-MM, or the folder.")
    title: str
    num_photos: int
    photos: list[int] = Field(description="Ids of up to 4 of its photos.")


class GroupPage(BaseModel):
    """Some groups."""

    groups: list[Group]
    total: int
    ungrouped: int = Field(description="The number of photos in no group.")


class Keypoints(BaseModel):
    """The stored keypoints of a photo."""

    points: list[XY] = Field(description="x and y in pixels.")
    scores: list[float]


class Candidate(BaseModel):
    """A photo that may show the place of the query."""

    photo: PhotoSummary
    probability: Probability | None = Field(
        description="Probability that it shows the place; null if the preset gives none."
    )
    similarity: float = Field(description="The cosine of the global descriptors.")
    inliers: int | None = Field(description="Verified matches; null if it was not verified.")
    verdict: Verdict


class Matches(BaseModel):
    """The verified matches of two photos."""

    points: list[Match] = Field(description="x and y in the first, x and y in the second.")
    transform: list[list[float]] | None = Field(description="3 x 3, from the first photo to the second.")
    model: str = Field(description="The kind of transform.")


class SearchAnswer(BaseModel):
    """The candidates for a query, the best first."""

    found: bool = Field(description="Whether the first candidate is confirmed.")
    confidence: Probability | None = Field(
        description="Probability that the first candidate is right and the place is in the atlas; null if the "
        "preset gives none."
    )
    rotation: float = Field(description="Degrees counter-clockwise by which the query was rotated for this answer.")
    note: str | None
    width: int = Field(description="Pixels of the query.")
    height: int = Field(description="Pixels of the query.")
    candidates: list[Candidate]
    matches: Matches | None = Field(description="Of the query with the first candidate.")
    seconds: dict[str, float] = Field(description="The time of each part, in seconds.")


class Reason(BaseModel):
    """One fact in words."""

    words: str
    speaks_for: bool | None = Field(description="For the same place; null if it only says what is seen.")


class Part(BaseModel):
    """The contribution of one descriptor to a similarity."""

    name: str
    adds: float


class Heat(BaseModel):
    """Where in a photo the evidence is, on a coarse grid over the whole photo."""

    width: int = Field(ge=1, description="Cells of a row.")
    height: int = Field(ge=1, description="Rows.")
    levels: list[Annotated[int, Field(ge=0, le=255)]] = Field(description="Row by row; 255 is the most evidence.")


class Contributions(BaseModel):
    """The similarity of the query and the first candidate, split over their keypoints."""

    similarity: float = Field(description="The cosine of the global descriptors.")
    parts: list[Part]
    half: Probability | None = Field(description="The share of the query's area that half of the evidence comes from.")
    query: Heat
    photo: Heat


class WhyAnswer(BaseModel):
    """The explanation of an answer."""

    state: Literal["found", "perhaps", "absent", "nothing"]
    lead: str = Field(description="The answer in a sentence.")
    advice: list[str] = Field(description="What may help; empty if the place was found.")
    reasons: list[Reason] = Field(description="What speaks for and against the first candidate.")
    first: Candidate | None
    runner_up: Candidate | None = Field(description="The best photo of another place.")
    why_it_lost: str = Field(description="In a sentence; empty without a runner-up.")
    contributions: Contributions | None
    no_contributions_because: str | None
    attention: Heat | None = Field(description="DELF's attention over the query, in presets that have it.")


class PlaceName(BaseModel):
    """A place of the atlas."""

    id: str
    label: str = Field(description="The name of its folder, or else of its best photo.")
    title: str = Field(description="What people call it: the label, or the nearest town if that names only a photo.")


class Location(BaseModel):
    """Where a photo was taken."""

    latitude: Annotated[float, Field(ge=-90, le=90, description="Degrees north.")]
    longitude: Annotated[float, Field(ge=-180, le=180, description="Degrees east.")]
    radius_m: Annotated[
        float, Field(ge=0, description="Radius in meters that contains the true position nine times out of ten.")
    ]


class LocateAnswer(SearchAnswer):
    """Which place a photo shows, and where it was taken."""

    place: PlaceName | None = Field(description="Null if the photo shows no place of the atlas.")
    location: Location | None = Field(description="Null if the place is unknown, or has no position.")


class Place(PlaceName):
    """Photos of the atlas that show the same place."""

    num_photos: int
    photos: list[int] = Field(description="Ids of its photos, the best linked first; up to 100.")
    position: Position | None


class PlacePage(BaseModel):
    """Some places."""

    places: list[Place]
    total: int


class Point(BaseModel):
    """A point of GeoJSON."""

    type: Literal["Point"]
    coordinates: XY = Field(description="Longitude and latitude in degrees.")


class Cluster(BaseModel):
    """Photos that are one point of the map."""

    count: int
    photos: list[int] = Field(description="Ids of the photos; up to 100.")


class Feature(BaseModel):
    """A feature of GeoJSON."""

    type: Literal["Feature"]
    geometry: Point
    properties: Cluster


class FeatureCollection(BaseModel):
    """GeoJSON (RFC 7946)."""

    type: Literal["FeatureCollection"]
    features: list[Feature]
    bbox: Annotated[list[float], Field(min_length=4, max_length=4)] | None = Field(
        description="West, south, east, north of all photos, including those in clusters; or null."
    )


class MatchAnswer(BaseModel):
    """Whether two photos show the same place."""

    verdict: Verdict
    confidence: Probability | None = Field(
        description="Probability that both show the same place, if half of such pairs do; null if there is none."
    )
    features: str = Field(description="The features of these matches: an extractor, or the opinion sift or tilted.")
    asked: list[str] = Field(description="The extractor and all opinions that were requested.")
    rotation: float = Field(description="Degrees counter-clockwise by which the first photo was rotated.")
    note: str | None
    keypoints: Annotated[list[int], Field(min_length=2, max_length=2, description="Of the first and the second.")]
    matches: Matches
    seconds: dict[str, float] = Field(description="The time of each part, in seconds.")


class MapTiles(BaseModel):
    """The tiles of the map."""

    kind: Literal["pmtiles", "xyz"] = Field(description="One file that is read in parts, or a picture for each tile.")
    url: str = Field(description="Of the file, or of a tile, with {z}, {x} and {y}.")


class AtlasSummary(BaseModel):
    """Facts about the atlas."""

    preset: str
    version: str = Field(description="The version of placeprint.")
    num_photos: int
    num_located: int = Field(description="Photos with a position.")
    num_skipped: int = Field(description="Photos that could not be used.")
    num_bytes: int = Field(description="Bytes on disk.")
    writable: bool = Field(description="Whether photos may be added and removed here.")
    probabilities: bool = Field(description="Whether the preset gives probabilities, and so places and positions.")
    token: bool = Field(description="Whether the service needs a token.")
    tiles: MapTiles | None = Field(description="Null if the map is the outline of the land alone.")
    roots: list[str] = Field(description="Names of the folders whose photos may be indexed or reviewed.")


class Added(BaseModel):
    """A photo that was added."""

    photo: PhotoSummary
    known: bool = Field(description="Whether the atlas already had exactly this file.")


class FolderChoice(BaseModel):
    """A folder of the computer that runs the service."""

    root: str = Field("", max_length=255, description="The name of an allowed folder; empty for the first one.")
    folder: str = Field("", max_length=4096, description="A folder below it; empty for the whole.")


class Folders(BaseModel):
    """The folders in a folder."""

    folders: list[str] = Field(description="Their names, up to 1000.")


class JobRequest(FolderChoice):
    """A folder to index."""


class Job(BaseModel):
    """Work that takes longer than a request: a folder is indexed, or photos are reviewed."""

    id: str
    kind: Literal["index", "positions", "findings"]
    state: Literal["waiting", "running", "done", "failed", "stopped"]
    done: int = Field(description="Photos done.")
    total: int = Field(description="Photos to do.")
    added: int = Field(description="Photos that were added to the atlas.")
    skipped: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = Field(
        description="Names of photos that cannot be used, and why."
    )
    error: str | None


class Token(BaseModel):
    """The token of the service."""

    token: str = Field(max_length=4096)


class Health(BaseModel):
    """Whether the service works."""

    status: Literal["ok"]
