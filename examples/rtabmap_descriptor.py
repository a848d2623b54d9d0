r"""Global descriptors for RTAB-Map, by its Python interface.

    rtabmap --Mem/GlobalDescriptorStrategy 1 --Kp/TfIdfLikelihoodUsed false --Mem/RehearsalSimilarity 1 \
        --PyDescriptor/Dim 1024 --PyDescriptor/Path examples/rtabmap_descriptor.py

RTAB-Map calls ``init(dim)`` once and ``extract(image)`` for each frame, whose ``(H, W, 3)`` bytes are BGR, or
``(H, W, 1)`` gray; it expects a ``(1, dim)`` float32 array back (corelib/src/python/PyDescriptor.cpp). It must be built
with Python, and run with an interpreter that has placeprint. The environment variable PLACEPRINT_PRESET chooses the
preset.

The values of a longer descriptor are added up, with random signs, in ``dim`` random groups, which keeps cosines up to
about 1 / sqrt(dim) (Weinberger et al., ICML 2009, feature hashing); a shorter one is padded with zeros.
"""

from __future__ import annotations

import functools
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.numerics import normalize
from placeprint.stream import LoopCloser

PRESET = "xfeat-vlad"
_known: dict[str, Any] = {}


def init(dim: int) -> None:
    """Load the preset; descriptors will have ``dim`` values."""
    _known.update(closer=LoopCloser(os.environ.get("PLACEPRINT_PRESET", PRESET)), dim=int(dim))


def extract(image: NDArray[Any]) -> NDArray[np.float32]:
    """Return the ``(1, dim)`` float32 descriptor of a frame."""
    pixels = np.asarray(image).view(np.uint8)  # RTAB-Map calls its bytes signed
    frame = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[:, :, ::-1]
    descriptor = _known["closer"].describe(np.ascontiguousarray(frame)).descriptor
    dim = _known["dim"]
    if len(descriptor) <= dim:
        return np.pad(descriptor, (0, dim - len(descriptor)))[None]
    groups, signs = _hashed(len(descriptor), dim)
    return normalize(np.bincount(groups, signs * descriptor, dim).astype(np.float64)[None])


@functools.cache
def _hashed(length: int, dim: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the ``(length,)`` group and sign of each value."""
    generator = np.random.default_rng(0)
    return generator.integers(0, dim, length), generator.choice([-1.0, 1.0], length)
