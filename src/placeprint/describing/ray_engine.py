"""Describe photos on the machines of a Ray cluster (Moritz et al., Ray, OSDI 2018), with Ray Data.

Each worker process keeps one describer and works on one core. Free workers get the next blocks of photos, and the
results come back in the order of the photos, so an atlas gets the same rows as from the threads of one machine. Ray
restarts a worker that died and repeats its block. Only the process that opened the atlas writes to it.

Every machine must see the photos under the same paths.
"""

from __future__ import annotations

import contextlib
import math
import pickle
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.one_line import one_line
from placeprint.core.options import Range, checked
from placeprint.core.packages import required
from placeprint.core.threads import limit_torch, num_cores, one_core_each
from placeprint.describing.bulk import DescribedPhoto, describe_file
from placeprint.describing.describer import Describer
from placeprint.errors import PlaceprintError, ServiceError
from placeprint.photos.masks import MaskFolder
from placeprint.store import PhotoRecord

BLOCK = 16
"""Photos that a worker gets at once: seconds of work, so that little is repeated when one dies."""
SILENCE = 5.0
"""Seconds in which a cluster must accept a connection."""

Batch = dict[str, NDArray[Any]]


@checked
@dataclass(frozen=True)
class RayEngine:
    """Describe photos with Ray.

    Args:
        address: of the cluster, such as ``"auto"`` or ``"ray://head:10001"``; None starts Ray on this machine and stops
            it afterwards.
        workers: worker processes; by default one per core of this machine.

    Raises:
        OptionError: the number of workers is out of range.
    """

    address: str | None = None
    workers: Annotated[int, Range(1, 4096)] | None = None

    def describe(
        self,
        paths: Sequence[Path],
        describer: Describer,
        known: Mapping[str, PhotoRecord],
        masks: MaskFolder | None = None,
    ) -> Iterator[DescribedPhoto]:
        """Describe files in order, as `bulk.Engine.describe` says.

        Raises:
            PackageError: Ray is not installed.
            ServiceError: there is no cluster at the address, or Ray failed.
            WeightsError: the network's weights are missing on a worker.
        """
        jobs = [{"path": str(path), "known": pickle.dumps(known.get(str(path)))} for path in paths]
        if not jobs:
            return
        with _ray_errors(), _cluster(self.address) as ray:
            described = ray.data.from_items(jobs, override_num_blocks=math.ceil(len(jobs) / BLOCK)).map_batches(
                _Worker,
                fn_constructor_args=(describer, masks),
                batch_size=BLOCK,
                num_cpus=1,
                compute=ray.data.ActorPoolStrategy(size=self.workers or num_cores()),
            )
            for batch in described.iter_batches(batch_size=BLOCK, prefetch_batches=1):
                yield from map(pickle.loads, batch["photo"])


class _Worker:
    """What one worker process keeps."""

    def __init__(self, describer: Describer, masks: MaskFolder | None) -> None:
        limit_torch()
        self._threads = contextlib.ExitStack()
        self._threads.enter_context(one_core_each())
        self._describer, self._masks = describer, masks

    def __call__(self, batch: Batch) -> Batch:
        photos = [
            describe_file(Path(path), self._describer, pickle.loads(known), self._masks)
            for path, known in zip(batch["path"], batch["known"], strict=True)
        ]
        rows = np.empty(len(photos), object)
        rows[:] = [pickle.dumps(photo) for photo in photos]
        return {"photo": rows}


@contextlib.contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Give the module `ray`, connected; stop Ray afterwards if it was started or connected here."""
    with required('the engine "ray" needs Ray', "cluster"):
        import ray
        import ray.data
    begun = not ray.is_initialized()
    if begun:
        _check_answers(address)
        ray.init(address or "local", log_to_driver=False, include_dashboard=False, configure_logging=False)
    context = ray.data.DataContext.get_current()
    before = context.execution_options.preserve_order, context.enable_progress_bars
    context.execution_options.preserve_order, context.enable_progress_bars = True, False
    try:
        yield ray
    finally:
        context.execution_options.preserve_order, context.enable_progress_bars = before
        if begun:
            ray.shutdown()


def _check_answers(address: str | None) -> None:
    """Raise a `ServiceError` if nothing listens at an address; Ray itself would wait for minutes."""
    host, _, port = (address or "").rpartition("//")[2].rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), SILENCE).close()
        except (OSError, OverflowError) as error:
            raise ServiceError(
                f"no Ray cluster answers at {address!r}; check the cluster and its address, or use the local engine"
            ) from error


@contextlib.contextmanager
def _ray_errors() -> Iterator[None]:
    """Turn what Ray raises into our errors; our own errors in a worker come back as they were."""
    try:
        yield
    except (PlaceprintError, GeneratorExit):
        raise
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, PlaceprintError):
            cause = getattr(cause, "cause", None) or cause.__cause__
        if cause is not None:
            raise cause from error
        line = one_line(error, 200)
        raise ServiceError(
            f"Ray could not describe the photos ({line}); check the cluster and its address, or use the local engine"
        ) from error
