"""Augment photos: another frame, viewpoint, light, sharpness and file.

The steps, in this order: crop a part of the photo and scale it to the network's size; mirror it; move its corners,
blur it and add noise (`datasets.sample_photos.rephotograph`); change brightness, contrast, saturation and hue; make it
night; save it as JPEG. Each has a strength, 0 for none, and is applied at random, or by a random amount up to its
strength.

Night is simulated from a day photo: ``value ** gamma`` with gamma from 1.5 to 3, scaled to a mean light of 0.06 to 0.2,
bluish shadows, up to four lamps, which light what is around them by ``exp(-r^2 / (2 s^2))``, and the noise of a long
exposure. It only resembles night: strong shadows and lit windows are missing.

All randomness comes from one generator, and `generator_of` gives the one for a photo in an epoch, so the result for a
photo does not depend on other photos or on the number of loading processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import OneOf, Range, Share, checked
from placeprint.core.table_reading import check_values
from placeprint.datasets.photos.sample_photos import rephotograph
from placeprint.errors import OptionError
from placeprint.photos import as_image, resize
from placeprint.types import Image

Light = NDArray[np.float32]

Side = Annotated[int, Range(16, 4096)]
Area = Annotated[float, Range(0, 1, above=True)]
Ratio = Annotated[float, Range(0.01, 100)]
TRIES = 10
"""Most attempts to find a crop of the wanted size and shape."""
WARM, COLD = (1.0, 0.85, 0.6), (0.75, 0.85, 1.0)
"""Red, green and blue of a lamp and of a night's shadows."""
LAMP = 6
"""A lamp is this many times smaller than the area it lights."""


@checked
@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """The augmentation steps and their strengths.

    Args:
        size: ``(width, height)`` of the result in pixels.
        area: the smallest and largest share of the photo's area to crop.
        ratio: the smallest and largest aspect ratio of the crop, relative to that of `size`.
        flip: the probability of a mirror image. A mirrored place is another place, so keep it 0 for places.
        corners: how far the corners move at most, as a share of the sides, below 0.25.
        brightness: the light is multiplied by 1 - brightness to 1 + brightness.
        contrast: the same for differences from the mean.
        saturation: the same for differences from gray.
        hue: the largest rotation of hue in degrees.
        blur: the largest standard deviation of the blur in pixels.
        blur_chance: the probability of blur.
        noise: the largest standard deviation of the noise in gray levels.
        night: the probability of night.
        jpeg_quality: the lowest quality, 1 to 100; 100 does not change the picture.
        jpeg_chance: the probability of JPEG artifacts.

    Raises:
        OptionError: a value is out of its range.
    """

    size: tuple[Side, Side] = (224, 224)
    area: tuple[Area, Area] = (0.7, 1.0)
    ratio: tuple[Ratio, Ratio] = (0.8, 1.25)
    flip: Share = 0.0
    corners: Annotated[float, Range(0, 0.25, below=True)] = 0.03
    brightness: Share = 0.2
    contrast: Share = 0.2
    saturation: Share = 0.2
    hue: Annotated[float, Range(0, 180)] = 5.0
    blur: Annotated[float, Range(0, 20)] = 1.0
    blur_chance: Share = 0.1
    noise: Annotated[float, Range(0, 100)] = 2.0
    night: Share = 0.0
    jpeg_quality: Annotated[int, Range(1, 100)] = 60
    jpeg_chance: Share = 0.2

    def __post_init__(self) -> None:
        for name in ("area", "ratio"):
            least, most = getattr(self, name)
            if least > most:
                raise OptionError(f"{name} must be in increasing order, got {least:g} and {most:g}")

    @classmethod
    def from_table(cls, table: Mapping[str, object]) -> Self:
        """Read a TOML table: ``preset`` (``"weak"`` or ``"strong"``) and fields that override it.

        Raises:
            OptionError: a key or the preset is unknown, or a value has another type or is out of its range.
        """
        chosen = Annotated[str, OneOf(*PRESETS)]
        given = check_values(cls, table, what="augmentation", prefix="augmentation.", beside={"preset": chosen})
        return cls(**{**PRESETS[given.pop("preset", "weak")], **given})

    def apply(self, image: Image, generator: np.random.Generator) -> Image:
        """Return an augmented photo, ``(height, width, 3)`` uint8 RGB.

        Args:
            image: ``(H, W, 3)`` uint8 RGB, or ``(H, W)`` gray.
            generator: the source of randomness; see `generator_of`.

        Raises:
            PhotoError: the image has another form, or a side below 16 pixels.
        """
        seen = resize(self._cut_out(as_image(image), generator), self.size)
        if generator.random() < self.flip:
            seen = np.ascontiguousarray(seen[:, ::-1])
        seen = self._from_elsewhere(seen, generator)
        light = _recolor(np.asarray(seen / 255, np.float32), self, generator)
        if generator.random() < self.night:
            light = _night(light, generator)
        seen = np.rint(np.clip(light, 0, 1) * 255).astype(np.uint8)
        if generator.random() < self.jpeg_chance and self.jpeg_quality < 100:
            seen = _compressed(seen, int(generator.integers(self.jpeg_quality, 100)))
        return seen

    def _cut_out(self, image: Image, generator: np.random.Generator) -> Image:
        height, width = image.shape[:2]
        target = self.size[0] / self.size[1]
        low, high = np.log(self.ratio)
        for _ in range(TRIES):
            pixels = generator.uniform(*self.area) * width * height
            shape = target * np.exp(generator.uniform(low, high))
            part_width, part_height = round(np.sqrt(pixels * shape)), round(np.sqrt(pixels / shape))
            if 1 <= part_width <= width and 1 <= part_height <= height:
                break
        else:  # the largest crop of the wanted shape
            part_width = max(min(width, round(height * target)), 1)
            part_height = max(min(height, round(width / target)), 1)
        left = int(generator.integers(0, width - part_width + 1))
        top = int(generator.integers(0, height - part_height + 1))
        return np.ascontiguousarray(image[top : top + part_height, left : left + part_width])

    def _from_elsewhere(self, image: Image, generator: np.random.Generator) -> Image:
        blurred = generator.random() < self.blur_chance
        blur, noise = generator.uniform(0, self.blur), generator.uniform(0, self.noise)
        seed = int(generator.integers(2**31))
        if not self.corners and not self.noise and not (blurred and self.blur):
            return image
        return rephotograph(
            image,
            corners=self.corners,
            crop=1 - 2 * self.corners,  # so that no corner leaves the picture
            blur=blur if blurred else 0.0,
            noise=noise,
            seed=seed,
        )[0]


