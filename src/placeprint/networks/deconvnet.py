"""Trace what a unit of a network responds to back to pixels (Zeiler and Fergus, ECCV 2014).

*Visualizing and Understanding Convolutional Networks*, section 2.1: keep one activation of a layer, set all others to
zero, and undo the layers below it one by one:

- unpool: place the signal where max pooling found each maximum (its *switch*);
- rectify: ``R <- max(R, 0)`` wherever the network has a ReLU;
- filter: convolve with the transposed filters.

This is one backward pass. The gradient of a convolution is the transposed convolution with the same weights, with any
stride, groups and padding; that of max pooling is unpooling by the switches; a sum sends the signal to both branches,
whose results are added where they split. The rules differ only at a ReLU (Springenberg et al., *Striving for
Simplicity*, ICLR workshop 2015, section 3.4). With S the signal from above and x the input of the ReLU:

- gradient: ``S [x > 0]``;
- ``deconvnet``: ``max(S, 0)``, whatever x was;
- ``guided``: ``max(S, 0) [x > 0]``, Springenberg's.

Without max pooling, as in EfficientNet, a deconvnet has no switches and does not depend on the picture: except at the
border, it traces a unit back to the same pattern in every photo, times the activation. Use ``guided`` for those
networks.

A Torch mode that sees the calls gives every ReLU and ReLU6 its rule, and Torch does the rest: whatever it can
differentiate can be traced, no module is replaced, and other threads can use the network meanwhile if it is in eval
mode.

Additions to the paper:

- Biases are not undone (nor in the authors' code). Batch normalization passes the signal on times
  ``gamma / sqrt(variance + epsilon)``, average pooling spreads it evenly. Other activations (GELU, SiLU) and layer
  normalization pass it on times their derivative, without rectification, so there it is a gradient.
- Where max pools overlap and share a maximum, the signals add up; the authors' unpooling keeps the last one.
- A saturated ReLU6 (at 6) passes the signal on like a ReLU.
- Layers need not end in a ReLU. An activation that is not positive has no signal.
- The authors limit the length of filters to 0.1 in training; here weights are used unchanged.
"""

from __future__ import annotations

import contextlib
import difflib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.overrides import TorchFunctionMode

from placeprint.core.options import check_name
from placeprint.errors import OptionError, ShapeError
from placeprint.networks.backbones import load_backbone
from placeprint.networks.devices import device
from placeprint.networks.pretrained import (
    EFFICIENTNET_DIMS,
    PREFIX,
    PROBE,
    TRAINED,
    read_efficientnet,
    read_transformer,
)
from placeprint.types import Floats, Ids, Image

RELUS = frozenset({nn.functional.relu, torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_})
"""Rectifying functions; ReLU6 has two, see `_ceiling`."""
IN_PLACE = frozenset({torch.relu_, torch.Tensor.relu_})
RULES = ("deconvnet", "guided")
CLOSE_NAMES = 3
"""Most layer names suggested for an unknown one."""


def load_network(backbone: str) -> nn.Module:
    """Return a backbone as a traceable module, in eval mode, on the GPU if there is one.

    Args:
        backbone: a name as in `networks.backbones`.

    Returns:
        A module that takes ``(B, 3, H, W)`` float32 RGB in [0, 255].

    Raises:
        OptionError: the network is unknown, or transformers is not installed.
        WeightsError: its weights are not installed, or cannot be loaded.
    """
    if backbone in EFFICIENTNET_DIMS:
        return read_efficientnet(backbone).requires_grad_(False).to(device())
    if backbone.endswith(TRAINED):
        from placeprint.networks.stages import read_stages

        return read_stages(Path(backbone)).requires_grad_(False).to(device())
    if not (backbone.startswith(PREFIX) or Path(backbone).is_dir()):
        load_backbone(backbone)  # raises, and lists the known ones
    network, settings = read_transformer(backbone.removeprefix(PREFIX))
    mean, deviation = (
        torch.tensor(settings[key], device=device())[:, None, None] * 255 for key in ("image_mean", "image_std")
    )
    module: nn.Module = network.eval().requires_grad_(False).to(device())
    module.register_forward_pre_hook(lambda _, pictures: ((pictures[0] - mean) / deviation,))
    return module


