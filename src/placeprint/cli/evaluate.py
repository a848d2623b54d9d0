"""``placeprint evaluate``: measure a preset on a benchmark folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placeprint.cli.output import printable, progress_bar, say, show, size_in_words
from placeprint.cli.search import Mode
from placeprint.cli.skipping import Skips
from placeprint.core.defaults import PRESET
from placeprint.errors import OptionError

if TYPE_CHECKING:
    from placeprint.datasets.retrieval_set import RetrievalSet
    from placeprint.evaluation.results import Difference, Result

Protocol = Annotated[
    str | None,
    typer.Option(
        help="Name of a protocol (see placeprint datasets), or the path of a TOML file; by default place-folder."
    ),
]
Verify = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=1_000_000_000,
        help="Candidates verified by geometry; 0 for search only; by default as many as the preset uses.",
    ),
]


def evaluate(
    folder: Annotated[Path, typer.Argument(help="Folder of the benchmark, laid out as its protocol expects.")],
    preset: Annotated[str, typer.Option(help="Preset, or the path of a preset's TOML file.")] = PRESET,
    protocol: Protocol = None,
    verify: Verify = None,
    codebook: Annotated[
        str,
        typer.Option(help="own: learned from the database photos; adapted: the shipped one, adapted to them; shipped."),
    ] = "own",
    mode: Mode = None,
    turn: Annotated[
        float,
        typer.Option(
            "--rotate", "--turn", min=-360, max=360, help="Rotate the queries by this many degrees, counter-clockwise."
        ),
    ] = 0.0,
    json: Annotated[Path | None, typer.Option("--json", help="Write metrics and rankings to this file.")] = None,
    against: Annotated[
        Path | None, typer.Option(help="JSON of an earlier result on the same queries: test the difference.")
    ] = None,
) -> None:
    """Measure a preset by a protocol: recall, precision, times, bytes per photo, with 95 % intervals."""
    from placeprint.core.outputs import RESULT, check_output
    from placeprint.datasets.protocols import read_retrieval_set
    from placeprint.evaluation.comparison import check_comparable
    from placeprint.evaluation.result_files import read_result, write_result
    from placeprint.networks.runtimes import expect

    if json is not None:
        check_output(json, RESULT, [folder, against])
    earlier = None if against is None else read_result(against)
    dataset = read_retrieval_set(protocol, folder)
    if earlier is not None:
        check_comparable(dataset.protocol, dataset.queries, earlier, len(dataset.database))
    expect(len(dataset.database) + len(dataset.queries))
    result = _measured(dataset, preset, verify=verify, codebook=codebook, turn=turn, mode=mode)
    _print_result(result)
    Skips().report_all(_unread(result))
    if earlier is not None:
        result = _compared(result, earlier, str(against))
    if json is not None:
        write_result(json, result)
        say(f"wrote {json}")


def _measured(
    dataset: RetrievalSet, preset: str, *, verify: int | None, codebook: str, turn: float, mode: str | None
) -> Result:
    """Return the result of retrieval, or of positions where the protocol is about them."""
    from placeprint.evaluation.leave_one_out import evaluate_positions, is_about_positions
    from placeprint.evaluation.retrieval import evaluate_retrieval

    with progress_bar("evaluating", "photos") as progress:
        if is_about_positions(dataset):
            _check_not_given(verify=verify, mode=mode, codebook=codebook != "own" or None, rotate=turn or None)
            return evaluate_positions(dataset, preset, progress=progress)
        return evaluate_retrieval(
            dataset, preset, verify=verify, codebook=codebook, turn=turn, mode=mode, progress=progress
        )


def _check_not_given(**options: object) -> None:
    """Refuse options that mean nothing where positions are measured.

    Raises:
        OptionError: one of them is not None.
    """
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise OptionError(f"this protocol measures the positions that locate reports; omit --{given[0]}")


def _unread(result: Result) -> list[tuple[str, str]]:
    """Return path and reason of the photos and queries that could not be used."""
    queries = (*result.queries, *result.not_in_database)
    return [*result.skipped, *((query.query, query.error) for query in queries if query.error is not None)]


def _compared(result: Result, earlier: Result, file: str) -> Result:
    """Print how a result differs from an earlier one; return it with the differences."""
    from placeprint.evaluation.comparison import compare
    from placeprint.evaluation.results import Against

    differences = compare(result, earlier)
    _print_differences(differences, earlier)
    return replace(
        result, against=Against(file=file, preset=earlier.preset, options=earlier.options, differences=differences)
    )


def _print_result(result: Result) -> None:
    from rich.table import Table
    from rich.text import Text

    from placeprint.evaluation.measures import in_words

    title = f"{result.preset} on {result.dataset}, {result.protocol}"
    table = Table("measure", "value", "95 % interval", title=Text(printable(title)), title_justify="left")
    for name, value in result.metrics.items():
        low, high = (in_words(name, each) for each in result.intervals[name])
        table.add_row(name, in_words(name, value, unit=True), "" if value is None else f"{low} to {high}")
    table.add_row("index", f"{result.ms_per_photo:.0f} ms per photo", "")
    if result.ms_per_query is not None:
        table.add_row("query", f"{result.ms_per_query:.0f} ms (median)", "")
    table.add_row("disk", f"{size_in_words(result.bytes_per_photo or 0)} per photo", "")
    if result.peak_bytes is not None:
        table.add_row("peak memory", size_in_words(result.peak_bytes), "")
    table.add_row("queries", f"{len(result.queries)}, {result.queries_without_positives} without positives", "")
    if result.not_in_database:
        table.add_row("", f"{len(result.not_in_database)} not in the database", "")
    if result.failed_queries:
        table.add_row("", f"{result.failed_queries} could not be read", "")
    table.add_row("database", f"{result.database_photos} photos, {result.skipped_photos} skipped", "")
    show(table)


def _print_differences(differences: Mapping[str, Difference], earlier: Result) -> None:
    from rich.table import Table
    from rich.text import Text

    from placeprint.evaluation.measures import in_words

    title = f"difference from {_in_words(earlier)}; shares in points"
    table = Table(
        "measure", "difference", "95 % interval", "p", "test", title=Text(printable(title)), title_justify="left"
    )
    for name, each in differences.items():
        difference, low, high = (in_words(name, value) for value in (each.difference, each.low, each.high))
        table.add_row(name, difference, f"{low} to {high}", f"{each.p:.2g}", each.test)
    show(table)


def _in_words(result: Result) -> str:
    """Return the settings of a result, as far as it has them."""
    verify = "unknown" if result.options.verify is None else result.options.verify
    return f"{result.preset or 'an unknown preset'}, verify {verify}"
