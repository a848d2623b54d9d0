"""``placeprint models``: list presets, components and network weights."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from placeprint.cli.output import print_json, show


def models(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the presets, the components, and the network weights with source and license."""
    from rich.table import Table

    from placeprint.core import registry
    from placeprint.networks.weights import WEIGHTS, weights_path
    from placeprint.presets import load_preset, preset_names

    presets = [load_preset(name) for name in preset_names()]
    components = {kind: registry.names(kind) for kind in registry.COMPONENTS}
    weights = [dataclasses.asdict(row) | {"installed": weights_path(row) is not None} for row in WEIGHTS]
    if json:
        summaries = {preset.name: preset.summary for preset in presets}
        print_json({"presets": summaries, "components": components, "weights": weights})
        return
    table = Table("preset", "what it is", title="Presets", title_justify="left")
    for preset in presets:
        table.add_row(preset.name, preset.summary)
    show(table)
    table = Table("kind", "names", title="Components", title_justify="left")
    for kind, listed in components.items():
        table.add_row(kind, ", ".join(listed))
    show(table)
    table = Table(title="Network weights", title_justify="left")
    table.add_column("weights", no_wrap=True)
    for column in ("length", "what they are", "licence"):
        table.add_column(column)
    for row in weights:
        lines = [row["source"], f"trained on {row['trained_on']}"]
        if not row["installed"]:
            lines.append(f"not installed: {row['install']}")
        table.add_row(row["name"], str(row["dim"]), "\n".join(lines), row["licence"])
    show(table)
