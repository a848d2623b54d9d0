"""``placeprint localize``: the camera poses of photos in a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placeprint.cli.output import print_text, say, say_verdict
from placeprint.cli.skipping import check_some, list_named
from placeprint.errors import PhotoError

if TYPE_CHECKING:
    from placeprint.types import Pose


def localize(
    queries: Annotated[list[Path], typer.Argument(help="Photos and folders of photos.")],
    atlas: Annotated[Path, typer.Option("--in", help="Folder or address of the atlas.")],
    model: Annotated[Path, typer.Option(help="Folder of the model, in COLMAP's format.")],
    candidates: Annotated[
        int, typer.Option(min=1, max=1000, help="Photos of the model to match each query with.")
    ] = 10,
    form: Annotated[str, typer.Option("--format", help="json, colmap, tum or geojson, for --output.")] = "json",
    output: Annotated[Path | None, typer.Option(help="File for the poses.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find the camera poses of photos in a model. The model is not changed."""
    from placeprint.atlas import Atlas
    from placeprint.core.files import write_atomically
    from placeprint.core.options import check_name
    from placeprint.core.outputs import POSES, check_output
    from placeprint.reconstruction.localizing import Localizer
    from placeprint.reconstruction.results import FORMS, poses_text

    check_name("format", form, FORMS)
    if output is not None:
        check_output(output, POSES, [*queries, atlas, model])
    localizer = Localizer(Atlas.open(atlas), model)
    paths, skips = list_named(queries)
    poses: dict[str, Pose | None] = {}
    for path in paths:
        try:
            poses[str(path)] = localizer.localize(path, candidates=candidates)
        except PhotoError as error:
            skips.report(path, error)
            continue
        if not json:
            _print(path, poses[str(path)])
    if json:
        print_text(poses_text(poses, "json"))
    if output is not None:
        write_atomically(output, poses_text(poses, form).encode("utf-8", "surrogateescape"))
        say(f"wrote {output}", err=json)
    check_some(len(poses), len(paths))
    skips.leave()


def _print(path: Path, pose: Pose | None) -> None:
    if pose is None:
        say_verdict(str(path), "yellow", ": no pose fits")
        return
    x, y, z = pose.center
    say_verdict(str(path), "green", f": {pose.inliers} of {pose.matches} points fit")
    where = f"  at {x:.2f}, {y:.2f}, {z:.2f} in the model, to within {pose.position_spread:.2g}"
    if pose.location is not None and pose.heading is not None:
        where += f"; {pose.location[0]:.6f}, {pose.location[1]:.6f}, looking to {pose.heading:.0f} degrees"
    say(where)
