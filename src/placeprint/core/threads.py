"""Count the cores, and decide who uses them.

NumPy's matrix products, OpenCV and Torch each have their own threads. When placeprint works on several photos or pairs
at once, those threads compete, so each library is limited to one core meanwhile.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

OPENMP = "openmp"
Job = TypeVar("Job")
Result = TypeVar("Result")
P = ParamSpec("P")
R = TypeVar("R")


def num_cores() -> int:
    """Count the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Limit:
    """A process-wide limit: the first user sets it, the last one restores the old value.

    If each thread saved and restored the value itself, one would restore it while others still work, and one that
    started in between would save the limit and keep it forever.

    Args:
        limit: a function that sets the limit and returns a function that restores the old value.
    """

    def __init__(self, limit: Callable[[], Callable[[], object]]) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._users = 0
        self._take_back: Callable[[], object] | None = None

    def forget(self) -> None:
        """Reset in a forked child, where no other thread exists and the lock may be locked forever."""
        self._lock = threading.Lock()
        self._users = 0
        self._take_back = None

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
    """Limit the libraries whose thread count belongs to the process.

    threadpoolctl lets only the thread that set a limit restore it, unless that thread is marked as done.
    """
    import threadpoolctl

    done = getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", lambda **_: None)
    limit = _shared_products().limit(limits=1)

    def take_back() -> None:
        done(force=True)
        limit.restore_original_limits()
        done()

    return take_back


_forked_with_opencv = False
"""Whether this process is a forked child whose parent had OpenCV threads; setting a new count then hangs or crashes."""


def _limit_opencv() -> Callable[[], object]:
    import cv2

    if _forked_with_opencv:
        return bool
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    return functools.partial(cv2.setNumThreads, before)


def _limit_torch() -> Callable[[], object]:
    """Remember Torch's thread count: new threads get the count that any thread set last."""
    torch = _torch()
    before = torch.get_num_threads() if torch is not None else None

    def take_back() -> None:
        now = _torch()
        if now is not None:
            now.set_num_threads(before or num_cores())

    return take_back


_one_core_for_shared, _one_core_for_opencv, _torch_kept = map(_Limit, (_limit_products, _limit_opencv, _limit_torch))


@contextlib.contextmanager
def one_core_for_products() -> Iterator[None]:
    """Keep NumPy's matrix products on the calling thread; those of one photo are too small to share.

    A library on OpenMP has a count per thread, which is set and restored in the calling one.
    """
    with _one_core_for_shared(), _own_products().limit(limits=1):
        yield


@contextlib.contextmanager
def one_core_each() -> Iterator[None]:
    """Keep all libraries from using several cores for one photo; restore them afterwards.

    Torch's thread count belongs to each thread; `limit_torch` sets it in a worker.
    """
    with _torch_kept(), _one_core_for_opencv(), one_core_for_products():
        yield


def limit_torch() -> None:
    """Let Torch use one core in the calling thread, if Torch is loaded."""
    torch = _torch()
    if torch is not None:
        torch.set_num_threads(1)


def _torch() -> Any:
    """Return Torch if it is loaded. While another thread loads it, the module exists without its names."""
    torch = sys.modules.get("torch")
    return torch if hasattr(torch, "set_num_threads") and hasattr(torch, "get_num_threads") else None


POOL = "placeprint-pairs"
"""The start of the names of the pool's threads."""


def map_cores(work: Callable[[Job], Result], jobs: Iterable[Job]) -> list[Result]:
    """Return ``work(job)`` for each short job, in order, using all cores.

    A job may call this again: its own jobs then run one after another in its thread, since the cores are taken.
    """
    chosen = list(jobs)
    if len(chosen) < 2 or threading.current_thread().name.startswith(POOL):
        return [work(job) for job in chosen]
    return list(_pool().map(work, chosen))


def loaded_once(load: Callable[P, R]) -> Callable[P, R]:
    """Let a function run once for each combination of arguments, also when several threads call it at the same time.

    Args:
        load: a function that loads something that threads share, such as a network.

    Example:
        >>> @loaded_once
        ... def network(name: str) -> list[str]:
        ...     return [name]
        >>> network("xfeat") is network("xfeat")
        True
    """
    lock, kept = threading.Lock(), functools.cache(load)

    @functools.wraps(load)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with lock:
            return kept(*args, **kwargs)  # type: ignore[arg-type]  # the arguments of `load`, which are hashable

    call.cache_clear = kept.cache_clear  # type: ignore[attr-defined]
    return call


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(num_cores(), POOL)


@functools.cache
def _shared_products() -> Any:
    layers = {each.info()["threading_layer"] for each in _products().lib_controllers} - {OPENMP}
    return _products().select(threading_layer=sorted(layers))


@functools.cache
def _own_products() -> Any:
    return _products().select(threading_layer=OPENMP)


@functools.cache
def _products() -> Any:
    import faiss  # noqa: F401  # brings a library of matrix products of its own, which must be seen too
    import threadpoolctl

    return threadpoolctl.ThreadpoolController().select(user_api="blas")


def _after_fork() -> None:
    """Make a forked child work: threads do not survive a fork, and OpenMP waits for its threads forever.

    Only the pool of this module is made again. FAISS and Torch are limited to one thread; OpenCV is not changed.
    """
    global _forked_with_opencv  # noqa: PLW0603  # a fact about the process
    _forked_with_opencv = "cv2" in sys.modules
    _pool.cache_clear()
    for limit in (_one_core_for_shared, _one_core_for_opencv, _torch_kept):
        limit.forget()
    if (faiss := sys.modules.get("faiss")) is not None:
        faiss.omp_set_num_threads(1)
    limit_torch()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
