"""Refuse empty arguments and impossible paths, for every command."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any

import typer
import typer.core

EMPTY_OPTION = re.compile("--[a-z-]+=")


class Group(typer.core.TyperGroup):
    """The group of commands; it refuses empty arguments, which would mean the current folder."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Check for empty arguments, then parse."""
        empty = next((each for each in args if not each or EMPTY_OPTION.fullmatch(each)), None)
        if empty is not None:
            raise typer.BadParameter(f"an argument is empty: {empty or repr('')}; is a shell variable not set?")
        return super().parse_args(ctx, args)


class Command(typer.core.TyperCommand):
    """One command; it refuses paths whose name is too long."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, then check all paths."""
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
