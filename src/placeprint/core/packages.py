"""Whether packages of an extra are installed, and one message where they are not."""

from __future__ import annotations

import importlib.util

from placeprint.errors import PackageError

NETWORKS = "pip install 'placeprint[networks]'"
NETWORK_PACKAGES = ("torch", "kornia", "safetensors")
"""What the networks import; their weights have errors of their own."""


def require_networks(what: str) -> None:
    """Check that the networks can run.

    Args:
        what: what needs them, for the message.

    Raises:
        PackageError: Torch, or another package that they import, is not installed.
    """
    missing = [name for name in NETWORK_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise PackageError(no_networks(what))


def no_networks(what: str) -> str:
    """Return the message that what is asked for needs networks."""
    return (
        f"{what} needs Torch, which is not installed; run: {NETWORKS}, or use the preset sift-vlad or the features "
        "sift, which need no network"
    )
