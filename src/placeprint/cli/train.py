"""``placeprint train``: train a global descriptor by a recipe."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import console, say

RUN_FILES = ("maps", "checkpoints", "recipe.toml", "skipped.csv", "start.safetensors", "steps.csv", "epochs.csv")
"""Names that an interrupted run may leave before its recipe is written."""


def _list_recipes(wanted: bool) -> None:
    """Print the recipes that ship with the package and stop."""
    if not wanted:
        return
    from placeprint.training.recipe import recipe_summaries

    summaries = recipe_summaries()
    width = max(map(len, summaries))
    for name, summary in summaries.items():
        say(f"{name:{width}}  {summary}")
    raise typer.Exit


def train(
    recipe: Annotated[str, typer.Argument(help="Recipe, as --list shows them, or the path of a recipe's TOML file.")],
    data: Annotated[Path, typer.Option(help="Folder of the photos.")],
    output: Annotated[Path, typer.Option(help="Folder of the run; created if missing.")],
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the run's last checkpoint.")] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="TABLE.KEY=VALUE: change the recipe; may be repeated.", metavar="CHANGE"),
    ] = None,
    maps: Annotated[
        Path | None,
        typer.Option(help="Folder for cached feature maps, to share them between runs; by default inside the run."),
    ] = None,
    list_recipes: Annotated[
        bool,
        typer.Option("--list", help="List the recipes, one per line, and exit.", callback=_list_recipes, is_eager=True),
    ] = False,
) -> None:
    """Train a descriptor and make a preset from it. After an interruption, continue with --resume.

    Start with the recipe places-from-folders (one folder per place) or places-from-gps (photos with EXIF GPS).
    """
    from placeprint.core.outputs import check_output_folder
    from placeprint.training.model.preset_export import export_preset
    from placeprint.training.recipe import load_recipe
    from placeprint.training.run.run import RECIPE
    from placeprint.training.run.run import train as train_by

    chosen = load_recipe(recipe, changes or ())
    check_output_folder(output, [data], only=RUN_FILES, mark=RECIPE)
    if maps is not None:
        check_output_folder(maps, [data])
    with _bars() as progress:
        outcome = train_by(chosen, data, output, resume=resume, maps_folder=maps, progress=progress)
    for note in outcome.notes:
        say(f"note: {note}")
    ended = "stopped early" if outcome.stopped_early else "done"
    say(
        f"{ended} after {outcome.epochs} epochs, {outcome.steps} steps, {outcome.seconds:.0f} s; validation "
        f"{chosen.validation.metric} {100 * outcome.first_score:.1f} % before training, "
        f"{100 * outcome.score:.1f} % at step {outcome.best_step}"
    )
    if outcome.steps and not outcome.best_step:
        say("note: no step improved on the initial state, so the preset holds the initial state")
    if chosen.data.test or chosen.data.test_share:
        _test(output, data, maps)
    preset = export_preset(output)
    say(f"wrote {preset}; use it with --preset {preset}")


def _test(run: Path, data: Path, maps: Path | None) -> None:
    """Measure a run on its test photos, and print the results."""
    from placeprint.training.run.testing import measure_run

    with _bars() as progress:
        found = measure_run(run, data, maps_folder=maps, progress=partial(progress, "testing"))
    figures = {
        "recall@1": "recall_at_1",
        "mAP": "mean_average_precision",
        "recall@1 of areas": "area_recall_at_1",
        "recall@1 of places": "place_recall_at_1",
    }
    shares = [f"{name} {100 * found[key]:.1f} %" for name, key in figures.items() if key in found]
    say(f"test {', '.join(shares)}, {found['queries']:.0f} photos")


@contextlib.contextmanager
def _bars() -> Iterator[Callable[[str, int, int], None]]:
    """Show a progress bar for the current step, with the time left; yield ``progress(what, done, total)``."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("left"),
    )
    out = console(stderr=True)
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        tasks: dict[str, TaskID] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=math.inf)
            bar.update(tasks[what], completed=done, total=total, visible=done < total)

        yield progress
