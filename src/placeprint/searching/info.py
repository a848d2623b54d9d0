"""Counts and sizes of an atlas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class AtlasInfo:
    """The result of `Atlas.info`.

    Args:
        path: the folder of the atlas, or its address.
        preset: the name of the preset.
        num_photos: the number of usable photos.
        num_located: the number of usable photos with GPS.
        num_keypoints: the number of local features.
        num_bytes: the size on disk in bytes; of an atlas at an address, the size there.
        dim: the length of the global descriptor.
        codebook: ``"shipped"``, ``"shipped, adapted to N photos"``, ``"own, learned from N photos"`` or
            ``"none yet"``.
        components: the preset's tables.
        errors: the path and reason of each photo that could not be used.
        num_gone: the number of usable photos whose file is no longer at its path.
        overlay: left, top, right and bottom, as shares of width and height, of the camera overlay on the photos, such
            as a time stamp; None if none was detected or searched for.
        calibration: what the confidences were calibrated with, in words; None for the shipped model.
        working_copy: the folder on this machine with copies of the small files and with the index of an atlas at an
            address; None for an atlas in a folder.
    """

    path: str
    preset: str
    num_photos: int
    num_located: int
    num_keypoints: int
    num_bytes: int
    dim: int
    codebook: str
    components: dict[str, Any]
    errors: tuple[tuple[str, str], ...]
    num_gone: int = 0
    overlay: tuple[float, float, float, float] | None = None
    calibration: str | None = None
    working_copy: str | None = None
