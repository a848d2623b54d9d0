"""Input checks of the NetVLAD layer: rows and maps must be finite and not too large."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from placeprint.arrays import rows_of
from placeprint.errors import ShapeError


def numpy_rows(values: torch.Tensor | NDArray[np.floating], name: str) -> NDArray[np.float64]:
    """Return Torch or NumPy rows ``(n, D)`` as float64 on the CPU; raise as `arrays.rows_of` does."""
    given = values.detach().double().cpu().numpy() if isinstance(values, torch.Tensor) else values
    rows_of(given, name)
    return np.asarray(given, np.float64)


def require_finite(made: torch.Tensor, x: torch.Tensor) -> None:
    """Raise ShapeError if the result shows that the map is not finite or too large.

    This is skipped on other devices, where it would force a wait, and while the layer is traced.
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
