"""The journal: rows that survive, curves that are drawn."""

from __future__ import annotations

import builtins
import math
from pathlib import Path

import pytest

from placeprint.errors import PackageError
from placeprint.photos import read_image
from placeprint.training.run.journal import Journal, draw_curves, read_log


def row(step: int) -> dict[str, float]:
    values = {"step": step, "epoch": step / 4, "loss": 1 / step, "gradient": 2.0}
    return values | {"learning_rate": 0.1, "photos_per_second": 9}


def written(run: Path, steps: int) -> None:
    journal = Journal(run, tensorboard=False)
    for step in range(1, steps + 1):
        journal.add("steps", row(step))
    journal.add("epochs", {"step": steps, "epoch": 1, "loss": math.nan, "score": 0.5, "seconds": 3})
    journal.close()


def test_rows_come_back(tmp_path: Path) -> None:
    written(tmp_path, 3)
    assert [each["loss"] for each in read_log(tmp_path, "steps")] == pytest.approx([1, 1 / 2, 1 / 3])
    assert math.isnan(read_log(tmp_path, "epochs")[0]["loss"])
    assert (tmp_path / "steps.csv").read_text().splitlines()[0].startswith("step,epoch,loss")


def test_rows_after_the_step_of_a_checkpoint_are_dropped(tmp_path: Path) -> None:
    written(tmp_path, 5)
    journal = Journal(tmp_path, 3, tensorboard=False)
    journal.add("steps", row(4))
    assert [each["step"] for each in read_log(tmp_path, "steps")] == [1, 2, 3, 4]
    assert read_log(tmp_path, "epochs") == []
    Journal(tmp_path, tensorboard=False)
    assert read_log(tmp_path, "steps") == []


def test_a_torn_last_row_is_left_out(tmp_path: Path) -> None:
    written(tmp_path, 2)
    with (tmp_path / "steps.csv").open("a") as file:
        file.write("3,0.5,0.")
    assert [each["step"] for each in read_log(tmp_path, "steps")] == [1, 2]


def test_tensorboard_gets_its_events(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    journal = Journal(tmp_path)
    journal.add("steps", row(1))
    journal.close()
    assert any(path.name.startswith("events.") and path.stat().st_size > 100 for path in tmp_path.iterdir())


@pytest.mark.parametrize("steps", [0, 1, 120])
def test_curves_are_a_picture(tmp_path: Path, steps: int) -> None:
    pytest.importorskip("matplotlib")
    written(tmp_path, steps)
    assert read_image(draw_curves(tmp_path)).std() > 5


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: object) -> object:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(PackageError, match=r"placeprint\[training\]"):
        draw_curves(tmp_path)
