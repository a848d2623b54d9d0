"""What an atlas says of itself, and of what was added to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class AddReport:
    """What `Atlas.add` did.

    Args:
        added: count of new photos.
        changed: count of photos whose file differed from the stored one.
        unchanged: count of photos that were there already.
        moved: count of photos that were known by their content at another path, and keep what was stored of them.
        skipped: path and reason of each photo that could not be used, and of what the walk skipped, by path.
        left_out: count of files below the folders that may look like photos but are not read, by suffix.
        learned: whether the atlas learnt a codebook of its own at the end.
        seconds: time spent.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    learned: bool = False
    seconds: float = 0.0
    left_out: dict[str, int] = field(default_factory=dict)
    moved: int = 0


@dataclass(frozen=True)
class AtlasInfo:
    """What `Atlas.info` tells.

    Args:
        path: folder of the atlas.
        preset: name.
        num_photos: usable photos.
        num_located: of them, with GPS.
        num_keypoints: local features in all.
        num_bytes: on disk.
        dim: length of the global descriptor.
        codebook: ``"shipped"``, ``"shipped, adapted to N photos"``, ``"own, learnt from N photos"`` or
            ``"none yet"``.
        components: the preset's tables.
        errors: path and reason of the photos that could not be used.
        num_gone: usable photos whose file is not at its path any more.
        overlay: left, top, right and bottom, as shares of width and height, of what cameras write on the photos, such as
            a time stamp; None where nothing was found or looked for.
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
