"""Points as GeoJSON (RFC 7946): longitude first, degrees of WGS 84."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

Feature = dict[str, Any]


def feature(at: tuple[float, float] | None, properties: Mapping[str, Any], decimals: int | None = None) -> Feature:
    """Return a point with properties.

    Args:
        at: latitude and longitude in degrees; None for a feature without a geometry.
        properties: what JSON can hold.
        decimals: of the coordinates; None to keep all of them.
    """
    geometry = None
    if at is not None:
        degrees = [each if decimals is None else round(each, decimals) for each in at[::-1]]
        geometry = {"type": "Point", "coordinates": degrees}
    return {"type": "Feature", "geometry": geometry, "properties": dict(properties)}


def collection(features: Iterable[Feature]) -> dict[str, Any]:
    """Return features as one object."""
    return {"type": "FeatureCollection", "features": list(features)}


def geojson_text(features: Iterable[Feature]) -> str:
    """Return the text of a file of features."""
    return json.dumps(collection(features), indent=1) + "\n"
