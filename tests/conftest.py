"""What tests share: the benchmark photos, and small pictures made on the spot."""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # the workers share the cores: more threads would wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import pytest

from placeprint.core import registry
from placeprint.presets import load_preset, preset_names
from placeprint.types import Image, LocalFeatures
from tests.object_stores import bucket, copies, folder_store, s3_server, store_url

__all__ = ["bucket", "copies", "folder_store", "s3_server", "store_url"]
"""Fixtures that pytest finds here."""


def data_folder() -> Path:
    """Return the folder of the benchmark photos; it may be absent."""
    default = Path(__file__).parents[2] / "shared" / "data"
    return Path(os.environ.get("PLACEPRINT_DATA", default))


@pytest.fixture
def data() -> Path:
    """Return the folder of the benchmark photos, or skip the test."""
    folder = data_folder()
    if not (folder / "sf_landmarks").is_dir():
        pytest.skip("the benchmark photos are not here; set PLACEPRINT_DATA")
    return folder


def presets_at_hand() -> list[str]:
    """List the presets that need no published weights, which have to be fetched."""
    loaded = {name: load_preset(name) for name in preset_names()}
    return [
        name
        for name, preset in loaded.items()
        if not any(extractor.name in registry.WHOLE_PHOTO for extractor in preset.extractors)
    ]


def make_scene(seed: int, width: int = 320, height: int = 240) -> Image:
    """Return a picture full of corners: random rectangles over each other, lightly blurred."""
    import cv2

    generator = np.random.default_rng(seed)
    scene = np.full((height, width, 3), 128, np.uint8)
    for _ in range(120):
        x, y = generator.integers(-20, width), generator.integers(-20, height)
        w, h = generator.integers(8, 70, 2)
        color = tuple(int(value) for value in generator.integers(0, 256, 3))
        cv2.rectangle(scene, (int(x), int(y)), (int(x + w), int(y + h)), color, -1)
    return np.asarray(cv2.GaussianBlur(scene, (0, 0), 0.8), np.uint8)


def write_photo(path: Path, image: Image, **options: object) -> Path:
    """Write a picture with Pillow and return its path."""
    import PIL.Image

    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(image).save(path, **options)  # type: ignore[arg-type]  # Pillow's options differ by format
    return path


PRESET = """
[extractor]
name = "sift"
max_keypoints = 300
size = 448
upright = true
{searched}
[index]
name = "flat"
[verifier]
name = "two-view"
matcher = {{ name = "nearest", ratio = 0.9 }}
[codebook]
{codebook}
[store]
"""
"""A preset without networks; what it searches by and its codebook are for the test to say."""

HEAR_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""Lets a child process hear Ctrl-C, also where the tests run in the background, which ignores it."""


def write_scenes(folder: Path, count: int) -> Path:
    """Write scenes 0 ... count - 1 as ``00.png`` ... and return the folder."""
    for number in range(count):
        write_photo(folder / f"{number:02d}.png", make_scene(number))
    return folder


def random_features(count: int, dim: int, seed: int = 0, *, signed: bool = True) -> LocalFeatures:
    """Return features with random unit descriptors."""
    generator = np.random.default_rng(seed)
    descriptors = generator.normal(size=(count, dim))
    descriptors = descriptors if signed else np.abs(descriptors)
    descriptors /= np.maximum(np.linalg.norm(descriptors, axis=1, keepdims=True), 1e-12)
    return LocalFeatures(
        generator.uniform(0, 200, (count, 2)).astype(np.float32),
        descriptors.astype(np.float32),
        generator.uniform(0, 1, count).astype(np.float32),
        (320, 240),
        generator.uniform(2, 20, count).astype(np.float32),
        generator.uniform(0, 360, count).astype(np.float32),
    )
