"""MultiVLAD: a VLAD for each of several regions of a photo (Arandjelovic and Zisserman, CVPR 2013).

The photo is cut into t x t equal tiles, t = 3 in the paper. The regions are all squares of 1 x 1, 2 x 2, ... t x t
tiles: for t = 3 nine small ones, four medium ones and the whole photo, 14 in all. An object that is small in the photo
    fills one of them, and the VLAD of that region has little of what is around it.

- A query has one VLAD. A photo's similarity to it is the best of its regions (`multi_similarity`), as in the paper, at
  r times the memory.
- `RegionalVLAD` sums the unit VLADs of the regions to one vector, as R-MAC does with maxima (Tolias et al., ICLR 2016).
  The cosine of two such vectors is, up to their lengths, the mean over all pairs of regions.

Residual sums are additive before normalization, so those of the tiles are computed once, and every region is a sum of
tiles. There is no integral image, because differences of sums leave rounding errors in regions without features, which
the power law amplifies.

Departures: the paper also estimates where in the photo the object is; that is not implemented. Summing the regions is
    ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from placeprint.aggregation.vlad import VLAD
from placeprint.core.numerics import normalize
from placeprint.core.options import Range, checked
from placeprint.errors import ShapeError
from placeprint.types import Floats, LocalFeatures


@checked
@dataclass(kw_only=True, eq=False)
class RegionalVLAD(VLAD):
    """Aggregate to the sum of the unit VLADs of a photo's regions; otherwise like `VLAD`.

    Args:
        tiles: t, see the module.
    """

    tiles: Annotated[int, Range(1, 64)] = 3

    def aggregate(self, features: LocalFeatures) -> Floats:
        """Return the ``(dim,)`` unit vector of one photo, or zeros if it has no features.

        Raises:
            NotFittedError: the codebook has not been learned.
            ShapeError: see `VLAD.aggregate`.
            OptionError: there is less than one tile.
        """
        return normalize(region_vlads(self, features, self.tiles).sum(axis=0))


def region_vlads(vlad: VLAD, features: LocalFeatures, tiles: int = 3) -> Floats:
    """Return the ``(r, dim)`` unit VLADs of the regions of a photo, in the order of `tile_regions`.

    A region without features has zeros.

    Args:
        vlad: a fitted VLAD; its own `aggregate` is not used.
        features: the features of the photo.
        tiles: t, see the module.

    Raises:
        NotFittedError: the codebook has not been learned.
        ShapeError: see `VLAD.aggregate`.
        OptionError: there is less than one tile.
    """
    regions = tile_regions(tiles)
    sums, masses = vlad.residual_sums(features, _tiles_of(features, tiles), tiles * tiles)
    return vlad.normalized(_added(sums, regions, tiles), _added(masses, regions, tiles))


def multi_similarity(query: Floats, rows: Floats) -> Floats:
    """Return the similarity of photos to a query: the best cosine of their regions.

    Args:
        query: ``(dim,)`` unit VLAD of the query.
        rows: ``(..., r, dim)`` unit VLADs of the regions of one photo or of several.

    Returns:
        ``(...)`` float32, in [-1, 1]; a scalar for one photo.

    Raises:
        ShapeError: the two do not fit together, or there are no regions.

    Example:
        >>> photos = np.array([[[1, 0], [0.6, 0.8]], [[0, -1], [-1, 0]]], np.float32)
        >>> multi_similarity(np.array([0, 1], np.float32), photos).tolist()
        [0.800000011920929, 0.0]
    """
    if query.ndim != 1 or rows.ndim < 2 or rows.shape[-1] != len(query) or not rows.shape[-2]:
        raise ShapeError(f"query and rows must have shapes (d,) and (..., r > 0, d), got {query.shape}, {rows.shape}")
    return np.asarray((rows @ query).max(axis=-1), np.float32)


@checked
def tile_regions(tiles: Annotated[int, Range(1, 64)]) -> list[tuple[int, int, int]]:
    """Return the regions as (first column, first row, side) in tiles, by increasing side, row by row.

    Raises:
        OptionError: there is less than one tile.

    Example:
        >>> tile_regions(2)
        [(0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1), (0, 0, 2)]
    """
    return [
        (x, y, side) for side in range(1, tiles + 1) for y in range(tiles - side + 1) for x in range(tiles - side + 1)
    ]


def _tiles_of(features: LocalFeatures, tiles: int) -> NDArray[np.intp]:
    """Return ``(n,)``: the tile of each feature, row by row; points outside the photo belong to the nearest tile."""
    places = np.floor((features.keypoints + 0.5) / np.asarray(features.image_size) * tiles).astype(np.intp)
    column, row = np.clip(places, 0, tiles - 1).T
    return np.asarray(row * tiles + column, np.intp)


def _added(values: Floats, regions: list[tuple[int, int, int]], tiles: int) -> Floats:
    """Return ``(r, ...)``: the sum over the tiles of each region, of ``(t * t, ...)``."""
    grid = values.reshape(tiles, tiles, *values.shape[1:])
    return np.stack([grid[y : y + side, x : x + side].sum(axis=(0, 1)) for x, y, side in regions])
