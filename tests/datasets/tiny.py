"""Tiny copies of benchmarks: the same small picture under every name."""

from __future__ import annotations

import io
from pathlib import Path

import PIL.Image

from tests.conftest import make_scene


def _picture() -> bytes:
    held = io.BytesIO()
    PIL.Image.fromarray(make_scene(0, 32, 24)).save(held, "JPEG")
    return held.getvalue()


PICTURE = _picture()


def put(root: Path, *names: str) -> Path:
    """Write the picture under each name below a folder, and return the folder."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PICTURE)
    return root


def write(root: Path, name: str, *lines: str) -> Path:
    """Write lines of text into a file below a folder."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path
