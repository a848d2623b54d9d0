"""Find the candidates for copies among many photos: time and memory, in generated sketches.

    python benchmarks/scale/duplicates.py --photos 100000 --json benchmarks/results/duplicates-at-scale.json

The sketches are generated, not those of photos: random unit rows, and copies of some of them with noise, whose cosines
with their original are from 0.3 to 0.95. Sketches of unrelated photos are as far apart as random ones (the cosine of
`shot_sketch` has a standard deviation of 1 / sqrt(DIM)), so the work is that of photos: every pair is compared. Reading
the photos and comparing the candidates exactly are not part of it; they grow with the photos and with the copies.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np

from placeprint.core.numerics import normalize
from placeprint.evaluation.provenance import made_by
from placeprint.places.duplicates import COSINE, NEAREST
from placeprint.places.shot_sketch import DIM, Sketches, similar_pairs

COPIED = 0.05
"""Share of the photos that are copies of others."""
PART = 4096
"""Rows generated at once."""
KIB = 1024


def generate(photos: int, seed: int) -> tuple[Sketches, set[tuple[int, int]]]:
    """Return sketches, and the pairs of a copy and its original whose cosine is above `COSINE`."""
    generator = np.random.default_rng(seed)
    copies = round(COPIED * photos)
    sketches = np.zeros((photos, DIM), np.float16)
    for start in range(0, photos - copies, PART):
        end = min(start + PART, photos - copies)
        sketches[start:end] = normalize(generator.normal(size=(end - start, DIM)).astype(np.float32))
    originals = generator.choice(photos - copies, copies, replace=False)
    cosines = generator.uniform(0.3, 0.95, copies).astype(np.float32)[:, None]
    noise = normalize(generator.normal(size=(copies, DIM)).astype(np.float32))
    copied = normalize(cosines * sketches[originals].astype(np.float32) + np.sqrt(1 - cosines**2) * noise)
    sketches[photos - copies :] = copied
    near = (copied * sketches[originals].astype(np.float32)).sum(axis=1) >= COSINE
    rows = np.arange(photos - copies, photos)
    return sketches, set(zip(originals[near].tolist(), rows[near].tolist(), strict=True))


def main() -> None:
    """Measure, and print or write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file to write")
    options = parser.parse_args()
    sketches, planted = generate(options.photos, options.seed)
    began, used = time.perf_counter(), time.process_time()
    found = set(similar_pairs(sketches, NEAREST, COSINE))
    result = {
        "format": 1,
        **made_by(),
        "sketches": "generated",
        "photos": options.photos,
        "copies": len(planted),
        "copies_found": len(planted & found),
        "pairs": len(found),
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(time.process_time() - used, 1),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB,
    }
    text = json.dumps(result, indent=1)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
