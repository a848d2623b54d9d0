"""How many cores there are, and who uses them.

NumPy's matrix products, OpenCV and Torch each keep threads of their own. When placeprint itself works on several
photos or pairs at once, theirs only get in the way: they are told to use one core each meanwhile.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def num_cores() -> int:
    """Count the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Limit:
    """A limit on what belongs to the whole process: set by the first who asks for it, taken back by the last.

    If each thread saved and restored the value itself, one would restore it while others still work, and one that began
    in between would save the limit and keep it for good.

    Args:
        limit: sets it, and returns what takes it back.
    """

    def __init__(self, limit: Callable[[], Callable[[], object]]) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._users = 0
        self._take_back: Callable[[], object] | None = None

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._users == 0:
                self._take_back = self._limit()
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0 and self._take_back is not None:
                    self._take_back()


def _limit_products() -> Callable[[], object]:
    limit: Callable[[], object] = _controller().limit(limits=1, user_api="blas").restore_original_limits
    return limit


def _limit_opencv() -> Callable[[], object]:
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    return functools.partial(cv2.setNumThreads, before)


def _limit_torch() -> Callable[[], object]:
    """Remember Torch's count: that of new threads is the one that any thread, as those of `limit_torch`, set last."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else None

    def take_back() -> None:
        now = sys.modules.get("torch")
        if now is not None:
            now.set_num_threads(before or num_cores())

    return take_back


one_core_for_products = _Limit(_limit_products)
"""Keep NumPy's matrix products on the calling thread: those of one photo are too small to be shared out."""
_one_core_for_opencv, _torch_kept = _Limit(_limit_opencv), _Limit(_limit_torch)


@contextlib.contextmanager
def one_core_each() -> Iterator[None]:
    """Keep all libraries from using several cores for one photo, and give them back afterwards.

    Torch's count of threads belongs to each thread: `limit_torch` sets it in a worker.
    """
    with _torch_kept(), _one_core_for_opencv(), one_core_for_products():
        yield


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
