"""The tables of `scripts/try_docs.py` fit the docs."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import try_docs
from scripts.try_docs import LEFT_OUT, MAKERS, PAGES, REFUSED, commands_of, judged, prepare

COMMANDS = [command for page in PAGES for command in commands_of(page)]


def test_every_exception_is_of_a_command() -> None:
    assert len(COMMANDS) > 100 and not any("#" in command for command in COMMANDS)
    for part in (*LEFT_OUT, *REFUSED):
        assert any(part in command for command in COMMANDS), f"no page has {part!r}"
    for name in MAKERS:
        assert any(name in command for command in COMMANDS), f"no page has {name!r}"


def test_a_command_is_judged_by_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(try_docs, "REFUSED", {"refuse": "no such place"})
    assert judged("true", 10) == "yes"
    assert judged("echo broken >&2; exit 1", 10) == "WRONG: broken"
    assert judged("echo no such place >&2; exit 1 # refuse", 10) == "yes: no such place"
    assert judged("true # refuse", 10) == "WRONG"
    assert judged("sleep 5", 0.2).startswith("WRONG: ran longer")


def test_only_what_a_command_reads_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(try_docs, "MAKERS", {"PHOTOS": Path.mkdir, "ATLAS": Path.mkdir})
    prepare("page", "placeprint index PHOTOS --into ATLAS")
    assert [path.name for path in tmp_path.iterdir()] == ["PHOTOS"]
