"""The command line: one file per command, each a thin layer over the library.

`leaving` handles errors and exit status, `skipping` photos that cannot be used, `output` printing.
"""

from __future__ import annotations

import sys

import typer

from placeprint.cli import (
    benchmark,
    calibrate,
    compare,
    coverage,
    datasets,
    demo,
    doctor,
    evaluate,
    explain,
    export,
    export_colmap,
    geotag,
    import_,
    index,
    info,
    inspect,
    learn,
    localize,
    locate,
    match,
    mcp,
    models,
    pairs,
    places,
    reconstruct,
    refit,
    remove,
    search,
    serve,
    train,
)
from placeprint.cli.arguments import Command, Group
from placeprint.cli.leaving import run
from placeprint.cli.output import say
from placeprint.version import __version__

app = typer.Typer(
    cls=Group,
    name="placeprint",
    help="Show it a photo: it says which place it shows, and proves it with verified point matches.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

VERBS = (
    index,
    search,
    locate,
    places,
    match,
    compare,
    explain,
    inspect,
    info,
    remove,
    refit,
    calibrate,
    learn,
    train,
    evaluate,
    export,
    geotag,
    doctor,
    coverage,
    pairs,
    reconstruct,
    localize,
    serve,
    mcp,
    demo,
)
for verb in VERBS:
    app.command(cls=Command)(getattr(verb, verb.__name__.rpartition(".")[2]))
app.command("import", cls=Command)(import_.import_)
app.command("export-colmap", cls=Command)(export_colmap.export_colmap)

app.add_typer(benchmark.app, name="benchmark")
app.add_typer(datasets.app, name="datasets")
app.add_typer(models.app, name="models")


def _print_version(value: bool) -> None:
    if value:
        say(f"placeprint {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    import warnings

    warnings.filterwarnings("ignore", module=r"PIL\.")  # about damaged metadata, which is harmless


def main() -> None:
    """Run the command line."""
    sys.exit(run(app))
