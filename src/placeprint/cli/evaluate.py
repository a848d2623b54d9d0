"""``placeprint evaluate``: measure a preset on a benchmark folder."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import console, progress_bar, size_in_words


def evaluate(
    folder: Annotated[
        Path,
        typer.Argument(help="Place folder: database/, queries/, positives.csv.", show_default=False),
    ],
    preset: Annotated[str, typer.Option(help="Preset, or the path of a preset's TOML file.")] = "xfeat-vlad",
    verify: Annotated[int, typer.Option(min=0, help="Candidates verified by geometry; 0 for search only.")] = 0,
    codebook: Annotated[
        str,
        typer.Option(help="own: learnt from the database photos; adapted: the package's, adapted to them; shipped."),
    ] = "own",
    turn: Annotated[float, typer.Option(help="Turn the queries by so many degrees, counter-clockwise.")] = 0.0,
    json: Annotated[
        Path | None,
        typer.Option("--json", help="Write metrics and rankings to this file.", show_default=False),
    ] = None,
) -> None:
    """Measure a preset: recall, mAP, times, bytes a photo."""
    from rich.table import Table

    from placeprint.datasets.place_folder import read_place_folder
    from placeprint.evaluation.retrieval import evaluate_retrieval
    from placeprint.store.files import write_atomically

    dataset = read_place_folder(folder)
    with progress_bar("evaluating", "photos") as progress:
        result = evaluate_retrieval(dataset, preset, verify=verify, codebook=codebook, turn=turn, progress=progress)
    table = Table("measure", "value", "95 % interval", title=f"{preset} on {dataset.name}", title_justify="left")
    for name, value in result["metrics"].items():
        low, high = result["intervals"][name]
        table.add_row(name, f"{100 * value:.1f} %", f"{100 * low:.1f} - {100 * high:.1f}")
    timing = result["timing"]
    table.add_row("index", f"{timing['ms_per_photo']:.0f} ms a photo", "")
    table.add_row("query", f"{timing['ms_per_query']:.0f} ms (median)", "")
    table.add_row("disk", f"{size_in_words(result['bytes_per_photo'])} a photo", "")
    table.add_row("queries", f"{len(result['queries'])}, {result['queries_without_positives']} without positives", "")
    console().print(table, highlight=False)
    if json is not None:
        write_atomically(json, (jsonlib.dumps(result, indent=1, allow_nan=False) + "\n").encode())
        typer.echo(f"wrote {json}")
