"""``placeprint export-colmap``: keypoints, matches and two-view geometries for COLMAP, or files for hloc."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import progress_bar, say
from placeprint.cli.pairs import InAtlas, PerPhoto, Sequence
from placeprint.errors import OptionError


def export_colmap(
    atlas: InAtlas,
    database: Annotated[Path | None, typer.Option(help="File of the COLMAP database to make.")] = None,
    hdf5: Annotated[Path | None, typer.Option(help="Folder for features.h5 and matches.h5 in hloc's layout.")] = None,
    per_photo: PerPhoto = 20,
    sequence: Sequence = 0,
    shared_camera: Annotated[
        bool, typer.Option("--shared-camera", help="Use one camera for all photos of the same size.")
    ] = False,
) -> None:
    """Write keypoints, matches and two-view geometries into a COLMAP database, or into files in hloc's layout."""
    from placeprint.atlas import Atlas
    from placeprint.core.outputs import DATABASE, check_output, check_output_folder
    from placeprint.places.graph import match_graph
    from placeprint.reconstruction.database import export_database
    from placeprint.reconstruction.hloc_files import FEATURES, MATCHES, write_hloc
    from placeprint.reconstruction.pairing import NamedPhotos, image_pairs

    if database is None and hdf5 is None:
        raise OptionError("say what to write: --database FILE, --hdf5 FOLDER, or both")
    if database is not None:
        check_output(database, DATABASE, [atlas])
    if hdf5 is not None:
        check_output_folder(hdf5, [atlas], only=(FEATURES, MATCHES), mark=FEATURES)
    opened = Atlas.open(atlas)
    with progress_bar("searching", "photos") as progress:
        graph = match_graph(opened, progress=progress)
    found, now = image_pairs(graph, per_photo=per_photo, sequence=sequence), opened.snapshot()
    root = NamedPhotos.of(now.usable()).root
    if database is not None:
        with progress_bar("matching", "pairs") as progress:
            done = export_database(now, found, database, shared_camera=shared_camera, progress=progress)
        say(f"wrote {database}: {done.images} images, {done.verified} verified pairs; names are relative to {root}")
    if hdf5 is not None:
        with progress_bar("matching", "pairs") as progress:
            write_hloc(now, found, hdf5, progress=progress)
        say(f"wrote {len(now.usable())} images and {len(found)} pairs to {hdf5}; names are relative to {root}")
