"""Readers beside writers: nothing but right answers and `AtlasBusyError`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from placeprint.store import tables
from tests import interleaving

SECONDS = float(os.environ.get("PLACEPRINT_INTERLEAVING_SECONDS", "4"))


@pytest.mark.slow
def test_readers_beside_writers_get_right_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEEP", "MANY"):
        monkeypatch.setattr(tables, name, getattr(tables, name))  # gives them back afterwards
    interleaving.build(tmp_path)
    counts = interleaving.run_in_threads(tmp_path, SECONDS)
    assert not [what for what in counts if what.startswith("FAILED")], counts
    assert counts["remove"] and counts["search by votes"] and counts["search by descriptor"] and counts["info"]
