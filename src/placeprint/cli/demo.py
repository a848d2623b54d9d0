"""``placeprint demo``: index and search photos that are already on this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placeprint.cli.index import index
from placeprint.cli.output import say
from placeprint.cli.search import search
from placeprint.core.defaults import PRESET

if TYPE_CHECKING:
    from placeprint.types import Image


def demo(
    photos: Annotated[Path | None, typer.Option(help="Folder of your own photos to index.")] = None,
    query: Annotated[list[Path] | None, typer.Option(help="Your own photos to search for.")] = None,
    output: Annotated[Path, typer.Option(help="Folder for the atlas and the pictures.")] = Path("demo"),
    preset: Annotated[str, typer.Option(help="Preset: how photos are described.")] = PRESET,
) -> None:
    """Build an atlas and query it: on sample photos, or on your own."""
    from placeprint.core.outputs import check_output_folder

    if (photos is None) != (query is None):
        raise typer.BadParameter("give both --photos and --query, or neither")
    check_output_folder(output, [photos, *(query or ())])
    status = 0
    with tempfile.TemporaryDirectory(prefix="placeprint-demo-") as fresh:
        if photos is None or query is None:
            photos, query = output / "photos", [output / "queries"]
            _write_samples(photos, query[0])
            atlas = Path(fresh) / "atlas"
            say(f"sample photos of ten places are in {photos}, queries in {query[0]}")
        else:
            atlas = output / "atlas"
        index([photos], into=atlas, preset=preset)
        try:
            search(query, atlas=atlas, top=3, verify=50, rotations=True, json=False, save_matches=output / "matches")
        except typer.Exit as some_failed:
            status = some_failed.exit_code
    say(f"pictures of the verified matches are in {output / 'matches'}")
    raise typer.Exit(status)


def _write_samples(photos: Path, queries: Path) -> None:
    from placeprint.datasets.photos.sample_photos import ELSEWHERE, PLACES, SECOND_VIEWS, read_samples
    from placeprint.visualization.canvas import write_picture

    places = read_samples(PLACES)
    for folder, pictures in (
        (photos, places),
        (queries, _queries(places, read_samples(SECOND_VIEWS), read_samples(ELSEWHERE))),
    ):
        for name, picture in pictures.items():
            write_picture(folder / f"{name}.png", picture)


def _queries(places: dict[str, Image], second_views: dict[str, Image], elsewhere: dict[str, Image]) -> dict[str, Image]:
    from placeprint.datasets.photos.sample_photos import rephotograph
    from placeprint.photos import rotate_image

    return {
        "motorcycle-other-camera": second_views["motorcycle"],
        "temple-strong-viewpoint": rephotograph(places["temple"], corners=0.16, seed=1)[0],
        "coffee-underexposed": rephotograph(places["coffee"], exposure=0.35, seed=2)[0],
        "rocket-blurred": rephotograph(places["rocket"], blur=1.5, seed=3)[0],
        "astronaut-cropped": rephotograph(places["astronaut"], crop=0.55, corners=0.06, seed=4)[0],
        "camera-turned": rotate_image(rephotograph(places["camera"], seed=5)[0], 90),
        **{f"elsewhere-{name}": picture for name, picture in elsewhere.items()},
    }
