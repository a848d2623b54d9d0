"""State shared by all requests: the atlas, the batches of queries, the writer, and the counters."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from placeprint.atlas import Atlas
from placeprint.core.freeing import give_back
from placeprint.places.grouping import PlaceGroup
from placeprint.places.locating import Locator
from placeprint.places.names import near
from placeprint.service.batches import Batches
from placeprint.service.catalog import Catalog
from placeprint.service.filters import Filters
from placeprint.service.learning import Learner
from placeprint.service.problems import Refused
from placeprint.service.schemas import PhotoSummary
from placeprint.service.settings import ServiceSettings, readable
from placeprint.store.photo_filter import PhotoFilter
from placeprint.store.records import PhotoRecord
from placeprint.types import KnownPlace

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
        self.learner = Learner(self.atlas, self._student)
        self._locating = threading.Lock()
        self._locator: tuple[int, Locator] | None = None
        self._places: Mapping[str, PlaceGroup] = {}
        self._listing = threading.Lock()
        self._catalog: tuple[int, Catalog] | None = None

    async def finish(self) -> None:
        """Finish what runs, and stop."""
        self.learner.close()
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

        def change() -> T:
            try:
                return self.learner.wait_for(work)
            finally:
                give_back()  # photos that were decoded and described leave much

        return await asyncio.get_running_loop().run_in_executor(self._writer, change)

    def check_writable(self) -> None:
        """Raise `Refused` if the service may not change the atlas."""
        if not self.settings.writable:
            raise Refused(403, "this service may not change the atlas; start it with --writable")

    def catalog(self) -> Catalog:
        """Return the photos of the atlas as it is now; made once for each version of it."""
        now = self.atlas.snapshot()
        with self._listing:
            if self._catalog is None or self._catalog[0] != now.version:
                self._catalog = now.version, Catalog(now.usable())
            return self._catalog[1]

    def filter_of(self, filters: Filters) -> PhotoFilter:
        """Return the filter of the atlas that a client asks for."""
        return filters.of(self.catalog().common)

    def record(self, number: int) -> PhotoRecord:
        """Return a photo.

        Raises:
            Refused: the atlas has no such photo.
        """
        return self.catalog().record(number)

    @property
    def gives_probabilities(self) -> bool:
        """Whether the preset weighs evidence, and so gives probabilities, places and positions."""
        return self.atlas.snapshot().preset.evidence is not None

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
                self._places = {place.id: place for place in self._locator[1].places}
            return self._locator[1]

    def place(self, name: str) -> PlaceGroup:
        """Return a place of the atlas.

        Raises:
            Refused: there is none of this id.
        """
        self.locator()
        found = self._places.get(name)
        if found is None:
            raise Refused(404, "the atlas has no such place; places change when photos are added")
        return found

    def title_of(self, place: KnownPlace) -> str:
        """Return what people call the place of an answer."""
        found = self._places.get(place.id)
        return self.name(place.label) if found is None else self.title(found)

    def title(self, place: PlaceGroup) -> str:
        """Return what people call a place: its label, but the nearest town where that is only the name of a photo."""
        best = self.catalog().get(place.photos[0])
        of_photo = best is None or Path(best.path).stem == Path(place.label).stem
        town = _town(*place.location) if of_photo and place.location is not None else None
        return self.name(place.label) if town is None else town

    def name(self, label: str) -> str:
        """Return the name of a place as clients may see it: no path."""
        return readable(Path(label).name or label)

    def summary(self, record: PhotoRecord) -> PhotoSummary:
        """Return what clients may know of a photo: no path."""
        return self.catalog().summary(record)

    def below(self, path: str) -> str:
        """Return the path of a photo below the folder that all photos share, with slashes."""
        return self.catalog().below(path)


@functools.lru_cache(10_000)
def _town(latitude: float, longitude: float) -> str | None:
    """Return the nearest town, ``"Near Lund, Sweden"``, or None."""
    words = near(latitude, longitude)
    return None if words is None else f"{words[0].upper()}{words[1:]}"
