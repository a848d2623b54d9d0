"""Turn the components of a describer into one Torch module, which `exporting` writes as ONNX.

Component by component, what has a graph stands in the tables `EXTRACTORS`, `AGGREGATORS` and `WHITENERS`, with what
makes its module (`onnx.picture_graph`, `onnx.aggregators`) from its parameters and what it has learned: to
export another, write its module and add a line. Torch is imported when a module is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from placeprint.aggregation.bow import BoW
from placeprint.aggregation.cgd import CGD
from placeprint.aggregation.fisher import Fisher
from placeprint.aggregation.netvlad import NetVLAD
from placeprint.aggregation.netvlad_layer import NetVLADLayer
from placeprint.aggregation.pooling import MAC, RMAC, CroW, GeM, SPoC, WeightedGeM
from placeprint.aggregation.vlad import VLAD
from placeprint.aggregation.whitening import PCAWhitening, SupervisedWhitening
from placeprint.core.registry import state_of
from placeprint.describing.describer import Describer
from placeprint.errors import OptionError
from placeprint.features.grid import Grid
from placeprint.features.published import Published
from placeprint.features.resizing import InputRule
from placeprint.features.xfeat import STRIDE, XFeat

if TYPE_CHECKING:
    import torch
    from torch import nn

    from placeprint.onnx.picture_graph import DescriptorGraph

LARGEST_FILE = 2_000_000_000
"""Bytes that one file of ONNX's format may have, nearly."""


def descriptor_graph(describer: Describer) -> tuple[DescriptorGraph, Mapping[str, InputRule]]:
    """Return the Torch module of a describer, and its inputs by name.

    Raises:
        OptionError: a component, or one of its parameters, cannot be exported.
        NotFittedError: a component has not been fitted.
    """
    from placeprint.onnx.picture_graph import DescriptorGraph

    used = sorted({branch.source for branch in describer.branches})  # the others are only for verification
    check_exportable(describer)
    resizings = {source: _resizing(describer.extractors[source]) for source in used}
    different = list(dict.fromkeys(resizings.values()))
    extractors = [
        (different.index(resizings[source]), _build(EXTRACTORS, describer.extractors[source], "extractor"))
        for source in used
    ]
    branches = []
    for branch in describer.branches:
        made = _build(AGGREGATORS, branch.aggregator, "aggregator")
        branches.append((used.index(branch.source), made, branch.weight))
    whitening = None if describer.whitener is None else _build(WHITENERS, describer.whitener, "whitener")
    names = ["picture"] if len(different) == 1 else [_input_name(each) for each in different]
    graph = DescriptorGraph(extractors, branches, whitening).eval().requires_grad_(False)
    return graph, dict(zip(names, different, strict=True))


def check_exportable(describer: Describer) -> None:
    """Check that every component of a describer has a graph, before a network is loaded or anything is traced.

    Raises:
        OptionError: a component, or one of its parameters, cannot be exported.
        NotFittedError: a component has not been fitted.
    """
    for branch in describer.branches:
        extractor, aggregator = describer.extractors[branch.source], branch.aggregator
        _check(EXTRACTORS, extractor, "extractor")
        _check(AGGREGATORS, aggregator, "aggregator")
        if isinstance(extractor, (Grid, XFeat)) and tuple(extractor.scales) != (1.0,):
            raise OptionError(f"an extractor can be exported with one scale, 1, got scales {list(extractor.scales)}")
        if isinstance(extractor, Published):
            _check_published(extractor)
        if isinstance(extractor, XFeat) and extractor.semi_dense:
            raise OptionError("XFeat can be exported with keypoints only, got semi_dense = true")
        if isinstance(aggregator, SPoC) and aggregator.center_prior:
            raise OptionError(
                "SPoC can be exported without center_prior only: it depends on the size of the photo itself"
            )
        if isinstance(aggregator, RMAC) and not isinstance(extractor, Grid):
            raise OptionError("RMAC can be exported over a grid only: squares of a map need a map")
    if describer.whitener is not None:
        _check(WHITENERS, describer.whitener, "whitener")
    for branch in describer.branches:
        state_of(branch.aggregator)  # names what has not been learned


