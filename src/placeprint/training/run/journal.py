"""The log of a run: two CSV files, TensorBoard events, and a plot of the curves.

    RUN/steps.csv    step, epoch, loss, gradient (its length), learning_rate, photos_per_second
    RUN/epochs.csv   step, epoch, loss (mean), score (the validation metric), seconds
    RUN/events.*     the same for TensorBoard
    RUN/curves.png

When a run continues from a checkpoint, rows of later steps are dropped first, because they are made again. The CSV
files need no package; TensorBoard and matplotlib are optional.
"""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from placeprint.core.files import write_atomically, writing
from placeprint.core.packages import required

COLUMNS = {
    "steps": ("step", "epoch", "loss", "gradient", "learning_rate", "photos_per_second"),
    "epochs": ("step", "epoch", "loss", "score", "seconds"),
}
SMOOTHED = 50
"""The loss is drawn as the mean over this many equal parts of the run."""


class Journal:
    """The log files of one run.

    Args:
        run: the folder of the run.
        step: the last step whose rows are kept.
        tensorboard: whether to write events, if TensorBoard is installed.

    Raises:
        WriteError: the folder cannot be written.
    """

    def __init__(self, run: Path, step: int = 0, *, tensorboard: bool = True) -> None:
        self.run = run
        for name, columns in COLUMNS.items():
            kept = [row for row in read_log(run, name) if row["step"] <= step] if step else []
            write_atomically(_path(run, name), _as_csv(columns, kept))
        self._events: Any = None
        if tensorboard and importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(str(run), purge_step=step + 1 if step else None)

    def add(self, name: str, row: Mapping[str, float]) -> None:
        """Append a row to ``"steps"`` or ``"epochs"``, with the values of its columns."""
        columns = COLUMNS[name]
        with writing(self.run), _path(self.run, name).open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow([f"{row[column]:.7g}" for column in columns])
        if self._events is not None:
            for column in columns[2:]:
                self._events.add_scalar(f"{name}/{column}", row[column], int(row["step"]))

    def close(self) -> None:
        """Flush TensorBoard's events."""
        if self._events is not None:
            self._events.close()


def read_log(run: Path, name: str) -> list[dict[str, float]]:
    """Return the rows of ``"steps"`` or ``"epochs"``, none if there is no file; an incomplete last row is skipped."""
    try:
        with _path(run, name).open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))[1:]
    except OSError:
        return []
    columns = COLUMNS[name]
    found = []
    for row in rows:
        try:
            found.append(dict(zip(columns, map(float, row), strict=True)))
        except ValueError:
            break
    return found


def draw_curves(run: Path) -> Path:
    """Plot loss, learning rate and validation of a run to ``curves.png``; return its path.

    Raises:
        PackageError: matplotlib is not installed.
    """
    with required("curves need matplotlib", "training"):
        from matplotlib.figure import Figure
    steps, epochs = read_log(run, "steps"), read_log(run, "epochs")
    figure = Figure(figsize=(9, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    _plot(above, steps, "loss", color="#b0c4de", linewidth=0.8)
    parts = [part for part in np.array_split(np.arange(len(steps)), min(SMOOTHED, len(steps) or 1)) if len(part)]
    means = [{key: float(np.mean([steps[row][key] for row in part])) for key in ("step", "loss")} for part in parts]
    _plot(above, means, "loss", color="#1f4e79")
    above.set_ylabel("loss")
    rate = above.twinx()
    _plot(rate, steps, "learning_rate", color="#c0504d", linewidth=0.8, linestyle="--")
    rate.set_ylabel("learning rate (dashed)")
    _plot(below, epochs, "score", color="#1f4e79", marker="o")
    below.set(xlabel="step", ylabel="validation score")
    data = io.BytesIO()
    figure.savefig(data, format="png")
    path = run / "curves.png"
    write_atomically(path, data.getvalue())
    return path


def _plot(axes: Any, rows: list[dict[str, float]], column: str, **style: Any) -> None:
    axes.plot([row["step"] for row in rows], [row[column] for row in rows], **style)


def _as_csv(columns: tuple[str, ...], rows: list[dict[str, float]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([f"{row[column]:.7g}" for column in columns] for row in rows)
    return text.getvalue().encode()


def _path(run: Path, name: str) -> Path:
    return run / f"{name}.csv"
