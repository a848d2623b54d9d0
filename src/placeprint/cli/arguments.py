"""What is refused of every command's arguments: empty ones, and paths that no system takes."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any

import typer
import typer.core

EMPTY_OPTION = re.compile("--[a-z-]+=")


class Group(typer.core.TyperGroup):
    """The verbs; an empty argument is refused for all of them, since it would be taken for the current folder."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, after a look for what is empty."""
        empty = next((each for each in args if not each or EMPTY_OPTION.fullmatch(each)), None)
        if empty is not None:
            raise typer.BadParameter(f"an argument is empty: {empty or repr('')}; is a shell variable not set?")
        return super().parse_args(ctx, args)


class Command(typer.core.TyperCommand):
    """One verb; paths with a name that is too long are refused."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, then look at all paths."""
        rest = super().parse_args(ctx, args)
        for value in ctx.params.values():
            for each in value if isinstance(value, list | tuple) else [value]:
                if isinstance(each, Path):
                    _check(each)
        return rest


def _check(path: Path) -> None:
    try:
        path.lstat()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise typer.BadParameter(f"the name is too long: {str(path)[:60]!r}...") from error
    except ValueError as error:
        raise typer.BadParameter(f"{str(path)!r} is not a path ({error})") from error
