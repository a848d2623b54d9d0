"""What a result says of its origin: which placeprint, on what machine, when."""

from __future__ import annotations

import datetime
import platform
from typing import Any

from placeprint.threads import num_cores
from placeprint.version import __version__


def made_by(**more: Any) -> dict[str, Any]:
    """Return version, Python, machine and date (UTC), ready for JSON.

    Args:
        **more: further entries; one of the same name takes the place of ours.

    Example:
        >>> sorted(made_by(packages={}))
        ['date', 'machine', 'packages', 'placeprint', 'python']
    """
    return {
        "placeprint": __version__,
        "python": platform.python_version(),
        "machine": f"{num_cores()} cores, {platform.machine()}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    } | more
