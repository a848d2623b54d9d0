"""The XFeat network (Potje et al., CVPR 2024): kornia's class with the weights of an installed package."""

from __future__ import annotations

import functools
import threading
from typing import Any

from placeprint.networks.weights import fit_into, load_weights

_loading = threading.Lock()


def load_xfeat() -> Any:
    """Return kornia's ``XFeat`` in eval mode with checked weights, one a process.

    It is on the GPU where there is one.

    Raises:
        WeightsError: the weights are absent or not the expected ones.
    """
    with _loading:
        return _load()


@functools.cache
def _load() -> Any:
    import torch
    from kornia.feature import XFeat

    model = XFeat()
    fit_into(model.net, load_weights("xfeat"))
    return model.eval().to("cuda" if torch.cuda.is_available() else "cpu")
