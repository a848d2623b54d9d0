"""The command line: one file a verb, each a thin skin over the library.

A `PlaceprintError` becomes one line on stderr and exit status 1; wrong usage exits with 2, Ctrl-C with 130.
"""

from __future__ import annotations

import sys

import typer

from placeprint.cli import (
    benchmark,
    datasets,
    demo,
    evaluate,
    export,
    index,
    info,
    inspect,
    learn,
    match,
    models,
    refit,
    remove,
    search,
    train,
)
from placeprint.errors import PlaceprintError
from placeprint.version import __version__

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""

app = typer.Typer(
    name="placeprint",
    help="Show it a photo: it says which place it shows, and proves it with verified point matches.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for verb in (index, search, match, inspect, info, remove, refit, learn, train, evaluate, export, models, demo):
    app.command()(getattr(verb, verb.__name__.rpartition(".")[2]))

app.add_typer(benchmark.app, name="benchmark")
app.add_typer(datasets.app, name="datasets")


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"placeprint {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    import warnings

    warnings.filterwarnings("ignore", module=r"PIL\.")  # of damaged metadata, which costs nothing else


def main() -> None:
    """Run the command line."""
    try:
        app()
    except PlaceprintError as error:
        typer.echo(f"placeprint: {error}", err=True)
        sys.exit(1)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            typer.echo(
                "placeprint: interrupted; what was stored is kept, run the same command again to go on", err=True
            )
        raise
