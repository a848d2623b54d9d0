"""An MCP server over an atlas, for assistants: locate a photo, match two, list places. It changes nothing.

Assistants give paths of files on this computer. Only photos can be read, and only facts about places are returned.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec

from pydantic import BaseModel, Field

import placeprint
from placeprint.atlas import Atlas
from placeprint.core.addresses import url_of
from placeprint.errors import PackageError, PhotoError, PlaceprintError
from placeprint.places.locating import Locator
from placeprint.types import Located
from placeprint.version import __version__

P = ParamSpec("P")
INSTRUCTIONS = (
    "placeprint knows the photos of one atlas. locate_photo says which of its places a photo shows, with a calibrated "
    "confidence and, where positions are known, latitude and longitude with a radius. A place of null means that the "
    "atlas does not know it: say so, and do not guess."
)
SHOWN = 20
"""Photos that are named of each place."""


class SimilarPhoto(BaseModel):
    """A photo that may show the same place."""

    photo: str = Field(description="The path of its file.")
    probability: float | None = Field(description="Probability that it shows the place.")
    verified_matches: int | None


class LocatedPhoto(BaseModel):
    """Which place a photo shows."""

    place: str | None = Field(description="Null if the atlas does not know the place.")
    confidence: float = Field(description="Probability that the place is right.")
    latitude: float | None = Field(description="Degrees north.")
    longitude: float | None = Field(description="Degrees east.")
    radius_m: float | None = Field(
        description="Radius in meters that contains the true position nine times out of ten."
    )
    photos: list[SimilarPhoto]
    note: str | None


class MatchedPhotos(BaseModel):
    """Whether two photos show the same place."""

    verdict: str = Field(description="same place, possible, or not confirmed.")
    confidence: float | None = Field(description="Probability that both show the same place.")
    verified_matches: int
    note: str | None


class PlaceOfAtlas(BaseModel):
    """A place of the atlas."""

    label: str
    num_photos: int
    latitude: float | None
    longitude: float | None
    photos: list[str] = Field(description="Paths of some of its photos.")


class AtlasFacts(BaseModel):
    """Facts about the atlas."""

    num_photos: int
    num_located: int = Field(description="Photos with a position.")
    preset: str


def create_server(path: Path) -> Any:
    """Return the MCP server of an atlas.

    Args:
        path: the folder or the address of the atlas.

    Raises:
        PackageError: the package ``mcp`` is not installed.
        AtlasMissingError: there is no atlas.
    """
    try:
        from mcp.server import MCPServer
        from mcp.types import ToolAnnotations
    except ImportError as error:
        raise PackageError("assistants need the package mcp; install placeprint[assistants]") from error
    atlas = Atlas.open(path)
    server = MCPServer("placeprint", instructions=INSTRUCTIONS, version=__version__)
    for tool in _tools(atlas):
        server.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))(tool)
    return server


def _local(photo: str) -> str:
    """Refuse the address of an object store, which would be read with the user's credentials."""
    if url_of(photo) is not None:
        raise PhotoError(f"assistants can only read photos on this computer, got the address {photo}")
    return photo


def _tools(atlas: Atlas) -> list[Callable[..., BaseModel | list[PlaceOfAtlas]]]:
    @_in_our_words
    def locate_photo(photo: str, top: int = 3) -> LocatedPhoto:
        """Report which place a photo shows, the confidence, and where it was taken.

        Args:
            photo: the path of the photo's file.
            top: similar photos to return, up to 20.
        """
        return _located(atlas.locate(_local(photo), top=min(max(top, 1), SHOWN)))

    @_in_our_words
    def match_photos(first: str, second: str) -> MatchedPhotos:
        """Decide by verified point matches whether two photos show the same place.

        Args:
            first: the path of a photo's file.
            second: the path of the other one.
        """
        answer = placeprint.match(_local(first), _local(second))
        return MatchedPhotos(
            verdict=answer.verdict,
            confidence=answer.confidence,
            verified_matches=answer.verification.num_inliers,
            note=answer.note,
        )

    @_in_our_words
    def list_places(limit: int = 50) -> list[PlaceOfAtlas]:
        """List the places of the atlas, the one with the most photos first.

        Args:
            limit: places to return, up to 1000.
        """
        records = atlas.snapshot().usable()
        return [
            PlaceOfAtlas(
                label=place.label,
                num_photos=len(place.photos),
                latitude=None if place.location is None else place.location[0],
                longitude=None if place.location is None else place.location[1],
                photos=[records[number].path for number in place.photos[:SHOWN] if number in records],
            )
            for place in Locator(atlas).places[: min(max(limit, 1), 1000)]
        ]

    @_in_our_words
    def atlas_info() -> AtlasFacts:
        """Report how many photos the atlas has."""
        info = atlas.info()
        return AtlasFacts(num_photos=info.num_photos, num_located=info.num_located, preset=info.preset)

    return [locate_photo, match_photos, list_places, atlas_info]


def _in_our_words(tool: Callable[P, Any]) -> Callable[P, Any]:
    """Let a tool fail with the message of our error."""

    @functools.wraps(tool)
    def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        from mcp.server.mcpserver.exceptions import ToolError

        try:
            return tool(*args, **kwargs)
        except PlaceprintError as error:
            raise ToolError(str(error)) from error

    return call


def _located(located: Located) -> LocatedPhoto:
    where = located.location
    return LocatedPhoto(
        place=None if located.place is None else located.place.label,
        confidence=located.confidence,
        latitude=None if where is None else where.latitude,
        longitude=None if where is None else where.longitude,
        radius_m=None if where is None else where.radius,
        photos=[
            SimilarPhoto(photo=each.path, probability=each.probability, verified_matches=each.num_inliers)
            for each in located.candidates
        ],
        note=located.note,
    )
