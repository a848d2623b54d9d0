"""DISK with checked weights, and what it finds in pictures (Tyszkiewicz et al., NeurIPS 2020).

A U-Net gives each pixel a score and a descriptor of 128 values. Keypoints are the maxima of a window 5 pixels wide with
a score above a threshold. Pictures are continued by repeating their borders to multiples of 16.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from placeprint.core.threads import loaded_once
from placeprint.networks.devices import device
from placeprint.networks.fitting import fit_into
from placeprint.networks.weights import load_weights
from placeprint.networks.xfeat import Found, local_maxima
from placeprint.types import Image, Mask

NAME = "disk-depth"
MULTIPLE = 16


@loaded_once
def load_disk() -> Any:
    """Return kornia's network in eval mode with checked weights, one a process, on the GPU where there is one.

    Raises:
        WeightsError: the weights are absent or not the expected ones.
    """
    from kornia.feature import DISK

    model = DISK()
    state: Any = load_weights(NAME)
    fit_into(model, state["extractor"])
    return model.eval().requires_grad_(False).to(device())


def detect_batch(
    images: Sequence[Image], max_keypoints: int, threshold: float, masks: Sequence[Mask | None]
) -> list[Found]:
    """Find and describe keypoints in pictures of one size, in one pass of the network.

    Args:
        images: ``(H, W, 3)`` uint8 RGB, of any size.
        max_keypoints: the strongest are kept.
        threshold: score a keypoint must exceed.
        masks: ``(H, W)`` bool, True where keypoints may be, or None.

    Returns:
        Of each picture ``(n, 2)`` whole pixels, ``(n, 128)`` unit descriptors, ``(n,)`` falling scores.
    """
    import torch
    import torch.nn.functional as F  # noqa: N812  # the name everybody knows it by

    model = load_disk()
    height, width = images[0].shape[:2]
    with torch.inference_mode():
        pictures = torch.from_numpy(np.stack(images)).to(next(model.parameters()).device).permute(0, 3, 1, 2)
        padding = [0, -width % MULTIPLE, 0, -height % MULTIPLE]
        all_scores, maps = model.heatmap_and_dense_descriptors(F.pad(pictures.float() / 255, padding, mode="replicate"))
        found = []
        for scores, descriptors, mask in zip(all_scores[:, 0, :height, :width].cpu().numpy(), maps, masks, strict=True):
            pixels = local_maxima(np.ascontiguousarray(scores), threshold)
            if mask is not None:
                pixels = pixels[mask[pixels[:, 1], pixels[:, 0]]]
            strengths = scores[pixels[:, 1], pixels[:, 0]]
            kept = np.argsort(-strengths, kind="stable")[:max_keypoints]
            points = pixels[kept]
            rows = F.normalize(descriptors[:, points[:, 1], points[:, 0]].T, dim=1).cpu().numpy()
            found.append((points.astype(np.float32), rows, strengths[kept]))
    return found
