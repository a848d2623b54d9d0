"""One rule for every command that takes photos: a bad photo is skipped, reported and counted; the others are used.

The exit status is 1 if something named on the command line cannot be used, or nothing can. A bad photo in a folder does
not change it.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import typer

from placeprint.cli.output import say, warn
from placeprint.errors import PhotoError
from placeprint.photos import normalized, read_photo, scan_photos
from placeprint.photos.walking import in_words

SHOWN = 20
"""Most lines about skipped photos to print at once."""


class Skips:
    """The photos of one command that cannot be used.

    Args:
        places: the files and folders named on the command line.

    Attributes:
        count: the number of skipped photos.
        reasons: the path and reason of each photo.
        waiting: the path and reason of photos skipped in folders and not yet reported.
    """

    def __init__(self, places: Iterable[Path | str] = ()) -> None:
        self._named = {str(normalized(place)) for place in places}
        self._failed = self._listed = False
        self.count = 0
        self.reasons: list[tuple[str, str]] = []
        self.waiting: list[tuple[str, str]] = []

    def report(self, path: Path | str, reason: object) -> None:
        """Count a photo, and report at once on stderr that it is skipped and why."""
        self._add(path, reason)
        warn(f"skipped {path}: {reason}")

    def report_all(self, skipped: Iterable[tuple[Path | str, str]], *, err: bool = False) -> None:
        """Count photos, including waiting ones, and list them: the first few by name, the others by reason.

        Args:
            skipped: the path and reason of each photo.
            err: whether to list them on stderr.
        """
        listed = sorted((str(path), str(reason)) for path, reason in (*self.waiting, *skipped))
        self.waiting = []
        lines = [f"skipped {path}: {reason}" for path, reason in listed[:SHOWN]]
        reasons = Counter(reason for _, reason in listed[SHOWN:]).most_common()
        lines += [f"skipped {count} more: {reason}" for reason, count in reasons[:SHOWN]]
        if rest := sum(count for _, count in reasons[SHOWN:]):
            lines.append(f"skipped {rest} more, for other reasons")
        for path, reason in listed:
            self._add(path, reason)
        for line in lines:
            if err:
                warn(line)
            else:
                say(f"  {line}", style="yellow")
                self._listed = True

    def leave(self) -> None:
        """Exit with status 1 if something named cannot be used; call it last."""
        if self._failed:
            if self._listed:
                warn("some of the named photos cannot be used, see above")
            raise typer.Exit(1)

    def _add(self, path: Path | str, reason: object) -> None:
        self.count += 1
        self.reasons.append((str(path), str(reason)))
        self._failed |= str(normalized(path)) in self._named


def list_named(places: Iterable[Path], *, later: bool = False) -> tuple[list[Path], Skips]:
    """Return the photos in files and folders, and a counter for those that cannot be used.

    Skipped files are counted, and so is a missing place if another has a photo.

    Args:
        places: files and folders.
        later: whether to report skipped files later with the other photos; otherwise at once on stderr.

    Raises:
        PhotoError: there is no photo in any place.
    """
    places = list(places)
    found = scan_photos(places).required(every=False)
    skips = Skips(places)
    skips.waiting = [*found.missing, *found.skipped]
    if not later:
        skips.report_all([], err=True)
    if found.unread:
        warn(f"skipped files that are not read as photos: {in_words(found.unread)}")
    return found.paths, skips


@contextlib.contextmanager
def naming(*paths: Path) -> Iterator[None]:
    """Name the photo in errors raised inside the block.

    Raises:
        PhotoError: the error from inside, with the path before the reason.
    """
    try:
        yield
    except PhotoError as error:
        for path in paths:
            try:
                read_photo(path)
            except PhotoError as reason:
                words = str(reason) if str(path) in str(reason) else f"{path}: {reason}"
                raise PhotoError(words) from error
        raise


def check_some(used: int, count: int) -> None:
    """Exit with status 1 if none of the photos could be used; for a single photo, enough was said.

    Raises:
        PhotoError: ``used`` is 0.
        typer.Exit: ``used`` is 0 and there was only one photo.
    """
    if not used and count == 1:
        raise typer.Exit(1)
    if not used:
        raise PhotoError(f"none of the {count} photos can be used")
