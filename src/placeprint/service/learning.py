"""Learn a codebook beside the answers when photos have been added, so that nobody who adds one waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

from placeprint.atlas import Atlas
from placeprint.errors import AtlasBusyError, PlaceprintError
from placeprint.service.problems import log

PATIENCE, PAUSE = 10.0, 0.1
"""Seconds that a writer waits for what was learned to be written, and between two tries."""
T = TypeVar("T")


class _Closing(Exception):  # noqa: N818  # it is no error
    """The service is being stopped."""


class Learner:
    """Lets an atlas learn when it has grown enough; one run at a time.

    Args:
        atlas: the atlas.
        executor: runs it in a thread.
    """

    def __init__(self, atlas: Atlas, executor: Executor) -> None:
        self._atlas, self._executor = atlas, executor
        self._running: Future[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Let the atlas learn if it has grown enough, and return at once."""
        if not self._closed and (self._running is None or self._running.done()):
            self._running = self._executor.submit(self._learn)

    def wait_for(self, write: Callable[[], T]) -> T:
        """Return what a function that writes to the atlas returns; it waits while what was learned is being written.

        Args:
            write: the function; it is called again if the atlas was busy.

        Raises:
            AtlasBusyError: another process is writing.
        """
        until = time.monotonic() + PATIENCE
        while True:
            running = self._running is not None and not self._running.done()
            try:
                return write()
            except AtlasBusyError:
                if not running or time.monotonic() > until:
                    raise
            time.sleep(PAUSE)

    def close(self) -> None:
        """Stop at the next step; the next start goes on from there."""
        self._closed = True

    def _learn(self) -> None:
        try:
            self._atlas.learn_if_grown(self._go_on)
        except _Closing:
            pass
        except AtlasBusyError:
            log.info("the atlas was written when it had learned; the next photo that is added tries again")
        except PlaceprintError as error:
            log.error("%s", error)

    def _go_on(self, _done: int, _all: int) -> None:
        if self._closed:
            raise _Closing
