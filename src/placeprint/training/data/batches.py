"""Batches: the photos of a step, and how they are sent between processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from placeprint.types import Ids


@dataclass(frozen=True, eq=False)
class Batch:
    """Photos of one step.

    Args:
        rows: ``(B,)`` which photos.
        copies: ``(B,)`` which copy of each.
        tuples: ``(T, 2)`` of photos with places: counts of positives and of negatives; the rows hold of each tuple its
            query, its positives and its negatives. ``(0, 2)`` for photos with labels.
    """

    rows: Ids
    copies: Ids
    tuples: Ids

    def __len__(self) -> int:
        return len(self.rows)


def pack(batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    """Return batches as tensors, which `unpack` brings back."""
    empty = np.zeros(0, np.int64)
    return {
        "lengths": torch.tensor([[len(each), len(each.tuples)] for each in batches]).reshape(-1, 2),
        "rows": torch.from_numpy(np.concatenate([empty, *(each.rows for each in batches)])),
        "copies": torch.from_numpy(np.concatenate([empty, *(each.copies for each in batches)])),
        "tuples": torch.from_numpy(np.concatenate([empty.reshape(0, 2), *(each.tuples for each in batches)])),
    }


def unpack(packed: dict[str, torch.Tensor]) -> list[Batch]:
    """Return the batches that `pack` got."""
    lengths = packed["lengths"].numpy()
    cuts, tuple_cuts = np.cumsum(lengths, axis=0)[:-1].T if len(lengths) else (np.zeros(0, int),) * 2
    parts = [np.split(packed[name].numpy(), cuts) for name in ("rows", "copies")]
    tuples = np.split(packed["tuples"].numpy(), tuple_cuts)
    return [Batch(*each) for each in zip(*parts, tuples, strict=True)] if len(lengths) else []
