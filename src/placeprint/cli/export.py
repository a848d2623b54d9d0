"""``placeprint export``: write an ONNX file that computes global descriptors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import say, size_in_words


def export(
    place: Annotated[
        str,
        typer.Argument(
            metavar="PRESET_OR_ATLAS",
            help="Folder or address of an atlas, to use its codebook; or a preset with a codebook.",
        ),
    ],
    output: Annotated[Path, typer.Option(help="File to write.")] = Path("model.onnx"),
    int8: Annotated[
        bool,
        typer.Option(
            "--int8", help="Store the weights of linear layers in 8 bits: a smaller file, and faster for transformers."
        ),
    ] = False,
) -> None:
    """Write an ONNX file that computes the same global descriptors without placeprint."""
    from placeprint.core.outputs import ONNX, check_output
    from placeprint.onnx.exporting import CHECKED, check_picture, export_onnx, least_cosine, load_describer

    check_output(output, ONNX, [place])
    name, describer = load_describer(place)
    path = export_onnx(describer, output, name=name, int8=int8)
    say(
        f"wrote {path}: {describer.dim} values per photo, {size_in_words(path.stat().st_size)}, "
        "same output as placeprint"
    )
    if int8:
        cosine = least_cosine(describer, path, [check_picture(*size) for size in CHECKED])
        say(f"in 8 bits: on test pictures, the cosine with placeprint's descriptors is at least {cosine:.4f}")
