"""The ALIKED network (Zhao et al., IEEE TIM 2023): kornia's layers with the weights of an installed package.

Keypoints and descriptors equal those of kornia's ``ALIKED.forward`` (a test compares the two), with less work. The
network's map of 128 channels consists of four parts of 32, at a full, a half, an eighth and a 32nd of the picture's
size. It is never built at full size:

- The first layer of the score head is linear, so it is applied to each part before the parts are enlarged.
- Descriptors read the map at a few dozen pixels around each keypoint, so only those are sampled from the parts.
- The soft maximum of the scores (equation 5 of the paper) is computed only around the keypoints.

Departures: a mask applies before the strongest are chosen, and a picture without a maximum above the threshold has no
    keypoints. Pixel (0, 0) of the score map is the center of the top-left pixel of the picture.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.threads import loaded_once
from placeprint.networks.devices import device
from placeprint.networks.fitting import fit_into
from placeprint.networks.weights import load_weights
from placeprint.networks.xfeat import WINDOW, Found, local_maxima
from placeprint.types import Floats, Image, Mask

if TYPE_CHECKING:
    from placeprint.networks.graphs import Graphs

MULTIPLE = 32
"""Pictures are padded to multiples of this, by repeating their borders."""
PATCH = 3
"""Side of the square around a keypoint that determines where its descriptor samples the map."""
TEMPERATURE = 0.1
"""Temperature of the soft maximum: small values pick the highest pixel, large ones the center of the window."""
DERIVED = ("dkd.hw_grid",)
"""A buffer that kornia's model computes itself."""


@loaded_once
def load_aliked(name: str) -> Any:
    """Return a model in eval mode with checked weights, one per name and process, on the GPU if there is one.

    Raises:
        WeightsError: the weights are absent or not the expected ones.
    """
    from kornia.feature import ALIKED

    model = ALIKED(name)
    fit_into(model, load_weights(name), DERIVED)
    return model.eval().to(device())


def detect_batch(
    name: str, images: Sequence[Image], max_keypoints: int, threshold: float, masks: Sequence[Mask | None]
) -> list[Found]:
    """Find and describe keypoints in pictures of one size, in one pass of the network.

    Args:
        name: the name of the weights.
        images: ``(H, W, 3)`` uint8 RGB, of any size.
        max_keypoints: the number of strongest keypoints to keep.
        threshold: the score that a keypoint must exceed.
        masks: ``(H, W)`` bool, True where keypoints are allowed, or None.

    Returns:
        For each picture ``(n, 2)`` subpixel points, ``(n, d)`` unit descriptors, and ``(n,)`` decreasing scores.
    """
    import torch

    model = load_aliked(name)
    size = (images[0].shape[1], images[0].shape[0])
    with torch.inference_mode():
        pictures = torch.from_numpy(np.stack(images)).to(next(model.parameters()).device)
        padded, (left, top) = _continued(pictures.permute(0, 3, 1, 2).float() / 255)
        *parts, whole = _graphs(name)(padded)
        all_scores = whole[:, 0, top : top + size[1], left : left + size[0]].cpu().numpy()
        found = []
        for index, (scores, mask) in enumerate(zip(all_scores, masks, strict=True)):
            pixels = local_maxima(scores, threshold)
            if mask is not None:
                pixels = pixels[mask[pixels[:, 1], pixels[:, 0]]]
            points = _soft_maxima(scores, pixels)
            strengths = _between_pixels(scores, points)
            kept = np.argsort(-strengths, kind="stable")[:max_keypoints]
            own = [part[index : index + 1] for part in parts]
            descriptors = _describe(model, own, points[kept], size, (left, top))
            found.append((points[kept], descriptors, strengths[kept]))
    return found


@loaded_once
def _graphs(name: str) -> Graphs:
    from placeprint.networks.aliked_maps import ALIKEDMaps
    from placeprint.networks.graphs import Graphs

    module = ALIKEDMaps(load_aliked(name))
    return Graphs("aliked", module, lambda height, width: copy.deepcopy(module), any_size=False)


def _continued(pictures: Any) -> tuple[Any, tuple[int, int]]:
    """Return pictures padded to multiples of 32, and how many pixels were added at the left and the top."""
    import torch.nn.functional as F  # noqa: N812  # the name everybody knows it by

    across, down = (-side % MULTIPLE for side in pictures.shape[:1:-1])
    left, top = across // 2, down // 2
    return F.pad(pictures, [left, across - left, top, down - top], mode="replicate"), (left, top)


