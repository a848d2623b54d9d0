"""A made-up street of painted facades, seen by a camera with a known pose: photos for tutorials that may be published.

The facades carry sample photos of scikit-image and scikit-learn. They stand at different distances from the street, so
there is parallax, and everything that a tutorial answers (place, position, pose) is known exactly. Each facade is one
plane, so a homography draws it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from placeprint.datasets.photos.sample_photos import ELSEWHERE, PLACES, read_samples
from placeprint.types import Image

MURALS = ("temple", "rocket", "coffee", "motorcycle", "flower", "coins", "page", "camera")
WIDTH, HEIGHT = 10.0, 9.0
"""Meters of a facade."""
DETAIL = 48
"""Pixels of a facade per meter."""
NUM_FACADES = 16
"""The first half stands on the north side, from west to east, the other half on the south side."""
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """A camera in the street: meters east and north, height above ground, degrees clockwise from north, degrees up."""

    east: float
    north: float = 0.0
    up: float = 1.7
    heading: float = 0.0
    pitch: float = 4.0
    field_of_view: float = 68.0

    def to_world(self, width: int, height: int) -> Vector:
        """Return the ``(3, 3)`` matrix from pixels ``(x, y, 1)`` to directions: east, north, up, one meter ahead."""
        focal = width / 2 / np.tan(np.radians(self.field_of_view / 2))
        tilt, turn = np.radians(self.pitch), np.radians(self.heading)
        forward = np.array([np.sin(turn), np.cos(turn), 0])
        right = np.array([np.cos(turn), -np.sin(turn), 0])
        upward = np.array([0, 0, 1.0])
        ahead = np.cos(tilt) * forward + np.sin(tilt) * upward
        down = np.sin(tilt) * forward - np.cos(tilt) * upward
        middle = ahead - ((width - 1) / 2 * right + (height - 1) / 2 * down) / focal
        return np.stack([right / focal, down / focal, middle], axis=1)


@dataclass(frozen=True)
class Plane:
    """A picture in the street: its lower left corner, the vectors along its lower and left edge, and its pixels."""

    corner: Vector
    along: Vector
    upward: Vector
    picture: Image


def photograph(camera: Camera, width: int = 480, height: int = 360, *, light: float = 1.0, seed: int = 0) -> Image:
    """Return ``(height, width, 3)`` uint8 RGB: what a camera sees of the street, with light and noise."""
    size = 2 * width, 2 * height
    to_world = camera.to_world(*size)
    seen = sky(to_world, *size)
    nearness = np.zeros(size[::-1], np.float32)
    for plane in planes():
        draw(plane, np.array([camera.east, camera.north, camera.up]), to_world, seen, nearness)
    picture = cv2.resize(seen, (width, height), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(seed).normal(0, 3, picture.shape)
    return np.asarray(np.clip(picture * light + noise, 0, 255).astype(np.uint8))


def draw(plane: Plane, eye: Vector, to_world: Vector, seen: Image, nearness: NDArray[np.float32]) -> None:
    """Draw a plane where it is nearer than what was drawn; `nearness` is one divided by the distance.

    A point of the plane is ``corner + x along + y upward``. It is seen in direction d where ``t d`` is that point minus
    the eye, so ``(x, y, 1)`` is ``t`` times a matrix times d: a homography from pixels to the plane, and 1 / t with it.
    """
    basis = np.stack([plane.along, plane.upward, plane.corner - eye], axis=1)
    if abs(np.linalg.det(basis)) < 1e-9:
        return
    homography = np.linalg.inv(basis) @ to_world
    box = visible_part(homography, seen.shape[1], seen.shape[0])
    if box is None:
        return
    left, top, right, bottom = box
    columns, rows = np.arange(left, right, dtype=np.float32), np.arange(top, bottom, dtype=np.float32)[:, None]
    x, y, near = (np.float32(a) * columns + np.float32(b) * rows + np.float32(c) for a, b, c in homography)
    visible = (near > nearness[top:bottom, left:right]) & (x >= 0) & (x <= near) & (y >= 0) & (y <= near)
    safe = np.where(visible, near, 1)
    high, wide = plane.picture.shape[:2]
    drawn = cv2.remap(plane.picture, x / safe * (wide - 1), (1 - y / safe) * (high - 1), cv2.INTER_LINEAR)
    seen[top:bottom, left:right][visible] = drawn[visible]
    nearness[top:bottom, left:right][visible] = near[visible]


def visible_part(homography: Vector, width: int, height: int) -> tuple[int, int, int, int] | None:
    """Return the box of pixels that may show a plane: left, top, right, bottom; or None."""
    corners = np.array([[0, 1, 1, 0], [0, 0, 1, 1], [1, 1, 1, 1]], np.float64)
    spots = np.linalg.inv(homography) @ corners
    if (spots[2] <= 1e-6).all():
        return None
    if (spots[2] <= 1e-6).any():
        return 0, 0, width, height
    x, y = spots[:2] / spots[2]
    left, right = int(np.clip(x.min(), 0, width)), int(np.clip(x.max() + 2, 0, width))
    top, bottom = int(np.clip(y.min(), 0, height)), int(np.clip(y.max() + 2, 0, height))
    return (left, top, right, bottom) if left < right and top < bottom else None


def sky(to_world: Vector, width: int, height: int) -> Image:
    """Return the color of the sky in each direction."""
    up = np.linspace(to_world[2] @ (0, 0, 1), to_world[2] @ (0, height, 1), height)
    share = np.clip(up, 0, 1)[:, None, None]
    colors = (1 - share) * np.array([225, 232, 240]) + share * np.array([90, 145, 215])
    return np.ascontiguousarray(np.broadcast_to(colors, (height, width, 3)).astype(np.uint8))


@cache
def planes() -> tuple[Plane, ...]:
    """Return the facades, the walls between facades that stand back and others, and the ground."""
    half = NUM_FACADES // 2
    found = []
    for number in range(NUM_FACADES):
        east, side = WIDTH * (number % half), 1 if number < half else -1
        back = side * (8.0 + (0, 1.5, 0.7)[number % 3])
        start, step = (east, WIDTH) if side > 0 else (east + WIDTH, -WIDTH)
        found.append(
            Plane(np.array([start, back, 0]), np.array([step, 0, 0.0]), np.array([0, 0, HEIGHT]), facade(number))
        )
        for edge in (east, east + WIDTH):
            wall = np.array([edge, back, 0.0]), np.array([0, side * 4.0, 0]), np.array([0, 0, HEIGHT])
            found.append(Plane(*wall, bricks(80 + number)))
    size = WIDTH * half + 40
    ground = np.array([-20, -20, 0.0]), np.array([size, 0, 0.0]), np.array([0, 40.0, 0])
    return (*found, Plane(*ground, pavement(int(size * 12), 40 * 12)))


@cache
def facade(number: int) -> Image:
    """Return the picture of a facade: a mural, windows of its own, bricks, and a number above the door."""
    picture = bricks(number).copy()
    columns = picture.shape[1]
    generator = np.random.default_rng(number)
    mural = samples()[MURALS[number % len(MURALS)]]
    if number >= len(MURALS):
        mural = np.ascontiguousarray(255 - mural)[:, ::-1]
    picture[60:290, 40:440] = cv2.resize(mural, (400, 230), interpolation=cv2.INTER_AREA)
    draw_windows(picture, generator)
    cv2.putText(picture, f"No {number + 1}", (columns - 150, 45), cv2.FONT_HERSHEY_DUPLEX, 1.1, (250, 250, 250), 3)
    return picture


def draw_windows(picture: Image, generator: np.random.Generator) -> None:
    """Draw a row of windows into a facade: their frames, sizes and panes differ from facade to facade."""
    rows, columns = picture.shape[:2]
    frame = tuple(int(value) for value in generator.integers(120, 255, 3))
    bottom, edge = rows - int(generator.integers(15, 50)), int(generator.integers(2, 7))
    x = int(generator.integers(10, 50))
    while x < columns - 70:
        w, h = (int(value) for value in generator.integers((28, 40), (64, 95)))
        color = tuple(int(value) for value in generator.integers(20, 230, 3))
        cv2.rectangle(picture, (x, bottom - h), (x + w, bottom), frame, -1)
        cv2.rectangle(picture, (x + edge, bottom - h + edge), (x + w - edge, bottom - edge), color, -1)
        for share in generator.uniform(0.25, 0.75, int(generator.integers(0, 3))):
            cv2.line(picture, (x + int(w * share), bottom - h), (x + int(w * share), bottom), frame, edge)
        for share in generator.uniform(0.25, 0.75, int(generator.integers(0, 2))):
            cv2.line(picture, (x, bottom - int(h * share)), (x + w, bottom - int(h * share)), frame, edge)
        x += w + int(generator.integers(12, 60))


@cache
def bricks(seed: int) -> Image:
    """Return a wall of bricks in a color of its own; no two walls have the same part of the sample photo."""
    generator = np.random.default_rng(100 + seed)
    size = int(WIDTH * DETAIL), int(HEIGHT * DETAIL)
    brick = cv2.resize(part_of(samples()["brick"], generator), size, interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(brick * generator.uniform(0.55, 1.25, 3), 0, 255).astype(np.uint8))


@cache
def pavement(width: int, height: int) -> Image:
    """Return the ground: patches of gravel, each from another part of the sample photo, and slabs in the middle."""
    generator = np.random.default_rng(7)
    side = 120
    counts = -(-height // side), -(-width // side)
    patches = [
        np.hstack([cv2.resize(part_of(samples()["gravel"], generator), (side, side)) for _ in range(counts[1])])
        for _ in range(counts[0])
    ]
    ground = np.vstack(patches)[:height, :width].copy()
    ground[height // 2 - 40 : height // 2 + 40] = ground[height // 2 - 40 : height // 2 + 40] // 2 + 100
    return np.asarray(ground)


def part_of(picture: Image, generator: np.random.Generator) -> Image:
    """Return a random square of a picture, in a random one of its eight orientations."""
    side = int(generator.integers(min(picture.shape[:2]) // 2, int(min(picture.shape[:2]) * 0.8)))
    top, left = (int(generator.integers(0, length - side)) for length in picture.shape[:2])
    square = np.rot90(picture[top : top + side, left : left + side], int(generator.integers(0, 4)))
    return np.ascontiguousarray(square[:, :: int(generator.choice([-1, 1]))])


@cache
def samples() -> dict[str, Image]:
    """Return the sample photos by name."""
    return read_samples({name: (PLACES | ELSEWHERE)[name] for name in (*MURALS, "brick", "gravel")})
