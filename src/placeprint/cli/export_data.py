"""``placeprint export-data``: descriptors, photos and places of an atlas in files for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placeprint.cli.output import progress_bar, say
from placeprint.errors import OptionError

if TYPE_CHECKING:
    from placeprint.places.grouping import PlaceGroup


def export_data(
    atlas: Annotated[Path, typer.Argument(help="Folder or address of the atlas.")],
    output: Annotated[Path, typer.Option(help="File to write: .parquet, .faiss, .geojson or .kml.")],
    form: Annotated[
        str | None,
        typer.Option("--format", help="parquet, faiss, geojson or kml; by default from the file name's extension."),
    ] = None,
    places: Annotated[
        bool, typer.Option("--places", help="Also write the places that photos show: geojson and kml.")
    ] = False,
) -> None:
    """Write descriptors (Parquet, FAISS) or photos and places (GeoJSON, KML) of an atlas for other programs."""
    from placeprint.atlas import Atlas
    from placeprint.core.files import write_atomically
    from placeprint.core.options import check_name
    from placeprint.core.outputs import FAISS, KML, PARQUET, TABLE, check_output
    from placeprint.exports import FORMS
    from placeprint.exports.descriptors import TABLE as SUFFIX
    from placeprint.exports.descriptors import write_faiss, write_parquet
    from placeprint.exports.photo_maps import geojson_text, kml_text
    from placeprint.places.locating import Locator

    chosen = form or FORMS.get(output.suffix.lower())
    if chosen is None:
        raise OptionError(
            f"{str(output)!r} does not name a known format; end the name in {', '.join(FORMS)}, or give --format"
        )
    check_name("format", chosen, sorted(set(FORMS.values())))
    if places and chosen in {"parquet", "faiss"}:
        raise OptionError("--places works only with geojson and kml")
    check_output(output, {"parquet": PARQUET, "faiss": FAISS, "geojson": TABLE, "kml": KML}[chosen], [atlas])
    if chosen == "faiss":
        check_output(output.with_name(output.name + SUFFIX), FAISS, [atlas])
    opened = Atlas.open(atlas)
    if chosen in {"parquet", "faiss"}:
        write = write_parquet if chosen == "parquet" else write_faiss
        count = write(opened.snapshot(), output)
        say(f"wrote {count} descriptors of {opened.info().dim} values to {output}")
        return
    photos = opened.snapshot().usable()
    found: Sequence[PlaceGroup] = ()
    if places:
        with progress_bar("surveying the atlas", "photos") as progress:
            found = Locator(opened, most=None, progress=progress).places
    text = (geojson_text if chosen == "geojson" else kml_text)(photos, found)
    write_atomically(output, text.encode())
    say(f"wrote {len(photos)} photos to {output}")
