"""Draw how an atlas grows, from the results of grow.py.

python benchmarks/scale/plot.py benchmarks/results/scale-*.json --output docs/images/scale.svg
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

DRAWN = (
    ("candidates_ms_p50", "candidates of a query, wall (ms)"),
    ("candidates_cpu_ms_p50", "candidates of a query, CPU (ms)"),
    ("peak_memory_bytes", "peak memory of a process (GB)"),
)


def main() -> None:
    """Read the results, and write the picture."""
    parser = argparse.ArgumentParser(description="Draw how an atlas grows.")
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()
    found = sorted((json.loads(path.read_text()) for path in asked.results), key=lambda each: each["photos"])
    photos = [each["photos"] for each in found]
    mpl.rcParams["svg.hashsalt"] = "placeprint"  # the same figures give the same file
    figure, axes = plt.subplots(1, len(DRAWN), figsize=(10, 3))
    for axis, (name, title) in zip(axes, DRAWN, strict=True):
        values = [each[name] / (1e9 if name.endswith("bytes") else 1) for each in found]
        axis.plot(photos, values, "o-", color="#1a5fb4", label="measured")
        axis.plot(photos, [values[0] * n / photos[0] for n in photos], ":", color="#888", label="in proportion")
        axis.set(xscale="log", yscale="log", xlabel="photos", title=title, ylim=(min(values) / 2, max(values) * 3))
        axis.title.set_fontsize(9)
    axes[0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(asked.output, metadata={"Date": None})


if __name__ == "__main__":
    main()
