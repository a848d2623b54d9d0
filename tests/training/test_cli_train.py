"""``placeprint train`` as a user meets it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from placeprint.cli import app
from placeprint.errors import OptionError
from tests.training.test_preset_export import small_efficientnet
from tests.training.tiny import write_classes

RECIPE = """
summary = "a try"
[model]
backbone = "efficientnet-lite0"
size = [64, 64]
last_stage = 5
trainable_from = 6
cached_copies = 1
[data]
share = 0.34
[batches]
classes = 3
instances = 2
[schedule]
epochs = 5
"""


def test_a_recipe_becomes_a_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placeprint.training.model.trained_network.load_stages", lambda *_, **__: small_efficientnet())
    photos = write_classes(tmp_path / "photos", photos=3)
    (tmp_path / "own.toml").write_text(RECIPE)
    arguments = ["train", str(tmp_path / "own.toml"), "--data", str(photos), "--output", str(tmp_path / "run")]
    arguments += ["--set", "schedule.epochs=1", "--maps", str(tmp_path / "maps")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "done after 1 epochs, 1 steps" in done.stdout
    text = (tmp_path / "run" / "preset.toml").read_text()
    assert 'backbone = "efficientnet-lite0"' in text  # no stage of it was trained
    assert len(list((tmp_path / "maps").glob("*.npy"))) == 2 and not (tmp_path / "run" / "maps").exists()
    again = CliRunner().invoke(app, arguments)
    assert isinstance(again.exception, OptionError) and "--resume" in str(again.exception)
    assert CliRunner().invoke(app, [*arguments, "--resume"]).exit_code == 0
