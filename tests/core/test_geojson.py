"""GeoJSON by hand: longitude first, and features without a place."""

from __future__ import annotations

import json

from placeprint.core.geojson import feature, geojson_text


def test_points_have_the_longitude_first() -> None:
    text = geojson_text([feature((-33.85, 151.2123456789), {"photo": "a.jpg"}, decimals=7), feature(None, {})])
    first, second = json.loads(text)["features"]
    assert first["geometry"] == {"type": "Point", "coordinates": [151.2123457, -33.85]}
    assert first["properties"] == {"photo": "a.jpg"}
    assert second["geometry"] is None
