"""The Python client of the service: typed answers, our errors.

Example::

    with Client("http://127.0.0.1:8100") as client:
        answer = client.search("query.jpg")
        print(answer.confidence, answer.candidates[0].photo.name)
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ValidationError

from placeprint.core.packages import required
from placeprint.errors import PhotoError, ServiceError
from placeprint.service.review_schemas import ReviewItem, ReviewPage, ReviewRequest
from placeprint.service.schemas import (
    Added,
    AtlasSummary,
    Job,
    JobRequest,
    Keypoints,
    LocateAnswer,
    MatchAnswer,
    PhotoPage,
    PhotoSummary,
    Place,
    PlacePage,
    SearchAnswer,
    WhyAnswer,
)

Answered = TypeVar("Answered", bound=BaseModel)
PhotoFile = str | os.PathLike[str] | bytes
"""A photo: the path of a file, or its content."""
STEP = 0.5
"""Seconds between looks at a job."""


class Client:
    """A client of the service.

    Args:
        url: its address, such as ``http://127.0.0.1:8100``.
        token: its token, if it needs one.
        seconds: how long to wait for an answer.

    Raises:
        PackageError: httpx is not installed.
    """

    def __init__(self, url: str, token: str | None = None, *, seconds: float = 120.0) -> None:
        with required("the client needs httpx", "client"):
            import httpx
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._broken = httpx.HTTPError, httpx.InvalidURL
        self._http = httpx.Client(base_url=url, headers=headers, timeout=seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def search(
        self, photo: PhotoFile | int, *, top: int = 5, verify: int = 50, rotations: bool = True, **filters: str
    ) -> SearchAnswer:
        """Find the photos that show the place of a photo.

        Args:
            photo: the photo, or the id of a photo of the atlas.
            top: candidates to return.
            verify: candidates verified by geometry.
            rotations: whether to try rotations if nothing is confirmed upright.
            filters: which photos of the atlas to search, as in ``GET /v1/photos``: ``near="55.7,13.2,500"``.

        Raises:
            ServiceError: the service cannot be reached, or refuses.
            PhotoError: the file cannot be read.
        """
        options = {"top": top, "verify": verify, "rotations": rotations, **filters}
        return self._ask(SearchAnswer, "POST", "/v1/search", files=_query(photo), params=options)

    def locate(self, photo: PhotoFile | int, *, top: int = 5, rotations: bool = True, **filters: str) -> LocateAnswer:
        """Report which place a photo shows, and where it was taken; arguments and errors as in `search`."""
        options = {"top": top, "rotations": rotations, **filters}
        return self._ask(LocateAnswer, "POST", "/v1/locate", files=_query(photo), params=options)

    def explain(self, photo: PhotoFile | int, *, verify: int = 50, rotations: bool = True) -> WhyAnswer:
        """Explain the answer to a photo; arguments and errors as in `search`."""
        options = {"verify": verify, "rotations": rotations}
        return self._ask(WhyAnswer, "POST", "/v1/explain", files=_query(photo), params=options)

    def places(self) -> Iterator[Place]:
        """Yield the places of the atlas, the one with the most photos first; errors as `search`."""
        offset, total = 0, 1
        while offset < total:
            page = self._ask(PlacePage, "GET", "/v1/places", params={"offset": offset, "limit": 1000})
            yield from page.places
            offset, total = offset + 1000, page.total

    def match(self, first: PhotoFile, second: PhotoFile, *, rotations: bool = True) -> MatchAnswer:
        """Decide whether two photos show the same place; errors as `search`."""
        files = {"first": _file(first), "second": _file(second)}
        return self._ask(MatchAnswer, "POST", "/v1/match", files=files, params={"rotations": rotations})

    def photos(self, **filters: str) -> Iterator[PhotoSummary]:
        """Yield the photos of the atlas; filters are those of ``GET /v1/photos``; errors as `search`."""
        after: int | None = -1
        while after is not None:
            page = self._ask(PhotoPage, "GET", "/v1/photos", params={**filters, "after": after, "limit": 1000})
            yield from page.photos
            after = page.next

    def photo(self, number: int) -> PhotoSummary:
        """Return the facts about a photo; errors as `search`."""
        return self._ask(PhotoSummary, "GET", f"/v1/photos/{number}")

    def keypoints(self, number: int) -> Keypoints:
        """Return the stored keypoints of a photo; errors as `search`."""
        return self._ask(Keypoints, "GET", f"/v1/photos/{number}/keypoints")

    def picture(self, number: int, *, small: bool = False) -> bytes:
        """Return a photo as JPEG, its longest side at most 2048 pixels, or 320 if small; errors as `search`."""
        return bytes(self._request("GET", f"/v1/photos/{number}/{'thumbnail' if small else 'image'}").content)

    def add(self, photo: PhotoFile) -> Added:
        """Add a photo to the atlas; errors as `search`."""
        return self._ask(Added, "POST", "/v1/photos", files={"photo": _file(photo)})

    def remove(self, number: int) -> None:
        """Remove a photo from the atlas; errors as `search`."""
        self._request("DELETE", f"/v1/photos/{number}")

    def index(self, folder: str = "", *, root: str = "") -> Job:
        """Start to index a folder below one of the folders that the service may read; errors as `search`.

        Args:
            folder: below the root; empty for the whole.
            root: the name of one of the folders of ``--root``; empty for the first.
        """
        wanted = JobRequest(root=root, folder=folder)
        return self._ask(Job, "POST", "/v1/jobs", json=wanted.model_dump())

    def review(self, kind: Literal["positions", "findings"], **options: Any) -> Job:
        """Start a review; options are those of ``POST /v1/reviews``; errors as `search`."""
        wanted = ReviewRequest(kind=kind, **options)
        return self._ask(Job, "POST", "/v1/reviews", json=wanted.model_dump())

    def reviewed(self, job: Job) -> Iterator[ReviewItem]:
        """Yield the items of a review; errors as `search`."""
        offset, total = 0, 1
        while offset < total:
            page = self._ask(ReviewPage, "GET", f"/v1/reviews/{job.id}", params={"offset": offset, "limit": 1000})
            yield from page.items
            offset, total = offset + 1000, page.total

    def accepted(self, job: Job, numbers: Iterable[int]) -> bytes:
        """Return some items of a review as CSV; errors as `search`."""
        wanted = {"numbers": list(numbers)}
        return bytes(self._request("POST", f"/v1/reviews/{job.id}/table", json=wanted).content)

    def stop(self, job: Job) -> None:
        """Stop a job; its results so far are kept; errors as `search`."""
        self._request("DELETE", f"/v1/jobs/{job.id}")

    def wait(self, job: Job) -> Job:
        """Return a job when it is done.

        Raises:
            ServiceError: it failed; and as `search`.
        """
        while job.state not in {"done", "failed", "stopped"}:
            time.sleep(STEP)
            job = self._ask(Job, "GET", f"/v1/jobs/{job.id}")
        if job.error is not None:
            raise ServiceError(job.error, 500)
        return job

    def atlas(self) -> AtlasSummary:
        """Return the facts about the atlas; errors as `search`."""
        return self._ask(AtlasSummary, "GET", "/v1/atlas")

    def _ask(self, kind: type[Answered], method: str, path: str, **request: Any) -> Answered:
        content = self._request(method, path, **request).content
        try:
            return kind.model_validate_json(content)
        except ValidationError as error:
            raise ServiceError("the answer does not come from a placeprint service; check the address", None) from error

    def _request(self, method: str, path: str, **request: Any) -> Any:
        try:
            response = self._http.request(method, path, **request)
        except self._broken as error:
            raise ServiceError(f"the service at {self._http.base_url} cannot be reached: {error}", None) from error
        if response.is_success:
            return response
        raise ServiceError(_detail(response), response.status_code)


def _query(photo: PhotoFile | int) -> dict[str, Any]:
    return {"photo_id": (None, str(photo))} if isinstance(photo, int) else {"photo": _file(photo)}


def _file(photo: PhotoFile) -> tuple[str, bytes]:
    if isinstance(photo, bytes):
        return "photo", photo
    try:
        return Path(photo).name, Path(photo).read_bytes()
    except (OSError, ValueError, TypeError) as error:
        raise PhotoError(f"cannot read {os.fspath(photo)!r}: {error}") from error


def _detail(response: Any) -> str:
    try:
        problem = response.json()
    except ValueError:
        problem = None
    detail = problem.get("detail") if isinstance(problem, Mapping) else None
    return str(detail or f"the service answered with status {response.status_code}")
