"""What all requests share: the atlas, the batches of queries, the one who writes, and what they count."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from placeprint.atlas import Atlas
from placeprint.core.files import common_folder
from placeprint.places.locating import Locator
from placeprint.service.batches import Batches
from placeprint.service.problems import Refused
from placeprint.service.schemas import PhotoSummary, Position
from placeprint.service.settings import ServiceSettings, readable
from placeprint.store.records import PhotoRecord

T = TypeVar("T")


class Desk:
    """Serves one atlas.

    Args:
        settings: the settings of the service.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.atlas = Atlas.open(settings.atlas)
        self.batches = Batches(settings.batch, settings.max_waiting, settings.max_seconds)
        self._readers = ThreadPoolExecutor(4, "placeprint reader")
        self._writer = ThreadPoolExecutor(1, "placeprint writer")
        self._student = ThreadPoolExecutor(1, "placeprint student")
        self._locating = threading.Lock()
        self._locator: tuple[int, Locator] | None = None
        self._shared: tuple[object, str] = (None, "")
        self._paths: tuple[object, Mapping[str, PhotoRecord]] = (None, {})
        self._summaries: tuple[object, Sequence[PhotoSummary]] = (None, ())

    async def finish(self) -> None:
        """Finish what runs, and stop."""
        for stop in (self.batches.close, self._writer.shutdown, self._student.shutdown, self._readers.shutdown):
            await asyncio.to_thread(stop)

    async def read(self, work: Callable[[], T]) -> T:
        """Return what a short function returns, which runs in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    async def study(self, work: Callable[[], T]) -> T:
        """Return what a long function returns, which reads the atlas; one runs at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._student, work)

    async def write(self, work: Callable[[], T]) -> T:
        """Return what a function returns, which may change the atlas; one runs at a time.

        Raises:
            Refused: the service is not writable.
        """
        self.check_writable()
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    def check_writable(self) -> None:
        """Raise `Refused` if the service may not change the atlas."""
        if not self.settings.writable:
            raise Refused(403, "this service may not change the atlas; start it with --writable")

    def summaries(self) -> Sequence[PhotoSummary]:
        """Return what clients may know of all photos, by id; worked out once for each version of the atlas."""
        photos = self.atlas.snapshot().usable()
        known, found = self._summaries
        if known is not photos:
            found = tuple(self.summary(photos[number]) for number in sorted(photos))
            self._summaries = (photos, found)
        return found

    def record(self, number: int) -> PhotoRecord:
        """Return a photo.

        Raises:
            Refused: the atlas has no such photo.
        """
        found = self.atlas.snapshot().usable().get(number)
        if found is None:
            raise Refused(404, f"the atlas has no photo {number}")
        return found

    @property
    def gives_probabilities(self) -> bool:
        """Whether the preset weighs evidence, and so gives probabilities, places and positions."""
        return self.atlas.snapshot().preset.evidence is not None

    def by_path(self) -> Mapping[str, PhotoRecord]:
        """Return the photos of the atlas by their paths; worked out once for each version of the atlas."""
        photos = self.atlas.snapshot().usable()
        known, found = self._paths
        if known is not photos:
            found = {record.path: record for record in photos.values()}
            self._paths = (photos, found)
        return found

    def locator(self, progress: Callable[[int, int], None] | None = None) -> Locator:
        """Return what locates photos in the atlas as it is now; it surveys photos that are new.

        Args:
            progress: called with the count of photos surveyed and of all that are.

        Raises:
            OptionError: the preset of the atlas gives no probabilities.
        """
        with self._locating:
            version = self.atlas.snapshot().version
            if self._locator is None or self._locator[0] != version:
                self._locator = version, Locator(self.atlas, progress=progress)
            return self._locator[1]

    def name(self, label: str) -> str:
        """Return the name of a place as clients may see it: no path."""
        return readable(Path(label).name or label)

    def summary(self, record: PhotoRecord) -> PhotoSummary:
        """Return what clients may know of a photo: no path."""
        folder, _, name = self.below(record.path).rpartition("/")
        return PhotoSummary(
            id=record.id,
            name=readable(name),
            folder=readable(folder),
            width=record.width,
            height=record.height,
            position=position_of(record.location),
            taken=record.taken,
            num_keypoints=record.num_keypoints,
        )

    def below(self, path: str) -> str:
        """Return the path of a photo below the folder that all photos share, with slashes."""
        return Path(os.path.relpath(path, self._common_folder())).as_posix()

    def _common_folder(self) -> str:
        """Return the folder that all photos are below; worked out once for each version of the atlas."""
        photos = self.atlas.snapshot().usable()
        known, common = self._shared
        if known is not photos:
            common = str(common_folder(record.path for record in photos.values()))
            self._shared = (photos, common)
        return common


def position_of(degrees: tuple[float, float] | None) -> Position | None:
    """Return a position as it is sent."""
    return None if degrees is None else Position(latitude=degrees[0], longitude=degrees[1])
