"""The examples of deploy: they name options that exist, run nothing as root, and pass linters that are installed."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from placeprint.cli.serve import serve

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
INSTRUCTIONS = {"FROM", "WORKDIR", "COPY", "RUN", "ARG", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


def options() -> set[str]:
    """Return the options of `placeprint serve`."""
    app = typer.Typer()
    app.command()(serve)
    return {name for each in typer.main.get_command(app).params for name in each.opts}


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2]) for line in lines]


def test_the_dockerfile_serves_as_a_user_without_rights() -> None:
    found = instructions()
    assert {name for name, _ in found} <= INSTRUCTIONS
    last = found[max(i for i, (name, _) in enumerate(found) if name == "FROM") :]
    named = dict(last)
    assert named["USER"].isdigit() and int(named["USER"]) > 0 and named["EXPOSE"] == "8100"
    command = yaml.safe_load(named["CMD"])
    assert command[0] == "serve" and {each for each in command if each.startswith("--")} <= options()
    copied = [each for name, each in found if name == "COPY" and not each.startswith("--from")]
    assert copied == [". ."]


def test_only_what_the_image_needs_goes_to_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if not line.startswith("#")]
    assert rules[0] == "*"
    kept = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
    assert all((ROOT / each).exists() for each in kept)
    assert {"pyproject.toml", "README.md", "LICENSE", "src", "web"} < set(kept)


def test_hadolint_finds_nothing() -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, str(DEPLOY / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_compose_file_keeps_the_service_in() -> None:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    service = found["services"]["placeprint"]
    context = DEPLOY / service["build"]["context"]
    assert (context / service["build"]["dockerfile"]).resolve() == (DEPLOY / "Dockerfile").resolve()
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert set(service["secrets"]) == set(found["secrets"])
    assert "/run/secrets/token" in dict(instructions())["CMD"] and found["secrets"]["token"]["file"] == "../token"
    assert set(service) <= {
        "build", "user", "ports", "volumes", "secrets", "read_only", "tmpfs", "cap_drop", "security_opt", "restart"
    }  # fmt: skip


def unit() -> list[str]:
    return (DEPLOY / "placeprint.service").read_text(encoding="utf-8").splitlines()


def test_the_unit_starts_the_service() -> None:
    (line,) = [line for line in unit() if line.startswith("ExecStart=")]
    words = shlex.split(line.partition("=")[2])
    assert words[1] == "serve" and {word for word in words if word.startswith("--")} <= options()
    assert "User=placeprint" in unit() and "NoNewPrivileges=true" in unit()


def test_systemd_verifies_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not installed")
    text = "\n".join(unit()).replace(
        "/opt/placeprint/bin/placeprint", "/bin/true"
    )  # systemd wants a program that is there
    (tmp_path / "placeprint.service").write_text(text + "\n", encoding="utf-8")
    done = subprocess.run(
        [analyze, "verify", str(tmp_path / "placeprint.service")], capture_output=True, text=True, check=False
    )
    if "Failed to" in done.stderr and "placeprint.service" not in done.stderr:
        pytest.skip("systemd cannot work here")
    assert done.returncode == 0 and "placeprint.service" not in done.stderr, done.stderr
