"""End the command line: print every error in one line on stderr, and return the exit status.

| status | when |
|---|---|
| 0 | done; photos found in folders that cannot be used were skipped and counted |
| 1 | an error, reported in one line; or a named photo cannot be used, and the rest was done |
| 2 | wrong usage |
| 70 | a bug in placeprint |
| 130 | interrupted with Ctrl-C |

With ``PLACEPRINT_DEBUG=1`` in the environment, the traceback of every error is printed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Callable

import typer

from placeprint.cli.output import warn
from placeprint.core.files import reason_of
from placeprint.core.packages import NETWORK_PACKAGES, no_networks
from placeprint.errors import PlaceprintError

FAILED, WRONG_USAGE, BUG, INTERRUPTED = 1, 2, 70, 130
DEBUG = "PLACEPRINT_DEBUG"
UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""Base class of Typer's errors for wrong usage; it has no public name."""
LOUD = ("gcsfs",)
"""Libraries that log the errors that they raise, with tracebacks."""
NO_MEMORY = ("can't allocate memory", "Insufficient memory", "out of memory", "bad_alloc")
"""Out-of-memory messages of OpenCV, Torch and FAISS."""


def run(app: Callable[..., object]) -> int:
    """Run the command line; return the exit status. No exception leaves it."""
    prepare_streams()
    show_log()
    try:
        status = app(standalone_mode=False, prog_name="placeprint")  # not "python -m placeprint"
        status = status if isinstance(status, int) else 0
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        sys.stdout.flush()
    except BaseException as error:  # the last safety net
        status = _told(error)
    return _closed(status)


def prepare_streams() -> None:
    """Make stdout and stderr accept any text, even if they are closed or accept only ASCII."""
    while (free := os.open(os.devnull, os.O_RDWR)) <= 2:  # otherwise the next opened file would become stdout
        os.set_inheritable(free, True)
    os.close(free)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


class _Lines(logging.Handler):
    """Print the library's log as lines of the command line."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            warn(record.getMessage())


def show_log() -> None:
    """Show warnings of the library on stderr, once; libraries that print errors that they also raise are silent."""
    for name in LOUD:
        logging.getLogger(name).addHandler(logging.NullHandler())
    log = logging.getLogger("placeprint")
    if not any(isinstance(each, _Lines) for each in log.handlers):
        log.addHandler(_Lines(logging.WARNING))


def _told(error: BaseException) -> int:
    """Print in one line what went wrong; return the exit status."""
    with contextlib.suppress(OSError):  # stderr may be full or closed too
        if os.environ.get(DEBUG) and not isinstance(error, SystemExit):
            traceback.print_exception(error)
        status, words = _described(error)
        if words:
            warn(words)
        return status
    return FAILED


def _described(error: BaseException) -> tuple[int, str]:
    """Return the exit status and the message of an error."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILED, ""
    if isinstance(error, UsageError):
        context = getattr(error, "ctx", None)
        words = " ".join(error.format_message().split())  # type: ignore[attr-defined]  # it has no public name
        where = f"; see {context.command_path} --help" if context is not None else ""
        return WRONG_USAGE, words and words.rstrip(".") + where
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return INTERRUPTED, "interrupted; stored results are kept, run the same command again to continue"
    if isinstance(error, PlaceprintError):
        return FAILED, str(error)
    return _described_foreign(error)


def _described_foreign(error: BaseException) -> tuple[int, str]:
    """Return the exit status and the message of an error that is not ours."""
    if isinstance(error, OSError) and (lost := _lost_output()) is not None:
        return FAILED, "" if isinstance(lost, BrokenPipeError) else f"cannot write to stdout: {reason_of(lost)}"
    if isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY):
        return FAILED, "not enough memory; use fewer --workers, a smaller --size or fewer --keypoints"
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] in NETWORK_PACKAGES:
        return FAILED, no_networks("this command")
    told = " ".join(str(error).split())[:300]
    return BUG, (
        f"this is a bug in placeprint: {type(error).__name__}: {told}; please report it, with the output of {DEBUG}=1"
    )


def _lost_output() -> OSError | None:
    """Return why stdout cannot be written, or None if it can; lost output is still in its buffer."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return error
    return None


def _closed(status: int) -> int:
    """Flush stdout; return the exit status, which is not 0 if that fails."""
    if (lost := _lost_output()) is not None:
        status = status or FAILED
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains at exit
        del lost
    return status
