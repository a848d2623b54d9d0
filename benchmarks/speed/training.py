"""Photos per second in training, against a plain loop.

    python benchmarks/speed/training.py [PHOTOS]

Three ways to train on the same batches of the grocery photos, with the same network (EfficientNet-Lite2 from its last
stage on, GeM and a projection), augmentation, loss and optimizer:

- ``plain``: one thing after the other: read, augment, the whole network, gradient, step; Torch on all cores;
- ``prefetched``: ours: threads read, augment and run the frozen stages while the last batch is learned from;
- ``cached``: ours, with the maps of the frozen stages from disk.

The rounds alternate between the variants. Reported are the median over rounds of each rate, and of its ratio to
``plain`` in the same round. The losses of the first batch must be equal (to float16 with
the cache). ``caching_s`` is the time the cache takes, for the photos and one copy of each. Writes
benchmarks/results/training-speed.json.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from placeprint.core.threads import num_cores
from placeprint.datasets.photos.labeled_photos import read_label_list
from placeprint.evaluation.provenance import made_by
from placeprint.features.resizing import InputRule
from placeprint.training.data.augmentation import Augmentation
from placeprint.training.data.batches import Batch
from placeprint.training.data.loading import Maps, PhotoMaps, Photos, prefetch
from placeprint.training.data.map_cache import cached_maps
from placeprint.training.data.sampling import ClassBatches
from placeprint.training.losses import make_loss
from placeprint.training.model.trained_network import DescriptorModel, build_model
from placeprint.training.recipe import Optimizer
from placeprint.training.run.objectives import Objective
from placeprint.training.run.optimizer import make_optimizer

RESULTS = Path(__file__).parents[1] / "results"
SIZE = (192, 192)
ROUNDS = 3
NO_TUPLES = np.zeros((0, 2), np.int64)


@dataclass(eq=False)
class Learner:
    """A network with its optimizer.

    Args:
        model: in training mode.
        objective: its loss.
        optimizer: of both.
    """

    model: DescriptorModel
    objective: Objective
    optimizer: torch.optim.Optimizer

    def step(self, maps: torch.Tensor, batch: Batch) -> float:
        """Learn from the maps of a batch; return the loss."""
        self.optimizer.zero_grad()
        loss = self.objective(self.model(maps), batch)
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())


def learner(labels: np.ndarray[Any, np.dtype[np.int64]]) -> Learner:
    """Return the same initial state each time."""
    torch.manual_seed(0)
    model = build_model(head="gem", head_options={"dim": 256}, trainable_from=7).train()
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stub
    objective = Objective(make_loss("triplet", int(labels.max()) + 1, 256), labels, None)
    return Learner(model, objective, make_optimizer(Optimizer(), model, objective))


def plain(source: Maps, batches: list[Batch]) -> Iterator[tuple[Batch, torch.Tensor]]:
    """Prepare each batch only when it is needed."""
    for batch in batches:
        yield batch, source.maps(batch.rows, batch.copies)


def ahead(source: Maps, batches: list[Batch]) -> Iterator[tuple[Batch, torch.Tensor]]:
    """Prepare batches as training does."""
    yield from prefetch(lambda batch: source.maps(batch.rows, batch.copies), batches, workers=num_cores(), ahead=4)


def main() -> None:
    """Measure and write the result."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    torch.set_num_threads(num_cores())
    folder = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data")) / "grocery"
    every = read_label_list(folder / "train.txt")
    chosen = every[np.linspace(0, len(every) - 1, count).round().astype(np.int64)]
    photos = Photos(chosen.root, chosen.paths, InputRule(stretch=SIZE), Augmentation(size=SIZE))
    groups = ClassBatches(chosen.labels, 16, 2, leave_out_lonely=True).epoch(0)
    batches = [Batch(rows, np.ones(len(rows), np.int64), NO_TUPLES) for rows in groups]
    seen = sum(map(len, batches))
    first = learner(chosen.labels)
    with tempfile.TemporaryDirectory() as place:
        began = time.perf_counter()
        cached = cached_maps(Path(place), photos, first.model, 1, workers=num_cores())
        caching = time.perf_counter() - began
        ways: dict[str, Callable[[Learner], Iterator[tuple[Batch, torch.Tensor]]]] = {
            "plain": lambda one: plain(PhotoMaps(photos, one.model), batches),
            "prefetched": lambda one: ahead(PhotoMaps(photos, one.model), batches),
            "cached": lambda _: ahead(cached, batches),
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        losses: dict[str, float] = {}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                one = learner(chosen.labels)
                began = time.perf_counter()
                found = [one.step(maps, batch) for batch, maps in way(one)]
                rates[name].append(seen / (time.perf_counter() - began))
                losses[name] = found[0]
    for name, loss in losses.items():
        if abs(loss - losses["plain"]) > 2e-3:
            raise SystemExit(f"{name} begins with another loss, {loss} instead of {losses['plain']}")
    result = {
        "made_by": made_by(torch=torch.__version__),
        "photos": seen,
        "batch": len(batches[0]),
        "size": SIZE,
        "rounds": ROUNDS,
        "caching_s": round(caching, 1),
        "photos_per_second": {name: round(median(values), 1) for name, values in rates.items()},
        "times_plain": {
            name: round(median(own / other for own, other in zip(values, rates["plain"], strict=True)), 2)
            for name, values in rates.items()
        },
    }
    print(json.dumps(result, indent=1))
    (RESULTS / "training-speed.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
