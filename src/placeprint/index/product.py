"""Product quantization: a row as the numbers of the nearest centers of its parts, searched by FAISS.

A row is cut into M parts, and each part has 2^b centers of its own, learned by k-means. A part is stored as the number
of its nearest center, b bits, and the score is a sum of M looked-up products, worked out once a query:

    x = (x_1, ..., x_M),   code_m = argmin_k |x_m - c_mk|^2,   score = sum_m q_m . c_m,code_m

So a photo takes M b / 8 bytes, whatever its row's length. Jegou et al., Product Quantization for Nearest Neighbor
Search, PAMI 2011, the asymmetric distance of section III-B, for inner products.

Choices:

- Lengths that M does not divide are filled up with zeros, spread evenly over the parts. They cost nothing of the score,
  and no part gets more of them than another. A random rotation would also mix strong and weak values, but of rows of
  16,000 values it takes a gigabyte, and the parts of a VLAD descriptor are its visual words already.
- There is no learned rotation (OPQ): it takes long to learn.
- k-means begins from a seed. When it runs, on which rows, and what ``refine`` does: see `index.coded`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from placeprint.core.options import OneOf, Range, checked
from placeprint.index.coded import ITERATIONS, ROWS_PER_CENTROID, CodedIndex


@checked
@dataclass(kw_only=True, eq=False)
class ProductQuantizedIndex(CodedIndex):
    """Exhaustive inner-product search over codes of a few bytes a row.

    Args:
        code_bytes: bytes a row takes; fewer when the row has fewer values than parts.
        bits: 8 or 4 a part: ``code_bytes`` parts or twice as many.
        refine: 0, or how many times as many candidates are ranked by their float16 rows, which are then kept too.
        train_rows: centers are learned when there are so many rows, or at the first search if there are 9984 (of 4
            bits, 624).
        seed: of k-means and of the draw of the rows that are learned from.

    Raises:
        OptionError: ``bits`` is not 8 or 4, ``code_bytes`` or ``train_rows`` is below 1, or ``refine`` below 0.
    """

    code_bytes: Annotated[int, Range(1, 4096)] = 64
    bits: Annotated[int, OneOf(4, 8)] = 8
    refine: Annotated[int, Range(0, 10_000)] = 0

    def _minimum(self) -> int:
        return ROWS_PER_CENTROID << self.bits

    def _refined(self) -> int:
        return self.refine

    def _untrained(self, dim: int, count: int, sample: int) -> Any:
        import faiss

        parts = min(self.code_bytes * 8 // self.bits, dim)
        index = faiss.IndexPQ(padded_length(dim, parts), parts, self.bits, faiss.METRIC_INNER_PRODUCT)
        index.pq.cp.seed, index.pq.cp.niter = self.seed, ITERATIONS
        return faiss.IndexIDMap(index)


def padded_length(dim: int, parts: int) -> int:
    """Return the least multiple of ``parts`` that is not below ``dim``.

    Example:
        >>> padded_length(120, 64)
        128
    """
    return -(-dim // parts) * parts
