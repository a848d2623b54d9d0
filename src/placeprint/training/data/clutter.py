"""Photos among others: what the attention of DELF learns from (Noh et al., ICCV 2017, section 4.2.2).

The photo is made smaller, by a random factor, and laid anywhere on a picture full of parts of other photos. What it
shows is then a part of what there is to see, in many sizes, as a landmark is in photos that were not made for it.

Departure: the paper has photos with clutter in them, and rescales those; here clean ones are put among others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np

from placeprint.core.options import Range, Share, checked
from placeprint.core.table_reading import read_table
from placeprint.errors import OptionError
from placeprint.photos import as_image, resize
from placeprint.types import Image

OTHER_SIDES = (0.3, 0.7)
"""Least and most share of the sides that a part of another photo takes."""
PARTS = (0.3, 0.9)
"""Least and most share of another photo's sides that is seen."""
Side = Annotated[float, Range(0, 1, above=True)]


@checked
@dataclass(frozen=True, kw_only=True)
class Clutter:
    """How photos are put among others.

    Args:
        chance: that a photo is.
        sides: least and most share of the picture's sides that the photo takes.
        others: parts of other photos that may be seen around it.

    Raises:
        OptionError: a value is out of its range.
    """

    chance: Share = 1.0
    sides: tuple[Side, Side] = (0.4, 0.8)
    others: Annotated[int, Range(1, 1000)] = 4

    def __post_init__(self) -> None:
        if self.sides[0] > self.sides[1]:
            raise OptionError(f"sides must be in increasing order, got {list(self.sides)}")

    @classmethod
    def from_table(cls, table: Mapping[str, object]) -> Self | None:
        """Return what the table of a recipe says, None for an empty one: no clutter.

        Raises:
            OptionError: a key is not known, a value has another type or is out of its range.
        """
        return read_table(cls, table, what="clutter", prefix="clutter.") if table else None

    def apply(self, image: Image, others: Sequence[Image], generator: np.random.Generator) -> Image:
        """Return a picture of the image's size with the image, made smaller, among parts of others.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            others: photos of any sizes; the first lies below all, whole or in part.
            generator: gives all that is random; see `augmentation.generator_of`.
        """
        if generator.random() >= self.chance:
            return image
        height, width = image.shape[:2]
        canvas = resize(_part(others[0], generator), (width, height)).copy()
        for other in others[1:]:
            _lay(canvas, _part(other, generator), generator.uniform(*OTHER_SIDES), generator)
        _lay(canvas, image, generator.uniform(*self.sides), generator)
        return canvas


def _part(image: Image, generator: np.random.Generator) -> Image:
    image = as_image(image)
    height, width = image.shape[:2]
    share = generator.uniform(*PARTS)
    part_height, part_width = max(1, round(height * share)), max(1, round(width * share))
    top, left = (int(generator.integers(0, room + 1)) for room in (height - part_height, width - part_width))
    return np.ascontiguousarray(image[top : top + part_height, left : left + part_width])


def _lay(canvas: Image, image: Image, share: float, generator: np.random.Generator) -> None:
    """Put an image on the canvas, at a share of its sides."""
    height, width = canvas.shape[:2]
    part_height, part_width = max(1, round(height * share)), max(1, round(width * share))
    top, left = (int(generator.integers(0, room + 1)) for room in (height - part_height, width - part_width))
    canvas[top : top + part_height, left : left + part_width] = resize(image, (part_width, part_height))
