"""Whether packages of an extra are installed, and one message where they are not."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator

from placeprint.errors import PackageError

NETWORKS = "pip install 'placeprint[networks]'"
NETWORK_PACKAGES = ("torch", "kornia", "safetensors")
"""What the networks import; their weights have errors of their own."""


@contextlib.contextmanager
def required(what: str, extra: str) -> Iterator[None]:
    """Import packages of an extra inside.

    Args:
        what: what needs which package, for the message, such as ``"a GPX track needs gpxpy"``.
        extra: the extra of placeprint that installs it.

    Raises:
        PackageError: a package cannot be imported.
    """
    try:
        yield
    except ImportError as error:
        raise PackageError(f"{what}, which is not installed; run: pip install 'placeprint[{extra}]'") from error


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
    """Return the message that what is requested needs networks."""
    return (
        f"{what} needs Torch, which is not installed; run: {NETWORKS}, or use the preset sift-vlad or the features "
        "sift, which need no network"
    )
