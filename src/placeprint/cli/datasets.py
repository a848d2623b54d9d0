"""``placeprint datasets``: list the protocols, say where to get their photos, and check copies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.arguments import Command
from placeprint.cli.output import print_json, printable, say, show

SHOWN = 5
"""Most missing or broken photos to name."""

app = typer.Typer(
    help="List the protocols of `evaluate`; `show` prints where to get the photos and which files are expected.",
    invoke_without_command=True,
)


@app.callback()
def datasets(context: typer.Context, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the protocols of `evaluate`, with the counts of the published sets."""
    if context.invoked_subcommand is not None:
        return
    from rich.table import Table

    from placeprint.datasets.protocols import load_protocol, protocol_names

    protocols = [load_protocol(name) for name in protocol_names()]
    if json:
        print_json([_as_data(protocol.name) for protocol in protocols])
        return
    table = Table(title="Protocols", title_justify="left")
    table.add_column("protocol", no_wrap=True)  # never wrapped, because users copy it
    for column in ("what it is", "queries", "database"):
        table.add_column(column)
    for each in protocols:
        counts = (f"{count:,}" if count is not None else "" for count in (each.queries, each.database))
        table.add_row(each.full_name, each.title, *counts)
    show(table)


@app.command("show", cls=Command)
def show_protocol(
    name: Annotated[str, typer.Argument(help="Protocol.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a protocol: its rule, its source, where to get the photos, and the expected files."""
    data = _as_data(name)
    if json:
        print_json(data)
        return
    from rich.table import Table

    table = Table(show_header=False, title=str(data["protocol"]), title_justify="left")
    for key, value in data.items():
        if value and key != "protocol":
            table.add_row(key, ", ".join(value) if isinstance(value, tuple) else printable(value))
    show(table)


@app.command(cls=Command)
def check(
    name: Annotated[str, typer.Argument(help="Protocol.")],
    folder: Annotated[Path, typer.Argument(help="Folder of the copy.")],
    sample: Annotated[int, typer.Option(min=0, max=1_000_000_000, help="Number of photos to read as a test.")] = 50,
) -> None:
    """Check a copy on disk: its layout, its counts, that every photo exists, and that a sample can be read.

    The exit status is 1 if something is wrong.
    """
    from placeprint.datasets.photos.local_copy import check_copy

    report = check_copy(name, folder, sample=sample)
    say(
        f"{report.protocol}: {report.queries:,} queries, {report.database:,} database photos; "
        f"{report.positives:.1f} right photos per query, {report.without_positives:,} queries without one"
        + (f"; {report.not_in_database:,} more queries that are not in the database" if report.not_in_database else "")
    )
    for difference in report.differences:
        say(f"differs: {difference}")
    for what, paths in (("missing", report.missing), ("broken", [f"{path}: {why}" for path, why in report.broken])):
        for path in paths[:SHOWN]:
            say(f"{what}: {path}")
        if len(paths) > SHOWN:
            say(f"{what}: {len(paths) - SHOWN:,} more")
    say(
        f"tried to read {report.read} photos, {len(report.broken)} cannot be read; "
        f"the copy is {'complete' if report.whole else 'damaged or incomplete'}"
    )
    if not report.whole:
        raise typer.Exit(1)


def _as_data(name: str) -> dict[str, str | int | tuple[str, ...] | None]:
    from placeprint.datasets.protocols import load_protocol

    protocol = load_protocol(name)
    return {
        "protocol": protocol.full_name,
        "title": protocol.title,
        "rule": protocol.rule,
        "source": protocol.source,
        "where": protocol.where,
        "layout": protocol.layout,
        "queries": protocol.queries,
        "database": protocol.database,
        "metrics": protocol.metrics,
    }
