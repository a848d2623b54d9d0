"""Look for problems with the photos of an archive; nothing is changed.

- *wrong-position*: verified matches contradict the position (`wrong_positions`).
- *wrong-time*: satellites, the file, the order of the photos, or a copy contradict the clock (`clocks`).
- *same-file*, *same-shot*: copies (`duplicates`). All files of a group are listed; the detail says which one to keep.
- *unreadable*: the atlas could not use the photo, its file is gone, or it can no longer be read.
- *rotated*, *alone*: see `loners`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from placeprint.errors import PhotoError
from placeprint.photos import read_camera_data
from placeprint.photos.opening import is_there
from placeprint.places.clocks import against_file, against_order, against_satellites
from placeprint.places.duplicates import Copies, Found, find_copies
from placeprint.places.findings import KINDS, Finding, Kind
from placeprint.places.kept import cache_of
from placeprint.places.kept_shots import KeptShots
from placeprint.places.loners import loners
from placeprint.places.survey import neighbors_of, pair_table, survey_atlas
from placeprint.places.wrong_positions import LIMIT, Tags
from placeprint.searching.reader import AtlasReader
from placeprint.store import PhotoRecord
from placeprint.types import Progress

BY_MATCHES: frozenset[Kind] = frozenset({"wrong-position", "rotated", "alone"})
"""Findings that need matches, so a preset that gives probabilities."""
BY_PIXELS: frozenset[Kind] = frozenset({"same-file", "same-shot", "unreadable", "wrong-time"})
"""Findings that need the comparison of shots."""


def examine(
    atlas: AtlasReader,
    *,
    kinds: Collection[Kind] = KINDS,
    progress: Progress | None = None,
) -> list[Finding]:
    """Return what is wrong with the photos of an atlas, by kind, the most certain first.

    Args:
        atlas: that is examined.
        kinds: the findings to look for.
        progress: called with the count of photos done and of all, from zero for each part of the work.

    Raises:
        OptionError: matches are needed, and the preset of the atlas gives no probabilities.
    """
    now = atlas.snapshot()
    usable = [photo for photo in now.usable().values() if is_there(photo.path)]
    found: list[Finding] = list(unusable(now.photos().values()))
    copies = Found((), {}, {})
    if BY_PIXELS.intersection(kinds):
        kept = KeptShots(cache_of(now))
        copies = find_copies(usable, kept=kept, progress=progress)
        kept.write(usable)
        found += [Finding(path, "unreadable", reason, 1.0) for path, reason in sorted(copies.unread.items())]
        found += [finding for group in copies.groups for finding in copy_findings(group)]
        found += wrong_times(usable, copies.groups)
    if BY_MATCHES.intersection(kinds):
        photos = dict(now.usable().items())
        neighbors = neighbors_of(pair_table(survey_atlas(atlas, progress=progress)), list(photos))
        found += misplaced(photos, neighbors)
        found += loners(atlas, photos, neighbors, copies.rotations, progress=progress)
    order = {kind: place for place, kind in enumerate(KINDS)}
    chosen = [finding for finding in found if finding.finding in kinds]
    return sorted(chosen, key=lambda each: (order[each.finding], -each.certainty, each.photo))


def unusable(photos: Collection[PhotoRecord]) -> Iterator[Finding]:
    """Yield the photos that the atlas could not use, and those whose files are gone."""
    for photo in photos:
        if photo.error is not None:
            yield Finding(photo.path, "unreadable", photo.error, 1.0)
        elif not is_there(photo.path):
            yield Finding(photo.path, "unreadable", "its file is gone", 1.0)


def copy_findings(group: Copies) -> Iterator[Finding]:
    """Yield one finding for each file of a group of copies."""
    what = "the same file" if group.kind == "same-file" else "the same shot"
    for path in group.paths:
        others = tuple(other for other in group.paths if other != path)
        keep = "; of these, keep this one" if path == group.best else f"; keep {group.best}"
        yield Finding(path, group.kind, f"{what} as {', '.join(others)}{keep}", round(group.certainty[path], 4), others)


def wrong_times(photos: Sequence[PhotoRecord], groups: Sequence[Copies]) -> list[Finding]:
    """Return the photos whose time is contradicted, each by its strongest contradiction."""
    said: list[Finding] = [*against_order(photos)]
    by_path = {photo.path: photo for photo in photos}
    said += [finding for group in groups for finding in _against_copies([by_path[path] for path in group.paths])]
    for photo in photos:
        said += [finding] if (finding := against_file(photo)) is not None else []
        try:
            finding = against_satellites(photo.path, read_camera_data(photo.path))
        except PhotoError:
            continue
        said += [finding] if finding is not None else []
    strongest: dict[str, Finding] = {}
    for each in said:
        if each.photo not in strongest or each.certainty > strongest[each.photo].certainty:
            strongest[each.photo] = each
    return list(strongest.values())


def _against_copies(photos: Sequence[PhotoRecord]) -> Iterator[Finding]:
    """Yield the copies of a shot whose time is not that of most others; all where no time has most."""
    times = Counter(photo.taken.replace(microsecond=0) for photo in photos if photo.taken is not None)
    if len(times) < 2:
        return
    (first, count), (_, second) = times.most_common(2)
    for photo in photos:
        if photo.taken is not None and (count == second or photo.taken != first):
            others = ", ".join(sorted({str(time) for time in times if time != photo.taken}))
            certainty = count / times.total() if count > second else 1 / len(times)
            yield Finding(
                photo.path, "wrong-time", f"it says {photo.taken}; a copy of the shot says {others}", certainty
            )


def misplaced(photos: Mapping[int, PhotoRecord], neighbors: Mapping[int, Mapping[int, float]]) -> list[Finding]:
    """Return the photos whose position is contradicted by those that show the same place.

    Args:
        photos: the record of each, by id.
        neighbors: the probabilities of the pairs of each photo, by the ids of the others.
    """
    positions = {photo: record.location for photo, record in photos.items() if record.location is not None}
    linked = {photo: list(near.items()) for photo, near in neighbors.items()}
    return [
        Finding(
            photos[wrong.photo].path,
            "wrong-position",
            f"photos that show the same place are {_distance(wrong.meters)} away, at {wrong.where.latitude:.6f}, "
            f"{wrong.where.longitude:.6f}",
            round(wrong.score**2 / (wrong.score**2 + LIMIT**2 / 2), 4),
        )
        for wrong in Tags(positions, linked).wrong()
    ]


def _distance(meters: float) -> str:
    return f"{meters:.0f} m" if meters < 2000 else f"{meters / 1000:,.0f} km"
