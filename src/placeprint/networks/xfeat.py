"""The XFeat network (Potje et al., CVPR 2024) with the weights of an installed package.

Keypoints and descriptors equal those of kornia's ``XFeat.detectAndCompute`` (a test compares the two), with less work:
batch normalization folded into the convolutions, channels last, local maxima by dilation, one gray channel, and one
look-up for the selected keypoints only.

XFeat* (section 3.3 of the paper) has a feature in every cell of 8 x 8 pixels and no keypoints: `detect_cells`. From the
descriptors of two matched cells, a small network predicts where in its cell the query's point is: `refine`, a softmax
over 8 x 8 offsets. Two departures from the authors' code:

- Its descriptors have a length, 14.7 with a deviation of 0.6, that the small network was trained with. Here rows have
  unit length and are scaled to the mean length (`CELL_LENGTH`): the offsets differ by less than 0.01 pixels on average.
- The offsets count from -3 to 4 and not from -4 to 3. On shifted crops of the sample photos, the authors' numbers were
  1 pixel off on both axes; with these, the median error is 0.9 pixels instead of 1.5.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.threads import loaded_once
from placeprint.networks.devices import device, for_sampling
from placeprint.networks.fitting import fit_into
from placeprint.networks.weights import load_weights
from placeprint.types import Floats, Image, Mask

if TYPE_CHECKING:
    from placeprint.networks.graphs import Graphs

CELL = 8
"""Pixels of the picture per cell of the descriptor map."""
WINDOW = 5
"""Side in pixels of the window whose strict maximum is a keypoint."""
CELL_LENGTH = 14.75
"""Mean length of a cell's descriptor before normalization."""
FIRST_OFFSET = -3
"""Pixels of the first of the eight offsets."""
SHARPNESS = 3.0
"""Factor of the offsets' logits before the softmax, as in the authors' code."""

Found = tuple[Floats, Floats, Floats]
"""Points, descriptors and scores of one picture."""


@loaded_once
def load_xfeat() -> Any:
    """Return the model in eval mode with checked weights, one per process, on the GPU if there is one.

    Raises:
        WeightsError: the weights are missing or not the expected ones.
    """
    import torch

    from placeprint.networks.xfeat_model import XFeatModel

    model: Any = XFeatModel()  # Torch's types know no memory format here
    fit_into(model, load_weights("xfeat"))
    model.eval()
    _fold_batch_norm(model)
    return model.to(device(), memory_format=torch.channels_last)


@loaded_once
def _graphs() -> Graphs:
    from placeprint.networks.graphs import Graphs

    model = load_xfeat()
    return Graphs("xfeat", model, lambda height, width: copy.deepcopy(model).cpu(), any_size=True)


def detect_batch(
    images: Sequence[Image], max_keypoints: int, threshold: float, masks: Sequence[Mask | None]
) -> list[Found]:
    """Find and describe keypoints in pictures of one size, in one pass of the network.

    Args:
        images: ``(H, W, 3)`` uint8 RGB; H and W are multiples of 32.
        max_keypoints: the number of strongest keypoints to keep.
        threshold: the probability that a keypoint must exceed.
        masks: ``(H, W)`` bool, True where keypoints may be, or None.

    Returns:
        For each picture ``(n, 2)`` whole pixels, ``(n, 64)`` unit descriptors, and ``(n,)`` decreasing scores.
    """
    import torch
    import torch.nn.functional as F  # noqa: N812  # the name everybody knows it by

    with torch.inference_mode():
        descriptor_maps, logits, reliabilities = _maps(images)
        probabilities = F.pixel_shuffle(logits.softmax(1)[:, : CELL * CELL], CELL)[:, 0].cpu().numpy()
        units = for_sampling(F.normalize(descriptor_maps, dim=1))
        reliabilities = for_sampling(reliabilities)
        return [
            _keypoints(units[i : i + 1], probabilities[i], reliabilities[i : i + 1], max_keypoints, threshold, mask)
            for i, mask in enumerate(masks)
        ]


