"""What a result was made of, in a few characters: preset, code and photos.

A benchmark keeps what it has measured and must see when that no longer holds. A preset is known by its tables and the
bytes of its codebook and trained networks; the code by the version and the text of its modules; photos by path, size
and time of change, as an atlas knows them.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from placeprint.describing.describer import Describer
from placeprint.networks.pretrained import TRAINED
from placeprint.presets import load_preset
from placeprint.version import __version__

OUTSIDE = frozenset({"cli", "evaluation/report", "onnx", "training", "visualization"})
"""Parts of the package that do not decide what is measured."""
SEARCHING = OUTSIDE | {"datasets", "evaluation", "index", "pairs.py", "atlas/search.py", "verification"}
"""Parts that do not decide what an atlas holds."""


def digest(*parts: object) -> str:
    """Return 16 hexadecimal digits of values that JSON can say.

    Example:
        >>> digest("a", 1) == digest("a", 1), digest("a", 1) == digest("a", 2)
        (True, False)
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def preset_fingerprint(preset: str) -> str:
    """Return the digest of a preset: tables, learnt files and pretrained weights.

    Raises:
        OptionError: there is no such preset.
    """
    tables = load_preset(preset).components
    codebook = tables["codebook"]
    files = [Path(codebook["file"])] if "file" in codebook else []
    files += [Path(path) for path in _strings(tables) if path.endswith(TRAINED) and Path(path).is_file()]
    sums = [_sha256(path.read_bytes()) for path in files if path.is_file()]
    if "shipped" in codebook:
        shipped = resources.files("placeprint.codebooks") / f"{codebook['shipped']}.npz"
        sums += [_sha256(shipped.read_bytes())] if shipped.is_file() else []
    return digest(tables, sums, Describer(tables).weights())


@functools.cache
def code_fingerprint(left_out: frozenset[str]) -> str:
    """Return the digest of the package's version and modules, without some of its folders and files."""
    root = Path(str(resources.files("placeprint")))
    skipped = {root / part for part in left_out}
    files = sorted(path for path in root.rglob("*.py") if not skipped & {path, *path.parents})
    return digest(__version__, [(path.relative_to(root).as_posix(), _sha256(path.read_bytes())) for path in files])


def photos_fingerprint(root: Path, photos: Iterable[str]) -> str:
    """Return the digest of photos by path, size and time of change; one that is missing is known as missing."""
    return digest(str(root.resolve()), [(photo, *_stamp(root / photo)) for photo in photos])


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _strings(value: object) -> Iterator[str]:
    """Yield every text inside tables and lists."""
    if isinstance(value, str):
        yield value
    parts: Iterable[Any] = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for part in parts:
        yield from _strings(part)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
