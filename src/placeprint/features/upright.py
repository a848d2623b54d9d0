"""Estimate from the picture itself by how many quarters a photo must be rotated to be upright.

Sky and ceilings are above, floors and roads below, and verticals are not horizontals. That can be learned from any
photos, because rotating them makes the labels (RotNet: Gidaris, Singh and Komodakis, ICLR 2018, section 2). Departures
from the paper:

- The network is not trained: a multinomial logistic regression predicts the rotation from the map of
  EfficientNet-Lite2, averaged over the four quadrants of a copy of `SIDE` pixels (``scripts/learn_upright.py``).
- One photo is scored in all four rotations. They must agree, so the log probabilities are joined::

      log p(rotated by k) = 1/2 sum_j log p_j(rotated by k + j),   then normalized

  where ``p_j`` is the prediction for the photo rotated by j quarters. The factor is 1/2 and not 1, because the four
  predictions are made from the same pixels.

Photos from straight above have no up. They are learned from with all four rotations equally right.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placeprint.features.resizing import shrink
from placeprint.photos import resize, rotate_image, trim_border
from placeprint.types import Floats, Image

OUTPUT = Path(__file__).parent / "upright.npz"
"""The file that ``scripts/learn_upright.py`` writes."""
BACKBONE, STRIDE = "efficientnet-lite2", 16
SIDE = 128
"""Side of the copy in pixels. It is stretched to a square: the shape of a photo says nothing about its rotation."""
TOGETHER = 0.5
"""Factor of the sum of four log probabilities."""
QUARTERS = (0, 90, 180, 270)
ODDS = 3.0
"""Before it is looked at, a photo is so many times as probable to be upright as to be rotated by any other quarter, or
to be tilted from a quarter: most photos are upright."""


@dataclass(frozen=True, eq=False)
class Upright:
    """How probable it is that each quarter makes a photo upright, with the prior `ODDS`.

    Args:
        probabilities: ``(4,)`` float32 for `QUARTERS`.
    """

    probabilities: Floats

    @classmethod
    def of_image(cls, image: Image, degrees: float = 0.0) -> Upright:
        """Return the estimate for an image; arguments and errors as for `upright_probabilities`."""
        return cls.given(upright_probabilities(image, degrees))

    @classmethod
    def given(cls, likelihoods: Floats) -> Upright:
        """Join ``(4,)`` likelihoods with the prior.

        Example:
            >>> Upright.given(np.full(4, 0.25, np.float32)).of(0)
            0.5
        """
        odds = likelihoods * np.array([ODDS, 1, 1, 1], np.float32)
        return cls(np.asarray(odds / odds.sum(), np.float32))

    @classmethod
    def unknown(cls) -> Upright:
        """Return the prior, without looking at the picture."""
        return cls.given(np.full(4, 0.25, np.float32))

    @property
    def best(self) -> int:
        """The most probable quarter in degrees."""
        return QUARTERS[int(self.probabilities.argmax())]

    def of(self, degrees: float) -> float:
        """Return the probability that rotating by some degrees makes the photo upright, up to a common factor."""
        nearest = float(self.probabilities[QUARTERS.index(nearest_quarter(degrees))])
        return nearest if round(degrees) % 90 == 0 else nearest / ODDS


def nearest_quarter(degrees: float) -> int:
    """Return the nearest of `QUARTERS`.

    Example:
        >>> [nearest_quarter(degrees) for degrees in (30, 60, 330, -90)]
        [0, 90, 0, 270]
    """
    return round(degrees / 90) * 90 % 360


def upright_probabilities(image: Image, degrees: float = 0.0) -> Floats:
    """Return ``(4,)`` float32, the probability of each of `QUARTERS` that rotating by it makes the photo upright.

    The prior is flat: most photos are upright, and this is for the caller to add.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        degrees: the photo is first rotated by this many degrees counter-clockwise; quarters are counted from there.

    Raises:
        WeightsError: the network's weights are not installed.
    """
    weights, bias = _model()
    return joined(predictions(quadrant_means(four_rotations(image, degrees)), weights, bias))


def four_rotations(image: Image, degrees: float = 0.0) -> NDArray[np.uint8]:
    """Return ``(4, SIDE, SIDE, 3)`` uint8 RGB: small copies of the photo, rotated by 0, 1, 2 and 3 quarters more."""
    copy, _ = shrink(image, None, 4 * SIDE)
    if degrees % 360:
        copy, _ = trim_border(rotate_image(copy, degrees))
    copy = resize(copy, (SIDE, SIDE))
    return np.stack([np.rot90(copy, quarters) for quarters in range(4)])


def quadrant_means(pictures: NDArray[np.uint8]) -> Floats:
    """Return ``(n, 4 C)`` float32, the network's map averaged over quadrants, of ``(n, SIDE, SIDE, 3)`` pictures."""
    from placeprint.networks.backbones import load_backbone

    maps = load_backbone(BACKBONE, STRIDE).maps(pictures)
    count, side, _, channels = maps.shape
    quadrants = maps.reshape(count, 2, side // 2, 2, side // 2, channels).mean(axis=(2, 4))
    return np.asarray(quadrants.reshape(count, -1), np.float32)


def predictions(means: Floats, weights: Floats, bias: Floats) -> Floats:
    """Return ``(n, 4)`` probabilities that pictures were rotated by 0 to 3 quarters counter-clockwise.

    Args:
        means: ``(n, d)`` of `quadrant_means`.
        weights: ``(d, 4)``.
        bias: ``(4,)``.
    """
    return _softmax(means @ weights + bias)


def joined(rotated: Floats) -> Floats:
    """Return ``(4,)`` probabilities that each further quarter makes a photo upright.

    Args:
        rotated: ``(4, 4)``; row j is the prediction of how often the photo, rotated by j quarters, was rotated.

    Example:
        >>> joined(np.full((4, 4), 0.25, np.float32)).tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    quarters = np.arange(4)
    logarithms = np.log(np.maximum(rotated, 1e-9))
    together = [logarithms[quarters, (quarters - further) % 4].sum() for further in range(4)]
    return _softmax(TOGETHER * np.array(together, np.float32))


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


@functools.cache
def _model() -> tuple[Floats, Floats]:
    file = resources.files(__package__) / OUTPUT.name
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        return np.asarray(arrays["weights"], np.float32), np.asarray(arrays["bias"], np.float32)
