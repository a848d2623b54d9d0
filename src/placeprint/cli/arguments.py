"""Refuse empty arguments and impossible paths, and recognize addresses, for every command."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any

import typer
import typer.core

from placeprint.core.addresses import as_path

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
    """One command; it refuses paths whose name is too long, and keeps addresses as they were given."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, then check all paths."""
        rest = super().parse_args(ctx, args)
        for name, value in ctx.params.items():
            several = isinstance(value, list | tuple)
            ctx.params[name] = type(value)(map(_checked, value)) if several else _checked(value)
        return rest


def _checked(value: Any) -> Any:
    """Return a path or an address; any other value as it is."""
    if not isinstance(value, Path):
        return value
    path = as_path(str(value))  # a path of an address has lost a slash
    try:
        path.lstat()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise typer.BadParameter(f"the name is too long: {str(path)[:60]!r}...") from error
    except ValueError as error:
        raise typer.BadParameter(f"{str(path)!r} is not a path ({error})") from error
    return path
