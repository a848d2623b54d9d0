"""Every command with presets of published networks, on filled weights and frames of the corridor."""

from __future__ import annotations

from pathlib import Path

import pytest

from placeprint.networks.published import checkpoints
from placeprint.presets import preset_names
from scripts.try_published import network_of, try_preset

SMALL = "cosplace"
PRESETS = [name for name in preset_names() if network_of(name) is not None]


@pytest.mark.parametrize(
    "preset", [pytest.param(name, marks=() if name == SMALL else pytest.mark.large) for name in PRESETS]
)
@pytest.mark.slow
def test_every_command_runs_with_the_preset(
    preset: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(checkpoints.FOLDER, str(tmp_path))  # put back after the test
    steps = try_preset(preset, 2, 1)
    assert {"models get", "index", "search", "evaluate", "export"} <= {step.name for step in steps}
    assert not [step for step in steps if not step.fine]


def test_every_long_descriptor_has_a_short_form() -> None:
    lengths = {name: network.dim for name in PRESETS if (network := network_of(name)) is not None}
    long = [name for name, dim in lengths.items() if dim > 2048 and not name.endswith("-512")]
    assert [name for name in long if f"{name}-512" not in PRESETS] == []
