"""What the databases of vulnerabilities say is read; a mirror without one is no reason to fail."""

from __future__ import annotations

import json

import pytest

from scripts import audit


def test_vulnerabilities_are_named() -> None:
    bad = {"name": "old", "version": "1.0", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}]}
    fine = {"name": "fine", "version": "2", "vulns": []}
    assert audit.read_pip_audit(json.dumps({"dependencies": [bad, fine]})) == ["old 1.0: CVE-1, mended in 1.1"]
    assert audit.read_pip_audit(json.dumps({"dependencies": [fine]})) == []
    npm = {"vulnerabilities": {"left-pad": {"range": "<2", "severity": "high"}}}
    assert audit.read_npm_audit(json.dumps(npm)) == ["left-pad <2: high"]
    assert audit.read_npm_audit(json.dumps({"vulnerabilities": {}})) == []


@pytest.mark.parametrize("text", ["", "[]", "no network", '{"dependencies": [{"name": "a", "skip_reason": "b"}]}'])
def test_a_mirror_without_a_database_is_left_out(text: str) -> None:
    with pytest.raises(audit.Unreachable):
        audit.read_pip_audit(text)
    with pytest.raises(audit.Unreachable):
        audit.read_npm_audit(text)


def test_only_what_is_found_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def offline() -> list[str]:
        raise audit.Unreachable("there is no network")

    monkeypatch.setattr(audit, "pip_findings", offline)
    monkeypatch.setattr(audit, "npm_findings", list)
    assert audit.main() == 0 and "left out, because there is no network" in capsys.readouterr().out
    monkeypatch.setattr(audit, "npm_findings", lambda: ["left-pad <2: high"])
    assert audit.main() == 1 and "left-pad" in capsys.readouterr().out
