"""The pictures of an explanation: an overlay of both photos, a map of the evidence, and what networks respond to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from placeprint.describing.contributions import Contributions
from placeprint.describing.describer import Describer
from placeprint.explaining.aligning import overlay_of, plane_of
from placeprint.explaining.explanation import Explanation
from placeprint.explaining.reasons import percent
from placeprint.explaining.units import network_of, shared_units
from placeprint.features.delf import DELF
from placeprint.features.grid import Grid
from placeprint.pages import PagePicture, picture_of
from placeprint.types import Extractor, Image
from placeprint.visualization.attention import draw_attention
from placeprint.visualization.canvas import BAND
from placeprint.visualization.contributions import area_of_half, draw_contributions

SIDE = 1400
"""Longest side of a photo that is shown large."""


@dataclass(frozen=True)
class Slider:
    """Two pictures of one frame, with what is on either side."""

    before: PagePicture
    after: PagePicture
    words: str


@dataclass(frozen=True)
class Heat:
    """Where the evidence is in both photos.

    Args:
        query: the query, in warm colors where the evidence is.
        photo: the other photo, the same.
        words: what the pictures say.
        parts: name and amount of each descriptor, and the total.
    """

    query: PagePicture
    photo: PagePicture
    words: str
    parts: tuple[tuple[str, float], ...]
    total: float


@dataclass(frozen=True)
class Unit:
    """A unit of the network: what it sees in the query and in the photo, each above the signal traced back."""

    number: int
    pictures: tuple[PagePicture, ...]


def slider_of(explanation: Explanation, photo: Image | None, names: tuple[str, str]) -> Slider | None:
    """Return the candidate's photo laid over the query; None where no plane fits.

    Args:
        explanation: why the atlas answers as it does.
        photo: ``(H, W, 3)`` uint8 RGB of the first candidate, or None if it cannot be read.
        names: of the query and of the candidate.
    """
    plane = None if explanation.first is None else plane_of(explanation.first.verification)
    if plane is None or photo is None:
        return None
    overlay = overlay_of(explanation.query.image, photo, plane)
    if overlay is None:
        return None
    words = f"The photo of the atlas, aligned with the query by the plane that {plane.followed} matches share."
    if plane.followed < plane.verified:
        words += f" The other {plane.verified - plane.followed} are at other depths, where the two are shifted."
    return Slider(
        picture_of(overlay.before, f"The query {names[0]}", side=SIDE),
        picture_of(overlay.after, f"{names[1]}, aligned with the query", side=SIDE),
        words,
    )


def heat_of(explanation: Explanation, describer: Describer, photo: Image | None, names: tuple[str, str]) -> Heat | None:
    """Return where the evidence is in both photos; None if the similarity has no parts. See `slider_of`."""
    own, theirs = explanation.of_query, explanation.of_candidate
    if own is None or theirs is None or photo is None or not any(len(part.values) for part in own.parts):
        return None
    image = explanation.query.image
    points, values = own.joined()
    half = area_of_half(points, values, (image.shape[1], image.shape[0]))
    words = "Warm colors are where keypoints add to the similarity of the two photos; gray is where they add nothing."
    if np.isfinite(half):
        words += f" Half of it comes from {percent(half)} of the query."
    return Heat(
        picture_of(draw_contributions(image, points, values), f"Where the evidence is in {names[0]}"),
        picture_of(draw_contributions(photo, *theirs.joined()), f"Where the evidence is in {names[1]}"),
        words,
        parts_in_words(own, describer),
        own.total,
    )


def parts_in_words(found: Contributions, describer: Describer) -> tuple[tuple[str, float], ...]:
    """Return the name of each descriptor and what it adds; what belongs to no keypoint comes last."""
    rest = (("mean of the whitening", found.rest),) if abs(found.rest) > 1e-4 else ()
    return (*((_in_words(describer.extractors[part.source]), part.total) for part in found.parts), *rest)


def _in_words(extractor: Extractor) -> str:
    if isinstance(extractor, Grid):
        return f"the map of {Path(extractor.backbone).name or 'a network'}"
    return f"{type(extractor).__name__} keypoints"


def attention_of(describer: Describer, image: Image, name: str) -> PagePicture | None:
    """Return DELF's attention over the query, in presets that have it."""
    delf = next((each for each in describer.extractors if isinstance(each, DELF)), None)
    if delf is None:
        return None
    return picture_of(draw_attention(image, delf.attention(image))[BAND:], f"DELF's attention in {name}")


def units_of(describer: Describer, image: Image, photo: Image | None, names: tuple[str, str]) -> tuple[Unit, ...]:
    """Return the units of the preset's network that answer the most in both photos; none without a network."""
    grid = network_of(describer)
    if grid is None or photo is None:
        return ()
    _, found = shared_units(grid, image, photo)
    return tuple(
        Unit(
            unit.number,
            tuple(
                picture_of(each, f"Unit {unit.number} {what}, {name}")
                for crops, name in ((unit.query, names[0]), (unit.photo, names[1]))
                for each, what in zip(crops, ("sees", "answers to"), strict=True)
            ),
        )
        for unit in found
    )
