"""``placeprint compare``: an overlay of photos of one place, as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import progress_bar, say
from placeprint.errors import OptionError, PhotoError


def compare(
    output: Annotated[Path, typer.Option(help="Page to write, .html.")],
    photos: Annotated[list[Path] | None, typer.Argument(help="Two or more photos of one place.")] = None,
    place: Annotated[str | None, typer.Option(help="Id of a place of an atlas, instead of photos.")] = None,
    atlas: Annotated[Path | None, typer.Option("--in", help="Folder or address of the atlas.")] = None,
    features: Annotated[str, typer.Option(help="Features to match the photos with.")] = "xfeat",
) -> None:
    """Overlay photos of one place, earlier ones on the latest, in one page with a slider."""
    from placeprint.explaining.compare_page import write_comparison
    from placeprint.explaining.comparing import compare_all
    from placeprint.pages import check_page

    if (place is None) != (atlas is None) or bool(photos) == (place is not None):
        raise OptionError("give two or more photos, or --place ID with --in ATLAS")
    title = "Then and now"
    if place is not None and atlas is not None:
        title, photos = _of_place(atlas, place)
    if photos is None or len(photos) < 2:
        raise OptionError(f"compare takes two or more photos, got {len(photos or [])}")
    check_page(output, [*photos, atlas])
    compared = compare_all(photos, features=features)
    if all(each.overlay is None for each in compared):
        reasons = "; ".join(f"{each.earlier.path.name}: {each.why_not}" for each in compared)
        raise PhotoError(
            f"no photo can be aligned with {compared[0].later.path.name}: {reasons}. No page was written; "
            "try photos from closer viewpoints, or --features sift"
        )
    write_comparison(output, compared, title=title)
    for each in compared:
        what = f"{each.answer.verification.num_inliers} matches" if each.overlay is not None else each.why_not
        say(f"{each.earlier.path.name}: {what}")
    say(f"wrote {output}")


def _of_place(atlas: Path, place: str) -> tuple[str, list[Path]]:
    """Return a title and the photos of a place of an atlas.

    Raises:
        OptionError: there is no such place.
    """
    from placeprint.atlas import Atlas
    from placeprint.places.locating import Locator

    opened = Atlas.open(atlas)
    with progress_bar("surveying the atlas", "photos") as progress:
        found = next((each for each in Locator(opened, most=None, progress=progress).places if each.id == place), None)
    if found is None:
        raise OptionError(f"the atlas {str(atlas)!r} has no place {place!r}; placeprint places lists them")
    photos = opened.snapshot().photos()
    return f"Then and now: {found.label}", [Path(photos[each].path) for each in found.photos]
