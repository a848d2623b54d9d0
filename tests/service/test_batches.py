"""Queries of several users: together, bounded, and each gets its own answer or error."""

from __future__ import annotations

import asyncio
import threading
import time
from functools import partial

import pytest

from placeprint.service.batches import Batches
from placeprint.service.problems import Refused


def test_jobs_that_wait_run_together_and_keep_their_answers() -> None:
    async def ask() -> list[object]:
        batches = Batches(8, 100, 10)
        answers = await asyncio.gather(*(batches.run(partial(pow, number, 2)) for number in range(50)))
        batches.close()
        return list(answers)

    assert asyncio.run(ask()) == [number**2 for number in range(50)]


def test_an_error_belongs_to_the_one_who_asked() -> None:
    def fail() -> None:
        raise ValueError("mine")

    async def ask() -> list[object]:
        batches = Batches(4, 100, 10)
        found = await asyncio.gather(batches.run(fail), batches.run(lambda: 1), return_exceptions=True)
        batches.close()
        return list(found)

    first, second = asyncio.run(ask())
    assert isinstance(first, ValueError) and second == 1


def test_a_full_queue_refuses_and_a_closed_one_too() -> None:
    go = threading.Event()

    async def ask() -> None:
        batches = Batches(1, 2, 10)
        running = asyncio.ensure_future(batches.run(go.wait))
        await asyncio.sleep(0.2)  # it runs now
        waiting = [asyncio.ensure_future(batches.run(lambda: 1)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            await batches.run(lambda: 1)
        assert refused.value.status == 503 and "Retry-After" in refused.value.headers
        go.set()
        assert await running and [await each for each in waiting] == [1, 1]
        batches.close()
        with pytest.raises(Refused):
            await batches.run(lambda: 1)

    asyncio.run(ask())


def test_what_takes_too_long_is_refused_and_the_next_is_answered() -> None:
    async def ask() -> None:
        batches = Batches(1, 10, 0.2)
        with pytest.raises(Refused) as refused:
            await batches.run(lambda: time.sleep(0.6))
        assert refused.value.status == 503
        await asyncio.sleep(0.6)
        assert await batches.run(lambda: 5) == 5
        batches.close()

    asyncio.run(ask())
