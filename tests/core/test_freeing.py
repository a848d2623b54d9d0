"""Free memory goes back to the system."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from placeprint.core.freeing import give_back

STATUS = Path("/proc/self/status")


def resident_mb() -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1000


def test_freed_blocks_leave_the_process() -> None:
    if not STATUS.is_file() or not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("the C library is not glibc")
    blocks = [bytearray(b"x") * 100_000 for _ in range(3000)]
    kept = blocks[::100]  # these keep the end of the heap where it is
    blocks.clear()
    before = resident_mb()
    give_back()
    assert len(kept) == 30 and before - resident_mb() > 100


def test_other_libraries_keep_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: object) -> object:
        raise OSError

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert give_back() is False
