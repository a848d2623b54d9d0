"""What the NetVLAD layer refuses: rows and maps that are not finite, or too large."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from placeprint.arrays import rows_of
from placeprint.errors import ShapeError


def numpy_rows(values: torch.Tensor | NDArray[np.floating], name: str) -> NDArray[np.float64]:
    """Return rows ``(n, D)`` of Torch or NumPy as float64 on the CPU; raises as `arrays.rows_of`."""
    given = values.detach().double().cpu().numpy() if isinstance(values, torch.Tensor) else values
    rows_of(given, name)
    return np.asarray(given, np.float64)


def require_finite(made: torch.Tensor, x: torch.Tensor) -> None:
    """Raise ShapeError where what was made of a map shows that the map is not finite or too large.

    Not on other devices, which would have to wait for each other, and not while the layer is traced.
    """
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]  # Torch's
    if made.device.type != "cpu" or traced:
        return
    if not bool(torch.isfinite(made).all()):
        raise ShapeError(
            "x must be finite, and the sum of squares of each descriptor too; got "
            f"{int((~torch.isfinite(x)).sum())} values that are not, the largest other is "
            f"{float(torch.where(torch.isfinite(x), x, 0).abs().max()):.3g}"
        )
