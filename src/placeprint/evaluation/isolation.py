"""Work in a process of its own, so that its memory, its imports and its crashes are its own.

What a method needs of memory cannot be told in a process that has run others before it, and a package that crashes
must not take the other results with it. The function is sent to a fresh interpreter (this module as a program) by its
name, so it must be importable; results come back by a pipe. Whatever the function prints goes to stderr.
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

Result = TypeVar("Result")

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """How the work ended.

    Args:
        result: what the function returned; None when it failed.
        error: one line that says why it failed, None when it did not.
        peak_bytes: most memory the process held at once; None where the system does not tell.
    """

    result: Result | None
    error: str | None
    peak_bytes: int | None


def run_alone(
    work: Callable[..., Result],
    *arguments: Any,
    one_core: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome[Result]:
    """Call an importable function in a process of its own and wait for it.

    Args:
        work: is called with the arguments and ``progress=``, a function of two counts.
        *arguments: what can be pickled.
        one_core: keep the process, and all threads of all its libraries, on one core.
        progress: hears what the function tells its own.
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
    """Return the most bytes this process has held at once, None where the system does not tell.

    Linux's VmHWM is used where there is one: unlike ``ru_maxrss`` it does not begin with the memory of the parent.
    """
    if STATUS.is_file():
        lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) * 1024 if "VmHWM" in lines else None
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _listen(pipe: IO[bytes], progress: Callable[[int, int], None] | None) -> Outcome[Any] | None:
    """Read messages up to the last; None when the process died before it."""
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
    """Do what stdin asks for, as the process of its own."""
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def tell(message: Any) -> None:
        pickle.dump(message, pipe)
        pipe.flush()

    try:
        one_core, work, arguments = pickle.load(sys.stdin.buffer)
        if one_core and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        result = work(*arguments, progress=lambda done, total: tell((done, total)))
        tell(Outcome(result, None, peak_memory()))
    except KeyboardInterrupt:
        sys.exit(130)  # the parent was interrupted, too, and says so
    except Exception as error:
        words = " ".join(str(error).split())
        try:
            tell(Outcome(None, f"{type(error).__name__}: {words}", peak_memory()))
        except BrokenPipeError:
            os._exit(1)  # the parent is gone, and nobody asks any more


if __name__ == "__main__":
    import importlib

    importlib.import_module("placeprint.evaluation.isolation")._work()  # by its name: its classes are the parent's
