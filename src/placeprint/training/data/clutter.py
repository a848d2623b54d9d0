"""Paste photos among others, to train the attention of DELF (Noh et al., ICCV 2017, section 4.2.2).

The photo is scaled down by a random factor and pasted anywhere on a picture full of parts of other photos. Its content
is then only a part of the picture, at many sizes, like a landmark in ordinary photos.

Departure: the paper rescales photos that contain clutter; here clean ones are pasted among others.
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
"""Smallest and largest size of another photo's part, as a share of the sides."""
PARTS = (0.3, 0.9)
"""Smallest and largest visible share of another photo's sides."""
Side = Annotated[float, Range(0, 1, above=True)]


@checked
@dataclass(frozen=True, kw_only=True)
class Clutter:
    """Settings for pasting photos among others.

    Args:
        chance: the probability that a photo is pasted.
        sides: the smallest and largest size of the photo, as a share of the picture's sides.
        others: the number of other photos around it.

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
        """Read the table of a recipe; None for an empty one, which means no clutter.

        Raises:
            OptionError: a key is unknown, or a value has another type or is out of its range.
        """
        return read_table(cls, table, what="clutter", prefix="clutter.") if table else None

    def apply(self, image: Image, others: Sequence[Image], generator: np.random.Generator) -> Image:
        """Return a picture of the image's size with the image, scaled down, among parts of others.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            others: photos of any size; the first is the background.
            generator: the source of randomness; see `augmentation.generator_of`.
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
    """Paste an image on the canvas, at a share of its sides."""
    height, width = canvas.shape[:2]
    part_height, part_width = max(1, round(height * share)), max(1, round(width * share))
    top, left = (int(generator.integers(0, room + 1)) for room in (height - part_height, width - part_width))
    canvas[top : top + part_height, left : left + part_width] = resize(image, (part_width, part_height))
