"""Check the packages of this environment and of the page for known vulnerabilities.

python scripts/audit.py

Exit status 1 if a package has one. If a database cannot be reached, one line reports it, and the status is that of the
others: a missing network is not a failure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.build_page import LOCK, WEB, NotPossible, npm_at_hand

SECONDS = 180
"""How long a database may take."""
KNOWN = 0.5
"""Share of the packages that a database must know; an offline mirror knows none."""


class Unreachable(Exception):  # noqa: N818  # it is an answer
    """A database cannot be asked."""


def main() -> int:
    """Ask both, print what they say, and return the exit status."""
    found = 0
    for name, ask in (("pip-audit", pip_findings), ("npm audit", npm_findings)):
        try:
            said = ask()
        except Unreachable as reason:
            print(f"{name}: left out, because {reason}")
            continue
        print(f"{name}: {len(said) or 'no'} known vulnerabilities", *said, sep="\n  ")
        found += len(said)
    return 1 if found else 0


def pip_findings() -> list[str]:
    """Return the vulnerabilities of the Python packages of this environment."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--skip-editable"]
    return read_pip_audit(_output(command))


def npm_findings() -> list[str]:
    """Return the vulnerabilities of the packages that the page is built from and with."""
    if not LOCK.is_file():
        raise Unreachable("there is no lock file")
    try:
        with npm_at_hand() as npm:
            path = os.pathsep.join([str(Path(npm[0]).parent), os.environ.get("PATH", "")])
            return read_npm_audit(_output([*npm, "audit", "--json"], cwd=WEB, env={**os.environ, "PATH": path}))
    except NotPossible as error:
        raise Unreachable(str(error)) from error


def read_pip_audit(text: str) -> list[str]:
    """Return the vulnerabilities that the JSON of pip-audit names.

    Raises:
        Unreachable: it is no such JSON, or hardly any package is known.
    """
    packages = _json(text).get("dependencies", [])
    asked = [package for package in packages if "vulns" in package]
    if not packages or len(asked) < KNOWN * len(packages):
        raise Unreachable(f"its database knows {len(asked)} of {len(packages)} packages here")
    return [
        f"{package['name']} {package['version']}: {each['id']}, mended in {', '.join(each['fix_versions']) or 'none'}"
        for package in asked
        for each in package["vulns"]
    ]


def read_npm_audit(text: str) -> list[str]:
    """Return the vulnerabilities that the JSON of npm names.

    Raises:
        Unreachable: it is no such JSON.
    """
    data = _json(text)
    if "vulnerabilities" not in data:
        raise Unreachable("the registry has no database")
    return [f"{name} {each.get('range', '')}: {each['severity']}" for name, each in data["vulnerabilities"].items()]


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Unreachable("it gives no answer") from error
    if not isinstance(found, dict):
        raise Unreachable("it gives no answer")
    return found


def _output(command: Sequence[str], cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=cwd, env=env)
    except subprocess.TimeoutExpired as error:
        raise Unreachable(f"it gives no answer within {SECONDS} seconds") from error
    if "No module named" in done.stderr:
        raise Unreachable("it is not installed; pip install pip-audit")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
