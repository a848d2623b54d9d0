"""CGD: several global descriptors projected and combined (Jun et al., arXiv 1903.10663).

With u_i the result of pooling i and P_i a projection::

    f_i = P_i^T (u_i - m_i),   f = [f_1 / |f_1|, ..., f_n / |f_n|],   descriptor = f / |f|
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from placeprint.errors import OptionError
from placeprint.kernels.vectors import Array, namespace, unit

LETTERS = "SMG"
"""Letters of the poolings: SPoC, MAC and GeM."""


def cgd(pooled: Sequence[Array], projections: Sequence[Array], means: Sequence[Array] | None = None) -> Array:
    """Return the unit descriptors ``(..., n x k)``.

    Args:
        pooled: the result of each pooling, ``(..., C)``; zeros stay zeros.
        projections: the projection of each pooling, ``(C, k)``.
        means: the mean of each pooling, ``(C,)``; None for zeros, as in linear layers without bias.
    """
    xp = namespace(pooled[0])
    blocks: list[Array] = []
    for number, vectors in enumerate(pooled):
        projected: Any = (vectors if means is None else vectors - means[number]) @ projections[number]
        block: Array = unit(projected)
        blocks.append(block if means is None else block * xp.any(vectors != 0, axis=-1, keepdims=True))
    joined: Array = xp.concat(blocks, axis=-1)
    return unit(joined)


def check_config(config: str, dim: int, name: str) -> None:
    """Check the letters of the poolings and the length of the descriptor.

    Args:
        config: the letters of the poolings.
        dim: length of the descriptor.
        name: the name of the length, in the message.

    Raises:
        OptionError: a letter is unknown or repeated, or `dim` is not a multiple of their number.
    """
    if not config or set(config) - set(LETTERS) or len(set(config)) < len(config):
        raise OptionError(f"a configuration of CGD has some of the letters S, M and G, each once, got {config!r}")
    if dim < 1 or dim % len(config):
        raise OptionError(f"{name} must be a multiple of {len(config)}, the branches of {config!r}, got {dim}")
