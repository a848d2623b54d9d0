"""``placeprint index``: add photos to an atlas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placeprint.cli.info import later
from placeprint.cli.output import progress_bar, say
from placeprint.cli.skipping import list_named
from placeprint.core.addresses import url_of
from placeprint.core.options import check_name
from placeprint.errors import OptionError

if TYPE_CHECKING:
    from placeprint.describing.bulk import Engine
    from placeprint.places.given_positions import GivenPositions


ENGINES = ("local", "ray")
Masks = Annotated[
    Path | None, typer.Option(help="Folder of masks, each named like its photo; white where keypoints are allowed.")
]
Ignore = Annotated[
    str | None,
    typer.Option(
        help="Classes to ignore, such as sky,people; the masks are then class maps, whose values classes.csv names."
    ),
]
Gps = Annotated[
    Path | None,
    typer.Option(help="Positions: a CSV file (path, latitude, longitude), or a GPX track, matched by time."),
]
ClockOffset = Annotated[
    str | None,
    typer.Option(help="The camera's clock minus UTC, for a track: seconds or [+-]HH:MM[:SS]; by default from EXIF."),
]
EngineName = Annotated[
    str,
    typer.Option("--engine", help="Where photos are described: local (threads on this machine), or ray (a cluster)."),
]
Address = Annotated[
    str | None, typer.Option(help="Address of the Ray cluster, such as auto; by default Ray runs on this machine.")
]


def index(
    photos: Annotated[
        list[Path], typer.Argument(help="Photos and folders of photos; also URLs, such as s3://walks/lund.")
    ],
    into: Annotated[
        Path, typer.Option(help="Folder of the atlas, or address such as s3://walks/atlas; created if missing.")
    ],
    preset: Annotated[
        str | None, typer.Option(help="Preset, which cannot be changed later; by default balanced.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Photos to describe in parallel; by default one per core.")
    ] = None,
    engine: EngineName = "local",
    address: Address = None,
    masks: Masks = None,
    ignore: Ignore = None,
    gps: Gps = None,
    clock_offset: ClockOffset = None,
) -> None:
    """Add photos to an atlas. Run it again, and only new and changed photos are read."""
    from placeprint.atlas import Atlas
    from placeprint.core.outputs import ATLAS_FILE, check_output_folder
    from placeprint.networks.runtimes import expect
    from placeprint.photos.masks import masks_in

    # before the atlas is made, so that a mistake leaves nothing behind
    paths, skips = list_named(photos, later=True)
    ignored = _classes(ignore)
    chosen = _engine(engine, address, workers)
    masks_in(masks, ignored)
    given = _positions(gps, clock_offset, paths)
    if url_of(into) is None and not (into / ATLAS_FILE).exists():
        check_output_folder(into)
    expect(len(paths))
    atlas = Atlas.open_or_create(into, preset)
    with progress_bar("indexing", "photos") as progress:
        report = atlas.add(paths, workers=workers, progress=progress, masks=masks, ignore=ignored, engine=chosen)
    done = report.added + report.changed
    rate = f", {done / report.seconds:.1f} photos/s" if done else ""
    count = len(report.skipped) + len(skips.waiting)
    say(
        f"{report.added} added, {report.changed} changed, {report.unchanged} unchanged, {count} skipped "
        f"in {report.seconds:.1f} s{rate}"
    )
    if report.moved:
        say(f"{report.moved} moved: their content is known, so their features are kept")
    if report.learned:
        say(f"learned a codebook from the {len(atlas)} photos of this atlas")
    if given is not None:
        atlas.set_positions(given.positions)
        count = len(given.positions)
        say(f"{count} photos have a position from {gps}, {len(paths) - count} have none there")
    skips.report_all(report.skipped)
    say(f"the atlas {into} has {len(atlas)} photos")
    if atlas.describer.shortened_at is not None:
        say(f"descriptors have {atlas.describer.dim} values{later(atlas.describer.shortened_at)}")
    skips.leave()


def _engine(name: str, address: str | None, workers: int | None) -> Engine | None:
    """Return the engine, or None for the threads of this machine.

    Raises:
        OptionError: the engine is unknown, or there is an address, but not for the engine ray.
    """
    check_name("engine", name, ENGINES)
    if name == "ray":
        from placeprint.describing.ray_engine import RayEngine

        return RayEngine(address, workers)
    if address is not None:
        raise OptionError("--address needs --engine ray")
    return None


def _classes(ignore: str | None) -> list[str]:
    """Return the names of the classes to ignore.

    Raises:
        OptionError: the option has no name in it.
    """
    names = [name for each in (ignore or "").split(",") if (name := each.strip())]
    if ignore is not None and not names:
        raise OptionError(f"--ignore needs class names, such as sky,people; got {ignore!r}")
    return names


def _positions(gps: Path | None, clock_offset: str | None, photos: list[Path]) -> GivenPositions | None:
    """Return the positions from a file, or None if there is none.

    Raises:
        OptionError: there is a clock offset without a file, or it cannot be read.
    """
    from placeprint.places.given_positions import clock_offset_of, read_positions

    offset = None if clock_offset is None else clock_offset_of(clock_offset)
    if gps is None:
        if offset is not None:
            raise OptionError("--clock-offset needs a track; give --gps TRACK.gpx")
        return None
    return read_positions(gps, photos, offset)
