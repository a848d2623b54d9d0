"""A tiny network and tiny photos, so that tests of training are quick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from placeprint.networks.staged_backbone import StagedBackbone
from placeprint.training.recipe import Recipe, recipe_from
from tests.conftest import make_scene, write_photo

CHANNELS = 8


class First(nn.Sequential):
    """Brings the colors to a small range, and filters."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        pictures = pictures / 255 - 0.5
        for layer in self:
            pictures = layer(pictures)
        return pictures


def tiny_backbone(seed: int = 0) -> StagedBackbone:
    """Return a network of two stages and stride 4; the second has batch normalization."""
    torch.manual_seed(seed)
    first = First(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU())
    second = nn.Sequential(nn.Conv2d(6, CHANNELS, 3, 2, 1), nn.BatchNorm2d(CHANNELS))
    return StagedBackbone([first, second], CHANNELS, 4).eval()


def write_classes(folder: Path, classes: int = 3, photos: int = 6) -> Path:
    """Write a folder a class: a scene of each, seen a little to the side in each photo."""
    for label in range(classes):
        scene = make_scene(label, 120, 90)
        for number in range(photos):
            part = scene[number : number + 64, 2 * number : 2 * number + 64]
            write_photo(folder / f"class{label}" / f"{number}.png", np.ascontiguousarray(part))
    return folder


def write_walk(folder: Path, clips: int = 3, frames: int = 8) -> Path:
    """Write clips of two areas with a CSV beside them: frames of walks along scenes."""
    rows = ["image_path,label"]
    for clip in range(clips):
        scene = make_scene(clip % 2, 64 + 20 * frames, 64)
        for frame in range(frames):
            name = f"clip{clip}_frame_{frame:06d}.png"
            part = scene[:, 20 * frame : 20 * frame + 64] // (1 + clip // 2)
            write_photo(folder / name, np.ascontiguousarray(part))
            rows.append(f"{name},area{clip % 2}")
    (folder / "walks.csv").write_text("\n".join(rows) + "\n")
    return folder


def tiny_recipe(**changes: dict[str, Any]) -> Recipe:
    """Return a recipe of seconds; changes are added to its tables."""
    tables: dict[str, Any] = {
        "data": {"form": "folder", "share": 0.34},
        "model": {"size": [32, 32], "trainable_from": 1},
        "head": {"name": "gem"},
        "loss": {"name": "triplet"},
        "batches": {"classes": 3, "instances": 2, "workers": 1},
        "schedule": {"epochs": 2, "warmup": 0.0},
        "validation": {"against": "train"},
    }
    for name, table in changes.items():
        tables[name] = tables.get(name, {}) | table
    return recipe_from(tables)
