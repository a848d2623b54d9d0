"""Our SIFT descriptor against OpenCV's: speed on one core and similarity, in benchmarks/results/descriptor.json.

    python benchmarks/speed/descriptor.py

Each describes the keypoints OpenCV finds in a picture of 800 px, the whole call measured, scale space included, in turn
in one run. The pictures are 1 and 4 of each folder of oxford_affine (`PLACEPRINT_DATA`), else the sample photos.
"""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from placeprint.core.numerics import normalize
from placeprint.core.threads import one_core_each
from placeprint.datasets.photos.sample_photos import PLACES, sample_photos
from placeprint.evaluation.provenance import made_by
from placeprint.features.descriptor import describe
from placeprint.features.resizing import resize_longest
from placeprint.photos import read_image
from placeprint.types import Image

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
ROUNDS = 7
SIZE = 800
KEYPOINTS = 1500


def pictures() -> tuple[str, dict[str, Path]]:
    """Return what the pictures are called together, and their paths by name."""
    folder = DATA / "oxford_affine"
    if folder.is_dir():
        paths = sorted(path for number in (1, 4) for path in folder.glob(f"*/img{number}.jpg"))
        return "oxford_affine", {f"{path.parent.name} {path.stem}": path for path in paths}
    return "sample photos", dict(sample_photos(PLACES))


def compare(image: Image) -> dict[str, float]:
    """Return the count of keypoints, descriptors/s of both, and the cosine of both kinds of descriptors."""
    import cv2

    gray = cv2.cvtColor(resize_longest(image, SIZE), cv2.COLOR_RGB2GRAY)
    # without precise upscaling OpenCV's keypoints are a quarter of a pixel beside what they show
    sift = cv2.SIFT.create(nfeatures=KEYPOINTS, enable_precise_upscale=True)
    points = sift.detect(gray, None)
    keypoints = np.array([(*point.pt, point.size, point.angle) for point in points], np.float32)
    seconds: dict[str, list[float]] = {"own": [], "opencv": []}
    for _ in range(ROUNDS):
        began = time.perf_counter()
        own = describe(np.asarray(gray, np.uint8), keypoints)
        between = time.perf_counter()
        _, raw = sift.compute(gray, points)
        seconds["own"].append(between - began)
        seconds["opencv"].append(time.perf_counter() - between)
    cosines = np.sum(own * normalize(np.asarray(raw, np.float32)), axis=1)
    return {
        "keypoints": len(points),
        "own_per_s": len(points) / median(seconds["own"]),
        "opencv_per_s": len(points) / median(seconds["opencv"]),
        "cosine": float(cosines.mean()),
        "cosine_5th_percentile": float(np.percentile(cosines, 5)),
    }


def measure() -> dict[str, Any]:
    """Compare on all pictures, on one core."""
    name, paths = pictures()
    with one_core_each():
        rows = {key: compare(read_image(path)) for key, path in paths.items()}
    return {
        "format": 1,
        "made_by": made_by(machine=f"1 core, {platform.machine()}"),
        "pictures": name,
        "own_per_s": median(row["own_per_s"] for row in rows.values()),
        "opencv_per_s": median(row["opencv_per_s"] for row in rows.values()),
        "ratio": median(row["own_per_s"] / row["opencv_per_s"] for row in rows.values()),
        "cosine": float(
            np.average([r["cosine"] for r in rows.values()], weights=[r["keypoints"] for r in rows.values()])
        ),
        "by_picture": rows,
    }


def main() -> None:
    result = measure()
    for name, row in result["by_picture"].items():
        print(
            f"{name}: {row['keypoints']} keypoints, own {row['own_per_s']:.0f}/s, OpenCV {row['opencv_per_s']:.0f}/s, "
            f"cosine {row['cosine']:.4f}"
        )
    print(
        f"median: own {result['own_per_s']:.0f}/s, OpenCV {result['opencv_per_s']:.0f}/s, "
        f"ratio {result['ratio']:.1f}; mean cosine {result['cosine']:.4f}"
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "descriptor.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
