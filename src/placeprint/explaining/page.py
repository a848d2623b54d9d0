"""The page of an explanation: the answer, its proof, where the evidence is, and the runner-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from placeprint.describing.describer import Describer
from placeprint.errors import PhotoError
from placeprint.explaining.evidence_pictures import SIDE, attention_of, heat_of, slider_of, units_of
from placeprint.explaining.explanation import Explanation
from placeprint.explaining.headline import headline_of
from placeprint.explaining.reasons import percent
from placeprint.pages import (
    MapView,
    MatchView,
    PagePicture,
    Pin,
    map_of,
    match_view,
    picture_of,
    picture_of_file,
    write_page,
)
from placeprint.pages.pictures import THUMB
from placeprint.photos import read_image
from placeprint.types import Evidence, Image

ROOM, TEMPLATE = "placeprint.explaining", "explain.html.j2"
SCRIPTS = ("slider.js", "matches.js")
LISTED = 8
"""Candidates listed."""
CONTEXT = 2000
"""Photos of the atlas drawn on the map, at most."""


@dataclass(frozen=True)
class Listed:
    """One candidate of the list."""

    rank: int
    name: str
    path: str
    thumb: PagePicture | None
    each: Evidence


def write_explanation(
    path: Path,
    query: Path,
    explanation: Explanation,
    describer: Describer,
    *,
    deconvolution: bool = True,
    context: Sequence[tuple[str, tuple[float, float]]] = (),
) -> None:
    """Write the page of an explanation.

    Args:
        path: of the page; only an earlier page is replaced.
        query: the path of the query.
        explanation: why the atlas answers as it does.
        describer: of the atlas.
        deconvolution: whether to trace units of a network back, in presets that have one.
        context: names and positions of photos of the atlas, for the map.

    Raises:
        PackageError: Jinja2 is not installed.
        OptionError: the name of the page does not end in .html.
        WriteError: the path has something else, or cannot be written.
    """
    first = explanation.first
    photo = None if first is None else _read(first.path)
    image = explanation.query.image
    names = query.name, "" if first is None else Path(first.path).name
    shown = picture_of(image, f"The query {names[0]}", side=SIDE)
    other = None if photo is None else picture_of(photo, f"The photo {names[1]} of the atlas", side=SIDE)
    write_page(
        path,
        TEMPLATE,
        room=ROOM,
        scripts=SCRIPTS,
        inputs=[query],
        title=f"{headline_of(explanation).short}: {names[0]}",
        headline=headline_of(explanation),
        explanation=explanation,
        first=first,
        found=explanation.state == "found",
        names=names,
        query=shown,
        photo=other,
        matches=_matches(first, shown, other, names),
        slider=slider_of(explanation, photo, names),
        heat=heat_of(explanation, describer, photo, names),
        attention=attention_of(describer, image, names[0]),
        units=units_of(describer, image, photo, names) if deconvolution else (),
        map=_map(explanation, names, context),
        where=_where(explanation),
        rival=None if explanation.rival is None else picture_of_file(explanation.rival.path, "The runner-up"),
        listed=_listed(explanation.answer.evidence[:LISTED]),
        percent=percent,
        basename=lambda text: Path(text).name,
    )


def _matches(
    first: Evidence | None, query: PagePicture, photo: PagePicture | None, names: tuple[str, str]
) -> MatchView | None:
    """Return the verified matches of the first candidate over both photos; None without any."""
    if first is None or first.verification is None or photo is None or not first.num_inliers:
        return None
    points = first.verification.points[first.verification.inliers]
    return match_view(query, photo, points, f"{len(points)} matches between {names[0]} and {names[1]}")


def _read(path: str) -> Image | None:
    try:
        return read_image(Path(path))
    except PhotoError:
        return None


def _map(
    explanation: Explanation, names: tuple[str, str], context: Sequence[tuple[str, tuple[float, float]]]
) -> MapView | None:
    rival, own = explanation.rival, explanation.query.location
    answer = _answer_pin(explanation)
    if answer is None:
        return None
    pins = [Pin(*place, Path(name).name) for name, place in context[:CONTEXT]]
    if rival is not None and rival.location is not None:
        pins.append(Pin(*rival.location, f"the runner-up, {Path(rival.path).name}", "second"))
    if own is not None:
        pins.append(Pin(*own, f"the GPS tag of {names[0]}", "right"))
    return map_of([*pins, answer], f"A map with {answer.label}")


def _answer_pin(explanation: Explanation) -> Pin | None:
    """Return where the query was taken, or else where the first candidate was; None if neither is known."""
    first, located = explanation.first, explanation.located
    if located is not None and located.location is not None:
        where = located.location
        return Pin(where.latitude, where.longitude, "where the query was taken", "answer", where.radius)
    if first is None or first.location is None:
        return None
    return Pin(*first.location, Path(first.path).name, "answer")


def _where(explanation: Explanation) -> str:
    """Return the position in words; empty where none is known."""
    pin = _answer_pin(explanation)
    if pin is None:
        return ""
    what = "The query was taken" if pin.radius_m is not None else f"{pin.label} was taken"
    radius = f", within {pin.radius_m:.0f} m nine times in ten" if pin.radius_m is not None else ""
    return f"{what} at {pin.latitude:.5f}, {pin.longitude:.5f}{radius}."


def _listed(candidates: Sequence[Evidence]) -> tuple[Listed, ...]:
    return tuple(
        Listed(rank, Path(each.path).name, each.path, picture_of_file(each.path, "", side=THUMB, quality=70), each)
        for rank, each in enumerate(candidates, start=1)
    )
