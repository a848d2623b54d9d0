"""Memory and time of mining training tuples in a large set.

    python benchmarks/speed/mining.py [PHOTOS [DIM [QUERIES]]]

A set is made up: 100,000 photos every 2 m along streets, with descriptors of 4096 values in a file. Each street looks
like one of 50 kinds, so that far places look alike, and photos near each other are more alike than that. Two rounds
are mined, the second with what the first remembers, each over 20,000 queries in random order.

Peak memory is the most the process holds during the two rounds (VmHWM of /proc/self/status, reset before) above what it
holds before the miner is made. Mapped pages count. The file is made by another process.

Linux only. Writes benchmarks/results/mining.json.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from placeprint.datasets.photos.placed_photos import PlacedPhotos
from placeprint.evaluation.provenance import made_by
from placeprint.training.data.descriptor_cache import DescriptorCache
from placeprint.training.data.mining import TupleMiner

RESULTS = Path(__file__).parents[1] / "results"
PHOTOS, DIM, QUERIES = 100_000, 4096, 20_000
STREET, STEP, KINDS, CHANGE = 500, 2.0, 50, 0.4
"""Photos of a street, meters between them, kinds of streets, weight of what changes along a street."""
ROUNDS = 2
LIMIT_MB = 1500


def placed(count: int) -> PlacedPhotos:
    """Return the made-up set: parallel streets, 100 m from each other."""
    number = np.arange(count)
    positions = np.column_stack([number % STREET * STEP, number // STREET * 100.0])
    return PlacedPhotos(Path(), tuple(f"{each}.jpg" for each in number), positions, number // STREET)


def write_descriptors(path: Path, count: int, dim: int) -> None:
    """Write the made-up descriptors: kind of the street + what changes along it + noise."""
    generator = np.random.default_rng(0)
    kinds = generator.normal(size=(KINDS, dim)).astype(np.float32)
    cache = DescriptorCache.create(path, count, dim)
    for start in range(0, count, STREET):
        rows = min(STREET, count - start)
        corners = generator.normal(size=(rows // 10 + 2, dim)).astype(np.float32)  # of the street, every 20 m
        along = np.arange(rows) / 10
        part = (along % 1).astype(np.float32)[:, None]
        changing = corners[along.astype(int)] * (1 - part) + corners[along.astype(int) + 1] * part
        values = (
            kinds[start // STREET % KINDS] + CHANGE * changing + generator.normal(size=(rows, dim)).astype(np.float32)
        )
        cache.write(start, values / np.linalg.norm(values, axis=1, keepdims=True))


def memory_mb(field: str) -> float:
    """Return a field of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1000


def measured(path: Path, count: int, num_queries: int) -> dict[str, object]:
    """Mine, and return what it took."""
    photos = placed(count)
    warm: NDArray[np.float32] = np.ones((8, 8), np.float32)
    faiss.pairwise_distances(warm, warm)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = memory_mb("VmRSS")
    began = time.perf_counter()
    miner = TupleMiner(photos)
    made = time.perf_counter() - began
    queries = np.random.default_rng(1).permutation(miner.queries)[:num_queries]
    rounds = []
    cache = DescriptorCache.open(path)
    for number in range(ROUNDS):
        began = time.perf_counter()
        tuples = miner.mine(cache, number, queries)
        seconds = time.perf_counter() - began
        rounds.append(
            {
                "seconds": seconds,
                "queries_per_second": len(queries) / seconds,
                "tuples": len(tuples),
                "easy": tuples.easy,
                "mean_hardest_squared_distance": float(tuples.distances[:, 1].mean()),
            }
        )
    return {
        "start_mb": before,
        "peak_over_start_mb": memory_mb("VmHWM") - before,
        "limit_mb": LIMIT_MB,
        "file_mb": path.stat().st_size / 1e6,
        "seconds_to_make_the_miner": made,
        "queries": len(queries),
        "rounds": rounds,
    }


def main() -> None:
    if sys.argv[1:2] == ["--write"]:
        write_descriptors(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
        return
    if sys.argv[1:2] == ["--mine"]:
        print(json.dumps(measured(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
        return
    given = [int(each) for each in sys.argv[1:]]
    count, dim, num_queries = given + [PHOTOS, DIM, QUERIES][len(given) :]
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "descriptors.npy")
        subprocess.run([sys.executable, __file__, "--write", path, str(count), str(dim)], check=True)
        mine = [sys.executable, __file__, "--mine", path, str(count), str(num_queries)]
        found = json.loads(subprocess.run(mine, check=True, stdout=subprocess.PIPE).stdout)
    print(json.dumps(found, indent=1))
    result = {
        "format": 1,
        "made_by": made_by(faiss=faiss.__version__, numpy=np.__version__),
        "photos": count,
        "dim": dim,
        "dtype": "float16",
        "threads": faiss.omp_get_max_threads(),
    }
    (RESULTS / "mining.json").write_text(json.dumps(result | found, indent=1) + "\n")


if __name__ == "__main__":
    main()
