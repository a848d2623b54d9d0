"""Print to the terminal: the console, lines, the progress bar, sizes.

File names are printed unchanged: nothing in them is read as markup or an emoji, and characters that would change the
terminal (control characters, escapes, changes of direction) are escaped. Every command prints through this file.
"""

from __future__ import annotations

import contextlib
import json
import sys
import unicodedata
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from placeprint.core.files import reason_of
from placeprint.errors import PlaceprintError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of invisible characters, and of those that change the display."""
JOINERS = frozenset("\u200c\u200d")
"""Invisible characters that some languages and many emoji need."""


class LostOutputError(PlaceprintError, OSError):
    """Output was lost: stdout is full, or nobody reads it any more (then the message is empty)."""


def console(*, stderr: bool = False) -> Console:
    """Return the console of stdout or stderr, which prints text without markup, emoji or highlights."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def printable(text: object) -> str:
    r"""Return a text in one line, with invisible characters and bytes that are not UTF-8 escaped.

    Example:
        >>> printable("a\x1b[31m\nb"), printable("\udce9.jpg"), printable("[red] :heart:")
        ('a\\x1b[31m\\nb', '\\xe9.jpg', '[red] :heart:')
    """
    return "".join(_escaped(char) if _is_hidden(char) else char for char in str(text))


def say(text: object, *, style: str = "", err: bool = False) -> None:
    """Print one line on stdout, or on stderr."""
    from rich.text import Text

    with _writing():
        console(stderr=err).print(Text(printable(text), style=style), soft_wrap=True)


def warn(text: object) -> None:
    """Print one line on stderr, starting with the program's name."""
    print(f"placeprint: {printable(text)}", file=sys.stderr)  # noqa: T201


def show(table: Table) -> None:
    """Print a table on stdout."""
    with _writing():
        console().print(table)


def say_verdict(verdict: str, color: str, rest: str) -> None:
    """Print one line on stdout, starting with a word in color."""
    from rich.text import Text

    with _writing():
        console().print(Text.assemble((verdict, f"bold {color}"), printable(rest)), soft_wrap=True)


@contextlib.contextmanager
def progress_bar(title: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on stderr with the rate and the time left; yield ``progress(done, total)``."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    out = console(stderr=True)
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task(printable(title), total=None, rate="")

        def progress(done: int, total: int) -> None:
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            bar.update(task, completed=done, total=total, rate=f"{speed:.1f} {unit}/s" if speed else "")

        yield progress


def size_in_words(num_bytes: float) -> str:
    """Return a number of bytes with its unit.

    Example:
        >>> size_in_words(70_000)
        '70.0 KB'
    """
    for unit in ("bytes", "KB", "MB", "GB"):
        if num_bytes < 1000:
            return f"{num_bytes:.0f} {unit}" if unit == "bytes" else f"{num_bytes:.1f} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:.1f} TB"


def print_json(value: Any) -> None:
    r"""Print a value as JSON on stdout, in ASCII.

    A byte of a file name that is not UTF-8 is ``\\\\udcXX``, as Python reads it: ``os.fsencode`` gives back the name.
    """
    with _writing():
        print(json.dumps(value, indent=2, allow_nan=False))  # noqa: T201


def print_text(text: str) -> None:
    """Print a text for another program on stdout as it is, also bytes of file names that are not UTF-8."""
    with _writing():
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
        sys.stdout.buffer.flush()


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise LostOutputError("") from error
    except OSError as error:
        raise LostOutputError(f"cannot write to stdout: {reason_of(error)}") from error


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in HIDDEN and char not in JOINERS


def _escaped(char: str) -> str:
    if "\udc80" <= char <= "\udcff":  # how Python reads a byte that is not UTF-8
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode()
