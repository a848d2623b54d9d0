"""``placeprint evaluate``: measure a preset on a benchmark folder."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placeprint.cli.output import console, progress_bar, size_in_words

if TYPE_CHECKING:
    from placeprint.evaluation.comparison import Difference


def evaluate(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder of the benchmark, in the form its protocol says.", show_default=False),
    ],
    preset: Annotated[str, typer.Option(help="Preset, or the path of a preset's TOML file.")] = "xfeat-vlad",
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Name of a protocol, see placeprint datasets, or the path of a TOML file [default: place-folder].",
            show_default=False,
        ),
    ] = None,
    verify: Annotated[int, typer.Option(min=0, help="Candidates verified by geometry; 0 for search only.")] = 0,
    codebook: Annotated[
        str,
        typer.Option(help="own: learnt from the database photos; adapted: the package's, adapted to them; shipped."),
    ] = "own",
    by: Annotated[
        str | None,
        typer.Option(help="descriptor, votes or asmk [default: what the preset says].", show_default=False),
    ] = None,
    turn: Annotated[float, typer.Option(help="Turn the queries by so many degrees, counter-clockwise.")] = 0.0,
    json: Annotated[
        Path | None,
        typer.Option("--json", help="Write metrics and rankings to this file.", show_default=False),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="JSON of an earlier result on the same queries: test the difference.", show_default=False),
    ] = None,
) -> None:
    """Measure a preset by a protocol: recall, precision, times, bytes a photo, with 95 % intervals."""
    from placeprint.datasets.protocols import read_retrieval_set
    from placeprint.evaluation.comparison import check_comparable, compare, read_result
    from placeprint.evaluation.retrieval import evaluate_retrieval
    from placeprint.store.files import write_atomically

    earlier = None if against is None else read_result(against)
    dataset = read_retrieval_set(protocol, folder)
    if earlier is not None:
        check_comparable(dataset.protocol, dataset.queries, earlier, len(dataset.database))
    with progress_bar("evaluating", "photos") as progress:
        result = evaluate_retrieval(
            dataset, preset, verify=verify, codebook=codebook, turn=turn, by=by, progress=progress
        )
    _print_result(result)
    if earlier is not None:
        differences = compare(result, earlier)
        result["against"] = {
            "file": str(against),
            "preset": earlier["preset"],
            "options": earlier["options"],
            "differences": {name: each._asdict() for name, each in differences.items()},
        }
        _print_differences(differences, earlier)
    if json is not None:
        write_atomically(json, (jsonlib.dumps(result, indent=1, allow_nan=False) + "\n").encode())
        typer.echo(f"wrote {json}")


def _print_result(result: Mapping[str, Any]) -> None:
    from rich.table import Table

    title = f"{result['preset']} on {result['dataset']}, {result['protocol']}"
    table = Table("measure", "value", "95 % interval", title=title, title_justify="left")
    for name, value in result["metrics"].items():
        low, high = (_in_words(name, each) for each in result["intervals"][name])
        table.add_row(name, _in_words(name, value, unit=True), f"{low} - {high}")
    timing = result["timing"]
    table.add_row("index", f"{timing['ms_per_photo']:.0f} ms a photo", "")
    if timing["ms_per_query"] is not None:
        table.add_row("query", f"{timing['ms_per_query']:.0f} ms (median)", "")
    table.add_row("disk", f"{size_in_words(result['bytes_per_photo'])} a photo", "")
    if result["peak_memory_mb"] is not None:
        table.add_row("memory", f"{size_in_words(1e6 * result['peak_memory_mb'])} at most", "")
    table.add_row("queries", f"{len(result['queries'])}, {result['queries_without_positives']} without positives", "")
    table.add_row("database", f"{result['database_photos']} photos, {result['skipped_photos']} skipped", "")
    console().print(table, highlight=False)


def _print_differences(differences: Mapping[str, Difference], earlier: Mapping[str, Any]) -> None:
    from rich.table import Table

    title = f"difference from {earlier['preset']}, verify {earlier['options']['verify']}"
    table = Table("measure", "difference", "95 % interval", "p", "test", title=title, title_justify="left")
    for name, each in differences.items():
        ends = f"{_in_words(name, each.low)} - {_in_words(name, each.high)}"
        table.add_row(name, _in_words(name, each.difference, unit=True), ends, f"{each.p:.2g}", each.test)
    console().print(table, highlight=False)


def _in_words(name: str, value: float | None, *, unit: bool = False) -> str:
    """Return the value of a metric: meters, a score from 0 to 4, or a share in percent.

    Example:
        >>> _in_words("recall@1", 0.5), _in_words("median_error_m", 3.21, unit=True), _in_words("N-S score", 3.5)
        ('50.0', '3.2 m', '3.50')
    """
    if value is None:
        return "none"
    if name == "median_error_m":
        return f"{value:.1f} m" if unit else f"{value:.1f}"
    if name == "N-S score":
        return f"{value:.2f}"
    return f"{100 * value:.1f} %" if unit else f"{100 * value:.1f}"
