"""``placeprint pairs``: image pairs for a reconstruction."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import print_text, progress_bar, say

FORMS = ("colmap", "hloc", "csv")
InAtlas = Annotated[Path, typer.Argument(help="Folder or address of the atlas.")]
PerPhoto = Annotated[int, typer.Option(min=1, max=10_000, help="Pairs per photo.")]
Sequence = Annotated[
    int, typer.Option(min=0, max=1000, help="Also pair each photo with this many that follow it by name in its folder.")
]


def pairs(
    atlas: InAtlas,
    form: Annotated[str, typer.Option("--format", help="colmap, hloc or csv.")] = "colmap",
    per_photo: PerPhoto = 20,
    sequence: Sequence = 0,
    output: Annotated[Path | None, typer.Option(help="File for the pairs; by default they are printed.")] = None,
) -> None:
    """List image pairs from verified matches, for COLMAP or hloc. Names are relative to the photos' common folder."""
    from placeprint.atlas import Atlas
    from placeprint.core.files import write_atomically
    from placeprint.core.options import check_name
    from placeprint.core.outputs import PAIRS, check_output
    from placeprint.places.graph import match_graph
    from placeprint.reconstruction.pairing import NamedPhotos, image_pairs, pair_lines

    check_name("format", form, FORMS)
    if output is not None:
        check_output(output, PAIRS, [atlas])
    opened = Atlas.open(atlas)
    with progress_bar("matching", "photos") as progress:
        graph = match_graph(opened, progress=progress)
    found = image_pairs(graph, per_photo=per_photo, sequence=sequence)
    named = NamedPhotos.of(graph.photos)
    text = pair_lines(found, named.names, form)
    if output is None:
        print_text(text)
        return
    write_atomically(output, text.encode("utf-8", "surrogateescape"))
    say(f"wrote {len(found)} pairs of {len(graph.photos)} photos to {output}; names are relative to {named.root}")
