"""Jobs: work that takes longer than a request, runs in the background, reports progress, and can be stopped."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from sse_starlette import EventSourceResponse

from placeprint.errors import PlaceprintError
from placeprint.service.asking import PROBLEMS
from placeprint.service.desk import Desk
from placeprint.service.folders import allowed_folder
from placeprint.service.problems import Refused, log
from placeprint.service.schemas import Job, JobRequest

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
KEPT = 100
"""Jobs that are remembered."""
SKIPPED = 1000
"""Skipped photos that are named."""
STEP = 0.2
"""Seconds between looks at a job."""
ENDED = frozenset({"done", "failed", "stopped"})
Runner = Callable[[Callable[[], None]], Awaitable[None]]


class Stopped(Exception):  # noqa: N818  # it is no error
    """Somebody stopped the job."""


class Jobs:
    """The jobs of a service."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(
        self,
        kind: Literal["index", "positions", "findings"],
        work: Callable[[Job], None],
        run: Runner,
        hidden: Path | None = None,
    ) -> Job:
        """Start a job.

        Args:
            kind: what it does.
            work: does it, and calls what `progress_of` returns.
            run: runs a function in the thread that it belongs to.
            hidden: a folder whose path errors must not show.

        Raises:
            Refused: too many wait.
        """
        job = Job(id=secrets.token_hex(8), kind=kind, state="waiting", done=0, total=0, added=0, skipped=[], error=None)
        ended = [each.id for each in self._jobs.values() if each.state in ENDED]
        for old in ended[: max(0, len(self._jobs) - KEPT + 1)]:
            del self._jobs[old]
        if len(self._jobs) >= KEPT:
            raise Refused(503, "too many jobs are waiting; try again when one is done")
        self._jobs[job.id] = job
        task = asyncio.get_running_loop().create_task(_run(job, work, run, hidden))
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

    def stop(self) -> None:
        """Stop all jobs."""
        for job in self._jobs.values():
            stop(job)


def stop(job: Job) -> None:
    """Let a job end at its next step, if it has not ended."""
    if job.state not in ENDED:
        job.state = "stopped"


def progress_of(job: Job) -> Callable[[int, int], None]:
    """Return a function that notes how far a job is, and raises `Stopped` once it was stopped."""

    def progress(done: int, total: int) -> None:
        if job.state == "stopped":
            raise Stopped
        job.done, job.total = done, total

    return progress


async def _run(job: Job, work: Callable[[Job], None], run: Runner, hidden: Path | None) -> None:
    def begin() -> None:
        if job.state == "waiting":
            job.state = "running"
            work(job)
            job.state = "done"

    try:
        await run(begin)
    except Stopped:
        pass
    except PlaceprintError as error:
        log.error("%s", error)
        job.error, job.state = shortened(error, hidden), "failed"
    except Exception as error:
        log.error("a job failed", exc_info=error)
        job.error, job.state = "this is a bug in placeprint; see the log of the service", "failed"


@router.post("", status_code=202, responses=PROBLEMS)
async def start(request: Request, wanted: JobRequest) -> Job:
    """Index a folder below one of the folders that the service may read."""
    desk: Desk = request.app.state.desk
    desk.check_writable()
    jobs: Jobs = request.app.state.jobs
    folder = await desk.read(lambda: allowed_folder(desk.settings, wanted))

    def index(job: Job) -> None:
        photos = folder.photos()
        report = desk.atlas.add(photos, progress=progress_of(job))
        job.added = report.added + report.changed
        job.skipped = [[Path(path).name, shortened(reason, folder.path)] for path, reason in report.skipped[:SKIPPED]]

    return jobs.start("index", index, desk.write, folder.path)


@router.get("/{name}", responses=PROBLEMS)
async def job(request: Request, name: str) -> Job:
    """Return the progress of a job."""
    jobs: Jobs = request.app.state.jobs
    return jobs[name]


@router.delete("/{name}", status_code=204, response_class=Response, responses=PROBLEMS)
async def end(request: Request, name: str) -> Response:
    """Stop a job; its results so far are kept."""
    jobs: Jobs = request.app.state.jobs
    stop(jobs[name])
    return Response(status_code=204)


@router.get("/{name}/events", response_class=EventSourceResponse, responses=PROBLEMS)
async def events(request: Request, name: str) -> EventSourceResponse:
    """Report the progress of a job as server-sent events, until it ends; each is a `Job`."""
    jobs: Jobs = request.app.state.jobs
    followed = jobs[name]

    async def follow() -> AsyncIterator[dict[str, Any]]:
        last = None
        while True:
            now = followed.model_dump(mode="json")
            if now != last:
                yield {"event": "progress", "data": json.dumps(now)}
                last = now
            if followed.state in ENDED:
                return
            await asyncio.sleep(STEP)

    return EventSourceResponse(follow())


def shortened(reason: object, folder: Path | None) -> str:
    """Return a reason without the path of a folder."""
    return str(reason) if folder is None else str(reason).replace(str(folder), "...")
