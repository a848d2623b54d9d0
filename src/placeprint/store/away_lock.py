"""The write lock of an atlas at an address: one object per holder, created only if it is absent.

    locks/00000007   who holds the lock, and a count that the holder increases every `BEAT` seconds: its beat

The object with the largest number counts. A process that wants the lock creates the object with the next number, which
only one process can do, and then removes the older ones. A process that is done marks its object as free. The object
stays, so numbers only grow, and a holder that was thought dead finds a larger number than its own.

A holder is thought dead when its beat has not changed for `SILENT` seconds. Clocks are only compared to see at once
that a holder is alive. A holder whose last beat is older than `FENCE`, which is less, does not write until it has
renewed the lock. So a computer that slept or lost the network does not write beside the process that took over. A
process that renews its lock then looks for a larger number, and one that takes over then looks for a new beat, so one
of them withdraws. A holder that uses the same working copy is dead if the caller could take the lock of the system.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import platform
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from placeprint.errors import AtlasBusyError, PlaceprintError
from placeprint.store.here import BUSY
from placeprint.store.object_folder import ObjectFolder

logger = logging.getLogger(__name__)

FOLDER = "locks"
BEAT = 10.0
"""Seconds between two beats of a holder."""
FENCE = 40.0
"""Seconds after its last beat from which a holder does not write, unless it can renew the lock."""
SILENT = 60.0
"""Seconds without a beat after which a holder is thought dead."""
RECENT = 120.0
"""Seconds since a beat, by the clocks of both machines, within which a holder is thought alive at once."""


@dataclass(frozen=True)
class Holding:
    """What a lock object says.

    Args:
        holder: the machine and the process, for people.
        copy: the working copy that the holder uses; while an atlas is made, a folder of its own.
        token: by which the holder knows its own object again.
        beat: grows while the lock is held.
        time: of the last beat, in seconds since 1970 by the holder's clock.
        held: whether the lock is held.
    """

    holder: str
    copy: str
    token: str
    beat: int = 0
    time: float = 0.0
    held: bool = True

    def as_bytes(self) -> bytes:
        """Return the content of the object."""
        return json.dumps(dataclasses.asdict(self)).encode() + b"\n"


UNKNOWN = Holding("unknown", "", "")
"""The holder of an object that cannot be read; it is watched like any other."""


class AwayLock:
    """The lock of one atlas; a process may hold it again after it has released it.

    Args:
        objects: the objects of the atlas.
    """

    def __init__(self, objects: ObjectFolder) -> None:
        self._objects = objects
        self._held: _Held | None = None

    @contextlib.contextmanager
    def held(self, copy: str) -> Iterator[None]:
        """Hold the lock.

        Args:
            copy: the name of the working copy whose lock of the system the caller has; empty for none.

        Raises:
            AtlasBusyError: another process has it.
            AtlasWriteError: the store does not let us write.
            ServiceError: the store does not answer.
        """
        mine = Holding(f"{platform.node()}, process {os.getpid()}", copy, secrets.token_hex(8))
        held = self._held = self._acquired(mine)
        try:
            yield
        finally:
            self._held = None
            held.release()

    def check(self) -> None:
        """Check, before a commit, that the lock is held.

        Raises:
            AtlasBusyError: it was lost, because this process did not reach the store for a while.
        """
        if self._held is not None:
            self._held.check()

    def _acquired(self, mine: Holding) -> _Held:
        number, last = self._newest()
        if last is not None and last.held and not self._is_dead(number, last, mine.copy):
            raise AtlasBusyError(self._busy(last))
        held = _Held(self._objects, number + 1, mine)
        if not held.begin():
            raise AtlasBusyError(self._busy(self._read(number + 1)))
        try:
            if last is not None and last.held and self._lives(number, last):
                held.abandon()
                self._objects.remove(name_of(number + 1))
                raise AtlasBusyError(self._busy(last))
        except BaseException:
            held.abandon()
            raise
        try:
            self._remove_up_to(number)
        except BaseException:  # nobody else has the lock, so nobody need wait for the end of its beats
            held.release()
            raise
        return held

    def _remove_up_to(self, number: int) -> None:
        for each in numbers_of(self._objects):
            if each <= number:
                self._objects.remove(name_of(each))

    def _newest(self) -> tuple[int, Holding | None]:
        """Return the largest number, 0 if there is none, and what its object says."""
        number = largest_of(self._objects)
        return number, self._read(number) if number else None

    def _read(self, number: int) -> Holding | None:
        """Return what an object says; None if it is gone."""
        try:
            return Holding(**json.loads(self._objects.read(name_of(number))))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            return UNKNOWN

    def _lives(self, number: int, last: Holding) -> bool:
        """Return whether a holder has written again, and still holds the lock."""
        now = self._read(number)
        return now is not None and now.held and now != last

    def _is_dead(self, number: int, last: Holding, copy: str) -> bool:
        """Return whether a holder is dead, so that it writes nothing more."""
        if copy and last.copy == copy:  # the system says so
            return True
        if abs(time.time() - last.time) < RECENT:
            return False
        logger.warning(
            "the lock of %s looks abandoned (%s); watching it for %g s", self._objects.url, last.holder, SILENT
        )
        end = time.monotonic() + SILENT
        while time.monotonic() < end:
            time.sleep(min(BEAT / 2, SILENT))
            if self._read(number) != last:
                return False
        return True

    def _busy(self, last: Holding | None) -> str:
        who = "" if last is None else f" ({last.holder})"
        return f"{BUSY} {self._objects.url!r}{who}; try again when it is done"


class _Held:
    """A lock object that this process has written, and the thread that renews it."""

    def __init__(self, objects: ObjectFolder, number: int, holding: Holding) -> None:
        self._objects, self._number, self._holding = objects, number, holding
        self._beaten = 0.0
        self._lost = False
        self._beating = threading.Lock()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, daemon=True, name="placeprint-lock")

    def begin(self) -> bool:
        """Write the object and start to renew it; return whether this process is the only one."""
        started = time.monotonic()
        self._holding = dataclasses.replace(self._holding, time=time.time())
        name = name_of(self._number)
        if not self._objects.create(name, self._holding.as_bytes()):
            return False
        if self._objects.read(name) != self._holding.as_bytes():  # the store has no conditional writes
            return False
        if largest_of(self._objects) != self._number:
            self._objects.remove(name)
            return False
        self._beaten = started
        self._thread.start()
        return True

    def check(self) -> None:
        """Raise an `AtlasBusyError` if the lock was lost, or cannot be renewed when that is due."""
        if not self._is_sure():
            self.beat()
        if not self._is_sure():
            raise AtlasBusyError(
                f"the lock of the atlas {self._objects.url!r} was lost, because the store did not answer for a while; "
                "earlier data is kept; run the same command again to continue"
            )

    def release(self) -> None:
        """Stop, and write that the lock is free; if that fails, it is free when the beats have stopped for a while."""
        self.abandon()
        if not self._lost:
            free = dataclasses.replace(self._holding, held=False)
            with contextlib.suppress(PlaceprintError):
                self._objects.write(name_of(self._number), free.as_bytes())

    def abandon(self) -> None:
        """Stop."""
        self._done.set()
        self._thread.join()

    def beat(self) -> None:
        """Renew the lock, and look whether another process has followed."""
        with self._beating:
            if self._lost:
                return
            started = time.monotonic()
            beat = dataclasses.replace(self._holding, beat=self._holding.beat + 1, time=time.time())
            try:
                self._objects.write(name_of(self._number), beat.as_bytes())
                self._holding = beat
                if largest_of(self._objects) > self._number:
                    self._lost = True
                else:
                    self._beaten = started
            except PlaceprintError as error:
                logger.warning("the lock of %s is not renewed: %s", self._objects.url, error)

    def _is_sure(self) -> bool:
        return not self._lost and time.monotonic() - self._beaten <= FENCE

    def _beat_on(self) -> None:
        while not self._done.wait(BEAT) and not self._lost:
            self.beat()


def name_of(number: int) -> str:
    """Return the name of a lock object."""
    return f"{FOLDER}/{number:08}"


def numbers_of(objects: ObjectFolder) -> list[int]:
    """Return the numbers of the lock objects."""
    return sorted(int(name) for name in objects.listing(FOLDER) if name.isdigit())


def largest_of(objects: ObjectFolder) -> int:
    """Return the largest number of the lock objects; 0 if there are none."""
    return max(numbers_of(objects), default=0)
