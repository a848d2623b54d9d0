"""Inverted lists through FAISS: rows are sorted into lists by their nearest center, and a query searches a few lists.

    list_i = argmax_l c_l . x_i,    searched: the ``probes`` lists with the largest c_l . q

The centers are learned by k-means with unit centers. A list stores the difference between a row and the center, as
float16, in 8 bits per value, or as a product code: score = q . c + q . (x - c)'. Sivic and Zisserman, ICCV 2003, for
the lists; Jegou et al., PAMI 2011, section IV, for codes of residuals in them.

Choices:

- With n rows when it learns there are ``4 sqrt(n)`` lists, so finding the lists takes about as long as searching some
  of them; but each list needs 39 rows to learn from. So ``train_rows`` bounds their number: with 20,000 there are at
  most 512.
- With product codes, rows are padded with zeros to a multiple of the parts, as in `index.product`.
- When it learns, on which rows, and what ``refine`` does: see `index.coded`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any

from placeprint.core.options import (
    Range,
    checked,
    shown,
)
from placeprint.errors import OptionError
from placeprint.index.coded import ITERATIONS, MIN_ROWS, ROWS_PER_CENTROID, CodedIndex
from placeprint.index.product import padded_length

CODES = re.compile(r"fp16|sq8|pq([1-9]\d*)")


@checked
@dataclass(kw_only=True, eq=False)
class InvertedIndex(CodedIndex):
    """Search by inner product in the lists nearest to the query.

    Args:
        num_lists: the number of lists; 0 for 4 times the square root of the number of rows.
        probes: the number of lists to search per query.
        codes: how rows are stored: ``"fp16"``, ``"sq8"``, or ``"pq64"`` for 64 bytes per row (or another number).
        refine: how many times more candidates are ranked by their float16 rows, which are then stored too; 0 for none.
        train_rows: the number of rows at which lists are learned; or at the first search with at least 1000 rows (9984
            with product codes) and 39 per list.
        seed: the seed of k-means and of the training sample.

    Raises:
        OptionError: ``codes`` is none of these, ``num_lists`` or ``refine`` is below 0, or ``probes`` or
            ``train_rows`` below 1.
    """

    num_lists: Annotated[int, Range(0, 1_000_000)] = 0
    probes: Annotated[int, Range(1, 1_000_000)] = 16
    codes: str = "sq8"
    refine: Annotated[int, Range(0, 10_000)] = 0

    def __post_init__(self) -> None:
        if CODES.fullmatch(self.codes) is None:
            raise OptionError(f"codes must be 'fp16', 'sq8' or 'pq' and a number, got {shown(self.codes)}")

    def _minimum(self) -> int:
        least = ROWS_PER_CENTROID << 8 if self.codes.startswith("pq") else MIN_ROWS
        return max(least, ROWS_PER_CENTROID * self.num_lists)

    def _refined(self) -> int:
        return self.refine

    def _untrained(self, dim: int, count: int, sample: int) -> Any:
        import faiss

        lists = self.num_lists or min(round(4 * math.sqrt(count)), sample // ROWS_PER_CENTROID)
        metric, kinds = faiss.METRIC_INNER_PRODUCT, faiss.ScalarQuantizer
        index: Any
        if self.codes.startswith("pq"):
            parts = min(int(self.codes[2:]), dim)
            width = padded_length(dim, parts)
            index = faiss.IndexIVFPQ(faiss.IndexFlatIP(width), width, lists, parts, 8, metric)
            index.pq.cp.seed, index.pq.cp.niter = self.seed, ITERATIONS
        else:
            kind = kinds.QT_8bit if self.codes == "sq8" else kinds.QT_fp16
            index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(dim), dim, lists, kind, metric)
        index.cp.seed, index.cp.niter = self.seed, ITERATIONS
        index.nprobe = min(self.probes, lists)
        return index