def _check_published(extractor: Published) -> None:
    if extractor.num_bytes > LARGEST_FILE:
        raise OptionError(
            f"{extractor.network} has {extractor.num_bytes / 1e6:,.0f} MB of weights, and an ONNX file holds "
            f"{LARGEST_FILE / 1e6:,.0f} MB"
        )
    if extractor.fixed_size and extractor.input_rule().stretch == (0, 0):
        raise OptionError(
            f"{extractor.network} can be exported for one size of pictures only: set stretch = [width, height]"
        )


def _check(table: Mapping[type[Any], Callable[[Any], Any]], component: object, kind: str) -> None:
    if type(component) not in table:
        known = ", ".join(sorted(each.__name__ for each in table))
        raise OptionError(f"the {kind} {type(component).__name__} cannot be exported to ONNX; those that can: {known}")


def _build(table: Mapping[type[Any], Callable[[Any], Any]], component: object, kind: str) -> Any:
    _check(table, component, kind)
    return table[type(component)](component)


def _input_name(rule: InputRule) -> str:
    """Return the name of an input, if there are several."""
    width, height = rule.stretch
    return f"picture_{width}x{height}" if width else f"picture_{rule.longest}_{rule.multiple}"


def _resizing(extractor: object) -> InputRule:
    if isinstance(extractor, XFeat):
        return InputRule(extractor.size, STRIDE)
    assert isinstance(extractor, (Grid, Published))  # `check_exportable` checked it
    return extractor.input_rule()


def _grid(extractor: Grid) -> nn.Module:
    from placeprint.networks.backbones import load_backbone
    from placeprint.onnx.picture_graph import GridPlaces, MapOf

    backbone = load_backbone(extractor.backbone, extractor.stride)
    return GridPlaces(
        MapOf(backbone),
        stride=backbone.stride,
        center=backbone.center,
        min_contrast=extractor.min_contrast,
        max_keypoints=extractor.max_keypoints,
    )


def _xfeat(extractor: XFeat) -> nn.Module:
    from placeprint.networks.xfeat import load_xfeat
    from placeprint.onnx.picture_graph import XFeatPlaces

    return XFeatPlaces(load_xfeat(), max_keypoints=extractor.max_keypoints, threshold=extractor.detection_threshold)


def _published(extractor: Published) -> nn.Module:
    from placeprint.networks.published.running import load_published
    from placeprint.onnx.whole_photo import WholePhoto

    network, size = load_published(extractor.network), extractor.input_rule().stretch
    return WholePhoto(network, min_contrast=extractor.min_contrast, size=size)


def _graph(name: str) -> Callable[[Any], nn.Module]:
    """Return what makes the module of an aggregator, by the name of its class in `onnx.aggregators`."""

    def build(aggregator: Any) -> nn.Module:
        from placeprint.onnx import aggregators

        made: nn.Module = getattr(aggregators, name)(aggregator)
        return made

    return build


def _whitening(whitener: PCAWhitening | SupervisedWhitening) -> tuple[torch.Tensor, torch.Tensor]:
    from placeprint.onnx.aggregators import tensor_of

    return tensor_of(whitener.mean_), tensor_of(whitener.projection_)


EXTRACTORS: Mapping[type[Any], Callable[[Any], nn.Module]] = {
    Grid: _grid,
    Published: _published,
    XFeat: _xfeat,
}
AGGREGATORS: Mapping[type[Any], Callable[[Any], nn.Module]] = {
    BoW: _graph("BoWGraph"),
    CGD: _graph("CGDGraph"),
    CroW: _graph("PoolingGraph"),
    Fisher: _graph("FisherGraph"),
    GeM: _graph("PoolingGraph"),
    MAC: _graph("PoolingGraph"),
    NetVLAD: _graph("NetVLADGraph"),
    NetVLADLayer: _graph("NetVLADGraph"),
    RMAC: _graph("RMACGraph"),
    SPoC: _graph("PoolingGraph"),
    VLAD: _graph("VLADGraph"),
    WeightedGeM: _graph("PoolingGraph"),
}
WHITENERS: Mapping[type[Any], Callable[[Any], tuple[torch.Tensor, torch.Tensor]]] = {
    PCAWhitening: _whitening,
    SupervisedWhitening: _whitening,
}