def _soft_maxima(scores: Floats, pixels: NDArray[np.int64]) -> Floats:
    """Return ``(n, 2)``: the mean position in the window of each pixel, weighted by the exponentials of the scores."""
    margin = WINDOW // 2
    steps = np.arange(-margin, margin + 1)
    windows = scores[pixels[:, 1, None, None] + steps[:, None], pixels[:, 0, None, None] + steps]
    weights = np.exp((windows - windows.max(axis=(1, 2), keepdims=True)) / TEMPERATURE)
    weights /= weights.sum(axis=(1, 2), keepdims=True)
    moves = np.stack([weights.sum(axis=1) @ steps, weights.sum(axis=2) @ steps], axis=1)
    return np.asarray(pixels + moves, np.float32)


def _between_pixels(values: Floats, points: Floats) -> Floats:
    """Return ``(n,)``: an ``(H, W)`` map sampled bilinearly at points inside it."""
    corner = np.minimum(points.astype(int), np.array(values.shape[::-1]) - 2)
    (x, y), (column, row) = (points - corner).T, corner.T
    above = values[row, column] * (1 - x) + values[row, column + 1] * x
    below = values[row + 1, column] * (1 - x) + values[row + 1, column + 1] * x
    return np.asarray(above * (1 - y) + below * y, np.float32)


def _describe(
    model: Any, parts: Sequence[Any], points: Floats, size: tuple[int, int], shift: tuple[int, int]
) -> Floats:
    """Describe keypoints by sampling the map at places that depend on their surroundings (section III-B of the paper).

    Args:
        model: the network.
        parts: the parts of the map of one padded picture.
        points: ``(n, 2)`` points in pixels of the picture.
        size: the size of the picture, ``(width, height)``.
        shift: the pixels added at the left and the top of the picture.

    Returns:
        ``(n, d)`` unit rows.
    """
    import torch
    import torch.nn.functional as F  # noqa: N812  # the name everybody knows it by

    head, dim = model.desc_head, sum(part.shape[1] for part in parts)
    if not len(points):
        return np.zeros((0, dim), np.float32)
    centers = torch.from_numpy(points).to(parts[0].device)
    sides = torch.tensor(size, device=centers.device)
    steps = torch.arange(PATCH, device=centers.device)
    around = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1).reshape(1, -1, 2)
    corners = (centers.long() - PATCH // 2).clamp(min=0).minimum(sides - 1 - PATCH)
    patches = _look_up(parts, (corners[:, None] + around).float(), shift)
    offsets = head.offset_conv(patches.transpose(1, 2).unflatten(2, (PATCH, PATCH)))
    offsets = offsets.clamp(-max(size) / 4, max(size) / 4).reshape(len(points), 2, -1).transpose(1, 2)
    sampled = _look_up_between(parts, centers[:, None] + offsets, sides, shift)
    sampled = F.selu(F.linear(sampled, head.sf_conv.weight[:, :, 0, 0]))
    return np.asarray(F.normalize(torch.einsum("npc,pcd->nd", sampled, head.agg_weights)).cpu().numpy(), np.float32)


def _look_up_between(parts: Sequence[Any], places: Any, sides: Any, shift: tuple[int, int]) -> Any:
    """Return ``(n, p, d)``: the map sampled bilinearly between pixels; outside the picture it is zero."""
    import torch

    lower = places.floor()
    steps = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1]], device=places.device)
    corners = lower[:, :, None] + steps
    shares = (1 - (places[:, :, None] - corners).abs()).prod(dim=-1)
    shares = shares * ((corners >= 0) & (corners < sides)).all(dim=-1)
    values = _look_up(parts, corners.flatten(1, 2), shift).unflatten(1, shares.shape[1:])
    return (values * shares[..., None]).sum(dim=2)


def _look_up(parts: Sequence[Any], pixels: Any, shift: tuple[int, int]) -> Any:
    """Return ``(n, p, d)``: the unit vectors of the map at ``(n, p, 2)`` whole pixels of the picture."""
    import torch
    import torch.nn.functional as F  # noqa: N812  # the name everybody knows it by

    sides = torch.tensor(parts[0].shape[:1:-1], device=pixels.device)
    grid = 2 * (pixels + torch.tensor(shift, device=pixels.device)) / (sides - 1) - 1
    values = [F.grid_sample(part, grid[None], align_corners=True, padding_mode="border")[0] for part in parts]
    return F.normalize(torch.cat(values).permute(1, 2, 0), dim=-1)
