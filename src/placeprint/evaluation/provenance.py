"""The origin of a result: which placeprint, on what machine, when."""

from __future__ import annotations

import datetime
import platform
import subprocess
from pathlib import Path
from typing import Any

from placeprint.core.threads import num_cores
from placeprint.version import __version__


def made_by(**more: Any) -> dict[str, Any]:
    """Return version, Python, machine and date (UTC), ready for JSON.

    Args:
        **more: additional entries, which override ours.

    Example:
        >>> sorted(made_by(packages={}))
        ['date', 'machine', 'packages', 'placeprint', 'python']
    """
    return {
        "placeprint": __version__,
        "python": platform.python_version(),
        "machine": f"{num_cores()} core{'s' if num_cores() > 1 else ''}, {platform.machine()}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    } | more


def commit() -> str | None:
    """Return the short name of the commit of the source in use, with ``-changed`` if files differ from it.

    None if the package is not in a git working copy, or git is missing.
    """
    source = Path(__file__).parents[1]
    command = ("git", "-C", str(source), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=-changed")
    tracked = ("git", "-C", str(source), "ls-files", "--error-unmatch", str(Path(__file__)))
    try:
        subprocess.run(
            tracked, capture_output=True, check=True
        )  # a copy inside another project's repository is not ours
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
