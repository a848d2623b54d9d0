"""Photos, seeded synthetic views of them, and camera overlays.

A photo is named by its path below the data folder and, after a ``#``, by what is done to it, so that a name alone makes
the same picture again: ``gps/lund/01.jpg#view3``, ``grocery/train/x.jpg#overlay1``, ``...#view3#overlay1``.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import cv2
import numpy as np

from placeprint.photos import read_image
from placeprint.photos.views import view_of
from placeprint.types import Image

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
LONGEST = 1024
"""Larger photos are shrunk first: every extractor looks at 640 pixels at most."""


def load(name: str) -> Image:
    """Return the picture of a name, ``(H, W, 3)`` uint8 RGB."""
    path, *changes = name.split("#")
    image = read_image(DATA / path)
    factor = LONGEST / max(image.shape[:2])
    if factor < 1:
        image = np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
    for change in changes:
        kind, number = change.rstrip("0123456789"), int("0" + change.lstrip("abcdefghijklmnopqrstuvwxyz"))
        image = CHANGES[kind](image, path, number)
    return image


def _view(image: Image, path: str, number: int) -> Image:
    return view_of(image, np.random.default_rng([zlib.crc32(path.encode()), number]))


def _overlay(image: Image, path: str, number: int) -> Image:
    """Return the picture with what a camera writes on each: a bar, a date, a mark; alike for all of one number."""
    del path
    random = np.random.default_rng(number)
    height, width = image.shape[:2]
    image = image.copy()
    scale = max(width, height) / 640
    bar = round(height * random.uniform(0.06, 0.14))
    image[-bar:] = random.integers(0, 60, 3)
    text = f"CAM {random.integers(10, 99)} 2024-{random.integers(1, 12):02}-17 {random.integers(10, 23)}:07:33"
    place = (round(width * 0.03), height - bar // 3)
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.7 * scale, (255, 255, 255), max(1, round(2 * scale)))
    mark = np.array([[0.82, 0.05], [0.95, 0.05], [0.95, 0.14], [0.82, 0.14]]) * [width, height]
    cv2.polylines(image, [np.round(mark).astype(np.int32)], True, (250, 200, 40), max(1, round(3 * scale)))
    place = (round(width * 0.83), round(height * 0.12))
    cv2.putText(image, "LOGO", place, cv2.FONT_HERSHEY_DUPLEX, 0.8 * scale, (250, 200, 40), max(1, round(2 * scale)))
    return image


CHANGES = {"view": _view, "overlay": _overlay}
