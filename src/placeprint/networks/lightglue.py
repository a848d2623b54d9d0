"""The LightGlue network (Lindenberger et al., ICCV 2023): kornia's model with the weights of installed packages.

Attention among the keypoints of each photo and between the two, layer after layer, until the network is confident
(section 3.3 of the paper: adaptive depth) and without keypoints that will not match (adaptive width). LighterGlue is
the smaller one that XFeat's authors trained.

Keypoints are scaled by half the longer side of their photo around its center. Only differences of positions matter in
attention (rotary encoding), so an offset of half a pixel changes nothing; here the top-left *corner* of the photo is
-1, which keeps every point in the range that kornia requires.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from placeprint.core.threads import loaded_once
from placeprint.errors import OptionError, ShapeError
from placeprint.networks.devices import device
from placeprint.networks.fitting import fit_into
from placeprint.networks.weights import find_weights, load_weights
from placeprint.types import LocalFeatures, Matches

MAX_KEYPOINTS = 8192
"""Most keypoints per photo: with more, the products of all pairs take gigabytes."""
WEIGHTS_OF = {"xfeat": "xfeat-lighterglue", "aliked": "aliked-lightglue"}
"""The name of the weights for each kind of features."""
LAYOUTS: dict[str, dict[str, Any]] = {
    "xfeat": {"input_dim": 64, "descriptor_dim": 96, "n_layers": 6, "num_heads": 1},
    "aliked": {"input_dim": 128},
}
"""Settings that differ from kornia's defaults."""
CONFIDENCES = {"xfeat": (-1.0, 0.95), "aliked": (0.95, 0.99)}
"""The authors' confidences for depth and width."""
DERIVED = ("confidence_thresholds",)
"""A buffer that the model computes itself."""


def check_features(features: str) -> None:
    """Check the name of a kind of features.

    Raises:
        OptionError: LightGlue was not trained for these features.
    """
    if features not in WEIGHTS_OF:
        raise OptionError(f"no LightGlue for {features!r}; known: {', '.join(WEIGHTS_OF)}")


def load_lightglue(features: str, depth_confidence: float, width_confidence: float) -> Any:
    """Return the model in eval mode with checked weights, one per kind and process, on the GPU if there is one.

    Raises:
        OptionError: LightGlue was not trained for such features.
        WeightsError: the weights are absent or not the expected ones.
    """
    check_features(features)
    return _load(features, depth_confidence, width_confidence)


def match(
    features: str,
    query: LocalFeatures,
    candidate: LocalFeatures,
    depth_confidence: float | None = None,
    width_confidence: float | None = None,
) -> Matches:
    """Match the features of two photos.

    Args:
        features: the kind of features, a key of `WEIGHTS_OF`.
        query: the features of one photo.
        candidate: the features of the other photo.
        depth_confidence: the share of confident keypoints at which to stop early; -1 never stops early.
        width_confidence: the confidence that a keypoint has no match at which to drop it; -1 drops none.

    Returns:
        All mutual matches, sorted by query row, with the network's confidence in [0, 1].

    Raises:
        ShapeError: the descriptors differ in length from those the network was trained for.
        OptionError: a photo has more than `MAX_KEYPOINTS`, or see `load_lightglue`.
        WeightsError: see `load_lightglue`.
    """
    import torch

    check_features(features)
    most = max(len(query), len(candidate))
    if most > MAX_KEYPOINTS:
        raise OptionError(
            f"LightGlue takes at most {MAX_KEYPOINTS} keypoints per photo, got {most}: its memory grows with their "
            "square; lower max_keypoints, or match by nearest neighbors"
        )
    if not len(query) or not len(candidate):
        return Matches(np.zeros((0, 2), np.int64), np.zeros(0, np.float32))
    dim = find_weights(WEIGHTS_OF[features]).dim
    for side in (query, candidate):
        if side.descriptors.shape[1] != dim:
            raise ShapeError(
                f"LightGlue for {features!r} takes descriptors of shape (any, {dim}), got {side.descriptors.shape}"
            )
    depth, width = (
        usual if given is None else given
        for given, usual in zip((depth_confidence, width_confidence), CONFIDENCES[features], strict=True)
    )
    model = load_lightglue(features, depth, width)
    with torch.inference_mode():
        place = next(model.parameters()).device
        found = model({"image0": _input(query, place), "image1": _input(candidate, place)})
        pairs, scores = (found[name][0].cpu().numpy() for name in ("matches", "scores"))
    order = np.argsort(pairs[:, 0], kind="stable")
    return Matches(pairs[order].astype(np.int64), scores[order].astype(np.float32))


def _input(features: LocalFeatures, place: Any) -> dict[str, Any]:
    """Return what the network takes of a photo, on its device."""
    import torch

    size = np.array(features.image_size, np.float32)
    inside = np.clip(features.keypoints + np.float32(0.5), 0, size)
    arrays = {"keypoints": inside, "descriptors": features.descriptors, "image_size": size}
    return {name: torch.from_numpy(array)[None].to(place) for name, array in arrays.items()}


@loaded_once
def _load(features: str, depth_confidence: float, width_confidence: float) -> Any:
    from kornia.feature import LightGlue

    options = LAYOUTS[features] | {
        "depth_confidence": depth_confidence,
        "width_confidence": width_confidence,
        "filter_threshold": 0.0,
    }
    model = LightGlue(None, **options)
    state = load_weights(WEIGHTS_OF[features])
    fit_into(model, {_own_name(name): value for name, value in state.items() if _belongs(name)}, DERIVED)
    return model.eval().to(device())


def _belongs(name: str) -> bool:
    """Drop the copy of XFeat in LighterGlue's file."""
    return not name.startswith("extractor.")


def _own_name(name: str) -> str:
    """Return the model's name for a tensor of a checkpoint; older ones use ``self_attn.3``."""
    parts = name.removeprefix("matcher.").split(".")
    if parts[0] in {"self_attn", "cross_attn"}:
        parts = ["transformers", parts[1], parts[0], *parts[2:]]
    return ".".join(parts)
