"""``placeprint inspect``: show what the units of a network respond to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placeprint.cli.output import printable, progress_bar, say, show
from placeprint.cli.skipping import Skips, list_named
from placeprint.core.options import check_name
from placeprint.errors import OptionError, PhotoError

if TYPE_CHECKING:
    from torch import nn

    from placeprint.types import Floats, Image

PRESET, RUN = "preset.toml", "recipe.toml"
MULTIPLE = 32
"""The sides of the network's input are multiples of this."""

Strongest = Annotated[
    int | None,
    typer.Option(min=1, max=1000, help="Show up to this many units with the strongest response; 9 by default."),
]
Backbone = Annotated[
    str,
    typer.Option(
        help="efficientnet-lite2, efficientnet-lite0, transformers:<hub name>, a folder; or something trained or "
        "imported: a run, a preset, or its backbone.safetensors."
    ),
]
Rule = Annotated[
    str,
    typer.Option(help="guided (Springenberg et al.), or deconvnet (Zeiler and Fergus), for networks that max-pool."),
]


def inspect(
    photos: Annotated[list[Path] | None, typer.Argument(help="Photos and folders of photos.")] = None,
    layer: Annotated[str | None, typer.Option(help="Name of a layer of the network; --layers lists them.")] = None,
    unit: Annotated[
        list[int] | None, typer.Option(min=0, max=1_000_000, help="Number of a unit; may be repeated.")
    ] = None,
    strongest: Strongest = None,
    per_unit: Annotated[int, typer.Option("--photos", min=1, max=1000, help="Photos per unit.")] = 9,
    backbone: Backbone = "efficientnet-lite2",
    rule: Rule = "guided",
    size: Annotated[
        int, typer.Option(min=MULTIPLE, max=4096, help="Longest side of the network's input, in pixels.")
    ] = 320,
    output: Annotated[Path | None, typer.Option(help="Picture to write, PNG or JPEG.")] = None,
    layers: Annotated[bool, typer.Option("--layers", help="List the layers and exit.")] = False,
) -> None:
    """Show what units of a network respond to: crops of photos, and the signals traced back to their pixels."""
    from placeprint.networks.deconvnet import RULES, load_network
    from placeprint.visualization.canvas import check_picture, write_picture
    from placeprint.visualization.inspection import draw_units

    backbone = _network_of(backbone)
    if layers:
        _print_layers(load_network(backbone))
        return
    if layer is None or output is None:
        raise OptionError("give --layer NAME and --output FILE; --layers lists the layers")
    check_name("rule", rule, RULES)
    if unit and strongest:
        raise OptionError("give --unit or --strongest, not both")
    if not photos:
        raise OptionError("name the photos to inspect, or folders of photos")
    check_picture(output, photos)
    paths, skips = list_named(photos)
    network = load_network(backbone)
    paths, answers = _answers(network, paths, layer, size, skips)
    drawn = []
    for number in _chosen_units(answers, layer, unit, strongest or 9, per_unit):
        best = _best(answers, number, per_unit)
        title = f"{layer}, unit {number}: {answers[best[0], number]:.3g} to {answers[best[-1], number]:.3g}"
        drawn.append(_pieces(network, [_read(paths[index], size) for index in best], layer, number, rule, title))
    write_picture(output, draw_units(drawn))
    for title, _ in drawn:
        say(title)
    say(f"{len(paths)} photos, {skips.count} skipped; wrote {output}")
    skips.leave()


def _network_of(place: str) -> str:
    """Return the network of a preset or of a run's folder; return any other name unchanged.

    Raises:
        OptionError: the preset has no network to show.
    """
    from placeprint.presets import load_preset

    path = Path(place)
    if (path / PRESET).is_file():
        path = path / PRESET
    elif (path / RUN).is_file():
        raise OptionError(f"the run {place!r} has no preset yet; let the training finish")
    if path.suffix != ".toml":
        return place
    preset = load_preset(str(path))
    found = next((each for each in (*preset.extractors[1:], preset.extractor) if each.name == "grid"), None)
    if found is None:
        raise OptionError(f"the preset {place!r} has no extractor 'grid', whose network could be shown")
    return str(found.options.get("backbone", "efficientnet-lite2"))


def _print_layers(network: nn.Module) -> None:
    from rich.table import Table

    from placeprint.networks.deconvnet import map_shapes
    from placeprint.networks.pretrained import PROBE

    table = Table("layer", "units", "pixels from cell to cell")
    for name, (units, _, width) in map_shapes(network).items():
        table.add_row(printable(name), str(units), f"{PROBE / width:.3g}")
    show(table)


def _read(path: Path, size: int) -> Image:
    from placeprint.features.resizing import resize_longest
    from placeprint.photos import read_image

    return resize_longest(read_image(path), size, MULTIPLE)


def _answers(network: nn.Module, paths: list[Path], layer: str, size: int, skips: Skips) -> tuple[list[Path], Floats]:
    """Return the usable photos and their ``(photos, units)`` highest activations; count the others.

    Raises:
        PhotoError: none can be used.
    """
    import numpy as np

    from placeprint.networks.deconvnet import activations, peaks

    used, found = [], []
    with progress_bar("looking", "photos") as progress:
        for number, path in enumerate(paths):
            try:
                picture = _read(path, size)
            except PhotoError as error:
                skips.report(path, error)
                continue
            found.append(peaks(activations(network, picture[None], layer))[0][0])
            used.append(path)
            progress(number + 1, len(paths))
    if not used:
        raise PhotoError(f"none of the {len(paths)} photos can be used")
    return used, np.stack(found)


def _chosen_units(answers: Floats, layer: str, wanted: list[int] | None, count: int, per_unit: int) -> list[int]:
    """Return the requested units, or those with the highest mean activation over their best photos."""
    import numpy as np

    if wanted:
        if max(wanted) >= answers.shape[1]:
            raise OptionError(f"the units of {layer!r} are 0 to {answers.shape[1] - 1}, got {max(wanted)}")
        return list(dict.fromkeys(wanted))
    means = np.sort(answers, axis=0)[::-1][:per_unit].mean(axis=0)
    return [int(number) for number in np.argsort(-means, kind="stable")[:count]]


def _best(answers: Floats, unit: int, count: int) -> list[int]:
    """Return the photos with the highest activations of a unit, highest first."""
    import numpy as np

    return [int(index) for index in np.argsort(-answers[:, unit], kind="stable")[:count]]


def _pieces(
    network: nn.Module, pictures: list[Image], layer: str, unit: int, rule: str, title: str
) -> tuple[str, list[tuple[Image, Image]]]:
    """Return the title, with the crop size, and the crops of one unit."""
    from placeprint.networks.deconvnet import reconstruct
    from placeprint.visualization.inspection import area_of, common_side, pieces

    signals = [reconstruct(network, picture, layer, unit, rule=rule)[0] for picture in pictures]
    areas = [area_of(signal) for signal in signals]
    side = common_side(areas)
    drawn = [pieces(*each, side) for each in zip(pictures, signals, areas, strict=True)]
    return f"{title}, crops of {side} pixels", drawn
