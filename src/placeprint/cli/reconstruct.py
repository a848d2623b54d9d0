"""``placeprint reconstruct``: a model of the scene from the photos of an atlas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from placeprint.cli.output import print_json, progress_bar, say
from placeprint.cli.pairs import InAtlas, PerPhoto, Sequence


def reconstruct(
    atlas: InAtlas,
    output: Annotated[Path, typer.Option(help="Folder for the model, in COLMAP's format.")],
    per_photo: PerPhoto = 20,
    sequence: Sequence = 2,
    features: Annotated[str, typer.Option(help="sift: detect new keypoints; stored: use those of the atlas.")] = "sift",
    mapper: Annotated[str, typer.Option(help="auto, global or incremental.")] = "auto",
    shared_camera: Annotated[
        bool, typer.Option("--shared-camera", help="Use one camera for all photos of the same size.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Build a 3D model from the photos of an atlas; it is georeferenced if they have positions."""
    from placeprint.atlas import Atlas
    from placeprint.core.outputs import check_output_folder
    from placeprint.places.graph import match_graph
    from placeprint.reconstruction import mapping

    check_output_folder(output, [atlas], only=())
    opened = Atlas.open(atlas)
    with progress_bar("searching", "photos") as progress:
        graph = match_graph(opened, progress=progress)
    with progress_bar("matching and mapping", "steps") as progress:
        model = mapping.reconstruct(
            opened,
            graph,
            output,
            per_photo=per_photo,
            sequence=sequence,
            features=features,
            mapper=mapper,
            shared_camera=shared_camera,
            progress=lambda _, done, total: progress(done, total),
        )
    if json:
        print_json(_as_data(model))
        return
    say(
        f"{model.registered} of {model.photos} photos have a pose; {model.points} points from {model.pairs} pairs, "
        f"reprojection error {model.reprojection_error:.2f} pixels; wrote {model.folder}"
    )
    if model.origin is not None:
        say(
            f"on the map around {model.origin.latitude:.6f}, {model.origin.longitude:.6f}; cameras are "
            f"{model.origin.error:.1f} m from their positions in the median"
        )


def _as_data(model: Any) -> dict[str, Any]:
    origin = model.origin
    return {
        "model": str(model.folder),
        "photos": model.photos,
        "registered": model.registered,
        "pairs": model.pairs,
        "points": model.points,
        "reprojection_error_px": model.reprojection_error,
        "origin": None if origin is None else {"latitude": origin.latitude, "longitude": origin.longitude},
        "position_error_m": model.position_error,
    }
