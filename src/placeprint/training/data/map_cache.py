"""Cache the maps of the frozen stages on disk, so that training starts after them.

A file ``<key>.npy`` has ``(1 + copies, photos, C, H, W)`` float16, copy 0 of all photos first, and is mapped into
memory. Its key is a hash of everything it depends on: the photos (path, bytes, modification time), the frozen stages
and their weights, the size, the augmentation, the seed, and the number of copies. So runs that share these share the
file, and any change makes another. It grows as ``<key>.part`` and is renamed when complete. An interrupted run
continues where it was; of two runs that need the same file, one waits for the other.
"""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from placeprint.core.files import writing
from placeprint.training.data.loading import PhotoMaps, Photos, prefetch
from placeprint.training.model.trained_network import DescriptorModel
from placeprint.types import Ids, Progress

BATCH = 16
"""Most photos through the frozen stages at once."""
LARGEST = np.float32(65504)
"""Largest magnitude of float16."""
HEADER = 192
"""Bytes of the file's header."""


@dataclass(frozen=True, eq=False)
class CachedMaps:
    """Maps on disk.

    Args:
        path: the path of the file.
        array: ``(1 + copies, photos, C, H, W)`` float16, mapped.
    """

    path: Path
    array: NDArray[np.float16]

    def maps(self, rows: Ids, copies: Ids) -> torch.Tensor:
        """Return ``(B, C, H, W)`` float32, see `loading.Maps`."""
        return torch.from_numpy(self.array[copies, rows].astype(np.float32))


def cached_maps(
    folder: Path,
    photos: Photos,
    model: DescriptorModel,
    copies: int,
    *,
    workers: int,
    progress: Progress | None = None,
) -> CachedMaps:
    """Return the maps of photos and of their augmented copies; make them if needed.

    Args:
        folder: the folder of the file.
        photos: what is read.
        model: the model whose frozen stages make the maps.
        copies: the number of augmented copies per photo.
        workers: the number of threads.
        progress: called with the number of pictures done and the total, while maps are made.

    Raises:
        PhotoError: a photo cannot be read.
        WriteError: the disk is full or the folder cannot be written.
    """
    from filelock import FileLock

    path = folder / f"{cache_key(photos, model, copies)}.npy"
    if not path.is_file():
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                if not path.is_file():  # another run may have made it by now
                    _make(path, PhotoMaps(photos, model), copies, workers, progress)
    return CachedMaps(path, np.load(path, mmap_mode="r"))


def cache_key(photos: Photos, model: DescriptorModel, copies: int) -> str:
    """Return 32 hexadecimal digits for everything that the maps depend on."""
    seen = hashlib.sha256()

    def add(*values: Any) -> None:
        seen.update(repr(values).encode())

    for name in photos.paths:
        state = (photos.root / name).stat()
        add(name, state.st_size, state.st_mtime_ns)
    backbone = model.backbone
    frozen = backbone.stages[: model.trainable_from]
    add(str(frozen), backbone.stride, photos.rule, copies)
    for name, tensor in frozen.state_dict().items():
        seen.update(name.encode())
        seen.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    if copies:
        add(repr(photos.augment), photos.seed)
    if photos.clutter is not None:
        add(repr(photos.clutter), photos.cluttered_from, photos.seed)
    return seen.hexdigest()[:32]


def _make(path: Path, source: PhotoMaps, copies: int, workers: int, progress: Progress | None) -> None:
    """Append maps to a temporary file, photo by photo, and rename it when complete."""
    count = len(source.photos)
    shape = source.maps(np.zeros(1, np.int64), np.zeros(1, np.int64)).shape[1:]
    total, each = (1 + copies) * count, 2 * math.prod(shape)
    part = path.with_suffix(".part")

    def load(start: int) -> NDArray[np.float16]:
        numbers = np.arange(start, min(start + BATCH, total))
        values = source.maps(numbers % count, numbers // count).float().cpu().numpy()
        return np.asarray(np.clip(values, -LARGEST, LARGEST), np.float16)

    with part.open("ab") as file:
        if file.tell() < HEADER:
            file.truncate(0)
            file.write(_header((1 + copies, count, *shape)))
        done = (file.tell() - HEADER) // each
        file.truncate(HEADER + done * each)
        for start, values in prefetch(load, range(done, total, BATCH), workers=workers, ahead=2 * workers):
            file.write(values.tobytes())
            if progress is not None:
                progress(start + len(values), total)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _header(shape: tuple[int, ...]) -> bytes:
    """Return the header of an ``.npy`` file, with the same length for any shape."""
    text = repr({"descr": "<f2", "fortran_order": False, "shape": shape})
    body = text.ljust(HEADER - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body.encode("latin1")
