"""Indexing a folder: a job that runs beside the answers, and reports how far it is."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from sse_starlette import EventSourceResponse

from placeprint.errors import PlaceprintError
from placeprint.service.asking import PROBLEMS
from placeprint.service.desk import Desk
from placeprint.service.problems import Refused, log
from placeprint.service.schemas import Job, JobRequest

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
KEPT = 100
"""Jobs that are remembered."""
SKIPPED = 1000
"""Skipped photos that are named."""
STEP = 0.2
"""Seconds between looks at a job."""


class Jobs:
    """The jobs of a service, one running at a time.

    Args:
        desk: the desk.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, folder: Path) -> Job:
        """Start to index a folder."""
        job = Job(id=secrets.token_hex(8), state="waiting", done=0, total=0, added=0, skipped=[], error=None)
        ended = [each.id for each in self._jobs.values() if each.state in {"done", "failed"}]
        for old in ended[: max(0, len(self._jobs) - KEPT + 1)]:
            del self._jobs[old]
        if len(self._jobs) >= KEPT:
            raise Refused(503, "too many jobs are waiting; try again when one is done")
        self._jobs[job.id] = job
        task = asyncio.get_running_loop().create_task(self._run(job, folder))
        self._tasks.add(task)  # a task that nobody holds may vanish
        task.add_done_callback(self._tasks.discard)
        return job

    def __getitem__(self, name: str) -> Job:
        """Return a job.

        Raises:
            Refused: there is none of this id.
        """
        if name not in self._jobs:
            raise Refused(404, "there is no such job")
        return self._jobs[name]

    async def _run(self, job: Job, folder: Path) -> None:
        try:
            await self._desk.write(lambda: self._index(job, folder))
        except PlaceprintError as error:
            log.error("%s", error)
            job.error, job.state = _short(error, folder), "failed"
        except Exception as error:
            log.error("a job failed", exc_info=error)
            job.error, job.state = "this is a bug of placeprint; the log of the service has more", "failed"

    def _index(self, job: Job, folder: Path) -> None:
        job.state = "running"

        def progress(done: int, total: int) -> None:
            job.done, job.total = done, total

        report = self._desk.atlas.add(folder, progress=progress)
        job.added = report.added + report.changed
        job.skipped = [[Path(path).name, _short(reason, folder)] for path, reason in report.skipped[:SKIPPED]]
        job.state = "done"


@router.post("", status_code=202, responses=PROBLEMS)
async def start(request: Request, wanted: JobRequest) -> Job:
    """Index a folder below one of the folders that the service may read."""
    desk: Desk = request.app.state.desk
    desk.check_writable()
    jobs: Jobs = request.app.state.jobs
    return jobs.start(await desk.read(lambda: allowed_folder(desk, wanted)))


@router.get("/{name}", responses=PROBLEMS)
async def job(request: Request, name: str) -> Job:
    """Return how far a job is."""
    jobs: Jobs = request.app.state.jobs
    return jobs[name]


@router.get("/{name}/events", response_class=EventSourceResponse, responses=PROBLEMS)
async def events(request: Request, name: str) -> EventSourceResponse:
    """Report how far a job is, as server-sent events, until it ends; each is a `Job`."""
    jobs: Jobs = request.app.state.jobs
    followed = jobs[name]

    async def follow() -> AsyncIterator[dict[str, Any]]:
        last = None
        while True:
            now = followed.model_dump(mode="json")
            if now != last:
                yield {"event": "progress", "data": json.dumps(now)}
                last = now
            if followed.state in {"done", "failed"}:
                return
            await asyncio.sleep(STEP)

    return EventSourceResponse(follow())


def allowed_folder(desk: Desk, wanted: JobRequest) -> Path:
    """Return a folder that may be indexed, with its links resolved.

    Raises:
        Refused: it is not inside the allowed folder, or there is none.
    """
    roots = desk.settings.roots
    if wanted.root >= len(roots):
        raise Refused(422, f"root must be the number of an allowed folder; there are {len(roots)}, set by --root")
    try:
        root = roots[wanted.root].resolve(strict=True)
        folder = (root / wanted.folder).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise Refused(404, "there is no such folder below the allowed one") from None
    if not folder.is_relative_to(root) or not folder.is_dir():
        raise Refused(404, "there is no such folder below the allowed one")
    return folder


def _short(reason: object, folder: Path) -> str:
    """Return a reason without the path of the folder."""
    return str(reason).replace(str(folder), "...")
