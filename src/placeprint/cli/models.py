"""``placeprint models``: presets, components and network weights; ``get`` fetches those of published networks."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placeprint.cli.arguments import Command
from placeprint.cli.output import print_json, progress_bar, say, show

if TYPE_CHECKING:
    from placeprint.networks.published import Network, PublishedFile

MEGABYTE = 1_000_000

app = typer.Typer(
    help="List presets, components and network weights; `get` fetches the weights of a published network.",
    invoke_without_command=True,
)


@app.callback()
def models(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    licenses: Annotated[
        bool, typer.Option("--licenses", help="List only the licenses of all weights, and of the authors' code.")
    ] = False,
) -> None:
    """List the presets, the components, and the network weights with source and license."""
    if context.invoked_subcommand is not None:
        return
    if licenses:
        _list_licenses(json=json)
        return
    from placeprint.core import registry
    from placeprint.networks.weights import WEIGHTS, weights_path
    from placeprint.presets import load_preset, preset_names

    presets = [load_preset(name) for name in preset_names()]
    components = {kind: registry.names(kind) for kind in registry.COMPONENTS}
    weights = [dataclasses.asdict(row) | {"installed": weights_path(row) is not None} for row in WEIGHTS]
    published = _published_rows()
    if json:
        summaries = {preset.name: preset.summary for preset in presets}
        print_json({"presets": summaries, "components": components, "weights": weights, "published": published})
        return
    _show_rows("Presets", ("preset", "what it is"), [(preset.name, preset.summary) for preset in presets])
    _show_rows("Components", ("kind", "names"), [(kind, ", ".join(listed)) for kind, listed in components.items()])
    _show_rows("Network weights", ("weights", "length", "what they are", "license"), [_line_of(row) for row in weights])
    _show_rows(
        "Published networks: placeprint models get NAME",
        ("network", "method", "length", "size", "license of the weights", "here"),
        [
            (row["name"], row["method"], str(row["dim"]), row["size"], row["weights_license"], "yes" * row["here"])
            for row in published
        ],
    )


@app.command(cls=Command)
def get(
    name: Annotated[str, typer.Argument(help="Published network; `placeprint models` lists them.")],
    given: Annotated[
        list[Path] | None,
        typer.Option("--from", help="Use this local file instead of fetching it; repeat for each file."),
    ] = None,
) -> None:
    """Fetch the weights of a published network, or use local files. They are checked by loading them."""
    from placeprint.networks.published import checkpoints, find_network

    network = find_network(name)
    _say_license(network)
    if given:
        paths = checkpoints.take(network, given)
    else:
        with progress_bar(f"Fetching {network.name}, {network.size_text}", "MB") as progress:

            def report(file: PublishedFile, done: int, total: int) -> None:
                progress(done // MEGABYTE, max(total, done) // MEGABYTE)

            paths = checkpoints.get(network, report)
    for path in paths:
        say(f"{path}")
    say(f"{network.name} is ready: {network.dim} values per photo, sha256 {checkpoints.sha256(network)[:12]}...")


def _say_license(network: Network) -> None:
    """Say what may be done with a network, before anything is fetched."""
    say(f"{network.method}: {network.paper}", err=True)
    say(f"license of the authors' code: {network.license.code}", err=True)
    say(f"license of the weights: {network.license.weights}", err=True)
    if not network.license.stated:
        say(
            "These weights have no stated license, so they grant no rights: ask the authors before commercial use.",
            err=True,
        )


def _list_licenses(*, json: bool) -> None:
    """Print what may be done with each network; those whose license is not stated come last."""
    from placeprint.networks.published import checkpoints, published_networks
    from placeprint.networks.weights import WEIGHTS, weights_path

    rows = [
        {
            "name": row.name,
            "weights": row.license,
            "code": "part of placeprint",
            "stated": True,
            "here": weights_path(row) is not None,
        }
        for row in WEIGHTS
    ] + [
        {
            "name": row.name,
            "weights": row.license.weights,
            "code": row.license.code,
            "stated": row.license.stated,
            "here": checkpoints.is_here(row),
        }
        for row in published_networks()
    ]
    rows.sort(key=lambda row: not row["stated"])
    if json:
        print_json(rows)
        return
    _show_rows(
        "Licenses of networks",
        ("network", "weights", "code", "here"),
        [(str(row["name"]), str(row["weights"]), str(row["code"]), "yes" * bool(row["here"])) for row in rows],
    )
    say("Weights without a stated license grant no rights: ask their authors before commercial use.")


def _published_rows() -> list[dict[str, Any]]:
    from placeprint.networks.published import checkpoints, published_networks

    return [
        {
            "name": row.name,
            "full_name": row.full_name,
            "method": row.method,
            "paper": row.paper,
            "dim": row.dim,
            "bytes": row.bytes,
            "size": row.size_text,
            "code_license": row.license.code,
            "weights_license": row.license.weights,
            "from": [file.url or file.page for file in row.files],
            "here": checkpoints.is_here(row),
        }
        for row in published_networks()
    ]


def _line_of(row: dict[str, Any]) -> tuple[str, ...]:
    lines = [row["source"], f"trained on {row['trained_on']}"]
    if not row["installed"]:
        lines.append(f"not installed: {row['install']}")
    return row["name"], str(row["dim"]), "\n".join(lines), row["license"]


def _show_rows(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column(columns[0], no_wrap=True)  # whole, since it is what other commands are given
    for column in columns[1:]:
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    show(table)
