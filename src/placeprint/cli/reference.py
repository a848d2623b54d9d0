"""Write the command line and the protocols as Markdown, for the documentation."""

from __future__ import annotations

from typing import Any


def command_reference() -> str:
    """Return Markdown with every command, its arguments and options."""
    import typer.main

    from placeprint.cli import app

    group: Any = typer.main.get_command(app)
    lines = [
        "# Command line",
        "",
        "This page is for users of the command line. `scripts/write_cli_docs.py` makes it from the help texts, and a",
        "test compares the two.",
        "",
        "Exit status: 0 done, 1 an error (one line) or something you named cannot be used, 2 wrong usage,",
        "70 a bug in placeprint (`PLACEPRINT_DEBUG=1` shows the traceback), 130 interrupted.",
    ]
    for name, command in _commands(group, "placeprint"):
        lines += ["", f"## {name}", "", command.help, ""]
        lines += [_parameter(parameter) for parameter in command.params]
    return "\n".join(lines) + "\n"


def _commands(group: Any, path: str) -> list[tuple[str, Any]]:
    """Return every command of a group and its subgroups, with its full name."""
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


def protocol_reference() -> str:
    """Return Markdown with every protocol: counts, rule, metrics, the files expected, source and where to get them."""
    from placeprint.datasets.protocols import load_protocol, protocol_names

    protocols = [load_protocol(name) for name in protocol_names()]
    lines = ["| protocol | what it is | queries | database | right, excluded | metrics |", "|---|---|---|---|---|---|"]
    for each in protocols:
        counts = " | ".join("open" if count is None else f"{count:,}" for count in (each.queries, each.database))
        metrics = ", ".join(each.metrics)
        lines.append(f"| `{each.full_name}` | {each.title} | {counts} | {each.rule} | {metrics} |")
    lines += ["", "| protocol | files in the folder | source | where to get them |", "|---|---|---|---|"]
    lines += [f"| `{each.name}` | {each.layout} | {each.source} | {each.where or 'your own'} |" for each in protocols]
    return "\n".join(lines) + "\n"
