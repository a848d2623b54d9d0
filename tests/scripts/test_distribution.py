"""Files for shipping: workflows, hooks, the bill of materials."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from placeprint.networks.weights import WEIGHTS
from scripts import write_sbom

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def loaded(path: Path) -> Any:
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_run_scripts_and_extras_that_exist(path: Path) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    steps = [step for job in loaded(path)["jobs"].values() for step in job["steps"]]
    commands = "\n".join(step.get("run", "") for step in steps)
    assert steps and all(("run" in step) != ("uses" in step) for step in steps)
    for script in re.findall(r"\b((?:scripts|tests)/[\w./]+)", commands):
        assert (ROOT / script).exists(), script
    for named in re.findall(r"\[([a-z,-]+)\]", commands):
        assert set(named.split(",")) <= set(extras), named


def test_tests_run_on_three_systems_and_the_oldest_python() -> None:
    matrix = loaded(ROOT / ".github" / "workflows" / "check.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert [name.partition("-")[0] for name in matrix["os"]] == ["ubuntu", "macos", "windows"]
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert f">={matrix['python'][0]}" == oldest


def test_hooks_run_what_the_check_runs() -> None:
    hooks = loaded(ROOT / ".pre-commit-config.yaml")["repos"][0]["hooks"]
    check = (ROOT / "scripts" / "check").read_text()
    tools = [Path(hook["entry"].split()[0]).name for hook in hooks if "scripts/" not in hook["entry"]]
    assert set(tools) == {"ruff", "mypy", "lint-imports"}
    assert all(re.search(rf"^{tool}", check, re.M) for tool in tools)


def test_weights_are_in_the_bill_of_materials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"bomFormat": "CycloneDX", "components": [{"type": "library", "name": "numpy"}]}
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, json.dumps(made), "")
    )
    assert write_sbom.main(["--output", str(tmp_path / "sbom.json")]) == 0
    components = json.loads((tmp_path / "sbom.json").read_text())["components"]
    assert components[0]["name"] == "numpy"
    xfeat = next(each for each in components if each["name"] == "xfeat")
    assert xfeat["hashes"][0]["content"] == next(row.sha256 for row in WEIGHTS if row.name == "xfeat")


@pytest.mark.slow
def test_a_real_bill_of_materials(tmp_path: Path) -> None:
    pytest.importorskip("cyclonedx_py")
    assert write_sbom.main(["--python", sys.executable, "--output", str(tmp_path / "sbom.json")]) == 0
    names = {each["name"] for each in json.loads((tmp_path / "sbom.json").read_text())["components"]}
    assert {"numpy", "typer"} <= names


def test_without_the_tool_the_script_says_what_to_install(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert write_sbom.main(["--python", str(tmp_path / "none"), "--output", str(tmp_path / "sbom.json")]) == 1
    assert "placeprint[release]" in capsys.readouterr().err
    assert not (tmp_path / "sbom.json").exists()
