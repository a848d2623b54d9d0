"""The LoFTR network (Sun et al., CVPR 2021): kornia's model with weights that one has."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.threads import loaded_once
from placeprint.errors import WeightsError
from placeprint.networks.devices import device
from placeprint.networks.fitting import fit_into
from placeprint.networks.published.checkpoints import models_folder
from placeprint.types import Floats, Image

FILES = {"outdoor": "loftr_outdoor.ckpt", "indoor": "loftr_indoor_ds_new.ckpt"}
"""The files of the authors' weights, by what they were trained for."""
SOURCE = "https://huggingface.co/kornia/loftr/resolve/main/"
DERIVED = ("pos_encoding.pe",)
"""A buffer that the model computes itself."""


def matched(weights: str, query: Image, candidate: Image) -> tuple[Floats, Floats, Floats]:
    """Return ``(m, 2)`` points of the query, ``(m, 2)`` of the candidate, and ``(m,)`` certainties in [0, 1].

    Args:
        weights: a key of `FILES`, or the path of a file.
        query: ``(H, W, 3)`` uint8 RGB; sides are multiples of 8.
        candidate: the same, of any such size.

    Raises:
        WeightsError: the weights are not here, or do not fit.
    """
    import torch

    model = load_loftr(weights)
    place = next(model.parameters()).device
    with torch.inference_mode():
        given = {f"image{side}": _gray(each).to(place) for side, each in enumerate((query, candidate))}
        found = model(given)
    points, others = (found[f"keypoints{side}"].cpu().numpy() - 0.5 for side in (0, 1))  # its centers are at .5
    scores = found["confidence"].cpu().numpy()
    return points.astype(np.float32), others.astype(np.float32), scores.astype(np.float32)


def load_loftr(weights: str) -> Any:
    """Return the model in eval mode, one per weights and process, on the device where networks run.

    Raises:
        WeightsError: the weights are not here, or do not fit.
    """
    path = models_folder() / FILES[weights] if weights in FILES else Path(weights)
    if not path.is_file():
        where = f"; fetch {SOURCE}{path.name} (Apache-2.0) and put it there" if weights in FILES else ""
        raise WeightsError(f"the weights of LoFTR are missing: there is no file {str(path)!r}{where}")
    return _load(path, weights == "indoor")


@loaded_once
def _load(path: Path, corrected: bool) -> Any:
    from kornia.feature import LoFTR
    from kornia.feature.loftr.loftr import default_cfg

    from placeprint.networks.weight_files import read_state_dict

    config = copy.deepcopy(default_cfg)
    config["coarse"]["temp_bug_fix"] = corrected  # the authors corrected the positions before they trained again
    config["match_coarse"]["thr"] = 0.0  # who asks chooses among the matches
    model = LoFTR(None, config)
    fit_into(model, read_state_dict(path), DERIVED)
    return model.eval().requires_grad_(False).to(device())


def _gray(image: Image) -> Any:
    """Return a picture as ``(1, 1, H, W)`` float32 in [0, 1]."""
    import cv2
    import torch

    gray: NDArray[np.uint8] = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    return torch.from_numpy(gray).float()[None, None] / 255
