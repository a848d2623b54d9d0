"""Load photos for the network: threads prepare them ahead while it trains.

A photo has copies: copy 0 is the photo resized for the network; copy c > 0 of photo i is augmented with random numbers
that depend only on the seed, i and c. So a run can stop anywhere and continue with the same pictures, whichever thread
makes them.

Decoding, augmentation and the frozen stages happen in the threads. Decoders and Torch release Python's lock, so threads
are as good as processes here, and nothing is copied between them. Each uses one core: on a CPU, two threads with one
batch each are faster than one batch on two cores, because layers are too small to share.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from placeprint.core.threads import limit_torch
from placeprint.errors import PhotoError
from placeprint.features.resizing import InputRule
from placeprint.photos import read_image
from placeprint.training.data.augmentation import Augmentation, generator_of
from placeprint.training.data.clutter import Clutter
from placeprint.training.model.trained_network import DescriptorModel
from placeprint.types import Ids, Image, Progress

Job = TypeVar("Job")
Result = TypeVar("Result")


class Maps(Protocol):
    """The input of training: the maps of the frozen stages, photo by photo."""

    def maps(self, rows: Ids, copies: Ids) -> torch.Tensor:
        """Return the maps ``(B, C, H, W)`` of photos ``rows`` in the copies ``copies``; both are ``(B,)``."""
        ...


@dataclass(frozen=True, eq=False)
class Photos:
    """Resized photos in copies.

    Args:
        root: the folder of the photos.
        paths: the paths below it.
        rule: the rule that resizes a photo; all pictures have one size.
        augment: a function that augments a photo to a picture of the same size; None if there is only copy 0.
        seed: the seed of the augmentation.
        clutter: pastes photos among others of the same set; None for none.
        cluttered_from: the lowest number of a copy that is pasted among others.
    """

    root: Path
    paths: Sequence[str]
    rule: InputRule
    augment: Augmentation | None = None
    seed: int = 0
    clutter: Clutter | None = None
    cluttered_from: int = 1

    def __len__(self) -> int:
        return len(self.paths)

    def picture(self, row: int, copy: int) -> Image:
        """Return a copy of a photo, ``(height, width, 3)`` uint8 RGB.

        Raises:
            PhotoError: the photo cannot be read; the message names it.
        """
        image = self._read(row)
        generator = generator_of(self.seed, copy, row)
        seen = self.rule.picture(image) if not copy or self.augment is None else self.augment.apply(image, generator)
        if self.clutter is None or copy < self.cluttered_from or len(self) < 2:
            return seen
        others = (row + generator.integers(1, len(self), self.clutter.others)) % len(self)
        return self.clutter.apply(seen, [self._read(int(other)) for other in others], generator)

    def _read(self, row: int) -> Image:
        try:
            return read_image(self.root / self.paths[row])
        except PhotoError as error:
            raise PhotoError(f"{self.paths[row]}: {error}") from error

    def pictures(self, rows: Ids, copies: Ids) -> NDArray[np.uint8]:
        """Return ``(B, height, width, 3)``; see `Maps.maps`."""
        found = [self.picture(int(row), int(copy)) for row, copy in zip(rows, copies, strict=True)]
        return np.stack(found) if found else np.zeros((0, *self.rule.stretch[::-1], 3), np.uint8)


@dataclass(frozen=True, eq=False)
class PhotoMaps:
    """Maps computed from the photos on every access.

    Args:
        photos: the photos to read.
        model: the model whose frozen stages make the maps, on its device.
    """

    photos: Photos
    model: DescriptorModel

    def maps(self, rows: Ids, copies: Ids) -> torch.Tensor:
        """See `Maps.maps`.

        Raises:
            PhotoError: a photo cannot be read.
        """
        pictures = torch.from_numpy(self.photos.pictures(rows, copies)).to(next(self.model.parameters()).device)
        tensor = pictures.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
        return self.model.frozen_maps(tensor)


def prefetch(
    load: Callable[[Job], Result], jobs: Iterable[Job], *, workers: int, ahead: int
) -> Iterator[tuple[Job, Result]]:
    """Yield each job with its result, in order, while threads work on the next ones.

    Args:
        load: a function that does a job.
        jobs: the jobs, taken one by one.
        workers: the number of threads; 0 to do each job when it is its turn.
        ahead: the most waiting results.
    """
    if workers == 0:
        for job in jobs:
            yield job, load(job)
        return
    waiting: deque[tuple[Job, Future[Result]]] = deque()
    pool = ThreadPoolExecutor(workers, "placeprint-photos", initializer=limit_torch)
    try:
        for job in jobs:
            waiting.append((job, pool.submit(load, job)))
            if len(waiting) > ahead:
                first, result = waiting.popleft()
                yield first, result.result()
        while waiting:
            first, result = waiting.popleft()
            yield first, result.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def describe(
    model: DescriptorModel, source: Maps, rows: Ids, *, workers: int, batch: int = 32, progress: Progress | None = None
) -> NDArray[np.float32]:
    """Return the ``(n, dim)`` descriptors of photos without augmentation, without gradients, in eval mode.

    Args:
        model: the model; its mode is restored.
        source: the maps of the photos.
        rows: ``(n,)`` indices of the photos.
        workers: the number of threads that prepare photos.
        batch: the number of photos at once.
        progress: called with the number of photos done and the total.
    """
    training, place = model.training, next(model.parameters()).device
    model.eval()
    parts = [rows[start : start + batch] for start in range(0, len(rows), batch)]
    found, done = [], 0
    try:
        for part, maps in prefetch(
            lambda part: source.maps(part, np.zeros(len(part), np.int64)), parts, workers=workers, ahead=2 * workers
        ):
            with torch.inference_mode():
                found.append(model.describe(maps.to(place)).float().cpu().numpy())
            done += len(part)
            if progress is not None:
                progress(done, len(rows))
    finally:
        model.train(training)
    return np.concatenate(found) if found else np.zeros((0, model.head.dim), np.float32)
