"""``placeprint import``: make a preset from a checkpoint of other code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import say
from placeprint.errors import OptionError


def import_(
    checkpoint: Annotated[Path, typer.Argument(help="File of weights: .pth, .pth.tar, .pt or .safetensors.")],
    kind: Annotated[str, typer.Option("--as", help="Kind of checkpoint: cgd or netvlad.")],
    output: Annotated[Path, typer.Option(help="Folder for the preset; must be new.")],
    size: Annotated[
        int,
        typer.Option(
            min=0,
            max=4096,
            help="Input size of the network in pixels; 0 for 224 x 224 (cgd) or 640 on the long side (netvlad).",
        ),
    ] = 0,
    config: Annotated[
        str, typer.Option(help="cgd: letters of its poolings, in order; by default S, SG or SMG.", show_default=False)
    ] = "",
    full_stage: Annotated[
        int, typer.Option(min=0, max=4, help="cgd: stage of the ResNet that keeps its resolution; 0 for none.")
    ] = 3,
    mean: Annotated[
        str, typer.Option(help="Mean of red, green and blue, as in 0.485,0.456,0.406.", show_default=False)
    ] = "",
    deviation: Annotated[
        str,
        typer.Option(help="Standard deviation of red, green and blue, as in 0.229,0.224,0.225.", show_default=False),
    ] = "",
) -> None:
    """Make a preset from a checkpoint of other code. Nothing in the file is executed."""
    from placeprint.describing.importing import import_checkpoint
    from placeprint.networks.checkpoints import CheckpointOptions

    options = CheckpointOptions(
        config=config,
        full_stage=full_stage,
        mean=_numbers("--mean", mean),
        deviation=_numbers("--deviation", deviation),
    )
    preset = import_checkpoint(checkpoint, kind, output, size=size, options=options)
    say(f"wrote {preset}; use it with --preset {preset}")


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise OptionError(f"{option} takes three numbers separated by commas, got {text!r}") from None
