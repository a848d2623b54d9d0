"""``placeprint locate``: which place photos show, and where they were taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placeprint.cli.filtering import After, Before, Folder, InBox, Label, Near, filter_of
from placeprint.cli.output import print_json, printable, progress_bar, say, say_verdict, warn
from placeprint.cli.search import in_words, short
from placeprint.cli.skipping import check_some, list_named
from placeprint.errors import PhotoError

if TYPE_CHECKING:
    from placeprint.atlas import Atlas
    from placeprint.store.photo_filter import PhotoFilter
    from placeprint.types import Evidence, Image, Located

Queries = Annotated[list[Path], typer.Argument(help="Photos, folders of photos and, with --sequence, videos.")]


def locate(
    queries: Queries,
    atlas: Annotated[Path, typer.Option("--in", help="Folder or address of the atlas.")],
    top: Annotated[int, typer.Option(min=1, max=1_000_000_000, help="Candidates to show per photo.")] = 5,
    rotations: Annotated[
        bool,
        typer.Option("--rotations/--no-rotations", help="Try rotations of a photo when nothing is confirmed upright."),
    ] = True,
    exclude: Annotated[list[Path] | None, typer.Option(help="Photo of the atlas to exclude; may be repeated.")] = None,
    sequence: Annotated[
        bool, typer.Option("--sequence", help="Treat the photos of a folder, or a video, as the frames of one walk.")
    ] = False,
    every: Annotated[float, typer.Option(min=0.01, max=3600, help="Seconds between the frames of a video.")] = 1.0,
    stride: Annotated[
        float, typer.Option(min=0.01, max=100_000, help="Usual distance between two frames of a sequence, in meters.")
    ] = 5.0,
    near: Near = None,
    box: InBox = None,
    after: After = None,
    before: Before = None,
    label: Label = None,
    folder: Folder = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Report which place photos show, how certain that is, and where they were taken, with a radius in meters."""
    from placeprint.atlas import Atlas
    from placeprint.photos import normalized
    from placeprint.places.locating import Locator

    opened = Atlas.open(atlas)
    within = filter_of(opened, near, box, after, before, label, folder)
    if not len(opened):
        warn(f"the atlas {atlas} is empty; add photos with: placeprint index")
    left_out = [str(normalized(path)) for path in exclude or ()]
    if sequence:
        _locate_sequences(opened, queries, every=every, stride=stride, exclude=left_out, within=within, json=json)
        return
    paths, skips = list_named(queries)
    with progress_bar("surveying the atlas", "photos") as progress:
        locator = Locator(opened, progress=progress)
    found: list[dict[str, Any]] = []
    for path in paths:
        try:
            located = locator.locate(path, top=top, rotations=rotations, exclude=left_out, within=within)
        except PhotoError as error:
            skips.report(path, error)
            continue
        found.append(located_as_data(path, located))
        if not json:
            print_located(path, located)
    if json:
        print_json(found)
    check_some(len(found), len(paths))
    skips.leave()


def _locate_sequences(
    atlas: Atlas,
    queries: Sequence[Path],
    *,
    every: float,
    stride: float,
    exclude: Sequence[str],
    within: PhotoFilter,
    json: bool,
) -> None:
    """Locate each folder and video as one sequence, and print each frame as soon as it is known."""
    from placeprint.places.sequence import SequenceTracker

    with progress_bar("surveying the atlas", "photos") as progress:
        tracker = SequenceTracker(atlas, stride=stride, exclude=exclude, within=within, progress=progress)
    found: list[dict[str, Any]] = []
    for query in queries:
        names: deque[str] = deque()
        for located in tracker.smoothed(_frames(query, every, names)):
            name = names.popleft()
            found.append(located_as_data(name, located))
            if not json:
                print_located(Path(name), replace(located, answer=replace(located.answer, evidence=()), distances=()))
    if json:
        print_json(found)


def _frames(query: Path, every: float, names: deque[str]) -> Iterator[Image]:
    """Yield the frames of a video, or the photos of a folder in the order of their names, and note their names.

    A frame of a video is named as in media fragments: ``walk.mp4#t=12.00``.
    """
    from placeprint.photos import read_image
    from placeprint.photos.videos import is_video, read_frames
    from placeprint.photos.walking import natural

    if is_video(query):
        for second, frame in read_frames(query, every):
            names.append(f"{query}#t={second:.2f}")
            yield frame
        return
    paths, skips = list_named([query])
    for path in sorted(paths, key=lambda each: natural(str(each))):
        try:
            frame = read_image(path)
        except PhotoError as error:
            skips.report(path, error)
            continue
        names.append(str(path))
        yield frame


def print_located(path: Path, located: Located) -> None:
    """Print which place a photo shows, and where that is."""
    from placeprint.places.names import near

    if located.place is None:
        reason = located.note or f"not in the atlas (the likeliest place: {located.confidence:.0%})"
        say_verdict(short(path), "yellow", f": {reason}")
        return
    sure = f"{in_words(located.confidence)}, {located.confidence:.0%}"
    say_verdict(short(path), "green", f": {located.place.label} ({sure})")
    if located.location is not None:
        where = located.location
        town = near(where.latitude, where.longitude)
        words = "" if town is None else f", {town}"
        say(f"  {where.latitude:.6f}, {where.longitude:.6f}, within {where.radius:.0f} m{words}")
    if located.note is not None:
        say(f"  {located.note}", style="dim")
    for candidate, meters in zip(located.candidates, located.distances, strict=True):
        say(f"  {_in_one_line(candidate, meters)}", style="dim")


def _in_one_line(candidate: Evidence, meters: float | None) -> str:
    parts = [f"{candidate.probability or 0:.0%}", printable(short(Path(candidate.path)))]
    if candidate.num_inliers is not None:
        parts.append(f"{candidate.num_inliers} matches")
    if meters is not None:
        parts.append(f"{meters:.0f} m away")
    return "  ".join(parts)


def located_as_data(query: Path | str, located: Located) -> dict[str, Any]:
    """Return what a located photo is in JSON."""
    place, where = located.place, located.location
    return {
        "query": str(query),
        "place": None if place is None else {"id": place.id, "label": place.label},
        "confidence": located.confidence,
        "location": None
        if where is None
        else {"latitude": where.latitude, "longitude": where.longitude, "radius_m": where.radius},
        "candidates": [
            {
                "photo": candidate.path,
                "probability": candidate.probability,
                "similarity": candidate.similarity,
                "inliers": candidate.num_inliers,
                "distance_m": meters,
            }
            for candidate, meters in zip(located.candidates, located.distances, strict=True)
        ],
        "seconds": dict(located.seconds),
    }
