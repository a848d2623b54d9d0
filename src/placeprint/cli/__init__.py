"""The command line: one file per command, each a thin layer over the library.

`leaving` handles errors and exit status, `skipping` photos that cannot be used, `output` printing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType

import typer

from placeprint.cli import (
    benchmark,
    calibrate,
    compact,
    compare,
    coverage,
    datasets,
    demo,
    doctor,
    evaluate,
    explain,
    export,
    export_atlas,
    export_colmap,
    export_data,
    geotag,
    import_,
    import_atlas,
    index,
    info,
    inspect,
    learn,
    localize,
    locate,
    match,
    mcp,
    models,
    pack,
    pairs,
    places,
    push,
    reconstruct,
    refit,
    remove,
    search,
    serve,
    train,
    unpack,
    verify,
)
from placeprint.cli.arguments import Command, Group
from placeprint.cli.leaving import run
from placeprint.cli.networks import on_networks
from placeprint.cli.output import say
from placeprint.version import __version__

app = typer.Typer(
    cls=Group,
    name="placeprint",
    help="Show it a photo: it says which place it shows, and proves it with verified point matches.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

PANELS: Mapping[str, tuple[ModuleType, ...]] = {
    "Photos": (index, search, locate, match, demo),
    "Places": (places, explain, compare, geotag, doctor, coverage),
    "Atlas": (info, remove, refit, calibrate, compact, verify, pack, unpack, export_atlas, import_atlas, push),
    "Reconstruction": (pairs, export_colmap, reconstruct, localize),
    "Service": (serve, mcp),
    "Research": (evaluate, train, learn, inspect, export, export_data, import_),
}
"""The commands, by what they are for."""
NETWORKED = {*PANELS["Photos"], *PANELS["Service"], *PANELS["Research"]} - {import_}
NETWORKED |= {calibrate, compare, explain, localize, reconstruct}
"""The commands that may run networks."""
for panel, verbs in PANELS.items():
    for verb in verbs:
        called = verb.__name__.rpartition(".")[2]
        name = called.strip("_").replace("_", "-")
        command = getattr(verb, called)
        networked = on_networks(command) if verb in NETWORKED else command
        app.command(name, cls=Command, rich_help_panel=panel)(networked)
for part, group in (("benchmark", benchmark), ("datasets", datasets), ("models", models)):
    app.add_typer(group.app, name=part, rich_help_panel="Research")


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
