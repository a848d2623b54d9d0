"""Scalar quantization: every value of a row in 8, 6 or 4 bits, searched by FAISS without leaving a row out.

Value j of a row is brought to its range and rounded down to a step of it; the score takes the middle of the step for
the value:

    step_j = (high_j - low_j) / (2^bits - 1),   code_j = floor((x_j - low_j) / step_j)
    x'_j = low_j + (code_j + 0.5) step_j

Ranges are learned from the rows, one a value. Of 8 and 6 bits a range goes from the least value to the greatest. Of 4
bits it goes from the 1st to the 99th percentile, and what is beyond is cut off: some of 16 codes over the whole range
would be spent on values that hardly occur. When the rows are learned from: see `index.coded`.

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
"""Share of the values beyond either end of the range of 4 bits."""


@checked
@dataclass(kw_only=True, eq=False)
class ScalarQuantizedIndex(CodedIndex):
    """Exhaustive inner-product search over rows of few bits a value.

    Args:
        bits: 8, 6 or 4 a value held in memory.
        train_rows: ranges are learned when there are so many rows, or at the first search if there are 1000.
        seed: of the draw of the rows that are learned from.

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