def detect_cells(images: Sequence[Image]) -> list[Found]:
    """Describe every cell of pictures of one size, in one pass of the network.

    Args:
        images: ``(H, W, 3)`` uint8 RGB; H and W are multiples of 32.

    Returns:
        For each picture ``(n, 2)`` centers of its cells row by row, ``(n, 64)`` unit descriptors, and ``(n,)``
        probabilities that a cell can be matched.
    """
    import torch
    import torch.nn.functional as F  # noqa: N812  # the name everybody knows it by

    with torch.inference_mode():
        descriptor_maps, _, reliabilities = _maps(images)
        rows = F.normalize(descriptor_maps, dim=1).flatten(2).transpose(1, 2).cpu().numpy()
        scores = reliabilities.flatten(1).cpu().numpy()
    height, width = descriptor_maps.shape[-2:]
    row, column = np.divmod(np.arange(height * width), width)
    centers = (np.stack([column, row], axis=1) * CELL + (CELL - 1) / 2).astype(np.float32)
    return [(centers, rows[i], scores[i]) for i in range(len(images))]


def refine(query: Floats, candidate: Floats) -> tuple[Floats, Floats]:
    """Predict the query's points in matched cells.

    Args:
        query: ``(m, 64)`` unit descriptors of the query's cells.
        candidate: ``(m, 64)`` unit descriptors of the candidate's cells, row by row.

    Returns:
        ``(m, 2)`` offsets from the centers of the query's cells, in pixels of the network's input, to the point at the
        center of the candidate's cell; and ``(m,)`` confidences in (0, 1].
    """
    import torch

    if not len(query):
        return np.zeros((0, 2), np.float32), np.zeros(0, np.float32)
    model = load_xfeat()
    pairs = np.concatenate([query, candidate], axis=1) * np.float32(CELL_LENGTH)
    with torch.inference_mode():
        tensor = torch.from_numpy(pairs).to(next(model.parameters()).device)
        probability = (model.fine_matcher(tensor) * SHARPNESS).softmax(1).cpu().numpy()
    grid = probability.reshape(-1, CELL, CELL)
    steps = np.arange(FIRST_OFFSET, FIRST_OFFSET + CELL, dtype=np.float32)
    return np.stack([grid.sum(axis=1) @ steps, grid.sum(axis=2) @ steps], axis=1), probability.max(axis=1)


def local_maxima(values: Floats, threshold: float) -> NDArray[np.int64]:
    """Return ``(n, 2)`` points of an ``(H, W)`` map above the threshold that are the maximum of their whole window."""
    import cv2

    margin = WINDOW // 2
    highest = cv2.dilate(values, np.ones((WINDOW, WINDOW), np.uint8))
    found = (values >= highest) & (values > threshold)
    found[:margin] = found[-margin:] = False
    found[:, :margin] = found[:, -margin:] = False
    rows, columns = np.nonzero(found)
    return np.stack([columns, rows], axis=1)


def _maps(images: Sequence[Image]) -> tuple[Any, Any, Any]:
    """Return the maps of descriptors, keypoint logits and reliability of pictures of one size."""
    import cv2
    import torch

    graphs = _graphs()
    weights = np.full((1, 3), 1 / 3 / 255, np.float32)
    gray = np.stack([cv2.transform(np.asarray(image, np.float32), weights) for image in images])
    tensor = torch.from_numpy(gray).to(next(graphs.module.parameters()).device)[:, None]
    descriptors, logits, reliability = graphs(tensor.contiguous(memory_format=torch.channels_last))
    return descriptors, logits, reliability


def _keypoints(
    units: Any, probability: Floats, reliability: Any, max_keypoints: int, threshold: float, mask: Mask | None
) -> Found:
    """Find the keypoints of one picture and look up their descriptors; the maps have a batch of one."""
    import torch
    import torch.nn.functional as F  # noqa: N812  # the name everybody knows it by

    height, width = probability.shape
    points = local_maxima(probability, threshold)
    if mask is not None:
        points = points[mask[points[:, 1], points[:, 0]]]
    # the grid the weights were trained with: pixel p of W at p * w / (W - 1) - 0.5 of a map of width w
    grid = torch.from_numpy(2 * points / np.array([width - 1, height - 1], np.float32) - 1)
    grid = grid.float().to(units.device)
    reliable = F.grid_sample(reliability, grid[None, None], align_corners=False)[0, 0, 0].cpu().numpy()
    scores = probability[points[:, 1], points[:, 0]] * reliable
    kept = np.argsort(-scores, kind="stable")[:max_keypoints]
    kept = kept[scores[kept] > 0]
    chosen = grid[torch.from_numpy(kept).to(units.device)]
    sampled = F.grid_sample(units, chosen[None, None], mode="bicubic", align_corners=False)[0, :, 0]
    descriptors = F.normalize(sampled.T, dim=1).cpu().numpy()
    return points[kept].astype(np.float32), descriptors, scores[kept]


def _fold_batch_norm(model: Any) -> None:
    """Move each batch normalization into the convolution before it: the same function in fewer steps."""
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
