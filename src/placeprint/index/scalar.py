"""Scalar quantization through FAISS: every value of a row in 8, 6 or 4 bits; no row is skipped.

Value j of a row is clipped to its range and rounded down to a step of it; the score uses the middle of the step:

    step_j = (high_j - low_j) / (2^bits - 1),   code_j = floor((x_j - low_j) / step_j)
    x'_j = low_j + (code_j + 0.5) step_j

Ranges are learned from the rows, one per value. With 8 and 6 bits a range spans the minimum to the maximum. With 4 bits
it spans the 1st to the 99th percentile, and values outside are clipped; over the whole range, some of the 16 codes
would be spent on values that hardly occur. For when it learns, see `index.coded`.

Douze et al., The Faiss Library, arXiv 2024.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from placeprint.core.options import OneOf, checked
from placeprint.index.coded import MIN_ROWS, CodedIndex
from placeprint.types import Floats

CUT = 0.01
"""Share of the values outside either end of the 4-bit range."""


@checked
@dataclass(kw_only=True, eq=False)
class ScalarQuantizedIndex(CodedIndex):
    """Exhaustive inner-product search over rows of few bits per value.

    Args:
        bits: bits per value in memory: 8, 6 or 4.
        train_rows: the number of rows at which ranges are learned; or at the first search with at least 1000 rows.
        seed: the seed of the training sample.

    Raises:
        OptionError: ``bits`` is not 8, 6 or 4, or ``train_rows`` is below 1.
    """

    bits: Annotated[int, OneOf(4, 6, 8)] = 8

    def _minimum(self) -> int:
        return MIN_ROWS

    def _to_learn_from(self, rows: Floats) -> Floats:
        if self.bits != 4:
            return rows
        # FAISS cuts at percentiles too, but with several threads (1.15) its ranges differ from run to run
        ordered, cut = np.sort(rows, axis=0), int(CUT * len(rows))
        return np.clip(rows, ordered[cut], ordered[-1 - cut])

    def _untrained(self, dim: int, count: int, sample: int) -> Any:
        import faiss

        kind = getattr(faiss.ScalarQuantizer, f"QT_{self.bits}bit")
        index = faiss.IndexScalarQuantizer(dim, kind, faiss.METRIC_INNER_PRODUCT)
        return faiss.IndexIDMap(index)
