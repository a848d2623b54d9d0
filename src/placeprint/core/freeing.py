"""Return free memory to the system."""

from __future__ import annotations

import ctypes


def give_back() -> bool:
    """Give memory that is free back to the system, where the C library can (glibc); return whether it could.

    Threads that decode and describe photos leave free blocks in the library's arenas, which otherwise stay with the
    process for as long as it lives.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return False
    return bool(trim(0))
