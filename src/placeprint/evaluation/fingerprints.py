"""Fingerprint the inputs of a result: preset, code and photos.

A benchmark keeps its results and must notice when they are out of date. A preset is identified by its tables and the
bytes of its codebook and trained networks; the code by the version and the text of its modules; photos by path, size
and modification time, as in an atlas.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from placeprint.describing.describer import Describer
from placeprint.presets import load_preset
from placeprint.version import __version__

OUTSIDE = frozenset({"cli", "evaluation/report", "onnx", "training", "visualization"})
"""Parts of the package that do not affect measurements."""
SEARCHING = OUTSIDE | {"datasets", "evaluation", "index", "pairs", "searching/search.py", "verification"}
"""Parts that do not affect the content of an atlas."""


def digest(*parts: object) -> str:
    """Return a digest of 16 hexadecimal digits of JSON values.

    Example:
        >>> digest("a", 1) == digest("a", 1), digest("a", 1) == digest("a", 2)
        (True, False)
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def preset_fingerprint(preset: str) -> str:
    """Return the digest of a preset: tables, learned files and pretrained weights.

    Raises:
        OptionError: the preset is unknown.
    """
    chosen = load_preset(preset)
    files: list[Path] = []

    def remember(path: str) -> str:
        files.append(Path(path))
        return path

    chosen.with_files(remember)
    sums = [_sha256(path.read_bytes()) for path in files if path.is_file()]
    if chosen.codebook.shipped is not None:
        shipped = resources.files("placeprint.codebooks") / f"{chosen.codebook.shipped}.npz"
        sums += [_sha256(shipped.read_bytes())] if shipped.is_file() else []
    return digest(chosen.components, sums, Describer(chosen).weights())


@functools.cache
def code_fingerprint(left_out: frozenset[str]) -> str:
    """Return the digest of the package's version and modules, without some of its folders and files."""
    root = Path(str(resources.files("placeprint")))
    skipped = {root / part for part in left_out}
    files = sorted(path for path in root.rglob("*.py") if not skipped & {path, *path.parents})
    return digest(__version__, [(path.relative_to(root).as_posix(), _sha256(path.read_bytes())) for path in files])


def photos_fingerprint(root: Path, photos: Iterable[str]) -> str:
    """Return the digest of photos by path, size and modification time; missing photos count as missing."""
    return digest(str(root.resolve()), [(photo, *_stamp(root / photo)) for photo in photos])


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