def layers_of(network: nn.Module, size: tuple[int, int] = (PROBE, PROBE)) -> dict[str, nn.Module]:
    """Return the traceable layers by name: those that make a map of a picture, in the network's order.

    Args:
        network: a module that takes ``(B, 3, H, W)`` RGB in [0, 255].
        size: ``(width, height)`` of the test picture in pixels.

    Example:
        >>> list(layers_of(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())))
        ['0', '1']
    """
    modules = dict(network.named_modules())
    return {name: modules[name] for name in map_shapes(network, size)}


def map_shapes(network: nn.Module, size: tuple[int, int] = (PROBE, PROBE)) -> dict[str, tuple[int, int, int]]:
    """Return ``(units, height, width)`` of the map of each layer of `layers_of`."""
    shapes: dict[nn.Module, tuple[int, int, int]] = {}

    def note(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and output.ndim in {2, 4}:
            _, units, height, width = _as_map(output).shape
            shapes.setdefault(module, (units, height, width))

    named = {name: module for name, module in network.named_modules() if name and not isinstance(module, nn.Identity)}
    with contextlib.ExitStack() as hooks, _as_it_is_used(network), torch.no_grad():
        for module in named.values():
            hooks.callback(module.register_forward_hook(note).remove)
        network(torch.zeros(1, 3, size[1], size[0], device=_place(network)))
    return {name: shapes[module] for name, module in named.items() if module in shapes}


def activations(network: nn.Module, pictures: NDArray[np.uint8], layer: str) -> Floats:
    """Return the maps of a layer; nothing above it is computed.

    Args:
        network: a module that takes ``(B, 3, H, W)`` RGB in [0, 255].
        pictures: ``(B, H, W, 3)`` uint8 RGB.
        layer: a name from `layers_of`; a module used more than once counts at its first use.

    Returns:
        ``(B, units, h, w)`` float32; ``h`` and ``w`` are 1 for a layer with one value per unit.

    Raises:
        OptionError: the layer is unknown, or makes no map.
        ShapeError: the pictures have another shape.
    """
    with _as_it_is_used(network), torch.no_grad():
        return np.asarray(_map(network, _pixels(network, pictures), layer).cpu().numpy(), np.float32)


def peaks(maps: Floats) -> tuple[Floats, Ids]:
    """Return each unit's highest activation, ``(B, units)``, and its position.

    Args:
        maps: ``(B, units, h, w)``.

    Returns:
        The values, and ``(B, units, 2)`` int64 ``(x, y)`` in cells of the map; if several are equal, the first in
        reading order.
    """
    flat = maps.reshape(*maps.shape[:2], -1)
    best = flat.argmax(axis=2)
    row, column = np.divmod(best, maps.shape[3])
    values = np.take_along_axis(flat, best[..., None], axis=2)[..., 0]
    return values, np.stack([column, row], axis=2).astype(np.int64)


def reconstruct(
    network: nn.Module,
    picture: Image,
    layer: str,
    unit: int,
    position: tuple[int, int] | None = None,
    *,
    whole: bool = False,
    rule: str = "deconvnet",
) -> tuple[Floats, tuple[int, int]]:
    """Trace one activation back to the pixels of a picture.

    Args:
        network: a module that takes ``(B, 3, H, W)`` RGB in [0, 255]; it is not changed.
        picture: ``(H, W, 3)`` uint8 RGB.
        layer: a name from `layers_of`.
        unit: the number of a map of the layer, from 0.
        position: ``(x, y)`` in cells of the map; by default where the unit's activation is highest.
        whole: whether to trace the unit's whole map instead of one position.
        rule: ``"deconvnet"`` or ``"guided"``, see the module.

    Returns:
        The signal, ``(3, H, W)`` float32, red, green, blue: zero where a pixel does not contribute to the activation,
        above zero where light raises it. All zero if the activation is not positive. And the position, ``(x, y)``.

    Raises:
        OptionError: the layer, unit, position or rule is unknown.
        ShapeError: the picture has another shape.
    """
    check_name("rule", rule, RULES)
    with torch.inference_mode(False), torch.enable_grad(), _as_it_is_used(network):
        pixels = _pixels(network, picture[None]).requires_grad_(True)
        with _Rectifying(rule):
            found = _map(network, pixels, layer)
        _, units, height, width = found.shape
        if not 0 <= unit < units:
            raise OptionError(f"the units of {layer!r} are 0 to {units - 1}, got {unit}")
        if position is None:
            row, column = divmod(int(found[0, unit].argmax()), width)
            position = column, row
        if not (0 <= position[0] < width and 0 <= position[1] < height):
            raise OptionError(f"the map of {layer!r} is {width} x {height}, got the position {position}")
        chosen = (0, unit) if whole else (0, unit, position[1], position[0])
        kept = torch.zeros_like(found)
        kept[chosen] = found.detach()[chosen].clamp(min=0)
        (signal,) = torch.autograd.grad(found, pixels, kept)
        return np.asarray(signal[0].cpu().numpy(), np.float32), position


class _Rectify(torch.autograd.Function):
    """A ReLU in the forward pass, and its rule in the backward pass."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, ceiling: float, guided: bool) -> torch.Tensor:
        ctx.answered = values > 0 if guided else None
        return values.clamp(0, ceiling)

    @staticmethod
    def backward(ctx: Any, signal: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        rectified = signal.clamp(min=0)
        return (rectified if ctx.answered is None else rectified * ctx.answered), None, None


class _Rectifying(TorchFunctionMode):
    """While active, each ReLU of this thread is a `_Rectify`."""

    def __init__(self, rule: str) -> None:
        super().__init__()
        self.guided = rule == "guided"

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        options = kwargs or {}
        ceiling = _ceiling(function, options)
        if ceiling is None:
            return function(*args, **options)
        values = args[0] if args else options["input"]
        rectified = _Rectify.apply(values, ceiling, self.guided)  # type: ignore[no-untyped-call]  # Torch has no type
        return values.copy_(rectified) if function in IN_PLACE or options.get("inplace") else rectified


def _ceiling(function: Callable[..., Any], options: dict[str, Any]) -> float | None:
    """Return the largest output of a rectifying function, or None for other functions."""
    if function in RELUS:
        return math.inf
    if function is nn.functional.relu6:
        return 6.0
    if function is nn.functional.hardtanh and options.get("min_val") == 0:  # called by the module ReLU6
        return float(options["max_val"])
    return None


class _ReachedError(Exception):
    """The layer was reached; stop computing."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


def _map(network: nn.Module, pixels: torch.Tensor, layer: str) -> torch.Tensor:
    """Return the ``(B, units, h, w)`` map of a layer."""

    def stop(_: nn.Module, __: Any, output: Any) -> None:
        raise _ReachedError(output)

    module = dict(network.named_modules()).get(layer) if layer else None
    if module is not None:
        hook = module.register_forward_hook(stop)
        try:
            network(pixels)
        except _ReachedError as reached:
            if isinstance(reached.output, torch.Tensor) and reached.output.ndim in {2, 4}:
                return _as_map(reached.output)
        finally:
            hook.remove()
    raise OptionError(_unknown(layer, list(map_shapes(network, (pixels.shape[3], pixels.shape[2])))))


def _unknown(layer: str, names: list[str]) -> str:
    """List the layers: the outermost ones, and those with a name like the wrong one."""
    known = [name for name in names if not any(name.startswith(f"{other}.") for other in names)]
    close = [name for name in difflib.get_close_matches(layer, names, CLOSE_NAMES) if name not in known]
    parts = ", and their parts" if len(known) < len(names) else ""
    hint = f" (like {', '.join(close)})" if close else ""
    return f"no layer called {layer!r} makes a map; known: {', '.join(known)}{parts}{hint}"


def _as_map(output: torch.Tensor) -> torch.Tensor:
    return output if output.ndim == 4 else output[..., None, None]


def _pixels(network: nn.Module, pictures: NDArray[np.uint8]) -> torch.Tensor:
    """Return ``(B, 3, H, W)`` float32 on the network's device."""
    if pictures.ndim != 4 or pictures.shape[3] != 3 or pictures.dtype != np.uint8:
        raise ShapeError(f"pictures must have shape (B, H, W, 3) and be uint8, got {pictures.shape} {pictures.dtype}")
    return torch.from_numpy(np.ascontiguousarray(pictures)).to(_place(network)).permute(0, 3, 1, 2).float()


def _place(network: nn.Module) -> torch.device:
    return next((parameter.device for parameter in network.parameters()), torch.device("cpu"))


@contextlib.contextmanager
def _as_it_is_used(network: nn.Module) -> Iterator[None]:
    """Put a network in eval mode for a while."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
