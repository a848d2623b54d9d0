"""The lock of an atlas at an address, on a clock that only the tests move."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from placeprint.errors import AtlasBusyError, AtlasWriteError, ServiceError
from placeprint.store import away_lock
from placeprint.store.away_lock import BEAT, FENCE, RECENT, SILENT, AwayLock, Holding, name_of, numbers_of
from placeprint.store.object_folder import ObjectFolder

fsspec: Any = pytest.importorskip("fsspec")
NUMBERS = itertools.count()


class Clock:
    """Stands in for the module ``time``; while it is slept on, something may happen."""

    def __init__(self) -> None:
        self.now = 1e9
        self.meanwhile: Callable[[], None] = lambda: None

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(away_lock, "time", clock)
    monkeypatch.setattr(away_lock, "BEAT", 3600.0)  # the thread does not beat while a test runs
    return clock


@pytest.fixture
def objects() -> ObjectFolder:
    return ObjectFolder(f"memory://locks-{next(NUMBERS)}/atlas")


def holding(objects: ObjectFolder, number: int) -> Holding:
    return Holding(**json.loads(objects.read(name_of(number))))


def leave(objects: ObjectFolder, clock: Clock, *, copy: str = "", ago: float = 0.0) -> Holding:
    """Write the lock of a process that holds it, and that beat some seconds ago."""
    number = max(numbers_of(objects), default=0) + 1
    left = Holding("other, process 7", copy, "token", time=clock.time() - ago)
    objects.write(name_of(number), left.as_bytes())
    return left


def test_one_process_holds_the_lock_and_the_numbers_grow(objects: ObjectFolder, clock: Clock) -> None:
    one, two = AwayLock(objects), AwayLock(objects)
    with one.held(""):
        assert holding(objects, 1).held
        with pytest.raises(AtlasBusyError, match=r"another process is writing to the atlas 'memory://.* \(.*, process"):
            two.held("").__enter__()
        one.check()
    assert not holding(objects, 1).held
    with two.held(""):
        assert numbers_of(objects) == [2]
    one.check()  # nothing is held, so nothing is lost


def test_of_many_that_want_the_lock_at_once_one_gets_it(objects: ObjectFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    create, deciding = objects.create, threading.Lock()

    def decided(name: str, data: bytes) -> bool:
        with deciding:  # as stores do that have conditional writes; the one in memory does not
            return create(name, data)

    monkeypatch.setattr(objects, "create", decided)
    start, inside, refused = threading.Barrier(8), [], []
    done = threading.Event()

    def want() -> None:
        start.wait()
        try:
            with AwayLock(objects).held(""):
                inside.append(1)
                done.wait(60)
        except AtlasBusyError:
            refused.append(1)
            if len(refused) >= 7:
                done.set()

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(inside), len(refused)) == (1, 7)


def test_a_holder_that_is_silent_is_followed(objects: ObjectFolder, clock: Clock) -> None:
    leave(objects, clock, ago=RECENT + 1)
    before = clock.now
    with AwayLock(objects).held("copy"):
        assert clock.now >= before + SILENT and numbers_of(objects) == [2]


def test_a_holder_with_a_wrong_clock_is_not_robbed(objects: ObjectFolder, clock: Clock) -> None:
    for ago in (RECENT + 1000, -RECENT - 1000):
        left = leave(objects, clock, ago=ago)
        number = numbers_of(objects)[-1]
        beats = itertools.count(1)

        def beat(number: int = number, left: Holding = left, beats: Iterator[int] = beats) -> None:
            objects.write(name_of(number), dataclasses.replace(left, beat=next(beats)).as_bytes())

        clock.meanwhile = beat
        with pytest.raises(AtlasBusyError, match="other, process 7"):
            AwayLock(objects).held("").__enter__()
    clock.meanwhile = lambda: None


def test_a_holder_that_wakes_while_it_is_followed_keeps_the_lock(
    objects: ObjectFolder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = leave(objects, clock, ago=RECENT + 1)
    create = objects.create

    def woken(name: str, data: bytes) -> bool:
        objects.write(name_of(1), dataclasses.replace(left, beat=5).as_bytes())
        return create(name, data)

    monkeypatch.setattr(objects, "create", woken)
    with pytest.raises(AtlasBusyError, match="other, process 7"):
        AwayLock(objects).held("").__enter__()
    assert numbers_of(objects) == [1]


def test_a_process_of_the_same_working_copy_need_not_wait(objects: ObjectFolder, clock: Clock) -> None:
    leave(objects, clock, copy="copy")
    before = clock.now
    with AwayLock(objects).held("copy"):
        assert clock.now == before
    leave(objects, clock, copy="another copy")
    with pytest.raises(AtlasBusyError):
        AwayLock(objects).held("copy").__enter__()


def test_a_lock_that_cannot_be_read_is_watched_like_any_other(objects: ObjectFolder, clock: Clock) -> None:
    objects.write(name_of(3), b"{")
    before = clock.now
    with AwayLock(objects).held(""):
        assert clock.now >= before + SILENT and numbers_of(objects) == [4]


def test_a_holder_without_beats_stops_writing_before_another_may_follow(
    objects: ObjectFolder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert BEAT < FENCE < SILENT < RECENT
    lock = AwayLock(objects)
    with lock.held(""):
        clock.now += FENCE - 1
        lock.check()
        assert holding(objects, 1).beat == 0
        clock.now += 2
        lock.check()  # it renews the lock first
        assert holding(objects, 1).beat == 1
        clock.now += FENCE + 1
        with monkeypatch.context() as broken:
            broken.setattr(objects, "write", failing(ServiceError("no network")))
            with pytest.raises(AtlasBusyError, match="was lost, because the store did not answer for a while"):
                lock.check()
        clock.now += SILENT
        leave(objects, clock)  # another process takes over
        with pytest.raises(AtlasBusyError, match="was lost"):
            lock.check()


def test_a_holder_notices_that_it_was_followed(objects: ObjectFolder, clock: Clock) -> None:
    lock = AwayLock(objects)
    with lock.held(""):
        held = lock._held
        assert held is not None
        held.beat()
        assert holding(objects, 1).beat == 1
        lock.check()
        leave(objects, clock)
        held.beat()
        with pytest.raises(AtlasBusyError, match="was lost"):
            lock.check()
    assert holding(objects, 2).held  # the lock of the follower is left alone


def test_a_store_that_lists_nothing_yet_ends_no_beat(
    objects: ObjectFolder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = AwayLock(objects)
    with lock.held(""):
        monkeypatch.setattr(objects, "listing", lambda folder: {})
        clock.now += FENCE + 1
        lock.check()


def test_who_may_not_remove_older_locks_leaves_a_free_one(
    objects: ObjectFolder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AwayLock(objects).held(""):
        pass
    with monkeypatch.context() as broken:
        broken.setattr(objects, "remove", failing(AtlasWriteError("not permitted")))
        with pytest.raises(AtlasWriteError, match="not permitted"):
            AwayLock(objects).held("").__enter__()
    assert not holding(objects, 2).held
    with AwayLock(objects).held(""):
        assert numbers_of(objects) == [3]


def test_a_beat_that_fails_is_tried_again(
    objects: ObjectFolder, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lock = AwayLock(objects)
    with contextlib.ExitStack() as stack:
        stack.enter_context(lock.held(""))
        held = lock._held
        assert held is not None
        with monkeypatch.context() as broken:
            broken.setattr(objects, "write", failing(ServiceError("no network")))
            held.beat()
        assert "is not renewed: no network" in caplog.text
        held.beat()
        lock.check()
        monkeypatch.setattr(objects, "write", failing(ServiceError("no network")))  # the release fails in silence
    assert holding(objects, 1).held


def test_where_nothing_may_be_written_there_is_no_lock(
    objects: ObjectFolder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "create", failing(AtlasWriteError("not permitted")))
    with pytest.raises(AtlasWriteError, match="not permitted"):
        AwayLock(objects).held("").__enter__()


def test_a_store_without_conditional_writes_is_read_back(
    objects: ObjectFolder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(name: str, data: bytes) -> bool:
        objects.write(name, Holding("other, process 7", "", "token", time=clock.time()).as_bytes())
        return True

    monkeypatch.setattr(objects, "create", overtaken)
    with pytest.raises(AtlasBusyError, match="other, process 7"):
        AwayLock(objects).held("").__enter__()


def test_a_number_that_was_used_before_is_given_back(
    objects: ObjectFolder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(name: str, data: bytes) -> bool:
        leave(objects, clock)
        leave(objects, clock)
        objects.remove(name_of(1))
        return create(name, data)

    create = objects.create
    monkeypatch.setattr(objects, "create", late)
    with pytest.raises(AtlasBusyError):
        AwayLock(objects).held("").__enter__()
    assert numbers_of(objects) == [2]


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise error

    return fail