PRESETS: dict[str, dict[str, Any]] = {
    "weak": {},
    "strong": {
        "area": (0.4, 1.0),
        "corners": 0.08,
        "brightness": 0.4,
        "contrast": 0.4,
        "saturation": 0.4,
        "hue": 15.0,
        "blur": 2.0,
        "blur_chance": 0.3,
        "noise": 6.0,
        "night": 0.15,
        "jpeg_quality": 25,
        "jpeg_chance": 0.4,
    },
}
"""The fields that differ from the defaults, by name."""


def generator_of(seed: int, epoch: int, photo: int) -> np.random.Generator:
    """Return the generator of one photo (its index) in one epoch; equal numbers give equal pictures."""
    return np.random.default_rng([seed, epoch, photo])


def _recolor(light: Light, strengths: Augmentation, generator: np.random.Generator) -> Light:
    import cv2

    brightness, contrast, saturation = (
        1 + getattr(strengths, name) * generator.uniform(-1, 1) for name in ("brightness", "contrast", "saturation")
    )
    shift = generator.uniform(-strengths.hue, strengths.hue)
    light = np.asarray(np.clip(light * np.float32(brightness), 0, 1), np.float32)
    mean = light.mean(dtype=np.float64)
    light = np.asarray(np.clip(mean + (light - mean) * np.float32(contrast), 0, 1), np.float32)
    gray = light @ np.array([0.299, 0.587, 0.114], np.float32)
    light = np.asarray(np.clip(gray[..., None] + (light - gray[..., None]) * np.float32(saturation), 0, 1), np.float32)
    if not strengths.hue:
        return light
    colors = np.asarray(cv2.cvtColor(light, cv2.COLOR_RGB2HSV), np.float32)
    colors[..., 0] = (colors[..., 0] + shift) % 360
    return np.asarray(cv2.cvtColor(colors, cv2.COLOR_HSV2RGB), np.float32)


def _night(light: Light, generator: np.random.Generator) -> Light:
    height, width = light.shape[:2]
    dark = light ** np.float32(generator.uniform(1.5, 3))
    wanted = min(generator.uniform(0.06, 0.2), float(light.mean()))  # a dark photo keeps its brightness
    dark = dark * np.float32(wanted / max(float(dark.mean()), 1e-6)) * np.array(COLD, np.float32)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    for _ in range(int(generator.integers(0, 5))):
        center = generator.uniform(0, (width, height))
        away = (x - center[0]) ** 2 + (y - center[1]) ** 2
        twice = 2 * (generator.uniform(0.03, 0.12) * max(width, height)) ** 2
        glow, lamp = np.exp(-away / np.float32(twice)), np.exp(-away / np.float32(twice / LAMP**2))
        lit = glow[..., None] * (light + np.float32(0.1)) + np.float32(0.5) * lamp[..., None]
        dark = dark + generator.uniform(0.5, 1.5) * lit * np.array(WARM, np.float32)
    grain = generator.normal(0, generator.uniform(0.01, 0.03), dark.shape)
    return np.asarray(np.clip(dark + grain, 0, 1), np.float32)


def _compressed(image: Image, quality: int) -> Image:
    import cv2

    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])
