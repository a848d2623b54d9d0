"""Local features of photos by each extractor, kept in a scratch folder: a photo is described once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from placeprint.core import registry
from placeprint.store.encoding import decode_features, encode_features
from placeprint.types import Extractor, LocalFeatures
from scripts.evidence.views import load

EXTRACTORS: dict[str, dict[str, Any]] = {
    "xfeat": {"name": "xfeat", "max_keypoints": 1000, "detection_threshold": 0.02},
    "lite2": {"name": "grid", "stride": 16, "size": 320},
    "sift": {
        "name": "sift", "max_keypoints": 1000, "size": 448, "contrast_threshold": 0.005, "upright": True, "cells": 8,
    },
    "sift-rotated": {"name": "sift", "max_keypoints": 1000, "size": 640, "contrast_threshold": 0.01, "cells": 8},
    "aliked": {"name": "aliked", "max_keypoints": 1000},
}  # fmt: skip


def make(kind: str) -> Extractor:
    """Return an extractor of `EXTRACTORS`."""
    params = dict(EXTRACTORS[kind])
    extractor: Extractor = registry.create("extractors", params.pop("name"), params)
    return extractor


class Features:
    """Reads features of photos, and describes those that have none yet.

    Args:
        folder: where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def describe(self, names: Iterable[str], kind: str) -> int:
        """Describe the photos that are not described yet; return their count."""
        missing = [name for name in names if not self._path(name, kind).exists()]
        extractor = make(kind)
        for name in missing:
            found, path = extractor.extract(load(name)), self._path(name, kind)
            path.parent.mkdir(parents=True, exist_ok=True)
            arrays = {
                field: getattr(found, field).astype(np.float16 if field == "descriptors" else np.float32)
                for field in ("keypoints", "descriptors", "scores", "scales", "angles")
                if getattr(found, field) is not None
            }
            np.savez(path, size=np.array(found.image_size), **arrays)
        return len(missing)

    def read(self, name: str, kind: str, bits: int = 0, most: int = 1_000_000) -> LocalFeatures:
        """Return the features of a photo, as an atlas keeps them in so many bits; 0 as they are."""
        with np.load(self._path(name, kind)) as arrays:
            size = int(arrays["size"][0]), int(arrays["size"][1])
            rows = arrays["descriptors"].astype(np.float32)
            rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
            more = {field: arrays[field] for field in ("scales", "angles") if field in arrays}
            found = LocalFeatures(arrays["keypoints"], rows, arrays["scores"], size, **more)[:most]
        return decode_features(encode_features(found, bits), size, rows.shape[1], bits) if bits else found

    def _path(self, name: str, kind: str) -> Path:
        return self._folder / kind / f"{hashlib.sha1(name.encode()).hexdigest()[:16]}.npz"
