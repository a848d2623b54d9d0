"""RootSIFT: histograms compared by the Hellinger kernel (Arandjelovic and Zisserman, CVPR 2012).

Each descriptor is divided by its L1 norm and its square root taken. The rows have unit L2 length, and their dot
products are the Hellinger kernel of the histograms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Floats


def root_sift(descriptors: NDArray[np.floating]) -> Floats:
    """Return the RootSIFT of ``(n, d)`` non-negative rows; zero rows stay zero.

    Example:
        >>> (root_sift(np.array([[1.0, 3.0]])) ** 2).tolist()
        [[0.25, 0.75]]
    """
    values = np.maximum(np.asarray(descriptors, np.float32), 0)
    total = values.sum(axis=1, keepdims=True)
    return np.sqrt(values / np.where(total > 0, total, 1)).astype(np.float32)
