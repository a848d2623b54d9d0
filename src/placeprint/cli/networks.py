"""Options of the commands that run networks: where they run, ``--device``, and what runs them, ``--runtime``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

Device = Annotated[str, typer.Option(help="Where networks run: auto (a GPU if there is one), cpu, cuda, mps.")]
Runtime = Annotated[
    str,
    typer.Option(
        help="What runs networks on a CPU: torch, onnx, openvino, fast (the quickest that is installed), auto (fast "
        "for 200 photos or more, else torch)."
    ),
]


def on_networks(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command with the options ``--device`` and ``--runtime``, which it obeys."""

    @functools.wraps(command)
    def call(*args: Any, device: str, runtime: str, **options: Any) -> Any:
        from placeprint.networks.devices import choose_device
        from placeprint.networks.runtimes import choose_runtime

        if device != "auto":  # otherwise the environment may say
            choose_device(device)
        if runtime != "auto":
            choose_runtime(runtime)
        return command(*args, **options)

    signature = inspect.signature(command, eval_str=True)
    own = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default="auto", annotation=annotation)
        for name, annotation in (("device", Device), ("runtime", Runtime))
    ]
    parameters = [*signature.parameters.values(), *own]
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # what Typer reads
    call.__annotations__ = {each.name: each.annotation for each in parameters}
    return call
