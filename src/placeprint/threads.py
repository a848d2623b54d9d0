"""How many cores there are, and who uses them.

NumPy's matrix products, OpenCV and Torch each keep threads of their own. When placeprint itself works on several
photos or pairs at once, theirs only get in the way: they are told to use one core each meanwhile.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def num_cores() -> int:
    """Count the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def one_core_for_products() -> Iterator[None]:
    """Keep NumPy's matrix products on the calling thread: those of one photo are too small to be shared out."""
    with _controller().limit(limits=1, user_api="blas"):
        yield


@contextlib.contextmanager
def one_core_each() -> Iterator[None]:
    """Keep all libraries from using several cores for one photo, and give them back afterwards.

    Torch's count of threads belongs to each thread: `limit_torch` sets it in a worker.
    """
    import cv2

    before = cv2.getNumThreads()
    torch = sys.modules.get("torch")
    torch_before = torch.get_num_threads() if torch is not None else 1
    cv2.setNumThreads(1)
    try:
        with one_core_for_products():
            yield
    finally:
        cv2.setNumThreads(before)
        if torch is not None:
            torch.set_num_threads(torch_before)


def limit_torch() -> None:
    """Let Torch use one core in the calling thread, when it is loaded at all."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


def map_cores(work: Callable[[Job], Result], jobs: Iterable[Job]) -> list[Result]:
    """Return ``work(job)`` of each short job, in order, on all cores."""
    return list(_pool().map(work, jobs))


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(num_cores(), "placeprint-pairs")


@functools.cache
def _controller() -> Any:
    import faiss  # noqa: F401  # brings a library of matrix products of its own, which must be seen too
    import threadpoolctl

    return threadpoolctl.ThreadpoolController()
