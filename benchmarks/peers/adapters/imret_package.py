"""imret: ORB and a FAISS binary index in C++, whose wheels are not made for every Python.

Where it cannot be imported its row says so; what it does, by its documents, is measured as `orb_votes`. Where it can
be, its row says that no adapter has been tried: calls that were never run are not written down.
"""

from __future__ import annotations


class Imret:
    """Fails when it is made."""

    def __init__(self) -> None:
        import importlib

        importlib.import_module("imret")
        raise NotImplementedError("imret is installed here, but no adapter for it has been tried yet")
