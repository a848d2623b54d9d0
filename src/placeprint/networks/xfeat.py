"""The XFeat network (Potje et al., CVPR 2024): kornia's model with the weights of an installed package.

Keypoints and descriptors are those of kornia's ``XFeat.detectAndCompute`` (a test holds the two together), found
with less work: batch normalisation folded into the convolutions, channels last, local maxima by dilation, one grey
channel, and one look-up for the kept keypoints only.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.networks.weights import fit_into, load_weights
from placeprint.types import Floats, Image, Mask

CELL = 8
"""Pixels of the picture a cell of the descriptor map covers."""
WINDOW = 5
"""A keypoint is the strict maximum of a window so many pixels wide."""

_loading = threading.Lock()


def load_xfeat() -> Any:
    """Return the model in eval mode with checked weights, one a process, on the GPU where there is one.

    Raises:
        WeightsError: the weights are absent or not the expected ones.
    """
    with _loading:
        return _load()


def detect(
    image: Image, max_keypoints: int, threshold: float, mask: Mask | None = None
) -> tuple[Floats, Floats, Floats]:
    """Find and describe keypoints.

    Args:
        image: ``(H, W, 3)`` uint8 RGB; H and W are multiples of 32.
        max_keypoints: the strongest are kept.
        threshold: probability a keypoint must exceed.
        mask: ``(H, W)`` bool, True where keypoints may be.

    Returns:
        ``(n, 2)`` whole pixels, ``(n, 64)`` unit descriptors, ``(n,)`` falling scores.
    """
    import cv2
    import torch
    import torch.nn.functional as F  # noqa: N812  # the name everybody knows it by

    model = load_xfeat()
    height, width = image.shape[:2]
    grey = cv2.transform(np.asarray(image, np.float32), np.full((1, 3), 1 / 3 / 255, np.float32))
    with torch.inference_mode():
        tensor = torch.from_numpy(grey).to(next(model.parameters()).device)[None, None]
        tensor = tensor.contiguous(memory_format=torch.channels_last)
        descriptor_map, logits, reliability = model(tensor)
        probability = F.pixel_shuffle(logits.softmax(1)[:, : CELL * CELL], CELL)[0, 0].cpu().numpy()
        points = _maxima(probability, threshold)
        if mask is not None:
            points = points[mask[points[:, 1], points[:, 0]]]
        # the grid the weights were trained with: pixel p of W at p * w / (W - 1) - 0.5 of a map of width w
        grid = torch.from_numpy(2 * points / np.array([width - 1, height - 1], np.float32) - 1)
        grid = grid.float().to(tensor.device)
        reliable = F.grid_sample(reliability, grid[None, None], align_corners=False)[0, 0, 0].cpu().numpy()
        scores = probability[points[:, 1], points[:, 0]] * reliable
        kept = np.argsort(-scores, kind="stable")[:max_keypoints]
        kept = kept[scores[kept] > 0]
        chosen = grid[torch.from_numpy(kept).to(tensor.device)]
        units = F.normalize(descriptor_map, dim=1)
        sampled = F.grid_sample(units, chosen[None, None], mode="bicubic", align_corners=False)[0, :, 0]
        descriptors = F.normalize(sampled.T, dim=1).cpu().numpy()
    return points[kept].astype(np.float32), descriptors, scores[kept]


def _maxima(probability: Floats, threshold: float) -> NDArray[np.int64]:
    """Return ``(n, 2)`` points above the threshold that are the maximum of their whole window."""
    import cv2

    margin = WINDOW // 2
    highest = cv2.dilate(probability, np.ones((WINDOW, WINDOW), np.uint8))
    found = (probability >= highest) & (probability > threshold)
    found[:margin] = found[-margin:] = False
    found[:, :margin] = found[:, -margin:] = False
    rows, columns = np.nonzero(found)
    return np.stack([columns, rows], axis=1)


@functools.cache
def _load() -> Any:
    import torch
    from kornia.feature.xfeat import XFeatModel

    model = XFeatModel()
    fit_into(model, load_weights("xfeat"))
    model.eval()
    _fold_batch_norm(model)
    return model.to("cuda" if torch.cuda.is_available() else "cpu", memory_format=torch.channels_last)


def _fold_batch_norm(model: Any) -> None:
    """Move each batch normalisation into the convolution before it: the same function in fewer steps."""
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for block in [module for module in model.modules() if isinstance(module, torch.nn.Sequential)]:
        if len(block) < 2:
            continue
        convolution, norm = block[0], block[1]
        if isinstance(convolution, torch.nn.Conv2d) and isinstance(norm, torch.nn.BatchNorm2d):
            affine = torch.nn.BatchNorm2d(norm.num_features, eps=norm.eps).eval()
            affine.running_mean, affine.running_var = norm.running_mean, norm.running_var
            block[0] = fuse_conv_bn_eval(convolution, affine)
            block[1] = torch.nn.Identity()
