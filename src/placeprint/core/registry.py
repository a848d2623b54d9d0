"""Map the name of every component to its module, and save and restore any component.

A component is a dataclass: its fields are its parameters, and the fields it learns end in ``_``. So all components are
saved the same way: `params_of` gives what goes into TOML, `state_of` what goes into an ``.npz``, and `create` and
`restore` bring it back. Nothing is imported until a component is needed.

Another package can add components through an entry point of group ``placeprint.<kind>``, value ``"module:Class"``.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.metadata
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import check_name
from placeprint.core.packages import require_networks
from placeprint.core.table_reading import check_values
from placeprint.errors import NotFittedError, OptionError

State = dict[str, NDArray[Any]]

COMPONENTS: dict[str, dict[str, str]] = {
    "extractors": {
        "aliked": "placeprint.features.aliked:ALIKED",
        "delf": "placeprint.features.delf:DELF",
        "dense-sift": "placeprint.features.dense_sift:DenseSIFT",
        "disk": "placeprint.features.disk:DISK",
        "grid": "placeprint.features.grid:Grid",
        "harris": "placeprint.features.harris:Harris",
        "hog": "placeprint.features.hog:HOG",
        "orb": "placeprint.features.orb:ORB",
        "published": "placeprint.features.published:Published",
        "sift": "placeprint.features.sift:SIFT",
        "surf": "placeprint.features.surf:SURF",
        "xfeat": "placeprint.features.xfeat:XFeat",
    },
    "aggregators": {
        "bow": "placeprint.aggregation.bow:BoW",
        "cgd": "placeprint.aggregation.cgd:CGD",
        "crow": "placeprint.aggregation.pooling:CroW",
        "fisher": "placeprint.aggregation.fisher:Fisher",
        "gem": "placeprint.aggregation.pooling:GeM",
        "mac": "placeprint.aggregation.pooling:MAC",
        "netvlad": "placeprint.aggregation.netvlad:NetVLAD",
        "netvlad-layer": "placeprint.aggregation.netvlad_layer:NetVLADLayer",
        "regional-vlad": "placeprint.aggregation.multi_vlad:RegionalVLAD",
        "rmac": "placeprint.aggregation.pooling:RMAC",
        "spoc": "placeprint.aggregation.pooling:SPoC",
        "vlad": "placeprint.aggregation.vlad:VLAD",
        "weighted-gem": "placeprint.aggregation.pooling:WeightedGeM",
    },
    "whiteners": {"pca-whitening": "placeprint.aggregation.whitening:PCAWhitening"},
    "indexes": {
        "flat": "placeprint.index.flat:FlatIndex",
        "ivf": "placeprint.index.inverted:InvertedIndex",
        "pq": "placeprint.index.product:ProductQuantizedIndex",
        "sq": "placeprint.index.scalar:ScalarQuantizedIndex",
    },
    "matchers": {
        "lightglue": "placeprint.verification.lightglue:LightGlue",
        "nearest": "placeprint.verification.nearest:NearestNeighbors",
        "semi-dense": "placeprint.verification.semi_dense:SemiDense",
    },
    "picture-matchers": {"loftr": "placeprint.verification.loftr:LoFTR"},
    "verifiers": {
        "mutual-geometry": "placeprint.verification.geometry:MutualGeometry",
        "two-view": "placeprint.verification.two_view:TwoView",
    },
    "voters": {
        "asmk": "placeprint.index.asmk:ASMK",
        "votes": "placeprint.index.votes:Votes",
    },
}

NETWORKED = frozenset(
    {
        ("extractors", "aliked"),
        ("extractors", "delf"),
        ("extractors", "disk"),
        ("extractors", "grid"),
        ("extractors", "published"),
        ("extractors", "xfeat"),
        ("matchers", "lightglue"),
        ("matchers", "semi-dense"),
    }
)
"""Components that run a network of Torch."""
WHOLE_PHOTO = frozenset({"published"})
"""Extractors whose one feature stands for the whole photo: there is nothing to match."""


def names(kind: str) -> list[str]:
    """List the components of a kind, including those of other packages.

    Args:
        kind: ``"extractors"``, ``"aggregators"``, ``"whiteners"``, ``"indexes"``, ``"matchers"``,
            ``"picture-matchers"``, ``"verifiers"`` or ``"voters"``.

    Example:
        >>> "vlad" in names("aggregators")
        True
    """
    return sorted(_table(kind))


def component_class(kind: str, name: str) -> type[Any]:
    """Import and return the class of a component.

    Raises:
        OptionError: the kind or name is unknown; the message lists the known ones.
    """
    table = _table(kind)
    check_name(_singular(kind), name, sorted(table))
    module, _, attribute = table[name].partition(":")
    found: type[Any] = getattr(importlib.import_module(module), attribute)
    return found


def create(kind: str, name: str, params: Mapping[str, Any] | None = None) -> Any:
    """Make a component from its name and parameters.

    Raises:
        OptionError: the name or a parameter is unknown, or a value has the wrong type or is out of its range.
        PackageError: it runs a network, and Torch is not installed.

    Example:
        >>> create("indexes", "flat", {"bits": 32}).bits
        32
    """
    made = component_class(kind, name)(**checked_params(kind, name, params or {}))
    if (kind, name) in NETWORKED:
        require_networks(f"the {_singular(kind)} {name!r}")
    return made


def checked_params(kind: str, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Check the parameters of a component and return them converted, without making it.

    Raises:
        OptionError: the name or a parameter is unknown, or a value has the wrong type or is out of its range.
    """
    return check_values(component_class(kind, name), params, what=repr(name))


def params_of(component: Any) -> dict[str, Any]:
    """Return the parameters of a component for TOML (parameters that are None are omitted)."""
    values = {field.name: getattr(component, field.name) for field in _parameters(type(component))}
    return {name: value for name, value in values.items() if value is not None}


def state_of(component: Any) -> State:
    """Return the learned fields of a component by name.

    Raises:
        NotFittedError: the component has not been fitted.
    """
    state = {field.name: getattr(component, field.name) for field in _learned(type(component))}
    missing = [name for name, value in state.items() if value is None]
    if missing:
        raise NotFittedError(f"{type(component).__name__} has not learned {', '.join(missing)}; call fit first")
    return state


def restore(component: Any, state: Mapping[str, NDArray[Any]]) -> Any:
    """Set the learned fields of a component from a saved state, and return it.

    Raises:
        OptionError: the state has other fields than the component learns.
    """
    wanted = {field.name for field in _learned(type(component))}
    if wanted != set(state):
        raise OptionError(
            f"{type(component).__name__} learns {sorted(wanted)}, the saved state has {sorted(state)}; "
            "it was saved by another component or version"
        )
    for name, value in state.items():
        setattr(component, name, np.asarray(value))
    return component


def _table(kind: str) -> dict[str, str]:
    check_name("kind of component", kind, sorted(COMPONENTS))
    return _of_other_packages(f"placeprint.{kind}", importlib.metadata.entry_points) | COMPONENTS[kind]


@functools.cache
def _of_other_packages(group: str, entry_points: Callable[..., Any]) -> dict[str, str]:
    """Return the components that installed packages add; finding them reads a file of every package."""
    return {entry.name: entry.value for entry in entry_points(group=group)}


def _singular(kind: str) -> str:
    return {"indexes": "index"}.get(kind, kind.removesuffix("s"))


def _parameters(cls: type[Any]) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(cls) if field.init]


def _learned(cls: type[Any]) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(cls) if field.name.endswith("_") and not field.init]
