"""The command line as Markdown, for the documentation."""

from __future__ import annotations

from typing import Any


def command_reference() -> str:
    """Return Markdown with every verb, its arguments and options."""
    import typer.main

    from placeprint.cli import app

    group: Any = typer.main.get_command(app)
    lines = [
        "# Command line",
        "",
        "Made by `scripts/write_cli_docs.py` from the command line's own help; a test compares the two.",
        "Exit status: 0 done, 1 an error told in one line, 2 wrong usage, 130 interrupted.",
    ]
    for name, command in _commands(group, "placeprint"):
        lines += ["", f"## {name}", "", command.help, ""]
        lines += [_parameter(parameter) for parameter in command.params]
    return "\n".join(lines) + "\n"


def _commands(group: Any, path: str) -> list[tuple[str, Any]]:
    """Return every command of a group and of the groups in it, by its whole name."""
    found = []
    for name, command in group.commands.items():
        whole = f"{path} {name}"
        if getattr(command, "invoke_without_command", False):
            found.append((whole, command))
        found += _commands(command, whole) if hasattr(command, "commands") else [(whole, command)]
    return found


def _parameter(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"- `{parameter.name.upper()}{'...' if parameter.nargs == -1 else ''}`: {parameter.help}"
    flags = ", ".join(f"`{flag}`" for flag in [*parameter.opts, *parameter.secondary_opts])
    shown = parameter.show_default and parameter.default not in {None, False}
    return f"- {flags}: {parameter.help}{f' Default: {parameter.default}.' if shown else ''}"
