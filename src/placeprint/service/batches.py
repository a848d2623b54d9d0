"""A bounded queue for the queries of several users, answered in small batches.

One thread takes the waiting queries, up to a batch, and answers them on all cores. So a single query gets the whole
machine, and many share it without competing threads.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from placeprint.core.threads import limit_torch, map_cores, one_core_each
from placeprint.service.problems import RETRY_AFTER, Refused

T = TypeVar("T")
AGAIN = {"Retry-After": str(RETRY_AFTER)}
BUSY = "too many requests are waiting; try again in a moment"


@dataclass(frozen=True, eq=False)
class _Job:
    work: Callable[[], Any]
    result: Future[Any]

    def run(self) -> None:
        if not self.result.set_running_or_notify_cancel():
            return
        try:
            self.result.set_result(self.work())
        except BaseException as error:  # it belongs to the one who asked
            self.result.set_exception(error)


class Batches:
    """Runs work in batches.

    Args:
        batch: jobs that run together.
        waiting: jobs that may wait.
        seconds: how long a job may take, waiting included.
    """

    def __init__(self, batch: int, waiting: int, seconds: float) -> None:
        self._batch, self._seconds = batch, seconds
        self._jobs: queue.Queue[_Job | None] = queue.Queue(waiting)
        self._thread = threading.Thread(target=self._run, name="placeprint batches", daemon=True)
        self._closed = False
        self._thread.start()

    @property
    def num_waiting(self) -> int:
        """The number of jobs that wait."""
        return self._jobs.qsize()

    async def run(self, work: Callable[[], T]) -> T:
        """Return what a function returns, which runs in the thread of the batches.

        Raises:
            Refused: too many jobs wait, or this one took too long.
        """
        job = _Job(work, Future())
        if self._closed:
            raise Refused(503, "the service is being stopped", AGAIN)
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise Refused(503, BUSY, AGAIN) from None
        answer = asyncio.wrap_future(job.result)
        try:
            done, _ = await asyncio.wait([answer], timeout=self._seconds)
        finally:
            job.result.cancel()  # if the client left, or it took too long, and it has not begun
        if not done:
            raise Refused(503, f"no answer within {self._seconds:g} seconds; try again later", AGAIN)
        result: T = answer.result()
        return result

    def close(self) -> None:
        """Finish what runs and what waits, and stop."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            jobs: list[_Job] = [first]
            ends = False
            while len(jobs) < self._batch and not ends:
                try:
                    more = self._jobs.get_nowait()
                except queue.Empty:
                    break
                ends = more is None
                jobs += [] if more is None else [more]
            _run_together(jobs)
            if ends:
                return


def _run_together(jobs: Sequence[_Job]) -> None:
    if len(jobs) == 1:
        jobs[0].run()
        return

    def run(job: _Job) -> None:
        limit_torch()
        job.run()

    with one_core_each():
        map_cores(run, jobs)
