"""Weights and pictures from formulas, and what the original programs of published networks make of them.

The numbers are those of the folder of golden files (`PLACEPRINT_GOLDEN`), all of them; without it, the first sixteen
of some networks, which are kept here.
"""

from __future__ import annotations

import functools
import json
import math
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.networks.published import find_network
from placeprint.networks.published.building import outlined_network, published_name
from tests.conftest import data_folder

Arrays = dict[str, NDArray[Any]]

KEPT = Path(__file__).parents[1] / "golden" / "published.json"
GOLDENS = tuple(json.loads(KEPT.read_text(encoding="utf-8")))
"""Full names of the networks that the folder has numbers of."""
EXPONENTS = {"p": 3.0, "dust_bin": 1.0}
UNSCALED = ("pos_embed", "cls_token", "mask_token", "queries")
AFTER_UNIT_VECTORS = ("whiten.weight", "aggregation.3.weight", "aggregator.linear.weight")
ASSIGNMENTS = ("pool.conv.weight", "score_proj.weight")


@dataclass(frozen=True)
class Golden:
    """What an original program makes of two pictures of one size.

    Args:
        height: of the pictures.
        width: of the pictures.
        seeds: of the pictures.
        tolerance: most that a value may differ by.
        places: of the values below in the descriptor, counted from 0.
        values: ``(pictures, places)``.
    """

    height: int
    width: int
    seeds: tuple[int, ...]
    tolerance: float
    places: NDArray[np.int64]
    values: NDArray[np.float64]


def golden_folder() -> Path | None:
    """Return the folder of golden files, None where there is none."""
    folder = Path(os.environ.get("PLACEPRINT_GOLDEN", data_folder().parent / "golden_models"))
    return folder if (folder / "fill.py").is_file() else None


def goldens(name: str) -> Iterator[Golden]:
    """Return the numbers of a network: all that the folder has, or the few that are kept here."""
    folder = golden_folder()
    if folder is None:
        for each in json.loads(KEPT.read_text(encoding="utf-8"))[name]:
            yield Golden(
                **(each | {"places": np.array(each["places"]), "values": np.array(each["values"], np.float64)})
            )
        return
    read = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    for output in read["outputs"]:
        put, rows = output["input"], output["descriptors"]
        ends = np.concatenate([np.arange(64), np.arange(output["dim"] - 64, output["dim"]), output["indices"]])
        values = np.array([row["first64"] + row["last64"] + row["at_indices"] for row in rows])
        yield Golden(put["height"], put["width"], tuple(put["seeds"]), output["tolerance"], ends, values)


def shapes(name: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a network's checkpoint, as the table builds it."""
    network = find_network(name)
    own = outlined_network(network).state_dict()
    return {published_name(network, key): tuple(value.shape) for key, value in own.items() if key != "trunk.mean"}


def filled_state(name: str) -> Arrays:
    """Return a checkpoint of a network by the rule of the golden files."""
    return {key: filled(key, shape) for key, shape in shapes(name).items()}


def filled(key: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the tensor of a name by the rule (version 1) of the golden files."""
    last = key.rpartition(".")[2]
    if last == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    noise = np.asarray(np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape))
    match last:
        case "running_var":
            value = 2 + 0.2 * np.abs(noise)
        case "running_mean":
            value = 0.1 * noise
        case "p" | "dust_bin":
            value = EXPONENTS[last] + 0.1 * noise
        case "gamma":
            value = 0.5 + 0.05 * noise
        case "centroids" | "centers" | "c_centers":
            value = 0.05 * noise
        case _ if last in UNSCALED:
            value = noise
        case _ if noise.ndim <= 1:
            value = 0.05 * noise if last.endswith("bias") else 1 + 0.1 * noise
        case _:
            value = _matrix(key, noise)
    return np.ascontiguousarray(value, np.float32).reshape(shape)


def _matrix(key: str, noise: NDArray[np.float64]) -> NDArray[np.float64]:
    mean = noise.mean(axis=tuple(range(1, noise.ndim)), keepdims=True)
    gain = 64.0 if key.endswith(ASSIGNMENTS) else 16.0 if key.endswith(AFTER_UNIT_VECTORS) else 1.0
    return np.asarray((noise - 0.8 * mean) * (gain * math.sqrt(3 / math.prod(noise.shape[1:]))), np.float64)


@functools.cache
def picture(seed: int, height: int, width: int) -> NDArray[np.float64]:
    """Return the ``(H, W, 3)`` picture of a seed in [0, 1]: a tint and 24 waves a channel."""
    rng = np.random.default_rng(seed)
    y, x = ((np.arange(side) + 0.5) / side for side in (height, width))
    band = rng.uniform(2, 20, 2)
    channels = []
    for _ in range(3):
        tint, wave = rng.uniform(-0.6, 0.6), np.zeros((height, width))
        for _ in range(24):
            fy, fx = band * rng.uniform(-1, 1, 2)
            wave += np.cos(2 * np.pi * (fy * y[:, None] + fx * x + rng.uniform()))
        channels.append(0.5 + 0.5 * np.tanh(tint + wave / math.sqrt(24)))
    return np.stack(channels, axis=-1)


def batch(name: str, golden: Golden) -> NDArray[np.float32]:
    """Return the pictures of a golden file as a network takes them, ``(n, 3, H, W)``."""
    sight = find_network(name).sight
    pictures = np.stack([picture(seed, golden.height, golden.width) for seed in golden.seeds])
    pictures = (pictures - np.array(sight.mean)) / np.array(sight.deviation)
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32)
