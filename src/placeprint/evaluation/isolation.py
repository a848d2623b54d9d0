"""Run work in its own process, to isolate its memory, imports and crashes.

The memory of a method cannot be measured in a process that ran others before, and a crashing package must not destroy
the other results. The function is sent by name to a fresh interpreter (this module as a program), so it must be
importable; results come back through a pipe. Whatever the function prints goes to stderr.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from placeprint.types import Progress

Result = TypeVar("Result")

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """The outcome of the work.

    Args:
        result: the result of the function; None if it failed.
        error: one line that says why it failed, or None.
        peak_bytes: the peak memory of the process; None if the system does not report it.
    """

    result: Result | None
    error: str | None
    peak_bytes: int | None


def run_alone(
    work: Callable[..., Result],
    *arguments: Any,
    one_core: bool = False,
    progress: Progress | None = None,
) -> Outcome[Result]:
    """Call an importable function in its own process and wait for it.

    Args:
        work: the function, called with the arguments and ``progress=``, a function of two counts.
        *arguments: picklable arguments.
        one_core: whether to keep the process, with all threads of its libraries, on one core.
        progress: receives the calls that the function makes to its own ``progress``.
    """
    env = os.environ | {"PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
    env |= dict.fromkeys(THREADS, "1") if one_core else {}
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            pickle.dump((one_core, work, arguments), process.stdin)
            process.stdin.close()
            return _listen(process.stdout, progress) or _died(process.wait())
        except BrokenPipeError:
            return _died(process.wait())
        finally:
            process.kill()


def peak_memory() -> int | None:
    """Return the peak memory of this process in bytes, or None if the system does not report it.

    Linux's VmHWM is used if available: unlike ``ru_maxrss``, it does not start with the memory of the parent.
    """
    if STATUS.is_file():
        lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) * 1024 if "VmHWM" in lines else None
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _listen(pipe: IO[bytes], progress: Progress | None) -> Outcome[Any] | None:
    """Read messages up to the last; None if the process died before it."""
    while True:
        try:
            message = pickle.load(pipe)
        except (EOFError, pickle.UnpicklingError):
            return None
        if isinstance(message, Outcome):
            return message
        if progress is not None:
            progress(*message)


def _died(status: int) -> Outcome[Any]:
    how = f"was ended by signal {-status}" if status < 0 else f"ended with exit status {status}"
    return Outcome(None, f"the process {how}", None)


def _work() -> None:
    """Do the work that stdin requests, in the separate process."""
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def send(message: Any) -> None:
        pickle.dump(message, pipe)
        pipe.flush()

    try:
        one_core, work, arguments = pickle.load(sys.stdin.buffer)
        if one_core and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        result = work(*arguments, progress=lambda done, total: send((done, total)))
        send(Outcome(result, None, peak_memory()))
    except KeyboardInterrupt:
        sys.exit(130)  # the parent was interrupted too, and reports it
    except Exception as error:
        words = " ".join(str(error).split())
        try:
            send(Outcome(None, f"{type(error).__name__}: {words}", peak_memory()))
        except BrokenPipeError:
            os._exit(1)  # the parent is gone, and nobody waits


if __name__ == "__main__":
    import importlib

    importlib.import_module(
        "placeprint.evaluation.isolation"
    )._work()  # by its name, so that its classes are those of the parent
