"""Product quantization through FAISS: a row is stored as the numbers of the nearest centers of its parts.

A row is cut into M parts, and each part has its own 2^b centers, learned by k-means. A part is stored as the number of
its nearest center, b bits. The score is a sum of M table entries, computed once per query:

    x = (x_1, ..., x_M),   code_m = argmin_k |x_m - c_mk|^2,   score = sum_m q_m . c_m,code_m

So a photo takes M b / 8 bytes, whatever the length of its row. Jegou et al., Product Quantization for Nearest Neighbor
Search, PAMI 2011, the asymmetric distance of section III-B, for inner products.

Choices:

- Rows are padded with zeros to a multiple of M, spread evenly over the parts. They do not change the score. A random
  rotation would also mix strong and weak values, but takes a gigabyte for rows of 16,000 values, and the parts of a
  VLAD descriptor are its visual words already.
- There is no learned rotation (OPQ), because it takes long to learn.
- k-means starts from a seed. When it runs, on which rows, and what ``refine`` does: see `index.coded`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from placeprint.core.options import OneOf, Range, checked
from placeprint.index.coded import ITERATIONS, ROWS_PER_CENTROID, CodedIndex


@checked
@dataclass(kw_only=True, eq=False)
class ProductQuantizedIndex(CodedIndex):
    """Exhaustive inner-product search over codes of a few bytes per row.

    Args:
        code_bytes: bytes per row; fewer if the row has fewer values than parts.
        bits: bits per part, 8 or 4: ``code_bytes`` parts or twice as many.
        refine: how many times more candidates are ranked by their float16 rows, which are then stored too; 0 for none.
        train_rows: the number of rows at which centers are learned; or at the first search with at least 9984 rows (624
            with 4 bits).
        seed: the seed of k-means and of the training sample.

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
    """Return the smallest multiple of ``parts`` that is at least ``dim``.

    Example:
        >>> padded_length(120, 64)
        128
    """
    return -(-dim // parts) * parts
